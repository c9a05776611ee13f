//! A recording read back: its packets with sound, each with its time in the file.
//!
//! The file may still be written to: where nothing more is there yet, the next call looks again.

use super::segment::Stream;
use crate::media::codec;
use crate::unit::Samples;
use std::collections::VecDeque;
use std::io::{self, Read};

/// A packet of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Samples at 48 kHz from the beginning of the recording to its own.
    pub at: u64,
    /// How much sound it holds.
    pub length: Samples,
    /// One Opus packet.
    pub opus: Vec<u8>,
}

/// See the module.
pub struct Reader<R> {
    stream: Stream<R>,
    from: u64,
    /// Samples up to the end of what was read.
    covered: u64,
    packets: VecDeque<Timed>,
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("covered", &self.covered).finish_non_exhaustive()
    }
}

impl<R: Read> Reader<R> {
    /// Reads a stream of ours from so many samples on; `None` where it is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(reader: R, from: u64) -> io::Result<Option<Self>> {
        let stream = Stream::open(reader)?.map(|(stream, _)| stream);
        Ok(stream.map(|stream| Self { stream, from, covered: 0, packets: VecDeque::new() }))
    }

    /// The next packet that holds sound; `None` where there is none, or none yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Timed>> {
        while self.packets.is_empty() {
            let Some((page, of_tags)) = self.stream.next()? else { return Ok(None) };
            if of_tags {
                continue;
            }
            let (mut at, end) = (self.covered, page.head.granule);
            self.covered = end;
            if end <= self.from {
                continue;
            }
            let mut rest = page.packets();
            for length in page.lengths() {
                let Some((opus, later)) = rest.split_at_checked(length) else { break };
                rest = later;
                let Ok(samples) = codec::packet_length(opus) else { break };
                // One byte says that nothing was sent.
                if opus.len() > 1 && at >= self.from {
                    self.packets.push_back(Timed { at, length: samples, opus: opus.to_vec() });
                }
                at += u64::from(samples.0);
            }
        }
        Ok(self.packets.pop_front())
    }

    /// Samples up to which nothing more comes: the beginning of the next packet, or the end of what was read.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.packets.front().map_or(self.covered, |packet| packet.at)
    }

    /// Whether the recording has ended, and all of it was read.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.packets.is_empty() && self.stream.ended()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Label, Segment};
    use super::*;
    use crate::unit::MediaTime;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A file that somebody else writes.
    struct Growing(Rc<RefCell<Vec<u8>>>, usize);

    impl Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let file = self.0.borrow();
            let read = buffer.len().min(file.len() - self.1);
            buffer[..read].copy_from_slice(&file[self.1..self.1 + read]);
            self.1 += read;
            Ok(read)
        }
    }

    #[test]
    fn what_is_written_is_read_with_its_time_while_it_grows_and_silence_is_left_out() {
        let (form, file) = (11 << 3, Rc::new(RefCell::new(Vec::new())));
        let label = Label { program: "test", room: "r".into(), date: String::new() };
        let mut segment = Segment::begin(1, &label, &[], &mut file.borrow_mut());
        let time = |ms: u64| MediaTime::from_bricks(ms / 20);
        segment.go_on(time(1000));
        let mut reader = Reader::open(Growing(file.clone(), 0), 48 * 480).expect("reads").expect("ours");
        assert_eq!((reader.read().expect("reads"), reader.ended()), (None, false));
        let mut found = Vec::new();
        for ms in (1000..4000).step_by(60) {
            let mut out = Vec::new();
            // Speech in the first and the last second.
            if !(2020..3040).contains(&ms) {
                segment.push_opus(time(ms), &[form, ms as u8, 3], &mut out).expect("in order");
            }
            // Torn wherever it was.
            for byte in out {
                file.borrow_mut().push(byte);
                found.extend(reader.read().expect("reads"));
            }
        }
        segment.end(&mut file.borrow_mut());
        while let Some(packet) = reader.read().expect("reads") {
            found.push(packet);
        }
        assert!(reader.ended());
        let said =
            (1480..4000).step_by(60).map(|ms| ms / 60 * 60 + 40).filter(|ms| !(2020..3040).contains(ms));
        let times: Vec<u64> = found.iter().map(|packet| packet.at / 48 + 1000).collect();
        assert_eq!(times, said.collect::<Vec<u64>>());
        assert!(found.iter().all(|packet| packet.opus[1] == (packet.at / 48 + 1000) as u8));
        assert_eq!(reader.covered(), 3000 * 48);
    }
}
