mod busy;
mod running;
mod source;

use super::*;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Inlet, Outlet, Pulled};
use giaoban_proto::unit::{BRICK, Bitrate, Level, Seq};
use giaoban_proto::wire::Voice;
use giaoban_proto::wire::{Act, Hello, Leave, SetCap, SetMuted, Silence, act::What, server_message};

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

/// A client without a network: a tone of its own, so that whoever is heard can be told by pitch.
struct Site {
    id: MemberId,
    hertz: f32,
    outlet: Outlet,
    inlet: Inlet,
    seq: Seq,
    talks: bool,
    heard: Vec<f32>,
    concealed: usize,
    datagrams: usize,
}

struct Meeting {
    start: Instant,
    room: Room,
    sites: Vec<Site>,
    tick: u32,
    closed: Vec<(MemberId, CloseCode)>,
    told: Vec<(MemberId, ServerMessage)>,
    let_in: Vec<(Option<MemberId>, u32, MemberId)>,
    acted: Vec<(MemberId, u32, &'static str, MemberId, String, ActCode)>,
    kept: Vec<Keep>,
}

const PITCHES: [f32; 4] = [330.0, 510.0, 790.0, 1170.0];

fn joining(n: u64, kbps: u32) -> Joining {
    // A leg begins with four fifths of its cap.
    let cap = RungId::cap(kbps * 5 / 4);
    Joining {
        id: MemberId(n),
        device: [n as u8; 32],
        name: format!("site {n}"),
        cap,
        muted: false,
        role: SiteRole::Participant,
        guest: false,
        watches: false,
    }
}

impl Meeting {
    fn new() -> Self {
        let start = start();
        let room = Room::new(start, 100);
        let (closed, told, let_in, acted, kept) = Default::default();
        Self { start, room, sites: Vec::new(), tick: 0, closed, told, let_in, acted, kept }
    }

    fn with(sites: &[(u64, u32)]) -> Self {
        let mut meeting = Self::new();
        for &(n, kbps) in sites {
            meeting.room.join(meeting.start, joining(n, kbps)).expect("room for it");
            meeting.sites.push(Site {
                id: MemberId(n),
                hertz: PITCHES[(n as usize - 1) % 4],
                outlet: Outlet::new(RungId::for_cap(kbps)).expect("libopus"),
                inlet: Inlet::new(0).expect("libopus"),
                seq: Seq(0),
                talks: false,
                heard: Vec::new(),
                concealed: 0,
                datagrams: 0,
            });
        }
        meeting
    }

    fn now(&self) -> Instant {
        self.start + BRICK * self.tick
    }

    fn talk(&mut self, sites: &[u64]) {
        for site in &mut self.sites {
            site.talks = sites.contains(&site.id.0);
        }
    }

    /// Plays bricks on a link without delay.
    fn run(&mut self, bricks: u32) {
        for _ in 0..bricks {
            let (now, tick) = (self.now(), self.tick);
            let mut buffer = [0; MAX_DATAGRAM_BYTES];
            for site in &mut self.sites {
                let mut brick = Pcm::SILENCE;
                for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
                    let t = (tick as usize * 960 + i) as f32 / 48_000.0;
                    *sample = 0.2 * (t * site.hertz * std::f32::consts::TAU).sin();
                }
                let time = MediaTime::from_bricks(tick.into());
                if let Some(frame) = site.outlet.push(time, site.talks.then_some(&brick)).expect("encodes") {
                    let voice = Voice::new(site.seq, frame.time, frame.start, frame.end, frame.body());
                    site.seq = site.seq.next();
                    self.room.handle_datagram(now, site.id, voice.encode(&mut buffer));
                }
            }
            self.room.tick(now);
            let roster: Vec<MemberId> = self.room.members().collect();
            while let Some(transmit) = self.room.poll_transmit() {
                assert!(roster.contains(&transmit.member), "only who is in the roster is sent anything");
                let site = self.sites.iter_mut().find(|site| site.id == transmit.member).expect("a member");
                site.datagrams += 1;
                if let Ok(Datagram::Voice(voice)) = Datagram::decode(transmit.bytes) {
                    site.inlet.insert(now, &voice);
                }
            }
            while let Some(event) = self.room.poll_event() {
                match event {
                    Event::Send(member, message) => self.told.push((member, message)),
                    Event::Close(member, code) => self.closed.push((member, code)),
                    Event::LetIn { by, number, guest } => self.let_in.push((by, number, guest)),
                    Event::Acted { by, number, act, target, name, code } => {
                        self.acted.push((by, number, act, target, name, code));
                    }
                    // What the worker sees to is in the tests of the whole bridge.
                    Event::Record { .. } | Event::Play { .. } => {}
                    Event::Keep(keep) => self.kept.push(keep),
                }
            }
            for site in &mut self.sites {
                let mut brick = Pcm::SILENCE;
                site.concealed += usize::from(site.inlet.pull(now, &mut brick) == Pulled::Concealed);
                site.heard.extend(brick.samples());
            }
            self.tick += 1;
        }
    }

    /// How loud site `of`'s tone is in what site `at` heard in the last second, in dBFS.
    fn tone(&self, at: u64, of: u64) -> f64 {
        let site = |n: u64| self.sites.iter().find(|site| site.id.0 == n).expect("a site");
        let heard = &site(at).heard[site(at).heard.len() - 48_000..];
        let step = f64::from(site(of).hertz) * std::f64::consts::TAU / 48_000.0;
        let (mut sin, mut cos) = (0.0, 0.0);
        for (n, &sample) in heard.iter().enumerate() {
            let window = (n as f64 / 48_000.0 * std::f64::consts::PI).sin().powi(2) * 2.0;
            sin += f64::from(sample) * window * (step * n as f64).sin();
            cos += f64::from(sample) * window * (step * n as f64).cos();
        }
        20.0 * ((sin.hypot(cos) / 24_000.0).max(1e-9) / std::f64::consts::SQRT_2).log10()
    }
}

/// What a tone of amplitude 0.2 measures.
const SPOKEN_DBFS: f64 = -17.0;

#[test]
fn everybody_hears_the_others_and_nobody_themselves() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 48), (4, 24)]);
    meeting.talk(&[1, 2, 3]);
    meeting.run(150);
    for at in 1..=4 {
        for of in 1..=3 {
            let level = meeting.tone(at, of);
            if at == of {
                assert!(level < SPOKEN_DBFS - 40.0, "site {at} hears itself at {level:.1} dBFS");
            } else {
                assert!((level - SPOKEN_DBFS).abs() < 3.0, "site {at} hears site {of} at {level:.1} dBFS");
            }
        }
    }
    assert_eq!(meeting.sites.iter().map(|site| site.concealed).sum::<usize>(), 0);
}

#[test]
fn taking_turns_never_lets_anybody_hear_themselves_or_leaves_a_hole() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 48), (3, 24)]);
    for turn in 0..12u64 {
        let speaker = turn % 3 + 1;
        meeting.talk(&[speaker]);
        meeting.run(75);
        for at in (1..=3).filter(|&at| at != speaker) {
            let level = meeting.tone(at, speaker);
            assert!((level - SPOKEN_DBFS).abs() < 3.0, "turn {turn}: site {at} hears {level:.1} dBFS");
        }
        let own = meeting.tone(speaker, speaker);
        assert!(own < SPOKEN_DBFS - 40.0, "turn {turn}: site {speaker} hears itself at {own:.1} dBFS");
    }
    assert_eq!(meeting.sites.iter().map(|site| site.concealed).sum::<usize>(), 0);
}

#[test]
fn a_fifth_voice_at_the_same_loudness_stays_out_and_a_place_that_falls_free_is_taken() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24), (4, 24), (5, 24), (6, 24)]);
    meeting.talk(&[1, 2, 3, 4, 5]);
    meeting.run(100);
    assert_eq!(meeting.room.talkers().count(), 4);
    let out = (1..=5).find(|&n| !meeting.room.talkers().any(|id| id.0 == n)).expect("one is out");
    let others: Vec<u64> = (1..=5).filter(|&n| n != out).collect();
    meeting.talk(&[out, others[0]]);
    meeting.run(100);
    assert!(meeting.room.talkers().any(|id| id.0 == out));
    let mut talkers: Vec<u64> = meeting.room.talkers().map(|id| id.0).collect();
    talkers.sort_unstable();
    assert_eq!(talkers, [others[0].min(out), others[0].max(out)]);
}

#[test]
fn an_idle_room_sends_each_member_one_report_a_second_and_nothing_else() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 48)]);
    meeting.run(500);
    for site in &meeting.sites {
        assert!((9..=11).contains(&site.datagrams), "{} datagrams in 10 s", site.datagrams);
        assert_eq!(Level::of(&site.heard), Level::SILENCE);
    }
}

#[test]
fn whoever_left_is_neither_heard_nor_sent_anything() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24)]);
    meeting.talk(&[1, 2, 3]);
    meeting.run(100);
    meeting.room.leave(meeting.start, MemberId(2));
    let sent = meeting.sites[1].datagrams;
    // It goes on sending.
    meeting.run(100);
    assert_eq!(meeting.sites[1].datagrams, sent);
    assert!(meeting.tone(1, 2) < SPOKEN_DBFS - 40.0);
    assert!((meeting.tone(1, 3) - SPOKEN_DBFS).abs() < 3.0);
    assert_eq!(meeting.room.members().collect::<Vec<_>>(), [MemberId(1), MemberId(3)]);
}

#[test]
fn muting_is_told_to_the_others_once_and_a_voice_that_overtakes_the_message_is_heard() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24)]);
    meeting.run(50);
    meeting.told.clear();
    for _ in 0..5 {
        meeting.room.handle_message(meeting.start, MemberId(1), SetMuted { muted: true }.into());
        meeting.run(50);
    }
    assert_eq!(meeting.told.len(), 2, "{:?}", meeting.told);
    meeting.talk(&[1]);
    meeting.run(100);
    assert!((meeting.tone(2, 1) - SPOKEN_DBFS).abs() < 3.0);
}

#[test]
fn a_cap_that_is_lowered_is_kept_from_then_on_by_its_own_leg_alone() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24)]);
    meeting.talk(&[1]);
    meeting.run(200);
    let rung = |meeting: &Meeting, n: usize| meeting.room.members[n].rung.rung().wire;
    assert_eq!(rung(&meeting, 1), Bitrate::from_kbps(24));
    meeting.room.handle_message(meeting.now(), MemberId(2), SetCap { max_kbps: 8 }.into());
    meeting.run(50);
    assert_eq!([1, 2].map(|n| rung(&meeting, n)), [8, 24].map(Bitrate::from_kbps));
    meeting.run(100);
    assert!((meeting.tone(2, 1) - SPOKEN_DBFS).abs() < 3.0, "and it hears what it heard");
}

#[test]
fn whoever_misses_our_heartbeats_is_answered_soon() {
    let mut meeting = Meeting::with(&[(1, 24)]);
    meeting.run(100);
    let before = meeting.sites[0].datagrams;
    for _ in 0..8 {
        let now = meeting.now();
        meeting.room.handle_datagram(now, MemberId(1), &giaoban_proto::wire::Report::default().encode());
        meeting.run(12);
    }
    // Two seconds of reports at four a second.
    let answers = meeting.sites[0].datagrams - before;
    assert!((6..=10).contains(&answers), "{answers} answers");
}

#[test]
fn the_newest_session_of_a_device_lives() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24)]);
    meeting.talk(&[1]);
    meeting.run(50);
    let again = meeting.room.join(meeting.start, Joining { id: MemberId(7), ..joining(1, 24) });
    assert_eq!(again, Ok(MemberId(1)), "to its own seat, whose older line the worker ends");
    assert_eq!(meeting.room.talkers().count(), 0, "nothing of the older session sounds on");
    assert_eq!(meeting.room.members().collect::<Vec<_>>(), [MemberId(1), MemberId(2)]);
}

#[test]
fn a_full_room_says_so() {
    let start = start();
    let mut room = Room::new(start, 2);
    assert_eq!(
        (1..=3).map(|n| room.join(start, joining(n, 24))).collect::<Vec<_>>(),
        [Ok(MemberId(1)), Ok(MemberId(2)), Err(CloseCode::Full)]
    );
}

#[test]
fn leaving_and_a_second_hello_end_the_connection_each_with_its_code() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24)]);
    meeting.room.handle_message(meeting.start, MemberId(1), Leave {}.into());
    meeting.room.handle_message(meeting.start, MemberId(2), Hello::default().into());
    meeting.room.handle_message(meeting.start, MemberId(2), ClientMessage { body: None });
    assert!(meeting.room.is_empty());
    meeting.sites.clear();
    meeting.run(1);
    assert_eq!(meeting.closed, [(MemberId(1), CloseCode::Bye), (MemberId(2), CloseCode::BadMessage)]);
}

#[test]
fn the_roster_is_told_whole_to_a_newcomer_and_as_differences_to_all() {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24)]);
    meeting.run(50);
    meeting.told.clear();
    meeting.room.leave(meeting.start, MemberId(1));
    meeting.sites.remove(0);
    meeting.run(50);
    let Some(server_message::Body::Roster(roster)) = &meeting.told[0].1.body else { panic!("a roster") };
    assert_eq!((meeting.told.len(), roster.gone.as_slice(), roster.seats.len()), (1, &[1][..], 0));
    let many =
        (10..200).map(|n| meeting.room.join(meeting.start, joining(n, 24))).filter(Result::is_ok).count();
    assert_eq!(many, 99);
    let mut whole = 0;
    while let Some(event) = meeting.room.poll_event() {
        let Event::Send(_, message) = event else { continue };
        assert!(giaoban_proto::wire::frame(&message).len() < giaoban_proto::wire::MAX_CONTROL_BYTES);
        whole += 1;
    }
    assert!(whole < 99 * 4);
}

#[test]
fn bad_datagrams_are_counted_and_those_of_strangers_are_nothing() {
    let mut meeting = Meeting::with(&[(1, 24)]);
    for bytes in [&[][..], &[0xff; 40], &[0; 1300], &[0, 1, 2]] {
        meeting.room.handle_datagram(meeting.start, MemberId(1), bytes);
        meeting.room.handle_datagram(meeting.start, MemberId(99), bytes);
    }
    assert_eq!(meeting.room.tally(MemberId(1)).expect("here").bad_datagrams, 4);
}

#[test]
fn a_report_is_answered_so_that_the_member_learns_its_round_trip() {
    let mut meeting = Meeting::with(&[(1, 24)]);
    let report = giaoban_proto::wire::Report { sent_ms: 4711, ..Default::default() };
    meeting.room.handle_datagram(meeting.start, MemberId(1), &report.encode());
    let mut echoes = Vec::new();
    for tick in 0..60 {
        meeting.room.tick(meeting.start + BRICK * tick);
        while let Some(transmit) = meeting.room.poll_transmit() {
            if let Ok(Datagram::Report(report)) = Datagram::decode(transmit.bytes) {
                echoes.push((report.echo.expect("an echo"), report.sent_ms));
            }
        }
    }
    let (echo, sent_ms) = echoes[0];
    assert_eq!((echo.sent_ms, echo.held_ms), (4711, sent_ms));
}

/// A room with an operator (1), a participant (2), a listener (3), and a guest in the lobby (9).
fn district() -> Meeting {
    let mut meeting = Meeting::with(&[(1, 24), (2, 24), (3, 24)]);
    meeting.room.set_role(meeting.start, MemberId(1), SiteRole::Operator);
    meeting.room.set_role(meeting.start, MemberId(3), SiteRole::Listener);
    let guest = Joining { guest: true, ..joining(9, 24) };
    meeting.room.knock(meeting.start, guest, false).expect("a chair");
    meeting.run(50);
    meeting.told.clear();
    meeting
}

fn act(number: u32, what: What) -> ClientMessage {
    Act { number, what: Some(what) }.into()
}

#[test]
fn a_listener_is_not_heard_and_its_voice_is_not_even_decoded() {
    let mut meeting = district();
    meeting.talk(&[3]);
    meeting.run(100);
    assert_eq!(meeting.room.talkers().count(), 0);
    assert!(meeting.room.tally(MemberId(3)).expect("here").unheard > 10);
    meeting.room.set_role(meeting.start, MemberId(3), SiteRole::Participant);
    meeting.run(100);
    assert_eq!(meeting.room.talkers().collect::<Vec<_>>(), [MemberId(3)]);
    meeting.run(100);
    assert!((meeting.tone(1, 3) - SPOKEN_DBFS).abs() < 3.0);
}

#[test]
fn a_guest_in_the_lobby_is_sent_nothing_and_heard_by_nobody() {
    let mut meeting = district();
    meeting.talk(&[1]);
    let voice = Voice::new(
        Seq(0),
        MediaTime::from_bricks(0),
        true,
        false,
        giaoban_proto::wire::Body::single(&[1, 2, 3]),
    );
    let bytes = voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec();
    for _ in 0..100 {
        let now = meeting.now();
        meeting.room.handle_datagram(now, MemberId(9), &bytes);
        // The meeting asserts of each datagram that it goes to a member.
        meeting.run(1);
    }
    assert!(meeting.room.members().all(|id| id != MemberId(9)));
    assert!(meeting.told.iter().all(|(to, _)| *to != MemberId(9)));
    assert!(meeting.room.tally(MemberId(9)).is_none());
}

#[test]
fn an_operator_lets_a_guest_in_when_it_is_written_down_and_it_is_not_asked_about_again() {
    let mut meeting = district();
    let start = meeting.now();
    meeting.room.handle_message(start, MemberId(1), act(5, What::LetIn(9)));
    meeting.sites.clear();
    while let Some(event) = meeting.room.poll_event() {
        assert_eq!(event, Event::LetIn { by: Some(MemberId(1)), number: 5, guest: MemberId(9) });
    }
    assert!(meeting.room.members().all(|id| id != MemberId(9)), "not before it is written down");
    assert_eq!(meeting.room.let_in(start, Some((MemberId(1), 5)), MemberId(9), false), None);
    assert_eq!(meeting.room.let_in(start, Some((MemberId(1), 6)), MemberId(9), true), Some(MemberId(9)));
    assert!(meeting.room.members().any(|id| id == MemberId(9)));
    let mut codes = Vec::new();
    while let Some(event) = meeting.room.poll_event() {
        if let Event::Acted { number, act, code, name, .. } = event {
            codes.push((number, act, code, name));
        }
    }
    let (failed, done) = ((5, "let in", ActCode::Failed), (6, "let in", ActCode::Done));
    let name = || "site 9".to_owned();
    assert_eq!(codes, [(failed.0, failed.1, failed.2, name()), (done.0, done.1, done.2, name())]);
    // Its line breaks, and it comes again.
    meeting.room.lost(meeting.start, MemberId(9));
    meeting
        .room
        .knock(meeting.start, Joining { guest: true, id: MemberId(12), ..joining(9, 24) }, false)
        .expect("a chair");
    let again = Event::LetIn { by: None, number: 0, guest: MemberId(12) };
    assert_eq!(std::iter::from_fn(|| meeting.room.poll_event()).find(|event| *event == again), Some(again));
    // Unless an operator has put it out meanwhile.
    assert_eq!(meeting.room.let_in(start, None, MemberId(12), true), Some(MemberId(9)), "to its own seat");
    meeting.room.handle_message(start, MemberId(1), act(7, What::Expel(9)));
    meeting
        .room
        .knock(meeting.start, Joining { guest: true, id: MemberId(13), ..joining(9, 24) }, false)
        .expect("a chair");
    let asked = |event: &Event| matches!(event, Event::LetIn { .. });
    assert!(!std::iter::from_fn(|| meeting.room.poll_event()).any(|event| asked(&event)));
}

#[test]
fn guests_are_let_in_in_any_order_and_each_is_found_by_its_number() {
    let mut meeting = district();
    let guest = Joining { guest: true, ..joining(10, 24) };
    meeting.room.knock(meeting.start, guest, false).expect("a chair");
    meeting.room.join(meeting.now(), joining(12, 24)).expect("room for it");
    for number in [10, 9] {
        let seat = meeting.room.let_in(meeting.now(), Some((MemberId(1), 1)), MemberId(number), true);
        assert_eq!(seat, Some(MemberId(number)));
    }
    let members: Vec<u64> = meeting.room.members().map(|id| id.0).collect();
    assert_eq!(members, [1, 2, 3, 9, 10, 12]);
    for number in [9, 10, 12] {
        meeting.room.handle_message(meeting.start, MemberId(1), act(1, What::Expel(number)));
    }
    meeting.run(1);
    assert_eq!(meeting.closed, [9, 10, 12].map(|number| (MemberId(number), CloseCode::Expelled)));
}

#[test]
fn nobody_but_an_operator_can_do_anything_to_anybody() {
    let mut meeting = district();
    let before: Vec<MemberId> = meeting.room.members().collect();
    let silence = |member| What::Silence(Silence { member, silent: true });
    let acts = [What::LetIn(9), What::TurnAway(9), What::Expel(1), silence(1), What::Expel(2), silence(3)];
    for by in [2, 3, 9] {
        for what in acts.clone() {
            meeting.room.handle_message(meeting.start, MemberId(by), act(1, what));
        }
    }
    meeting.run(2);
    assert_eq!(meeting.room.members().collect::<Vec<_>>(), before);
    assert_eq!((meeting.acted.len(), meeting.let_in.len(), meeting.closed.len()), (18, 0, 0));
    assert!(meeting.acted.iter().all(|(.., code)| *code == ActCode::NotAllowed));
}

#[test]
fn an_act_on_nobody_and_an_unknown_act_are_answered() {
    let mut meeting = district();
    for what in [What::LetIn(2), What::TurnAway(99), What::Expel(9), What::Expel(0)] {
        meeting.room.handle_message(meeting.start, MemberId(1), act(1, what));
    }
    meeting.room.handle_message(meeting.start, MemberId(1), Act { number: 2, what: None }.into());
    meeting.run(1);
    let codes: Vec<ActCode> = meeting.acted.iter().map(|(.., code)| *code).collect();
    let nobody = ActCode::NobodyThere;
    assert_eq!(codes, [nobody, nobody, nobody, nobody, ActCode::Unknown]);
}

#[test]
fn who_is_silenced_is_out_of_the_mix_at_once_and_back_when_allowed() {
    let mut meeting = district();
    meeting.talk(&[2]);
    meeting.run(100);
    assert_eq!(meeting.room.talkers().collect::<Vec<_>>(), [MemberId(2)]);
    let silence = |silent| act(1, What::Silence(Silence { member: 2, silent }));
    meeting.room.handle_message(meeting.start, MemberId(1), silence(true));
    meeting.run(50);
    assert_eq!(meeting.room.talkers().count(), 0);
    let told = meeting.told.iter().filter_map(|(to, message)| match &message.body {
        Some(server_message::Body::Standing(standing)) => Some((*to, standing.silenced)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(MemberId(2), true)]);
    meeting.room.handle_message(meeting.start, MemberId(1), silence(false));
    meeting.run(100);
    assert_eq!(meeting.room.talkers().collect::<Vec<_>>(), [MemberId(2)]);
}

#[test]
fn who_is_silenced_is_so_by_its_next_line_too_and_is_told_after_the_list() {
    let mut meeting = district();
    let silence = |member, silent| act(1, What::Silence(Silence { member, silent }));
    meeting.room.handle_message(meeting.start, MemberId(1), silence(2, true));
    meeting.room.leave(meeting.start, MemberId(2));
    let again = |id| Joining { id: MemberId(id), ..joining(2, 24) };
    let told = |meeting: &mut Meeting, to| {
        meeting.told.clear();
        meeting.run(1);
        let bodies =
            meeting.told.iter().filter(|(id, _)| *id == MemberId(to)).map(|(_, message)| &message.body);
        let said = bodies.filter_map(|body| match body {
            Some(server_message::Body::Roster(roster)) => {
                roster.seats.iter().find(|seat| seat.member == to).map(|seat| ("list", seat.silenced))
            }
            Some(server_message::Body::Standing(standing)) => Some(("standing", standing.silenced)),
            _ => None,
        });
        said.collect::<Vec<_>>()
    };
    // Out of its seat, into another.
    meeting.room.join(meeting.now(), again(20)).expect("room for it");
    assert_eq!(told(&mut meeting, 20)[..2], [("list", true), ("standing", true)]);
    meeting.room.handle_message(meeting.start, MemberId(1), silence(20, false));
    meeting.run(1);
    meeting.room.join(meeting.now(), again(21)).expect("room for it");
    assert_eq!(told(&mut meeting, 20).first(), Some(&("list", false)));
}

#[test]
fn an_observer_is_told_what_operators_are_and_has_no_seat() {
    let mut meeting = district();
    let looking = |role| Joining { role, ..joining(20, 24) };
    let refused = meeting.room.observe(meeting.start, looking(SiteRole::Participant));
    assert_eq!(refused, Err(CloseCode::NotAdmitted));
    meeting.room.observe(meeting.start, looking(SiteRole::Operator)).expect("looks on");
    meeting.talk(&[2]);
    meeting.run(50);
    let told = |message: &ServerMessage| match &message.body {
        Some(server_message::Body::Roster(roster)) => roster.seats.len(),
        Some(server_message::Body::Lobby(lobby)) => 100 + lobby.waiting.len(),
        Some(server_message::Body::Meeting(_)) => 500,
        _ => 1000,
    };
    let to_it = meeting.told.iter().filter(|(to, _)| *to == MemberId(20));
    assert_eq!(to_it.map(|(_, message)| told(message)).collect::<Vec<_>>(), [3, 500, 101]);
    meeting.room.handle_message(meeting.start, MemberId(20), act(3, What::TurnAway(9)));
    meeting.run(1);
    assert_eq!(meeting.closed, [(MemberId(9), CloseCode::NotLetIn)]);
    assert_eq!(meeting.acted[0].5, ActCode::Done);
    meeting.room.set_role(meeting.start, MemberId(20), SiteRole::Participant);
    meeting.run(1);
    assert_eq!(meeting.closed[1], (MemberId(20), CloseCode::Expelled));
}

#[test]
fn operators_are_told_when_a_device_comes_twice_and_not_when_a_line_was_made_anew() {
    let mut meeting = district();
    let report = giaoban_proto::wire::Report::default().encode();
    let now = meeting.now();
    meeting.room.handle_datagram(now, MemberId(2), &report);
    meeting.room.join(now, Joining { id: MemberId(30), ..joining(2, 24) }).expect("room");
    meeting.run(1);
    let notices = |meeting: &Meeting| {
        let notices = meeting.told.iter().filter_map(|(to, message)| match &message.body {
            Some(server_message::Body::Notice(notice)) => Some((*to, notice.member)),
            _ => None,
        });
        notices.collect::<Vec<_>>()
    };
    assert_eq!(notices(&meeting), [(MemberId(1), 2)]);
    meeting.run(150);
    let now = meeting.now();
    meeting.room.join(now, Joining { id: MemberId(31), ..joining(2, 24) }).expect("room");
    meeting.run(1);
    assert_eq!(notices(&meeting).len(), 1);
}
