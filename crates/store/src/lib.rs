//! SQL, and nothing but SQL: one file per object, the same text for SQLite and PostgreSQL wherever they agree.
//!
//! Reads take a [`Store`], writes take a [`Tx`], so that a use case's change and its audit event are one transaction.
//! After an error a [`Tx`] is of no use any more: drop it.
//!
//! `engine` opens databases, `transaction` begins and ends writes, and each has the macro that runs one body on either
//! engine; `lanes` has the queues before the database; `bind` has the values that
//! the engines take in different forms; `error` names what went wrong; `search` finds objects by their words.

mod bind;
#[macro_use]
mod engine;
#[macro_use]
mod transaction;
mod error;
mod file;
mod lanes;
mod postgres;
mod search;
mod servers;
mod sqlite;
mod warnings;

pub mod attempts;
pub mod audit;
pub mod changes;
pub mod credentials;
pub mod idempotency;
pub mod instance;
pub mod invitations;
pub mod memberships;
pub mod names;
pub mod nonces;
pub mod organizations;
pub mod projects;
pub mod repositories;
pub mod sessions;
pub mod sweeps;
pub mod tokens;
pub mod user_tokens;
pub mod users;

pub use engine::{Store, SweepLock};
pub use error::StoreError;
pub use lanes::Lane;
pub use transaction::Tx;
pub use warnings::warnings;
