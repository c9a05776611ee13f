use super::*;
use crate::console::testing::{OWN, SECOND, seat, start, stats};
use giaoban_proto::wire::{Done, Meeting, Roster, Seat, VERSION, Welcome};

const MODERATED: u32 = FloorMode::Moderated.code();

struct Site {
    model: Model,
    now: Instant,
}

impl Site {
    /// In the room as this role, with two others, the floor open, the microphone off.
    fn new(role: SiteRole) -> Self {
        let mut site = Self { model: Model::new("hop.quephong.vn:4646", "giaoban", true), now: start() };
        let welcome = Welcome { version: VERSION, member: OWN, role: role.code(), ..Welcome::default() };
        site.hear(Body::Welcome(welcome));
        let own = Seat { role: role.code(), ..seat(OWN, "xã Tri Lễ") };
        let seats = vec![own, seat(2, "xã Nậm Giải"), seat(3, "huyện Quế Phong")];
        site.hear(Body::Roster(Roster { seats, gone: vec![] }));
        site.meeting(|_| {});
        site.model.handle_stats(&stats("in_room", true));
        site.now += SECOND * 10;
        site
    }

    fn hear(&mut self, body: Body) {
        self.model.handle_body(self.now, &body);
    }

    fn meeting(&mut self, change: impl FnOnce(&mut Meeting)) {
        let mut meeting = self.model.desk().meeting().clone();
        change(&mut meeting);
        self.hear(Body::Meeting(meeting));
    }

    fn own(&mut self, change: impl FnOnce(&mut Seat)) {
        let mut own = self.model.desk().roster().own().expect("listed").clone();
        change(&mut own);
        self.hear(Body::Roster(Roster { seats: vec![own], gone: vec![] }));
    }

    fn told(&mut self, told: Told) {
        self.model.handle_told(self.now, told, "…".into());
    }

    fn banner(&self) -> Option<Banner> {
        self.model.banner(self.now)
    }

    fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.model.poll_command()).collect()
    }

    /// What was asked of the bridge.
    fn acts(&mut self) -> Vec<What> {
        let what = |command| match command {
            Command::Act(act) => {
                assert!(act.number >= FIRST_NUMBER);
                act.what
            }
            _ => None,
        };
        self.commands().into_iter().filter_map(what).collect()
    }
}

type Step = (&'static str, fn(&mut Site), Mic);

#[test]
fn the_microphone_shows_what_is_true_whatever_happens_and_in_whatever_order() {
    use SiteRole::{Listener, Operator, Participant};
    let barred = |why, on| Mic::Barred { why, on };
    let tables: [(SiteRole, &[Step]); 3] = [
        (
            Participant,
            &[
                ("as it was found", |_| {}, Mic::Off),
                ("pressed", |site| site.model.handle_mic(site.now), Mic::Live),
                ("pressed again", |site| site.model.handle_mic(site.now), Mic::Off),
                ("space goes down", |site| site.model.handle_hold(site.now, true), Mic::Held),
                ("space goes up", |site| site.model.handle_hold(site.now, false), Mic::Off),
                ("on", |site| site.model.handle_mic(site.now), Mic::Live),
                ("space, though it is on", |site| site.model.handle_hold(site.now, true), Mic::Live),
                ("up", |site| site.model.handle_hold(site.now, false), Mic::Live),
                ("by hands", |site| site.meeting(|m| m.mode = MODERATED), barred(Bar::NoFloor, true)),
                ("another's turn", |site| site.meeting(|m| m.holder = 2), barred(Bar::NoFloor, true)),
                ("its turn", |site| site.meeting(|m| m.holder = OWN), Mic::Live),
                ("silenced", |site| site.own(|own| own.silenced = true), barred(Bar::Silenced, true)),
                ("off", |site| site.model.handle_mic(site.now), barred(Bar::Silenced, false)),
                ("voice back", |site| site.own(|own| own.silenced = false), Mic::Off),
                ("the line goes", |site| site.told(Told::State("reconnecting")), Mic::Away),
                ("and is back", |site| site.told(Told::State("in_room")), Mic::Off),
                ("unplugged", |site| site.told(Told::Microphone { gone: true }), Mic::Missing),
                ("plugged in", |site| site.told(Told::Microphone { gone: false }), Mic::Off),
                ("the engine's word counts", |site| site.told(Told::Muted(false)), Mic::Live),
            ],
        ),
        (Listener, &[("only listens", |_| {}, Mic::Barred { why: Bar::Listener, on: false })]),
        (
            Operator,
            &[
                ("by hands", |site| site.meeting(|m| m.mode = MODERATED), Mic::Off),
                ("always may", |site| site.model.handle_mic(site.now), Mic::Live),
            ],
        ),
    ];
    for (role, steps) in tables {
        let mut site = Site::new(role);
        for (what, step, mic) in steps {
            step(&mut site);
            site.now += SECOND;
            site.model.handle_timeout(site.now);
            assert_eq!(site.model.mic(), *mic, "{role:?}: {what}");
        }
    }
}

#[test]
fn held_opens_and_released_closes_and_a_key_that_repeats_does_nothing() {
    let mut site = Site::new(SiteRole::Participant);
    for _ in 0..5 {
        site.model.handle_hold(site.now, true);
    }
    assert_eq!(site.commands(), [Command::Mute(false)]);
    for _ in 0..2 {
        site.model.handle_hold(site.now, false);
    }
    assert_eq!(site.commands(), [Command::Mute(true)]);
    // Pressed while held: it stays on.
    site.model.handle_hold(site.now, true);
    site.told(Told::Muted(false));
    site.model.handle_mic(site.now);
    site.model.handle_hold(site.now, false);
    assert_eq!(site.commands(), [Command::Mute(false), Command::Mute(true)]);
}

#[test]
fn a_roll_call_stands_until_it_is_answered_or_over() {
    let mut site = Site::new(SiteRole::Participant);
    site.meeting(|meeting| (meeting.roll, meeting.roll_left_s) = (2, 60));
    assert_eq!(site.banner(), Some(Banner::Roll(SECOND * 60)));
    site.now += SECOND * 20;
    assert_eq!(site.banner(), Some(Banner::Roll(SECOND * 40)));
    site.model.handle_banner(site.now);
    assert_eq!((site.banner(), site.acts()), (None, vec![What::Present(2)]));
    site.own(|own| own.present = 2);
    assert_eq!(site.banner(), Some(Banner::Counted));
    site.now += SECOND * 10;
    site.meeting(|meeting| (meeting.roll, meeting.roll_left_s) = (3, 60));
    site.now += SECOND * 60;
    assert_eq!(site.banner(), None, "over");
    let mut operator = Site::new(SiteRole::Operator);
    operator.meeting(|meeting| (meeting.roll, meeting.roll_left_s) = (2, 60));
    assert_eq!(operator.banner(), None, "whoever calls is not called");
}

#[test]
fn a_turn_is_told_when_it_begins_when_it_ends_and_all_along_while_the_microphone_is_off() {
    let mut site = Site::new(SiteRole::Participant);
    site.meeting(|meeting| {
        (meeting.mode, meeting.holder, meeting.left_s) = (MODERATED, OWN, 60);
    });
    site.now += SECOND * 30;
    assert_eq!(site.banner(), Some(Banner::Yours { left: Some(SECOND * 30), muted: true }));
    site.model.handle_banner(site.now);
    assert_eq!((site.commands(), site.banner()), (vec![Command::Mute(false)], None));
    site.now += SECOND * 20;
    site.model.handle_timeout(site.now);
    assert_eq!(site.banner(), Some(Banner::Ending(SECOND * 10)));
    site.meeting(|meeting| (meeting.holder, meeting.left_s) = (0, 0));
    assert_eq!(site.banner(), Some(Banner::Gone));
    site.now += WARNS_FOR;
    assert_eq!(site.banner(), None);
}

#[test]
fn whoever_talks_unheard_is_warned_until_that_is_mended() {
    let mut site = Site::new(SiteRole::Participant);
    site.told(Told::Unheard);
    assert_eq!(site.banner(), Some(Banner::Unheard(None)));
    site.model.handle_banner(site.now);
    assert_eq!((site.banner(), site.model.mic()), (None, Mic::Live));
    // Where switching it on would not help, that is not what is offered.
    site.model.handle_mic(site.now);
    site.meeting(|meeting| meeting.mode = MODERATED);
    site.told(Told::Unheard);
    assert_eq!(site.banner(), Some(Banner::Unheard(Some(Bar::NoFloor))));
    site.model.handle_hold(site.now, true);
    assert_eq!(site.banner(), Some(Banner::Unheard(Some(Bar::NoFloor))), "held in vain");
    site.meeting(|meeting| meeting.mode = 0);
    assert_eq!(site.banner(), None);
}

#[test]
fn the_hand_goes_up_at_once_and_has_its_place_when_the_bridge_says_so() {
    let mut site = Site::new(SiteRole::Participant);
    assert_eq!(site.model.hand(site.now), Hand::None);
    site.model.handle_hand(site.now);
    assert_eq!(site.acts(), []);
    site.meeting(|meeting| meeting.mode = MODERATED);
    site.model.handle_hand(site.now);
    assert_eq!((site.model.hand(site.now), site.acts()), (Hand::Up(0), vec![What::Hand(true)]));
    site.own(|own| own.hand = 4);
    assert_eq!(site.model.hand(site.now), Hand::Up(1));
    site.model.handle_hand(site.now);
    assert_eq!((site.model.hand(site.now), site.acts()), (Hand::Down, vec![What::Hand(false)]));
    let refused = Done { number: FIRST_NUMBER + 2, code: ActCode::Full.code() };
    site.hear(Body::Done(refused));
    assert_eq!(site.model.hand(site.now), Hand::Up(1), "it is up still");
    assert_eq!(site.banner(), Some(Banner::NotTaken(Some(ActCode::Full))));
}

#[test]
fn who_speaks_is_whoever_has_the_floor_or_is_heard() {
    let mut site = Site::new(SiteRole::Participant);
    assert_eq!(site.model.speaker(site.now), Speaker::Nobody);
    site.model.handle_heard(site.now, Level::from_dbfs(-50.0));
    assert_eq!(site.model.speaker(site.now), Speaker::Nobody);
    site.model.handle_heard(site.now, Level::from_dbfs(-20.0));
    assert_eq!(site.model.speaker(site.now + SECOND), Speaker::Somebody);
    assert_eq!(site.model.speaker(site.now + SECOND * 2), Speaker::Nobody);
    site.meeting(|meeting| (meeting.mode, meeting.holder, meeting.left_s) = (MODERATED, 2, 90));
    assert_eq!(site.model.speaker(site.now), Speaker::Floor("xã Nậm Giải".into(), Some(SECOND * 90)));
    site.meeting(|meeting| (meeting.holder, meeting.left_s) = (OWN, 0));
    assert_eq!(site.model.speaker(site.now), Speaker::Own(None));
}

#[test]
fn texts_are_kept_to_a_measure_and_counted_until_they_are_read() {
    let mut site = Site::new(SiteRole::Participant);
    let said = |member, text: String| {
        Body::Said(Said { member, name: "xã\u{7} Nậm Giải".into(), text, to_operators: false })
    };
    for n in 0..500 {
        site.hear(said(2, format!("số {n}")));
    }
    assert_eq!((site.model.letters().len(), site.model.unread()), (MAX_LETTERS, MAX_LETTERS));
    assert_eq!(site.model.letters().last().map(|last| last.name.as_str()), Some("xã Nậm Giải"));
    site.model.handle_read();
    site.hear(said(OWN, "của ta".into()));
    assert_eq!(site.model.unread(), 0, "one's own are read");
    site.told(Told::Letter);
    assert_eq!((site.model.letters().len(), site.model.unread()), (MAX_LETTERS, 1));
    site.model.handle_say("  \n");
    site.model.handle_say(&"ễ".repeat(MAX_TEXT_BYTES));
    let acts = site.acts();
    let [What::Say(Say { text, to_operators: false })] = &acts[..] else { panic!("{acts:?}") };
    assert!(text.len() <= MAX_TEXT_BYTES && text.len() > MAX_TEXT_BYTES - 3);
}

#[test]
fn the_end_is_kept_with_its_reason() {
    let mut site = Site::new(SiteRole::Participant);
    assert_eq!((site.model.over(), site.model.wrong()), (None, None));
    site.told(Told::Wrong);
    assert_eq!(site.model.wrong(), Some("…"));
    site.told(Told::Over(End::Ended));
    assert_eq!(site.model.over(), Some((End::Ended, "…")));
    assert_eq!((site.model.mic(), site.banner()), (Mic::Away, None));
}
