//! A probe: a datagram that measures the line and carries nothing.
//!
//! A connection carries either a meeting or a check, never both: a probe is no [`Datagram`](super::Datagram), so that
//! one in a meeting is counted with what makes no sense there.

use super::{DecodeError, Echo, MAX_DATAGRAM_BYTES, kind};

/// The shortest probe, in bytes: what all of them begin with.
pub const PROBE_BYTES: usize = 6;

/// What a probe with a [`Word`] has at least.
pub const WORD_BYTES: usize = 14;

/// Numbers of steps are below this; 0 belongs to none.
pub const PROBE_STEPS: u8 = 8;

const FLAG_WORD: u8 = 1 << 0;
const FLAG_OVERLOADED: u8 = 1 << 1;
const FLAG_CLIMB: u8 = 1 << 2;

/// One probe. What follows it in the datagram is padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The step of the staircase that it is part of, 0 for none; below [`PROBE_STEPS`].
    pub step: u8,
    /// The low bits of the count of probes in this direction: a gap is loss.
    pub number: u16,
    /// The sender's clock in milliseconds, low sixteen bits.
    pub sent_ms: u16,
    /// What the sender has to say.
    pub word: Option<Word>,
}

/// What one end of a check tells the other a few times a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The half of a ping that comes back.
    pub echo: Option<Echo>,
    /// The last step from which the sender has received a probe.
    pub heard: u8,
    /// How much longer than the fastest its latest probes took: what waits before the line. At most 65,534 ms.
    pub queued_ms: u16,
    /// More is coming than the line carries: stop climbing.
    pub overloaded: bool,
    /// Climb your staircase now.
    pub climb: bool,
}

impl Probe {
    /// Writes a datagram of this many bytes into `buffer`, as long as it must be and no longer than it may.
    #[expect(
        clippy::indexing_slicing,
        reason = "the buffer's length is in its type, and the range within it"
    )]
    pub fn encode<'b>(&self, buffer: &'b mut [u8; MAX_DATAGRAM_BYTES], length: usize) -> &'b [u8] {
        buffer.fill(0);
        let [n0, n1] = self.number.to_be_bytes();
        let [s0, s1] = self.sent_ms.to_be_bytes();
        let flags = self.word.map_or(0, |word| {
            FLAG_WORD
                | if word.overloaded { FLAG_OVERLOADED } else { 0 }
                | if word.climb { FLAG_CLIMB } else { 0 }
        });
        buffer[..PROBE_BYTES].copy_from_slice(&[kind::PROBE << 5 | flags, self.step, n0, n1, s0, s1]);
        let Some(word) = self.word else {
            return &buffer[..length.clamp(PROBE_BYTES, MAX_DATAGRAM_BYTES)];
        };
        let (echo, held) =
            word.echo.map_or((0, u16::MAX), |echo| (echo.sent_ms, echo.held_ms.min(u16::MAX - 1)));
        let [e0, e1] = echo.to_be_bytes();
        let [h0, h1] = held.to_be_bytes();
        let [q0, q1] = word.queued_ms.to_be_bytes();
        // The spare byte keeps the length even and is for a later version.
        buffer[PROBE_BYTES..WORD_BYTES].copy_from_slice(&[e0, e1, h0, h1, word.heard, 0, q0, q1]);
        &buffer[..length.clamp(WORD_BYTES, MAX_DATAGRAM_BYTES)]
    }

    /// Parses a datagram.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the caller counts it and drops the datagram.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_DATAGRAM_BYTES {
            return Err(DecodeError::Long);
        }
        let &[first, step, n0, n1, s0, s1] = bytes.first_chunk().ok_or(DecodeError::Short)?;
        let flags = first & 0x1f;
        let known = FLAG_WORD | FLAG_OVERLOADED | FLAG_CLIMB;
        if first >> 5 != kind::PROBE || flags & !known != 0 || step >= PROBE_STEPS {
            return Err(DecodeError::Unknown);
        }
        let word = if flags & FLAG_WORD == 0 {
            None
        } else {
            let &[.., e0, e1, h0, h1, heard, _, q0, q1] =
                bytes.first_chunk::<WORD_BYTES>().ok_or(DecodeError::Short)?;
            let held_ms = u16::from_be_bytes([h0, h1]);
            Some(Word {
                echo: (held_ms != u16::MAX).then(|| Echo { sent_ms: u16::from_be_bytes([e0, e1]), held_ms }),
                heard,
                queued_ms: u16::from_be_bytes([q0, q1]),
                overloaded: flags & FLAG_OVERLOADED != 0,
                climb: flags & FLAG_CLIMB != 0,
            })
        };
        let (number, sent_ms) = (u16::from_be_bytes([n0, n1]), u16::from_be_bytes([s0, s1]));
        Ok(Self { step, number, sent_ms, word })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Datagram;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_probe_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..1300)) {
            if let Ok(probe) = Probe::decode(&bytes) {
                prop_assert!(probe.step < PROBE_STEPS);
                // Encoded again it is the same, but for padding and the spare byte.
                let mut buffer = [0; MAX_DATAGRAM_BYTES];
                prop_assert_eq!(Probe::decode(probe.encode(&mut buffer, bytes.len())), Ok(probe));
            }
        }

        #[test]
        fn a_probe_survives_the_wire_at_the_length_that_was_asked_for(
            step in 0..PROBE_STEPS, number in any::<u16>(), sent_ms in any::<u16>(), length in 0usize..2000,
            said in any::<bool>(), echo in proptest::option::of((any::<u16>(), 0..u16::MAX)), heard in any::<u8>(),
            queued_ms in any::<u16>(), overloaded in any::<bool>(), climb in any::<bool>(),
        ) {
            let echo = echo.map(|(sent_ms, held_ms)| Echo { sent_ms, held_ms });
            let word = said.then_some(Word { echo, heard, queued_ms, overloaded, climb });
            let probe = Probe { step, number, sent_ms, word };
            let mut buffer = [1; MAX_DATAGRAM_BYTES];
            let bytes = probe.encode(&mut buffer, length);
            let least = if said { WORD_BYTES } else { PROBE_BYTES };
            prop_assert_eq!(bytes.len(), length.clamp(least, MAX_DATAGRAM_BYTES));
            prop_assert_eq!(Probe::decode(bytes), Ok(probe));
        }
    }

    #[test]
    fn what_is_cut_short_or_of_the_future_is_no_probe_and_a_probe_is_nothing_of_a_meeting() {
        let probe = Probe { step: 1, number: 2, sent_ms: 3, word: Some(Word::default()) };
        let mut buffer = [0; MAX_DATAGRAM_BYTES];
        let mut bytes = probe.encode(&mut buffer, 0).to_vec();
        assert_eq!(Datagram::decode(&bytes), Err(DecodeError::Unknown));
        for length in 0..bytes.len() {
            assert_eq!(Probe::decode(&bytes[..length]), Err(DecodeError::Short), "{length}");
        }
        bytes[0] |= 1 << 4;
        assert_eq!(Probe::decode(&bytes), Err(DecodeError::Unknown));
        assert_eq!(Probe::decode(&[kind::PROBE << 5, PROBE_STEPS, 0, 0, 0, 0]), Err(DecodeError::Unknown));
        assert_eq!(Probe::decode(&[kind::REPORT << 5; 20]), Err(DecodeError::Unknown));
    }
}
