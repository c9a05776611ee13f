//! The attendance: who was in which room, from when to when.
//!
//! A row is a visit. A device that loses its line and comes back within a meeting goes on in the same row. While
//! anybody is in a room the bridge stamps the store as alive, so that after a power cut the rows that it left open end
//! where it was last known to live.

use super::desk::{Desk, Work};
use super::{Registry, SiteId, StoreError, UnixMs, VisitId};
use giaoban_proto::link::Fingerprint;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::CloseCode;
use rusqlite::{Connection, OptionalExtension, params};

/// A bridge that has not said so for this long is not alive, in milliseconds: three of its stamps.
const ALIVE_FOR_MS: i64 = 30_000;

/// Why a visit ended that nobody saw the end of.
const BRIDGE_ENDED: &str = "bridge ended";

/// A row of the attendance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitRow {
    /// Its number.
    pub id: VisitId,
    /// The room.
    pub room: String,
    /// The site; `None` for a guest.
    pub site: Option<SiteId>,
    /// The device.
    pub device: Fingerprint,
    /// How it was called in the room.
    pub name: String,
    /// Whether it came by PIN.
    pub guest: bool,
    /// From when.
    pub joined: UnixMs,
    /// To when; `None` while it is in.
    pub left: Option<UnixMs>,
    /// Why it ended, in a word or two; `None` while it is in.
    pub why: Option<String>,
    /// For how long it had the floor, in milliseconds.
    pub floor_ms: i64,
    /// How much of what was said it missed or had guessed for it, in milliseconds.
    pub missed_ms: i64,
}

/// Which rows of the attendance are wanted; all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitFilter {
    /// Of this room only.
    pub room: Option<String>,
    /// None that ended before this.
    pub since: Option<UnixMs>,
    /// None that began at this moment or later.
    pub until: Option<UnixMs>,
}

impl Registry {
    /// Rows of the attendance, in the order in which they began.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn attendance(&self, filter: &VisitFilter) -> Result<Vec<VisitRow>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare(
                "SELECT id, room, site, device, name, guest, joined, left, why, floor_ms, missed_ms
                 FROM visits
                 WHERE (?1 IS NULL OR room = ?1) AND (left IS NULL OR left >= ?2) AND joined < ?3
                 ORDER BY joined, id",
            )?;
            let since = filter.since.map_or(i64::MIN, |since| since.0);
            let until = filter.until.map_or(i64::MAX, |until| until.0);
            let rows = rows.query_map(params![filter.room, since, until], |row| {
                Ok(VisitRow {
                    id: VisitId(row.get(0)?),
                    room: row.get(1)?,
                    site: row.get::<_, Option<i64>>(2)?.map(SiteId),
                    device: PublicKey::from_bytes(row.get(3)?).fingerprint(),
                    name: row.get(4)?,
                    guest: row.get(5)?,
                    joined: UnixMs(row.get(6)?),
                    left: row.get::<_, Option<i64>>(7)?.map(UnixMs),
                    why: row.get(8)?,
                    floor_ms: row.get(9)?,
                    missed_ms: row.get(10)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Who visits.
pub(super) struct Visitor<'a> {
    pub(super) device: &'a PublicKey,
    pub(super) site: Option<SiteId>,
    pub(super) name: &'a str,
}

impl Desk<'_> {
    /// Opens a visit, or goes on with the one that this device has open in this room.
    pub(super) fn visit(&self, room: &str, visitor: &Visitor<'_>) -> Work<VisitId> {
        let Visitor { device, site, name } = *visitor;
        self.live()?;
        let open = self.db.query_row(
            "SELECT id FROM visits WHERE device = ?1 AND room = ?2 AND left IS NULL",
            params![device.as_bytes(), room],
            |row| row.get(0),
        );
        if let Some(id) = open.optional()? {
            let site = site.map(|site| site.0);
            self.write("UPDATE visits SET name = ?2, site = ?3 WHERE id = ?1", params![id, name, site])?;
            return Ok(VisitId(id));
        }
        self.write(
            "INSERT INTO visits (room, site, device, name, guest, joined) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![room, site.map(|site| site.0), device.as_bytes(), name, site.is_none(), self.now.0],
        )?;
        Ok(VisitId(self.db.last_insert_rowid()))
    }

    /// Ends a visit; one that has ended already ended now. Says who it was, and where; `None` if there is none.
    pub(super) fn leave(&self, visit: VisitId, why: &str) -> Work<Option<(String, String)>> {
        // The clock may have been set back since.
        self.write(
            "UPDATE visits SET left = max(joined, ?2), why = ?3 WHERE id = ?1",
            params![visit.0, self.now.0, why],
        )?;
        self.visitor(visit)
    }

    /// Who a visit is of, as it stands in the audit, and where.
    pub(super) fn visitor(&self, visit: VisitId) -> Work<Option<(String, String)>> {
        let found =
            self.db.query_row("SELECT name, site, room FROM visits WHERE id = ?1", [visit.0], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get(2)?))
            });
        Ok(found.optional()?.map(|(name, site, room)| {
            let who = site.map_or_else(|| guest(&name), |site| super::sites::label(&name, site));
            (who, room)
        }))
    }

    /// The bridge lives.
    pub(super) fn live(&self) -> Work<()> {
        self.write(
            "INSERT INTO alive (one, at) VALUES (1, ?1) ON CONFLICT DO UPDATE SET at = ?1",
            [self.now.0],
        )
        .map(drop)
    }

    /// Whether anybody is in a room.
    pub(super) fn anybody_in(&self) -> Work<bool> {
        Ok(self
            .db
            .query_row("SELECT EXISTS (SELECT 1 FROM visits WHERE left IS NULL)", [], |row| row.get(0))?)
    }

    /// Ends what a bridge that is no more has left open.
    pub(super) fn bury(&self) -> Work<()> {
        let alive = alive(self.db)?.map(|alive| alive.0);
        let ended = self.write(
            "UPDATE visits SET left = max(joined, coalesce(?1, joined)), why = ?2 WHERE left IS NULL",
            params![alive, BRIDGE_ENDED],
        )?;
        if ended == 0 { Ok(()) } else { self.audit("visits ended", "", &format!("{ended}: {BRIDGE_ENDED}")) }
    }

    /// Ends every visit now.
    pub(super) fn all_leave(&self, why: CloseCode) -> Work<usize> {
        self.write(
            "UPDATE visits SET left = max(joined, ?1), why = ?2 WHERE left IS NULL",
            params![self.now.0, words(why)],
        )
    }
}

/// When a bridge last said that it lives.
pub(super) fn alive(db: &Connection) -> Work<Option<UnixMs>> {
    Ok(db.query_row("SELECT at FROM alive", [], |row| row.get(0)).optional()?.map(UnixMs))
}

/// Whether that is recent enough to believe that it still does.
pub(super) fn lives(alive: Option<UnixMs>, now: UnixMs) -> bool {
    alive.is_some_and(|alive| now < alive.after(ALIVE_FOR_MS))
}

/// How a guest stands in the audit: no site may be mistaken for it, since theirs end in a number.
pub(super) fn guest(name: &str) -> String {
    format!("{name} (guest)")
}

/// A close code in a word or two: `TooSlow` is "too slow".
pub(super) fn words(code: CloseCode) -> String {
    let mut words = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}
