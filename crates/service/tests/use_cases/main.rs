//! Use cases, each on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[macro_use]
mod common;

mod audit;
mod auto_revoke;
mod counts;
mod credentials;
mod edit;
mod handles;
mod idempotency;
mod invitations;
mod members;
mod organizations;
mod outbox;
mod polls;
mod power;
mod sessions;
mod sign_in;
mod tokens;
