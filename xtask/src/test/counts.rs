//! What the test runners' own summaries say.

use std::fmt;
use std::ops::AddAssign;

/// Tests by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    /// Of those that passed: only when tried again.
    pub(super) flaky: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.flaky += other.flaky;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed", self.passed)?;
        if self.flaky > 0 {
            write!(f, " ({} flaky)", self.flaky)?;
        }
        write!(f, ", {} failed, {} skipped", self.failed, self.skipped)
    }
}

/// nextest's summary line. It calls tests skipped that a filter left out, so those count only when
/// there was no filter.
pub(super) fn nextest_summary(line: &str, count_skipped: bool) -> Option<Counts> {
    let text = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once("tests run: ")?
        .1;
    let mut counts = by_word(text, ',');
    counts.flaky = flaky(text);
    counts.failed += number_before(text, "timed out", ',');
    if !count_skipped {
        counts.skipped = 0;
    }
    Some(counts)
}

/// The number in `20 passed (1 slow, 2 flaky)`; 0 when there is none.
fn flaky(text: &str) -> u64 {
    let remarks = text
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'));
    remarks.map_or(0, |(remarks, _)| number_before(remarks, "flaky", ','))
}

/// Name of a test that nextest lists, behind its summary, as one that failed and passed when tried again.
pub(super) fn flaky_test(line: &str) -> Option<&str> {
    let (_, place_and_name) = line.trim_start().strip_prefix("FLAKY ")?.split_once("] ")?;
    Some(match place_and_name.split_once(") ") {
        Some((_, name)) => name,
        None => place_and_name,
    })
}

/// The summary line that each binary of `cargo test` ends with.
pub(super) fn cargo_summary(line: &str) -> Option<Counts> {
    let text = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let mut counts = by_word(text, ';');
    counts.skipped = number_before(text, "ignored", ';');
    Some(counts)
}

fn by_word(text: &str, separator: char) -> Counts {
    Counts {
        passed: number_before(text, "passed", separator),
        flaky: 0,
        failed: number_before(text, "failed", separator),
        skipped: number_before(text, "skipped", separator),
    }
}

/// The number in front of `word`, in a list of `NUMBER WORD …`; 0 when the word is not there.
fn number_before(text: &str, word: &str, separator: char) -> u64 {
    text.split(separator)
        .filter_map(|part| part.trim().split_once(' '))
        .find(|(_, rest)| rest.starts_with(word))
        .map_or(0, |(number, _)| number.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_summaries_are_read() {
        let line = "     Summary [   1.9s] 23 tests run: 20 passed (1 slow), 2 failed, \
                    1 timed out, 4 skipped";
        let counts = nextest_summary(line, true).unwrap();
        assert_eq!(
            counts,
            Counts {
                passed: 20,
                flaky: 0,
                failed: 3,
                skipped: 4
            }
        );
        assert_eq!(nextest_summary(line, false).unwrap().skipped, 0);
        assert_eq!(nextest_summary("        PASS [   0.0s] a::b", true), None);
    }

    #[test]
    fn flaky_tests_are_counted_and_named() {
        let line =
            "     Summary [   1.7s] 4 tests run: 3 passed (1 slow, 2 flaky), 1 failed, 0 skipped";
        let counts = nextest_summary(line, true).unwrap();
        assert_eq!(
            counts.to_string(),
            "3 passed (2 flaky), 1 failed, 0 skipped"
        );
        let alone = line.replace("1 slow, ", "");
        assert_eq!(nextest_summary(&alone, true), Some(counts));
        assert_eq!(
            flaky_test("   FLAKY 2/2 [   0.006s] (1/4) toy::whole one::of_them"),
            Some("toy::whole one::of_them")
        );
        assert_eq!(
            flaky_test("   FLAKY 2/2 [   0.006s] toy one"),
            Some("toy one")
        );
        assert_eq!(flaky_test("  TRY 2 PASS [   0.006s] (1/4) toy one"), None);
    }

    #[test]
    fn cargo_summaries_are_read() {
        let line =
            "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out";
        let counts = cargo_summary(line).unwrap();
        assert_eq!(counts.to_string(), "12 passed, 1 failed, 2 skipped");
        assert_eq!(cargo_summary("test a ... ok"), None);
    }
}
