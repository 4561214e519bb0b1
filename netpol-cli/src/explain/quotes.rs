//! Quotes from the manifests that were read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use netpol_policy::manifest::locate::Outline;
use netpol_policy::verdict::PolicyRef;

use crate::manifests::Loaded;
use crate::walk::{Quote, Quotes};

/// Lines longer than this are not quoted whole, but for the part that counts.
const LONGEST: usize = 120;

/// The name of a source, and the number of a document in it.
type Document = (String, usize);

/// Reads each document of a policy once.
pub(super) struct FileQuotes<'a> {
    loaded: &'a Loaded,
    outlines: RefCell<HashMap<Document, Option<Rc<Outline>>>>,
}

impl<'a> FileQuotes<'a> {
    pub(super) fn new(loaded: &'a Loaded) -> Self {
        Self {
            loaded,
            outlines: RefCell::default(),
        }
    }
}

impl Quotes for FileQuotes<'_> {
    fn quote(&self, policy: &PolicyRef, field: &str) -> Option<Quote> {
        let (source, place) = self.loaded.origin_of(policy)?;
        let key = (source.name.clone(), place.document);
        let outline = self
            .outlines
            .borrow_mut()
            .entry(key)
            .or_insert_with(|| Outline::of(&source.text, place.document).map(Rc::new))
            .clone()?;
        let part = outline.find(&place.path, field)?;
        let (first, last) = (part.start.line, part.end.line);
        let lines = source.text.lines().skip(first - 1).take(last + 1 - first);
        let cut = |(line, number): (&str, usize)| {
            if line.chars().count() <= LONGEST {
                return line.to_owned();
            }
            // As in JSON without line breaks.
            let from = if number == first {
                part.start.column
            } else {
                0
            };
            let to = if number == last {
                part.end.column
            } else {
                usize::MAX
            };
            line.chars().take(to).skip(from).collect()
        };
        Some(Quote {
            source: source.name.clone(),
            first,
            lines: lines.zip(first..).map(cut).collect(),
        })
    }
}
