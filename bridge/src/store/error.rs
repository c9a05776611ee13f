//! Why the store did not do what was asked, each with what to do.

use std::path::{Path, PathBuf};

/// Why the store cannot be used, or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error("the store {0} cannot be used: {1}; if the disk is sound, put back a copy of the data folder")]
    Sqlite(PathBuf, #[source] rusqlite::Error),
    /// The disk is full.
    #[error("the disk that holds {0} is full; make room on it")]
    DiskFull(PathBuf),
    /// Another process has held the store for longer than a change takes.
    #[error("the store {0} is being changed by another giaoban-bridge; try again")]
    Busy(PathBuf),
    /// Written by a newer program.
    #[error("the store {0} was written by a newer giaoban-bridge; update this one")]
    Newer(PathBuf),
    /// Something in it has the wrong size or kind.
    #[error("the store {0} is damaged; put back a copy of the data folder")]
    Damaged(PathBuf),
    /// No secret could be made.
    #[error("the system gives no random numbers")]
    Random,
    /// No thread could be started.
    #[error("the store's thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// No site of that name or number.
    #[error("there is no site {0}; `giaoban-bridge site list` says which there are")]
    NoSuchSite(String),
    /// Another site has that name.
    #[error("there is a site {0} already; choose another name")]
    SiteExists(String),
    /// A text that cannot name a site.
    #[error("a site's name has 1 to 64 bytes (an accented letter takes 2 or 3), and no control characters")]
    BadSiteName,
    /// No room of that name.
    #[error("there is no room {0}; `giaoban-bridge room list` says which there are")]
    NoSuchRoom(String),
    /// Another room has that name.
    #[error("there is a room {0} already; choose another name")]
    RoomExists(String),
    /// A text that cannot name a room.
    #[error(transparent)]
    BadRoomName(#[from] giaoban_proto::link::RoomNameError),
    /// No recording of that number.
    #[error("there is no recording {0}; `giaoban-bridge recordings list` says which there are")]
    NoSuchRecording(i64),
    /// It cannot be removed yet.
    #[error("recording {0} goes on; the operator of its room stops it (giaoban ctl … record stop)")]
    StillRecording(i64),
    /// A text that is no PIN.
    #[error("a PIN has 8 to 16 digits")]
    BadPin,
    /// A room for nobody.
    #[error("a room must have space for at least one member")]
    NoMembers,
}

impl From<rusqlite::Error> for StoreError {
    /// Of no file in particular; the registry says of which.
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(PathBuf::new(), error)
    }
}

impl StoreError {
    /// The same, of this file, and by its remedy.
    pub(super) fn of(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(_, error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull(path.to_owned()),
                Some(rusqlite::ErrorCode::DatabaseBusy) => Self::Busy(path.to_owned()),
                _ => Self::Sqlite(path.to_owned(), error),
            },
            Self::Damaged(_) => Self::Damaged(path.to_owned()),
            Self::Newer(_) => Self::Newer(path.to_owned()),
            other => other,
        }
    }

    /// Whether the same might go well later: the disk or another process is to blame, not what was asked.
    pub(super) fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        match self {
            Self::Sqlite(_, error) => matches!(
                error.sqlite_error_code(),
                Some(
                    Code::DiskFull
                        | Code::SystemIoFailure
                        | Code::DatabaseBusy
                        | Code::DatabaseLocked
                        | Code::ReadOnly
                        | Code::CannotOpen
                        | Code::OutOfMemory
                )
            ),
            Self::DiskFull(_) | Self::Busy(_) => true,
            _ => false,
        }
    }
}
