//! The door out: bricks in, packets out, nothing while nobody speaks.
//!
//! ```text
//!              brick spoken                packet full
//!   Silent ------------------> Speaking ------------------> a packet (the first is marked `start`)
//!      ^                           |
//!      +---------------------------+  a packet without a spoken brick: sent once more, marked `end`
//! ```
//!
//! Packets begin at multiples of their length in media time, so that all Outlets of one rung cut at the same
//! bricks and one can become the other between any two of them.

use super::codec::{CodecError, Encoder, MAX_PACKET};
use super::ladder::RungId;
use super::{Frame, Pcm};
use crate::unit::{BRICK_SAMPLES, MediaTime, Samples};
use crate::wire::MAX_OPUS_BYTES;

/// Turns one stream of bricks into packets of one rung.
#[derive(Debug)]
pub struct Outlet {
    encoder: Encoder,
    rung: RungId,
    /// The packet in the making: its first `filled` bricks.
    sound: Box<[f32; MAX_PACKET.0 as usize]>,
    filled: u32,
    begins: MediaTime,
    spoken: bool,
    speaking: bool,
    packet: [u8; MAX_OPUS_BYTES],
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
            begins: MediaTime(0),
            spoken: false,
            speaking: false,
            packet: [0; MAX_OPUS_BYTES],
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

    /// Takes the brick that begins at `time`; `None` when nobody speaks in it. Bricks come in order, 20 ms apart.
    ///
    /// Returns a packet when this brick completes one that must be sent.
    ///
    /// # Errors
    /// [`CodecError`] when the encoder failed; the packet is lost and the next begins clean.
    pub fn push(&mut self, time: MediaTime, brick: Option<&Pcm>) -> Result<Option<Frame<'_>>, CodecError> {
        let bricks = self.rung.rung().packet.bricks();
        let place = (time.bricks() % u64::from(bricks)) as u32;
        if place == 0 || time != self.begins + Samples::from_bricks(self.filled) {
            // A new packet; or the first brick ever, in the middle of one.
            self.begins = time - Samples::from_bricks(place);
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
        let start = !self.speaking;
        let end = !self.spoken;
        if start && end {
            return Ok(None);
        }
        self.speaking = self.spoken;
        self.spoken = false;
        let length = self.encoder.encode(&self.sound[..bricks as usize * BRICK_SAMPLES], &mut self.packet)?;
        Ok(Some(Frame { time: self.begins, start, end, opus: &self.packet[..length] }))
    }

    /// Becomes `other` as it is now, its unfinished packet and its encoder's state included, so that whoever hears
    /// the one can go on with the other unheard. Both are on one rung.
    pub fn copy_from(&mut self, other: &Self) {
        debug_assert_eq!(self.rung, other.rung, "only Outlets of one rung can stand in for each other");
        self.encoder.copy_from(&other.encoder);
        self.rung = other.rung;
        let filled = other.filled as usize * BRICK_SAMPLES;
        self.sound[..filled].copy_from_slice(&other.sound[..filled]);
        self.filled = other.filled;
        self.begins = other.begins;
        self.spoken = other.spoken;
        self.speaking = other.speaking;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brick(n: u64) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = if (n as usize * 960 + i) % 384 < 40 { 0.3 } else { -0.03 };
        }
        brick
    }

    /// Pushes bricks of which `speech` says whether they are spoken; returns (begin in bricks, start, end) of packets.
    fn packets(rung: RungId, first: u64, speech: &[u8]) -> Vec<(u64, bool, bool)> {
        let mut outlet = Outlet::new(rung).expect("libopus");
        let mut out = Vec::new();
        for (n, &spoken) in (first..).zip(speech) {
            let brick = brick(n);
            let brick = (spoken == b'x').then_some(&brick);
            if let Some(frame) = outlet.push(MediaTime::from_bricks(n), brick).expect("encodes") {
                out.push((frame.time.bricks(), frame.start, frame.end));
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
            [(303, true, false), (306, false, false), (309, false, true)]
        );
        let twenty = RungId::for_cap(48);
        assert_eq!(
            packets(twenty, 7, b".x.x."),
            [(8, true, false), (9, false, true), (10, true, false), (11, false, true)]
        );
    }

    #[test]
    fn the_first_brick_may_fall_into_the_middle_of_a_packet() {
        assert_eq!(packets(RungId::for_cap(24), 301, b"xxx..."), [(300, true, false), (303, false, false)]);
    }

    #[test]
    fn a_copy_in_the_middle_of_a_packet_sends_what_the_original_would() {
        let rung = RungId::for_cap(24);
        let (mut shared, mut private) =
            (Outlet::new(rung).expect("libopus"), Outlet::new(rung).expect("libopus"));
        for n in 0..13 {
            shared.push(MediaTime::from_bricks(n), Some(&brick(n))).expect("encodes");
        }
        private.copy_from(&shared);
        for n in 13..40 {
            let a = shared.push(MediaTime::from_bricks(n), Some(&brick(n))).expect("encodes");
            let b = private.push(MediaTime::from_bricks(n), Some(&brick(n))).expect("encodes");
            assert_eq!(a, b);
        }
    }
}
