//! Files change while a stream runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use netpol_api::v1::{WatchFlowsRequest, WatchFlowsResponse};
use netpol_testkit::authority::{Authority, Validity};
use netpol_transport::client::{ConnectError, Options};
use netpol_transport::tls::{ClientCertificates, ClientTlsFiles, Report};
use tonic::Streaming;

use crate::server::{Files, NAME, TestServer, ask, options};

/// A server looks every 2 s, and tells of what is broken when it has seen it twice.
const PATIENCE: Duration = Duration::from_secs(15);

async fn wait(server: &TestServer, what: &str, done: impl Fn(&Report) -> bool) -> Report {
    let began = tokio::time::Instant::now();
    loop {
        let report = server.report();
        if done(&report) {
            return report;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: {report:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn watch(server: &TestServer, options: &Options) -> Streaming<WatchFlowsResponse> {
    let mut client = ask(&server.address("https"), options).await.unwrap();
    let stream = client.watch_flows(WatchFlowsRequest::default()).await;
    stream.unwrap().into_inner()
}

async fn goes_on(stream: &mut Streaming<WatchFlowsResponse>) {
    for _ in 0..10 {
        stream.message().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_new_certificate_of_a_new_authority_is_for_new_connections() {
    let files = Files::new();
    let server = TestServer::tls(&files.server(ClientCertificates::Ignored)).await;
    let old = files.client(None);
    let mut stream = watch(&server, &old).await;

    let next = Authority::new().unwrap();
    fs::write(files.path("next-ca.crt"), next.certificate()).unwrap();
    let renewed = next.server(&[NAME], Validity::Always).unwrap();
    renewed.write(files.directory.path(), "server").unwrap();
    let report = wait(&server, "renewed", |report| report.reloads > 0).await;
    assert_eq!((report.reload_failures, report.error), (0, None));

    let new = options(ClientTlsFiles {
        authority: Some(files.path("next-ca.crt").into()),
        server_name: Some(NAME.to_owned()),
        ..ClientTlsFiles::default()
    });
    ask(&server.address("https"), &new).await.unwrap();
    let error = ask(&server.address("https"), &old).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::UnknownAuthority { .. }),
        "{error}"
    );
    // The client's own files are looked at before each connection.
    fs::copy(files.path("next-ca.crt"), files.path("ca.crt")).unwrap();
    ask(&server.address("https"), &old).await.unwrap();
    goes_on(&mut stream).await;
}

#[tokio::test]
async fn a_broken_certificate_leaves_the_old_one_in_force() {
    let files = Files::new();
    let server = TestServer::tls(&files.server(ClientCertificates::Ignored)).await;
    let client = files.client(None);
    let whole = fs::read(files.path("server.key")).unwrap();
    assert_eq!(server.report().warnings(SystemTime::now()), [""; 0]);

    // A certificate whose key has not come yet, then no file at all: each is told once.
    let other = files.authority.client("other", Validity::Always).unwrap();
    fs::write(files.path("server.key"), &other.key).unwrap();
    let report = wait(&server, "broken", |report| report.error.is_some()).await;
    let warnings = report.warnings(SystemTime::now());
    assert!(
        warnings[0].starts_with("changed certificates are not in use: the key in "),
        "{warnings:?}"
    );
    fs::remove_file(files.path("server.key")).unwrap();
    wait(&server, "missing", |report| report.reload_failures == 2).await;
    ask(&server.address("https"), &client).await.unwrap();

    // Put back, nothing is wrong any more; renewed, the new one is in use.
    fs::write(files.path("server.key"), &whole).unwrap();
    let report = wait(&server, "put back", |report| report.error.is_none()).await;
    assert_eq!((report.reloads, report.reload_failures), (0, 2));
    files.issue_server(Validity::Over);
    let report = wait(&server, "renewed", |report| report.reloads == 1).await;
    assert!(report.warnings(SystemTime::now())[0].ends_with("expired at 2020-01-01T00:00:00Z"));
    let error = ask(&server.address("https"), &client).await.unwrap_err();
    assert!(matches!(error, ConnectError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn an_authority_that_is_gone_lets_nobody_in_any_more() {
    let files = Files::new();
    let required = ClientCertificates::Required(files.ca());
    let server = TestServer::tls(&files.server(required)).await;
    let identity = files.authority.client("netpol-relay", Validity::Always);
    fs::write(files.path("servers-ca.crt"), files.authority.certificate()).unwrap();
    let client = |identity| {
        let written = netpol_testkit::authority::Identity::write;
        written(&identity, files.directory.path(), "client").unwrap();
        options(ClientTlsFiles {
            authority: Some(files.path("servers-ca.crt").into()),
            identity: Some(files.identity("client")),
            server_name: Some(NAME.to_owned()),
        })
    };
    let old = client(identity.unwrap());
    let mut stream = watch(&server, &old).await;

    let next = Authority::new().unwrap();
    fs::write(files.path("ca.crt"), next.certificate()).unwrap();
    wait(&server, "another authority", |report| report.reloads == 1).await;
    let error = ask(&server.address("https"), &old).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::ClientCertificateRefused { .. }),
        "{error}"
    );
    let new = client(next.client("netpol-relay", Validity::Always).unwrap());
    ask(&server.address("https"), &new).await.unwrap();
    goes_on(&mut stream).await;
}

/// Files of a Secret or ConfigMap are links to `..data/NAME`, and `..data` is a link that is replaced by renaming.
fn project(volume: &Path, version: &str, from: &Path) {
    let data = volume.join(version);
    fs::create_dir(&data).unwrap();
    for name in ["server.crt", "server.key"] {
        fs::copy(from.join(name), data.join(name)).unwrap();
    }
    symlink(version, volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
}

#[tokio::test]
async fn a_secret_that_kubernetes_swaps_is_noticed() {
    let files = Files::new();
    let volume = tempfile::tempdir().unwrap();
    project(volume.path(), "..2026_11_21_1", files.directory.path());
    let mut served = files.server(ClientCertificates::Ignored);
    for (pem, name) in [
        (&mut served.identity.certificate, "server.crt"),
        (&mut served.identity.key, "server.key"),
    ] {
        let link = volume.path().join(name);
        symlink(Path::new("..data").join(name), &link).unwrap();
        *pem = link.into();
    }
    let server = TestServer::tls(&served).await;
    files.issue_server(Validity::Over);
    project(volume.path(), "..2026_11_21_2", files.directory.path());
    fs::remove_dir_all(volume.path().join("..2026_11_21_1")).unwrap();
    let report = wait(&server, "swapped", |report| report.reloads == 1).await;
    assert_eq!(report.reload_failures, 0);
    let error = ask(&server.address("https"), &files.client(None)).await;
    assert!(matches!(error.unwrap_err(), ConnectError::Expired { .. }));
}
