//! The tables, and how a store of an older version is brought to this one.
//!
//! A change of the tables is a new step at the end of [`STEPS`]; steps that were released are never edited.

use super::desk::{Desk, Faults, Seen, Work, random};
use super::rooms::fresh_pin;
use super::{Clock, FIRST_ROOM, Guests, StoreError};
use giaoban_proto::wire::SiteRole;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// From no store at all to version 1, from that to version 2, and so on. The version is SQLite's `user_version`.
const STEPS: [fn(&Desk<'_>) -> Work<()>; 5] =
    [secrets_rooms_devices, sites_and_all_else, meetings, recordings, closed_recordings];

/// How long a change by another process is waited for. Theirs take milliseconds; a disk that stalls takes longer.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// Opens the store at `path`, makes a new one where there is none, and brings an old one to this version.
///
/// An existing file that is no store is left as it is.
pub(super) fn open(path: &Path, actor: &str, clock: &mut Clock) -> Work<Connection> {
    let db = Connection::open(path)?;
    prepare(&db, actor, clock)?;
    Ok(db)
}

/// A new store in memory, which is gone with its connection.
pub(super) fn in_memory(actor: &str, clock: &mut Clock) -> Work<Connection> {
    let db = Connection::open_in_memory()?;
    prepare(&db, actor, clock)?;
    Ok(db)
}

fn prepare(db: &Connection, actor: &str, clock: &mut Clock) -> Work<()> {
    db.busy_timeout(BUSY_FOR)?;
    // FULL: what was committed survives a power cut.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    if version(db)? == STEPS.len() {
        return Ok(());
    }
    // All steps or none; another process may have been quicker.
    db.execute_batch("BEGIN IMMEDIATE")?;
    let migrated = version(db).and_then(|from| {
        let steps = STEPS.get(from..).ok_or_else(|| StoreError::Newer(Default::default()))?;
        if steps.is_empty() {
            return Ok(());
        }
        let (faults, seen) = (Faults::default(), Seen::default());
        let desk = Desk::new(db, actor, clock(), &faults, &seen);
        steps.iter().try_for_each(|step| step(&desk))?;
        db.pragma_update(None, "user_version", STEPS.len() as i64)?;
        match from {
            0 => desk.audit("store made", "", &format!("version {}", STEPS.len()))?,
            _ => desk.audit("store brought up", "", &format!("version {from} to {}", STEPS.len()))?,
        }
        if from == 0 { furnish(&desk) } else { Ok(()) }
    });
    let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = db.execute_batch(end);
    migrated?;
    Ok(ended?)
}

fn version(db: &Connection) -> Work<usize> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match usize::try_from(version) {
        Ok(version) if version <= STEPS.len() => Ok(version),
        _ => Err(StoreError::Newer(Default::default())),
    }
}

/// What a new bridge has.
fn furnish(desk: &Desk<'_>) -> Work<()> {
    desk.add_room(FIRST_ROOM, Guests::Lobby)?;
    desk.add_site(super::FIRST_SITE, SiteRole::Operator).map(drop)
}

fn secrets_rooms_devices(desk: &Desk<'_>) -> Work<()> {
    desk.db.execute_batch(
        "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
         CREATE TABLE rooms (name TEXT PRIMARY KEY) STRICT;
         CREATE TABLE devices (key BLOB PRIMARY KEY, name TEXT NOT NULL) STRICT;",
    )?;
    desk.write("INSERT INTO secrets (name, value) VALUES ('reset', ?1)", [random::<32>()?])?;
    Ok(())
}

fn sites_and_all_else(desk: &Desk<'_>) -> Work<()> {
    desk.db.execute_batch(
        "ALTER TABLE devices RENAME TO devices_1;
         ALTER TABLE rooms RENAME TO rooms_1;
         CREATE TABLE sites (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             name TEXT NOT NULL UNIQUE,
             role INTEGER NOT NULL,
             generation INTEGER NOT NULL DEFAULT 1,
             created INTEGER NOT NULL,
             revoked INTEGER
         ) STRICT;
         CREATE TABLE devices (
             key BLOB PRIMARY KEY CHECK (length(key) = 32),
             site INTEGER NOT NULL REFERENCES sites,
             enrolled INTEGER NOT NULL,
             revoked INTEGER
         ) STRICT;
         CREATE INDEX devices_of_site ON devices (site);
         CREATE TABLE invitations (
             hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
             site INTEGER NOT NULL REFERENCES sites,
             made INTEGER NOT NULL,
             expires INTEGER NOT NULL,
             used INTEGER,
             device BLOB,
             void INTEGER
         ) STRICT;
         CREATE INDEX invitations_of_site ON invitations (site);
         CREATE TABLE rooms (
             name TEXT PRIMARY KEY,
             access TEXT NOT NULL CHECK (access IN ('all', 'listed')),
             guests TEXT NOT NULL CHECK (guests IN ('no', 'lobby', 'admit')),
             pin TEXT NOT NULL,
             max_members INTEGER CHECK (max_members > 0)
         ) STRICT;
         CREATE TABLE roles (
             room TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
             site INTEGER NOT NULL REFERENCES sites,
             role INTEGER NOT NULL,
             PRIMARY KEY (room, site)
         ) STRICT;
         CREATE TABLE visits (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             room TEXT NOT NULL,
             site INTEGER REFERENCES sites,
             device BLOB NOT NULL,
             name TEXT NOT NULL,
             guest INTEGER NOT NULL,
             joined INTEGER NOT NULL,
             left INTEGER,
             why TEXT
         ) STRICT;
         CREATE INDEX visits_open ON visits (device, room) WHERE left IS NULL;
         CREATE INDEX visits_by_time ON visits (joined);
         CREATE INDEX visits_of_site ON visits (site);
         CREATE TABLE alive (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
         CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
         CREATE TABLE audit (
             seq INTEGER PRIMARY KEY,
             at INTEGER NOT NULL,
             actor TEXT NOT NULL,
             act TEXT NOT NULL,
             target TEXT NOT NULL,
             detail TEXT NOT NULL,
             hash BLOB NOT NULL
         ) STRICT;
         CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
             BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
         CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
             BEGIN SELECT raise(ABORT, 'the audit is only added to'); END;
         CREATE TABLE audit_head (
             one INTEGER PRIMARY KEY CHECK (one = 1),
             rows INTEGER NOT NULL,
             hash BLOB NOT NULL
         ) STRICT;
         DELETE FROM secrets WHERE name = 'code';",
    )?;
    desk.write("INSERT INTO audit_head (one, rows, hash) VALUES (1, 0, ?1)", [[0u8; 32]])?;
    let mut rooms = desk.db.prepare("SELECT name FROM rooms_1 ORDER BY name")?;
    for room in rooms.query_map([], |row| row.get::<_, String>(0))? {
        // Version 1 knew no guests, and nobody has asked for any.
        desk.write(
            "INSERT INTO rooms (name, access, guests, pin) VALUES (?1, 'all', 'no', ?2)",
            params![room?, fresh_pin()?],
        )?;
    }
    let mut devices = desk.db.prepare("SELECT key, name FROM devices_1 ORDER BY rowid")?;
    let mut taken = BTreeSet::new();
    for device in devices.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (key, name): (Vec<u8>, String) = device?;
        let unique = std::iter::once(name.clone())
            .chain((2u64..).map(|n| format!("{name} ({n})")))
            .find(|name| !taken.contains(name))
            .unwrap_or(name);
        desk.write(
            "INSERT INTO sites (name, role, created) VALUES (?1, ?2, ?3)",
            params![unique, SiteRole::Participant.code(), desk.now.0],
        )?;
        desk.write(
            "INSERT INTO devices (key, site, enrolled) VALUES (?1, ?2, ?3)",
            params![key, desk.db.last_insert_rowid(), desk.now.0],
        )?;
        taken.insert(unique);
    }
    drop((rooms, devices));
    Ok(desk.db.execute_batch("DROP TABLE devices_1; DROP TABLE rooms_1;")?)
}

fn meetings(desk: &Desk<'_>) -> Work<()> {
    Ok(desk.db.execute_batch(
        "ALTER TABLE visits ADD COLUMN floor_ms INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE visits ADD COLUMN missed_ms INTEGER NOT NULL DEFAULT 0;
         CREATE TABLE roll_calls (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             room TEXT NOT NULL,
             number INTEGER NOT NULL,
             at INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX roll_calls_of_room ON roll_calls (room, id);
         CREATE TABLE roll_answers (
             roll INTEGER NOT NULL REFERENCES roll_calls,
             visit INTEGER NOT NULL REFERENCES visits,
             at INTEGER NOT NULL,
             ticked INTEGER NOT NULL,
             PRIMARY KEY (roll, visit)
         ) STRICT;
         CREATE TABLE messages (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             room TEXT NOT NULL,
             at INTEGER NOT NULL,
             site INTEGER REFERENCES sites,
             name TEXT NOT NULL,
             text TEXT NOT NULL,
             to_operators INTEGER NOT NULL
         ) STRICT;
         CREATE INDEX messages_by_time ON messages (room, at);",
    )?)
}

fn recordings(desk: &Desk<'_>) -> Work<()> {
    Ok(desk.db.execute_batch(
        "CREATE TABLE recordings (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             room TEXT NOT NULL,
             file TEXT NOT NULL,
             started INTEGER NOT NULL,
             ended INTEGER,
             state TEXT NOT NULL CHECK (state IN ('on', 'paused', 'ended', 'failed'))
         ) STRICT;",
    )?)
}

fn closed_recordings(desk: &Desk<'_>) -> Work<()> {
    // Of what was recorded before nobody knows; nobody could fetch it either.
    Ok(desk.db.execute_batch("ALTER TABLE recordings ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;")?)
}
