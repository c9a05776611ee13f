//! A meeting of twenty sites on mixed lines, five minutes in virtual time: how each site heard the others, how it was
//! heard, and what passed the bridge.
//!
//! Prints a table; keeps `scenario.csv` and `scenario.svg` in the folder given by `--out`. Columns are told in
//! benches/README.md.

use anyhow::Context;
use clap::Parser;
use giaoban_benches::quality::plot::{self, Cell, Dot, Panel};
use giaoban_benches::quality::score::Scorer;
use giaoban_benches::scenario::{Figures, Met, SITES, hold, judge};
use giaoban_benches::timeline::SECOND;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{fs, thread};

#[derive(Parser)]
#[command(about = "A meeting of twenty sites on mixed lines, five minutes in virtual time")]
struct Typed {
    /// The seed of the lines
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where scenario.csv and scenario.svg go
    #[arg(long, default_value = "target/scenario")]
    out: PathBuf,
    /// Measure without PESQ and STOI, which need `.ci/setup bench`
    #[arg(long)]
    no_score: bool,
    /// How many sites are judged at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn main() -> anyhow::Result<()> {
    let typed = Typed::parse();
    let scorer = if typed.no_score { None } else { Some(Scorer::start()?.name().to_owned()) };
    let met = hold(typed.seed, |passed, whole| eprintln!("the meeting: {passed} of {whole} s"))?;
    let all = judge_all(&met, typed.jobs.max(1), scorer.is_some())?;
    let scorer = scorer.unwrap_or_else(|| "no scores".into());
    let rows: Vec<Row<'_>> =
        all.iter().map(|figures| Row { figures, heard_pesq: heard(&met, &all, figures) }).collect();
    fs::create_dir_all(&typed.out).with_context(|| format!("cannot make {}", typed.out.display()))?;
    let keep = |name: &str, text: &str| {
        let path = typed.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    keep("scenario.csv", &csv(&rows))?;
    keep("scenario.svg", &plot(&rows, &scorer))?;
    println!("Scorer: {scorer}. Seed {}.\n\n{}", typed.seed, markdown(&rows));
    println!("{}", bridge(&met));
    println!("Raw figures and a plot: {}", typed.out.display());
    Ok(())
}

/// Judges all sites on `jobs` threads, each with a scorer of its own.
fn judge_all(met: &Met, jobs: usize, scored: bool) -> anyhow::Result<Vec<Figures>> {
    let next = AtomicUsize::new(0);
    let (done, results) = mpsc::channel();
    let mut all = Vec::new();
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || {
                let mut scorer = None;
                loop {
                    let site = next.fetch_add(1, Ordering::Relaxed);
                    if site >= SITES.len() || done.send(one(met, site, scored, &mut scorer)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        for (count, result) in results.iter().enumerate() {
            let figures = result?;
            eprintln!("[{}/{}] {} is judged", count + 1, SITES.len(), SITES[figures.site].name);
            all.push(figures);
        }
        anyhow::Ok(())
    })?;
    all.sort_by_key(|figures| figures.site);
    Ok(all)
}

/// A site with its thread's scorer, which is started when there is none yet.
fn one(met: &Met, site: usize, scored: bool, scorer: &mut Option<Scorer>) -> anyhow::Result<Figures> {
    if scored && scorer.is_none() {
        *scorer = Some(Scorer::start()?);
    }
    judge(met, site, scorer.as_mut())
}

struct Row<'a> {
    figures: &'a Figures,
    /// PESQ-WB of its turns at all others, the mean.
    heard_pesq: Option<f64>,
}

/// How the others heard a site, in the turns that it had for itself.
fn heard(met: &Met, all: &[Figures], speaker: &Figures) -> Option<f64> {
    let its = |turn: usize| met.agenda.turns[turn].speakers == [speaker.site];
    let scores = all.iter().flat_map(|listener| &listener.turns);
    let scores: Vec<f64> = scores.filter(|(turn, _)| its(*turn)).map(|(_, pesq)| *pesq).collect();
    if scores.is_empty() { None } else { Some(scores.iter().sum::<f64>() / scores.len() as f64) }
}

fn columns(row: &Row<'_>) -> Vec<(&'static str, String)> {
    let figures = row.figures;
    let site = &SITES[figures.site];
    let maybe = |value: Option<f64>, digits: usize| {
        value.map_or_else(String::new, |value| format!("{value:.digits$}"))
    };
    vec![
        ("site", site.name.to_owned()),
        ("line", site.line.to_owned()),
        ("cap_kbps", site.cap.to_string()),
        ("rung_least", maybe(figures.rungs.map(|rungs| rungs.0), 0)),
        ("rung_most", maybe(figures.rungs.map(|rungs| rungs.1), 0)),
        ("up_kbps", maybe(figures.up_kbps, 2)),
        ("down_kbps", format!("{:.2}", figures.down_kbps)),
        ("down_worst5s_kbps", format!("{:.2}", figures.down_worst_kbps)),
        ("up_kb", format!("{:.0}", figures.up_kb)),
        ("down_kb", format!("{:.0}", figures.down_kb)),
        ("loss_before_pct", format!("{:.2}", figures.loss_before)),
        ("loss_after_pct", maybe(figures.loss_after, 2)),
        ("concealed_pct", maybe(figures.concealed, 2)),
        ("delay_ms", maybe(figures.delay_ms.map(|delay| delay.0), 0)),
        ("delay_p95_ms", maybe(figures.delay_ms.map(|delay| delay.1), 0)),
        ("beyond_ms", maybe(figures.beyond_ms.map(|delay| delay.0), 0)),
        ("beyond_p95_ms", maybe(figures.beyond_ms.map(|delay| delay.1), 0)),
        ("hole_ms", format!("{:.0}", figures.hole_ms)),
        ("pesq_wb", maybe(figures.scores.pesq(), 3)),
        ("pesq_wb_worst", maybe(figures.scores.worst_pesq(), 3)),
        ("stoi", maybe(figures.scores.stoi(), 4)),
        ("heard_pesq_wb", maybe(row.heard_pesq, 3)),
        ("sound_again_s", maybe(figures.sound_again_s, 2)),
        ("normal_again_s", maybe(figures.normal_again_s, 2)),
        ("reconnects", maybe(figures.reconnects, 0)),
    ]
}

fn csv(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        let columns = columns(row);
        if n == 0 {
            text += &(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",") + "\n");
        }
        text += &(columns.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

fn markdown(rows: &[Row<'_>]) -> String {
    let known = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
    };
    let mut text = String::from(
        "| site | line | cap | down, worst 5 s, kbit/s | up when it speaks | loss, after repair | concealed | delay, 95th | beyond, 95th | longest hole | PESQ-WB (worst turn) | STOI | heard by the others |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let figures = row.figures;
        let site = &SITES[figures.site];
        let pair = |pair: Option<(f64, f64)>| match pair {
            Some((median, high)) => format!("{median:.0}, {high:.0} ms"),
            None => "–".into(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1}, {:.1} | {} | {:.1} %, {} % | {} % | {} | {} | {:.0} ms | {} ({}) | {} | {} |",
            site.name,
            site.line,
            site.cap,
            figures.down_kbps,
            figures.down_worst_kbps,
            known(figures.up_kbps, 1),
            figures.loss_before,
            known(figures.loss_after, 1),
            known(figures.concealed, 1),
            pair(figures.delay_ms),
            pair(figures.beyond_ms),
            figures.hole_ms,
            known(figures.scores.pesq(), 2),
            known(figures.scores.worst_pesq(), 2),
            known(figures.scores.stoi(), 3),
            known(row.heard_pesq, 2)
        );
    }
    for figures in rows.iter().map(|row| row.figures).filter(|figures| figures.sound_again_s.is_some()) {
        let _ = writeln!(
            text,
            "\n{} was away: sound {} s after its line's return, delay as before after {} s.",
            SITES[figures.site].name,
            known(figures.sound_again_s, 2),
            known(figures.normal_again_s, 1)
        );
    }
    text
}

/// What passed the bridge, of all sites together.
fn bridge(met: &Met) -> String {
    let end = met.agenda.said.len() as f64 / SECOND as f64;
    let begin = met.agenda.turns.first().map_or(0.0, |turn| turn.span.start as f64 / SECOND as f64);
    let whole = [begin..end];
    let side = |name: &str, wire: &giaoban_benches::quality::wire::Wire| {
        format!(
            "{name} {:.1} kbit/s in the mean, {:.1} in the worst 5 s",
            wire.mean_kbps(&whole),
            wire.worst_kbps(&whole)
        )
    };
    format!("The bridge was sent {}; it {}.\n", side("", &met.bridge.0).trim(), side("sent", &met.bridge.1))
}

fn plot(rows: &[Row<'_>], scorer: &str) -> String {
    let names: Vec<String> = rows
        .iter()
        .map(|row| {
            let site = &SITES[row.figures.site];
            format!("{}: {} ({} k)", site.name, site.line, site.cap)
        })
        .collect();
    let cells = |of: &dyn Fn(&Row<'_>) -> [Option<f64>; 2]| -> Vec<Cell> {
        let cell = |row: &Row<'_>| {
            let [full, hollow] = of(row);
            let dots = hollow.map(|at| Dot { at, hollow: true }).into_iter();
            Cell { dots: dots.chain(full.map(|at| Dot { at, hollow: false })).collect(), target: None }
        };
        rows.iter().map(cell).collect()
    };
    let panel = |title: &str, note: &str, scale: (f64, f64, f64), cells: Vec<Cell>| Panel {
        title: title.into(),
        note: note.into(),
        from: scale.0,
        to: scale.1,
        limit: scale.2,
        more_is_better: false,
        cells,
    };
    let panels = [
        panel(
            "PESQ-WB",
            "full: how it heard; hollow: how it was heard",
            (1.0, 4.6, 5.0),
            cells(&|row| [row.figures.scores.pesq(), row.heard_pesq]),
        ),
        panel(
            "Delay beyond the links', ms",
            "full: median; hollow: 95th percentile; »: further",
            (0.0, 1000.0, 2000.0),
            cells(&|row| [row.figures.beyond_ms.map(|d| d.0), row.figures.beyond_ms.map(|d| d.1)]),
        ),
        panel(
            "Concealed, % of the speech",
            "",
            (0.0, 5.0, 20.0),
            cells(&|row| [row.figures.concealed, None]),
        ),
        panel(
            "Longest hole, ms",
            "outages left out",
            (0.0, 600.0, 1000.0),
            cells(&|row| [Some(row.figures.hole_ms), None]),
        ),
        panel(
            "Wire, kbit/s",
            "full: down; hollow: up, while it speaks",
            (0.0, 48.0, 64.0),
            cells(&|row| [Some(row.figures.down_kbps), row.figures.up_kbps]),
        ),
    ];
    let subtitle = format!("twenty sites on mixed lines, five minutes; {scorer}");
    plot::svg("A meeting", &subtitle, &names, &panels)
}
