//! What the engine tells its person, as far as it is more than words.

use crate::budget;
use crate::session::{End, State};
use crate::words::Message;

/// What of a message is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The session is in this state, as it stands in the figures.
    State(&'static str),
    /// The microphone is off, or on.
    Muted(bool),
    /// Somebody talks here, and nobody hears it.
    Unheard,
    /// The microphone went, or is back.
    Microphone {
        /// Which.
        gone: bool,
    },
    /// The loudspeaker did.
    Loudspeaker {
        /// Which.
        gone: bool,
    },
    /// The data of the meeting is used up.
    Spent,
    /// It is over.
    Over(End),
    /// This went wrong, and the engine may end for it.
    Wrong,
    /// Words that the person is to find among what was written.
    Letter,
    /// Words alone.
    Nothing,
    /// The model hears of it from the bridge.
    Known,
}

impl Told {
    /// Of this message.
    #[must_use]
    pub const fn of(message: &Message<'_>) -> Self {
        match message {
            Message::Connecting { .. } => Self::State(State::Connecting.as_str()),
            Message::InLobby => Self::State(State::InLobby.as_str()),
            Message::Joined { .. } | Message::Back => Self::State(State::InRoom.as_str()),
            Message::Lost => Self::State(State::Reconnecting.as_str()),
            Message::Muted => Self::Muted(true),
            Message::Unmuted => Self::Muted(false),
            Message::MaySpeak { muted } => Self::Muted(*muted),
            Message::Unheard(_) => Self::Unheard,
            Message::MicrophoneGone => Self::Microphone { gone: true },
            Message::MicrophoneBack => Self::Microphone { gone: false },
            Message::LoudspeakerGone => Self::Loudspeaker { gone: true },
            Message::LoudspeakerBack => Self::Loudspeaker { gone: false },
            Message::Budget { news: budget::News::Spent, .. } => Self::Spent,
            Message::Sound(_) | Message::Fault(_) => Self::Wrong,
            Message::Budget { .. }
            | Message::Missed(_)
            | Message::MissedIsThere { .. }
            | Message::MissedNotKept(_) => Self::Letter,
            Message::End(end, _) => Self::Over(*end),
            Message::Came { .. }
            | Message::Left(_)
            | Message::GuestWaits { .. }
            | Message::Notice { .. }
            | Message::Said { .. }
            | Message::Floor { .. } => Self::Known,
            _ => Self::Nothing,
        }
    }
}
