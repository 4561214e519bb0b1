//! Answers to requests, each worked out once.

use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use netpol_policy::cache::VerdictCache;
use netpol_policy::connection::Connection;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::Protocol;
use netpol_policy::request::{self, EndRef, Party, PortRef, RequestError};
use netpol_policy::verdict::Verdict;
use serde::Serialize;

use super::line::{self, Line, Malformed};
use crate::eval::json::Judged;

/// How much is kept; what is beyond is worked out again.
struct Limits {
    ends: usize,
    /// Some hundred bytes each.
    answers: usize,
}

const LIMITS: Limits = Limits {
    ends: 1 << 16,
    answers: 1 << 15,
};

/// Answers requests about one inventory.
pub(super) struct Answers<'a> {
    inventory: &'a Inventory,
    /// By how they are written.
    ends: HashMap<String, End>,
    /// Given to the next end.
    next: u64,
    kept: HashMap<Key, Kept>,
    /// For ends that are written differently, and yet the same to all policies.
    verdicts: VerdictCache,
    limits: Limits,
    /// Where answers are written before it is known how long they are.
    scratch: Vec<u8>,
}

/// An end that was looked up.
#[derive(Clone)]
struct End {
    /// Never used for another one.
    number: u64,
    party: Rc<Result<Party, RequestError>>,
}

/// All that an answer depends on.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    from: u64,
    to: u64,
    protocol: Protocol,
    port: Option<PortRef>,
}

/// What follows the id in the answer.
#[derive(Clone)]
struct Kept {
    text: Rc<[u8]>,
    is_error: bool,
}

/// What follows the id where there is no answer.
#[derive(Serialize)]
struct Wrong {
    error: String,
}

/// Instead of the answer to a line that is no request.
#[derive(Serialize)]
struct Refused<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// From 1; where there is no id.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    error: &'a str,
}

impl<'a> Answers<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        Self {
            inventory,
            ends: HashMap::new(),
            next: 0,
            kept: HashMap::new(),
            verdicts: VerdictCache::new(LIMITS.answers),
            limits: LIMITS,
            scratch: Vec::new(),
        }
    }

    /// Writes the answer to a line, and returns whether it is one.
    pub(super) fn write(
        &mut self,
        mut out: impl Write,
        number: u64,
        text: &[u8],
    ) -> io::Result<bool> {
        let line = match line::parse(text) {
            Ok(line) => line,
            Err(malformed) => {
                refuse(out, number, &malformed)?;
                return Ok(false);
            }
        };
        out.write_all(b"{\"id\":")?;
        serde_json::to_writer(&mut out, &line.id)?;
        let answer = self.answer(line)?;
        out.write_all(&answer.text)?;
        Ok(!answer.is_error)
    }

    /// Writes that a line is too long, of which only the beginning is known.
    pub(super) fn refuse_too_long(
        &self,
        out: impl Write,
        number: u64,
        beginning: &[u8],
    ) -> io::Result<bool> {
        let id = line::parse(beginning)
            .err()
            .and_then(|malformed| malformed.id);
        let message = format!("is longer than {} bytes", beginning.len());
        refuse(out, number, &Malformed { id, message })?;
        Ok(false)
    }

    fn answer(&mut self, line: Line<'_>) -> io::Result<Kept> {
        let (from, to) = (self.end(&line.from), self.end(&line.to));
        let key = Key {
            from: from.number,
            to: to.number,
            protocol: line.protocol,
            port: line.port,
        };
        if let Some(kept) = self.kept.get(&key) {
            return Ok(kept.clone());
        }
        let kept = self.work_out(&from, &to, &key)?;
        if self.kept.len() >= self.limits.answers {
            self.kept.clear();
        }
        self.kept.insert(key, kept.clone());
        Ok(kept)
    }

    fn end(&mut self, text: &str) -> End {
        if let Some(end) = self.ends.get(text) {
            return end.clone();
        }
        let end = text.parse::<EndRef>();
        let party = Rc::new(end.and_then(|end| end.resolve(self.inventory)));
        let number = self.next;
        self.next += 1;
        if self.ends.len() >= self.limits.ends {
            self.ends.clear();
        }
        let end = End { number, party };
        // What is no end may be as long as a line.
        if !matches!(*end.party, Err(RequestError::Malformed { .. })) {
            self.ends.insert(text.to_owned(), end.clone());
        }
        end
    }

    fn work_out(&mut self, from: &End, to: &End, key: &Key) -> io::Result<Kept> {
        let asked = match (&*from.party, &*to.party) {
            (Ok(from), Ok(to)) => {
                let port = key.port.as_ref();
                request::connections(self.inventory, from, to, key.protocol, port)
                    .map_err(|error| error.to_string())
            }
            (Err(error), _) => Err(format!("from: {error}")),
            (_, Err(error)) => Err(format!("to: {error}")),
        };
        let is_error = asked.is_err();
        self.scratch.clear();
        match asked {
            Ok(connections) => self.write_judged(&connections)?,
            Err(error) => serde_json::to_writer(&mut self.scratch, &Wrong { error })?,
        }
        // The id stands before all of it.
        self.scratch[0] = b',';
        self.scratch.push(b'\n');
        let text = self.scratch.as_slice().into();
        Ok(Kept { text, is_error })
    }

    fn write_judged(&mut self, connections: &[Connection]) -> io::Result<()> {
        let evaluate = |connection| self.verdicts.evaluate(self.inventory, connection);
        let out = &mut self.scratch;
        match connections {
            [connection] => serde_json::to_writer(out, &Judged::from(&*evaluate(connection)))?,
            several => {
                let verdicts = several.iter().map(|one| Verdict::clone(&evaluate(one)));
                serde_json::to_writer(out, &Judged::from(&request::combine(verdicts)))?;
            }
        }
        Ok(())
    }
}

fn refuse(mut out: impl Write, number: u64, malformed: &Malformed<'_>) -> io::Result<()> {
    let refused = Refused {
        id: malformed.id.as_deref(),
        line: malformed.id.is_none().then_some(number),
        error: &malformed.message,
    };
    serde_json::to_writer(&mut out, &refused)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use netpol_policy::manifest;

    use super::*;

    #[test]
    fn ends_as_long_as_lines_are_not_kept() {
        let inventory = Inventory::new([]);
        let mut answers = Answers::new(&inventory);
        for n in 0..3 {
            let from = format!("prod/{n}{}", "x".repeat(1 << 16));
            let line = format!("{{\"id\":\"\",\"from\":\"{from}\",\"to\":\"{from}\"}}");
            let mut out = Vec::new();
            assert!(!answers.write(&mut out, 1, line.as_bytes()).unwrap());
            assert!(out.len() < 1000, "nor told whole");
        }
        assert_eq!(answers.ends.len(), 0);
        assert!(answers.kept.values().all(|kept| kept.text.len() < 1000));
    }

    #[test]
    fn what_is_not_kept_is_answered_the_same_again() {
        let pods = (0..4).map(|n| {
            format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p{n}, namespace: prod, labels: {{n: \"{n}\"}}}}}}\n---\n")
        });
        let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: prod}, \
                      spec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {n: \"1\"}}}], ports: [{port: 1}]}]}}";
        let read = manifest::parse(&(pods.collect::<String>() + policy));
        assert_eq!(read.errors, []);
        let inventory = Inventory::new(read.objects);
        let ask = |limits: Limits| {
            let mut answers = Answers {
                limits,
                ..Answers::new(&inventory)
            };
            let mut out = Vec::new();
            for n in 0..200_u32 {
                let (from, to, port) = (n % 5, n % 3, n % 2 + 1);
                let line = format!(
                    "{{\"id\":\"{n}\",\"from\":\"prod/p{from}\",\"to\":\"prod/p{to}\",\"port\":{port}}}"
                );
                let answered = answers.write(&mut out, 1, line.as_bytes()).unwrap();
                // There is no fifth pod.
                assert_eq!(answered, from < 4);
                assert!(answers.ends.len() <= answers.limits.ends);
                assert!(answers.kept.len() <= answers.limits.answers);
            }
            String::from_utf8(out).unwrap()
        };
        let all = ask(LIMITS);
        assert!(all.contains("\"allowed\":true,\"egress\""));
        assert!(all.contains("\"allowed\":false,\"egress\""));
        let (ends, answers) = (2, 3);
        assert_eq!(ask(Limits { ends, answers }), all);
    }
}
