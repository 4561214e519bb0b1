//! Debug lines for developers, through aya-log. Without the `log` feature they compile to nothing.

/// Writes a debug line to user space.
#[cfg(feature = "log")]
macro_rules! debug {
    ($($argument:tt)*) => {
        ::aya_log_ebpf::debug!($($argument)*)
    };
}

/// Nothing.
#[cfg(not(feature = "log"))]
macro_rules! debug {
    ($($argument:tt)*) => {};
}

pub(crate) use debug;
