//! What was found, as JUnit XML: a test case for each row, which fails where `--fail-on` names what changes.

use netpol_policy::replay::Change;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::fail::Kind;
use super::found::Found;
use super::{sentences, text, words};
use crate::error::CliError;
use crate::text::clean;
use crate::traffic::{connections, time};

/// The whole report.
///
/// # Errors
/// What no XML can hold; names do not come so far.
pub(super) fn text(found: &Found<'_>) -> Result<String, CliError> {
    let mut report = Report::new("flows replay");
    for kind in Kind::ALL {
        let mut suite = TestSuite::new(kind.as_str());
        suite.add_test_cases(match kind {
            Kind::Traffic(change) => traffic(found, change),
            Kind::Opened | Kind::Closed => permitted(found, kind),
        });
        if suite.test_cases.is_empty() {
            // What was looked for and not found is a success to be seen.
            let name = format!("nothing {}", kind.as_str().replace('-', " "));
            suite.add_test_case(TestCase::new(name, TestCaseStatus::success()));
        }
        report.add_test_suite(suite);
    }
    report.add_test_suite(evidence(found));
    let text = report.to_string().map_err(|error| {
        CliError::Answer(std::io::Error::other(format!(
            "no XML can be made: {error}"
        )))
    })?;
    Ok(text)
}

fn traffic(found: &Found<'_>, change: Change) -> Vec<TestCase> {
    let kind = Kind::Traffic(change);
    let cases = found.rows(change).map(|row| {
        let (from, to) = (words::source(row), words::destination(row));
        let name = format!("{from} to {to} at {}", words::port(row));
        let seen = &row.seen;
        let why = format!(
            "{} seen ({}), the last at {}\nbefore: {}\nafter: {}",
            connections(seen.sum.all()),
            words::observed(seen),
            time(seen.last),
            words::said(&row.before),
            words::said(&row.after),
        );
        let place = found.place_of(row).map(|place| (place.file, place.line));
        case(found, kind, &name, &why, place)
    });
    let others = match change {
        Change::Unknown => found.untold(),
        _ => Vec::new(),
    };
    let others = others.iter().map(|one| {
        let place = one.place.as_ref();
        let place = place.map(|place| (place.file.clone(), place.line));
        case(found, kind, &one.what, one.why, place)
    });
    cases.chain(others).collect()
}

fn permitted(found: &Found<'_>, kind: Kind) -> Vec<TestCase> {
    let cases = found.permitted(kind).map(|change| {
        let (ports, example) = words::side(change, kind);
        let (from, to) = (words::parties(&change.from), words::parties(&change.to));
        let name = format!("{from} to {to} at {}", words::ports(ports));
        let why = format!("such as {}", words::example(example));
        let place = example.and_then(|example| found.place_of_example(example));
        let place = place.map(|place| (place.file, place.line));
        case(found, kind, &name, &why, place)
    });
    cases.collect()
}

fn case(
    found: &Found<'_>,
    kind: Kind,
    name: &str,
    why: &str,
    place: Option<(String, usize)>,
) -> TestCase {
    let lines = why.lines().map(plain);
    let why = lines.collect::<Vec<_>>().join("\n");
    let status = if found.arguments.fail_on.has(kind) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status
            .set_type(kind.as_str())
            .set_message(kind.sentence())
            .set_description(&*why);
        status
    } else {
        TestCaseStatus::success()
    };
    let mut case = TestCase::new(plain(name), status);
    case.set_classname(kind.as_str());
    if !found.arguments.fail_on.has(kind) {
        case.set_system_out(why);
    }
    if let Some((file, line)) = place {
        case.extra.insert("file".into(), plain(&file).into());
        case.extra.insert("line".into(), line.to_string().into());
    }
    case
}

/// What the answer rests on: an error where it rests on nothing.
fn evidence(found: &Found<'_>) -> TestSuite {
    let status = match found.insufficient().as_slice() {
        [] => TestCaseStatus::success(),
        reasons => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            let reasons = reasons.join("; ");
            status.set_message(plain(&format!("insufficient evidence: {reasons}")));
            status
        }
    };
    let mut case = TestCase::new("evidence", status);
    let sentences = text::summary(found)
        .into_iter()
        .chain(sentences::evidence(found));
    let sentences: Vec<String> = sentences.map(|one| plain(&one)).collect();
    case.set_system_out(sentences.join("\n"));
    let mut suite = TestSuite::new("evidence");
    suite.add_test_case(case);
    suite
}

/// Text that every XML can hold.
fn plain(text: &str) -> String {
    clean(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
