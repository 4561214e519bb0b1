//! What a watch says of a resource, in one form for all of them.

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::{
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking,
};
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use netpol_policy::k8s;

use super::delivered::{Delivered, Kind, Typed};
use super::known::Event;
use super::resource::{Purpose, Resource};

/// A watch that begins with everything there is, and begins again where it has to.
pub(super) type Events = BoxStream<'static, Result<Event, watcher::Error>>;

/// Watches a resource in all namespaces.
pub(super) fn events(client: Client, resource: Resource, config: watcher::Config) -> Events {
    match resource {
        Resource::Namespaces => whole::<core::Namespace>(client, config),
        Resource::Nodes => whole::<core::Node>(client, config),
        Resource::Pods => whole::<core::Pod>(client, config),
        Resource::Services => whole::<core::Service>(client, config),
        Resource::EndpointSlices => whole::<discovery::EndpointSlice>(client, config),
        Resource::NetworkPolicies => whole::<networking::NetworkPolicy>(client, config),
        Resource::AdminNetworkPolicies => whole::<k8s::AdminNetworkPolicy>(client, config),
        Resource::BaselineAdminNetworkPolicies => {
            whole::<k8s::BaselineAdminNetworkPolicy>(client, config)
        }
        Resource::ClusterNetworkPolicies => whole::<k8s::ClusterNetworkPolicy>(client, config),
        others => metadata(client, others, config),
    }
}

fn whole<K: Kind>(client: Client, config: watcher::Config) -> Events {
    let api: Api<Typed<K>> = Api::all(client);
    said(watcher(api, config), |object| object.delivered)
}

fn metadata(client: Client, resource: Resource, config: watcher::Config) -> Events {
    let spelling = ApiResource {
        group: resource.group().to_owned(),
        version: resource.version().to_owned(),
        api_version: resource.api_version(),
        kind: resource.kind().to_owned(),
        plural: resource.plural().to_owned(),
    };
    let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(client, &spelling);
    said(watcher(api, config), move |object| {
        if resource.purpose() == Purpose::Owner {
            Delivered::controller(resource, &object)
        } else {
            Delivered::counted(resource, &object)
        }
    })
}

fn said<T>(
    events: impl Stream<Item = watcher::Result<watcher::Event<T>>> + Send + 'static,
    deliver: impl Fn(T) -> Delivered + Send + 'static,
) -> Events {
    let said = events.map(move |event| {
        Ok(match event? {
            watcher::Event::Init => Event::Listing,
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                Event::There(Box::new(deliver(object)))
            }
            watcher::Event::Delete(object) => Event::Gone(deliver(object).key),
            watcher::Event::InitDone => Event::Listed,
        })
    });
    said.boxed()
}
