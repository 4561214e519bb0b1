//! What this kernel can and cannot do, found out once and said everywhere.

use std::fmt;

/// One thing that can be missing on a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Short name: `tcx`, `drop reasons`.
    pub name: &'static str,
    /// Whether it can be had here.
    pub available: bool,
    /// What was found or chosen.
    pub detail: String,
    /// What is missing without it; empty when available.
    pub cost: &'static str,
}

impl Capability {
    /// Something that is there.
    pub fn present(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            available: true,
            detail: detail.into(),
            cost: "",
        }
    }

    /// Something that is not, and what that costs.
    pub fn missing(name: &'static str, detail: impl Into<String>, cost: &'static str) -> Self {
        Self {
            name,
            available: false,
            detail: detail.into(),
            cost,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.available { "yes" } else { "NO" };
        write!(f, "{:<14} {mark:<3} {}", self.name, self.detail)?;
        if !self.available {
            write!(f, " — {}", self.cost)?;
        }
        Ok(())
    }
}
