//! The cases, as data: a line, a cap, who speaks, and what is to be reached.

use giaoban_proto::testing::link::{LinkConfig, Loss, Queue, named};
use giaoban_proto::unit::Bitrate;
use std::fmt;
use std::time::Duration;

/// What the one who listens does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its microphone is off.
    Listening,
    /// It says a short word in a pause, every ten seconds.
    Conversing,
}

/// Which way of the measured site's line is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The district speaks on a clean line; the measured site listens.
    Down,
    /// The measured site speaks; the district listens on a clean line.
    Up,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening => "listening",
            Self::Conversing => "conversing",
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Up => "up",
        })
    }
}

/// What a case is to reach; what is `None` is only measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Target {
    /// PESQ-WB, at least.
    pub pesq: Option<f64>,
    /// STOI, at least.
    pub stoi: Option<f64>,
    /// kbit/s on the wire while somebody speaks, in the mean, at most.
    pub kbps: Option<f64>,
    /// Sound that was a guess, in percent of the speech, at most.
    pub concealed: Option<f64>,
    /// Mouth to ear beyond the link's own delay, median, in ms, at most.
    pub beyond_ms: Option<f64>,
    /// The longest hole that is not an outage, in ms, at most.
    pub hole_ms: Option<f64>,
    /// Sound again after the link's return, in s, at most.
    pub sound_again_s: Option<f64>,
    /// Delay as before the outage after the link's return, in s, at most.
    pub normal_again_s: Option<f64>,
    /// The sender within the link's new rate, in s after it changed, at most.
    pub settled_s: Option<f64>,
    /// The queue before the link under 200 ms again, in s after the change, at most.
    pub queue_back_s: Option<f64>,
}

/// One case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is called.
    pub id: &'static str,
    /// The measured site's line: see [`line()`].
    pub line: &'static str,
    /// The measured site's cap in kbit/s; that of the other is 48.
    pub cap: u32,
    /// What the listener does besides.
    pub role: Role,
    /// Which way is judged.
    pub direction: Direction,
    /// How many stretches of eight seconds of speech (seven when conversing) are judged.
    pub rounds: usize,
    /// What is to be reached.
    pub target: Target,
}

impl Case {
    /// Whether its line does not stay as it is, so that the course of things over time is of interest.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(self.line, "blackout" | "overload")
    }

    /// When its line changes, and to what.
    #[must_use]
    pub fn change(&self) -> Option<(Duration, LinkConfig)> {
        (self.line == "overload").then(|| (OVERLOAD_AT, overloaded()))
    }
}

/// When the line of the case `overload` becomes narrow: well after everybody is in and speech flows.
const OVERLOAD_AT: Duration = Duration::from_secs(30);

/// What no case of a clean line or a mere cap needs, and all others do.
const NO_TARGET: Target = Target {
    pesq: None,
    stoi: None,
    kbps: None,
    concealed: None,
    beyond_ms: None,
    hole_ms: None,
    sound_again_s: None,
    normal_again_s: None,
    settled_s: None,
    queue_back_s: None,
};

/// No hole over 300 ms that is not an outage.
const WHOLE: Target = Target { hole_ms: Some(300.0), ..NO_TARGET };

/// The same, and quick enough for a dialogue.
const PROMPT: Target = Target { beyond_ms: Some(400.0), ..WHOLE };

const BACK: Target = Target { sound_again_s: Some(0.5), normal_again_s: Some(5.0), ..NO_TARGET };

const fn case(
    id: &'static str,
    line: &'static str,
    cap: u32,
    role: Role,
    direction: Direction,
    target: Target,
) -> Case {
    Case { id, line, cap, role, direction, rounds: 10, target }
}

/// All cases.
pub const CASES: &[Case] = {
    use Direction::{Down, Up};
    use Role::{Conversing, Listening};
    &[
        case("cap16", "cap", 16, Listening, Down, Target { pesq: Some(3.6), kbps: Some(16.0), ..NO_TARGET }),
        case("cap12", "cap", 12, Listening, Down, Target { pesq: Some(3.2), kbps: Some(12.0), ..NO_TARGET }),
        case(
            "cap8",
            "cap",
            8,
            Listening,
            Down,
            Target { pesq: Some(2.2), stoi: Some(0.90), kbps: Some(8.0), ..NO_TARGET },
        ),
        case(
            "lossy20",
            "lossy20",
            24,
            Listening,
            Down,
            Target { pesq: Some(3.4), concealed: Some(1.0), ..NO_TARGET },
        ),
        case(
            "storm",
            "storm",
            24,
            Listening,
            Down,
            Target { pesq: Some(2.8), concealed: Some(3.0), ..NO_TARGET },
        ),
        case(
            "hill",
            "hill",
            16,
            Conversing,
            Down,
            Target { pesq: Some(2.9), beyond_ms: Some(700.0), ..NO_TARGET },
        ),
        case("edge-2g-listening-down", "edge-2g", 32, Listening, Down, WHOLE),
        case("edge-2g-listening-up", "edge-2g", 32, Listening, Up, WHOLE),
        case("edge-2g-conversing-down", "edge-2g", 32, Conversing, Down, PROMPT),
        case("edge-2g-conversing-up", "edge-2g", 32, Conversing, Up, PROMPT),
        case("vsat-listening-down", "vsat", 32, Listening, Down, WHOLE),
        case("vsat-listening-up", "vsat", 32, Listening, Up, WHOLE),
        case("vsat-conversing-down", "vsat", 32, Conversing, Down, PROMPT),
        case("vsat-conversing-up", "vsat", 32, Conversing, Up, PROMPT),
        case("3g-edge-listening-down", "3g-edge", 32, Listening, Down, WHOLE),
        case("3g-edge-listening-up", "3g-edge", 32, Listening, Up, WHOLE),
        case("3g-edge-conversing-down", "3g-edge", 32, Conversing, Down, PROMPT),
        case("3g-edge-conversing-up", "3g-edge", 32, Conversing, Up, PROMPT),
        Case { rounds: 7, ..case("blackout-listening-down", "blackout", 24, Listening, Down, BACK) },
        Case { rounds: 7, ..case("blackout-listening-up", "blackout", 24, Listening, Up, BACK) },
        Case { rounds: 7, ..case("blackout-conversing-down", "blackout", 24, Conversing, Down, BACK) },
        Case { rounds: 7, ..case("blackout-conversing-up", "blackout", 24, Conversing, Up, BACK) },
        case(
            "overload",
            "overload",
            24,
            Listening,
            Down,
            Target { settled_s: Some(2.0), queue_back_s: Some(5.0), ..NO_TARGET },
        ),
    ]
};

/// A case's line, both ways, as it is at first: one of the named lines, or `cap` (100 ms round trip, nothing lost, no
/// rate: what limits is the cap) or `overload` (the same, until it changes).
#[must_use]
pub fn line(name: &str) -> Option<(LinkConfig, LinkConfig)> {
    match name {
        "cap" | "overload" => Some((far(), far())),
        _ => named(name),
    }
}

fn far() -> LinkConfig {
    LinkConfig { delay: Duration::from_millis(50), loss: Loss::None, ..LinkConfig::default() }
}

/// 16 kbit/s before which ten seconds may wait: overload shows as delay alone, as it does behind a deep modem buffer.
fn overloaded() -> LinkConfig {
    LinkConfig { rate: Some(Bitrate::from_kbps(16)), queue: Queue::Time(Duration::from_secs(10)), ..far() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_line_that_exists() {
        let names: BTreeSet<&str> = CASES.iter().map(|case| case.id).collect();
        assert_eq!(names.len(), CASES.len());
        assert!(CASES.iter().all(|case| line(case.line).is_some()));
    }
}
