//! The list page and verification beside others that took turns with them.

use std::fmt::Write as _;

use latchkey_domain::words;

use super::{ENGINES, Results, cells, time};
use crate::Failure;

/// Whose list page `bench/run` can measure: the folder in `bench/peers/`, and the name.
const PEERS: [(&str, &str); 1] = [("sveltekit", "SvelteKit")];

impl Results {
    pub(super) fn bare(&self, out: &mut String) -> Result<(), Failure> {
        let Some(large) = self.sizes.last() else { return Ok(()) };
        writeln!(out, "## Beside a bare handler\n")?;
        writeln!(
            out,
            "50 of {} tokens, signed in, and verification, against an axum handler that answers the same bytes with the \
             same headers from memory; the two took turns. \"Core time\" is what the process took of the processor for \
             each request, without PostgreSQL's own processes; the last two columns compare with the bare handler.\n",
            words::number(*large)
        )?;
        writeln!(out, "| | req/s | p50 | p99 | core time | bytes | of its req/s | of its core time |")?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
        for (engine, name) in ENGINES {
            for (operation, bare, label) in [
                ("list", "bare list", "list page"),
                ("verify", "bare verify", "verification"),
                ("single", "bare single", "one verification at a time"),
            ] {
                let measured = [operation, bare].map(|operation| self.middle("http", engine, *large, operation));
                let [Some(page), Some(bare)] = measured else { continue };
                writeln!(
                    out,
                    "| {name}, {label} |{} {} | {:.0} | {:.2} | {:.2} × |",
                    cells(page),
                    time(page.cpu),
                    page.bytes,
                    page.per_second / bare.per_second,
                    page.cpu / bare.cpu
                )?;
                writeln!(out, "| bare handler, {label} |{} {} | {:.0} | | |", cells(bare), time(bare.cpu), bare.bytes)?;
            }
        }
        writeln!(out)?;
        Ok(())
    }

    pub(super) fn peers(&self, out: &mut String) -> Result<(), Failure> {
        let Some(large) = self.sizes.last() else { return Ok(()) };
        for (folder, name) in PEERS {
            let ours = self.middle("http", "sqlite", *large, &format!("list beside {folder}"));
            let theirs = self.middle("http", "sqlite", *large, &format!("{folder} list"));
            let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
            writeln!(out, "## The list page beside a {name} page\n")?;
            writeln!(
                out,
                "`bench/peers/{folder}/` does the same work on the same SQLite database of {} tokens; the two took turns \
                 on one core.\n",
                words::number(*large)
            )?;
            writeln!(out, "| | req/s | p50 | p99 | core time | bytes | req/s |")?;
            writeln!(out, "|---|--:|--:|--:|--:|--:|--:|")?;
            let times = format!("{:.1} ×", ours.per_second / theirs.per_second);
            for (label, line, times) in [("Latchkey", ours, times), (name, theirs, "1 ×".to_owned())] {
                writeln!(out, "| {label} |{} {} | {:.0} | {times} |", cells(line), time(line.cpu), line.bytes)?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}
