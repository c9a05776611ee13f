//! All recordings of a bridge: what the recorder's thread does, whoever runs it.
//!
//! Nothing is answered before it stands on the disk, in the files and in the store. An answer that is dropped means that
//! it does not.

use super::chapters::{PAUSED, RESTARTED};
use super::disk::Disk;
use super::recorder::{Begun, Resumed, Shared};
use super::reel::Reel;
use super::{Taped, chapters_name, name, sound_name};
use crate::store::{
    Clock, Fact, RecordingId, RecordingRow, RecordingState, SiteId, SqliteStore, Store as _, UnixMs,
};
use giaoban_proto::link::RoomName;
use giaoban_proto::ogg::Label;
use giaoban_proto::wire::Record;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::oneshot;

/// For how long after its start a bridge goes on with what an earlier one has left: what nobody thought of before
/// should not catch another meeting.
const RESUME_WITHIN_MS: i64 = 12 * 3_600_000;

/// One thing to do.
pub(super) enum Job {
    Begin { room: RoomName, by: Option<SiteId>, answer: oneshot::Sender<Begun> },
    Resume { room: RoomName, answer: oneshot::Sender<Resumed> },
    Stand { id: RecordingId, record: Record, by: Option<SiteId>, answer: Option<oneshot::Sender<()>> },
    Take(RecordingId, Taped),
    Finish(std::sync::mpsc::SyncSender<()>),
}

/// See the module.
pub(super) struct Archive {
    store: Arc<SqliteStore>,
    disk: Arc<dyn Disk>,
    clock: Clock,
    zone: TimeZone,
    keep: Option<Duration>,
    started: UnixMs,
    reels: BTreeMap<RecordingId, (Reel, Arc<Shared>)>,
}

impl Archive {
    pub(super) fn new(
        store: Arc<SqliteStore>,
        disk: Arc<dyn Disk>,
        mut clock: Clock,
        zone: TimeZone,
        keep: Option<Duration>,
    ) -> Self {
        let started = clock();
        Self { store, disk, clock, zone, keep, started, reels: BTreeMap::new() }
    }

    /// Does one thing. [`Job::Finish`] is the last.
    pub(super) fn handle(&mut self, job: Job) {
        match job {
            Job::Begin { room, by, answer } => {
                if let Some(begun) = self.begin(&room, by) {
                    let id = begun.id;
                    if answer.send(begun).is_err() {
                        self.stand(id, Record::Stop, None);
                    }
                }
            }
            Job::Resume { room, answer } => {
                // Nobody may be waiting any more: then the row is as it was, and is gone on with later.
                let _ = answer.send(self.resume(&room));
            }
            Job::Stand { id, record, by, answer } => {
                if self.stand(id, record, by)
                    && let Some(answer) = answer
                {
                    let _ = answer.send(());
                }
            }
            Job::Take(id, taped) => self.take(id, &taped),
            Job::Finish(done) => {
                self.finish();
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }

    /// To be called each second: what was written survives a power cut from now on.
    pub(super) fn sync(&mut self) {
        let ids: Vec<RecordingId> = self.reels.keys().copied().collect();
        for id in ids {
            self.with(id, Reel::sync);
        }
    }

    /// To be called now and then: what is older than it is to be kept is removed.
    pub(super) fn clean(&mut self) {
        let Some(keep) = self.keep else { return };
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let before = (self.clock)().after(-keep_ms);
        let Some(Ok(rows)) = self.store.edit(|registry| registry.recordings()) else { return };
        for row in rows.into_iter().filter(|row| row.ended.is_some_and(|ended| ended < before)) {
            let files = [sound_name(&row.file), chapters_name(&row.file)];
            let removed = files.iter().try_for_each(|file| self.disk.remove(file));
            let forgotten = removed.map(|()| {
                self.store.edit(move |registry| registry.forget_recording(row.id, "older than it is kept"))
            });
            tracing::info!(recording = row.id.0, ?forgotten, "an old recording was removed");
        }
    }

    /// To be called now and then: what an earlier run has left and nobody came back to ends, so that it can be fetched.
    pub(super) fn end_left(&mut self) {
        if (self.clock)() <= self.started.after(RESUME_WITHIN_MS) {
            return;
        }
        let Some(Ok(rows)) = self.store.edit(|registry| registry.recordings()) else { return };
        for row in rows.iter().filter(|row| row.state.is_open() && !self.reels.contains_key(&row.id)) {
            self.record(row.id, RecordingState::Ended, None);
            tracing::info!(recording = row.id.0, "a recording that nobody came back to has ended");
        }
    }

    fn begin(&mut self, room: &RoomName, by: Option<SiteId>) -> Option<Begun> {
        let (named, zone) = (room.clone(), self.zone.clone());
        let row = self.store.edit(move |registry| {
            registry.begin_recording(named.as_str(), by, |id, at| {
                name::of_recording(&written(&zone, at, "%Y-%m-%d_%H%M"), &named, id.0)
            })
        });
        let row = match row {
            Some(Ok(row)) => row,
            failed => {
                tracing::error!(?failed, "a recording could not begin");
                return None;
            }
        };
        let opened = self.open(&row).and_then(|reel| {
            let mut reel = reel.ok_or(io::ErrorKind::AlreadyExists)?;
            let name = self.now_and("Recording begins / Bắt đầu ghi âm");
            reel.chapter(None, &name).map(|()| reel)
        });
        match opened {
            Ok(reel) => Some(self.hold(&row, reel)),
            Err(error) => {
                self.failed(row.id, &error);
                for file in [sound_name(&row.file), chapters_name(&row.file)] {
                    // Empty or nearly so; the row says what became of it.
                    let _ = self.disk.remove(&file);
                }
                None
            }
        }
    }

    fn resume(&mut self, room: &RoomName) -> Resumed {
        let Some(Ok(rows)) = self.store.edit(|registry| registry.recordings()) else {
            return Resumed::Nothing;
        };
        let ours = |row: &&RecordingRow| row.room == room.as_str() && row.state.is_open();
        let Some(row) = rows.iter().rfind(ours) else { return Resumed::Nothing };
        if self.reels.contains_key(&row.id) {
            return Resumed::Nothing;
        }
        if (self.clock)() > self.started.after(RESUME_WITHIN_MS) {
            self.record(row.id, RecordingState::Ended, None);
            return Resumed::Nothing;
        }
        let paused = row.state == RecordingState::Paused;
        let words = self.now_and(RESTARTED);
        let opened = self.open(row).and_then(|reel| match reel {
            Some(mut reel) => reel.chapter(None, &words).map(|()| Some(reel)),
            None => Ok(None),
        });
        match opened {
            Ok(Some(reel)) => Resumed::GoesOn(self.hold(row, reel), paused),
            Ok(None) => {
                // It had been stopped, and the bridge died before that was written down.
                self.record(row.id, RecordingState::Ended, None);
                Resumed::Nothing
            }
            Err(error) => {
                self.failed(row.id, &error);
                Resumed::Failed
            }
        }
    }

    fn open(&self, row: &RecordingRow) -> io::Result<Option<Reel>> {
        let label = Label {
            program: "giaoban-bridge",
            room: row.room.clone(),
            date: written(&self.zone, row.started, DATE),
        };
        Reel::open(&*self.disk, &row.file, row.id.0 as u32, &label)
    }

    fn hold(&mut self, row: &RecordingRow, reel: Reel) -> Begun {
        let shared = Arc::new(Shared::default());
        shared.samples.store(reel.samples(), Relaxed);
        self.reels.insert(row.id, (reel, shared.clone()));
        Begun { id: row.id, shared }
    }

    /// Goes on, pauses or ends; whether it stands on the disk.
    fn stand(&mut self, id: RecordingId, record: Record, by: Option<SiteId>) -> bool {
        let words = match record {
            Record::Start => Some(self.now_and("Goes on / Ghi tiếp")),
            Record::Pause => Some(self.now_and(PAUSED)),
            Record::Stop => None,
        };
        let done = self.with(id, |reel| {
            if record != Record::Start {
                reel.pause()?;
            }
            words.map_or(Ok(()), |words| reel.chapter(None, &words))?;
            if record == Record::Stop { reel.end() } else { Ok(()) }
        });
        if !done {
            return false;
        }
        if record == Record::Stop {
            self.reels.remove(&id);
        }
        let state = match record {
            Record::Start => RecordingState::On,
            Record::Pause => RecordingState::Paused,
            Record::Stop => RecordingState::Ended,
        };
        match self.store.edit(move |registry| registry.set_recording(id, state, by)) {
            Some(Ok(())) => true,
            failed => {
                tracing::error!(?failed, recording = id.0, "the store does not say how a recording stands");
                // It was done all the same.
                self.record(id, state, by);
                false
            }
        }
    }

    fn take(&mut self, id: RecordingId, taped: &Taped) {
        let words = match taped {
            Taped::Floor(time, who) => {
                let who = who.as_deref().unwrap_or("Nobody has the floor / Không ai giữ quyền phát biểu");
                Some((*time, self.now_and(who)))
            }
            _ => None,
        };
        if let Some((_, shared)) = self.reels.get(&id) {
            shared.taken.fetch_add(1, Relaxed);
        }
        self.with(id, |reel| match &words {
            Some((time, words)) => reel.chapter(Some(*time), words),
            None => reel.take(taped),
        });
    }

    /// Does something with a recording, which has failed when that fails; whether it is there and has not.
    fn with(&mut self, id: RecordingId, work: impl FnOnce(&mut Reel) -> io::Result<()>) -> bool {
        let Some((reel, shared)) = self.reels.get_mut(&id) else { return false };
        let done = if shared.failed.load(Relaxed) {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the disk was too slow"))
        } else {
            let done = work(reel);
            shared.samples.store(reel.samples(), Relaxed);
            done
        };
        let Err(error) = done else { return true };
        shared.failed.store(true, Relaxed);
        self.reels.remove(&id);
        self.failed(id, &error);
        false
    }

    fn failed(&self, id: RecordingId, error: &io::Error) {
        tracing::error!(recording = id.0, %error, "a recording cannot be written and has ended");
        self.record(id, RecordingState::Failed, None);
    }

    /// Has it written down how a recording stands as soon as the disk allows.
    fn record(&self, id: RecordingId, state: RecordingState, by: Option<SiteId>) {
        self.store.record(Fact::Recording { id, state, by });
    }

    /// What there is is on the disk; what was open stays so, for the next start.
    fn finish(&mut self) {
        for (id, (mut reel, shared)) in std::mem::take(&mut self.reels) {
            let (dropped, refused) = (shared.dropped.load(Relaxed), reel.refused());
            if let Err(error) = reel.pause() {
                self.failed(id, &error);
            }
            tracing::info!(recording = id.0, dropped, refused, "a recording is left for the next start");
        }
    }

    /// These words after the time of day.
    fn now_and(&mut self, words: &str) -> String {
        format!("{} {words}", written(&self.zone, (self.clock)(), "%H:%M:%S"))
    }
}

/// When a recording began, as its tags say it (RFC 3339).
const DATE: &str = "%Y-%m-%dT%H:%M:%S%:z";

fn written(zone: &TimeZone, at: UnixMs, form: &str) -> String {
    let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned_datetime(zone.clone()).strftime(form).to_string()
}

#[cfg(test)]
mod tests;
