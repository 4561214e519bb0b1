//! The bearer token of a request.

use std::fmt;

use ring::digest::{SHA256, digest};
use tonic::metadata::MetadataMap;

use super::refused::Refused;

/// SHA-256, by which answers are found again: of two things that are not the same it never is.
pub(super) type Digest = [u8; 32];

/// What somebody shows. It is not for logs.
pub(super) struct Token {
    text: String,
    digest: Digest,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// # Errors
    /// Where there is none, or something else.
    pub(super) fn shown(metadata: &MetadataMap) -> Result<Self, Refused> {
        let value = metadata.get("authorization").ok_or(Refused::NoToken)?;
        let value = value.to_str().map_err(|_| Refused::NoToken)?;
        // The scheme is written in any case (RFC 9110, section 11.1).
        let (scheme, token) = value.split_once(' ').ok_or(Refused::NoToken)?;
        let text = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || text.is_empty() {
            return Err(Refused::NoToken);
        }
        Ok(Self {
            text: text.to_owned(),
            digest: self::of(text.as_bytes()),
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest
    }
}

pub(super) fn of(bytes: &[u8]) -> Digest {
    let mut copied = Digest::default();
    // SHA-256 has 32 bytes.
    copied.copy_from_slice(digest(&SHA256, bytes).as_ref());
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Option<&str>) -> Option<String> {
        let mut metadata = MetadataMap::new();
        if let Some(value) = value {
            metadata.insert("authorization", value.parse().unwrap());
        }
        Token::shown(&metadata).ok().map(|token| token.text)
    }

    #[test]
    fn the_token_is_what_follows_the_scheme() {
        assert_eq!(shown(Some("Bearer a.b.c")).as_deref(), Some("a.b.c"));
        assert_eq!(shown(Some("bearer  a ")).as_deref(), Some("a"));
        for none in [None, Some("Bearer"), Some("Bearer  "), Some("Basic YTpi")] {
            assert_eq!(shown(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", "Bearer secret".parse().unwrap());
        let token = Token::shown(&metadata).unwrap();
        assert!(!format!("{token:?}").contains("secret"));
        assert_eq!(token.digest(), of(b"secret"));
        assert_ne!(token.digest(), of(b"other"));
    }
}
