//! What stands on an operator's screen, in each language. Short: it has to fit eighty columns.

use super::Lang;
use super::floor;
use crate::console::model::{Event, Filter, Order, Outcome, Row, Trouble, Verb};
use giaoban_proto::wire::{FloorMode, NoticeKind, Recording, SiteRole};
use std::time::Duration;

/// The name of a verb; `on` where it takes back what it once did.
#[must_use]
pub fn verb(verb: Verb, on: bool, lang: Lang) -> &'static str {
    lang.text(match (verb, on) {
        (Verb::Grant, _) => "console-verb-grant",
        (Verb::Next, _) => "console-verb-next",
        (Verb::TakeBack, _) => "console-verb-take-back",
        (Verb::Lower, _) => "console-verb-lower",
        (Verb::LowerAll, _) => "console-verb-lower-all",
        (Verb::Silence, false) => "console-verb-silence",
        (Verb::Silence, true) => "console-verb-silence-back",
        (Verb::SilenceAll, _) => "console-verb-silence-all",
        (Verb::VoiceAll, _) => "console-verb-voice-all",
        (Verb::Tick, false) => "console-verb-tick",
        (Verb::Tick, true) => "console-verb-tick-back",
        (Verb::Rename, _) => "console-verb-rename",
        (Verb::Louder, _) => "console-verb-louder",
        (Verb::Softer, _) => "console-verb-softer",
        (Verb::Deputy, false) => "console-verb-deputy",
        (Verb::Deputy, true) => "console-verb-deputy-back",
        (Verb::Expel, _) => "console-verb-expel",
        (Verb::Open, _) => "console-verb-open",
        (Verb::Moderated, _) => "console-verb-moderated",
        (Verb::Announcement, _) => "console-verb-announcement",
        (Verb::Turn, _) => "console-verb-turn",
        (Verb::RollCall, false) => "console-verb-roll-call",
        (Verb::RollCall, true) => "console-verb-roll-call-back",
        (Verb::Record, false) => "console-verb-record",
        (Verb::Record, true) => "console-verb-record-back",
        (Verb::Pause, false) => "console-verb-pause",
        (Verb::Pause, true) => "console-verb-pause-back",
        (Verb::Lock, false) => "console-verb-lock",
        (Verb::Lock, true) => "console-verb-lock-back",
        (Verb::Newcomers, false) => "console-verb-newcomers",
        (Verb::Newcomers, true) => "console-verb-newcomers-back",
        (Verb::Play, false) => "console-verb-play",
        (Verb::Play, true) => "console-verb-play-back",
        (Verb::Admit, _) => "console-verb-admit",
        (Verb::Refuse, _) => "console-verb-refuse",
        (Verb::Say, _) => "console-verb-say",
        (Verb::Tell, _) => "console-verb-tell",
        (Verb::Microphone, false) => "console-verb-microphone",
        (Verb::Microphone, true) => "console-verb-microphone-back",
        (Verb::TakeOver, _) => "console-verb-take-over",
        (Verb::Search, _) => "console-verb-search",
        (Verb::Filter, _) => "console-verb-filter",
        (Verb::Order, _) => "console-verb-order",
        (Verb::Log, _) => "console-verb-log",
        (Verb::Help, _) => "console-verb-help",
        (Verb::Quit, _) => "console-verb-quit",
    })
}

/// What a verb does, on one line of the help.
#[must_use]
pub fn help(verb: Verb, lang: Lang) -> &'static str {
    lang.text(match verb {
        Verb::Grant => "console-help-grant",
        Verb::Next => "console-help-next",
        Verb::TakeBack => "console-help-take-back",
        Verb::Lower => "console-help-lower",
        Verb::LowerAll => "console-help-lower-all",
        Verb::Silence => "console-help-silence",
        Verb::SilenceAll => "console-help-silence-all",
        Verb::VoiceAll => "console-help-voice-all",
        Verb::Tick => "console-help-tick",
        Verb::Rename => "console-help-rename",
        Verb::Louder => "console-help-louder",
        Verb::Softer => "console-help-softer",
        Verb::Deputy => "console-help-deputy",
        Verb::Expel => "console-help-expel",
        Verb::Admit => "console-help-admit",
        Verb::Refuse => "console-help-refuse",
        Verb::Open => "console-help-open",
        Verb::Moderated => "console-help-moderated",
        Verb::Announcement => "console-help-announcement",
        Verb::Turn => "console-help-turn",
        Verb::RollCall => "console-help-roll-call",
        Verb::Record => "console-help-record",
        Verb::Pause => "console-help-pause",
        Verb::Play => "console-help-play",
        Verb::Lock => "console-help-lock",
        Verb::Newcomers => "console-help-newcomers",
        Verb::Say => "console-help-say",
        Verb::Tell => "console-help-tell",
        Verb::TakeOver => "console-help-take-over",
        Verb::Microphone => "console-help-microphone",
        Verb::Search => "console-help-search",
        Verb::Filter => "console-help-filter",
        Verb::Order => "console-help-order",
        Verb::Log => "console-help-log",
        Verb::Help => "console-help-help",
        Verb::Quit => "console-help-quit",
    })
}

/// What is asked before a verb that cannot be undone; `on` as in [`verb`].
#[must_use]
pub fn confirm(what: Verb, name: &str, lang: Lang) -> String {
    match what {
        Verb::Expel => lang.with("console-confirm-expel", &[("name", &name)]),
        Verb::Refuse => lang.with("console-confirm-refuse", &[("name", &name)]),
        Verb::SilenceAll => lang.text("console-confirm-silence-all").into(),
        Verb::VoiceAll => lang.text("console-confirm-voice-all").into(),
        Verb::LowerAll => lang.text("console-confirm-lower-all").into(),
        Verb::Open => lang.text("console-confirm-open").into(),
        Verb::Record => lang.text("console-confirm-record").into(),
        Verb::RollCall => lang.text("console-confirm-roll-call").into(),
        Verb::TakeOver => lang.text("console-confirm-take-over").into(),
        Verb::Quit => lang.text("console-confirm-quit").into(),
        other => format!("{}?", verb(other, false, lang)),
    }
}

/// What is to be typed for a verb.
#[must_use]
pub fn ask(what: Verb, name: &str, lang: Lang) -> String {
    match what {
        Verb::Rename => lang.with("console-ask-rename", &[("name", &name)]),
        Verb::Say => lang.text("console-ask-say").into(),
        Verb::Tell => lang.text("console-ask-tell").into(),
        Verb::Play => lang.text("console-ask-play").into(),
        Verb::Turn => lang.text("console-ask-turn").into(),
        other => format!("{}:", verb(other, false, lang)),
    }
}

/// A few words that stand by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Label {
    Connecting,
    Reconnecting,
    NoOperatorHere,
    MeetingWithoutOperator,
    Site,
    State,
    Level,
    Hears,
    Sends,
    RoundTrip,
    Hands,
    NoHands,
    Lobby,
    Log,
    Empty,
    Locked,
    NewcomersSilent,
    MicrophoneOff,
    MicrophoneOn,
    NoHolder,
    Yes,
    No,
    Send,
    Cancel,
    TypedWrong,
    Find,
    You,
    Deputy,
    Source,
    TwoWay,
    Space,
    Legend,
    Legend2,
}

impl Label {
    /// All of them.
    pub const ALL: [Self; 33] = [
        Self::Connecting,
        Self::Reconnecting,
        Self::NoOperatorHere,
        Self::MeetingWithoutOperator,
        Self::Site,
        Self::State,
        Self::Level,
        Self::Hears,
        Self::Sends,
        Self::RoundTrip,
        Self::Hands,
        Self::NoHands,
        Self::Lobby,
        Self::Log,
        Self::Empty,
        Self::Locked,
        Self::NewcomersSilent,
        Self::MicrophoneOff,
        Self::MicrophoneOn,
        Self::NoHolder,
        Self::Yes,
        Self::No,
        Self::Send,
        Self::Cancel,
        Self::TypedWrong,
        Self::Find,
        Self::You,
        Self::Deputy,
        Self::Source,
        Self::TwoWay,
        Self::Space,
        Self::Legend,
        Self::Legend2,
    ];

    /// In words.
    #[must_use]
    pub fn text(self, lang: Lang) -> &'static str {
        lang.text(match self {
            Self::Connecting => "console-connecting",
            Self::Reconnecting => "console-reconnecting",
            Self::NoOperatorHere => "console-no-operator-here",
            Self::MeetingWithoutOperator => "console-meeting-without-operator",
            Self::Site => "console-site",
            Self::State => "console-state",
            Self::Level => "console-level",
            Self::Hears => "console-hears",
            Self::Sends => "console-sends",
            Self::RoundTrip => "console-round-trip",
            Self::Hands => "console-hands",
            Self::NoHands => "console-no-hands",
            Self::Lobby => "console-lobby",
            Self::Log => "console-log",
            Self::Empty => "console-empty",
            Self::Locked => "console-locked",
            Self::NewcomersSilent => "console-newcomers-silent",
            Self::MicrophoneOff => "console-microphone-off",
            Self::MicrophoneOn => "console-microphone-on",
            Self::NoHolder => "console-no-holder",
            Self::Yes => "console-yes",
            Self::No => "console-no",
            Self::Send => "console-send",
            Self::Cancel => "console-cancel",
            Self::TypedWrong => "console-typed-wrong",
            Self::Find => "console-find",
            Self::You => "console-you",
            Self::Deputy => "console-deputy",
            Self::Source => "console-source",
            Self::TwoWay => "console-two-way",
            Self::Space => "console-space",
            Self::Legend => "console-legend",
            Self::Legend2 => "console-legend2",
        })
    }
}

/// Who may speak.
#[must_use]
pub fn mode(mode: FloorMode, lang: Lang) -> &'static str {
    lang.text(match mode {
        FloorMode::Open => "console-mode-open",
        FloorMode::Moderated => "console-mode-moderated",
        FloorMode::Announcement => "console-mode-announcement",
    })
}

/// How the recording stands; nothing for none.
#[must_use]
pub fn recording(recording: Recording, lang: Lang) -> &'static str {
    match recording {
        Recording::Off => "",
        Recording::On => lang.text("console-recording-on"),
        Recording::Paused => lang.text("console-recording-paused"),
        Recording::Failed => lang.text("console-recording-failed"),
    }
}

/// What is wrong with a site.
#[must_use]
pub fn trouble(trouble: Trouble, lang: Lang) -> &'static str {
    lang.text(match trouble {
        Trouble::Away => "console-trouble-away",
        Trouble::HearsBadly => "console-trouble-hears-badly",
        Trouble::NoMicrophone => "console-trouble-no-microphone",
        Trouble::DeadMicrophone => "console-trouble-dead-microphone",
        Trouble::HeardBadly => "console-trouble-heard-badly",
        Trouble::Clipping => "console-trouble-clipping",
        Trouble::Slow => "console-trouble-slow",
    })
}

/// The state of a site in its column: what matters most of it. `left` is how long it still has the floor.
#[must_use]
pub fn state(row: &Row<'_>, left: Option<Duration>, lang: Lang) -> String {
    if let Some(away) = row.away {
        return format!("{} {}", lang.text("console-state-away"), clock(away));
    }
    if row.floor {
        let floor = lang.text("console-state-floor");
        return left.map_or_else(|| floor.into(), |left| format!("{floor} {}", clock(left)));
    }
    if let Some(place) = row.place {
        return format!("{} {place}", lang.text("console-state-hand"));
    }
    if let Some(found) = row.trouble {
        return trouble(found, lang).into();
    }
    let role = SiteRole::from_code(row.seat.role);
    match row {
        _ if row.seat.silenced => lang.text("console-state-silenced"),
        _ if role == Some(SiteRole::Listener) => lang.text("console-state-listens"),
        _ if row.seat.muted => lang.text("console-state-muted"),
        _ if row.is_loud() => lang.text("console-state-speaks"),
        _ if role == Some(SiteRole::Operator) => lang.text("console-state-operator"),
        _ if role == Some(SiteRole::Source) => lang.text("console-state-source"),
        _ => lang.text("console-state-here"),
    }
    .into()
}

/// Which sites are shown; nothing for all.
#[must_use]
pub fn filter(filter: Filter, lang: Lang) -> &'static str {
    match filter {
        Filter::All => "",
        Filter::Trouble => lang.text("console-filter-trouble"),
        Filter::Hands => lang.text("console-filter-hands"),
        Filter::Unanswered => lang.text("console-filter-unanswered"),
    }
}

/// In which order they are.
#[must_use]
pub fn order(order: Order, lang: Lang) -> &'static str {
    lang.text(match order {
        Order::Trouble => "console-order-trouble",
        Order::Hands => "console-order-hands",
        Order::Names => "console-order-names",
    })
}

/// How many there are, and how they are.
#[must_use]
pub fn counts(sites: usize, away: usize, trouble: usize, lang: Lang) -> String {
    let key = if sites == 1 { "console-counts-one" } else { "console-counts" };
    lang.with(key, &[("sites", &sites), ("away", &away), ("trouble", &trouble)])
}

/// How a roll call goes.
#[must_use]
pub fn roll(roll: u32, (here, of): (usize, usize), left: Option<Duration>, lang: Lang) -> String {
    let roll = lang.with("console-roll", &[("roll", &roll), ("here", &here), ("of", &of)]);
    match left {
        Some(left) => format!("{roll} {}", clock(left)),
        None => roll,
    }
}

/// What became of an act.
#[must_use]
pub fn outcome(what: Verb, name: &str, outcome: &Outcome, lang: Lang) -> String {
    let about = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let became = match outcome {
        Outcome::Asked => "…",
        Outcome::Done(Some(giaoban_proto::wire::ActCode::Done)) => lang.text("console-done"),
        Outcome::Done(of) => {
            let not = lang.text("console-not-done");
            return format!("{}{about}: {not}, {}", verb(what, false, lang), floor::code(*of, lang));
        }
        Outcome::NoAnswer => lang.text("console-no-answer"),
        Outcome::NotNow => lang.text("console-not-now"),
    };
    format!("{}{about}: {became}", verb(what, false, lang))
}

/// Something that happened.
#[must_use]
pub fn event(event: &Event, lang: Lang) -> String {
    match event {
        Event::Came { name, guest: false } => lang.with("console-came", &[("name", &name)]),
        Event::Came { name, guest: true } => lang.with("console-came-guest", &[("name", &name)]),
        Event::Left(name) => lang.with("console-left", &[("name", &name)]),
        Event::Away(name) => lang.with("console-line-lost", &[("name", &name)]),
        Event::Back(name) => lang.with("console-back", &[("name", &name)]),
        Event::Hand(name) => lang.with("console-wants", &[("name", &name)]),
        Event::Floor(name) => lang.with("console-has-floor", &[("name", &name)]),
        Event::NoFloor => lang.text("console-no-floor").into(),
        Event::Mode(mode) => self::mode(*mode, lang).into(),
        Event::Silenced { name, silenced: true } => lang.with("console-silenced", &[("name", &name)]),
        Event::Silenced { name, silenced: false } => lang.with("console-voice-back", &[("name", &name)]),
        Event::Waits(name) => lang.with("console-waits", &[("name", &name)]),
        Event::Roll(roll) => lang.with("console-roll-call", &[("roll", &roll)]),
        Event::RollOver { roll, here, of } => {
            lang.with("console-roll-over", &[("roll", &roll), ("here", &here), ("of", &of)])
        }
        Event::Recording(Recording::Off) => lang.text("console-recording-over").into(),
        Event::Recording(Recording::On) => lang.text("console-records").into(),
        Event::Recording(Recording::Paused) => lang.text("console-recording-pauses").into(),
        Event::Recording(Recording::Failed) => lang.text("console-recording-fails").into(),
        Event::Locked(true) => lang.text("console-room-locked").into(),
        Event::Locked(false) => lang.text("console-room-unlocked").into(),
        Event::NewcomersSilent(true) => lang.text("console-newcomers-silenced").into(),
        Event::NewcomersSilent(false) => lang.text("console-newcomers-speak").into(),
        Event::Playing(name) if name.is_empty() => lang.text("console-plays-nothing").into(),
        Event::Playing(name) => lang.with("console-plays", &[("name", &name)]),
        Event::Operator(true) => lang.text("console-operator-again").into(),
        Event::Operator(false) => lang.text("console-operator-gone").into(),
        Event::Notice { kind, name } => match kind {
            NoticeKind::CameTwice => lang.with("console-came-twice", &[("name", &name)]),
            NoticeKind::Howls => lang.with("console-howled", &[("name", &name)]),
            NoticeKind::Echoes => lang.with("console-echoed", &[("name", &name)]),
            NoticeKind::TookOver => lang.with("console-took-over", &[("name", &name)]),
            NoticeKind::RecordingFailed => lang.text("console-cannot-record").into(),
        },
        Event::Trouble { name, trouble } => format!("{name}: {}", self::trouble(*trouble, lang)),
        Event::Said { name, text, to_operators: false } => {
            lang.with("console-said", &[("name", &name), ("text", &text)])
        }
        Event::Said { name, text, to_operators: true } => {
            lang.with("console-said-to-operators", &[("name", &name), ("text", &text)])
        }
        Event::NotDone { aim, outcome } => self::outcome(aim.verb, &aim.name, outcome, lang),
        Event::Note(text) => text.clone(),
    }
}

/// Why there is no screen.
#[must_use]
pub fn no_terminal(lang: Lang) -> &'static str {
    lang.text("console-no-terminal")
}

/// Minutes and seconds, and hours where there are some.
#[must_use]
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// All are there, translated, and of different verbs no two are the same.
    fn apart(texts: impl Iterator<Item = [String; 2]>) {
        let mut said: [BTreeSet<String>; 2] = Default::default();
        let mut count = 0;
        for texts in texts {
            count += 1;
            for (text, said) in texts.into_iter().zip(&mut said) {
                assert!(!text.trim().is_empty() && text.lines().count() == 1, "{text:?}");
                said.insert(text);
            }
        }
        assert_eq!(said.each_ref().map(BTreeSet::len), [count, count]);
        assert!(said[0].is_disjoint(&said[1]), "untranslated");
    }

    fn both(text: impl Fn(Lang) -> String) -> [String; 2] {
        [text(Lang::En), text(Lang::Vi)]
    }

    #[test]
    fn every_verb_has_a_name_and_a_help_of_its_own_that_fit_their_columns() {
        apart(Verb::ALL.into_iter().map(|what| both(|lang| verb(what, false, lang).into())));
        apart(Verb::ALL.into_iter().map(|what| both(|lang| help(what, lang).into())));
        for what in Verb::ALL {
            for lang in [Lang::En, Lang::Vi] {
                assert!(
                    [false, true].iter().all(|on| verb(what, *on, lang).chars().count() <= 16),
                    "{what:?}"
                );
                assert!(help(what, lang).chars().count() <= 33, "{}", help(what, lang));
                assert!(!confirm(what, "Tri Lễ", lang).is_empty() && !ask(what, "Tri Lễ", lang).is_empty());
            }
        }
        apart(Label::ALL.into_iter().map(|label| both(|lang| label.text(lang).into())));
    }

    #[test]
    fn every_event_has_one_line_of_its_own_in_each_language() {
        use crate::console::model::Aim;
        let name = || "Tri Lễ".to_owned();
        let mut events = vec![
            Event::Came { name: name(), guest: false },
            Event::Came { name: name(), guest: true },
            Event::Left(name()),
            Event::Away(name()),
            Event::Back(name()),
            Event::Hand(name()),
            Event::Floor(name()),
            Event::NoFloor,
            Event::Silenced { name: name(), silenced: true },
            Event::Silenced { name: name(), silenced: false },
            Event::Waits(name()),
            Event::Roll(2),
            Event::RollOver { roll: 2, here: 17, of: 20 },
            Event::Locked(true),
            Event::Locked(false),
            Event::NewcomersSilent(true),
            Event::NewcomersSilent(false),
            Event::Playing(String::new()),
            Event::Playing("khai-mac".into()),
            Event::Operator(true),
            Event::Operator(false),
            Event::Said { name: name(), text: "112/BC".into(), to_operators: false },
            Event::Said { name: name(), text: "112/BC".into(), to_operators: true },
        ];
        events.extend(FloorMode::ALL.map(Event::Mode));
        events.extend(Recording::ALL.map(Event::Recording));
        events.extend(NoticeKind::ALL.map(|kind| Event::Notice { kind, name: name() }));
        events.extend(Trouble::ALL.map(|trouble| Event::Trouble { name: name(), trouble }));
        let aim = || Aim { verb: Verb::Expel, member: 7, name: name() };
        let codes = giaoban_proto::wire::ActCode::ALL.map(|code| Outcome::Done(Some(code)));
        let outcomes = codes.into_iter().chain([Outcome::Done(None), Outcome::NoAnswer, Outcome::NotNow]);
        events.extend(outcomes.map(|outcome| Event::NotDone { aim: aim(), outcome }));
        apart(events.iter().map(|what| both(|lang| event(what, lang))));
    }

    #[test]
    fn what_is_asked_and_how_the_meeting_stands_is_said_in_each_language() {
        let name = "Tri Lễ";
        apart(Verb::ALL.into_iter().map(|what| both(|lang| confirm(what, name, lang))));
        apart(Verb::ALL.into_iter().map(|what| both(|lang| ask(what, name, lang))));
        let turned =
            Verb::ALL.into_iter().filter(|what| verb(*what, true, Lang::En) != verb(*what, false, Lang::En));
        apart(turned.map(|what| both(|lang| verb(what, true, lang).into())));
        apart(FloorMode::ALL.into_iter().map(|of| both(|lang| mode(of, lang).into())));
        apart(Recording::ALL[1..].iter().map(|of| both(|lang| recording(*of, lang).into())));
        apart(Trouble::ALL.into_iter().map(|of| both(|lang| trouble(of, lang).into())));
        let filters = [Filter::Trouble, Filter::Hands, Filter::Unanswered];
        apart(filters.into_iter().map(|of| both(|lang| filter(of, lang).into())));
        apart(
            [Order::Trouble, Order::Hands, Order::Names]
                .into_iter()
                .map(|of| both(|lang| order(of, lang).into())),
        );
        apart([1, 12].into_iter().map(|sites| both(|lang| counts(sites, 2, 3, lang))));
        let left = [None, Some(Duration::from_secs(65))];
        apart(left.into_iter().map(|left| both(|lang| roll(2, (17, 20), left, lang))));
        let outcomes = [Outcome::Asked, Outcome::NoAnswer, Outcome::Done(None)];
        apart(outcomes.iter().map(|of| both(|lang| outcome(Verb::Expel, "", of, lang))));
        apart(std::iter::once(both(|lang| no_terminal(lang).into())));
        assert_eq!([Lang::En, Lang::Vi].map(|lang| filter(Filter::All, lang)), ["", ""]);
    }

    #[test]
    fn the_state_of_a_site_is_what_matters_most_of_it() {
        use giaoban_proto::wire::{LineFigures, Seat};
        let role = |role: SiteRole| Seat { role: role.code(), ..Seat::default() };
        let seat = role(SiteRole::Participant);
        let plain = Row {
            seat: &seat,
            line: None,
            trouble: None,
            away: None,
            place: None,
            floor: false,
            answered: None,
            own: false,
            deputy: false,
            chosen: false,
        };
        let line = LineFigures { level: 2, ..LineFigures::default() };
        let seats = [
            Seat { silenced: true, ..seat.clone() },
            Seat { muted: true, ..seat.clone() },
            role(SiteRole::Listener),
            role(SiteRole::Operator),
            role(SiteRole::Source),
        ];
        let mut rows = vec![
            plain,
            Row { away: Some(Duration::from_secs(65)), ..plain },
            Row { floor: true, ..plain },
            Row { place: Some(2), ..plain },
            Row { trouble: Some(Trouble::Slow), ..plain },
            Row { line: Some(&line), ..plain },
        ];
        rows.extend(seats.iter().map(|seat| Row { seat, ..plain }));
        apart(rows.iter().map(|row| both(|lang| state(row, None, lang))));
        let floor = Row { floor: true, ..plain };
        assert_eq!(state(&floor, Some(Duration::from_secs(65)), Lang::En), "FLOOR 1:05");
    }

    #[test]
    fn clocks_are_read_at_a_glance() {
        let of = |seconds| clock(Duration::from_secs(seconds));
        assert_eq!([of(0), of(59), of(125), of(3605)], ["0:00", "0:59", "2:05", "1:00:05"]);
    }
}
