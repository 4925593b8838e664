//! Write transactions, and what becomes of their connections. A connection goes back to its pool only when the database
//! has said how its transaction ended; one that failed in a way that leaves that open is closed, and the pool opens
//! another.

use std::sync::Arc;

use sqlx::{Postgres, Sqlite, pool::PoolConnection};
use uuid::Uuid;

use crate::{
    Store, StoreError, changes,
    engine::Engine,
    error::doubtful,
    lanes::{Lane, Places},
    postgres::Sessions,
    servers::lost,
};

/// A write transaction. Dropped without [`Tx::commit`], it leaves nothing behind.
pub struct Tx {
    pub(crate) open: Open,
    /// What replicas must not remember any longer once this is committed.
    pub(crate) changed: Vec<Uuid>,
}

/// A connection from BEGIN to COMMIT or ROLLBACK.
pub(crate) struct Open {
    /// Taken out when it ends.
    connection: Option<Connection>,
    state: State,
    places: Places,
}

pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>, Arc<Sessions>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// All that was done has worked.
    Fine,
    /// A statement has failed, or nobody has waited for its end: it can be rolled back, and nothing else. SQLite may
    /// have done that by itself, and would take the next statement for one without a transaction.
    Failed,
    /// Nobody knows, so the connection is closed.
    Unknown,
}

/// Runs a body with the connection of a write transaction: one for whichever engine it is, or one for each.
macro_rules! writing {
    ($tx:expr, $db:ident => $body:expr) => {
        $crate::transaction::writing!($tx, $db, sqlite => $body, postgres => $body)
    };
    ($tx:expr, $db:ident, sqlite => $sqlite:expr, postgres => $postgres:expr) => {
        match $tx.open.using() {
            Ok(connection) => {
                let done = match connection {
                    $crate::transaction::Connection::Sqlite(connection) => {
                        let $db = &mut **connection;
                        $sqlite
                    }
                    $crate::transaction::Connection::Postgres(connection, _) => {
                        let $db = &mut **connection;
                        $postgres
                    }
                };
                $tx.open.used(&done);
                done
            }
            Err(error) => Err(error),
        }
    };
}
pub(crate) use writing;

impl Store {
    /// Begins a write when it is its turn in its lane: `BEGIN IMMEDIATE` on SQLite's one writer.
    pub async fn begin(&self, lane: Lane) -> Result<Tx, StoreError> {
        let places = self.lanes.enter(lane).await?;
        let connection = Some(self.connection(lane).await?);
        let mut open = Open { connection, state: State::Unknown, places };
        if let Err(error) = open.run("BEGIN").await {
            // The server may have hung up since it was used last. Nothing has been done yet, so another one will do.
            if !lost(&error) {
                return Err(error.into());
            }
            self.servers.doubt();
            open.discard();
            open.connection = Some(self.connection(lane).await?);
            open.run("BEGIN").await?;
        }
        open.state = State::Fine;
        Ok(Tx { open, changed: Vec::new() })
    }

    async fn connection(&self, lane: Lane) -> Result<Connection, sqlx::Error> {
        Ok(match &self.engine {
            Engine::Sqlite { writer, file, .. } => {
                file.fit()?;
                Connection::Sqlite(writer.acquire().await?)
            }
            Engine::Postgres { pool, urgent, sessions } => {
                let pool = if lane == Lane::Urgent { urgent } else { pool };
                Connection::Postgres(pool.acquire().await?, sessions.clone())
            }
        })
    }
}

impl Tx {
    /// Makes the change last: once this has returned, a crash can't undo it. An error says that it is not known to be
    /// done.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let changed = std::mem::take(&mut self.changed);
        changes::note(&mut self, changed).await?;
        self.open.using()?;
        self.open.state = State::Unknown;
        // By itself: a client that goes away now would leave the connection in doubt.
        let committed = tokio::spawn(async move {
            self.open.run("COMMIT").await?;
            if let Some(Connection::Postgres(_, sessions)) = self.open.connection.take() {
                sessions.committed();
            }
            Ok(())
        });
        committed.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)).map_err(StoreError::from)
    }

    /// The text for the engine, where the two don't agree.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.open.connection {
            Some(Connection::Postgres(..)) => postgres,
            Some(Connection::Sqlite(_)) | None => sqlite,
        }
    }
}

impl Open {
    /// The connection for one statement; [`Open::used`] has to hear how that went.
    pub(crate) fn using(&mut self) -> Result<&mut Connection, sqlx::Error> {
        let Some(connection) = self.connection.as_mut().filter(|_| self.state == State::Fine) else {
            return Err(sqlx::Error::Protocol("a transaction that has failed goes on".to_owned()));
        };
        // Until it has worked: its future may be dropped.
        self.state = State::Failed;
        Ok(connection)
    }

    pub(crate) fn used<T>(&mut self, done: &Result<T, sqlx::Error>) {
        if let (Err(error), Some(Connection::Postgres(_, sessions))) = (done, &self.connection) {
            sessions.failed(error);
        }
        self.state = match done {
            Ok(_) | Err(sqlx::Error::RowNotFound) => State::Fine,
            Err(error) if doubtful(error) => State::Unknown,
            Err(_) => State::Failed,
        };
    }

    async fn run(&mut self, what: &'static str) -> Result<(), sqlx::Error> {
        match &mut self.connection {
            Some(connection) => connection.run(what).await,
            None => Ok(()),
        }
    }

    fn discard(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.discard();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.state == State::Unknown {
            return self.discard();
        }
        let Some(mut connection) = self.connection.take() else { return };
        let places = std::mem::take(&mut self.places);
        tokio::spawn(async move {
            if let Err(error) = connection.run("ROLLBACK").await {
                tracing::debug!(%error, "a transaction could not be rolled back; its connection is closed");
                connection.discard();
            }
            drop((connection, places));
        });
    }
}

impl Connection {
    async fn run(&mut self, what: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let what = if what == "BEGIN" { "BEGIN IMMEDIATE" } else { what };
                sqlx::query(what).execute(&mut **connection).await.map(|_| ())
            }
            Self::Postgres(connection, sessions) => {
                let done = sqlx::raw_sql(what).execute(&mut **connection).await;
                done.map(|_| ()).inspect_err(|error| sessions.failed(error))
            }
        }
    }

    /// Closes it when it is dropped; the pool opens another.
    fn discard(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection, _) => connection.close_on_drop(),
        }
    }
}
