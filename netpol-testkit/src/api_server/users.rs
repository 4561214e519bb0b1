//! Who calls, whose tokens are good, and what RBAC lets each do.

use std::collections::{BTreeMap, BTreeSet};

use super::ApiServer;
use super::query::{Target, Verb};

/// The audience of a token that names none, and of a review that asks for none.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

const EVERYTHING: &str = "*";

/// Somebody with a token of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user in the group of all who are authenticated.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            extra: BTreeMap::new(),
        }
    }

    /// One group more.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }

    /// One value more of what an authenticator adds, such as `authentication.kubernetes.io/pod-name`.
    #[must_use]
    pub fn extra(mut self, key: &str, value: &str) -> Self {
        let values = self.extra.entry(key.to_owned()).or_default();
        values.push(value.to_owned());
        self
    }

    /// Who has [`ApiServer::token`] or a client certificate: may do everything but what
    /// [`ApiServer::deny`] forbids.
    pub(crate) fn agent() -> Self {
        Self::service_account("netpol", "netpol-agent")
    }

    /// A ServiceAccount, with the groups that it is in.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::new(&format!("system:serviceaccount:{namespace}:{name}"))
            .group("system:serviceaccounts")
            .group(&format!("system:serviceaccounts:{namespace}"))
    }
}

/// What a token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) user: User,
    /// For whom it is meant.
    pub(crate) audiences: Vec<String>,
}

/// A user or group may do this; what a RoleBinding or ClusterRoleBinding amounts to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    subject: String,
    verb: String,
    /// As kubectl writes it: `pods`, `flows.observer.netpol`, `serviceaccounts/token`.
    resource: String,
    /// `None` for all of them, and for what is in none.
    namespace: Option<String>,
}

/// The tokens besides the agent's own, and RBAC.
#[derive(Debug)]
pub(crate) struct Users {
    tokens: BTreeMap<String, Token>,
    grants: BTreeSet<Grant>,
    /// Counts the tokens asked for by TokenRequest.
    issued: u64,
}

impl Users {
    pub(crate) fn new() -> Self {
        let agent = Grant {
            subject: User::agent().name,
            verb: EVERYTHING.to_owned(),
            resource: EVERYTHING.to_owned(),
            namespace: None,
        };
        Self {
            tokens: BTreeMap::new(),
            grants: BTreeSet::from([agent]),
            issued: 0,
        }
    }

    pub(crate) fn of_token(&self, token: &str) -> Option<&Token> {
        self.tokens.get(token)
    }

    /// Makes a token, as a TokenRequest does.
    pub(crate) fn issue(&mut self, token: Token) -> String {
        self.issued += 1;
        let text = format!("testkit-issued-token-{}", self.issued);
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Whether RBAC lets the caller do it.
    pub(crate) fn may(&self, user: &User, verb: Verb, target: &Target) -> bool {
        let subjects: Vec<&str> = user.groups.iter().map(|group| &**group).collect();
        let subjects = [&*subjects, &[&*user.name]].concat();
        let verb = verb.to_string();
        self.allow(&subjects, &verb, &target.rbac_name(), target.namespace())
    }

    /// Whether RBAC lets one of `subjects`, a user and its groups, do it.
    pub(crate) fn allow(
        &self,
        subjects: &[&str],
        verb: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> bool {
        self.grants.iter().any(|grant| {
            subjects.contains(&&*grant.subject)
                && (grant.verb == EVERYTHING || grant.verb == verb)
                && (grant.resource == EVERYTHING || grant.resource == resource)
                && (grant.namespace.is_none() || grant.namespace.as_deref() == namespace)
        })
    }
}

impl ApiServer {
    /// Takes this token for the user's, also in TokenReviews, until [`ApiServer::revoke_token`]. It
    /// is meant for the API server.
    pub fn add_token(&self, token: &str, user: User) {
        self.add_token_for(token, user, &[AUDIENCE]);
    }

    /// As [`ApiServer::add_token`], meant for these audiences.
    pub fn add_token_for(&self, token: &str, user: User, audiences: &[&str]) {
        let audiences = audiences.iter().map(|&audience| audience.to_owned());
        let known = Token {
            user,
            audiences: audiences.collect(),
        };
        self.shared
            .change(|state| state.users.tokens.insert(token.to_owned(), known));
    }

    /// Takes a token no more, be it one that was added or one that a TokenRequest made.
    pub fn revoke_token(&self, token: &str) {
        self.shared.change(|state| state.users.tokens.remove(token));
    }

    /// Lets a user or group use a verb on a resource, as kubectl writes it
    /// (`flows.observer.netpol`); in one namespace, or in all and cluster-wide. `*` stands for every
    /// verb or resource.
    pub fn grant(&self, subject: &str, verb: &str, resource: &str, namespace: Option<&str>) {
        let grant = grant(subject, verb, resource, namespace);
        self.shared.change(|state| state.users.grants.insert(grant));
    }

    /// Ends [`ApiServer::grant`] with the same words.
    pub fn revoke(&self, subject: &str, verb: &str, resource: &str, namespace: Option<&str>) {
        let grant = grant(subject, verb, resource, namespace);
        self.shared
            .change(|state| state.users.grants.remove(&grant));
    }
}

fn grant(subject: &str, verb: &str, resource: &str, namespace: Option<&str>) -> Grant {
    Grant {
        subject: subject.to_owned(),
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.map(str::to_owned),
    }
}
