//! The file of the root key.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use latchkey_service::{Random, RootKey, RootKeyError};
use thiserror::Error;

/// Why the root key can't be used.
#[derive(Debug, Error)]
pub(crate) enum SecretKeyError {
    #[error("can't read or make the root key {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("others can read the root key {path}; make it yours alone with `chmod 600`, and think of rotating it")]
    Open { path: PathBuf },
    #[error("the root key {path} {source}")]
    Content { path: PathBuf, source: RootKeyError },
}

/// Where the key is if nobody says: beside SQLite's database, where nothing else has to be writable.
pub(crate) fn beside(database_url: &str) -> PathBuf {
    database_file(database_url).unwrap_or_else(|| PathBuf::from("data/latchkey.db")).with_file_name("secret.key")
}

/// SQLite's file, if the database is one.
pub(crate) fn database_file(database_url: &str) -> Option<PathBuf> {
    let rest = database_url.strip_prefix("sqlite:")?.trim_start_matches("//");
    let file = rest.split('?').next().filter(|file| !file.is_empty())?;
    let absolute = database_url.starts_with("sqlite:///");
    Some(if absolute { Path::new("/").join(file.trim_start_matches('/')) } else { PathBuf::from(file) })
}

/// The folder that a file is in.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The key of the file, which is made if it is not there.
pub(crate) fn open(path: &Path, random: &dyn Random) -> Result<RootKey, SecretKeyError> {
    match read(path) {
        Err(SecretKeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            make(path, random).map_err(|source| SecretKeyError::File { path: path.to_owned(), source })?;
            tracing::info!(path = %path.display(), "made the root key");
            read(path)
        }
        read => read,
    }
}

/// Whether the file can be used; one that is not there yet can.
pub(crate) fn check(path: &Path) -> Result<(), SecretKeyError> {
    match read(path) {
        Err(SecretKeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        read => read.map(drop),
    }
}

fn read(path: &Path) -> Result<RootKey, SecretKeyError> {
    let file = |source| SecretKeyError::File { path: path.to_owned(), source };
    // The open file is what is checked and read: its name can't be given to another one in between.
    let mut opened = fs::File::open(path).map_err(file)?;
    if open_to_others(&opened.metadata().map_err(file)?) {
        return Err(SecretKeyError::Open { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(RootKey::LENGTH * RootKey::MAX + 1).unwrap_or(u64::MAX);
    io::Read::read_to_end(&mut io::Read::take(&mut opened, most), &mut bytes).map_err(file)?;
    let key = RootKey::new(&bytes).map_err(|source| SecretKeyError::Content { path: path.to_owned(), source });
    bytes.fill(0);
    key
}

/// Writes a file of another name and then links it: nobody ever reads half a key, and of two starts at once both take
/// the key of the first.
fn make(path: &Path, random: &dyn Random) -> io::Result<()> {
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    // The database comes to be in the same folder as a rule.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(folder_of(path))?;
    let mut key = [0; RootKey::LENGTH];
    random.fill(&mut key);
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = write(&draft, &key).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    key.fill(0);
    fs::remove_file(&draft)?;
    written
}

fn write(path: &Path, key: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key)?;
    file.sync_all()
}

/// Whether anybody but the owner may do anything with it.
#[cfg(unix)]
pub(crate) fn open_to_others(file: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(file) & 0o077 != 0
}

#[cfg(not(unix))]
pub(crate) fn open_to_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use latchkey_service::SystemRandom;

    use super::*;

    #[test]
    fn it_is_beside_the_database() {
        for (url, path) in [
            ("sqlite://data/latchkey.db", "data/secret.key"),
            ("sqlite:///var/lib/latchkey/l.db?mode=rwc", "/var/lib/latchkey/secret.key"),
            ("sqlite:l.db", "secret.key"),
            ("postgres://user:password@host/database", "data/secret.key"),
        ] {
            assert_eq!(beside(url), Path::new(path), "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("latchkey-key-{}", std::process::id()));
        let path = folder.join("deep").join("secret.key");
        assert!(check(&path).is_ok());
        open(&path, &SystemRandom).unwrap();
        let made = fs::read(&path).unwrap();
        assert_eq!((made.len(), fs::metadata(&path).unwrap().permissions().mode() & 0o777), (32, 0o600));
        for made in [folder.as_path(), &folder.join("deep")] {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700, "{}", made.display());
        }
        open(&path, &SystemRandom).unwrap();
        make(&path, &SystemRandom).unwrap();
        assert_eq!(fs::read(&path).unwrap(), made, "a second start makes no other key");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(open(&path, &SystemRandom), Err(SecretKeyError::Open { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, b"too short").unwrap();
        assert!(matches!(open(&path, &SystemRandom), Err(SecretKeyError::Content { .. })));
        fs::remove_dir_all(folder).unwrap();
    }
}
