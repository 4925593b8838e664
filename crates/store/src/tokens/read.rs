use latchkey_domain::{RepositoryId, SecretHash, Timestamp, TokenId};
use uuid::Uuid;

use super::{
    Found, Token,
    row::{TokenRow, columns, select, tokens},
};
use crate::{
    Store, StoreError, Tx,
    bind::{Ids, in_list},
};

/// The token that a creator's key has made.
pub async fn by_creation_key(store: &Store, creator: Uuid, key: Uuid) -> Result<Option<Token>, StoreError> {
    const SQL: &str = select!("t.created_by_id = $1 AND t.creation_key = $2");
    let row: Option<TokenRow> = store.query(SQL).bind(creator).bind(key).fetch_optional().await?;
    row.map(Token::try_from).transpose()
}

row! {
    struct FoundRow {
        token: TokenRow,
        /// Until when the secret that found the token works; `None` for its current one.
        retired_until: Option<i64>,
    }
}

/// Finds the token of a presented secret, current or retired, in look-ups of one row each.
macro_rules! by_secret {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            // Retired secrets are looked for only where the hash is no token's current one.
            ", CASE WHEN t.hash = $1 THEN NULL \
                    ELSE (SELECT s.works_until FROM retired_secrets s WHERE s.hash = $1) END AS retired_until \
             FROM api_tokens t WHERE t.id = coalesce((SELECT c.id FROM api_tokens c WHERE c.hash = $1), \
                (SELECT s.token_id FROM retired_secrets s WHERE s.hash = $1))"
        )
    };
}

/// The check of a presented secret, current or retired: one statement.
pub async fn by_secret(store: &Store, hash: &SecretHash) -> Result<Option<Found>, StoreError> {
    let row: Option<FoundRow> =
        store.urgent_query(by_secret!()).bind(hash.as_bytes().as_slice()).fetch_optional().await?;
    row.map(Found::try_from).transpose()
}

/// The same within a transaction, with the repositories that the token lists; after [`super::lock_shared`] or
/// [`super::lock_all`] it stays so.
pub async fn by_secret_locked(
    tx: &mut Tx,
    hash: &SecretHash,
) -> Result<Option<(Found, Vec<(RepositoryId, String)>)>, StoreError> {
    const LISTED: &str = "SELECT r.repository_id, p.name FROM api_token_repositories r \
        JOIN repositories p ON p.id = r.repository_id WHERE r.token_id = $1 ORDER BY p.name";
    let row: Option<FoundRow> = writing!(tx, db => {
        sqlx::query_as(by_secret!()).bind(hash.as_bytes().as_slice()).fetch_optional(db).await
    })?;
    let Some(found) = row.map(Found::try_from).transpose()? else { return Ok(None) };
    let listed: Vec<(Uuid, String)> = if found.token.all_repositories {
        Vec::new()
    } else {
        writing!(tx, db => sqlx::query_as(LISTED).bind(found.token.id.0).fetch_all(db).await)?
    };
    Ok(Some((found, listed.into_iter().map(|(id, name)| (RepositoryId(id), name)).collect())))
}

/// The token whose current secret has this hash.
pub async fn by_hash(store: &Store, hash: &SecretHash) -> Result<Option<Token>, StoreError> {
    const SQL: &str = select!("t.hash = $1");
    let row: Option<TokenRow> = store.query(SQL).bind(hash.as_bytes().as_slice()).fetch_optional().await?;
    row.map(Token::try_from).transpose()
}

/// The token of an id, of whatever organization.
pub async fn by_id(store: &Store, id: TokenId) -> Result<Option<Token>, StoreError> {
    const SQL: &str = select!("t.id = $1");
    let row: Option<TokenRow> = store.query(SQL).bind(id.0).fetch_optional().await?;
    row.map(Token::try_from).transpose()
}

/// Those of `ids` that exist.
pub async fn by_ids(store: &Store, ids: &[TokenId]) -> Result<Vec<Token>, StoreError> {
    let sql = store.dialect(select!("t.id ", in_list!(sqlite "$1")), select!("t.id ", in_list!(postgres "$1")));
    let ids = ids.iter().map(|id| id.0).collect::<Ids>();
    let rows: Vec<TokenRow> = store.query(sql).bind(&ids).fetch_all().await?;
    tokens(rows)
}

/// The listed repositories of a token, with their names, by name. Empty for all.
pub async fn repositories(store: &Store, token: TokenId) -> Result<Vec<(RepositoryId, String)>, StoreError> {
    let rows = repositories_of(store, &[token]).await?;
    Ok(rows.into_iter().map(|(_, repository, name)| (repository, name)).collect())
}

/// Their ids alone, by name.
pub async fn repository_ids(store: &Store, token: TokenId) -> Result<Vec<RepositoryId>, StoreError> {
    const SQL: &str = "SELECT r.repository_id FROM api_token_repositories r \
        JOIN repositories p ON p.id = r.repository_id WHERE r.token_id = $1 ORDER BY p.name";
    let ids: Vec<Uuid> = store.urgent_query(SQL).bind(token.0).fetch_all().await?;
    Ok(ids.into_iter().map(RepositoryId).collect())
}

/// The listed repositories of the tokens of a page in one query: (token, repository, name), by name.
pub async fn repositories_of(
    store: &Store,
    tokens: &[TokenId],
) -> Result<Vec<(TokenId, RepositoryId, String)>, StoreError> {
    macro_rules! sql {
        ($engine:ident) => {
            concat!(
                "SELECT r.token_id, r.repository_id, \
                    (SELECT p.name FROM repositories p WHERE p.id = r.repository_id) AS name \
                 FROM api_token_repositories r WHERE r.token_id ",
                in_list!($engine "$1"),
                " ORDER BY name, r.token_id"
            )
        };
    }
    let sql = store.dialect(sql!(sqlite), sql!(postgres));
    let ids = tokens.iter().map(|id| id.0).collect::<Ids>();
    let rows: Vec<(Uuid, Uuid, String)> = store.query(sql).bind(&ids).fetch_all().await?;
    Ok(rows.into_iter().map(|(token, repository, name)| (TokenId(token), RepositoryId(repository), name)).collect())
}

impl TryFrom<FoundRow> for Found {
    type Error = StoreError;

    fn try_from(row: FoundRow) -> Result<Self, StoreError> {
        let retired_until = row.retired_until.map(Timestamp::from_micros);
        Ok(Self { token: row.token.try_into()?, retired_until })
    }
}
