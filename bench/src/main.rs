//! What `bench/run` is made of: filling databases, the requests to send, the bare handler to compare with, measuring
//! the service without HTTP, and the report. `README.md` beside this crate's manifest tells how they go together.

mod bare;
mod corpus;
mod describe;
mod floods;
mod inprocess;
mod machine;
mod random;
mod report;
mod requests;
mod seed;

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "The parts of bench/run")]
enum Command {
    /// Make a database and fill it with tokens
    Seed {
        #[arg(long)]
        database_url: String,
        #[arg(long)]
        size: u64,
    },
    /// Note a recent use of the tokens that are verified
    Freshen {
        #[arg(long)]
        database_url: String,
        #[arg(long)]
        size: u64,
    },
    /// Write what the load generator sends, one file of requests for each operation
    Requests(requests::Options),
    /// Answer every request that has a credential with a captured answer: what the web framework costs by itself
    Bare {
        /// The captured head, as curl --dump-header writes it
        #[arg(long)]
        head: PathBuf,
        /// The captured body
        #[arg(long)]
        body: PathBuf,
    },
    /// Time the use cases without HTTP
    Inprocess(inprocess::Options),
    /// Say which database it is, how large and how careful
    Describe {
        #[arg(long)]
        database_url: String,
        #[arg(long)]
        engine: String,
        #[arg(long)]
        size: u64,
        /// Where to append the results
        #[arg(long)]
        to: PathBuf,
    },
    /// Flood the server in several ways, and time what others notice of it
    Floods(floods::Options),
    /// Print how busy the machine is, in percent of all cores, over three seconds
    Busy,
    /// Write the report from the lines of a run
    Report(report::Options),
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match Command::parse() {
        Command::Seed { database_url, size } => seed::run(&database_url, size).await,
        Command::Freshen { database_url, size } => seed::freshen(&database_url, size).await,
        Command::Requests(options) => requests::run(&options),
        Command::Bare { head, body } => bare::run(&head, &body).await,
        Command::Inprocess(options) => inprocess::run(&options).await,
        Command::Describe { database_url, engine, size, to } => describe::run(&database_url, &engine, size, &to).await,
        Command::Floods(options) => floods::run(&options).await,
        Command::Busy => print(&format!("{:.0}", machine::busy().await?)),
        Command::Report(options) => report::run(&options),
    }
}

/// Tells how it goes.
fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stderr(), "    {line}")?)
}

/// Answers.
fn print(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
