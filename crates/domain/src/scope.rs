use std::{borrow::Borrow, collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One permission, `resource:action`.
///
/// Only the [`Catalogue`](crate::Catalogue) makes one from outside text, so a scope that nobody knows can't be asked
/// for; [`Scope::stored`] reads back what was checked when it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// A scope that the database or this code already knows.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `resource:action`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes before the colon: the thing.
    pub fn resource(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(resource, _)| resource)
    }

    /// What comes after the colon: the verb.
    pub fn action(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, action)| action)
    }
}

impl Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The scopes of a token: at least one, sorted, without repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeSet(BTreeSet<Scope>);

/// Why scopes were refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScopeError {
    /// A token without a scope could do nothing.
    #[error("choose at least one scope")]
    Empty,
    /// Not in the catalogue.
    #[error("unknown scope {}; valid scopes are {}", .unknown.join(", "), .valid.join(", "))]
    Unknown { unknown: Vec<String>, valid: Vec<String> },
}

impl ScopeSet {
    /// A set of known scopes.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, ScopeError> {
        let scopes: BTreeSet<_> = scopes.into_iter().collect();
        if scopes.is_empty() { Err(ScopeError::Empty) } else { Ok(Self(scopes)) }
    }

    /// Reads what [`ScopeSet`]'s `Display` wrote: scopes with a space between.
    pub fn stored(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(Scope::stored).collect())
    }

    /// Whether `scope` is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Scopes of this set that `other` has not.
    pub fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Scope> {
        self.0.difference(&other.0)
    }

    /// In alphabetical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Scope> {
        self.0.iter()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}
