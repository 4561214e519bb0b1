//! Why a resource cannot be followed, in the words of whoever has to see to it.

use std::error::Error;
use std::io;
use std::iter::successors;

use kube::core::Status;
use kube::runtime::watcher;

use super::resource::{Purpose, Resource};

/// What an error of a watch comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The API server does not have the resource.
    Absent,
    /// Its history does not reach back to where the watch stood; everything is listed again.
    Behind,
    /// The permission to do so is missing.
    Forbidden(String),
    /// Anything else, in plain words.
    Other(String),
}

impl Trouble {
    pub(super) fn of(error: &watcher::Error, resource: Resource) -> Self {
        match error {
            watcher::Error::InitialListFailed(error) => of_client(error, "list", resource),
            watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
                of_client(error, "watch", resource)
            }
            watcher::Error::WatchError(status) => of_status(status, "watch", resource),
            watcher::Error::NoResourceVersion => Self::Other(
                "the answer holds no resource version: it is not from a Kubernetes API server"
                    .to_owned(),
            ),
        }
    }
}

fn of_client(error: &kube::Error, verb: &str, resource: Resource) -> Trouble {
    match error {
        kube::Error::Api(status) => of_status(status, verb, resource),
        error => Trouble::Other(in_words(error)),
    }
}

fn of_status(status: &Status, verb: &str, resource: Resource) -> Trouble {
    match status.code {
        404 => Trouble::Absent,
        410 => Trouble::Behind,
        403 => {
            let needs = format!("needs {verb} on {} (403 Forbidden)", resource.name());
            Trouble::Forbidden(needs + cost(resource))
        }
        _ => Trouble::Other(of_refusal(status)),
    }
}

/// What is not known without a resource, where that is not plain from its name.
fn cost(resource: Resource) -> &'static str {
    match resource.purpose() {
        Purpose::Inventory => "",
        Purpose::Owner => ": what runs a pod is guessed by the name of its controller",
        Purpose::Count => {
            ": it is not known whether there are such policies, which are not evaluated"
        }
    }
}

/// Why the API server does not answer as it should.
pub(crate) fn in_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => of_refusal(status),
        kube::Error::SerdeError(error) => {
            format!("the answer is not what an API server says: {error}")
        }
        error => of_transport(error),
    }
}

fn of_refusal(status: &Status) -> String {
    match status.code {
        401 => {
            "the API server does not accept the credentials (401 Unauthorized): the token or certificate is wrong, has \
             expired or was revoked"
                .to_owned()
        }
        429 => "the API server asks to come back later (429 Too Many Requests)".to_owned(),
        code => format!("the API server answers {code}: {}", status.message.trim()),
    }
}

/// Whatever happened before there was an answer, or in the middle of it.
fn of_transport(error: &kube::Error) -> String {
    let causes = || {
        successors(Some(error as &(dyn Error + 'static)), |error| {
            (*error).source()
        })
    };
    let deepest = causes()
        .last()
        .map_or_else(String::new, ToString::to_string);
    let kind = causes()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last();
    let chain = || causes().map(ToString::to_string);
    if let Some(at) = chain().find(|text| text.contains("invalid peer certificate")) {
        let reason = at
            .rsplit("invalid peer certificate: ")
            .next()
            .unwrap_or_default()
            .to_owned();
        return format!("the certificate of the API server cannot be trusted: {reason}");
    }
    if chain().any(|text| text.contains("failed to lookup address")) {
        return format!("the name of the API server cannot be resolved: {deepest}");
    }
    match kind.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => {
            "connection refused: nothing listens at the address of the API server".to_owned()
        }
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted) => {
            "the connection to the API server was cut".to_owned()
        }
        Some(io::ErrorKind::TimedOut) => "the API server does not answer in time".to_owned(),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            "there is no route to the API server".to_owned()
        }
        _ => format!("the API server cannot be asked: {deepest}"),
    }
}

#[cfg(test)]
mod tests;
