//! What an operator may do, what becomes of it, and who may do what.

use super::meeting::{Gain, Rename, Say, SetFloor, SetRoom, SilenceAll, Tick};
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
    /// Another meeting, or a device or a program, that is heard here and hears nothing unless an operator lets it.
    Source = 5,
}

/// No role has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is operator, participant, listener, trunk or source")]
pub struct NoSuchRole;

impl SiteRole {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Operator, Self::Participant, Self::Listener, Self::Trunk, Self::Source];

    /// As it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Participant => "participant",
            Self::Listener => "listener",
            Self::Trunk => "trunk",
            Self::Source => "source",
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

/// What somebody wants done, most often an operator. Answered by a [`Done`] with its number.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Act {
    /// Chosen by the sender, to know the answer by.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// Exactly one; none means one that this version does not know, and is refused.
    #[prost(
        oneof = "act::What",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 30, 31, 32, 33"
    )]
    pub what: Option<act::What>,
}

/// What may be wanted.
pub mod act {
    /// See [`super::Act`]. Up to 29 an operator's, from 30 on anybody's.
    #[derive(Clone, PartialEq, Eq, prost::Oneof)]
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
        /// Changes who may speak.
        #[prost(message, tag = "6")]
        SetFloor(super::SetFloor),
        /// Gives the floor to the member with this number; 0: to the hand that was raised first. Whoever had it has it
        /// no more.
        #[prost(uint64, tag = "7")]
        Grant(u64),
        /// Takes the floor back from the member with this number; 0: from whoever has it.
        #[prost(uint64, tag = "8")]
        TakeBack(u64),
        /// Takes down the hand of the member with this number; 0: all hands.
        #[prost(uint64, tag = "9")]
        LowerHand(u64),
        /// Takes all voices out of the meeting, or gives them back.
        #[prost(message, tag = "10")]
        SilenceAll(super::SilenceAll),
        /// Changes what holds for newcomers.
        #[prost(message, tag = "11")]
        SetRoom(super::SetRoom),
        /// Calls a member otherwise.
        #[prost(message, tag = "12")]
        Rename(super::Rename),
        /// Makes a member louder or softer.
        #[prost(message, tag = "13")]
        Gain(super::Gain),
        /// Calls the roll, to be answered within this many seconds; 0 ends the one that runs.
        #[prost(uint32, tag = "14")]
        RollCall(u32),
        /// Answers the roll call for a member.
        #[prost(message, tag = "15")]
        Tick(super::Tick),
        /// Starts, stops or pauses the recording: a [`super::super::Record`]'s code.
        #[prost(uint32, tag = "16")]
        Record(u32),
        /// Plays the announcement of this name, from the bridge's folder; empty: stops it.
        #[prost(string, tag = "17")]
        Play(String),
        /// Names the member that may take the operator's place when there is none; 0: nobody.
        #[prost(uint64, tag = "18")]
        Deputy(u64),
        /// Lets a source hear the meeting, or not any more.
        #[prost(message, tag = "19")]
        TwoWay(super::TwoWay),
        /// Raises the own hand, or takes it down.
        #[prost(bool, tag = "30")]
        Hand(bool),
        /// Answers the roll call of this number.
        #[prost(uint32, tag = "31")]
        Present(u32),
        /// Says something in writing.
        #[prost(message, tag = "32")]
        Say(super::Say),
        /// Takes the operator's place, as the deputy of one whose line is away.
        #[prost(bool, tag = "33")]
        TakeOver(bool),
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

/// Lets a source hear the meeting without its own voice, or not any more.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct TwoWay {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// Whether it is to hear.
    #[prost(bool, tag = "2")]
    pub hears: bool,
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
    /// Not as the meeting stands: no roll call runs, nobody's hand is up, the mode gives no floor.
    NotNow = 6,
    /// What it says cannot be: too long a text or turn, a mode that is none.
    Wrong = 7,
    /// This member has just done as much; in a few seconds it may again.
    TooOften = 8,
}

impl ActCode {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::NotAllowed,
        Self::NobodyThere,
        Self::Unknown,
        Self::Full,
        Self::Failed,
        Self::NotNow,
        Self::Wrong,
        Self::TooOften,
    ];
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

/// Something that operators should know, and the member itself where it is about its sound.
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
    /// Its microphone howls: it was taken out of the meeting until an operator gives it back its voice.
    Howls = 2,
    /// The meeting's own sound comes back from it: the same was done.
    Echoes = 3,
    /// It has taken the operator's place.
    TookOver = 4,
    /// The recording has ended, because the bridge could not write it.
    RecordingFailed = 5,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::CameTwice, Self::Howls, Self::Echoes, Self::TookOver, Self::RecordingFailed];
}
