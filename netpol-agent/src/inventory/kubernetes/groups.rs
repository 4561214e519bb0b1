//! Which groups of resources the API server has beside its own: asked once for all that come with a CRD, since every agent
//! of a cluster asks again and again.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroupList;
use kube::Client;
use kube::runtime::watcher::DefaultBackoff;
use tokio::sync::watch;
use tokio::time::sleep;

use super::resource::Resource;
use super::trouble;

/// How often the API server is asked for what it did not have.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(30);

/// What is known of the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// Not asked yet.
    Unasked,
    /// These are there, each with its version.
    There(BTreeSet<String>),
    /// The API server does not tell: any may be there.
    Untold,
    /// It cannot be asked, for this reason.
    Failing(String),
}

impl Groups {
    /// Whether it is worth asking for a resource; `None` where that is not known yet.
    pub(super) fn has(&self, resource: Resource) -> Option<bool> {
        match self {
            Self::Unasked | Self::Failing(_) => None,
            Self::There(groups) => Some(groups.contains(&resource.api_version())),
            Self::Untold => Some(true),
        }
    }
}

impl From<APIGroupList> for Groups {
    fn from(list: APIGroupList) -> Self {
        let groups = list.groups.into_iter();
        let versions = groups.flat_map(|group| group.versions);
        Self::There(versions.map(|one| one.group_version).collect())
    }
}

/// Asks for the groups for as long as somebody wants to know.
pub(super) async fn follow(client: Client, groups: watch::Sender<Groups>) {
    let mut backoff = DefaultBackoff::default();
    while !groups.is_closed() {
        let answer = match client.list_api_groups().await {
            Ok(list) => Groups::from(list),
            // Not everybody may ask.
            Err(kube::Error::Api(status)) if [403, 404].contains(&status.code) => Groups::Untold,
            Err(error) => Groups::Failing(trouble::in_words(&error)),
        };
        let pause = if let Groups::Failing(_) = answer {
            backoff.next().unwrap_or(ASK_AGAIN)
        } else {
            backoff = DefaultBackoff::default();
            ASK_AGAIN
        };
        groups.send_if_modified(|known| {
            let is_news = *known != answer;
            *known = answer;
            is_news
        });
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_asked_for_where_its_group_has_its_version() {
        let list = serde_json::json!({
            "groups": [{
                "name": "policy.networking.k8s.io",
                "versions": [{
                    "groupVersion": "policy.networking.k8s.io/v1alpha2", "version": "v1alpha2",
                }],
            }],
        });
        let groups = Groups::from(serde_json::from_value::<APIGroupList>(list).unwrap());
        assert_eq!(groups.has(Resource::ClusterNetworkPolicies), Some(true));
        assert_eq!(groups.has(Resource::AdminNetworkPolicies), Some(false));
        assert_eq!(groups.has(Resource::CiliumNetworkPolicies), Some(false));
        let cilium = Resource::CiliumNetworkPolicies;
        assert_eq!(Groups::Untold.has(cilium), Some(true));
        assert_eq!(Groups::Failing("gone".to_owned()).has(cilium), None);
    }
}
