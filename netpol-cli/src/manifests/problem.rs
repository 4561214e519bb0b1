//! What is said of manifests on stderr, a line each.

use std::fmt;

use netpol_policy::manifest::{ManifestError, NotEvaluated};

/// Something about a text that whoever asks has to know. What can be used of it stays.
#[derive(Debug)]
pub(crate) struct Problem {
    /// File, or `<stdin>`.
    pub(super) source: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// It cannot be read as a whole.
    Unreadable(std::io::Error),
    /// An object, as `Kind namespace/name`, that another source has too.
    Repeated {
        object: String,
        /// The other source.
        source: String,
    },
    /// It cannot be used.
    Wrong(ManifestError),
    /// It can be used, and is likely to be a mistake.
    Doubtful(ManifestError),
    /// A policy of another kind, which may change every answer.
    NotEvaluated(NotEvaluated),
}

impl Problem {
    /// Whether something cannot be used.
    pub(super) fn is_error(&self) -> bool {
        match self.what {
            What::Unreadable(_) | What::Repeated { .. } | What::Wrong(_) => true,
            What::Doubtful(_) | What::NotEvaluated(_) => false,
        }
    }
}

/// `error: FILE: document N: Kind namespace/name: field: message`, without what is not known.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.is_error() { "error" } else { "warning" };
        write!(out, "{level}: {}: ", self.source)?;
        match &self.what {
            What::Unreadable(error) => write!(out, "cannot be read: {error}"),
            What::Repeated { object, source } => {
                write!(out, "{object} stands in {source} too; this one counts")
            }
            What::Wrong(error) | What::Doubtful(error) => {
                write!(out, "document {}: ", error.document)?;
                if let Some(object) = &error.object {
                    write!(out, "{object}: ")?;
                }
                if !error.field.is_empty() {
                    write!(out, "{}: ", error.field)?;
                }
                out.write_str(&error.message)
            }
            What::NotEvaluated(policy) => {
                write!(out, "document {}: {}", policy.place.document, policy.kind)?;
                if !policy.name.is_empty() {
                    write!(out, " {}", policy.name)?;
                }
                if !policy.api_version.is_empty() {
                    write!(out, " ({})", policy.api_version)?;
                }
                out.write_str(": not evaluated")
            }
        }
    }
}
