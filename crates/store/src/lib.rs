//! SQL, and nothing but SQL: one file per object, the same text for SQLite and PostgreSQL wherever they agree.
//!
//! Reads take a [`Store`], writes take a [`Tx`], so that a use case's change and its audit event are one transaction.
//! After an error a [`Tx`] is of no use any more: drop it.
//!
//! `query` has reads, `row` what they are read into, and `sqlite`, `sqlite_readers` and `postgres` the connections of each
//! engine; `transaction` has the macro for writes, and `write_queue` their order; `bind` has the values that the engines take in different forms; `error` names
//! what went wrong; `search` finds objects by their words.

mod bind;
mod engine;
#[macro_use]
mod row;
#[macro_use]
mod transaction;
mod change_log;
mod database_file;
mod error;
mod limits;
mod list_cache;
mod postgres;
mod primary;
mod query;
mod search;
mod sqlite;
mod sqlite_readers;
mod transaction_connection;
mod wal_header;
mod warnings;
mod write_queue;

pub mod attempts;
pub mod audit;
pub mod changes;
pub mod credentials;
pub mod database_identity;
pub mod ended_words;
pub mod idempotency;
pub mod instance;
pub mod invitations;
pub mod memberships;
pub mod names;
pub mod nonces;
pub mod organizations;
pub mod outbox;
pub mod projects;
pub mod repositories;
pub mod sessions;
pub mod sweeps;
pub mod tokens;
pub mod user_tokens;
pub mod users;

pub use engine::{Store, SweepLock};
pub use error::{Conflict, StoreError};
pub use transaction::Tx;
pub use warnings::warnings;
pub use write_queue::WritePriority;
