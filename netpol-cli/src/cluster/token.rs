//! The bearer token that the relay asks the API server about.

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client,
    api::PostParams,
    client::{Body, ConfigExt},
    config::Config,
};
use tokio::time::timeout;
use tower::{BoxError, Layer, ServiceExt, service_fn};

use super::trouble::{PATIENCE, Trouble, Wanted, credentials, unreachable};

/// In netpol's namespace: may read the flows of all namespaces.
pub(super) const READER: &str = "netpol-reader";

/// How long a token that is asked for is good, in seconds. `watch` asks for another when it is over.
const GOOD_FOR: i64 = 3600;

/// The token that the kubeconfig's user shows, from wherever the kubeconfig takes it; `None` where the user shows a
/// certificate or a password. `config` shows the same from then on: a credential plugin, which may ask its user for
/// something, runs once.
pub(super) async fn of_user(config: &mut Config) -> Result<Option<String>, String> {
    let user = &mut config.auth_info;
    if let (None, Some(file)) = (&user.token, user.token_file.take()) {
        // An editor's newline at its end is none of the token's.
        let token = std::fs::read_to_string(&file);
        let token = token.map_err(|error| format!("cannot read the token in {file}: {error}"))?;
        user.token = Some(token.trim().into());
    }
    let plugin = user.exec.as_ref().and_then(|exec| exec.command.clone());
    let asked = config.clone();
    // Runs a plugin, and waits for it.
    let layer = tokio::task::spawn_blocking(move || asked.auth_layer()).await;
    let layer = layer
        .map_err(|error| error.to_string())?
        .map_err(|error| match &error {
            kube::Error::Auth(error) => credentials(error, &plugin.unwrap_or_default()),
            error => unreachable(error),
        })?;
    let Some(layer) = layer else {
        return Ok(None);
    };
    // kube has the token in a header alone.
    let shown = service_fn(|request: Request<Body>| async move {
        let header = request.headers().get(AUTHORIZATION).cloned();
        Ok::<_, BoxError>(Response::new(header))
    });
    let header = layer
        .layer(shown)
        .oneshot(Request::new(Body::empty()))
        .await
        .map_err(|error| format!("the kubeconfig's credentials cannot be used: {error}"))?
        .into_body();
    let token = header.as_ref().and_then(bearer);
    if let Some(token) = &token {
        let user = &mut config.auth_info;
        user.token = Some(token.clone().into());
        user.exec = None;
        user.auth_provider = None;
    }
    Ok(token)
}

fn bearer(header: &HeaderValue) -> Option<String> {
    let token = header.to_str().ok()?.strip_prefix("Bearer ")?.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

/// A token of the ServiceAccount for reading.
pub(super) async fn of_reader(client: Client, namespace: &str) -> Result<String, Trouble> {
    let wanted = Wanted {
        verb: "create",
        resource: "serviceaccounts/token",
        namespace,
    };
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(GOOD_FOR),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
    let params = PostParams::default();
    let asked = timeout(
        PATIENCE,
        accounts.create_token_request(READER, &params, &request),
    )
    .await;
    let answer = asked
        .map_err(|_| Trouble::too_slow())?
        .map_err(|error| Trouble::of(&error, wanted))?;
    let token = answer.status.and_then(|status| status.token);
    token.ok_or_else(|| Trouble::Other("the API server answers without a token".to_owned()))
}
