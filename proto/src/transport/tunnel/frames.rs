//! Packets in a stream of bytes: two bytes of length, big-endian, then the packet. Pure.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// The longest packet that a tunnel carries. QUIC sends 1,200 here; more than an Ethernet frame is nobody's.
pub const MAX_PACKET: usize = 1500;

/// What is not a packet of ours. The stream can no longer be trusted to be in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a packet of {0} bytes, which no tunnel carries")]
pub struct BadFrame(pub u16);

/// Appends a packet to `out`. What no tunnel carries is left out.
pub(super) fn append(packet: &[u8], out: &mut Vec<u8>) {
    if let Some(len) = u16::try_from(packet.len()).ok().filter(|len| fits(*len)) {
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(packet);
    }
}

/// Whether a packet of this length can be carried.
const fn fits(len: u16) -> bool {
    len > 0 && len as usize <= MAX_PACKET
}

/// Finds the packets again. Holds at most what is pushed at once and one packet.
#[derive(Debug, Default)]
pub(super) struct Deframer(BytesMut);

impl Deframer {
    /// Takes what came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole packet.
    pub(super) fn poll(&mut self) -> Result<Option<Bytes>, BadFrame> {
        let Some(&[high, low]) = self.0.first_chunk() else { return Ok(None) };
        let len = u16::from_be_bytes([high, low]);
        if !fits(len) {
            return Err(BadFrame(len));
        }
        if self.0.len() < 2 + usize::from(len) {
            return Ok(None);
        }
        self.0.advance(2);
        Ok(Some(self.0.split_to(len.into()).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_and_too_much_are_no_packets() {
        for len in [0u16, 1501, u16::MAX] {
            let mut deframer = Deframer::default();
            deframer.push(&len.to_be_bytes());
            assert_eq!(deframer.poll(), Err(BadFrame(len)));
            let mut out = Vec::new();
            append(&vec![7; len.into()], &mut out);
            assert!(out.is_empty());
        }
    }

    proptest! {
        #[test]
        fn packets_come_out_as_they_went_in_however_the_stream_is_cut(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..=MAX_PACKET), 0..8),
            cut in 1usize..700,
        ) {
            let mut stream = Vec::new();
            packets.iter().for_each(|packet| append(packet, &mut stream));
            let (mut deframer, mut found) = (Deframer::default(), Vec::new());
            for piece in stream.chunks(cut) {
                deframer.push(piece);
                while let Some(packet) = deframer.poll().unwrap() {
                    found.push(packet.to_vec());
                }
                prop_assert!(deframer.0.len() < 2 + MAX_PACKET);
            }
            prop_assert_eq!(found, packets);
        }

        #[test]
        fn noise_never_panics_and_never_piles_up(noise in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let mut deframer = Deframer::default();
            deframer.push(&noise);
            while let Ok(Some(packet)) = deframer.poll() {
                prop_assert!((1..=MAX_PACKET).contains(&packet.len()));
            }
        }
    }
}
