//! Address blocks, also against a pod of which only the ranges are known that its addresses come from.

use ipnet::IpNet;

use super::Question;
use super::matching::Match;
use super::party::Who;
use crate::model::Cidr;
use crate::verdict::Caveat;

/// Blocks that match, but for exceptions (rule 16).
pub(super) struct Blocks<'a> {
    pub(super) of: &'a [Cidr],
    pub(super) except: &'a [Cidr],
}

impl Blocks<'_> {
    /// Whether they hold the address of the other end.
    pub(super) fn hold_other(&self, question: &Question<'_>) -> Match {
        let other = &question.other;
        match (&other.is, other.address) {
            (Who::Service, _) => Match::Unknown(Caveat::BackendUnknown),
            (_, Some(address)) => {
                let within = |blocks: &[Cidr]| blocks.iter().any(|block| block.contains(address));
                Match::of(within(self.of) && !within(self.except))
            }
            (Who::Pod(_), None) => match self.hold_all_of(question.inventory.pod_span()) {
                // Several blocks may hold one range each.
                Match::Unknown(_) => self.hold_all_of(question.inventory.pod_ranges()),
                decided => decided,
            },
            (_, None) => Match::Unknown(Caveat::AddressUnknown),
        }
    }

    /// Whether they hold every address of some ranges, or none.
    fn hold_all_of(&self, ranges: &[Cidr]) -> Match {
        let covers =
            |blocks: &[Cidr], range: &IpNet| blocks.iter().any(|block| block.net().contains(range));
        let touches = |blocks: &[Cidr], range: &IpNet| {
            let mut nets = blocks.iter().map(Cidr::net);
            nets.any(|net| net.contains(range) || range.contains(&net))
        };
        let mut ranges = ranges.iter().map(|range| {
            let range = range.net();
            if !touches(self.of, &range) || covers(self.except, &range) {
                Match::No
            } else if covers(self.of, &range) && !touches(self.except, &range) {
                Match::Yes
            } else {
                Match::Unknown(Caveat::AddressUnknown)
            }
        });
        let unknown = Match::Unknown(Caveat::AddressUnknown);
        let first = ranges.next().unwrap_or(unknown);
        if first == unknown || ranges.all(|range| range == first) {
            first
        } else {
            unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidrs(texts: &[&str]) -> Vec<Cidr> {
        let parse = |text: &&str| Cidr::parse_lenient(text).unwrap().0;
        texts.iter().map(parse).collect()
    }

    #[test]
    fn ranges_are_held_whole_or_not_at_all_or_it_is_not_known() {
        let unknown = Match::Unknown(Caveat::AddressUnknown);
        for (of, except, ranges, expected) in [
            (
                &["0.0.0.0/0"][..],
                &[][..],
                &["10.244.0.0/16"][..],
                Match::Yes,
            ),
            (
                &["0.0.0.0/0"],
                &["10.0.0.0/8"],
                &["10.244.0.0/16"],
                Match::No,
            ),
            (
                &["0.0.0.0/0"],
                &["10.244.7.0/24"],
                &["10.244.0.0/16"],
                unknown,
            ),
            (
                &["0.0.0.0/0"],
                &["192.168.0.0/16"],
                &["10.244.0.0/16"],
                Match::Yes,
            ),
            (&["10.244.7.0/24"], &[], &["10.244.0.0/16"], unknown),
            (&["203.0.113.0/24"], &[], &["10.244.0.0/16"], Match::No),
            (
                &["0.0.0.0/0"],
                &[],
                &["10.244.0.0/16", "fd00::/48"],
                unknown,
            ),
            (
                &["0.0.0.0/0", "::/0"],
                &[],
                &["10.244.0.0/16", "fd00::/48"],
                Match::Yes,
            ),
            (
                &["203.0.113.0/24"],
                &[],
                &["10.244.0.0/16", "fd00::/48"],
                Match::No,
            ),
            (&["0.0.0.0/0"], &[], &[], unknown),
        ] {
            let (of, except) = (cidrs(of), cidrs(except));
            let blocks = Blocks {
                of: &of,
                except: &except,
            };
            let found = blocks.hold_all_of(&cidrs(ranges));
            assert_eq!(found, expected, "{of:?} except {except:?} {ranges:?}");
        }
    }
}
