//! Options of the kernel side.

use std::time::Duration;

use clap::Args;

use super::seconds;
use crate::kernel::links::Selection;
use crate::kernel::{HookChoice, KernelConfig};

/// Which interfaces, by which hook, with how much memory.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Kernel side")]
pub struct KernelOptions {
    /// Watch exactly the interfaces whose name matches this pattern, whatever their kind; may be repeated [default:
    /// every veth or netkit device whose peer is in another network namespace, but for those of a default route].
    #[arg(
        long,
        env = "NETPOL_INTERFACE",
        value_name = "GLOB",
        value_delimiter = ','
    )]
    pub interface: Vec<String>,

    /// Leave out interfaces whose name matches this pattern; may be repeated.
    #[arg(
        long,
        env = "NETPOL_EXCLUDE_INTERFACE",
        value_name = "GLOB",
        value_delimiter = ','
    )]
    pub exclude_interface: Vec<String>,

    /// How programs are attached to interfaces.
    #[arg(long, env = "NETPOL_HOOK", value_enum, default_value_t)]
    pub hook: HookChoice,

    /// Priority of the filters where clsact is used; 1 comes first.
    #[arg(long, env = "NETPOL_TC_PRIORITY", value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub tc_priority: u16,

    /// Size of the event ring buffer in bytes: a power of two from 4096 to 1073741824.
    #[arg(long, env = "NETPOL_RING_BYTES", value_name = "BYTES", default_value_t = 8 << 20,
          value_parser = ring_bytes)]
    pub ring_bytes: u32,

    /// Connections that the kernel side keeps; beyond that the least recently used are lost, and counted.
    #[arg(long, env = "NETPOL_FLOW_ENTRIES", value_name = "N", default_value_t = 65_536,
          value_parser = clap::value_parser!(u32).range(64..=16_777_216))]
    pub flow_entries: u32,

    /// Kinds of drops (tuple, place, reason) that the kernel side keeps.
    #[arg(long, env = "NETPOL_DROP_ENTRIES", value_name = "N", default_value_t = 16_384,
          value_parser = clap::value_parser!(u32).range(64..=16_777_216))]
    pub drop_entries: u32,

    /// Time between readings of the kernel's counters, in seconds (0.1 to 60).
    #[arg(long, env = "NETPOL_SWEEP_INTERVAL", value_name = "SECONDS", default_value = "1",
          value_parser = sweep_interval)]
    pub sweep_interval: Duration,
}

impl KernelOptions {
    /// What the kernel side has to know.
    ///
    /// # Errors
    /// An interface pattern that is no glob.
    pub fn config(&self) -> Result<KernelConfig, globset::Error> {
        Ok(KernelConfig {
            selection: Selection::new(&self.interface, &self.exclude_interface)?,
            hook: self.hook,
            tc_priority: self.tc_priority,
            ring_bytes: self.ring_bytes,
            flow_entries: self.flow_entries,
            drop_entries: self.drop_entries,
            sweep_interval: self.sweep_interval,
        })
    }
}

fn ring_bytes(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(bytes) if bytes.is_power_of_two() && (4096..=1 << 30).contains(&bytes) => Ok(bytes),
        Ok(_) => Err("must be a power of two from 4096 to 1073741824".to_owned()),
        Err(_) => Err("is no whole number of bytes".to_owned()),
    }
}

fn sweep_interval(text: &str) -> Result<Duration, String> {
    seconds(text, 0.1, 60.0)
}
