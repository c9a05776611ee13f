//! What the plaintext frames of a packet amount to: whether it carries anything, whether that is control, and
//! what it acknowledges.
//!
//! Pure. Frame layouts are RFC 9000 section 19, RFC 9221 (datagrams) and the acknowledgement frequency draft
//! in quinn's numbering.

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const STREAM: u64 = 0x08;
const STREAM_LAST: u64 = 0x0f;
const IMMEDIATE_ACK: u64 = 0x1f;
const DATAGRAM: u64 = 0x30;
const DATAGRAM_LEN: u64 = 0x31;

/// Whether a packet holds nothing but an acknowledgement, a probe or padding. What does not parse does not.
pub(super) fn is_bare(frames: &[u8]) -> bool {
    let mut reader = Reader(frames);
    while !reader.0.is_empty() {
        let skipped = match reader.varint() {
            Some(PADDING | PING | IMMEDIATE_ACK) => Some(()),
            Some(kind @ (ACK | ACK_ECN)) => reader.skip_ack(kind),
            _ => None,
        };
        if skipped.is_none() {
            return false;
        }
    }
    true
}

/// What a received packet holds that matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Something that its sender keeps and would send again: stream data, a handshake message, a connection
    /// id …
    pub(super) control: bool,
    /// The highest of our packets that it acknowledges.
    pub(super) acked: Option<u64>,
}

/// Looks through a received packet, up to the first frame that neither voice nor stream data need: quinn
/// writes those first. What does not parse ends the search; the connection ends over it anyway.
pub(super) fn received(frames: &[u8]) -> Received {
    let mut reader = Reader(frames);
    let mut found = Received::default();
    while !reader.0.is_empty() {
        let skipped = match reader.varint() {
            Some(PADDING | PING | IMMEDIATE_ACK) => Some(()),
            Some(kind @ (ACK | ACK_ECN)) => {
                let mut largest = Reader(reader.0);
                found.acked = found.acked.max(largest.varint());
                reader.skip_ack(kind)
            }
            Some(DATAGRAM_LEN) => reader.varint().and_then(|len| reader.skip(len)),
            Some(DATAGRAM) | None => None,
            Some(kind @ STREAM..=STREAM_LAST) => {
                found.control = true;
                reader.skip_stream(kind)
            }
            Some(_) => {
                found.control = true;
                None
            }
        };
        if skipped.is_none() {
            break;
        }
    }
    found
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// A variable-length integer (RFC 9000 section 16).
    fn varint(&mut self) -> Option<u64> {
        let (&first, rest) = self.0.split_first()?;
        let more = (1usize << (first >> 6)) - 1;
        let (tail, rest) = rest.split_at_checked(more)?;
        self.0 = rest;
        Some(tail.iter().fold(u64::from(first & 0x3f), |value, &byte| value << 8 | u64::from(byte)))
    }

    fn skip(&mut self, len: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(len).ok()?..)?;
        Some(())
    }

    /// A STREAM frame after its type, whose low bits say what it holds.
    fn skip_stream(&mut self, kind: u64) -> Option<()> {
        const OFFSET: u64 = 0x04;
        const LENGTH: u64 = 0x02;
        self.varint()?;
        if kind & OFFSET != 0 {
            self.varint()?;
        }
        if kind & LENGTH == 0 {
            // It runs to the end of the packet.
            return None;
        }
        let len = self.varint()?;
        self.skip(len)
    }

    /// An ACK frame after its type: largest, delay, range count, first range, then pairs; then three counts
    /// where it reports ECN.
    fn skip_ack(&mut self, kind: u64) -> Option<()> {
        self.varint()?;
        self.varint()?;
        let ranges = self.varint()?;
        self.varint()?;
        // Each takes at least two bytes, so that a forged count ends with the packet.
        for _ in 0..ranges {
            self.varint()?;
            self.varint()?;
        }
        if kind == ACK_ECN {
            for _ in 0..3 {
                self.varint()?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN_ACK: &[u8] = &[0x02, 0x40, 0x80, 0x05, 0x01, 0x03, 0x00, 0x02];
    const ECN_ACK: &[u8] = &[0x03, 0x09, 0x05, 0x00, 0x03, 0x01, 0x02, 0x80, 0, 0, 3];

    #[test]
    fn acknowledgements_probes_and_padding_are_bare() {
        assert!(is_bare(PLAIN_ACK));
        assert!(is_bare(ECN_ACK));
        assert!(is_bare(&[&[0x01, 0x1f], PLAIN_ACK, &[0, 0]].concat()));
        assert!(is_bare(&[0x01, 0x1f, 0, 0, 0]));
    }

    #[test]
    fn a_packet_with_any_other_frame_is_not_bare() {
        for kind in (0x04u8..=0x3f).filter(|kind| u64::from(*kind) != IMMEDIATE_ACK) {
            assert!(!is_bare(&[&[0x01, 0x1f], PLAIN_ACK, &[kind, 0, 0, 0]].concat()), "{kind:#x}");
        }
        assert!(!is_bare(&[0x40, 0xaf, 0, 0, 0, 0]));
    }

    #[test]
    fn a_cut_acknowledgement_is_not_bare() {
        for len in 1..PLAIN_ACK.len() {
            assert!(!is_bare(&PLAIN_ACK[..len]), "{len}");
        }
    }

    #[test]
    fn stream_data_is_control_and_voice_is_not() {
        let control = |frames: &[u8]| received(frames).control;
        assert!(!control(&[&[0x31, 3, 6, 6, 6], PLAIN_ACK].concat()));
        assert!(!control(&[0x30, 0x08, 0x08]));
        assert!(!control(&[PLAIN_ACK, &[0x01, 0x1f, 0, 0]].concat()));
        assert!(control(&[PLAIN_ACK, &[0x31, 1, 9], &[0x08, 0, 7]].concat()));
        assert!(control(&[0x40, 0xaf, 0, 0, 0, 0]));
    }

    #[test]
    fn an_acknowledgement_is_found_behind_voice_and_stream_data() {
        assert_eq!(received(PLAIN_ACK), Received { control: false, acked: Some(128) });
        assert_eq!(received(&[&[0x31, 1, 9], ECN_ACK].concat()).acked, Some(9));
        let stream = [&[0x0e, 0, 4, 2, 7, 7], PLAIN_ACK].concat();
        assert_eq!(received(&stream), Received { control: true, acked: Some(128) });
        let to_the_end = [&[0x0c, 0, 4], PLAIN_ACK].concat();
        assert_eq!(received(&to_the_end), Received { control: true, acked: None });
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(frames in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(!(is_bare(&frames) && received(&frames).control));
        }
    }
}
