//! A stream into lines of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes of a line; no request needs more.
const LONGEST: usize = 1 << 20;

/// Reads line by line.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    /// Of the line that comes next, from 1.
    number: u64,
}

/// What comes next, without its line feed.
#[derive(Debug, PartialEq)]
pub(super) enum Next<'a> {
    Line(&'a [u8]),
    /// The beginning of a line that is too long; the rest of it is skipped.
    TooLong(&'a [u8]),
    End,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R, buffer: usize) -> Self {
        Self {
            from: BufReader::with_capacity(buffer, from),
            line: Vec::new(),
            number: 1,
        }
    }

    /// The number of the line that comes next, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether there is no whole line left of what was read, so that the next one may have to be waited for.
    pub(super) fn would_read(&self) -> bool {
        !self.from.buffer().contains(&b'\n')
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.line.clear();
        self.number += 1;
        let limit = LONGEST as u64 + 1;
        let read = self
            .from
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(Next::End);
        }
        if self.line.ends_with(b"\n") {
            self.line.pop();
        } else if self.line.len() > LONGEST {
            self.from.skip_until(b'\n')?;
            return Ok(Next::TooLong(&self.line[..LONGEST]));
        }
        let line = self.line.as_slice();
        // What some editors put before the first line of a text.
        let mark = if self.number == 2 { "\u{feff}" } else { "" };
        Ok(Next::Line(
            line.strip_prefix(mark.as_bytes()).unwrap_or(line),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_line_feeds_and_at_the_end() {
        let mut lines = Lines::new(&b"\xef\xbb\xbfa\n\r\n\xef\xbb\xbfb"[..], 4);
        for (number, line) in [(1, &b"a"[..]), (2, b"\r"), (3, b"\xef\xbb\xbfb")] {
            assert_eq!(lines.number(), number);
            assert_eq!(lines.next().unwrap(), Next::Line(line));
        }
        assert_eq!(lines.next().unwrap(), Next::End);
    }

    #[test]
    fn the_rest_of_a_line_that_is_too_long_is_skipped() {
        let mut text = vec![b'x'; LONGEST];
        text.push(b'\n');
        text.extend(vec![b'y'; 2 * LONGEST]);
        text.extend(b"\nz\n");
        let mut lines = Lines::new(text.as_slice(), 1 << 16);
        assert_eq!(lines.next().unwrap(), Next::Line(&vec![b'x'; LONGEST]));
        assert_eq!(lines.next().unwrap(), Next::TooLong(&vec![b'y'; LONGEST]));
        assert_eq!(lines.next().unwrap(), Next::Line(b"z"));
        assert_eq!(lines.next().unwrap(), Next::End);
    }

    #[test]
    fn it_is_known_when_a_line_may_have_to_be_waited_for() {
        let mut lines = Lines::new(&b"a\nb\nc"[..], 64);
        let mut waits = Vec::new();
        loop {
            waits.push(lines.would_read());
            if lines.next().unwrap() == Next::End {
                break;
            }
        }
        assert_eq!(waits, [true, false, true, true]);
    }
}
