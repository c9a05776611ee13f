use super::*;
use giaoban_proto::wire::{MAX_DATAGRAM_BYTES, Word};

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

const AROUND: (usize, usize) = (52, 49);

fn probe(number: u16, step: u8, word: Option<Word>) -> Vec<u8> {
    Probe { step, number, sent_ms: 0, word }.encode(&mut [0; MAX_DATAGRAM_BYTES], 0).to_vec()
}

fn in_state(state: State, start: Instant) -> Check {
    Check { state, ..Check::new(start, AROUND) }
}

#[test]
fn every_event_in_every_state() {
    let start = start();
    let later = start + OVER_BY / 2;
    let asking = |asked| State::Asking { since: later, asked };
    let states = [
        State::Waiting,
        State::Trickle { since: later },
        State::Up,
        State::UpDrains { since: later },
        State::Down { since: later },
        State::DownDrains { since: later },
        asking(true),
        State::Over,
    ];
    let [waiting, trickle, up, up_drains, down, down_drains, asked, over] = states;
    type Event = fn(&mut Check, Instant);
    // An event at `later`, or so much after it, and what state comes of each. Nothing has been heard, unless the event
    // says so; the staircase of `Up` is not begun, and so done.
    let table: [(&str, Event, [State; 8]); 8] = [
        ("nothing", |_, _| {}, states),
        (
            "a word",
            |check, now| check.handle_datagram(now, &probe(0, 0, Some(Word::default()))).expect("a probe"),
            [trickle, trickle, up, up_drains, down, down_drains, asked, over],
        ),
        (
            "ready",
            |check, now| check.handle_ready(now),
            [trickle, trickle, up, up_drains, down, down_drains, asked, over],
        ),
        ("nonsense", |check, now| assert!(check.handle_datagram(now, b"nonsense").is_err()), states),
        (
            "the result",
            |check, _| check.handle_result(CheckResult::default()),
            [waiting, trickle, up, up_drains, down, down_drains, over, over],
        ),
        (
            "no time",
            |check, now| _ = check.poll_action(now),
            [waiting, trickle, State::UpDrains { since: later }, up_drains, down, asked, asked, over],
        ),
        (
            "twice the trickle in silence",
            |check, now| _ = check.poll_action(now + TRICKLE * 2),
            [
                waiting,
                over,
                State::UpDrains { since: later + TRICKLE * 2 },
                State::Down { since: later + TRICKLE * 2 },
                State::DownDrains { since: later + TRICKLE * 2 },
                State::Asking { since: later + TRICKLE * 2, asked: true },
                over,
                over,
            ],
        ),
        (
            "all the time there is",
            |check, _| _ = check.poll_action(check.start + OVER_BY),
            [waiting, over, over, over, over, over, over, over],
        ),
    ];
    for (event, run, expected) in table {
        for (state, after) in states.into_iter().zip(expected) {
            let mut check = in_state(state, start);
            run(&mut check, later);
            assert_eq!(check.state, after, "{event} in {state:?}");
        }
    }
}

#[test]
fn the_climb_begins_when_enough_is_known_of_the_line_and_a_mute_bridge_is_given_up() {
    let start = start();
    let mut check = Check::new(start, AROUND);
    for number in 0..10 {
        check.handle_datagram(start, &probe(number, 0, Some(Word::default()))).expect("a probe");
    }
    assert_eq!(check.poll_action(start + TRICKLE), None);
    assert_eq!(check.progress(start + TRICKLE).doing, Doing::Up(Bitrate::from_kbps(8)));

    let mut mute = Check::new(start, AROUND);
    assert_eq!(mute.poll_action(start + AT_MOST), None);
    assert!(mute.is_waiting());
    mute.handle_ready(start);
    assert_eq!(mute.poll_action(start + TRICKLE), None);
    assert_eq!(mute.progress(start + TRICKLE).doing, Doing::Trickle);
    mute.poll_action(start + TRICKLE * 2);
    assert!(mute.is_over() && mute.poll_send(start + TRICKLE * 2).is_none());
    assert_eq!(mute.measured(), Measured::default());
}

#[test]
fn the_bridge_is_asked_for_its_figures_once() {
    let start = start();
    let mut check = in_state(State::DownDrains { since: start }, start);
    assert_eq!(check.poll_action(start), Some(Action::AskResult));
    assert_eq!(check.poll_action(start), None);
    check.handle_result(CheckResult { rate_bps: 24_000, ..CheckResult::default() });
    assert_eq!(check.measured().up.map(|up| up.rate), Some(Bitrate::from_kbps(24)));
}

#[test]
fn progress_never_says_that_it_is_done_before_it_is() {
    let start = start();
    let mut check = Check::new(start, AROUND);
    assert_eq!(check.progress(start + AT_MOST).percent, 0);
    check.handle_ready(start);
    assert_eq!(check.progress(start + AT_MOST * 3).percent, 99);
}
