//! A source: heard whatever is done about voices, hears nothing unless an operator says so, and is nobody present.

use super::*;
use giaoban_proto::media::ladder::Role;
use giaoban_proto::wire::{FloorMode, Say, SetFloor, SilenceAll, Tick, TwoWay};

/// An operator (1), a participant (2), and a source (3).
fn relayed() -> Meeting {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24)]);
    meeting.room.set_role(meeting.start, MemberId(1), SiteRole::Operator);
    meeting.room.set_role(meeting.start, MemberId(3), SiteRole::Source);
    meeting.run(50);
    meeting
}

impl Meeting {
    fn code(&mut self, by: u64, what: What) -> ActCode {
        self.acted.clear();
        self.room.handle_message(self.now(), MemberId(by), act(1, what));
        self.run(1);
        self.acted.pop().expect("answered").5
    }

    fn hears(&mut self, at: u64, of: u64) -> bool {
        self.run(100);
        let level = self.tone(at, of);
        let nothing = level < SPOKEN_DBFS - 40.0;
        assert!(nothing || (level - SPOKEN_DBFS).abs() < 5.0, "site {at} hears {of} at {level:.1} dBFS");
        !nothing
    }
}

fn two_way(member: u64, hears: bool) -> What {
    What::TwoWay(TwoWay { member, hears })
}

#[test]
fn a_source_is_heard_and_hears_nothing_until_an_operator_says_so_and_then_never_itself() {
    let mut meeting = relayed();
    meeting.talk(&[2, 3]);
    assert!(meeting.hears(2, 3) && meeting.hears(1, 3));
    assert!(!meeting.hears(3, 2));
    let sent = meeting.sites[2].datagrams;
    meeting.run(500);
    let reports = meeting.sites[2].datagrams - sent;
    assert!((9..=11).contains(&reports), "nothing but a report a second is sent to it: {reports} in 10 s");
    assert_eq!(meeting.code(2, two_way(3, true)), ActCode::NotAllowed, "a participant says nothing of it");
    assert_eq!(meeting.code(3, two_way(3, true)), ActCode::NotAllowed, "nor does the source");
    assert_eq!(meeting.code(1, two_way(2, true)), ActCode::NotAllowed, "2 is no source");
    assert_eq!(meeting.code(1, two_way(9, true)), ActCode::NobodyThere);
    assert_eq!(meeting.code(1, two_way(3, true)), ActCode::Done);
    assert!(meeting.hears(3, 2) && !meeting.hears(3, 3), "in the middle of what it says");
    let now = meeting.now();
    meeting.room.lost(now, MemberId(3));
    let again = Joining { id: MemberId(20), role: SiteRole::Source, ..joining(3, 24) };
    assert_eq!(meeting.room.join(now, again), Ok(MemberId(3)));
    meeting.sites[2].inlet = Inlet::new(0).expect("libopus");
    assert!(meeting.hears(3, 2), "another line of the same source");
    assert_eq!(meeting.code(1, two_way(3, false)), ActCode::Done);
    assert!(!meeting.hears(3, 2) && meeting.hears(2, 3));
    meeting.talk(&[2]);
    assert!(!meeting.hears(3, 2), "nor while it is silent");
    assert!(meeting.hears(1, 2));
}

#[test]
fn neither_the_floor_nor_silencing_all_takes_a_source_away_and_silencing_it_does() {
    let mut meeting = relayed();
    meeting.talk(&[2, 3]);
    for mode in [FloorMode::Moderated, FloorMode::Announcement] {
        let set = SetFloor { mode: mode.code(), turn_s: 0 };
        assert_eq!(meeting.code(1, What::SetFloor(set)), ActCode::Done);
        assert!(meeting.hears(1, 3) && !meeting.hears(1, 2), "{mode:?}");
    }
    assert_eq!(meeting.code(1, What::SetFloor(SetFloor::default())), ActCode::Done);
    let all = |silent| What::SilenceAll(SilenceAll { silent, but_floor: false });
    assert_eq!(meeting.code(1, all(true)), ActCode::Done);
    assert!(meeting.hears(1, 3) && !meeting.hears(1, 2));
    let silence = What::Silence(Silence { member: 3, silent: true });
    assert_eq!(meeting.code(1, silence), ActCode::Done);
    assert!(!meeting.hears(1, 3));
    assert_eq!(meeting.code(1, all(false)), ActCode::Done);
    assert!(meeting.hears(1, 3) && meeting.hears(1, 2), "all voices are given back");
}

#[test]
fn a_source_takes_no_part_in_roll_calls_and_hands_and_writes_nothing() {
    let mut meeting = relayed();
    assert_eq!(meeting.code(1, What::RollCall(60)), ActCode::Done);
    let say = What::Say(Say { text: "x".into(), to_operators: false });
    for what in [What::Present(1), What::Hand(true), What::TakeOver(true), say] {
        assert_eq!(meeting.code(3, what.clone()), ActCode::NotAllowed, "{what:?}");
    }
    let tick = |member| What::Tick(Tick { member, present: true });
    assert_eq!(meeting.code(1, tick(3)), ActCode::NotAllowed);
    assert_eq!(meeting.code(1, tick(2)), ActCode::Done);
    assert_eq!(meeting.code(1, What::Deputy(3)), ActCode::NotAllowed);
}

#[test]
fn who_speaks_beside_a_source_alone_is_in_no_conversation() {
    let mut meeting = relayed();
    meeting.talk(&[2, 3]);
    // Whoever has just come counts as company for a while.
    meeting.run(1500);
    let target =
        |meeting: &Meeting, n: usize| meeting.room.members[n].inlet.as_ref().map(|inlet| inlet.role());
    assert_eq!((target(&meeting, 1), target(&meeting, 2)), (Some(Role::Listening), Some(Role::Listening)));
    assert_eq!(meeting.code(1, two_way(3, true)), ActCode::Done);
    meeting.run(100);
    assert_eq!((target(&meeting, 1), target(&meeting, 2)), (Some(Role::Conversing), Some(Role::Conversing)));
}
