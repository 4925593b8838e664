//! An example organization, for a first look and for screenshots.

use latchkey_domain::{
    AllowedNetworks, Description, Email, InactivityThreshold, Level, MembershipId, Password, ProjectId, ProjectName,
    RepositoryAccess, RepositoryId, RepositoryName, RevocationReason, Role, SecretKind, SweepId, Timestamp, TokenId,
    TokenName, TokenSettings, UserId,
};
use latchkey_store::projects::Project;
use latchkey_store::sweeps::Sweep;
use latchkey_store::tokens::{Actor, NewToken, Revocation, Use};
use latchkey_store::{Tx, memberships, organizations, projects, repositories, sweeps, tokens, users};

use crate::recorder::system;
use crate::transaction::Purpose;
use crate::{Error, FieldError, Setup};

const ORGANIZATION: &str = "acme";
const REPOSITORIES: usize = 200;
const TOKENS: usize = 60;
const PROJECTS: [&str; 4] = ["Billing", "Mobile apps", "Platform", "Website"];
const TEAMS: [&str; 10] =
    ["api", "billing", "checkout", "data", "infra", "ios", "android", "search", "site", "identity"];
const PARTS: [&str; 20] = [
    "gateway",
    "worker",
    "web",
    "jobs",
    "schema",
    "terraform",
    "charts",
    "sdk",
    "cli",
    "docs",
    "proxy",
    "events",
    "reports",
    "ledger",
    "cache",
    "mailer",
    "feature-flags",
    "load-tests",
    "design",
    "runbooks",
];
const JOBS: [(&str, &str, &[&str]); 12] = [
    ("GitHub Actions CI", "Scans every pull request", &["repos:read", "scans:read", "scans:trigger", "drifts:read"]),
    ("Nightly drift report", "Posts to #infra every morning", &["drifts:read", "scans:read"]),
    ("Terraform Cloud", "", &["repos:read", "scans:trigger"]),
    ("Runner autoscaler", "Adds and removes runners with the queue", &["runners:read", "runners:manage"]),
    ("GitLab mirror", "", &["repos:read", "repos:write"]),
    ("Grafana dashboard", "Read only, for the wall screen", &["scans:read", "drifts:read", "runners:read"]),
    ("Backstage plugin", "Component pages show scans and drifts", &["repos:read", "scans:read", "drifts:read"]),
    ("Jenkins (old)", "To be replaced by GitHub Actions CI", &["scans:read", "scans:trigger"]),
    ("Drift autofix bot", "Opens pull requests for harmless drifts", &["drifts:read", "drifts:write", "repos:read"]),
    ("Audit export", "", &["tokens:read", "org:read"]),
    ("Release train", "Triggers scans before each release", &["scans:read", "scans:trigger", "repos:read"]),
    ("Local experiments", "", &["repos:read", "scans:read", "drifts:read", "runners:read"]),
];

/// How to sign in to a demo.
#[derive(Debug)]
pub struct DemoLogin {
    pub email: String,
    pub password: Password,
}

/// The users and ids that the demo's tokens refer to.
struct Cast {
    people: Vec<Actor>,
    projects: Vec<ProjectId>,
    repositories: Vec<RepositoryId>,
}

impl Setup<'_> {
    /// Fills an empty database with the organization `acme`: 200 repositories, 60 tokens in every state, a month of
    /// uses and sweeps. `None`, and nothing done, if there is a user already.
    pub async fn fill_demo(self) -> Result<Option<DemoLogin>, Error> {
        if !self.is_pending().await? {
            return Ok(None);
        }
        // Random: an instance that somebody forgets to take down must not have a password that everybody knows.
        let words = self.service.new_secret(SecretKind::UserToken).reveal()[4..20].to_owned();
        let password = Password::chosen(&words).map_err(|error| FieldError::new("password", error))?;
        let hash = self.service.inner.passwords.hash(password.clone(), self.service.inner.random.as_ref()).await?;
        let now = self.service.now();
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        let email = self.fill(&mut tx, &hash, now).await?;
        tx.commit().await?;
        Ok(Some(DemoLogin { email, password }))
    }

    async fn fill(self, tx: &mut Tx, password_hash: &str, now: Timestamp) -> Result<String, Error> {
        let started = now.plus_days(-400);
        let mut people = Vec::new();
        for (name, admin) in [("ada", true), ("grace", false), ("linus", false)] {
            let email = valid(Email::new(&format!("{name}@example.com")))?;
            let id = UserId(self.service.new_id());
            users::insert(tx, id, &email, admin.then_some(password_hash), admin, started).await?;
            people.push(Actor { kind: "user", id: Some(id.0), name: email.as_str().to_owned() });
        }
        let ada = UserId(people.first().and_then(|ada| ada.id).unwrap_or_default());
        let organization = self.make_organization(tx, ORGANIZATION, ada, started).await?;
        for (person, role) in people.iter().skip(1).zip([Role::Admin, Role::Contributor]) {
            let user = UserId(person.id.unwrap_or_default());
            memberships::insert(tx, MembershipId(self.service.new_id()), organization, user, role, started).await?;
        }
        let threshold = InactivityThreshold::from_setting(180).ok().flatten();
        organizations::set_threshold(tx, organization, threshold, now.plus_days(-60)).await?;

        let mut cast = Cast { people, projects: Vec::new(), repositories: Vec::new() };
        for name in PROJECTS {
            let id = ProjectId(self.service.new_id());
            let project = Project { id, organization_id: organization, name: name.to_owned(), created_at: started };
            projects::insert(tx, &project, &valid(ProjectName::new(name))?).await?;
            cast.projects.push(id);
        }
        for at in 0..REPOSITORIES {
            let (team, part) = (TEAMS[at % TEAMS.len()], PARTS[at / TEAMS.len() % PARTS.len()]);
            let id = RepositoryId(self.service.new_id());
            let name = valid(RepositoryName::new(&format!("acme/{team}-{part}")))?;
            repositories::insert(tx, id, organization, &name, started).await?;
            cast.repositories.push(id);
        }
        let mut uses = Vec::new();
        for at in 0..TOKENS {
            uses.extend(self.demo_token(tx, &cast, Level::Organization(organization), at, now).await?);
        }
        tokens::record_uses(tx, &uses).await?;
        for (hours, revoked) in [(1, 0), (2, 0), (3, 1), (26, 0), (50, 2)] {
            let started_at = self.service.auto_revoke().next_sweep_at().plus_seconds(-3_600 * hours);
            let sweep = Sweep {
                id: SweepId(self.service.new_id()),
                organization_id: organization,
                threshold_days: 180,
                started_at,
                finished_at: Timestamp::from_micros(started_at.micros() + 14_000 + i64::from(revoked) * 3_100),
                revoked,
            };
            sweeps::save(tx, &sweep).await?;
        }
        Ok("ada@example.com".to_owned())
    }

    /// One of the 60: which state and how much use follow from its number, so that every demo looks the same.
    async fn demo_token(
        self,
        tx: &mut Tx,
        cast: &Cast,
        organization: Level,
        at: usize,
        now: Timestamp,
    ) -> Result<Option<(TokenId, Use)>, Error> {
        let (job, description, scopes) = JOBS[at % JOBS.len()];
        let round = at / JOBS.len();
        let name = if round == 0 { job.to_owned() } else { format!("{job} {}", TEAMS[(at + round) % TEAMS.len()]) };
        let age = i64::try_from(3 + at * 5 % 290).unwrap_or(3);
        let created_at = now.plus_days(-age).plus_seconds(-i64::try_from(at * 977 % 40_000).unwrap_or(0));
        let level = match (organization, at % 3) {
            (Level::Organization(id), 1) => Level::Project(id, cast.projects[at % cast.projects.len()]),
            _ => organization,
        };
        let chosen = cast.repositories.iter().skip(at * 7 % 150).step_by(3).take(1 + at % 6).copied();
        let repositories =
            if at.is_multiple_of(2) { RepositoryAccess::All } else { RepositoryAccess::Only(chosen.collect()) };
        let expires_at = match at % 6 {
            0 => None,
            1 => Some(now.plus_days(2 + i64::try_from(at % 5).unwrap_or(0))),
            2 if at % 4 == 2 => Some(now.plus_days(-4)),
            _ => Some(now.plus_days(20 + i64::try_from(at * 3 % 200).unwrap_or(0))),
        };
        let secret = self.service.new_secret(SecretKind::ApiToken);
        let id = TokenId(self.service.inner.random.id(created_at));
        let creator = &cast.people[at % cast.people.len()];
        let new = NewToken {
            id,
            level,
            settings: &TokenSettings {
                name: valid(TokenName::new(&name))?,
                description: valid(Description::new(description))?,
                scopes: self.demo_scopes(scopes)?,
                repositories: repositories.clone(),
                expires_at,
                allowed_networks: AllowedNetworks::default(),
                require_signing: false,
            },
            hash: &secret.hash(),
            prefix: &secret.prefix(),
            created_at,
            created_by: creator,
            creation_key: None,
        };
        tokens::insert(tx, &new).await?;
        let idle_hours = [0, 3, 26, 24 * 9, 24 * 40][at % 5];
        let last_at = now.plus_seconds(-3_600 * idle_hours - i64::try_from(at * 61).unwrap_or(0));
        let used = (at % 7 != 3 && last_at > created_at).then(|| Use {
            at: last_at,
            address: format!("192.0.2.{}", 10 + at).parse().ok(),
            user_agent: ["curl/8.9.1", "GitHub-Actions/2.320", "Go-http-client/2.0"][at % 3].to_owned(),
        });
        if at % 9 == 8 {
            let (by, reason) = if at.is_multiple_of(2) {
                (system(), RevocationReason::Inactive)
            } else {
                (creator.clone(), RevocationReason::Manual)
            };
            // A revoked token keeps its last use, so that is written first.
            if let Some(used) = &used {
                tokens::record_uses(tx, &[(id, used.clone())]).await?;
            }
            let at = now.plus_days(-1).plus_seconds(-i64::try_from(at * 1_000).unwrap_or(0));
            tokens::revoke(tx, id, &Revocation { at: at.max(created_at), by, reason }).await?;
            return Ok(None);
        }
        Ok(used.map(|used| (id, used)))
    }

    /// Those that a configured catalogue has; the first one if it has none of them.
    fn demo_scopes(self, wanted: &[&str]) -> Result<latchkey_domain::ScopeSet, Error> {
        let known: Vec<_> = self.service.catalogue().scopes().map(|info| &info.name).collect();
        let chosen: Vec<_> = known.iter().filter(|scope| wanted.contains(&scope.as_str())).collect();
        let chosen = if chosen.is_empty() { known.iter().take(1).collect() } else { chosen };
        valid(latchkey_domain::ScopeSet::new(chosen.into_iter().map(|scope| (*scope).clone())))
    }
}

fn valid<T, E: ToString>(made: Result<T, E>) -> Result<T, Error> {
    made.map_err(|error| FieldError::new("demo", error).into())
}
