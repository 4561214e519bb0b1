//! Field offsets and enumerations of the running kernel, from its BTF.

use btf_rs::{Btf, BtfType as _, Struct, Type};
use netpol_common::layout::KernelLayout;

/// Where the kernel shows its own types.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Why the kernel's types cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// No BTF, or not readable.
    #[error("cannot read kernel types from {VMLINUX}: {0}")]
    Unreadable(#[source] btf_rs::Error),
    /// A field that the programs need does not exist.
    #[error("kernel type `{0}` has no field `{1}`")]
    NoField(&'static str, String),
    /// A type that the programs need does not exist.
    #[error("kernel has no type `{0}`")]
    NoType(&'static str),
}

/// The running kernel's types.
pub struct KernelTypes(Btf);

impl KernelTypes {
    /// Reads them; takes tens of milliseconds.
    ///
    /// # Errors
    /// [`BtfError::Unreadable`].
    pub fn load() -> Result<Self, BtfError> {
        Btf::from_file(VMLINUX)
            .map(Self)
            .map_err(BtfError::Unreadable)
    }

    /// Offsets for the kernel side. Conntrack's are left out (`ct_readable` 0) where they are not as expected.
    ///
    /// # Errors
    /// A type or field that does not exist.
    pub fn layout(&self) -> Result<KernelLayout, BtfError> {
        let mut layout = KernelLayout {
            skb_dev: self.offset("sk_buff", "dev")?,
            skb_iif: self.offset("sk_buff", "skb_iif")?,
            skb_sk: self.offset("sk_buff", "sk")?,
            skb_head: self.offset("sk_buff", "head")?,
            skb_tail: self.offset("sk_buff", "tail")?,
            skb_len: self.offset("sk_buff", "len")?,
            skb_network_header: self.offset("sk_buff", "network_header")?,
            dev_ifindex: self.offset("net_device", "ifindex")?,
            dev_net: self.offset("net_device", "nd_net.net")?,
            sock_net: self.offset("sock", "__sk_common.skc_net.net")?,
            net_inum: self.offset("net", "ns.inum")?,
            ..KernelLayout::default()
        };
        if let Some((nfct, original, reply)) = self.conntrack() {
            layout.skb_nfct = nfct;
            layout.ct_original = original;
            layout.ct_reply = reply;
            layout.ct_readable = 1;
        }
        Ok(layout)
    }

    /// `skb->_nfct` and the two tuples of `nf_conn`; `None` where conntrack is missing or its tuple is laid out otherwise
    /// than [`netpol_common::layout::ConntrackTuple`].
    fn conntrack(&self) -> Option<(u32, u32, u32)> {
        const TUPLE: &str = "nf_conntrack_tuple";
        let expected = [
            ("src.u3", 0),
            ("src.u", 16),
            ("src.l3num", 18),
            ("dst.u3", 20),
            ("dst.u", 36),
            ("dst.protonum", 38),
            ("dst.dir", 39),
        ];
        for (field, offset) in expected {
            if self.offset(TUPLE, field).ok()? != offset {
                return None;
            }
        }
        let hash = self.structure("nf_conntrack_tuple_hash")?;
        let first = self.offset("nf_conn", "tuplehash").ok()?;
        let tuple = self.offset("nf_conntrack_tuple_hash", "tuple").ok()?;
        let nfct = self.offset("sk_buff", "_nfct").ok()?;
        Some((nfct, first + tuple, first + hash.size() as u32 + tuple))
    }

    /// `enum skb_drop_reason`: numbers and names, prefix removed; empty before kernel 5.17.
    #[must_use]
    pub fn drop_reasons(&self) -> Vec<(u32, String)> {
        const PREFIX: &str = "SKB_DROP_REASON_";
        let types = self.0.resolve_types_by_name("skb_drop_reason");
        let Some(reasons) = types
            .unwrap_or_default()
            .into_iter()
            .find_map(|found| match found {
                Type::Enum(reasons) => Some(reasons),
                _ => None,
            })
        else {
            return Vec::new();
        };
        let named = reasons.members.iter().filter_map(|member| {
            let name = self.0.resolve_name(member).ok()?;
            // Some values stand without the prefix (`SKB_NOT_DROPPED_YET`, `SKB_CONSUMED`).
            let name = name.strip_prefix(PREFIX).or(name.strip_prefix("SKB_"))?;
            Some((member.val(), name.to_owned()))
        });
        named.collect()
    }

    fn structure(&self, name: &str) -> Option<Struct> {
        let types = self.0.resolve_types_by_name(name).ok()?;
        types.into_iter().find_map(|found| match found {
            Type::Struct(found) | Type::Union(found) => Some(found),
            _ => None,
        })
    }

    /// Byte offset of a field given by a dotted path; anonymous members are looked through.
    fn offset(&self, name: &'static str, path: &str) -> Result<u32, BtfError> {
        let mut structure = self.structure(name).ok_or(BtfError::NoType(name))?;
        let mut bits = 0;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let (offset, type_id) = self
                .member(&structure, part)
                .ok_or_else(|| BtfError::NoField(name, path.to_owned()))?;
            bits += offset;
            if parts.peek().is_some() {
                structure = self
                    .resolve(type_id)
                    .ok_or_else(|| BtfError::NoField(name, path.to_owned()))?;
            }
        }
        Ok(bits / 8)
    }

    /// Bit offset and type of a member.
    fn member(&self, structure: &Struct, name: &str) -> Option<(u32, u32)> {
        for member in &structure.members {
            let type_id = member.get_type_id()?;
            let found = self.0.resolve_name(member).unwrap_or_default();
            if found == name {
                return Some((member.bit_offset(), type_id));
            }
            if found.is_empty()
                && let Some(inner) = self.resolve(type_id)
                && let Some((offset, type_id)) = self.member(&inner, name)
            {
                return Some((member.bit_offset() + offset, type_id));
            }
        }
        None
    }

    /// The structure behind a type, through typedefs and qualifiers.
    fn resolve(&self, mut type_id: u32) -> Option<Struct> {
        for _ in 0..16 {
            match self.0.resolve_type_by_id(type_id).ok()? {
                Type::Struct(found) | Type::Union(found) => return Some(found),
                other => type_id = other.as_btf_type()?.get_type_id()?,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::KernelTypes;

    #[test]
    fn finds_every_offset_and_reason_on_the_running_kernel() {
        let Ok(types) = KernelTypes::load() else {
            eprintln!("SKIPPED: this kernel has no BTF");
            return;
        };
        let layout = types.layout().expect("layout");
        assert_ne!(layout.skb_head, 0);
        assert_ne!(layout.skb_network_header, layout.skb_iif);
        let reasons = types.drop_reasons();
        assert!(
            reasons.iter().any(|(_, name)| name == "NETFILTER_DROP"),
            "{reasons:?}"
        );
    }

    #[test]
    fn names_the_field_that_is_missing() {
        let Ok(types) = KernelTypes::load() else {
            eprintln!("SKIPPED: this kernel has no BTF");
            return;
        };
        let error = types
            .offset("sk_buff", "no.such")
            .expect_err("no such field");
        assert_eq!(
            error.to_string(),
            "kernel type `sk_buff` has no field `no.such`"
        );
    }
}
