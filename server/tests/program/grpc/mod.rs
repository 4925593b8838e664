//! gRPC over a real port, by a client that is generated from the same files, and by clients that other people wrote.

mod calls;
mod clients;
mod invalid;
mod organizations;
mod people;
mod protocol;
mod refusals;
mod tokens;
mod whole;
