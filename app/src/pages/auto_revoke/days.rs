use latchkey_domain::InactivityThreshold;

/// The days that somebody typed: 1 to 365.
pub fn parse_days(text: &str) -> Option<u16> {
    let days: i64 = text.trim().parse().ok()?;
    InactivityThreshold::from_setting(days).ok()?.map(InactivityThreshold::days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_1_to_365() {
        assert_eq!((parse_days(" 90 "), parse_days("1"), parse_days("365")), (Some(90), Some(1), Some(365)));
        for bad in ["", "0", "366", "-1", "abc", "1.5", "99999999999999999999"] {
            assert_eq!(parse_days(bad), None, "{bad}");
        }
    }
}
