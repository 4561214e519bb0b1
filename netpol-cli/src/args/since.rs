//! `--since 5m` or `--since 2026-03-01T09:30:00Z`.

use jiff::{SignedDuration, Timestamp};

/// Neither a time span nor a moment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a time span such as 90s, 5m or 2h nor a time such as 2026-03-01T09:30:00Z"
)]
pub(crate) struct SinceError(String);

/// As servers are asked.
pub(super) fn parse(text: &str) -> Result<prost_types::Timestamp, SinceError> {
    moment(text).map(|moment| netpol_api::json::Time(moment).into())
}

/// A moment, or how long it is ago.
pub(crate) fn moment(text: &str) -> Result<Timestamp, SinceError> {
    let error = || SinceError(text.to_owned());
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let span: SignedDuration = text.parse().map_err(|_| error())?;
    Timestamp::now()
        .checked_sub(span.abs())
        .map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_back_from_now_and_moments_are_taken_as_they_are() {
        assert_eq!(
            parse("2026-03-01T09:30:00Z").unwrap().seconds,
            1_772_357_400
        );
        let ago = Timestamp::now().as_second() - parse("5m").unwrap().seconds;
        assert!((300..=301).contains(&ago), "{ago}");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "5", "yesterday", "5x"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
