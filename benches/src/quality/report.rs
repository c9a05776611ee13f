//! The figures of a run, as CSV and as a table for people.

use super::cases::{Direction, Role, Target};
use super::play::Moment;
use std::fmt::Write;

/// All that one run measured. `None` is what could not be told.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "benches/README.md has a table of the columns")]
pub struct Figures {
    pub id: String,
    pub line: String,
    pub cap: u32,
    pub role: Role,
    pub direction: Direction,
    pub seed: u64,
    pub rungs: Option<(f64, f64)>,
    pub wire_kbps: f64,
    pub worst_kbps: f64,
    pub loss_before: f64,
    pub loss_after: Option<f64>,
    pub repaired: Option<f64>,
    pub concealed: Option<f64>,
    pub delay_ms: Option<f64>,
    pub delay_p95_ms: Option<f64>,
    pub beyond_ms: Option<f64>,
    pub beyond_p95_ms: Option<f64>,
    pub hole_ms: f64,
    pub pesq: Option<f64>,
    pub worst_pesq: Option<f64>,
    pub stoi: Option<f64>,
    pub sound_again_s: Option<f64>,
    pub normal_again_s: Option<f64>,
    /// `None`: no change; `Some(None)`: a change after which it did not settle.
    pub settled_s: Option<Option<f64>>,
    pub queue_back_s: Option<f64>,
    pub target: Target,
    pub course: Vec<Moment>,
}

impl Figures {
    /// What of the target was missed, in words; nothing when all was met or there is none. What a target asks for
    /// and could not be told is missed, but for scores where nothing was scored.
    #[must_use]
    pub fn missed(&self) -> Vec<String> {
        let target = &self.target;
        let settled = self.settled_s.map(|settled| settled.unwrap_or(f64::INFINITY));
        let most = [
            ("kbit/s", target.kbps, Some(self.wire_kbps)),
            ("concealed %", target.concealed, self.concealed),
            ("ms beyond", target.beyond_ms, self.beyond_ms),
            ("ms hole", target.hole_ms, Some(self.hole_ms)),
            ("s to sound", target.sound_again_s, self.sound_again_s),
            ("s to normal", target.normal_again_s, self.normal_again_s),
            ("s to settle", target.settled_s, settled),
            ("s to a short queue", target.queue_back_s, self.queue_back_s),
        ];
        let least = [("PESQ", target.pesq, self.pesq), ("STOI", target.stoi, self.stoi)];
        let over = most.iter().filter_map(|&(what, target, value)| {
            let (target, value) = (target?, value.unwrap_or(f64::INFINITY));
            (value > target).then(|| format!("{} {what} > {target}", short(value)))
        });
        let under = least.iter().filter_map(|&(what, target, value)| {
            let (target, value) = (target?, value?);
            (value < target).then(|| format!("{} {what} < {target}", short(value)))
        });
        under.chain(over).collect()
    }

    /// Column names and values, in order.
    fn columns(&self) -> Vec<(&'static str, String)> {
        let maybe = |value: Option<f64>, digits: usize| {
            value.map_or_else(String::new, |value| format!("{value:.digits$}"))
        };
        let missed = self.missed();
        vec![
            ("case", self.id.clone()),
            ("line", self.line.clone()),
            ("cap_kbps", self.cap.to_string()),
            ("role", self.role.to_string()),
            ("direction", self.direction.to_string()),
            ("seed", self.seed.to_string()),
            ("rung_least", maybe(self.rungs.map(|rungs| rungs.0), 0)),
            ("rung_most", maybe(self.rungs.map(|rungs| rungs.1), 0)),
            ("wire_kbps", format!("{:.2}", self.wire_kbps)),
            ("wire_worst5s_kbps", format!("{:.2}", self.worst_kbps)),
            ("loss_before_pct", format!("{:.2}", self.loss_before)),
            ("loss_after_pct", maybe(self.loss_after, 2)),
            ("repaired", maybe(self.repaired, 0)),
            ("concealed_pct", maybe(self.concealed, 2)),
            ("delay_ms", maybe(self.delay_ms, 0)),
            ("delay_p95_ms", maybe(self.delay_p95_ms, 0)),
            ("beyond_ms", maybe(self.beyond_ms, 0)),
            ("beyond_p95_ms", maybe(self.beyond_p95_ms, 0)),
            ("hole_ms", format!("{:.0}", self.hole_ms)),
            ("pesq_wb", maybe(self.pesq, 3)),
            ("pesq_wb_worst", maybe(self.worst_pesq, 3)),
            ("stoi", maybe(self.stoi, 4)),
            ("sound_again_s", maybe(self.sound_again_s, 2)),
            ("normal_again_s", maybe(self.normal_again_s, 2)),
            ("settled_s", self.settled_s.map_or_else(String::new, |settled| or_never(settled, 1))),
            ("queue_back_s", maybe(self.queue_back_s, 2)),
            ("met", if missed.is_empty() { "yes".into() } else { "no".into() }),
            ("missed", missed.join("; ")),
        ]
    }

    /// One line for somebody who waits.
    #[must_use]
    pub fn line(&self) -> String {
        let missed = self.missed();
        format!(
            "{} seed {}: {:.1} kbit/s, PESQ {}, STOI {}, {} ms ({} beyond), concealed {} %, hole {:.0} ms{}{}",
            self.id,
            self.seed,
            self.wire_kbps,
            known(self.pesq, 2),
            known(self.stoi, 3),
            known(self.delay_ms, 0),
            known(self.beyond_ms, 0),
            known(self.concealed, 1),
            self.hole_ms,
            if missed.is_empty() { "" } else { "; missed: " },
            missed.join(", ")
        )
    }
}

/// One row a run.
#[must_use]
pub fn csv(all: &[Figures]) -> String {
    let mut text = String::new();
    for (n, figures) in all.iter().enumerate() {
        let columns = figures.columns();
        let row = |cells: Vec<&str>| cells.join(",") + "\n";
        if n == 0 {
            text += &row(columns.iter().map(|(name, _)| *name).collect());
        }
        text += &row(columns.iter().map(|(_, value)| value.as_str()).collect());
    }
    text
}

/// The course of all runs whose line changes, one row a second.
#[must_use]
pub fn course_csv(all: &[Figures]) -> String {
    let mut text = String::from("case,seed,t_s,rung,wire_kbps,queue_ms,delay_ms\n");
    for figures in all {
        for moment in &figures.course {
            let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.0}"));
            let _ = writeln!(
                text,
                "{},{},{:.0},{},{:.1},{:.0},{}",
                figures.id,
                figures.seed,
                moment.t,
                cell(moment.rung),
                moment.kbps,
                moment.queue_ms,
                cell(moment.delay_ms)
            );
        }
    }
    text
}

/// One row a case: means over its runs, the worst where that is what matters, and how many runs met the target.
#[must_use]
pub fn markdown(all: &[Figures]) -> String {
    let mut text = String::from(
        "| case | cap | rung | kbit/s | worst 5 s | loss, after repair | concealed | delay, 95th | beyond, 95th | longest hole | PESQ-WB (worst run) | STOI | target | met |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for runs in by_case(all) {
        let Some(first) = runs.first() else { continue };
        let mean = |value: fn(&Figures) -> Option<f64>| {
            let values: Vec<f64> = runs.iter().copied().filter_map(value).collect();
            if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
        };
        let most = |value: fn(&Figures) -> Option<f64>| {
            runs.iter().copied().filter_map(value).max_by(f64::total_cmp)
        };
        let worst = runs.iter().filter_map(|run| run.pesq).min_by(f64::total_cmp);
        let met = runs.iter().filter(|run| run.missed().is_empty()).count();
        let rungs = match (
            runs.iter().filter_map(|run| Some(run.rungs?.0)).min_by(f64::total_cmp),
            most(|run| Some(run.rungs?.1)),
        ) {
            (Some(least), Some(most)) if least < most => format!("{least:.0} to {most:.0}"),
            (_, most) => known(most, 0),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {rungs} | {} | {} | {} %, {} % | {} % | {}, {} ms | {}, {} ms | {:.0} ms | {} ({}) | {} | {} | {} |",
            first.id,
            first.cap,
            known(mean(|run| Some(run.wire_kbps)), 1),
            known(most(|run| Some(run.worst_kbps)), 1),
            known(mean(|run| Some(run.loss_before)), 1),
            known(mean(|run| run.loss_after), 1),
            known(mean(|run| run.concealed), 1),
            known(mean(|run| run.delay_ms), 0),
            known(mean(|run| run.delay_p95_ms), 0),
            known(mean(|run| run.beyond_ms), 0),
            known(mean(|run| run.beyond_p95_ms), 0),
            most(|run| Some(run.hole_ms)).unwrap_or(0.0),
            known(mean(|run| run.pesq), 2),
            known(worst, 2),
            known(mean(|run| run.stoi), 3),
            wanted(&first.target),
            if first.target == Target::default() { "–".into() } else { format!("{met} of {}", runs.len()) },
        );
    }
    text + &changes(all)
}

/// What happened after a link's return or its change, for the cases that have such.
fn changes(all: &[Figures]) -> String {
    let mut text = String::new();
    for run in all.iter().filter(|run| !run.course.is_empty()) {
        let returned = run.sound_again_s.is_some() || run.normal_again_s.is_some();
        let _ = match run.settled_s {
            Some(settled) => writeln!(
                text,
                "{} seed {}: within the new rate after {} s, queue under 200 ms for good after {} s",
                run.id,
                run.seed,
                or_never(settled, 1),
                known(run.queue_back_s, 1)
            ),
            None if returned => writeln!(
                text,
                "{} seed {}: sound {} s after the link's return, delay as before after {} s",
                run.id,
                run.seed,
                known(run.sound_again_s, 2),
                known(run.normal_again_s, 1)
            ),
            None => Ok(()),
        };
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// Runs by case, in the order in which cases come first.
#[must_use]
pub fn by_case(all: &[Figures]) -> Vec<Vec<&Figures>> {
    let mut cases: Vec<Vec<&Figures>> = Vec::new();
    for run in all {
        match cases.iter_mut().find(|runs| runs.iter().any(|other| other.id == run.id)) {
            Some(runs) => runs.push(run),
            None => cases.push(vec![run]),
        }
    }
    cases
}

fn wanted(target: &Target) -> String {
    let parts = [
        ("PESQ ≥ ", target.pesq, ""),
        ("STOI ≥ ", target.stoi, ""),
        ("≤ ", target.kbps, " kbit/s"),
        ("concealed ≤ ", target.concealed, " %"),
        ("beyond ≤ ", target.beyond_ms, " ms"),
        ("hole ≤ ", target.hole_ms, " ms"),
        ("sound ≤ ", target.sound_again_s, " s"),
        ("normal ≤ ", target.normal_again_s, " s"),
        ("settled ≤ ", target.settled_s, " s"),
        ("queue ≤ ", target.queue_back_s, " s"),
    ];
    let parts = parts.iter().filter_map(|(before, value, unit)| Some(format!("{before}{}{unit}", (*value)?)));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "–".into() } else { parts.join(", ") }
}

fn known(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
}

fn or_never(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "never".into(), |value| format!("{value:.digits$}"))
}

/// A figure with as many digits as it takes to see why it was missed.
fn short(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
