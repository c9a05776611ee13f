//! A voice datagram: four bytes of ours, then one or several Opus packets, and perhaps a copy of an earlier one.

use super::{DecodeError, MAX_DATAGRAM_BYTES, kind};
use crate::unit::{MediaTime, Samples, Seq};

/// What we put before the Opus packet.
///
/// Four bytes cost 0.5 kbit/s at 60 ms. Twelve bits of number and twelve of time let 82 s pass at 20 ms before
/// either is ambiguous; the receiver's clock settles the rest.
pub const VOICE_HEADER_BYTES: usize = 4;

/// The longest body that a datagram holds, in bytes.
pub const MAX_BODY_BYTES: usize = MAX_DATAGRAM_BYTES - VOICE_HEADER_BYTES;

/// Opus packets in one datagram at most: eight of 60 ms are half a second.
pub const MAX_BUNDLE: usize = 8;

/// How many packets back a copy may reach.
pub const MAX_DISTANCE: u8 = 15;

const BITS: u32 = 12;
const MASK: u64 = (1 << BITS) - 1;
const FLAG_START: u8 = 1 << 0;
const FLAG_END: u8 = 1 << 1;
const FLAG_BUNDLE: u8 = 1 << 2;
const FLAG_COPY: u8 = 1 << 3;
const FLAG_AGAIN: u8 = 1 << 4;

/// In the first byte of a copy, above its distance.
const COPY_BUNDLE: u8 = 1 << 4;

/// Lengths from here on take a second byte, as in Opus' own framing (RFC 6716 section 3.2.1).
const LONG: u8 = 252;

/// The sound of one packet: one Opus packet, or a bundle of several that follow each other.
///
/// A bundle is its count, the lengths of all but the last, then the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    bundle: bool,
    bytes: &'a [u8],
}

impl<'a> Body<'a> {
    /// One Opus packet, never empty, at most [`MAX_BODY_BYTES`] long.
    #[must_use]
    pub const fn single(opus: &'a [u8]) -> Self {
        Self { bundle: false, bytes: opus }
    }

    /// From bytes as they are on the wire: of a bundle, or of one Opus packet.
    ///
    /// # Errors
    /// Any [`DecodeError`] but [`DecodeError::Unknown`]. What comes back holds at least one packet, none empty.
    pub fn parse(bundle: bool, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Short);
        }
        if bytes.len() > MAX_BODY_BYTES {
            return Err(DecodeError::Long);
        }
        let body = Self { bundle, bytes };
        if bundle {
            let (&count, mut rest) = bytes.split_first().ok_or(DecodeError::Short)?;
            if !(2..=MAX_BUNDLE).contains(&usize::from(count)) {
                return Err(DecodeError::Malformed);
            }
            let mut before_last = 0;
            for _ in 1..count {
                let (length, after) = read_length(rest).ok_or(DecodeError::Short)?;
                if length == 0 {
                    return Err(DecodeError::Malformed);
                }
                before_last += length;
                rest = after;
            }
            if rest.len() <= before_last {
                return Err(DecodeError::Short);
            }
        }
        Ok(body)
    }

    /// Whether it is framed as a bundle.
    #[must_use]
    pub const fn is_bundle(&self) -> bool {
        self.bundle
    }

    /// As it is on the wire.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The Opus packets in it, in order.
    pub fn packets(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut left, mut lengths) = match self.bytes.split_first() {
            Some((&count, rest)) if self.bundle => (usize::from(count), rest),
            _ => (1, self.bytes),
        };
        let mut packets = lengths;
        for _ in 1..left {
            packets = read_length(packets).map_or(&[][..], |(_, after)| after);
        }
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            if left == 0 {
                return Some(packets);
            }
            let (length, after) = read_length(lengths)?;
            lengths = after;
            let (packet, rest) = packets.split_at_checked(length)?;
            packets = rest;
            Some(packet)
        })
    }

    /// Writes `packets` as a body into `out`, which is cleared first; a single one is not framed.
    pub fn write<'p>(packets: impl Iterator<Item = &'p [u8]> + Clone, out: &mut Vec<u8>) {
        out.clear();
        let count = packets.clone().count();
        if count > 1 {
            out.push(u8::try_from(count).unwrap_or(u8::MAX));
            for packet in packets.clone().take(count - 1) {
                write_length(packet.len(), out);
            }
        }
        for packet in packets {
            out.extend_from_slice(packet);
        }
    }
}

/// An earlier packet once more, for whoever lost it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy<'a> {
    /// How many numbers back it was sent, 1 to [`MAX_DISTANCE`].
    pub distance: u8,
    /// By how many bricks its sound begins before that of the packet that carries it.
    pub earlier: u8,
    /// Its sound.
    pub body: Body<'a>,
}

/// A voice datagram, its number and time still narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice<'a> {
    seq: u16,
    bricks: u16,
    /// The first packet of a talkspurt: what is missing right before it is silence.
    pub start: bool,
    /// The last packet of a talkspurt: silence follows, not loss.
    pub end: bool,
    /// Sent again, or for safety: how late it is says nothing about the link.
    pub again: bool,
    /// An earlier packet that rides along.
    pub copy: Option<Copy<'a>>,
    /// Its sound.
    pub body: Body<'a>,
}

impl<'a> Voice<'a> {
    /// A packet to send for the first time, alone.
    #[must_use]
    pub const fn new(seq: Seq, time: MediaTime, start: bool, end: bool, body: Body<'a>) -> Self {
        let (seq, bricks) = ((seq.0 & MASK) as u16, (time.bricks() & MASK) as u16);
        Self { seq, bricks, start, end, again: false, copy: None, body }
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
    /// A copy that does not fit beside the body is left out; a body that does not fit is cut, and
    /// [`MAX_BODY_BYTES`] always fit.
    #[expect(clippy::indexing_slicing, reason = "lengths are cut to the buffer's, which is in its type")]
    pub fn encode<'b>(&self, buffer: &'b mut [u8; MAX_DATAGRAM_BYTES]) -> &'b [u8] {
        let [seq_high, seq_low] = (self.seq << 4).to_be_bytes();
        let [time_high, time_low] = self.bricks.to_be_bytes();
        let body = &self.body.bytes[..self.body.bytes.len().min(MAX_BODY_BYTES)];
        let copy = self.copy.filter(|copy| {
            copy.body.bytes.len() + 4 + body.len() <= MAX_BODY_BYTES
                && (1..=MAX_DISTANCE).contains(&copy.distance)
        });
        let flags = flag(self.start, FLAG_START)
            | flag(self.end, FLAG_END)
            | flag(self.body.bundle, FLAG_BUNDLE)
            | flag(copy.is_some(), FLAG_COPY)
            | flag(self.again, FLAG_AGAIN);
        buffer[..VOICE_HEADER_BYTES].copy_from_slice(&[
            kind::VOICE << 5 | flags,
            seq_high,
            seq_low | time_high,
            time_low,
        ]);
        let mut at = VOICE_HEADER_BYTES;
        let mut put = |bytes: &[u8]| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        if let Some(copy) = copy {
            put(&[copy.distance | flag(copy.body.bundle, COPY_BUNDLE), copy.earlier]);
            let (length, bytes) = length_bytes(copy.body.bytes.len());
            put(&bytes[..length]);
            put(copy.body.bytes);
        }
        put(body);
        &buffer[..at]
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&[first, a, b, c], mut rest) = bytes.split_first_chunk().ok_or(DecodeError::Short)?;
        let copy = if first & FLAG_COPY != 0 {
            let (copy, after) = decode_copy(rest)?;
            rest = after;
            Some(copy)
        } else {
            None
        };
        Ok(Self {
            seq: u16::from_be_bytes([a, b]) >> 4,
            bricks: u16::from_be_bytes([b & 0x0f, c]),
            start: first & FLAG_START != 0,
            end: first & FLAG_END != 0,
            again: first & FLAG_AGAIN != 0,
            copy,
            body: Body::parse(first & FLAG_BUNDLE != 0, rest)?,
        })
    }
}

impl Copy<'_> {
    /// When its sound begins, given when that of its carrier does.
    #[must_use]
    pub fn time(&self, carrier: MediaTime) -> MediaTime {
        carrier - Samples::from_bricks(u32::from(self.earlier))
    }
}

fn decode_copy(bytes: &[u8]) -> Result<(Copy<'_>, &[u8]), DecodeError> {
    let (&[first, earlier], rest) = bytes.split_first_chunk().ok_or(DecodeError::Short)?;
    if first & !(COPY_BUNDLE | MAX_DISTANCE) != 0 {
        return Err(DecodeError::Unknown);
    }
    let distance = first & MAX_DISTANCE;
    if distance == 0 {
        return Err(DecodeError::Malformed);
    }
    let (length, rest) = read_length(rest).ok_or(DecodeError::Short)?;
    let (body, rest) = rest.split_at_checked(length).ok_or(DecodeError::Short)?;
    Ok((Copy { distance, earlier, body: Body::parse(first & COPY_BUNDLE != 0, body)? }, rest))
}

const fn flag(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < LONG {
        return Some((usize::from(first), rest));
    }
    let (&second, rest) = rest.split_first()?;
    Some((usize::from(first) + 4 * usize::from(second), rest))
}

/// How many bytes the length takes, and they.
#[expect(clippy::cast_possible_truncation, reason = "252 to 255, and at most 1,150 / 4")]
const fn length_bytes(length: usize) -> (usize, [u8; 2]) {
    if length < LONG as usize {
        return (1, [length as u8, 0]);
    }
    let first = LONG + (length % 4) as u8;
    (2, [first, ((length - first as usize) / 4) as u8])
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    let (count, bytes) = length_bytes(length);
    out.extend(bytes.into_iter().take(count));
}
