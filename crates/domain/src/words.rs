//! How times and numbers are said to people, the same on the server and in the browser.

use crate::Timestamp;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// "just now", "5 minutes ago", "in 2 weeks": `at` as seen from `now`.
pub fn relative(now: Timestamp, at: Timestamp) -> String {
    let mut text = String::new();
    write_relative(&mut text, now, at);
    text
}

/// [`relative`] at the end of a text.
pub fn write_relative(text: &mut String, now: Timestamp, at: Timestamp) {
    let seconds = at.seconds() - now.seconds();
    let length = seconds.unsigned_abs();
    let (count, unit) = match length {
        0..=44 => return text.push_str(if seconds > 0 { "in a moment" } else { "just now" }),
        45..=3_569 => (length.saturating_add(30) / 60, " minute"),
        3_570..=84_599 => (length.saturating_add(1_800) / 3_600, " hour"),
        84_600..=1_209_599 => (length.saturating_add(43_200) / 86_400, " day"),
        1_209_600..=5_183_999 => (length.saturating_add(302_400) / 604_800, " week"),
        5_184_000..=63_071_999 => (length.saturating_add(1_296_000) / 2_592_000, " month"),
        _ => (length.saturating_add(15_768_000) / 31_536_000, " year"),
    };
    if seconds > 0 {
        text.push_str("in ");
    }
    match u8::try_from(count).ok().filter(|count| *count < 100) {
        Some(count) => write_digits(text, count, false),
        None => text.push_str(&number(count)),
    }
    text.push_str(unit);
    if count != 1 {
        text.push('s');
    }
    if seconds <= 0 {
        text.push_str(" ago");
    }
}

/// A number below 100, with two digits or as many as it has.
fn write_digits(text: &mut String, number: u8, two: bool) {
    if two || number >= 10 {
        text.push(char::from(b'0' + number / 10 % 10));
    }
    text.push(char::from(b'0' + number % 10));
}

/// "20 February 2027", in UTC.
pub fn date(at: Timestamp) -> String {
    let (year, month, day) = at.calendar();
    format!("{day} {} {year}", MONTHS[usize::from(month - 1)])
}

/// "20 February 2027, 14:05 UTC".
pub fn date_time(at: Timestamp) -> String {
    let mut text = String::new();
    write_date_time(&mut text, at);
    text
}

/// [`date_time`] at the end of a text.
pub fn write_date_time(text: &mut String, at: Timestamp) {
    let (year, month, day, hour, minute) = at.calendar_and_clock();
    write_digits(text, day, false);
    text.push(' ');
    text.push_str(MONTHS[usize::from(month - 1)]);
    text.push(' ');
    write_year(text, year);
    text.push_str(", ");
    write_digits(text, hour, true);
    text.push(':');
    write_digits(text, minute, true);
    text.push_str(" UTC");
}

/// The whole second of a moment, as RFC 3339 has it, at the end of a text.
pub fn write_rfc3339(text: &mut String, at: Timestamp) {
    let (year, month, day, hour, minute) = at.calendar_and_clock();
    write_year(text, year);
    let second = u8::try_from(at.seconds().rem_euclid(60)).unwrap_or_default();
    for (before, number) in [('-', month), ('-', day), ('T', hour), (':', minute), (':', second)] {
        text.push(before);
        write_digits(text, number, true);
    }
    text.push('Z');
}

/// A year of four digits, as all are that a moment can have.
fn write_year(text: &mut String, year: i32) {
    let year = year.clamp(0, 9_999);
    for two in [year / 100, year % 100] {
        write_digits(text, u8::try_from(two).unwrap_or_default(), true);
    }
}

/// "1 token", "1,234 tokens".
pub fn count_of(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// Digits in groups of three: "1,234,567".
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// "a", "a and b", "a, b and c".
pub fn and_list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn relative_times() {
        let now = Timestamp::EPOCH.plus_days(1_000);
        for (seconds, said) in [
            (0, "just now"),
            (-44, "just now"),
            (-60, "1 minute ago"),
            (-3_600, "1 hour ago"),
            (-86_400, "1 day ago"),
            (-3 * 86_400, "3 days ago"),
            (14 * 86_400, "in 2 weeks"),
            (90 * 86_400, "in 3 months"),
            (365 * 86_400, "in 12 months"),
            (800 * 86_400, "in 2 years"),
        ] {
            assert_eq!(relative(now, now.plus_seconds(seconds)), said);
        }
    }

    #[test]
    fn dates_and_numbers() {
        let at: Timestamp = "2027-02-20T14:05:09Z".parse().unwrap();
        assert_eq!((date(at), date_time(at)), ("20 February 2027".into(), "20 February 2027, 14:05 UTC".into()));
        assert_eq!(count_of(1, "token"), "1 token");
        assert_eq!(count_of(1_234_567, "token"), "1,234,567 tokens");
        assert_eq!(and_list(&["a", "b", "c"]), "a, b and c");
    }

    proptest! {
        #[test]
        fn never_says_zero_of_something(now in 0..Timestamp::MAX.micros(), at in 0..Timestamp::MAX.micros()) {
            let said = relative(Timestamp::from_micros(now), Timestamp::from_micros(at));
            prop_assert!(!said.contains(" 0 ") && !said.starts_with("0 "), "{}", said);
        }
    }
}
