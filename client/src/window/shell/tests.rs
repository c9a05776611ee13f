//! The window without a screen: keys and buttons go in where a person's do, and what comes out is what the engine is asked.

use super::*;
use crate::console::testing::{OWN, seat, stats};
use crate::window::view::{App, Page, Sheet};
use giaoban_proto::link::{Fingerprint, Link};
use giaoban_proto::wire::act::What;
use giaoban_proto::wire::{
    FloorMode, Lobby, Meeting as Meets, Roster, Said, Say, Seat, SiteRole, VERSION, Waiting, Welcome,
};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::platform::{Key, WindowEvent};
use slint::{ComponentHandle as _, SharedString};
use std::sync::mpsc::{SyncSender, sync_channel};

thread_local! {
    /// Whether this test has its screen, which is one for each thread.
    static READY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

struct Desk {
    app: App,
    running: Running,
    news: SyncSender<News>,
    orders: Rc<RefCell<Vec<Order>>>,
}

fn link() -> Link {
    Link {
        host: "hop.quephong.vn".parse().expect("a host"),
        port: 4646,
        room: "giaoban".parse().expect("a room"),
        key: Fingerprint::from_bytes([7; 16]),
        spare: None,
        code: None,
        guest: false,
    }
}

/// A meeting that is remembered, and a sound that was checked.
fn known() -> Begin {
    let kept = Kept { sound_checked: true, ..Kept::default() };
    Begin { remembered: Some(Meeting::for_device(link())), kept, muted: true, ..Begin::default() }
}

impl Desk {
    fn new(begin: Begin, lang: Lang) -> Self {
        READY.with(|ready| {
            if !ready.replace(true) {
                i_slint_backend_testing::init_no_event_loop();
            }
        });
        let view = View::new(lang).expect("no screen is needed");
        let app = view.app().clone_strong();
        let (news, heard) = sync_channel(64);
        let orders = Rc::new(RefCell::new(Vec::new()));
        let to = Rc::clone(&orders);
        let order = move |order| to.borrow_mut().push(order);
        let running = Shell::new(view, begin, Meters::default(), order, heard).run();
        running.start().expect("no screen is needed").stop();
        app.window().set_size(slint::PhysicalSize::new(1024, 768));
        Self { app, running, news, orders }
    }

    /// In the meeting as this role, with a commune.
    fn in_meeting(role: SiteRole, lang: Lang) -> Self {
        let desk = Self::new(known(), lang);
        let joined = matches!(&desk.orders()[..], [Order::Join { .. }]);
        assert!(joined);
        let name = "huyện Quế Phong".to_owned();
        let welcome =
            Welcome { version: VERSION, member: OWN, name, role: role.code(), ..Welcome::default() };
        desk.hear(Body::Welcome(welcome));
        let own = Seat { role: role.code(), ..seat(OWN, "huyện Quế Phong") };
        desk.hear(Body::Roster(Roster { seats: vec![own, seat(2, "xã Tri Lễ")], gone: vec![] }));
        desk.hear(Body::Meeting(Meets { has_operator: true, ..Meets::default() }));
        desk.tell(News::Counted(Box::new(stats("in_room", true))));
        desk
    }

    fn tell(&self, news: News) {
        self.news.send(news).expect("it is heard");
        self.running.look();
    }

    fn hear(&self, body: Body) {
        self.tell(News::Said(Box::new(body)));
    }

    fn orders(&self) -> Vec<Order> {
        self.orders.borrow_mut().drain(..).collect()
    }

    fn commands(&self) -> Vec<Command> {
        let command = |order| match order {
            Order::Command(command) => Some(command),
            _ => None,
        };
        self.orders().into_iter().filter_map(command).collect()
    }

    fn acts(&self) -> Vec<What> {
        let what = |command| match command {
            Command::Act(act) => act.what,
            _ => None,
        };
        self.commands().into_iter().filter_map(what).collect()
    }

    fn down(&self, key: impl Into<SharedString>) {
        self.app.window().dispatch_event(WindowEvent::KeyPressed { text: key.into() });
    }

    fn up(&self, key: impl Into<SharedString>) {
        self.app.window().dispatch_event(WindowEvent::KeyReleased { text: key.into() });
    }

    fn press(&self, key: impl Into<SharedString> + Clone) {
        self.down(key.clone());
        self.up(key);
    }

    fn find(&self, label: &str) -> ElementHandle {
        let mut found = ElementHandle::find_by_accessible_label(&self.app, label);
        found.next().unwrap_or_else(|| panic!("nothing is called {label:?}"))
    }

    fn push(&self, label: &str) {
        self.find(label).invoke_accessible_default_action();
    }

    fn show(&self) -> crate::window::view::Show<'_> {
        self.app.global::<crate::window::view::Show<'_>>()
    }
}

#[test]
fn space_talks_while_it_is_held_and_letters_do_what_they_say() {
    let desk = Desk::in_meeting(SiteRole::Participant, Lang::En);
    desk.down(" ");
    assert_eq!(desk.commands(), [Command::Mute(false)]);
    assert!(desk.show().get_mic_text().contains("hold the space bar"));
    desk.up(" ");
    assert_eq!(desk.commands(), [Command::Mute(true)]);
    desk.press("m");
    assert_eq!(desk.commands(), [Command::Mute(false)]);
    desk.press("h");
    assert_eq!(desk.acts(), [], "the floor is open");
    desk.hear(Body::Meeting(Meets { mode: FloorMode::Moderated.code(), ..Meets::default() }));
    desk.press("h");
    assert_eq!(desk.acts(), [What::Hand(true)]);
    desk.press("i");
    assert_eq!(desk.show().get_sheet(), Sheet::Figures);
    desk.press(Key::Escape);
    assert_eq!(desk.show().get_sheet(), Sheet::None);
    desk.press(Key::F1);
    assert_eq!(desk.show().get_sheet(), Sheet::Keys);
    desk.press(Key::Escape);
    desk.press("m");
    assert_eq!(desk.commands(), [Command::Mute(true)], "keys are where they were");
}

#[test]
fn a_roll_call_is_answered_by_enter_or_its_button() {
    let desk = Desk::in_meeting(SiteRole::Participant, Lang::Vi);
    desk.hear(Body::Meeting(Meets { roll: 1, roll_left_s: 60, ..Meets::default() }));
    assert!(desk.show().get_banner());
    desk.press(Key::Return);
    assert_eq!(desk.acts(), [What::Present(1)]);
    desk.hear(Body::Meeting(Meets { roll: 2, roll_left_s: 60, ..Meets::default() }));
    desk.push("Có mặt");
    assert_eq!(desk.acts(), [What::Present(2)]);
}

#[test]
fn what_is_typed_in_a_field_is_text_and_not_keys() {
    let desk = Desk::in_meeting(SiteRole::Participant, Lang::En);
    desk.hear(Body::Said(Said {
        member: 2,
        name: "xã Tri Lễ".into(),
        text: "112/BC".into(),
        ..Said::default()
    }));
    assert_eq!(desk.show().get_unread(), 1);
    desk.press("n");
    i_slint_backend_testing::mock_elapsed_time(Duration::from_millis(100));
    for letter in ["m", "h", " ", "i"] {
        desk.press(letter);
    }
    assert_eq!(desk.commands(), []);
    desk.press(Key::Return);
    assert_eq!(desk.acts(), [What::Say(Say { text: "mh i".into(), to_operators: false })]);
    assert_eq!((desk.show().get_unread(), desk.show().get_sheet()), (0, Sheet::None));
    desk.press(Key::Escape);
    desk.press("m");
    assert_eq!(desk.commands(), [Command::Mute(false)]);
}

#[test]
fn the_operators_panel_is_the_consoles_machine() {
    let desk = Desk::in_meeting(SiteRole::Operator, Lang::En);
    assert!(desk.show().get_operator());
    desk.push("Roll call");
    assert_eq!(desk.acts(), [What::RollCall(120)]);
    desk.hear(Body::Meeting(Meets { mode: FloorMode::Moderated.code(), ..Meets::default() }));
    desk.running.act(Act::Choose(2));
    desk.push("Give floor");
    assert_eq!(desk.acts(), [What::Grant(2)]);
    // What cannot be undone is asked for.
    desk.push("Put out");
    assert!(desk.show().get_prompt() && desk.acts().is_empty());
    desk.push("No");
    assert!(!desk.show().get_prompt());
    desk.push("Put out");
    desk.push("Yes");
    assert_eq!(desk.acts(), [What::Expel(2)]);
    let waiting = vec![Waiting { member: 31, name: "Ông Vi Văn Hùng".into() }];
    desk.hear(Body::Lobby(Lobby { waiting, gone: vec![] }));
    desk.push("Let in");
    assert_eq!(desk.acts(), [What::LetIn(31)]);
}

#[test]
fn everything_that_can_be_pressed_has_a_name_in_both_languages() {
    for lang in [Lang::En, Lang::Vi] {
        for role in [SiteRole::Participant, SiteRole::Operator] {
            let desk = Desk::in_meeting(role, lang);
            for sheet in [Sheet::None, Sheet::Figures, Sheet::Settings, Sheet::About, Sheet::Keys] {
                desk.show().set_sheet(sheet);
                let is_pressed = |element: &ElementHandle| {
                    let roles = [AccessibleRole::Button, AccessibleRole::Checkbox, AccessibleRole::TextInput];
                    element.accessible_role().is_some_and(|role| roles.contains(&role))
                };
                let all = ElementQuery::from_root(&desk.app).match_descendants();
                let pressed = all.match_predicate(is_pressed).find_all();
                for element in &pressed {
                    let label = element.accessible_label().unwrap_or_default();
                    assert!(label.contains(char::is_alphabetic), "{sheet:?}: {label:?}");
                }
                assert!(pressed.len() > 5, "{sheet:?}: {}", pressed.len());
            }
        }
    }
}

#[test]
fn the_first_start_asks_for_a_link_checks_the_sound_and_joins() {
    let desk = Desk::new(Begin { muted: true, ..Begin::default() }, Lang::En);
    assert_eq!((desk.show().get_page(), desk.orders().len()), (Page::Start, 0));
    desk.push("Join");
    assert!(desk.show().get_trouble().contains("Paste the link first"));
    desk.show().set_link(format!(" {}\n", link()).into());
    desk.push("Join");
    assert_eq!(desk.show().get_page(), Page::Sound);
    let orders = desk.orders();
    assert!(matches!(&orders[..], [Order::Devices, Order::Run(Run::Tone, _)]), "{orders:?}");
    desk.tell(News::Ran(Run::Tone, Level::SILENCE));
    desk.push("Yes");
    assert!(matches!(&desk.orders()[..], [Order::Run(Run::Record, _)]));
    desk.tell(News::Ran(Run::Record, Level::from_dbfs(-20.0)));
    assert!(matches!(&desk.orders()[..], [Order::Run(Run::Playback, _)]));
    desk.tell(News::Ran(Run::Playback, Level::SILENCE));
    desk.push("Yes");
    let orders = desk.orders();
    let [Order::Keep(kept), Order::Join { meeting, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert!(kept.sound_checked);
    assert_eq!(meeting.address(), "hop.quephong.vn:4646");
    assert_eq!(desk.show().get_page(), Page::Meeting);
}

#[test]
fn a_bridge_that_does_not_answer_is_tried_again_and_one_that_refuses_is_not() {
    use crate::session::Loss;
    for (end, again) in [(End::NotReachable(None), true), (End::Refused(Loss::NotProved), false)] {
        let desk = Desk::new(known(), Lang::En);
        desk.orders();
        desk.tell(News::Told(Told::Over(end), "no answer".into()));
        desk.tell(News::Ended(None));
        assert_eq!(desk.show().get_page(), Page::Ended);
        assert_eq!(desk.show().get_end_text().contains("tried again"), again);
        let now = now();
        desk.running.shell.borrow_mut().look(now + AGAIN + AGAIN);
        assert_eq!(desk.orders().len(), usize::from(again));
        if !again {
            desk.push("Join again");
            assert!(matches!(&desk.orders()[..], [Order::Join { .. }]));
        }
    }
}

#[test]
fn a_link_to_another_meeting_is_asked_about_and_one_to_this_is_not() {
    let desk = Desk::in_meeting(SiteRole::Participant, Lang::En);
    desk.tell(News::Started(link().to_string()));
    assert!(!desk.show().get_banner());
    let other = Link { room: "xa".parse().expect("a room"), ..link() };
    desk.tell(News::Started(other.to_string()));
    assert!(desk.show().get_banner());
    desk.press(Key::Return);
    assert_eq!(desk.commands(), [Command::Stop]);
    desk.tell(News::Told(Told::Over(End::Asked), "left".into()));
    desk.tell(News::Ended(None));
    let orders = desk.orders();
    let [Order::Join { meeting, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(meeting.room.as_str(), "xa");
}

#[test]
fn closing_the_window_leaves_the_meeting_before_the_program_ends() {
    let desk = Desk::in_meeting(SiteRole::Participant, Lang::En);
    desk.app.window().dispatch_event(WindowEvent::CloseRequested);
    assert!(matches!(&desk.orders()[..], [Order::Command(Command::Stop)]));
    desk.tell(News::Told(Told::Over(End::Asked), "left".into()));
    desk.tell(News::Ended(None));
    assert!(matches!(&desk.orders()[..], [Order::Quit]));
}
