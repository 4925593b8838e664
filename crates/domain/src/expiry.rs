use thiserror::Error;

use crate::Timestamp;

/// When a token expires, as it is asked for; [`Expiry::at`] turns it into a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    Never,
    /// So many seconds after creation.
    In { seconds: i64 },
    /// At a moment.
    At(Timestamp),
}

/// Why an expiry was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ExpiryError {
    /// A token that never was valid is a mistake.
    #[error("must be in the future")]
    Past,
    /// See [`Expiry::MAX_DAYS`].
    #[error("must be within 10 years; choose no expiration for longer")]
    TooFar,
    /// Neither `720h` nor `30d` nor a date.
    #[error("must be a duration such as 720h or 30d")]
    Duration,
}

impl Expiry {
    /// Furthest expiry, in days.
    pub const MAX_DAYS: i64 = 3_660;

    /// Reads a duration as the CLI sends it: whole numbers with `s`, `m`, `h`, `d` or `w`, such as `720h` or `1h30m`.
    pub fn parse_duration(text: &str) -> Result<Self, ExpiryError> {
        let mut rest = text.trim();
        if rest.is_empty() || rest.len() > 30 {
            return Err(ExpiryError::Duration);
        }
        let mut seconds = 0_i64;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(ExpiryError::Duration)?;
            let count: i64 = rest[..end].parse().map_err(|_| ExpiryError::Duration)?;
            let mut after = rest[end..].chars();
            let unit = match after.next() {
                Some('s') => 1,
                Some('m') => 60,
                Some('h') => 3_600,
                Some('d') => 86_400,
                Some('w') => 604_800,
                _ => return Err(ExpiryError::Duration),
            };
            seconds = seconds.saturating_add(count.saturating_mul(unit));
            rest = after.as_str();
        }
        Ok(Self::In { seconds })
    }

    /// The moment, if any, that a token made `now` expires at.
    pub fn at(self, now: Timestamp) -> Result<Option<Timestamp>, ExpiryError> {
        let at = match self {
            Self::Never => return Ok(None),
            Self::In { seconds } => now.plus_seconds(seconds),
            Self::At(at) => at,
        };
        if at <= now {
            Err(ExpiryError::Past)
        } else if at > now.plus_days(Self::MAX_DAYS) {
            Err(ExpiryError::TooFar)
        } else {
            Ok(Some(at))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn durations() {
        assert_eq!(Expiry::parse_duration("720h"), Ok(Expiry::In { seconds: 2_592_000 }));
        assert_eq!(Expiry::parse_duration("1h30m"), Ok(Expiry::In { seconds: 5_400 }));
        for bad in ["", "h", "30", "-1h", "1.5h", "1y", "1 h", "999999999999999999999999s"] {
            assert_eq!(Expiry::parse_duration(bad), Err(ExpiryError::Duration), "{bad}");
        }
    }

    #[test]
    fn only_the_future_and_not_too_far() {
        assert_eq!(Expiry::Never.at(NOW), Ok(None));
        assert_eq!(Expiry::At(NOW).at(NOW), Err(ExpiryError::Past));
        assert_eq!(Expiry::In { seconds: 0 }.at(NOW), Err(ExpiryError::Past));
        assert_eq!(Expiry::In { seconds: 1 }.at(NOW), Ok(Some(NOW.plus_seconds(1))));
        assert_eq!(Expiry::At(Timestamp::MAX).at(NOW), Err(ExpiryError::TooFar));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            if let Ok(expiry) = Expiry::parse_duration(&text) {
                let _ = expiry.at(NOW);
            }
        }
    }
}
