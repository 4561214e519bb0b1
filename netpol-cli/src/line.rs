//! One flow as text: time, verdict, who to whom, protocol, count, and why.

mod ends;
mod verdict;

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, tz::TimeZone};
use netpol_api::{json::Time, v1, word::Word};

pub(crate) use verdict::Verdict;

use crate::text::{clean, wrap};

const DIM: Style = Style::new().dimmed();
const LOUD: Style = AnsiColor::Yellow.on_default().bold();
const FINE: Style = AnsiColor::Green.on_default();

/// Columns of time and verdict and the gaps after them: where the second row begins.
const INDENT: usize = 14;
/// Where a sentence begins that stands beside a mark.
const SENTENCE: usize = 29;
/// No column grows beyond this for one long name.
const WIDEST_END: usize = 48;

/// Writes flows in columns. They grow with what was shown and never shrink, so that a run stays aligned.
#[derive(Debug)]
pub(crate) struct Lines {
    wide: bool,
    /// Columns of the terminal; `None` where rows are never broken.
    width: Option<usize>,
    zone: TimeZone,
    source_width: usize,
    destination_width: usize,
}

impl Lines {
    pub(crate) fn new(wide: bool, width: Option<usize>, zone: TimeZone) -> Self {
        Self {
            wide,
            width,
            zone,
            source_width: 16,
            destination_width: 20,
        }
    }

    pub(crate) fn set_width(&mut self, width: Option<usize>) {
        self.width = width;
    }

    /// The rows of a flow.
    pub(crate) fn flow(&mut self, flow: &v1::Flow) -> Vec<String> {
        let source = ends::source(flow, self.wide);
        let destination = ends::destination(flow, self.wide);
        grow(&mut self.source_width, &source);
        grow(&mut self.destination_width, &destination);

        let verdict = Verdict::of(flow);
        let time = self.time(flow.last_seen.as_ref().or(flow.first_seen.as_ref()));
        let count = match packets(flow) {
            0 | 1 => String::new(),
            packets => format!("×{packets}"),
        };
        let protocol = match flow.protocol() {
            v1::Protocol::Other | v1::Protocol::Unspecified => format!("ip-{}", flow.ip_protocol),
            protocol => protocol.word().to_owned(),
        };
        let style = verdict.style();
        let mut head = format!(
            "{DIM}{time}{DIM:#}  {style}{:<13}{style:#}",
            verdict.to_string()
        );
        let _ = write!(
            head,
            "  {source:<sw$} → {destination:<dw$}  {protocol:<6}  {count:<5}",
            sw = self.source_width,
            dw = self.destination_width,
        );
        let head_width = 12
            + 2
            + 13
            + 2
            + self.source_width.max(chars(&source))
            + 3
            + self.destination_width.max(chars(&destination))
            + 2
            + protocol.len().max(6)
            + 2
            + chars(&count).max(5);

        let mut rows = with_reason(
            head,
            head_width,
            self.width,
            &verdict,
            &clean(&flow.summary),
        );
        if self.wide {
            rows.push(format!(
                "{:INDENT$}{DIM}{}{DIM:#}",
                "",
                clean(&details(flow))
            ));
        }
        rows
    }

    /// The rows of a gap.
    pub(crate) fn lost(&self, lost: &v1::Lost) -> Vec<String> {
        let what = if lost.count == 1 { "event" } else { "events" };
        let stage = match lost.stage() {
            v1::lost::Stage::Kernel => " in the kernel",
            v1::lost::Stage::Pipeline => " in the agent",
            v1::lost::Stage::Subscriber => " on the way here",
            v1::lost::Stage::Relay => " in the relay",
            v1::lost::Stage::History => " on the way into history",
            v1::lost::Stage::Unspecified => "",
        };
        let node = match lost.node.as_str() {
            "" => String::new(),
            node => format!(" on {node}"),
        };
        let (count, reason) = (lost.count, lost.reason.replace('_', " "));
        let sentence = format!("{count} {what} lost{stage}{node}: {reason}");
        self.told(lost.time.as_ref(), "! LOST", LOUD, &sentence)
    }

    /// The rows of a node whose flows are missing, late, or there again.
    pub(crate) fn node(&self, node: &v1::NodeState) -> Vec<String> {
        use v1::node_state::State;
        let (mark, style, what) = match node.state() {
            State::Followed => ("✓ NODE", FINE, "its flows come from here on"),
            State::Late => ("! LATE", LOUD, "its flows come late, after younger ones"),
            State::Unreachable => ("! MISSING", LOUD, "its flows do not come"),
            State::NoAgent => (
                "! MISSING",
                LOUD,
                "no agent runs there, its flows are not seen",
            ),
            State::Unspecified => ("! NODE", LOUD, "how well its flows come is not known"),
        };
        let why = match node.message.as_str() {
            "" => String::new(),
            message => format!(": {message}"),
        };
        let sentence = format!("node {}: {what}{why}", node.node);
        self.told(node.time.as_ref(), mark, style, &sentence)
    }

    /// Rows of our own in the midst of the stream.
    pub(crate) fn notice(&self, time: Timestamp, mark: &str, sentence: &str) -> Vec<String> {
        self.told(Some(&Time(time).into()), mark, LOUD, sentence)
    }

    /// A sentence beside its mark, on as many rows as it needs.
    fn told(
        &self,
        time: Option<&prost_types::Timestamp>,
        mark: &str,
        style: Style,
        sentence: &str,
    ) -> Vec<String> {
        let time = self.time(time);
        let sentence = clean(sentence);
        let parts = match self.width {
            Some(width) => wrap(&sentence, width.saturating_sub(SENTENCE).max(20)),
            None => vec![sentence.into_owned()],
        };
        let head = format!("{DIM}{time}{DIM:#}  {style}{mark:<13}{style:#}  ");
        let rows = parts.iter().enumerate();
        rows.map(|(number, part)| match number {
            0 => format!("{head}{part}"),
            _ => format!("{:SENTENCE$}{part}", ""),
        })
        .collect()
    }

    /// Local time of day in milliseconds; blanks where not known.
    fn time(&self, time: Option<&prost_types::Timestamp>) -> String {
        let known = time.and_then(Time::of);
        known.map_or_else(
            || " ".repeat(12),
            |Time(moment)| {
                moment
                    .to_zoned(self.zone.clone())
                    .strftime("%H:%M:%S%.3f")
                    .to_string()
            },
        )
    }
}

/// Puts the reason on the same row where it fits, and on indented rows of its own where not.
fn with_reason(
    head: String,
    head_width: usize,
    width: Option<usize>,
    verdict: &Verdict,
    summary: &str,
) -> Vec<String> {
    let prefix = verdict.disagreement().unwrap_or_default();
    let sentence = format!("{prefix}{summary}");
    if sentence.is_empty() {
        return vec![head.trim_end().to_owned()];
    }
    let paint = |row: &str| match row.strip_prefix(prefix) {
        Some(rest) if !prefix.is_empty() => format!("{LOUD}{prefix}{LOUD:#}{rest}"),
        _ => row.to_owned(),
    };
    if width.is_none_or(|width| head_width + 2 + chars(&sentence) <= width) {
        return vec![format!("{head}  {}", paint(&sentence))];
    }
    let room = width.unwrap_or(usize::MAX).saturating_sub(INDENT).max(20);
    let reason = wrap(&sentence, room);
    let mut rows = vec![head.trim_end().to_owned()];
    rows.extend(
        reason
            .iter()
            .map(|row| format!("{:INDENT$}{}", "", paint(row))),
    );
    rows
}

/// What `-o wide` adds below a flow.
fn details(flow: &v1::Flow) -> String {
    let mut parts = Vec::new();
    let several_nodes = flow.vantages.iter().any(|vantage| !vantage.node.is_empty());
    if !flow.node.is_empty() && !several_nodes {
        parts.push(format!("on {}", flow.node));
    }
    parts.extend(flow.vantages.iter().map(|vantage| {
        let (interface, direction) = (&vantage.interface, vantage.direction().word());
        match vantage.node.as_str() {
            "" => format!("{interface} {direction}"),
            node => format!("{node}: {interface} {direction}"),
        }
    }));
    for (name, counters) in [("sent", &flow.forward), ("received", &flow.reply)] {
        if let Some(c) = counters {
            parts.push(format!("{name} {} packets {} bytes", c.packets, c.bytes));
        }
    }
    let evidence = flow
        .observed
        .as_ref()
        .and_then(|observed| observed.evidence.as_ref());
    if let Some(drop) = evidence.and_then(|evidence| evidence.drop.as_ref()) {
        let at = if drop.location.is_empty() {
            String::new()
        } else {
            format!(" at {}", drop.location)
        };
        parts.push(format!(
            "kernel: {}{at} ({})",
            drop.reason,
            drop.class().word()
        ));
    }
    if flow.direction_inferred {
        parts.push("direction inferred".to_owned());
    }
    let caveats = flow.computed.iter().flat_map(|computed| &computed.caveats);
    let caveats: Vec<&str> = caveats.map(String::as_str).collect();
    if !caveats.is_empty() {
        parts.push(format!("caveats: {}", caveats.join(" ")));
    }
    parts.join(", ")
}

/// Packets that were tried in vain: those dropped, where it was stopped; those sent, where nobody answered; 0 for what got
/// through.
fn packets(flow: &v1::Flow) -> u64 {
    let dropped = flow
        .observed
        .as_ref()
        .and_then(|observed| observed.evidence.as_ref()?.drop.as_ref())
        .map(|drop| drop.packets);
    let sent = flow.forward.as_ref().map_or(0, |counters| counters.packets);
    let verdict = flow.observed.as_ref().map(v1::Observed::verdict);
    if flow.is_blocked() {
        dropped.unwrap_or(sent)
    } else if verdict == Some(v1::observed::Verdict::Unanswered) {
        sent
    } else {
        0
    }
}

fn grow(width: &mut usize, text: &str) {
    *width = (*width).max(chars(text).min(WIDEST_END));
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests;
