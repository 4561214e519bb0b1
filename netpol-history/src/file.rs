//! Files of either kind: text, and text in gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::read::{Contents, ReadError, read};

/// Both ends of a gzip file begin so (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Of what is read and written at once.
const BUFFER: usize = 256 << 10;
/// A packed file holds at most so many times its own size, beyond [`FREE`]. Histories come to ten or twenty times; gzip can
/// come to a thousand, and then somebody wants this program's memory.
const MOST_UNPACKED: u64 = 100;
/// What any packed file may hold, in bytes.
const FREE: u64 = 64 << 20;

/// Reads a stream of either kind, told by its first bytes. `progress` hears of the bytes of each line, unpacked.
///
/// # Errors
/// As [`read`].
pub fn read_any(input: impl Read, progress: impl FnMut(usize)) -> Result<Contents, ReadError> {
    let mut input = BufReader::with_capacity(BUFFER, input);
    let start = input
        .fill_buf()
        .map_err(|source| ReadError::Io { after: 0, source })?;
    if start.starts_with(&GZIP) {
        let packed = Counted { input, bytes: 0 };
        let unpacking = Unpacking {
            decoder: MultiGzDecoder::new(packed),
            bytes: 0,
        };
        read(BufReader::with_capacity(BUFFER, unpacking), progress)
    } else {
        read(input, progress)
    }
}

/// What a packed file holds, up to what is credible.
struct Unpacking<R> {
    decoder: MultiGzDecoder<Counted<R>>,
    bytes: u64,
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.decoder.read(buffer)?;
        // A usize has no more than 64 bits.
        self.bytes = self.bytes.saturating_add(length as u64);
        let packed = self.decoder.get_ref().bytes;
        if self.bytes > FREE.saturating_add(packed.saturating_mul(MOST_UNPACKED)) {
            let message = format!("it holds more than {MOST_UNPACKED} times its own size");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(length)
    }
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        // A usize has no more than 64 bits.
        self.bytes = self.bytes.saturating_add(length as u64);
        Ok(length)
    }
}

/// An output that packs what is written where its file's name ends in `.gz`.
#[derive(Debug)]
pub enum Output {
    /// As it is.
    Plain(BufWriter<File>),
    /// In gzip.
    Packed(GzEncoder<BufWriter<File>>),
}

impl Output {
    /// For a file that will have this name.
    #[must_use]
    pub fn new(file: File, name: &Path) -> Self {
        let file = BufWriter::with_capacity(BUFFER, file);
        if name.extension().is_some_and(|extension| extension == "gz") {
            Self::Packed(GzEncoder::new(file, Compression::default()))
        } else {
            Self::Plain(file)
        }
    }

    /// Writes what is still held back, and gives the file back.
    ///
    /// # Errors
    /// Where the file takes no more.
    pub fn finish(self) -> io::Result<File> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Packed(file) => file.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Packed(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Packed(file) => file.flush(),
        }
    }
}
