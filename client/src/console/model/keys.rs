//! Keys and hits of a mouse, and what each does where the operator stands.

use super::{Aim, Model, Page, Prompt, Verb};
use crate::settings::MAX_NAME_BYTES;
use giaoban_proto::wire::MAX_TEXT_BYTES;
use std::time::Instant;

/// Sites by which a page is turned.
const PAGE: isize = 10;

/// A key, whatever brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the key of its name")]
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    /// Leaves, as Ctrl-C does anywhere; asked for twice.
    Interrupt,
}

/// What a mouse has hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A site's line.
    Site(u64),
    /// A guest's line in the lobby.
    Guest(u64),
    /// A verb's name.
    Verb(Verb),
    /// Yes, to what is asked.
    Yes,
    /// No.
    No,
    /// The wheel, over anything.
    Wheel {
        /// Which way.
        up: bool,
    },
}

impl Model {
    /// A key was pressed.
    pub fn handle_key(&mut self, now: Instant, key: Key) {
        if key == Key::Interrupt {
            return self.interrupt(now);
        }
        match std::mem::take(&mut self.prompt) {
            Prompt::None => self.handle_plain(now, key),
            // Anything but yes is no, and Enter is pressed too easily.
            Prompt::Confirm(aim) => {
                if matches!(key, Key::Char('y' | 'Y')) {
                    self.act(now, aim, "");
                }
            }
            Prompt::Text { aim, typed, .. } => self.handle_typed(now, aim, typed, key),
            Prompt::Search => self.handle_search(now, key),
        }
    }

    /// A text was pasted: it is typed where something is to be typed, and else does nothing, since its letters are no keys.
    pub fn handle_paste(&mut self, now: Instant, text: &str) {
        if matches!(self.prompt, Prompt::Text { .. } | Prompt::Search) {
            text.chars().for_each(|c| self.handle_key(now, Key::Char(c)));
        }
    }

    /// This is the whole of what was typed for what is asked, in a field of the window's own.
    pub fn handle_answer(&mut self, now: Instant, text: &str) {
        match std::mem::take(&mut self.prompt) {
            Prompt::Text { aim, .. } if !text.trim().is_empty() => self.act(now, aim, text),
            Prompt::Confirm(aim) => self.act(now, aim, ""),
            _ => {}
        }
    }

    /// The mouse was pressed.
    pub fn handle_hit(&mut self, now: Instant, hit: Hit) {
        match hit {
            Hit::Site(member) => {
                (self.chosen, self.guest) = (Some(member), None);
            }
            Hit::Guest(member) => self.guest = Some(member),
            Hit::Verb(verb) => {
                self.prompt = Prompt::None;
                self.handle_verb(now, verb);
            }
            Hit::Yes => match std::mem::take(&mut self.prompt) {
                Prompt::Confirm(aim) => self.act(now, aim, ""),
                Prompt::Text { aim, typed, .. } => self.act(now, aim, &typed),
                _ => {}
            },
            Hit::No => self.handle_key(now, Key::Escape),
            Hit::Wheel { up } => self.step(now, if up { -3 } else { 3 }),
        }
    }

    fn interrupt(&mut self, now: Instant) {
        let aim = Aim { verb: Verb::Quit, member: 0, name: String::new() };
        if self.prompt == Prompt::Confirm(aim.clone()) {
            self.act(now, aim, "");
        } else {
            self.prompt = Prompt::Confirm(aim);
        }
    }

    fn handle_plain(&mut self, now: Instant, key: Key) {
        match key {
            Key::Char(key) => {
                if let Some(verb) = Verb::of(key) {
                    self.handle_verb(now, verb);
                }
            }
            Key::Enter if self.is_in_lobby() => self.handle_verb(now, Verb::Admit),
            Key::Enter => self.handle_verb(now, Verb::Grant),
            Key::Escape if self.page != Page::Sites => self.page = Page::Sites,
            Key::Escape => (self.guest, self.filter, self.search) = (None, Default::default(), String::new()),
            Key::Tab if self.is_in_lobby() => self.guest = None,
            Key::Tab => self.guest = self.lobby.waiting().next().map(|guest| guest.member),
            Key::Up => self.step(now, -1),
            Key::Down => self.step(now, 1),
            Key::PageUp => self.step(now, -PAGE),
            Key::PageDown => self.step(now, PAGE),
            Key::Home => self.step(now, isize::MIN),
            Key::End => self.step(now, isize::MAX),
            Key::Backspace | Key::Interrupt => {}
        }
    }

    fn handle_typed(&mut self, now: Instant, aim: Aim, mut typed: String, key: Key) {
        let most = if aim.verb == Verb::Rename { MAX_NAME_BYTES } else { MAX_TEXT_BYTES };
        match key {
            Key::Escape => return,
            Key::Enter if typed.trim().is_empty() => return,
            Key::Enter => return self.act(now, aim, &typed),
            Key::Backspace => {
                typed.pop();
            }
            Key::Char(c) if !c.is_control() && typed.len() + c.len_utf8() <= most => typed.push(c),
            _ => {}
        }
        self.prompt = Prompt::Text { aim, typed, wrong: false };
    }

    fn handle_search(&mut self, now: Instant, key: Key) {
        match key {
            Key::Enter => return,
            Key::Escape => return self.search.clear(),
            Key::Backspace => {
                self.search.pop();
            }
            Key::Char(c) if !c.is_control() && self.search.len() + c.len_utf8() <= MAX_NAME_BYTES => {
                self.search.push(c);
            }
            Key::Up => self.step(now, -1),
            Key::Down => self.step(now, 1),
            _ => {}
        }
        if matches!(key, Key::Char(_) | Key::Backspace) {
            // What is found is what verbs aim at.
            self.chosen = self.rows(now).first().map(|row| row.seat.member);
        }
        self.prompt = Prompt::Search;
    }

    /// Moves what is chosen, or what is shown of the log.
    fn step(&mut self, now: Instant, by: isize) {
        if let Page::Log(up) = self.page {
            let most = self.log.len().saturating_sub(1);
            self.page = Page::Log(up.saturating_add_signed(by.saturating_neg()).min(most));
            return;
        }
        if self.is_in_lobby() {
            let guests: Vec<u64> = self.lobby.waiting().map(|guest| guest.member).collect();
            self.guest = moved(&guests, self.guest, by);
        } else {
            let sites: Vec<u64> = self.rows(now).iter().map(|row| row.seat.member).collect();
            self.chosen = moved(&sites, self.chosen, by);
        }
    }
}

/// The one that is `by` places after `chosen`; the first where that is not in the list.
fn moved(list: &[u64], chosen: Option<u64>, by: isize) -> Option<u64> {
    let at = chosen.and_then(|chosen| list.iter().position(|member| *member == chosen));
    let to = match at {
        Some(at) => at.saturating_add_signed(by).min(list.len().saturating_sub(1)),
        None if by == isize::MAX => list.len().saturating_sub(1),
        None => 0,
    };
    list.get(to).copied()
}
