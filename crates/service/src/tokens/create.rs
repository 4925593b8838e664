use latchkey_domain::{
    AllowedNetworks, AuditAction, Catalogue, Description, Expiry, GroupLevel, Level, LevelKind, ProjectId,
    RepositoryAccess, ScopeSet, Secret, Timestamp, TokenId, TokenName,
};
use latchkey_store::tokens::{NewToken, Token};
use latchkey_store::{StoreError, projects, tokens};
use serde_json::json;
use uuid::Uuid;

use super::TokenDetail;
use super::grant::Grant;
use crate::authorization::Action;
use crate::idempotency::KeyedRequest;
use crate::recorder::AuditEntry;
use crate::transaction::Write;
use crate::{AuthorizationError, Error, FieldError, IdempotentRequest, OrganizationAccess, Tokens};

/// What somebody asks for, as it was sent; checked here and nowhere else.
#[derive(Clone, Debug, Default)]
pub struct CreateToken {
    pub name: String,
    pub description: String,
    pub scopes: Vec<String>,
    pub all_repositories: bool,
    /// Ids or full names.
    pub repositories: Vec<String>,
    pub expires: ExpiresIn,
    /// Id or name of a project; `None` for a token of the organization.
    pub project: Option<String>,
    /// A token of the whole instance; for instance admins.
    pub instance: bool,
    /// Networks in CIDR notation; empty for everywhere.
    pub allowed_networks: Vec<String>,
    /// Refuse unsigned requests.
    pub require_signing: bool,
    /// Sent with a form, so that sending it twice creates one token.
    pub creation_key: Option<Uuid>,
    /// Sent with a request of the API, so that sending it twice creates one token and answers twice.
    pub idempotency: Option<IdempotentRequest>,
}

/// When the token is to expire, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpiresIn {
    #[default]
    Never,
    /// So many days.
    Days(u16),
    /// A duration such as `720h`.
    Duration(String),
    /// A moment of RFC 3339.
    Moment(String),
    /// A day, `YYYY-MM-DD`: the token works until that day ends (UTC).
    EndOf(String),
}

/// A new token, with its secret for the one time.
#[derive(Debug)]
pub struct CreatedToken {
    pub detail: TokenDetail,
    pub secret: Secret,
}

/// What was asked for, checked.
struct Checked {
    name: TokenName,
    description: Description,
    grant: Grant,
}

impl Tokens<'_> {
    /// Creates a token. Nobody makes one that can do more than they can.
    pub async fn create(self, access: &OrganizationAccess, asked: CreateToken) -> Result<CreatedToken, Error> {
        let access = access.to_tokens(asked.instance)?;
        // Whoever may create nothing at all learns that before anything about what they sent.
        let least = access.principal().level().map_or(LevelKind::Project, Level::kind);
        access.allow(Action::CreateToken(least))?;
        let keyed = asked
            .idempotency
            .as_ref()
            .map(|once| KeyedRequest::new(access.caller(), format!("create in {}", access.id()), once));
        let _held = keyed.as_ref().map(|keyed| self.service.hold(keyed)).transpose()?;
        if let Some(keyed) = &keyed
            && let Some(again) = self.replay(&access, keyed, created).await?
        {
            return Ok(again);
        }
        // One moment for both ends of its life: who asks for 30 days gets 30 days.
        let now = self.service.now();
        let Checked { name, description, grant } = self.check(&access, &asked, now).await?;
        access.allow(Action::CreateToken(grant.level.kind()))?;
        self.contain(&access, &grant)?;

        let (secret, salt) = self.secret_for(keyed.as_ref());
        let actor = access.principal().actor();
        let id = TokenId(self.service.new_id());
        let new = NewToken {
            id,
            name: &name,
            description: &description,
            level: grant.level,
            scopes: &grant.scopes,
            repositories: &grant.repositories,
            hash: &secret.hash(),
            prefix: &secret.prefix(),
            require_signing: grant.require_signing,
            allowed_networks: &grant.allowed_networks,
            created_at: now,
            created_by: &actor,
            expires_at: grant.expires_at,
            creation_key: asked.creation_key,
        };
        let creation = Action::CreateToken(grant.level.kind());
        let Write { mut tx, access } = self.service.begin_in(&access, creation).await?;
        self.contain(&access, &grant)?;
        self.service.projects().hold_level(&mut tx, grant.level).await?;
        // First the key: whoever sent it at the same time, to another replica, waits here.
        if let (Some(keyed), Some(salt)) = (&keyed, salt)
            && let Err(error) = self.service.remember(&mut tx, keyed, salt, id.0).await
        {
            drop(tx);
            return self.replay_of_other(&access, keyed, created, error).await;
        }
        let most = self.service.settings().tokens_per_organization;
        if let (Some(organization), 1..) = (grant.level.organization(), most)
            && tokens::any_beyond(&mut tx, organization, most - 1, now).await?
        {
            return Err(Error::TooManyTokens { most });
        }
        if let Err(error) = tokens::insert(&mut tx, &new).await {
            drop(tx);
            return Err(self.explain_conflict(error, actor.id, &asked).await);
        }
        let entry = AuditEntry {
            organization: grant.level.organization(),
            action: AuditAction::TokenCreated,
            target: ("token", Some(id.0), name.as_str()),
            success: true,
            details: json!({
                "level": grant.level.kind(),
                "scopes": grant.scopes,
                "all_repositories": grant.repositories == RepositoryAccess::All,
                "expires_at": grant.expires_at,
                "require_signing": grant.require_signing,
            }),
        };
        self.service.record_by(&mut tx, access.caller(), entry).await?;
        tx.commit().await?;

        let token = tokens::by_id(self.service.store(), id).await?.ok_or(Error::NotFound("token"))?;
        let detail = self.detail(&access, token, now).await?;
        Ok(CreatedToken { detail, secret })
    }

    /// Every field that is wrong, at once.
    async fn check(self, access: &OrganizationAccess, asked: &CreateToken, now: Timestamp) -> Result<Checked, Error> {
        let mut errors = Vec::new();
        let name = keep(&mut errors, "name", TokenName::new(&asked.name));
        let description = keep(&mut errors, "description", Description::new(&asked.description));
        let scopes = keep(&mut errors, "scopes", self.service.catalogue().choose(&asked.scopes));
        let expires_at = keep(&mut errors, "expires", asked.expires.at(now));
        let networks = asked.allowed_networks.iter().filter(|network| !network.trim().is_empty());
        let allowed_networks = keep(&mut errors, "allowedNetworks", AllowedNetworks::new(networks));
        let level = keep(&mut errors, "project", self.level(access, asked).await?);
        if let (Some(scopes), Some(level)) = (&scopes, level)
            && let Some(scope) = beyond_level(self.service.catalogue(), scopes, level)
        {
            errors.push(FieldError::new("scopes", format!("{scope} is for instance tokens only")));
        }
        let chosen = self.chosen_repositories(access, asked.all_repositories, &asked.repositories).await?;
        let repositories = keep(&mut errors, "repositories", chosen);
        match (name, description, scopes, level, repositories, expires_at, allowed_networks) {
            (
                Some(name),
                Some(description),
                Some(scopes),
                Some(level),
                Some(repositories),
                Some(expires_at),
                Some(allowed_networks),
            ) if errors.is_empty() => {
                let require_signing = asked.require_signing;
                let grant = Grant { level, scopes, repositories, expires_at, allowed_networks, require_signing };
                Ok(Checked { name, description, grant })
            }
            _ => Err(Error::Invalid(errors)),
        }
    }

    async fn level(self, access: &OrganizationAccess, asked: &CreateToken) -> Result<Result<Level, String>, Error> {
        let project = asked.project.as_deref().map(str::trim).filter(|project| !project.is_empty());
        match (project, asked.instance) {
            (Some(_), true) => Ok(Err("an instance token belongs to no project".to_owned())),
            (None, true) => Ok(Ok(Level::Instance)),
            (None, false) => Ok(Ok(Level::Organization(access.id()))),
            (Some(project), false) => {
                let found = match project.parse::<ProjectId>() {
                    Ok(id) => projects::by_id(self.service.store(), access.id(), id).await?,
                    Err(_) => projects::by_name(self.service.store(), access.id(), project).await?,
                };
                let level = found.map(|found| Level::Project(access.id(), found.id));
                if let Some(own @ Level::Project(..)) = access.principal().level()
                    && level != Some(own)
                {
                    // Likewise with projects.
                    return Err(AuthorizationError::Exceeds("its level".to_owned()).into());
                }
                Ok(level.ok_or_else(|| "there is no such project in this organization".to_owned()))
            }
        }
    }

    /// The repositories that somebody names, or why they can't be used.
    pub(super) async fn chosen_repositories(
        self,
        access: &OrganizationAccess,
        all: bool,
        named: &[String],
    ) -> Result<Result<RepositoryAccess, String>, Error> {
        if named.len() > RepositoryAccess::MAX {
            return Ok(Err(latchkey_domain::RepositoryAccessError::TooMany.to_string()));
        }
        let mut ids = Vec::with_capacity(named.len());
        let reach = access.principal().reach();
        for (text, found) in named.iter().zip(self.service.repositories().find_many(access.id(), named).await?) {
            if reach != RepositoryAccess::All && !found.as_ref().is_some_and(|found| reach.reaches(found.id)) {
                // Whoever reaches only some does not learn which others there are.
                return Err(AuthorizationError::Exceeds("its repositories".to_owned()).into());
            }
            match found {
                Some(repository) => ids.push(repository.id),
                None => {
                    let shown: String = text.chars().take(80).collect();
                    return Ok(Err(format!("there is no repository {shown:?} in this organization")));
                }
            }
        }
        Ok(RepositoryAccess::new(all, ids).map_err(|error| error.to_string()))
    }

    /// Which index noticed first is chance when a form is sent twice, so the key is asked about before the name.
    async fn explain_conflict(self, error: StoreError, creator: Option<Uuid>, asked: &CreateToken) -> Error {
        if !matches!(error, StoreError::Conflict(_)) {
            return error.into();
        }
        if let (Some(creator), Some(key)) = (creator, asked.creation_key) {
            match tokens::by_creation_key(self.service.store(), creator, key).await {
                Ok(Some(token)) => return Error::AlreadyCreated(token.id),
                Ok(None) => {}
                Err(error) => return error.into(),
            }
        }
        let taken = "is taken by another token that is not revoked; choose another name, or revoke that one first";
        Error::Conflict(FieldError::new("name", taken))
    }
}

/// What a creation that is answered again needs.
fn created(_: &OrganizationAccess, token: &Token) -> Action {
    Action::CreateToken(token.level.kind())
}

impl ExpiresIn {
    pub(super) fn at(&self, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let expiry = match self {
            Self::Never => Ok(Expiry::Never),
            Self::Days(days) => Ok(Expiry::In { seconds: i64::from(*days) * 86_400 }),
            Self::Duration(text) => Expiry::parse_duration(text).map_err(|error| error.to_string()),
            Self::Moment(text) => text.parse().map(Expiry::At).map_err(|error| format!("is {error}")),
            Self::EndOf(text) => Timestamp::from_date(text)
                .map(|day| Expiry::At(day.plus_days(1)))
                .map_err(|_| "must be a date such as 2027-02-20".to_owned()),
        }?;
        expiry.at(now).map_err(|error| error.to_string())
    }
}

/// A value, or else one more problem.
pub(super) fn keep<T, E: ToString>(
    errors: &mut Vec<FieldError>,
    field: &'static str,
    result: Result<T, E>,
) -> Option<T> {
    result.map_err(|error| errors.push(FieldError::new(field, error))).ok()
}

/// A scope that only instance tokens can have, if one is asked for at another level.
pub(super) fn beyond_level(catalogue: &Catalogue, scopes: &ScopeSet, level: Level) -> Option<String> {
    if level == Level::Instance {
        return None;
    }
    let mut of_instance = catalogue.groups().iter().filter(|group| group.level == GroupLevel::Instance);
    of_instance
        .find_map(|group| group.scopes.iter().find(|info| scopes.contains(info.name.as_str())))
        .map(|info| info.name.to_string())
}
