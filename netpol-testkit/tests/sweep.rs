//! What a killed process leaves is removed by the next one, and nothing else is.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use netpol_testkit::Namespace;
use netpol_testkit::record::{self, ProcessId, Resource};
use netpol_testkit::requirement::require_root;

const ROLE: &str = "NETPOL_TESTKIT_LEFT_BEHIND";

/// Not a test of its own: the process that the next test starts and kills.
#[test]
fn process_that_is_killed() {
    let Some(name) = std::env::var_os(ROLE) else {
        return;
    };
    let _namespace = Namespace::create(&name.to_string_lossy()).unwrap();
    let mut helper = Command::new("sleep").arg("60").spawn().unwrap();
    record::add(&Resource::Process(ProcessId::of(helper.id()).unwrap())).unwrap();
    println!("\nready {}", helper.id());
    helper.wait().unwrap();
}

#[test]
fn leftovers_of_a_killed_process_are_swept() {
    if !require_root() {
        return;
    }
    let name = netpol_testkit::namespace::unique_name("npt-killed");
    let own = Namespace::unique("npt-own").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process_that_is_killed", "--nocapture"])
        .env(ROLE, &name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines
        .map_while(Result::ok)
        .find_map(|l| l.strip_prefix("ready ")?.parse().ok());
    let helper = ProcessId::of(ready.unwrap()).unwrap();
    record::sweep().unwrap();
    assert!(
        std::path::Path::new("/run/netns").join(&name).exists(),
        "its owner still runs"
    );

    child.kill().unwrap();
    child.wait().unwrap();
    let removed = record::sweep().unwrap();
    assert!(
        removed.contains(&Resource::Namespace(name.clone())),
        "{removed:?}"
    );
    assert!(removed.contains(&Resource::Process(helper)), "{removed:?}");
    assert!(!std::path::Path::new("/run/netns").join(&name).exists());
    assert!(
        std::path::Path::new("/run/netns").join(own.name()).exists(),
        "ours is left alone"
    );
}
