//! The requests that are made for one resource: paced, and their answers noted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use http_body_util::BodyExt as _;
use kube::Client;
use tower::limit::RateLimitLayer;
use tower::{Layer as _, ServiceExt as _};

use super::health::Watches;
use super::resource::Resource;

/// Requests for one resource, lists (of 500 objects) and watches, in a second: one whose watches are ended as soon as they
/// begin would be asked for again without any pause.
const REQUESTS_A_SECOND: u64 = 20;
/// A server that asks for more is asked again all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Makes the requests for one resource.
pub(super) struct Requests {
    client: Client,
    resource: Resource,
    watches: Arc<Watches>,
    /// Seconds that the last refusal asked to wait for; 0 for none.
    retry_after: Arc<AtomicU64>,
}

impl Requests {
    pub(super) fn new(client: Client, resource: Resource, watches: Arc<Watches>) -> Self {
        Self {
            client,
            resource,
            watches,
            retry_after: Arc::default(),
        }
    }

    /// How long the API server asked to wait since this was last asked.
    pub(super) fn take_retry_after(&self) -> Duration {
        Duration::from_secs(self.retry_after.swap(0, Ordering::Relaxed))
    }

    /// The client, with every sign of life noted: a watch of something that does not change gives no event for hours, only
    /// bookmarks, and none at all when it comes back after an error.
    pub(super) fn client(&self) -> Client {
        let client = self.client.clone();
        let service = tower::service_fn(move |request| {
            let client = client.clone();
            async move { client.send(request).await }
        });
        let (resource, watches) = (self.resource, self.watches.clone());
        let asked_for = self.retry_after.clone();
        let service = service.map_response(move |response| {
            if response.status().is_success() {
                watches.heard(resource);
            }
            let pause = retry_after(response.status(), response.headers());
            asked_for.store(pause.as_secs(), Ordering::Relaxed);
            let watches = watches.clone();
            response.map(|body| {
                body.map_frame(move |frame| {
                    watches.heard(resource);
                    frame
                })
            })
        });
        let service = RateLimitLayer::new(REQUESTS_A_SECOND, Duration::from_secs(1)).layer(service);
        // No namespace is the default: all are asked for.
        Client::new(service, "")
    }
}

/// How long a refusal asks to wait (RFC 9110, 10.2.3; an API server writes seconds). The header is looked at, since what
/// refuses on overload writes no Status.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Duration {
    let refused = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let seconds = headers
        .get(RETRY_AFTER)
        .filter(|_| refused.contains(&status));
    let seconds = seconds.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_may_ask_for_time_and_for_a_bounded_one() {
        let asked = |status: StatusCode, value: &str| {
            let headers = [(RETRY_AFTER, value.parse().unwrap())];
            retry_after(status, &HeaderMap::from_iter(headers)).as_secs()
        };
        assert_eq!(asked(StatusCode::TOO_MANY_REQUESTS, "7"), 7);
        assert_eq!(asked(StatusCode::SERVICE_UNAVAILABLE, " 7"), 7);
        assert_eq!(asked(StatusCode::OK, "7"), 0);
        assert_eq!(asked(StatusCode::TOO_MANY_REQUESTS, "99999"), 300);
        assert_eq!(asked(StatusCode::TOO_MANY_REQUESTS, "soon"), 0);
        let none = retry_after(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new());
        assert_eq!(none, Duration::ZERO);
    }
}
