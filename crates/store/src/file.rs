//! The file of a SQLite database: that it is still the one that was opened, and whether anything was committed to it.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::servers::untrusted;

const REPLACED: &str = "the file of the database, or what lies beside it, was moved, removed or replaced while it is served; start the server again";

/// The file of a database. Links are resolved once, as SQLite does it: what processes share lies beside the file itself.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    /// As it was configured.
    named: PathBuf,
    pub(crate) path: PathBuf,
    inode: Option<Inode>,
    beside: OnceLock<Beside>,
}

/// What lies beside it as long as anybody has it open.
#[derive(Debug)]
struct Beside {
    /// The WAL and its index, and which files these are.
    files: [(PathBuf, Option<Inode>); 2],
    /// The index, if its head is proven to tell of each commit. It is never closed: that would take away the locks which
    /// SQLite holds on it for this process.
    head: Option<&'static File>,
}

/// Device and number of a file, where there is such a thing.
type Inode = (u64, u64);

/// The head of SQLite's WAL index, both copies (<https://sqlite.org/walformat.html>, section 2.1). It is written with
/// each commit, of whatever process, and holds a counter of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WalHeader([u8; WalHeader::LENGTH]);

impl WalHeader {
    const LENGTH: usize = 96;
}

impl DatabaseFile {
    /// Of a file that is there.
    pub(crate) fn open(named: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(named)?;
        let inode = inode(&fs::metadata(&path)?);
        Ok(Self { named: named.to_owned(), path, inode, beside: OnceLock::new() })
    }

    /// Fails when the name leads to another file by now, or to none: what others commit would not be seen here.
    pub(crate) fn fit(&self) -> Result<(), sqlx::Error> {
        let itself = same(&self.named, self.inode) && (self.named == self.path || same(&self.path, self.inode));
        let beside = self.beside.get().is_none_or(|of| of.files.iter().all(|(path, inode)| same(path, *inode)));
        if itself && beside { Ok(()) } else { Err(untrusted(REPLACED)) }
    }

    /// Whether it has more than one name in its file system.
    pub(crate) fn has_other_names(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| names(&found) > 1)
    }

    /// Something that is another after the next commit, whoever makes it; `None` where only a look can tell.
    pub(crate) fn wal_header(&self) -> Option<WalHeader> {
        let Beside { files: [_, (index, inode)], head } = self.beside.get()?;
        let here = same(&self.named, self.inode) && same(index, *inode);
        read_wal_header((*head).filter(|_| here)?)
    }

    /// Learns what lies beside it, and whether a commit of our own moves the mark; until then there is none.
    pub(crate) async fn prove(&self, commit: impl Future<Output = Result<(), sqlx::Error>>) {
        if self.beside.get().is_some() {
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
        let head = open_head(&index).filter(|head| head.metadata().is_ok_and(|head| inode(&head) == of_index));
        let before = head.and_then(read_wal_header);
        let committed = commit.await;
        let moved = committed.is_ok()
            && head.and_then(read_wal_header).is_some_and(|after| before.is_some_and(|before| before != after));
        if !moved {
            let error = committed.err().map(tracing::field::display);
            tracing::warn!(
                error,
                "commits don't show in the file that SQLite shares: each check reads the database instead"
            );
        }
        let files = [(wal, inode(&of_wal)), (index, of_index)];
        let _ = self.beside.set(Beside { files, head: head.filter(|_| moved) });
    }
}

fn same(path: &Path, known: Option<Inode>) -> bool {
    fs::metadata(path).is_ok_and(|found| inode(&found) == known)
}

/// Only where a read of the file is known to see what was written to it through a mapping.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn open_head(path: &Path) -> Option<&'static File> {
    Some(Box::leak(Box::new(File::open(path).ok()?)))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn open_head(_: &Path) -> Option<&'static File> {
    None
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn read_wal_header(shared: &File) -> Option<WalHeader> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; WalHeader::LENGTH];
    shared.read_exact_at(&mut head, 0).ok()?;
    // While a commit writes them, the two copies differ.
    let (first, second) = head.split_at(WalHeader::LENGTH / 2);
    (first == second).then_some(WalHeader(head))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn read_wal_header(_: &File) -> Option<WalHeader> {
    None
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
fn names(of: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(of)
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}
