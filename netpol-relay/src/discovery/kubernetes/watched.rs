//! The objects of one resource, as far as the API server has told of them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::ResourceExt;
use kube::runtime::watcher::{DefaultBackoff, Error, Event};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use super::trouble::trouble;

/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is known of a resource.
#[derive(Debug)]
pub(super) struct Watched<T> {
    /// By name.
    pub(super) objects: BTreeMap<String, T>,
    /// Whether all that there are have been named once.
    pub(super) listed: bool,
    /// Why nothing newer is known.
    pub(super) trouble: Option<String>,
    /// What a list that is being read has named so far.
    listing: BTreeMap<String, T>,
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            listed: false,
            trouble: None,
            listing: BTreeMap::new(),
        }
    }
}

impl<T: PartialEq> Watched<T> {
    /// Takes an event; says whether anything that is used changed.
    fn take<K: ResourceExt>(&mut self, event: Event<K>, facts: impl Fn(&K) -> T) -> bool {
        match event {
            Event::Init => {
                self.listing.clear();
                false
            }
            Event::InitApply(object) => {
                self.listing.insert(object.name_any(), facts(&object));
                false
            }
            Event::InitDone => {
                let listing = std::mem::take(&mut self.listing);
                let was_troubled = self.trouble.take().is_some();
                let differs = !self.listed || was_troubled || self.objects != listing;
                self.objects = listing;
                self.listed = true;
                differs
            }
            Event::Apply(object) => {
                let facts = facts(&object);
                let name = object.name_any();
                let differs = self.objects.get(&name) != Some(&facts);
                self.objects.insert(name, facts);
                differs
            }
            Event::Delete(object) => self.objects.remove(&object.name_any()).is_some(),
        }
    }

    fn fail(&mut self, trouble: String) -> bool {
        let differs = self.trouble.as_ref() != Some(&trouble);
        if differs {
            warn!("{trouble}");
            self.trouble = Some(trouble);
        }
        differs
    }
}

/// Follows a resource for as long as it is polled. After an error it is listed anew: there are as many objects as nodes, and
/// a list that came through says that the trouble is over.
pub(super) async fn follow<K, T, S>(
    start: impl Fn() -> S,
    facts: impl Fn(&K) -> T,
    resource: &str,
    watched: &watch::Sender<Watched<T>>,
) where
    K: ResourceExt,
    T: PartialEq,
    S: Stream<Item = Result<Event<K>, Error>>,
{
    let mut pause = DefaultBackoff::default();
    loop {
        let mut events = pin!(start());
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if matches!(event, Event::InitDone) {
                        pause = DefaultBackoff::default();
                    }
                    watched.send_if_modified(|watched| watched.take(event, &facts));
                }
                Err(error) => {
                    if let Some(trouble) = trouble(&error, resource) {
                        watched.send_if_modified(|watched| watched.fail(trouble));
                    }
                    break;
                }
            }
        }
        sleep(pause.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Node;

    use super::*;

    fn node(name: &str, label: &str) -> Node {
        let mut node = Node::default();
        node.metadata.name = Some(name.to_owned());
        node.labels_mut()
            .insert("zone".to_owned(), label.to_owned());
        node
    }

    fn zone(node: &Node) -> String {
        node.labels()["zone"].clone()
    }

    #[test]
    fn a_list_takes_away_what_it_leaves_out_and_ends_trouble() {
        let mut watched = Watched::default();
        for event in [
            Event::Init,
            Event::InitApply(node("a", "1")),
            Event::InitApply(node("b", "1")),
        ] {
            assert!(!watched.take(event, zone));
        }
        assert!(watched.objects.is_empty() && !watched.listed);
        assert!(watched.take(Event::InitDone, zone));
        assert_eq!(watched.objects.len(), 2);

        assert!(watched.fail("away".to_owned()));
        assert!(!watched.fail("away".to_owned()));
        assert_eq!(watched.objects.len(), 2);
        watched.take(Event::Init, zone);
        watched.take(Event::InitApply(node("b", "1")), zone);
        assert!(watched.take(Event::InitDone, zone));
        assert_eq!(watched.objects.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(watched.trouble, None);
    }

    #[test]
    fn only_what_is_used_is_a_change() {
        let mut watched = Watched::default();
        assert!(watched.take(Event::Apply(node("a", "1")), zone));
        assert!(!watched.take(Event::Apply(node("a", "1")), zone));
        assert!(watched.take(Event::Apply(node("a", "2")), zone));
        assert!(watched.take(Event::Delete(node("a", "2")), zone));
        assert!(!watched.take(Event::Delete(node("a", "2")), zone));
    }
}
