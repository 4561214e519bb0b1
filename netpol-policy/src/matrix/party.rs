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

/// `outside` for all of it, `rest of outside` where smaller blocks stand elsewhere, else the blocks.
impl fmt::Display for Outside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds_all = |block: &&Block| block.cidr.prefix_len() == 0;
        let is_everything = self.blocks.iter().filter(holds_all).count() == 2;
        let mut words: Vec<String> = Vec::new();
        if is_everything {
            let is_whole = self.blocks.iter().all(|block| block.except.is_empty());
            words.push(
                if is_whole {
                    "outside"
                } else {
                    "rest of outside"
                }
                .to_owned(),
            );
        }
        let blocks = self.blocks.iter();
        for block in blocks.filter(|block| !is_everything || !holds_all(block)) {
            let rest = if block.except.is_empty() {
                ""
            } else {
                "rest of "
            };
            words.push(format!("{rest}{}", block.cidr));
        }
        out.write_str(&words.join(", "))
    }
}
