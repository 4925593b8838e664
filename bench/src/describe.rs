use std::path::Path;

use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::Failure;
use crate::report::{self, Line};

/// Adds what the report says of a database: its version, its size and what it does for durability.
pub(crate) async fn run(url: &str, engine: &str, size: u64, to: &Path) -> Result<(), Failure> {
    let (version, bytes, care) = if url.starts_with("sqlite:") {
        let mut db = SqliteConnection::connect(url).await?;
        let version: String = sqlx::query_scalar("SELECT 'SQLite ' || sqlite_version()").fetch_one(&mut db).await?;
        let bytes: i64 =
            sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
                .fetch_one(&mut db)
                .await?;
        db.close().await?;
        (version, bytes, "WAL, synchronous=FULL: a commit is on disk when it is answered".to_owned())
    } else {
        let mut db = PgConnection::connect(url).await?;
        let version: String =
            sqlx::query_scalar("SELECT 'PostgreSQL ' || current_setting('server_version')").fetch_one(&mut db).await?;
        let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut db).await?;
        let mut care = Vec::new();
        for name in ["fsync", "synchronous_commit", "full_page_writes", "shared_buffers"] {
            let value: String = sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut db).await?;
            care.push(format!("{name}={value}"));
        }
        db.close().await?;
        (version, bytes, care.join(", "))
    };
    let text = format!("{version}, {:.0} MB, {care}", bytes as f64 / 1e6);
    report::append(to, &Line { kind: "database".to_owned(), engine: engine.to_owned(), size, text, ..Line::default() })
}
