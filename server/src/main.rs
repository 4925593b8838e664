//! The Latchkey server.

mod assets;
mod commands;
mod config;
mod connections;
mod grpc;
mod hints;
mod http;
mod log;
mod metrics;
mod open_files;
mod openapi;
mod operations;
mod portal;
mod redis;
mod request_limits;
mod rest;
mod router;
mod secret_key;
mod serve;
mod state;
mod verification;
mod worker;

use std::process::ExitCode;

/// Pages are made of many short texts, for which this allocator takes half the time of glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run().await {
        Ok(()) => {
            log::shut_down(None);
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            // Before logging is set up, and whatever it is set up to leave out, the reason also stands by itself.
            log::shut_down(Some(&format!("latchkey-server: {error}\n")));
            ExitCode::FAILURE
        }
    }
}
