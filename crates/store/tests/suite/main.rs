//! The store's promises, each kept on SQLite and on a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod database;
mod given;
mod model;
mod names;

mod audit;
mod changes;
mod edits;
mod engine;
mod lists;
mod members;
mod organizations;
mod outbox;
mod pages;
mod people;
mod repositories;
mod search;
mod sweep;
mod tokens;
mod uses;
mod writes;
