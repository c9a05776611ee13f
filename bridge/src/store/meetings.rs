//! What happened in meetings besides who was there: roll calls and their answers, turns, what was missed, messages.

use super::desk::{Desk, Work};
use super::{Registry, SiteId, StoreError, UnixMs, VisitFilter, VisitId};
use rusqlite::{OptionalExtension, params};

/// An answer to a roll call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whose visit.
    pub visit: VisitId,
    /// When.
    pub at: UnixMs,
    /// Whether an operator answered for it.
    pub ticked: bool,
}

/// One roll call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollRow {
    /// Its number in the store.
    pub id: i64,
    /// The room.
    pub room: String,
    /// Which round of its meeting, counted from 1.
    pub number: u32,
    /// When it was called.
    pub at: UnixMs,
    /// Who is there, in the order of visits.
    pub answers: Vec<Answer>,
}

/// A message of a meeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// The room.
    pub room: String,
    /// When.
    pub at: UnixMs,
    /// Whose words; `None` for a guest.
    pub site: Option<SiteId>,
    /// How it was called then.
    pub name: String,
    /// What.
    pub text: String,
    /// Whether operators alone read it.
    pub to_operators: bool,
}

impl Registry {
    /// Roll calls, in the order in which they were called.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn roll_calls(&self, filter: &VisitFilter) -> Result<Vec<RollRow>, StoreError> {
        let (since, until) = span(filter);
        self.read(|db| {
            let mut calls = db.prepare(
                "SELECT id, room, number, at FROM roll_calls
                 WHERE (?1 IS NULL OR room = ?1) AND at >= ?2 AND at < ?3 ORDER BY id",
            )?;
            let mut answers =
                db.prepare("SELECT visit, at, ticked FROM roll_answers WHERE roll = ?1 ORDER BY visit")?;
            let rows = calls.query_map(params![filter.room, since, until], |row| {
                let id = row.get(0)?;
                let of = answers.query_map([id], |row| {
                    Ok(Answer { visit: VisitId(row.get(0)?), at: UnixMs(row.get(1)?), ticked: row.get(2)? })
                })?;
                let answers = of.collect::<rusqlite::Result<_>>()?;
                Ok(RollRow { id, room: row.get(1)?, number: row.get(2)?, at: UnixMs(row.get(3)?), answers })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Messages, in the order in which they were written.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn messages(&self, filter: &VisitFilter) -> Result<Vec<MessageRow>, StoreError> {
        let (since, until) = span(filter);
        self.read(|db| {
            let mut messages = db.prepare(
                "SELECT room, at, site, name, text, to_operators FROM messages
                 WHERE (?1 IS NULL OR room = ?1) AND at >= ?2 AND at < ?3 ORDER BY id",
            )?;
            let rows = messages.query_map(params![filter.room, since, until], |row| {
                Ok(MessageRow {
                    room: row.get(0)?,
                    at: UnixMs(row.get(1)?),
                    site: row.get::<_, Option<i64>>(2)?.map(SiteId),
                    name: row.get(3)?,
                    text: row.get(4)?,
                    to_operators: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// From when to when something must have happened.
fn span(filter: &VisitFilter) -> (i64, i64) {
    (filter.since.map_or(i64::MIN, |since| since.0), filter.until.map_or(i64::MAX, |until| until.0))
}

impl Desk<'_> {
    pub(super) fn call_roll(&self, room: &str, number: u32) -> Work<()> {
        let row = params![room, number, self.now.0];
        self.write("INSERT INTO roll_calls (room, number, at) VALUES (?1, ?2, ?3)", row).map(drop)
    }

    /// Answers the last roll call of the room, or takes the answer back. Without one, or a visit, says nothing.
    pub(super) fn answer_roll(&self, room: &str, visit: VisitId, present: bool, ticked: bool) -> Work<()> {
        let last = self.db.query_row(
            "SELECT max(id) FROM roll_calls WHERE room = ?1 AND EXISTS (SELECT 1 FROM visits WHERE id = ?2)",
            params![room, visit.0],
            |row| row.get::<_, Option<i64>>(0),
        );
        let Some(roll) = last.optional()?.flatten() else { return Ok(()) };
        if present {
            self.write(
                "INSERT INTO roll_answers (roll, visit, at, ticked) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![roll, visit.0, self.now.0, ticked],
            )
        } else {
            self.write("DELETE FROM roll_answers WHERE roll = ?1 AND visit = ?2", params![roll, visit.0])
        }
        .map(drop)
    }

    pub(super) fn note_message(
        &self,
        room: &str,
        site: Option<SiteId>,
        name: &str,
        text: &str,
        to_operators: bool,
    ) -> Work<()> {
        self.write(
            "INSERT INTO messages (room, at, site, name, text, to_operators) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![room, self.now.0, site.map(|site| site.0), name, text, to_operators],
        )
        .map(drop)
    }

    pub(super) fn add_floor(&self, visit: VisitId, ms: i64) -> Work<()> {
        self.write("UPDATE visits SET floor_ms = floor_ms + ?2 WHERE id = ?1", params![visit.0, ms]).map(drop)
    }

    pub(super) fn add_missed(&self, visit: VisitId, ms: i64) -> Work<()> {
        self.write("UPDATE visits SET missed_ms = missed_ms + ?2 WHERE id = ?1", params![visit.0, ms])
            .map(drop)
    }
}
