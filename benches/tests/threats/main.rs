//! What an outsider can do to a meeting: each row of the design's table of threats, against the real program over
//! sockets, beside three honest sites whose sound must go on unbroken.
//!
//! One run, in one order, since all attack the same bridge; so this has a `main` of its own. Words on the command line
//! choose cases by name. What is judged throughout: holes in the honest sound, how long an honest join takes, the
//! bridge's memory. A hole is the machine's own, and said to be, when one of the judged programs' threads was ready to
//! run and had no processor for at least half as long as the hole, in the half second before it or during it (Linux
//! counts that: /proc/PID/task/TID/schedstat).

mod crowd;
mod door;
mod floods;
mod inside;
mod meeting;
mod mouth;
mod pins;
mod relay;
mod store;
mod tone;
mod watch;

use giaoban_benches::outside::{BridgeProcess, unix_ms};
use giaoban_bridge::store::{Guests, NewPin, RoomChange};
use giaoban_proto::transport::Identity;
use giaoban_proto::wire::SiteRole;
use meeting::{Heard, Hole, Meeting};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tempfile::TempDir;
use watch::{Seen, Watch};

/// The PIN of the room.
const PIN: &str = "20261128";

/// Sound may have no longer hole than this, in ms.
const HOLE_MS: f64 = 100.0;

/// An honest join may take so long, in ms.
const JOIN_MS: f64 = 5000.0;

/// The bridge's memory may grow by so much, in KiB.
const GROWTH_KIB: u64 = 64 * 1024;

/// A tone that nobody may hear is quieter than this, in dBFS; one that is heard is at -17 or so.
const UNHEARD_DBFS: f64 = -45.0;

/// What a case needs.
pub(crate) struct Scene {
    pub(crate) bridge: BridgeProcess,
    pub(crate) operator: Identity,
}

/// What came of an attack.
#[derive(Default)]
pub(crate) struct Report {
    sent: String,
    answered: String,
    /// Tones that nobody may have heard, and one that everybody must have: in Hz, from when to when in Unix time.
    unheard: Vec<(f64, f64, f64)>,
    heard: Vec<(f64, f64, f64)>,
}

impl Report {
    pub(crate) fn new(sent: impl Into<String>, answered: impl Into<String>) -> Self {
        Self { sent: sent.into(), answered: answered.into(), ..Self::default() }
    }
}

type Case = fn(&Scene) -> anyhow::Result<Report>;

/// In this order; those of the lobby and of the second chance with the PIN run beside the others.
const CASES: [(&str, Case); 18] = [
    ("silent_connections_are_closed_and_take_nobodys_place", door::silent),
    ("half_open_handshakes_by_the_thousand", floods::half_open),
    ("a_million_random_packets", floods::random),
    ("a_flood_of_joins_from_behind_one_carriers_address", door::carrier),
    ("unknown_and_revoked_keys", door::keys),
    ("reused_expired_and_foreign_invitations", door::invitations),
    ("hostile_control_messages", inside::control),
    ("hostile_names", inside::names),
    ("a_listener_that_sends_audio", inside::listener),
    ("a_participant_that_sends_every_operators_act", inside::acts),
    ("two_thousand_voice_packets_a_second_from_one_member", inside::voices),
    ("an_expelled_client_that_keeps_sending_and_changes_its_port", inside::expelled),
    ("two_sessions_of_one_device_alternate_twenty_times", inside::alternate),
    ("two_real_clients_with_one_key_do_not_fight", inside::twins),
    ("a_lost_pc_is_shut_out", inside::lost_pc),
    ("ten_thousand_pin_guesses", pins::guesses),
    ("a_minute_in_the_lobby", pins::lobby),
    ("a_changed_row_of_the_audit", store::changed),
];

/// A case, done.
struct Done {
    name: &'static str,
    from_ms: f64,
    to_ms: f64,
    result: anyhow::Result<Report>,
}

/// A runtime for one attacker.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let listed = std::env::args().any(|word| word == "--list");
    let chosen: Vec<_> = CASES
        .into_iter()
        .filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word.as_str())))
        .collect();
    if listed {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
    }
    if listed || chosen.is_empty() {
        return ExitCode::SUCCESS;
    }
    match run(&chosen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the scene could not be set: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chosen: &[(&'static str, Case)]) -> anyhow::Result<bool> {
    let folder = TempDir::new()?;
    let log = folder.path().join("bridge.log");
    let bridge = BridgeProcess::start(&folder.path().join("data"), &log)?;
    let operator = bridge.enrol("Điều hành", SiteRole::Operator)?;
    let change = RoomChange {
        guests: Some(Guests::Lobby),
        pin: Some(NewPin::Is(PIN.into())),
        ..RoomChange::default()
    };
    bridge.registry()?.set_room("giaoban", &change)?;
    // In memory where that can be had: a disk that keeps a recorder waiting is no hole in the meeting.
    let memory = std::path::Path::new("/dev/shm");
    let sounds = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
    let meeting = Meeting::start(&bridge, sounds.path())?;
    // Until all hear one another.
    pause(Duration::from_secs(5));
    let watch = Watch::start(&bridge, meeting.processes())?;
    pause(Duration::from_secs(3));
    let scene = Scene { bridge, operator };
    let done = std::thread::scope(|scope| {
        let aside = |name: &str| name == "a_minute_in_the_lobby";
        let lobby = chosen.iter().find(|(name, _)| aside(name));
        let scene = &scene;
        let lobby = lobby.map(|&case| scope.spawn(move || carry_out(scene, case)));
        // It is in before anything is done.
        pause(Duration::from_secs(2));
        let others = chosen.iter().filter(|(name, _)| !aside(name));
        let mut done: Vec<Done> = others.map(|&case| carry_out(scene, case)).collect();
        done.extend(lobby.map(|thread| thread.join().expect("it reports")));
        done
    });
    pause(Duration::from_secs(2));
    let seen = watch.end();
    let heard = meeting.end()?;
    let Scene { mut bridge, .. } = scene;
    bridge.process.ask_to_end()?;
    let sound = judge(&done, &seen, &heard);
    let log = std::fs::read_to_string(&log)?;
    for line in
        log.lines().filter(|line| ["closed", "WARN", "ERROR", "panic"].iter().any(|word| line.contains(word)))
    {
        println!("the bridge: {line}");
    }
    Ok(sound)
}

fn carry_out(scene: &Scene, (name, case): (&'static str, Case)) -> Done {
    let from_ms = unix_ms();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(scene)));
    let result = result.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(anyhow::anyhow!(said.unwrap_or_else(|| "panicked".into())))
    });
    let to_ms = unix_ms();
    let word = if result.is_ok() { "ok" } else { "FAILED" };
    println!("test {name} ... {word} ({:.1} s)", (to_ms - from_ms) / 1000.0);
    if let Err(error) = &result {
        println!("    {error:#}");
    }
    Done { name, from_ms, to_ms, result }
}

/// Prints the table; whether all is as it should be.
fn judge(done: &[Done], seen: &Seen, heard: &[Heard]) -> bool {
    let holes: Vec<Hole> = heard.iter().enumerate().flat_map(|(n, heard)| heard.holes(n)).collect();
    let begun = done.iter().map(|done| done.from_ms).fold(f64::INFINITY, f64::min);
    let ended = done.iter().map(|done| done.to_ms).fold(0.0, f64::max);
    let at_first = seen.memory_at_first();
    let mut faults = String::new();
    println!(
        "\n| attack | seconds | sent | answered or counted | worst honest join, ms (joins) | memory, MiB over the start | \
         longest hole, ms | guessed, ms | bridge's processor, % | dropped by the system |\n|---|---|---|---|---|---|---|---|---|---|"
    );
    for case in done {
        let Done { name, from_ms, to_ms, result } = case;
        let (from, to) = (*from_ms, *to_ms + 1000.0);
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                let _ = writeln!(faults, "{name}: {error:#}");
                &Report::default()
            }
        };
        let (join, joins) = seen.worst_join(from, to);
        let memory = seen.most_memory(from, to);
        let hole = own(&holes, seen, from, to);
        let concealed = heard.iter().map(|heard| heard.concealed_ms(from, to)).fold(0.0, f64::max);
        println!(
            "| {} | {:.0} | {} | {} | {join:.0} ({joins}) | {:.1} | {hole:.0} | {concealed:.0} | {:.0} | {} |",
            name.replace('_', " "),
            (to_ms - from_ms) / 1000.0,
            report.sent,
            report.answered,
            memory.saturating_sub(at_first) as f64 / 1024.0,
            seen.cpu(from, to),
            seen.drops(from, to)
        );
        if hole > HOLE_MS {
            let _ = writeln!(faults, "{name}: a hole of {hole:.0} ms in the honest sound");
        }
        if join > JOIN_MS {
            let _ = writeln!(faults, "{name}: an honest join took {join:.0} ms");
        }
        if memory > at_first + GROWTH_KIB {
            let _ = writeln!(faults, "{name}: {} KiB more memory", memory - at_first);
        }
        for (hz, from, to) in &report.unheard {
            let loudest = heard.iter().map(|heard| heard.loudest(*hz, *from, *to)).fold(-200.0, f64::max);
            if loudest > UNHEARD_DBFS {
                let _ = writeln!(faults, "{name}: its tone of {hz} Hz was heard, at {loudest:.1} dBFS");
            }
        }
        for (hz, from, to) in &report.heard {
            let quietest = heard.iter().map(|heard| heard.loudest(*hz, *from, *to)).fold(0.0, f64::min);
            if quietest < UNHEARD_DBFS {
                let _ = writeln!(faults, "{name}: its tone of {hz} Hz was not heard, {quietest:.1} dBFS");
            }
        }
    }
    println!();
    for hole in holes.iter().filter(|hole| hole.ms > HOLE_MS && (begun..=ended).contains(&hole.from_ms)) {
        println!(
            "a hole of {:.0} ms at site {} in what site {} said, {:.1} s after the beginning; a thread of theirs had waited \
             {:.0} ms for a processor",
            hole.ms,
            hole.listener + 1,
            hole.talker + 1,
            (hole.from_ms - begun) / 1000.0,
            waited(hole, seen)
        );
    }
    let (join, joins) = seen.worst_join(begun, ended);
    println!(
        "in all: {:.0} s, {joins} honest joins, the longest {join:.0} ms; memory from {:.1} to at most {:.1} MiB; longest \
         hole {:.0} ms",
        (ended - begun) / 1000.0,
        at_first as f64 / 1024.0,
        seen.most_memory(begun, ended) as f64 / 1024.0,
        own(&holes, seen, begun, ended)
    );
    print!("{faults}");
    faults.is_empty()
}

/// The longest hole between these moments that is not this machine's own, in ms.
fn own(holes: &[Hole], seen: &Seen, from: f64, to: f64) -> f64 {
    let there = holes.iter().filter(|hole| (from..=to).contains(&hole.from_ms));
    there.filter(|hole| waited(hole, seen) < hole.ms / 2.0).map(|hole| hole.ms).fold(0.0, f64::max)
}

fn waited(hole: &Hole, seen: &Seen) -> f64 {
    seen.waited(hole.from_ms - 500.0, hole.from_ms + hole.ms)
}
