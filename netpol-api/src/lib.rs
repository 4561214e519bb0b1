//! The contract between `netpol-agent` and everything that reads flows.
//!
//! ```text
//! proto/netpol/observer/v1/observer.proto
//!      │ build.rs (protox, no protoc)
//!      ▼
//!     v1 ──────── word      one stable lower-case word for each enum value
//!      │  └────── json      the flow as one JSON object, and back
//!      ├───────── filter    FlowFilter compiled once, asked for every flow: by the server, and by offline readers
//!      └───────── agreement whether what was seen is what policies say
//! ```

pub mod agreement;
pub mod filter;
pub mod json;
pub mod word;

/// Messages, client and server of `netpol.observer.v1`, generated from the `.proto` file whose comments they carry.
#[allow(missing_docs, clippy::all, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("netpol.observer.v1");
}

/// The encoded `FileDescriptorSet` of the contract, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

impl v1::Flow {
    /// Whether the kernel was seen to stop it: dropped, or rejected in the destination's name.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        use v1::observed::Verdict;
        self.observed.as_ref().is_some_and(|observed| {
            matches!(observed.verdict(), Verdict::Dropped | Verdict::Rejected)
        })
    }
}
