//! Who is expected to reach whom, and how that differs from what is found.

use netpol_policy::verdict::Decision;

/// Lines about pairs of ends; a later line goes before an earlier one. An end always reaches itself (rule 19).
///
/// An end is named `namespace/name`, `node/name` or `outside`; `*` in place of a part stands for any, `*` alone for
/// every end there is.
#[derive(Clone, Default)]
pub(crate) struct Reachability(Vec<Line>);

#[derive(Clone)]
struct Line {
    from: String,
    to: String,
    decision: Decision,
}

/// Everybody reaches everybody.
pub(crate) fn everyone() -> Reachability {
    Reachability::default()
}

impl Reachability {
    /// These do not reach those.
    pub(crate) fn denied(self, from: &str, to: &str) -> Self {
        self.line(from, to, Decision::Denied)
    }

    /// These reach those after all.
    pub(crate) fn allowed(self, from: &str, to: &str) -> Self {
        self.line(from, to, Decision::Allowed)
    }

    fn line(mut self, from: &str, to: &str, decision: Decision) -> Self {
        self.0.push(Line {
            from: from.to_owned(),
            to: to.to_owned(),
            decision,
        });
        self
    }

    fn between(&self, from: &str, to: &str) -> Decision {
        if from == to {
            return Decision::Allowed;
        }
        let line = self.0.iter().rev().find(|line| line.covers(from, to));
        line.map_or(Decision::Allowed, |line| line.decision)
    }

    /// Fails with both matrices where what is found differs.
    pub(crate) fn compare(
        &self,
        ends: &[String],
        found: impl Fn(&str, &str) -> Decision,
        question: &str,
    ) {
        for line in &self.0 {
            let covers = |from: &String| ends.iter().any(|to| line.covers(from, to));
            assert!(
                ends.iter().any(covers),
                "no ends are named {} and {}",
                line.from,
                line.to
            );
        }
        let expected = matrix(ends, |from, to| self.between(from, to));
        let found = matrix(ends, found);
        assert!(
            expected == found,
            "{question}\n\nexpected (from the left to the top):\n{expected}\nfound:\n{found}"
        );
    }
}

impl Line {
    fn covers(&self, from: &str, to: &str) -> bool {
        is_named(from, &self.from) && is_named(to, &self.to)
    }
}

fn is_named(end: &str, pattern: &str) -> bool {
    let part = |text: &str, pattern: &str| pattern == "*" || pattern == text;
    match (end.split_once('/'), pattern.split_once('/')) {
        (_, None) => part(end, pattern),
        (None, Some(_)) => false,
        // `*/*` is any pod, so it leaves nodes out.
        (Some(("node", _)), Some(("*", _))) => false,
        (Some(end), Some(pattern)) => part(end.0, pattern.0) && part(end.1, pattern.1),
    }
}

/// A row for each end that connects: `.` allowed, `X` denied, `?` unknown.
fn matrix(ends: &[String], decision: impl Fn(&str, &str) -> Decision) -> String {
    let width = ends.iter().map(String::len).max().unwrap_or_default();
    let mut text = format!("{:width$}", "");
    for to in ends {
        text.push_str(&format!(" {to}"));
    }
    for from in ends {
        text.push_str(&format!("\n{from:width$}"));
        for to in ends {
            let mark = match decision(from, to) {
                Decision::Allowed => '.',
                Decision::Denied => 'X',
                Decision::Unknown => '?',
            };
            text.push_str(&format!(" {mark:<wide$}", wide = to.len()));
        }
    }
    text.push('\n');
    text
}
