//! The recorder: one thread that writes what all rooms say, or the same inline where time is virtual.
#![expect(clippy::disallowed_methods, reason = "a shell: when to sync is read here, and nothing else")]

use super::Taped;
use super::archive::{Archive, Job};
use super::disk::Disk;
use crate::store::{Clock, RecordingId, SiteId, SqliteStore};
use giaoban_proto::link::RoomName;
use giaoban_proto::wire::Record;
use jiff::tz::TimeZone;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What may wait for the disk: four minutes of one room, or ten seconds of two dozen, 50 bytes each and its sound.
const QUEUE: usize = 4096;

/// What is written survives a power cut after this long.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How often recordings that are old, or that nobody came back to, are looked for.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);

/// A disk that has taken nothing for so long, though there is something to write, has failed: within five seconds
/// everybody is to know. Slow ones stall for one or two.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(4);

/// Writes recordings. Clones are the same one.
#[derive(Clone)]
pub struct Recorder {
    shell: Arc<Shell>,
}

enum Shell {
    Thread(SyncSender<Job>),
    Inline(Mutex<Archive>),
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// What the writer of a recording and its room tell each other without a lock.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Either has found that it cannot go on.
    pub(super) failed: AtomicBool,
    /// What was taken out of the queue.
    pub(super) taken: AtomicU64,
    /// Samples that the file holds.
    pub(super) samples: AtomicU64,
    /// What found it full.
    pub(super) dropped: AtomicU64,
}

/// A recording that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Which.
    pub id: RecordingId,
    pub(super) shared: Arc<Shared>,
}

/// What became of the recording that an earlier run of the bridge has left.
#[derive(Clone, Debug)]
pub enum Resumed {
    /// There is none.
    Nothing,
    /// It goes on, or stays paused if that is `true`.
    GoesOn(Begun, bool),
    /// It cannot go on.
    Failed,
}

impl Recorder {
    /// Starts the thread. What has ended is kept for so long after its end; `None` for ever.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn on_thread(
        store: Arc<SqliteStore>,
        disk: impl Disk,
        clock: Clock,
        zone: TimeZone,
        keep: Option<Duration>,
    ) -> std::io::Result<Self> {
        let archive = Archive::new(store, Arc::new(disk), clock, zone, keep);
        let (jobs, waiting) = sync_channel(QUEUE);
        std::thread::Builder::new().name("recorder".into()).spawn(move || serve(archive, &waiting))?;
        Ok(Self { shell: Arc::new(Shell::Thread(jobs)) })
    }

    /// The same with everything done before a call returns, for tests and benches.
    #[must_use]
    pub fn inline(
        store: Arc<SqliteStore>,
        disk: impl Disk,
        clock: Clock,
        zone: TimeZone,
        keep: Option<Duration>,
    ) -> Self {
        let archive = Archive::new(store, Arc::new(disk), clock, zone, keep);
        Self { shell: Arc::new(Shell::Inline(Mutex::new(archive))) }
    }

    /// Begins a recording. A dropped answer means that it could not.
    #[must_use]
    pub fn begin(&self, room: RoomName, by: Option<SiteId>) -> oneshot::Receiver<Begun> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::Begin { room, by, answer });
        later
    }

    /// Goes on with what an earlier run of the bridge has left of a room that opens.
    #[must_use]
    pub fn resume(&self, room: RoomName) -> oneshot::Receiver<Resumed> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::Resume { room, answer });
        later
    }

    /// Lets a recording go on, pause or end. A dropped answer means that this does not stand on the disk.
    #[must_use]
    pub fn stand(&self, id: RecordingId, record: Record, by: Option<SiteId>) -> oneshot::Receiver<()> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::Stand { id, record, by, answer: Some(answer) });
        later
    }

    /// Ends a recording whose meeting is over.
    pub fn end(&self, id: RecordingId) {
        self.ask(Job::Stand { id, record: Record::Stop, by: None, answer: None });
    }

    /// Puts all there is on the disk and ends the thread. What goes on goes on with the next start. Blocks.
    pub fn finish(&self) {
        let (done, when) = sync_channel(1);
        match &*self.shell {
            Shell::Thread(jobs) => {
                if jobs.send(Job::Finish(done)).is_ok() {
                    // An error means that the thread is gone.
                    let _ = when.recv();
                }
            }
            Shell::Inline(archive) => {
                archive.lock().unwrap_or_else(PoisonError::into_inner).handle(Job::Finish(done));
            }
        }
    }

    /// Whether there was room for it.
    fn ask(&self, job: Job) -> bool {
        match &*self.shell {
            Shell::Thread(jobs) => jobs.try_send(job).is_ok(),
            Shell::Inline(archive) => {
                archive.lock().unwrap_or_else(PoisonError::into_inner).handle(job);
                true
            }
        }
    }
}

/// Where a room's sound goes.
#[derive(Debug)]
pub struct Tape {
    recorder: Recorder,
    id: RecordingId,
    shared: Arc<Shared>,
    /// What was put into the queue, that of earlier tapes of it included.
    pub(super) put: u64,
    /// What was taken when that last changed, and when that was; or when all had been.
    taken: (u64, Instant),
}

impl Tape {
    /// The way to a recording that has begun.
    #[must_use]
    pub fn new(now: Instant, recorder: Recorder, begun: &Begun) -> Self {
        let (id, shared) = (begun.id, begun.shared.clone());
        let taken = (shared.taken.load(Relaxed), now);
        Self { recorder, id, shared, put: taken.0, taken }
    }

    /// Which recording it is.
    #[must_use]
    pub const fn id(&self) -> RecordingId {
        self.id
    }

    /// Gives it to the recorder, or drops and counts it.
    pub fn put(&mut self, taped: Taped) {
        if self.recorder.ask(Job::Take(self.id, taped)) {
            self.put += 1;
        } else {
            self.shared.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Whether the recording has failed. To be asked with each tick.
    pub fn has_failed(&mut self, now: Instant) -> bool {
        let taken = self.shared.taken.load(Relaxed);
        if taken != self.taken.0 || taken >= self.put {
            self.taken = (taken, now);
        }
        if now.saturating_duration_since(self.taken.1) >= GIVE_UP_AFTER {
            self.shared.failed.store(true, Relaxed);
        }
        self.shared.failed.load(Relaxed)
    }

    /// How long the recording is, in ms, as far as it is written.
    #[must_use]
    pub fn position_ms(&self) -> u64 {
        self.shared.samples.load(Relaxed) / 48
    }

    /// What found the queue full so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }
}

fn serve(mut archive: Archive, waiting: &Receiver<Job>) {
    let mut next_sync = Instant::now() + SYNC_EVERY;
    let mut next_clean = Instant::now();
    loop {
        match waiting.recv_timeout(next_sync.saturating_duration_since(Instant::now())) {
            Ok(job) => {
                let last = matches!(job, Job::Finish(_));
                archive.handle(job);
                if last {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        if now >= next_sync {
            archive.sync();
            next_sync = now + SYNC_EVERY;
        }
        if now >= next_clean {
            archive.end_left();
            archive.clean();
            next_clean = now + CLEAN_EVERY;
        }
    }
}
