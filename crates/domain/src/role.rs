use serde::{Deserialize, Serialize};

/// What a user may do in an organization, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Viewer,
    Contributor,
    Member,
    Admin,
    Owner,
}

impl Role {
    /// From least to most.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Contributor, Self::Member, Self::Admin, Self::Owner];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// Reads [`Role::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// May create tokens of a project.
    pub fn creates_project_tokens(self) -> bool {
        self >= Self::Contributor
    }

    /// May create tokens of the organization, revoke anybody's, manage repositories, projects, settings and members.
    pub fn administers(self) -> bool {
        self >= Self::Admin
    }

    /// May delete the organization, and make and unmake owners.
    pub fn owns(self) -> bool {
        self == Self::Owner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_powers() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::ALL.map(Role::creates_project_tokens), [false, true, true, true, true]);
        assert_eq!(Role::ALL.map(Role::administers), [false, false, false, true, true]);
        assert_eq!(Role::ALL.map(Role::owns), [false, false, false, false, true]);
    }
}
