//! Where it was measured.

use std::process::Command;
use std::time::Duration;

use crate::Failure;

/// How busy all cores are together with whatever else runs, in percent, watched for three seconds.
pub(crate) async fn busy() -> Result<f64, Failure> {
    let before = ticks()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = ticks()?;
    let (all, idle) = (after.0 - before.0, after.1 - before.1);
    Ok(if all == 0 { 0.0 } else { 100.0 - 100.0 * idle as f64 / all as f64 })
}

/// All ticks of the cores, and the idle ones.
fn ticks() -> Result<(u64, u64), Failure> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("/proc/stat is empty")?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect();
    Ok((ticks.iter().take(8).sum(), ticks.iter().skip(3).take(2).sum()))
}

/// Name and value of what matters.
pub(crate) fn facts() -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory: Option<f64> = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next().and_then(|kilobytes| kilobytes.parse().ok()));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed = said("git", &["status", "--porcelain", "--", ".", ":!bench"]).is_some_and(|text| !text.is_empty());
    vec![
        ("Commit", if changed { commit + ", with uncommitted changes" } else { commit }),
        ("Processor", format!("{processor}, {cores} cores seen")),
        ("Memory", memory.map_or_else(String::new, |kilobytes| format!("{:.0} GiB", kilobytes / 1_048_576.0))),
        ("Kernel", format!("{} {}", std::env::consts::OS, kernel.trim())),
        ("Compiler", said("rustc", &["--version"]).unwrap_or_default()),
    ]
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
