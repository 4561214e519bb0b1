use super::*;

fn answered(code: u16, message: &str) -> kube::Error {
    kube::Error::Api(Box::new(Status {
        code,
        message: message.to_owned(),
        ..Status::default()
    }))
}

fn listing(error: kube::Error) -> Trouble {
    let error = watcher::Error::InitialListFailed(error);
    Trouble::of(&error, Resource::NetworkPolicies)
}

fn other(trouble: Trouble) -> String {
    match trouble {
        Trouble::Other(text) => text,
        trouble => panic!("{trouble:?}"),
    }
}

#[test]
fn a_missing_permission_names_verb_and_resource() {
    assert_eq!(
        listing(answered(403, "User \"x\" cannot ...")),
        Trouble::Forbidden(
            "needs list on networkpolicies.networking.k8s.io (403 Forbidden)".to_owned()
        )
    );
    let watch = watcher::Error::WatchStartFailed(answered(403, ""));
    assert_eq!(
        Trouble::of(&watch, Resource::Pods),
        Trouble::Forbidden("needs watch on pods (403 Forbidden)".to_owned())
    );
}

#[test]
fn a_missing_permission_says_what_is_not_known_without_it() {
    let costs = |resource| {
        let watch = watcher::Error::WatchStartFailed(answered(403, ""));
        match Trouble::of(&watch, resource) {
            Trouble::Forbidden(text) => text,
            trouble => panic!("{trouble:?}"),
        }
    };
    let text = costs(Resource::CalicoGlobalNetworkPolicies);
    assert!(
        text.starts_with("needs watch on globalnetworkpolicies.crd.projectcalico.org")
            && text.ends_with("not known whether there are such policies, which are not evaluated"),
        "{text}"
    );
    let text = costs(Resource::ReplicaSets);
    assert!(text.ends_with("by the name of its controller"), "{text}");
}

#[test]
fn answers_that_are_no_trouble_are_told_apart() {
    assert_eq!(listing(answered(404, "page not found")), Trouble::Absent);
    let Trouble::Behind = listing(answered(410, "too old resource version")) else {
        panic!("410 is answered by a new list")
    };
}

#[test]
fn answers_are_put_in_plain_words() {
    let expired = other(listing(answered(401, "Unauthorized")));
    assert!(expired.contains("expired"), "{expired}");
    assert_eq!(
        other(listing(answered(503, "etcd leader changed"))),
        "the API server answers 503: etcd leader changed"
    );
}

#[test]
fn what_happens_below_http_is_found_among_the_causes() {
    let service = |error: io::Error| {
        let nested = io::Error::new(error.kind(), error);
        other(listing(kube::Error::Service(Box::new(nested))))
    };
    for (kind, start) in [
        (io::ErrorKind::ConnectionRefused, "connection refused"),
        (io::ErrorKind::TimedOut, "the API server does not answer"),
        (io::ErrorKind::NetworkUnreachable, "there is no route"),
    ] {
        let text = service(kind.into());
        assert!(text.starts_with(start), "{text}");
    }
    let untrusted = io::Error::new(
        io::ErrorKind::InvalidData,
        "invalid peer certificate: UnknownIssuer",
    );
    assert_eq!(
        service(untrusted),
        "the certificate of the API server cannot be trusted: UnknownIssuer"
    );
}
