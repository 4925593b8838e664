//! What the next sweep would do, and the sentence that says it.

use latchkey_domain::{Timestamp, words};
use latchkey_service::{COUNT_MAX, Preview, TokenDetail};

/// What the next sweep would revoke with a threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepPreview {
    pub days: u16,
    /// The time that relative times are counted from.
    pub now: Timestamp,
    pub next_sweep_at: Timestamp,
    /// Counted to [`COUNT_MAX`] + 1 at most.
    pub would_revoke: u32,
    /// Active tokens of the organization, counted likewise.
    pub active: u32,
    /// Longest idle first, 50 at most.
    pub tokens: Vec<IdleToken>,
}

/// A token that would be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleToken {
    pub name: String,
    /// The organization's or a project's.
    pub owner: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl SweepPreview {
    /// A preview as the page shows it.
    pub fn new(preview: Preview, now: Timestamp) -> Self {
        Self {
            days: preview.days,
            now,
            next_sweep_at: preview.next_sweep_at,
            would_revoke: preview.would_revoke,
            active: preview.active,
            tokens: preview.tokens.into_iter().map(IdleToken::from).collect(),
        }
    }

    /// "With 90 days, the next sweep (in 23 minutes) would revoke **7** of 312 active tokens.", with the emphasised
    /// part in the middle.
    pub fn sentence(&self) -> (String, String, String) {
        let lead = [
            "With ",
            &words::count_of(u64::from(self.days), "day"),
            ", the next sweep (",
            &words::relative(self.now, self.next_sweep_at),
            ") would revoke ",
        ]
        .concat();
        match (self.active, self.would_revoke) {
            (0, _) => (lead, "nothing".to_owned(), ": there is no active token.".to_owned()),
            (active, 0) => (lead, "none".to_owned(), [" of ", &tokens(active), "."].concat()),
            (active, many) => (lead, count(many), [" of ", &tokens(active), "."].concat()),
        }
    }

    /// "and 120 more", below the table.
    pub fn others(&self) -> Option<String> {
        let shown = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        let others = self.would_revoke.saturating_sub(shown);
        match others {
            0 => None,
            _ if self.would_revoke > COUNT_MAX => {
                Some("and more than ".to_owned() + &number(COUNT_MAX - shown) + " more")
            }
            others => Some(["and ", &number(others), " more"].concat()),
        }
    }
}

impl From<TokenDetail> for IdleToken {
    fn from(detail: TokenDetail) -> Self {
        let token = detail.token;
        Self {
            name: token.name,
            owner: if token.project_name.is_empty() { token.organization_name } else { token.project_name },
            created_at: token.created_at,
            last_used_at: token.last_use.map(|last| last.at),
        }
    }
}

/// "7", "more than 1,000".
pub fn count(number_of: u32) -> String {
    if number_of > COUNT_MAX { "more than ".to_owned() + &number(COUNT_MAX) } else { number(number_of) }
}

/// "1 token", "more than 1,000 tokens".
pub fn tokens_to_revoke(number_of: u32) -> String {
    count(number_of) + if number_of == 1 { " token" } else { " tokens" }
}

fn tokens(active: u32) -> String {
    count(active) + if active == 1 { " active token" } else { " active tokens" }
}

fn number(number_of: u32) -> String {
    words::number(u64::from(number_of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(days: u16, would_revoke: u32, active: u32) -> SweepPreview {
        let now: Timestamp = "2026-11-22T10:37:00Z".parse().unwrap();
        let idle =
            IdleToken { name: "CI".into(), owner: "acme".into(), created_at: now.plus_days(-200), last_used_at: None };
        let tokens = vec![idle; would_revoke.min(50) as usize];
        SweepPreview { days, now, next_sweep_at: now.plus_seconds(23 * 60), would_revoke, active, tokens }
    }

    fn said(days: u16, would_revoke: u32, active: u32) -> String {
        let (lead, strong, rest) = preview(days, would_revoke, active).sentence();
        format!("{lead}**{strong}**{rest}")
    }

    #[test]
    fn the_sentence() {
        for (days, would_revoke, active, expected) in [
            (90, 7, 312, "With 90 days, the next sweep (in 23 minutes) would revoke **7** of 312 active tokens."),
            (1, 1, 1, "With 1 day, the next sweep (in 23 minutes) would revoke **1** of 1 active token."),
            (365, 0, 312, "With 365 days, the next sweep (in 23 minutes) would revoke **none** of 312 active tokens."),
            (
                90,
                0,
                0,
                "With 90 days, the next sweep (in 23 minutes) would revoke **nothing**: there is no active token.",
            ),
            (
                90,
                1_001,
                1_001,
                "With 90 days, the next sweep (in 23 minutes) would revoke **more than 1,000** of more than 1,000 active \
                 tokens.",
            ),
        ] {
            assert_eq!(said(days, would_revoke, active), expected);
        }
    }

    #[test]
    fn those_that_are_not_listed_are_counted() {
        assert_eq!(preview(90, 50, 312).others(), None);
        assert_eq!(preview(90, 170, 312).others().as_deref(), Some("and 120 more"));
        assert_eq!(preview(90, 1_001, 1_001).others().as_deref(), Some("and more than 950 more"));
    }
}
