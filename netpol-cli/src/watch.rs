//! `flows watch` and `flows list`: items of the stream to standard output.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, IsTerminal, Write},
};

use anstream::AutoStream;
use jiff::tz::TimeZone;
use netpol_api::{
    json::Item as JsonItem,
    v1::{self, WatchFlowsResponse, watch_flows_response::Item},
};
use terminal_size::{Height, Width, terminal_size_of};
use tokio::signal;

use crate::{
    args::{Output, Watch},
    error::CliError,
    line::{Lines, Verdict},
    screen::Screen,
};

/// Flows whose last verdict is remembered, so that mere counts are not printed again.
const REMEMBERED: usize = 100_000;

/// Runs until the stream ends, or Ctrl-C.
pub(crate) async fn run(watch: Watch) -> Result<(), CliError> {
    let mut client = watch.connection.open().await?;
    let follow = watch.request.follow;
    let mut printer = Printer::new(&watch);
    let connection = &watch.connection;
    let interrupt = signal::ctrl_c();
    tokio::pin!(interrupt);
    let work = async {
        let answer = client.watch_flows(watch.request.clone()).await;
        let mut stream = answer
            .map_err(|status| connection.call_failed(&status))?
            .into_inner();
        while let Some(item) = stream
            .message()
            .await
            .map_err(|status| connection.stream_failed(&status))?
        {
            printer.item(&item).map_err(CliError::Output)?;
        }
        Ok(())
    };
    let ended = tokio::select! {
        ended = work => ended,
        _ = &mut interrupt => Ok(()),
    };
    if follow && ended.is_ok() {
        // The last word of a run that ends well; a closed stderr changes nothing.
        let _ = writeln!(io::stderr(), "{}", printer.tally.sentence());
    }
    ended
}

/// What was seen in a run.
#[derive(Debug, Default)]
struct Tally {
    flows: u64,
    blocked: u64,
    lost: u64,
}

impl Tally {
    fn sentence(&self) -> String {
        let plural = if self.flows == 1 { "" } else { "s" };
        format!(
            "{} flow{plural}, {} blocked, {} lost",
            self.flows, self.blocked, self.lost
        )
    }
}

struct Printer {
    out: AutoStream<io::Stdout>,
    output: Output,
    lines: Lines,
    on_terminal: bool,
    /// Where lines are rewritten.
    screen: Option<Screen>,
    seen: Seen,
    tally: Tally,
}

impl Printer {
    fn new(watch: &Watch) -> Self {
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
        }
    }

    fn item(&mut self, response: &WatchFlowsResponse) -> io::Result<()> {
        let news = match &response.item {
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
        match &response.item {
            Some(Item::Flow(flow)) => self.flow(flow, news),
            Some(Item::Lost(lost)) => {
                let row = self.lines.lost(lost);
                self.rows("", vec![row])
            }
            Some(Item::Node(node)) => {
                let row = self.lines.node(node);
                self.rows("", vec![row])
            }
            None => Ok(()),
        }
    }

    /// Counts a flow once, however often it comes; says whether its verdict is news.
    fn count(&mut self, flow: &v1::Flow) -> bool {
        let verdict = Verdict::of(flow);
        let blocked = flow.is_blocked();
        let before = self.seen.remember(&flow.id, (verdict, blocked));
        self.tally.flows += u64::from(before.is_none());
        self.tally.blocked += u64::from(blocked && !before.is_some_and(|(_, blocked)| blocked));
        before.is_none_or(|(before, _)| before != verdict)
    }

    fn flow(&mut self, flow: &v1::Flow, news: bool) -> io::Result<()> {
        // In a file, a verdict that is about to come is waited for, and counts alone are no news.
        let settled = Verdict::of(flow).is_known() || flow.state() == v1::flow::State::Ended;
        if self.screen.is_none() && !(news && settled) {
            return Ok(());
        }
        if let Some((width, _)) = self.terminal() {
            self.lines.set_width(Some(width));
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

    /// Columns and rows, on a terminal.
    fn terminal(&self) -> Option<(usize, usize)> {
        if !self.on_terminal {
            return None;
        }
        let (Width(width), Height(height)) = terminal_size_of(io::stdout())?;
        Some((width.into(), height.into()))
    }
}

/// The last verdict of each of the latest flows.
#[derive(Default)]
struct Seen {
    verdicts: HashMap<String, (Verdict, bool)>,
    order: VecDeque<String>,
}

impl Seen {
    /// Returns what was remembered before.
    fn remember(&mut self, id: &str, verdict: (Verdict, bool)) -> Option<(Verdict, bool)> {
        if let Some(known) = self.verdicts.get_mut(id) {
            return Some(std::mem::replace(known, verdict));
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.verdicts.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        self.verdicts.insert(id.to_owned(), verdict);
        None
    }
}
