//! What passed one direction of a line: every datagram as it was sent, headers included.

use giaoban_proto::testing::link::{Fate, IP_UDP_HEADERS, LinkConfig};
use std::ops::Range;

/// How long the worst stretch is for which a rate is told, in s.
const WORST: f64 = 5.0;

/// A queue under this is no longer felt, in ms.
const QUEUE_OK_MS: f64 = 200.0;

/// A sender counts as within a rate while each second carries at most so much of it: a packet more or less.
const WITHIN: f64 = 1.1;

/// For how long after a change a sender must stay within the rate, in s. Later it may look for more.
const WATCHED: f64 = 10.0;

/// One datagram.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// When it was sent, in s.
    pub t: f64,
    /// Its size.
    pub bytes: usize,
    /// Whether it arrives.
    pub arrives: bool,
    /// How long it waited before the line, in ms.
    pub waited_ms: f64,
}

/// All of a direction, in order, and the queue that it made.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    packets: Vec<Packet>,
    busy_until: f64,
}

impl Wire {
    /// A datagram was sent on a line that is now as `line` says.
    pub fn sent(&mut self, t: f64, bytes: usize, fate: Fate, line: &LinkConfig) {
        // The link's own queue, told again from what it made of each packet: see `testing::link`.
        let mut waited_ms = 0.0;
        if let Some(rate) = line.rate.filter(|rate| rate.bps() > 0)
            && fate != Fate::QueueFull
        {
            let begin = self.busy_until.max(t);
            waited_ms = (begin - t) * 1000.0;
            self.busy_until = begin + bytes as f64 * 8.0 / f64::from(rate.bps());
        }
        debug_assert!(bytes >= IP_UDP_HEADERS);
        self.packets.push(Packet { t, bytes, arrives: fate.arrives(), waited_ms });
    }

    /// Several as one, as it passes the other end of them all.
    #[must_use]
    pub fn merged<'a>(wires: impl Iterator<Item = &'a Self>) -> Self {
        let mut packets: Vec<Packet> = wires.flat_map(|wire| wire.packets.iter().copied()).collect();
        packets.sort_by(|a, b| a.t.total_cmp(&b.t));
        Self { packets, busy_until: 0.0 }
    }

    /// What was sent in a span of seconds.
    pub fn within(&self, span: &Range<f64>) -> impl Iterator<Item = &Packet> {
        let from = self.packets.partition_point(|packet| packet.t < span.start);
        let to = self.packets.partition_point(|packet| packet.t < span.end);
        self.packets.get(from..to).unwrap_or_default().iter()
    }

    /// kbit/s over these spans together.
    #[must_use]
    pub fn mean_kbps(&self, spans: &[Range<f64>]) -> f64 {
        let bytes: usize = spans.iter().flat_map(|span| self.within(span)).map(|packet| packet.bytes).sum();
        kbps(bytes, spans.iter().map(|span| span.end - span.start).sum())
    }

    /// kbit/s of the five seconds that carried most.
    #[must_use]
    pub fn worst_kbps(&self, stretches: &[Range<f64>]) -> f64 {
        let starts = stretches.iter().flat_map(|stretch| {
            let steps = ((stretch.end - stretch.start - WORST) * 10.0).max(0.0) as u32;
            (0..=steps).map(|step| stretch.start + f64::from(step) / 10.0)
        });
        starts.map(|start| self.mean_kbps(&[start..start + WORST])).fold(0.0, f64::max)
    }

    /// The share of packets that did not arrive, in percent.
    #[must_use]
    pub fn loss_percent(&self, spans: &[Range<f64>]) -> f64 {
        let (mut all, mut lost) = (0u32, 0u32);
        for packet in spans.iter().flat_map(|span| self.within(span)) {
            all += 1;
            lost += u32::from(!packet.arrives);
        }
        100.0 * f64::from(lost) / f64::from(all.max(1))
    }

    /// How long after `at` the sender came within a rate and stayed there, in s; `None` where it did not within the
    /// time that is watched.
    #[must_use]
    pub fn settled_after(&self, at: f64, rate_kbps: f64) -> Option<f64> {
        let steps = 0..(WATCHED * 10.0) as u32;
        let over = steps
            .rev()
            .map(|step| f64::from(step) / 10.0)
            .find(|after| self.mean_kbps(&[at + after..at + after + 1.0]) > rate_kbps * WITHIN);
        let settled = over.map_or(0.0, |after| after + 0.1);
        (settled < WATCHED - 1.0).then_some(settled)
    }

    /// How long after `at` the last packet waited longer than is felt, in s.
    #[must_use]
    pub fn queue_back_after(&self, at: f64) -> f64 {
        let late = |packet: &&Packet| packet.t >= at && packet.waited_ms > QUEUE_OK_MS;
        self.packets.iter().rev().find(late).map_or(0.0, |packet| packet.t - at)
    }
}

fn kbps(bytes: usize, seconds: f64) -> f64 {
    if seconds > 0.0 { bytes as f64 * 8.0 / 1000.0 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::unit::Bitrate;

    /// `bytes` ten times a second from `from` to `to`.
    fn send(wire: &mut Wire, bytes: usize, from: u32, to: u32, line: &LinkConfig) {
        for n in from * 10..to * 10 {
            wire.sent(f64::from(n) / 10.0, bytes, Fate::Delivered, line);
        }
    }

    #[test]
    fn a_rate_is_bytes_over_the_spans_asked_for() {
        let mut wire = Wire::default();
        send(&mut wire, 200, 0, 10, &LinkConfig::default());
        send(&mut wire, 400, 10, 15, &LinkConfig::default());
        assert!((wire.mean_kbps(&[0.0..5.0, 5.0..10.0]) - 16.0).abs() < 0.01);
        assert!((wire.worst_kbps(&[0.0..15.0]) - 32.0).abs() < 0.01);
        assert_eq!(wire.loss_percent(&[0.0..15.0]), 0.0);
    }

    #[test]
    fn overload_is_seen_to_end_when_the_sender_and_the_queue_are_back() {
        let line = LinkConfig { rate: Some(Bitrate::from_kbps(16)), ..LinkConfig::default() };
        let mut wire = Wire::default();
        // 24 kbit/s for two seconds leaves a second of queue, which 8 kbit/s takes 1.6 s to get under 200 ms.
        send(&mut wire, 300, 0, 2, &line);
        send(&mut wire, 100, 2, 20, &line);
        let settled = wire.settled_after(0.0, 16.0).expect("it settles");
        assert!((1.0..2.0).contains(&settled), "{settled}");
        let back = wire.queue_back_after(0.0);
        assert!((3.3..3.8).contains(&back), "{back}");
        assert_eq!(wire.settled_after(0.0, 4.0), None);
    }
}
