//! Tokens and rights: reviewed, asked for, and used by a caller of the server itself.

use k8s_openapi::api::authentication::v1::{
    TokenRequest, TokenRequestSpec, TokenReview, TokenReviewSpec, TokenReviewStatus,
};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use netpol_testkit::api_server::User;

use super::*;

async fn examine(client: &Client, token: &str, audiences: &[&str]) -> TokenReviewStatus {
    let audiences: Vec<_> = audiences.iter().map(|&audience| audience.into()).collect();
    let review = TokenReview {
        spec: TokenReviewSpec {
            token: token.to_owned(),
            audiences: Some(audiences).filter(|audiences| !audiences.is_empty()),
        },
        ..TokenReview::default()
    };
    let reviews = Api::<TokenReview>::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.unwrap().status.unwrap()
}

async fn may_watch(client: &Client, user: &str, group: &str, namespace: Option<&str>) -> bool {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            groups: Some(vec![group.to_owned()]),
            resource_attributes: Some(ResourceAttributes {
                verb: Some("watch".to_owned()),
                group: Some("observer.netpol".to_owned()),
                resource: Some("flows".to_owned()),
                namespace: namespace.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.unwrap().status.unwrap().allowed
}

#[tokio::test]
async fn token_review_tells_whose_token_it_is_until_it_is_revoked() {
    let server = ApiServer::start().unwrap();
    let client = client(&server).await;
    let jane = User::new("jane").group("shop-developers").extra("k", "v");
    server.add_token("secret", jane);
    let status = examine(&client, "secret", &[]).await;
    assert_eq!(status.authenticated, Some(true));
    let user = status.user.unwrap();
    assert_eq!(user.username.as_deref(), Some("jane"));
    assert_eq!(
        user.groups.unwrap(),
        ["system:authenticated", "shop-developers"]
    );
    assert_eq!(user.extra.unwrap()["k"], ["v"]);

    let other = examine(&client, "secret", &["another"]).await;
    assert_eq!(other.authenticated, None);
    assert!(other.error.unwrap().contains("audiences"));
    server.revoke_token("secret");
    assert_eq!(examine(&client, "secret", &[]).await.authenticated, None);
    assert_eq!(
        count(&server, "create", "tokenreviews.authentication.k8s.io"),
        3
    );
}

#[tokio::test]
async fn access_is_what_was_granted_to_the_user_or_a_group() {
    let server = ApiServer::start().unwrap();
    let client = client(&server).await;
    let flows = "flows.observer.netpol";
    server.grant("developers", "watch", flows, Some("shop"));
    assert!(may_watch(&client, "jane", "developers", Some("shop")).await);
    assert!(!may_watch(&client, "jane", "developers", Some("bank")).await);
    assert!(!may_watch(&client, "jane", "developers", None).await);
    server.grant("jane", "watch", flows, None);
    assert!(may_watch(&client, "jane", "", Some("bank")).await);
    assert!(may_watch(&client, "jane", "", None).await);
    server.revoke("developers", "watch", flows, Some("shop"));
    assert!(!may_watch(&client, "joe", "developers", Some("shop")).await);
    let reviews = server.access_reviews();
    assert_eq!(reviews[0]["groups"], json!(["developers"]));
    assert_eq!(reviews.len(), 6);
}

#[tokio::test]
async fn review_itself_can_be_forbidden_and_held_up() {
    let server = ApiServer::start().unwrap();
    let client = client(&server).await;
    server.deny("create", "tokenreviews.authentication.k8s.io");
    let reviews = Api::<TokenReview>::all(client.clone());
    let review = TokenReview::default();
    let error = reviews.create(&PostParams::default(), &review).await;
    let kube::Error::Api(status) = error.unwrap_err() else {
        panic!("no answer of the server")
    };
    assert_eq!(
        status.message,
        "tokenreviews.authentication.k8s.io is forbidden: User \
         \"system:serviceaccount:netpol:netpol-agent\" cannot create resource \"tokenreviews\" in \
         API group \"authentication.k8s.io\" at the cluster scope"
    );
    server.pause();
    let review = may_watch(&client, "jane", "developers", None);
    let early = tokio::time::timeout(Duration::from_millis(200), review).await;
    assert!(early.is_err(), "a paused server has answered");
}

#[tokio::test]
async fn token_of_a_service_account_is_a_callers_with_its_rights() {
    let server = ApiServer::start().unwrap();
    let agent = client(&server).await;
    let accounts = Api::<ServiceAccount>::namespaced(agent.clone(), "netpol");
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: Some(vec![
                "https://kubernetes.default.svc.cluster.local".to_owned(),
            ]),
            expiration_seconds: Some(600),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let params = PostParams::default();
    let missing = accounts.create_token_request("reader", &params, &request);
    let error = missing.await.unwrap_err().to_string();
    assert!(
        error.contains("serviceaccounts \"reader\" not found"),
        "{error}"
    );

    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "namespace": "netpol", "name": "reader" },
    });
    server.apply(account).unwrap();
    let answer = accounts.create_token_request("reader", &params, &request);
    let status = answer.await.unwrap().status.unwrap();
    assert!(status.expiration_timestamp.unwrap().0 > jiff::Timestamp::now());
    let token = status.token.unwrap();
    let user = examine(&agent, &token, &[]).await.user.unwrap();
    assert_eq!(
        user.username.as_deref(),
        Some("system:serviceaccount:netpol:reader")
    );

    let mut config = Config::new(server.url().parse().unwrap());
    config.auth_info.token = Some(token.into());
    let pods = Api::<Pod>::all(Client::try_from(config).unwrap());
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("User \"system:serviceaccount:netpol:reader\" cannot list"),
        "{error}"
    );
    server.grant("system:serviceaccounts:netpol", "list", "pods", None);
    pods.list(&ListParams::default()).await.unwrap();
}
