//! Rows into tables as fast as an engine takes them: without the indexes, which are made afterwards as they were.

use std::fmt::Write;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};

use super::rows::{LARGE, Row, Table, Value};
use crate::Failure;

/// A connection that only loads. Nothing that it does is safe from a crash.
pub(crate) enum Loader {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Most parameters of one statement on SQLite.
const PARAMETERS: usize = 32_000;

impl Loader {
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        if !url.starts_with("sqlite:") {
            let mut connection = PgConnection::connect(url).await?;
            for setting in [
                // No foreign keys to look up.
                "SET session_replication_role = replica",
                "SET synchronous_commit = off",
                "SET maintenance_work_mem = '512MB'",
            ] {
                sqlx::raw_sql(setting).execute(&mut connection).await?;
            }
            return Ok(Self::Postgres(connection));
        }
        let options = url
            .parse::<SqliteConnectOptions>()?
            .foreign_keys(false)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .locking_mode(SqliteLockingMode::Exclusive)
            .pragma("cache_size", "-400000")
            .pragma("threads", "2");
        Ok(Self::Sqlite(options.connect().await?))
    }

    async fn run(&mut self, sql: &str) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.map(|_| ())?,
            Self::Postgres(db) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.map(|_| ())?,
        }
        Ok(())
    }

    /// Removes the indexes of the large tables, and returns the statements that make them.
    pub(crate) async fn drop_indexes(&mut self) -> Result<Vec<String>, Failure> {
        let mut made = Vec::new();
        for table in LARGE {
            let indexes: Vec<(String, String)> = match self {
                Self::Sqlite(db) => {
                    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = $1";
                    sqlx::query_as(sql).bind(table.name).fetch_all(db).await?
                }
                Self::Postgres(db) => {
                    let sql = "SELECT i.indexname::text, i.indexdef FROM pg_indexes i \
                        WHERE i.schemaname = 'public' AND i.tablename = $1 \
                        AND i.indexname NOT IN (SELECT c.conname FROM pg_constraint c)";
                    sqlx::query_as(sql).bind(table.name).fetch_all(db).await?
                }
            };
            for (name, sql) in indexes {
                self.run(&format!("DROP INDEX {name}")).await?;
                made.push(sql);
            }
        }
        Ok(made)
    }

    /// Makes the indexes, and tells the planner what there is.
    pub(crate) async fn finish(&mut self, indexes: &[String]) -> Result<(), Failure> {
        for index in indexes {
            self.run(index).await?;
        }
        match self {
            Self::Sqlite(_) => {
                self.run("PRAGMA locking_mode = NORMAL").await?;
                self.run("PRAGMA journal_mode = WAL").await
            }
            // What autovacuum does sooner or later.
            Self::Postgres(_) => self.run("VACUUM ANALYZE").await,
        }
    }

    pub(crate) async fn begin(&mut self) -> Result<(), Failure> {
        self.run("BEGIN").await
    }

    pub(crate) async fn commit(&mut self) -> Result<(), Failure> {
        self.run("COMMIT").await
    }

    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => db.close().await?,
            Self::Postgres(db) => db.close().await?,
        }
        Ok(())
    }

    pub(crate) async fn load(&mut self, table: &Table, rows: Vec<Row>) -> Result<(), Failure> {
        match self {
            Self::Sqlite(db) => insert(db, table, rows).await,
            Self::Postgres(db) => copy(db, table, &rows).await,
        }
    }
}

async fn insert(db: &mut SqliteConnection, table: &Table, mut rows: Vec<Row>) -> Result<(), Failure> {
    let width = table.columns.len();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(PARAMETERS / width));
        let places = vec![format!("({})", vec!["?"; width].join(",")); rows.len()].join(",");
        let sql = format!("INSERT INTO {} ({}) VALUES {places}", table.name, table.columns.join(","));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in rows.into_iter().flatten() {
            query = match value {
                Value::Null => query.bind(None::<i64>),
                Value::Number(number) => query.bind(number),
                Value::Flag(flag) => query.bind(flag),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Id(id) => query.bind(id),
            };
        }
        query.execute(&mut *db).await?;
        rows = rest;
    }
    Ok(())
}

/// In the text format of `COPY`. No text of ours has a character that would need escaping.
async fn copy(db: &mut PgConnection, table: &Table, rows: &[Row]) -> Result<(), Failure> {
    let mut lines = String::with_capacity(rows.len() * 64);
    for row in rows {
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                lines.push('\t');
            }
            match value {
                Value::Null => lines.push_str("\\N"),
                Value::Number(number) => write!(lines, "{number}")?,
                Value::Flag(flag) => lines.push(if *flag { 't' } else { 'f' }),
                Value::Text(text) => lines.push_str(text),
                Value::Bytes(bytes) => {
                    lines.push_str("\\\\x");
                    for byte in bytes {
                        write!(lines, "{byte:02x}")?;
                    }
                }
                Value::Id(id) => write!(lines, "{id}")?,
            }
        }
        lines.push('\n');
    }
    let statement = format!("COPY {} ({}) FROM STDIN", table.name, table.columns.join(","));
    let mut copy = db.copy_in_raw(&statement).await?;
    copy.send(lines.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}
