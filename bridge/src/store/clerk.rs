//! The bridge's work with its store, whoever runs it: requests in order, many in one commit, answers after it.
//!
//! An answer that is sent stands on the disk. When the disk fails, those who asked get none, and facts, for which
//! nobody waits, are kept and tried again. Changes by other processes are looked for by SQLite's `data_version`.

use super::admission::Refusals;
use super::desk::{Desk, Work};
use super::{
    Ask, Fact, GuestAsk, GuestDoor, Kept, RecordingId, Registry, SiteId, Snapshot, StoreError, UnixMs,
    Verdict, snapshot,
};
use giaoban_proto::link::RoomName;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::CloseCode;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};

/// Facts that may wait for a disk that fails. Some 200 bytes each; when there are more the oldest are lost, and
/// counted in the audit.
const KEPT_FACTS: usize = 10_000;

/// Snapshots that may wait for the bridge. It reads them as they come; one that does not is sent the latest later.
const SNAPSHOTS: usize = 64;

/// How often the bridge says that it lives while anybody is in a room, in milliseconds.
const ALIVE_EVERY_MS: i64 = 10_000;

/// One request, with whoever waits for its answer.
pub(super) enum Job {
    Admit(Ask, oneshot::Sender<Verdict>),
    GuestDoor(RoomName, oneshot::Sender<Result<GuestDoor, CloseCode>>),
    AdmitGuest(GuestAsk, oneshot::Sender<Verdict>),
    Kept(RoomName, Option<SiteId>, RecordingId, oneshot::Sender<Vec<Kept>>),
    Record(Fact),
    WriteDown(Fact, oneshot::Sender<()>),
}

/// An answer that may be sent once it is committed.
enum Answer {
    Verdict(oneshot::Sender<Verdict>, Verdict),
    Door(oneshot::Sender<Result<GuestDoor, CloseCode>>, Result<GuestDoor, CloseCode>),
    Kept(oneshot::Sender<Vec<Kept>>, Vec<Kept>),
    Written(oneshot::Sender<()>),
}

impl Answer {
    fn send(self) {
        // Nobody may be waiting any more.
        match self {
            Self::Verdict(to, verdict) => drop(to.send(verdict)),
            Self::Door(to, door) => drop(to.send(door)),
            Self::Kept(to, kept) => drop(to.send(kept)),
            Self::Written(to) => drop(to.send(())),
        }
    }
}

/// The keys that may come in, for whoever must know without waiting.
pub(super) type Known = Arc<RwLock<HashSet<PublicKey>>>;

/// How many facts were lost so far, because the disk had failed for too long.
pub(super) type Lost = Arc<AtomicU64>;

/// See the module.
pub(super) struct Clerk {
    pub(super) registry: Registry,
    known: Known,
    snapshots: mpsc::Sender<Snapshot>,
    /// What the bridge was last told, or is to be told.
    current: Snapshot,
    told: bool,
    data_version: i64,
    refusals: Refusals,
    kept: VecDeque<(UnixMs, Fact)>,
    lost: Lost,
    /// Of those, how many stand in the audit.
    lost_told: u64,
    failing: bool,
    alive: UnixMs,
}

impl Clerk {
    /// Where lost facts are counted, for whoever loses some before they come here.
    pub(super) fn lost(&self) -> Lost {
        self.lost.clone()
    }

    /// Takes the store over for a bridge that starts: what an earlier one has left open ends.
    pub(super) fn new(mut registry: Registry) -> Result<(Self, Known, mpsc::Receiver<Snapshot>), StoreError> {
        registry.change(|desk| desk.bury())?;
        let (snapshots, later) = mpsc::channel(SNAPSHOTS);
        let known = Known::default();
        let mut clerk = Self {
            alive: registry.now(),
            registry,
            known: known.clone(),
            snapshots,
            current: Snapshot::default(),
            told: true,
            data_version: 0,
            refusals: Refusals::default(),
            kept: VecDeque::new(),
            lost: Lost::default(),
            lost_told: 0,
            failing: false,
        };
        clerk.refresh()?;
        clerk.tell();
        Ok((clerk, known, later))
    }

    /// Does these, in one commit, and answers. What fails alone is undone alone.
    pub(super) fn work(&mut self, jobs: Vec<Job>) {
        let now = self.registry.now();
        let mut asked = Vec::with_capacity(jobs.len());
        let kept_before = self.kept.len();
        for job in jobs {
            match job {
                Job::Record(fact) => self.kept.push_back((now, fact)),
                job => asked.push((self.kept.len(), job)),
            }
        }
        let mut answers = Vec::with_capacity(asked.len());
        let Self { registry, refusals, kept, lost_told, .. } = self;
        let lost = self.lost.load(Relaxed);
        let done = registry.change_at(now, |desk| {
            if lost > *lost_told {
                desk.audit("facts lost", "", &(lost - *lost_told).to_string())?;
            }
            let mut facts = kept.iter().enumerate().peekable();
            for (before, job) in asked {
                while let Some((_, fact)) = facts.next_if(|&(n, _)| n < before) {
                    record(desk, fact, refusals)?;
                }
                answers.extend(answer(desk, job, refusals)?);
            }
            facts.try_for_each(|(_, fact)| record(desk, fact, refusals))
        });
        match done {
            Ok(()) => {
                self.kept.clear();
                self.lost_told = lost;
                if std::mem::take(&mut self.failing) {
                    tracing::info!(facts = kept_before, "the store works again");
                }
                if self.registry.touched {
                    self.look(true);
                }
                self.tell();
                answers.into_iter().for_each(Answer::send);
            }
            Err(error) => {
                // The answers are dropped, which says it to whoever asked.
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the store fails; nobody can come in");
                }
                while self.kept.len() > KEPT_FACTS {
                    self.kept.pop_front();
                    self.lost.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// To be called a few times a second: tries again what failed, looks for what others have changed, says that the
    /// bridge lives.
    pub(super) fn tick(&mut self) {
        if !self.kept.is_empty() || self.lost.load(Relaxed) > self.lost_told {
            self.work(Vec::new());
        }
        self.look(false);
        self.live();
    }

    /// Sees what has been changed through the registry directly.
    pub(super) fn look_again(&mut self) {
        let touched = self.registry.touched;
        self.look(touched);
    }

    fn look(&mut self, touched: bool) {
        let looked = self.registry.data_version().and_then(|version| {
            if touched || version != self.data_version { self.refresh() } else { Ok(()) }
        });
        if let Err(error) = looked
            && !std::mem::replace(&mut self.failing, true)
        {
            tracing::error!(%error, "the store cannot be read");
        }
        self.tell();
    }

    fn refresh(&mut self) -> Result<(), StoreError> {
        // Asked first: what comes between is seen twice rather than not at all.
        let version = self.registry.data_version()?;
        let (snapshot, known) = self.registry.read(snapshot::read)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        self.data_version = version;
        self.registry.touched = false;
        if snapshot != self.current {
            self.current = snapshot;
            self.told = false;
        }
        Ok(())
    }

    fn tell(&mut self) {
        if !self.told {
            self.told = self.snapshots.try_send(self.current.clone()).is_ok();
        }
    }

    fn live(&mut self) {
        let now = self.registry.now();
        // Also when the clock was set back.
        if (self.alive..self.alive.after(ALIVE_EVERY_MS)).contains(&now) {
            return;
        }
        let said = self.registry.change_at(now, |desk| if desk.anybody_in()? { desk.live() } else { Ok(()) });
        match said {
            Ok(()) => self.alive = now,
            Err(error) => tracing::warn!(%error, "the store could not be stamped"),
        }
    }
}

/// Does what is asked, as a part of a larger change. `None` when that alone went wrong; an error when all did.
fn answer(desk: &Desk<'_>, job: Job, refusals: &mut Refusals) -> Work<Option<Answer>> {
    Ok(match job {
        Job::Admit(ask, to) => {
            alone(desk, |desk| desk.admit(&ask, refusals))?.map(|verdict| Answer::Verdict(to, verdict))
        }
        Job::GuestDoor(room, to) => {
            alone(desk, |desk| desk.guest_door(room.as_str()))?.map(|door| Answer::Door(to, door))
        }
        Job::AdmitGuest(ask, to) => {
            alone(desk, |desk| desk.admit_guest(&ask, refusals))?.map(|verdict| Answer::Verdict(to, verdict))
        }
        Job::Kept(room, site, also, to) => {
            alone(desk, |desk| desk.kept(room.as_str(), site, also.0))?.map(|kept| Answer::Kept(to, kept))
        }
        Job::WriteDown(fact, to) => {
            alone(desk, |desk| desk.record(&fact, refusals))?.map(|()| Answer::Written(to))
        }
        Job::Record(fact) => {
            alone(desk, |desk| desk.record(&fact, refusals))?;
            None
        }
    })
}

/// Writes a fact down, as of when it happened.
fn record(desk: &Desk<'_>, (at, fact): &(UnixMs, Fact), refusals: &mut Refusals) -> Work<()> {
    alone(desk, |desk| desk.at(*at).record(fact, refusals)).map(drop)
}

/// A part that may go wrong without the rest. What the disk is to blame for, the rest would meet too.
fn alone<T>(desk: &Desk<'_>, work: impl FnOnce(&Desk<'_>) -> Work<T>) -> Work<Option<T>> {
    match desk.part(work) {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.may_pass() || desk.db.is_autocommit() => Err(error),
        Err(error) => {
            tracing::error!(%error, "the store could not do what it was asked");
            Ok(None)
        }
    }
}

impl Registry {
    /// Changes whenever another connection has changed the store.
    fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.db.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }
}
