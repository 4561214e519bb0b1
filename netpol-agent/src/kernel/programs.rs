//! Loading the kernel side, with what it must know of this kernel.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use aya::maps::{Map, MapData, RingBuf};
use aya::programs::{BtfTracePoint, ProgramError, SchedClassifier};
use aya::{Btf, Ebpf, EbpfLoader, Pod};
use netpol_common::layout::{CodeRange, KernelLayout};
use netpol_common::packet::LinkLayer;
use netpol_common::record::Crossing;

use super::KernelConfig;
use super::btf::KernelTypes;
use super::names::KernelNames;

/// The kernel object, built by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("NETPOL_KERNEL_OBJECT"));

/// Why the kernel side could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel's types.
    #[error(transparent)]
    Types(#[from] super::btf::BtfError),
    /// The object as a whole.
    #[error("cannot load the kernel object: {0}")]
    Object(#[from] aya::EbpfError),
    /// One program.
    #[error("cannot load program `{name}`: {source}")]
    Program {
        /// Its name.
        name: &'static str,
        /// As the kernel said it.
        #[source]
        source: ProgramError,
    },
    /// The object does not hold what this agent expects.
    #[error("the kernel object has no `{0}`")]
    Missing(&'static str),
    /// A descriptor could not be copied, or a map not be mapped.
    #[error("cannot open map `{name}`: {source}")]
    Map {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The types of the globals, as aya wants them marked.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Global<T>(T);
// SAFETY: integers without padding.
unsafe impl Pod for Global<KernelLayout> {}
// SAFETY: integers without padding.
unsafe impl Pod for Global<CodeRange> {}

/// Programs loaded and maps made; nothing attached yet.
pub struct Programs {
    ebpf: Ebpf,
}

/// Names of the tc programs in the object, by link layer and crossing.
pub(crate) const fn tc_program(link: LinkLayer, crossing: Crossing) -> &'static str {
    match (link, crossing) {
        (LinkLayer::Ethernet, Crossing::FromPod) => "netpol_from_pod",
        (LinkLayer::Ethernet, Crossing::ToPod) => "netpol_to_pod",
        (LinkLayer::None, Crossing::FromPod) => "netpol_from_l3",
        (LinkLayer::None, Crossing::ToPod) => "netpol_to_l3",
    }
}

const TC_PROGRAMS: [&str; 4] = [
    tc_program(LinkLayer::Ethernet, Crossing::FromPod),
    tc_program(LinkLayer::Ethernet, Crossing::ToPod),
    tc_program(LinkLayer::None, Crossing::FromPod),
    tc_program(LinkLayer::None, Crossing::ToPod),
];
const DROP_PROGRAM: &str = "netpol_kfree_skb";

impl Programs {
    /// Makes the maps and loads the tc programs.
    ///
    /// # Errors
    /// [`LoadError`]; without these nothing can be observed.
    pub fn load(
        config: &KernelConfig,
        types: &KernelTypes,
        names: &KernelNames,
        node_netns: u32,
    ) -> Result<Self, LoadError> {
        let layout = Global(types.layout()?);
        let located = names.located().map(Global);
        let actions = names.actions();
        let mut loader = EbpfLoader::new();
        loader
            .override_global("LAYOUT", &layout, true)
            .override_global("NODE_NETNS", &node_netns, true)
            .override_global("REASON_ACTIONS", &actions[..], true)
            .override_global("CODE_RANGES", &located[..], true)
            .map_max_entries("EVENTS", config.ring_bytes)
            .map_max_entries("FLOWS", config.flow_entries)
            .map_max_entries("DROPS", config.drop_entries);
        let mut ebpf = loader.load(OBJECT)?;
        for name in TC_PROGRAMS {
            classifier(&mut ebpf, name)?
                .load()
                .map_err(|source| LoadError::Program { name, source })?;
        }
        Ok(Self { ebpf })
    }

    /// Loads and attaches drop capture. It sees drops everywhere from then on, whatever interfaces are watched.
    ///
    /// # Errors
    /// Where tracing is not to be had (no BTF tracepoints, lockdown); flows are observed all the same.
    pub fn attach_drops(&mut self) -> Result<(), LoadError> {
        let failed = |source| LoadError::Program {
            name: DROP_PROGRAM,
            source,
        };
        let program: &mut BtfTracePoint = self
            .ebpf
            .program_mut(DROP_PROGRAM)
            .ok_or(LoadError::Missing(DROP_PROGRAM))?
            .try_into()
            .map_err(failed)?;
        let btf = Btf::from_sys_fs().map_err(|error| failed(ProgramError::Btf(error)))?;
        program.load("kfree_skb", &btf).map_err(failed)?;
        program.attach().map_err(failed)?;
        Ok(())
    }

    /// A descriptor of a tc program.
    ///
    /// # Errors
    /// [`LoadError::Missing`], if the object has none of that name.
    pub fn tc(&self, link: LinkLayer, crossing: Crossing) -> Result<BorrowedFd<'_>, LoadError> {
        let name = tc_program(link, crossing);
        let program = self.ebpf.program(name).ok_or(LoadError::Missing(name))?;
        let program: &SchedClassifier = program
            .try_into()
            .map_err(|source| LoadError::Program { name, source })?;
        let fd = program
            .fd()
            .map_err(|source| LoadError::Program { name, source })?;
        Ok(fd.as_fd())
    }

    /// A tc program, for attaching it by netlink.
    ///
    /// # Errors
    /// As [`Self::tc`].
    pub fn tc_mut(
        &mut self,
        link: LinkLayer,
        crossing: Crossing,
    ) -> Result<&mut SchedClassifier, LoadError> {
        classifier(&mut self.ebpf, tc_program(link, crossing))
    }

    /// The ring buffer's reading end; there is one.
    ///
    /// # Errors
    /// It was taken already, or cannot be mapped.
    pub fn take_ring(&mut self) -> Result<RingBuf<MapData>, LoadError> {
        let map = self
            .ebpf
            .take_map("EVENTS")
            .ok_or(LoadError::Missing("EVENTS"))?;
        RingBuf::try_from(map).map_err(|error| LoadError::Map {
            name: "EVENTS",
            source: std::io::Error::other(error),
        })
    }

    /// A descriptor of one of our maps.
    ///
    /// # Errors
    /// There is no such map, or no descriptor left.
    pub fn map(&self, name: &'static str) -> Result<OwnedFd, LoadError> {
        let map = self.ebpf.map(name).ok_or(LoadError::Missing(name))?;
        let (Map::LruHashMap(data) | Map::PerCpuArray(data)) = map else {
            return Err(LoadError::Missing(name));
        };
        data.fd()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|source| LoadError::Map { name, source })
    }

    /// Takes a map of the object for good, for aya's typed access to it.
    ///
    /// # Errors
    /// There is no such map.
    pub fn take(&mut self, name: &'static str) -> Result<Map, LoadError> {
        self.ebpf.take_map(name).ok_or(LoadError::Missing(name))
    }

    /// Passes the kernel side's debug lines on to our own log, until the runtime ends.
    ///
    /// # Errors
    /// The object has no log, or no task can wait for it.
    #[cfg(feature = "kernel-log")]
    pub fn follow_log(&mut self) -> std::io::Result<()> {
        use tokio::io::Interest;
        use tokio::io::unix::AsyncFd;
        let logger = aya_log::EbpfLogger::init(&mut self.ebpf).map_err(std::io::Error::other)?;
        let mut logger = AsyncFd::register_with_interest(logger, Interest::READABLE)?;
        tokio::spawn(async move {
            while let Ok(mut ready) = logger.readable_mut().await {
                ready.get_inner_mut().flush();
                ready.clear_ready();
            }
        });
        Ok(())
    }
}

fn classifier<'a>(
    ebpf: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut SchedClassifier, LoadError> {
    ebpf.program_mut(name)
        .ok_or(LoadError::Missing(name))?
        .try_into()
        .map_err(|source| LoadError::Program { name, source })
}
