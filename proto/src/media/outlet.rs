//! The door out: bricks in, packets out, nothing while nobody speaks.
//!
//! ```text
//!              brick spoken                frame full, packet full
//!   Silent ------------------> Speaking ------------------------------> a packet (the first is marked `start`)
//!      ^                           |
//!      +---------------------------+  a frame without a spoken brick: closes the packet, marked `end`
//! ```
//!
//! Sound is encoded in frames of 20 or 60 ms, as they fill; a packet bundles as many as its rung says. Packets end at
//! multiples of their length in media time, so that all Outlets of one rung cut at the same bricks and one can become
//! the other between any two of them. The first packet of a talkspurt begins with the first spoken frame, the last ends
//! with the first unspoken one: both may be shorter.

use super::Pcm;
use super::codec::{CodecError, Encoder, MAX_PACKET};
use super::ladder::{Rung, RungId};
use super::packet::{Packet, Pool};
use crate::unit::{BRICK_SAMPLES, MediaTime, Samples};
use crate::wire::{Body, MAX_BUNDLE};
use std::sync::Arc;

/// The most that one Opus packet takes: 60 ms at 40 kbit/s are 300 B, and constrained VBR may double that.
const MAX_OPUS_BYTES: usize = 640;

/// Turns one stream of bricks into packets of one rung.
#[derive(Debug)]
pub struct Outlet {
    encoder: Encoder,
    rung: RungId,
    /// The frame in the making: its first `filled` bricks.
    sound: Box<[f32; MAX_PACKET.0 as usize]>,
    filled: u32,
    frame_begins: MediaTime,
    spoken: bool,
    speaking: bool,
    /// The packet in the making: its encoded frames.
    frames: [Vec<u8>; MAX_BUNDLE],
    bundled: usize,
    begins: MediaTime,
    pool: Pool,
}

impl Outlet {
    /// A silent Outlet on `rung`.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had.
    pub fn new(rung: RungId) -> Result<Self, CodecError> {
        Ok(Self {
            encoder: Encoder::new(rung.rung().codec)?,
            rung,
            sound: Box::new([0.0; MAX_PACKET.0 as usize]),
            filled: 0,
            frame_begins: MediaTime(0),
            spoken: false,
            speaking: false,
            frames: std::array::from_fn(|_| Vec::with_capacity(MAX_OPUS_BYTES)),
            bundled: 0,
            begins: MediaTime(0),
            pool: Pool::default(),
        })
    }

    /// The rung that its packets are made for.
    #[must_use]
    pub fn rung(&self) -> RungId {
        self.rung
    }

    /// Whether a packet without its end is out or in the making.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.speaking || self.spoken
    }

    /// Whether nothing is in the making that a brick at `time` would join.
    #[must_use]
    pub fn is_between_packets(&self, time: MediaTime) -> bool {
        self.bundled == 0 && time.bricks().is_multiple_of(u64::from(self.rung.rung().frame.bricks()))
    }

    /// Whether it can go on with another rung from `time` on: between packets, where frames of both begin.
    #[must_use]
    pub fn can_become(&self, rung: RungId, time: MediaTime) -> bool {
        self.is_between_packets(time) && time.bricks().is_multiple_of(u64::from(rung.rung().frame.bricks()))
    }

    /// Goes on with another rung, the same voice at another rate, when it [can](Self::can_become). The next packet may
    /// be short, so that those after it end where all of its rung do.
    ///
    /// # Errors
    /// [`CodecError`] when the encoder does not take the rate; all is as before.
    pub fn set_rung(&mut self, rung: RungId) -> Result<(), CodecError> {
        self.encoder.set_rate(rung.rung().codec)?;
        self.rung = rung;
        Ok(())
    }

    /// Takes the brick that begins at `time`; `None` when nobody speaks in it. Bricks come in order, 20 ms apart.
    ///
    /// Returns a packet when this brick completes one that must be sent.
    ///
    /// # Errors
    /// [`CodecError`] when the encoder failed; the packet is lost and the next begins clean.
    pub fn push(&mut self, time: MediaTime, brick: Option<&Pcm>) -> Result<Option<&Arc<Packet>>, CodecError> {
        let rung = self.rung.rung();
        let bricks = rung.frame.bricks();
        let place = (time.bricks() % u64::from(bricks)) as u32;
        if place == 0 || time != self.frame_begins + Samples::from_bricks(self.filled) {
            // A new frame; or the first brick ever, in the middle of one.
            self.frame_begins = time - Samples::from_bricks(place);
            self.sound[..place as usize * BRICK_SAMPLES].fill(0.0);
            self.filled = place;
            self.spoken = false;
        }
        let sound = &mut self.sound[self.filled as usize * BRICK_SAMPLES..][..BRICK_SAMPLES];
        match brick {
            Some(brick) => sound.copy_from_slice(brick.samples()),
            None => sound.fill(0.0),
        }
        self.spoken |= brick.is_some();
        self.filled += 1;
        if self.filled < bricks {
            return Ok(None);
        }
        let start = !self.speaking && self.bundled == 0;
        let end = !self.spoken;
        if start && end {
            return Ok(None);
        }
        self.spoken = false;
        if let Err(error) = self.encode(&rung) {
            self.bundled = 0;
            return Err(error);
        }
        let ends = self.frame_begins + rung.frame;
        let full = ends.bricks().is_multiple_of(u64::from(rung.packet.bricks()));
        if !full && !end && self.bundled < MAX_BUNDLE {
            return Ok(None);
        }
        let first = !self.speaking;
        self.speaking = !end;
        let (begins, frames) = (self.begins, &self.frames[..self.bundled]);
        self.bundled = 0;
        Ok(Some(self.pool.make(|packet| {
            packet.time = begins;
            packet.length = Samples(u32::try_from(ends.ahead_of(begins)).unwrap_or(0));
            (packet.start, packet.end) = (first, end);
            packet.copy = rung.copy;
            packet.bundle = frames.len() > 1;
            Body::write(frames.iter().map(Vec::as_slice), &mut packet.body);
        })))
    }

    /// The packet that was completed last.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Packet>> {
        self.pool.last()
    }

    /// Becomes `other` as it is now, its unfinished packet and its encoder's state included, so that whoever hears
    /// the one can go on with the other unheard.
    pub fn copy_from(&mut self, other: &Self) {
        self.encoder.copy_from(&other.encoder);
        self.rung = other.rung;
        let filled = other.filled as usize * BRICK_SAMPLES;
        self.sound[..filled].copy_from_slice(&other.sound[..filled]);
        self.filled = other.filled;
        self.frame_begins = other.frame_begins;
        self.spoken = other.spoken;
        self.speaking = other.speaking;
        for (own, theirs) in self.frames.iter_mut().zip(&other.frames[..other.bundled]) {
            own.clone_from(theirs);
        }
        self.bundled = other.bundled;
        self.begins = other.begins;
    }

    /// Encodes the full frame as the next of the packet in the making.
    fn encode(&mut self, rung: &Rung) -> Result<(), CodecError> {
        if self.bundled == 0 {
            self.begins = self.frame_begins;
        }
        let frame = &mut self.frames[self.bundled];
        frame.resize(MAX_OPUS_BYTES, 0);
        let length = self.encoder.encode(&self.sound[..rung.frame.0 as usize], frame)?;
        frame.truncate(length);
        self.bundled += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ladder::{Repair, Role};
    use super::*;
    use crate::unit::Bitrate;

    fn brick(n: u64) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = if (n as usize * 960 + i) % 384 < 40 { 0.3 } else { -0.03 };
        }
        brick
    }

    fn listening(kbps: u32) -> RungId {
        RungId::within(Bitrate::from_kbps(kbps), Role::Listening, Repair::Ask)
    }

    /// Pushes bricks of which `speech` says whether they are spoken; returns (begin in bricks, length in bricks,
    /// start, end) of packets.
    fn packets(rung: RungId, first: u64, speech: &[u8]) -> Vec<(u64, u32, bool, bool)> {
        let mut outlet = Outlet::new(rung).expect("libopus");
        let mut out = Vec::new();
        for (n, &spoken) in (first..).zip(speech) {
            let brick = brick(n);
            let brick = (spoken == b'x').then_some(&brick);
            if let Some(packet) = outlet.push(MediaTime::from_bricks(n), brick).expect("encodes") {
                let frames = packet.body().packets().count() as u32;
                assert_eq!(packet.length, Samples(rung.rung().frame.0 * frames));
                out.push((packet.time.bricks(), packet.length.bricks(), packet.start, packet.end));
            }
        }
        out
    }

    #[test]
    fn silence_sends_nothing_and_a_talkspurt_is_marked_at_both_ends() {
        let sixty = RungId::for_cap(24);
        assert_eq!(packets(sixty, 0, b"............"), []);
        assert_eq!(
            packets(sixty, 300, b"....xxxxx........."),
            [(303, 3, true, false), (306, 3, false, false), (309, 3, false, true)]
        );
        let twenty = RungId::for_cap(48);
        assert_eq!(
            packets(twenty, 7, b".x.x."),
            [(8, 1, true, false), (9, 1, false, true), (10, 1, true, false), (11, 1, false, true)]
        );
    }

    #[test]
    fn the_first_brick_may_fall_into_the_middle_of_a_frame() {
        assert_eq!(
            packets(RungId::for_cap(24), 301, b"xxx..."),
            [(300, 3, true, false), (303, 3, false, false)]
        );
    }

    #[test]
    fn a_long_packet_begins_with_the_first_word_and_ends_with_the_last() {
        // 240 ms: packets end at multiples of twelve bricks.
        assert_eq!(
            packets(listening(12), 0, b"....xxxxxxxxxxxxxxxxxxxxxxxx........"),
            [(3, 9, true, false), (12, 12, false, false), (24, 9, false, true)]
        );
        // All within one.
        assert_eq!(packets(listening(12), 0, b"xx.........."), [(0, 6, true, true)]);
    }

    #[test]
    fn a_copy_in_the_middle_of_a_packet_sends_what_the_original_would() {
        for rung in [RungId::for_cap(24), listening(16)] {
            let (mut shared, mut private) =
                (Outlet::new(rung).expect("libopus"), Outlet::new(rung).expect("libopus"));
            for n in 0..16 {
                shared.push(MediaTime::from_bricks(n), Some(&brick(n))).expect("encodes");
            }
            private.copy_from(&shared);
            for n in 16..60 {
                let a = shared.push(MediaTime::from_bricks(n), Some(&brick(n))).expect("encodes");
                let b = private.push(MediaTime::from_bricks(n), Some(&brick(n))).expect("encodes");
                assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn another_rung_goes_on_where_the_last_one_stopped() {
        let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
        let mut ends = MediaTime(0);
        for n in 0..120 {
            let time = MediaTime::from_bricks(n);
            if n == 48 {
                assert!(outlet.is_between_packets(time));
                outlet.set_rung(listening(8)).expect("libopus");
            }
            if let Some(packet) = outlet.push(time, Some(&brick(n))).expect("encodes") {
                assert_eq!(packet.time, ends, "no gap and no overlap");
                ends = packet.time + packet.length;
            }
        }
        assert_eq!(ends, MediaTime::from_bricks(120));
    }
}
