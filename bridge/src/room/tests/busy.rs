//! A tick passes by those for whom there is nothing to do, and misses nobody else.

use super::*;
use std::collections::BTreeMap;

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
