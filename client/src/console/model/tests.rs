use super::*;
use crate::console::testing::{COMMUNES, Desk, OWN, SECOND, leg, line, seat, stats};
use giaoban_proto::wire::{
    Figures, Gain, Lobby as LobbyDifference, Notice, NoticeKind, Roster as Difference, Said, SetFloor,
    SetRoom, Silence, SilenceAll, Tick, Waiting as Guest, act::What, server_message::Body,
};

fn verbs(desk: &Desk) -> Vec<Verb> {
    Verb::ALL.into_iter().filter(|verb| desk.model.can(*verb)).collect()
}

fn last_event(desk: &Desk) -> Event {
    desk.model.log().next_back().expect("something happened").event.clone()
}

fn choose(desk: &mut Desk, member: u64) {
    desk.model.handle_hit(desk.now, Hit::Site(member));
}

#[test]
fn no_two_verbs_have_one_key() {
    for (n, one) in Verb::ALL.into_iter().enumerate() {
        assert!(Verb::ALL[n + 1..].iter().all(|other| other.key() != one.key()), "{one:?}");
        assert_eq!(Verb::of(one.key()), Some(one));
    }
    assert_eq!(Verb::of('ễ'), None);
}

/// Each verb with the act that it is, in a meeting where it has a point.
#[test]
fn each_key_is_the_act_of_its_name_and_asks_twice_where_it_cannot_be_undone() {
    let silence = |silent| What::Silence(Silence { member: 9, silent });
    let floor = |mode: FloorMode| What::SetFloor(SetFloor { mode: mode.code(), turn_s: 180 });
    let room = |locked, newcomers_silent| What::SetRoom(SetRoom { locked, newcomers_silent });
    let table = [
        ("g", What::Grant(9)),
        ("n", What::Grant(0)),
        ("t", What::TakeBack(0)),
        ("h", What::LowerHand(9)),
        ("Hy", What::LowerHand(0)),
        ("m", silence(true)),
        ("My", What::SilenceAll(SilenceAll { silent: true, but_floor: true })),
        ("Uy", What::SilenceAll(SilenceAll { silent: false, but_floor: false })),
        ("p", What::Tick(Tick { member: 9, present: false })),
        ("+", What::Gain(Gain { member: 9, db: 3 })),
        ("-", What::Gain(Gain { member: 9, db: -3 })),
        ("d", What::Deputy(9)),
        ("xy", What::Expel(9)),
        ("1y", floor(FloorMode::Open)),
        ("3", floor(FloorMode::Announcement)),
        ("cy", What::RollCall(0)),
        ("ry", What::Record(2)),
        ("z", What::Record(3)),
        ("k", room(Some(false), None)),
        ("w", room(None, Some(false))),
        ("a", What::LetIn(31)),
        ("by", What::TurnAway(31)),
    ];
    for (keys, what) in table {
        let mut desk = Desk::busy();
        choose(&mut desk, 9);
        desk.keys(&keys[..1]);
        let asks = matches!(desk.model.prompt(), Prompt::Confirm(_));
        assert_eq!(asks, keys.ends_with('y'), "{keys}");
        if asks {
            // Any other key is no, Enter too.
            assert_eq!(desk.commands(), [], "{keys}");
            desk.press(Key::Enter);
            assert_eq!((desk.commands(), desk.model.prompt()), (vec![], &Prompt::None), "{keys}");
            desk.keys(keys);
        }
        assert_eq!(desk.acts(ActCode::Done), [what], "{keys}");
        assert_eq!(desk.model.prompt(), &Prompt::None);
        let (_, outcome) = desk.model.last(desk.now).expect("it is shown");
        assert_eq!(*outcome, Outcome::Done(Some(ActCode::Done)));
    }
}

#[test]
fn what_was_switched_is_switched_back_by_the_same_key() {
    let mut desk = Desk::district();
    choose(&mut desk, 9);
    let mut once = |keys: &str, on: bool, what: What| {
        let verb = Verb::of(keys.chars().next().expect("a key")).expect("a verb");
        assert_eq!(desk.model.is_on(verb), on, "{keys}");
        desk.keys(keys);
        assert_eq!(desk.acts(ActCode::Done), [what]);
        match verb {
            Verb::Silence => desk.change(9, |seat| seat.silenced = !seat.silenced),
            Verb::Lock => desk.meeting(|meeting| meeting.locked = !meeting.locked),
            Verb::RollCall => desk.meeting(|meeting| {
                (meeting.roll, meeting.roll_left_s) = (1, if on { 0 } else { 120 });
            }),
            Verb::Record => desk.meeting(|meeting| meeting.recording = u32::from(!on)),
            Verb::Deputy => desk.meeting(|meeting| meeting.deputy = if on { 0 } else { 9 }),
            _ => {}
        }
    };
    once("m", false, What::Silence(Silence { member: 9, silent: true }));
    once("m", true, What::Silence(Silence { member: 9, silent: false }));
    once("k", false, What::SetRoom(SetRoom { locked: Some(true), newcomers_silent: None }));
    once("k", true, What::SetRoom(SetRoom { locked: Some(false), newcomers_silent: None }));
    once("c", false, What::RollCall(120));
    once("cy", true, What::RollCall(0));
    once("r", false, What::Record(1));
    once("ry", true, What::Record(2));
    once("d", false, What::Deputy(9));
    once("d", true, What::Deputy(0));
}

#[test]
fn what_is_typed_is_said_and_what_cannot_be_is_mended_where_it_stands() {
    let mut desk = Desk::busy();
    choose(&mut desk, 9);
    let said = |desk: &mut Desk| desk.acts(ActCode::Done);
    desk.keys("sCông văn 112/BC");
    desk.press(Key::Backspace);
    desk.press(Key::Enter);
    let say =
        |text: &str, to_operators| What::Say(giaoban_proto::wire::Say { text: text.into(), to_operators });
    assert_eq!(said(&mut desk), [say("Công văn 112/B", false)]);
    desk.keys("oq");
    desk.press(Key::Enter);
    assert_eq!(said(&mut desk), [say("q", true)], "letters are letters");
    desk.keys("s  ");
    desk.press(Key::Enter);
    desk.keys("sx");
    desk.press(Key::Escape);
    assert_eq!((said(&mut desk), desk.model.prompt()), (vec![], &Prompt::None));

    desk.keys("e");
    desk.press(Key::Backspace);
    desk.keys("a");
    desk.press(Key::Enter);
    let name = "xã Nậm Nhoóna".to_owned();
    assert_eq!(said(&mut desk), [What::Rename(giaoban_proto::wire::Rename { member: 9, name })]);

    let floor = |turn_s| [What::SetFloor(SetFloor { mode: FloorMode::Moderated.code(), turn_s })];
    for (typed, turn_s) in [("3", 180), ("90s", 90), ("0", 0)] {
        desk.keys(&format!("i{typed}"));
        desk.press(Key::Enter);
        assert_eq!(said(&mut desk), floor(turn_s));
    }
    desk.keys("isoon");
    desk.press(Key::Enter);
    let Prompt::Text { wrong: true, typed, .. } = desk.model.prompt() else { panic!("it is asked again") };
    assert_eq!(typed, "soon");
    assert_eq!(desk.commands(), []);
    (0..4).for_each(|_| desk.press(Key::Backspace));
    desk.keys("5");
    desk.press(Key::Enter);
    assert_eq!(said(&mut desk), floor(300));

    desk.keys("s");
    (0..1000).for_each(|_| desk.press(Key::Char('ễ')));
    let Prompt::Text { typed, .. } = desk.model.prompt() else { panic!("typing") };
    assert!((498..=500).contains(&typed.len()), "{}", typed.len());
}

#[test]
fn a_paste_is_text_and_never_keys() {
    let mut desk = Desk::busy();
    desk.model.handle_paste(desk.now, "xyMy1y");
    assert_eq!(desk.commands(), []);
    desk.keys("s");
    desk.model.handle_paste(desk.now, "112/BC\nx\u{1b}y");
    desk.press(Key::Enter);
    let [What::Say(say)] = &desk.acts(ActCode::Done)[..] else { panic!("one message") };
    assert_eq!(say.text, "112/BCxy");
}

#[test]
fn a_confirmation_is_for_whom_it_was_asked_even_when_the_choice_or_the_table_moves() {
    let mut desk = Desk::district();
    choose(&mut desk, 9);
    desk.keys("x");
    choose(&mut desk, 4);
    desk.change(12, |seat| seat.away = true);
    desk.keys("y");
    assert_eq!(desk.acts(ActCode::Done), [What::Expel(9)]);
    choose(&mut desk, OWN);
    desk.keys("x");
    assert_eq!(desk.commands(), [], "not oneself");
    assert_eq!(desk.model.prompt(), &Prompt::None);
}

#[test]
fn trouble_comes_first_then_the_floor_and_hands_then_names() {
    let mut desk = Desk::district();
    let mut names: Vec<&str> = COMMUNES.into_iter().chain(["huyện Quế Phong"]).collect();
    names.sort_by_key(|name| plain(name));
    assert_eq!(desk.names(), names, "all is well");

    desk.meeting(|meeting| (meeting.mode, meeting.holder) = (1, 21));
    desk.change(20, |seat| seat.hand = 7);
    desk.change(19, |seat| seat.hand = 6);
    desk.line(LineFiguresOf::hears_badly(17));
    desk.change(16, |seat| seat.away = true);
    desk.line(LineFiguresOf::slow(2));
    let first = ["xã Căm Muộn Thượng và Bản Mòng Trung", "thị trấn Kim Sơn", "xã Tri Lễ"];
    let then = ["xã Châu Phong", "xã Châu Nga", "xã Diên Lãm"];
    assert_eq!(desk.names()[..6], [first, then].concat());
    desk.keys("j");
    assert_eq!(desk.names()[..6], [then, first].concat());
    desk.keys("j");
    assert_eq!(desk.names(), names);
}

/// Lines in trouble.
struct LineFiguresOf;

impl LineFiguresOf {
    fn hears_badly(member: u64) -> giaoban_proto::wire::LineFigures {
        giaoban_proto::wire::LineFigures { hears: Some(leg(30, 15, 20, 8)), ..line(member) }
    }

    fn slow(member: u64) -> giaoban_proto::wire::LineFigures {
        giaoban_proto::wire::LineFigures { round_trip_10ms: 150, ..line(member) }
    }
}

#[test]
fn each_trouble_is_named_and_the_worst_counts() {
    use giaoban_proto::wire::LineFigures;
    let well = seat(2, "xã Tri Lễ");
    let listener = Seat { role: SiteRole::Listener.code(), ..well.clone() };
    let away = Seat { away: true, ..well.clone() };
    let bad = LineFigures {
        sends: Some(leg(20, 10, 6, 24)),
        hears: Some(leg(20, 10, 6, 24)),
        microphone: 7,
        round_trip_10ms: 150,
        ..line(2)
    };
    let table: [(&Seat, LineFigures, Option<Trouble>); 10] = [
        (&well, line(2), None),
        (&well, LineFigures { hears: Some(leg(40, 9, 30, 8)), ..line(2) }, None),
        (&away, line(2), Some(Trouble::Away)),
        (&away, bad, Some(Trouble::Away)),
        (&well, bad, Some(Trouble::HearsBadly)),
        (&well, LineFigures { hears: None, ..bad }, Some(Trouble::NoMicrophone)),
        (&well, LineFigures { hears: None, microphone: 3, ..bad }, Some(Trouble::DeadMicrophone)),
        (&well, LineFigures { hears: None, microphone: 2, ..bad }, Some(Trouble::HeardBadly)),
        (&well, LineFigures { hears: None, sends: None, microphone: 2, ..bad }, Some(Trouble::Clipping)),
        (&listener, LineFigures { hears: None, sends: None, ..bad }, Some(Trouble::Slow)),
    ];
    for (n, (seat, line, trouble)) in table.iter().enumerate() {
        assert_eq!(Trouble::of(seat, Some(line)), *trouble, "{n}");
    }
    assert_eq!(Trouble::of(&well, None), None);
}

#[test]
fn a_site_that_is_well_again_keeps_its_place_for_a_while_and_the_chosen_one_stays_chosen() {
    let mut desk = Desk::district();
    choose(&mut desk, 9);
    let middle = desk.names().iter().position(|name| *name == "xã Châu Hội");
    desk.line(LineFiguresOf::hears_badly(18));
    assert_eq!(desk.names()[0], "xã Châu Hội");
    assert_eq!(
        last_event(&desk),
        Event::Trouble { name: "xã Châu Hội".into(), trouble: Trouble::HearsBadly }
    );
    let events = desk.model.log().count();
    for _ in 0..4 {
        desk.now += SECOND * 4;
        desk.line(LineFiguresOf::hears_badly(18));
    }
    assert_eq!(desk.model.log().count(), events, "told once");
    desk.line(line(18));
    assert_eq!((desk.names()[0], desk.model.in_trouble()), ("xã Châu Hội", 0));
    desk.now += SECOND * 13;
    assert_eq!(desk.names().iter().position(|name| *name == "xã Châu Hội"), middle);
    assert_eq!(desk.model.chosen().map(|seat| seat.member), Some(9));
}

#[test]
fn a_line_that_is_away_is_told_with_its_time_and_is_no_trouble_once_back() {
    let mut desk = Desk::district();
    desk.change(9, |seat| seat.away = true);
    assert_eq!(last_event(&desk), Event::Away("xã Nậm Nhoóng".into()));
    desk.now += SECOND * 45;
    let row = desk.model.rows(desk.now)[0];
    assert_eq!((row.seat.member, row.away, row.trouble), (9, Some(SECOND * 45), Some(Trouble::Away)));
    desk.change(9, |seat| seat.away = false);
    assert_eq!(last_event(&desk), Event::Back("xã Nậm Nhoóng".into()));
    assert_ne!(desk.names()[0], "xã Nậm Nhoóng");
}

#[test]
fn two_hundred_sites_are_found_by_letters_without_accents_and_filtered() {
    let mut desk = Desk::welcomed(SiteRole::Operator);
    let names: Vec<String> = (0..200).map(|n| format!("bản {} {n}", COMMUNES[n % 20])).collect();
    for part in names.chunks(40).zip(0..) {
        let seats = part.0.iter().zip(2 + part.1 * 40..).map(|(name, member)| seat(member, name)).collect();
        desk.hear(Body::Roster(Difference { seats, gone: vec![] }));
    }
    assert_eq!(desk.names().len(), 200);
    desk.keys("/DONG van 4");
    assert_eq!(desk.names(), ["bản xã Đồng Văn 4", "bản xã Đồng Văn 44"]);
    desk.press(Key::Enter);
    desk.keys("g");
    assert_eq!(desk.commands(), [], "no floor to give while it is open");
    assert_eq!(desk.model.chosen().map(|seat| seat.name.as_str()), Some("bản xã Đồng Văn 4"));
    desk.press(Key::Escape);
    assert_eq!((desk.names().len(), desk.model.search()), (200, ""));
    desk.keys("/147");
    assert_eq!(desk.names(), ["bản xã Hạnh Dịch 145", "bản xã Nậm Nhoóng 147"], "by number, by name");
    desk.press(Key::Escape);

    desk.change(100, |seat| seat.away = true);
    desk.change(50, |seat| seat.hand = 1);
    desk.meeting(|meeting| (meeting.mode, meeting.roll, meeting.roll_left_s) = (1, 1, 60));
    (2..=180).for_each(|member| desk.change(member, |seat| seat.present = 1));
    for shown in [1, 1, 21, 200] {
        desk.keys("f");
        assert_eq!(desk.names().len(), shown, "{:?}", desk.model.filter());
    }
    assert_eq!(desk.model.answered(), Some((179, 200)));
}

#[test]
fn the_arrows_walk_the_table_and_stay_inside_it() {
    let mut desk = Desk::district();
    let at = |desk: &Desk| desk.model.rows(desk.now).iter().position(|row| row.chosen);
    let mut walk = |key| {
        desk.press(key);
        at(&desk)
    };
    assert_eq!(walk(Key::Home), Some(0));
    assert_eq!(walk(Key::Up), Some(0));
    assert_eq!(walk(Key::Down), Some(1));
    assert_eq!(walk(Key::PageDown), Some(11));
    assert_eq!(walk(Key::End), Some(20));
    assert_eq!(walk(Key::PageDown), Some(20));
    assert_eq!(walk(Key::PageUp), Some(10));
    desk.model.handle_hit(desk.now, Hit::Wheel { up: true });
    assert_eq!(at(&desk), Some(7));
}

#[test]
fn the_lobby_is_walked_and_its_verbs_aim_at_the_guest_that_is_chosen() {
    let mut desk = Desk::district();
    assert!(!desk.model.can(Verb::Admit));
    for (member, name) in [(31, "Bác sĩ Lan"), (32, "Ông Hùng"), (33, "Cô Mai")] {
        desk.guest(member, name);
    }
    assert_eq!(last_event(&desk), Event::Waits("Cô Mai".into()));
    desk.keys("a");
    assert_eq!(desk.acts(ActCode::Done), [What::LetIn(31)], "the first that came");
    desk.press(Key::Tab);
    desk.press(Key::Down);
    assert!(desk.model.is_in_lobby());
    desk.keys("b");
    desk.hear(Body::Lobby(LobbyDifference { waiting: vec![], gone: vec![31] }));
    desk.keys("y");
    assert_eq!(desk.acts(ActCode::NobodyThere), [What::TurnAway(32)]);
    let Event::NotDone { aim, outcome } = last_event(&desk) else { panic!("it is written down") };
    assert_eq!((aim.name.as_str(), outcome), ("Ông Hùng", Outcome::Done(Some(ActCode::NobodyThere))));
    desk.press(Key::Down);
    desk.press(Key::Enter);
    assert_eq!(desk.acts(ActCode::Done), [What::LetIn(33)]);
    desk.hear(Body::Lobby(LobbyDifference { waiting: vec![], gone: vec![32, 33] }));
    assert!(!desk.model.is_in_lobby() && desk.model.guest().is_none());
}

#[test]
fn clocks_run_between_what_the_bridge_says() {
    let mut desk = Desk::district();
    desk.meeting(|meeting| {
        (meeting.age_s, meeting.mode, meeting.holder, meeting.left_s) = (600, 1, 9, 60);
        (meeting.roll, meeting.roll_left_s) = (1, 30);
    });
    desk.now += SECOND * 20;
    let model = &desk.model;
    assert_eq!(model.age(desk.now), SECOND * 620);
    assert_eq!(model.turn_left(desk.now), Some(SECOND * 40));
    assert_eq!(model.roll_left(desk.now), Some(SECOND * 10));
    desk.now += SECOND * 60;
    assert_eq!(desk.model.turn_left(desk.now), Some(Duration::ZERO), "until the bridge says more");
    assert_eq!(desk.model.roll_left(desk.now), None);
    desk.model.handle_timeout(desk.now);
    desk.model.handle_timeout(desk.now);
    let over = |event: &Event| matches!(event, Event::RollOver { roll: 1, here: 0, of: 20 });
    assert_eq!(desk.model.log().filter(|entry| over(&entry.event)).count(), 1);
    desk.meeting(|meeting| meeting.left_s = 0);
    assert_eq!(desk.model.turn_left(desk.now), None, "without an end");
}

#[test]
fn each_change_of_the_meeting_is_written_down_once() {
    let mut desk = Desk::district();
    assert_eq!(desk.model.log().count(), 0, "what was found is no news");
    let name = || "xã Nậm Nhoóng".to_owned();
    desk.meeting(|meeting| (meeting.mode, meeting.holder) = (1, 9));
    desk.meeting(|_| {});
    desk.meeting(|meeting| (meeting.holder, meeting.recording, meeting.locked) = (0, 3, true));
    desk.meeting(|meeting| (meeting.newcomers_silent, meeting.has_operator) = (true, false));
    desk.meeting(|meeting| meeting.playing = "khai-mac".into());
    desk.change(9, |seat| seat.hand = 4);
    desk.change(9, |seat| (seat.hand, seat.silenced) = (0, true));
    desk.now += SECOND * 10;
    let difference = Difference { seats: vec![seat(40, "bản Mòng")], gone: vec![9] };
    desk.hear(Body::Roster(difference));
    let kind = NoticeKind::Howls.code();
    desk.hear(Body::Notice(Notice { kind, member: 4, name: "x".into() }));
    desk.hear(Body::Notice(Notice { kind: 99, member: 4, name: "x".into() }));
    let text = "a\u{1b}[2Jb".into();
    desk.hear(Body::Said(Said { member: 4, name: "x".into(), text, to_operators: false }));
    let events: Vec<&Event> = desk.model.log().map(|entry| &entry.event).collect();
    let expected = [
        Event::Mode(FloorMode::Moderated),
        Event::Floor(name()),
        Event::NoFloor,
        Event::Recording(Recording::Failed),
        Event::Locked(true),
        Event::NewcomersSilent(true),
        Event::Operator(false),
        Event::Playing("khai-mac".into()),
        Event::Hand(name()),
        Event::Silenced { name: name(), silenced: true },
        Event::Left(name()),
        Event::Came { name: "bản Mòng".into(), guest: false },
        Event::Notice { kind: NoticeKind::Howls, name: "x".into() },
        Event::Said { name: "x".into(), text: "a[2Jb".into(), to_operators: false },
    ];
    assert_eq!(events, expected.iter().collect::<Vec<_>>());
    for n in 0..2 * MAX_ENTRIES {
        desk.model.handle_note(desk.now, n.to_string());
    }
    assert_eq!(desk.model.log().count(), MAX_ENTRIES);
}

#[test]
fn only_what_has_a_point_can_be_done() {
    let mut outside = Desk::new();
    let screen =
        [Verb::Microphone, Verb::Search, Verb::Filter, Verb::Order, Verb::Log, Verb::Help, Verb::Quit];
    assert_eq!(verbs(&outside), screen);
    outside.keys("M");
    assert_eq!(outside.commands(), []);
    assert_eq!(outside.model.last(outside.now).map(|(_, outcome)| outcome.clone()), Some(Outcome::NotNow));

    let listener = Desk::welcomed(SiteRole::Participant);
    assert_eq!(verbs(&listener), [&[Verb::Say, Verb::Tell][..], &screen[..]].concat());
    let mut deputy = Desk::welcomed(SiteRole::Participant);
    deputy.meeting(|meeting| (meeting.has_operator, meeting.deputy) = (false, OWN));
    deputy.keys("Oy");
    assert_eq!(deputy.acts(ActCode::Done), [What::TakeOver(true)]);
    deputy.hear(Body::Standing(giaoban_proto::wire::Standing {
        role: SiteRole::Operator.code(),
        silenced: false,
    }));
    assert!(deputy.model.can(Verb::SilenceAll));

    let mut desk = Desk::district();
    for verb in [Verb::Grant, Verb::Next, Verb::TakeBack, Verb::Lower, Verb::Tick, Verb::Pause, Verb::Admit] {
        assert!(!desk.model.can(verb), "{verb:?}");
    }
    choose(&mut desk, OWN);
    assert!(!desk.model.can(Verb::Silence) && !desk.model.can(Verb::Expel));
    desk.model.handle_stats(&stats("reconnecting", false));
    assert_eq!(verbs(&desk), screen, "without a line nothing is sent");
}

#[test]
fn an_act_without_an_answer_is_told_and_one_that_is_late_changes_nothing_more() {
    let mut desk = Desk::district();
    desk.keys("k");
    let commands = desk.commands();
    let [Command::Act(act)] = &commands[..] else { panic!("one act") };
    assert_ne!(act.number, 0, "that is the engine's");
    assert_eq!(desk.model.last(desk.now).map(|(_, outcome)| outcome), Some(&Outcome::Asked));
    desk.now += ANSWERS_WITHIN;
    desk.model.handle_timeout(desk.now);
    assert!(matches!(last_event(&desk), Event::NotDone { outcome: Outcome::NoAnswer, .. }));
    let (number, code, events) = (act.number, 0, desk.model.log().count());
    desk.hear(Body::Done(giaoban_proto::wire::Done { number, code }));
    assert_eq!(desk.model.log().count(), events);
}

#[test]
fn the_microphone_is_switched_and_leaving_is_asked_twice_by_key_and_by_interrupt() {
    let mut desk = Desk::district();
    desk.keys(" ");
    assert_eq!(desk.commands(), [Command::Mute(false)]);
    desk.model.handle_stats(&stats("in_room", false));
    desk.keys(" ");
    assert_eq!(desk.commands(), [Command::Mute(true)]);
    desk.keys("qn");
    assert_eq!(desk.commands(), []);
    desk.keys("qy");
    assert_eq!(desk.commands(), [Command::Stop]);
    desk.keys("s");
    desk.press(Key::Interrupt);
    assert_eq!(desk.commands(), []);
    desk.press(Key::Interrupt);
    assert_eq!(desk.commands(), [Command::Stop]);
}

#[test]
fn a_new_line_begins_anew_and_the_log_goes_on() {
    let mut desk = Desk::busy();
    let events = desk.model.log().count();
    let welcome = giaoban_proto::wire::Welcome { member: OWN, role: 1, ..Default::default() };
    desk.hear(Body::Welcome(welcome));
    assert_eq!((desk.names().len(), desk.model.waiting().count()), (0, 0));
    let seats = vec![seat(9, "xã Nậm Nhoóng")];
    desk.hear(Body::Roster(Difference { seats, gone: vec![] }));
    assert_eq!((desk.names(), desk.model.in_trouble()), (vec!["xã Nậm Nhoóng"], 0));
    assert_eq!(desk.model.log().count(), events);
}

#[test]
fn what_a_bridge_says_of_nobody_pins_nothing() {
    let mut desk = Desk::district();
    for member in 1000..3000 {
        desk.hear(Body::Figures(Figures { lines: vec![line(member)] }));
    }
    assert_eq!(desk.model.seen.len(), 21);
    let gone = (2..=21).collect();
    desk.hear(Body::Roster(Difference { seats: vec![], gone }));
    assert_eq!(desk.model.seen.len(), 1);
    let guest = Guest { member: 9, name: "Khách".into() };
    desk.hear(Body::Lobby(LobbyDifference { waiting: vec![guest], gone: vec![] }));
    assert_eq!(desk.model.waiting().count(), 1);
}

#[test]
fn keys_of_any_order_do_no_harm() {
    let mut random = 1_u32;
    let mut desk = Desk::busy();
    for _ in 0..20_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let key = match random >> 24 {
            0..=9 => Key::Enter,
            10..=19 => Key::Escape,
            20..=29 => Key::Tab,
            30..=39 => Key::Down,
            40..=49 => Key::Backspace,
            n @ 50..=249 => Key::Char(Verb::ALL[n as usize % Verb::ALL.len()].key()),
            _ => Key::PageUp,
        };
        desk.press(key);
        desk.model.handle_hit(desk.now, Hit::Wheel { up: random & 1 == 0 });
        desk.now += SECOND / 10;
        desk.acts_of_any_kind();
    }
    assert!(desk.model.pending.len() < 2 && desk.model.search().len() <= 64);
}
