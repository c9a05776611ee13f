//! What the window shows of a meeting, and what comes of what its person does. Pure.
//!
//! Speaks no language and knows no screen. Drive it so: hand it what happened by `handle_*`, then do all that
//! [`Model::poll_command`] says, then draw, at the latest a second later. What is of the whole meeting, and the operator's
//! panel with it, is [`crate::console::model`]; what concerns this site is the engine's own [`crate::floor`].

mod told;

pub use told::Told;

use super::line::{Line, Quality};
use crate::console::model::{Model as Desk, Row};
use crate::engine::Command;
use crate::floor::{Floor, News};
use crate::roster::{Bar, is_called};
use crate::session::End;
use crate::stats::Stats;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::{
    Act, ActCode, FloorMode, MAX_TEXT_BYTES, Recording, Said, Say, SiteRole, Standing, act::What,
    server_message::Body,
};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Texts kept at most.
const MAX_LETTERS: usize = 200;

/// How long a warning stands that nothing takes away: long enough to be read twice.
const WARNS_FOR: Duration = Duration::from_secs(8);

/// The loudness of the loudspeaker, in dBFS, from which somebody speaks, and how long a breath may be.
const SPEECH_DBFS: f32 = -45.0;
const BREATH: Duration = Duration::from_millis(1500);

/// Acts of this window; the operator's panel counts from 1.
const FIRST_NUMBER: u32 = 0x8000_0000;

/// How the microphone stands: what its button shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mic {
    /// Everybody hears it.
    Live,
    /// So they do, for as long as the key is held.
    Held,
    /// It is off.
    Off,
    /// This site may not speak, whatever its switch says.
    Barred {
        /// Why.
        why: Bar,
        /// Whether it would be heard, could it speak.
        on: bool,
    },
    /// It is unplugged.
    Missing,
    /// There is no meeting to hear it.
    Away,
}

/// The hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// None can be raised: the floor is open, or this site has it, or it only listens.
    None,
    /// Down.
    Down,
    /// Up, in this place of all; 0 while the bridge has not said which.
    Up(usize),
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// This site has the floor, for so long.
    Own(Option<Duration>),
    /// This one has it.
    Floor(String, Option<Duration>),
    /// These are loud: an operator is told.
    Loud(Vec<String>),
    /// Somebody is heard.
    Somebody,
    /// It is quiet.
    Nobody,
}

/// What cannot be missed, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Banner {
    /// The roll is called: this long may it be answered.
    Roll(Duration),
    /// It was answered.
    Counted,
    /// Ten seconds more.
    Ending(Duration),
    /// This site has the floor; `muted` where its microphone is off.
    Yours {
        /// For so long.
        left: Option<Duration>,
        /// See above.
        muted: bool,
    },
    /// It has it no more.
    Gone,
    /// It talks, and nobody hears it: its microphone is off, or for this reason.
    Unheard(Option<Bar>),
    /// The microphone is unplugged.
    NoMicrophone,
    /// The loudspeaker is.
    NoLoudspeaker,
    /// The hand went down without the floor.
    Lowered,
    /// The bridge did not take what was asked.
    NotTaken(Option<ActCode>),
    /// The data of this meeting is used up.
    Spent,
    /// A link was opened while this meeting goes on.
    OtherLink,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who wrote it.
    pub name: String,
    /// What.
    pub text: String,
    /// Whether operators alone read it.
    pub to_operators: bool,
}

/// See the module.
pub struct Model {
    desk: Desk,
    floor: Floor,
    line: Line,
    role: Option<SiteRole>,
    standing: Option<Bar>,
    own: u64,
    muted: bool,
    /// Whether the key is held that opens the microphone.
    held: bool,
    /// When somebody last talked here whom nobody heard.
    unheard: Option<Instant>,
    news: Option<(Instant, News)>,
    refused: Option<(Instant, Option<ActCode>)>,
    /// The roll call that was answered from here, whether or not the bridge has counted it yet.
    answered: u32,
    /// The hand that was asked for, until the bridge shows it.
    asked_hand: Option<(Instant, bool)>,
    microphone_gone: bool,
    loudspeaker_gone: bool,
    spent: bool,
    other_link: bool,
    heard: Option<Instant>,
    letters: VecDeque<Letter>,
    unread: usize,
    number: u32,
    commands: VecDeque<Command>,
    over: Option<(End, String)>,
    wrong: Option<String>,
}

impl Model {
    /// Of a meeting in `room` at `host`, with the microphone off or on.
    #[must_use]
    pub fn new(host: &str, room: &str, muted: bool) -> Self {
        Self {
            desk: Desk::new(host, room),
            floor: Floor::default(),
            line: Line::default(),
            role: None,
            standing: None,
            own: 0,
            muted,
            held: false,
            unheard: None,
            news: None,
            refused: None,
            answered: 0,
            asked_hand: None,
            microphone_gone: false,
            loudspeaker_gone: false,
            spent: false,
            other_link: false,
            heard: None,
            letters: VecDeque::new(),
            unread: 0,
            number: FIRST_NUMBER,
            commands: VecDeque::new(),
            over: None,
            wrong: None,
        }
    }

    /// The bridge said something on the line that carries this end's sound.
    pub fn handle_body(&mut self, now: Instant, body: &Body) {
        self.desk.handle_body(now, body);
        match body {
            Body::Welcome(welcome) => {
                self.own = welcome.member;
                self.floor.start(welcome.member);
                self.stand(welcome.role, self.standing == Some(Bar::Silenced));
            }
            Body::Standing(Standing { role, silenced }) => self.stand(*role, *silenced),
            Body::Roster(_) => {
                if let Some(own) = self.desk.roster().own() {
                    let (role, silenced) = (own.role, own.silenced);
                    self.stand(role, silenced);
                }
                let news = self.floor.handle_roster(now, self.desk.roster());
                news.into_iter().for_each(|news| self.note(now, news));
            }
            Body::Meeting(meeting) => {
                let news = self.floor.handle_meeting(now, meeting);
                news.into_iter().for_each(|news| self.note(now, news));
            }
            Body::Said(said) => self.handle_said(said),
            Body::Done(done) if done.number >= FIRST_NUMBER => {
                let code = ActCode::from_code(done.code);
                if code != Some(ActCode::Done) {
                    (self.refused, self.asked_hand) = (Some((now, code)), None);
                }
            }
            _ => {}
        }
    }

    /// This end's own figures came, as each second.
    pub fn handle_stats(&mut self, stats: &Stats) {
        self.desk.handle_stats(stats);
        self.line.handle_stats(stats);
    }

    /// The engine tells its person this, in these words.
    pub fn handle_told(&mut self, now: Instant, told: Told, text: String) {
        match told {
            Told::State(state) => self.line.set_state(state),
            Told::Muted(muted) => self.muted = muted,
            Told::Unheard => self.unheard = Some(now),
            Told::Microphone { gone } => self.microphone_gone = gone,
            Told::Loudspeaker { gone } => self.loudspeaker_gone = gone,
            Told::Spent => self.spent = true,
            Told::Over(end) => {
                self.line.set_state("closed");
                self.over = Some((end, text));
                return;
            }
            Told::Wrong => self.wrong = Some(text.clone()),
            Told::Letter => {
                let (name, text) = ("giaoban".into(), text.clone());
                self.push_letter(Letter { name, text, to_operators: false });
                self.unread = (self.unread + 1).min(MAX_LETTERS);
            }
            Told::Nothing => {}
            // The model sees it by itself.
            Told::Known => return,
        }
        self.desk.handle_note(now, text);
    }

    /// How loud the loudspeaker is at this moment.
    pub fn handle_heard(&mut self, now: Instant, level: Level) {
        if level.dbfs() > SPEECH_DBFS {
            self.heard = Some(now);
        }
    }

    /// What is due at `now`. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.desk.handle_timeout(now);
        while let Some(news) = self.floor.handle_timeout(now) {
            self.note(now, news);
        }
    }

    /// The big button was pressed.
    pub fn handle_mic(&mut self, now: Instant) {
        let muted = !self.muted;
        self.held = false;
        self.switch(now, muted);
    }

    /// The key that opens the microphone while it is held went down or up.
    pub fn handle_hold(&mut self, now: Instant, down: bool) {
        match (down, self.held) {
            // Whoever is heard already is heard on, and the key up switches nothing off.
            (true, false) if self.muted => {
                self.held = true;
                self.switch(now, false);
            }
            (false, true) => {
                self.held = false;
                self.switch(now, true);
            }
            _ => {}
        }
    }

    /// The hand's button was pressed.
    pub fn handle_hand(&mut self, now: Instant) {
        let up = match self.hand(now) {
            Hand::None => return,
            Hand::Down => true,
            Hand::Up(_) => false,
        };
        self.asked_hand = Some((now, up));
        self.act(What::Hand(up));
    }

    /// The banner's button was pressed.
    pub fn handle_banner(&mut self, now: Instant) {
        match self.banner(now) {
            Some(Banner::Roll(_)) => {
                self.answered = self.desk.meeting().roll;
                self.act(What::Present(self.answered));
            }
            Some(Banner::Yours { muted: true, .. } | Banner::Unheard(None)) => self.handle_mic(now),
            Some(Banner::Spent) => self.spent = false,
            Some(Banner::OtherLink) => self.commands.push_back(Command::Stop),
            _ => {}
        }
    }

    /// This is to be written to all; operators write to whom they choose on their panel.
    pub fn handle_say(&mut self, text: &str) {
        let mut text = text.trim();
        while text.len() > MAX_TEXT_BYTES {
            text = text.char_indices().next_back().map_or("", |(end, _)| &text[..end]);
        }
        if !text.is_empty() {
            self.act(What::Say(Say { text: text.into(), to_operators: false }));
        }
    }

    /// The texts are on the screen.
    pub fn handle_read(&mut self) {
        self.unread = 0;
    }

    /// A link to another meeting was opened, or that was thought better of.
    pub fn set_other_link(&mut self, other: bool) {
        self.other_link = other;
    }

    /// The operator's panel, to be driven as the console drives it.
    pub fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    /// What is to be done, in order.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front().or_else(|| self.desk.poll_command())
    }

    /// The whole meeting.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Why it is over, once it is, in words.
    #[must_use]
    pub fn over(&self) -> Option<(End, &str)> {
        self.over.as_ref().map(|(end, text)| (*end, text.as_str()))
    }

    /// What went wrong last, where the session has not said why it is over.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// How the line is.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.line.quality()
    }

    /// Whether the operator's panel is for this site.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.role == Some(SiteRole::Operator)
    }

    /// How the microphone stands.
    #[must_use]
    pub fn mic(&self) -> Mic {
        match self.bar() {
            _ if !self.line.is_in() => Mic::Away,
            _ if self.microphone_gone => Mic::Missing,
            Some(why) => Mic::Barred { why, on: !self.muted },
            None if self.muted => Mic::Off,
            None if self.held => Mic::Held,
            None => Mic::Live,
        }
    }

    /// How the hand stands.
    #[must_use]
    pub fn hand(&self, now: Instant) -> Hand {
        let place = self.desk.roster().place();
        let listens = self.standing == Some(Bar::Listener);
        let asked = self
            .asked_hand
            .filter(|(at, _)| now.saturating_duration_since(*at) < WARNS_FOR)
            .map(|(_, up)| up);
        match (place, asked) {
            (Some(_), Some(false)) if self.line.is_in() => Hand::Down,
            (Some(place), _) => Hand::Up(place),
            _ if !self.floor.takes_hands() || self.is_holder() || self.is_operator() || listens => Hand::None,
            (None, Some(true)) => Hand::Up(0),
            (None, _) => Hand::Down,
        }
    }

    /// Who speaks.
    #[must_use]
    pub fn speaker(&self, now: Instant) -> Speaker {
        let left = self.desk.turn_left(now);
        if self.is_holder() {
            return Speaker::Own(left);
        }
        if let Some(holder) = self.desk.holder() {
            return Speaker::Floor(holder.name.clone(), left);
        }
        let loud = |row: &Row<'_>| row.is_loud() && !row.own;
        let loud: Vec<String> =
            self.desk.rows(now).iter().filter(|row| loud(row)).map(|row| row.seat.name.clone()).collect();
        let heard = self.heard.is_some_and(|at| now.saturating_duration_since(at) < BREATH);
        match loud.is_empty() {
            false => Speaker::Loud(loud),
            true if heard && self.line.is_in() => Speaker::Somebody,
            true => Speaker::Nobody,
        }
    }

    /// What cannot be missed.
    #[must_use]
    pub fn banner(&self, now: Instant) -> Option<Banner> {
        let fresh = |at: Instant| now.saturating_duration_since(at) < WARNS_FOR;
        let news = self.news.filter(|(at, _)| fresh(*at)).map(|(_, news)| news);
        if self.other_link {
            return Some(Banner::OtherLink);
        }
        if !self.line.is_in() {
            return None;
        }
        let called = self.desk.roster().own().is_some_and(is_called) && !self.has_answered();
        if let (true, Some(left)) = (called, self.desk.roll_left(now)) {
            return Some(Banner::Roll(left));
        }
        let holds = self.is_holder() && !self.is_operator();
        match (news, self.desk.turn_left(now)) {
            (Some(News::Ending), Some(left)) if holds => return Some(Banner::Ending(left)),
            (Some(News::Yours { .. }), left) if holds => {
                return Some(Banner::Yours { left, muted: self.muted });
            }
            (_, left) if holds && self.muted => return Some(Banner::Yours { left, muted: true }),
            _ => {}
        }
        if self.microphone_gone {
            return Some(Banner::NoMicrophone);
        }
        if self.loudspeaker_gone {
            return Some(Banner::NoLoudspeaker);
        }
        let unheard = self.muted || self.bar().is_some();
        if unheard && self.unheard.is_some_and(fresh) {
            // Switching the microphone on does not help whoever may not speak.
            return Some(Banner::Unheard(self.bar()));
        }
        if let Some((_, code)) = self.refused.filter(|(at, _)| fresh(*at)) {
            return Some(Banner::NotTaken(code));
        }
        match news {
            Some(News::Gone) if self.bar() == Some(Bar::NoFloor) => Some(Banner::Gone),
            Some(News::Lowered) => Some(Banner::Lowered),
            Some(News::Counted) => Some(Banner::Counted),
            _ => self.spent.then_some(Banner::Spent),
        }
    }

    /// How the recording stands.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.desk.recording()
    }

    /// What was written, oldest first.
    pub fn letters(&self) -> impl ExactSizeIterator<Item = &Letter> {
        self.letters.iter()
    }

    /// How many of them came since they were read last.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unread
    }

    fn is_holder(&self) -> bool {
        self.desk.meeting().holder == self.own && self.own != 0 && self.desk.mode() != FloorMode::Open
    }

    fn has_answered(&self) -> bool {
        let roll = self.desk.meeting().roll;
        self.answered == roll || self.desk.roster().own().is_some_and(|own| own.present == roll)
    }

    fn bar(&self) -> Option<Bar> {
        self.standing.or_else(|| self.floor.bar())
    }

    fn stand(&mut self, role: u32, silenced: bool) {
        self.role = SiteRole::from_code(role);
        self.standing = Bar::of(role, silenced);
        let always = matches!(self.role, Some(SiteRole::Operator | SiteRole::Source));
        self.floor.set_always(always);
    }

    fn note(&mut self, now: Instant, news: News) {
        if matches!(news, News::Place(_) | News::Lowered | News::Yours { .. }) {
            self.asked_hand = None;
        }
        // What a person need not do anything about does not push away what it must.
        if matches!(
            news,
            News::Yours { .. }
                | News::Ending
                | News::Gone
                | News::Lowered
                | News::Counted
                | News::Roll { .. }
        ) {
            self.news = Some((now, news));
        }
    }

    fn switch(&mut self, now: Instant, muted: bool) {
        self.muted = muted;
        // Whoever wishes to talk is told at once if that is not enough.
        self.unheard = Some(now).filter(|_| !muted);
        self.commands.push_back(Command::Mute(muted));
    }

    fn handle_said(&mut self, said: &Said) {
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let (name, text) = (clean(&said.name), clean(&said.text));
        self.push_letter(Letter { name, text, to_operators: said.to_operators });
        if said.member != self.own {
            self.unread = (self.unread + 1).min(MAX_LETTERS);
        }
    }

    fn push_letter(&mut self, letter: Letter) {
        if self.letters.len() == MAX_LETTERS {
            self.letters.pop_front();
        }
        self.letters.push_back(letter);
    }

    fn act(&mut self, what: What) {
        self.number = self.number.wrapping_add(1).max(FIRST_NUMBER);
        self.commands.push_back(Command::Act(Act { number: self.number, what: Some(what) }));
    }
}

#[cfg(test)]
mod tests;
