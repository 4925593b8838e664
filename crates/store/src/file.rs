//! The file of a SQLite database: that it is still the one that was opened, and whether anything was committed to it.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::servers::untrusted;

const REPLACED: &str =
    "the file of the database was moved, removed or replaced while it is served; start the server again";

/// The file of a database. Links are resolved once, as SQLite does it: what processes share lies beside the file itself.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    /// As it was configured.
    named: PathBuf,
    pub(crate) path: PathBuf,
    inode: Option<Inode>,
    /// Proven to be what SQLite shares between its processes.
    shared: OnceLock<Option<Shared>>,
}

/// The file beside it whose head tells of each commit. It is never closed: that would take away the locks which SQLite
/// holds on it for this process.
#[derive(Debug)]
struct Shared {
    file: &'static File,
    inode: Option<Inode>,
}

/// Device and number of a file, where there is such a thing.
type Inode = (u64, u64);

/// The head of SQLite's WAL index, both copies (<https://sqlite.org/walformat.html>, section 2.1). It is written with
/// each commit, of whatever process, and holds a counter of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; Mark::LENGTH]);

impl Mark {
    const LENGTH: usize = 96;
}

impl DatabaseFile {
    /// Of a file that is there.
    pub(crate) fn open(named: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(named)?;
        let inode = inode(&fs::metadata(&path)?);
        Ok(Self { named: named.to_owned(), path, inode, shared: OnceLock::new() })
    }

    /// Fails when the name leads to another file by now, or to none.
    pub(crate) fn fit(&self) -> Result<(), sqlx::Error> {
        let same = |path: &Path| fs::metadata(path).is_ok_and(|found| inode(&found) == self.inode);
        if same(&self.named) && (self.named == self.path || same(&self.path)) {
            Ok(())
        } else {
            Err(untrusted(REPLACED))
        }
    }

    /// Whether it has more than one name in its file system.
    pub(crate) fn has_other_names(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| names(&found) > 1)
    }

    /// Something that is another after the next commit, whoever makes it; `None` where only a look can tell.
    pub(crate) fn mark(&self) -> Option<Mark> {
        let shared = self.shared.get()?.as_ref()?;
        let here = fs::metadata(self.shared_path()).ok()?;
        if inode(&here) != shared.inode || self.fit().is_err() {
            return None;
        }
        read_mark(shared.file)
    }

    /// To be called before a commit of our own; what is returned is to be called after it, and sees whether that has
    /// moved the mark. Until then, and if not, there is none.
    pub(crate) fn prove(&self) -> impl FnOnce() {
        let unproven = if self.shared.get().is_none() { self.open_shared() } else { None };
        let before = unproven.as_ref().and_then(|shared| read_mark(shared.file));
        move || {
            let Some(shared) = unproven else { return };
            let after = read_mark(shared.file);
            let moved = before.is_some() && after.is_some() && before != after;
            if !moved {
                tracing::warn!(
                    "commits don't show in the file that SQLite shares; each check reads the database instead"
                );
            }
            let _ = self.shared.set(moved.then_some(shared));
        }
    }

    fn shared_path(&self) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push("-shm");
        path.into()
    }

    /// Only where a read of the file is known to see what was written to it through a mapping.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn open_shared(&self) -> Option<Shared> {
        let file: &'static File = Box::leak(Box::new(File::open(self.shared_path()).ok()?));
        let inode = inode(&file.metadata().ok()?);
        Some(Shared { file, inode })
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    fn open_shared(&self) -> Option<Shared> {
        None
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn read_mark(shared: &File) -> Option<Mark> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; Mark::LENGTH];
    shared.read_exact_at(&mut head, 0).ok()?;
    // While a commit writes them, the two copies differ.
    let (first, second) = head.split_at(Mark::LENGTH / 2);
    (first == second).then_some(Mark(head))
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn read_mark(_: &File) -> Option<Mark> {
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
