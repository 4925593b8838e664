use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Scope, ScopeError, ScopeSet};

/// The scopes that this instance knows, in groups. Configuration, not code: see `catalogue.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    groups: Vec<Group>,
    #[serde(default)]
    presets: Vec<Preset>,
}

/// Scopes of one kind of thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Heading in the form.
    pub name: String,
    /// Latchkey's own operations, not those of the services it guards.
    #[serde(default)]
    pub portal: bool,
    /// `instance` for scopes that only instance tokens can have.
    #[serde(default)]
    pub level: GroupLevel,
    /// In the order of the form.
    pub scopes: Vec<ScopeInfo>,
}

/// Who may have the scopes of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupLevel {
    /// Tokens of any level.
    #[default]
    Any,
    /// Instance tokens only.
    Instance,
}

/// A scope and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeInfo {
    /// `resource:action`.
    pub name: Scope,
    /// Completes the sentence "Allows to …".
    pub allows: String,
}

/// Scopes that are often chosen together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Label of the button.
    pub name: String,
    /// Scopes; `*` stands for all that an organization's token can have.
    pub scopes: Vec<String>,
}

/// Why a catalogue file was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogueError {
    /// Not TOML, or not of this form.
    #[error("{0}")]
    Syntax(String),
    /// Nothing to choose from.
    #[error("the catalogue has no scope")]
    Empty,
    /// A name that is not `resource:action`.
    #[error("scope {0:?} is not of the form resource:action, in lower-case letters, digits and hyphens")]
    Name(String),
    /// The same scope in two places.
    #[error("scope {0:?} is listed twice")]
    Repeated(String),
    /// A preset that names a scope nobody knows.
    #[error("preset {preset:?} names the unknown scope {scope:?}")]
    Preset { preset: String, scope: String },
}

impl Catalogue {
    /// The catalogue of a file's text.
    #[cfg(feature = "files")]
    pub fn from_toml(text: &str) -> Result<Self, CatalogueError> {
        let read: Self = toml::from_str(text).map_err(|error| CatalogueError::Syntax(error.to_string()))?;
        read.checked()
    }

    /// The catalogue that Latchkey comes with.
    #[cfg(feature = "files")]
    #[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
    pub fn built_in() -> Self {
        Self::from_toml(include_str!("catalogue.toml")).expect("the built-in catalogue is valid")
    }

    #[cfg(feature = "files")]
    fn checked(self) -> Result<Self, CatalogueError> {
        let mut seen = std::collections::BTreeSet::new();
        for scope in self.scopes().map(|info| info.name.as_str()) {
            let well_formed = scope.split_once(':').is_some_and(|(resource, action)| word(resource) && word(action));
            if !well_formed {
                return Err(CatalogueError::Name(scope.to_owned()));
            }
            if !seen.insert(scope) {
                return Err(CatalogueError::Repeated(scope.to_owned()));
            }
        }
        if seen.is_empty() {
            return Err(CatalogueError::Empty);
        }
        for preset in &self.presets {
            if let Some(scope) = preset.scopes.iter().find(|scope| *scope != "*" && !seen.contains(scope.as_str())) {
                return Err(CatalogueError::Preset { preset: preset.name.clone(), scope: scope.clone() });
            }
        }
        Ok(self)
    }

    /// In the order of the form.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// In the order of the form.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// Every scope, in the order of the form.
    pub fn scopes(&self) -> impl Iterator<Item = &ScopeInfo> {
        self.groups.iter().flat_map(|group| &group.scopes)
    }

    /// The group that a scope belongs to.
    pub fn group_of(&self, scope: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.scopes.iter().any(|info| info.name.as_str() == scope))
    }

    /// Checks scopes that somebody asks for.
    pub fn choose<S: AsRef<str>>(&self, asked: impl IntoIterator<Item = S>) -> Result<ScopeSet, ScopeError> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for text in asked {
            match self.scopes().find(|info| info.name.as_str() == text.as_ref()) {
                Some(info) => known.push(info.name.clone()),
                // A refusal repeats what was asked, so it is kept short.
                None => unknown.push(text.as_ref().chars().take(80).collect::<String>()),
            }
        }
        if unknown.is_empty() {
            return ScopeSet::new(known);
        }
        unknown.truncate(10);
        Err(ScopeError::Unknown { unknown, valid: self.scopes().map(|info| info.name.to_string()).collect() })
    }
}

#[cfg(feature = "files")]
fn word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_is_valid() {
        let catalogue = Catalogue::built_in();
        assert_eq!(catalogue.scopes().count(), 15);
        assert_eq!(catalogue.group_of("scans:trigger").unwrap().name, "Scans");
    }

    #[test]
    fn an_unknown_scope_is_refused_with_the_valid_ones() {
        let error = Catalogue::built_in().choose(["scans:read", "scans:delete"]).unwrap_err();
        assert!(error.to_string().starts_with("unknown scope scans:delete; valid scopes are repos:read, "));
        assert_eq!(Catalogue::built_in().choose(Vec::<String>::new()), Err(ScopeError::Empty));
    }

    #[test]
    fn a_wrong_file_says_what_is_wrong() {
        let refused = |text: &str| Catalogue::from_toml(text).unwrap_err();
        assert_eq!(refused("groups = []"), CatalogueError::Empty);
        let group = |scope: &str| format!("[[groups]]\nname = 'G'\nscopes = [{{name = '{scope}', allows = 'x'}}]\n");
        assert_eq!(refused(&group("Scans")), CatalogueError::Name("Scans".into()));
        assert_eq!(refused(&(group("a:b") + &group("a:b"))), CatalogueError::Repeated("a:b".into()));
        assert!(matches!(refused("groups = [{name = 'G', scopes = [], colour = 1}]"), CatalogueError::Syntax(_)));
        let preset = group("a:b") + "[[presets]]\nname = 'P'\nscopes = ['a:c']\n";
        assert_eq!(refused(&preset), CatalogueError::Preset { preset: "P".into(), scope: "a:c".into() });
    }
}
