//! The data folder: the bridge's keys, its store, and the lock that says that a bridge runs on them.
//!
//! ```text
//! bridge.key          who this bridge is                spare.key     who it can become
//! bridge.key.old-…    who it was                        giaoban.db    the store, with -wal and -shm beside it
//! bridge.lock         held while a bridge runs; holds its process number
//! recordings/         of meetings               announcements/        what operators play into them
//! ```
//!
//! All of it is its owner's alone (0700, 0600); what is looser is refused with the command that mends it.

use crate::announcement::Announcements;
use crate::recording::disk::Folder;
use crate::store::{Registry, system_clock};
use anyhow::{Context as _, bail};
use giaoban_proto::link::Fingerprint;
use giaoban_proto::transport::{Identity, private};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// The data folder.
#[derive(Clone, Debug)]
pub struct House {
    folder: PathBuf,
}

/// Held while a bridge runs. The system gives it back however the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "what is held is that it is open")] File);

/// The keys of a bridge.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Who it is.
    pub identity: Identity,
    /// Who it can become.
    pub spare: Fingerprint,
    /// Whether both are new though the store is not, so that no link that was given out is of use.
    pub lost: bool,
}

impl House {
    /// This folder, which need not be there.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bridge's key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.join("bridge.key")
    }

    /// The spare key.
    #[must_use]
    pub fn spare(&self) -> PathBuf {
        self.folder.join("spare.key")
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.join("giaoban.db")
    }

    /// The folder for recordings, made if need be.
    ///
    /// # Errors
    /// Others may look into it, or it cannot be made.
    pub fn recordings(&self) -> Result<Folder, private::PrivateError> {
        Folder::at(&self.recordings_folder())
    }

    /// Where recordings lie.
    #[must_use]
    pub fn recordings_folder(&self) -> PathBuf {
        self.folder.join("recordings")
    }

    /// What can be played into rooms.
    #[must_use]
    pub fn announcements(&self) -> Announcements {
        Announcements::of(&self.announcements_folder())
    }

    /// Where announcements lie.
    #[must_use]
    pub fn announcements_folder(&self) -> PathBuf {
        self.folder.join("announcements")
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("bridge.lock")
    }

    /// The files here that nobody else may read, as far as they are there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn private_files(&self) -> io::Result<Vec<PathBuf>> {
        const OURS: [&str; 4] = ["giaoban.db", "bridge.lock", "bridge.key", "spare.key"];
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if OURS.iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }

    /// Refuses what others may read.
    ///
    /// # Errors
    /// Says which it is and how to mend it.
    pub fn closed(&self) -> anyhow::Result<()> {
        private::folder(&self.folder)?;
        let files =
            self.private_files().with_context(|| format!("cannot look into {}", self.folder.display()))?;
        for file in files {
            private::closed(&file)?;
        }
        Ok(())
    }

    /// The store that a bridge has made here, to be used beside it.
    ///
    /// # Errors
    /// There is none, others may read it, or it cannot be used.
    pub fn registry(&self) -> anyhow::Result<Registry> {
        let store = self.store();
        if !store.try_exists().with_context(|| format!("cannot look into {}", self.folder.display()))? {
            bail!(
                "there is no bridge's store in {}; start the bridge once (giaoban-bridge serve), or name its folder \
                 with --data",
                self.folder.display()
            );
        }
        self.closed()?;
        Ok(Registry::open(&store, &actor(), system_clock())?)
    }

    /// Takes the folder for one bridge; makes it if need be.
    ///
    /// # Errors
    /// Another bridge runs on it, or it cannot be used.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        self.closed()?;
        self.owned()?;
        let path = self.lock_file();
        private::file(&path)?;
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "a bridge runs on {} already{}; stop it first, or give this one another folder with --data",
                self.folder.display(),
                process(&mut file).map(|pid| format!(" (process {pid})")).unwrap_or_default(),
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write to {}", path.display()))?;
        Ok(Lock(file))
    }

    /// Whether a bridge runs on this folder; if so its process number, as far as is known.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn running(&self) -> io::Result<Option<Option<u32>>> {
        let path = self.lock_file();
        if !path.try_exists()? {
            return Ok(None);
        }
        let mut file = OpenOptions::new().read(true).open(&path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(process(&mut file))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The keys of a bridge that starts; makes what was never there.
    ///
    /// # Errors
    /// A key that links name is gone, or one cannot be used.
    pub fn keys(&self) -> anyhow::Result<Keys> {
        let (key, spare) = (self.key(), self.spare());
        let (has_key, has_spare) = (private::closed(&key)?, private::closed(&spare)?);
        if !has_key && has_spare {
            bail!(
                "{} is gone, though links name it; put back a copy of it, or go on with the spare key: \
                 giaoban-bridge key rotate",
                key.display()
            );
        }
        let lost = !has_key && self.store().try_exists()?;
        let identity = private::identity(&key)?;
        Ok(Keys { identity, spare: private::identity(&spare)?.fingerprint(), lost })
    }

    /// Refuses to leave files that the bridge's own user could not read.
    ///
    /// # Errors
    /// The folder is somebody else's.
    pub fn owned(&self) -> anyhow::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let owner = fs::metadata(&self.folder)?.uid();
            let me = rustix::process::geteuid().as_raw();
            if owner != me {
                bail!(
                    "{} belongs to user number {owner}, and this is user number {me}; run this as that user: \
                     sudo -u '#{owner}' giaoban-bridge …",
                    self.folder.display()
                );
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// The number that the holder of the lock has written.
fn process(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// In whose name the command line writes.
fn actor() -> String {
    let named =
        ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name: String = named.unwrap_or_default().chars().filter(|c| !c.is_control()).take(32).collect();
    let name = if name.is_empty() { "unknown".to_owned() } else { name };
    #[cfg(unix)]
    return format!("command line ({name}, user number {})", rustix::process::getuid().as_raw());
    #[cfg(not(unix))]
    format!("command line ({name})")
}
