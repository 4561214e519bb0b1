//! Lines of bounded length.

use std::io::{self, BufRead, Read as _};

/// The longest line that is read, in bytes. The largest object that an API server stores has some 1.5 MB.
pub const LONGEST_LINE: usize = 8 << 20;

/// What came next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A line, with its end.
    Line,
    /// A line beyond [`LONGEST_LINE`], passed over.
    TooLong,
    /// Nothing more.
    Nothing,
}

/// Reads the next line into `line`, and says how many bytes were taken from the input.
///
/// # Errors
/// What the input says.
pub(crate) fn next(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<(Next, usize)> {
    line.clear();
    let limit = LONGEST_LINE as u64 + 1;
    let length = input.by_ref().take(limit).read_until(b'\n', line)?;
    if length == 0 {
        return Ok((Next::Nothing, 0));
    }
    if length > LONGEST_LINE && line.last() != Some(&b'\n') {
        let rest = pass_over(input)?;
        return Ok((Next::TooLong, length.saturating_add(rest)));
    }
    Ok((Next::Line, length))
}

/// The rest of a line.
fn pass_over(input: &mut impl BufRead) -> io::Result<usize> {
    let mut passed = 0_usize;
    loop {
        let buffer = input.fill_buf()?;
        let (length, is_over) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        passed = passed.saturating_add(length);
        if is_over {
            return Ok(passed);
        }
    }
}
