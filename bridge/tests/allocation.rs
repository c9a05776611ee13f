//! A tick allocates nothing once the room is warm: mixing, encoding, the hand-overs and what is sent.
//!
//! A file of its own, because it replaces the allocator of the whole test program.

use allocation_counter::measure;
use giaoban_bridge::room::{Joining, Room};
use giaoban_proto::media::ladder::{Repair, Role, RungId};
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::unit::{BRICK, Bitrate, MediaTime, MemberId, Seq};
use giaoban_proto::wire::{MAX_DATAGRAM_BYTES, Report, SiteRole, Voice};
use std::time::Instant;

const MEMBERS: u64 = 24;

/// Packets of one talker: a second of a buzz, for ever.
struct Talker {
    member: MemberId,
    outlet: Outlet,
    next: Seq,
    brick: Pcm,
}

impl Talker {
    fn new(member: MemberId, rung: RungId) -> Self {
        let mut brick = Pcm::SILENCE;
        for (n, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = if n % 192 < 30 { 0.2 } else { -0.02 };
        }
        Self { member, outlet: Outlet::new(rung).expect("libopus"), next: Seq(0), brick }
    }

    fn speak(&mut self, room: &mut Room, now: Instant, tick: u64, speaks: bool) {
        let time = MediaTime::from_bricks(tick);
        let brick = speaks.then_some(&self.brick);
        if let Some(frame) = self.outlet.push(time, brick).expect("encodes") {
            let voice = Voice::new(self.next, frame.time, frame.start, frame.end, frame.body());
            self.next = self.next.next();
            room.handle_datagram(now, self.member, voice.encode(&mut [0; MAX_DATAGRAM_BYTES]));
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn a_warm_room_allocates_nothing_however_its_talkers_change() {
    let start = Instant::now();
    let mut room = Room::new(start, 100);
    let caps: Vec<Bitrate> = RungId::steps().collect();
    let cap_of = |n: u64| caps[n as usize % caps.len()];
    let rung_of = |n: u64| RungId::within(cap_of(n), Role::Conversing, Repair::Ask);
    for n in 1..=MEMBERS {
        let joining = Joining {
            id: MemberId(n),
            device: [n as u8; 32],
            name: format!("site {n}"),
            cap: cap_of(n),
            muted: false,
            role: SiteRole::Participant,
            guest: false,
            watches: false,
        };
        room.join(start, joining).expect("room for it");
        // Every other one only listens.
        let report = Report { listening: n % 2 == 0, ..Report::default() };
        room.handle_datagram(start, MemberId(n), &report.encode());
    }
    let mut talkers: Vec<Talker> = (1..=6).map(|n| Talker::new(MemberId(n), rung_of(n))).collect();
    let (mut tick, mut datagrams, mut most) = (0, 0, 0);
    let mut play = |room: &mut Room, ticks: u64| {
        for _ in 0..ticks {
            let now = start + BRICK * tick as u32;
            for (n, talker) in talkers.iter_mut().enumerate() {
                // Overlapping turns of one to three seconds: they enter, displace each other and fall silent.
                let speaks = (tick / 50 + n as u64) % 7 < 1 + n as u64 % 3;
                talker.speak(room, now, tick, speaks);
            }
            room.tick(now);
            while room.poll_transmit().is_some() {
                datagrams += 1;
            }
            while room.poll_event().is_some() {}
            most = most.max(room.talkers().count());
            tick += 1;
        }
    };
    play(&mut room, 3000);
    let cost = measure(|| play(&mut room, 1500));
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    assert!(datagrams > 10_000 && most >= 3, "{datagrams} datagrams, {most} voices");
    assert_eq!(room.encoder_faults(), 0);
}
