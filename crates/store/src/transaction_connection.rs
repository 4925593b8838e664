//! The connection of a write transaction, and what becomes of it. A connection goes back to its pool only when the database
//! has said how its transaction ended; one that failed in a way that leaves that open is closed, and the pool opens
//! another.

use std::sync::Arc;

use sqlx::{Postgres, Sqlite, pool::PoolConnection};

use crate::{error::is_connection_suspect, postgres::ConnectionHealth, write_queue::WritePermit};

/// A connection from BEGIN to COMMIT or ROLLBACK.
pub(crate) struct TransactionConnection {
    /// Taken out when it ends.
    connection: Option<Connection>,
    state: State,
    permit: WritePermit,
}

pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>, Arc<ConnectionHealth>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// All statements have succeeded.
    Active,
    /// A statement has failed, or nobody has waited for its end: it can be rolled back, and nothing else. SQLite may
    /// have done that by itself, and would take the next statement for one without a transaction.
    Failed,
    /// The state of the transaction is not known, so the connection is closed.
    Unknown,
}

/// Runs a body with the connection of a transaction: one for each engine.
macro_rules! run_statement {
    ($transaction:expr, $db:ident, sqlite => $sqlite:expr, postgres => $postgres:expr) => {{
        let transaction = $transaction;
        match transaction.begin_statement() {
            Ok(connection) => {
                let done = match connection {
                    $crate::transaction_connection::Connection::Sqlite(connection) => {
                        let $db = &mut **connection;
                        $sqlite
                    }
                    $crate::transaction_connection::Connection::Postgres(connection, _) => {
                        let $db = &mut **connection;
                        $postgres
                    }
                };
                transaction.end_statement(&done);
                done
            }
            Err(error) => Err(error),
        }
    }};
}
pub(crate) use run_statement;

impl TransactionConnection {
    /// Before BEGIN.
    pub(crate) fn new(connection: Connection, permit: WritePermit) -> Self {
        Self { connection: Some(connection), state: State::Unknown, permit }
    }

    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.execute("BEGIN").await?;
        self.state = State::Active;
        Ok(())
    }

    /// Takes another connection before BEGIN; the one before is closed.
    pub(crate) fn replace(&mut self, connection: Connection) {
        self.close_on_drop();
        self.connection = Some(connection);
    }

    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.begin_statement()?;
        self.state = State::Unknown;
        // In a task of its own: a client that goes away now would leave the connection in an unknown state.
        let committed = tokio::spawn(async move {
            self.execute("COMMIT").await?;
            if let Some(Connection::Postgres(_, health)) = self.connection.take() {
                health.record_commit();
            }
            Ok(())
        });
        committed.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    /// The connection for one statement; [`Self::end_statement`] has to hear how that went.
    pub(crate) fn begin_statement(&mut self) -> Result<&mut Connection, sqlx::Error> {
        let Some(connection) = self.connection.as_mut().filter(|_| self.state == State::Active) else {
            return Err(sqlx::Error::Protocol("a transaction that has failed goes on".to_owned()));
        };
        // Until it has succeeded: its future may be dropped.
        self.state = State::Failed;
        Ok(connection)
    }

    pub(crate) fn end_statement<T>(&mut self, done: &Result<T, sqlx::Error>) {
        if let (Err(error), Some(Connection::Postgres(_, health))) = (done, &self.connection) {
            health.record_error(error);
        }
        self.state = match done {
            Ok(_) | Err(sqlx::Error::RowNotFound) => State::Active,
            Err(error) if is_connection_suspect(error) => State::Unknown,
            Err(_) => State::Failed,
        };
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.connection, Some(Connection::Postgres(..)))
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        match &mut self.connection {
            Some(connection) => connection.execute(statement).await,
            None => Ok(()),
        }
    }

    fn close_on_drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

impl Drop for TransactionConnection {
    fn drop(&mut self) {
        if self.state == State::Unknown {
            return self.close_on_drop();
        }
        let Some(mut connection) = self.connection.take() else { return };
        let permit = std::mem::take(&mut self.permit);
        tokio::spawn(async move {
            if let Err(error) = connection.execute("ROLLBACK").await {
                tracing::debug!(%error, "a transaction could not be rolled back; its connection is closed");
                connection.close_on_drop();
            }
            drop((connection, permit));
        });
    }
}

impl Connection {
    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let statement = if statement == "BEGIN" { "BEGIN IMMEDIATE" } else { statement };
                sqlx::query(statement).execute(&mut **connection).await.map(|_| ())
            }
            Self::Postgres(connection, health) => {
                let done = sqlx::raw_sql(statement).execute(&mut **connection).await;
                done.map(|_| ()).inspect_err(|error| health.record_error(error))
            }
        }
    }

    /// Closes it when it is dropped; the pool opens another.
    fn close_on_drop(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection, _) => connection.close_on_drop(),
        }
    }
}
