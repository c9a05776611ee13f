//! What must survive: who may come in and as what, which rooms there are, who was there, and what was done.
//!
//! ```text
//!   Store (what a running bridge asks) -> shell: a thread, or inline in memory -> Clerk -> Registry -> SQLite
//!   the command line's processes ------------------------------------------------------> Registry -> SQLite
//! ```
//!
//! Behind a trait that answers later, because a disk may be slow and a tick may not. Every decision is made in one
//! place, inside the transaction that writes it down: the two shells of [`SqliteStore`] differ only in who runs it. It
//! must not read a clock (it is given one), and nothing is answered before it is on the disk.

mod admission;
mod attendance;
mod audit;
mod clerk;
mod clock;
mod desk;
mod error;
mod facts;
mod meetings;
mod recordings;
mod registry;
mod rooms;
mod schema;
mod shell;
mod sites;
mod snapshot;

pub use attendance::{VisitFilter, VisitRow};
pub use audit::{AuditFault, AuditFilter, AuditRow, Damage, Head};
pub use clock::{Clock, UnixMs, system_clock};
pub use error::StoreError;
pub use meetings::{Answer, MessageRow, RollRow};
pub use recordings::{Kept, RecordingId, RecordingRow, RecordingState};
pub use registry::{FIRST_ROOM, FIRST_SITE, FirstStart, Registry, Secrets};
pub use rooms::{Access, Guests, NewPin, NoSuchWord, RoomChange, RoomRow};
pub use shell::SqliteStore;
pub use sites::{INVITATION_FOR_MS, Invitation, Site};
pub use snapshot::{RoomState, SiteState, Snapshot};

use giaoban_proto::link::{Code, RoomName};
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::{CloseCode, SiteRole};
use tokio::sync::{mpsc, oneshot};

/// A site's number, given once and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub i64);

/// The number of a row of the attendance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitId(pub i64);

/// A device at the door. The key is proved by the handshake; all else is what it says. How it wishes to be called is
/// not among that: a site has the name that the district gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The device's key.
    pub device: PublicKey,
    /// Where to.
    pub room: RoomName,
    /// The invitation in its link, when it has one.
    pub code: Option<Code>,
    /// Whether it comes in. If not it is only asked whether it might, and nothing is remembered.
    pub enters: bool,
}

/// As what somebody comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Whose device it is; `None` for a guest.
    pub site: Option<SiteId>,
    /// How it is called in the room.
    pub name: String,
    /// What it may do in this room.
    pub role: SiteRole,
    /// Whether it came by PIN.
    pub guest: bool,
    /// The site's generation: a session of a lower one than the latest [`Snapshot`]'s is to be closed. 0 for a guest.
    pub generation: u64,
    /// Its row in the attendance, to be given back by [`Fact::Left`]; `None` if it was only asked.
    pub visit: Option<VisitId>,
    /// Members in this room at most, where the room has a number of its own.
    pub max_members: Option<usize>,
}

/// As what somebody comes in, or why not.
pub type Verdict = Result<Admitted, CloseCode>;

/// What a guest meets at a room that takes guests.
#[derive(Clone, PartialEq, Eq)]
pub struct GuestDoor {
    /// What it must prove to know. Never to be sent nor logged.
    pub pin: String,
    /// Whether an operator decides; else whoever knows the PIN is in.
    pub lobby: bool,
}

impl std::fmt::Debug for GuestDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestDoor").field("lobby", &self.lobby).finish_non_exhaustive()
    }
}

/// A guest that has proved to know the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestAsk {
    /// Its key, made for this meeting.
    pub device: PublicKey,
    /// Where to.
    pub room: RoomName,
    /// How it calls itself, fit to be shown.
    pub name: String,
    /// The operator who let it in; needed where the room has a lobby.
    pub by: Option<SiteId>,
}

/// Something that has happened and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A visit has ended. With [`CloseCode::Replaced`] it has not: the same device goes on, in the same row.
    Left {
        /// The visit.
        visit: VisitId,
        /// Why it ended; `None` when its line was lost.
        why: Option<CloseCode>,
    },
    /// Somebody was turned away by the bridge. What [`Store::admit`] and [`Store::admit_guest`] refuse is written down
    /// there; what [`Store::guest_door`] does is not, since it does not know who asks.
    Refused {
        /// Where to.
        room: String,
        /// Who, as far as is known: a fingerprint, a name.
        who: String,
        /// Why.
        code: CloseCode,
        /// From which address.
        from: String,
    },
    /// An operator's act was done.
    Acted {
        /// Who did it; `None` for the bridge itself.
        by: Option<SiteId>,
        /// What, in a word or two.
        act: &'static str,
        /// To whom or what.
        target: String,
        /// What else is to be known.
        detail: String,
    },
    /// An act was asked for and not done.
    ActRefused {
        /// Who asked; `None` for a guest.
        by: Option<SiteId>,
        /// What, in a word or two.
        act: &'static str,
        /// To whom or what.
        target: String,
        /// The code that it was answered with.
        code: u32,
    },
    /// A newer session of the same device took a visit over.
    Replaced {
        /// The visit, which goes on.
        visit: VisitId,
    },
    /// The roll was called.
    RollCalled {
        /// In which room.
        room: String,
        /// Which round of its meeting, counted from 1.
        number: u32,
    },
    /// The last roll call of a room was answered, or an operator took an answer back.
    RollAnswered {
        /// In which room.
        room: String,
        /// Whose visit.
        visit: VisitId,
        /// Whether it is there.
        present: bool,
        /// Whether an operator answered for it.
        ticked: bool,
    },
    /// Somebody has said something in writing.
    Said {
        /// In which room.
        room: String,
        /// Whose words; `None` for a guest.
        site: Option<SiteId>,
        /// How it was called then.
        name: String,
        /// What.
        text: String,
        /// Whether operators alone read it.
        to_operators: bool,
    },
    /// A turn is over.
    HadFloor {
        /// Whose visit.
        visit: VisitId,
        /// How long it was, in milliseconds.
        ms: i64,
    },
    /// Of what was said in a meeting a visitor has missed, or had guessed for it, so much.
    Missed {
        /// The visit.
        visit: VisitId,
        /// In milliseconds.
        ms: i64,
    },
    /// The room of a recording that runs is locked.
    RecordingClosed {
        /// Which.
        id: RecordingId,
    },
    /// A recording stands otherwise from now on. One that is not there says nothing.
    Recording {
        /// Which.
        id: RecordingId,
        /// How.
        state: RecordingState,
        /// Whose act that was; `None` for the bridge itself.
        by: Option<SiteId>,
    },
    /// The bridge takes connections from now on.
    BridgeStarted,
    /// The bridge has put everybody out and ends.
    BridgeStopped,
}

/// What a running bridge asks of its store. A dropped answer means that the store failed.
pub trait Store: Send + Sync + 'static {
    /// Looks a device up, enrols it when its invitation is good, and opens its row in the attendance.
    fn admit(&self, ask: Ask) -> oneshot::Receiver<Verdict>;

    /// What a guest meets at this room. A room that takes none and a room that is not there are told alike.
    fn guest_door(&self, room: RoomName) -> oneshot::Receiver<Result<GuestDoor, CloseCode>>;

    /// Lets a guest in and opens its row in the attendance.
    fn admit_guest(&self, guest: GuestAsk) -> oneshot::Receiver<Verdict>;

    /// Writes a fact down, in order, after what was asked before; nobody waits for it. While the disk fails it is kept
    /// and tried again.
    fn record(&self, fact: Fact);

    /// Writes a fact down and says when it stands on the disk. A dropped answer means that it does not.
    fn write_down(&self, fact: Fact) -> oneshot::Receiver<()>;

    /// The latest recordings of a room, and the one of this number, as far as they concern a site, or a guest. The latest
    /// first.
    fn kept(&self, room: RoomName, site: Option<SiteId>, also: RecordingId) -> oneshot::Receiver<Vec<Kept>>;

    /// Whether this key belongs to a site that may come in. From memory: the handshake may ask.
    fn knows(&self, device: &PublicKey) -> bool;

    /// How things stand, and again whenever that changes, by whatever process. To be had once.
    fn changes(&self) -> Option<mpsc::Receiver<Snapshot>>;
}

#[cfg(test)]
mod tests;
