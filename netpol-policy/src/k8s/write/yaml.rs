//! YAML in block style, as a person would write it, that readers of YAML 1.1 and 1.2 read alike.

use ipnet::{Ipv4Net, Ipv6Net};

use super::tree::{Item, Tree};

/// Columns that each level stands further right.
const STEP: usize = 2;

/// Words that some reader takes for something else than text, in lower case.
const RESERVED: [&str; 9] = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];

/// Appends a document.
pub(super) fn document(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Map(fields) if !fields.is_empty() => map(fields, 0, "", out),
        Tree::List(items) if !items.is_empty() => list(items, 0, out),
        other => {
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
}

/// Appends the lines of a comment, if there are any.
pub(super) fn comment(text: &str, indent: usize, out: &mut String) {
    let is_break = |one: char| matches!(one, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let text = text.replace("\r\n", "\n");
    if text.is_empty() {
        return;
    }
    for line in text.split(is_break) {
        let words: String = line
            .chars()
            .map(|one| if is_printable(one) { one } else { ' ' })
            .collect();
        pad(indent, out);
        out.push_str(format!("# {words}").trim_end());
        out.push('\n');
    }
}

/// Fields of a mapping. The first follows what stands in its line already, `first`.
fn map(fields: &[(String, Tree)], indent: usize, first: &str, out: &mut String) {
    for (index, (key, tree)) in fields.iter().enumerate() {
        if index == 0 && !first.is_empty() {
            out.push_str(first);
        } else {
            pad(indent, out);
        }
        out.push_str(&scalar(key));
        out.push(':');
        match tree {
            Tree::Map(fields) if !fields.is_empty() => {
                out.push('\n');
                map(fields, indent + STEP, "", out);
            }
            Tree::List(items) if !items.is_empty() => {
                out.push('\n');
                list(items, indent + STEP, out);
            }
            other => {
                out.push(' ');
                out.push_str(&inline(other));
                out.push('\n');
            }
        }
    }
}

fn list(items: &[Item], indent: usize, out: &mut String) {
    for item in items {
        comment(&item.comment, indent, out);
        pad(indent, out);
        match &item.tree {
            Tree::Map(fields) if !fields.is_empty() => map(fields, indent + STEP, "- ", out),
            Tree::List(items) if !items.is_empty() => {
                out.push_str("-\n");
                list(items, indent + STEP, out);
            }
            other => {
                out.push_str("- ");
                out.push_str(&inline(other));
                out.push('\n');
            }
        }
    }
}

/// What fits into a line: a scalar, or what is empty.
fn inline(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) => scalar(text),
        Tree::Number(number) => number.to_string(),
        Tree::List(_) => "[]".to_owned(),
        Tree::Map(_) => "{}".to_owned(),
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Whether every reader takes a text without quotes for this text. Not all such texts: those that people write so.
fn is_plain(text: &str) -> bool {
    // Two dots and more make no number.
    if text.parse::<Ipv4Net>().is_ok() || text.parse::<std::net::Ipv4Addr>().is_ok() {
        return true;
    }
    // Those that begin with a colon do not look like text to all readers.
    if text.parse::<Ipv6Net>().is_ok() {
        return text.starts_with(|first: char| first.is_ascii_alphabetic());
    }
    let inner =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(inner)
        && !RESERVED.contains(&&*text.to_ascii_lowercase())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            one if is_printable(one) => out.push(one),
            one => out.push_str(&format!("\\U{:08X}", u32::from(one))),
        }
    }
    out.push('"');
    out
}

/// What YAML lets stand as it is and does not take for a line break or a byte order mark.
fn is_printable(one: char) -> bool {
    !one.is_control()
        && !matches!(
            one,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests;
