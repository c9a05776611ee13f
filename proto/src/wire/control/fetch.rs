//! What was recorded, fetched: the messages of a stream of its own in a meeting, or of a connection of its own after it.

use prost::Message;

/// Asks for a piece of a recording, or for what there is. A stream takes one after another; the next ends the one before.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Fetch {
    /// The highest version that the client speaks.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// The program and its version, for the log.
    #[prost(string, tag = "2")]
    pub software: String,
    /// The room. In a meeting it is the meeting's, whatever this says.
    #[prost(string, tag = "3")]
    pub room: String,
    /// The recording; 0: the one that runs.
    #[prost(uint64, tag = "4")]
    pub recording: u64,
    /// From when on, in ms from its beginning.
    #[prost(uint64, tag = "5")]
    pub from_ms: u64,
    /// Up to when; 0: to its end.
    #[prost(uint64, tag = "6")]
    pub until_ms: u64,
    /// The most that it may cost, in kbit/s of wire, outside of a meeting; 0 leaves it to the bridge. In a meeting what
    /// the leg may cost holds.
    #[prost(uint32, tag = "7")]
    pub max_kbps: u32,
    /// Only wishes to know which recordings there are.
    #[prost(bool, tag = "8")]
    pub list: bool,
}

/// So much of the piece that was asked for has come, and is kept. Said each second or so while parts come.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Got {
    /// Up to here, in ms from the recording's beginning.
    #[prost(uint64, tag = "1")]
    pub until_ms: u64,
}

/// Which recordings there are, the latest first.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Recordings {
    /// One for each that this site may fetch.
    #[prost(message, repeated, tag = "1")]
    pub recordings: Vec<Kept>,
}

/// A recording that can be fetched; also the answer to who asks for a piece of it, before its parts.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Kept {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub recording: u64,
    /// When it began, in s since 1970.
    #[prost(uint64, tag = "2")]
    pub began_unix_s: u64,
    /// How long it is by now.
    #[prost(uint64, tag = "3")]
    pub length_ms: u64,
    /// Whether more may come.
    #[prost(bool, tag = "4")]
    pub runs: bool,
    /// Where it was paused, and what was said then was left out; at most 64.
    #[prost(uint64, repeated, tag = "5")]
    pub paused_ms: Vec<u64>,
    /// From when on this site may have it.
    #[prost(uint64, tag = "6")]
    pub from_ms: u64,
}

/// A part of what was asked for: parts follow each other without a gap, up to the end of the piece.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Part {
    /// Where it begins, in ms from the recording's beginning.
    #[prost(uint64, tag = "1")]
    pub from_ms: u64,
    /// Where it ends. What its packets do not fill, at its end, is silence.
    #[prost(uint64, tag = "2")]
    pub until_ms: u64,
    /// Opus packets, mono; the first begins with the part, each where the one before it ends.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub packets: Vec<Vec<u8>>,
    /// Nothing more comes of the piece.
    #[prost(bool, tag = "4")]
    pub last: bool,
}

/// What was asked for is not to be had.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct NotFetched {
    /// Why: a [`FetchCode`]'s code.
    #[prost(uint32, tag = "1")]
    pub code: u32,
}

/// Why something is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum FetchCode {
    /// This site may not hear it.
    NotAllowed = 1,
    /// There is no such recording, or no such piece of it.
    NotThere = 2,
    /// As many fetch as the bridge lets at once, or this one asks too often.
    Busy = 3,
    /// It cannot be read.
    Failed = 4,
    /// Its meeting goes on: it can be had in there, or afterwards.
    GoesOn = 5,
}

impl FetchCode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::NotAllowed, Self::NotThere, Self::Busy, Self::Failed, Self::GoesOn];
}
