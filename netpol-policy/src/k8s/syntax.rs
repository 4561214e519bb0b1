//! The forms of names, label keys and label values (`validation` in k8s.io/apimachinery).

/// Longest DNS label, longest name part of a label key, and longest label value, in bytes.
pub(super) const LABEL_MAX: usize = 63;
/// Longest DNS subdomain, in bytes (RFC 1123).
const SUBDOMAIN_MAX: usize = 253;
/// Longest name of a port, in bytes (RFC 6335).
const PORT_NAME_MAX: usize = 15;

/// A label key: a name, or a DNS subdomain, a slash and a name.
pub(super) fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
    }
}

/// A label value: empty, or a name.
pub(super) fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= LABEL_MAX
        && text.bytes().all(inner)
        && outer(text.bytes().next())
        && outer(text.bytes().last())
}

/// DNS labels with dots between them. No limit is set to one of them.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN_MAX && text.split('.').all(is_label_of_any_length)
}

/// A DNS label: lower case letters, digits, and dashes within.
pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= LABEL_MAX && is_label_of_any_length(text)
}

/// A DNS label that begins with a letter (RFC 1035).
pub(super) fn is_service_name(text: &str) -> bool {
    is_dns_label(text) && text.starts_with(|first: char| first.is_ascii_lowercase())
}

fn is_label_of_any_length(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
        && text.bytes().next().is_some_and(alphanumeric)
        && text.bytes().last().is_some_and(alphanumeric)
}

/// An IANA service name: lower case letters, digits and single dashes, a letter among them.
pub(super) fn is_port_name(name: &str) -> bool {
    name.len() <= PORT_NAME_MAX
        && is_label_of_any_length(name)
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !name.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_takes_its_own() {
        let long = "a".repeat(LABEL_MAX);
        let longer = "a".repeat(LABEL_MAX + 1);
        for (text, subdomain, label, service, port) in [
            ("a", true, true, true, true),
            ("1", true, true, false, false),
            ("1a", true, true, false, true),
            ("a-b", true, true, true, true),
            ("a--b", true, true, true, false),
            ("a.b", true, false, false, false),
            ("a..b", false, false, false, false),
            ("A", false, false, false, false),
            ("a-", false, false, false, false),
            ("-a", false, false, false, false),
            ("a_b", false, false, false, false),
            ("", false, false, false, false),
            ("abcdefghijklmno", true, true, true, true),
            ("abcdefghijklmnop", true, true, true, false),
            (&long, true, true, true, false),
            (&longer, true, false, false, false),
        ] {
            let found = (
                is_subdomain(text),
                is_dns_label(text),
                is_service_name(text),
                is_port_name(text),
            );
            assert_eq!(found, (subdomain, label, service, port), "{text}");
        }
        assert!(!is_subdomain(&["a"; 128].join(".")));
    }

    #[test]
    fn label_keys_may_have_a_prefix_and_values_may_be_empty() {
        for key in ["a", "A_b.c-d", "k8s.io/a", "a/1"] {
            assert!(is_label_key(key), "{key}");
        }
        for key in ["", "a/", "/a", "A/a", "a/b/c", "-a", "a.", "a b", "é"] {
            assert!(!is_label_key(key), "{key}");
        }
        for (value, is_valid) in [("", true), ("a", true), ("a/b", false), ("-", false)] {
            assert_eq!(is_label_value(value), is_valid, "{value}");
        }
    }
}
