//! Files that only their owner may read: a shell, the one for keys at both ends and for what a client remembers.
//!
//! A key is made once, written whole or not at all, and refused when others can read it: then it may be theirs too.
//! One that is there is never written over. It is PKCS#8 (DER), as it was made.

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
    #[error("{path} can be read by other users of this machine; run: chmod {1} {typed}", path = .0.display(), typed = quoted(.0))]
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
    let io = |error| PrivateError::Io(folder.to_owned(), error);
    create_folder(folder).map_err(io)?;
    check(folder, &fs::metadata(folder).map_err(io)?, "700")
}

/// Makes sure that `file` is there, empty if it was not, and only its owner may read it.
///
/// # Errors
/// [`PrivateError::Loose`] for one that others may read, else [`PrivateError::Io`].
pub fn file(file: &Path) -> Result<(), PrivateError> {
    let io = |error| PrivateError::Io(file.to_owned(), error);
    match create(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check(file, &fs::metadata(file).map_err(io)?, "600")
        }
        Err(error) => Err(io(error)),
    }
}

/// Whether `file` is there; one that is, only its owner may read.
///
/// # Errors
/// [`PrivateError::Loose`] for one that others may read, else [`PrivateError::Io`].
pub fn closed(file: &Path) -> Result<bool, PrivateError> {
    match fs::metadata(file) {
        Ok(found) => check(file, &found, "600").map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PrivateError::Io(file.to_owned(), error)),
    }
}

/// Puts a new file at `path`, with these bytes and closed to others: all of it or nothing.
///
/// # Errors
/// [`PrivateError::Io`], of [`io::ErrorKind::AlreadyExists`] for a file that is there, which stays as it is.
pub fn put_new(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    place(path, bytes).map_err(|error| PrivateError::Io(path.to_owned(), error))
}

/// The identity in the file at `path`, which must be there.
///
/// # Errors
/// [`PrivateError`].
pub fn known_identity(path: &Path) -> Result<Identity, PrivateError> {
    let file = File::open(path).map_err(|error| PrivateError::Io(path.to_owned(), error))?;
    read_identity(path, file)
}

/// The identity in the file at `path`; makes one where there is none yet, and the folders to it.
///
/// A folder that is made is its owner's alone; one that is there is left as it is: see [`folder`].
///
/// # Errors
/// [`PrivateError`]; a file that is there is never replaced.
pub fn identity(path: &Path) -> Result<Identity, PrivateError> {
    let io = |error| PrivateError::Io(path.to_owned(), error);
    match File::open(path) {
        Ok(file) => read_identity(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let identity = Identity::generate()?;
            match place(path, identity.to_pkcs8()) {
                Ok(()) => Ok(identity),
                // Another start of this program was quicker: its key is the one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    read_identity(path, File::open(path).map_err(io)?)
                }
                Err(error) => Err(io(error)),
            }
        }
        Err(error) => Err(io(error)),
    }
}

/// What is in the file at `path`, at most `most` bytes of it; `None` where there is no such file.
///
/// # Errors
/// [`PrivateError::Loose`] for one that others may read, else [`PrivateError::Io`].
pub fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, PrivateError> {
    let io = |error| PrivateError::Io(path.to_owned(), error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    check(path, &file.metadata().map_err(io)?, "600")?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(io)?;
    Ok(Some(bytes))
}

/// Makes `bytes` all that the file at `path` holds, in one step: whoever looks, after a power cut too, finds all of
/// the old or all of the new. Makes the folders to it; see [`identity`]. Not for keys.
///
/// # Errors
/// [`PrivateError::Io`]; what was there is then there still.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    put(path, bytes, |beside, path| fs::rename(beside, path))
        .map_err(|error| PrivateError::Io(path.to_owned(), error))
}

fn read_identity(path: &Path, file: File) -> Result<Identity, PrivateError> {
    let io = |error| PrivateError::Io(path.to_owned(), error);
    // Of the file that is open: what the path names may be another by now.
    check(path, &file.metadata().map_err(io)?, "600")?;
    let mut der = Vec::new();
    file.take(MAX_KEY_FILE).read_to_end(&mut der).map_err(io)?;
    Identity::from_pkcs8(&der).map_err(|_| PrivateError::NoKey(path.to_owned()))
}

/// Puts a file in place where there is none: one that is there stays.
fn place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(path, bytes, link)
}

/// Writes beside, then puts in place in one step: a power cut leaves the whole file or none.
fn put(path: &Path, bytes: &[u8], name: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    create_folder(folder)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    // One of an earlier process of this number that died here.
    let _ = fs::remove_file(&beside);
    let placed = write_new(&beside, bytes).and_then(|()| name(&beside, path));
    let _ = fs::remove_file(&beside);
    placed?;
    // The name as well; where a folder cannot be opened (Windows) the system sees to it.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all()?;
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives the file at `beside` the name `path` too, unless that is taken.
fn link(beside: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(beside, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without links (FAT): nearly as good.
            if path.try_exists()? {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                fs::rename(beside, path)
            }
        }
        linked => linked,
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn check(path: &Path, found: &fs::Metadata, wanted: &'static str) -> Result<(), PrivateError> {
    use std::os::unix::fs::PermissionsExt;
    let loose = found.permissions().mode() & 0o077 != 0;
    if loose { Err(PrivateError::Loose(path.to_owned(), wanted)) } else { Ok(()) }
}

/// Elsewhere a user's own folders are closed to others by inheritance.
#[cfg(not(unix))]
fn check(_: &Path, _: &fs::Metadata, _: &'static str) -> Result<(), PrivateError> {
    Ok(())
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
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
    fn the_command_that_mends_it_can_be_pasted_whatever_the_name_is() {
        let place = tempfile::tempdir().expect("a folder");
        for (name, typed) in [("của 'tôi'.key", r"của '\''tôi'\''.key"), ("a b.key", "a b.key")] {
            let path = place.path().join(name);
            identity(&path).expect("made");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
            let said = identity(&path).expect_err("refused").to_string();
            let command = format!("run: chmod 600 '{}/{typed}'", place.path().display());
            assert!(said.ends_with(&command) && said.lines().count() == 1, "{said}");
        }
    }

    #[test]
    fn missing_folders_are_made_private_and_others_left_as_they_are() {
        let place = tempfile::tempdir().expect("a folder");
        let home = place.path().join("home");
        fs::create_dir(&home).expect("made");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).expect("set");
        identity(&home.join("device.key")).expect("made in a folder that others may enter");
        identity(&home.join("a/b/device.key")).expect("made");
        assert_eq!([mode(&home), mode(&home.join("a")), mode(&home.join("a/b"))], [0o755, 0o700, 0o700]);
    }

    #[test]
    fn what_is_only_read_is_never_made_and_what_is_put_never_put_over() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("spare.key");
        assert!(!closed(&path).expect("looks") && known_identity(&path).is_err());
        let made = Identity::generate().expect("a key");
        put_new(&path, made.to_pkcs8()).expect("put");
        assert!(closed(&path).expect("looks"));
        assert_eq!(known_identity(&path).expect("read").public_key(), made.public_key());
        assert!(
            matches!(put_new(&path, b"x"), Err(PrivateError::Io(_, e)) if e.kind() == io::ErrorKind::AlreadyExists)
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("set");
        assert!(matches!(closed(&path), Err(PrivateError::Loose(..))));
        assert!(matches!(known_identity(&path), Err(PrivateError::Loose(..))));
    }

    #[test]
    fn two_first_starts_at_once_agree_on_one_key() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("device.key");
        identity(&path).expect("made");
        let kept = fs::read(&path).expect("read");
        let error = place(&path, b"another").expect_err("it is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("read"), kept);
        assert_eq!(fs::read_dir(home.path()).expect("lists").count(), 1);
    }

    #[test]
    fn what_is_replaced_is_private_whole_and_alone_in_its_folder() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a/site.toml");
        assert_eq!(read(&path, 100).expect("looks"), None);
        for contents in [&b"first"[..], b"second"] {
            replace(&path, contents).expect("written");
            assert_eq!(read(&path, 100).expect("read").as_deref(), Some(contents));
            assert_eq!((mode(&path), mode(&place.path().join("a"))), (0o600, 0o700));
            assert_eq!(fs::read_dir(place.path().join("a")).expect("lists").count(), 1);
        }
        assert_eq!(read(&path, 3).expect("read").as_deref(), Some(&b"sec"[..]));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        assert!(matches!(read(&path, 100), Err(PrivateError::Loose(..))));
        assert!(matches!(replace(Path::new("/proc/giaoban/site.toml"), b""), Err(PrivateError::Io(..))));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_with_its_path() {
        let said = identity(Path::new("/proc/giaoban/device.key")).expect_err("no place").to_string();
        assert!(said.contains("/proc/giaoban/device.key"), "{said}");
    }

    #[test]
    fn a_file_that_holds_no_key_is_left_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("bridge.key");
        file(&path).expect("made");
        for contents in [&b""[..], b"not a key", &[0x30; 10_000]] {
            fs::write(&path, contents).expect("written");
            assert!(matches!(identity(&path), Err(PrivateError::NoKey(_))));
            assert_eq!(fs::read(&path).expect("is there"), contents);
        }
    }
}
