//! An API server that is away, or breaks off, costs news alone.

use netpol_testkit::FlowsCommand;
use netpol_testkit::requirement::require_root;
use serde_json::Value;

use crate::scene::{POLICIES, Scene, every_watch, policy, wait_for, watch};

#[test]
fn a_server_that_is_away_costs_news_alone() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.stop().unwrap();
    let agent = scene.agent();
    let waiting = wait_for(&agent, |status| every_watch(status, "failing"));
    assert_eq!(waiting["generation"], 0, "{waiting:#}");
    assert_eq!(watch(&waiting, "pods")["heard"], Value::Null);
    let text = FlowsCommand::against(&agent).text(["status"]).unwrap();
    assert!(text.contains("the inventory is not there yet"), "{text}");
    scene.server.restart().unwrap();
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });

    scene.server.stop().unwrap();
    let away = wait_for(&agent, |status| watch(status, "pods")["state"] == "failing");
    let pods = watch(&away, "pods");
    let error = pods["error"].as_str().unwrap();
    assert!(error.starts_with("connection refused"), "{error}");
    assert!(pods["heard"].is_string(), "{pods}");
    assert_eq!(away["pods"], 2);
    let flow = scene.flow(&agent, 42_003);
    assert_eq!(flow["destination"]["pod"], "db", "{flow:#}");

    // It comes back with less than there was, and without the history that says so.
    scene.server.delete("Pod", "ci", "build").unwrap();
    scene.server.apply(policy("new")).unwrap();
    scene.server.forget_history();
    scene.server.restart().unwrap();
    wait_for(&agent, |status| {
        status["pods"] == 1 && status["network_policies"] == 1 && every_watch(status, "following")
    });
    agent.stop().unwrap();
}

#[test]
fn streams_that_are_cut_lose_nothing() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| every_watch(status, "following"));
    for number in 1..=5 {
        scene.server.cut_streams();
        scene.server.apply(policy(&format!("p{number}"))).unwrap();
        if number == 3 {
            scene.server.forget_history();
        }
    }
    wait_for(&agent, |status| {
        status["network_policies"] == 5 && every_watch(status, "following")
    });
    scene.server.send_garbage(POLICIES);
    wait_for(&agent, |status| {
        watch(status, POLICIES)["state"] == "failing"
    });
    // A sign of life is enough.
    scene.server.send_bookmarks();
    scene.server.apply(policy("p6")).unwrap();
    wait_for(&agent, |status| {
        status["network_policies"] == 6 && every_watch(status, "following")
    });
    agent.stop().unwrap();
}

#[test]
fn refusals_of_a_server_that_has_too_much_to_do_are_outlived() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    for (code, words) in [(503, "answers 503"), (429, "asks to come back later")] {
        scene.server.fail_requests(Some(code));
        let agent = scene.agent();
        let failing = wait_for(&agent, |status| every_watch(status, "failing"));
        let error = watch(&failing, "pods")["error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
        let before = scene.server.requests();
        scene.server.fail_requests(None);
        wait_for(&agent, |status| {
            status["pods"] == 2 && every_watch(status, "following")
        });
        let lists = scene.server.requests().into_iter();
        let lists = lists.filter(|((verb, _), _)| verb == "list");
        let lists: Vec<_> = lists.collect();
        assert_eq!(
            lists,
            [],
            "its version was asked for again: lists are streamed"
        );

        scene.server.fail_requests(Some(code));
        scene.server.cut_streams();
        let away = wait_for(&agent, |status| watch(status, "pods")["state"] == "failing");
        assert_eq!(away["pods"], 2);
        scene.server.fail_requests(None);
        wait_for(&agent, |status| every_watch(status, "following"));
        assert!(scene.server.requests() > before);
        agent.stop().unwrap();
    }
}
