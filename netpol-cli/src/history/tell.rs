//! Warnings about a history, on standard error: an answer that rests on less than was asked for says so.

use netpol_history::Problems;
use netpol_policy::history::History;

use crate::text::clean;

/// Nobody reads more lines than these.
const SHOWN: usize = 10;

/// What could not be read of a file.
pub(super) fn problems(file: &str, problems: &Problems) {
    for problem in problems.iter().take(SHOWN) {
        line(&format!("{file}: {problem}"));
    }
    // A usize has no more than 64 bits.
    let more = problems.count().saturating_sub(SHOWN as u64);
    if more > 0 {
        line(&format!("{file}: {more} more lines could not be read"));
    }
}

/// Nodes of which nothing is known.
pub(crate) fn missing(history: &History) {
    for node in history.missing.iter().take(SHOWN) {
        match node.name.as_str() {
            "" => line(&node.reason),
            name => line(&format!("no history of {name}: {}", node.reason)),
        }
    }
    let more = history.missing.len().saturating_sub(SHOWN);
    if more > 0 {
        line(&format!("no history of {more} more nodes"));
    }
}

/// Something to know beside the answer.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("flows: {}", clean(text));
}

fn line(text: &str) {
    anstream::eprintln!("flows: warning: {}", clean(text));
}
