//! What is said of a check, in each language: what is being done, the verdict with its reason, the figures.

use super::Lang;
use super::loss;
use crate::check::run::Failed;
use crate::check::verdict::{Reason, Verdict, judge};
use crate::check::{Doing, Measured, Progress};
use giaoban_proto::probe::Figures;
use giaoban_proto::unit::Bitrate;

/// One message about a check.
#[derive(Clone, Copy, Debug)]
pub enum CheckWords<'a> {
    /// How far it has come.
    Progress(Progress),
    /// What the line will do.
    Verdict(&'a Measured),
    /// Which figure decides, and what to do.
    Reason(&'a Measured),
    /// One direction: from here, or to here.
    Direction {
        /// From here to the bridge?
        up: bool,
        /// How it did.
        figures: &'a Figures,
    },
    /// Round trip, and what all of it cost.
    Rest(&'a Measured),
    /// Nothing was measured.
    Failed(Failed, &'a str),
}

impl CheckWords<'_> {
    /// The message in words, one line.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match *self {
            Self::Progress(Progress { doing, percent }) => {
                let doing = match doing {
                    Doing::Trickle => lang.text("check-trickle").into(),
                    Doing::Up(rate) => lang.with("check-up", &[("rate", &rate)]),
                    Doing::Down => lang.text("check-down").into(),
                    Doing::Asking => lang.text("check-asking").into(),
                };
                lang.with("check-progress", &[("percent", &percent), ("doing", &doing)])
            }
            Self::Verdict(measured) => match judge(measured).0 {
                Verdict::Talk => lang.text("check-talk").into(),
                Verdict::Listen => lang.text("check-listen").into(),
                Verdict::NotNow => lang.text("check-not-now").into(),
            },
            Self::Reason(measured) => reason(measured, lang),
            Self::Direction { up, figures } => {
                let name = if up { lang.text("check-to-bridge") } else { lang.text("check-from-bridge") };
                let rate = kbps(figures.rate);
                let rate =
                    if figures.or_more { lang.with("check-at-least", &[("rate", &rate)]) } else { rate };
                let row = if figures.loss > 0.0 {
                    lang.with("check-in-a-row", &[("burst", &format!("{:.1}", figures.burst))])
                } else {
                    String::new()
                };
                lang.with(
                    "check-direction",
                    &[
                        ("name", &name),
                        ("rate", &rate),
                        ("loss", &format!("{:.0}", figures.loss * 100.0)),
                        ("row", &row),
                        ("jitter", &figures.jitter.as_millis()),
                    ],
                )
            }
            Self::Rest(measured) => {
                let round =
                    measured.round_trip.map_or_else(|| "?".into(), |time| time.as_millis().to_string());
                lang.with("check-rest", &[("round", &round), ("megabytes", &megabytes(measured))])
            }
            Self::Failed(Failed::Refused(loss), host) => {
                lang.with("check-refused", &[("why", &loss::loss(loss, host, lang))])
            }
            Self::Failed(Failed::NotReachable(loss), host) => {
                lang.with("check-no-answer", &[("why", &loss::loss(loss, host, lang))])
            }
        }
    }
}

fn kbps(rate: Bitrate) -> String {
    format!("{:.0} kbit/s", f64::from(rate.bps()) / 1000.0)
}

fn megabytes(measured: &Measured) -> String {
    format!("{:.2}", (measured.bytes.0 + measured.bytes.1) as f64 / 1e6)
}

fn percent(figures: Figures) -> String {
    format!("{:.0} %", figures.loss * 100.0)
}

fn reason(measured: &Measured, lang: Lang) -> String {
    let up = measured.up.unwrap_or_default();
    let down = measured.down;
    match judge(measured).1 {
        Reason::Good => lang.text("check-good").into(),
        Reason::Silent => lang.text("check-silent").into(),
        Reason::DownRate => lang.with("check-down-rate", &[("rate", &kbps(down.rate))]),
        Reason::DownLoss => lang.with("check-down-loss", &[("loss", &percent(down))]),
        Reason::UpRate => lang.with("check-up-rate", &[("rate", &kbps(up.rate))]),
        Reason::UpLoss => lang.with("check-up-loss", &[("loss", &percent(up))]),
        Reason::RoundTrip => {
            lang.with("check-slow", &[("round", &measured.round_trip.unwrap_or_default().as_millis())])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::each_has_a_line_of_its_own;
    use super::*;
    use crate::session::Loss;
    use std::time::Duration;

    #[test]
    fn every_message_has_one_line_of_its_own_in_each_language() {
        let way = |kbps, loss| Figures {
            rate: Bitrate::from_kbps(kbps),
            loss,
            received: 300,
            ..Figures::default()
        };
        let measured = |up, down, round_trip_ms| Measured {
            round_trip: Some(Duration::from_millis(round_trip_ms)),
            up: Some(up),
            down,
            bytes: (50_000, 60_000),
        };
        let good = way(64, 0.0);
        let lines = [
            measured(good, good, 2),
            Measured::default(),
            measured(good, way(7, 0.0), 2),
            measured(good, way(64, 0.4), 2),
            measured(way(7, 0.0), good, 2),
            measured(way(64, 0.4), good, 2),
            measured(good, good, 2000),
        ];
        let doings = [Doing::Trickle, Doing::Up(Bitrate::from_kbps(8)), Doing::Down, Doing::Asking];
        let mut messages: Vec<CheckWords<'_>> =
            doings.map(|doing| CheckWords::Progress(Progress { doing, percent: 5 })).into();
        messages.extend(lines.iter().map(CheckWords::Reason));
        // One of each verdict.
        messages.extend([0, 1, 4].map(|n| CheckWords::Verdict(&lines[n])));
        for figures in [&good, &lines[3].down] {
            messages.extend([true, false].map(|up| CheckWords::Direction { up, figures }));
        }
        messages.extend(lines[..2].iter().map(CheckWords::Rest));
        messages.push(CheckWords::Failed(Failed::Refused(Loss::WrongKey), "hop.example.vn"));
        messages.push(CheckWords::Failed(Failed::NotReachable(Loss::Broken), "hop.example.vn"));
        each_has_a_line_of_its_own(&messages, |message, lang| message.text(lang));
        assert!(CheckWords::Rest(&lines[0]).text(Lang::En).contains("0.11 MB"));
    }
}
