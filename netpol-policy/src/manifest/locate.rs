//! Where in a text a field of an object stands, so that it can be quoted by line.
//!
//! Reads with the parser that the manifests are read with, so that both see the same documents.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use serde::de::IgnoredAny;

use super::documents::documents;

/// A position in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Counts from 1.
    pub line: usize,
    /// In characters, from 0.
    pub column: usize,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it begins: a field at its key.
    pub start: Position,
    /// Behind its last character.
    pub end: Position,
}

impl Part {
    /// The lines it is on.
    #[must_use]
    pub fn lines(&self) -> RangeInclusive<usize> {
        self.start.line..=self.end.line
    }
}

/// The structure of one document, with the place of everything in it.
#[derive(Debug)]
pub struct Outline {
    nodes: Vec<Node>,
    /// Nodes by the number of their anchor.
    anchors: HashMap<usize, usize>,
}

#[derive(Debug)]
struct Node {
    part: Part,
    content: Content,
}

/// Other nodes are named by their index.
#[derive(Debug)]
enum Content {
    Scalar,
    Sequence(Vec<usize>),
    /// In order, with the position of the key.
    Mapping(Vec<(String, Position, usize)>),
    /// The number of an anchor.
    Alias(usize),
}

impl Outline {
    /// Reads a document of a text, by the number that [`super::parse`] gives it. `None` where there is no such document,
    /// or where it cannot be read.
    #[must_use]
    pub fn of(text: &str, document: usize) -> Option<Self> {
        let mut more_values = 0;
        for found in documents(text.strip_prefix('\u{feff}').unwrap_or(text)) {
            if found.is_empty() {
                continue;
            }
            let values = json_values(&found.text);
            let count = values.as_ref().map_or(1, Vec::len);
            let number = found.number + more_values;
            if document < number + count {
                let index = document.checked_sub(number)?;
                return match values {
                    // Where YAML wants blanks, JSON may have tabs; within its strings there are none.
                    Some(values) => {
                        let (lines, column, value) = values.get(index)?;
                        Self::read(
                            &value.replace('\t', " "),
                            found.lines_before + lines,
                            *column,
                        )
                    }
                    None => Self::read(&found.text, found.lines_before, 0),
                };
            }
            more_values += count.saturating_sub(1);
        }
        None
    }

    /// Where a field stands: `object` leads to the object from the document's root, such as `items[3]`, `field` from
    /// there on, such as `spec.ingress[0].from[1]`. What an alias stands for is found at its anchor.
    #[must_use]
    pub fn find(&self, object: &str, field: &str) -> Option<Part> {
        let mut found = Found {
            node: self.resolved(0)?,
            start: None,
        };
        for step in steps(object).chain(steps(field)) {
            let node = &self.nodes[found.node];
            found = match (step, &node.content) {
                (Step::Index(index), Content::Sequence(items)) => Found {
                    node: self.resolved(*items.get(index)?)?,
                    start: None,
                },
                (Step::Key(key), Content::Mapping(_)) => self.entry(found.node, key)?,
                _ => return None,
            };
        }
        let part = self.nodes[found.node].part;
        // The value of a field may stand elsewhere, at an anchor.
        let start = found.start.filter(|start| *start <= part.start);
        Some(Part {
            start: start.unwrap_or(part.start),
            end: part.end,
        })
    }

    /// The field of a mapping, its own or one that is merged into it.
    fn entry(&self, mapping: usize, key: &str) -> Option<Found> {
        let mut open = vec![mapping];
        let mut seen = Vec::new();
        while let Some(index) = open.pop() {
            if seen.contains(&index) {
                continue;
            }
            seen.push(index);
            match &self.nodes[index].content {
                Content::Mapping(entries) => {
                    if let Some((_, start, value)) = entries.iter().find(|entry| entry.0 == key) {
                        let is_alias = matches!(self.nodes[*value].content, Content::Alias(_));
                        return Some(Found {
                            node: self.resolved(*value)?,
                            start: (!is_alias).then_some(*start),
                        });
                    }
                    let merged = entries.iter().filter(|entry| entry.0 == "<<");
                    open.extend(merged.filter_map(|entry| self.resolved(entry.2)));
                }
                Content::Sequence(items) => {
                    open.extend(items.iter().rev().filter_map(|item| self.resolved(*item)));
                }
                Content::Scalar | Content::Alias(_) => {}
            }
        }
        None
    }

    /// The node itself, or the one that it is an alias of.
    fn resolved(&self, node: usize) -> Option<usize> {
        match self.nodes.get(node)?.content {
            // An anchor belongs to a node with content of its own.
            Content::Alias(anchor) => self.anchors.get(&anchor).copied(),
            _ => Some(node),
        }
    }

    fn read(text: &str, lines_before: usize, columns_before: usize) -> Option<Self> {
        let options = granit_parser::options! { emit_comments: false };
        let mut reader = Reader {
            outline: Self {
                nodes: Vec::new(),
                anchors: HashMap::new(),
            },
            open: Vec::new(),
            last_end: Position { line: 0, column: 0 },
            lines_before,
            columns_before,
        };
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.ok()?;
            reader.event(&event, &span);
        }
        Some(reader.outline)
    }
}

struct Found {
    node: usize,
    /// Where its key begins, if it is the value of one and stands beside it.
    start: Option<Position>,
}

/// Builds an outline from the parser's events.
struct Reader {
    outline: Outline,
    /// Collections that are not closed yet.
    open: Vec<Open>,
    /// Behind the last token: where a value that is not written would stand.
    last_end: Position,
    lines_before: usize,
    columns_before: usize,
}

struct Open {
    node: usize,
    is_flow: bool,
    /// In a mapping, the key whose value comes next; `None` inside for a key that is no text.
    key: Option<(Option<String>, Position)>,
}

impl Reader {
    fn event(&mut self, event: &Event<'_>, span: &Span) {
        let (mut start, mut end) = (self.position(span, true), self.position(span, false));
        match event {
            Event::Scalar(text, style, ..) => {
                if span.is_empty() {
                    (start, end) = (self.last_end, self.last_end);
                } else if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
                    && end.column == 0
                    && end.line > start.line
                {
                    // A block of text ends where the next line begins.
                    end.line -= 1;
                }
                self.last_end = end;
                self.node(event, Part { start, end }, Content::Scalar, Some(text));
            }
            Event::Alias(anchor) => {
                self.last_end = end;
                self.node(event, Part { start, end }, Content::Alias(*anchor), None);
            }
            Event::SequenceStart(style, ..) => {
                let node = self.node(
                    event,
                    Part { start, end },
                    Content::Sequence(Vec::new()),
                    None,
                );
                self.begin(node, *style);
            }
            Event::MappingStart(style, ..) => {
                let node = self.node(
                    event,
                    Part { start, end },
                    Content::Mapping(Vec::new()),
                    None,
                );
                self.begin(node, *style);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = self.open.pop() else {
                    return;
                };
                // A block ends with the last thing in it; the parser says so only at the next token.
                if closed.is_flow {
                    self.last_end = end;
                }
                self.outline.nodes[closed.node].part.end = self.last_end;
            }
            _ => {}
        }
    }

    fn begin(&mut self, node: usize, style: StructureStyle) {
        self.open.push(Open {
            node,
            is_flow: style == StructureStyle::Flow,
            key: None,
        });
    }

    /// Adds a node to the collection that is open, as key, value or item.
    fn node(
        &mut self,
        event: &Event<'_>,
        part: Part,
        content: Content,
        text: Option<&str>,
    ) -> usize {
        let nodes = &mut self.outline.nodes;
        let index = nodes.len();
        nodes.push(Node { part, content });
        if let Some(anchor) = event.anchor_id() {
            self.outline.anchors.insert(anchor, index);
        }
        let Some(open) = self.open.last_mut() else {
            return index;
        };
        match &mut nodes[open.node].content {
            Content::Sequence(items) => items.push(index),
            Content::Mapping(entries) => match open.key.take() {
                None => open.key = Some((text.map(str::to_owned), part.start)),
                Some((Some(key), start)) => entries.push((key, start, index)),
                Some((None, _)) => {}
            },
            Content::Scalar | Content::Alias(_) => {}
        }
        index
    }

    fn position(&self, span: &Span, is_start: bool) -> Position {
        let marker = if is_start { span.start } else { span.end };
        let before = if marker.line() == 1 {
            self.columns_before
        } else {
            0
        };
        Position {
            line: self.lines_before + marker.line(),
            column: before + marker.col(),
        }
    }
}

/// The values of a JSON text, each with the lines and the columns before it; `None` for another text.
fn json_values(text: &str) -> Option<Vec<(usize, usize, &str)>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut values = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut from = 0;
    while let Some(value) = stream.next() {
        value.ok()?;
        let to = stream.byte_offset();
        let value = text[from..to].trim_start();
        let before = &text[..to - value.len()];
        let lines = before.matches('\n').count();
        let column = before.rsplit('\n').next().map_or(0, |s| s.chars().count());
        values.push((lines, column, value));
        from = to;
    }
    Some(values)
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The steps of a path such as `spec.ingress[0].from[1]`.
fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    let parts = path.split(['.', '[']).filter(|part| !part.is_empty());
    parts.map(|part| {
        let index = part.strip_suffix(']').and_then(|index| index.parse().ok());
        index.map_or(Step::Key(part), Step::Index)
    })
}

#[cfg(test)]
mod tests;
