use serde::{Deserialize, Serialize};

use crate::{OrganizationId, ProjectId, Timestamp};

/// What an API token belongs to. Never a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The whole instance.
    Instance,
    /// One organization.
    Organization(OrganizationId),
    /// One project of an organization.
    Project(OrganizationId, ProjectId),
}

impl Level {
    /// The organization that a token of this level is confined to.
    pub const fn organization(self) -> Option<OrganizationId> {
        match self {
            Self::Instance => None,
            Self::Organization(organization) | Self::Project(organization, _) => Some(organization),
        }
    }

    /// The project that a token of this level is confined to.
    pub const fn project(self) -> Option<ProjectId> {
        match self {
            Self::Project(_, project) => Some(project),
            _ => None,
        }
    }

    /// Which of the three it is.
    pub const fn kind(self) -> LevelKind {
        match self {
            Self::Instance => LevelKind::Instance,
            Self::Organization(_) => LevelKind::Organization,
            Self::Project(..) => LevelKind::Project,
        }
    }

    /// Whether everything within `other` is also within this level.
    pub fn contains(self, other: Self) -> bool {
        match (self, other) {
            (Self::Instance, _) => true,
            (Self::Organization(mine), other) => other.organization() == Some(mine),
            (mine, other) => mine == other,
        }
    }
}

/// The level's name, without whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelKind {
    Instance,
    Organization,
    Project,
}

/// Where a token stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    /// Accepted.
    Active,
    /// Refused since `expires_at`; not revoked.
    Expired,
    /// Ended for good.
    Revoked,
}

impl TokenState {
    /// The state at `now`: revoked wins over expired, and a token is expired from `expires_at` on.
    pub fn at(now: Timestamp, expires_at: Option<Timestamp>, revoked_at: Option<Timestamp>) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if expires_at.is_some_and(|expires| expires <= now) {
            Self::Expired
        } else {
            Self::Active
        }
    }

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
        }
    }
}

/// Why a token was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Somebody said so.
    Manual,
    /// Auto-revoke.
    Inactive,
    /// A new secret took its place.
    Rotated,
    /// The secret was found where it must not be.
    Leaked,
    /// Whoever made it left.
    Offboarded,
    /// Its organization is gone.
    OrganizationDeleted,
}

impl RevocationReason {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Manual, "manual"),
        (Self::Inactive, "inactive"),
        (Self::Rotated, "rotated"),
        (Self::Leaked, "leaked"),
        (Self::Offboarded, "offboarded"),
        (Self::OrganizationDeleted, "organization_deleted"),
    ];

    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(reason, _)| *reason == self).map_or("", |(_, word)| word)
    }

    /// Reads [`RevocationReason::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, word)| *word == text).map(|(reason, _)| reason)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn state() {
        let now = Timestamp::EPOCH.plus_days(10);
        assert_eq!(TokenState::at(now, None, None), TokenState::Active);
        assert_eq!(TokenState::at(now, Some(now.plus_seconds(1)), None), TokenState::Active);
        assert_eq!(TokenState::at(now, Some(now), None), TokenState::Expired);
        assert_eq!(TokenState::at(now, Some(now), Some(now)), TokenState::Revoked);
    }

    #[test]
    fn levels_contain() {
        let (a, b) = (OrganizationId(Uuid::from_u128(1)), OrganizationId(Uuid::from_u128(2)));
        let project = Level::Project(a, ProjectId(Uuid::from_u128(3)));
        assert!(Level::Instance.contains(Level::Organization(a)) && Level::Organization(a).contains(project));
        assert!(!Level::Organization(b).contains(project) && !project.contains(Level::Organization(a)));
        assert!(!Level::Organization(a).contains(Level::Instance));
    }

    #[test]
    fn reasons_are_read_as_written() {
        for (reason, word) in RevocationReason::ALL {
            assert_eq!((reason.as_str(), RevocationReason::parse(word)), (word, Some(reason)));
        }
    }
}
