use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{NameError, RepositoryId};

/// A repository's full name, such as `acme/api`: 2 to 5 parts of letters, digits, `.`, `_` and `-`, 200 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

impl RepositoryName {
    /// Longest name, in characters.
    pub const MAX: usize = 200;

    /// Checks a full name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX {
            return Err(NameError::TooLong { max: Self::MAX });
        }
        let parts: Vec<_> = text.split('/').collect();
        let part = |part: &&str| {
            !part.is_empty()
                && !part.bytes().all(|byte| byte == b'.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if !(2..=5).contains(&parts.len()) || !parts.iter().all(part) {
            return Err(NameError::Form("a repository is named like acme/api"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The full name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

/// Which repositories a token reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryAccess {
    /// All of the organization, current and future.
    All,
    /// Only these; never empty, never more than [`RepositoryAccess::MAX`].
    Only(BTreeSet<RepositoryId>),
}

/// Why a choice of repositories was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RepositoryAccessError {
    /// A token that reaches nothing is a mistake.
    #[error("choose at least one repository, or all repositories")]
    Empty,
    /// See [`RepositoryAccess::MAX`].
    #[error("at most 500 repositories; choose all repositories for more")]
    TooMany,
    /// The request contradicts itself.
    #[error("choose either all repositories or a list, not both")]
    Both,
}

impl RepositoryAccess {
    /// Most repositories that one token can list.
    pub const MAX: usize = 500;

    /// From the two fields that requests carry.
    pub fn new(all: bool, only: impl IntoIterator<Item = RepositoryId>) -> Result<Self, RepositoryAccessError> {
        let only: BTreeSet<_> = only.into_iter().collect();
        match (all, only.len()) {
            (true, 0) => Ok(Self::All),
            (true, _) => Err(RepositoryAccessError::Both),
            (false, 0) => Err(RepositoryAccessError::Empty),
            (false, count) if count > Self::MAX => Err(RepositoryAccessError::TooMany),
            (false, _) => Ok(Self::Only(only)),
        }
    }

    /// Whether a token with this access reaches `repository` of its organization.
    pub fn reaches(&self, repository: RepositoryId) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only.contains(&repository),
        }
    }

    /// Whether everything that `other` reaches is reached by this.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(mine), Self::Only(theirs)) => theirs.is_subset(mine),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn ids(numbers: std::ops::Range<u128>) -> Vec<RepositoryId> {
        numbers.map(|number| RepositoryId(Uuid::from_u128(number))).collect()
    }

    #[test]
    fn a_choice_is_all_or_a_list() {
        assert_eq!(RepositoryAccess::new(true, []), Ok(RepositoryAccess::All));
        assert_eq!(RepositoryAccess::new(true, ids(0..1)), Err(RepositoryAccessError::Both));
        assert_eq!(RepositoryAccess::new(false, []), Err(RepositoryAccessError::Empty));
        assert!(RepositoryAccess::new(false, ids(0..500)).is_ok());
        assert_eq!(RepositoryAccess::new(false, ids(0..501)), Err(RepositoryAccessError::TooMany));
    }

    #[test]
    fn containment() {
        let (all, two) = (RepositoryAccess::All, RepositoryAccess::new(false, ids(0..2)).unwrap());
        let one = RepositoryAccess::new(false, ids(1..2)).unwrap();
        assert!(all.contains(&two) && all.contains(&all) && two.contains(&one));
        assert!(!two.contains(&all) && !one.contains(&two));
        assert!(one.reaches(ids(1..2)[0]) && !one.reaches(ids(0..1)[0]));
    }

    #[test]
    fn names() {
        for good in ["acme/api", "a/b/c", "Acme-1/web.site_2"] {
            assert!(RepositoryName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "api", "acme/", "/api", "acme//api", "acme/..", "acme/a b", "acme/\u{e9}", "a/b/c/d/e/f"] {
            assert!(RepositoryName::new(bad).is_err(), "{bad}");
        }
    }
}
