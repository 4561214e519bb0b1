//! Addresses in blocks, bit by bit; domain names of addresses, label by label.

use std::net::IpAddr;

/// Digits of an address in base two: 32 or 128 of them. An IPv4-mapped address is the IPv4 address.
fn bits(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
        IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
    }
}

/// Rules 16, 26: host bits do not count, leading zeros are decimal.
pub(super) fn is_within(address: IpAddr, cidr: &str) -> bool {
    let (network, length) = cidr.split_once('/').unwrap();
    let mut length: usize = length.parse().unwrap();
    let network: IpAddr = network.parse().unwrap_or_else(|_| {
        let octets: Vec<String> = network
            .split('.')
            .map(|octet| octet.parse::<u8>().unwrap().to_string())
            .collect();
        octets.join(".").parse().unwrap()
    });
    if network.is_ipv6() && network.to_canonical().is_ipv4() && length >= 96 {
        length -= 96;
    }
    let (network, address) = (bits(network), bits(address));
    network.len() == address.len() && address.starts_with(&network[..length])
}

/// Rule 35: `*.` stands for one or more labels, so never for the apex. Case and a final dot do not count.
pub(super) fn is_name_of(name: &str, pattern: &str) -> bool {
    let labels = |name: &str| -> Vec<String> {
        let name = name.strip_suffix('.').unwrap_or(name);
        name.split('.').map(str::to_ascii_lowercase).collect()
    };
    let name = labels(name);
    match pattern.strip_prefix("*.") {
        None => name == labels(pattern),
        Some(apex) => {
            let apex = labels(apex);
            name.len() > apex.len() && name.ends_with(&apex)
        }
    }
}
