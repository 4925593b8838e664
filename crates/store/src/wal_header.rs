//! Reads the header of SQLite's WAL index, which tells without a query whether anything was committed.

use std::fs::{File, Metadata};
use std::path::Path;

/// The header of SQLite's WAL index, both copies (<https://sqlite.org/walformat.html>, section 2.1). It is written with
/// each commit, of whatever process, and holds a counter of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WalHeader([u8; WalHeader::LENGTH]);

impl WalHeader {
    const LENGTH: usize = 96;
}

/// The WAL index (`-shm`), open for reading its header. It is never closed: closing it would release the locks that
/// SQLite holds on it for this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalHeaderFile(&'static File);

impl WalHeaderFile {
    /// `None` where a read of the file is not known to see what was written to it through a mapping: on other systems
    /// than Linux and macOS.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(crate) fn open(path: &Path) -> Option<Self> {
        Some(Self(Box::leak(Box::new(File::open(path).ok()?))))
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    pub(crate) fn open(_: &Path) -> Option<Self> {
        None
    }

    pub(crate) fn metadata(self) -> Option<Metadata> {
        self.0.metadata().ok()
    }

    /// The header as it is now; `None` while a commit writes it, when its two copies differ.
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    pub(crate) fn read(self) -> Option<WalHeader> {
        use std::os::unix::fs::FileExt;
        let mut header = [0; WalHeader::LENGTH];
        self.0.read_exact_at(&mut header, 0).ok()?;
        let (first, second) = header.split_at(WalHeader::LENGTH / 2);
        (first == second).then_some(WalHeader(header))
    }

    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    pub(crate) fn read(self) -> Option<WalHeader> {
        None
    }
}
