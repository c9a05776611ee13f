//! What a check leaves behind: lines for a person, one object for a program, an exit code. Pure.

use super::Measured;
use super::run::Failed;
use super::verdict::{Verdict, judge};
use crate::words::{CheckWords, Lang};
use giaoban_proto::probe::Figures;
use serde::Serialize;

/// What came of a check.
pub type Checked = Result<Measured, Failed>;

/// What is said at the end, the verdict first.
#[must_use]
pub fn lines(checked: &Checked, host: &str, lang: Lang) -> Vec<String> {
    let measured = match checked {
        Ok(measured) => measured,
        Err(failed) => return vec![CheckWords::Failed(*failed, host).text(lang)],
    };
    let ways = [(true, measured.up.as_ref()), (false, Some(&measured.down))];
    let ways =
        ways.into_iter().filter_map(|(up, figures)| Some(CheckWords::Direction { up, figures: figures? }));
    let head = [CheckWords::Verdict(measured), CheckWords::Reason(measured)];
    let words = head.into_iter().chain(ways).chain([CheckWords::Rest(measured)]);
    words.map(|words| words.text(lang)).collect()
}

/// 0 when one can at least listen, 1 when not, 3 when refused, 4 when not reachable.
#[must_use]
pub fn exit_code(checked: &Checked) -> u8 {
    match checked {
        Ok(measured) => match judge(measured).0 {
            Verdict::Talk | Verdict::Listen => 0,
            Verdict::NotNow => 1,
        },
        Err(Failed::Refused(_)) => 3,
        Err(Failed::NotReachable(_)) => 4,
    }
}

#[derive(Serialize)]
struct Object<'a> {
    verdict: &'a str,
    reason: &'a str,
    rtt_ms: Option<u64>,
    up: Option<Direction>,
    down: Option<Direction>,
    sent_bytes: u64,
    received_bytes: u64,
    text: Vec<String>,
}

#[derive(Serialize)]
struct Direction {
    kbps: f64,
    or_more: bool,
    loss: f64,
    burst: f64,
    jitter_ms: u64,
}

impl From<&Figures> for Direction {
    fn from(figures: &Figures) -> Self {
        let round = |value: f64, steps: f64| (value * steps).round() / steps;
        Self {
            kbps: round(f64::from(figures.rate.bps()) / 1e3, 10.0),
            or_more: figures.or_more,
            loss: round(figures.loss, 1e3),
            burst: round(figures.burst, 1e2),
            jitter_ms: u64::try_from(figures.jitter.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The same as one JSON object; the keys are in the README and stay.
#[must_use]
pub fn json(checked: &Checked, host: &str) -> String {
    let text = lines(checked, host, Lang::En);
    let object = match checked {
        Ok(measured) => {
            let (verdict, reason) = judge(measured);
            let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            Object {
                verdict: verdict.as_str(),
                reason: reason.as_str(),
                rtt_ms: measured.round_trip.map(millis),
                up: measured.up.as_ref().map(Direction::from),
                down: Some(Direction::from(&measured.down)),
                sent_bytes: measured.bytes.0,
                received_bytes: measured.bytes.1,
                text,
            }
        }
        Err(failed) => Object {
            verdict: "not_checked",
            reason: match failed {
                Failed::Refused(_) => "refused",
                Failed::NotReachable(_) => "not_reachable",
            },
            rtt_ms: None,
            up: None,
            down: None,
            sent_bytes: 0,
            received_bytes: 0,
            text,
        },
    };
    // Numbers and strings always have a form in JSON.
    serde_json::to_string(&object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Loss;
    use giaoban_proto::unit::Bitrate;
    use std::time::Duration;

    #[test]
    fn the_keys_that_programs_read_are_there_and_the_codes_are_as_documented() {
        let figures =
            Figures { rate: Bitrate::from_bps(23_960), loss: 0.1234, burst: 3.0, ..Figures::default() };
        let good = Ok(Measured {
            round_trip: Some(Duration::from_millis(301)),
            up: Some(figures),
            down: Figures { or_more: true, ..figures },
            bytes: (1, 2),
        });
        let read = |checked: &Checked| -> serde_json::Value {
            serde_json::from_str(&json(checked, "hop.example.vn")).expect("JSON")
        };
        let object = read(&good);
        assert_eq!(object["verdict"], "talk");
        assert_eq!(object["reason"], "good");
        assert_eq!(object["rtt_ms"], 301);
        assert_eq!(object["up"]["kbps"], 24.0);
        assert_eq!(object["up"]["loss"], 0.123);
        assert_eq!(object["down"]["or_more"], true);
        assert_eq!((&object["sent_bytes"], &object["received_bytes"]), (&1.into(), &2.into()));
        assert_eq!(lines(&good, "hop.example.vn", Lang::Vi).len(), 5);

        let silent = Ok(Measured::default());
        assert_eq!(read(&silent)["verdict"], "not_now");
        assert!(read(&silent)["up"].is_null());
        let refused = Err(Failed::Refused(Loss::WrongKey));
        assert_eq!(
            (&read(&refused)["verdict"], &read(&refused)["reason"]),
            (&"not_checked".into(), &"refused".into())
        );
        let away = Err(Failed::NotReachable(Loss::Broken));
        assert_eq!([&good, &silent, &refused, &away].map(exit_code), [0, 1, 3, 4]);
    }
}
