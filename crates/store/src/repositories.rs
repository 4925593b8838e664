use latchkey_domain::{OrganizationId, RepositoryId, RepositoryName, SearchTerm, Timestamp, search_words};
use uuid::Uuid;

use crate::{
    Store, StoreError, Tx,
    bind::{Ids, in_list, text},
    search::{self, Kind},
};

/// A repository configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Never changes.
    pub id: RepositoryId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The full name, unique in its organization.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
}

row! {
    struct Row {
        id: Uuid,
        organization_id: Uuid,
        name: String,
        created_at: i64,
    }
}

impl From<Row> for Repository {
    fn from(row: Row) -> Self {
        Self {
            id: RepositoryId(row.id),
            organization_id: OrganizationId(row.organization_id),
            name: row.name,
            created_at: Timestamp::from_micros(row.created_at),
        }
    }
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!("SELECT id, organization_id, name, created_at FROM repositories ", $($rest),+)
    };
}

/// Adds a repository and its search words. [`Conflict::RepositoryName`](crate::Conflict::RepositoryName) when the organization has one of that name.
pub async fn insert(
    tx: &mut Tx,
    id: RepositoryId,
    organization: OrganizationId,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO repositories (id, organization_id, name, created_at) VALUES ($1, $2, $3, $4)";
    writing!(tx, db => {
        sqlx::query(SQL)
            .bind(id.0)
            .bind(organization.0)
            .bind(name.as_str())
            .bind(now.micros())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    search::index(tx, organization.0, Kind::Repository, id.0, search_words([name.as_str()])).await
}

/// The organization's repository of an id.
pub async fn by_id(
    store: &Store,
    organization: OrganizationId,
    id: RepositoryId,
) -> Result<Option<Repository>, StoreError> {
    const SQL: &str = select!("WHERE id = $1 AND organization_id = $2");
    let row: Option<Row> = store.query(SQL).bind(id.0).bind(organization.0).fetch_optional().await?;
    Ok(row.map(Repository::from))
}

/// The organization's repository of exactly that full name.
pub async fn by_name(
    store: &Store,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<Repository>, StoreError> {
    const SQL: &str = select!("WHERE organization_id = $1 AND name = $2");
    let row: Option<Row> = store.query(SQL).bind(organization.0).bind(text(name)).fetch_optional().await?;
    Ok(row.map(Repository::from))
}

/// Those of `ids` that the organization has, by name.
pub async fn by_ids(
    store: &Store,
    organization: OrganizationId,
    ids: &[RepositoryId],
) -> Result<Vec<Repository>, StoreError> {
    list(store, organization, Some(ids), "", u32::MAX).await
}

/// By name, after a name; only those in `within` when given (what a token reaches).
pub async fn list(
    store: &Store,
    organization: OrganizationId,
    within: Option<&[RepositoryId]>,
    after: &str,
    limit: u32,
) -> Result<Vec<Repository>, StoreError> {
    const ALL: &str = select!("WHERE organization_id = $1 AND name > $2 ORDER BY name LIMIT $3");
    macro_rules! within {
        ($engine:ident) => {
            // IS TRUE and the concatenation keep planners from reading all of an organization's names to find a few.
            select!(
                "WHERE id ",
                in_list!($engine "$4"),
                " AND (organization_id = $1) IS TRUE AND name || '' > $2 ORDER BY name || '' LIMIT $3"
            )
        };
    }
    let sql = match within {
        None => ALL,
        Some(_) => store.dialect(within!(sqlite), within!(postgres)),
    };
    let ids = within.unwrap_or_default().iter().map(|id| id.0).collect::<Ids>();
    let rows: Vec<Row> =
        store.query(sql).bind(organization.0).bind(text(after)).bind(i64::from(limit)).bind(&ids).fetch_all().await?;
    Ok(rows.into_iter().map(Repository::from).collect())
}

/// Those with a word for each term (see `latchkey_domain::search_terms`), by name, `limit` at most; only those in
/// `within` when given. Reads no more than a fixed number of index entries, however many match.
pub async fn search(
    store: &Store,
    organization: OrganizationId,
    terms: &[SearchTerm],
    within: Option<&[RepositoryId]>,
    limit: u32,
) -> Result<Vec<Repository>, StoreError> {
    let (list_id, kind) = (organization.0, Kind::Repository);
    let found = match within {
        None => search::objects(store, list_id, kind, terms).await?,
        Some(ids) => search::matching(store, kind, ids.iter().map(|id| id.0).collect(), terms).await?,
    };
    let ids: Vec<_> = found.into_iter().map(RepositoryId).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    list(store, organization, Some(&ids), "", limit).await
}

/// Removes a repository from the organization and from the lists of its tokens; returns its name. A token whose list
/// becomes empty then reaches nothing.
pub async fn delete(tx: &mut Tx, organization: OrganizationId, id: RepositoryId) -> Result<Option<String>, StoreError> {
    const SQL: &str = "DELETE FROM repositories WHERE id = $1 AND organization_id = $2 RETURNING name";
    let name: Option<String> = writing!(tx, db => {
        sqlx::query_scalar(SQL).bind(id.0).bind(organization.0).fetch_optional(db).await
    })?;
    if name.is_some() {
        tx.changed.push(id.0);
        search::remove(tx, Kind::Repository, id.0).await?;
    }
    Ok(name)
}
