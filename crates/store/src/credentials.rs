//! What people are signed in with, sessions and user tokens alike: which there are, and ending them.

use std::net::IpAddr;

use latchkey_domain::{CredentialId, Timestamp, UserId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// What a person is signed in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A browser.
    Session,
    /// The CLI or a script.
    UserToken,
}

/// One of a person's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Not secret.
    pub id: CredentialId,
    /// Of what kind.
    pub kind: CredentialKind,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// The last request, of a session.
    pub last_seen_at: Option<Timestamp>,
    /// When a user token ends by itself.
    pub expires_at: Option<Timestamp>,
    /// From where they signed in.
    pub address: Option<IpAddr>,
    /// With what.
    pub user_agent: String,
}

row! {
    struct Row {
        kind: i32,
        id: Uuid,
        created_at: i64,
        last_seen_at: Option<i64>,
        expires_at: Option<i64>,
        address: Option<String>,
        user_agent: String,
    }
}

impl From<Row> for Credential {
    fn from(row: Row) -> Self {
        Self {
            id: CredentialId(row.id),
            kind: if row.kind == 0 { CredentialKind::Session } else { CredentialKind::UserToken },
            created_at: Timestamp::from_micros(row.created_at),
            last_seen_at: row.last_seen_at.map(Timestamp::from_micros),
            expires_at: row.expires_at.map(Timestamp::from_micros),
            address: row.address.and_then(|address| address.parse().ok()),
            user_agent: row.user_agent,
        }
    }
}

/// What is live, told by the caller's clock.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// Sessions made at or after.
    pub made_since: Timestamp,
    /// Sessions seen at or after.
    pub seen_since: Timestamp,
    /// User tokens that expire after.
    pub now: Timestamp,
}

/// A user's live credentials, newest first, before an id.
pub async fn of_user(
    store: &Store,
    user: UserId,
    live: Live,
    before: Option<CredentialId>,
    limit: u32,
) -> Result<Vec<Credential>, StoreError> {
    // Two walks of one index each.
    const SQL: &str = "SELECT * FROM ( \
            SELECT * FROM (SELECT 0 AS kind, s.id, s.created_at, s.last_seen_at, CAST(NULL AS BIGINT) AS expires_at, \
                    s.address, s.user_agent FROM sessions s \
                WHERE s.user_id = $1 AND s.id < $2 AND s.created_at >= $3 AND s.last_seen_at >= $4 \
                ORDER BY s.id DESC LIMIT $6) a \
            UNION ALL \
            SELECT * FROM (SELECT 1 AS kind, k.id, k.created_at, CAST(NULL AS BIGINT) AS last_seen_at, k.expires_at, \
                    k.address, k.user_agent FROM user_tokens k \
                WHERE k.user_id = $1 AND k.id < $2 AND k.expires_at > $5 ORDER BY k.id DESC LIMIT $6) b \
        ) c ORDER BY id DESC LIMIT $6";
    let before = before.map_or(Uuid::max(), |id| id.0);
    let rows: Vec<Row> = store
        .query(SQL)
        .bind(user.0)
        .bind(before)
        .bind(live.made_since.micros())
        .bind(live.seen_since.micros())
        .bind(live.now.micros())
        .bind(i64::from(limit))
        .fetch_all()
        .await?;
    Ok(rows.into_iter().map(Credential::from).collect())
}

/// Whose credential this is.
pub async fn owner(store: &Store, id: CredentialId) -> Result<Option<UserId>, StoreError> {
    const SQL: &str = "SELECT s.user_id FROM sessions s WHERE s.id = $1 AND s.user_id IS NOT NULL \
        UNION ALL SELECT k.user_id FROM user_tokens k WHERE k.id = $1";
    let user: Option<Uuid> = store.query(SQL).bind(id.0).fetch_optional().await?;
    Ok(user.map(UserId))
}

/// Ends one of a user's credentials; what it was, or `None` if it is not there.
pub async fn end(tx: &mut Tx, user: UserId, id: CredentialId) -> Result<Option<CredentialKind>, StoreError> {
    const SESSION: &str = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
    const TOKEN: &str = "DELETE FROM user_tokens WHERE id = $1 AND user_id = $2";
    for (sql, kind) in [(SESSION, CredentialKind::Session), (TOKEN, CredentialKind::UserToken)] {
        let ended = writing!(tx, db => {
            sqlx::query(sql).bind(id.0).bind(user.0).execute(db).await.map(|done| done.rows_affected())
        })?;
        if ended > 0 {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

/// Ends all of a user's credentials but one; returns how many.
pub async fn end_all(tx: &mut Tx, user: UserId, except: Option<CredentialId>) -> Result<u64, StoreError> {
    const SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    const TOKENS: &str = "DELETE FROM user_tokens WHERE user_id = $1 AND id <> $2";
    let except = except.map(|id| id.0).unwrap_or_default();
    let mut ended = 0;
    for sql in [SESSIONS, TOKENS] {
        ended += writing!(tx, db => {
            sqlx::query(sql).bind(user.0).bind(except).execute(db).await.map(|done| done.rows_affected())
        })?;
    }
    Ok(ended)
}
