//! The terminal: how wide it is, and its last rows, so that a flow's line can be rewritten where it stands.

use std::{
    collections::VecDeque,
    io::{self, Write},
};

use unicode_width::UnicodeWidthStr as _;

/// Columns of the terminal; what a page has where there is none.
pub(crate) fn width() -> usize {
    const PAGE: usize = 100;
    terminal_width().unwrap_or(PAGE)
}

/// Columns of the terminal, where there is one.
pub(crate) fn terminal_width() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map(|(terminal_size::Width(width), _)| width.into())
}

/// Entries that are still visible, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    visible: VecDeque<Entry>,
    width: usize,
}

#[derive(Debug)]
struct Entry {
    /// Empty for what is never rewritten.
    id: String,
    rows: Vec<String>,
    /// Rows of the terminal that they fill, broken at its width.
    height: usize,
}

impl Screen {
    /// Writes the rows of `id`: in place where its earlier ones can still be reached, below everything otherwise.
    /// `size` is the terminal's columns and rows at this moment.
    pub(crate) fn show(
        &mut self,
        out: &mut impl Write,
        size: (usize, usize),
        id: &str,
        rows: Vec<String>,
    ) -> io::Result<()> {
        let (width, height) = size;
        if width != self.width {
            // The terminal has moved the rows by rules of its own.
            self.visible.clear();
            self.width = width;
        }
        let filled = rows.iter().map(|row| fills(row, width)).sum();
        let entry = Entry {
            id: id.to_owned(),
            rows,
            height: filled,
        };
        let place = self
            .visible
            .iter()
            .position(|known| !id.is_empty() && known.id == id);
        match place {
            Some(place) => {
                let up: usize = self.visible.iter().skip(place).map(|e| e.height).sum();
                self.visible[place] = entry;
                write!(out, "\x1b[{up}A\r\x1b[J")?;
                for entry in self.visible.iter().skip(place) {
                    write_rows(out, &entry.rows)?;
                }
            }
            None => {
                write_rows(out, &entry.rows)?;
                self.visible.push_back(entry);
            }
        }
        // The cursor's own row cannot be used.
        let mut total: usize = self.visible.iter().map(|entry| entry.height).sum();
        while total > height.saturating_sub(1) {
            let Some(gone) = self.visible.pop_front() else {
                break;
            };
            total -= gone.height;
        }
        out.flush()
    }
}

fn write_rows(out: &mut impl Write, rows: &[String]) -> io::Result<()> {
    rows.iter().try_for_each(|row| writeln!(out, "{row}"))
}

fn fills(row: &str, width: usize) -> usize {
    let columns = anstream::adapter::strip_str(row).to_string().width();
    columns.div_ceil(width.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(size: (usize, usize), entries: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::default();
        for (id, row) in entries {
            screen
                .show(&mut out, size, id, vec![row.to_string()])
                .unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_visible_flow_is_rewritten_where_it_stands() {
        assert_eq!(
            shown((80, 24), &[("a", "a1"), ("b", "b1"), ("a", "a2")]),
            "a1\nb1\n\x1b[2A\r\x1b[Ja2\nb1\n"
        );
    }

    #[test]
    fn a_flow_that_has_scrolled_away_comes_again_below() {
        assert_eq!(
            shown(
                (80, 3),
                &[("a", "a1"), ("b", "b1"), ("c", "c1"), ("a", "a2")]
            ),
            "a1\nb1\nc1\na2\n"
        );
    }

    #[test]
    fn a_row_broken_by_the_terminal_counts_twice() {
        assert_eq!(
            shown((4, 24), &[("a", "aaaaaa"), ("a", "a")]),
            "aaaaaa\n\x1b[2A\r\x1b[Ja\n"
        );
    }

    #[test]
    fn gaps_are_never_rewritten() {
        assert_eq!(
            shown((80, 24), &[("", "lost 1"), ("", "lost 2")]),
            "lost 1\nlost 2\n"
        );
    }
}
