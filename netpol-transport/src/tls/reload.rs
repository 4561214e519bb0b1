//! What is made from files is made anew when they change, and stays in force when the change cannot be used.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tracing::{info, warn};

use super::facts::{Facts, Report};
use super::pem::{Pem, TlsError};

/// What was made, and of which certificates.
pub(super) struct Made<C> {
    pub(super) config: Arc<C>,
    pub(super) certificates: Vec<Facts>,
}

type Make<C> = Box<dyn Fn(&[Vec<u8>]) -> Result<Made<C>, TlsError> + Send + Sync>;

/// Holds what is made from files.
///
/// Contents are compared, not times: Kubernetes swaps a link above the files of a Secret, and their times say nothing.
pub(super) struct Reloading<C> {
    sources: Vec<Pem>,
    make: Make<C>,
    in_force: ArcSwap<C>,
    state: Mutex<State>,
    hasher: RandomState,
}

struct State {
    /// What the files held when what is in force was made.
    seen: Look,
    /// What they held since, if it cannot be used.
    refused: Option<Refused>,
    report: Report,
}

struct Refused {
    look: Look,
    /// Told once it has been seen twice: files that are replaced one after the other do not fit for a moment.
    told: bool,
}

/// What the files hold: a hash of it all, or why they cannot be read.
#[derive(Clone, PartialEq, Eq)]
enum Look {
    Content(u64),
    Unreadable(String),
}

impl<C> Reloading<C> {
    /// # Errors
    /// What is wrong with the files. There is nothing older to stay with.
    pub(super) fn new(
        sources: Vec<Pem>,
        make: impl Fn(&[Vec<u8>]) -> Result<Made<C>, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let contents = read(&sources)?;
        let made = make(&contents)?;
        let hasher = RandomState::new();
        let seen = Look::Content(hasher.hash_one(&contents));
        for warning in warnings(&made.certificates) {
            warn!("{warning}");
        }
        Ok(Self {
            sources,
            make: Box::new(make),
            in_force: ArcSwap::new(made.config),
            state: Mutex::new(State {
                seen,
                refused: None,
                report: Report {
                    certificates: made.certificates,
                    ..Report::default()
                },
            }),
            hasher,
        })
    }

    pub(super) fn in_force(&self) -> Arc<C> {
        self.in_force.load_full()
    }

    pub(super) fn report(&self) -> Report {
        self.state().report.clone()
    }

    /// Looks at the files, and takes over what has changed. Blocks for as long as reading them takes.
    pub(super) fn refresh(&self) {
        let contents = read(&self.sources);
        let look = match &contents {
            Ok(contents) => Look::Content(self.hasher.hash_one(contents)),
            Err(error) => Look::Unreadable(error.to_string()),
        };
        let mut state = self.state();
        if look == state.seen {
            // Never changed, or put back.
            state.refused = None;
            state.report.error = None;
            return;
        }
        if state
            .refused
            .as_ref()
            .is_some_and(|refused| refused.told && refused.look == look)
        {
            return;
        }
        match contents.and_then(|contents| (self.make)(&contents)) {
            Ok(made) => {
                for warning in warnings(&made.certificates) {
                    warn!("{warning}");
                }
                self.in_force.store(made.config);
                state.seen = look;
                state.refused = None;
                state.report.certificates = made.certificates;
                state.report.reloads += 1;
                state.report.error = None;
                info!(files = %names(&self.sources), "changed certificates are in use");
            }
            Err(error) => {
                let again = state
                    .refused
                    .as_ref()
                    .is_some_and(|refused| refused.look == look);
                if again {
                    state.report.reload_failures += 1;
                    state.report.error = Some(error.to_string());
                    warn!(%error, "changed certificates cannot be used; those before stay in use");
                }
                state.refused = Some(Refused { look, told: again });
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Every write leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(sources: &[Pem]) -> Result<Vec<Vec<u8>>, TlsError> {
    sources.iter().map(Pem::read).collect()
}

fn warnings(certificates: &[Facts]) -> impl Iterator<Item = String> {
    let now = SystemTime::now();
    certificates
        .iter()
        .filter_map(move |facts| facts.warning(now))
}

fn names(sources: &[Pem]) -> String {
    let names: Vec<_> = sources.iter().map(Pem::to_string).collect();
    names.join(", ")
}
