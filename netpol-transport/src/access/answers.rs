//! Answers of the API server, kept for a time. Whoever asks what is being asked already waits for that answer.

use std::convert::Infallible;
use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::refused::Refused;

/// How long the API server is not asked again after it gave no answer.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Answer<V> {
    until: Instant,
    result: Result<V, Refused>,
}

/// A bounded number of answers: when there are too many, those that nobody asked for lately go.
pub(super) struct Answers<K, V> {
    kept: Cache<K, Answer<V>>,
    lifetime: Duration,
}

impl<K, V> Answers<K, V>
where
    K: Clone + Eq + Hash,
    V: Clone,
{
    pub(super) fn new(most: usize, lifetime: Duration) -> Self {
        Self {
            kept: Cache::new(most),
            lifetime,
        }
    }

    /// The answer that is known, or what comes of asking now.
    pub(super) async fn get(
        &self,
        key: &K,
        ask: impl Future<Output = Result<V, Refused>>,
    ) -> Result<V, Refused> {
        let now = Instant::now();
        self.kept.remove_if(key, |answer| answer.until <= now);
        let ask = async {
            // What was true when it was asked, not when the answer came.
            let asked = Instant::now();
            let result = ask.await;
            let lifetime = match result {
                Err(Refused::Unanswered(_)) => PAUSE.min(self.lifetime),
                _ => self.lifetime,
            };
            Ok::<_, Infallible>(Answer {
                until: asked + lifetime,
                result,
            })
        };
        match self.kept.get_or_insert_async(key, ask).await {
            Ok(answer) => answer.result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_ask_once() {
        let answers = Answers::new(10, LIFETIME);
        let asked = AtomicU32::new(0);
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(true)
        };
        let all = (0..100).map(|_| answers.get(&"jane", ask()));
        for answer in futures::future::join_all(all).await {
            assert_eq!(answer, Ok(true));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(LIFETIME).await;
        answers.get(&"jane", ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_kept_for_a_moment_only() {
        let answers = Answers::new(10, LIFETIME);
        let none = Refused::Unanswered("gone".to_owned());
        let refused = answers.get(&"jane", async { Err(none.clone()) }).await;
        assert_eq!(refused, Err(none.clone()));
        let again = answers.get(&"jane", async { Ok(true) }).await;
        assert_eq!(again, Err(none));
        tokio::time::advance(PAUSE).await;
        assert_eq!(answers.get(&"jane", async { Ok(true) }).await, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_goes_away_leaves_the_question_to_the_next() {
        let answers = Answers::new(10, LIFETIME);
        let never = answers.get(&"jane", std::future::pending());
        let gone = tokio::time::timeout(Duration::from_secs(1), never).await;
        gone.unwrap_err();
        assert_eq!(answers.get(&"jane", async { Ok(true) }).await, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn their_number_is_bounded() {
        let answers = Answers::new(100, LIFETIME);
        for key in 0..10_000 {
            answers.get(&key, async { Ok(key) }).await.unwrap();
        }
        assert!(answers.kept.len() <= 100, "{}", answers.kept.len());
    }
}
