//! What an operator may do, what becomes of it, and who may do what.

use prost::Message;

/// What a site may do in a meeting. A guest is a participant that came by PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum SiteRole {
    /// Runs the meeting.
    Operator = 1,
    /// Hears and speaks.
    Participant = 2,
    /// Only hears.
    Listener = 3,
    /// Another bridge.
    Trunk = 4,
}

/// No role has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is operator, participant, listener or trunk")]
pub struct NoSuchRole;

impl SiteRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Participant, Self::Listener, Self::Trunk];

    /// As it travels.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// From what travelled; `None` for a role of a newer version.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// As it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Participant => "participant",
            Self::Listener => "listener",
            Self::Trunk => "trunk",
        }
    }
}

impl std::fmt::Display for SiteRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SiteRole {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(NoSuchRole)
    }
}

/// What an operator wants done. Answered by a [`Done`] with its number.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Act {
    /// Chosen by the sender, to know the answer by.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// Exactly one; none means one that this version does not know, and is refused.
    #[prost(oneof = "act::What", tags = "2, 3, 4, 5")]
    pub what: Option<act::What>,
}

/// What an operator may want.
pub mod act {
    /// See [`super::Act`].
    #[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
    pub enum What {
        /// Lets the guest with this number in from the lobby.
        #[prost(uint64, tag = "2")]
        LetIn(u64),
        /// Turns the guest with this number away from the lobby.
        #[prost(uint64, tag = "3")]
        TurnAway(u64),
        /// Puts the member with this number out.
        #[prost(uint64, tag = "4")]
        Expel(u64),
        /// Makes the member with this number a listener for this meeting, or gives it back its role.
        #[prost(message, tag = "5")]
        Silence(super::Silence),
    }
}

/// Takes a member's voice out of the meeting, or lets it be heard again.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Silence {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// Whether it is to be silent.
    #[prost(bool, tag = "2")]
    pub silent: bool,
}

/// What became of an act.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Done {
    /// The act's number.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// An [`ActCode`]'s code.
    #[prost(uint32, tag = "2")]
    pub code: u32,
}

/// Why an act was not done, or that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ActCode {
    /// Done.
    Done = 0,
    /// This site's role does not allow it.
    NotAllowed = 1,
    /// Nobody of that number is there (any more).
    NobodyThere = 2,
    /// This bridge does not know such an act.
    Unknown = 3,
    /// The room is full.
    Full = 4,
    /// The bridge could not write it down. A guest that was to be let in was not; all else was done.
    Failed = 5,
}

impl ActCode {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::NotAllowed, Self::NobodyThere, Self::Unknown, Self::Full, Self::Failed];

    /// As it travels.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// From what travelled; `None` for a code of a newer version.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.code() == code)
    }
}

/// What this site may do has changed.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Standing {
    /// Its role: a [`SiteRole`]'s code.
    #[prost(uint32, tag = "1")]
    pub role: u32,
    /// Whether an operator has taken its voice out of the meeting.
    #[prost(bool, tag = "2")]
    pub silenced: bool,
}

/// Something that operators should know.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Notice {
    /// A [`NoticeKind`]'s code.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// Whom it is about: its number in the room.
    #[prost(uint64, tag = "2")]
    pub member: u64,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// What operators are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum NoticeKind {
    /// The same device came in again from somewhere else, and its older session was ended.
    CameTwice = 1,
}

impl NoticeKind {
    /// As it travels.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// From what travelled; `None` for one of a newer version.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        [Self::CameTwice].into_iter().find(|kind| kind.code() == code)
    }
}
