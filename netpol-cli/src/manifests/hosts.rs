//! Domain names of addresses, in the form of hosts(5): an address and its names on each line, `#` begins a comment.

use std::collections::HashMap;
use std::fs::File;
use std::net::IpAddr;
use std::sync::Arc;

use super::files;
use crate::error::CliError;

/// Bytes of a names file; a million lines have less.
const LARGEST: u64 = 1 << 26;

/// Names by address.
pub(super) type Names = HashMap<IpAddr, Vec<Arc<str>>>;

/// Reads a file.
///
/// # Errors
/// A file that cannot be read, or is of another form.
pub(super) fn read(path: &str) -> Result<Names, CliError> {
    let text = File::open(path)
        .and_then(|file| files::text(file, LARGEST))
        .map_err(|error| CliError::Input(format!("--names {path}: {error}")))?;
    parse(&text).map_err(|message| CliError::Input(format!("--names {path}: {message}")))
}

fn parse(text: &str) -> Result<Names, String> {
    let mut names = Names::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let mut words = line.split_whitespace();
        let Some(address) = words.next() else {
            continue;
        };
        let number = index + 1;
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("line {number}: expected an IP address, found {address:?}"))?;
        let known = names.entry(address.to_canonical()).or_default();
        let before = known.len();
        known.extend(words.map(Arc::from));
        if known.len() == before {
            return Err(format!("line {number}: expected a name beside {address}"));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_all_names_of_all_its_lines() {
        let text =
            "# known\n192.0.2.7 a.example b.example # two\n\n::ffff:192.0.2.7\tc.example\r\n";
        let names = parse(text).unwrap();
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let expected: Vec<Arc<str>> =
            vec!["a.example".into(), "b.example".into(), "c.example".into()];
        assert_eq!(names, Names::from([(address, expected)]));
    }

    #[test]
    fn a_names_file_without_an_end_is_refused() {
        let error = read("/dev/zero").unwrap_err();
        assert_eq!(
            error.to_string(),
            "--names /dev/zero: is larger than 67108864 bytes"
        );
    }

    #[test]
    fn another_form_is_told_by_line() {
        for (text, message) in [
            (
                "\na.example 192.0.2.7",
                "line 2: expected an IP address, found \"a.example\"",
            ),
            (
                "192.0.2.7 # none",
                "line 1: expected a name beside 192.0.2.7",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), message);
        }
    }
}
