//! The history file: what traffic was seen over time, one JSON object a line. docs/history.md tells the format.
//!
//! ```text
//!   History ─► Encoder ─► Record ─► Writer ─► text, or gzip
//!                           │  an agent's store keeps the same records
//!   History ◄─ Parts ◄─── Record ◄─ Reader ◄─┘
//!             Decoder
//! ```
//!
//! A [`record::Record`] is one line. [`Encoder`] and [`Decoder`] are between records and [`netpol_policy::history`]: they know
//! which number stands for which group of pods. `Parts` knows which line is of which node.
#![forbid(unsafe_code)]

pub mod decode;
pub mod encode;
pub mod file;
mod lines;
pub mod manifest;
mod parts;
mod problems;
mod read;
pub mod record;
mod write;

pub use decode::{DecodeError, Decoder};
pub use encode::Encoder;
pub use lines::LONGEST_LINE;
pub use problems::{Problem, Problems};
pub use read::{Contents, ReadError, Reader, read};
pub use write::Writer;

/// Name of the format, in the first line of every file.
pub const FORMAT: &str = "netpol-history";
/// Changes when older programs cannot read what is written.
pub const MAJOR: u32 = 1;
/// Changes when there is more that older programs may pass over.
pub const MINOR: u32 = 0;
