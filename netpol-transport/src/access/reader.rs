//! One caller, and what of each item they may see.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use netpol_api::v1;
use netpol_api::v1::endpoint::Kind;
use netpol_api::v1::watch_flows_response::Item;
use tonic::Status;

use super::authorizer::{Authorizer, Identity};
use super::question::Question;
use super::refused::Refused;
use super::status::restricted;
use super::token::Token;
use super::withheld::withhold;

/// So many of the namespaces that a request names are asked about before it is taken.
const MOST_NAMED: usize = 64;

/// One caller. What they may read is asked anew when the last answer has got old, so it changes while a stream runs.
pub struct Reader(Rights);

enum Rights {
    Full,
    Token(Box<Holder>),
}

/// Somebody who has shown a token.
struct Holder {
    authorizer: Arc<Authorizer>,
    token: Token,
    /// Some flow was shown, or one was not.
    shown: AtomicBool,
    hidden: AtomicBool,
}

impl Reader {
    /// Somebody who may read everything.
    #[must_use]
    pub fn full() -> Self {
        Self(Rights::Full)
    }

    pub(super) async fn with_token(
        authorizer: Arc<Authorizer>,
        token: Token,
    ) -> Result<Self, Refused> {
        authorizer.identify(&token).await?;
        Ok(Self(Rights::Token(Box::new(Holder {
            authorizer,
            token,
            shown: AtomicBool::new(false),
            hidden: AtomicBool::new(false),
        }))))
    }

    /// Whether they may read everything, whatever becomes of rights in the cluster. Only then may a filter be applied
    /// before [`Reader::item`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.0, Rights::Full)
    }

    /// Refuses a request that asks for namespaces by name, of which none may be read.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` for that, and as [`Reader::flow`].
    pub async fn may_watch(&self, request: &v1::WatchFlowsRequest) -> Result<(), Status> {
        match &self.0 {
            Rights::Full => Ok(()),
            Rights::Token(holder) => Ok(holder.may_watch(request).await?),
        }
    }

    /// Refuses what cannot be withheld in part, as to whoever may not read every flow.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` for that, and as [`Reader::flow`].
    pub async fn may_read_history(&self) -> Result<(), Status> {
        let Rights::Token(holder) = &self.0 else {
            return Ok(());
        };
        if holder.may(Question::AllFlows).await? {
            return Ok(());
        }
        let user = holder.identity().await?.name().to_owned();
        Err(Refused::NoHistory { user }.into())
    }

    /// What of a flow they may see; `None` for nothing.
    ///
    /// # Errors
    /// The status with which their stream ends: the token is no longer good, or the API server cannot be asked.
    pub async fn flow(&self, flow: v1::Flow) -> Result<Option<v1::Flow>, Status> {
        match &self.0 {
            Rights::Full => Ok(Some(flow)),
            Rights::Token(holder) => {
                let shown = holder.flow(flow).await?;
                let met = if shown.is_some() {
                    &holder.shown
                } else {
                    &holder.hidden
                };
                met.store(true, Ordering::Relaxed);
                Ok(shown)
            }
        }
    }

    /// What of an item they may see. Losses and the state of nodes are shown to everybody who is let in.
    ///
    /// # Errors
    /// As [`Reader::flow`].
    pub async fn item(&self, item: Item) -> Result<Option<Item>, Status> {
        match item {
            Item::Flow(flow) => Ok(self.flow(flow).await?.map(Item::Flow)),
            Item::Lost(_) | Item::Node(_) => Ok(Some(item)),
        }
    }

    /// What of the status they may see.
    ///
    /// # Errors
    /// As [`Reader::flow`].
    pub async fn status(
        &self,
        status: v1::GetStatusResponse,
    ) -> Result<v1::GetStatusResponse, Status> {
        match &self.0 {
            Rights::Token(holder) if !holder.may(Question::Status).await? => Ok(restricted(status)),
            _ => Ok(status),
        }
    }

    /// What a stream of kept flows ends with, if there were some and none of them could be shown.
    #[must_use]
    pub async fn refusal(&self) -> Option<Status> {
        let Rights::Token(holder) = &self.0 else {
            return None;
        };
        let hidden = holder.hidden.load(Ordering::Relaxed);
        if !hidden || holder.shown.load(Ordering::Relaxed) {
            return None;
        }
        let refused = match holder.identity().await {
            Ok(identity) => Refused::NothingReadable {
                user: identity.name().to_owned(),
            },
            Err(refused) => refused,
        };
        Some(refused.into())
    }

    /// Waits until their token is no longer good, or can no longer be examined, and says with what to end their streams.
    pub async fn revoked(&self) -> Status {
        let Rights::Token(holder) = &self.0 else {
            return pending().await;
        };
        loop {
            tokio::time::sleep(holder.authorizer.lifetime()).await;
            if let Err(refused) = holder.identity().await {
                return refused.into();
            }
        }
    }
}

impl Holder {
    async fn identity(&self) -> Result<Arc<Identity>, Refused> {
        self.authorizer.identify(&self.token).await
    }

    async fn may(&self, question: Question) -> Result<bool, Refused> {
        let identity = self.identity().await?;
        self.authorizer.may(&identity, question).await
    }

    async fn may_read(&self, namespace: &str) -> Result<bool, Refused> {
        self.may(Question::FlowsOf(namespace.to_owned())).await
    }

    async fn may_watch(&self, request: &v1::WatchFlowsRequest) -> Result<(), Refused> {
        let filter = request.filter.as_ref();
        let ends = filter.map(|filter| [&filter.any_end, &filter.source, &filter.destination]);
        let ends = ends.into_iter().flatten().flatten();
        let named: BTreeSet<&String> = ends.flat_map(|end| &end.namespace).collect();
        let Some(first) = named.first() else {
            return Ok(());
        };
        if self.may(Question::AllFlows).await? {
            return Ok(());
        }
        for namespace in named.iter().take(MOST_NAMED) {
            if self.may_read(namespace).await? {
                return Ok(());
            }
        }
        if named.len() > MOST_NAMED {
            return Ok(());
        }
        Err(Refused::Denied {
            user: self.identity().await?.name().to_owned(),
            question: Question::FlowsOf(first.to_string()),
        })
    }

    async fn flow(&self, flow: v1::Flow) -> Result<Option<v1::Flow>, Refused> {
        if self.may(Question::AllFlows).await? {
            return Ok(Some(flow));
        }
        let ends = [&flow.source, &flow.destination].into_iter().flatten();
        let pods = ends.filter(|end| end.kind() == Kind::Pod);
        let pods: BTreeSet<String> = pods.map(|end| end.namespace.clone()).collect();
        let mut readable = BTreeSet::new();
        for namespace in &pods {
            if !namespace.is_empty() && self.may_read(namespace).await? {
                readable.insert(namespace.clone());
            }
        }
        if readable.is_empty() {
            return Ok(None);
        }
        let service = flow.service.as_ref().map(|service| &service.namespace);
        let ends = [&flow.source, &flow.destination].into_iter().flatten();
        let others = ends.map(|end| &end.namespace).chain(service);
        let others: BTreeSet<String> = others.filter(|one| !one.is_empty()).cloned().collect();
        for namespace in others.difference(&pods) {
            if self.may_read(namespace).await? {
                readable.insert(namespace.clone());
            }
        }
        Ok(withhold(flow, |namespace| readable.contains(namespace)))
    }
}
