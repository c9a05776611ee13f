//! All that is said to a person, in English and in Vietnamese.
//!
//! Each message is one line: what happened, and what to do where there is something to do. Nothing here decides
//! when it is said. What a person mistyped is answered by `settings`, what is wrong with a sound file or a device
//! by `audio`, in English.

mod check;
pub mod console;
mod ctl;
mod deed;
mod floor;
mod fluent;
mod loss;
mod missed;

pub use check::CheckWords;
pub use ctl::CtlWords;
pub use missed::MissedWords;

use crate::budget;
use crate::floor::News;
use crate::roster::Bar;
use crate::session::{End, Loss};
use giaoban_proto::wire::{ActCode, CloseCode, NoticeKind};
use std::fmt::Display;

/// A language that a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Vietnamese.
    Vi,
}

impl Lang {
    /// From the environment's locale, such as `vi_VN.UTF-8`: `LC_ALL` first, then `LANG`. English for all others.
    #[must_use]
    pub fn from_locale(lc_all: Option<&str>, lang: Option<&str>) -> Self {
        let locale = lc_all.filter(|locale| !locale.is_empty()).or(lang).unwrap_or_default();
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("vi") { Self::Vi } else { Self::En }
    }
}

/// One message.
#[derive(Clone, Copy)]
pub enum Message<'a> {
    /// The first attempt begins.
    Connecting {
        /// The bridge, as the link names it.
        host: &'a str,
    },
    /// In.
    Joined {
        /// The room.
        room: &'a str,
        /// The name under which the others see this site.
        name: &'a str,
        /// How many they are.
        others: usize,
    },
    /// This guest waits in the lobby.
    InLobby,
    /// Somebody came.
    Came {
        /// Its name.
        name: &'a str,
        /// Whether by PIN.
        guest: bool,
    },
    /// Somebody went.
    Left(&'a str),
    /// The room is no longer heard.
    Lost,
    /// It is heard again.
    Back,
    /// The microphone is off.
    Muted,
    /// The microphone is on.
    Unmuted,
    /// This site may not speak (any more).
    MayNotSpeak(Bar),
    /// It may, and its microphone is as it was.
    MaySpeak {
        /// Off?
        muted: bool,
    },
    /// To an operator: a guest is in the lobby.
    GuestWaits {
        /// How it calls itself.
        name: &'a str,
        /// Its number, which acts name it by.
        number: u64,
    },
    /// The floor, the roll call, the recording.
    Floor {
        /// What is new.
        news: News,
        /// Whether this program answers roll calls by itself.
        answers: bool,
    },
    /// Somebody says something in writing.
    Said {
        /// Who.
        name: &'a str,
        /// What.
        text: &'a str,
        /// Whether operators alone read it.
        to_operators: bool,
    },
    /// This site talks, and nobody hears it: its microphone is off, or for this reason.
    Unheard(Option<Bar>),
    /// The bridge did not take what this program did by itself: a hand, or an answer to the roll call.
    NotTaken(Option<ActCode>),
    /// To an operator, and to whom it is about: something has happened.
    Notice {
        /// What.
        kind: NoticeKind,
        /// The name of whom it is about.
        name: &'a str,
        /// Its number.
        number: u64,
        /// Whether that is this site.
        own: bool,
    },
    /// The meeting of the invitation is remembered from now on.
    Remembered,
    /// So are the bridge's new keys.
    KeysNoted,
    /// The memory cannot be used.
    NotRemembered(&'a dyn Display),
    /// No meeting is remembered, and none was named.
    NothingRemembered,
    /// A link is to be opened in the window, and there is no screen or no window.
    NoScreen,
    /// The PIN is asked for, on a line that goes on.
    AskPin,
    /// There is nobody to ask.
    NoPin,
    /// What was typed is none.
    NotAPin,
    /// A microphone stopped giving sound.
    MicrophoneGone,
    /// It is back.
    MicrophoneBack,
    /// A loudspeaker stopped taking sound.
    LoudspeakerGone,
    /// It is back.
    LoudspeakerBack,
    /// The input file is at its end.
    InputEnded {
        /// Whether a source, which has nothing else to do here, leaves for it.
        leaves: bool,
    },
    /// Of the data of the meeting most is used, or all.
    Budget {
        /// Which.
        news: budget::News,
        /// Bytes used.
        used: u64,
        /// Bytes that there are.
        max: u64,
    },
    /// What was missed of a meeting that is recorded.
    Missed(crate::missed::News),
    /// It is there: where, and how many seconds it is long.
    MissedIsThere {
        /// The file.
        path: &'a dyn Display,
        /// How long it is.
        seconds: u64,
    },
    /// It cannot be kept.
    MissedNotKept(&'a dyn Display),
    /// Something about sound that cannot be gone on from.
    Sound(&'a dyn Display),
    /// The bridge let the site in, and no door could be made for it.
    Fault(&'a dyn Display),
    /// Over, with why.
    End(End, &'a str),
    /// Ctrl-C was heard; the second one ends at once.
    Stopping,
}

impl Message<'_> {
    /// The message in words.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match *self {
            Self::Connecting { host } => lang.with("told-connecting", &[("host", &host)]),
            Self::Joined { room, name, others: 0 } => {
                lang.with("told-joined-alone", &[("room", &room), ("name", &name)])
            }
            Self::Joined { room, name, others: others @ 1 } => {
                lang.with("told-joined-one", &[("room", &room), ("name", &name), ("others", &others)])
            }
            Self::Joined { room, name, others } => {
                lang.with("told-joined", &[("room", &room), ("name", &name), ("others", &others)])
            }
            Self::InLobby => lang.text("told-in-lobby").into(),
            Self::Came { name, guest: false } => lang.with("told-came", &[("name", &name)]),
            Self::Came { name, guest: true } => lang.with("told-came-guest", &[("name", &name)]),
            Self::Left(name) => lang.with("told-left", &[("name", &name)]),
            Self::Lost => lang.text("told-lost").into(),
            Self::Back => lang.text("told-back").into(),
            Self::Muted => lang.text("told-muted").into(),
            Self::Unmuted => lang.text("told-unmuted").into(),
            Self::MayNotSpeak(Bar::Listener) => lang.text("told-listener").into(),
            Self::MayNotSpeak(Bar::Silenced) => lang.text("told-silenced").into(),
            Self::MaySpeak { muted: false } => lang.text("told-may-speak").into(),
            Self::MaySpeak { muted: true } => lang.text("told-may-speak-muted").into(),
            Self::GuestWaits { name, number } => {
                lang.with("told-guest-waits", &[("name", &name), ("number", &number)])
            }
            Self::MayNotSpeak(Bar::NoFloor) => lang.text("told-no-floor").into(),
            Self::Floor { news, answers } => floor::news(news, answers, lang),
            Self::Said { name, text, to_operators: false } => {
                lang.with("told-said", &[("name", &name), ("text", &text)])
            }
            Self::Said { name, text, to_operators: true } => {
                lang.with("told-said-to-operators", &[("name", &name), ("text", &text)])
            }
            Self::Unheard(why) => floor::unheard(why, lang),
            Self::NotTaken(code) => lang.with("told-not-taken", &[("why", &floor::code(code, lang))]),
            Self::Notice { kind, name, number, own } => floor::notice(kind, name, number, own, lang),
            Self::Remembered => lang.text("told-remembered").into(),
            Self::Missed(news) => missed::news(news, lang),
            Self::MissedIsThere { path, seconds } => missed::there(&path.to_string(), seconds, lang),
            Self::MissedNotKept(error) => lang.with("told-missed-not-kept", &[("error", &error)]),
            Self::KeysNoted => lang.text("told-keys-noted").into(),
            Self::NotRemembered(error) => lang.with("told-not-remembered", &[("error", &error)]),
            Self::NothingRemembered => lang.text("told-nothing-remembered").into(),
            Self::NoScreen => lang.text("told-no-screen").into(),
            Self::AskPin => lang.text("told-ask-pin").into(),
            Self::NoPin => lang.text("told-no-pin").into(),
            Self::NotAPin => lang.text("told-not-a-pin").into(),
            Self::MicrophoneGone => lang.text("told-microphone-gone").into(),
            Self::MicrophoneBack => lang.text("told-microphone-back").into(),
            Self::LoudspeakerGone => lang.text("told-loudspeaker-gone").into(),
            Self::LoudspeakerBack => lang.text("told-loudspeaker-back").into(),
            Self::InputEnded { leaves: false } => lang.text("told-input-ended").into(),
            Self::InputEnded { leaves: true } => lang.text("told-input-ended-leaves").into(),
            Self::Budget { news: budget::News::Low, used, max } => {
                lang.with("told-budget-low", &[("used", &mb(used, lang)), ("max", &mb(max, lang))])
            }
            Self::Budget { news: budget::News::Spent, max, .. } => {
                lang.with("told-budget-spent", &[("max", &mb(max, lang))])
            }
            Self::Sound(error) => lang.with("told-sound", &[("error", &error)]),
            Self::Fault(error) => lang.with("told-fault", &[("error", &error)]),
            Self::Stopping => lang.text("told-stopping").into(),
            Self::End(end, host) => match end {
                End::Asked => lang.text("told-asked").into(),
                End::Ended => lang.text("told-ended").into(),
                End::Refused(loss @ Loss::Closed(code)) if is_put_out(code) => {
                    lang.with("told-put-out", &[("why", &loss::loss(loss, host, lang))])
                }
                End::Refused(loss) => {
                    lang.with("told-not-admitted", &[("why", &loss::loss(loss, host, lang))])
                }
                End::NotReachable(None) => {
                    lang.with("told-no-answer", &[("why", &loss::loss(Loss::Broken, host, lang))])
                }
                End::NotReachable(Some(loss @ (Loss::OtherVersion | Loss::NoWelcome))) => {
                    lang.with("told-not-in-room", &[("why", &loss::loss(loss, host, lang))])
                }
                End::NotReachable(Some(loss)) => {
                    lang.with("told-no-answer", &[("why", &loss::loss(loss, host, lang))])
                }
            },
        }
    }
}

/// Bytes as megabytes, to a tenth where that is not nought.
fn mb(bytes: u64, lang: Lang) -> String {
    let tenths = lang.number(bytes as f64 / 1e6, 1);
    tenths.strip_suffix(".0").or_else(|| tenths.strip_suffix(",0")).unwrap_or(&tenths).to_owned()
}

/// Whether a close with this code is mostly the end of something that had begun.
const fn is_put_out(code: CloseCode) -> bool {
    matches!(code, CloseCode::Replaced | CloseCode::BadMessage | CloseCode::Expelled | CloseCode::Revoked)
}

/// Sees to it that each of these is one line, like no other and in no two languages the same; the English ones.
#[cfg(test)]
fn each_has_a_line_of_its_own<M>(
    messages: &[M],
    text: impl Fn(&M, Lang) -> String,
) -> std::collections::BTreeSet<String> {
    let [english, vietnamese] = [Lang::En, Lang::Vi].map(|lang| {
        let texts = messages.iter().map(|message| text(message, lang));
        let lines = texts.inspect(|text| assert!(!text.is_empty() && text.lines().count() == 1, "{text:?}"));
        lines.collect::<std::collections::BTreeSet<_>>()
    });
    assert_eq!((english.len(), vietnamese.len()), (messages.len(), messages.len()));
    assert!(english.is_disjoint(&vietnamese), "untranslated");
    english
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::missed::News as Gap;
    use giaoban_proto::wire::FetchCode;
    use giaoban_proto::wire::{FloorMode, Recording};
    use std::collections::BTreeSet;

    /// All that is said of the floor; a new variant does not build until it has its words.
    const NEWS: [News; 18] = [
        News::Mode { mode: FloorMode::Open, speaks: true },
        News::Mode { mode: FloorMode::Moderated, speaks: true },
        News::Mode { mode: FloorMode::Moderated, speaks: false },
        News::Mode { mode: FloorMode::Announcement, speaks: true },
        News::Mode { mode: FloorMode::Announcement, speaks: false },
        News::Yours { seconds: 0 },
        News::Yours { seconds: 180 },
        News::Ending,
        News::Gone,
        News::Place(1),
        News::Place(3),
        News::Lowered,
        News::Roll { number: 2, seconds: 90 },
        News::Counted,
        News::Recording(Recording::On),
        News::Recording(Recording::Paused),
        News::Recording(Recording::Off),
        News::Recording(Recording::Failed),
    ];

    /// The message after this one, of which there were `told` about the floor; a new variant does not build until it
    /// has its place here.
    fn next(message: &Message<'static>, told: usize) -> Option<Message<'static>> {
        use Message as M;
        Some(match message {
            M::Connecting { .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 0 },
            M::Joined { others: 0, .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 1 },
            M::Joined { others: 1, .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 12 },
            M::Joined { .. } => M::InLobby,
            M::InLobby => M::Came { name: "Tri Lễ", guest: false },
            M::Came { name, guest: false } => M::Came { name, guest: true },
            M::Came { .. } => M::Left("Tri Lễ"),
            M::Left(_) => M::Lost,
            M::Lost => M::Back,
            M::Back => M::Muted,
            M::Muted => M::Unmuted,
            M::Unmuted => M::MayNotSpeak(Bar::Listener),
            M::MayNotSpeak(Bar::Listener) => M::MayNotSpeak(Bar::Silenced),
            M::MayNotSpeak(Bar::Silenced) => M::MayNotSpeak(Bar::NoFloor),
            M::MayNotSpeak(Bar::NoFloor) => M::MaySpeak { muted: false },
            M::MaySpeak { muted: false } => M::MaySpeak { muted: true },
            M::MaySpeak { muted: true } => M::GuestWaits { name: "Tri Lễ", number: 7 },
            M::GuestWaits { name, number } => {
                M::Notice { kind: NoticeKind::CameTwice, name, number: *number, own: false }
            }
            M::Notice { kind: NoticeKind::RecordingFailed, name, .. } => {
                M::Said { name, text: "112/BC", to_operators: false }
            }
            M::Notice { kind, name, number, own } => {
                let next = || NoticeKind::from_code(kind.code() + 1);
                let apart = *kind != NoticeKind::CameTwice && !own;
                let kind = if apart { *kind } else { next()? };
                M::Notice { kind, name, number: *number, own: apart }
            }
            M::Said { name, text, to_operators: false } => M::Said { name, text, to_operators: true },
            M::Said { .. } => M::Unheard(None),
            M::Unheard(None) => M::Unheard(Some(Bar::Listener)),
            M::Unheard(Some(Bar::Listener)) => M::Unheard(Some(Bar::Silenced)),
            M::Unheard(Some(Bar::Silenced)) => M::Unheard(Some(Bar::NoFloor)),
            M::Unheard(Some(Bar::NoFloor)) => M::NotTaken(None),
            M::NotTaken(code) => {
                let at = code.map_or(1, |code| code.code() + 1);
                match ActCode::from_code(at) {
                    Some(code) => M::NotTaken(Some(code)),
                    None => M::Floor { news: NEWS[0], answers: false },
                }
            }
            M::Floor { answers: false, .. } if NEWS.len() > told => {
                M::Floor { news: NEWS[told], answers: false }
            }
            M::Floor { answers: false, .. } => {
                M::Floor { news: News::Roll { number: 2, seconds: 60 }, answers: true }
            }
            M::Floor { .. } => M::Remembered,
            M::Remembered => M::KeysNoted,
            M::KeysNoted => M::NotRemembered(&"the disk is full"),
            M::NotRemembered(_) => M::NothingRemembered,
            M::NothingRemembered => M::NoScreen,
            M::NoScreen => M::AskPin,
            M::AskPin => M::NoPin,
            M::NoPin => M::NotAPin,
            M::NotAPin => M::MicrophoneGone,
            M::MicrophoneGone => M::MicrophoneBack,
            M::MicrophoneBack => M::LoudspeakerGone,
            M::LoudspeakerGone => M::LoudspeakerBack,
            M::LoudspeakerBack => M::InputEnded { leaves: false },
            M::InputEnded { leaves: false } => M::InputEnded { leaves: true },
            M::InputEnded { leaves: true } => {
                M::Budget { news: budget::News::Low, used: 4_030_000, max: 5_000_000 }
            }
            M::Budget { news: budget::News::Low, used, max } => {
                M::Budget { news: budget::News::Spent, used: *used, max: *max }
            }
            M::Budget { .. } => M::Missed(Gap::Missed { seconds: 40, fetches: true }),
            M::Missed(Gap::Missed { fetches: true, .. }) => {
                M::Missed(Gap::Missed { seconds: 400, fetches: false })
            }
            M::Missed(Gap::Missed { .. }) => M::Missed(Gap::NotHad(FetchCode::NotAllowed)),
            M::Missed(Gap::NotHad(code)) => match FetchCode::from_code(code.code() + 1) {
                Some(code) => M::Missed(Gap::NotHad(code)),
                None => M::MissedIsThere { path: &"a.opus", seconds: 41 },
            },
            M::MissedIsThere { .. } => M::MissedNotKept(&"the disk is full"),
            M::MissedNotKept(_) => M::Sound(&"a.wav is not there"),
            M::Sound(_) => M::Fault(&"no memory"),
            M::Fault(_) => M::Stopping,
            M::Stopping => M::End(End::Asked, "hop.example.vn"),
            M::End(end, host) => M::End(next_end(*end)?, host),
        })
    }

    fn next_end(end: End) -> Option<End> {
        Some(match end {
            End::Asked => End::Ended,
            End::Ended => End::NotReachable(None),
            End::NotReachable(None) => End::NotReachable(Some(Loss::NoAddress)),
            End::NotReachable(Some(_)) => End::Refused(Loss::WrongKey),
            End::Refused(loss) => End::Refused(match loss {
                Loss::WrongKey => Loss::NotProved,
                Loss::NotProved => Loss::OtherVersion,
                Loss::OtherVersion => Loss::NoWelcome,
                Loss::NoWelcome => Loss::NoAddress,
                Loss::NoAddress => Loss::Broken,
                Loss::Broken => Loss::ClosedUnknown(99),
                Loss::ClosedUnknown(_) => Loss::Closed(CloseCode::from_code(0)?),
                Loss::Closed(code) => {
                    Loss::Closed((u64::from(code.code()) + 1..100).find_map(CloseCode::from_code)?)
                }
            }),
        })
    }

    #[test]
    fn every_message_has_one_line_of_its_own_in_each_language() {
        let mut said: [BTreeSet<String>; 2] = Default::default();
        let (mut messages, mut told) = (0, 0);
        let mut message = Some(Message::Connecting { host: "hop.example.vn" });
        while let Some(this) = message {
            for (lang, said) in [Lang::En, Lang::Vi].into_iter().zip(&mut said) {
                let text = this.text(lang);
                assert!(!text.is_empty() && text.lines().count() == 1 && text == text.trim(), "{text:?}");
                said.insert(text);
            }
            messages += 1;
            told += usize::from(matches!(this, Message::Floor { .. }));
            message = next(&this, told);
        }
        assert!(messages > 50, "{messages}");
        // NotReachable(None) and Refused(Broken) differ by their beginnings; all are told apart.
        assert_eq!(said.each_ref().map(BTreeSet::len), [messages, messages]);
        assert!(said[0].is_disjoint(&said[1]), "untranslated");
    }

    #[test]
    fn the_language_is_that_of_the_locale() {
        let of = |all, lang| Lang::from_locale(all, lang);
        assert_eq!(of(None, Some("vi_VN.UTF-8")), Lang::Vi);
        assert_eq!(of(Some("vi"), Some("en_US.UTF-8")), Lang::Vi);
        assert_eq!(of(Some("C"), Some("vi_VN")), Lang::En);
        assert_eq!(of(Some(""), Some("vi_VN")), Lang::Vi);
        assert_eq!(of(None, Some("via_XX")), Lang::En);
        assert_eq!(of(None, None), Lang::En);
    }
}
