//! What the test runners' own summaries say.

use std::fmt;
use std::ops::AddAssign;

/// Tests by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
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
    counts.failed += number_before(text, "timed out", ',');
    if !count_skipped {
        counts.skipped = 0;
    }
    Some(counts)
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
                failed: 3,
                skipped: 4
            }
        );
        assert_eq!(nextest_summary(line, false).unwrap().skipped, 0);
        assert_eq!(nextest_summary("        PASS [   0.0s] a::b", true), None);
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
