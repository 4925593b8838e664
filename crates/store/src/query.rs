//! Reads: one statement with its values, on either engine.
//!
//! ```text
//! let row: Option<UserRow> = store.query("SELECT … WHERE u.id = $1").bind(id.0).fetch_optional().await?;
//! ```
//!
//! What a row is read into is a [`ReadRow`]: a value, a tuple of values, or a struct made by `row!`.

use sqlx::{PgConnection, Postgres, postgres::PgArguments};

use crate::{
    Store, StoreError,
    engine::Engine,
    error::{is_connection_lost, is_connection_suspect},
    postgres::PostgresDatabase,
    row::{Columns, ReadRow},
    sqlite_readers::{SqliteReaders, SqliteValue},
};

/// A value for a parameter of a statement.
pub(crate) trait Bind: Into<SqliteValue> + for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres> {}

impl<T: Into<SqliteValue> + for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres>> Bind for T {}

/// A statement that reads, with the values of its parameters `$1`, `$2`, … as far as they are bound.
#[must_use]
pub(crate) struct Query<'s>(Kind<'s>);

enum Kind<'s> {
    Sqlite(&'s SqliteReaders, &'static str, Vec<SqliteValue>),
    Postgres(&'s PostgresDatabase, &'static str, Result<PgArguments, sqlx::error::BoxDynError>),
}

impl Store {
    /// Begins a read.
    pub(crate) fn query(&self, sql: &'static str) -> Query<'_> {
        Query(match &self.engine {
            Engine::Sqlite(sqlite) => Kind::Sqlite(&sqlite.readers, sql, Vec::new()),
            Engine::Postgres(postgres) => Kind::Postgres(postgres, sql, Ok(PgArguments::default())),
        })
    }

    /// Begins a read that a verification waits for. On SQLite it has connections of its own.
    pub(crate) fn urgent_query(&self, sql: &'static str) -> Query<'_> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Query(Kind::Sqlite(&sqlite.urgent_readers, sql, Vec::new())),
            Engine::Postgres(_) => self.query(sql),
        }
    }

    /// Whether this is a thread on which reads run that belong together: what waits here keeps its place among them.
    pub(crate) fn is_reading(&self) -> bool {
        matches!(&self.engine, Engine::Sqlite(sqlite) if sqlite.readers.is_current())
    }
}

impl Query<'_> {
    /// The value of the next parameter.
    pub(crate) fn bind(mut self, value: impl Bind) -> Self {
        match &mut self.0 {
            Kind::Sqlite(_, _, values) => values.push(value.into()),
            Kind::Postgres(_, _, arguments) => {
                if let Ok(into) = arguments
                    && let Err(error) = sqlx::Arguments::add(into, value)
                {
                    *arguments = Err(error);
                }
            }
        }
        self
    }

    /// All rows.
    pub(crate) async fn fetch_all<T: ReadRow>(self) -> Result<Vec<T>, StoreError> {
        Ok(match self.0 {
            Kind::Sqlite(readers, sql, values) => readers.fetch(sql, values, usize::MAX).await?,
            Kind::Postgres(postgres, sql, arguments) => {
                let arguments = arguments.map_err(sqlx::Error::Encode)?;
                match fetch(postgres, sql, arguments.clone()).await {
                    // The connection turned out to be dead.
                    Err(error) if is_connection_lost(&error) => fetch(postgres, sql, arguments).await,
                    done => done,
                }?
            }
        })
    }

    /// The first row, if there is one.
    pub(crate) async fn fetch_optional<T: ReadRow>(mut self) -> Result<Option<T>, StoreError> {
        if let Kind::Sqlite(readers, sql, values) = &mut self.0 {
            return Ok(readers.fetch(sql, std::mem::take(values), 1).await?.pop());
        }
        Ok(self.fetch_all().await?.into_iter().next())
    }

    /// The first row of a statement that always has one.
    pub(crate) async fn fetch_one<T: ReadRow>(self) -> Result<T, StoreError> {
        Ok(self.fetch_optional().await?.ok_or(sqlx::Error::RowNotFound)?)
    }
}

async fn fetch<T: ReadRow>(
    postgres: &PostgresDatabase,
    sql: &'static str,
    arguments: PgArguments,
) -> Result<Vec<T>, sqlx::Error> {
    let mut connection = postgres.pool.acquire().await?;
    let done = fetch_from(&mut connection, sql, arguments).await;
    if let Err(error) = &done
        && is_connection_suspect(error)
    {
        postgres.health.record_error(error);
        connection.close_on_drop();
    }
    done
}

async fn fetch_from<T: ReadRow>(
    connection: &mut PgConnection,
    sql: &'static str,
    arguments: PgArguments,
) -> Result<Vec<T>, sqlx::Error> {
    let rows = sqlx::query_with(sql, arguments).fetch_all(connection).await?;
    rows.iter().map(|row| T::read(&mut Columns::of_postgres(row))).collect()
}
