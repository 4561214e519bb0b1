//! What was found, for a comment on a pull request.

use netpol_policy::replay::{Change, Row};

use super::fail::Kind;
use super::found::Found;
use super::{sentences, text, words};
use crate::text::clean;
use crate::traffic::time;

/// Rows of a table.
const ROWS: usize = 40;

/// Bytes of all tables, and with what the answer rests on: GitHub refuses comments of more than 65,536 characters.
const ROOM_FOR_TABLES: usize = 50_000;
const ROOM: usize = 60_000;

/// The whole comment.
pub(super) fn text(found: &Found<'_>) -> String {
    let mut out = String::from("### Network policy: replay of the traffic that was seen\n\n");
    for line in text::summary(found) {
        out.push_str(&format!("{}\n\n", prose(&line)));
    }
    if !found.insufficient().is_empty() {
        out.push_str("❌ **Insufficient evidence: nothing can be concluded.** See below.\n\n");
    }
    match found.failures().as_slice() {
        [] if !found.insufficient().is_empty() => {}
        [] => out.push_str("✅ Nothing of what this check fails on was found.\n\n"),
        kinds => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            out.push_str(&format!("❌ **Found: {}.**\n\n", kinds.join(", ")));
        }
    }
    for change in Change::ALL {
        let rows: Vec<&Row> = found.rows(change).collect();
        let kind = Kind::Traffic(change);
        let cells = rows.iter().map(|row| {
            let why = match change {
                Change::NewlyDenied | Change::NewlyAllowed => words::because(&row.after),
                Change::Unknown => words::unknown(row),
                Change::OtherReason => format!(
                    "{}, before {}",
                    words::said(&row.after),
                    words::said(&row.before)
                ),
            };
            vec![
                words::source(row),
                words::destination(row),
                words::port(row),
                row.seen.sum.all().to_string(),
                words::observed(&row.seen),
                time(row.seen.last),
                why,
            ]
        });
        let headings = [
            "From",
            "To",
            "Port",
            "Connections",
            "Seen",
            "Last seen",
            "Why",
        ];
        // What needs no attention is folded.
        section(
            &mut out,
            found,
            kind,
            &headings,
            cells,
            change == Change::OtherReason,
        );
        if change == Change::Unknown {
            untold(&mut out, found);
        }
    }
    for kind in [Kind::Opened, Kind::Closed] {
        let cells = found.permitted(kind).map(|change| {
            let (ports, example) = words::side(change, kind);
            vec![
                words::parties(&change.from),
                words::parties(&change.to),
                words::ports(ports),
                words::example(example),
            ]
        });
        let headings = ["From", "To", "Ports", "Such as"];
        section(&mut out, found, kind, &headings, cells, false);
    }
    out.push_str("<sub>\n\n");
    let sentences = sentences::evidence(found);
    for (index, sentence) in sentences.iter().enumerate() {
        let line = format!("{}  \n", prose(sentence));
        if out.len() + line.len() > ROOM {
            out.push_str(&format!("… and {} more.\n", sentences.len() - index));
            break;
        }
        out.push_str(&line);
    }
    out.push_str("\n</sub>\n");
    out
}

/// What cannot be told beside traffic.
fn untold(out: &mut String, found: &Found<'_>) {
    let lines = found.untold();
    if lines.is_empty() {
        return;
    }
    out.push_str("What cannot be told beside the traffic that was seen:\n\n");
    let mut shown = 0;
    for line in lines.iter().take(ROWS) {
        let line = format!("- {}\n", prose(&line.to_string()));
        if out.len() + line.len() > ROOM_FOR_TABLES {
            break;
        }
        out.push_str(&line);
        shown += 1;
    }
    if let more @ 1.. = lines.len() - shown {
        out.push_str(&format!("- … and {more} more.\n"));
    }
    out.push('\n');
}

fn section(
    out: &mut String,
    found: &Found<'_>,
    kind: Kind,
    headings: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    is_folded: bool,
) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let mark = if found.arguments.fail_on.has(kind) {
        "❌ "
    } else {
        ""
    };
    let heading = format!("{mark}{} ({})", kind.heading(), rows.len());
    if is_folded {
        out.push_str(&format!("<details><summary>{heading}</summary>\n\n"));
    } else {
        out.push_str(&format!("#### {heading}\n\n{}\n\n", kind.sentence()));
    }
    out.push_str(&format!("| {} |\n", headings.join(" | ")));
    out.push_str(&format!("|{}\n", " --- |".repeat(headings.len())));
    let mut shown = 0;
    for row in rows.iter().take(ROWS) {
        let cells: Vec<String> = row.iter().map(|cell| code(cell)).collect();
        let line = format!("| {} |\n", cells.join(" | "));
        if out.len() + line.len() > ROOM_FOR_TABLES {
            break;
        }
        out.push_str(&line);
        shown += 1;
    }
    if let more @ 1.. = rows.len() - shown {
        out.push_str(&format!("\n… and {more} more.\n"));
    }
    out.push_str(if is_folded { "\n</details>\n\n" } else { "\n" });
}

/// Longest cell: a hostile name fills no comment.
const LONGEST: usize = 300;

/// Text that is shown as it is: in `<code>`, where nobody is mentioned and nothing becomes a link.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("<code>{}</code>", escaped(&shortened(text, LONGEST)))
}

fn shortened(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A sentence in which nothing is markup, and nobody is mentioned.
fn prose(text: &str) -> String {
    escaped(&shortened(text, 4 * LONGEST))
}

/// Whatever Markdown or HTML could take for markup, as character references.
fn escaped(text: &str) -> String {
    const PLAIN: &str = " ,.:;/-%()=+?";
    let mut out = String::with_capacity(text.len());
    for character in clean(text).chars() {
        match character {
            // The comment keeps the sign from the name, which would be an address of mail or somebody.
            '@' => out.push_str("&#64;<!-- -->"),
            _ if character.is_ascii_punctuation() && !PLAIN.contains(character) => {
                out.push_str(&format!("&#{};", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    // GitHub makes links of these wherever they stand, in `<code>` too.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        for (name, shown) in [
            ("prod/web", "<code>prod/web</code>"),
            ("a|b", "<code>a&#124;b</code>"),
            (
                "</code><img src=x>",
                "<code>&#60;/code&#62;&#60;img src=x&#62;</code>",
            ),
            (
                "`x` *y* _z_ [l](u)",
                "<code>&#96;x&#96; &#42;y&#42; &#95;z&#95; &#91;l&#93;(u)</code>",
            ),
            ("@org/team", "<code>&#64;<!-- -->org/team</code>"),
            (
                "http://a.example www.b.example",
                "<code>http&#58;//a.example www&#46;b.example</code>",
            ),
            ("a\nb\u{202e}c", "<code>a\u{fffd}b\u{fffd}c</code>"),
        ] {
            assert_eq!(code(name), shown);
        }
        assert_eq!(code(&"a".repeat(1000)).chars().count(), 300 + 1 + 13);
        assert_eq!(prose("node @org: gone"), "node &#64;<!-- -->org: gone");
    }
}
