//! The authority behind the certificates of relay and agents.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use netpol_transport::tls::{ClientTlsFiles, Pem};
use tokio::time::timeout;

use super::trouble::{PATIENCE, Trouble, Wanted};

/// In netpol's namespace.
const CONFIG_MAP: &str = "netpol-ca";
const KEY: &str = "ca.crt";

/// That of the flag, else that of the cluster: whoever may write there could as well replace the relay.
pub(super) async fn find(
    client: Client,
    namespace: &str,
    flags: &ClientTlsFiles,
) -> Result<Pem, Trouble> {
    if let Some(authority) = &flags.authority {
        return Ok(authority.clone());
    }
    let wanted = Wanted {
        verb: "get",
        resource: "configmaps",
        namespace,
    };
    let maps: Api<ConfigMap> = Api::namespaced(client, namespace);
    let got = timeout(PATIENCE, maps.get(CONFIG_MAP)).await;
    let map = got
        .map_err(|_| Trouble::too_slow())?
        .map_err(|error| Trouble::of(&error, wanted))?;
    let text = map.data.and_then(|mut data| data.remove(KEY));
    let text =
        text.ok_or_else(|| Trouble::Other(format!("ConfigMap {CONFIG_MAP} has no {KEY}")))?;
    Ok(Pem::Text {
        name: format!("ConfigMap {namespace}/{CONFIG_MAP}"),
        text,
    })
}
