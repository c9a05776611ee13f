//! The store of a running bridge, in two shells around the same [`Clerk`]: a thread of its own over a file, or inline
//! over memory.
//!
//! The thread takes what has gathered, up to [`TOGETHER`] requests, commits it at once, and answers; under a rush of
//! sites the disk is waited for once and not for each. Inline, everything is done before the call returns, so that
//! virtual time, which would not wait for a thread, stands still meanwhile.

use super::clerk::{Clerk, Job, Known, Lost};
use super::desk::Faults;
use super::{
    Ask, Clock, Fact, GuestAsk, GuestDoor, Kept, RecordingId, Registry, Secrets, SiteId, Snapshot, Store,
    StoreError, Verdict,
};
use giaoban_proto::link::RoomName;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::{CloseCode, SiteRole};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// In whose name the bridge writes.
const ACTOR: &str = "bridge";

/// Requests that may wait for the disk, some 200 bytes each. More than these and the disk is gone.
const QUEUE: usize = 8192;

/// Requests in one commit. A flush takes a cheap disk 10 to 30 ms; more would make the first of a rush wait longer
/// and the last hardly less.
const TOGETHER: usize = 64;

/// How often the thread looks for what other processes have changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// See the module.
pub struct SqliteStore {
    shell: Shell,
    known: Known,
    snapshots: Mutex<Option<mpsc::Receiver<Snapshot>>>,
    secrets: Secrets,
    faults: Arc<Faults>,
    lost: Lost,
    full: AtomicBool,
}

enum Shell {
    Thread { requests: Option<SyncSender<Request>>, thread: Option<JoinHandle<()>> },
    Inline(Box<Mutex<Clerk>>),
}

enum Request {
    Job(Job),
    Edit(Box<dyn FnOnce(&mut Registry) + Send>),
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store at `path`, or makes a new one, and starts its thread. For the one bridge that runs on this
    /// store: visits that an earlier one has left open are ended.
    ///
    /// # Errors
    /// [`StoreError`], each with what to do. An existing file is never replaced.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Self::over(Registry::open(path, ACTOR, clock)?, |clerk| {
            let (requests, waiting) = sync_channel(QUEUE);
            let thread = std::thread::Builder::new()
                .name("store".into())
                .spawn(move || serve(clerk, &waiting))
                .map_err(StoreError::Thread)?;
            Ok(Shell::Thread { requests: Some(requests), thread: Some(thread) })
        })
    }

    /// A new store in memory that does everything inline, for tests and benches.
    ///
    /// # Errors
    /// [`StoreError`] when there is no memory.
    pub fn in_memory(clock: Clock) -> Result<Self, StoreError> {
        Self::over(Registry::in_memory(ACTOR, clock)?, |clerk| Ok(Shell::Inline(Box::new(Mutex::new(clerk)))))
    }

    fn over(
        registry: Registry,
        shell: impl FnOnce(Clerk) -> Result<Shell, StoreError>,
    ) -> Result<Self, StoreError> {
        let (secrets, faults) = (registry.secrets()?, registry.faults.clone());
        let (clerk, known, snapshots) = Clerk::new(registry)?;
        let lost = clerk.lost();
        let snapshots = Mutex::new(Some(snapshots));
        let full = AtomicBool::new(false);
        Ok(Self { shell: shell(clerk)?, known, snapshots, secrets, faults, lost, full })
    }

    /// The secrets.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Does with the registry whatever another process might do with its own, after what was asked before. Blocks
    /// until it is done: not for a runtime that has anything else to do, but in memory. `None` when the store's thread
    /// is gone.
    pub fn edit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Registry) -> T + Send + 'static,
    ) -> Option<T> {
        match &self.shell {
            Shell::Inline(clerk) => {
                let mut clerk = clerk.lock().unwrap_or_else(PoisonError::into_inner);
                clerk.tick();
                let done = work(&mut clerk.registry);
                clerk.look_again();
                Some(done)
            }
            Shell::Thread { requests, .. } => {
                let (done, later) = std::sync::mpsc::channel();
                let edit = Box::new(move |registry: &mut Registry| {
                    // Whoever asked may have given up.
                    let _ = done.send(work(registry));
                });
                requests.as_ref()?.send(Request::Edit(edit)).ok()?;
                later.recv().ok()
            }
        }
    }

    /// Enrols a device without an invitation: see [`Registry::enrol`]. Blocks as [`SqliteStore::edit`] does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn enrol(&self, device: PublicKey, site: &str, role: SiteRole) -> Result<SiteId, StoreError> {
        let name = site.to_owned();
        self.edit(move |registry| registry.enrol(device, &name, role))
            .unwrap_or_else(|| Err(StoreError::Thread(std::io::ErrorKind::BrokenPipe.into())))
    }

    /// Lets the `nth` write from now fail (1 is the next; a commit is one too), and all after it, as on a full disk. 0
    /// makes the disk sound again. For tests.
    pub fn fail_at_write(&self, nth: u64) {
        self.faults.set(nth);
    }

    /// Facts that were lost because the disk had failed for too long. Their number stands in the audit once it works.
    #[must_use]
    pub fn lost_facts(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    fn ask(&self, job: Job) {
        let is_fact = matches!(job, Job::Record(_));
        match &self.shell {
            Shell::Inline(clerk) => clerk.lock().unwrap_or_else(PoisonError::into_inner).work(vec![job]),
            Shell::Thread { requests, .. } => {
                let sent =
                    requests.as_ref().is_some_and(|requests| requests.try_send(Request::Job(job)).is_ok());
                // Full means a disk that has stopped: whoever asked sees a dropped answer. A fact has nobody.
                if !sent && is_fact {
                    self.lost.fetch_add(1, Relaxed);
                }
                // Said once, until it goes well again.
                let said = self.full.swap(!sent, Relaxed);
                if !sent && !said {
                    tracing::error!("the store does not keep up; nobody can come in");
                }
            }
        }
    }
}

impl Store for SqliteStore {
    fn admit(&self, ask: Ask) -> oneshot::Receiver<Verdict> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::Admit(ask, answer));
        later
    }

    fn guest_door(&self, room: RoomName) -> oneshot::Receiver<Result<GuestDoor, CloseCode>> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::GuestDoor(room, answer));
        later
    }

    fn admit_guest(&self, guest: GuestAsk) -> oneshot::Receiver<Verdict> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::AdmitGuest(guest, answer));
        later
    }

    fn write_down(&self, fact: Fact) -> oneshot::Receiver<()> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::WriteDown(fact, answer));
        later
    }

    fn record(&self, fact: Fact) {
        self.ask(Job::Record(fact));
    }

    fn kept(&self, room: RoomName, site: Option<SiteId>, also: RecordingId) -> oneshot::Receiver<Vec<Kept>> {
        let (answer, later) = oneshot::channel();
        self.ask(Job::Kept(room, site, also, answer));
        later
    }

    fn knows(&self, device: &PublicKey) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains(device)
    }

    fn changes(&self) -> Option<mpsc::Receiver<Snapshot>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for SqliteStore {
    /// Waits until all that was recorded is written.
    fn drop(&mut self) {
        if let Shell::Thread { requests, thread } = &mut self.shell {
            *requests = None;
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a shell: when to look again is read here, and nothing else")]
fn serve(mut clerk: Clerk, waiting: &Receiver<Request>) {
    let mut next_look = std::time::Instant::now() + LOOK_EVERY;
    loop {
        let mut request =
            match waiting.recv_timeout(next_look.saturating_duration_since(std::time::Instant::now())) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    // What the disk did not take before: the last try.
                    clerk.tick();
                    return;
                }
            };
        let mut jobs = Vec::with_capacity(TOGETHER);
        let mut edit = None;
        while let Some(next) = request.take() {
            match next {
                Request::Job(job) => jobs.push(job),
                Request::Edit(work) => edit = Some(work),
            }
            if edit.is_none() && jobs.len() < TOGETHER {
                request = waiting.try_recv().ok();
            }
        }
        if !jobs.is_empty() {
            clerk.work(jobs);
        }
        if let Some(work) = edit {
            work(&mut clerk.registry);
            clerk.look_again();
        }
        let now = std::time::Instant::now();
        if now >= next_look {
            clerk.tick();
            next_look = now + LOOK_EVERY;
        }
    }
}
