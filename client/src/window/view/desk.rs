//! The operator's panel, over the console's own machine and in its words.

use super::lists::{Lists, set};
use super::sentence;
use crate::console::model::{Prompt, Verb};
use crate::window::model::Model;
use crate::window::words::Words;
use crate::words::console;
use giaoban_screen::{Deed, Letter, Person, Quality, Show};
use std::time::Instant;

/// What is done to the chosen site, in the order of an operator's hand.
const SITE: [Verb; 9] = [
    Verb::Grant,
    Verb::Silence,
    Verb::Lower,
    Verb::Tick,
    Verb::Louder,
    Verb::Softer,
    Verb::Rename,
    Verb::Deputy,
    Verb::Expel,
];

/// What is done to the meeting.
const ROOM: [Verb; 17] = [
    Verb::Next,
    Verb::TakeBack,
    Verb::SilenceAll,
    Verb::VoiceAll,
    Verb::RollCall,
    Verb::Record,
    Verb::Pause,
    Verb::Moderated,
    Verb::Open,
    Verb::Announcement,
    Verb::Turn,
    Verb::LowerAll,
    Verb::Lock,
    Verb::Newcomers,
    Verb::Play,
    Verb::Tell,
    Verb::TakeOver,
];

/// Entries of the log that are on the screen at most.
const LOG: usize = 100;

/// Names of raised hands that are listed.
const HANDS: usize = 4;

pub(super) fn show(show: &Show<'_>, lists: &Lists, model: &Model, now: Instant, words: &Words) {
    let (desk, lang) = (model.desk(), words.lang());
    let deed = |verb: &Verb| Deed {
        id: verb.key().to_string().into(),
        text: sentence(console::verb(*verb, desk.is_on(*verb), lang)).into(),
        key: verb.key().to_string().into(),
        enabled: desk.can(*verb),
        on: desk.is_on(*verb),
        danger: matches!(verb, Verb::Expel | Verb::SilenceAll | Verb::Refuse),
    };
    set(&lists.site_deeds, SITE.iter().map(deed).collect());
    // What stands for what is so already, or for a deputy alone, would only be in the way.
    let has_point = |verb: &&Verb| {
        desk.can(**verb)
            || !matches!(
                verb,
                Verb::TakeOver | Verb::Moderated | Verb::Open | Verb::Announcement | Verb::Pause
            )
    };
    set(&lists.room_deeds, ROOM.iter().filter(has_point).map(deed).collect());
    set(&lists.lobby_deeds, [Verb::Admit, Verb::Refuse].iter().map(deed).collect());
    let aimed_at = desk.guest().map(|guest| guest.member);
    let guests = desk.waiting().map(|guest| Person {
        id: guest.member.to_string().into(),
        name: guest.name.as_str().into(),
        state: words.text("guest-waits").into(),
        tone: Quality::Weak,
        chosen: Some(guest.member) == aimed_at,
        ..Person::default()
    });
    set(&lists.lobby, guests.collect());
    let log = desk.log().rev().take(LOG).map(|entry| Letter {
        name: console::clock(entry.age).into(),
        text: console::event(&entry.event, lang).into(),
        private: false,
    });
    set(&lists.log, log.collect());
    show.set_summary(summary(model, now, words).into());
    let outcome = desk.last(now).map(|(aim, outcome)| console::outcome(aim.verb, &aim.name, outcome, lang));
    show.set_outcome(outcome.unwrap_or_default().into());
    prompt(show, desk.prompt(), words);
}

fn summary(model: &Model, now: Instant, words: &Words) -> String {
    let desk = model.desk();
    let mut parts = vec![sentence(console::mode(desk.mode(), words.lang()))];
    if !desk.meeting().has_operator {
        parts.push(words.text("no-operator"));
    }
    if let Some(holder) = desk.holder() {
        let left = desk.turn_left(now).map(|left| format!(" {}", words.clock(left))).unwrap_or_default();
        parts.push(format!("{}{left}", words.with("has-floor", &[("name", &holder.name)])));
    }
    let hands = desk.hands();
    if !hands.is_empty() {
        let mut names: Vec<&str> = hands.iter().take(HANDS).map(|seat| seat.name.as_str()).collect();
        if hands.len() > HANDS {
            names.push("…");
        }
        parts.push(words.with("hands", &[("names", &names.join(", "))]));
    }
    if desk.in_trouble() > 0 {
        parts.push(words.with("trouble", &[("count", &desk.in_trouble().to_string())]));
    }
    if let Some((here, of)) = desk.answered() {
        let left = desk.roll_left(now).map(|left| format!(" ({})", words.clock(left))).unwrap_or_default();
        let places = [("here", here.to_string()), ("of", of.to_string())];
        let places = places.each_ref().map(|(name, text)| (*name, text.as_str()));
        parts.push(format!("{}{left}", words.with("roll-stands", &places)));
    }
    parts.join(" · ")
}

fn prompt(show: &Show<'_>, prompt: &Prompt, words: &Words) {
    let lang = words.lang();
    match prompt {
        Prompt::Confirm(aim) => {
            show.set_prompt_text(sentence(&console::confirm(aim.verb, &aim.name, lang)).into());
            show.set_prompt_types(false);
            show.set_prompt_wrong(false);
            show.set_prompt(true);
        }
        Prompt::Text { aim, typed, wrong } => {
            show.set_prompt_text(sentence(&console::ask(aim.verb, &aim.name, lang)).into());
            // What is being typed stands in the field; the machine has it when it is done.
            if !show.get_prompt() || (*wrong && !show.get_prompt_wrong()) {
                show.set_prompt_typed(typed.as_str().into());
            }
            show.set_prompt_types(true);
            show.set_prompt_wrong(*wrong);
            show.set_prompt(true);
        }
        Prompt::None | Prompt::Search => show.set_prompt(false),
    }
}
