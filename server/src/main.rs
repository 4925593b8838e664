//! The Latchkey server.

mod assets;
mod commands;
mod config;
mod grpc;
mod hints;
mod jobs;
mod log;
mod metrics;
mod middleware;
mod redis;
mod rest;
mod router;
mod secret_key;
mod serve;
mod verification;

use std::process::ExitCode;

use clap::Parser;

/// Pages are made of many short texts, for which this allocator takes half the time of glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(config::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            // Before logging is set up, and for whoever redirects the log, the reason also stands on standard error.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("latchkey-server: {error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}
