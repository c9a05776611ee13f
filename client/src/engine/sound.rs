//! What is due each round between sound and line: speech out, speech in, repair, signs of life, devices that went.

use super::drive::Engine;
use crate::audio::{AudioError, Input, Polled};
use crate::clock;
use crate::voice::Cleaning;
use crate::words::Message;
use giaoban_proto::media::ladder::Role;
use giaoban_proto::media::{Pcm, Pulled, rate};
use giaoban_proto::unit::Level;
use giaoban_proto::wire::{MAX_ASK_BYTES, Report};
use std::time::{Duration, Instant};

/// Bricks handled in a row before anything else gets its turn: 2 s of them, when the machine was held up.
const BRICKS_AT_ONCE: usize = 100;

/// For how long a source stays after its input has ended: the wait of a listener who has it repaired.
const LINGER: Duration = Duration::from_secs(2);

/// How often whoever talks and is not heard is told so.
const TELLS_UNHEARD_EVERY: Duration = Duration::from_secs(10);

impl Engine {
    /// Keeps the loudspeaker's sound, as the cleaner has it, in step with the microphone.
    pub(super) fn keep_step(&mut self, now: Instant) {
        if self.cleaner.cleaning() == Cleaning::Room {
            self.skew.observe(now, self.source.card_time(), self.sink.card_time());
            self.cleaner.set_skew(self.skew.rate());
        }
    }

    pub(super) fn speak(&mut self, now: Instant) -> Result<(), AudioError> {
        let mut brick = Pcm::SILENCE;
        for _ in 0..BRICKS_AT_ONCE {
            match self.source.poll(now, &mut brick)? {
                Polled::Brick => {}
                Polled::NotYet => break,
                Polled::Ended => {
                    (self.say)(&Message::InputEnded { leaves: self.as_source });
                    self.source = Input::Silence.open(now)?;
                    if self.as_source {
                        // What was said last is still to be heard, repaired if need be.
                        let end = now + LINGER;
                        self.leave_at = Some(self.leave_at.map_or(end, |at| at.min(end)));
                    }
                    continue;
                }
            }
            let heard = brick.clone();
            self.cleaner.clean(&mut brick);
            let Some(datagram) = self.uplink.push_cleaned(now, &heard, &brick) else { continue };
            let line = self.session.line().and_then(|id| self.calls.get(&id));
            if line.is_some_and(|call| call.send_datagram(datagram)) {
                self.figures.count_sent();
            }
        }
        Ok(())
    }

    /// Tells whoever talks, and is not heard, why.
    pub(super) fn watch_talk(&mut self, now: Instant) {
        let told =
            self.told_unheard.is_some_and(|at| now.saturating_duration_since(at) < TELLS_UNHEARD_EVERY);
        if told || self.session.line().is_none() || !self.uplink.talks_unheard() {
            return;
        }
        self.told_unheard = Some(now);
        (self.say)(&Message::Unheard(self.bar.filter(|_| !self.uplink.is_switched_off())));
    }

    pub(super) fn play(&mut self, now: Instant) -> Result<(), AudioError> {
        let mut brick = Pcm::SILENCE;
        for _ in 0..BRICKS_AT_ONCE {
            if !self.sink.wants(now) {
                break;
            }
            let begun = clock::now();
            if self.downlink.pull(now, &mut brick) != Pulled::Silence {
                let lesser = self.effort.note(clock::now().saturating_duration_since(begun));
                if let Some(complexity) = lesser {
                    // One that libopus does not have would leave all as it is.
                    let done = self.downlink.set_complexity(complexity);
                    tracing::warn!(complexity, ?done, "this processor is too slow for the better decoder");
                }
            }
            self.cues.mix(&mut brick);
            self.cleaner.play(&brick);
            self.sink.write(&brick)?;
        }
        Ok(())
    }

    /// Asks for what is lost on the way here, and sends again what was lost on the way there.
    pub(super) fn repair(&mut self, now: Instant) {
        let Some(heartbeat) = &self.heartbeat else { return };
        let role = if self.uplink.takes_part(now) { Role::Conversing } else { Role::Listening };
        self.downlink.set_role(role, heartbeat.round_trip());
        let Some(call) = self.session.line().and_then(|id| self.calls.get(&id)) else { return };
        while let Some(datagram) = self.uplink.poll_again(now) {
            call.send_datagram(datagram);
        }
        if let Some(ask) = self.downlink.poll_ask(now) {
            call.send_datagram(ask.encode(&mut [0; MAX_ASK_BYTES]));
        }
    }

    pub(super) fn beat(&mut self, now: Instant) {
        let Some(heartbeat) = &mut self.heartbeat else { return };
        let Some(call) = self.session.line().and_then(|id| self.calls.get(&id)) else { return };
        heartbeat.set_unsettled(call.unsettled() && !self.uplink.is_speaking());
        // A queue that grows on the way here is worth telling at once: the bridge then sends less.
        let queue = self.downlink.queue();
        let alarm = rate::is_alarm(queue, self.queue_told);
        heartbeat.set_hurry(if alarm { Some(now) } else { self.uplink.report_due() });
        let report = heartbeat.poll_report(now, || {
            let mut microphone = self.uplink.microphone();
            microphone.missing = self.source.health().missing;
            // A file, or nothing at all, may be silent for as long as it likes.
            microphone.dead &= self.source.is_device();
            Report {
                level: self.uplink.reported_level(),
                microphone,
                next: self.uplink.next_number(),
                ..self.downlink.report(now)
            }
        });
        if let Some(report) = report {
            self.queue_told = queue;
            self.uplink.reported(now);
            call.send_datagram(&report.encode());
        }
    }

    /// A sign of life from the lobby, where nothing but acknowledgements comes back, and nothing of the microphone goes.
    pub(super) fn beat_in_lobby(&mut self, now: Instant) {
        let Some((id, heartbeat)) = &mut self.waiting else { return };
        let Some(call) = self.calls.get(id) else { return };
        heartbeat.handle_heard(now);
        heartbeat.set_unsettled(call.unsettled());
        let report = || Report { level: Level::SILENCE, ..Report::default() };
        if let Some(report) = heartbeat.poll_report(now, report) {
            call.send_datagram(&report.encode());
        }
    }

    pub(super) fn watch_devices(&mut self) {
        let gone = self.source.health().missing;
        if gone != std::mem::replace(&mut self.microphone_gone, gone) {
            (self.say)(if gone { &Message::MicrophoneGone } else { &Message::MicrophoneBack });
        }
        let gone = self.sink.health().missing;
        if gone != std::mem::replace(&mut self.loudspeaker_gone, gone) {
            (self.say)(if gone { &Message::LoudspeakerGone } else { &Message::LoudspeakerBack });
        }
    }
}
