//! How speech comes through: real speech through the whole path, and what is measured of it.
//!
//! ```text
//! case, seed -> script (who says what when) -> play (bridge and clients, virtual time) -> judge + score -> figures
//!            -> table, CSV, plot
//! ```
//!
//! A run is a function of its case and seed and touches nothing that another could see, so runs go on threads.

pub mod cases;
pub mod judge;
pub mod play;
pub mod plot;
pub mod report;
pub mod score;
pub mod script;
pub mod wire;

use cases::{Case, Direction};
use giaoban_client::stats::Stats;
use judge::{Lags, Sound};
use play::Played;
use report::Figures;
use score::{Scorer, Scores};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A run: plays a case with a seed and measures all that is measured of it. Without a scorer there are no scores. Both
/// clients' figures of each second go into the folder `kept`.
///
/// # Errors
/// When a client or the bridge cannot run, or the scorer fails.
pub fn run(
    case: &Case,
    seed: u64,
    scorer: Option<&mut Scorer>,
    kept: Option<&Path>,
) -> anyhow::Result<Figures> {
    let played = play::play(case, seed)?;
    if let Some(folder) = kept {
        for (site, figures) in [("talker", &played.talker), ("listener", &played.listener)] {
            let lines: String = figures.iter().map(Stats::to_line).collect();
            fs::write(folder.join(format!("{}-{seed}-{site}.jsonl", case.id)), lines)?;
        }
    }
    let sound = Sound { said: &played.script.says[0], heard: &played.tape };
    let spans = played.scored();
    let lags = Lags::of(sound, &spans);
    let scores = match scorer {
        Some(scorer) => scorer.score(sound, &spans, &lags)?,
        None => Scores::default(),
    };
    Ok(figures(case, seed, &played, &lags, scores))
}

fn figures(case: &Case, seed: u64, played: &Played, lags: &Lags, scores: Scores) -> Figures {
    let sound = Sound { said: &played.script.says[0], heard: &played.tape };
    let spans = played.scored();
    let times: Vec<_> = spans.iter().map(play::seconds).collect();
    let spoken: f64 = times.iter().map(|time| time.end - time.start).sum();
    let stretches = play::stretches(&spans);
    // What the far end of the measured direction counts: the listener itself, or the bridge, whose figures the talker
    // may be told.
    let counted = |key: &str| match case.direction {
        Direction::Down => play::grown(&played.listener, key, &stretches),
        Direction::Up => play::grown(&played.talker, &format!("up_{key}"), &stretches),
    };
    let rungs = match case.direction {
        Direction::Down => play::range(&played.listener, "down_rung", &stretches),
        Direction::Up => play::range(&played.talker, "up_rung", &stretches),
    };
    let link = (played.line.delay + Duration::from_millis(1)).as_secs_f64() * 1000.0;
    let delay = lags.delays_ms();
    let loss_after = match (counted("lost"), counted("repaired"), counted("received")) {
        (Some(lost), Some(repaired), Some(received)) if received > 0.0 => {
            let missing = (lost - repaired).max(0.0);
            Some(100.0 * missing / (missing + received))
        }
        _ => None,
    };
    let outages = played.outages();
    let changed = played.changed.as_ref().map(|(at, line)| (at.as_secs_f64(), line.clone()));
    let settled = changed
        .as_ref()
        .and_then(|(at, line)| Some(played.wire.settled_after(*at, f64::from(line.rate?.bps()) / 1000.0)));
    Figures {
        id: case.id.into(),
        line: case.line.into(),
        cap: case.cap,
        role: case.role,
        direction: case.direction,
        seed,
        rungs,
        wire_kbps: played.wire.mean_kbps(&times),
        worst_kbps: played.wire.worst_kbps(&stretches),
        loss_before: played.wire.loss_percent(&times),
        loss_after,
        repaired: counted("repaired"),
        concealed: counted("concealed_ms").map(|ms| ms / 10.0 / spoken),
        delay_ms: delay.map(|(median, _)| median),
        delay_p95_ms: delay.map(|(_, high)| high),
        beyond_ms: delay.map(|(median, _)| median - link),
        beyond_p95_ms: delay.map(|(_, high)| high - link),
        hole_ms: judge::longest_hole(sound, &spans, lags) as f64 / 48.0,
        pesq: scores.pesq(),
        worst_pesq: scores.worst_pesq(),
        stoi: scores.stoi(),
        sound_again_s: judge::sound_again(sound, &outages),
        normal_again_s: judge::normal_again(sound, &played.turns(), &outages),
        settled_s: settled,
        queue_back_s: changed.map(|(at, _)| played.wire.queue_back_after(at)),
        target: case.target,
        course: if case.changes() { play::course(case, played) } else { Vec::new() },
    }
}
