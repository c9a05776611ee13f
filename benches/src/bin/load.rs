//! What one machine carries: see `giaoban_benches::load`.

use clap::Parser;
use giaoban_benches::load::{Plan, run};

#[derive(Parser)]
#[command(about = "Puts a crowd on a bridge of its own and measures what that costs the bridge")]
struct Typed {
    /// Members in all
    #[arg(long, default_value_t = 200)]
    members: usize,
    /// How many of them speak, all the time
    #[arg(long, default_value_t = 3)]
    talkers: usize,
    /// For how long it is measured, in s
    #[arg(long, default_value_t = 20)]
    secs: u64,
    /// Rooms over which they are spread
    #[arg(long, default_value_t = 1)]
    rooms: usize,
    /// Length of packets: 20 (48 kbit/s), 60 (24 kbit/s), or 120 (24 kbit/s, to members that only listen)
    #[arg(long, default_value_t = 60)]
    packet_ms: u32,
    /// Members that come in each second
    #[arg(long, default_value_t = 100)]
    joins: usize,
    /// Print nothing but the last line
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<()> {
    let Typed { members, talkers, secs, rooms, packet_ms, joins, json } = Typed::parse();
    let (kbps, listening) = match packet_ms {
        20 => (48, false),
        60 => (24, false),
        120 => (24, true),
        other => anyhow::bail!("packets hold 20, 60 or 120 ms, not {other}"),
    };
    let plan = Plan { members, talkers, rooms, seconds: secs, kbps, listening, joins_a_second: joins };
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let say = |line: &str| {
        if !json {
            eprintln!("{line}");
        }
    };
    let found = runtime.block_on(run(&plan, folder.path(), say))?;
    println!("{found}");
    Ok(())
}
