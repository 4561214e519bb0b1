//! Function names of the running kernel, from `/proc/kallsyms`.

use std::fs;
use std::io::{self, BufReader};

use netpol_common::layout::CodeRange;

const KALLSYMS: &str = "/proc/kallsyms";

/// Functions by address.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Ascending.
    starts: Vec<u64>,
    names: Vec<Box<str>>,
}

impl Symbols {
    /// Reads the kernel's table. Empty where addresses are hidden (`kptr_restrict` without CAP_SYSLOG).
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load() -> io::Result<Self> {
        Self::read(BufReader::new(fs::File::open(KALLSYMS)?))
    }

    fn read(table: impl io::BufRead) -> io::Result<Self> {
        let mut functions: Vec<(u64, Box<str>)> = Vec::new();
        for line in table.lines() {
            let line = line?;
            let mut fields = line.split_ascii_whitespace();
            let (Some(address), Some(kind), Some(name)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(address) = u64::from_str_radix(address, 16) else {
                continue;
            };
            if address != 0 && matches!(kind, "t" | "T" | "w" | "W") {
                functions.push((address, name.into()));
            }
        }
        functions.sort_by_key(|(address, _)| *address);
        functions.dedup_by_key(|(address, _)| *address);
        let (starts, names) = functions.into_iter().unzip();
        Ok(Self { starts, names })
    }

    /// Whether addresses could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The function that an address lies in, without a compiler's suffix (`.isra.0`, `.cold`).
    #[must_use]
    pub fn function(&self, address: u64) -> Option<&str> {
        let index = self.starts.partition_point(|start| *start <= address);
        let name = self.names.get(index.checked_sub(1)?)?;
        Some(base_name(name))
    }

    /// Code of every function with a name, a compiler's suffixed parts included.
    pub fn ranges<'a>(&'a self, name: &'a str) -> impl Iterator<Item = CodeRange> + 'a {
        let named = self
            .names
            .iter()
            .enumerate()
            .filter(move |(_, found)| base_name(found) == name);
        named.map(|(index, _)| CodeRange {
            start: self.starts[index],
            end: self.starts.get(index + 1).copied().unwrap_or(u64::MAX),
        })
    }
}

fn base_name(name: &str) -> &str {
    // A leading dot would be part of the name.
    match name.get(1..).and_then(|rest| rest.find('.')) {
        Some(at) => &name[..=at],
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::Symbols;

    const TABLE: &str = "\
ffffffff81000000 T _text
ffffffff81000010 t nf_hook_slow
ffffffff81000040 t nf_queue.isra.0
ffffffff81000050 d some_data
ffffffff81000060 T last [module]
broken
";

    #[test]
    fn resolves_addresses_inside_functions() {
        let symbols = Symbols::read(TABLE.as_bytes()).expect("table");
        assert_eq!(
            symbols.function(0xffff_ffff_8100_0018),
            Some("nf_hook_slow")
        );
        assert_eq!(symbols.function(0xffff_ffff_8100_0040), Some("nf_queue"));
        assert_eq!(symbols.function(0x10), None);
    }

    #[test]
    fn ranges_end_where_the_next_function_begins() {
        let symbols = Symbols::read(TABLE.as_bytes()).expect("table");
        let ranges: Vec<_> = symbols.ranges("nf_queue").collect();
        assert_eq!(ranges.len(), 1);
        assert_eq!(ranges[0].start, 0xffff_ffff_8100_0040);
        assert_eq!(ranges[0].end, 0xffff_ffff_8100_0060);
    }

    #[test]
    fn hidden_addresses_leave_it_empty() {
        let symbols = Symbols::read("0000000000000000 T a\n".as_bytes()).expect("table");
        assert!(symbols.is_empty());
    }
}
