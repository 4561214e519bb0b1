//! Items of the stream to standard output.

use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use netpol_api::{
    json::{Item as JsonItem, Time},
    v1::{self, WatchFlowsResponse, watch_flows_response::Item},
};
use terminal_size::{Height, Width, terminal_size_of};

use super::seen::{Seen, Shown};
use crate::{
    args::{Output, Watch},
    line::{Lines, Verdict},
    screen::Screen,
    text::clean,
};

/// Nodes' flows come in order within some seconds.
const OVERLAP: SignedDuration = SignedDuration::from_secs(10);

/// What was seen in a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    flows: u64,
    blocked: u64,
    lost: u64,
}

impl Tally {
    pub(super) fn sentence(&self) -> String {
        let plural = if self.flows == 1 { "" } else { "s" };
        format!(
            "{} flow{plural}, {} blocked, {} lost",
            self.flows, self.blocked, self.lost
        )
    }
}

pub(super) struct Printer {
    out: AutoStream<io::Stdout>,
    output: Output,
    lines: Lines,
    on_terminal: bool,
    /// Where lines are rewritten.
    screen: Option<Screen>,
    seen: Seen,
    tally: Tally,
    /// Flows come again that were shown before a gap.
    catching_up: bool,
    span: Option<Span>,
}

/// From when to when flows that were shown were last seen.
#[derive(Clone, Copy, Debug)]
struct Span {
    earliest: Timestamp,
    latest: Timestamp,
}

impl Printer {
    pub(super) fn new(watch: &Watch) -> Self {
        let stdout = io::stdout();
        let on_terminal = stdout.is_terminal() && watch.output != Output::Json;
        Self {
            out: AutoStream::new(stdout, watch.color),
            output: watch.output,
            lines: Lines::new(watch.output == Output::Wide, None, TimeZone::system()),
            on_terminal,
            screen: (on_terminal && !watch.append).then(Screen::default),
            seen: Seen::default(),
            tally: Tally::default(),
            catching_up: false,
            span: None,
        }
    }

    /// The last word of a run.
    pub(super) fn tally(&self) -> String {
        self.tally.sentence()
    }

    /// From when on kept flows are asked for after a gap. What was shown is recognised when it comes again.
    pub(super) fn catch_up(&mut self, broken: Timestamp) -> Timestamp {
        self.catching_up = true;
        let before = |time: Timestamp| time.checked_sub(OVERLAP).unwrap_or(time);
        match self.span {
            // Not from before the run.
            Some(span) => before(span.latest).max(span.earliest),
            None => before(broken),
        }
    }

    /// A row of our own in the midst of the stream. Whoever reads JSON reads it on stderr.
    pub(super) fn notice(&mut self, mark: &str, sentence: &str) -> io::Result<()> {
        if self.output == Output::Json {
            // A closed stderr changes nothing.
            let _ = writeln!(anstream::stderr(), "flows: {}", clean(sentence));
            return Ok(());
        }
        self.fit();
        let rows = self.lines.notice(Timestamp::now(), mark, sentence);
        self.rows("", rows)
    }

    pub(super) fn item(&mut self, response: &WatchFlowsResponse) -> io::Result<()> {
        let news = match &response.item {
            Some(Item::Flow(flow))
                if self.catching_up && self.seen.has(&flow.id, flow.revision) =>
            {
                return Ok(());
            }
            Some(Item::Flow(flow)) => self.count(flow),
            Some(Item::Lost(lost)) => {
                self.tally.lost += lost.count;
                true
            }
            Some(Item::Node(_)) => true,
            // An item of a kind that this version does not know.
            None => return Ok(()),
        };
        if self.output == Output::Json {
            if let Some(item) = JsonItem::of_response(response) {
                serde_json::to_writer(&mut self.out, &item).map_err(io::Error::from)?;
                self.out.write_all(b"\n")?;
            }
            return self.out.flush();
        }
        self.fit();
        match &response.item {
            Some(Item::Flow(flow)) => self.flow(flow, news),
            Some(Item::Lost(lost)) => {
                let rows = self.lines.lost(lost);
                self.rows("", rows)
            }
            Some(Item::Node(node)) => {
                let rows = self.lines.node(node);
                self.rows("", rows)
            }
            None => Ok(()),
        }
    }

    /// Counts a flow once, however often it comes; says whether its verdict is news.
    fn count(&mut self, flow: &v1::Flow) -> bool {
        let verdict = Verdict::of(flow);
        let blocked = flow.is_blocked();
        let shown = Shown {
            revision: flow.revision,
            verdict,
            blocked,
        };
        let before = self.seen.remember(&flow.id, shown);
        self.tally.flows += u64::from(before.is_none());
        self.tally.blocked += u64::from(blocked && !before.is_some_and(|before| before.blocked));
        if let Some(Time(time)) = flow.last_seen.as_ref().and_then(Time::of) {
            self.span = Some(match self.span {
                Some(Span { earliest, latest }) => Span {
                    earliest: earliest.min(time),
                    latest: latest.max(time),
                },
                None => Span {
                    earliest: time,
                    latest: time,
                },
            });
        }
        before.is_none_or(|before| before.verdict != verdict)
    }

    fn flow(&mut self, flow: &v1::Flow, news: bool) -> io::Result<()> {
        // In a file, a verdict that is about to come is waited for, and counts alone are no news.
        let settled = Verdict::of(flow).is_known() || flow.state() == v1::flow::State::Ended;
        if self.screen.is_none() && !(news && settled) {
            return Ok(());
        }
        let rows = self.lines.flow(flow);
        self.rows(&flow.id, rows)
    }

    fn rows(&mut self, id: &str, rows: Vec<String>) -> io::Result<()> {
        match (self.terminal(), &mut self.screen) {
            (Some(size), Some(screen)) => screen.show(&mut self.out, size, id, rows),
            _ => {
                rows.iter()
                    .try_for_each(|row| writeln!(self.out, "{row}"))?;
                self.out.flush()
            }
        }
    }

    /// Rows are broken at the terminal's width of the moment.
    fn fit(&mut self) {
        if let Some((width, _)) = self.terminal() {
            self.lines.set_width(Some(width));
        }
    }

    /// Columns and rows, on a terminal.
    fn terminal(&self) -> Option<(usize, usize)> {
        if !self.on_terminal {
            return None;
        }
        let (Width(width), Height(height)) = terminal_size_of(io::stdout())?;
        Some((width.into(), height.into()))
    }
}
