//! Files that only their owner may read: a shell, the one for keys at both ends.
//!
//! A key is made once, written whole or not at all, and refused when others can read it: then it may be theirs too.

use super::keys::{Identity, KeyError};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Largest file that is read as a key, in bytes; ours have some 85.
const MAX_KEY_FILE: u64 = 4096;

/// Why a private file cannot be used, and what to do.
#[derive(Debug, Error)]
pub enum PrivateError {
    /// The system says no.
    #[error("cannot use {0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// Others may read it.
    #[error("{0} can be read by other users of this machine; run: chmod {1} '{0}'")]
    Loose(PathBuf, &'static str),
    /// It is there and holds no key of ours.
    #[error(
        "{0} holds no key that this program can read; put back a copy of it, or move it away to get a new one"
    )]
    NoKey(PathBuf),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Makes sure that `folder` is there and only its owner may look into it.
///
/// # Errors
/// [`PrivateError::Loose`] for one that others may enter, else [`PrivateError::Io`].
pub fn folder(folder: &Path) -> Result<(), PrivateError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| PrivateError::Io(folder.to_owned(), error))?;
    check(folder, "700")
}

/// Makes sure that `file` is there, empty if it was not, and only its owner may read it.
///
/// # Errors
/// [`PrivateError::Loose`] for one that others may read, else [`PrivateError::Io`].
pub fn file(file: &Path) -> Result<(), PrivateError> {
    match create(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check(file, "600"),
        Err(error) => Err(PrivateError::Io(file.to_owned(), error)),
    }
}

/// The identity in the file at `path`; makes one where there is none yet.
///
/// # Errors
/// [`PrivateError`]; a file that is there is never replaced.
pub fn identity(path: &Path) -> Result<Identity, PrivateError> {
    let io = |error| PrivateError::Io(path.to_owned(), error);
    match File::open(path) {
        Ok(file) => {
            check(path, "600")?;
            let mut der = Vec::new();
            file.take(MAX_KEY_FILE).read_to_end(&mut der).map_err(io)?;
            Identity::from_pkcs8(&der).map_err(|_| PrivateError::NoKey(path.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = Identity::generate()?;
            write_whole(path, identity.to_pkcs8()).map_err(io)?;
            Ok(identity)
        }
        Err(error) => Err(io(error)),
    }
}

/// A power cut leaves the whole file or none.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = path.with_file_name(name);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The name as well; where a folder cannot be opened (Windows) the system sees to it.
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        folder.sync_all()?;
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn check(path: &Path, wanted: &'static str) -> Result<(), PrivateError> {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        fs::metadata(path).map_err(|error| PrivateError::Io(path.to_owned(), error))?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(PrivateError::Loose(path.to_owned(), wanted)) }
}

/// Elsewhere a user's own folders are closed to others by inheritance.
#[cfg(not(unix))]
fn check(_: &Path, _: &'static str) -> Result<(), PrivateError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("is there").permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_and_closed_to_others() {
        let place = tempfile::tempdir().expect("a folder");
        let home = place.path().join("a/b");
        folder(&home).expect("made");
        let path = home.join("device.key");
        let first = identity(&path).expect("made");
        assert_eq!(identity(&path).expect("read").public_key(), first.public_key());
        assert_eq!((mode(&home), mode(&path)), (0o700, 0o600));
        assert_eq!(fs::read_dir(&home).expect("lists").count(), 1);
    }

    #[test]
    fn what_others_can_read_is_refused_with_the_command_that_mends_it() {
        let place = tempfile::tempdir().expect("a folder");
        let home = place.path().join("data");
        folder(&home).expect("made");
        let path = home.join("bridge.key");
        identity(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        let said = identity(&path).expect_err("refused").to_string();
        assert!(said.contains("chmod 600") && said.contains("bridge.key"), "{said}");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).expect("set");
        assert!(folder(&home).expect_err("refused").to_string().contains("chmod 700"));
    }

    #[test]
    fn a_file_that_holds_no_key_is_left_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("bridge.key");
        file(&path).expect("made");
        assert!(matches!(identity(&path), Err(PrivateError::NoKey(_))));
        assert_eq!(fs::read(&path).expect("is there"), b"");
    }
}
