//! Puts a bad line between real clients and a real bridge: see `giaoban_benches::weaklink`.

use anyhow::{Context, anyhow};
use clap::Parser;
use giaoban_benches::weaklink::{Config, Counters, Direction, Weaklink};
use giaoban_proto::testing::link::{LinkConfig, NAMES, named};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::{interval, sleep};

/// How often it says what passed.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Parser)]
#[command(
    about = "Relays UDP over a bad line with a name: clients send here instead of to the bridge",
    after_help = "Each client address has a line of its own. Counts include IP and UDP headers. Ends after --duration or by Ctrl-C."
)]
struct Typed {
    /// The line, both directions of it: clean, adsl-noise, 3g-edge, edge-2g, vsat, hill, storm, blackout, lossy20
    #[arg(long, value_parser = line, required_unless_present_all = ["up", "down"])]
    line: Option<Line>,
    /// Another line for what clients send
    #[arg(long, value_parser = line, value_name = "LINE")]
    up: Option<Line>,
    /// Another line for what clients hear
    #[arg(long, value_parser = line, value_name = "LINE")]
    down: Option<Line>,
    /// The same seed makes the same line
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where clients send to
    #[arg(long, default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// The bridge
    #[arg(long, default_value = "127.0.0.1:4646")]
    to: SocketAddr,
    /// For how long: 90, 60s, 10m or 1h
    #[arg(long, default_value = "1h", value_parser = duration, value_name = "TIME")]
    duration: Duration,
}

#[derive(Clone)]
struct Line(LinkConfig, LinkConfig);

fn line(name: &str) -> anyhow::Result<Line> {
    let (up, down) = named(name)
        .ok_or_else(|| anyhow!("there is no line of that name; there are {}", NAMES.join(", ")))?;
    Ok(Line(up, down))
}

fn duration(word: &str) -> anyhow::Result<Duration> {
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let found = units.into_iter().find_map(|(unit, seconds)| Some((word.strip_suffix(unit)?, seconds)));
    let (digits, seconds) = found.unwrap_or((word, 1));
    let count: u32 = digits.parse().context("give a time such as 90, 60s, 10m or 1h")?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Typed { line, up, down, seed, listen, to, duration } = Typed::parse();
    let up = up.or_else(|| line.clone()).context("say --line, or --up and --down")?.0;
    let down = down.or(line).context("say --line, or --up and --down")?.1;
    let config = Config::new(listen, to, (up, down), seed);
    let relay = Weaklink::start(config).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("{} -> {to}; give clients the join link with {} in it", relay.address(), relay.address());
    tokio::select! {
        () = sleep(duration) => {}
        asked = tokio::signal::ctrl_c() => asked?,
        () = tell(relay.counters()) => {}
    }
    for (name, direction) in [("up", &relay.counters().up), ("down", &relay.counters().down)] {
        println!("{name} in all: {}", Figures::of(direction).text());
    }
    Ok(())
}

/// Says every few seconds what passed since the time before.
async fn tell(counters: &Counters) {
    let mut clock = interval(EVERY);
    clock.tick().await;
    let mut before = [Figures::default(); 2];
    for second in (0u64..).step_by(EVERY.as_secs() as usize).skip(1) {
        clock.tick().await;
        let flows = counters.flows.load(Relaxed);
        let away = counters.turned_away.load(Relaxed);
        println!("{second} s: {flows} clients{}", some(away, "packets of too many clients dropped"));
        for (n, (name, direction)) in [("up", &counters.up), ("down", &counters.down)].into_iter().enumerate()
        {
            let figures = Figures::of(direction);
            let since = figures.since(before[n]);
            let kbps = since.bytes as f64 * 8.0 / 1000.0 / EVERY.as_secs_f64();
            println!("  {name:4} {kbps:7.1} kbit/s: {}", since.text());
            before[n] = figures;
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Figures {
    passed: u64,
    bytes: u64,
    lost: u64,
    queue_full: u64,
    away: u64,
    overrun: u64,
    under_way: u64,
}

impl Figures {
    fn of(direction: &Direction) -> Self {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Self {
            passed: read(&direction.passed),
            bytes: read(&direction.bytes),
            lost: read(&direction.lost),
            queue_full: read(&direction.queue_full),
            away: read(&direction.away),
            overrun: read(&direction.overrun),
            under_way: read(&direction.under_way),
        }
    }

    /// What came on top of `before`; what is under way is of this moment.
    const fn since(self, before: Self) -> Self {
        Self {
            passed: self.passed - before.passed,
            bytes: self.bytes - before.bytes,
            lost: self.lost - before.lost,
            queue_full: self.queue_full - before.queue_full,
            away: self.away - before.away,
            overrun: self.overrun - before.overrun,
            under_way: self.under_way,
        }
    }

    fn text(self) -> String {
        format!(
            "{} passed ({} B), {} lost{}{}{}, {} under way",
            self.passed,
            self.bytes,
            self.lost,
            some(self.queue_full, "at a full queue"),
            some(self.away, "while away"),
            some(self.overrun, "dropped by this program, which was too slow: do not trust these figures"),
            self.under_way
        )
    }
}

/// What is only said when there is some.
fn some(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}
