use thiserror::Error;

use crate::Timestamp;

/// After how many days without use auto-revoke revokes a token: 1 to 365.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InactivityThreshold(u16);

/// The number is not between 0 and 365.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("api_token_max_days_inactive must be between 0 and 365")]
pub struct ThresholdError;

impl InactivityThreshold {
    /// Most days.
    pub const MAX: u16 = 365;

    /// From a setting, where 0 turns auto-revoke off.
    pub fn from_setting(days: i64) -> Result<Option<Self>, ThresholdError> {
        match u16::try_from(days) {
            Ok(0) => Ok(None),
            Ok(days) if days <= Self::MAX => Ok(Some(Self(days))),
            _ => Err(ThresholdError),
        }
    }

    /// Days.
    pub const fn days(self) -> u16 {
        self.0
    }

    /// Tokens last used, or created and never used, *before* this moment are inactive; at the moment itself they are not.
    pub fn cutoff(self, now: Timestamp) -> Timestamp {
        now.plus_days(-i64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn settings(days: i64) {
            let read = InactivityThreshold::from_setting(days).map(|threshold| threshold.map_or(0, |t| i64::from(t.days())));
            prop_assert_eq!(read, if (0..=365).contains(&days) { Ok(days) } else { Err(ThresholdError) });
        }
    }

    #[test]
    fn bounds() {
        for (days, valid) in [(-1, false), (0, true), (1, true), (365, true), (366, false)] {
            assert_eq!(InactivityThreshold::from_setting(days).is_ok(), valid, "{days}");
        }
        let now = Timestamp::EPOCH.plus_days(100);
        let threshold = InactivityThreshold::from_setting(90).unwrap().unwrap();
        assert_eq!(threshold.cutoff(now), Timestamp::EPOCH.plus_days(10));
    }
}
