//! Bytes to messages and back. `proto/README.md` is the specification; the two change in one commit.
//!
//! Pure: no time, no state but a control stream's unfinished bytes, no sound. Whatever comes in is parsed once,
//! here, into types that cannot hold a bad value; whatever does not parse is a [`DecodeError`] and never a panic.

#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::cast_possible_truncation, clippy::unwrap_used))]

mod ask;
mod control;
mod probe;
mod report;
mod voice;

pub use ask::{ASK_SPAN, Ask, MAX_ASK_BYTES};
pub use control::{
    Act, ActCode, CAPABILITIES, Check, CheckEnd, CheckReady, CheckResult, ClientMessage, CloseCode, Done,
    Fetch, FetchCode, Figures, FloorMode, Framer, Gain, Got, Hello, InLobby, KEEPS, Kept, Leave, LegFigures,
    LineFigures, Lobby, MAX_CONTROL_BYTES, MAX_GAIN_DB, MAX_TEXT_BYTES, Meeting, NoSuchRole, NotFetched,
    Notice, NoticeKind, OBSERVES, Part, PinChallenge, PinProof, Record, Recording, Recordings, Rename,
    Roster, SOURCE, Said, Say, Seat, ServerMessage, SetCap, SetFloor, SetMuted, SetRoom, Silence, SilenceAll,
    SiteRole, Standing, Tick, TwoWay, VERSION, WATCHES, Waiting, Welcome, act, client_message, frame,
    server_message,
};
pub use probe::{PROBE_BYTES, PROBE_STEPS, Probe, WORD_BYTES, Word};
pub use report::{Delay, Echo, Microphone, Rate, Report};
pub use voice::{Body, Copy, MAX_BODY_BYTES, MAX_BUNDLE, MAX_DISTANCE, VOICE_HEADER_BYTES, Voice};

/// No datagram of ours is longer: QUIC's smallest packet must hold it on every path.
pub const MAX_DATAGRAM_BYTES: usize = 1_150;

/// Kinds of datagram: the upper three bits of the first byte.
mod kind {
    pub(super) const VOICE: u8 = 0;
    pub(super) const REPORT: u8 = 1;
    pub(super) const ASK: u8 = 2;
    /// Only where a line is checked: see `probe`.
    pub(super) const PROBE: u8 = 3;
}

/// Why bytes were not a message. A bad datagram is counted and dropped; a bad control message ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing at all, or fewer bytes than the kind needs.
    #[error("the message is cut short")]
    Short,
    /// More bytes than any message of its kind may have.
    #[error("the message is too long")]
    Long,
    /// A kind or a flag that this version does not know.
    #[error("the message is of a kind that this version does not know")]
    Unknown,
    /// The bytes break the encoding itself.
    #[error("the message is not well formed")]
    Malformed,
}

/// One datagram, parsed. Borrows the packet that it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datagram<'a> {
    /// A piece of somebody's speech.
    Voice(Voice<'a>),
    /// A sign of life with what its sender receives.
    Report(Report),
    /// A request for packets that are missing.
    Ask(Ask),
}

impl<'a> Datagram<'a> {
    /// Parses a datagram.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the caller counts it and drops the datagram.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_DATAGRAM_BYTES {
            return Err(DecodeError::Long);
        }
        let first = *bytes.first().ok_or(DecodeError::Short)?;
        match first >> 5 {
            kind::VOICE => Voice::decode(bytes).map(Self::Voice),
            kind::REPORT => Report::decode(bytes).map(Self::Report),
            kind::ASK => Ask::decode(bytes).map(Self::Ask),
            _ => Err(DecodeError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{MediaTime, Seq};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_datagram_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..1300)) {
            if let Ok(Datagram::Voice(voice)) = Datagram::decode(&bytes) {
                for body in [Some(voice.body), voice.copy.map(|copy| copy.body)].into_iter().flatten() {
                    let packets: Vec<_> = body.packets().collect();
                    prop_assert!((1..=MAX_BUNDLE).contains(&packets.len()));
                    prop_assert!(packets.iter().all(|packet| !packet.is_empty()));
                }
            }
        }

        #[test]
        fn voice_survives_the_wire(seq in any::<u64>(), bricks in 0u64..1 << 40, flags in any::<[bool; 3]>(),
                                   packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..270), 1..4),
                                   earlier in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..4),
                                   distance in 1u8..=MAX_DISTANCE) {
            let write = |packets: &[Vec<u8>]| {
                let mut body = Vec::new();
                Body::write(packets.iter().map(Vec::as_slice), &mut body);
                body
            };
            let (body, copy) = (write(&packets), write(&earlier));
            let mut voice = Voice::new(Seq(seq), MediaTime::from_bricks(bricks), flags[0], flags[1],
                                       Body::parse(packets.len() > 1, &body).expect("a body"));
            voice.again = flags[2];
            voice.copy = Body::parse(earlier.len() > 1, &copy).ok().map(|body| Copy { distance, earlier: 3, body });
            let mut buffer = [0; MAX_DATAGRAM_BYTES];
            let bytes = voice.encode(&mut buffer);
            prop_assert_eq!(Datagram::decode(bytes), Ok(Datagram::Voice(voice)));
            prop_assert_eq!(voice.seq(Seq(seq)), Seq(seq));
            prop_assert_eq!(voice.time(MediaTime::from_bricks(bricks)), MediaTime::from_bricks(bricks));
            prop_assert!(voice.body.packets().eq(packets.iter().map(Vec::as_slice)));
        }
    }

    #[test]
    fn a_kind_of_the_future_is_unknown_and_not_malformed() {
        assert_eq!(Datagram::decode(&[0b1110_0000, 1, 2, 3, 4]), Err(DecodeError::Unknown));
        assert_eq!(Datagram::decode(&[0b0100_0010, 1, 2, 3, 4]), Err(DecodeError::Unknown));
        assert_eq!(Datagram::decode(&[]), Err(DecodeError::Short));
    }
}
