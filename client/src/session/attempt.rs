//! One attempt to get into the room, and how far it has come. Pure.

use super::LineId;
use std::time::Instant;

/// A line that is not in the room yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) id: LineId,
    pub(super) step: Step,
}

/// How far an attempt has come, and when it is given up if it comes no further.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Dialling {
        until: Instant,
    },
    Asked {
        until: Instant,
    },
    /// The bridge has said that it is for a person to decide.
    Lobby,
}

impl Attempt {
    /// Whether the bridge may have let it in already, for all that is known here.
    pub(super) const fn asked(&self) -> bool {
        matches!(self.step, Step::Asked { .. })
    }

    pub(super) const fn in_lobby(&self) -> bool {
        matches!(self.step, Step::Lobby)
    }

    pub(super) const fn until(&self) -> Option<Instant> {
        match self.step {
            Step::Dialling { until } | Step::Asked { until } => Some(until),
            Step::Lobby => None,
        }
    }
}
