//! A recording as one stream of Ogg Opus: packets in, pages out. Pure.
//!
//! ```text
//!   begin -> head and tags      go_on(time)   push(packet) …  silence(until) …   pause   go_on(time) …   end
//!                                   |                                              |
//!                                   +---- time in the file is time in the meeting -+ what comes between is left out
//! ```
//!
//! Silence between talkspurts is filled with packets that say "nothing was sent" (their first byte alone), in the form
//! of the last packet with sound, so that a player's clock goes on. Pages hold at most 480 ms, which is what a crash can
//! cost. A recording that was torn goes on in the same stream, at the next page number and the next sample: a second
//! stream behind the first, which Ogg allows too, has a duration and a slider of its own in most players (ffmpeg's among
//! them), and the meeting would seem to be as long as its last part.
//!
//! Source: RFC 7845; the form of a packet, RFC 6716 section 3.1.

use super::page::{self, FIRST, Head, LAST, Page, Pages};
use crate::media::{Packet, codec};
use crate::unit::{MediaTime, SAMPLE_RATE, Samples};
use std::io::{self, Read};

/// Samples at the beginning that a player leaves out: what libopus' encoder looks ahead, 6.5 ms. With it a sound is
/// heard at the time at which it was said.
const PRE_SKIP: u16 = 312;

/// A page is written when it holds this much: eight packets of 60 ms. Longer pages cost more sound when the power goes,
/// shorter ones more bytes around it (35 each).
const PAGE: Samples = Samples(480 * 48);

/// One frame of 60 ms in wide-band SILK, mono: what silence looks like before anything was said.
const USUAL_FORM: u8 = 11 << 3;

/// A packet cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It begins before what is written already, or while nothing is to be written.
    #[error("its time has passed")]
    Past,
    /// It is a bundle, or no Opus, or not as long as it says.
    #[error("it is no single Opus packet")]
    Form,
}

/// What the tags of a recording say. Nothing about people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The program that writes it.
    pub program: &'static str,
    /// The room.
    pub room: String,
    /// When the recording began, for people.
    pub date: String,
}

/// Where a stream ends that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Bytes of whole pages; what follows is torn.
    pub bytes: u64,
    /// Samples that it holds.
    pub samples: u64,
    /// Whether it was ended, rather than torn.
    pub ended: bool,
    serial: u32,
    sequence: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Segment {
    serial: u32,
    sequence: u32,
    /// Samples in the stream, those of the page in the making included.
    samples: u64,
    /// The time in the meeting of what comes next; `None` while nothing is written down.
    next: Option<MediaTime>,
    /// The first byte of a packet without sound.
    form: u8,
    /// The page in the making.
    lacing: Vec<u8>,
    packets: Vec<u8>,
    held: u32,
}

impl Segment {
    /// A new stream; its head and tags, with these chapters, go to `out`.
    #[must_use]
    pub fn begin(serial: u32, label: &Label, chapters: &[String], out: &mut Vec<u8>) -> Self {
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend_from_slice(&PRE_SKIP.to_le_bytes());
        head.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
        // No gain, and one channel as it comes.
        head.extend_from_slice(&[0; 3]);
        let first = Head { flags: FIRST, granule: 0, serial, sequence: 0 };
        let sequence = page::write_alone(first, &head, out);
        let second = Head { flags: 0, granule: 0, serial, sequence };
        let sequence = page::write_alone(second, &tags(label, chapters), out);
        Self::at(serial, sequence, 0)
    }

    /// Goes on with a stream that was found and not ended.
    #[must_use]
    pub fn resume(found: &Found) -> Self {
        Self::at(found.serial, found.sequence, found.samples)
    }

    fn at(serial: u32, sequence: u32, samples: u64) -> Self {
        let (lacing, packets) = (Vec::with_capacity(255), Vec::with_capacity(4096));
        Self { serial, sequence, samples, next: None, form: USUAL_FORM, lacing, packets, held: 0 }
    }

    /// Samples that it holds so far: the time in the file of what comes next.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// The time in the file of a moment in the meeting that is not over, or now where nothing is written down.
    #[must_use]
    pub fn samples_at(&self, time: MediaTime) -> u64 {
        let ahead = self.next.map_or(0, |next| time.ahead_of(next));
        self.samples + u64::try_from(ahead).unwrap_or(0)
    }

    /// What is said from `time` on is written down.
    pub const fn go_on(&mut self, time: MediaTime) {
        self.next = Some(time);
    }

    /// Writes a packet down; silence first, up to where it begins. Pages that are full go to `out`.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn push(&mut self, packet: &Packet, out: &mut Vec<u8>) -> Result<(), Refused> {
        let mut frames = packet.body().packets();
        let (Some(opus), None) = (frames.next(), frames.next()) else { return Err(Refused::Form) };
        if codec::packet_length(opus) != Ok(packet.length) {
            return Err(Refused::Form);
        }
        self.push_opus(packet.time, opus, out)
    }

    /// The same for one Opus packet whose sound begins then.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn push_opus(&mut self, time: MediaTime, opus: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        let length = codec::packet_length(opus).map_err(|_| Refused::Form)?;
        if self.next.is_none_or(|next| time.ahead_of(next) < 0) {
            return Err(Refused::Past);
        }
        self.silence(time, out);
        self.add(opus, length, out);
        // Without the number of frames in it: one.
        self.form = opus.first().map_or(USUAL_FORM, |first| first & 0xfc);
        Ok(())
    }

    /// Nobody has spoken until then. What is less than a frame of silence is left for later.
    pub fn silence(&mut self, until: MediaTime, out: &mut Vec<u8>) {
        let frame = frame(self.form);
        while let Some(next) = self.next
            && until.ahead_of(next) >= i64::from(frame.0)
        {
            self.add(&[self.form], frame, out);
        }
    }

    /// Nothing more is written down for now; the page in the making goes to `out`.
    pub fn pause(&mut self, out: &mut Vec<u8>) {
        self.next = None;
        self.flush(0, out);
    }

    /// The stream ends.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.next = None;
        if self.lacing.is_empty() {
            // The last page must say that it is, and hold a packet.
            let form = self.form;
            self.take(&[form], frame(form));
        }
        self.flush(LAST, out);
    }

    fn add(&mut self, opus: &[u8], length: Samples, out: &mut Vec<u8>) {
        if self.lacing.len() + page::segments(opus.len()) > 255 {
            self.flush(0, out);
        }
        self.take(opus, length);
        self.next = self.next.map(|next| next + length);
        if self.held >= PAGE.0 {
            self.flush(0, out);
        }
    }

    fn take(&mut self, opus: &[u8], length: Samples) {
        page::lace(opus.len(), &mut self.lacing);
        self.packets.extend_from_slice(opus);
        self.held += length.0;
        self.samples += u64::from(length.0);
    }

    fn flush(&mut self, flags: u8, out: &mut Vec<u8>) {
        if self.lacing.is_empty() {
            return;
        }
        let head = Head { flags, granule: self.samples, serial: self.serial, sequence: self.sequence };
        page::write(head, &self.lacing, &self.packets, out);
        self.sequence += 1;
        self.lacing.clear();
        self.packets.clear();
        self.held = 0;
    }
}

/// How much sound one frame of a packet of this form holds (RFC 6716, table 2).
pub(super) fn frame(form: u8) -> Samples {
    let config = form >> 3;
    Samples(match config {
        0..12 => [480, 960, 1920, 2880][usize::from(config & 3)],
        12..16 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    })
}

/// The second packet of a stream: who made it, what it is, and its chapters.
fn tags(label: &Label, chapters: &[String]) -> Vec<u8> {
    let ours = [
        format!("ENCODER={} {}", label.program, env!("CARGO_PKG_VERSION")),
        format!("TITLE={}", label.room),
        format!("DATE={}", label.date),
    ];
    let mut tags = b"OpusTags".to_vec();
    let number = |n: usize, tags: &mut Vec<u8>| {
        tags.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
    };
    let text = |text: &str, tags: &mut Vec<u8>| {
        number(text.len(), tags);
        tags.extend_from_slice(text.as_bytes());
    };
    text(codec::version(), &mut tags);
    number(ours.len() + chapters.len(), &mut tags);
    ours.iter().chain(chapters).for_each(|comment| text(comment, &mut tags));
    tags
}

/// Pages of a stream of ours, from its first on, as far as they are whole and in order.
pub(super) struct Stream<R> {
    pages: Pages<R>,
    serial: u32,
    sequence: u32,
    /// Whether the tags have ended, and the stream.
    tagged: bool,
    ended: bool,
}

impl<R: Read> Stream<R> {
    pub(super) fn open(reader: R) -> io::Result<Option<(Self, Page)>> {
        let mut pages = Pages::new(reader);
        let first = pages.next()?.filter(|first| {
            first.head.flags == FIRST && first.head.sequence == 0 && first.packets().starts_with(b"OpusHead")
        });
        Ok(first.map(|first| {
            let serial = first.head.serial;
            (Self { pages, serial, sequence: 1, tagged: false, ended: false }, first)
        }))
    }

    /// Whether the last page has come.
    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// The next page, and whether it belongs to the tags; later, where the file grows, there may be one.
    pub(super) fn next(&mut self) -> io::Result<Option<(Page, bool)>> {
        if self.ended() {
            return Ok(None);
        }
        let ours = |page: &Page| page.head.serial == self.serial && page.head.sequence == self.sequence;
        let Some(page) = self.pages.next()?.filter(ours) else { return Ok(None) };
        self.sequence += 1;
        self.ended = page.head.flags & LAST > 0;
        let of_tags = !self.tagged;
        let (begins, ends) = page.begins_and_ends();
        if of_tags && begins != page.packets().starts_with(b"OpusTags") {
            return Ok(None);
        }
        self.tagged |= ends;
        Ok(Some((page, of_tags)))
    }
}

/// Looks for the end of a stream of ours. `None` where not even its head and tags are whole.
///
/// # Errors
/// It cannot be read.
pub fn find_end(reader: impl Read) -> io::Result<Option<Found>> {
    let Some((mut stream, first)) = Stream::open(reader)? else { return Ok(None) };
    let mut bytes = first.len() as u64;
    let mut found = None;
    let mut samples = 0;
    while let Some((page, of_tags)) = stream.next()? {
        bytes += page.len() as u64;
        if !of_tags {
            samples = page.head.granule;
        }
        let (serial, sequence, ended) = (stream.serial, stream.sequence, stream.ended);
        found = stream.tagged.then_some(Found { bytes, samples, ended, serial, sequence });
    }
    Ok(found)
}

/// Copies a stream of ours as far as it is whole, with these chapters in its tags, and ends it. Pages go to `write` one
/// by one. The samples that it holds; `None` where it is none of ours.
///
/// # Errors
/// It cannot be read, or `write` says so.
pub fn copy(
    reader: impl Read,
    label: &Label,
    chapters: &[String],
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Option<u64>> {
    let Some((mut stream, first)) = Stream::open(reader)? else { return Ok(None) };
    write(first.bytes())?;
    let mut out = Vec::new();
    let second = Head { flags: 0, granule: 0, serial: stream.serial, sequence: 1 };
    let mut sequence = page::write_alone(second, &tags(label, chapters), &mut out);
    write(&out)?;
    // One behind, so that the last can be marked as such.
    let mut last: Option<Page> = None;
    let mut samples = 0;
    while let Some((page, of_tags)) = stream.next()? {
        if of_tags {
            continue;
        }
        samples = page.head.granule;
        if let Some(before) = last.replace(page) {
            write(&before.moved(sequence, 0))?;
            sequence += 1;
        }
    }
    match last {
        Some(last) => write(&last.moved(sequence, LAST))?,
        None => {
            out.clear();
            let mut empty = Segment::at(stream.serial, sequence, 0);
            empty.end(&mut out);
            write(&out)?;
        }
    }
    Ok(Some(samples))
}

#[cfg(test)]
mod tests;
