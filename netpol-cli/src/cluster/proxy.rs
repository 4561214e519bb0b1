//! Hosts that the proxy of `HTTPS_PROXY` is not for, as kubectl tells them apart.

use std::net::IpAddr;

use ipnet::IpNet;

/// This machine, and what `NO_PROXY` lists: names with all below them, addresses, blocks, or `*`.
pub(super) fn is_bypassed(host: &str, no_proxy: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let entries = no_proxy.split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        if let (Some(address), Ok(block)) = (address, entry.parse::<IpNet>()) {
            return block.contains(&address);
        }
        let name = entry.trim_start_matches('*').trim_start_matches('.');
        entry == "*"
            || host == name
            || (address.is_none() && host.ends_with(&format!(".{name}")) && !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_apart_as_kubectl_does() {
        for (host, no_proxy) in [
            ("localhost", ""),
            ("127.0.0.1", ""),
            ("[::1]", ""),
            ("10.1.2.3", "x, 10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3"),
            ("api.corp.example", ".corp.example"),
            ("api.corp.example", "corp.example"),
            ("corp.example", "corp.example"),
            ("api.example", "*"),
        ] {
            assert!(is_bypassed(host, no_proxy), "{host} {no_proxy}");
        }
        for (host, no_proxy) in [
            ("10.1.2.3", ""),
            ("10.1.2.3", "192.168.0.0/16"),
            ("api.notcorp.example", "corp.example"),
            ("api.example", ".,"),
        ] {
            assert!(!is_bypassed(host, no_proxy), "{host} {no_proxy}");
        }
    }
}
