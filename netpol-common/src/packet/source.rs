//! Where header bytes come from: a slice on the host, packet memory in the kernel.

/// Random access to the bytes of one packet.
pub trait ByteSource {
    /// The `N` bytes at `offset`, or `None` where the packet ends before.
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
}

impl ByteSource for [u8] {
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSource as _;

    #[test]
    fn reads_inside_and_refuses_what_crosses_the_end() {
        let bytes: &[u8] = &[1, 2, 3, 4];
        assert_eq!(bytes.bytes::<2>(2), Some([3, 4]));
        assert_eq!(bytes.bytes::<2>(3), None);
        assert_eq!(bytes.bytes::<1>(usize::MAX), None);
    }
}
