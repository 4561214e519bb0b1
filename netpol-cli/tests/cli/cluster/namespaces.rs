//! `-n`, `-A` and the namespace of the context.

use netpol_api::v1::WatchFlowsRequest;
use serde_json::json;

use super::*;

async fn world() -> World {
    let world = World::start(Script::new(Play::default())).await;
    world.change_kubeconfig(|config| {
        config["contexts"][0]["context"]["namespace"] = json!("shop");
        let mut other = config["contexts"][0].clone();
        other["name"] = json!("other");
        other["context"]["namespace"] = json!(null);
        config["contexts"].as_array_mut().unwrap().push(other);
    });
    world
}

/// The namespaces of either end that the relay is asked for, and what was said of them.
async fn asked(world: &World, arguments: &[&str]) -> (Vec<String>, String) {
    let arguments = [&["list"], arguments].concat();
    let output = world.flows(&arguments).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let last: WatchFlowsRequest = world.relay.asked().pop().unwrap();
    let end = last.filter.unwrap().any_end.unwrap_or_default();
    (end.namespace, text(&output.stderr).to_owned())
}

#[tokio::test]
async fn the_namespace_of_the_context_is_meant_unless_a_flag_says_otherwise() {
    let world = world().await;
    let nothing = String::new;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (arguments, namespaces) in [
        (&[][..], names(&["shop"])),
        (&["--pod", "web"], names(&["shop"])),
        (&["--context", "other"], names(&["default"])),
        (&["-n", "default,shop"], names(&["default", "shop"])),
        (&["-A"], names(&[])),
        (&["-n", "shop", "-A"], names(&[])),
        (&["--to-namespace", "default"], names(&[])),
        (&["--not", "-n", "shop"], names(&[])),
        (&["--from-pod", "default/web"], names(&[])),
    ] {
        assert_eq!(
            asked(&world, arguments).await,
            (namespaces, nothing()),
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_told() {
    let world = world().await;
    let (_, said) = asked(&world, &["-n", "shoop,default", "--to-namespace", "kube-*"]).await;
    assert_eq!(
        said,
        "flows: namespace shoop: not found in context testkit\n"
    );
    world.api.deny("get", "namespaces");
    let (_, said) = asked(&world, &[]).await;
    assert_eq!(
        said,
        "flows: namespace shop: context testkit does not let you see whether it exists\n"
    );
}
