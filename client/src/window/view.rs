//! The screen: what the model says, in words, on the window that Slint draws by software alone.
//!
//! Draws and decides nothing. Setting what is there already costs nothing and draws nothing, so that all is set each time.

mod act;
mod banner;
mod desk;
mod lists;

pub use act::Act;

use super::line::Quality;
use super::meter::{Meters, share};
use super::model::{Hand, Mic, Model, Speaker};
use super::sound::{Check, Step};
use super::start::{Typed, Wrong};
use super::words::Words;
use crate::roster::Bar;
use crate::session::End;
use crate::words::Lang;
use giaoban_proto::wire::Recording;
use slint::{ComponentHandle as _, SharedString};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use giaoban_screen as ui;

pub use ui::{App, Page, Sheet, Show};

use ui::{Theme, Tone, Tr};

/// The window.
pub struct View {
    app: App,
    words: Rc<RefCell<Words>>,
    turn: Cell<i32>,
    lists: lists::Lists,
}

impl View {
    /// A window that is not shown yet.
    ///
    /// # Errors
    /// Where there is no screen.
    pub fn new(lang: Lang) -> Result<Self, slint::PlatformError> {
        let app = App::new()?;
        let words = Rc::new(RefCell::new(Words::new(lang)));
        let of = Rc::clone(&words);
        app.global::<Tr<'_>>().on_text(move |key, _| of.borrow().text(&key).into());
        let lists = lists::Lists::new(&app);
        let view = Self { app, words, turn: Cell::new(0), lists };
        view.show_state().set_version(env!("CARGO_PKG_VERSION").into());
        view.set_lang(lang);
        Ok(view)
    }

    /// The window itself.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Calls `act` with each thing that the person does.
    pub fn on(&self, act: impl Fn(Act) + 'static) {
        act::connect(&self.app, Rc::new(act));
    }

    /// All is in this language from now on.
    pub fn set_lang(&self, lang: Lang) {
        *self.words.borrow_mut() = Words::new(lang);
        self.turn.set(self.turn.get().wrapping_add(1));
        self.app.global::<Tr<'_>>().set_turn(self.turn.get());
        self.show_state().set_language(i32::from(lang == Lang::Vi));
    }

    /// The words of this moment's language.
    #[must_use]
    pub fn words(&self) -> Rc<RefCell<Words>> {
        Rc::clone(&self.words)
    }

    /// Light, dark, or as the system says.
    pub fn set_scheme(&self, scheme: super::kept::Scheme) {
        use super::kept::Scheme;
        let (theirs, number) = match scheme {
            Scheme::System => (ui::Scheme::System, 0),
            Scheme::Light => (ui::Scheme::Light, 1),
            Scheme::Dark => (ui::Scheme::Dark, 2),
        };
        self.app.global::<Theme<'_>>().set_scheme(theirs);
        self.show_state().set_scheme(number);
    }

    /// Whether it starts with the system.
    pub fn set_autostart(&self, on: bool) {
        self.show_state().set_autostart(on);
    }

    /// The page before a meeting: what is remembered, what was typed, and what is wrong with it.
    pub fn show_start(&self, remembered: Option<&str>, typed: &Typed, wrong: Option<Wrong>) {
        let (show, words) = (self.show_state(), self.words.borrow());
        show.set_page(Page::Start);
        let room = |room| words.with("join-room", &[("room", room)]);
        show.set_remembered(remembered.map(room).unwrap_or_default().into());
        show.set_wants_pin(typed.wants_pin());
        let key = match wrong {
            None => return show.set_trouble(SharedString::new()),
            Some(Wrong::NoLink) => words.text("wrong-no-link"),
            Some(Wrong::Link) => words.text("wrong-link"),
            Some(Wrong::Address) => words.text("wrong-address"),
            Some(Wrong::Room) => words.text("wrong-room"),
            Some(Wrong::Pin) => words.text("wrong-pin"),
            Some(Wrong::Name) => words.text("wrong-name"),
        };
        show.set_trouble(key.into());
    }

    /// What stands in the fields.
    #[must_use]
    pub fn typed(&self) -> Typed {
        let show = self.show_state();
        Typed {
            dialling: show.get_dialling(),
            link: show.get_link().into(),
            host: show.get_host().into(),
            room: show.get_room().into(),
            pin: show.get_pin().into(),
            name: show.get_name().into(),
        }
    }

    /// Puts a link into its field.
    pub fn set_link(&self, link: &str) {
        let show = self.show_state();
        show.set_dialling(false);
        show.set_link(link.into());
    }

    /// Takes the PIN out of its field.
    pub fn forget_pin(&self) {
        self.show_state().set_pin(SharedString::new());
    }

    /// The sound check.
    pub fn show_sound(&self, check: &Check) {
        let (show, words) = (self.show_state(), self.words.borrow());
        show.set_page(Page::Sound);
        let (title, text, yes, no) = match check.step() {
            Step::Tone => (words.text("sound-tone"), words.text("sound-tone-text"), None, None),
            Step::AskTone => (
                words.text("sound-ask-tone"),
                words.text("sound-ask-tone-text"),
                Some(words.text("yes-heard")),
                Some(words.text("no-again")),
            ),
            Step::Speak => (words.text("sound-speak"), words.text("sound-speak-text"), None, None),
            Step::Deaf => {
                (words.text("sound-deaf"), words.text("sound-deaf-text"), Some(words.text("once-more")), None)
            }
            Step::Playback => (words.text("sound-playback"), words.text("sound-playback-text"), None, None),
            Step::AskVoice => (
                words.text("sound-ask-voice"),
                words.text("sound-ask-voice-text"),
                Some(words.text("yes-heard")),
                Some(words.text("no-again")),
            ),
            Step::Broken(why) => {
                (words.text("sound-broken"), why.clone(), Some(words.text("once-more")), None)
            }
            Step::Done => (String::new(), String::new(), Some(words.text("go-on")), None),
        };
        show.set_sound_title(title.into());
        show.set_sound_text(text.into());
        show.set_sound_yes(yes.unwrap_or_default().into());
        show.set_sound_no(no.unwrap_or_default().into());
    }

    /// The devices that can be chosen, and those that were; the first of each is the system's own choice.
    pub fn show_devices(&self, microphones: &[String], loudspeakers: &[String], chosen: [Option<&str>; 2]) {
        let (show, words) = (self.show_state(), self.words.borrow());
        let default = words.text("default-device");
        let list = |names: &[String]| {
            let names = std::iter::once(default.as_str()).chain(names.iter().map(String::as_str));
            slint::ModelRc::new(names.map(SharedString::from).collect::<slint::VecModel<_>>())
        };
        show.set_microphones(list(microphones));
        show.set_loudspeakers(list(loudspeakers));
        let [microphone, loudspeaker] = chosen;
        show.set_microphone(microphone.unwrap_or(&default).into());
        show.set_loudspeaker(loudspeaker.unwrap_or(&default).into());
    }

    /// How loud it is.
    pub fn show_levels(&self, meters: &Meters) {
        let show = self.show_state();
        // A bar that moves by less than a pixel is not drawn anew.
        let steps = |level| (share(level) * 64.0).round() / 64.0;
        show.set_mic_level(steps(meters.microphone()));
        show.set_out_level(steps(meters.loudspeaker()));
    }

    /// The meeting as it is at `now`.
    pub fn show_meeting(&self, model: &Model, now: Instant) {
        let (show, words) = (self.show_state(), self.words.borrow());
        show.set_page(Page::Meeting);
        self.show_head(model, now, &words);
        self.show_speaker(model, now, &words);
        self.show_mic(model, &words);
        self.show_hand(model, now, &words);
        banner::show(&show, model, now, &words);
        self.lists.show(&show, model, now, &words);
        show.set_operator(model.is_operator());
        if model.is_operator() {
            desk::show(&show, &self.lists, model, now, &words);
        } else {
            show.set_prompt(false);
        }
    }

    /// The end, and why.
    ///
    /// `again` where it is tried again by itself.
    pub fn show_end(&self, end: Option<End>, text: &str, again: bool) {
        let (show, words) = (self.show_state(), self.words.borrow());
        let title = match end {
            Some(End::Asked) => words.text("left"),
            Some(End::Ended) => words.text("ended"),
            Some(End::Refused(_)) => words.text("refused"),
            Some(End::NotReachable(_)) => words.text("not-reachable"),
            None => words.text("failed"),
        };
        show.set_end_title(title.into());
        let mut text = if end == Some(End::Asked) { String::new() } else { sentence(text) };
        if again {
            text = format!("{text}. {}", words.text("tries-again"));
        }
        show.set_end_text(text.into());
        show.set_prompt(false);
        show.set_page(Page::Ended);
    }

    fn show_head(&self, model: &Model, now: Instant, words: &Words) {
        let (show, desk) = (self.show_state(), model.desk());
        let room = desk.room();
        let name = desk.roster().own().map(|own| own.name.as_str()).filter(|name| !name.is_empty());
        show.set_title(name.map_or_else(|| room.into(), |name| format!("{name} · {room}")).into());
        show.set_clock(words.clock(desk.age(now)).into());
        let recording = match model.recording() {
            Recording::Off => String::new(),
            Recording::On => words.text("recording"),
            Recording::Paused => words.text("recording-paused"),
            Recording::Failed => words.text("recording-failed"),
        };
        show.set_recording(recording.into());
        let (line, mark) = match model.quality() {
            Quality::Connecting => (words.text("line-connecting"), ui::Quality::None),
            Quality::Waiting => (words.text("line-waiting"), ui::Quality::Weak),
            Quality::Good => (words.text("line-good"), ui::Quality::Good),
            Quality::Weak => (words.text("line-weak"), ui::Quality::Weak),
            Quality::Slow => (words.text("line-slow"), ui::Quality::Weak),
            Quality::Lost => (words.text("line-lost"), ui::Quality::Lost),
        };
        show.set_line(line.into());
        show.set_quality(mark);
        let cost = desk.figures().map(|stats| {
            let mb = words.number(stats.mb, 1);
            match stats.max_mb {
                Some(max) => words.with("cost-of", &[("mb", &mb), ("max", &words.number(max, 0))]),
                None => words.with("cost", &[("mb", &mb)]),
            }
        });
        show.set_cost(cost.unwrap_or_default().into());
    }

    fn show_speaker(&self, model: &Model, now: Instant, words: &Words) {
        let show = self.show_state();
        let over = |left: Option<Duration>| match left {
            Some(left) => words.with("speaks-left", &[("left", &words.clock(left))]),
            None => words.text("speaks-now"),
        };
        let (who, more) = match model.speaker(now) {
            Speaker::Own(left) => (words.text("speaks-own"), over(left)),
            Speaker::Floor(name, left) => (name, over(left)),
            Speaker::Loud(names) => {
                let name = names.first().cloned().unwrap_or_default();
                let who = match names.len() {
                    0 | 1 => name,
                    count => {
                        let count = (count - 1).to_string();
                        words.with("speaks-more", &[("name", &name), ("count", &count)])
                    }
                };
                (who, words.text("speaks-now"))
            }
            Speaker::Somebody => (words.text("speaks-somebody"), words.text("speaks-now")),
            Speaker::Nobody => (words.text("speaks-nobody"), words.text("speaks-now")),
        };
        show.set_speaker(who.into());
        show.set_speaker_more(more.into());
    }

    fn show_mic(&self, model: &Model, words: &Words) {
        let show = self.show_state();
        let (tone, title, text) = match model.mic() {
            Mic::Live => (Tone::Green, words.text("mic-live"), words.text("mic-live-text")),
            Mic::Held => (Tone::Green, words.text("mic-held"), words.text("mic-held-text")),
            Mic::Off => (Tone::Red, words.text("mic-off"), words.text("mic-off-text")),
            Mic::Barred { why: Bar::Listener, .. } => {
                (Tone::Amber, words.text("mic-listener"), words.text("mic-listener-text"))
            }
            Mic::Barred { why, on } => {
                let (title, text) = match why {
                    Bar::Silenced => (words.text("mic-silenced"), words.text("mic-silenced-text")),
                    _ => (words.text("mic-no-floor"), words.text("mic-no-floor-text")),
                };
                let then = if on { words.text("mic-then-on") } else { words.text("mic-then-off") };
                (Tone::Amber, title, format!("{text} {then}"))
            }
            Mic::Missing => (Tone::Red, words.text("mic-missing"), words.text("mic-missing-text")),
            Mic::Away if model.quality() == Quality::Waiting => {
                (Tone::Grey, words.text("mic-away"), words.text("mic-waiting-text"))
            }
            Mic::Away => (Tone::Grey, words.text("mic-away"), words.text("mic-away-text")),
        };
        show.set_mic(tone);
        show.set_mic_title(title.into());
        show.set_mic_text(text.into());
    }

    fn show_hand(&self, model: &Model, now: Instant, words: &Words) {
        let show = self.show_state();
        let hand = model.hand(now);
        let more = match hand {
            Hand::None | Hand::Down => String::new(),
            Hand::Up(0) => words.text("hand-asked"),
            Hand::Up(1) => words.text("hand-first"),
            Hand::Up(place) => words.with("hand-place", &[("place", &place.to_string())]),
        };
        let up = matches!(hand, Hand::Up(_));
        show.set_hand(if up { words.text("hand-lower") } else { words.text("hand-raise") }.into());
        show.set_hand_more(more.into());
        show.set_hand_up(up);
        show.set_hand_can(hand == Hand::Down);
    }

    fn show_state(&self) -> Show<'_> {
        self.app.global::<Show<'_>>()
    }

    /// Shows the window.
    ///
    /// # Errors
    /// Where there is no screen.
    pub fn show(&self) -> Result<(), slint::PlatformError> {
        self.app.show()
    }

    /// Calls `act` when the person closes the window, which is gone at once.
    pub fn on_close(&self, act: impl Fn() + 'static) {
        self.app.window().on_close_requested(move || {
            act();
            slint::CloseRequestResponse::HideWindow
        });
    }

    /// Brings the window back from wherever it was put away.
    pub fn raise(&self) {
        self.app.window().set_minimized(false);
        let _ = self.app.show();
    }

    /// Whether the texts are on the screen.
    #[must_use]
    pub fn shows_letters(&self) -> bool {
        self.show_state().get_tab() == 1
    }

    /// Closes what lies over the page, and asks nothing more.
    pub fn close_sheet(&self) {
        self.show_state().set_sheet(Sheet::None);
    }
}

/// A message of one line as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
