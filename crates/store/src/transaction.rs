//! Write transactions.

use uuid::Uuid;

use crate::{
    Store, StoreError, change_log,
    engine::Engine,
    error::is_connection_lost,
    transaction_connection::{Connection, TransactionConnection},
    write_queue::WritePriority,
};

/// A write transaction. Dropped without [`Tx::commit`], it leaves nothing behind.
pub struct Tx {
    pub(crate) connection: TransactionConnection,
    /// What replicas must not remember any longer once this is committed.
    pub(crate) changed: Vec<Uuid>,
}

/// Runs a body with the connection of a write transaction: one for whichever engine it is, or one for each.
macro_rules! writing {
    ($tx:expr, $db:ident => $body:expr) => {
        $crate::transaction::writing!($tx, $db, sqlite => $body, postgres => $body)
    };
    ($tx:expr, $db:ident, sqlite => $sqlite:expr, postgres => $postgres:expr) => {
        $crate::transaction_connection::run_statement!(
            &mut $tx.connection, $db, sqlite => $sqlite, postgres => $postgres
        )
    };
}
pub(crate) use writing;

impl Store {
    /// Begins a write when it is its turn: `BEGIN IMMEDIATE` on SQLite's one writer.
    pub async fn begin(&self, priority: WritePriority) -> Result<Tx, StoreError> {
        let permit = self.write_queues.acquire(priority).await?;
        let mut connection = TransactionConnection::new(self.write_connection(priority).await?, permit);
        if let Err(error) = connection.begin().await {
            // The server may have hung up since it was used last. Nothing has been done yet, so another one will do.
            if !is_connection_lost(&error) {
                return Err(error.into());
            }
            connection.replace(self.write_connection(priority).await?);
            connection.begin().await?;
        }
        Ok(Tx { connection, changed: Vec::new() })
    }

    async fn write_connection(&self, priority: WritePriority) -> Result<Connection, sqlx::Error> {
        Ok(match &self.engine {
            Engine::Sqlite(sqlite) => {
                sqlite.file.check_now()?;
                Connection::Sqlite(sqlite.writer.acquire().await?)
            }
            Engine::Postgres(postgres) => {
                let urgent = priority == WritePriority::Urgent;
                let pool = if urgent { &postgres.urgent } else { &postgres.pool };
                Connection::Postgres(pool.acquire().await?, postgres.health.clone())
            }
        })
    }
}

impl Tx {
    /// Makes the change last: once this has returned, a crash can't undo it. An error says that it is not known to be
    /// done.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        change_log::append(&mut self.connection, std::mem::take(&mut self.changed)).await?;
        self.connection.commit().await.map_err(StoreError::from)
    }

    /// The text for the engine, where the two don't agree.
    pub(crate) fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        if self.connection.is_postgres() { postgres } else { sqlite }
    }
}
