//! Where recordings lie: a folder of files that are only added to.
//!
//! Behind a trait, so that a disk can be full, slow or torn in a test.

use giaoban_proto::transport::private;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A folder for recordings.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file to be added to, and makes it where it is not there.
    ///
    /// # Errors
    /// As the system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn Sheet>>;

    /// A file from its beginning, for whoever reads it while it is added to.
    ///
    /// # Errors
    /// As the system says: there is none.
    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Removes a file. One that is not there is no fault.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A file that is only added to.
pub trait Sheet: Send {
    /// All that is in it, from its beginning.
    ///
    /// # Errors
    /// As the system says.
    fn read(&mut self) -> io::Result<Box<dyn Read + '_>>;

    /// How many bytes it holds.
    ///
    /// # Errors
    /// As the system says.
    fn length(&mut self) -> io::Result<u64>;

    /// Makes it end after so many bytes.
    ///
    /// # Errors
    /// As the system says.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;

    /// Adds to its end.
    ///
    /// # Errors
    /// As the system says; some of it may have been added then.
    fn add(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when what was added survives a power cut.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the system's, its owner's alone.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// This folder, which is made where it is not there.
    ///
    /// # Errors
    /// Others may read it, or it cannot be made.
    pub fn at(path: &Path) -> Result<Self, private::PrivateError> {
        private::folder(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where a file of this name is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Disk for Folder {
    fn open(&self, name: &str) -> io::Result<Box<dyn Sheet>> {
        let path = self.path(name);
        let is_new = !path.try_exists()?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        if is_new {
            // Its name is to survive too. Where a folder cannot be opened the system sees to that by itself.
            #[cfg(unix)]
            File::open(&self.path)?.sync_all()?;
        }
        Ok(Box::new(file))
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::BufReader::with_capacity(1 << 16, File::open(self.path(name))?)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Sheet for File {
    fn read(&mut self) -> io::Result<Box<dyn Read + '_>> {
        self.seek(SeekFrom::Start(0))?;
        Ok(Box::new(io::BufReader::with_capacity(1 << 16, self)))
    }

    fn length(&mut self) -> io::Result<u64> {
        self.metadata().map(|found| found.len())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A folder in memory, which can be told to be full or to hold its files back, for tests and benches.
pub mod memory {
    use super::{Disk, Sheet};
    use std::collections::BTreeMap;
    use std::io::{self, Read};
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    /// See the module.
    #[derive(Clone, Debug, Default)]
    pub struct Memory(Arc<Mutex<State>>);

    #[derive(Debug, Default)]
    struct State {
        files: BTreeMap<String, Vec<u8>>,
        /// Bytes that may still be added; `None` for no end of them.
        room: Option<usize>,
    }

    impl Memory {
        /// Takes so many bytes more, and no more than that; `None` makes it sound again.
        pub fn set_room(&self, bytes: Option<usize>) {
            self.state().room = bytes;
        }

        /// What is in a file; `None` where there is none of that name.
        #[must_use]
        pub fn file(&self, name: &str) -> Option<Vec<u8>> {
            self.state().files.get(name).cloned()
        }

        /// Makes a file hold this.
        pub fn put(&self, name: &str, bytes: Vec<u8>) {
            self.state().files.insert(name.to_owned(), bytes);
        }

        /// The files there are.
        #[must_use]
        pub fn names(&self) -> Vec<String> {
            self.state().files.keys().cloned().collect()
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Disk for Memory {
        fn open(&self, name: &str) -> io::Result<Box<dyn Sheet>> {
            let mut state = self.state();
            if state.room == Some(0) && !state.files.contains_key(name) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.files.entry(name.to_owned()).or_default();
            Ok(Box::new(Open { disk: self.clone(), name: name.to_owned() }))
        }

        fn read(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
            if !self.state().files.contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(Box::new(Growing { disk: self.clone(), name: name.to_owned(), at: 0 }))
        }

        fn remove(&self, name: &str) -> io::Result<()> {
            self.state().files.remove(name);
            Ok(())
        }
    }

    /// A file as far as it was written when it is looked at.
    struct Growing {
        disk: Memory,
        name: String,
        at: usize,
    }

    impl Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let state = self.disk.state();
            let left = state.files.get(&self.name).and_then(|file| file.get(self.at..)).unwrap_or_default();
            let read = left.len().min(buffer.len());
            buffer[..read].copy_from_slice(&left[..read]);
            self.at += read;
            Ok(read)
        }
    }

    struct Open {
        disk: Memory,
        name: String,
    }

    impl Sheet for Open {
        fn read(&mut self) -> io::Result<Box<dyn Read + '_>> {
            Ok(Box::new(io::Cursor::new(self.disk.file(&self.name).unwrap_or_default())))
        }

        fn length(&mut self) -> io::Result<u64> {
            Ok(self.disk.state().files.get(&self.name).map_or(0, Vec::len) as u64)
        }

        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            let mut state = self.disk.state();
            if let Some(file) = state.files.get_mut(&self.name) {
                file.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            Ok(())
        }

        fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut state = self.disk.state();
            let taken = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
            state.room = state.room.map(|room| room - taken);
            state.files.entry(self.name.clone()).or_default().extend_from_slice(&bytes[..taken]);
            if taken < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            if self.disk.state().room == Some(0) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }
}
