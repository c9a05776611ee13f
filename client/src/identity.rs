//! The device's key on disk: made at the first start, guarded, and read again for ever after.
//!
//! Whoever has this file is this device, so nobody but its owner may read it. It is PKCS#8 (DER), as it was made.

use giaoban_proto::transport::{Identity, KeyError};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// No key file is longer. One that is was named by mistake.
const MAX_KEY_BYTES: u64 = 4096;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The environment names no folder for it.
    #[error(
        "no home folder is known, so there is no place for this device's key; name one with --identity FILE"
    )]
    NoHome,
    /// Others may read it.
    #[error("the key {} can be read by others, who could pass for this device; run: chmod 600 {}", .0.display(), quoted(.0))]
    Loose(PathBuf),
    /// It is there and cannot be read.
    #[error("cannot read the key {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It cannot be made.
    #[error("cannot make the key {}: {error}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It was read, and is none.
    #[error("{}: {fault}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: KeyError,
    },
}

/// The usual place: `giaoban/device.key` in the user's configuration folder, by what `variable` says of the
/// environment.
///
/// # Errors
/// [`IdentityError::NoHome`].
pub fn default_path(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, IdentityError> {
    let folder = |name: &str| variable(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = if cfg!(windows) {
        folder("APPDATA")
    } else {
        // A relative path in it is to be ignored (XDG base directory specification).
        folder("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    Ok(config.ok_or(IdentityError::NoHome)?.join("giaoban").join("device.key"))
}

/// Reads the key at `path`, or makes one where there is none.
///
/// # Errors
/// [`IdentityError`]: a key that is there is never written over.
pub fn load_or_create(path: &Path) -> Result<Identity, IdentityError> {
    match File::open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key =
                Identity::generate().map_err(|fault| IdentityError::Key { path: path.into(), fault })?;
            match create(path, key.to_pkcs8()) {
                Ok(()) => Ok(key),
                // Another start of this program was quicker: its key is this device's.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let file =
                        File::open(path).map_err(|error| IdentityError::Read { path: path.into(), error })?;
                    load(path, file)
                }
                Err(error) => Err(IdentityError::Create { path: path.into(), error }),
            }
        }
        Err(error) => Err(IdentityError::Read { path: path.into(), error }),
    }
}

fn load(path: &Path, file: File) -> Result<Identity, IdentityError> {
    let read = |error| IdentityError::Read { path: path.into(), error };
    if is_loose(&file.metadata().map_err(read)?) {
        return Err(IdentityError::Loose(path.into()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_KEY_BYTES).read_to_end(&mut bytes).map_err(read)?;
    Identity::from_pkcs8(&bytes).map_err(|fault| IdentityError::Key { path: path.into(), fault })
}

/// Writes beside, then puts in place in one step: a power cut leaves a whole key or none, and a key that is there
/// stays.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    create_private_folder(folder)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    // One of an earlier process of this number that died here.
    let _ = fs::remove_file(&beside);
    let placed = (|| {
        let mut file = private_file(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // A file system without links (FAT): nearly as good.
                if path.exists() {
                    Err(io::ErrorKind::AlreadyExists.into())
                } else {
                    fs::rename(&beside, path)
                }
            }
            other => other,
        }
    })();
    let _ = fs::remove_file(&beside);
    placed?;
    sync_folder(folder)
}

#[cfg(unix)]
fn is_loose(file: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.permissions().mode() & 0o077 != 0
}

#[cfg(unix)]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

// On Windows the configuration folder is the user's own, and what is in it inherits that.

#[cfg(not(unix))]
fn is_loose(_: &fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn create_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
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
    fn a_key_is_made_once_private_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/giaoban/device.key");
        let made = load_or_create(&path).expect("made");
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        let read = load_or_create(&path).expect("read");
        assert_eq!(made.fingerprint(), read.fingerprint());
        assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("readable").count(), 1);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("của tôi.key");
        load_or_create(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        let said = load_or_create(&path).expect_err("refused").to_string();
        assert!(said.ends_with(&format!("run: chmod 600 '{}'", path.display())), "{said}");
        assert_eq!(said.lines().count(), 1);
    }

    #[test]
    fn a_damaged_key_is_neither_used_nor_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        load_or_create(&path).expect("made");
        for contents in [&b""[..], b"not a key", &[0x30; 10_000]] {
            fs::write(&path, contents).expect("written");
            assert!(matches!(
                load_or_create(&path),
                Err(IdentityError::Key { fault: KeyError::Damaged, .. })
            ));
            assert_eq!(fs::read(&path).expect("read"), contents);
        }
    }

    #[test]
    fn two_first_starts_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("device.key");
        load_or_create(&path).expect("made");
        let kept = fs::read(&path).expect("read");
        let error = create(&path, b"another").expect_err("it is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("read"), kept);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told_with_its_path() {
        let said = load_or_create(Path::new("/proc/giaoban/device.key")).expect_err("no place").to_string();
        assert!(said.contains("/proc/giaoban/device.key"), "{said}");
    }

    #[test]
    fn the_usual_place_follows_the_environment() {
        let path = |variables: &[(&str, &str)]| {
            let found =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
            default_path(found).ok()
        };
        let expect = |path: &str| Some(PathBuf::from(path));
        assert_eq!(path(&[("HOME", "/home/a")]), expect("/home/a/.config/giaoban/device.key"));
        assert_eq!(path(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c")]), expect("/c/giaoban/device.key"));
        assert_eq!(
            path(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "c")]),
            expect("/home/a/.config/giaoban/device.key")
        );
        assert_eq!(path(&[("HOME", "")]), None);
    }
}
