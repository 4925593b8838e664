use latchkey_domain::{RepositoryAccess, RepositoryId, Timestamp, TokenId, TokenSettings};
use uuid::Uuid;

use super::{
    NEVER, Token,
    row::{TokenRow, columns, select},
    write::{list_repositories, words},
};
use crate::{StoreError, Tx, search};

/// Makes whoever acts with these tokens, or changes them, wait until the transaction ends. In the order of ids, as every
/// batch of tokens is locked, so that two transactions can't wait for each other.
pub async fn lock_all(tx: &mut Tx, ids: &[TokenId]) -> Result<(), StoreError> {
    const SQL: &str = "SELECT t.id FROM api_tokens t WHERE t.id = ANY($1) ORDER BY t.id FOR UPDATE";
    // SQLite has one writer, and this is it.
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    Ok(writing!(tx, db, sqlite => { let _ = db; Ok(()) }, postgres => {
        sqlx::query(SQL).bind(ids).execute(db).await.map(|_| ())
    })?)
}

/// Keeps a token as it is for whoever acts with it: until the transaction ends, it can't be revoked, rotated or changed.
/// Stands in the way of nothing else, a use being recorded above all.
pub async fn lock_shared(tx: &mut Tx, id: TokenId) -> Result<(), StoreError> {
    const SQL: &str = "SELECT t.id FROM api_tokens t WHERE t.id = $1 FOR KEY SHARE";
    Ok(writing!(tx, db, sqlite => { let _ = db; Ok(()) }, postgres => {
        sqlx::query(SQL).bind(id.0).execute(db).await.map(|_| ())
    })?)
}

/// A token and the repositories that it lists, kept as they are until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TokenId) -> Result<Option<(Token, Vec<RepositoryId>)>, StoreError> {
    const LISTED: &str =
        "SELECT r.repository_id FROM api_token_repositories r WHERE r.token_id = $1 ORDER BY r.repository_id";
    let sql = tx.dialect(select!("t.id = $1"), select!("t.id = $1 FOR UPDATE"));
    let row: Option<TokenRow> = writing!(tx, db => sqlx::query_as(sql).bind(id.0).fetch_optional(db).await)?;
    let Some(row) = row else { return Ok(None) };
    let listed: Vec<Uuid> = writing!(tx, db => sqlx::query_scalar(LISTED).bind(id.0).fetch_all(db).await)?;
    Ok(Some((Token::try_from(row)?, listed.into_iter().map(RepositoryId).collect())))
}

/// Gives an unrevoked token that [`lock`] has returned other settings than it has `before`. [`Conflict::TokenName`](crate::Conflict::TokenName) as for a new one.
pub async fn update(
    tx: &mut Tx,
    token: &Token,
    before: &TokenSettings,
    settings: &TokenSettings,
) -> Result<(), StoreError> {
    // Another replica's clock may have noted the token as expired already: it is live again.
    const SQL: &str = "UPDATE api_tokens SET name = $2, name_key = $3, description = $4, scopes = $5, \
            require_signing = $6, allowed_networks = $7, expires_at = $8, expires_key = $9, phase = 0 \
        WHERE id = $1 AND revoked_at IS NULL";
    // A name of before that stays keeps its key: it may be one by now with another token's (`names.rs`).
    let renamed = settings.name.as_str() != token.name;
    let key = if renamed { settings.name.key() } else { token.name_key.clone() };
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(token.id.0)
            .bind(settings.name.as_str())
            .bind(key)
            .bind(settings.description.as_str())
            .bind(settings.scopes.to_string())
            .bind(settings.require_signing)
            .bind(settings.allowed_networks.to_string())
            .bind(settings.expires_at.map(Timestamp::micros))
            .bind(settings.expires_at.map_or(NEVER, Timestamp::micros))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    if settings.repositories != before.repositories {
        replace_repositories(tx, token.id, &settings.repositories).await?;
    }
    let words = words(settings.name.as_str(), settings.description.as_str(), &token.prefix, token.id);
    let list = token.level.organization().map(|id| id.0).unwrap_or_default();
    let project = token.level.project().map(|id| id.0);
    search::reindex_token(tx, list, project, token.id.0, words).await?;
    tx.changed.push(token.id.0);
    Ok(())
}

async fn replace_repositories(tx: &mut Tx, id: TokenId, repositories: &RepositoryAccess) -> Result<(), StoreError> {
    const ALL: &str = "UPDATE api_tokens SET all_repositories = $2 WHERE id = $1";
    const FORGET: &str = "DELETE FROM api_token_repositories WHERE token_id = $1";
    let all = matches!(repositories, RepositoryAccess::All);
    writing!(tx, db => sqlx::query(ALL).bind(id.0).bind(all).execute(db).await.map(|_| ()))?;
    writing!(tx, db => sqlx::query(FORGET).bind(id.0).execute(db).await.map(|_| ()))?;
    list_repositories(tx, id, repositories).await
}
