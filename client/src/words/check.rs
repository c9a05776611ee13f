//! What is said of a check, in each language: what is being done, the verdict with its reason, the figures.

use super::Lang;
use super::loss::{english_loss, vietnamese_loss};
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
        match lang {
            Lang::En => self.english(),
            Lang::Vi => self.vietnamese(),
        }
    }

    fn english(&self) -> String {
        match *self {
            Self::Progress(Progress { doing, percent }) => {
                let doing = match doing {
                    Doing::Trickle => "round trip and jitter".into(),
                    Doing::Up(rate) => format!("sending {rate}"),
                    Doing::Down => "receiving".into(),
                    Doing::Asking => "asking the bridge what it received".into(),
                };
                format!("checking the line, {percent} %: {doing} …")
            }
            Self::Verdict(measured) => match judge(measured).0 {
                Verdict::Talk => "this line is good enough to talk and to listen".into(),
                Verdict::Listen => {
                    "this line is good enough to listen only: others may not understand you".into()
                }
                Verdict::NotNow => "this line will not do for a meeting as it is now".into(),
            },
            Self::Reason(measured) => english_reason(measured),
            Self::Direction { up, figures } => {
                let name = if up { "to the bridge" } else { "from the bridge" };
                let least = if figures.or_more { "at least " } else { "" };
                let row = if figures.loss > 0.0 {
                    format!(", {:.1} in a row on average", figures.burst)
                } else {
                    String::new()
                };
                format!(
                    "{name}: {least}{}, {:.0} % lost{row}, jitter {} ms",
                    kbps(figures.rate),
                    figures.loss * 100.0,
                    figures.jitter.as_millis()
                )
            }
            Self::Rest(measured) => {
                let round =
                    measured.round_trip.map_or_else(|| "?".into(), |time| time.as_millis().to_string());
                format!("round trip {round} ms; this check used {} MB", megabytes(measured))
            }
            Self::Failed(Failed::Refused(loss), host) => format!("not checked: {}", english_loss(loss, host)),
            Self::Failed(Failed::NotReachable(loss), host) => {
                format!("no answer: {}", english_loss(loss, host))
            }
        }
    }

    fn vietnamese(&self) -> String {
        match *self {
            Self::Progress(Progress { doing, percent }) => {
                let doing = match doing {
                    Doing::Trickle => "đo độ trễ".into(),
                    Doing::Up(rate) => format!("đang gửi {rate}"),
                    Doing::Down => "đang nhận".into(),
                    Doing::Asking => "đang hỏi máy chủ đã nhận được gì".into(),
                };
                format!("đang kiểm tra đường truyền, {percent} %: {doing} …")
            }
            Self::Verdict(measured) => match judge(measured).0 {
                Verdict::Talk => "đường truyền đủ tốt để nói và nghe".into(),
                Verdict::Listen => {
                    "đường truyền chỉ đủ để nghe: người khác có thể không hiểu bạn nói gì".into()
                }
                Verdict::NotNow => "đường truyền lúc này chưa dùng để họp được".into(),
            },
            Self::Reason(measured) => vietnamese_reason(measured),
            Self::Direction { up, figures } => {
                let name = if up { "tới máy chủ" } else { "từ máy chủ" };
                let least = if figures.or_more { "ít nhất " } else { "" };
                let row = if figures.loss > 0.0 {
                    format!(", trung bình {:.1} gói liền nhau", figures.burst)
                } else {
                    String::new()
                };
                format!(
                    "{name}: {least}{}, mất {:.0} %{row}, độ rung {} ms",
                    kbps(figures.rate),
                    figures.loss * 100.0,
                    figures.jitter.as_millis()
                )
            }
            Self::Rest(measured) => {
                let round =
                    measured.round_trip.map_or_else(|| "?".into(), |time| time.as_millis().to_string());
                format!("độ trễ khứ hồi {round} ms; lần kiểm tra này dùng {} MB", megabytes(measured))
            }
            Self::Failed(Failed::Refused(loss), host) => {
                format!("chưa kiểm tra được: {}", vietnamese_loss(loss, host))
            }
            Self::Failed(Failed::NotReachable(loss), host) => {
                format!("không có trả lời: {}", vietnamese_loss(loss, host))
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

fn english_reason(measured: &Measured) -> String {
    let up = measured.up.unwrap_or_default();
    let down = measured.down;
    match judge(measured).1 {
        Reason::Good => "rate, loss and round trip are all within what speech needs".into(),
        Reason::Silent => {
            "the line fell silent during the check; check the network cable or Wi-Fi, move the \
                           antenna, then check again"
                .into()
        }
        Reason::DownRate => format!(
            "only {} arrive from the bridge, speech needs 8 to be heard and 12 to take part; close what else uses \
             this line, then check again",
            kbps(down.rate)
        ),
        Reason::DownLoss => format!(
            "{} of what the bridge sends is lost; move the antenna or use a cable, then check again",
            percent(down)
        ),
        Reason::UpRate => format!(
            "only {} reach the bridge, speech needs 12; close what else uses this line, then check again",
            kbps(up.rate)
        ),
        Reason::UpLoss => format!(
            "{} of what is sent is lost; move the antenna or use a cable, then check again",
            percent(up)
        ),
        Reason::RoundTrip => format!(
            "it takes {} ms there and back, over 1500 people talk into each other; close what else uses this line, \
             or use another one",
            measured.round_trip.unwrap_or_default().as_millis()
        ),
    }
}

fn vietnamese_reason(measured: &Measured) -> String {
    let up = measured.up.unwrap_or_default();
    let down = measured.down;
    match judge(measured).1 {
        Reason::Good => "tốc độ, tỷ lệ mất gói và độ trễ đều đủ cho tiếng nói".into(),
        Reason::Silent => {
            "đường truyền bị im trong lúc kiểm tra; hãy kiểm tra dây mạng hoặc Wi-Fi, dời ăng-ten, rồi \
                           kiểm tra lại"
                .into()
        }
        Reason::DownRate => format!(
            "chỉ nhận được {} từ máy chủ, cần 8 để nghe và 12 để tham gia; hãy tắt những thứ khác đang dùng mạng, rồi \
             kiểm tra lại",
            kbps(down.rate)
        ),
        Reason::DownLoss => format!(
            "mất {} những gì máy chủ gửi; hãy dời ăng-ten hoặc dùng dây mạng, rồi kiểm tra lại",
            percent(down)
        ),
        Reason::UpRate => format!(
            "chỉ gửi được {} tới máy chủ, tiếng nói cần 12; hãy tắt những thứ khác đang dùng mạng, rồi kiểm tra lại",
            kbps(up.rate)
        ),
        Reason::UpLoss => {
            format!(
                "mất {} những gì gửi đi; hãy dời ăng-ten hoặc dùng dây mạng, rồi kiểm tra lại",
                percent(up)
            )
        }
        Reason::RoundTrip => format!(
            "đi và về mất {} ms, trên 1500 thì mọi người nói chồng lên nhau; hãy tắt những thứ khác đang dùng mạng, \
             hoặc dùng mạng khác",
            measured.round_trip.unwrap_or_default().as_millis()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Loss;
    use std::collections::BTreeSet;
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
        let said = [Lang::En, Lang::Vi].map(|lang| {
            let texts = messages.iter().map(|message| message.text(lang));
            texts.inspect(|text| assert!(!text.is_empty() && text.lines().count() == 1, "{text:?}")).collect()
        });
        let [english, vietnamese]: [BTreeSet<String>; 2] = said;
        assert_eq!((english.len(), vietnamese.len()), (messages.len(), messages.len()));
        assert!(english.is_disjoint(&vietnamese), "untranslated");
        assert!(CheckWords::Rest(&lines[0]).text(Lang::En).contains("0.11 MB"));
    }
}
