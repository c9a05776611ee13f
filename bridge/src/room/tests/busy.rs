//! A tick passes by those for whom there is nothing to do, and misses nobody else.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn in_silence_each_is_sent_its_report_once_a_second_and_is_not_looked_at_between() {
    let sites: Vec<(u64, u32)> = (1..=40).map(|n| (n, 24)).collect();
    let mut meeting = Meeting::with(&sites);
    let mut sent = BTreeMap::new();
    for tick in 1..=500 {
        let room = &mut meeting.room;
        room.tick(meeting.start + BRICK * tick);
        while let Some(transmit) = room.poll_transmit() {
            *sent.entry(transmit.member).or_insert(0) += 1;
        }
        let looked_at = room.busy.voices(&mut room.members).count();
        assert!(tick < 2 * STEER_EVERY as u32 || looked_at == 0, "{looked_at} are looked at in silence");
    }
    assert_eq!(sent.len(), 40);
    assert!(sent.values().all(|count| (9..=11).contains(count)), "{sent:?}");
}

#[test]
fn who_comes_and_goes_leaves_the_places_of_the_others_right() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24), (4, 24), (5, 24), (6, 24)]);
    meeting.talk(&[2, 4, 6]);
    meeting.run(20);
    let now = meeting.now();
    let room = &mut meeting.room;
    room.leave(now, MemberId(1));
    room.leave(now, MemberId(4));
    room.join(now, joining(7, 24)).expect("room for it");
    let voices = |room: &mut Room| -> Vec<u64> {
        room.busy.voices(&mut room.members).map(|member| member.site.id.0).collect()
    };
    assert_eq!(voices(room), [2, 6, 7], "and a newcomer, until it is looked at");
    for tick in 0..2 * STEER_EVERY as u32 {
        room.tick(now + BRICK * tick);
    }
    assert_eq!(voices(room), [2, 6]);
}

/// A room of so many in which the first says a second: for each tick and slot, how many are sent voice in it; and for each
/// member the slots that it had.
fn spread(members: u64) -> (Vec<[usize; 3]>, BTreeMap<MemberId, BTreeSet<u8>>) {
    let mut meeting = Meeting::with(&[(1, 24)]);
    let (start, Meeting { room, sites, .. }) = (meeting.start, &mut meeting);
    room.set_max_members(1000);
    for n in 2..=members {
        let mut device = [0; 32];
        device[..8].copy_from_slice(&n.to_be_bytes());
        room.join(start, Joining { device, ..joining(n, 24) }).expect("room for it");
    }
    let (mut ticks, mut slots) = (Vec::new(), BTreeMap::<_, BTreeSet<u8>>::new());
    let (mut buffer, site, brick) = ([0; MAX_DATAGRAM_BYTES], &mut sites[0], buzz());
    for tick in 0..50 {
        let (now, time) = (start + BRICK * tick, MediaTime::from_bricks(tick.into()));
        if let Some(frame) = site.outlet.push(time, Some(&brick)).expect("encodes") {
            let voice = Voice::new(site.seq, frame.time, frame.start, frame.end, frame.body());
            site.seq = site.seq.next();
            room.handle_datagram(now, site.id, voice.encode(&mut buffer));
        }
        room.tick(now);
        let mut sent = [0; 3];
        while let Some(transmit) = room.poll_transmit() {
            if matches!(Datagram::decode(transmit.bytes), Ok(Datagram::Voice(_))) {
                sent[usize::from(transmit.later)] += 1;
                slots.entry(transmit.member).or_default().insert(transmit.later);
            } else {
                assert_eq!(transmit.later, 0, "what is no voice waits for nothing");
            }
        }
        ticks.push(sent);
    }
    (ticks, slots)
}

fn buzz() -> Pcm {
    let mut brick = Pcm::SILENCE;
    brick.samples_mut().iter_mut().enumerate().for_each(|(i, s)| *s = if i % 384 < 40 { 0.3 } else { -0.03 });
    brick
}

#[test]
fn a_large_room_is_sent_a_third_of_its_packets_in_each_tick_and_each_member_always_in_the_same() {
    let (ticks, slots) = spread(450);
    let voiced: Vec<_> = ticks.iter().filter(|sent| sent.iter().sum::<usize>() > 0).collect();
    assert!(voiced.len() > 10, "{ticks:?}");
    assert!(voiced.iter().all(|sent| sent.iter().all(|&n| (149..=151).contains(&n))), "{ticks:?}");
    assert!(slots.len() == 449 && slots.values().all(|slots| slots.len() == 1), "{slots:?}");
    let (ticks, slots) = spread(300);
    assert!(ticks.iter().any(|sent| sent[0] == 299) && ticks.iter().all(|sent| sent[1..] == [0, 0]));
    assert_eq!(slots.len(), 299);
}
