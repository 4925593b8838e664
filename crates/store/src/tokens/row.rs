use std::net::IpAddr;

use latchkey_domain::{
    AllowedNetworks, Level, OrganizationId, ProjectId, RevocationReason, ScopeSet, Timestamp, TokenId,
};
use uuid::Uuid;

use super::{Actor, Revocation, Token, Use};
use crate::{StoreError, error::invalid_value};

/// The columns of a [`TokenRow`], from `api_tokens t`. Subqueries instead of joins: whatever a planner knows or guesses
/// of the tables, they are look-ups of one row each.
///
/// In a list, where each look-up is made for every row, the organization's name (which is known) and the number of
/// repositories (which are read for all rows together) are left out.
macro_rules! columns {
    () => {
        columns!(
            "(SELECT o.name FROM organizations o WHERE o.id = t.organization_id)",
            "CASE WHEN t.all_repositories THEN 0 \
                  ELSE (SELECT count(*) FROM api_token_repositories r WHERE r.token_id = t.id) END"
        )
    };
    (listed) => {
        columns!("CAST(NULL AS TEXT)", "CAST(0 AS BIGINT)")
    };
    ($organization_name:literal, $repository_count:literal) => {
        concat!(
            "t.id, t.name, t.name_key, t.description, t.organization_id, t.project_id, ",
            $organization_name,
            " AS organization_name, \
         (SELECT p.name FROM projects p WHERE p.id = t.project_id) AS project_name, \
         t.scopes, t.all_repositories, ",
            $repository_count,
            " AS repository_count, \
         t.prefix, t.require_signing, t.allowed_networks, t.overlap_until, \
         t.created_at, t.created_by_kind, t.created_by_id, t.created_by_name, t.expires_at, \
         t.revoked_at, t.revoked_by_kind, t.revoked_by_id, t.revoked_by_name, t.revoked_reason, \
         t.last_used_at, t.last_used_address, t.last_used_user_agent"
        )
    };
}
pub(super) use columns;

/// Reads the tokens of a condition.
macro_rules! select {
    ($($condition:expr),+) => {
        concat!("SELECT ", columns!(), " FROM api_tokens t WHERE ", $($condition),+)
    };
}
pub(super) use select;

row! {
    pub(super) struct TokenRow {
        id: Uuid,
        name: String,
        name_key: String,
        description: String,
        organization_id: Option<Uuid>,
        project_id: Option<Uuid>,
        organization_name: Option<String>,
        project_name: Option<String>,
        scopes: String,
        all_repositories: bool,
        repository_count: i64,
        prefix: String,
        require_signing: bool,
        allowed_networks: String,
        overlap_until: Option<i64>,
        created_at: i64,
        created_by_kind: String,
        created_by_id: Option<Uuid>,
        created_by_name: String,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
        revoked_by_kind: Option<String>,
        revoked_by_id: Option<Uuid>,
        revoked_by_name: Option<String>,
        revoked_reason: Option<String>,
        last_used_at: Option<i64>,
        last_used_address: Option<String>,
        last_used_user_agent: Option<String>,
    }
}

pub(super) fn tokens(rows: Vec<TokenRow>) -> Result<Vec<Token>, StoreError> {
    rows.into_iter().map(Token::try_from).collect()
}

impl TryFrom<TokenRow> for Token {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let revocation = match row.revoked_at {
            None => None,
            Some(at) => Some(Revocation {
                at: Timestamp::from_micros(at),
                by: actor(row.revoked_by_kind.as_deref(), row.revoked_by_id, row.revoked_by_name)?,
                reason: row
                    .revoked_reason
                    .as_deref()
                    .and_then(RevocationReason::parse)
                    .ok_or_else(|| invalid_value("reason of a revocation"))?,
            }),
        };
        Ok(Self {
            id: TokenId(row.id),
            name: row.name,
            name_key: row.name_key,
            description: row.description,
            level: match (row.organization_id.map(OrganizationId), row.project_id.map(ProjectId)) {
                (None, _) => Level::Instance,
                (Some(organization), None) => Level::Organization(organization),
                (Some(organization), Some(project)) => Level::Project(organization, project),
            },
            organization_name: row.organization_name.unwrap_or_default(),
            project_name: row.project_name.unwrap_or_default(),
            scopes: ScopeSet::stored(&row.scopes),
            all_repositories: row.all_repositories,
            repository_count: row.repository_count.try_into().unwrap_or(u32::MAX),
            prefix: row.prefix,
            require_signing: row.require_signing,
            allowed_networks: AllowedNetworks::stored(&row.allowed_networks),
            overlap_until: row.overlap_until.map(Timestamp::from_micros),
            created_at: Timestamp::from_micros(row.created_at),
            created_by: actor(Some(&row.created_by_kind), row.created_by_id, Some(row.created_by_name))?,
            expires_at: row.expires_at.map(Timestamp::from_micros),
            revocation,
            last_use: row.last_used_at.map(|at| Use {
                at: Timestamp::from_micros(at),
                address: row.last_used_address.and_then(|address| address.parse::<IpAddr>().ok()),
                user_agent: row.last_used_user_agent.unwrap_or_default(),
            }),
        })
    }
}

/// Who did something, as it is stored.
pub(crate) fn actor(kind: Option<&str>, id: Option<Uuid>, name: Option<String>) -> Result<Actor, StoreError> {
    let kind = ["user", "api_token", "system"]
        .into_iter()
        .find(|known| kind == Some(known))
        .ok_or_else(|| invalid_value("kind of actor"))?;
    Ok(Actor { kind, id, name: name.unwrap_or_default() })
}
