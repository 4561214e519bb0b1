//! What implementations of the same API do differently.

/// How an implementation reads what the specification says in one way and some do in another, or leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Whether `ipBlock` of a NetworkPolicy matches addresses of pods and of nodes (rule 17).
    pub ip_block_matches_cluster: bool,
}

impl Dialect {
    /// The words of the specification.
    pub const SPECIFICATION: Self = Self {
        ip_block_matches_cluster: true,
    };

    /// Cilium: `ipBlock` matches only what Cilium does not manage, so no pod and no node.
    pub const CILIUM: Self = Self {
        ip_block_matches_cluster: false,
    };

    /// By its name on the command line; see [`Self::NAMES`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "specification" => Some(Self::SPECIFICATION),
            "cilium" => Some(Self::CILIUM),
            _ => None,
        }
    }

    /// All names that [`Self::named`] knows.
    pub const NAMES: [&'static str; 2] = ["specification", "cilium"];
}

impl Default for Dialect {
    fn default() -> Self {
        Self::SPECIFICATION
    }
}
