use latchkey_domain::{SecretHash, Timestamp, TokenId};

use super::{
    Rotation, Token,
    edit::lock_all,
    write::{secret_object, words},
};
use crate::{StoreError, Tx, search};

/// Gives an unrevoked token that [`super::lock`] has returned a new secret. The old one is kept as retired; those that
/// were retired before stop working, whatever was promised for them.
pub async fn rotate(tx: &mut Tx, token: &Token, rotation: &Rotation<'_>) -> Result<(), StoreError> {
    const RETIRE: &str = "INSERT INTO retired_secrets (hash, token_id, works_until) \
        SELECT t.hash, t.id, $2 FROM api_tokens t WHERE t.id = $1";
    const SQL: &str = "UPDATE api_tokens SET hash = $2, prefix = $3, overlap_until = $4 \
        WHERE id = $1 AND revoked_at IS NULL";
    stop_retired(tx, token.id, rotation.at).await?;
    let until = rotation.overlap_until.unwrap_or(rotation.at).micros();
    writing!(tx, db => sqlx::query(RETIRE).bind(token.id.0).bind(until).execute(db).await.map(|_| ()))?;
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(token.id.0)
            .bind(rotation.hash.as_bytes().as_slice())
            .bind(rotation.prefix.as_str())
            .bind(rotation.overlap_until.map(Timestamp::micros))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    let words = words(&token.name, &token.description, rotation.prefix.as_str(), token.id);
    let list = token.level.organization().map(|id| id.0).unwrap_or_default();
    let project = token.level.project().map(|id| id.0);
    search::reindex_token(tx, list, project, token.id.0, words).await?;
    tx.changed.extend([token.id.0, secret_object(rotation.hash)]);
    Ok(())
}

/// Ends the overlap of a token, because its current secret was used; says whether there was one. With a hash that is no
/// longer the current one, nothing happens: the overlap is then that of a later rotation.
pub async fn end_overlap(tx: &mut Tx, id: TokenId, used: &SecretHash, at: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE api_tokens SET overlap_until = NULL \
        WHERE id = $1 AND hash = $2 AND overlap_until IS NOT NULL";
    lock_all(tx, &[id]).await?;
    let ended = writing!(tx, db => {
        sqlx::query(SQL).bind(id.0).bind(used.as_bytes().as_slice()).execute(db).await.map(|done| done.rows_affected())
    })?;
    if ended == 0 {
        return Ok(false);
    }
    stop_retired(tx, id, at).await?;
    tx.changed.push(id.0);
    Ok(true)
}

async fn stop_retired(tx: &mut Tx, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE retired_secrets SET works_until = $2 WHERE token_id = $1 AND works_until > $2";
    writing!(tx, db => sqlx::query(SQL).bind(id.0).bind(at.micros()).execute(db).await.map(|_| ()))?;
    Ok(())
}
