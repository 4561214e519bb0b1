//! Hanging the tc programs on one interface, first in order, and taking off nothing but them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use aya::programs::tc::{
    NlOptions, SchedClassifierLink, TcAttachOptions, TcAttachType, TcHandle, qdisc_detach_program,
};
use netpol_common::packet::LinkLayer;
use netpol_common::record::Crossing;

use super::bpf::{TcxSide, attach_tcx_first};
use super::clsact::Qdisc;
use super::links::Link;
use super::programs::{LoadError, Programs, tc_program};

/// Which hook carries the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// tcx links (kernel 6.6): first in the chain, gone with their descriptors.
    Tcx,
    /// Filters of a clsact qdisc.
    Clsact,
}

impl Hook {
    /// As shown to users.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

/// Why an interface could not be watched.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The tcx link was refused.
    #[error("cannot attach tcx {side}: {source}")]
    Tcx {
        /// `ingress` or `egress`.
        side: &'static str,
        /// As the kernel said it.
        #[source]
        source: io::Error,
    },
    /// The clsact filter was refused.
    #[error("cannot attach clsact {side}: {source}")]
    Clsact {
        /// `ingress` or `egress`.
        side: &'static str,
        /// As the kernel said it.
        #[source]
        source: aya::programs::ProgramError,
    },
    /// There is no such program.
    #[error(transparent)]
    Program(#[from] LoadError),
}

/// Both programs on one interface. Dropping it detaches them, and only them.
pub struct Attachment {
    _links: Links,
}

enum Links {
    Tcx {
        _ingress: OwnedFd,
        _egress: OwnedFd,
    },
    // Fields are dropped in this order: filters first, then what they hung on.
    Clsact {
        _ingress: SchedClassifierLink,
        _egress: SchedClassifierLink,
        _qdisc: Qdisc,
    },
}

/// The two sides, ingress first: a connection's first packet comes from the pod that opens it.
const SIDES: [(Crossing, TcxSide, TcAttachType, &str); 2] = [
    (
        Crossing::FromPod,
        TcxSide::Ingress,
        TcAttachType::Ingress,
        "ingress",
    ),
    (
        Crossing::ToPod,
        TcxSide::Egress,
        TcAttachType::Egress,
        "egress",
    ),
];

/// How many priorities are tried, where somebody uses one for another protocol or kind of filter.
const PRIORITIES: u16 = 16;

/// Attaches programs to interfaces, from any thread.
pub struct Attacher {
    programs: Mutex<Programs>,
    hook: Hook,
    priority: u16,
}

impl Attacher {
    /// With the hook that was chosen at load, and the priority of its filters where that is clsact.
    #[must_use]
    pub fn new(programs: Programs, hook: Hook, priority: u16) -> Self {
        Self {
            programs: Mutex::new(programs),
            hook,
            priority,
        }
    }

    /// The hook in use.
    #[must_use]
    pub fn hook(&self) -> Hook {
        self.hook
    }

    /// Attaches both programs. Blocks for 8 to 24 ms on tcx: several interfaces at once are attached from several threads.
    ///
    /// # Errors
    /// [`AttachError`]; then nothing is attached.
    pub fn attach(&self, link: &Link) -> Result<Attachment, AttachError> {
        let links = match self.hook {
            Hook::Tcx => self.attach_tcx(link)?,
            Hook::Clsact => self.attach_clsact(link)?,
        };
        Ok(Attachment { _links: links })
    }

    fn attach_tcx(&self, link: &Link) -> Result<Links, AttachError> {
        let mut made = Vec::with_capacity(SIDES.len());
        for (crossing, side, _, name) in SIDES {
            // The lock is for looking the program up, not for the slow part.
            let program = self
                .lock()
                .tc(link.link_layer, crossing)?
                .try_clone_to_owned()
                .map_err(|source| AttachError::Tcx { side: name, source })?;
            use std::os::fd::AsFd as _;
            let attached = attach_tcx_first(program.as_fd(), link.ifindex, side)
                .map_err(|source| AttachError::Tcx { side: name, source })?;
            made.push(attached);
        }
        let [ingress, egress] =
            <[OwnedFd; 2]>::try_from(made).unwrap_or_else(|_| unreachable!("one link a side"));
        Ok(Links::Tcx {
            _ingress: ingress,
            _egress: egress,
        })
    }

    fn attach_clsact(&self, link: &Link) -> Result<Links, AttachError> {
        let qdisc = Qdisc::ensure(link);
        let mut made = Vec::with_capacity(SIDES.len());
        let mut programs = self.lock();
        for (crossing, _, side, name) in SIDES {
            // A filter outlives a killed process; ours is known by its program's name.
            let _ = qdisc_detach_program(&link.name, side, tc_program(link.link_layer, crossing));
            let failed = |source| AttachError::Clsact { side: name, source };
            let program = programs.tc_mut(link.link_layer, crossing)?;
            let mut attach = |priority| {
                let handle = TcHandle::from(qdisc.handle());
                let options = NlOptions {
                    priority,
                    handle,
                    ..NlOptions::default()
                };
                program.attach_with_options(&link.name, side, TcAttachOptions::Netlink(options))
            };
            let last = self.priority.saturating_add(PRIORITIES);
            let (priority, id) = (self.priority..last)
                .find_map(|priority| Some((priority, attach(priority).ok()?)))
                .map_or_else(|| Ok((last, attach(last)?)), Ok)
                .map_err(failed)?;
            if priority != self.priority {
                tracing::warn!(
                    interface = link.name,
                    side = name,
                    priority,
                    "a filter of another kind has the priority asked for; ours comes behind it"
                );
            }
            made.push(program.take_link(id).map_err(failed)?);
        }
        let [ingress, egress] = <[SchedClassifierLink; 2]>::try_from(made)
            .unwrap_or_else(|_| unreachable!("one link a side"));
        Ok(Links::Clsact {
            _ingress: ingress,
            _egress: egress,
            _qdisc: qdisc,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Programs> {
        self.programs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether this kernel has tcx, tried on the loopback device and undone at once.
///
/// # Errors
/// As the kernel refuses it.
pub fn probe_tcx(programs: &Programs) -> Result<(), AttachError> {
    const LOOPBACK: u32 = 1;
    let program = programs.tc(LinkLayer::Ethernet, Crossing::FromPod)?;
    attach_tcx_first(program, LOOPBACK, TcxSide::Ingress)
        .map(drop)
        .map_err(|source| AttachError::Tcx {
            side: "ingress",
            source,
        })
}
