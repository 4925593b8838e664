use std::collections::BTreeSet;

use latchkey_domain::{RepositoryAccess, SecretHash, Timestamp, TokenId, prefix_entry, search_words};
use uuid::Uuid;

use super::{
    NEVER, NewToken, Revocation, Token,
    edit::lock_all,
    level, phase,
    row::{TokenRow, columns, select},
};
use crate::{
    StoreError, Tx,
    bind::{Ids, text},
    search,
};

/// Stands among changed objects for a secret that comes: whoever remembers that there is none forgets it.
pub fn secret_object(hash: &SecretHash) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_bytes()[..16]);
    Uuid::from_bytes(id)
}

/// Adds a token with its repositories and search words (name, description, prefix, id).
/// [`Conflict::TokenName`](crate::Conflict::TokenName) when an unrevoked token of the level and owner has the name, as names are compared;
/// [`Conflict::CreationKey`](crate::Conflict::CreationKey) when the creator has sent the key before, whatever the name.
pub async fn insert(tx: &mut Tx, token: &NewToken<'_>) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO api_tokens (id, level, organization_id, project_id, list_id, owner_id, phase, \
            name, name_key, description, scopes, all_repositories, prefix, hash, require_signing, allowed_networks, \
            created_at, created_by_kind, created_by_id, created_by_name, creation_key, expires_at, expires_key, \
            used_key, idle_key) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
            $17, $18, $19, $20, $21, $22, $23, 0, $17)";
    let settings = token.settings;
    let organization = token.level.organization().map(|id| id.0);
    let project = token.level.project().map(|id| id.0);
    let list = organization.unwrap_or_default();
    let owner = project.unwrap_or(list);
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(token.id.0)
            .bind(level(token.level.kind()))
            .bind(organization)
            .bind(project)
            .bind(list)
            .bind(owner)
            .bind(phase::LIVE)
            .bind(settings.name.as_str())
            .bind(settings.name.key())
            .bind(settings.description.as_str())
            .bind(settings.scopes.to_string())
            .bind(matches!(settings.repositories, RepositoryAccess::All))
            .bind(token.prefix.as_str())
            .bind(token.hash.as_bytes().as_slice())
            .bind(settings.require_signing)
            .bind(settings.allowed_networks.to_string())
            .bind(token.created_at.micros())
            .bind(token.created_by.kind)
            .bind(token.created_by.id)
            .bind(text(&token.created_by.name))
            .bind(token.creation_key)
            .bind(settings.expires_at.map(Timestamp::micros))
            .bind(settings.expires_at.map_or(NEVER, Timestamp::micros))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    tx.changed.push(secret_object(token.hash));
    list_repositories(tx, token.id, &settings.repositories).await?;
    let words = words(settings.name.as_str(), settings.description.as_str(), token.prefix.as_str(), token.id);
    search::index_token(tx, list, project, token.id.0, words).await
}

/// Adds a token's list of repositories, if it has one.
pub(super) async fn list_repositories(
    tx: &mut Tx,
    token: TokenId,
    repositories: &RepositoryAccess,
) -> Result<(), StoreError> {
    let RepositoryAccess::Only(repositories) = repositories else { return Ok(()) };
    let sql = tx.dialect(
        "INSERT INTO api_token_repositories (token_id, repository_id) \
         SELECT $1, unhex(value) FROM json_each($2)",
        "INSERT INTO api_token_repositories (token_id, repository_id) SELECT $1, id FROM unnest($2) AS id",
    );
    let repositories = repositories.iter().map(|id| id.0).collect::<Ids>();
    writing!(tx, db => sqlx::query(sql).bind(token.0).bind(repositories).execute(db).await.map(|_| ()))?;
    Ok(())
}

/// The words under which a token is found.
pub(crate) fn words(name: &str, description: &str, prefix: &str, id: TokenId) -> BTreeSet<String> {
    let mut words = search_words([name, description]);
    // As `search_terms` looks for them.
    words.insert(prefix_entry(prefix));
    words.insert(id.to_string());
    words
}

/// Revokes an unrevoked token; `None` if it is not there or was revoked before. Returns it as it is now.
pub async fn revoke(tx: &mut Tx, id: TokenId, revocation: &Revocation) -> Result<Option<Token>, StoreError> {
    const SQL: &str = "UPDATE api_tokens SET revoked_at = $2, revoked_by_kind = $3, revoked_by_id = $4, \
            revoked_by_name = $5, revoked_reason = $6, phase = 2 \
        WHERE id = $1 AND revoked_at IS NULL";
    lock_all(tx, &[id]).await?;
    let changed = writing!(tx, db => {
        sqlx::query(SQL)
            .bind(id.0)
            .bind(revocation.at.micros())
            .bind(revocation.by.kind)
            .bind(revocation.by.id)
            .bind(text(&revocation.by.name))
            .bind(revocation.reason.as_str())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    if changed == 0 {
        return Ok(None);
    }
    tx.changed.push(id.0);
    let row: Option<TokenRow> = writing!(tx, db => {
        sqlx::query_as(select!("t.id = $1")).bind(id.0).fetch_optional(db).await
    })?;
    row.map(Token::try_from).transpose()
}
