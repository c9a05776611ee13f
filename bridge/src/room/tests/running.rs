//! A meeting that is run: floor, seats, roll call, texts, and who takes whose place.

use super::*;
use giaoban_proto::wire::{
    FloorMode, Gain, MAX_TEXT_BYTES, Meeting as Stand, Rename, Said, Say, Seat, SetFloor, SetRoom,
    SilenceAll, Tick,
};

/// An operator (1) and three participants; 4 only listens.
fn commune() -> Meeting {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24), (4, 24)]);
    meeting.room.set_role(meeting.start, MemberId(1), SiteRole::Operator);
    meeting.room.set_role(meeting.start, MemberId(4), SiteRole::Listener);
    meeting.run(50);
    meeting.told.clear();
    meeting
}

impl Meeting {
    fn doing(&mut self, by: u64, what: What) -> ActCode {
        self.acted.clear();
        let now = self.now();
        self.room.handle_message(now, MemberId(by), act(1, what));
        self.run(1);
        self.acted.pop().expect("answered").5
    }

    fn moderate(&mut self, turn_s: u32) {
        let what = What::SetFloor(SetFloor { mode: FloorMode::Moderated.code(), turn_s });
        assert_eq!(self.doing(1, what), ActCode::Done);
    }

    fn stand(&self) -> Stand {
        self.room.meeting(self.now())
    }

    fn seat(&self, id: u64) -> Option<Seat> {
        self.room.seats().find(|seat| seat.member == id)
    }

    fn lose(&mut self, id: u64) {
        let now = self.now();
        self.room.lost(now, MemberId(id));
    }

    fn come(&mut self, n: u64, fresh: u64) -> Result<MemberId, CloseCode> {
        let now = self.now();
        self.room.join(now, Joining { id: MemberId(fresh), ..joining(n, 24) })
    }

    fn said_to(&self, id: u64) -> Vec<Said> {
        let to_it = self.told.iter().filter(|(to, _)| to.0 == id);
        let said = to_it.filter_map(|(_, message)| match &message.body {
            Some(server_message::Body::Said(said)) => Some(said.clone()),
            _ => None,
        });
        said.collect()
    }
}

#[test]
fn who_has_no_floor_is_not_even_decoded_and_who_gets_it_is_heard() {
    let mut meeting = commune();
    meeting.talk(&[1, 2]);
    meeting.run(100);
    assert_eq!(meeting.room.talkers().count(), 2);
    meeting.moderate(0);
    meeting.run(50);
    assert_eq!(meeting.room.talkers().collect::<Vec<_>>(), [MemberId(1)], "an operator always may");
    assert!(meeting.room.tally(MemberId(2)).expect("here").unheard > 5);
    assert_eq!(meeting.doing(3, What::Hand(true)), ActCode::Done);
    assert_eq!(meeting.doing(2, What::Hand(true)), ActCode::Done);
    assert_eq!((meeting.seat(3).expect("in").hand, meeting.seat(2).expect("in").hand), (1, 2));
    assert_eq!(meeting.doing(1, What::Grant(0)), ActCode::Done);
    assert_eq!((meeting.stand().holder, meeting.seat(3).expect("in").hand), (3, 0));
    assert_eq!(meeting.doing(1, What::Grant(2)), ActCode::Done);
    meeting.run(150);
    assert!((meeting.tone(3, 2) - SPOKEN_DBFS).abs() < 3.0);
    assert_eq!(meeting.doing(1, What::TakeBack(3)), ActCode::NotNow, "it is 2 that has it");
    assert_eq!(meeting.doing(1, What::TakeBack(0)), ActCode::Done);
    meeting.run(50);
    assert_eq!(meeting.room.talkers().collect::<Vec<_>>(), [MemberId(1)]);
    let turns = meeting.kept.iter().filter(|kept| matches!(kept, Keep::HadFloor { .. })).count();
    assert_eq!(turns, 2, "{:?}", meeting.kept);
}

#[test]
fn a_turn_ends_by_itself_and_all_are_told_with_the_next_brick() {
    let mut meeting = commune();
    meeting.moderate(2);
    assert_eq!(meeting.doing(1, What::Grant(2)), ActCode::Done);
    meeting.told.clear();
    meeting.run(150);
    assert_eq!(meeting.stand().holder, 0);
    let told = meeting.told.iter().filter(|(_, m)| matches!(m.body, Some(server_message::Body::Meeting(_))));
    assert_eq!(told.count(), 4, "one word to each");
    let lasted = meeting.kept.iter().find_map(|kept| match kept {
        Keep::HadFloor { member: MemberId(2), lasted } => Some(*lasted),
        _ => None,
    });
    let lasted = lasted.expect("a turn").as_millis();
    assert!((2000..=2100).contains(&lasted), "{lasted} ms");
}

#[test]
fn an_act_is_told_to_whom_it_concerns_with_the_brick_after_it() {
    let mut meeting = commune();
    meeting.moderate(60);
    meeting.run(20);
    for what in
        [What::Grant(2), What::LowerHand(3), What::Rename(Rename { member: 3, name: "Na Loi".into() })]
    {
        if let What::LowerHand(_) = what {
            assert_eq!(meeting.doing(3, What::Hand(true)), ActCode::Done);
            meeting.run(10);
        }
        meeting.told.clear();
        assert_eq!(meeting.doing(1, what.clone()), ActCode::Done);
        let told = meeting.told.iter().filter(|(to, _)| *to == MemberId(3)).count();
        assert!(told > 0, "{what:?} is seen in the tick that follows");
        meeting.run(20);
    }
}

#[test]
fn with_the_floor_goes_the_voice_and_silencing_all_spares_operators_and_the_floor() {
    let mut meeting = commune();
    meeting.moderate(0);
    assert_eq!(meeting.doing(1, What::Grant(2)), ActCode::Done);
    let all = |silent, but_floor| What::SilenceAll(SilenceAll { silent, but_floor });
    assert_eq!(meeting.doing(1, all(true, true)), ActCode::Done);
    let silenced =
        |meeting: &Meeting| (1..=4).filter(|&n| meeting.seat(n).expect("in").silenced).collect::<Vec<_>>();
    assert_eq!(silenced(&meeting), [3, 4]);
    assert_eq!(meeting.doing(1, What::Grant(3)), ActCode::Done);
    assert_eq!(silenced(&meeting), [4]);
    assert_eq!(meeting.doing(1, What::Grant(4)), ActCode::NotAllowed, "a listener has no voice to be given");
    assert_eq!(meeting.doing(1, all(true, false)), ActCode::Done);
    assert_eq!(silenced(&meeting), [2, 3, 4]);
    assert_eq!(meeting.doing(1, all(false, false)), ActCode::Done);
    assert!(silenced(&meeting).is_empty());
}

/// What can be seen of a seat: whether its member is in, whether it is kept, or neither.
fn state(meeting: &Meeting, id: u64) -> &'static str {
    let here = meeting.room.members().any(|member| member.0 == id);
    match meeting.seat(id) {
        Some(seat) if seat.away => {
            assert!(!here, "who is away is no member");
            "away"
        }
        Some(_) => {
            assert!(here);
            "in"
        }
        None => {
            assert!(!here);
            "none"
        }
    }
}

/// Every state of a seat by every event: what it is then, and whether coming back gives the same number.
#[test]
fn a_seat_in_every_state_at_every_event() {
    type Event = fn(&mut Meeting);
    let join: Event = |meeting| {
        meeting.come(2, 20).expect("room for it");
    };
    let lost: Event = |meeting| meeting.lose(2);
    let leave: Event = |meeting| {
        let now = meeting.now();
        meeting.room.handle_message(now, MemberId(2), Leave {}.into());
    };
    let expel: Event = |meeting| {
        let now = meeting.now();
        meeting.room.handle_message(now, MemberId(1), act(1, What::Expel(2)));
    };
    let soon: Event = |meeting| pass(meeting, 599);
    let later: Event = |meeting| pass(meeting, 601);
    let table: [(&str, Event, [&str; 3]); 6] = [
        ("join", join, ["in", "in", "new"]),
        ("lost", lost, ["away", "away", "none"]),
        ("leave", leave, ["none", "away", "none"]),
        ("expel", expel, ["none", "none", "none"]),
        ("after 599 s", soon, ["in", "away", "none"]),
        ("after 601 s", later, ["in", "none", "none"]),
    ];
    for (name, event, row) in table {
        for (before, after) in ["in", "away", "none"].into_iter().zip(row) {
            let mut meeting = commune();
            match before {
                "away" => meeting.lose(2),
                "none" => leave(&mut meeting),
                _ => {}
            }
            assert_eq!(state(&meeting, 2), before);
            event(&mut meeting);
            match after {
                "new" => assert_eq!(
                    (state(&meeting, 2), state(&meeting, 20)),
                    ("none", "in"),
                    "{name} when {before}"
                ),
                after => assert_eq!(state(&meeting, 2), after, "{name} when {before}"),
            }
        }
    }
}

/// Lets so many seconds go by without ticking through them.
fn pass(meeting: &mut Meeting, seconds: u32) {
    meeting.tick += seconds * 50;
    for _ in 0..STEER_EVERY {
        meeting.room.tick(meeting.start + BRICK * meeting.tick);
        meeting.tick += 1;
    }
}

#[test]
fn who_loses_its_line_stands_as_before_when_it_is_back() {
    let mut meeting = commune();
    meeting.moderate(60);
    assert_eq!(meeting.doing(1, What::RollCall(60)), ActCode::Done);
    assert_eq!(meeting.doing(2, What::Present(1)), ActCode::Done);
    assert_eq!(meeting.doing(3, What::Hand(true)), ActCode::Done);
    assert_eq!(meeting.doing(1, What::Grant(2)), ActCode::Done);
    assert_eq!(meeting.doing(1, What::Gain(Gain { member: 2, db: -6 })), ActCode::Done);
    assert_eq!(meeting.doing(1, What::Rename(Rename { member: 3, name: "Na Loi".into() })), ActCode::Done);
    assert_eq!(meeting.doing(1, What::Silence(Silence { member: 3, silent: true })), ActCode::Done);
    let before = [2, 3].map(|id| meeting.seat(id).expect("in"));
    for id in [2, 3] {
        meeting.lose(id);
    }
    let away: Vec<Seat> = before.iter().map(|seat| Seat { away: true, ..seat.clone() }).collect();
    let sent = meeting.sites[1].datagrams;
    // It speaks on, as a line that is lost one way may.
    meeting.talk(&[2, 3]);
    meeting.run(100);
    assert_eq!(meeting.sites[1].datagrams, sent, "who is away is sent nothing");
    assert_eq!(meeting.room.talkers().count(), 0, "and not mixed");
    assert_eq!([2, 3].map(|id| meeting.seat(id).expect("kept")).to_vec(), away);
    assert_eq!(meeting.stand().holder, 2, "the floor waits");
    for (id, fresh) in [(2, 20), (3, 30)] {
        assert_eq!(meeting.come(id, fresh), Ok(MemberId(id)));
    }
    assert_eq!([2, 3].map(|id| meeting.seat(id).expect("in")), before, "in the same tick");
    meeting.run(150);
    let level = meeting.tone(1, 2);
    assert!((level - (SPOKEN_DBFS - 6.0)).abs() < 3.0, "{level:.1} dBFS: with floor and gain");
    assert!(meeting.tone(1, 3) < SPOKEN_DBFS - 40.0);
    meeting.lose(2);
    pass(&mut meeting, 31);
    assert_eq!(meeting.stand().holder, 0, "for so long it does not");
}

#[test]
fn a_room_whose_lines_are_all_away_is_kept_and_seats_give_way_to_who_is_there() {
    let start = start();
    let mut room = Room::new(start, 2);
    for n in 1..=2 {
        room.join(start, joining(n, 24)).expect("room for it");
        room.lost(start + BRICK * n as u32, MemberId(n));
    }
    assert!(!room.is_empty() && room.members().next().is_none());
    room.join(start, joining(3, 24)).expect("room for it");
    assert!(!room.has_seat(MemberId(1)) && room.has_seat(MemberId(2)), "the longest away goes");
    assert_eq!(room.join(start, Joining { id: MemberId(9), ..joining(2, 24) }), Ok(MemberId(2)));
    assert_eq!(room.join(start, joining(4, 24)), Err(CloseCode::Full));
}

#[test]
fn the_roll_is_answered_in_time_or_ticked_and_both_are_kept() {
    let mut meeting = commune();
    let tick = |member, present| What::Tick(Tick { member, present });
    assert_eq!(meeting.doing(2, What::Present(1)), ActCode::NotNow);
    assert_eq!(meeting.doing(1, tick(2, true)), ActCode::NotNow);
    assert_eq!(meeting.doing(1, What::RollCall(4000)), ActCode::Wrong);
    assert_eq!(meeting.doing(1, What::RollCall(2)), ActCode::Done);
    assert_eq!((meeting.stand().roll, meeting.stand().roll_left_s), (1, 2));
    assert_eq!(meeting.doing(4, What::Present(1)), ActCode::Done, "who listens is there too");
    meeting.run(120);
    assert_eq!(meeting.doing(2, What::Present(1)), ActCode::NotNow, "too late");
    meeting.lose(3);
    for (member, present) in [(2, true), (3, true), (2, false)] {
        assert_eq!(meeting.doing(1, tick(member, present)), ActCode::Done);
    }
    assert_eq!([2, 3, 4].map(|id| meeting.seat(id).expect("seat").present), [0, 1, 1]);
    let answered = |member, present, ticked| Keep::RollAnswered { member: MemberId(member), present, ticked };
    let kept = [
        Keep::RollCalled { number: 1 },
        answered(4, true, false),
        answered(2, true, true),
        answered(3, true, true),
        answered(2, false, true),
    ];
    assert_eq!(meeting.kept, kept);
}

#[test]
fn texts_are_plain_short_few_and_reach_whom_they_are_for() {
    let mut meeting = commune();
    let say = |text: &str, to_operators| What::Say(Say { text: text.into(), to_operators });
    assert_eq!(meeting.doing(2, say("Công văn\n12/UBND\u{202e}\u{7}", false)), ActCode::Done);
    assert_eq!(meeting.doing(4, say("không nghe được", true)), ActCode::Done);
    let said = |id| meeting.said_to(id).into_iter().map(|said| (said.member, said.text)).collect::<Vec<_>>();
    let (open, shut) = ((2, "Công văn 12/UBND".to_owned()), (4, "không nghe được".to_owned()));
    assert_eq!((said(1), said(3)), (vec![open.clone(), shut.clone()], vec![open.clone()]));
    assert_eq!(said(4), [open, shut], "its author sees it too");
    for (text, expected) in [
        (" \u{200e} ".to_owned(), ActCode::Wrong),
        ("a".repeat(MAX_TEXT_BYTES + 1), ActCode::Wrong),
        ("a".repeat(MAX_TEXT_BYTES), ActCode::Done),
    ] {
        assert_eq!(meeting.doing(3, say(&text, false)), expected);
    }
    let codes: Vec<ActCode> = (0..12).map(|_| meeting.doing(2, say("x", false))).collect();
    assert!(codes.ends_with(&[ActCode::TooOften]) && codes[0] == ActCode::Done, "{codes:?}");
}

#[test]
fn a_locked_room_lets_in_only_who_was_in_it_and_whom_an_operator_lets_in() {
    let mut meeting = commune();
    let set = SetRoom { locked: Some(true), newcomers_silent: Some(true) };
    assert_eq!(meeting.doing(1, What::SetRoom(set)), ActCode::Done);
    assert!(meeting.stand().locked && meeting.stand().newcomers_silent);
    assert_eq!(meeting.come(9, 9), Err(CloseCode::Locked));
    let now = meeting.now();
    meeting.room.handle_message(now, MemberId(2), Leave {}.into());
    assert_eq!(meeting.come(2, 20), Ok(MemberId(20)), "it was in, and left");
    assert!(!meeting.seat(20).expect("in").silenced, "and is no newcomer");
    meeting.doing(1, What::Expel(20));
    assert_eq!(meeting.come(2, 21), Err(CloseCode::Locked), "it was put out");
    meeting.room.knock(now, Joining { guest: true, ..joining(30, 24) }, true).expect("a chair");
    meeting.run(1);
    assert!(meeting.let_in.is_empty(), "a room that admits by itself does not while it is locked");
    assert_eq!(meeting.room.let_in(now, Some((MemberId(1), 7)), MemberId(30), true), Some(MemberId(30)));
    assert!(meeting.seat(30).expect("in").silenced, "newcomers start silent");
    assert!(meeting.stand().locked);
}

#[test]
fn the_deputy_alone_takes_over_and_only_when_no_operator_has_had_a_line_for_a_while() {
    let mut meeting = commune();
    assert_eq!(meeting.doing(1, What::Deputy(4)), ActCode::NotAllowed, "a listener runs nothing");
    assert_eq!(meeting.doing(1, What::Deputy(2)), ActCode::Done);
    assert_eq!(meeting.doing(2, What::TakeOver(true)), ActCode::NotNow);
    meeting.moderate(0);
    meeting.doing(1, What::Silence(Silence { member: 3, silent: true }));
    meeting.lose(1);
    meeting.sites[0].talks = false;
    pass(&mut meeting, 29);
    assert!(!meeting.stand().has_operator);
    assert_eq!(meeting.doing(2, What::TakeOver(true)), ActCode::NotNow, "its line may come back");
    pass(&mut meeting, 2);
    assert_eq!(meeting.doing(3, What::TakeOver(true)), ActCode::NotAllowed, "nobody else is ever promoted");
    assert_eq!(meeting.stand().mode, FloorMode::Moderated.code(), "the meeting goes on meanwhile");
    meeting.told.clear();
    assert_eq!(meeting.doing(2, What::TakeOver(true)), ActCode::Done);
    let noticed = meeting.told.iter().any(|(to, message)| {
        let took_over = NoticeKind::TookOver.code();
        *to == MemberId(2)
            && matches!(&message.body, Some(server_message::Body::Notice(n)) if n.kind == took_over)
    });
    assert!(noticed && meeting.stand().has_operator);
    assert_eq!(meeting.doing(2, What::Silence(Silence { member: 3, silent: false })), ActCode::Done);
    let now = meeting.now();
    meeting.room.set_role(now, MemberId(2), SiteRole::Participant);
    assert_eq!(meeting.seat(2).expect("in").role, SiteRole::Operator.code(), "for the rest of the meeting");
    assert_eq!(meeting.come(1, 40), Ok(MemberId(1)));
    meeting.lose(2);
    assert_eq!(meeting.come(2, 41), Ok(MemberId(2)));
    assert_eq!(meeting.seat(2).expect("in").role, SiteRole::Operator.code(), "by another line too");
}

/// Every way in which an operator is there or not, by how long ago it was last heard: whether the meeting has an operator,
/// and whether the deputy may take its place.
#[test]
fn an_operator_in_every_state_by_its_last_word() {
    type Before = fn(&mut Meeting);
    type Row = (&'static str, Before, [(bool, bool); 2]);
    let stays: Before = |_| {};
    let lost: Before = |meeting| meeting.lose(1);
    let lost_late: Before = |meeting| {
        pass(meeting, 25);
        meeting.lose(1);
        meeting.tick -= 25 * 50;
    };
    let goes: Before = |meeting| {
        let now = meeting.now();
        meeting.room.leave(now, MemberId(1));
    };
    let never: Before = |meeting| {
        meeting.room = Room::new(meeting.now(), 100);
        let now = meeting.now();
        meeting.room.join(now, joining(2, 24)).expect("room for it");
        meeting.room.deputy = Some(MemberId(2));
    };
    let (y, n) = (true, false);
    // (it has an operator, the deputy may) 29 s after the operator's last word, then 31 s after it.
    let table: [Row; 5] = [
        ("its line stands and is silent", stays, [(y, n), (n, y)]),
        ("its line is lost", lost, [(n, n), (n, y)]),
        ("its line is given up 25 s after its last word", lost_late, [(n, n), (n, y)]),
        ("it has gone", goes, [(n, n), (n, y)]),
        ("there was none since the room opened", never, [(n, n), (n, y)]),
    ];
    for (name, before, row) in table {
        for (seconds, expected) in [29, 31].into_iter().zip(row) {
            let mut meeting = commune();
            assert_eq!(meeting.doing(1, What::Deputy(2)), ActCode::Done);
            before(&mut meeting);
            pass(&mut meeting, seconds);
            let (now, has) = (meeting.now(), meeting.stand().has_operator);
            meeting.room.handle_message(now, MemberId(2), act(1, What::TakeOver(true)));
            let done = std::iter::from_fn(|| meeting.room.poll_event())
                .any(|event| matches!(event, Event::Acted { act: "take over", code: ActCode::Done, .. }));
            assert_eq!((has, done), expected, "{name}, after {seconds} s");
        }
    }
    let mut meeting = commune();
    assert_eq!(meeting.doing(1, What::Deputy(2)), ActCode::Done);
    for _ in 0..4 {
        pass(&mut meeting, 29);
        let now = meeting.now();
        meeting.room.handle_datagram(now, MemberId(1), &giaoban_proto::wire::Report::default().encode());
        assert_eq!(meeting.doing(2, What::TakeOver(true)), ActCode::NotNow, "a report is a word");
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_code_that_says_so() {
    let mut meeting = commune();
    let set = |mode, turn_s| What::SetFloor(SetFloor { mode, turn_s });
    let gain = |member, db| What::Gain(Gain { member, db });
    let call = |member, name: &str| What::Rename(Rename { member, name: name.into() });
    let nobody = ActCode::NobodyThere;
    for (what, code) in [
        (set(9, 0), ActCode::Wrong),
        (set(1, 3601), ActCode::Wrong),
        (What::Grant(2), ActCode::NotNow),
        (What::Grant(0), ActCode::NotNow),
        (What::TakeBack(0), ActCode::NotNow),
        (What::LowerHand(0), ActCode::NotNow),
        (What::LowerHand(99), nobody),
        (gain(2, 13), ActCode::Wrong),
        (gain(2, i32::MIN), ActCode::Wrong),
        (gain(99, 1), nobody),
        (call(2, "\u{7}"), ActCode::Wrong),
        (call(99, "x"), nobody),
        (What::RollCall(0), ActCode::NotNow),
        (What::Deputy(99), nobody),
        (What::Hand(true), ActCode::NotNow),
    ] {
        assert_eq!(meeting.doing(1, what.clone()), code, "{what:?}");
    }
    let guest = Joining { guest: true, ..joining(9, 24) };
    meeting.room.knock(meeting.start, guest, false).expect("a chair");
    for what in [What::Hand(true), What::Present(1), What::Say(Say { text: "x".into(), to_operators: false })]
    {
        assert_eq!(meeting.doing(9, what), ActCode::NotAllowed, "a guest in the lobby has no part in it");
    }
}

#[test]
fn operators_that_watch_are_told_how_lines_are_and_nobody_else_is() {
    let mut meeting = commune();
    let watching = Joining { watches: true, role: SiteRole::Operator, ..joining(1, 24) };
    let now = meeting.now();
    meeting.room.join(now, watching).expect("its seat");
    meeting.room.join(now, Joining { watches: true, ..joining(3, 24) }).expect("its seat");
    meeting.talk(&[2]);
    let report = giaoban_proto::wire::Report {
        received: 20,
        lost: 5,
        microphone: giaoban_proto::wire::Microphone { dead: true, ..Default::default() },
        ..Default::default()
    };
    meeting.run(50);
    meeting.told.clear();
    let now = meeting.now();
    meeting.room.handle_datagram(now, MemberId(3), &report.encode());
    meeting.run(400);
    let figures = meeting.told.iter().filter_map(|(to, message)| match &message.body {
        Some(server_message::Body::Figures(figures)) => Some((to.0, figures.lines.clone())),
        _ => None,
    });
    let figures: Vec<_> = figures.collect();
    assert!(!figures.is_empty() && figures.iter().all(|(to, _)| *to == 1), "{figures:?}");
    let lines = || figures.iter().flat_map(|(_, lines)| lines);
    let bad = lines().rfind(|line| line.member == 3).expect("news of 3");
    assert_eq!((bad.hears.expect("heard").lost, bad.microphone), (20, 1));
    let speaks = lines().rfind(|line| line.member == 2).expect("news of 2");
    assert!(speaks.sends.is_some_and(|leg| leg.lost == 0 && leg.kbps > 0), "{speaks:?}");
    meeting.told.clear();
    meeting.run(600);
    let more = meeting.told.iter().filter(|(_, m)| matches!(m.body, Some(server_message::Body::Figures(_))));
    assert!(more.count() <= 1, "a steady line is no news");
}

#[test]
fn a_site_that_sends_the_meeting_back_is_held_out_and_told_so_and_the_speaker_is_not() {
    use giaoban_proto::testing::speech::voice;
    let mut meeting = commune();
    let said = voice("fr");
    let notices = |meeting: &Meeting| {
        let notices = meeting.told.iter().filter_map(|(to, message)| match &message.body {
            Some(server_message::Body::Notice(notice)) => Some((to.0, notice.kind, notice.member)),
            _ => None,
        });
        notices.collect::<Vec<_>>()
    };
    // What 3's loudspeaker says of the meeting comes back 600 ms later, softer.
    let later = 600 * 48;
    let doing = |meeting: &mut Meeting, tick: usize, echo: bool| {
        let (now, mut buffer) = (meeting.now(), [0; MAX_DATAGRAM_BYTES]);
        for (id, back, gain) in [(2, 0, 1.0), (3, later, 0.3)] {
            let at = (tick * 960).checked_sub(back).filter(|_| id == 2 || echo);
            let samples = at.and_then(|at| said.get(at..at + 960));
            let brick = samples.map(|samples| {
                let mut brick = Pcm::SILENCE;
                brick.samples_mut().iter_mut().zip(samples).for_each(|(out, sample)| *out = sample * gain);
                brick
            });
            let site = &mut meeting.sites[id - 1];
            let time = MediaTime::from_bricks(u64::from(meeting.tick));
            if let Some(frame) = site.outlet.push(time, brick.as_ref()).expect("encodes") {
                let voice = Voice::new(site.seq, frame.time, frame.start, frame.end, frame.body());
                site.seq = site.seq.next();
                meeting.room.handle_datagram(now, MemberId(id as u64), voice.encode(&mut buffer));
            }
        }
        meeting.room.tick(now);
        while meeting.room.poll_transmit().is_some() {}
        while let Some(event) = meeting.room.poll_event() {
            match event {
                Event::Send(to, message) => meeting.told.push((to, message)),
                Event::Keep(keep) => meeting.kept.push(keep),
                _ => {}
            }
        }
        meeting.tick += 1;
    };
    for tick in 0..500 {
        doing(&mut meeting, tick, false);
    }
    assert_eq!(notices(&meeting), [], "who speaks alone is at no fault");
    for tick in 500..1200 {
        doing(&mut meeting, tick, true);
    }
    let echoes = NoticeKind::Echoes.code();
    assert_eq!(notices(&meeting), [(1, echoes, 3), (3, echoes, 3)]);
    assert_eq!([2, 3].map(|id| meeting.seat(id).expect("in").silenced), [false, true]);
    assert!(matches!(&meeting.kept[..], [Keep::HeldOut { member: MemberId(3), .. }]), "{:?}", meeting.kept);
}

/// Every state of a guest by every event: where it is then.
#[test]
fn a_guest_in_every_state_at_every_event() {
    const GUEST: MemberId = MemberId(9);
    type Happens = fn(&mut Meeting);
    let knock: Happens = |meeting| {
        let now = meeting.now();
        meeting.room.knock(now, Joining { guest: true, ..joining(9, 24) }, false).expect("a chair");
        // One that is known is let in without a word.
        while let Some(event) = meeting.room.poll_event() {
            if let Event::LetIn { by: None, guest, .. } = event {
                meeting.room.let_in(now, None, guest, true).expect("room for it");
            }
        }
    };
    let operator = |meeting: &mut Meeting, what| {
        let now = meeting.now();
        meeting.room.handle_message(now, MemberId(1), act(1, what));
        while let Some(event) = meeting.room.poll_event() {
            if let Event::LetIn { by: Some(by), number, guest } = event {
                meeting.room.let_in(now, Some((by, number)), guest, true).expect("room for it");
            }
        }
    };
    let admit = |meeting: &mut Meeting| operator(meeting, What::LetIn(9));
    let refuse = |meeting: &mut Meeting| operator(meeting, What::TurnAway(9));
    let expel = |meeting: &mut Meeting| operator(meeting, What::Expel(9));
    let lost: Happens = |meeting| meeting.lose(9);
    let leave: Happens = |meeting| {
        let now = meeting.now();
        meeting.room.handle_message(now, GUEST, Leave {}.into());
    };
    let place = |meeting: &Meeting| {
        if meeting.room.lobby.has(GUEST) { "waits" } else { state(meeting, 9) }
    };
    type Row<'a> = (&'a str, &'a dyn Fn(&mut Meeting), [&'a str; 4]);
    let table: [Row<'_>; 6] = [
        ("knock", &knock, ["waits", "waits", "in", "in"]),
        ("let in", &admit, ["none", "in", "in", "away"]),
        ("turn away", &refuse, ["none", "none", "in", "away"]),
        ("expel", &expel, ["none", "waits", "none", "none"]),
        ("lost", &lost, ["none", "none", "away", "away"]),
        ("leave", &leave, ["none", "none", "none", "away"]),
    ];
    for (name, event, row) in table {
        for (before, after) in ["none", "waits", "in", "away"].into_iter().zip(row) {
            let mut meeting = commune();
            if before != "none" {
                knock(&mut meeting);
            }
            if before == "in" || before == "away" {
                admit(&mut meeting);
            }
            if before == "away" {
                lost(&mut meeting);
            }
            assert_eq!(place(&meeting), before);
            event(&mut meeting);
            assert_eq!(place(&meeting), after, "{name} when {before}");
        }
    }
}
