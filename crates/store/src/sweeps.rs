use latchkey_domain::{OrganizationId, SweepId, Timestamp};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, error::invalid_value};

/// One organization's share of a run of auto-revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Names it in audit events.
    pub id: SweepId,
    /// Whose tokens were swept.
    pub organization_id: OrganizationId,
    /// The organization's threshold then, in days.
    pub threshold_days: u16,
    /// Inactivity was counted back from here.
    pub started_at: Timestamp,
    /// When the last batch was through.
    pub finished_at: Timestamp,
    /// How many tokens it revoked.
    pub revoked: u32,
}

row! {
    struct Row {
        id: Uuid,
        organization_id: Uuid,
        threshold_days: i32,
        started_at: i64,
        finished_at: i64,
        revoked: i32,
    }
}

impl TryFrom<Row> for Sweep {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: SweepId(row.id),
            organization_id: OrganizationId(row.organization_id),
            threshold_days: row.threshold_days.try_into().map_err(|_| invalid_value("threshold"))?,
            started_at: Timestamp::from_micros(row.started_at),
            finished_at: Timestamp::from_micros(row.finished_at),
            revoked: row.revoked.try_into().map_err(|_| invalid_value("number of tokens"))?,
        })
    }
}

/// Writes a sweep down, as far as it has come.
pub async fn save(tx: &mut Tx, sweep: &Sweep) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO sweeps (id, organization_id, threshold_days, started_at, finished_at, revoked) \
        VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at, revoked = excluded.revoked";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(sweep.id.0)
            .bind(sweep.organization_id.0)
            .bind(i32::from(sweep.threshold_days))
            .bind(sweep.started_at.micros())
            .bind(sweep.finished_at.micros())
            .bind(i32::try_from(sweep.revoked).unwrap_or(i32::MAX))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// The organization's last sweeps, newest first.
pub async fn latest(store: &Store, organization: OrganizationId, limit: u32) -> Result<Vec<Sweep>, StoreError> {
    const SQL: &str = "SELECT id, organization_id, threshold_days, started_at, finished_at, revoked FROM sweeps \
        WHERE organization_id = $1 ORDER BY started_at DESC, id DESC LIMIT $2";
    let rows: Vec<Row> = store.query(SQL).bind(organization.0).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(Sweep::try_from).collect()
}

/// Forgets an organization's sweeps that started before a moment; returns how many.
pub async fn delete_old(tx: &mut Tx, organization: OrganizationId, before: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM sweeps WHERE organization_id = $1 AND started_at < $2";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(organization.0).bind(before.micros()).execute(db).await.map(|done| done.rows_affected())
    })?)
}
