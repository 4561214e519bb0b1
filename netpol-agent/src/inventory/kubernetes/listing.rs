//! How everything that there is of a resource is read.

use k8s_openapi::apimachinery::pkg::version::Info;
use kube::runtime::watcher;

/// The first release that knows how to stream a list. Where it is turned off, it says so; earlier ones take no notice of
/// being asked, and such a list would never end.
const STREAMS_SINCE: (u32, u32) = (1, 27);

/// How everything that there is of a resource is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Object by object, as the beginning of the watch: neither side ever holds the whole list.
    Streamed,
    /// Page by page.
    InPages,
}

impl Listing {
    /// What an API server of this version can be asked for.
    pub(super) fn of(version: &Info) -> Self {
        // Some distributions write `34+`.
        let number = |text: &str| text.trim_end_matches('+').parse::<u32>().ok();
        let version = (number(&version.major), number(&version.minor));
        match version {
            (Some(major), Some(minor)) if (major, minor) >= STREAMS_SINCE => Self::Streamed,
            _ => Self::InPages,
        }
    }

    pub(super) fn config(self) -> watcher::Config {
        let config = watcher::Config::default();
        match self {
            Self::Streamed => config.streaming_lists(),
            Self::InPages => config,
        }
    }

    /// Whether an error says that lists cannot be read in this way.
    pub(super) fn is_refused(self, error: &watcher::Error) -> bool {
        let watcher::Error::WatchStartFailed(kube::Error::Api(status)) = error else {
            return false;
        };
        self == Self::Streamed && [400, 422].contains(&status.code)
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn lists_are_streamed_by_those_who_know_how() {
        for (major, minor, expected) in [
            ("1", "26", Listing::InPages),
            ("1", "27", Listing::Streamed),
            ("1", "34+", Listing::Streamed),
            ("2", "0", Listing::Streamed),
            ("", "", Listing::InPages),
        ] {
            let version = Info {
                major: major.to_owned(),
                minor: minor.to_owned(),
                ..Info::default()
            };
            assert_eq!(Listing::of(&version), expected, "{major}.{minor}");
        }
    }

    #[test]
    fn an_api_server_that_does_not_stream_says_so() {
        let answered = |code| {
            let status = Status {
                code,
                ..Status::default()
            };
            watcher::Error::WatchStartFailed(kube::Error::Api(Box::new(status)))
        };
        assert!(Listing::Streamed.is_refused(&answered(422)));
        assert!(!Listing::Streamed.is_refused(&answered(403)));
        assert!(!Listing::InPages.is_refused(&answered(422)));
    }
}
