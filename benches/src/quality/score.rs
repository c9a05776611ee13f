//! Scores by `benches/score.py`, which lives in another process: PESQ-WB and STOI exist as Python packages.

use super::judge::{Lags, Sound};
use crate::timeline::SECOND;
use anyhow::{Context, bail};
use giaoban_proto::testing::measure::align_segments;
use serde_json::{Value, json};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The script itself, so that a binary of the bench needs no path to it.
const SCRIPT: &str = include_str!("../../score.py");

/// Where `.ci/setup bench` puts Python.
const PYTHON: &str = "target/score/bin/python";

/// A stretch is aligned by itself within this of the lag that its seconds have, in samples: 0.4 s.
const NEAR: usize = 2 * SECOND / 5;

/// What is scored reaches so far beyond the speech at either end, in samples: PESQ wants to see an utterance begin.
const MARGIN: usize = SECOND / 4;

/// A stretch is cut into so many parts for STOI, each aligned by itself: it compares frames of 0.4 s in place, and
/// takes a lag of 20 ms for damage, where PESQ aligns words by itself.
const PARTS: usize = 3;

/// Alignment must be found with more than chance; else what is around holds.
const ALIKE: f64 = 0.3;

/// What speech was worth, by stretches.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    pesq: Vec<f64>,
    stoi: Vec<f64>,
}

impl Scores {
    /// PESQ-WB of each stretch, in order.
    #[must_use]
    pub fn each_pesq(&self) -> &[f64] {
        &self.pesq
    }

    /// Mean of PESQ-WB over all stretches.
    #[must_use]
    pub fn pesq(&self) -> Option<f64> {
        mean(&self.pesq)
    }

    /// The stretch with the worst PESQ-WB.
    #[must_use]
    pub fn worst_pesq(&self) -> Option<f64> {
        self.pesq.iter().copied().min_by(f64::total_cmp)
    }

    /// Mean of STOI.
    #[must_use]
    pub fn stoi(&self) -> Option<f64> {
        mean(&self.stoi)
    }
}

fn mean(of: &[f64]) -> Option<f64> {
    if of.is_empty() { None } else { Some(of.iter().sum::<f64>() / of.len() as f64) }
}

/// A scorer, running. It ends when dropped.
pub struct Scorer {
    name: String,
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    work: tempfile::TempDir,
}

impl Scorer {
    /// Starts one.
    ///
    /// # Errors
    /// When it is not installed; says what to run.
    pub fn start() -> anyhow::Result<Self> {
        let python = python().with_context(|| {
            format!("no scorer at {PYTHON}: run `.ci/setup bench`, or go without scores by `--no-score`")
        })?;
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Two threads of numpy for each scorer would only be in each other's way.
            .envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")])
            .spawn()
            .context("the scorer could not be started")?;
        let (Some(ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the scorer has no pipes");
        };
        let work = tempfile::tempdir().context("no folder for recordings")?;
        let mut scorer =
            Self { name: String::new(), child, ask: Some(ask), answers: BufReader::new(answers), work };
        let said = scorer.answer().context("the scorer did not start; run `.ci/setup bench`")?;
        scorer.name = said["scorer"].as_str().unwrap_or("a scorer without a name").to_owned();
        Ok(scorer)
    }

    /// What scores, by name and version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Scores these spans of what was said, each aligned by itself near the lag that its seconds have.
    ///
    /// # Errors
    /// When the scorer is gone or cannot score.
    pub fn score(&mut self, sound: Sound<'_>, spans: &[Range<usize>], lags: &Lags) -> anyhow::Result<Scores> {
        let (said, heard) = (self.work.path().join("said.wav"), self.work.path().join("heard.wav"));
        write_wav(&said, sound.said)?;
        write_wav(&heard, sound.heard)?;
        // The scorer keeps files that it has read, by name.
        self.ask(&json!({ "forget": true }))?;
        let mut scores = Scores::default();
        let usual = lags.median(&(0..usize::MAX)).unwrap_or(0);
        for span in spans {
            let lag = lag_of(sound, span, lags.median(span).unwrap_or(usual));
            let wide = span.start.saturating_sub(MARGIN)..span.end + MARGIN;
            scores.pesq.push(self.measure("pesq", &said, &heard, &wide, lag)?);
            let part = span.len() / PARTS;
            for n in 0..PARTS {
                let span = span.start + n * part..span.start + (n + 1) * part;
                let lag = lag_of(sound, &span, lags.median(&span).unwrap_or(lag));
                scores.stoi.push(self.measure("stoi", &said, &heard, &span, lag)?);
            }
        }
        Ok(scores)
    }

    fn measure(
        &mut self,
        what: &str,
        said: &Path,
        heard: &Path,
        span: &Range<usize>,
        lag: isize,
    ) -> anyhow::Result<f64> {
        let asked = json!({
            "reference": said, "degraded": heard, "from": span.start, "samples": span.len(), "offset": lag,
            "measures": [what],
        });
        let answer = self.ask(&asked)?;
        answer[what].as_f64().with_context(|| format!("the scorer gave no {what}: {answer}"))
    }

    fn ask(&mut self, asked: &Value) -> anyhow::Result<Value> {
        let Some(ask) = &mut self.ask else { bail!("the scorer has ended") };
        writeln!(ask, "{asked}").and_then(|()| ask.flush()).context("the scorer has ended")?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the scorer has ended");
        }
        let answer: Value = serde_json::from_str(&line).context("the scorer's answer is no JSON")?;
        match answer.get("error") {
            Some(error) => bail!("the scorer says: {error}"),
            None => Ok(answer),
        }
    }
}

impl Drop for Scorer {
    fn drop(&mut self) {
        // It ends when nothing more can be asked.
        self.ask = None;
        let _ = self.child.wait();
    }
}

/// Where a span is heard, near a lag; that lag where it cannot be told.
fn lag_of(sound: Sound<'_>, span: &Range<usize>, around: isize) -> isize {
    let end = (span.end + SECOND).saturating_add_signed(around.max(0)).min(sound.heard.len());
    let heard = &sound.heard[span.start.min(end)..end];
    let said = &sound.said[span.clone()];
    let found = align_segments(said, heard, said.len(), around, NEAR);
    let found = found.first().filter(|segment| segment.alignment.correlation > ALIKE);
    found.map_or(around, |segment| segment.alignment.lag_samples)
}

/// Cargo names the package's folder to `cargo run`; other programs are started somewhere inside the workspace.
fn python() -> Option<PathBuf> {
    let starts = [env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from), env::current_dir().ok()];
    let found = starts.iter().flatten().flat_map(|start| start.ancestors()).map(|dir| dir.join(PYTHON));
    let mut found = found.filter(|python| python.is_file());
    found.next()
}

fn write_wav(path: &Path, sound: &[f32]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SECOND as u32,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in sound {
        writer.write_sample(*sample)?;
    }
    Ok(writer.finalize()?)
}
