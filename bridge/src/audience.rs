//! Who shares which encode.
//!
//! All who hear the same mix on the same rung share one Outlet, so cost grows with rungs and talkers, not with
//! listeners. A member whose own voice is in the mix hears the mix without it, from an Outlet of its own:
//!
//! ```text
//!                enters the mix: a private Outlet becomes a copy of the shared one in that very brick
//!   Shared ------------------------------------------------------------------------------------------> Private
//!      ^                                                                                                  |
//!      +--------------------------------------------------------------------------------------------------+
//!                out of the mix for RETURN_BRICKS and between two packets: simply listens to the shared one again
//! ```
//!
//! Neither is heard: a copied encoder goes on as the other would have, and after that long a silence of one's own the
//! two streams hold the same sound.

use crate::mixer::Limiter;
use giaoban_proto::media::codec::CodecError;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Packet, Pcm};
use giaoban_proto::unit::MediaTime;
use std::sync::Arc;

/// Bricks out of the mix before a member shares again, after the 300 ms of silence that took it out. A talker that
/// was displaced while speaking must not hear the end of its own word in the shared stream.
const RETURN_BRICKS: u32 = 12;

/// Streams kept for later use: as many as there are voices in a mix, and as many again for rungs that come and go.
const SPARE: usize = 8;

/// One encode: a mix, limited, on its way into packets.
#[derive(Debug)]
pub struct Stream {
    outlet: Outlet,
    limiter: Limiter,
    limited: Pcm,
    /// Whether the last brick completed a packet.
    ready: bool,
}

impl Stream {
    fn new(rung: RungId) -> Result<Self, CodecError> {
        Ok(Self {
            outlet: Outlet::new(rung)?,
            limiter: Limiter::default(),
            limited: Pcm::SILENCE,
            ready: false,
        })
    }

    /// Takes the brick that begins at `time`, written by `mix`; `None` when nobody speaks in it.
    pub fn push(&mut self, time: MediaTime, mix: Option<impl FnOnce(&mut Pcm)>) -> Result<(), CodecError> {
        self.ready = false;
        let brick = mix.map(|mix| {
            mix(&mut self.limited);
            self.limiter.process(&mut self.limited);
            &self.limited
        });
        self.ready = self.outlet.push(time, brick)?.is_some();
        Ok(())
    }

    /// The packet that the last brick completed.
    #[must_use]
    pub fn packet(&self) -> Option<&Arc<Packet>> {
        self.outlet.last().filter(|_| self.ready)
    }

    fn copy_from(&mut self, other: &Self) {
        self.outlet.copy_from(&other.outlet);
        self.limiter = other.limiter.clone();
        self.ready = false;
    }
}

/// What one member listens to.
#[derive(Debug, Default)]
pub enum Hearing {
    /// The stream that all on its rung share.
    #[default]
    Shared,
    /// Nothing: a source, for which no stream is kept up.
    Nothing,
    /// Its own, for this many bricks already without being in the mix.
    Private {
        /// The mix without its own voice.
        stream: Box<Stream>,
        /// Bricks since it left the mix; 0 while in it.
        out_for: u32,
    },
}

/// The shared streams of one room and the spare ones for its talkers.
#[derive(Debug)]
pub struct Audience {
    shared: [Option<Box<Stream>>; RungId::COUNT],
    /// Members on each rung, whatever they listen to: a shared stream goes on while there are any, so that it is warm.
    members: [usize; RungId::COUNT],
    spare: Vec<Box<Stream>>,
}

impl Default for Audience {
    fn default() -> Self {
        Self { shared: [const { None }; RungId::COUNT], members: [0; RungId::COUNT], spare: Vec::new() }
    }
}

impl Audience {
    /// A member comes to listen on `rung`.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had.
    pub fn join(&mut self, rung: RungId) -> Result<(), CodecError> {
        let place = &mut self.shared[rung.index()];
        if place.is_none() {
            *place = Some(Box::new(Stream::new(rung)?));
        }
        self.members[rung.index()] += 1;
        Ok(())
    }

    /// It goes.
    pub fn leave(&mut self, rung: RungId, hearing: Hearing) {
        if !matches!(hearing, Hearing::Nothing) {
            self.leave_shared(rung);
        }
        if let Hearing::Private { stream, .. } = hearing {
            self.keep(stream);
        }
    }

    /// A member is to be sent what is said, or nothing. Whoever is in the mix then [enters](Self::enter) it anew.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had; it goes on as it was.
    pub fn set_hears(&mut self, hears: bool, rung: RungId, hearing: &mut Hearing) -> Result<(), CodecError> {
        match (hears, &hearing) {
            (true, Hearing::Nothing) => {
                self.join(rung)?;
                *hearing = Hearing::Shared;
            }
            (false, Hearing::Shared | Hearing::Private { .. }) => {
                let before = std::mem::replace(hearing, Hearing::Nothing);
                self.leave(rung, before);
            }
            (true, _) | (false, Hearing::Nothing) => {}
        }
        Ok(())
    }

    /// A member is to go from one rung to another with the brick that begins at `time`; called before it is pushed, in
    /// each brick until it returns `true`.
    ///
    /// That is when both streams are between packets, at most three quarters of a second later. A rung on which nobody
    /// was gets its stream as a copy of the one that the member comes from: the same voice at another rate.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had; the member stays.
    pub fn move_member(
        &mut self,
        time: MediaTime,
        from: RungId,
        to: RungId,
        hearing: &mut Hearing,
    ) -> Result<bool, CodecError> {
        if let Hearing::Nothing = hearing {
            return Ok(true);
        }
        let Some(old) = &self.shared[from.index()] else { return Ok(false) };
        let private_ready = match hearing {
            Hearing::Shared | Hearing::Nothing => true,
            Hearing::Private { stream, .. } => stream.outlet.can_become(to, time),
        };
        // Whoever comes from a stream of its own hears no change of the shared one.
        let shared = matches!(hearing, Hearing::Shared);
        match &self.shared[to.index()] {
            Some(new) => {
                let alike = old.outlet.is_speaking() == new.outlet.is_speaking();
                let between = old.outlet.is_between_packets(time) && new.outlet.is_between_packets(time);
                if !private_ready || (shared && !(alike && between)) {
                    return Ok(false);
                }
            }
            None => {
                if !private_ready || !old.outlet.can_become(to, time) {
                    return Ok(false);
                }
                let mut new = match self.spare.pop() {
                    Some(spare) => spare,
                    None => Box::new(Stream::new(to)?),
                };
                new.copy_from(old);
                new.outlet.set_rung(to)?;
                self.shared[to.index()] = Some(new);
            }
        }
        if let Hearing::Private { stream, .. } = hearing {
            stream.outlet.set_rung(to)?;
        }
        self.members[to.index()] += 1;
        self.leave_shared(from);
        Ok(true)
    }

    /// Pushes the brick of all voices to every shared stream that has members; `None` when nobody speaks.
    ///
    /// # Errors
    /// [`CodecError`] when an encoder failed; the other streams have their brick all the same.
    pub fn push(&mut self, time: MediaTime, mix: Option<&Pcm>) -> Result<(), CodecError> {
        let mut result = Ok(());
        for stream in self.shared.iter_mut().flatten() {
            let mix = mix.map(|mix| |out: &mut Pcm| out.samples_mut().copy_from_slice(mix.samples()));
            let pushed = stream.push(time, mix);
            result = result.and(pushed);
        }
        result
    }

    /// The packet that a member with this hearing is to be sent now.
    #[must_use]
    pub fn packet<'a>(&'a self, rung: RungId, hearing: &'a Hearing) -> Option<&'a Arc<Packet>> {
        match hearing {
            Hearing::Shared => self.shared[rung.index()].as_deref()?.packet(),
            Hearing::Private { stream, .. } => stream.packet(),
            Hearing::Nothing => None,
        }
    }

    /// Whether those who share have a packet to be sent now, on whatever rung.
    #[must_use]
    pub fn has_packet(&self) -> bool {
        self.shared.iter().flatten().any(|stream| stream.packet().is_some())
    }

    /// A member enters the mix with the brick that is about to be pushed.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had; the member must then stay out of the mix.
    pub fn enter(&mut self, rung: RungId, hearing: &mut Hearing) -> Result<(), CodecError> {
        match hearing {
            Hearing::Nothing => {}
            Hearing::Private { out_for, .. } => *out_for = 0,
            Hearing::Shared => {
                let mut stream = match self.spare.pop() {
                    Some(spare) => spare,
                    None => Box::new(Stream::new(rung)?),
                };
                if let Some(shared) = &self.shared[rung.index()] {
                    stream.copy_from(shared);
                }
                *hearing = Hearing::Private { stream, out_for: 0 };
            }
        }
        Ok(())
    }

    /// Counts a brick for a member, `in_mix` or not, and gives it back to the shared stream when it is time. Called
    /// before the brick at `time` is pushed.
    pub fn settle(&mut self, time: MediaTime, in_mix: bool, rung: RungId, hearing: &mut Hearing) {
        let Hearing::Private { stream, out_for } = hearing else { return };
        if in_mix {
            *out_for = 0;
            return;
        }
        *out_for += 1;
        // Both must be between packets, and both speaking or both silent, or the member would miss the end that
        // closes its talkspurt.
        let fits = self.shared[rung.index()].as_ref().is_some_and(|shared| {
            shared.outlet.is_between_packets(time)
                && stream.outlet.is_between_packets(time)
                && shared.outlet.is_speaking() == stream.outlet.is_speaking()
        });
        if *out_for >= RETURN_BRICKS
            && fits
            && let Hearing::Private { stream, .. } = std::mem::take(hearing)
        {
            self.keep(stream);
        }
    }

    fn leave_shared(&mut self, rung: RungId) {
        self.members[rung.index()] = self.members[rung.index()].saturating_sub(1);
        if self.members[rung.index()] == 0
            && let Some(stream) = self.shared[rung.index()].take()
        {
            // Taken out, so that whoever comes next does not hear the end of what was said before.
            self.keep(stream);
        }
    }

    fn keep(&mut self, stream: Box<Stream>) {
        if self.spare.len() < SPARE {
            self.spare.push(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::media::ladder::{Repair, Role};
    use giaoban_proto::unit::Bitrate;

    fn voice(n: u64, amplitude: f32) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = amplitude * if (n as usize * 960 + i) % 384 < 40 { 1.0 } else { -0.1 };
        }
        brick
    }

    #[test]
    fn a_talker_hears_on_as_if_it_had_stayed_with_the_others_and_comes_back_between_packets() {
        let rung = RungId::for_cap(24);
        let mut audience = Audience::default();
        audience.join(rung).expect("libopus");
        audience.join(rung).expect("libopus");
        let mut hearing = Hearing::Shared;
        let mut shared_for = 0;
        for n in 0..200 {
            let time = MediaTime::from_bricks(n);
            let in_mix = (40..70).contains(&n);
            if n == 40 {
                audience.enter(rung, &mut hearing).expect("libopus");
            }
            audience.settle(time, in_mix, rung, &mut hearing);
            let mix = voice(n, 0.3);
            audience.push(time, Some(&mix)).expect("encodes");
            if let Hearing::Private { stream, .. } = &mut hearing {
                // The member's own voice is left out as silence here: both streams hold the same sound, so each
                // packet must be the same to the byte.
                stream.push(time, Some(|out: &mut Pcm| *out = mix.clone())).expect("encodes");
            } else {
                shared_for += u64::from(n >= 70);
            }
            let own = audience.packet(rung, &hearing).cloned();
            let all = audience.packet(rung, &Hearing::Shared).cloned();
            assert_eq!(own, all, "brick {n}");
        }
        // 70 + 11 = 81 is between two packets of three bricks.
        assert_eq!(shared_for, 200 - 81);
        assert_eq!(audience.spare.len(), 1);
    }

    #[test]
    fn a_rung_without_members_costs_no_encode() {
        let (low, high) = (RungId::for_cap(24), RungId::for_cap(48));
        let mut audience = Audience::default();
        audience.join(low).expect("libopus");
        audience.join(high).expect("libopus");
        audience.leave(high, Hearing::Shared);
        for n in 0..6 {
            audience.push(MediaTime::from_bricks(n), Some(&voice(n, 0.3))).expect("encodes");
        }
        assert!(audience.packet(low, &Hearing::Shared).is_some());
        assert!(audience.packet(high, &Hearing::Shared).is_none());
    }

    #[test]
    fn a_member_that_changes_rungs_gets_every_sound_once() {
        let listening = |kbps| RungId::within(Bitrate::from_kbps(kbps), Role::Listening, Repair::Ask);
        let rungs = [RungId::for_cap(24), listening(16), listening(8), RungId::for_cap(48), listening(24)];
        for other in [None, Some(rungs[1]), Some(rungs[2])] {
            let mut audience = Audience::default();
            audience.join(rungs[0]).expect("libopus");
            if let Some(other) = other {
                audience.join(other).expect("libopus");
            }
            let (mut rung, mut hearing, mut ends) = (rungs[0], Hearing::Shared, None);
            let mut moves = 0;
            for n in 0..600 {
                let time = MediaTime::from_bricks(n);
                let wanted = rungs[(n / 100) as usize % rungs.len()];
                if wanted != rung && audience.move_member(time, rung, wanted, &mut hearing).expect("libopus")
                {
                    rung = wanted;
                    moves += 1;
                }
                audience.push(time, Some(&voice(n, 0.3))).expect("encodes");
                if let Some(packet) = audience.packet(rung, &hearing) {
                    assert!(ends.is_none_or(|ends| packet.time == ends), "brick {n}");
                    ends = Some(packet.time + packet.length);
                }
            }
            assert_eq!(moves, 5);
        }
    }
}
