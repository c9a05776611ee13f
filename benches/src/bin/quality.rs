//! How speech comes through on lines with named faults: real speech, the whole path, virtual time.
//!
//! Prints a table with each case's target; keeps `quality.csv` (one row a run), `course.csv` (second by second, where
//! a line changes) and `quality.svg` in the folder given by `--out`. Columns are told in benches/README.md.

use anyhow::{Context, bail};
use clap::Parser;
use giaoban_benches::quality::cases::{CASES, Case};
use giaoban_benches::quality::judge::{Lags, Sound};
use giaoban_benches::quality::plot::{self, Cell, Dot, Panel};
use giaoban_benches::quality::report::{self, Figures};
use giaoban_benches::quality::score::Scorer;
use giaoban_benches::quality::script::script;
use giaoban_benches::quality::{cases::Role, run};
use giaoban_proto::media::codec::{Decoder, Encoder};
use giaoban_proto::unit::Bitrate;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{fs, thread};

#[derive(Parser)]
#[command(about = "How speech comes through: rate, loss, delay, holes and scores on lines with named faults")]
struct Typed {
    /// Only this case, or all whose name begins so; may be given several times
    #[arg(long)]
    case: Vec<String>,
    /// Which seeds: one, or from-to
    #[arg(long, default_value = "1-5")]
    seeds: String,
    /// Where quality.csv, course.csv and quality.svg go
    #[arg(long, default_value = "target/quality")]
    out: PathBuf,
    /// Measure without PESQ and STOI, which need `.ci/setup bench`
    #[arg(long)]
    no_score: bool,
    /// How many runs at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Keep what both clients wrote each second, too: CASE-SEED-SITE.jsonl
    #[arg(long)]
    figures: bool,
    /// Only try the scorer itself: speech against itself, and through Opus alone
    #[arg(long, conflicts_with_all = ["case", "no_score"])]
    check_scorer: bool,
}

fn main() -> anyhow::Result<()> {
    let typed = Typed::parse();
    if typed.check_scorer {
        return check_scorer();
    }
    let seeds = seeds(&typed.seeds)?;
    let cases: Vec<&Case> =
        CASES.iter().filter(|case| typed.case.is_empty() || chosen(case, &typed.case)).collect();
    if cases.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|case| case.id).collect();
        bail!("no such case; there are: {}", names.join(", "));
    }
    let scorer = if typed.no_score { None } else { Some(Scorer::start()?.name().to_owned()) };
    let runs: Vec<(&Case, u64)> =
        cases.iter().flat_map(|case| seeds.iter().map(|&seed| (*case, seed))).collect();
    fs::create_dir_all(&typed.out).with_context(|| format!("cannot make {}", typed.out.display()))?;
    let kept = typed.figures.then_some(typed.out.as_path());
    let (all, failed) = play_all(&runs, typed.jobs.max(1), scorer.is_some(), kept)?;

    let scorer = scorer.unwrap_or_else(|| "no scores".into());
    let keep = |name: &str, text: &str| {
        let path = typed.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    keep("quality.csv", &report::csv(&all))?;
    keep("course.csv", &report::course_csv(&all))?;
    keep("quality.svg", &plot(&all, &scorer))?;
    println!("Scorer: {scorer}. {} runs, seeds {}.\n", all.len(), typed.seeds);
    println!("{}", report::markdown(&all));
    println!("Raw figures and a plot: {}", typed.out.display());
    if failed > 0 {
        bail!("{failed} of {} runs failed", runs.len());
    }
    Ok(())
}

fn chosen(case: &Case, names: &[String]) -> bool {
    names.iter().any(|name| case.id.starts_with(name.as_str()))
}

/// `3` or `1-5`.
fn seeds(typed: &str) -> anyhow::Result<Vec<u64>> {
    let (from, to) = typed.split_once('-').unwrap_or((typed, typed));
    let number = |text: &str| text.trim().parse::<u64>();
    match (number(from), number(to)) {
        (Ok(from), Ok(to)) if from <= to && to - from < 1000 => Ok((from..=to).collect()),
        _ => bail!("--seeds takes a number or a range such as 1-5, not {typed:?}"),
    }
}

/// Plays on `jobs` threads, each with a scorer of its own. The figures come in the order of the runs, whatever ended
/// first; and how many failed.
fn play_all(
    runs: &[(&Case, u64)],
    jobs: usize,
    scored: bool,
    kept: Option<&Path>,
) -> anyhow::Result<(Vec<Figures>, usize)> {
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    let mut all: Vec<(usize, Figures)> = Vec::new();
    let mut failed = 0;
    thread::scope(|scope| {
        for _ in 0..jobs.min(runs.len()) {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || {
                let mut scorer = None;
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(case, seed)) = runs.get(n) else { break };
                    let result = one(case, seed, scored, &mut scorer, kept);
                    if done.send((n, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        for (count, (n, result)) in results.iter().enumerate() {
            match result {
                Ok(figures) => {
                    eprintln!("[{}/{}] {}", count + 1, runs.len(), figures.line());
                    all.push((n, figures));
                }
                Err(error) => {
                    failed += 1;
                    let (case, seed) = runs[n];
                    eprintln!("[{}/{}] {} seed {seed} FAILED: {error:#}", count + 1, runs.len(), case.id);
                }
            }
        }
    });
    all.sort_by_key(|(n, _)| *n);
    Ok((all.into_iter().map(|(_, figures)| figures).collect(), failed))
}

/// A run with its thread's scorer, which is started when there is none yet.
fn one(
    case: &Case,
    seed: u64,
    scored: bool,
    scorer: &mut Option<Scorer>,
    kept: Option<&Path>,
) -> anyhow::Result<Figures> {
    if scored && scorer.is_none() {
        *scorer = Some(Scorer::start()?);
    }
    run(case, seed, scorer.as_mut(), kept)
}

fn plot(all: &[Figures], scorer: &str) -> String {
    let cases = report::by_case(all);
    let rows: Vec<String> =
        cases.iter().filter_map(|runs| Some(format!("{} ({} k)", runs[0].id, runs.first()?.cap))).collect();
    let dot = |at: Option<f64>, hollow| at.map(|at| Dot { at, hollow });
    let cells = |of: &dyn Fn(&Figures) -> Vec<Option<Dot>>, target: &dyn Fn(&Figures) -> Option<f64>| {
        let cell = |runs: &Vec<&Figures>| Cell {
            dots: runs.iter().flat_map(|run| of(run)).flatten().collect(),
            target: runs.first().and_then(|run| target(run)),
        };
        cases.iter().map(cell).collect()
    };
    let panels = [
        Panel {
            title: "PESQ-WB".into(),
            note: "bracket: target".into(),
            from: 1.0,
            to: 4.6,
            limit: 5.0,
            more_is_better: true,
            cells: cells(&|run| vec![dot(run.pesq, false)], &|run| run.target.pesq),
        },
        Panel {
            title: "Delay beyond the link's, ms".into(),
            note: "full: median; hollow: 95th percentile; »: further".into(),
            from: 0.0,
            to: 1000.0,
            limit: 2000.0,
            more_is_better: false,
            cells: cells(&|run| vec![dot(run.beyond_p95_ms, true), dot(run.beyond_ms, false)], &|run| {
                run.target.beyond_ms
            }),
        },
        Panel {
            title: "Concealed, % of the speech".into(),
            note: "none where the far end's count is not told".into(),
            from: 0.0,
            to: 5.0,
            limit: 20.0,
            more_is_better: false,
            cells: cells(&|run| vec![dot(run.concealed, false)], &|run| run.target.concealed),
        },
        Panel {
            title: "Longest hole, ms".into(),
            note: "outages left out".into(),
            from: 0.0,
            to: 600.0,
            limit: 1000.0,
            more_is_better: false,
            cells: cells(&|run| vec![dot(Some(run.hole_ms), false)], &|run| run.target.hole_ms),
        },
        Panel {
            title: "Wire while speech flows, kbit/s".into(),
            note: "full: mean; hollow: worst 5 s".into(),
            from: 0.0,
            to: 32.0,
            limit: 64.0,
            more_is_better: false,
            cells: cells(
                &|run| vec![dot(Some(run.worst_kbps), true), dot(Some(run.wire_kbps), false)],
                &|run| run.target.kbps,
            ),
        },
    ];
    let subtitle = format!("a dot a seed; blue: target met or none set, orange: missed; {scorer}");
    plot::svg("How speech comes through", &subtitle, &rows, &panels)
}

/// What the scorer makes of speech that must score well, to be held against what is known of it.
fn check_scorer() -> anyhow::Result<()> {
    let mut scorer = Scorer::start()?;
    println!("Scorer: {}.\n\n| sound | PESQ-WB | STOI |\n|---|---|---|", scorer.name());
    let script = script(Role::Listening, 10);
    let spans: Vec<_> = script.turns.iter().map(|turn| turn.span.clone()).collect();
    let said = &script.says[0];
    let mut row = |name: &str, heard: &[f32]| -> anyhow::Result<()> {
        let sound = Sound { said, heard };
        let scores = scorer.score(sound, &spans, &Lags::of(sound, &spans))?;
        println!("| {name} | {:.2} | {:.3} |", scores.pesq().unwrap_or(0.0), scores.stoi().unwrap_or(0.0));
        Ok(())
    };
    row("speech against itself", said)?;
    let mut late = vec![0.0; 12_345];
    late.extend(said);
    row("the same, 257 ms late", &late)?;
    for bps in [8_500, 9_700, 16_400, 24_000] {
        row(&format!("Opus once, 60 ms, {:.1} kbit/s", f64::from(bps) / 1000.0), &through_opus(said, bps)?)?;
    }
    Ok(())
}

/// Coded and decoded once, in packets of 60 ms, with nothing in between.
fn through_opus(said: &[f32], bps: u32) -> anyhow::Result<Vec<f32>> {
    let (mut encoder, mut decoder) = (Encoder::new(Bitrate::from_bps(bps))?, Decoder::new()?);
    let (mut packet, mut sound) = ([0; 1500], [0.0; 2880]);
    let mut heard = Vec::new();
    for part in said.chunks_exact(sound.len()) {
        let bytes = encoder.encode(part, &mut packet)?;
        let samples = decoder.decode(&packet[..bytes], &mut sound)?;
        heard.extend_from_slice(&sound[..samples]);
    }
    Ok(heard)
}
