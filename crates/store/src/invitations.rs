use latchkey_domain::{Email, InvitationId, OrganizationId, Role, SecretHash, Timestamp};
use uuid::Uuid;

use crate::{Store, StoreError, Tx, bind::text, memberships, tokens::Actor, tokens::actor};

/// An invitation to an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Never changes; version 7, so invitations sort by time.
    pub id: InvitationId,
    /// To what.
    pub organization_id: OrganizationId,
    /// Name of the organization.
    pub organization_name: String,
    /// Who is invited, in lower case.
    pub email: String,
    /// What they will be.
    pub role: Role,
    /// By whom; the name is kept as it was then.
    pub sender: Actor,
    /// When.
    pub created_at: Timestamp,
    /// When it was accepted; `None` while it is pending.
    pub accepted_at: Option<Timestamp>,
}

row! {
    struct Row {
        id: Uuid,
        organization_id: Uuid,
        organization_name: String,
        email: String,
        role: String,
        sender_kind: String,
        sender_id: Option<Uuid>,
        sender_name: String,
        created_at: i64,
        accepted_at: Option<i64>,
    }
}

impl TryFrom<Row> for Invitation {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: InvitationId(row.id),
            organization_id: OrganizationId(row.organization_id),
            organization_name: row.organization_name,
            email: row.email,
            role: memberships::parse(&row.role)?,
            sender: actor(Some(&row.sender_kind), row.sender_id, Some(row.sender_name))?,
            created_at: Timestamp::from_micros(row.created_at),
            accepted_at: row.accepted_at.map(Timestamp::from_micros),
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.organization_id, o.name AS organization_name, i.email, i.role, i.sender_kind, i.sender_id, \
             i.sender_name, i.created_at, i.accepted_at FROM invitations i \
             JOIN organizations o ON o.id = i.organization_id WHERE o.deleted_at IS NULL AND ",
            $rest
        )
    };
}

/// Adds an invitation, with the hash of its link if it has one. [`Conflict::Invitation`](crate::Conflict::Invitation) when one to the same email and organization is pending.
pub async fn insert(
    tx: &mut Tx,
    invitation: &Invitation,
    email: &Email,
    link: Option<&SecretHash>,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO invitations \
            (id, organization_id, email, role, sender_kind, sender_id, sender_name, created_at, \
            link_hash) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(invitation.id.0)
            .bind(invitation.organization_id.0)
            .bind(email.as_str())
            .bind(invitation.role.as_str())
            .bind(invitation.sender.kind)
            .bind(invitation.sender.id)
            .bind(text(&invitation.sender.name))
            .bind(invitation.created_at.micros())
            .bind(link.map(|hash| hash.as_bytes().as_slice()))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// Where a list begins when there is no page before: after all ids of version 7. Both lists are ranges of their index
/// and in its order, so that planners don't walk all invitations by id instead.
const NEWEST: Uuid = Uuid::max();

/// The organization's invitations, pending or accepted, newest first, before an id.
pub async fn sent(
    store: &Store,
    organization: OrganizationId,
    before: Option<InvitationId>,
    limit: u32,
) -> Result<Vec<Invitation>, StoreError> {
    const SQL: &str = select!(
        "i.organization_id >= $1 AND (i.organization_id, i.id) < ($1, $2) \
         ORDER BY i.organization_id DESC, i.id DESC LIMIT $3"
    );
    let before = before.map_or(NEWEST, |id| id.0);
    let rows: Vec<Row> = store.query(SQL).bind(organization.0).bind(before).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

/// Pending invitations to an email, newest first, before an id.
pub async fn received(
    store: &Store,
    email: &str,
    before: Option<InvitationId>,
    limit: u32,
) -> Result<Vec<Invitation>, StoreError> {
    const SQL: &str = select!(
        "i.accepted_at IS NULL AND i.email >= $1 AND (i.email, i.id) < ($1, $2) \
         ORDER BY i.email DESC, i.id DESC LIMIT $3"
    );
    let before = before.map_or(NEWEST, |id| id.0);
    let rows: Vec<Row> = store.query(SQL).bind(text(email)).bind(before).bind(i64::from(limit)).fetch_all().await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

/// The invitation of an id, of whatever organization.
pub async fn by_id(store: &Store, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
    const SQL: &str = select!("i.id = $1");
    let row: Option<Row> = store.query(SQL).bind(id.0).fetch_optional().await?;
    row.map(Invitation::try_from).transpose()
}

/// The pending invitation of a link, if it was sent at `since` or later.
pub async fn by_link(store: &Store, link: &SecretHash, since: Timestamp) -> Result<Option<Invitation>, StoreError> {
    const SQL: &str = select!("i.link_hash = $1 AND i.accepted_at IS NULL AND i.created_at >= $2");
    let row: Option<Row> =
        store.query(SQL).bind(link.as_bytes().as_slice()).bind(since.micros()).fetch_optional().await?;
    row.map(Invitation::try_from).transpose()
}

/// Accepts a pending invitation and uses its link up; false if it is no longer there or was accepted before.
pub async fn accept(tx: &mut Tx, id: InvitationId, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: &str = "UPDATE invitations SET accepted_at = $2, link_hash = NULL WHERE id = $1 AND accepted_at IS NULL";
    let changed = writing!(tx, db => {
        sqlx::query(SQL).bind(id.0).bind(now.micros()).execute(db).await.map(|done| done.rows_affected())
    })?;
    Ok(changed == 1)
}

/// Takes a pending invitation back; false if it is no longer there or was accepted.
pub async fn delete(tx: &mut Tx, id: InvitationId) -> Result<bool, StoreError> {
    const SQL: &str = "DELETE FROM invitations WHERE id = $1 AND accepted_at IS NULL";
    let deleted = writing!(tx, db => {
        sqlx::query(SQL).bind(id.0).execute(db).await.map(|done| done.rows_affected())
    })?;
    Ok(deleted == 1)
}

/// Removes up to `limit` invitations of an organization that is deleted; returns how many.
pub async fn delete_all(tx: &mut Tx, organization: OrganizationId, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "DELETE FROM invitations WHERE id IN \
        (SELECT i.id FROM invitations i WHERE i.organization_id = $1 LIMIT $2)";
    Ok(writing!(tx, db => {
        sqlx::query(SQL).bind(organization.0).bind(i64::from(limit)).execute(db).await.map(|done| done.rows_affected())
    })?)
}
