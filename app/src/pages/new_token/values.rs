//! What the form holds, and the facts that it is filled in with: the same types on the server and in the browser.

#[cfg(feature = "ssr")]
use latchkey_domain::{Catalogue, GroupLevel};
use latchkey_domain::{Expiry, ExpiryError, Group, Preset, ScopeInfo, Timestamp, TimestampError};
use serde::{Deserialize, Serialize};

/// Everything that somebody typed or chose, as it is in the fields; nothing is checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    pub name: String,
    pub description: String,
    pub expires: Expires,
    /// What the date field holds, `YYYY-MM-DD` or nothing; it counts with [`Expires::OnDate`] only.
    pub expires_on: String,
    /// Names of scopes, in the order of the catalogue.
    pub scopes: Vec<String>,
    pub all_repositories: bool,
    /// Counts, and is kept, whatever `all_repositories` says, so that going back and forth loses nothing.
    pub repositories: Vec<NamedRef>,
    /// Belongs to a project and not to the organization.
    pub in_project: bool,
    /// Id of the project; it counts with `in_project` only.
    pub project: String,
    /// One network a line.
    pub networks: String,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            expires: Expires::Days(90),
            expires_on: String::new(),
            scopes: Vec::new(),
            // Least privilege is the default: reaching everything is a decision.
            all_repositories: false,
            repositories: Vec::new(),
            in_project: false,
            project: String::new(),
            networks: String::new(),
        }
    }
}

impl Values {
    /// Most characters of the networks field that are kept.
    pub const NETWORKS_MAX: usize = 4_000;

    /// The lines of the networks field that say something.
    pub fn network_lines(&self) -> impl Iterator<Item = &str> {
        self.networks.lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// When a token made `now` would expire; the outer error says that the date field holds no date.
    pub fn expires_at(&self, now: Timestamp) -> Result<Result<Option<Timestamp>, ExpiryError>, TimestampError> {
        let expiry = match self.expires {
            Expires::Days(days) => Expiry::In { seconds: i64::from(days) * 86_400 },
            // The chosen day is the last one that the token works on.
            Expires::OnDate => Expiry::At(Timestamp::from_date(&self.expires_on)?.plus_days(1)),
            Expires::Never => Expiry::Never,
        };
        Ok(expiry.at(now))
    }

    /// Adds a repository unless it is there already or the list is full; says whether it did.
    #[cfg(feature = "hydrate")]
    pub fn add_repository(&mut self, repository: NamedRef) -> bool {
        use latchkey_domain::RepositoryAccess;

        let fits = self.repositories.len() < RepositoryAccess::MAX && !self.repositories.contains(&repository);
        if fits {
            self.repositories.push(repository);
        }
        fits
    }
}

/// The choices under *Expiration*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expires {
    /// One of [`Expires::DAYS`].
    Days(u16),
    OnDate,
    Never,
}

impl Expires {
    /// Lifetimes to choose from, in days.
    pub const DAYS: [u16; 5] = [7, 30, 60, 90, 365];

    /// In the order of the form.
    pub const ALL: [Self; 7] = [
        Self::Days(Self::DAYS[0]),
        Self::Days(Self::DAYS[1]),
        Self::Days(Self::DAYS[2]),
        Self::Days(Self::DAYS[3]),
        Self::Days(Self::DAYS[4]),
        Self::OnDate,
        Self::Never,
    ];

    /// The field's value in the form.
    pub fn value(self) -> &'static str {
        match self {
            Self::Days(7) => "7",
            Self::Days(30) => "30",
            Self::Days(60) => "60",
            Self::Days(90) => "90",
            Self::Days(_) => "365",
            Self::OnDate => "date",
            Self::Never => "none",
        }
    }

    /// Reads [`Expires::value`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.value() == text)
    }

    /// What the choice is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Days(7) => "7 days",
            Self::Days(30) => "30 days",
            Self::Days(60) => "60 days",
            Self::Days(90) => "90 days",
            Self::Days(_) => "1 year",
            Self::OnDate => "Custom date",
            Self::Never => "No expiration",
        }
    }
}

/// Something with an id that a person knows by its name: a repository or a project.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct NamedRef {
    pub id: String,
    pub name: String,
}

impl PartialEq for NamedRef {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Repositories that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRepositories {
    /// What was searched for.
    pub query: String,
    pub repositories: Vec<NamedRef>,
    /// There are more than are shown.
    pub more: bool,
}

/// Most repositories that one search shows.
#[cfg(feature = "ssr")]
pub const FOUND_MAX: usize = 20;

/// What the form offers to one person in one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormOptions {
    pub organization: String,
    /// The scopes that this person can give to a token of the organization or a project, in the order of the form; the
    /// service has the last word on it.
    pub groups: Vec<Group>,
    pub presets: Vec<Preset>,
    /// By name.
    pub projects: Vec<NamedRef>,
    /// May make tokens of the whole organization, not only of a project.
    pub may_administer: bool,
    /// The organization has no repository at all.
    pub no_repositories: bool,
    /// When the page was made: the browser's clock is not asked before the form is live.
    pub now: Timestamp,
    /// Sent with the form, so that sending it twice creates one token.
    pub creation_key: String,
}

impl FormOptions {
    /// The groups of a catalogue that are for tokens of an organization or a project, without what is withheld.
    #[cfg(feature = "ssr")]
    pub fn groups_of(catalogue: &Catalogue, withheld: &[String]) -> Vec<Group> {
        let mut groups = catalogue.groups().to_vec();
        groups.retain(|group| group.level == GroupLevel::Any);
        for group in &mut groups {
            group.scopes.retain(|info| !withheld.iter().any(|withheld| withheld == info.name.as_str()));
        }
        groups
    }

    /// The scopes of the groups.
    pub fn scopes(&self) -> impl Iterator<Item = &ScopeInfo> {
        self.groups.iter().flat_map(|group| &group.scopes)
    }

    /// The name of a project.
    pub fn project(&self, id: &str) -> Option<&str> {
        self.projects.iter().find(|project| project.id == id).map(|project| &*project.name)
    }

    /// The scopes of the preset at an index, in the order of the form.
    pub fn preset(&self, index: usize) -> Option<Vec<String>> {
        let preset = self.presets.get(index)?;
        let all = preset.scopes.iter().any(|scope| scope == "*");
        Some(self.in_order(|scope| all || preset.scopes.iter().any(|preset| preset == scope)))
    }

    /// The scopes that `chosen` says yes to, in the order of the form and without those that nobody knows.
    pub fn in_order(&self, chosen: impl Fn(&str) -> bool) -> Vec<String> {
        self.scopes().map(|info| info.name.as_str()).filter(|scope| chosen(scope)).map(str::to_owned).collect()
    }

    /// The scope to read what `scope` changes, if there is one and it is not among the chosen.
    pub fn missing_read(&self, scope: &str, chosen: &[String]) -> Option<String> {
        let (resource, action) = scope.split_once(':')?;
        if action == "read" {
            return None;
        }
        let mut read = String::with_capacity(resource.len() + 5);
        read.push_str(resource);
        read.push_str(":read");
        let known = self.scopes().any(|info| info.name.as_str() == read);
        (known && !chosen.contains(&read)).then_some(read)
    }
}

#[cfg(test)]
#[cfg(feature = "ssr")]
pub(super) mod tests {
    use super::*;

    pub(crate) const NOW: &str = "2026-11-22T10:00:00Z";

    /// An offer of the built-in catalogue to an admin of *acme*.
    pub(crate) fn options() -> FormOptions {
        FormOptions {
            organization: "acme".into(),
            groups: FormOptions::groups_of(&Catalogue::built_in(), &[]),
            presets: Catalogue::built_in().presets().to_vec(),
            projects: vec![choice("p1", "Payments"), choice("p2", "Web")],
            may_administer: true,
            no_repositories: false,
            now: NOW.parse().unwrap(),
            creation_key: "01938f6e-0000-7000-8000-000000000001".into(),
        }
    }

    pub(crate) fn choice(id: &str, name: &str) -> NamedRef {
        NamedRef { id: id.into(), name: name.into() }
    }

    #[test]
    fn expirations_are_read_as_written() {
        for choice in Expires::ALL {
            assert_eq!(Expires::parse(choice.value()), Some(choice));
        }
        assert_eq!(Expires::parse("45"), None);
    }

    #[test]
    fn a_date_is_the_last_day_that_the_token_works() {
        let now: Timestamp = NOW.parse().unwrap();
        let on = |date: &str| Values { expires: Expires::OnDate, expires_on: date.into(), ..Values::default() };
        assert_eq!(on("2026-11-22").expires_at(now), Ok(Ok(Some("2026-11-23T00:00:00Z".parse().unwrap()))));
        assert_eq!(on("2026-11-21").expires_at(now), Ok(Err(ExpiryError::Past)));
        assert!(on("soon").expires_at(now).is_err());
    }

    #[test]
    fn presets_stand_for_scopes_that_the_form_offers() {
        let options = options();
        assert_eq!(options.preset(1).unwrap(), ["repos:read", "scans:read", "scans:trigger", "drifts:read"]);
        let everything = options.preset(2).unwrap();
        assert!(everything.contains(&"tokens:manage".into()) && !everything.contains(&"orgs:create".into()));
        assert_eq!(options.preset(9), None);
    }

    #[test]
    fn changing_offers_reading() {
        let options = options();
        assert_eq!(options.missing_read("scans:trigger", &["scans:trigger".into()]), Some("scans:read".into()));
        assert_eq!(options.missing_read("scans:trigger", &["scans:read".into()]), None);
        assert_eq!(options.missing_read("scans:read", &[]), None);
        assert_eq!(options.missing_read("unknown:write", &[]), None);
    }
}
