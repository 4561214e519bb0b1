//! Who stands at a row or a column.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// Pods that no policy tells apart, or a part of the outside world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// Pods of one workload, or a pod on its own.
    Pods(Pods),
    /// Addresses outside of the cluster.
    Outside(Outside),
}

/// Pods of one workload, or a pod on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Of the workload, or of the pod.
    pub name: Arc<str>,
    /// The workload's kind; `None` for a pod on its own.
    pub kind: Option<Arc<str>>,
    /// What tells these from other pods of the workload, such as `track=canary` or `!track`; empty where no policy does.
    pub variant: String,
    /// Names of the live pods; empty for a workload known by its template only.
    pub live: Vec<Arc<str>>,
}

/// Addresses outside of the cluster that every party sees alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// In order, IPv4 first.
    pub blocks: Vec<Block>,
}

/// A block without smaller ones that stand elsewhere. Addresses of pods, nodes and Services do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The whole block.
    pub cidr: IpNet,
    /// Blocks within it that stand elsewhere.
    pub except: Vec<IpNet>,
}

impl Block {
    /// Whether the block, without its exceptions, holds an address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidr.contains(&address) && !self.except.iter().any(|one| one.contains(&address))
    }
}

impl Party {
    /// The namespace; empty for the outside world.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Pods(pods) => &pods.namespace,
            Self::Outside(_) => "",
        }
    }

    /// The name within its namespace, without what only repeats the kind: `web`, or the blocks of the outside world.
    #[must_use]
    pub fn short_name(&self) -> String {
        match self {
            Self::Pods(pods) if pods.variant.is_empty() => pods.name.to_string(),
            Self::Pods(pods) => format!("{}{{{}}}", pods.name, pods.variant),
            Self::Outside(outside) => outside.to_string(),
        }
    }
}

/// Unique within a matrix: `prod/web[Deployment]`, `prod/web[Deployment]{track=canary}`, `prod/shell`, `outside`.
impl fmt::Display for Party {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods(pods) => {
                write!(out, "{}/{}", pods.namespace, pods.name)?;
                if let Some(kind) = &pods.kind {
                    write!(out, "[{kind}]")?;
                }
                if pods.variant.is_empty() {
                    Ok(())
                } else {
                    write!(out, "{{{}}}", pods.variant)
                }
            }
            Self::Outside(outside) => outside.fmt(out),
        }
    }
}

/// `outside` for all of it, else the blocks: `10.0.0.0/8, rest of 0.0.0.0/0`.
impl fmt::Display for Outside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_whole = |block: &Block| block.cidr.prefix_len() == 0 && block.except.is_empty();
        if self.blocks.len() == 2 && self.blocks.iter().all(is_whole) {
            return out.write_str("outside");
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let rest = if block.except.is_empty() {
                ""
            } else {
                "rest of "
            };
            write!(out, "{comma}{rest}{}", block.cidr)?;
        }
        Ok(())
    }
}
