use super::*;

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

/// A session with a clock of its own, and what it asked for since it was last looked at, written short.
struct Run {
    session: Session,
    now: Instant,
}

impl Run {
    fn new() -> Self {
        let now = start();
        Self { session: Session::new(now), now }
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.session.handle_timeout(self.now);
    }

    fn actions(&mut self) -> String {
        let mut said = Vec::new();
        while let Some(action) = self.session.poll_action() {
            said.push(match action {
                Action::Connect(id) => format!("connect {}", id.0),
                Action::Hello(id) => format!("hello {}", id.0),
                Action::Admit(id) => format!("admit {}", id.0),
                Action::Close(id, code) => format!("close {} {code:?}", id.0),
                Action::Leave(id) => format!("leave {}", id.0),
                Action::Notice(notice) => format!("say {notice:?}"),
            });
        }
        said.join(", ")
    }

    fn connected(&mut self, id: u32) {
        self.session.handle_connected(self.now, LineId(id));
    }

    fn welcome(&mut self, id: u32) {
        self.session.handle_welcome(self.now, LineId(id));
    }

    fn lobby(&mut self, id: u32) {
        self.session.handle_lobby(LineId(id));
    }

    fn heard(&mut self, id: u32) {
        self.session.handle_heard(self.now, LineId(id));
    }

    fn lost(&mut self, id: u32, loss: Loss) {
        self.session.handle_lost(self.now, LineId(id), loss);
    }

    fn closed(&mut self, id: u32, code: CloseCode) {
        self.lost(id, Loss::Closed(code));
    }
}

/// The states of the table's columns; line 1 is the first, line 2 the one after it.
fn connecting() -> Run {
    Run::new()
}
fn joining() -> Run {
    let mut run = Run::new();
    run.connected(1);
    run
}
fn in_lobby() -> Run {
    let mut run = joining();
    run.lobby(1);
    run
}
fn in_room() -> Run {
    let mut run = joining();
    run.welcome(1);
    run
}
fn silent() -> Run {
    let mut run = in_room();
    run.wait(3500);
    run
}
fn silent_asked() -> Run {
    let mut run = silent();
    run.connected(2);
    run
}
fn silent_lobby() -> Run {
    let mut run = silent_asked();
    run.lobby(2);
    run
}
fn away_waiting() -> Run {
    let mut run = in_room();
    run.lost(1, Loss::Broken);
    run
}
fn away_asked() -> Run {
    let mut run = away_waiting();
    run.wait(500);
    run.connected(2);
    run
}
fn away_lobby() -> Run {
    let mut run = away_asked();
    run.lobby(2);
    run
}
fn closed() -> Run {
    let mut run = in_room();
    run.session.handle_stop(run.now);
    run
}

#[test]
fn the_table_of_states_and_events() {
    use CloseCode::{Full, NotAdmitted, NotLetIn, Replaced, Stopping};
    type Event = (&'static str, fn(&mut Run));
    let events: [Event; 16] = [
        ("1 connected", |r| r.connected(1)),
        ("2 connected", |r| r.connected(2)),
        ("1 welcome", |r| r.welcome(1)),
        ("2 welcome", |r| r.welcome(2)),
        ("1 heard", |r| r.heard(1)),
        ("1 broken", |r| r.lost(1, Loss::Broken)),
        ("2 broken", |r| r.lost(2, Loss::Broken)),
        ("1 not admitted", |r| r.closed(1, NotAdmitted)),
        ("2 full", |r| r.closed(2, Full)),
        ("2 not admitted", |r| r.closed(2, NotAdmitted)),
        ("1 replaced", |r| r.closed(1, Replaced)),
        ("1 stopping", |r| r.closed(1, Stopping)),
        ("stop", |r| r.session.handle_stop(r.now)),
        ("1 lobby", |r| r.lobby(1)),
        ("2 lobby", |r| r.lobby(2)),
        ("2 not let in", |r| r.closed(2, NotLetIn)),
    ];
    type Column = (&'static str, fn() -> Run, [&'static str; 16]);
    // What each state answers to each event, in the order above: the state after it, and what is to be done.
    #[rustfmt::skip]
    let table: [Column; 11] = [
        ("connecting", connecting, [
            "Joining: hello 1", "Connecting: ", "Connecting: ", "Connecting: ", "Connecting: ", "Connecting: ",
            "Connecting: ", "Closed: ", "Connecting: ", "Connecting: ", "Closed: ", "Connecting: ",
            "Closed: close 1 Bye",
            "Connecting: ", "Connecting: ", "Connecting: ",
        ]),
        ("joining", joining, [
            "Joining: hello 1", "Joining: ", "InRoom: admit 1", "Joining: ", "Joining: ", "Connecting: ",
            "Joining: ", "Closed: ", "Joining: ", "Joining: ", "Closed: ", "Connecting: ", "Closed: close 1 Bye",
            "InLobby: say InLobby", "Joining: ", "Joining: ",
        ]),
        ("in lobby", in_lobby, [
            "InLobby: hello 1", "InLobby: ", "InRoom: admit 1", "InLobby: ", "InLobby: ", "Connecting: say Lost",
            "InLobby: ", "Closed: ", "InLobby: ", "InLobby: ", "Closed: ", "Connecting: say Lost", "Closed: close 1 Bye",
            "InLobby: ", "InLobby: ", "InLobby: ",
        ]),
        ("in room", in_room, [
            "InRoom: ", "InRoom: ", "InRoom: ", "InRoom: ", "InRoom: ", "Reconnecting: say Lost",
            "InRoom: ", "Closed: ", "InRoom: ", "InRoom: ", "Closed: ", "Reconnecting: say Lost", "Closed: leave 1",
            "InRoom: ", "InRoom: ", "InRoom: ",
        ]),
        ("silent, the second line dialling", silent, [
            "Reconnecting: ", "Reconnecting: hello 2", "Reconnecting: ", "Reconnecting: ",
            "InRoom: close 2 Bye, say Back", "Reconnecting: ", "Reconnecting: ", "Closed: close 2 Bye",
            "Reconnecting: ", "Closed: close 1 Bye", "Closed: close 2 Bye", "Reconnecting: ",
            "Closed: close 2 Bye, leave 1",
            "Reconnecting: ", "Reconnecting: ", "Closed: close 1 Bye",
        ]),
        ("silent, the second line has asked", silent_asked, [
            "Reconnecting: ", "Reconnecting: hello 2", "Reconnecting: ", "InRoom: close 1 Replaced, admit 2, say Back",
            "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Closed: close 2 Bye",
            "Reconnecting: ", "Closed: close 1 Bye", "Reconnecting: ", "Reconnecting: ",
            "Closed: close 2 Bye, leave 1",
            "Reconnecting: ", "Reconnecting: ", "Closed: close 1 Bye",
        ]),
        ("silent, the second line in the lobby", silent_lobby, [
            "Reconnecting: ", "Reconnecting: hello 2", "Reconnecting: ", "InRoom: close 1 Replaced, admit 2, say Back",
            "InRoom: close 2 Bye, say Back", "InLobby: say InLobby", "Reconnecting: ", "Closed: close 2 Bye",
            "Reconnecting: ", "Closed: close 1 Bye", "InLobby: say InLobby", "InLobby: say InLobby",
            "Closed: close 2 Bye, leave 1",
            "Reconnecting: ", "Reconnecting: ", "Closed: close 1 Bye",
        ]),
        ("away, waiting", away_waiting, [
            "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ",
            "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ",
            "Closed: ",
            "Reconnecting: ", "Reconnecting: ", "Reconnecting: ",
        ]),
        ("away, the second line has asked", away_asked, [
            "Reconnecting: ", "Reconnecting: hello 2", "Reconnecting: ", "InRoom: admit 2, say Back",
            "Reconnecting: ", "Reconnecting: ", "Reconnecting: ", "Reconnecting: ",
            "Reconnecting: ", "Closed: ", "Reconnecting: ", "Reconnecting: ", "Closed: close 2 Bye",
            "Reconnecting: ", "InLobby: say InLobby", "Closed: ",
        ]),
        ("away, the second line in the lobby", away_lobby, [
            "InLobby: ", "InLobby: hello 2", "InLobby: ", "InRoom: admit 2, say Back",
            "InLobby: ", "InLobby: ", "Reconnecting: say Lost", "InLobby: ",
            "Reconnecting: say Lost", "Closed: ", "InLobby: ", "InLobby: ", "Closed: close 2 Bye",
            "InLobby: ", "InLobby: ", "Closed: ",
        ]),
        ("closed", closed, ["Closed: "; 16]),
    ];
    for (name, state, expected) in table {
        for ((event, happen), expected) in events.into_iter().zip(expected) {
            let mut run = state();
            run.actions();
            happen(&mut run);
            assert_eq!(
                format!("{:?}: {}", run.session.state(), run.actions()),
                expected,
                "{event} when {name}"
            );
        }
    }
}

#[test]
fn a_bridge_that_never_answers_is_given_up_after_forty_five_seconds() {
    let mut run = Run::new();
    assert_eq!(run.actions(), "say Connecting, connect 1");
    assert_eq!(run.session.poll_timeout(), Some(run.now + ATTEMPT));
    run.wait(9_999);
    assert_eq!(run.actions(), "");
    run.wait(1);
    assert_eq!(run.actions(), "close 1 Bye");
    run.wait(500);
    assert_eq!(run.actions(), "connect 2");
    run.lost(2, Loss::NoAddress);
    run.wait(34_499);
    assert_eq!(run.session.state(), State::Connecting);
    run.actions();
    run.wait(1);
    assert_eq!(run.session.end(), Some(End::NotReachable(Some(Loss::NoAddress))));
    assert!(run.actions().starts_with("close "));
    assert_eq!(run.session.poll_timeout(), None);
}

#[test]
fn a_bridge_that_answers_late_gets_time_for_the_room_once() {
    let mut run = Run::new();
    run.wait(10_000);
    run.wait(9_000);
    run.connected(2);
    run.wait(9_000);
    assert_eq!(run.session.state(), State::Joining);
    run.closed(2, CloseCode::TooSlow);
    run.wait(2_000);
    run.connected(3);
    run.wait(8_999);
    assert_eq!(run.session.state(), State::Joining);
    // Forty-five seconds after the first answer, however many there were.
    run.wait(25_000);
    assert_eq!(run.session.end(), None);
    run.wait(1);
    assert_eq!(run.session.end(), Some(End::NotReachable(Some(Loss::NoWelcome))));
}

#[test]
fn a_handshake_that_took_long_leaves_the_welcome_its_whole_time() {
    let mut run = away_waiting();
    run.wait(500);
    run.actions();
    run.wait(9_900);
    run.connected(2);
    run.wait(5_000);
    // Said twice, it counts once.
    run.connected(2);
    run.wait(4_999);
    assert_eq!(run.actions(), "hello 2, hello 2");
    run.wait(1);
    assert_eq!(run.actions(), "close 2 Bye");
}

#[test]
fn a_forged_answer_of_another_version_costs_a_first_join_nothing_but_is_told_at_its_end() {
    let mut run = Run::new();
    run.lost(1, Loss::OtherVersion);
    assert_eq!(run.session.state(), State::Connecting);
    run.wait(45_000);
    assert_eq!(run.session.end(), Some(End::NotReachable(Some(Loss::OtherVersion))));
}

#[test]
fn a_site_that_was_in_tries_for_ever_with_growing_waits() {
    let mut run = away_waiting();
    run.actions();
    let mut waits = Vec::new();
    for _ in 0..200 {
        let due = run.session.poll_timeout().expect("still trying");
        waits.push((due - run.now).as_millis());
        run.now = due;
        run.session.handle_timeout(due);
        let id = run.session.last_id.0;
        assert_eq!(run.actions(), format!("connect {id}"));
        run.wait(10_000);
        assert_eq!(run.actions(), format!("close {id} Bye"));
    }
    assert_eq!(waits[..7], [500, 1000, 2000, 4000, 5000, 5000, 5000]);
    assert_eq!(run.session.state(), State::Reconnecting);
}

#[test]
fn waits_begin_anew_once_the_room_was_reached() {
    let mut run = away_waiting();
    run.wait(500);
    run.lost(2, Loss::Broken);
    run.wait(1000);
    run.connected(3);
    run.welcome(3);
    run.lost(3, Loss::Closed(CloseCode::Stopping));
    assert_eq!(run.session.poll_timeout(), Some(run.now + BACK_OFF[0]));
}

#[test]
fn every_refusal_ends_a_first_attempt_and_only_lasting_ones_a_return() {
    for (loss, first, again) in [
        (Loss::Closed(CloseCode::NotAdmitted), true, true),
        (Loss::Closed(CloseCode::NoSuchRoom), true, true),
        (Loss::Closed(CloseCode::Version), true, true),
        (Loss::Closed(CloseCode::BadMessage), true, true),
        (Loss::Closed(CloseCode::Replaced), true, true),
        (Loss::Closed(CloseCode::NotLetIn), true, true),
        (Loss::Closed(CloseCode::WrongPin), true, true),
        (Loss::Closed(CloseCode::NoSource), true, true),
        (Loss::NotProved, true, true),
        (Loss::Closed(CloseCode::TryLater), true, false),
        (Loss::WrongKey, true, false),
        (Loss::OtherVersion, false, false),
        (Loss::Closed(CloseCode::Full), true, false),
        (Loss::Closed(CloseCode::Internal), true, false),
        (Loss::ClosedUnknown(77), true, false),
        (Loss::Closed(CloseCode::Stopping), false, false),
        (Loss::Closed(CloseCode::TooSlow), false, false),
        (Loss::Closed(CloseCode::Overrun), false, false),
        (Loss::Broken, false, false),
    ] {
        let refused = Some(End::Refused(loss));
        let mut run = joining();
        run.lost(1, loss);
        assert_eq!(run.session.end(), refused.filter(|_| first), "first {loss:?}");
        let mut run = away_asked();
        run.lost(2, loss);
        assert_eq!(run.session.end(), refused.filter(|_| again), "again {loss:?}");
    }
    let mut run = in_room();
    run.closed(1, CloseCode::Bye);
    assert_eq!(run.session.end(), Some(End::Ended));
}

#[test]
fn a_line_that_is_heard_each_second_is_never_in_trouble() {
    let mut run = in_room();
    run.actions();
    for _ in 0..3600 {
        run.wait(1000);
        run.heard(1);
    }
    run.wait(3_499);
    assert_eq!((run.session.state(), run.actions()), (State::InRoom, String::new()));
    run.wait(1);
    assert_eq!((run.session.state(), run.actions()), (State::Reconnecting, "say Lost, connect 2".into()));
}

#[test]
fn a_return_that_was_given_up_does_not_make_its_own_replacement_fatal() {
    let mut run = silent_asked();
    run.wait(10_000);
    run.actions();
    // The bridge had let the second line in, and tells the first when that comes through again.
    run.heard(1);
    assert_eq!(run.session.state(), State::InRoom);
    run.closed(1, CloseCode::Replaced);
    assert_eq!((run.session.state(), run.session.end()), (State::Reconnecting, None));
    // Much later it is somebody else.
    run.wait(500);
    run.connected(3);
    run.welcome(3);
    for _ in 0..60 {
        run.wait(1000);
        run.heard(3);
    }
    run.closed(3, CloseCode::Replaced);
    assert_eq!(run.session.end(), Some(End::Refused(Loss::Closed(CloseCode::Replaced))));
}

#[test]
fn an_old_line_that_was_heard_meanwhile_is_kept_when_the_new_one_is_not_let_in() {
    let mut run = silent_asked();
    run.actions();
    run.wait(9_000);
    run.heard(1);
    assert_eq!((run.session.state(), run.actions()), (State::Reconnecting, String::new()));
    run.wait(1_000);
    assert_eq!((run.session.state(), run.actions()), (State::InRoom, "close 2 Bye, say Back".into()));
    assert_eq!(run.session.poll_timeout(), Some(run.now - Duration::from_secs(1) + SILENCE));
}

#[test]
fn a_guest_waits_in_the_lobby_for_as_long_as_its_line_lives_and_then_begins_anew() {
    let mut run = in_lobby();
    run.actions();
    assert_eq!((run.session.poll_timeout(), run.session.lobby()), (None, Some(LineId(1))));
    run.wait(24 * 3_600_000);
    assert_eq!((run.session.state(), run.actions()), (State::InLobby, String::new()));
    run.lost(1, Loss::Broken);
    run.wait(500);
    assert_eq!((run.session.state(), run.actions()), (State::Connecting, "say Lost, connect 2".into()));
    run.wait(44_000);
    assert_eq!(run.session.end(), None, "the time for an answer began with the loss");
    run.wait(1_000);
    assert_eq!(run.session.end(), Some(End::NotReachable(Some(Loss::Broken))));
}

#[test]
fn each_step_of_a_guests_proof_leaves_the_next_its_whole_time() {
    let mut run = joining();
    run.wait(9_000);
    run.session.handle_challenge(run.now, LineId(1));
    run.session.handle_challenge(run.now, LineId(2));
    run.wait(9_999);
    assert_eq!(run.session.state(), State::Joining);
    run.wait(1);
    assert_eq!(run.session.state(), State::Connecting);
}

#[test]
fn time_that_is_up_is_an_end_as_asked_only_for_who_was_in() {
    for (state, end) in [
        (in_room as fn() -> Run, End::Asked),
        (silent, End::Asked),
        (away_waiting, End::Asked),
        (connecting, End::NotReachable(None)),
        (joining, End::NotReachable(Some(Loss::NoWelcome))),
        (in_lobby, End::NotReachable(Some(Loss::NoWelcome))),
        (away_lobby, End::Asked),
    ] {
        let mut run = state();
        run.session.handle_time_up(run.now);
        assert_eq!(run.session.end(), Some(end));
    }
}
