//! The bearer token that a caller shows.

use std::{fmt, fs, path::PathBuf};

use tonic::{Request, Status, metadata::AsciiMetadataValue, service::Interceptor};

/// A bearer token, as TokenReview takes it.
#[derive(Clone, PartialEq, Eq)]
pub enum Token {
    /// The token itself.
    Text(String),
    /// A file that holds it, read anew for each request: tokens of service accounts are replaced within an hour.
    File(PathBuf),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The token itself is not for logs.
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

impl Token {
    fn value(&self) -> Result<AsciiMetadataValue, Status> {
        let (token, whence) = match self {
            Self::Text(token) => (token.clone(), "the token".to_owned()),
            Self::File(path) => {
                let whence = format!("the token in {}", path.display());
                let token = fs::read_to_string(path).map_err(|error| {
                    Status::unauthenticated(format!("cannot read {whence}: {error}"))
                })?;
                (token, whence)
            }
        };
        let token = token.trim();
        if token.is_empty() {
            return Err(Status::unauthenticated(format!("{whence} is empty")));
        }
        let mut value = AsciiMetadataValue::try_from(format!("Bearer {token}")).map_err(|_| {
            Status::unauthenticated(format!("{whence} has characters that no token has"))
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Puts the token into each request.
#[derive(Clone, Debug)]
pub struct Credentials(Option<Token>);

impl Credentials {
    pub(super) fn new(token: Option<Token>) -> Self {
        Self(token)
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.value()?);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(token: Token) -> Result<String, String> {
        let request = Credentials::new(Some(token)).call(Request::new(()));
        let request = request.map_err(|status| status.message().to_owned())?;
        let value = request.metadata().get("authorization").unwrap();
        assert!(value.is_sensitive());
        Ok(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_file_is_read_anew_for_each_request() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let token = Token::File(file.path().to_owned());
        for text in ["one", "two\n"] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(shown(token.clone()), Ok(format!("Bearer {}", text.trim())));
        }
        fs::write(file.path(), " \n").unwrap();
        assert!(shown(token.clone()).unwrap_err().ends_with("is empty"));
        let path = file.path().display().to_string();
        file.close().unwrap();
        let error = shown(token).unwrap_err();
        assert!(
            error.starts_with(&format!("cannot read the token in {path}: ")),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_token_is_not_sent_and_not_told() {
        let error = shown(Token::Text("sec\nret".to_owned())).unwrap_err();
        assert_eq!(error, "the token has characters that no token has");
        assert!(!format!("{:?}", Token::Text("secret".to_owned())).contains("secret"));
    }
}
