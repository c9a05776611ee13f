//! Control messages: protobuf on one stream that the client opens, each behind its length.
//!
//! A village's old client must live with a newer bridge: unknown fields are skipped, numbers are never reused,
//! and what either end can do is said in its first message.

mod acts;
mod cap;
mod check;
mod code;
mod fetch;
mod guest;
mod meeting;

pub use acts::{
    Act, ActCode, Done, NoSuchRole, Notice, NoticeKind, Silence, SiteRole, Standing, TwoWay, act,
};
pub use cap::SetCap;
pub use check::{Check, CheckEnd, CheckReady, CheckResult};
pub use code::CloseCode;
pub use fetch::{Fetch, FetchCode, Got, Kept, NotFetched, Part, Recordings};
pub use guest::{InLobby, Lobby, PinChallenge, PinProof, Waiting};
pub use meeting::{
    Figures, FloorMode, Gain, LegFigures, LineFigures, MAX_GAIN_DB, MAX_TEXT_BYTES, Meeting, Record,
    Recording, Rename, Said, Say, SetFloor, SetRoom, SilenceAll, Tick,
};

use super::DecodeError;
use prost::Message;

/// The version that this code speaks. It changes only when an older peer could not follow at all.
pub const VERSION: u32 = 1;

/// Bits for what a peer can do beyond version 1: none that an ordinary site says.
pub const CAPABILITIES: u64 = 0;

/// In [`Hello::capabilities`]: a session without a seat. It is welcomed as member 0, is sent the roster, and the lobby if
/// it is an operator's, and may act; it is sent no voice, nobody sees it, and the device's own seat is left alone.
pub const OBSERVES: u64 = 1;

/// In [`Hello::capabilities`]: wishes to be sent how the lines of members are. Only operators are.
pub const WATCHES: u64 = 2;

/// In [`Welcome::capabilities`]: what is recorded can be fetched, by a second stream that the client opens.
pub const KEEPS: u64 = 4;
/// In [`Hello::capabilities`]: the seat is a source ([`SiteRole::Source`]), beside the one that the device may have. For an
/// operator's device, and for a site whose role is that.
pub const SOURCE: u64 = 8;

/// The longest control message, its length prefix left out.
pub const MAX_CONTROL_BYTES: usize = 4096;

/// From client to bridge.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ClientMessage {
    /// Exactly one body; none means one that this version does not know, and is skipped.
    #[prost(oneof = "client_message::Body", tags = "1, 2, 3, 4, 5, 6, 20, 21, 22, 23")]
    pub body: Option<client_message::Body>,
}

/// What a client may say.
pub mod client_message {
    /// See [`super::ClientMessage`].
    #[derive(Clone, PartialEq, Eq, prost::Oneof)]
    pub enum Body {
        /// The first message, once.
        #[prost(message, tag = "1")]
        Hello(super::Hello),
        /// The microphone was switched.
        #[prost(message, tag = "2")]
        SetMuted(super::SetMuted),
        /// Going, as asked.
        #[prost(message, tag = "3")]
        Leave(super::Leave),
        /// The guest's half of the proof that it knows the PIN.
        #[prost(message, tag = "4")]
        PinProof(super::PinProof),
        /// Something is to be done, most often by an operator.
        #[prost(message, tag = "5")]
        Act(super::Act),
        /// What this site may be sent has changed.
        #[prost(message, tag = "6")]
        SetCap(super::SetCap),
        /// Instead of a hello: measures the line, and joins nothing.
        #[prost(message, tag = "20")]
        Check(super::Check),
        /// All has been measured.
        #[prost(message, tag = "21")]
        CheckEnd(super::CheckEnd),
        /// A piece of a recording is wanted; on a stream of its own, or instead of a hello.
        #[prost(message, tag = "22")]
        Fetch(super::Fetch),
        /// Some of it has come.
        #[prost(message, tag = "23")]
        Got(super::Got),
    }
}

/// The request to join: who, where to, and what this client can do.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Hello {
    /// The highest version that the client speaks.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// What it can do beyond that version, as bits.
    #[prost(uint64, tag = "2")]
    pub capabilities: u64,
    /// The program and its version, for the log.
    #[prost(string, tag = "3")]
    pub software: String,
    /// The room.
    #[prost(string, tag = "4")]
    pub room: String,
    /// How the site wishes to be called; the bridge's own list wins.
    #[prost(string, tag = "5")]
    pub name: String,
    /// The link's code, when it has one: 16 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub code: Vec<u8>,
    /// The most that the person lets each direction cost, in kbit/s of wire; 0 leaves it to the bridge.
    #[prost(uint32, tag = "7")]
    pub max_kbps: u32,
    /// Whether the microphone is off.
    #[prost(bool, tag = "8")]
    pub muted: bool,
    /// A guest's first half of the PIN's key exchange; empty for an enrolled device.
    #[prost(bytes = "vec", tag = "9")]
    pub guest: Vec<u8>,
}

/// The microphone was switched off or on at the client.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct SetMuted {
    /// Off?
    #[prost(bool, tag = "1")]
    pub muted: bool,
}

/// The client goes and will not come back by itself.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Leave {}

/// From bridge to client.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ServerMessage {
    /// Exactly one body; none means one that this version does not know, and is skipped.
    #[prost(
        oneof = "server_message::Body",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, 23, 24, 25"
    )]
    pub body: Option<server_message::Body>,
}

/// What a bridge may say.
pub mod server_message {
    /// See [`super::ServerMessage`].
    #[derive(Clone, PartialEq, Eq, prost::Oneof)]
    pub enum Body {
        /// The answer to a hello that was accepted. A refusal is a close with its code.
        #[prost(message, tag = "1")]
        Welcome(super::Welcome),
        /// Who came, changed or went.
        #[prost(message, tag = "2")]
        Roster(super::Roster),
        /// The answer to a guest's hello.
        #[prost(message, tag = "3")]
        PinChallenge(super::PinChallenge),
        /// The PIN is proved; the operator decides.
        #[prost(message, tag = "4")]
        InLobby(super::InLobby),
        /// To operators: who waits to be let in, as differences.
        #[prost(message, tag = "5")]
        Lobby(super::Lobby),
        /// The answer to an act.
        #[prost(message, tag = "6")]
        Done(super::Done),
        /// Whether this site may speak has changed.
        #[prost(message, tag = "7")]
        Standing(super::Standing),
        /// To operators, and to whom it is about: something they should know.
        #[prost(message, tag = "8")]
        Notice(super::Notice),
        /// How the meeting stands.
        #[prost(message, tag = "9")]
        Meeting(super::Meeting),
        /// Somebody has said something in writing.
        #[prost(message, tag = "10")]
        Said(super::Said),
        /// To operators that watch: how members' lines are.
        #[prost(message, tag = "11")]
        Figures(super::Figures),
        /// The answer to a check that was accepted.
        #[prost(message, tag = "20")]
        CheckReady(super::CheckReady),
        /// The answer to the end of a check.
        #[prost(message, tag = "21")]
        CheckResult(super::CheckResult),
        /// Which recordings there are.
        #[prost(message, tag = "22")]
        Recordings(super::Recordings),
        /// What was asked for is there, and begins to come.
        #[prost(message, tag = "23")]
        Kept(super::Kept),
        /// Some of it.
        #[prost(message, tag = "24")]
        Part(super::Part),
        /// It is not to be had.
        #[prost(message, tag = "25")]
        NotFetched(super::NotFetched),
    }
}

/// You are in.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Welcome {
    /// The version to speak: the lower of the two highest.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// What the bridge can do beyond it, as bits.
    #[prost(uint64, tag = "2")]
    pub capabilities: u64,
    /// The client's own number in the room.
    #[prost(uint64, tag = "3")]
    pub member: u64,
    /// The room.
    #[prost(string, tag = "4")]
    pub room: String,
    /// The name under which the others see this site.
    #[prost(string, tag = "5")]
    pub name: String,
    /// What this site may do: a [`SiteRole`]'s code.
    #[prost(uint32, tag = "6")]
    pub role: u32,
    /// The fingerprint of the bridge's spare key, 16 bytes, so that a key that changes is known; may be empty.
    #[prost(bytes = "vec", tag = "7")]
    pub spare: Vec<u8>,
}

/// A difference to the list of who is here. The first one after a welcome holds all who are.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Roster {
    /// Seats that are new or changed.
    #[prost(message, repeated, tag = "1")]
    pub seats: Vec<Seat>,
    /// Members that went.
    #[prost(uint64, repeated, tag = "2")]
    pub gone: Vec<u64>,
}

/// One line of the list.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Seat {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// Its name; empty in a difference: as before.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether its microphone is off.
    #[prost(bool, tag = "3")]
    pub muted: bool,
    /// What it may do: a [`SiteRole`]'s code.
    #[prost(uint32, tag = "4")]
    pub role: u32,
    /// Whether it came by PIN and not by a key that is enrolled.
    #[prost(bool, tag = "5")]
    pub guest: bool,
    /// Whether an operator has taken its voice out of the meeting.
    #[prost(bool, tag = "6")]
    pub silenced: bool,
    /// The place of its hand among all that were raised, counted from 1 and never used again; 0: its hand is down.
    #[prost(uint32, tag = "7")]
    pub hand: u32,
    /// The last roll call that it has answered.
    #[prost(uint32, tag = "8")]
    pub present: u32,
    /// Whether its line is away and its seat kept for it.
    #[prost(bool, tag = "9")]
    pub away: bool,
    /// By how much it is made louder, in dB.
    #[prost(sint32, tag = "10")]
    pub gain_db: i32,
    /// To an operator that has just come: how much of the recording that runs it has, in percent. Later the figures say.
    #[prost(uint32, optional, tag = "11")]
    pub has: Option<u32>,
    /// Whether it is a source that an operator lets hear the meeting.
    #[prost(bool, tag = "12")]
    pub two_way: bool,
}

macro_rules! body_from {
    ($($body:ident => $message:ident :: $module:ident),* $(,)?) => {$(
        impl From<$body> for $message {
            fn from(body: $body) -> Self {
                Self { body: Some($module::Body::$body(body)) }
            }
        }
    )*};
}
body_from!(
    Hello => ClientMessage::client_message,
    SetMuted => ClientMessage::client_message,
    Leave => ClientMessage::client_message,
    PinProof => ClientMessage::client_message,
    Act => ClientMessage::client_message,
    SetCap => ClientMessage::client_message,
    Check => ClientMessage::client_message,
    CheckEnd => ClientMessage::client_message,
    Welcome => ServerMessage::server_message,
    Roster => ServerMessage::server_message,
    PinChallenge => ServerMessage::server_message,
    InLobby => ServerMessage::server_message,
    Lobby => ServerMessage::server_message,
    Done => ServerMessage::server_message,
    Standing => ServerMessage::server_message,
    Notice => ServerMessage::server_message,
    Meeting => ServerMessage::server_message,
    Said => ServerMessage::server_message,
    Figures => ServerMessage::server_message,
    Fetch => ClientMessage::client_message,
    Got => ClientMessage::client_message,
    Recordings => ServerMessage::server_message,
    Kept => ServerMessage::server_message,
    Part => ServerMessage::server_message,
    NotFetched => ServerMessage::server_message,
    CheckReady => ServerMessage::server_message,
    CheckResult => ServerMessage::server_message,
);

macro_rules! codes {
    ($($kind:ident),* $(,)?) => {$(
        impl $kind {
            /// As it travels.
            #[must_use]
            pub const fn code(self) -> u32 {
                self as u32
            }

            /// From what travelled; `None` for one of a newer version.
            #[must_use]
            pub fn from_code(code: u32) -> Option<Self> {
                Self::ALL.into_iter().find(|known| known.code() == code)
            }
        }
    )*};
}
codes!(ActCode, FetchCode, FloorMode, NoticeKind, Record, Recording, SiteRole);

/// A message behind its length, ready for the stream.
#[must_use]
pub fn frame<M: Message>(message: &M) -> Vec<u8> {
    message.encode_length_delimited_to_vec()
}

/// Cuts a stream of bytes into control messages.
///
/// Holds at most one unfinished message and what came with it; [`Framer::push`] what was read, then call
/// [`Framer::poll`] until it returns `None`.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
}

impl Framer {
    /// Takes bytes as they were read from the stream, at most [`MAX_CONTROL_BYTES`] at a time.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    ///
    /// # Errors
    /// [`DecodeError::Long`] for a length over [`MAX_CONTROL_BYTES`], [`DecodeError::Malformed`] for what is no
    /// protobuf. Either ends the connection: the stream cannot be trusted to be in step again.
    pub fn poll<M: Message + Default>(&mut self) -> Result<Option<M>, DecodeError> {
        let mut rest = self.bytes.as_slice();
        let length = match prost::decode_length_delimiter(&mut rest) {
            Ok(length) => length,
            // Ten bytes hold any varint.
            Err(_) if self.bytes.len() < 10 => return Ok(None),
            Err(_) => return Err(DecodeError::Malformed),
        };
        if length > MAX_CONTROL_BYTES {
            return Err(DecodeError::Long);
        }
        let prefix = self.bytes.len() - rest.len();
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = M::decode(body).map_err(|_| DecodeError::Malformed)?;
        self.bytes.drain(..prefix + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello() -> ClientMessage {
        Hello { version: VERSION, room: "giaoban".into(), name: "Tri Lễ".into(), ..Hello::default() }.into()
    }

    #[test]
    fn messages_are_cut_out_wherever_the_stream_was_cut() {
        let stream = [frame(&hello()), frame(&ClientMessage::from(SetMuted { muted: true }))].concat();
        for cut in 0..stream.len() {
            let mut framer = Framer::default();
            let mut found = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                framer.push(part);
                while let Some(message) = framer.poll::<ClientMessage>().expect("well formed") {
                    found.push(message);
                }
            }
            assert_eq!(found, [hello(), SetMuted { muted: true }.into()]);
        }
    }

    #[test]
    fn a_field_and_a_body_of_the_future_are_skipped() {
        // Field 99 with a string, in a Hello; and a body number 15.
        let mut hello_bytes = Hello { version: 7, ..Hello::default() }.encode_to_vec();
        hello_bytes.extend([0x9a, 0x06, 2, b'h', b'i']);
        assert_eq!(
            Hello::decode(hello_bytes.as_slice()).expect("skips"),
            Hello { version: 7, ..Hello::default() }
        );
        let unknown = ServerMessage::decode([0x7a, 1, 0].as_slice()).expect("skips");
        assert_eq!(unknown, ServerMessage { body: None });
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_bytes_come() {
        let mut framer = Framer::default();
        framer.push(&[0xff, 0xff, 0xff, 0x7f]);
        assert_eq!(framer.poll::<ClientMessage>(), Err(DecodeError::Long));
    }

    proptest! {
        #[test]
        fn any_stream_gives_messages_or_an_error(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..8)) {
            let mut framer = Framer::default();
            'stream: for part in parts {
                framer.push(&part);
                loop {
                    match framer.poll::<ClientMessage>() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'stream,
                    }
                }
                prop_assert!(framer.bytes.len() <= MAX_CONTROL_BYTES + 64);
            }
        }
    }
}
