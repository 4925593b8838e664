//! The program as others see it: each test starts a server of its own.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[macro_use]
mod common;

mod changes;
mod client;
mod configuration;
mod counterparts;
mod grpc;
mod isolation;
mod layers;
mod operations;
mod pages;
mod people;
mod power;
mod reference;
mod replicas;
mod rest;
mod server_functions;
mod tidy;
mod verification;
