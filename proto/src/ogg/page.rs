//! Pages of Ogg: written whole, and known again by their checksum. Pure.
//!
//! Our own, where the `ogg` crate might be: that one numbers pages from 0 on, and a recording that a power cut has torn
//! is to go on where it stopped. It is the witness in the tests instead, and reads the files of others.
//!
//! ```text
//!   "OggS" 0 flags granule(8) serial(4) sequence(4) checksum(4) count lacing(count) packets
//! ```
//!
//! Source: RFC 3533 section 6.

use std::io::{self, Read};

/// The page begins with the rest of a packet.
const CONTINUED: u8 = 1;
/// The first page of a stream.
pub(super) const FIRST: u8 = 2;
/// The last page of a stream.
pub(super) const LAST: u8 = 4;

/// The granule of a page on which no packet ends.
const NONE: u64 = u64::MAX;

/// Bytes before the lacing.
const HEADER: usize = 27;

/// The longest page: 255 segments of 255 bytes.
const LONGEST: usize = HEADER + 255 + 255 * 255;

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let (mut crc, mut bit) = ((n as u32) << 24, 0);
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000_0000 > 0 { 0x04c1_1db7 } else { 0 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ CRC[(crc >> 24) as usize ^ usize::from(*byte)])
}

/// What a page says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) flags: u8,
    /// Samples at 48 kHz up to the end of its last packet.
    pub(super) granule: u64,
    /// Which stream it belongs to.
    pub(super) serial: u32,
    /// Which page of that it is.
    pub(super) sequence: u32,
}

/// Writes a page of `lacing` and the packets that it describes, at most 255 segments.
fn put(head: Head, lacing: &[u8], packets: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(b"OggS\0");
    out.push(head.flags);
    out.extend_from_slice(&head.granule.to_le_bytes());
    out.extend_from_slice(&head.serial.to_le_bytes());
    out.extend_from_slice(&head.sequence.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.push(u8::try_from(lacing.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(lacing);
    out.extend_from_slice(packets);
    seal(&mut out[begin..]);
}

/// Sets the checksum of a page.
fn seal(page: &mut [u8]) {
    page[22..26].fill(0);
    let sum = crc(page);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
}

/// Segments that a packet of this length takes.
pub(super) const fn segments(length: usize) -> usize {
    length / 255 + 1
}

/// Adds the lacing of a packet.
pub(super) fn lace(length: usize, lacing: &mut Vec<u8>) {
    lacing.extend(std::iter::repeat_n(255, length / 255));
    lacing.push((length % 255) as u8);
}

/// Writes one page of whole packets, which `lacing` describes.
pub(super) fn write(head: Head, lacing: &[u8], packets: &[u8], out: &mut Vec<u8>) {
    debug_assert!(lacing.len() <= 255);
    put(head, lacing, packets, out);
}

/// Writes one packet over as many pages as it takes; the sequence number of the page after them.
pub(super) fn write_alone(mut head: Head, packet: &[u8], out: &mut Vec<u8>) -> u32 {
    let mut lacing = Vec::with_capacity(segments(packet.len()));
    lace(packet.len(), &mut lacing);
    let granule = head.granule;
    let mut packet = packet;
    let mut left = &lacing[..];
    while !left.is_empty() {
        let (now, later) = left.split_at(left.len().min(255));
        let bytes = now.iter().map(|&length| usize::from(length)).sum();
        let (here, rest) = packet.split_at(bytes);
        head.granule = if later.is_empty() { granule } else { NONE };
        put(head, now, here, out);
        head.sequence += 1;
        head.flags = CONTINUED;
        (packet, left) = (rest, later);
    }
    head.sequence
}

/// A whole page as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) head: Head,
    bytes: Vec<u8>,
}

impl Page {
    /// How long it is.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is in it.
    pub(super) fn packets(&self) -> &[u8] {
        &self.bytes[HEADER + usize::from(self.bytes[26])..]
    }

    /// How long each packet on it is, and whether the last one ends on it.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        let lacing = &self.bytes[HEADER..HEADER + usize::from(self.bytes[26])];
        lacing
            .split_inclusive(|&length| length < 255)
            .map(|parts| parts.iter().map(|&n| usize::from(n)).sum())
    }

    /// Whether a packet begins on it, and whether one ends on it.
    pub(super) fn begins_and_ends(&self) -> (bool, bool) {
        let lacing = &self.bytes[HEADER..HEADER + usize::from(self.bytes[26])];
        (self.head.flags & CONTINUED == 0, lacing.iter().any(|&length| length < 255))
    }

    /// The same page in another place of a stream, with other flags.
    pub(super) fn moved(mut self, sequence: u32, flags: u8) -> Vec<u8> {
        self.bytes[5] = flags;
        self.bytes[18..22].copy_from_slice(&sequence.to_le_bytes());
        seal(&mut self.bytes);
        self.bytes
    }
}

/// Reads pages from the beginning, as far as they are whole and follow each other without a gap.
pub(super) struct Pages<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: Read> Pages<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new() }
    }

    /// The next page; `None` where what follows is none, or not whole, or nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Page>> {
        if !self.fill(HEADER)? || !self.buffer.starts_with(b"OggS\0") {
            return Ok(None);
        }
        let count = usize::from(self.buffer[26]);
        if !self.fill(HEADER + count)? {
            return Ok(None);
        }
        let packets: usize = self.buffer[HEADER..HEADER + count].iter().map(|&n| usize::from(n)).sum();
        let length = HEADER + count + packets;
        debug_assert!(length <= LONGEST);
        if !self.fill(length)? {
            return Ok(None);
        }
        let rest = self.buffer.split_off(length);
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        let said = [bytes[22], bytes[23], bytes[24], bytes[25]];
        seal(&mut bytes);
        if bytes[22..26] != said {
            return Ok(None);
        }
        let four = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let granule = u64::from(four(6)) | u64::from(four(10)) << 32;
        let head = Head { flags: bytes[5], granule, serial: four(14), sequence: four(18) };
        Ok(Some(Page { head, bytes }))
    }

    /// Whether there are so many bytes.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        let missing = wanted.saturating_sub(self.buffer.len());
        if missing > 0 {
            self.reader.by_ref().take(missing as u64).read_to_end(&mut self.buffer)?;
        }
        Ok(self.buffer.len() >= wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_packet_of_any_length_is_what_the_ogg_crate_reads_back(length in 0usize..200_000) {
            let packet: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
            let mut out = Vec::new();
            let head = Head { flags: FIRST, granule: 17, serial: 5, sequence: 0 };
            let next = write_alone(head, &packet, &mut out);
            write(Head { flags: LAST, granule: 18, serial: 5, sequence: next }, &[3], b"end", &mut out);
            let mut reader = ogg::PacketReader::new(io::Cursor::new(&out));
            let first = reader.read_packet().expect("sound").expect("a packet");
            prop_assert_eq!(first.absgp_page(), 17);
            prop_assert_eq!(&first.data, &packet);
            prop_assert_eq!(reader.read_packet().expect("sound").expect("a packet").data, b"end");
            let mut pages = Pages::new(&out[..]);
            let mut found = 0;
            while let Some(page) = pages.next().expect("reads") {
                prop_assert_eq!(page.head.sequence, found);
                found += 1;
            }
            prop_assert_eq!(found, next + 1);
        }
    }

    #[test]
    fn a_page_with_one_bit_wrong_is_no_page() {
        let mut out = Vec::new();
        write(Head { flags: 0, granule: 9, serial: 1, sequence: 2 }, &[2, 1], b"abc", &mut out);
        for bit in 0..out.len() * 8 {
            let mut wrong = out.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Pages::new(&wrong[..]).next().expect("reads"), None, "bit {bit}");
        }
        assert!(Pages::new(&out[..]).next().expect("reads").is_some());
    }
}
