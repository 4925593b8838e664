//! How many files, and so connections, this process may have open.

use crate::connections::places::Limits;

/// Files for everything else: the database's connections, Redis, the log, the program's own.
const RESERVED: usize = 128;
/// Connections that are allowed by themselves where there are files for more: each takes some 20 KB.
const TOTAL: usize = 20_000;
/// The same of one address, or network of IPv6 (`/64`).
const PER_ADDRESS: usize = 1_024;

/// Raises the limit of open files as far as it goes, and says how many connections there may be: as many as are asked
/// for, or as many as there are files for.
pub(crate) fn limits(total: Option<usize>, per_address: Option<usize>) -> Limits {
    let room = raise().map(|files| files.saturating_sub(RESERVED.min(files / 2)).max(1));
    let wanted = total.unwrap_or(TOTAL);
    let total_of_room = room.map_or(wanted, |room| wanted.min(room));
    if total.is_some() && total_of_room < wanted {
        tracing::warn!(wanted, allowed = total_of_room, "there are not enough open files for so many connections");
    }
    let total = total_of_room;
    // Nobody alone takes more than half of them, unless told otherwise.
    Limits { total, per_address: per_address.unwrap_or(PER_ADDRESS.min(total.div_ceil(2))) }
}

/// The files that this process may have open; `None` for as many as it likes, or where nobody knows.
#[cfg(unix)]
fn raise() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current.and_then(|files| usize::try_from(files).ok());
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = if raised.is_ok() { maximum } else { current };
    files.and_then(|files| usize::try_from(files).ok())
}

#[cfg(not(unix))]
fn raise() -> Option<usize> {
    None
}
