//! The file of a SQLite database: that it is still the one that was opened, and whether anything was committed to it.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::untrusted;
use crate::wal_header::{WalHeader, WalHeaderFile};

const REPLACED: &str = "the file of the database, or what lies beside it, was moved, removed or replaced while it is served; start the server again";

/// The file of a database. Links are resolved once, as SQLite does it: what processes share lies beside the file itself.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    configured_path: PathBuf,
    /// With all links resolved.
    pub(crate) path: PathBuf,
    inode: Option<Inode>,
    wal_files: OnceLock<WalFiles>,
}

/// The files that SQLite keeps beside the database as long as anybody has it open.
#[derive(Debug)]
struct WalFiles {
    /// The WAL and its index, and which files these are.
    files: [(PathBuf, Option<Inode>); 2],
    /// `None` if its header does not change with each commit.
    header: Option<WalHeaderFile>,
}

/// Device and number of a file, where there is such a thing.
type Inode = (u64, u64);

impl DatabaseFile {
    /// Of a file that is there.
    pub(crate) fn open(configured_path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(configured_path)?;
        let inode = inode(&fs::metadata(&path)?);
        Ok(Self { configured_path: configured_path.to_owned(), path, inode, wal_files: OnceLock::new() })
    }

    /// Fails when the path leads to another file by now, or to none: what others commit would not be seen here.
    pub(crate) fn check_unchanged(&self) -> Result<(), sqlx::Error> {
        let database = is_file(&self.configured_path, self.inode)
            && (self.configured_path == self.path || is_file(&self.path, self.inode));
        let wal = self.wal_files.get().is_none_or(|wal| wal.files.iter().all(|(path, inode)| is_file(path, *inode)));
        if database && wal { Ok(()) } else { Err(untrusted(REPLACED)) }
    }

    /// Whether it has more than one name in its file system.
    pub(crate) fn has_other_names(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| link_count(&found) > 1)
    }

    /// Differs after the next commit, whoever makes it; `None` where only a query can tell.
    pub(crate) fn wal_header(&self) -> Option<WalHeader> {
        let WalFiles { files: [_, (index, inode)], header } = self.wal_files.get()?;
        let unchanged = is_file(&self.configured_path, self.inode) && is_file(index, *inode);
        (*header).filter(|_| unchanged)?.read()
    }

    /// Finds the WAL files, and makes a commit to see that it changes the header; until then there is no header.
    pub(crate) async fn verify_wal_header(&self, commit: impl Future<Output = Result<(), sqlx::Error>>) {
        if self.wal_files.get().is_some() {
            return;
        }
        let files = ["-wal", "-shm"].map(|ending| {
            let mut path = self.path.clone().into_os_string();
            path.push(ending);
            let path = PathBuf::from(path);
            let found = fs::metadata(&path).ok();
            (path, found)
        });
        let [(wal, Some(of_wal)), (index, Some(of_index))] = files else { return };
        let of_index = inode(&of_index);
        let header = WalHeaderFile::open(&index)
            .filter(|header| header.metadata().is_some_and(|opened| inode(&opened) == of_index));
        let before = header.and_then(WalHeaderFile::read);
        let committed = commit.await;
        let after = header.and_then(WalHeaderFile::read);
        let changed = committed.is_ok() && before.is_some() && after.is_some() && before != after;
        if !changed {
            let error = committed.err().map(tracing::field::display);
            tracing::warn!(error, "commits do not change SQLite's WAL header: each check reads the database instead");
        }
        let files = [(wal, inode(&of_wal)), (index, of_index)];
        let _ = self.wal_files.set(WalFiles { files, header: header.filter(|_| changed) });
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
