//! What is sent after a tick: to each member its voice, what it has asked for again, what the bridge asks of it, and a report.

use super::{Room, Transmit};
use crate::audience::Hearing;
use giaoban_proto::unit::Samples;
use giaoban_proto::wire::{MAX_ASK_BYTES, MAX_DATAGRAM_BYTES};

/// In a room of more than this, what all hear goes out over [`TICKS`] ticks: 2,000 packets at once keep the endpoint's
/// thread busy for as long as a tick, and the next tick waits for a processor. Below, a burst is over in 4 ms.
const SPREAD_FROM: usize = 400;

/// Over so many ticks: as many as the shortest packet has bricks that is spread, so that a later packet, though it be of
/// another stream, never overtakes an earlier one.
const TICKS: u8 = 3;

/// What is left to send of a tick when nothing is: who comes or goes between ticks ends what was left.
pub(super) const NOTHING: (usize, Stage) = (usize::MAX, Stage::Voice);

/// What of a member's is sent next in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Voice,
    Again,
    Ask,
    Report,
}

impl Room {
    /// The next datagram to send after a tick.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        let (clock_ms, now) = (self.clock_ms(self.now), self.now);
        let buffer = &mut self.buffer;
        let voice = self.audience.has_packet();
        let spread = self.members.len() > SPREAD_FROM;
        let (member, length, later) = loop {
            let (mut place, stage) = self.next;
            if stage == Stage::Voice && !voice {
                place = self.busy.next_due(place, now)?;
                self.next.0 = place;
            }
            let member = self.members.get_mut(place)?;
            let mut later = 0;
            let sent = match stage {
                Stage::Voice => {
                    self.next.1 = Stage::Again;
                    // One more count on it: the bytes are all listeners'.
                    let packet = self.audience.packet(member.rung, &member.hearing).cloned();
                    packet.map(|packet| {
                        let long = packet.length >= Samples::from_bricks(TICKS.into());
                        if spread && long && matches!(member.hearing, Hearing::Shared) {
                            // The same for one member in all its packets.
                            later = (member.site.id.0 % u64::from(TICKS)) as u8;
                        }
                        member.note_voice(now, packet.end);
                        member.departures.send(now, &packet, buffer).len()
                    })
                }
                Stage::Again => {
                    let again = member.departures.poll_again(now, buffer).map(<[u8]>::len);
                    if again.is_none() {
                        self.next.1 = Stage::Ask;
                    }
                    again
                }
                Stage::Ask => {
                    self.next.1 = Stage::Report;
                    member.poll_ask(now).map(|ask| copy(ask.encode(&mut [0; MAX_ASK_BYTES]), buffer))
                }
                Stage::Report => {
                    self.next = (place + 1, Stage::Voice);
                    let report = member.poll_report(now, clock_ms);
                    self.busy.set_due(place, member.due(now));
                    report.map(|report| copy(&report.encode(), buffer))
                }
            };
            if let Some(length) = sent {
                break (member.site.id, length, later);
            }
        };
        Some(Transmit { member, bytes: &self.buffer[..length], later })
    }
}

/// Puts a datagram into the buffer; how long it is.
fn copy(bytes: &[u8], buffer: &mut [u8; MAX_DATAGRAM_BYTES]) -> usize {
    let length = bytes.len().min(buffer.len());
    buffer[..length].copy_from_slice(&bytes[..length]);
    length
}
