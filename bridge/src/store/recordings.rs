//! Recordings: which there are, and which are to be gone on with when a bridge starts again. What they hold lies beside
//! the store, in files of their own.

use super::attendance::words;
use super::desk::{Desk, Work};
use super::rooms::word;
use super::{Registry, SiteId, StoreError, UnixMs};
use giaoban_proto::wire::CloseCode;
use rusqlite::{OptionalExtension, Row, params};
use std::str::FromStr;

/// A recording's number, given once and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(pub i64);

/// How a recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordingState {
    /// What is said is written down; a bridge that starts goes on with it.
    On,
    /// What is said is left out until it goes on.
    Paused,
    /// It has ended.
    Ended,
    /// It has ended since it could not be written.
    Failed,
}

impl RecordingState {
    const ALL: [Self; 4] = [Self::On, Self::Paused, Self::Ended, Self::Failed];

    /// As it is kept and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }

    /// Whether more may come.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::On | Self::Paused)
    }
}

impl FromStr for RecordingState {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| StoreError::Damaged(Default::default()))
    }
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRow {
    /// Its number.
    pub id: RecordingId,
    /// The room.
    pub room: String,
    /// Its files, without their endings.
    pub file: String,
    /// When it began.
    pub started: UnixMs,
    /// When it ended; `None` while it may go on.
    pub ended: Option<UnixMs>,
    /// How it stands.
    pub state: RecordingState,
}

/// A recording of a room, as far as somebody may fetch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub row: RecordingRow,
    /// Whether its room was locked at any time.
    pub closed: bool,
    /// Whether whoever asks was in the meeting.
    pub was_in: bool,
    /// Whether an operator has put it out last.
    pub put_out: bool,
}

/// Recordings of a room that are told of, the latest.
const MOST_KEPT: usize = 16;

/// The columns of a row, in order.
const COLUMNS: &str = "id, room, file, started, ended, state";

impl Registry {
    /// All recordings, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn recordings(&self) -> Result<Vec<RecordingRow>, StoreError> {
        self.read(|db| {
            let mut rows = db.prepare(&format!("SELECT {COLUMNS} FROM recordings ORDER BY id"))?;
            let mut rows = rows.query([])?;
            let mut recordings = Vec::new();
            while let Some(found) = rows.next()? {
                recordings.push(row(found)?);
            }
            Ok(recordings)
        })
    }

    /// The recording of this number.
    ///
    /// # Errors
    /// [`StoreError`]: there is none.
    pub fn recording(&self, id: RecordingId) -> Result<RecordingRow, StoreError> {
        let found = self.recordings()?.into_iter().find(|recording| recording.id == id);
        found.ok_or(StoreError::NoSuchRecording(id.0))
    }

    /// A new recording of a room, in files that `file` names by its number and by when that is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_recording(
        &mut self,
        room: &str,
        by: Option<SiteId>,
        file: impl FnOnce(RecordingId, UnixMs) -> String,
    ) -> Result<RecordingRow, StoreError> {
        self.change(|desk| {
            desk.write(
                "INSERT INTO recordings (room, file, started, state) VALUES (?1, '', ?2, 'on')",
                params![room, desk.now.0],
            )?;
            let id = RecordingId(desk.db.last_insert_rowid());
            let file = file(id, desk.now);
            desk.write("UPDATE recordings SET file = ?2 WHERE id = ?1", params![id.0, file])?;
            desk.audit_by(&desk.actor_of(by, desk.actor)?, "recording started", room, &file)?;
            let (room, started) = (room.to_owned(), desk.now);
            Ok(RecordingRow { id, room, file, started, ended: None, state: RecordingState::On })
        })
    }

    /// A recording stands otherwise from now on: see [`super::Fact::Recording`].
    ///
    /// # Errors
    /// [`StoreError`]: it cannot be written, or there is no such recording.
    pub fn set_recording(
        &mut self,
        id: RecordingId,
        state: RecordingState,
        by: Option<SiteId>,
    ) -> Result<(), StoreError> {
        self.change(|desk| desk.set_recording(id, state, by))
    }

    /// Forgets a recording, whose files are gone.
    ///
    /// # Errors
    /// [`StoreError`]: there is none of this number, or it still goes on.
    pub fn forget_recording(&mut self, id: RecordingId, why: &str) -> Result<(), StoreError> {
        self.change(|desk| {
            let recording = desk.find_recording(id)?;
            if recording.state.is_open() {
                return Err(StoreError::StillRecording(id.0));
            }
            desk.write("DELETE FROM recordings WHERE id = ?1", [id.0])?;
            let detail = if why.is_empty() { recording.file } else { format!("{}, {why}", recording.file) };
            desk.audit("recording removed", &recording.room, &detail)
        })
    }
}

impl Desk<'_> {
    fn find_recording(&self, id: RecordingId) -> Work<RecordingRow> {
        let sql = format!("SELECT {COLUMNS} FROM recordings WHERE id = ?1");
        let found = self.db.query_row(&sql, [id.0], |found| Ok(row(found))).optional()?;
        found.unwrap_or(Err(StoreError::NoSuchRecording(id.0)))
    }

    /// The latest recordings of a room, and that of this number, for this site, or for a guest.
    pub(super) fn kept(&self, room: &str, site: Option<SiteId>, also: i64) -> Work<Vec<Kept>> {
        let during = "FROM visits WHERE site = ?2 AND visits.room = recordings.room
                      AND joined < coalesce(ended, ?3) AND coalesce(left, ?3) >= started";
        let mut rows = self.db.prepare(&format!(
            "SELECT {COLUMNS}, closed, EXISTS (SELECT 1 {during}),
                 (SELECT why {during} ORDER BY joined DESC, visits.id DESC LIMIT 1)
             FROM recordings WHERE room = ?1 ORDER BY id DESC"
        ))?;
        let mut rows = rows.query(params![room, site.map(|site| site.0), self.now.0 + 1])?;
        let mut kept = Vec::new();
        while let Some(found) = rows.next()? {
            let row = row(found)?;
            if kept.len() >= MOST_KEPT && row.id.0 != also {
                continue;
            }
            let why: Option<String> = found.get(8)?;
            let put_out = why.is_some_and(|why| why == words(CloseCode::Expelled));
            kept.push(Kept { row, closed: found.get(6)?, was_in: found.get(7)?, put_out });
        }
        Ok(kept)
    }

    /// The room of a recording is locked.
    pub(super) fn close_recording(&self, id: RecordingId) -> Work<()> {
        self.write("UPDATE recordings SET closed = 1 WHERE id = ?1", [id.0]).map(drop)
    }

    pub(super) fn set_recording(
        &self,
        id: RecordingId,
        state: RecordingState,
        by: Option<SiteId>,
    ) -> Work<()> {
        let recording = self.find_recording(id)?;
        if recording.state == state {
            return Ok(());
        }
        let ended = (!state.is_open()).then_some(self.now.0);
        self.write(
            "UPDATE recordings SET state = ?2, ended = ?3 WHERE id = ?1",
            params![id.0, state.as_str(), ended],
        )?;
        let act = match state {
            RecordingState::On => "recording goes on",
            RecordingState::Paused => "recording paused",
            RecordingState::Ended => "recording ended",
            RecordingState::Failed => "recording failed",
        };
        self.audit_by(&self.actor_of(by, self.actor)?, act, &recording.room, &recording.file)
    }
}

fn row(row: &Row<'_>) -> Work<RecordingRow> {
    Ok(RecordingRow {
        id: RecordingId(row.get(0)?),
        room: row.get(1)?,
        file: row.get(2)?,
        started: UnixMs(row.get(3)?),
        ended: row.get::<_, Option<i64>>(4)?.map(UnixMs),
        state: word(&row.get::<_, String>(5)?)?,
    })
}
