//! What an operator sees of a meeting, and what comes of what the operator does. Pure.
//!
//! ```text
//!   what the bridge says, figures of this end --+
//!   keys, hits of a mouse, verbs ---------------+--> Model --> rows, head, lobby, log, prompt   (drawn by a view)
//!   time ---------------------------------------+         +--> commands                         (to the engine)
//! ```
//!
//! Knows neither a terminal nor a window, and speaks no language: whoever draws it has the words. Drive it so: hand it
//! what happened by `handle_*`, then send all that [`Model::poll_command`] gives, then draw, at the latest a second
//! later.

mod hear;
mod keys;
mod log;
mod site;
mod verb;

pub use keys::{Hit, Key};
pub use log::{Entry, Event, MAX_ENTRIES};
pub use site::{Filter, Order, Row, Trouble, plain};
pub use verb::Verb;

use crate::engine::Command;
use crate::roster::{Lobby, Roster, is_called};
use crate::stats::Stats;
use giaoban_proto::wire::{Act, ActCode, FloorMode, Meeting, Recording, Seat, SiteRole, Waiting};
use log::Log;
use site::Seen;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long an act may be without an answer. Longer than a bad line takes to come back, shorter than an operator waits
/// before doing it again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// How long the last act's outcome is shown.
const SHOWN_FOR: Duration = Duration::from_secs(8);

/// What the program is in the middle of asking the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// Nothing.
    #[default]
    None,
    /// Whether it is meant: it cannot be undone.
    Confirm(Aim),
    /// For a text.
    Text {
        /// What it is for.
        aim: Aim,
        /// What was typed by now.
        typed: String,
        /// Whether what was typed before cannot be.
        wrong: bool,
    },
    /// For what is to be found; it is [`Model::search`].
    Search,
}

/// A verb, and whom it was aimed at when its key was pressed, wherever the choice has gone since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// What.
    pub verb: Verb,
    /// At whom; 0 for the meeting.
    pub member: u64,
    /// Its name then.
    pub name: String,
}

/// What fills the middle of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The table.
    #[default]
    Sites,
    /// What each key does.
    Help,
    /// All that happened, up to this many entries before the last.
    Log(usize),
}

/// What became of the last act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Sent, not answered.
    Asked,
    /// The bridge's answer; `None` for a code of a newer version.
    Done(Option<ActCode>),
    /// None came.
    NoAnswer,
    /// Nothing was sent: there is no line, or it has no point as things are.
    NotNow,
}

/// See the module.
pub struct Model {
    host: String,
    room: String,
    role: Option<SiteRole>,
    own: u64,
    figures: Option<Stats>,
    roster: Roster,
    lobby: Lobby,
    seen: BTreeMap<u64, Seen>,
    /// How the meeting stood when the bridge last said so, and when that was.
    meeting: Meeting,
    told: Option<Instant>,
    /// The roll call whose end was written down.
    roll_over: u32,
    log: Log,
    page: Page,
    prompt: Prompt,
    search: String,
    filter: Filter,
    order: Order,
    chosen: Option<u64>,
    /// The guest that was chosen, while the lobby has the keys.
    guest: Option<u64>,
    pending: BTreeMap<u32, (Instant, Aim)>,
    last: Option<(Instant, Aim, Outcome)>,
    number: u32,
    commands: VecDeque<Command>,
}

impl Model {
    /// Of a meeting in `room` at `host`, before anything is known of it.
    #[must_use]
    pub fn new(host: &str, room: &str) -> Self {
        Self {
            host: host.into(),
            room: room.into(),
            role: None,
            own: 0,
            figures: None,
            roster: Roster::default(),
            lobby: Lobby::default(),
            seen: BTreeMap::new(),
            meeting: Meeting { has_operator: true, ..Meeting::default() },
            told: None,
            roll_over: 0,
            log: Log::default(),
            page: Page::default(),
            prompt: Prompt::default(),
            search: String::new(),
            filter: Filter::default(),
            order: Order::default(),
            chosen: None,
            guest: None,
            pending: BTreeMap::new(),
            last: None,
            number: 0,
            commands: VecDeque::new(),
        }
    }

    /// This end's own figures came, as each second.
    pub fn handle_stats(&mut self, stats: &Stats) {
        self.figures = Some(stats.clone());
    }

    /// Something that this end tells its person, in words.
    pub fn handle_note(&mut self, now: Instant, text: String) {
        self.write(now, Event::Note(text));
    }

    /// What is due at `now`: acts that nobody answered, a roll call that is over. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, (asked, _))| now.saturating_duration_since(*asked) >= ANSWERS_WITHIN)
            .map(|(number, _)| *number)
            .collect();
        for number in late {
            self.finish(now, number, Outcome::NoAnswer);
        }
        self.watch_roll(now);
    }

    /// The next thing for the engine; `None` when there is no more.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The bridge, as the link names it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.room
    }

    /// Whether this end is in the room, and hears it.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.figures.as_ref().is_some_and(|stats| stats.state == "in_room")
    }

    /// What this end knows of itself, once it does.
    #[must_use]
    pub fn figures(&self) -> Option<&Stats> {
        self.figures.as_ref()
    }

    /// Whether the bridge takes this site for an operator. Before the welcome it is not known that it does not.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.role.is_none_or(|role| role == SiteRole::Operator)
    }

    /// How the meeting stood when the bridge last said so; times in it are of then.
    #[must_use]
    pub fn meeting(&self) -> &Meeting {
        &self.meeting
    }

    /// Who may speak.
    #[must_use]
    pub fn mode(&self) -> FloorMode {
        FloorMode::from_code(self.meeting.mode).unwrap_or_default()
    }

    /// How the recording stands.
    #[must_use]
    pub fn recording(&self) -> Recording {
        Recording::from_code(self.meeting.recording).unwrap_or_default()
    }

    /// Who has the floor.
    #[must_use]
    pub fn holder(&self) -> Option<&Seat> {
        self.roster.seat(self.meeting.holder)
    }

    /// How long the meeting has gone on.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        Duration::from_secs(self.meeting.age_s.into()) + self.since_told(now)
    }

    /// How long the floor is still had; `None` where nobody has it or its time has no end.
    #[must_use]
    pub fn turn_left(&self, now: Instant) -> Option<Duration> {
        let left = (self.meeting.holder != 0 && self.meeting.left_s != 0).then_some(self.meeting.left_s)?;
        Some(Duration::from_secs(left.into()).saturating_sub(self.since_told(now)))
    }

    /// How long the roll call may still be answered; `None` where none runs.
    #[must_use]
    pub fn roll_left(&self, now: Instant) -> Option<Duration> {
        let left = Duration::from_secs(self.meeting.roll_left_s.into()).saturating_sub(self.since_told(now));
        (!left.is_zero()).then_some(left)
    }

    /// How many have answered the last roll call, of how many; operators are not called. `None` where there was none.
    #[must_use]
    pub fn answered(&self) -> Option<(usize, usize)> {
        if self.meeting.roll == 0 {
            return None;
        }
        let called = || self.roster.seats().filter(|seat| is_called(seat));
        let here = called().filter(|seat| seat.present == self.meeting.roll).count();
        Some((here, called().count()))
    }

    /// All seats, as the bridge lists them.
    pub fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.roster.seats()
    }

    /// The list itself.
    #[cfg(feature = "window")]
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Whoever wants to speak, in the order of their hands.
    #[must_use]
    pub fn hands(&self) -> Vec<&Seat> {
        let mut hands: Vec<&Seat> = self.roster.seats().filter(|seat| seat.hand != 0).collect();
        hands.sort_by_key(|seat| seat.hand);
        hands
    }

    /// Who waits to be let in.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.lobby.waiting()
    }

    /// The guest at which the lobby's verbs aim: the one that was chosen, else whoever came first.
    #[must_use]
    pub fn guest(&self) -> Option<&Waiting> {
        let chosen =
            self.guest.and_then(|guest| self.lobby.waiting().find(|waiting| waiting.member == guest));
        chosen.or_else(|| self.lobby.waiting().next())
    }

    /// Whether the lobby has the keys that move.
    #[must_use]
    pub fn is_in_lobby(&self) -> bool {
        self.guest.is_some() && self.lobby.waiting().next().is_some()
    }

    /// The site at which verbs aim, if it is shown.
    #[must_use]
    pub fn chosen(&self) -> Option<&Seat> {
        self.roster.seat(self.chosen?)
    }

    /// All that happened, oldest first.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.log.entries()
    }

    /// What fills the middle of the screen.
    #[must_use]
    pub fn page(&self) -> Page {
        self.page
    }

    /// What is being asked.
    #[must_use]
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// What is looked for; empty: nothing.
    #[must_use]
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Which sites are shown.
    #[must_use]
    pub fn filter(&self) -> Filter {
        self.filter
    }

    /// In which order.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// The last act and what became of it, for some seconds.
    #[must_use]
    pub fn last(&self, now: Instant) -> Option<(&Aim, &Outcome)> {
        let (at, aim, outcome) = self.last.as_ref()?;
        let shown = *outcome == Outcome::Asked || now.saturating_duration_since(*at) < SHOWN_FOR;
        shown.then_some((aim, outcome))
    }

    fn since_told(&self, now: Instant) -> Duration {
        self.told.map_or(Duration::ZERO, |told| now.saturating_duration_since(told))
    }

    fn write(&mut self, now: Instant, event: Event) {
        let age = self.age(now);
        self.log.push(age, event);
    }

    fn send(&mut self, now: Instant, aim: Aim, what: giaoban_proto::wire::act::What) {
        // Numbers from 1 on are ours: the engine's own acts have 0.
        self.number = self.number.wrapping_add(1).max(1);
        self.commands.push_back(Command::Act(Act { number: self.number, what: Some(what) }));
        self.pending.insert(self.number, (now, aim.clone()));
        self.last = Some((now, aim, Outcome::Asked));
    }

    fn finish(&mut self, now: Instant, number: u32, outcome: Outcome) {
        let Some((_, aim)) = self.pending.remove(&number) else { return };
        if outcome != Outcome::Done(Some(ActCode::Done)) {
            self.write(now, Event::NotDone { aim: aim.clone(), outcome: outcome.clone() });
        }
        self.last = Some((now, aim, outcome));
    }
}

#[cfg(test)]
mod tests;
