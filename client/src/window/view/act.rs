//! What the person does.

use crate::console::model::Key;
use giaoban_screen::{App, Do};
use slint::ComponentHandle as _;
use std::rc::Rc;

/// One thing that the person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Join by what was typed.
    Join,
    /// Join the meeting that is remembered.
    Remembered,
    /// Join once more.
    Rejoin,
    /// Back to the start, to join another.
    Other,
    /// Something was typed.
    Edited,
    /// Begin the sound check.
    SoundCheck,
    /// Yes, in it.
    SoundYes,
    /// No.
    SoundNo,
    /// Enough of it.
    SoundSkip,
    /// This microphone; 0 for the system's choice.
    Microphone(usize),
    /// This loudspeaker.
    Loudspeaker(usize),
    /// The big button.
    Mic,
    /// The key that is held to talk.
    Hold(bool),
    /// The hand.
    Hand,
    /// The banner's button.
    Banner,
    /// Write this.
    Say(String),
    /// The texts are on the screen.
    Read,
    /// Leave the meeting.
    Leave,
    /// Back from whatever lies over the page.
    CloseSheet,
    /// The operator chooses this site.
    Choose(u64),
    /// Or this guest.
    ChooseGuest(u64),
    /// The operator's verb of this key.
    Deed(char),
    /// A key in the table of sites.
    Key(Key),
    /// Yes to what is asked, with what was typed.
    PromptYes(String),
    /// No.
    PromptNo,
    /// Vietnamese, or else English.
    Language {
        /// Which.
        vietnamese: bool,
    },
    /// 0 as the system, 1 light, 2 dark.
    Scheme(i32),
    /// Start with the system, or no longer.
    Autostart,
    /// End the program.
    Quit,
}

type On = Rc<dyn Fn(Act)>;

pub(super) fn connect(app: &App, on: On) {
    let acts = app.global::<Do<'_>>();
    let to = |act: Act| {
        let on = Rc::clone(&on);
        move || on(act.clone())
    };
    acts.on_join(to(Act::Join));
    acts.on_remembered(to(Act::Remembered));
    acts.on_rejoin(to(Act::Rejoin));
    acts.on_other(to(Act::Other));
    acts.on_edited(to(Act::Edited));
    acts.on_sound_check(to(Act::SoundCheck));
    acts.on_sound_yes(to(Act::SoundYes));
    acts.on_sound_no(to(Act::SoundNo));
    acts.on_sound_skip(to(Act::SoundSkip));
    acts.on_mic(to(Act::Mic));
    acts.on_hand(to(Act::Hand));
    acts.on_banner(to(Act::Banner));
    acts.on_read(to(Act::Read));
    acts.on_leave(to(Act::Leave));
    acts.on_close_sheet(to(Act::CloseSheet));
    acts.on_prompt_no(to(Act::PromptNo));
    acts.on_autostart(to(Act::Autostart));
    acts.on_quit(to(Act::Quit));
    let with = |on: &On| Rc::clone(on);
    let index = |n: i32| usize::try_from(n).unwrap_or_default();
    let of = with(&on);
    acts.on_choose_microphone(move |n| of(Act::Microphone(index(n))));
    let of = with(&on);
    acts.on_choose_loudspeaker(move |n| of(Act::Loudspeaker(index(n))));
    let of = with(&on);
    acts.on_hold(move |down| of(Act::Hold(down)));
    let of = with(&on);
    acts.on_say(move |text| of(Act::Say(text.into())));
    let of = with(&on);
    acts.on_choose(move |id| of(Act::Choose(id.parse().unwrap_or_default())));
    let of = with(&on);
    acts.on_choose_guest(move |id| of(Act::ChooseGuest(id.parse().unwrap_or_default())));
    let of = with(&on);
    acts.on_deed(move |id| {
        if let Some(key) = id.chars().next() {
            of(Act::Deed(key));
        }
    });
    let of = with(&on);
    acts.on_key(move |text| {
        let key = key(&text);
        if let Some(key) = key {
            of(Act::Key(key));
        }
        key.is_some()
    });
    let of = with(&on);
    acts.on_prompt_yes(move |text| of(Act::PromptYes(text.into())));
    let of = with(&on);
    acts.on_language(move |n| of(Act::Language { vietnamese: n == 1 }));
    let of = with(&on);
    acts.on_scheme(move |n| of(Act::Scheme(n)));
}

/// The operator's machine's key; `None` for what is the window's own.
fn key(text: &str) -> Option<Key> {
    let is = |key: slint::platform::Key| text == slint::SharedString::from(key).as_str();
    let named = [
        (slint::platform::Key::UpArrow, Key::Up),
        (slint::platform::Key::DownArrow, Key::Down),
        (slint::platform::Key::PageUp, Key::PageUp),
        (slint::platform::Key::PageDown, Key::PageDown),
        (slint::platform::Key::Home, Key::Home),
        (slint::platform::Key::End, Key::End),
        (slint::platform::Key::Return, Key::Enter),
    ];
    if let Some((_, key)) = named.into_iter().find(|(theirs, _)| is(*theirs)) {
        return Some(key);
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        // The space bar talks, Tab moves on, and what the window shows itself is not asked of the machine.
        (Some(c), None) if c.is_ascii_graphic() && !"?lqfj/".contains(c) => Some(Key::Char(c)),
        _ => None,
    }
}
