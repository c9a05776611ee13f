//! What the figures of a check mean for a person: one table, the first rule that applies decides. Pure.

use super::Measured;
use giaoban_proto::probe::Figures;
use giaoban_proto::unit::Bitrate;
use std::time::Duration;

/// Below this in either direction nobody talks: the lowest rung of speech and its headers, a little trimmed.
pub const TALK_RATE: Bitrate = Bitrate::from_kbps(12);

/// Below this nothing is heard that can be followed.
pub const LISTEN_RATE: Bitrate = Bitrate::from_kbps(8);

/// Below this the signs of life of somebody who listens do not get through, and the seat is lost.
pub const ALIVE_RATE: Bitrate = Bitrate::from_kbps(1);

/// Above this share of loss speech is no longer repaired.
pub const TALK_LOSS: f64 = 0.35;

/// Above this share nothing is understood, repair or not.
pub const LISTEN_LOSS: f64 = 0.5;

/// Above this round trip people talk into each other; who only listens does not notice.
pub const TALK_ROUND_TRIP: Duration = Duration::from_millis(1500);

/// What the line will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Talk and listen.
    Talk,
    /// Listen only.
    Listen,
    /// Neither, as it is now.
    NotNow,
}

/// The figure that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All are good enough.
    Good,
    /// The line fell silent during the check.
    Silent,
    /// Too little comes from the bridge.
    DownRate,
    /// Too much of it is lost.
    DownLoss,
    /// Too little goes to the bridge.
    UpRate,
    /// Too much of it is lost.
    UpLoss,
    /// It takes too long there and back.
    RoundTrip,
}

impl Verdict {
    /// As it stands in the figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Talk => "talk",
            Self::Listen => "listen",
            Self::NotNow => "not_now",
        }
    }
}

impl Reason {
    /// As it stands in the figures.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Silent => "silent",
            Self::DownRate => "down_rate",
            Self::DownLoss => "down_loss",
            Self::UpRate => "up_rate",
            Self::UpLoss => "up_loss",
            Self::RoundTrip => "round_trip",
        }
    }
}

/// The verdict, and the figure that decides it: what rules more out comes first.
#[must_use]
pub fn judge(measured: &Measured) -> (Verdict, Reason) {
    let (Some(up), Some(round_trip)) = (measured.up, measured.round_trip) else {
        return (Verdict::NotNow, Reason::Silent);
    };
    let down = measured.down;
    let rules = [
        (down.rate < LISTEN_RATE, Verdict::NotNow, Reason::DownRate),
        (at_least_lost(down) > LISTEN_LOSS, Verdict::NotNow, Reason::DownLoss),
        (up.rate < ALIVE_RATE, Verdict::NotNow, Reason::UpRate),
        (up.rate < TALK_RATE, Verdict::Listen, Reason::UpRate),
        (down.rate < TALK_RATE, Verdict::Listen, Reason::DownRate),
        (at_least_lost(up) > TALK_LOSS, Verdict::Listen, Reason::UpLoss),
        (at_least_lost(down) > TALK_LOSS, Verdict::Listen, Reason::DownLoss),
        (round_trip > TALK_ROUND_TRIP, Verdict::Listen, Reason::RoundTrip),
    ];
    let decided = rules.into_iter().find(|&(applies, ..)| applies);
    decided.map_or((Verdict::Talk, Reason::Good), |(_, verdict, reason)| (verdict, reason))
}

/// The loss that a line has at the least, so far as half a minute can tell: a deviation less than was seen, the more so
/// the longer the bursts. In doubt a site may talk; a line with 30 % of loss in bursts of three shows more than 35 % in
/// one check of six.
fn at_least_lost(figures: Figures) -> f64 {
    let p = figures.loss;
    let sent = figures.received as f64 / (1.0 - p).max(0.01);
    p - (p * (1.0 - p) * (2.0 * figures.burst - 1.0).max(1.0) / sent.max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_that_rules_most_out_decides() {
        let way = |kbps, loss| Figures {
            rate: Bitrate::from_kbps(kbps),
            loss,
            burst: 1.0,
            received: 300,
            ..Figures::default()
        };
        for (up, down, round_trip_ms, verdict, reason) in [
            (way(64, 0.0), way(64, 0.0), 2, Verdict::Talk, Reason::Good),
            (way(12, 0.36), way(12, 0.36), 1500, Verdict::Talk, Reason::Good),
            (way(11, 0.0), way(64, 0.0), 2, Verdict::Listen, Reason::UpRate),
            (way(1, 0.9), way(8, 0.5), 9000, Verdict::Listen, Reason::UpRate),
            (way(64, 0.0), way(11, 0.0), 2, Verdict::Listen, Reason::DownRate),
            (way(64, 0.39), way(64, 0.0), 2, Verdict::Listen, Reason::UpLoss),
            (way(64, 0.0), way(64, 0.39), 2, Verdict::Listen, Reason::DownLoss),
            (way(64, 0.0), way(64, 0.0), 1501, Verdict::Listen, Reason::RoundTrip),
            (way(64, 0.0), way(7, 0.0), 2, Verdict::NotNow, Reason::DownRate),
            (way(64, 0.0), way(64, 0.54), 2, Verdict::NotNow, Reason::DownLoss),
            (way(0, 0.0), way(64, 0.0), 2, Verdict::NotNow, Reason::UpRate),
        ] {
            let round_trip = Some(Duration::from_millis(round_trip_ms));
            let measured = Measured { round_trip, up: Some(up), down, bytes: (0, 0) };
            assert_eq!(judge(&measured), (verdict, reason), "{measured:?}");
        }
        let long_bursts = Figures { burst: 3.5, ..way(64, 0.39) };
        let measured = Measured {
            round_trip: Some(Duration::from_millis(400)),
            up: Some(long_bursts),
            down: way(64, 0.0),
            bytes: (0, 0),
        };
        assert_eq!(judge(&measured), (Verdict::Talk, Reason::Good), "it may have been chance");
        let silent = Measured { down: way(64, 0.0), ..Measured::default() };
        assert_eq!(judge(&silent), (Verdict::NotNow, Reason::Silent));
    }
}
