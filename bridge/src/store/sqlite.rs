//! The store on disk: SQLite, bundled, one file, one thread that talks to it.
//!
//! `synchronous=FULL` with a write-ahead log: what was answered survives a power cut.

use super::{Ask, Store, Verdict, decide};
use giaoban_proto::link::Code;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Requests that may wait for the disk. One is a joining device; more than these and the disk is gone.
const QUEUE: usize = 1024;

/// The schema's version, in SQLite's `user_version`. A change adds a step to `migrate`.
const SCHEMA: i32 = 1;

/// The room that a new bridge opens.
pub const FIRST_ROOM: &str = "giaoban";

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error("the store {0} cannot be used: {1}; if the disk is sound, put back a copy of the data folder")]
    Sqlite(PathBuf, #[source] rusqlite::Error),
    /// Written by a newer program.
    #[error("the store {0} was written by a newer giaoban-bridge; update this one")]
    Newer(PathBuf),
    /// A secret in it has the wrong size.
    #[error("the store {0} is damaged; put back a copy of the data folder")]
    Damaged(PathBuf),
    /// No secret could be made for a new store.
    #[error("the system gives no random numbers")]
    Random,
    /// No thread could be started.
    #[error("the store's thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// What a new store is given and later ones keep.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// What a join link must carry for a device that has not been here.
    pub code: Code,
    /// From which stateless resets and tokens are made, so that clients learn at once of a restart.
    pub reset: [u8; 32],
}

/// The store on disk.
#[derive(Debug)]
pub struct SqliteStore {
    secrets: Secrets,
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

struct Request {
    ask: Ask,
    answer: oneshot::Sender<Verdict>,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes a new one with the room [`FIRST_ROOM`] and secrets from `make`.
    ///
    /// # Errors
    /// [`StoreError`], each with what to do. An existing file is never replaced.
    pub fn open(
        path: &Path,
        make: impl FnOnce() -> Result<(Code, [u8; 32]), StoreError>,
    ) -> Result<Self, StoreError> {
        let sqlite = |error| StoreError::Sqlite(path.to_owned(), error);
        let mut connection = Connection::open(path).map_err(sqlite)?;
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;")
            .map_err(sqlite)?;
        let version: i32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
        match version {
            0 => {
                let (code, reset) = make()?;
                migrate(&mut connection, &Secrets { code, reset }).map_err(sqlite)?;
            }
            SCHEMA => {}
            _ => return Err(StoreError::Newer(path.to_owned())),
        }
        let secrets =
            read_secrets(&connection).map_err(sqlite)?.ok_or_else(|| StoreError::Damaged(path.to_owned()))?;
        let code = secrets.code;
        let (requests, waiting) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || serve(&connection, &code, &waiting))
            .map_err(StoreError::Thread)?;
        Ok(Self { secrets, requests: Some(requests), thread: Some(thread) })
    }

    /// The secrets.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

impl Store for SqliteStore {
    fn admit(&self, ask: Ask) -> oneshot::Receiver<Verdict> {
        let (answer, later) = oneshot::channel();
        if let Some(requests) = &self.requests {
            // Full means a disk that has stopped: the dropped answer says so to whoever asked.
            let _ = requests.try_send(Request { ask, answer });
        }
        later
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn migrate(connection: &mut Connection, secrets: &Secrets) -> rusqlite::Result<()> {
    let change = connection.transaction()?;
    change.execute_batch(
        "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
         CREATE TABLE rooms (name TEXT PRIMARY KEY) STRICT;
         CREATE TABLE devices (key BLOB PRIMARY KEY, name TEXT NOT NULL) STRICT;",
    )?;
    change.execute("INSERT INTO rooms (name) VALUES (?1)", [FIRST_ROOM])?;
    let mut insert = change.prepare("INSERT INTO secrets (name, value) VALUES (?1, ?2)")?;
    insert.execute(params!["code", secrets.code.as_bytes()])?;
    insert.execute(params!["reset", secrets.reset])?;
    drop(insert);
    change.pragma_update(None, "user_version", SCHEMA)?;
    change.commit()
}

fn read_secrets(connection: &Connection) -> rusqlite::Result<Option<Secrets>> {
    let secret = |name: &str| -> rusqlite::Result<Vec<u8>> {
        connection.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))
    };
    let (code, reset) = (secret("code")?, secret("reset")?);
    Ok(match (code.try_into(), reset.try_into()) {
        (Ok(code), Ok(reset)) => Some(Secrets { code: Code::from_bytes(code), reset }),
        _ => None,
    })
}

fn serve(connection: &Connection, code: &Code, waiting: &Receiver<Request>) {
    while let Ok(Request { ask, answer }) = waiting.recv() {
        match admit(connection, code, &ask) {
            Ok(verdict) => {
                // Nobody may be waiting any more.
                let _ = answer.send(verdict);
            }
            Err(error) => tracing::error!(%error, "the store could not look a device up"),
        }
    }
}

fn admit(connection: &Connection, code: &Code, ask: &Ask) -> rusqlite::Result<Verdict> {
    let exists = connection
        .query_row("SELECT 1 FROM rooms WHERE name = ?1", [ask.room.as_str()], |_| Ok(()))
        .optional()?
        .is_some();
    let key = ask.device.as_bytes();
    let known = connection
        .query_row("SELECT name FROM devices WHERE key = ?1", [key], |row| row.get(0))
        .optional()?;
    decide(ask, exists, known, code, |name| {
        connection
            .execute(
                "INSERT INTO devices (key, name) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET name = ?2",
                params![key, name],
            )
            .map(drop)
    })
}
