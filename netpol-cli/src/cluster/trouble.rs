//! What an API server refuses, and why it cannot be asked, in words for the person at the terminal.

use std::{error::Error, io, iter::successors, time::Duration};

use kube::client::AuthError;

/// How long the API server may take for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A request, as rules of RBAC name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) verb: &'static str,
    pub(super) resource: &'static str,
    /// Empty for what is in no namespace.
    pub(super) namespace: &'a str,
}

/// A request without an answer that helps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    NotFound,
    /// The permission is missing.
    Forbidden(String),
    Other(String),
}

impl Trouble {
    pub(super) fn of(error: &kube::Error, wanted: Wanted<'_>) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 404 => Self::NotFound,
            kube::Error::Api(status) if status.code == 403 => {
                Self::Forbidden(forbidden(&status.message, wanted))
            }
            kube::Error::Api(status) => Self::Other(match status.code {
                401 => "the API server does not accept the credentials (401 Unauthorized): the token or certificate is \
                        wrong, has expired or was revoked; log in again"
                    .to_owned(),
                429 => "the API server asks to come back later (429 Too Many Requests)".to_owned(),
                code => format!("the API server answers {code}: {}", status.message.trim()),
            }),
            error => Self::Other(unreachable(error)),
        }
    }

    pub(super) fn too_slow() -> Self {
        let seconds = PATIENCE.as_secs();
        Self::Other(format!("the API server did not answer within {seconds} s"))
    }
}

/// The API server's own words, and what to ask for.
fn forbidden(message: &str, wanted: Wanted<'_>) -> String {
    let Wanted {
        verb,
        resource,
        namespace,
    } = wanted;
    let place = match namespace {
        "" => "cluster-wide".to_owned(),
        namespace => format!("in namespace {namespace}"),
    };
    format!(
        "{} (403 Forbidden); ask the cluster's administrator to allow `{verb}` on `{resource}` {place}",
        message.trim().trim_end_matches('.')
    )
}

/// Whatever happened before there was an answer.
pub(super) fn unreachable(error: &kube::Error) -> String {
    let causes = || {
        successors(Some(error as &(dyn Error + 'static)), |error| {
            (*error).source()
        })
    };
    if let Some(error) = causes().find_map(|cause| cause.downcast_ref::<AuthError>()) {
        return credentials(error, "");
    }
    let deepest = causes().last().map(ToString::to_string).unwrap_or_default();
    let kind = causes()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last();
    let mut texts = causes().map(|cause| cause.to_string());
    if let Some(text) = texts.find(|text| text.contains("invalid peer certificate")) {
        let reason = text
            .rsplit("invalid peer certificate: ")
            .next()
            .unwrap_or_default();
        return format!(
            "the certificate of the API server cannot be trusted ({reason}): is the kubeconfig this cluster's?"
        );
    }
    if deepest.contains("failed to lookup address") {
        return "the name of the API server cannot be resolved".to_owned();
    }
    match kind.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => {
            "nothing listens at the address of the API server (connection refused)".to_owned()
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

/// Credentials of the kubeconfig that could not be had. Of a plugin only its name is told: what it is given may be secret.
pub(super) fn credentials(error: &AuthError, plugin: &str) -> String {
    let plugin = match plugin {
        "" => "the kubeconfig's credential plugin".to_owned(),
        name => format!("the kubeconfig's credential plugin {name}"),
    };
    match error {
        AuthError::AuthExecStart(error) => {
            format!("{plugin} cannot be started: {error}; is it installed and on the PATH?")
        }
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = match said.trim().lines().last() {
                Some(said) => format!(": {said}"),
                None => String::new(),
            };
            format!("{plugin} failed ({}){said}", out.status)
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            format!("{plugin} does not answer with an ExecCredential")
        }
        other => format!("the kubeconfig's credentials cannot be used: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> = Wanted {
        verb: "list",
        resource: "pods",
        namespace: "netpol",
    };

    fn answered(code: u16, message: &str) -> Trouble {
        let status = kube::core::Status {
            code,
            message: message.to_owned(),
            ..kube::core::Status::default()
        };
        Trouble::of(&kube::Error::Api(Box::new(status)), WANTED)
    }

    #[test]
    fn what_is_forbidden_is_told_as_the_server_says_it_and_as_a_role_grants_it() {
        let message = "pods is forbidden: User \"jane\" cannot list resource \"pods\"";
        assert_eq!(
            answered(403, message),
            Trouble::Forbidden(format!(
                "{message} (403 Forbidden); ask the cluster's administrator to allow `list` on `pods` in namespace netpol"
            ))
        );
        assert_eq!(answered(404, ""), Trouble::NotFound);
    }

    #[test]
    fn an_error_of_a_server_keeps_its_words() {
        assert_eq!(
            answered(500, "etcd is away\n"),
            Trouble::Other("the API server answers 500: etcd is away".to_owned())
        );
    }

    #[test]
    fn where_there_was_no_answer_the_innermost_cause_counts() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(
            unreachable(&kube::Error::Service(Box::new(refused))),
            "nothing listens at the address of the API server (connection refused)"
        );
    }
}
