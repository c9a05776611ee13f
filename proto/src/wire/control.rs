//! Control messages: protobuf on one stream that the client opens, each behind its length.
//!
//! A village's old client must live with a newer bridge: unknown fields are skipped, numbers are never reused,
//! and what either end can do is said in its first message.

use super::DecodeError;
use prost::Message;

/// The version that this code speaks. It changes only when an older peer could not follow at all.
pub const VERSION: u32 = 1;

/// Bits for what a peer can do beyond version 1: none yet.
pub const CAPABILITIES: u64 = 0;

/// The longest control message, its length prefix left out.
pub const MAX_CONTROL_BYTES: usize = 4096;

/// Why an end closed the connection: the QUIC application error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CloseCode {
    /// Ended as asked.
    Bye = 0,
    /// A control message could not be parsed, or came in a state where it has no place.
    BadMessage = 1,
    /// The two ends share no version.
    Version = 2,
    /// This device may not come in: unknown, or its code is wrong.
    NotAdmitted = 3,
    /// The bridge has no room of that name.
    NoSuchRoom = 4,
    /// The room or the bridge holds as many as it may.
    Full = 5,
    /// The same device joined again; the newest session is the one that lives.
    Replaced = 6,
    /// No hello in time.
    TooSlow = 7,
    /// The member's queue ran over: it does not read what it is sent, or sends too much.
    Overrun = 8,
    /// The bridge is stopping.
    Stopping = 9,
    /// The bridge could not look the device up.
    Internal = 10,
    /// As many lines are being checked as the bridge checks at once, or this one too often.
    Busy = 20,
}

impl CloseCode {
    const ALL: [Self; 12] = [
        Self::Bye,
        Self::BadMessage,
        Self::Version,
        Self::NotAdmitted,
        Self::NoSuchRoom,
        Self::Full,
        Self::Replaced,
        Self::TooSlow,
        Self::Overrun,
        Self::Stopping,
        Self::Internal,
        Self::Busy,
    ];

    /// As it travels.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// From what travelled; `None` for a code of a newer version.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|close| u64::from(close.code()) == code)
    }

    /// What happened and what to do, for a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bye => "the meeting was left as asked",
            Self::BadMessage => {
                "the other end sent a message that makes no sense; update the older of the two programs"
            }
            Self::Version => "the bridge speaks another version; update this program",
            Self::NotAdmitted => "this device is not admitted; ask the district for a new join link",
            Self::NoSuchRoom => "the bridge has no room of that name; check the link",
            Self::Full => "the room is full; ask the district to raise its limit",
            Self::Replaced => "the same device joined again from somewhere else; this session ended",
            Self::TooSlow => "the bridge heard no request to join in time; try again",
            Self::Overrun => "the link could not keep up with the meeting; try again",
            Self::Stopping => "the bridge is stopping; it will be back",
            Self::Internal => "the bridge could not look this device up; tell whoever runs it",
            Self::Busy => "the bridge is checking as many lines as it can; try again in a minute",
        }
    }
}

/// From client to bridge.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ClientMessage {
    /// Exactly one body; none means one that this version does not know, and is skipped.
    #[prost(oneof = "client_message::Body", tags = "1, 2, 3, 20, 21")]
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
        /// Instead of a hello: measures the line, and joins nothing.
        #[prost(message, tag = "20")]
        Check(super::Check),
        /// All has been measured.
        #[prost(message, tag = "21")]
        CheckEnd(super::CheckEnd),
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

/// The request to measure the line. What lets a device join lets it check.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Check {
    /// The highest version that the client speaks.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// The program and its version, for the log.
    #[prost(string, tag = "2")]
    pub software: String,
    /// The room to which the link leads.
    #[prost(string, tag = "3")]
    pub room: String,
    /// The link's code, when it has one: 16 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub code: Vec<u8>,
}

/// The client has measured all that it wants to; it asks for what the bridge has.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CheckEnd {}

/// From bridge to client.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ServerMessage {
    /// Exactly one body; none means one that this version does not know, and is skipped.
    #[prost(oneof = "server_message::Body", tags = "1, 2, 20, 21")]
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
        /// The answer to a check that was accepted.
        #[prost(message, tag = "20")]
        CheckReady(super::CheckReady),
        /// The answer to the end of a check.
        #[prost(message, tag = "21")]
        CheckResult(super::CheckResult),
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
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether its microphone is off.
    #[prost(bool, tag = "3")]
    pub muted: bool,
}

/// The check may begin: probes are answered from now on.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CheckReady {}

/// What the bridge has received of a check.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CheckResult {
    /// The rate that the line carries, in bits a second, IP and UDP headers included.
    #[prost(uint32, tag = "1")]
    pub rate_bps: u32,
    /// Whether it may carry more than was tried.
    #[prost(bool, tag = "2")]
    pub or_more: bool,
    /// Packets lost while it was not overloaded, in thousandths of all.
    #[prost(uint32, tag = "3")]
    pub loss_permille: u32,
    /// How many were lost in a row on average, in hundredths.
    #[prost(uint32, tag = "4")]
    pub burst_hundredths: u32,
    /// By how much the slowest twentieth came later than the fastest.
    #[prost(uint32, tag = "5")]
    pub jitter_ms: u32,
    /// Probes received.
    #[prost(uint32, tag = "6")]
    pub received: u32,
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
    Check => ClientMessage::client_message,
    CheckEnd => ClientMessage::client_message,
    Welcome => ServerMessage::server_message,
    Roster => ServerMessage::server_message,
    CheckReady => ServerMessage::server_message,
    CheckResult => ServerMessage::server_message,
);

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

    #[test]
    fn every_close_code_has_words_and_comes_back_from_its_number() {
        for close in CloseCode::ALL {
            assert_eq!(CloseCode::from_code(u64::from(close.code())), Some(close));
            assert!(!close.text().is_empty());
        }
        assert_eq!(CloseCode::from_code(u64::MAX), None);
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
