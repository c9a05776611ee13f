//! Everything that can be asked of the store, and done to it, by whatever process.
//!
//! Each change is one transaction that begins by taking the write lock, with its row of the audit in it; a running
//! bridge sees what another process has changed within a quarter of a second. Blocks on the disk: a bridge gives it a
//! thread of its own ([`super::SqliteStore`]). What can be done is where its subject is: `sites`, `rooms`,
//! `attendance`, `audit`.

use super::desk::{Desk, Faults, Seen, Work};
use super::{Clock, Invitation, StoreError, UnixMs, schema};
use giaoban_proto::wire::SiteRole;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The room that a new bridge opens.
pub const FIRST_ROOM: &str = "giaoban";

/// The site that runs the meetings of a new bridge.
pub const FIRST_SITE: &str = "Điều hành";

/// What a new store is given and later ones keep.
#[derive(Clone)]
pub struct Secrets {
    /// From which stateless resets and tokens are made, so that clients learn at once of a restart.
    pub reset: [u8; 32],
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// What a bridge's start gives out while it has no operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstStart {
    /// The name of the site that is to run the meetings.
    pub site: String,
    /// The invitation for its first device.
    pub invitation: Invitation,
}

/// See the module.
pub struct Registry {
    pub(super) db: Connection,
    path: PathBuf,
    actor: String,
    clock: Clock,
    pub(super) faults: Arc<Faults>,
    /// Whether sites, devices or rooms have been changed through this registry since that was last asked.
    pub(super) touched: bool,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("path", &self.path)
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Opens the store at `path`, or makes a new one with a room, [`FIRST_ROOM`], and a site to run it,
    /// [`FIRST_SITE`]. In the audit, what is done through it is done by `actor`.
    ///
    /// # Errors
    /// [`StoreError`], each with what to do. An existing file is never replaced.
    pub fn open(path: &Path, actor: &str, mut clock: Clock) -> Result<Self, StoreError> {
        let db = schema::open(path, actor, &mut clock).map_err(|error| error.of(path))?;
        Ok(Self::over(db, path.to_owned(), actor, clock))
    }

    /// A new store in memory, which is gone with the registry.
    ///
    /// # Errors
    /// [`StoreError`] when there is no memory.
    pub fn in_memory(actor: &str, mut clock: Clock) -> Result<Self, StoreError> {
        let db = schema::in_memory(actor, &mut clock)?;
        Ok(Self::over(db, ":memory:".into(), actor, clock))
    }

    fn over(db: Connection, path: PathBuf, actor: &str, clock: Clock) -> Self {
        Self { db, path, actor: actor.to_owned(), clock, faults: Arc::default(), touched: false }
    }

    /// The secrets.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn secrets(&self) -> Result<Secrets, StoreError> {
        self.read(|db| {
            let reset = db.query_row("SELECT value FROM secrets WHERE name = 'reset'", [], |row| row.get(0));
            match reset.optional() {
                Ok(Some(reset)) => Ok(Secrets { reset }),
                _ => Err(StoreError::Damaged(PathBuf::new())),
            }
        })
    }

    /// While no operator's device is enrolled: a new invitation for one, which voids the one given out before. `None`
    /// when there is an operator.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn first_start(&mut self) -> Result<Option<FirstStart>, StoreError> {
        self.change(|desk| {
            let enrolled = desk.db.query_row(
                "SELECT EXISTS (SELECT 1 FROM devices JOIN sites ON sites.id = devices.site
                 WHERE sites.role = ?1 AND sites.revoked IS NULL AND devices.revoked IS NULL)",
                [SiteRole::Operator.code()],
                |row| row.get(0),
            )?;
            if enrolled {
                return Ok(None);
            }
            let site = desk.operator()?;
            desk.write(
                "UPDATE invitations SET void = ?2 WHERE site = ?1 AND used IS NULL AND void IS NULL",
                params![site, desk.now.0],
            )?;
            let invitation = desk.invite(site)?;
            let site = desk.db.query_row("SELECT name FROM sites WHERE id = ?1", [site], |row| row.get(0))?;
            Ok(Some(FirstStart { site, invitation }))
        })
    }

    /// What was kept under this name, by [`Registry::keep`].
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn kept(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|db| {
            let sql = "SELECT value FROM settings WHERE name = ?1";
            Ok(db.query_row(sql, [name], |row| row.get(0)).optional()?)
        })
    }

    /// Keeps a value for other processes, such as the address that a bridge announces. Nothing secret: it stands in
    /// the audit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        if self.kept(name)?.as_deref() == Some(value) {
            return Ok(());
        }
        self.change(|desk| {
            desk.write(
                "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2",
                params![name, value],
            )?;
            desk.audit("setting kept", name, value)
        })
    }

    /// Whether the file is sound in itself: SQLite's own quick check. Reads all of it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not; others when it cannot be read.
    pub fn quick_check(&self) -> Result<(), StoreError> {
        self.read(|db| {
            let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if said == "ok" { Ok(()) } else { Err(StoreError::Damaged(PathBuf::new())) }
        })
    }

    /// What the clock says.
    pub(super) fn now(&mut self) -> UnixMs {
        (self.clock)()
    }

    /// Reads, all of it from the same moment.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Work<T>) -> Result<T, StoreError> {
        let done = self.db.unchecked_transaction().map_err(StoreError::from).and_then(|moment| {
            let read = work(&moment)?;
            moment.finish()?;
            Ok(read)
        });
        done.map_err(|error| error.of(&self.path))
    }

    /// One change: all of it or nothing.
    pub(super) fn change<T>(&mut self, work: impl FnOnce(&Desk<'_>) -> Work<T>) -> Result<T, StoreError> {
        let now = self.now();
        self.change_at(now, work)
    }

    /// The same, at this moment.
    pub(super) fn change_at<T>(
        &mut self,
        now: UnixMs,
        work: impl FnOnce(&Desk<'_>) -> Work<T>,
    ) -> Result<T, StoreError> {
        let Self { db, path, actor, faults, touched, .. } = self;
        let seen = Seen::default();
        let desk = Desk::new(db, actor, now, faults, &seen);
        let done = desk.within("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK", |desk| {
            let done = work(desk)?;
            desk.about_to_commit()?;
            Ok(done)
        });
        *touched |= done.is_ok() && seen.touched.get();
        done.map_err(|error| error.of(path))
    }
}

impl Desk<'_> {
    /// A part of a change that can fail alone.
    pub(super) fn part<T>(&self, work: impl FnOnce(&Self) -> Work<T>) -> Work<T> {
        self.within("SAVEPOINT part", "RELEASE part", "ROLLBACK TO part; RELEASE part", work)
    }

    fn within<T>(&self, begin: &str, end: &str, undo: &str, work: impl FnOnce(&Self) -> Work<T>) -> Work<T> {
        self.db.execute_batch(begin)?;
        let done = work(self).and_then(|done| {
            self.db.execute_batch(end)?;
            Ok(done)
        });
        // Some faults undo the whole transaction by themselves.
        if done.is_err() && !self.db.is_autocommit() {
            self.db.execute_batch(undo)?;
        }
        done
    }

    /// The site that is to run the meetings, made if there is none.
    fn operator(&self) -> Work<i64> {
        let found = self
            .db
            .query_row(
                "SELECT id FROM sites WHERE role = ?1 AND revoked IS NULL ORDER BY id LIMIT 1",
                [SiteRole::Operator.code()],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(site) = found {
            return Ok(site);
        }
        // After an upgrade, or when the last one was revoked.
        let mut name = FIRST_SITE.to_owned();
        for n in 2.. {
            let free = self.find_site(&name);
            if matches!(free, Err(StoreError::NoSuchSite(_))) {
                break;
            }
            free?;
            name = format!("{FIRST_SITE} ({n})");
        }
        Ok(self.add_site(&name, SiteRole::Operator)?.0)
    }
}
