//! The text of a status: headings, facts and columns.

use anstyle::{AnsiColor, Style};
use jiff::SignedDuration;
use netpol_api::{v1::Lost, word::Word};

use crate::columns;
use crate::text::clean;

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTABLE: Style = AnsiColor::Yellow.on_default();

/// Text of the answer, cleaned as it is added.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) text: String,
}

impl Page {
    fn row(&mut self, row: &str) {
        self.text.push_str(row.trim_end());
        self.text.push('\n');
    }

    pub(super) fn fact(&mut self, name: &str, value: &str) {
        self.row(&format!("{name:<10} {}", clean(value)));
    }

    pub(super) fn heading(&mut self, name: &str) {
        self.row(&format!("\n{HEADING}{name}{HEADING:#}"));
    }

    pub(super) fn bad(&mut self, sentence: &str) {
        self.row(&format!("{BAD}{}{BAD:#}", clean(sentence)));
    }

    pub(crate) fn notable(&mut self, sentence: &str) {
        self.row(&format!("{NOTABLE}{}{NOTABLE:#}", clean(sentence)));
    }

    /// Aligned rows; what starts with ✗ anywhere catches the eye.
    pub(super) fn columns(&mut self, rows: impl Iterator<Item = [String; 3]>) {
        let rows: Vec<[String; 3]> = rows.collect();
        if rows.is_empty() {
            self.row("  none");
        }
        for (cells, line) in rows.iter().zip(columns::lines(&rows)) {
            let is_bad = cells.iter().any(|cell| cell.starts_with('✗'));
            let style = if is_bad { BAD } else { Style::new() };
            self.row(&format!("{style}  {line}{style:#}"));
        }
    }

    /// What was lost, and where.
    pub(super) fn losses(&mut self, losses: &[Lost]) {
        self.columns(losses.iter().map(|lost| {
            [
                lost.count.to_string(),
                lost.stage().word().to_owned(),
                lost.reason.replace('_', " "),
            ]
        }));
    }

    /// Aligned rows of any number of cells, with what else is to be said below each. A row that begins with ✗ or ! catches
    /// the eye.
    pub(crate) fn table<const N: usize>(
        &mut self,
        headings: [&str; N],
        rows: &[([String; N], Vec<String>)],
    ) {
        let headings = headings.map(str::to_owned);
        let cells: Vec<&[String; N]> = [&headings]
            .into_iter()
            .chain(rows.iter().map(|(cells, _)| cells))
            .collect();
        let mut lines = columns::lines(&cells).into_iter();
        if let Some(line) = lines.next() {
            self.row(&format!("  {line}"));
        }
        for ((cells, below), line) in rows.iter().zip(lines) {
            let style = match cells.first().and_then(|cell| cell.chars().next()) {
                Some('✗') => BAD,
                Some('!') => NOTABLE,
                _ => Style::new(),
            };
            self.row(&format!("{style}  {line}{style:#}"));
            for sentence in below {
                self.row(&format!("{style}      {}{style:#}", clean(sentence)));
            }
        }
    }
}

/// `1 pod`, `3 CiliumNetworkPolicies`.
pub(super) fn counted(count: u32, one: &str) -> String {
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {one}s"),
    }
}

/// The two largest units: `3d 4h`, `12m 5s`.
pub(crate) fn age(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}
