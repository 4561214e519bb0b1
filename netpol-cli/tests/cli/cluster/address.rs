//! The relay at an address, without the API server.

use std::fs;

use netpol_testkit::authority::Validity;

use super::*;
use crate::flows;

/// Lists from the relay's own address, with the authority in a file and these flags.
async fn list(world: &World, flags: &[&str]) -> Result<String, String> {
    let authority = world.dir.path().join("ca.crt");
    fs::write(&authority, world.authority.certificate()).unwrap();
    let mut command = flows(&["list", "--server", &format!("https://{}", world.address)]);
    command.arg("--tls-ca").arg(authority).args(flags);
    let output = command.output().await.unwrap();
    let said = text(&output.stderr).replace(&world.address.to_string(), "ADDRESS");
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout).to_owned()),
        _ => Err(said),
    }
}

const NAME: [&str; 2] = ["--tls-server-name", "netpol-relay.netpol.svc"];

#[tokio::test]
async fn a_token_and_a_certificate_are_shown() {
    let world = World::start(Script::new(Play::of(story()))).await;
    let token = world.dir.path().join("token");
    fs::write(&token, "secret\n").unwrap();
    let identity = world.authority.client("jane", Validity::Always).unwrap();
    let (certificate, key) = identity.write(world.dir.path(), "jane").unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let flags = [
        "--token-file",
        &path(&token),
        "--tls-cert",
        &path(&certificate),
        "--tls-key",
        &path(&key),
    ];
    let shown = list(&world, &[&NAME[..], &flags[..]].concat())
        .await
        .unwrap();
    assert_eq!(shown.lines().count(), 3);
    assert_eq!(world.relay.shown(), ["Bearer secret"]);
}

#[tokio::test]
async fn what_is_wrong_names_the_flag_that_would_help() {
    let world = World::start(Script::new(Play::of(story()))).await;
    let error = list(&world, &[]).await.unwrap_err();
    assert!(
        error.starts_with(
            "flows: the certificate of https://ADDRESS is not for 127.0.0.1, but for "
        ),
        "{error}"
    );
    world.relay.only("secret");
    let error = list(&world, &NAME).await.unwrap_err();
    assert!(
        error.starts_with(
            "flows: https://ADDRESS does not know who you are: a bearer token is needed"
        ),
        "{error}"
    );
    let error = list(
        &world,
        &[&NAME[..], &["--token-file", "/nonexistent/token"]].concat(),
    )
    .await
    .unwrap_err();
    assert!(
        error.contains("cannot read the token in /nonexistent/token: No such file"),
        "{error}"
    );
    let missing = [
        "--tls-cert",
        "/nonexistent/x",
        "--tls-key",
        "/nonexistent/x",
    ];
    let error = list(&world, &missing).await.unwrap_err();
    assert!(
        error.starts_with("flows: cannot read /nonexistent/x: No such file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_needs_its_key() {
    let output = flows(&["list", "--server", "https://x:1", "--tls-cert", "x"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--tls-key <FILE>"),
        "{}",
        text(&output.stderr)
    );
}
