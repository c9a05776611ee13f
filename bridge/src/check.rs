//! The bridge's half of a check: measures one client's line, and who may have that done.
//!
//! Pure. A line that is checked is in no room and is told of none; what it may cost the bridge is bounded: so many at
//! once, so long each, one staircase.

use giaoban_proto::probe::{AT_MOST, End, Outgoing};
use giaoban_proto::wire::{CheckResult, DecodeError, Probe};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Checks at once. Together they send half a megabit a second at most, while meetings may be on; more would show in
/// them on the line of a district office.
const AT_ONCE: usize = 8;

/// A device may have its line checked this many times in a row …
const IN_A_ROW: u32 = 4;

/// … and from then on once in this time. A person who looks for the best corner of the room tries often; a program
/// that has gone wild would keep the places from others.
const EVERY: Duration = Duration::from_secs(60);

/// Devices that are remembered. Those that have not used up anything are forgotten first, and only known devices get
/// here.
const MAX_DEVICES: usize = 4096;

/// Who may be measured now.
#[derive(Debug, Default)]
pub struct Allowance {
    running: usize,
    /// When a device has its whole allowance again.
    devices: BTreeMap<[u8; 32], Instant>,
}

impl Allowance {
    /// Whether there is a place for this device, which is then taken until [`Allowance::release`].
    pub fn take(&mut self, now: Instant, device: &[u8; 32]) -> bool {
        self.devices.retain(|_, full_at| *full_at > now);
        let full_at = self.devices.get(device).map_or(now, |&full_at| full_at) + EVERY;
        let allowed = self.running < AT_ONCE
            && full_at <= now + EVERY * IN_A_ROW
            && (self.devices.len() < MAX_DEVICES || self.devices.contains_key(device));
        if allowed {
            self.running += 1;
            self.devices.insert(*device, full_at);
        }
        allowed
    }

    /// One is over.
    pub const fn release(&mut self) {
        self.running = self.running.saturating_sub(1);
    }
}

/// A line that is being measured. Drive it so: hand it what came, send all that [`Check::poll_send`] gives, sleep until
/// [`Check::poll_timeout`], end when [`Check::is_over`].
#[derive(Debug)]
pub struct Check {
    end: End,
    until: Instant,
}

impl Check {
    /// Begins; `around` is what IP, UDP and QUIC add to a datagram that is sent, and to one that is received.
    #[must_use]
    pub fn new(now: Instant, around: (usize, usize)) -> Self {
        Self { end: End::new(now, around), until: now + AT_MOST }
    }

    /// A datagram came.
    ///
    /// # Errors
    /// When it is no probe; it is to be counted and forgotten.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Result<(), DecodeError> {
        let probe = Probe::decode(bytes)?;
        self.end.handle_probe(now, &probe, bytes.len());
        if probe.word.is_some_and(|word| word.climb && !word.overloaded) {
            self.end.climb(now);
        }
        Ok(())
    }

    /// The next datagram that is due.
    pub fn poll_send(&mut self, now: Instant) -> Option<Outgoing> {
        self.end.poll_send(now)
    }

    /// When something is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.end.poll_timeout().min(self.until)
    }

    /// Whether it has taken as long as it may.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    /// What has come.
    #[must_use]
    pub fn result(&self) -> CheckResult {
        self.end.figures().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::{MAX_DATAGRAM_BYTES, Word};

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn so_many_are_measured_at_once_and_each_device_only_so_often() {
        let now = start();
        let mut allowance = Allowance::default();
        for device in 0..8 {
            assert!(allowance.take(now, &[device; 32]), "{device}");
        }
        assert!(!allowance.take(now, &[9; 32]));
        allowance.release();
        assert!(allowance.take(now, &[9; 32]));

        let mut allowance = Allowance::default();
        let mut ask = |now| {
            let allowed = allowance.take(now, &[1; 32]);
            allowance.release();
            allowed
        };
        assert_eq!([0; 5].map(|_| ask(now)), [true, true, true, true, false]);
        assert!(ask(now + EVERY));
        assert!(!ask(now + EVERY));
        assert!(ask(now + EVERY * 10));
    }

    #[test]
    fn no_crowd_of_devices_makes_the_list_long() {
        let now = start();
        let mut allowance = Allowance::default();
        let device = |n: u32| {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            key
        };
        for n in 0..10_000 {
            allowance.take(now, &device(n));
            allowance.release();
        }
        assert_eq!(allowance.devices.len(), MAX_DEVICES);
        allowance.take(now + EVERY, &device(0));
        assert_eq!(allowance.devices.len(), 1);
    }

    #[test]
    fn it_climbs_once_when_asked_stops_when_told_and_ends_in_time() {
        let now = start();
        let ask = |number, overloaded| {
            let word = Some(Word { climb: true, overloaded, ..Word::default() });
            Probe { step: 0, number, sent_ms: 0, word }.encode(&mut [0; MAX_DATAGRAM_BYTES], 0).to_vec()
        };
        let steps = |check: &mut Check, from: Instant| {
            let mut highest = 0;
            for ms in 0..15_000 {
                let at = from + Duration::from_millis(ms);
                while let Some(outgoing) = check.poll_send(at) {
                    highest = highest.max(outgoing.probe.step);
                }
            }
            highest
        };
        let mut check = Check::new(now, (49, 52));
        assert_eq!(steps(&mut check, now), 0);
        check.handle_datagram(now, &ask(0, false)).expect("a probe");
        assert_eq!(steps(&mut check, now), 7);
        check.handle_datagram(now, &ask(1, false)).expect("a probe");
        assert_eq!(steps(&mut check, now + Duration::from_secs(15)), 0);
        assert!(!check.is_over(now + Duration::from_secs(39)));
        assert!(check.is_over(now + AT_MOST));
        assert!(check.poll_timeout() <= now + AT_MOST);

        let mut check = Check::new(now, (49, 52));
        check.handle_datagram(now, &ask(0, false)).expect("a probe");
        check.handle_datagram(now, &ask(1, true)).expect("a probe");
        assert_eq!(steps(&mut check, now), 0);
        assert!(check.handle_datagram(now, b"nonsense").is_err());
    }
}
