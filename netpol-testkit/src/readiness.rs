//! When an interface carries packets: some time after it was set up.
//!
//! The kernel takes notice of a carrier on a work queue (`linkwatch_event`). Until then the interface may send
//! nothing (its queue is the `noop` one), and IPv6 does not use it: there is no multicast route, so neighbour
//! solicitations are thrown away, and no link-local address, so none are sent. An IPv6 address, `nodad` or not,
//! is put to use on another work queue (`addrconf_dad_work`), which adds its local route and joins its
//! solicited-node group. What is lost by then, be it ARP, a solicitation or a SYN, is repeated after a second.
//!
//! The kernel's link-local address comes last, behind queue, multicast route and port of a bridge.

use std::fs;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use crate::{Error, Namespace, Result};

/// Usually a few milliseconds; the kernel puts events that it holds for less urgent off by one second.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the kernel's tables are read.
const TICK: Duration = Duration::from_millis(1);

/// Bits of the fourth number in `/proc/net/if_inet6` (linux/if_addr.h).
const IFA_F_NODAD: u32 = 0x02;
const IFA_F_TENTATIVE: u32 = 0x40;
/// Third number there.
const SCOPE_LINK: u32 = 0x20;
/// Bit of the flags in `/proc/net/ipv6_route` (linux/ipv6_route.h).
const RTF_LOCAL: u32 = 0x8000_0000;

/// Waits until each of these interfaces, which are up at both ends, sends and receives in both families.
pub(crate) fn wait(namespace: &Namespace, interfaces: &[&str]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    namespace.run_in(|| {
        loop {
            let (addresses, routes) = (read("if_inet6")?, read("ipv6_route")?);
            let lacking = interfaces
                .iter()
                .find_map(|name| Some((name, lack(&addresses, &routes, name)?)));
            let Some((interface, lack)) = lacking else {
                return Ok(());
            };
            if Instant::now() > deadline {
                return Err(Error::NotReady {
                    interface: (*interface).to_owned(),
                    namespace: namespace.name().to_owned(),
                    lack,
                    seconds: PATIENCE.as_secs(),
                });
            }
            std::thread::sleep(TICK);
        }
    })
}

/// A table of the calling thread's namespace; `/proc/net` is that of the process.
fn read(table: &str) -> Result<String> {
    let path = format!("/proc/thread-self/net/{table}");
    fs::read_to_string(&path).map_err(Error::io(format!("read {path}")))
}

/// What this interface lacks to be ready.
fn lack(addresses: &str, routes: &str, interface: &str) -> Option<String> {
    let mut has_link_local = interface == "lo";
    for [address, _, _, scope, flags, name] in addresses.lines().filter_map(fields) {
        if name != interface {
            continue;
        }
        let (scope, flags) = (number(scope), number(flags));
        if flags & IFA_F_TENTATIVE != 0 {
            return Some(format!("its address {} is tentative", readable(address)));
        }
        let mut routes = routes.lines();
        if !routes.any(|route| is_local_route(route, address, interface)) {
            return Some(format!("no local route to {}", readable(address)));
        }
        // Ours are made without duplicate address detection, the kernel's own is not.
        has_link_local |= scope == SCOPE_LINK && flags & IFA_F_NODAD == 0;
    }
    (!has_link_local).then(|| "no link-local address of the kernel's".to_owned())
}

fn is_local_route(line: &str, address: &str, interface: &str) -> bool {
    let Some([destination, length, _, _, _, _, _, _, flags, name]) = fields(line) else {
        return false;
    };
    destination == address
        && number(length) == 128
        && number(flags) & RTF_LOCAL != 0
        && name == interface
}

/// The words of a line, if there are as many as these tables have.
fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.try_into().ok()
}

/// The kernel writes all numbers of these tables in hexadecimal.
fn number(hexadecimal: &str) -> u32 {
    u32::from_str_radix(hexadecimal, 16).unwrap_or(0)
}

fn readable(hexadecimal: &str) -> Ipv6Addr {
    u128::from_str_radix(hexadecimal, 16).map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESSES: &str = "\
fe800000000000000000000000000001 03 40 20 82 veth4d35d8a
20010db800000000000000000000000a 02 40 00 82     eth0
fe80000000000000a04b61fffee2eedd 02 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
";

    fn local(address: &str, interface: &str) -> String {
        let zero = "0".repeat(32);
        format!("{address} 80 {zero} 00 {zero} 00000000 00000002 00000000 80200001 {interface}\n")
    }

    #[test]
    fn interface_is_ready_when_all_its_addresses_are_in_use() {
        let first = local("20010db800000000000000000000000a", "eth0");
        let both = first.clone() + &local("fe80000000000000a04b61fffee2eedd", "eth0");
        assert_eq!(lack(ADDRESSES, &both, "eth0"), None);
        let lacks = |addresses: &str, routes: &str| lack(addresses, routes, "eth0").unwrap();
        assert_eq!(
            lacks(ADDRESSES, &first),
            "no local route to fe80::a04b:61ff:fee2:eedd"
        );
        assert_eq!(
            lacks(ADDRESSES, &both.replace("80200001", "00200001")),
            "no local route to 2001:db8::a"
        );
        assert_eq!(
            lacks(
                &ADDRESSES.replace("20 80     eth0", "20 c0     eth0"),
                &both
            ),
            "its address fe80::a04b:61ff:fee2:eedd is tentative"
        );
    }

    #[test]
    fn address_of_ours_is_no_sign_of_a_link() {
        let gateway = local("fe800000000000000000000000000001", "veth4d35d8a");
        assert_eq!(
            lack(ADDRESSES, &gateway, "veth4d35d8a").unwrap(),
            "no link-local address of the kernel's"
        );
        let loopback = local("00000000000000000000000000000001", "lo");
        assert_eq!(lack(ADDRESSES, &loopback, "lo"), None);
    }
}
