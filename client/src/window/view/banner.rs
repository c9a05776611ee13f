//! What cannot be missed, in words.

use crate::roster::Bar;
use crate::window::model::{Banner, Model};
use crate::window::words::Words;
use giaoban_screen::{Show, Tone};
use std::time::Instant;

pub(super) fn show(show: &Show<'_>, model: &Model, now: Instant, words: &Words) {
    let Some(banner) = model.banner(now) else { return show.set_banner(false) };
    let left = |key: &str, left| words.with(key, &[("left", &words.clock(left))]);
    let none = String::new;
    let (tone, title, text, button) = match banner {
        Banner::Roll(time) => {
            (Tone::Amber, words.text("roll"), left(key("roll-text"), time), words.text("roll-here"))
        }
        Banner::Counted => (Tone::Green, words.text("counted"), none(), none()),
        Banner::Ending(time) => (Tone::Amber, left(key("ending"), time), words.text("ending-text"), none()),
        Banner::Yours { muted: true, .. } => {
            (Tone::Amber, words.text("yours"), words.text("yours-muted"), words.text("mic-on"))
        }
        Banner::Yours { left: time, muted: false } => {
            let text = time.map_or_else(|| words.text("yours-text"), |time| left(key("yours-left"), time));
            (Tone::Green, words.text("yours"), text, none())
        }
        Banner::Gone => (Tone::Grey, words.text("gone"), words.text("gone-text"), none()),
        Banner::Unheard(None) => {
            (Tone::Red, words.text("unheard"), words.text("unheard-muted"), words.text("mic-on"))
        }
        Banner::Unheard(Some(bar)) => {
            let why = match bar {
                Bar::NoFloor => words.text("unheard-floor"),
                Bar::Silenced => words.text("unheard-silenced"),
                Bar::Listener => words.text("unheard-listener"),
            };
            (Tone::Amber, words.text("unheard"), why, none())
        }
        Banner::NoMicrophone => {
            (Tone::Red, words.text("mic-missing"), words.text("mic-missing-text"), none())
        }
        Banner::NoLoudspeaker => {
            (Tone::Red, words.text("no-loudspeaker"), words.text("mic-missing-text"), none())
        }
        Banner::Lowered => (Tone::Grey, words.text("lowered"), none(), none()),
        Banner::NotTaken(_) => (Tone::Red, words.text("not-taken"), words.text("not-taken-text"), none()),
        Banner::Spent => {
            (Tone::Amber, words.text("spent"), words.text("spent-text"), words.text("understood"))
        }
        Banner::OtherLink => (
            Tone::Amber,
            words.text("other-link"),
            words.text("other-link-text"),
            words.text("other-link-go"),
        ),
    };
    show.set_banner_tone(tone);
    show.set_banner_title(title.into());
    show.set_banner_text(text.into());
    show.set_banner_key(if button.is_empty() { "" } else { "Enter" }.into());
    show.set_banner_button(button.into());
    show.set_banner(true);
}

/// Marks a key for the test that looks for all of them.
const fn key(key: &str) -> &str {
    key
}
