use latchkey_domain::{OrganizationId, TokenId};
use uuid::Uuid;

use super::{Revocation, edit::lock_all};
use crate::{
    StoreError, Tx,
    bind::{Ids, in_list, text},
};

/// Revokes those of `ids` that are not revoked, in one statement; returns these, by id.
pub async fn revoke_many(
    tx: &mut Tx,
    ids: &[TokenId],
    revocation: &Revocation,
) -> Result<Vec<(TokenId, String)>, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "UPDATE api_tokens SET revoked_at = $2, revoked_by_kind = $3, revoked_by_id = $4, revoked_by_name = $5, \
                    revoked_reason = $6, phase = 2 WHERE id ",
                in_list!($engine "$1"),
                " AND revoked_at IS NULL RETURNING id, name"
            )
        };
    }
    let sql = tx.dialect(sql!(sqlite), sql!(postgres));
    lock_all(tx, ids).await?;
    let ids: Ids = ids.iter().map(|id| id.0).collect();
    let mut rows: Vec<(Uuid, String)> = writing!(tx, db => {
        sqlx::query_as(sql)
            .bind(&ids)
            .bind(revocation.at.micros())
            .bind(revocation.by.kind)
            .bind(revocation.by.id)
            .bind(text(&revocation.by.name))
            .bind(revocation.reason.as_str())
            .fetch_all(db)
            .await
    })?;
    rows.sort_unstable_by_key(|(id, _)| *id);
    tx.changed.extend(rows.iter().map(|(id, _)| *id));
    Ok(rows.into_iter().map(|(id, name)| (TokenId(id), name)).collect())
}

/// Revokes up to `limit` of an organization's tokens, live or expired, for its deletion; returns those.
pub async fn revoke_all(
    tx: &mut Tx,
    organization: OrganizationId,
    revocation: &Revocation,
    limit: u32,
) -> Result<Vec<(TokenId, String)>, StoreError> {
    macro_rules! sql {
        ($locking:literal) => {
            concat!(
                "WITH picked AS (SELECT t.id FROM api_tokens t WHERE t.list_id = $1 AND t.phase < 2 \
                    ORDER BY t.phase, t.id LIMIT $7), \
                 locked AS (SELECT t.id FROM api_tokens t WHERE t.id IN (SELECT id FROM picked) ORDER BY t.id",
                $locking,
                ") UPDATE api_tokens SET revoked_at = $2, revoked_by_kind = $3, revoked_by_id = $4, \
                    revoked_by_name = $5, revoked_reason = $6, phase = 2 \
                 WHERE id IN (SELECT id FROM locked) AND revoked_at IS NULL RETURNING id, name"
            )
        };
    }
    // Locked in the order of ids, as every batch of tokens is, so that two of them can't wait for each other.
    let sql = tx.dialect(sql!(""), sql!(" FOR UPDATE"));
    let rows: Vec<(Uuid, String)> = writing!(tx, db => {
        sqlx::query_as(sql)
            .bind(organization.0)
            .bind(revocation.at.micros())
            .bind(revocation.by.kind)
            .bind(revocation.by.id)
            .bind(text(&revocation.by.name))
            .bind(revocation.reason.as_str())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await
    })?;
    tx.changed.extend(rows.iter().map(|(id, _)| *id));
    Ok(rows.into_iter().map(|(id, name)| (TokenId(id), name)).collect())
}

/// Whether an organization has a token that is not revoked; under [`crate::organizations::lock_exclusive`].
pub async fn any_unrevoked(tx: &mut Tx, organization: OrganizationId) -> Result<bool, StoreError> {
    // In the order of an index: a planner must not look through all tokens for it.
    const SQL: &str = "SELECT t.phase FROM api_tokens t WHERE t.list_id = $1 AND t.phase < 2 \
        ORDER BY t.phase, t.id LIMIT 1";
    let phase: Option<i16> = writing!(tx, db => {
        sqlx::query_scalar(SQL).bind(organization.0).fetch_optional(db).await
    })?;
    Ok(phase.is_some())
}
