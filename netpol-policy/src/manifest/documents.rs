//! A YAML text into its documents.

/// One document of a text.
pub(super) struct Document {
    /// Position in the text, from 1; documents that hold nothing count too.
    pub(super) number: usize,
    /// Lines of the text before the first of this document.
    pub(super) lines_before: usize,
    pub(super) text: String,
}

impl Document {
    /// Whether there are only blank lines, comments and directives.
    pub(super) fn is_empty(&self) -> bool {
        self.text.lines().all(is_blank)
    }

    /// Line of the text where its content begins, from 1.
    pub(super) fn first_line(&self) -> usize {
        let blank = self.text.lines().take_while(|line| is_blank(line));
        self.lines_before + blank.count() + 1
    }
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['#', '%'])
}

/// Splits at `---` in the first column, which begins a document wherever it stands, and at `...`, which ends one (YAML
/// 1.2, 9.1). A document without `---` before it counts only where it holds something.
pub(super) fn documents(text: &str) -> Vec<Document> {
    let mut documents: Vec<Document> = Vec::new();
    let mut open = Document {
        number: 1,
        lines_before: 0,
        text: String::new(),
    };
    let mut is_explicit = false;
    for (index, line) in text.lines().enumerate() {
        let (starts, rest) = match (marker(line, "---"), marker(line, "...")) {
            (Some(rest), _) => (true, rest),
            (None, Some(_)) => (false, ""),
            (None, None) => {
                open.text.push_str(line);
                open.text.push('\n');
                continue;
            }
        };
        let counts = is_explicit || !open.is_empty();
        let number = open.number + usize::from(counts);
        // What follows `---` keeps its column.
        let text = if starts {
            format!("   {rest}\n")
        } else {
            "\n".to_owned()
        };
        let next = Document {
            number,
            lines_before: index,
            text,
        };
        documents.push(std::mem::replace(&mut open, next));
        is_explicit = starts;
    }
    documents.push(open);
    documents
}

/// What follows a marker in the first column.
fn marker<'a>(line: &'a str, marker: &str) -> Option<&'a str> {
    line.strip_prefix(marker)
        .filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_numbered_by_their_place_in_the_text() {
        for (text, expected) in [
            ("a: 1", vec![(1, "a: 1")]),
            ("---\na: 1\n", vec![(1, "a: 1")]),
            ("# note\n---\na: 1\n", vec![(1, "a: 1")]),
            ("a: 1\n---\nb: 1", vec![(1, "a: 1"), (2, "b: 1")]),
            (
                "---\na: 1\n---\n# nothing\n---\nb: 1",
                vec![(1, "a: 1"), (3, "b: 1")],
            ),
            (
                "a: 1\r\n--- # note\r\nb: 1\r\n",
                vec![(1, "a: 1"), (2, "# note\nb: 1")],
            ),
            (
                "%YAML 1.2\n---\na: 1\n...\n%YAML 1.2\n---\nb: 1",
                vec![(1, "a: 1"), (2, "b: 1")],
            ),
            ("a: 1\n... # end\n---\nb: 1", vec![(1, "a: 1"), (2, "b: 1")]),
            ("a: |\n  ---\n  b\n", vec![(1, "a: |\n  ---\n  b")]),
            ("a: ----\n----: b\n", vec![(1, "a: ----\n----: b")]),
            (
                "--- {a: 1}\n--- {b: 1}\n",
                vec![(1, "{a: 1}"), (2, "{b: 1}")],
            ),
        ] {
            let found = documents(text);
            let found: Vec<_> = found
                .iter()
                .filter(|document| !document.is_empty())
                .map(|document| (document.number, document.text.trim()))
                .collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
