//! Work inside one transaction: the connection, in whose name, and the one moment at which all of it happens.

use super::{StoreError, UnixMs};
use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, Params, ffi};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is done inside a transaction.
pub(super) type Work<T> = Result<T, StoreError>;

/// See the module. Its methods are where their subject is.
pub(super) struct Desk<'a> {
    pub(super) db: &'a Connection,
    pub(super) actor: &'a str,
    pub(super) now: UnixMs,
    faults: &'a Faults,
    seen: &'a Seen,
}

/// What a transaction has come to.
#[derive(Debug, Default)]
pub(super) struct Seen {
    wrote: Cell<bool>,
    /// Whether sites, devices or rooms have changed.
    pub(super) touched: Cell<bool>,
}

impl<'a> Desk<'a> {
    pub(super) const fn new(
        db: &'a Connection,
        actor: &'a str,
        now: UnixMs,
        faults: &'a Faults,
        seen: &'a Seen,
    ) -> Self {
        Self { db, actor, now, faults, seen }
    }

    /// The same transaction, for what happened then.
    pub(super) const fn at(&self, then: UnixMs) -> Self {
        Self { now: then, ..*self }
    }

    /// Every write goes through here, so that every write can be made to fail.
    pub(super) fn write(&self, sql: &str, values: impl Params) -> Work<usize> {
        self.faults.pass()?;
        self.seen.wrote.set(true);
        Ok(self.db.prepare(sql)?.execute(values)?)
    }

    /// A commit writes too, if there is anything to commit.
    pub(super) fn about_to_commit(&self) -> Work<()> {
        if self.seen.wrote.get() { Ok(self.faults.pass()?) } else { Ok(()) }
    }

    /// Sites, devices or rooms are no longer as they were.
    pub(super) fn touch(&self) {
        self.seen.touched.set(true);
    }
}

/// A disk that can be told to be full, for tests.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// 0: sound. n: the write after n - 1 more fails, and so do all later ones.
    writes: AtomicU64,
}

impl Faults {
    /// The `nth` write from now fails (1 is the next), and all after it; 0 makes the disk sound again.
    pub(super) fn set(&self, nth: u64) {
        self.writes.store(nth, Relaxed);
    }

    /// A write, or a commit, is about to be done.
    pub(super) fn pass(&self) -> Result<(), rusqlite::Error> {
        match self.writes.load(Relaxed) {
            0 => Ok(()),
            1 => Err(rusqlite::Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_FULL),
                Some("told to be full".into()),
            )),
            left => {
                self.writes.store(left - 1, Relaxed);
                Ok(())
            }
        }
    }
}

/// From the system's source for secrets.
pub(super) fn random<const N: usize>() -> Work<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Random)?;
    Ok(bytes)
}
