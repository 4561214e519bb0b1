//! Ring-buffer records into observations. Every length and number is checked; nothing panics.

use std::mem::size_of;

use netpol_common::record::{ABI_VERSION, DropEvent, EventHeader, EventKind, FlowEvent};

use super::Observation;

/// Why a record cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter or longer than its kind.
    #[error("record of kind {kind} has {found} bytes, expected {expected}")]
    Length {
        /// As in the header.
        kind: u32,
        /// Bytes in the record.
        found: usize,
        /// Bytes of that kind.
        expected: usize,
    },
    /// Too short for a header.
    #[error("record of {0} bytes has no header")]
    NoHeader(usize),
    /// Written by programs of another version.
    #[error("record has layout version {found}, expected {ABI_VERSION}")]
    Abi {
        /// As in the header.
        found: u32,
    },
    /// No such kind.
    #[error("unknown record kind {0}")]
    Kind(u32),
}

/// Decodes one record.
///
/// # Errors
/// [`DecodeError`]; the record is then to be counted as lost.
pub fn decode(bytes: &[u8]) -> Result<Observation, DecodeError> {
    let header: EventHeader = prefix(bytes).ok_or(DecodeError::NoHeader(bytes.len()))?;
    if header.abi != ABI_VERSION {
        return Err(DecodeError::Abi { found: header.abi });
    }
    let kind = match header.kind {
        1 => EventKind::FlowNew,
        2 => EventKind::FlowEstablished,
        3 => EventKind::FlowEnded,
        4 => EventKind::Drop,
        other => return Err(DecodeError::Kind(other)),
    };
    if kind == EventKind::Drop {
        return Ok(Observation::Drop(whole::<DropEvent>(bytes, header.kind)?));
    }
    let event = whole::<FlowEvent>(bytes, header.kind)?;
    Ok(Observation::Flow {
        kind,
        key: event.key,
        state: event.state,
    })
}

/// Record types of which every bit pattern is valid.
trait Record: Copy {}
impl Record for EventHeader {}
impl Record for FlowEvent {}
impl Record for DropEvent {}

fn prefix<T: Record>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: enough bytes, any alignment, and `T` is made of integers only.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

fn whole<T: Record>(bytes: &[u8], kind: u32) -> Result<T, DecodeError> {
    match prefix(bytes) {
        Some(record) if bytes.len() == size_of::<T>() => Ok(record),
        _ => Err(DecodeError::Length {
            kind,
            found: bytes.len(),
            expected: size_of::<T>(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use netpol_common::record::{ABI_VERSION, DropEvent, EventHeader, EventKind};
    use proptest::prelude::*;

    use super::{DecodeError, Observation, decode};

    fn bytes(event: &DropEvent) -> Vec<u8> {
        let start = (&raw const *event).cast::<u8>();
        // SAFETY: a plain record without padding.
        unsafe { std::slice::from_raw_parts(start, size_of::<DropEvent>()) }.to_vec()
    }

    fn drop_event() -> DropEvent {
        let header = EventHeader {
            abi: ABI_VERSION,
            kind: EventKind::Drop as u32,
        };
        DropEvent {
            header,
            ..DropEvent::default()
        }
    }

    #[test]
    fn a_record_comes_through_whole_from_any_alignment() {
        let mut event = drop_event();
        event.key.reason = 42;
        let mut shifted = vec![0];
        shifted.extend(bytes(&event));
        assert_eq!(decode(&shifted[1..]), Ok(Observation::Drop(event)));
    }

    #[test]
    fn each_fault_is_named() {
        assert_eq!(decode(&[1, 2, 3]), Err(DecodeError::NoHeader(3)));
        let mut event = drop_event();
        let short = &bytes(&event)[..40];
        assert_eq!(
            decode(short),
            Err(DecodeError::Length {
                kind: 4,
                found: 40,
                expected: 152
            })
        );
        event.header.kind = 9;
        assert_eq!(decode(&bytes(&event)), Err(DecodeError::Kind(9)));
        event.header.abi = 7;
        assert_eq!(decode(&bytes(&event)), Err(DecodeError::Abi { found: 7 }));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }
    }
}
