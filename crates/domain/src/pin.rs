//! Which organizations a decision about a request is about.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use crate::{NameError, OrganizationId, OrganizationName};

/// An organization as people name it: by its id, or by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrganizationKey {
    /// What has the form of an id is one; no organization has such a name.
    Id(OrganizationId),
    /// Its name, by which it is looked up each time.
    Name(OrganizationName),
}

/// Which organizations a decision may be about. It comes from where no client reaches: a proxy's file, the route file,
/// the configuration, or the resource server that asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Pin {
    /// Whichever: what is behind looks at the organization itself.
    Any,
    /// One of these, and at least one.
    Only(Vec<OrganizationKey>),
}

/// A pin as files and JSON have it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a list of organizations, by name or id, or the word \"any\"")]
enum Written {
    Word(String),
    List(Vec<String>),
}

/// Why a pin was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PinError {
    /// Neither the word nor a list.
    #[error("must be a list of organizations, by name or id, or the word \"any\"")]
    Form,
    /// None, or too many.
    #[error("must name 1 to {} organizations", Pin::MAX)]
    Count,
    /// Not what an organization can be called.
    #[error("an organization's name {0}")]
    Name(#[from] NameError),
}

impl OrganizationKey {
    /// Reads an id or a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        text.parse().map(Self::Id).or_else(|_| OrganizationName::new(text).map(Self::Name))
    }
}

impl fmt::Display for OrganizationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl Serialize for OrganizationKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::Only(keys) => keys.serialize(serializer),
        }
    }
}

impl Pin {
    /// Most organizations of one pin.
    pub const MAX: usize = 100;

    /// One of these, each by name or id.
    pub fn only<S: AsRef<str>>(organizations: impl IntoIterator<Item = S>) -> Result<Self, PinError> {
        let keys = organizations.into_iter().map(|text| OrganizationKey::parse(text.as_ref()));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if (1..=Self::MAX).contains(&keys.len()) { Ok(Self::Only(keys)) } else { Err(PinError::Count) }
    }

    /// Reads names and ids with commas between, or the word `any` by itself. An organization that is called so is named
    /// by its id.
    pub fn from_text(text: &str) -> Result<Self, PinError> {
        let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["any"] => Ok(Self::Any),
            parts if parts.contains(&"any") => Err(PinError::Form),
            parts => Self::only(parts),
        }
    }
}

impl TryFrom<Written> for Pin {
    type Error = PinError;

    fn try_from(written: Written) -> Result<Self, PinError> {
        match written {
            Written::Word(word) if word == "any" => Ok(Self::Any),
            Written::Word(_) => Err(PinError::Form),
            Written::List(organizations) => Self::only(organizations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_list_or_the_word() {
        let acme = || Pin::only(["acme"]).unwrap();
        assert_eq!(Pin::from_text("any"), Ok(Pin::Any));
        assert_eq!(Pin::from_text(" acme, "), Ok(acme()));
        assert_eq!(serde_json::from_str::<Pin>("\"any\"").unwrap(), Pin::Any);
        assert_eq!(serde_json::from_str::<Pin>("[\"acme\"]").unwrap(), acme());
        for json in ["\"any\"", "[\"acme\",\"01a20276-c695-74cc-ab86-ccae0efb2eef\"]"] {
            assert_eq!(serde_json::to_string(&serde_json::from_str::<Pin>(json).unwrap()).unwrap(), json);
        }
        // In a list it is a name.
        assert!(matches!(&*format!("{:?}", Pin::only(["any"])), text if text.contains("Only")));
        for text in ["", ",", "any,acme", "Acme", "acme;globex", "*"] {
            assert!(Pin::from_text(text).is_err(), "{text}");
        }
        for json in ["\"acme\"", "[]", "[\"a b\"]", "[7]", "7", "\"\"", "{}", "[\"\"]"] {
            assert!(serde_json::from_str::<Pin>(json).is_err(), "{json}");
        }
        assert_eq!(Pin::only(vec!["acme"; 101]), Err(PinError::Count));
    }

    #[test]
    fn what_looks_like_an_id_is_one() {
        let id = "01a20276-c695-74cc-ab86-ccae0efb2eef";
        assert!(OrganizationName::new(id).is_err() && OrganizationName::new(&id.replace('-', "")).is_err());
        assert_eq!(OrganizationKey::parse(id), Ok(OrganizationKey::Id(id.parse().unwrap())));
    }
}
