//! Plays a case: two whole clients and a bridge in virtual time.

use super::cases::{self, Case, Direction, Role};
use super::judge::{Lags, Sound};
use super::script::script;
use super::wire::Wire;
use crate::hall::{BRIDGE, Guest, Hall};
use crate::timeline::{SECOND, Timeline};
use anyhow::Context;
use giaoban_client::stats::Stats;
use giaoban_proto::testing::link::{LinkConfig, Outages, named};
use giaoban_proto::testing::run;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The cap of the one on the clean line, in kbit/s: the best there is, so that what is measured is the other's line.
const CLEAN_CAP: u32 = 48;

/// Around an outage nothing is scored: what is under way when it begins is lost, and so much after it may be needed
/// to be as before. In s.
const BEFORE_OUTAGE: f64 = 1.0;
const AFTER_OUTAGE: f64 = 5.0;

/// Turns further apart than this have an outage between them, in s.
const LONGEST_PAUSE: f64 = 5.0;

/// What a run leaves behind.
pub struct Played {
    /// What was said: by the talker, site 0, and by the listener, site 1.
    pub script: Timeline,
    /// What the listener heard, from the first moment on.
    pub tape: Vec<f32>,
    /// What passed the measured direction of the measured line.
    pub wire: Wire,
    /// The listener's figures, one a second.
    pub listener: Vec<Stats>,
    /// The talker's.
    pub talker: Vec<Stats>,
    /// The measured direction, as it was at first.
    pub line: LinkConfig,
    /// When it changed, and to what.
    pub changed: Option<(Duration, LinkConfig)>,
    /// When both had come in, in s: at 30 % loss that can take twenty.
    pub both_in: f64,
}

/// Plays a case with a seed; belongs on a thread that runs nothing else.
///
/// # Errors
/// When its line does not exist, or a client or the bridge cannot run.
pub fn play(case: &Case, seed: u64) -> anyhow::Result<Played> {
    let lines = cases::line(case.line).with_context(|| format!("there is no line named {:?}", case.line))?;
    let script = script(case.role, case.rounds);
    run(meeting(case, seed, lines, script))
}

async fn meeting(
    case: &Case,
    seed: u64,
    lines: (LinkConfig, LinkConfig),
    script: Timeline,
) -> anyhow::Result<Played> {
    let stays = Duration::from_secs_f64(script.len() as f64 / SECOND as f64);
    let measured = match case.direction {
        Direction::Up => lines.0.clone(),
        Direction::Down => lines.1.clone(),
    };
    let clean = named("clean").context("the clean line")?;
    let mut hall = Hall::open(seed, 10)?;
    let mut guest = |name, site: usize, muted, bad: bool| {
        let (max_kbps, line) = if bad { (case.cap, lines.clone()) } else { (CLEAN_CAP, clean.clone()) };
        hall.seat(Guest { name, says: script.says[site].clone(), muted, max_kbps, line, stays })
    };
    let bad_listens = case.direction == Direction::Down;
    let talker = guest("Huyện", 0, false, !bad_listens)?;
    let listener = guest("Tri Lễ", 1, case.role == Role::Listening, bad_listens)?;
    let site = if bad_listens { listener.ip } else { talker.ip };
    let (from, to) = if bad_listens { (BRIDGE.ip(), site) } else { (site, BRIDGE.ip()) };
    let changed = case.change();
    let wire = Arc::<Mutex<Wire>>::default();
    let (kept, now_and_then) = (wire.clone(), (measured.clone(), changed.clone()));
    hall.net.observe(move |seen| {
        let record = &seen.record;
        if record.from.ip() != from || record.to.ip() != to {
            return;
        }
        let line = match &now_and_then.1 {
            Some((at, then)) if record.t >= *at => then,
            _ => &now_and_then.0,
        };
        let mut wire = kept.lock().unwrap_or_else(PoisonError::into_inner);
        wire.sent(record.t.as_secs_f64(), record.bytes, record.fate, line);
    });
    if let Some((at, then)) = &changed {
        sleep(*at).await;
        // The line belongs to the site and to the bridge's port, as the hall connected them.
        match case.direction {
            Direction::Down => hall.net.set_link(BRIDGE, site, then.clone()),
            Direction::Up => hall.net.set_link(site, BRIDGE, then.clone()),
        }
    }
    let (talker, listener) = (talker.leave().await?, listener.leave().await?);
    let both_in = in_room_at(&talker.figures).zip(in_room_at(&listener.figures));
    let (a, b) = both_in.context("one of the two never came in")?;
    let wire = std::mem::take(&mut *wire.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Played {
        script,
        tape: listener.heard,
        wire,
        listener: listener.figures,
        talker: talker.figures,
        line: measured,
        changed,
        both_in: a.max(b),
    })
}

/// When a site came in, in s; `None` if it never did.
#[must_use]
pub fn in_room_at(figures: &[Stats]) -> Option<f64> {
    Some(figures.iter().find(|stats| stats.state == "in_room")?.t_s)
}

impl Played {
    /// When the measured direction was away, in s.
    #[must_use]
    pub fn outages(&self) -> Vec<Range<f64>> {
        outages(&self.line, self.script.len() as f64 / SECOND as f64)
    }

    /// When the talker spoke, in samples, once both had come in and all had settled.
    #[must_use]
    pub fn turns(&self) -> Vec<Range<usize>> {
        let turns = self.script.turns.iter().map(|turn| turn.span.clone());
        turns.filter(|turn| seconds(turn).start >= self.both_in).collect()
    }

    /// Those of the turns that are judged: where the line was there.
    #[must_use]
    pub fn scored(&self) -> Vec<Range<usize>> {
        clear_of(self.turns(), &self.outages())
    }
}

/// When a line is away within its first `whole` seconds.
#[must_use]
pub fn outages(line: &LinkConfig, whole: f64) -> Vec<Range<f64>> {
    let spans: Vec<Range<f64>> = match &line.outages {
        Outages::None => Vec::new(),
        Outages::Spans(spans) => {
            spans.iter().map(|(from, to)| from.as_secs_f64()..to.as_secs_f64()).collect()
        }
        Outages::Periodic { every, away } => {
            let (every, away) = (every.as_secs_f64(), away.as_secs_f64());
            let periods = (whole / every).ceil() as u32;
            (1..=periods).map(|n| f64::from(n) * every).map(|end| end - away..end).collect()
        }
    };
    spans.into_iter().filter(|span| span.start < whole).collect()
}

/// Those turns that no outage touches.
#[must_use]
pub fn clear_of(mut turns: Vec<Range<usize>>, outages: &[Range<f64>]) -> Vec<Range<usize>> {
    turns.retain(|turn| {
        let turn = seconds(turn);
        outages
            .iter()
            .all(|outage| turn.end < outage.start - BEFORE_OUTAGE || turn.start > outage.end + AFTER_OUTAGE)
    });
    turns
}

/// Turns with the pauses between them, in s: one stretch where nothing was left out between.
#[must_use]
pub fn stretches(turns: &[Range<usize>]) -> Vec<Range<f64>> {
    let mut stretches: Vec<Range<f64>> = Vec::new();
    for turn in turns.iter().map(seconds) {
        match stretches.last_mut() {
            Some(last) if turn.start - last.end < LONGEST_PAUSE => last.end = turn.end,
            _ => stretches.push(turn),
        }
    }
    stretches
}

/// A span of samples in s.
#[must_use]
pub fn seconds(span: &Range<usize>) -> Range<f64> {
    span.start as f64 / SECOND as f64..span.end as f64 / SECOND as f64
}

/// A figure of one line, by its key; `None` where this version has none such, or it is unknown.
fn figure(stats: &Stats, key: &str) -> Option<f64> {
    serde_json::to_value(stats).ok()?.get(key)?.as_f64()
}

fn until(all: &[Stats], t: f64) -> Option<&Stats> {
    all.iter().take_while(|stats| stats.t_s <= t + 0.01).last()
}

/// By how much a total grew in these spans of seconds; `None` where there is none of that name.
#[must_use]
pub fn grown(all: &[Stats], key: &str, spans: &[Range<f64>]) -> Option<f64> {
    let of =
        |span: &Range<f64>| Some(figure(until(all, span.end)?, key)? - figure(until(all, span.start)?, key)?);
    spans.iter().map(of).sum()
}

/// The least and the most of a figure in these spans of seconds.
#[must_use]
pub fn range(all: &[Stats], key: &str, spans: &[Range<f64>]) -> Option<(f64, f64)> {
    let inside = |t: f64| spans.iter().any(|span| span.start <= t && t <= span.end);
    let within = all.iter().filter(|stats| inside(stats.t_s));
    within.filter_map(|stats| figure(stats, key)).fold(None, |range, value| {
        let (least, most) = range.unwrap_or((value, value));
        Some((least.min(value), most.max(value)))
    })
}

/// How things were in one second.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Its beginning.
    pub t: f64,
    /// The rung, in kbit/s.
    pub rung: Option<f64>,
    /// What was sent, in kbit/s.
    pub kbps: f64,
    /// The longest that a packet waited before the line, in ms.
    pub queue_ms: f64,
    /// Mouth to ear, in ms, where somebody was heard.
    pub delay_ms: Option<f64>,
}

/// The course of a run, second by second.
#[must_use]
pub fn course(case: &Case, played: &Played) -> Vec<Moment> {
    let (figures, key) = match case.direction {
        Direction::Down => (&played.listener, "down_rung"),
        Direction::Up => (&played.talker, "up_rung"),
    };
    let sound = Sound { said: &played.script.says[0], heard: &played.tape };
    let lags = Lags::of(sound, &played.turns());
    let seconds = played.script.len() / SECOND;
    let moment = |second: usize| {
        let t = second as f64;
        Moment {
            t,
            rung: until(figures, t + 1.0).and_then(|stats| figure(stats, key)),
            kbps: played.wire.mean_kbps(&[t..t + 1.0]),
            queue_ms: played.wire.within(&(t..t + 1.0)).map(|packet| packet.waited_ms).fold(0.0, f64::max),
            delay_ms: lags.within(&(second * SECOND..(second + 1) * SECOND)),
        }
    };
    (0..seconds).map(moment).collect()
}
