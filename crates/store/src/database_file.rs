//! The file of a SQLite database: that it is still the one that was opened, and whether anything was committed to it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::untrusted;
use crate::wal_header::{WalHeader, WalHeaderFile};

const REPLACED: &str = "the file of the database, or what lies beside it, was moved, removed or replaced while it is served; start the server again";

/// For so long after the files were found in their places, they are taken to be there. Asking each time would take longer
/// than all else that a check of a token does.
const IN_PLACE_VALIDITY: Duration = Duration::from_millis(1);
/// Whoever opens a database commits nothing to it before so much time has passed. If they found another file, those who
/// have still the old one have noticed by then; `docs/revocation.md` has the proof.
pub(crate) const WAIT_AFTER_OPENING: Duration = Duration::from_millis(5);

const _: () = assert!(IN_PLACE_VALIDITY.as_micros() * 2 < WAIT_AFTER_OPENING.as_micros());

/// The file of a database. Links are resolved once, as SQLite does it: what processes share lies beside the file itself.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    configured_path: PathBuf,
    /// With all links resolved.
    pub(crate) path: PathBuf,
    inode: Option<Inode>,
    /// The WAL and its index, and which files these are: SQLite keeps them beside the database as long as anybody has it
    /// open.
    wal_files: OnceLock<[(PathBuf, Option<Inode>); 2]>,
    /// `None` if its header does not change with each commit.
    header: OnceLock<Option<WalHeaderFile>>,
    opened: Instant,
    /// Until when all are taken to be in their places, in microseconds after `opened`.
    in_place_until: AtomicU64,
}

/// Device and number of a file, where there is such a thing.
type Inode = (u64, u64);

impl DatabaseFile {
    /// Of a file that is there.
    pub(crate) fn open(configured_path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(configured_path)?;
        let inode = inode(&fs::metadata(&path)?);
        Ok(Self {
            configured_path: configured_path.to_owned(),
            path,
            inode,
            wal_files: OnceLock::new(),
            header: OnceLock::new(),
            opened: Instant::now(),
            in_place_until: AtomicU64::new(0),
        })
    }

    /// Fails when the path leads to another file by now, or to none: what others commit would not be seen here, and what
    /// is written here is lost.
    pub(crate) fn check_now(&self) -> Result<(), sqlx::Error> {
        let database = is_file(&self.configured_path, self.inode)
            && (self.configured_path == self.path || is_file(&self.path, self.inode));
        let wal = self.wal_files.get().is_none_or(|files| files.iter().all(|(path, inode)| is_file(path, *inode)));
        if database && wal { Ok(()) } else { Err(untrusted(REPLACED)) }
    }

    /// The same for reading; up to [`IN_PLACE_VALIDITY`] old.
    pub(crate) fn check_unchanged(&self) -> Result<(), sqlx::Error> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // Before the files are looked at.
        let now = micros(self.opened.elapsed());
        if now < self.in_place_until.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_now()?;
        self.in_place_until.fetch_max(now + micros(IN_PLACE_VALIDITY), Ordering::Relaxed);
        Ok(())
    }

    /// Whether it has more than one name in its file system.
    pub(crate) fn has_other_names(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| link_count(&found) > 1)
    }

    /// Differs after the next commit, whoever makes it; `None` where only a query can tell.
    pub(crate) fn wal_header(&self) -> Option<WalHeader> {
        let header = self.header.get().copied().flatten()?;
        self.check_unchanged().ok()?;
        header.read()
    }

    /// Notes which files the WAL and its index are, once a connection has opened them: each that is opened later must
    /// have opened the same.
    pub(crate) fn note_wal_files(&self) {
        let files = ["-wal", "-shm"].map(|ending| {
            let mut path = self.path.clone().into_os_string();
            path.push(ending);
            let path = PathBuf::from(path);
            let found = fs::metadata(&path).ok();
            (path, found)
        });
        if let [(wal, Some(of_wal)), (index, Some(of_index))] = files {
            let _ = self.wal_files.set([(wal, inode(&of_wal)), (index, inode(&of_index))]);
        }
    }

    /// Makes a commit to see that it changes the header of the WAL index; until then there is no header.
    pub(crate) async fn verify_wal_header(&self, commit: impl Future<Output = Result<(), sqlx::Error>>) {
        let Some([_, (index, of_index)]) = self.wal_files.get().filter(|_| self.header.get().is_none()) else { return };
        let header = WalHeaderFile::open(index)
            .filter(|header| header.metadata().is_some_and(|opened| inode(&opened) == *of_index));
        let before = header.and_then(WalHeaderFile::read);
        let committed = commit.await;
        let after = header.and_then(WalHeaderFile::read);
        let changed = committed.is_ok() && before.is_some() && after.is_some() && before != after;
        if !changed {
            let error = committed.err().map(tracing::field::display);
            tracing::warn!(error, "commits do not change SQLite's WAL header: each check reads the database instead");
        }
        let _ = self.header.set(header.filter(|_| changed));
    }
}

fn is_file(path: &Path, known: Option<Inode>) -> bool {
    fs::metadata(path).is_ok_and(|found| inode(&found) == known)
}

#[cfg(unix)]
fn inode(of: &Metadata) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt;
    Some((of.dev(), of.ino()))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<Inode> {
    None
}

#[cfg(unix)]
fn link_count(of: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(of)
}

#[cfg(not(unix))]
fn link_count(_: &Metadata) -> u64 {
    1
}
