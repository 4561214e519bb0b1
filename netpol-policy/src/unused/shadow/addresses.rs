//! Whether some address blocks hold all that another does.

use ipnet::IpNet;

use crate::model::Cidr;

/// A block without its exceptions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) cidr: Cidr,
    pub(super) except: &'a [Cidr],
}

/// Whether every address of a block is in one of the others.
pub(super) fn are_held(block: Block<'_>, others: &[Block<'_>]) -> bool {
    let others: Vec<&Block<'_>> = others.iter().collect();
    let except: Vec<IpNet> = block.except.iter().map(Cidr::net).collect();
    net_is_held(block.cidr.net(), &except, &others)
}

/// Whether no address of a block is in any of the others.
pub(super) fn is_free(block: Block<'_>, others: &[Block<'_>]) -> bool {
    let net = block.cidr.net();
    let mut others = others.iter();
    others.all(|other| !touch(&other.cidr.net(), &net) || lies_in_exception(other, &net))
}

/// Halves a net until each part is excepted, or held by one block whole, or by none at all. Ends, since what is no longer cut
/// by the border of a block or an exception is one of these.
fn net_is_held(net: IpNet, except: &[IpNet], others: &[&Block<'_>]) -> bool {
    if except.iter().any(|one| one.contains(&net)) {
        return true;
    }
    let touching: Vec<&Block<'_>> = others
        .iter()
        .copied()
        .filter(|other| touch(&other.cidr.net(), &net) && !lies_in_exception(other, &net))
        .collect();
    if touching.is_empty() {
        return false;
    }
    let holds = |other: &&Block<'_>| {
        let mut exceptions = other.except.iter();
        other.cidr.net().contains(&net) && !exceptions.any(|one| touch(&one.net(), &net))
    };
    if touching.iter().any(holds) {
        return true;
    }
    let longer = net.prefix_len() + 1;
    // A single address is held whole, or is in an exception, or is not touched.
    let Ok(halves) = net.subnets(longer) else {
        return false;
    };
    let except: Vec<IpNet> = except
        .iter()
        .copied()
        .filter(|one| touch(one, &net))
        .collect();
    let mut halves = halves;
    halves.all(|half| net_is_held(half, &except, &touching))
}

fn lies_in_exception(block: &Block<'_>, net: &IpNet) -> bool {
    block.except.iter().any(|one| one.net().contains(net))
}

fn touch(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidrs(texts: &[&str]) -> Vec<Cidr> {
        let parse = |text: &&str| Cidr::parse_lenient(text).unwrap().0;
        texts.iter().map(parse).collect()
    }

    #[test]
    fn blocks_hold_others_alone_or_together() {
        type Text<'a> = (&'a str, &'a [&'a str]);
        let cases: &[(Text<'_>, &[Text<'_>], bool)] = &[
            (("10.1.0.0/16", &[]), &[("10.0.0.0/8", &[])], true),
            (("10.0.0.0/8", &[]), &[("10.1.0.0/16", &[])], false),
            (("10.0.0.0/8", &[]), &[("10.0.0.0/8", &[])], true),
            (("10.0.0.0/8", &[]), &[], false),
            (
                ("10.0.0.0/8", &[]),
                &[("10.0.0.0/9", &[]), ("10.128.0.0/9", &[])],
                true,
            ),
            (
                ("10.0.0.0/8", &[]),
                &[("10.0.0.0/9", &[]), ("10.128.0.0/10", &[])],
                false,
            ),
            (
                ("10.0.0.0/8", &[]),
                &[("10.0.0.0/8", &["10.9.0.0/16"])],
                false,
            ),
            (
                ("10.0.0.0/8", &["10.9.0.0/16"]),
                &[("10.0.0.0/8", &["10.9.9.0/24"])],
                true,
            ),
            (
                ("10.0.0.0/8", &["10.9.9.0/24"]),
                &[("10.0.0.0/8", &["10.9.0.0/16"])],
                false,
            ),
            (
                ("10.0.0.0/8", &[]),
                &[("0.0.0.0/0", &["10.9.0.0/16"]), ("10.9.0.0/16", &[])],
                true,
            ),
            (("10.9.0.7/32", &[]), &[("10.9.0.6/31", &[])], true),
            (
                ("10.9.0.7/32", &[]),
                &[("10.9.0.6/31", &["10.9.0.7/32"])],
                false,
            ),
            (("2001:db8::/64", &[]), &[("::/0", &[])], true),
            (("2001:db8::/64", &[]), &[("0.0.0.0/0", &[])], false),
            (
                ("::/0", &[]),
                &[("::/1", &[]), ("8000::/1", &["8000::1/128"])],
                false,
            ),
        ];
        for ((cidr, except), others, expected) in cases {
            let except = cidrs(except);
            let block = Block {
                cidr: cidrs(&[cidr])[0],
                except: &except,
            };
            let lists: Vec<(Cidr, Vec<Cidr>)> = others
                .iter()
                .map(|(cidr, except)| (cidrs(&[cidr])[0], cidrs(except)))
                .collect();
            let blocks: Vec<Block<'_>> = lists
                .iter()
                .map(|(cidr, except)| Block {
                    cidr: *cidr,
                    except,
                })
                .collect();
            assert_eq!(are_held(block, &blocks), *expected, "{cidr} in {others:?}");
        }
    }
}
