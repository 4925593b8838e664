//! A database of its own for each test.

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::{BuildHasher, Hasher},
    path::{Path, PathBuf},
    str::FromStr,
};

use latchkey_store::Store;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection, postgres::PgConnectOptions};

const HINT: &str = "LATCHKEY_TEST_POSTGRES_URL is not set: run by `make test`, or scripts/with-postgres cargo test";

/// An empty database, and how to remove it.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) url: String,
    location: Location,
}

enum Location {
    Folder(Folder),
    Postgres { server: Box<PgConnectOptions>, name: String },
}

/// A temporary folder, removed with what is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(env::temp_dir().join(random_name()));
        fs::create_dir(folder.path()).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let folder = Folder::new();
        let url = format!("sqlite://{}", folder.path().join("latchkey.db").display());
        Self { store: Store::connect(&url).await.unwrap(), url, location: Location::Folder(folder) }
    }

    #[expect(clippy::expect_used, reason = "the message is for whoever runs the tests")]
    pub(crate) async fn postgres() -> Self {
        let server = env::var("LATCHKEY_TEST_POSTGRES_URL").expect(HINT);
        let server = PgConnectOptions::from_str(&server).unwrap();
        let name = random_name();
        let mut connection = PgConnection::connect_with(&server).await.unwrap();
        // Sorted as people read: what the store sorts by bytes must say so.
        let create =
            format!("CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' ENCODING 'UTF8'");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let url = server.clone().database(&name).to_url_lossy().to_string();
        Self {
            store: Store::connect(&url).await.unwrap(),
            url,
            location: Location::Postgres { server: Box::new(server), name },
        }
    }

    pub(crate) async fn migrated(self) -> Self {
        self.store.migrate().await.unwrap();
        self
    }

    /// Writes what the store itself never would.
    pub(crate) async fn execute(&self, sql: String) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        if self.is_sqlite() {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut connection).await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut connection).await.unwrap();
        }
    }

    /// Numbers of rows, in order; the statement may name an id as `$1`.
    pub(crate) async fn numbers(&self, sql: &'static str, id: uuid::Uuid) -> Vec<i64> {
        let mut numbers: Vec<i64> = if self.is_sqlite() {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            let sql = sql.replace("$1", &format!("x'{}'", id.simple()));
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            let sql = sql.replace("$1", &format!("'{id}'"));
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap()
        };
        numbers.sort_unstable();
        numbers
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.location, Location::Folder(_))
    }

    pub(crate) async fn remove(self) {
        self.store.close().await;
        match self.location {
            Location::Folder(folder) => drop(folder),
            Location::Postgres { server, name } => {
                let mut connection = PgConnection::connect_with(&server).await.unwrap();
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
            }
        }
    }
}

fn random_name() -> String {
    format!("latchkey_test_{:016x}", RandomState::new().build_hasher().finish())
}

/// Runs each test, an `async fn(&Given)`, on a new database of both engines.
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let given = crate::given::Given::on(crate::database::Database::sqlite().await).await;
                super::$test(&given).await;
                given.database.remove().await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                let given = crate::given::Given::on(crate::database::Database::postgres().await).await;
                super::$test(&given).await;
                given.database.remove().await;
            })+
        }
    };
}
pub(crate) use on_both_engines;
