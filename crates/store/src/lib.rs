//! SQL, and nothing but SQL: one file per object, the same text for SQLite and PostgreSQL wherever they agree.
//!
//! Reads take a [`Store`], writes take a [`Tx`], so that a use case's change and its audit event are one transaction.

pub mod attempts;
pub mod audit;
mod engine;
pub mod instance;
pub mod memberships;
pub mod organizations;
pub mod projects;
pub mod repositories;
pub mod sessions;
pub mod sweeps;
pub mod tokens;
pub mod user_tokens;
pub mod users;

pub use engine::{Store, StoreError, SweepLock, Tx};
