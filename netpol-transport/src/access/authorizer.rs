//! Questions to the API server: whose token it is, and what they may read.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::answers::Answers;
use super::options::ReviewOptions;
use super::question::Question;
use super::refused::Refused;
use super::token::{self, Digest, Token};

/// Tokens and rights remembered at once.
const MOST_TOKENS: usize = 4096;
const MOST_RIGHTS: usize = 65_536;
/// Questions under way at once: callers whom nobody knows cannot make this server flood the API server.
const AT_ONCE: usize = 16;
/// How long an answer may take, with the wait for a place.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is logged that the API server cannot be asked.
const WARNING_INTERVAL: Duration = Duration::from_secs(30);

/// Somebody whose token is good.
pub(super) struct Identity {
    pub(super) user: UserInfo,
    digest: Digest,
}

impl Identity {
    pub(super) fn name(&self) -> &str {
        self.user.username.as_deref().unwrap_or_default()
    }
}

/// Asks the API server, and remembers its answers for a time.
pub(super) struct Authorizer {
    client: Client,
    audiences: Vec<String>,
    lifetime: Duration,
    identities: Answers<Digest, Arc<Identity>>,
    rights: Answers<(Digest, Question), bool>,
    places: Semaphore,
    warned: Mutex<Option<Instant>>,
}

impl Authorizer {
    pub(super) fn new(client: Client, options: &ReviewOptions) -> Self {
        Self {
            client,
            audiences: options.audiences.clone(),
            lifetime: options.lifetime,
            identities: Answers::new(MOST_TOKENS, options.lifetime),
            rights: Answers::new(MOST_RIGHTS, options.lifetime),
            places: Semaphore::new(AT_ONCE),
            warned: Mutex::new(None),
        }
    }

    /// How long an answer holds.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Whose token it is.
    pub(super) async fn identify(&self, token: &Token) -> Result<Arc<Identity>, Refused> {
        let ask = self.examine(token);
        self.identities.get(&token.digest(), ask).await
    }

    /// Whether somebody has a right.
    pub(super) async fn may(
        &self,
        identity: &Identity,
        question: Question,
    ) -> Result<bool, Refused> {
        let key = (identity.digest, question);
        self.rights.get(&key, self.decide(identity, &key.1)).await
    }

    async fn examine(&self, token: &Token) -> Result<Arc<Identity>, Refused> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.text().to_owned(),
                audiences: Some(self.audiences.clone()).filter(|audiences| !audiences.is_empty()),
            },
            ..TokenReview::default()
        };
        let reviews = Api::<TokenReview>::all(self.client.clone());
        let params = PostParams::default();
        let asked = reviews.create(&params, &review);
        let answer = self
            .ask("tokenreviews.authentication.k8s.io", asked)
            .await?;
        let status = answer.status.unwrap_or_default();
        let why = status.error.unwrap_or_default();
        let bad = |why: String| Err(Refused::BadToken(why));
        if status.authenticated != Some(true) {
            return bad(if why.is_empty() {
                "it is not valid".to_owned()
            } else {
                why
            });
        }
        // An authenticator that knows nothing of audiences leaves them out: its tokens are meant for the API server alone.
        let meant_for = status.audiences.unwrap_or_default();
        if !self.audiences.is_empty() && !meant_for.iter().any(|one| self.audiences.contains(one)) {
            return bad("it is not meant for this server (--token-audience)".to_owned());
        }
        let user = status.user.unwrap_or_default();
        match serde_json::to_vec(&user) {
            Ok(bytes)
                if user
                    .username
                    .as_deref()
                    .is_some_and(|name| !name.is_empty()) =>
            {
                let digest = token::of(&bytes);
                Ok(Arc::new(Identity { user, digest }))
            }
            _ => bad("it is nobody's".to_owned()),
        }
    }

    async fn decide(&self, identity: &Identity, question: &Question) -> Result<bool, Refused> {
        let user = identity.user.clone();
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username,
                uid: user.uid,
                groups: user.groups,
                extra: user.extra,
                resource_attributes: Some(question.attributes()),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews = Api::<SubjectAccessReview>::all(self.client.clone());
        let params = PostParams::default();
        let asked = reviews.create(&params, &review);
        let answer = self
            .ask("subjectaccessreviews.authorization.k8s.io", asked)
            .await?;
        let status = answer.status.unwrap_or_default();
        Ok(status.allowed && status.denied != Some(true))
    }

    async fn ask<T>(
        &self,
        resource: &str,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Refused> {
        let asked = timeout(PATIENCE, async {
            // The semaphore is never closed.
            let _place = self.places.acquire().await;
            answer.await
        });
        // The caller is told what is wrong, the log who this server is to the API server, and where that is.
        let (told, logged) = match asked.await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => (
                format!(
                    "this server may not create {resource}: its service account needs the ClusterRole \
                     system:auth-delegator"
                ),
                status.message.clone(),
            ),
            Ok(Err(kube::Error::Api(status))) => (
                format!("it answers {} {}", status.code, status.reason),
                status.message.clone(),
            ),
            Ok(Err(error)) => ("it cannot be reached".to_owned(), error.to_string()),
            Err(_) => (
                format!("no answer within {} s", PATIENCE.as_secs()),
                String::new(),
            ),
        };
        if self.warns_now() {
            warn!(resource, error = %logged, "callers cannot be examined: {told}");
        }
        Err(Refused::Unanswered(told))
    }

    fn warns_now(&self) -> bool {
        // A panic cannot have left it in between.
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = warned.is_none_or(|before| now.duration_since(before) >= WARNING_INTERVAL);
        if due {
            *warned = Some(now);
        }
        due
    }
}
