//! From the lines of a run to `bench/RESULTS.md`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use latchkey_domain::words;
use latchkey_service::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

use crate::{Failure, machine};

#[derive(Args)]
pub(crate) struct Options {
    /// The lines
    #[arg(long)]
    from: PathBuf,
    /// The report
    #[arg(long)]
    to: PathBuf,
}

/// One measurement, or one fact.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Line {
    /// `http`, `service`, `database` or `fact`.
    pub(crate) kind: String,
    pub(crate) engine: String,
    /// Tokens in the database.
    pub(crate) size: u64,
    /// What was measured, or the name of the fact.
    pub(crate) operation: String,
    pub(crate) requests: u64,
    /// Without those that failed.
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time of the process that answers, for each request, in microseconds; without a database server's.
    pub(crate) cpu: f64,
    /// Bytes of an answer with its head, on average.
    pub(crate) bytes: f64,
    pub(crate) errors: u64,
    pub(crate) text: String,
}

/// What a SvelteKit page of the same content serves on one core of this class of machine, and the aim.
const SVELTEKIT: f64 = 1_200.0;
const TIMES: f64 = 3.0;

/// Requests of the list page and of the handlers without anything behind them.
const OVER_HTTP: [(&str, &str); 4] = [
    ("list", "List page, signed in, 50 rows"),
    ("search", "Search, 500 different ones"),
    ("verify", "Verification (forward-auth), tokens in turn"),
    ("create", "Create a token"),
];
/// What `floods.rs` sends.
const FLOODS: [(&str, &str); 5] = [
    ("quiet", "nothing"),
    ("signed", "one token's signed verifications on 3,000 connections"),
    ("batches", "one token's batches of 100 signed questions on 64"),
    ("unknown", "verifications of made-up secrets on 1,000"),
    ("sign-ins", "wrong passwords on 2,000"),
];
const ENGINES: [(&str, &str); 2] = [("sqlite", "SQLite"), ("postgres", "PostgreSQL")];

pub(crate) fn append(to: &Path, line: &Line) -> Result<(), Failure> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(to)?;
    Ok(writeln!(file, "{}", serde_json::to_string(line)?)?)
}

struct Results {
    lines: Vec<Line>,
    /// Smallest first.
    sizes: Vec<u64>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&options.from)?;
    let lines: Vec<Line> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut sizes: Vec<_> = lines.iter().map(|line| line.size).filter(|size| *size > 0).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let report = Results { lines, sizes }.write()?;
    Ok(std::fs::write(&options.to, report)?)
}

impl Results {
    /// The measurement of the middle round, by requests a second.
    fn middle(&self, kind: &str, engine: &str, size: u64, operation: &str) -> Option<&Line> {
        let of = |line: &&Line| {
            line.kind == kind && line.engine == engine && line.size == size && line.operation == operation
        };
        let mut rounds: Vec<_> = self.lines.iter().filter(of).collect();
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        rounds.get(rounds.len() / 2).copied()
    }

    fn write(&self) -> Result<String, Failure> {
        let mut out = String::new();
        writeln!(out, "# Results\n")?;
        writeln!(out, "Written by `make bench`; [README.md](README.md) tells what is measured and how.\n")?;
        self.machine(&mut out)?;
        self.over_http(&mut out)?;
        self.page(&mut out)?;
        self.floods(&mut out)?;
        self.service(&mut out)?;
        sizes_of_site(&mut out)?;
        Ok(out)
    }

    fn machine(&self, out: &mut String) -> Result<(), Failure> {
        writeln!(out, "| | |\n|---|---|")?;
        writeln!(out, "| Date | {} |", words::date_time(SystemClock.now()))?;
        for (name, value) in machine::facts() {
            writeln!(out, "| {name} | {value} |")?;
        }
        for line in self.lines.iter().filter(|line| line.kind == "fact") {
            writeln!(out, "| {} | {} |", line.operation, line.text)?;
        }
        for line in self.lines.iter().filter(|line| line.kind == "database") {
            writeln!(out, "| {} tokens | {} |", words::number(line.size), line.text)?;
        }
        writeln!(out)?;
        let errors: u64 = self.lines.iter().map(|line| line.errors).sum();
        if errors > 0 {
            writeln!(out, "**{errors} requests failed: these figures are not to be trusted.**\n")?;
        }
        Ok(())
    }

    fn over_http(&self, out: &mut String) -> Result<(), Failure> {
        let (Some(small), Some(large)) = (self.sizes.first(), self.sizes.last()) else { return Ok(()) };
        writeln!(out, "## Does it grow with the table?\n")?;
        writeln!(
            out,
            "The release server over HTTP, on one core. The last column is what a request costs with {} tokens, \
             compared with {}: 1.0 is the same.\n",
            words::number(*large),
            words::number(*small)
        )?;
        for (engine, name) in ENGINES {
            if !self.lines.iter().any(|line| line.kind == "http" && line.engine == engine) {
                continue;
            }
            let head = |size: &u64| format!("{} tokens: req/s | p50 | p99 |", words::number(*size));
            writeln!(out, "| {name} | {} {} cost |", head(small), head(large))?;
            writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
            for (operation, label) in OVER_HTTP {
                let measured = [small, large].map(|size| self.middle("http", engine, *size, operation));
                let [Some(few), Some(many)] = measured else { continue };
                let cells = measured.into_iter().flatten().map(cells).collect::<String>();
                writeln!(out, "| {label} |{cells} {:.1} × |", few.per_second / many.per_second)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn page(&self, out: &mut String) -> Result<(), Failure> {
        let Some(large) = self.sizes.last() else { return Ok(()) };
        writeln!(out, "## The list page beside a bare handler\n")?;
        writeln!(
            out,
            "50 of {} tokens, signed in, against an axum handler that answers the same bytes with the same headers \
             from memory; the two took turns. The mark is {TIMES:.0} × {} requests a second, which is what a SvelteKit \
             page of the same content serves on one core of this class of machine. \"Core time\" is what the process took of \
             the processor for each request, without PostgreSQL's own processes.\n",
            words::number(*large),
            words::number(SVELTEKIT as u64)
        )?;
        writeln!(out, "| | req/s | p50 | p99 | core time | bytes | of the bare handler | of the mark |")?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
        for (engine, name) in ENGINES {
            for (operation, bare, label) in [
                ("list", "bare list", "list page"),
                ("verify", "bare verify", "verification"),
                ("single", "bare single", "one verification at a time"),
            ] {
                let measured = [operation, bare].map(|operation| self.middle("http", engine, *large, operation));
                let [Some(page), Some(bare)] = measured else { continue };
                let share = |part: f64, whole: f64| format!("{:.0} %", 100.0 * part / whole);
                let mark = if operation == "list" { share(page.per_second, SVELTEKIT * TIMES) } else { String::new() };
                let of_bare = share(page.per_second, bare.per_second);
                writeln!(
                    out,
                    "| {name}, {label} |{} {} | {:.0} | {of_bare} | {mark} |",
                    cells(page),
                    time(page.cpu),
                    page.bytes
                )?;
                writeln!(out, "| bare handler, {label} |{} {} | {:.0} | | |", cells(bare), time(bare.cpu), bare.bytes)?;
            }
        }
        writeln!(out)?;
        Ok(())
    }

    fn floods(&self, out: &mut String) -> Result<(), Failure> {
        let lines: Vec<_> = self.lines.iter().filter(|line| line.kind == "flood").collect();
        let Some(size) = lines.first().map(|line| line.size) else { return Ok(()) };
        writeln!(out, "## What others notice of a flood\n")?;
        writeln!(
            out,
            "An admin's revocations and the verifications of eight pipelines, while somebody sends as much as they can; \
             {} tokens. The aims: p99 of a revocation below 100 ms, of a verification below 20 ms.\n",
            words::number(size)
        )?;
        writeln!(out, "| | of the flood a second | revocation: p50 | p99 | verification: p50 | p99 | not done |")?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|")?;
        for (engine, name) in ENGINES {
            for (flood, label) in FLOODS {
                let noticed = ["revocation", "verification"].map(|what| {
                    let of = |line: &&&Line| line.engine == engine && line.operation == format!("{flood}/{what}");
                    lines.iter().find(of)
                });
                let [Some(revocation), Some(verification)] = noticed else { continue };
                writeln!(
                    out,
                    "| {name}, {label} | {} | {} | {} | {} | {} | {} |",
                    words::number(revocation.per_second.round() as u64),
                    time(revocation.p50),
                    time(revocation.p99),
                    time(verification.p50),
                    time(verification.p99),
                    revocation.errors
                )?;
            }
        }
        writeln!(out)?;
        Ok(())
    }

    fn service(&self, out: &mut String) -> Result<(), Failure> {
        let (Some(small), Some(large)) = (self.sizes.first(), self.sizes.last()) else { return Ok(()) };
        let mut operations: Vec<&str> = Vec::new();
        for line in self.lines.iter().filter(|line| line.kind == "service") {
            if !operations.contains(&line.operation.as_str()) {
                operations.push(&line.operation);
            }
        }
        if operations.is_empty() {
            return Ok(());
        }
        writeln!(out, "## Use cases without HTTP\n")?;
        writeln!(out, "One call after the other, microseconds, p50 and p99.\n")?;
        let columns = |name: &str| {
            format!("{name}, {} tokens | {} tokens | cost |", words::number(*small), words::number(*large))
        };
        writeln!(out, "| | {} {}", columns(ENGINES[0].1), columns(ENGINES[1].1))?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|")?;
        for operation in operations {
            write!(out, "| {operation} |")?;
            for (engine, _) in ENGINES {
                match [small, large].map(|size| self.middle("service", engine, *size, operation)) {
                    [Some(few), Some(many)] => {
                        let times = |line: &Line| format!("{:.0} · {:.0}", line.p50, line.p99);
                        write!(out, " {} | {} | {:.1} × |", times(few), times(many), many.p50 / few.p50)?;
                    }
                    _ => write!(out, " | | |")?,
                }
            }
            writeln!(out)?;
        }
        writeln!(out)?;
        Ok(())
    }
}

/// Requests a second, p50 and p99, as cells.
fn cells(line: &Line) -> String {
    format!(" {} | {} | {} |", words::number(line.per_second.round() as u64), time(line.p50), time(line.p99))
}

fn time(micros: f64) -> String {
    if micros < 1_000.0 { format!("{micros:.0} µs") } else { format!("{:.1} ms", micros / 1_000.0) }
}

/// What a browser downloads besides the page.
fn sizes_of_site(out: &mut String) -> Result<(), Failure> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir("dist/pkg").into_iter().flatten().flatten() {
        for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".br") {
                files.push((name.to_owned(), file.metadata()?.len()));
            }
        }
    }
    if files.is_empty() {
        return Ok(());
    }
    files.sort();
    writeln!(out, "## What a browser loads\n")?;
    writeln!(out, "Once, and never again until it changes; in Brotli.\n\n| File | Bytes |\n|---|--:|")?;
    for (name, bytes) in &files {
        writeln!(out, "| {name} | {} |", words::number(*bytes))?;
    }
    writeln!(out, "| together | {} |", words::number(files.iter().map(|(_, bytes)| bytes).sum()))?;
    Ok(())
}
