//! Strings that come from a server reach the terminal without control characters.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

/// Replaces what could move the cursor, change colours or reorder text by `�`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains(is_hostile) {
        Cow::Owned(text.replace(is_hostile, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn is_hostile(c: char) -> bool {
    // Controls, and the format characters that override the direction of text or are invisible.
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Breaks a sentence at blanks into rows of at most `width` columns; a longer word stays whole.
pub(crate) fn wrap(sentence: &str, width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match rows.last_mut() {
            Some(row) if row.width() + 1 + word.width() <= width => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}

/// `1 policy`, `3 policies`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_newlines_and_overrides_do_not_pass() {
        assert_eq!(
            clean("a\x1b[31mb\nc\u{202e}d\u{9b}e"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(clean("prod/api → ünïcode"), "prod/api → ünïcode");
    }

    #[test]
    fn rows_keep_within_the_width() {
        assert_eq!(
            wrap("no ingress rule admits ci/build", 12),
            ["no ingress", "rule admits", "ci/build"]
        );
    }
}
