//! Lengths of time and lists of names, in words.

use std::time::Duration;

/// The two largest units: `7d`, `6d 3h`, `2h 5m`, `40s`.
#[must_use]
pub fn span(length: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut seconds = length.as_secs();
    let mut words = Vec::new();
    for (name, unit) in UNITS {
        let count = seconds / unit;
        seconds %= unit;
        if count > 0 {
            words.push(format!("{count}{name}"));
        } else if !words.is_empty() {
            // What follows a unit that is not there would read as if it were more exact than it is.
            break;
        }
        if words.len() == 2 {
            break;
        }
    }
    if words.is_empty() {
        words.push("0s".to_owned());
    }
    words.join(" ")
}

/// Names that are told by themselves.
const TOLD: usize = 3;

/// `a, b and c`, or `a, b, c and 4 more`.
pub(super) fn some(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] if names.len() <= TOLD => format!("{} and {last}", rest.join(", ")),
        names => {
            let more = names.len() - TOLD;
            format!("{} and {more} more", names[..TOLD].join(", "))
        }
    }
}

/// `1 pod`, `2 pods`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_two_largest_units() {
        for (seconds, words) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "1m 1s"),
            (3_600, "1h"),
            (3_601, "1h"),
            (90_000, "1d 1h"),
            (7 * 86_400, "7d"),
            (7 * 86_400 + 61, "7d"),
            (7 * 86_400 - 1, "6d 23h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names = |count: usize| -> Vec<String> {
            ["a", "b", "c", "d", "e"][..count]
                .iter()
                .map(|name| (*name).to_owned())
                .collect()
        };
        for (count, words) in [
            (0, ""),
            (1, "a"),
            (2, "a and b"),
            (3, "a, b and c"),
            (5, "a, b, c and 2 more"),
        ] {
            assert_eq!(some(&names(count)), words);
        }
    }
}
