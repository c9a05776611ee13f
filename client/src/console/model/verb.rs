//! What an operator can do: one verb for each act, its key, when it has a point, and when it is asked for twice.

use super::{Aim, Model, Outcome, Page, Prompt};
use crate::engine::Command;
use crate::roster::is_called;
use crate::settings::{MAX_NAME_BYTES, duration};
use giaoban_proto::wire::{
    FloorMode, Gain, MAX_GAIN_DB, MAX_TEXT_BYTES, Record, Recording, Rename, Say, SetFloor, SetRoom, Silence,
    SilenceAll, SiteRole, Tick, act::What,
};
use std::time::{Duration, Instant};

/// For how long a roll call may be answered, in s: a person finds the button within a minute, and twenty sites are
/// ticked by voice in two.
const ROLL_S: u32 = 120;

/// Steps in which a site is made louder or softer, in dB: less is hardly heard.
const GAIN_STEP_DB: i32 = 3;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "`words` says what each does")]
pub enum Verb {
    Grant,
    Next,
    TakeBack,
    Lower,
    LowerAll,
    Silence,
    SilenceAll,
    VoiceAll,
    Tick,
    Rename,
    Louder,
    Softer,
    Deputy,
    Expel,
    Open,
    Moderated,
    Announcement,
    Turn,
    RollCall,
    Record,
    Pause,
    Lock,
    Newcomers,
    Play,
    Admit,
    Refuse,
    Say,
    Tell,
    Microphone,
    TakeOver,
    Search,
    Filter,
    Order,
    Log,
    Help,
    Quit,
}

/// At what a verb aims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Site,
    Guest,
    Meeting,
}

impl Verb {
    /// All of them, as they stand on the screen.
    pub const ALL: [Self; 36] = [
        Self::Grant,
        Self::Next,
        Self::TakeBack,
        Self::Lower,
        Self::LowerAll,
        Self::Silence,
        Self::Tick,
        Self::Louder,
        Self::Softer,
        Self::Rename,
        Self::Deputy,
        Self::Expel,
        Self::Admit,
        Self::Refuse,
        Self::Open,
        Self::Moderated,
        Self::Announcement,
        Self::Turn,
        Self::SilenceAll,
        Self::VoiceAll,
        Self::RollCall,
        Self::Record,
        Self::Pause,
        Self::Play,
        Self::Lock,
        Self::Newcomers,
        Self::Say,
        Self::Tell,
        Self::TakeOver,
        Self::Microphone,
        Self::Search,
        Self::Filter,
        Self::Order,
        Self::Log,
        Self::Help,
        Self::Quit,
    ];

    /// The key that does it.
    #[must_use]
    pub const fn key(self) -> char {
        match self {
            Self::Grant => 'g',
            Self::Next => 'n',
            Self::TakeBack => 't',
            Self::Lower => 'h',
            Self::LowerAll => 'H',
            Self::Silence => 'm',
            Self::SilenceAll => 'M',
            Self::VoiceAll => 'U',
            Self::Tick => 'p',
            Self::Rename => 'e',
            Self::Louder => '+',
            Self::Softer => '-',
            Self::Deputy => 'd',
            Self::Expel => 'x',
            Self::Open => '1',
            Self::Moderated => '2',
            Self::Announcement => '3',
            Self::Turn => 'i',
            Self::RollCall => 'c',
            Self::Record => 'r',
            Self::Pause => 'z',
            Self::Lock => 'k',
            Self::Newcomers => 'w',
            Self::Play => 'v',
            Self::Admit => 'a',
            Self::Refuse => 'b',
            Self::Say => 's',
            Self::Tell => 'o',
            Self::Microphone => ' ',
            Self::TakeOver => 'O',
            Self::Search => '/',
            Self::Filter => 'f',
            Self::Order => 'j',
            Self::Log => 'l',
            Self::Help => '?',
            Self::Quit => 'q',
        }
    }

    /// The verb of this key.
    #[must_use]
    pub fn of(key: char) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.key() == key)
    }

    const fn at(self) -> At {
        match self {
            Self::Grant
            | Self::Lower
            | Self::Silence
            | Self::Tick
            | Self::Rename
            | Self::Louder
            | Self::Softer
            | Self::Deputy
            | Self::Expel => At::Site,
            Self::Admit | Self::Refuse => At::Guest,
            _ => At::Meeting,
        }
    }

    /// Whether it needs no right of an operator's.
    const fn is_anybodys(self) -> bool {
        matches!(self, Self::Say | Self::Tell | Self::TakeOver) || self.is_of_this_end()
    }

    /// Whether the bridge has no part in it.
    const fn is_of_this_end(self) -> bool {
        matches!(
            self,
            Self::Microphone
                | Self::Search
                | Self::Filter
                | Self::Order
                | Self::Log
                | Self::Help
                | Self::Quit
        )
    }
}

impl Model {
    /// Whether this verb has a point as things are.
    #[must_use]
    pub fn can(&self, verb: Verb) -> bool {
        if verb.is_of_this_end() {
            return true;
        }
        if !self.is_in() || !(self.is_operator() || verb.is_anybodys()) {
            return false;
        }
        let (mode, recording) = (self.mode(), self.recording());
        let recorded = matches!(recording, Recording::On | Recording::Paused);
        let hands = self.roster.seats().filter(|seat| seat.hand != 0).count();
        let chosen = self.chosen();
        match verb {
            Verb::Grant => {
                mode != FloorMode::Open && chosen.is_some_and(|seat| seat.member != self.meeting.holder)
            }
            Verb::Next => mode != FloorMode::Open && hands > 0,
            Verb::TakeBack => self.meeting.holder != 0,
            Verb::Lower => chosen.is_some_and(|seat| seat.hand != 0),
            Verb::LowerAll => hands > 1,
            Verb::Silence => {
                let operator = |role| SiteRole::from_code(role) == Some(SiteRole::Operator);
                chosen.is_some_and(|seat| !operator(seat.role) || seat.silenced)
            }
            Verb::Tick => self.meeting.roll != 0 && chosen.is_some_and(is_called),
            Verb::Rename | Verb::Deputy => chosen.is_some(),
            Verb::Expel => chosen.is_some_and(|seat| seat.member != self.own),
            Verb::Louder => chosen.is_some_and(|seat| seat.gain_db < MAX_GAIN_DB),
            Verb::Softer => chosen.is_some_and(|seat| seat.gain_db > -MAX_GAIN_DB),
            Verb::Open => mode != FloorMode::Open,
            Verb::Moderated => mode != FloorMode::Moderated,
            Verb::Announcement => mode != FloorMode::Announcement,
            Verb::Turn => mode != FloorMode::Open,
            Verb::Pause => recorded,
            Verb::Admit | Verb::Refuse => self.guest().is_some(),
            Verb::TakeOver => !self.meeting.has_operator && self.meeting.deputy == self.own && self.own != 0,
            _ => true,
        }
    }

    /// Whether this verb would take back what it once did: its name is then another one.
    #[must_use]
    pub fn is_on(&self, verb: Verb) -> bool {
        let chosen = self.chosen();
        match verb {
            Verb::Silence => chosen.is_some_and(|seat| seat.silenced),
            Verb::Tick => chosen.is_some_and(|seat| seat.present == self.meeting.roll),
            Verb::Deputy => chosen.is_some_and(|seat| seat.member == self.meeting.deputy),
            Verb::RollCall => self.meeting.roll_left_s != 0,
            Verb::Record => matches!(self.recording(), Recording::On | Recording::Paused),
            Verb::Pause => self.recording() == Recording::Paused,
            Verb::Lock => self.meeting.locked,
            Verb::Newcomers => self.meeting.newcomers_silent,
            Verb::Play => !self.meeting.playing.is_empty(),
            Verb::Microphone => self.figures().is_some_and(|stats| stats.muted),
            _ => false,
        }
    }

    /// Whether what this verb does cannot be undone.
    fn asks_twice(&self, verb: Verb) -> bool {
        match verb {
            Verb::Expel
            | Verb::Refuse
            | Verb::SilenceAll
            | Verb::VoiceAll
            | Verb::LowerAll
            | Verb::TakeOver
            | Verb::Quit => true,
            // It takes all hands down, and the floor from whoever speaks.
            Verb::Open => self.meeting.holder != 0 || !self.hands().is_empty(),
            Verb::Record | Verb::RollCall => self.is_on(verb),
            _ => false,
        }
    }

    /// The operator wants this done.
    pub fn handle_verb(&mut self, now: Instant, verb: Verb) {
        let aim = self.aim(verb);
        if !self.can(verb) {
            self.last = Some((now, aim, Outcome::NotNow));
        } else if self.asks_twice(verb) {
            self.prompt = Prompt::Confirm(aim);
        } else {
            match verb {
                Verb::Search => self.prompt = Prompt::Search,
                Verb::Filter => self.filter = self.filter.next(),
                Verb::Order => self.order = self.order.next(),
                Verb::Help => self.turn_to(Page::Help),
                Verb::Log => self.turn_to(Page::Log(0)),
                Verb::Microphone => {
                    let muted = !self.is_on(verb);
                    self.commands.push_back(Command::Mute(muted));
                }
                Verb::Rename => {
                    let typed = aim.name.clone();
                    self.prompt = Prompt::Text { aim, typed, wrong: false };
                }
                Verb::Say | Verb::Tell | Verb::Turn => self.ask(aim),
                Verb::Play if !self.is_on(verb) => self.ask(aim),
                _ => self.act(now, aim, ""),
            }
        }
    }

    fn ask(&mut self, aim: Aim) {
        self.prompt = Prompt::Text { aim, typed: String::new(), wrong: false };
    }

    fn turn_to(&mut self, page: Page) {
        let same = std::mem::discriminant(&self.page) == std::mem::discriminant(&page);
        self.page = if same { Page::Sites } else { page };
    }

    fn aim(&self, verb: Verb) -> Aim {
        let (member, name) = match verb.at() {
            At::Site => self.chosen().map(|seat| (seat.member, seat.name.clone())).unwrap_or_default(),
            At::Guest => self.guest().map(|guest| (guest.member, guest.name.clone())).unwrap_or_default(),
            At::Meeting => (0, String::new()),
        };
        Aim { verb, member, name }
    }

    /// Asked for, and confirmed where that is needed. Returns whether it could be done with what was `typed`.
    pub(super) fn act(&mut self, now: Instant, aim: Aim, typed: &str) {
        if aim.verb == Verb::Quit {
            self.commands.push_back(Command::Stop);
        } else if let Some(what) = self.what(&aim, typed) {
            self.send(now, aim, what);
        } else {
            // Typed wrong: to be mended where it stands.
            self.prompt = Prompt::Text { aim, typed: typed.into(), wrong: true };
        }
    }

    /// The act; `None` for what was typed wrong.
    fn what(&self, Aim { verb, member, .. }: &Aim, typed: &str) -> Option<What> {
        let member = *member;
        let seat = self.roster.seat(member);
        let on = |is: fn(&giaoban_proto::wire::Seat) -> bool| seat.is_some_and(is);
        let floor = |mode: FloorMode, turn_s| What::SetFloor(SetFloor { mode: mode.code(), turn_s });
        let turn_s = self.meeting.turn_s;
        let gain = |step| {
            let db = seat.map_or(0, |seat| seat.gain_db).saturating_add(step);
            What::Gain(Gain { member, db: db.clamp(-MAX_GAIN_DB, MAX_GAIN_DB) })
        };
        let text = |most| Some(typed.trim()).filter(|text| !text.is_empty() && text.len() <= most);
        Some(match verb {
            Verb::Grant => What::Grant(member),
            Verb::Next => What::Grant(0),
            Verb::TakeBack => What::TakeBack(0),
            Verb::Lower => What::LowerHand(member),
            Verb::LowerAll => What::LowerHand(0),
            Verb::Silence => What::Silence(Silence { member, silent: !on(|seat| seat.silenced) }),
            Verb::SilenceAll => What::SilenceAll(SilenceAll { silent: true, but_floor: true }),
            Verb::VoiceAll => What::SilenceAll(SilenceAll { silent: false, but_floor: false }),
            Verb::Tick => {
                let answered = seat.is_some_and(|seat| seat.present == self.meeting.roll);
                What::Tick(Tick { member, present: !answered })
            }
            Verb::Rename => What::Rename(Rename { member, name: text(MAX_NAME_BYTES)?.into() }),
            Verb::Louder => gain(GAIN_STEP_DB),
            Verb::Softer => gain(-GAIN_STEP_DB),
            Verb::Deputy => What::Deputy(if member == self.meeting.deputy { 0 } else { member }),
            Verb::Expel => What::Expel(member),
            Verb::Open => floor(FloorMode::Open, turn_s),
            Verb::Moderated => floor(FloorMode::Moderated, turn_s),
            Verb::Announcement => floor(FloorMode::Announcement, turn_s),
            Verb::Turn => floor(self.mode(), turn(typed)?),
            Verb::RollCall => What::RollCall(if self.is_on(Verb::RollCall) { 0 } else { ROLL_S }),
            Verb::Record if self.is_on(Verb::Record) => What::Record(Record::Stop.code()),
            Verb::Pause if !self.is_on(Verb::Pause) => What::Record(Record::Pause.code()),
            Verb::Record | Verb::Pause => What::Record(Record::Start.code()),
            Verb::Lock => {
                What::SetRoom(SetRoom { locked: Some(!self.meeting.locked), newcomers_silent: None })
            }
            Verb::Newcomers => {
                let silent = !self.meeting.newcomers_silent;
                What::SetRoom(SetRoom { locked: None, newcomers_silent: Some(silent) })
            }
            Verb::Play if self.is_on(Verb::Play) => What::Play(String::new()),
            Verb::Play => What::Play(text(MAX_TEXT_BYTES)?.into()),
            Verb::Admit => What::LetIn(member),
            Verb::Refuse => What::TurnAway(member),
            Verb::Say => What::Say(Say { text: text(MAX_TEXT_BYTES)?.into(), to_operators: false }),
            Verb::Tell => What::Say(Say { text: text(MAX_TEXT_BYTES)?.into(), to_operators: true }),
            Verb::TakeOver => What::TakeOver(true),
            Verb::Microphone
            | Verb::Search
            | Verb::Filter
            | Verb::Order
            | Verb::Log
            | Verb::Help
            | Verb::Quit => {
                return None;
            }
        })
    }
}

/// The length of a turn in s: a bare number is minutes, and 0 has no end.
fn turn(typed: &str) -> Option<u32> {
    let typed = typed.trim();
    let bare = !typed.is_empty() && typed.bytes().all(|byte| byte.is_ascii_digit());
    let length = match typed {
        _ if bare && typed.bytes().all(|byte| byte == b'0') => Duration::ZERO,
        _ if bare => duration(&format!("{typed}m")).ok()?,
        _ => duration(typed).ok()?,
    };
    u32::try_from(length.as_secs()).ok()
}
