//! How many files, and so connections, this process may have open.

use crate::connections::limiter::ConnectionLimits;

/// File descriptors for everything else: the database's connections, Redis, the log, the program's own.
const RESERVED_FILES: usize = 128;
/// Connections by default, where there are file descriptors for more: each takes some 20 KB.
const DEFAULT_TOTAL: usize = 20_000;
/// The same of one address, or network of IPv6 (`/64`).
const DEFAULT_PER_ADDRESS: usize = 1_024;

/// Raises the limit of open files as far as it goes, and says how many connections there may be: as many as are asked
/// for, or as many as there are files for.
pub(crate) fn connection_limits(total: Option<usize>, per_address: Option<usize>) -> ConnectionLimits {
    let room = raise_file_limit().map(|files| files.saturating_sub(RESERVED_FILES.min(files / 2)).max(1));
    let wanted = total.unwrap_or(DEFAULT_TOTAL);
    let total_of_room = room.map_or(wanted, |room| wanted.min(room));
    if total.is_some() && total_of_room < wanted {
        tracing::warn!(wanted, allowed = total_of_room, "there are not enough open files for so many connections");
    }
    let total = total_of_room;
    // Nobody alone takes more than half of them, unless told otherwise.
    ConnectionLimits { total, per_address: per_address.unwrap_or(DEFAULT_PER_ADDRESS.min(total.div_ceil(2))) }
}

/// The files that this process may have open; `None` for as many as it likes, or where nobody knows.
#[cfg(unix)]
fn raise_file_limit() -> Option<usize> {
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
fn raise_file_limit() -> Option<usize> {
    None
}
