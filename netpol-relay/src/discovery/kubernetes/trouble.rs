//! Why a resource cannot be followed, in the words of whoever has to see to it.

use std::error::Error;
use std::iter::successors;

use kube::core::Status;
use kube::runtime::watcher;

/// `None` where a new list puts it right.
pub(super) fn trouble(error: &watcher::Error, resource: &str) -> Option<String> {
    let what = match error {
        watcher::Error::InitialListFailed(error) => of_client(error, "list", resource),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            of_client(error, "watch", resource)
        }
        watcher::Error::WatchError(status) => of_status(status, "watch", resource),
        watcher::Error::NoResourceVersion => {
            Some("the answer holds no resource version".to_owned())
        }
    }?;
    Some(match resource {
        "nodes" => format!("nodes without an agent cannot be named: {what}"),
        _ => format!("agents cannot be found by their {resource}: {what}"),
    })
}

fn of_client(error: &kube::Error, verb: &str, resource: &str) -> Option<String> {
    match error {
        kube::Error::Api(status) => of_status(status, verb, resource),
        error => {
            let deepest = successors(Some(error as &(dyn Error + 'static)), |error| {
                (*error).source()
            });
            let deepest = deepest.last().map_or_else(String::new, ToString::to_string);
            Some(format!("the API server cannot be asked: {deepest}"))
        }
    }
}

fn of_status(status: &Status, verb: &str, resource: &str) -> Option<String> {
    match status.code {
        410 => None,
        401 => Some(
            "the API server does not accept the credentials (401 Unauthorized): the token or certificate is wrong, \
             has expired or was revoked"
                .to_owned(),
        ),
        403 => Some(format!("needs {verb} on {resource} (403 Forbidden)")),
        code => Some(format!("the API server answers {code}: {}", status.message.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16) -> watcher::Error {
        let status = Status {
            code,
            message: "why".to_owned(),
            ..Status::default()
        };
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn trouble_names_what_is_missing_and_what_it_costs() {
        assert_eq!(
            trouble(&answered(403), "nodes").unwrap(),
            "nodes without an agent cannot be named: needs list on nodes (403 Forbidden)"
        );
        assert_eq!(
            trouble(&answered(500), "pods").unwrap(),
            "agents cannot be found by their pods: the API server answers 500: why"
        );
        assert!(
            trouble(&answered(401), "pods")
                .unwrap()
                .contains("credentials")
        );
        assert_eq!(trouble(&answered(410), "pods"), None);
    }
}
