use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z. Written and read as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a date and time of RFC 3339, such as 2027-02-20T00:00:00Z, between the years 1970 and 9999")]
pub struct TimestampError;

const MICROS_PER_SECOND: i64 = 1_000_000;

impl Timestamp {
    /// 9999-12-31T23:59:59.999999Z, the last moment that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, as UUID version 7 wants them.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// This moment moved by `seconds`, kept within what RFC 3339 can write.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        let moved = self.0.saturating_add(seconds.saturating_mul(MICROS_PER_SECOND));
        if moved > Self::MAX.0 { Self::MAX } else { Self(moved) }
    }

    /// The whole second that this moment is in.
    pub const fn whole_second(self) -> Self {
        Self(self.seconds() * MICROS_PER_SECOND)
    }

    /// This moment moved by `days` of 24 hours.
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }

    /// Midnight UTC at the start of a calendar day, from `YYYY-MM-DD` as a date field sends it.
    pub fn from_date(text: &str) -> Result<Self, TimestampError> {
        let date = parse_date(text).ok_or(TimestampError)?;
        Self::from_offset_date_time(date.midnight().assume_utc())
    }

    /// The calendar day in UTC as `YYYY-MM-DD`.
    pub fn date(self) -> String {
        let (year, month, day) = self.calendar();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Year, month (1 to 12) and day in UTC.
    pub fn calendar(self) -> (i32, u8, u8) {
        let (year, month, day) = self.offset_date_time().to_calendar_date();
        (year, month.into(), day)
    }

    /// Year, month (1 to 12), day, hour and minute in UTC.
    pub fn calendar_and_clock(self) -> (i32, u8, u8, u8, u8) {
        let at = self.offset_date_time();
        let (year, month, day) = at.to_calendar_date();
        (year, month.into(), day, at.hour(), at.minute())
    }

    fn offset_date_time(self) -> OffsetDateTime {
        let micros = u32::try_from(self.0.rem_euclid(MICROS_PER_SECOND)).unwrap_or_default();
        OffsetDateTime::from_unix_timestamp(self.seconds())
            .and_then(|second| second.replace_microsecond(micros))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn from_offset_date_time(at: OffsetDateTime) -> Result<Self, TimestampError> {
        let micros = i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).map_err(|_| TimestampError)?;
        if (0..=Self::MAX.0).contains(&micros) { Ok(Self(micros)) } else { Err(TimestampError) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset_date_time();
        let (year, month, day) = at.to_calendar_date();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())?;
        if at.microsecond() != 0 {
            write!(f, ".{:06}", at.microsecond())?;
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads `date-time` of RFC 3339, section 5.6: a `T` or a space between, any fraction, any offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_date_time(text).ok_or(TimestampError).and_then(Self::from_offset_date_time)
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let month = Month::try_from(u8::try_from(digits(&bytes[5..7])?).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(digits(&bytes[..4])?).ok()?, month, u8::try_from(digits(&bytes[8..])?).ok()?)
        .ok()
}

fn parse_date_time(text: &str) -> Option<OffsetDateTime> {
    if !text.is_ascii() || text.len() < 20 || text.len() > 40 {
        return None;
    }
    let date = parse_date(&text[..10])?;
    let bytes = text.as_bytes();
    if !matches!(bytes[10], b'T' | b't' | b' ') || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let part = |range: std::ops::Range<usize>| u8::try_from(digits(&bytes[range])?).ok();
    let mut rest = &text[19..];
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        let kept = &fraction[..end.min(6)];
        micros = u32::try_from(digits(kept.as_bytes())?).ok()? * 10_u32.pow(6 - u32::try_from(kept.len()).ok()?);
        rest = &fraction[end..];
    }
    let time = Time::from_hms_micro(part(11..13)?, part(14..16)?, part(17..19)?, micros).ok()?;
    Some(date.with_time(time).assume_offset(parse_offset(rest)?))
}

fn parse_offset(text: &str) -> Option<UtcOffset> {
    let bytes = text.as_bytes();
    match bytes {
        [b'Z' | b'z'] => Some(UtcOffset::UTC),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let sign = if *sign == b'-' { -1 } else { 1 };
            let hours = i8::try_from(digits(&[*h1, *h2])?).ok()?;
            let minutes = i8::try_from(digits(&[*m1, *m2])?).ok()?;
            (minutes < 60).then(|| UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok())?
        }
        _ => None,
    }
}

fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 6 {
        return None;
    }
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_clients_send() {
        for text in ["2027-02-20T00:00:00Z", "2027-02-20t01:00:00+01:00", "2027-02-19 19:00:00.000000-05:00"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), "2027-02-20T00:00:00Z", "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in
            ["", "2027-02-20", "2027-02-30T00:00:00Z", "2027-02-20T24:00:00Z", "2027-02-20T00:00:00", "tomorrow"]
        {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_it_writes_it_reads(micros in 0..=Timestamp::MAX.micros()) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = text.parse::<Timestamp>();
            let _ = Timestamp::from_date(&text);
        }
    }
}
