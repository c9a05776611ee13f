//! A voice datagram: four bytes of ours, then one Opus packet.

use super::{DecodeError, MAX_DATAGRAM_BYTES, kind};
use crate::unit::{MediaTime, Seq};

/// What we put before the Opus packet.
///
/// Four bytes cost 0.5 kbit/s at 60 ms. Twelve bits of number and twelve of time let 82 s pass at 20 ms before
/// either is ambiguous; the receiver's clock settles the rest.
pub const VOICE_HEADER_BYTES: usize = 4;

/// The longest Opus packet that a datagram holds, in bytes.
pub const MAX_OPUS_BYTES: usize = MAX_DATAGRAM_BYTES - VOICE_HEADER_BYTES;

const BITS: u32 = 12;
const MASK: u64 = (1 << BITS) - 1;
const FLAG_START: u8 = 1 << 0;
const FLAG_END: u8 = 1 << 1;
const FLAGS: u8 = FLAG_START | FLAG_END;

/// A voice datagram, its number and time still narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice<'a> {
    seq: u16,
    bricks: u16,
    /// The first packet of a talkspurt. This version's receiver tells it by itself; a recorder need not.
    pub start: bool,
    /// The last packet of a talkspurt: silence follows, not loss.
    pub end: bool,
    /// One Opus packet (RFC 6716), never empty.
    pub opus: &'a [u8],
}

impl<'a> Voice<'a> {
    /// A packet to send. `opus` has 1 to [`MAX_OPUS_BYTES`] bytes.
    #[must_use]
    pub const fn new(seq: Seq, time: MediaTime, start: bool, end: bool, opus: &'a [u8]) -> Self {
        Self { seq: (seq.0 & MASK) as u16, bricks: (time.bricks() & MASK) as u16, start, end, opus }
    }

    /// The packet's number, widened next to one that was seen.
    #[must_use]
    pub fn seq(&self, near: Seq) -> Seq {
        Seq::widen(u64::from(self.seq), BITS, near)
    }

    /// When its sound begins, widened next to the time that is expected.
    #[must_use]
    pub fn time(&self, near: MediaTime) -> MediaTime {
        MediaTime::widen_bricks(u64::from(self.bricks), BITS, near)
    }

    /// Writes the datagram into `buffer` and returns the part that was written.
    ///
    /// An Opus packet that does not fit is cut; [`MAX_OPUS_BYTES`] always fits.
    #[expect(
        clippy::indexing_slicing,
        reason = "the buffer's length is in its type, and the copy is cut to it"
    )]
    pub fn encode<'b>(&self, buffer: &'b mut [u8; MAX_DATAGRAM_BYTES]) -> &'b [u8] {
        let [seq_high, seq_low] = (self.seq << 4).to_be_bytes();
        let [time_high, time_low] = self.bricks.to_be_bytes();
        let flags = if self.start { FLAG_START } else { 0 } | if self.end { FLAG_END } else { 0 };
        let header = [kind::VOICE << 5 | flags, seq_high, seq_low | time_high, time_low];
        buffer[..VOICE_HEADER_BYTES].copy_from_slice(&header);
        let length = self.opus.len().min(MAX_OPUS_BYTES);
        buffer[VOICE_HEADER_BYTES..VOICE_HEADER_BYTES + length].copy_from_slice(&self.opus[..length]);
        &buffer[..VOICE_HEADER_BYTES + length]
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&[first, a, b, c], opus) = bytes.split_first_chunk().ok_or(DecodeError::Short)?;
        if first & 0x1f & !FLAGS != 0 {
            return Err(DecodeError::Unknown);
        }
        if opus.is_empty() {
            return Err(DecodeError::Short);
        }
        if opus.len() > MAX_OPUS_BYTES {
            return Err(DecodeError::Long);
        }
        Ok(Self {
            seq: u16::from_be_bytes([a, b]) >> 4,
            bricks: u16::from_be_bytes([b & 0x0f, c]),
            start: first & FLAG_START != 0,
            end: first & FLAG_END != 0,
            opus,
        })
    }
}
