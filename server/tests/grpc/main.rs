//! gRPC over a real port, by a client that is generated from the same files, and by clients that other people wrote.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod clients;
mod invalid;
mod organizations;
mod people;
mod protocol;
mod refusals;
mod tokens;
mod whole;
