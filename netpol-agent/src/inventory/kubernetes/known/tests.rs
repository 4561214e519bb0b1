use netpol_policy::k8s::ObjectError;
use netpol_policy::model::{Namespace, Object};

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey {
        kind: "Namespace".into(),
        namespace: "".into(),
        name: name.into(),
    }
}

fn object(name: &str) -> Object {
    Object::Namespace(Namespace {
        name: name.into(),
        labels: [("team".to_owned(), "db".to_owned())]
            .into_iter()
            .collect::<BTreeMap<_, _>>()
            .into(),
    })
}

fn there(name: &str) -> Event {
    Event::There(Box::new(Delivered {
        key: key(name),
        outcome: Ok(Content::Object(object(name))),
        warnings: Vec::new(),
    }))
}

fn error(message: &str) -> ObjectError {
    ObjectError {
        field: "spec".to_owned(),
        message: message.to_owned(),
    }
}

fn broken(name: &str) -> Event {
    Event::There(Box::new(Delivered {
        key: key(name),
        outcome: Err(error("expected a list")),
        warnings: Vec::new(),
    }))
}

fn listed(names: &[&str]) -> Known {
    let mut known = Known::default();
    known.take(Event::Listing);
    for name in names {
        known.take(there(name));
    }
    assert_eq!(known.take(Event::Listed), []);
    known
}

fn told(known: &Known) -> Vec<(String, String)> {
    let mut report = Report::default();
    known.report(&mut report);
    let problems = report.errors.into_iter().chain(report.warnings);
    problems.map(|one| (one.object, one.message)).collect()
}

#[test]
fn what_a_new_list_does_not_name_is_gone() {
    let mut known = listed(&["a", "b", "c"]);
    assert_eq!(known.take(Event::Listing), []);
    assert_eq!(known.take(there("a")), [Change::Apply(object("a"))]);
    assert_eq!(known.take(there("d")), [Change::Apply(object("d"))]);
    let mut gone = known.take(Event::Listed);
    gone.sort_by_key(Change::key);
    assert_eq!(gone, [Change::Remove(key("b")), Change::Remove(key("c"))]);
    assert_eq!(
        known.take(Event::Gone(key("d"))),
        [Change::Remove(key("d"))]
    );
}

#[test]
fn a_list_that_was_cut_short_removes_nothing() {
    let mut known = listed(&["a", "b"]);
    known.take(Event::Listing);
    known.take(there("a"));
    known.take(Event::Failed { forbidden: false });
    assert_eq!(known.take(Event::Listing), []);
    known.take(there("b"));
    assert_eq!(known.take(Event::Listed), [Change::Remove(key("a"))]);
}

#[test]
fn an_object_that_goes_while_a_list_is_read_is_gone_once() {
    let mut known = listed(&["a"]);
    known.take(Event::Listing);
    known.take(there("a"));
    assert_eq!(
        known.take(Event::Gone(key("a"))),
        [Change::Remove(key("a"))]
    );
    assert_eq!(known.take(Event::Listed), []);
}

#[test]
fn what_cannot_be_used_is_told_until_it_can_or_is_gone_and_the_version_before_stays() {
    let mut known = listed(&["a"]);
    assert_eq!(known.take(broken("a")), []);
    assert_eq!(known.take(broken("b")), []);
    let message = "expected a list".to_owned();
    let stays = format!("{message}; the version before stays in force");
    let a = ("Namespace a".to_owned(), stays);
    let b = ("Namespace b".to_owned(), message);
    assert_eq!(told(&known), [a, b.clone()]);

    // A list that names it, broken as it is, does not take it away.
    known.take(Event::Listing);
    known.take(broken("a"));
    known.take(broken("b"));
    assert_eq!(known.take(Event::Listed), []);

    assert_eq!(known.take(there("a")), [Change::Apply(object("a"))]);
    assert_eq!(told(&known), [b]);
    assert_eq!(
        known.take(Event::Gone(key("b"))),
        [],
        "it never was in force"
    );
    assert_eq!(told(&known), []);

    known.take(broken("c"));
    known.take(Event::Listing);
    known.take(there("a"));
    assert_eq!(known.take(Event::Listed), []);
    assert_eq!(told(&known), []);
}

#[test]
fn warnings_are_told_of_what_is_in_force() {
    let mut known = Known::default();
    known.take(Event::There(Box::new(Delivered {
        key: key("a"),
        outcome: Ok(Content::Object(object("a"))),
        warnings: vec![error("odd")],
    })));
    let odd = ("Namespace a".to_owned(), "odd".to_owned());
    assert_eq!(told(&known), [odd]);
    known.take(there("a"));
    assert_eq!(told(&known), []);
}

#[test]
fn a_resource_that_goes_takes_its_objects_along() {
    let mut known = listed(&["a"]);
    known.take(broken("b"));
    assert_eq!(known.take(Event::Absent), [Change::Remove(key("a"))]);
    assert_eq!(told(&known), []);
    assert_eq!(known.take(Event::Absent), []);
}

#[test]
fn the_first_inventory_waits_for_what_may_still_come() {
    let after = |events: Vec<Event>| {
        let mut known = Known::default();
        for event in events {
            known.take(event);
        }
        (known.is_settled(true), known.is_settled(false))
    };
    let away = || Event::Failed { forbidden: false };
    let forbidden = || Event::Failed { forbidden: true };
    assert_eq!(after(vec![]), (false, false));
    assert_eq!(after(vec![Event::Listing, there("a")]), (false, false));
    assert_eq!(after(vec![Event::Listing, Event::Listed]), (true, true));
    assert_eq!(after(vec![away()]), (false, true));
    assert_eq!(after(vec![forbidden()]), (true, true));
    assert_eq!(after(vec![forbidden(), away()]), (false, true));
    assert_eq!(after(vec![Event::Absent]), (true, true));
}

#[test]
fn what_was_read_once_stays_read_until_it_is_there_and_forbidden() {
    let mut known = listed(&["a"]);
    known.take(Event::Failed { forbidden: true });
    assert!(known.is_read(), "as it was before");
    let mut known = Known::default();
    assert!(!known.is_read());
    known.take(Event::Absent);
    known.take(Event::Failed { forbidden: false });
    assert!(known.is_read());
    known.take(Event::Failed { forbidden: true });
    assert!(!known.is_read(), "it was installed meanwhile");
}
