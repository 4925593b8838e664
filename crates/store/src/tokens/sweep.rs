use latchkey_domain::{OrganizationId, ProjectId, RevocationReason, Timestamp, TokenId};
use uuid::Uuid;

use super::{
    COUNT_MAX, Token, mark_expired,
    row::{TokenRow, columns, tokens},
};
use crate::{Store, StoreError, Tx, limits::EXPIRED_MAX};

/// The inactive tokens of an organization, longest idle first, for `inactive` and `revoke_inactive` alike: what is
/// shown before a threshold is saved is what the sweep then takes. The sum keeps planners away from the index by expiry.
macro_rules! inactive {
    ($columns:expr, $owner:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM api_tokens t WHERE t.",
            $owner,
            " = $1 AND t.phase = 0 AND t.level <> 0 AND t.idle_key < $2 AND t.expires_key + 0 > $3 ORDER BY t.idle_key, t.id LIMIT $4"
        )
    };
}

/// What a sweep at the moment `at` would revoke: active tokens of the organization that are idle since before `cutoff`,
/// longest idle first; of one project, if one is given. `at` may lie ahead, so nothing is noted as expired here.
pub async fn inactive(
    store: &Store,
    organization: OrganizationId,
    project: Option<ProjectId>,
    cutoff: Timestamp,
    limit: u32,
    at: Timestamp,
) -> Result<Vec<Token>, StoreError> {
    const ALL: &str = inactive!(columns!(), "list_id");
    const OF_PROJECT: &str = inactive!(columns!(), "project_id");
    let (sql, owner) = project.map_or((ALL, organization.0), |project| (OF_PROJECT, project.0));
    let rows: Vec<TokenRow> =
        store.query(sql).bind(owner).bind(cutoff.micros()).bind(at.micros()).bind(i64::from(limit)).fetch_all().await?;
    tokens(rows)
}

/// How many those are, at most [`COUNT_MAX`] + 1.
pub async fn count_inactive(
    store: &Store,
    organization: OrganizationId,
    project: Option<ProjectId>,
    cutoff: Timestamp,
    at: Timestamp,
) -> Result<u32, StoreError> {
    const ALL: &str = concat!("SELECT count(*) FROM (", inactive!("t.id", "list_id"), ") t");
    const OF_PROJECT: &str = concat!("SELECT count(*) FROM (", inactive!("t.id", "project_id"), ") t");
    let (sql, owner) = project.map_or((ALL, organization.0), |project| (OF_PROJECT, project.0));
    let count: i64 = store
        .query(sql)
        .bind(owner)
        .bind(cutoff.micros())
        .bind(at.micros())
        .bind(i64::from(COUNT_MAX) + 1)
        .fetch_one()
        .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Revokes up to `limit` of them in one conditional statement, with reason `inactive` and actor `system`; returns
/// those that this call revoked. On PostgreSQL it leaves out what another transaction is changing at the moment, a use
/// being recorded above all: the next sweep looks at it again.
pub async fn revoke_inactive(
    tx: &mut Tx,
    organization: OrganizationId,
    cutoff: Timestamp,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<(TokenId, String)>, StoreError> {
    macro_rules! sql {
        ($materialized:literal, $locking:literal) => {
            concat!(
                "WITH picked AS ",
                $materialized,
                "(",
                inactive!("t.id", "list_id"),
                $locking,
                ") \
                 UPDATE api_tokens AS t SET revoked_at = $3, revoked_by_kind = 'system', revoked_by_name = $5, \
                    revoked_reason = $6, phase = 2 \
                 WHERE t.id IN (SELECT id FROM picked) AND t.revoked_at IS NULL AND t.idle_key < $2 \
                    AND t.expires_key > $3 RETURNING id, name"
            )
        };
    }
    // Skipping instead of waiting: it can't be part of a deadlock, and what is locked is in use or being revoked. The
    // strong lock keeps a token from being revoked in the middle of a write that it has begun (`edit::lock_shared`).
    let sql = tx.dialect(sql!("", ""), sql!("MATERIALIZED ", " FOR UPDATE SKIP LOCKED"));
    mark_expired::batch(tx, organization.0, now, EXPIRED_MAX).await?;
    let rows: Vec<(Uuid, String)> = writing!(tx, db => {
        sqlx::query_as(sql)
            .bind(organization.0)
            .bind(cutoff.micros())
            .bind(now.micros())
            .bind(i64::from(limit))
            .bind("auto-revoke")
            .bind(RevocationReason::Inactive.as_str())
            .fetch_all(db)
            .await
    })?;
    tx.changed.extend(rows.iter().map(|(id, _)| *id));
    Ok(rows.into_iter().map(|(id, name)| (TokenId(id), name)).collect())
}
