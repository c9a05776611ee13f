//! How much of a loudspeaker's echo is left, and what becomes of speech meanwhile.
//!
//! A minute in each room: 20 s in which the others speak, 16 s in which somebody here speaks at once, 9 s of the others
//! again, and 15 s of them after the microphone was moved. See `giaoban_benches::echo` for the room.

use clap::Parser;
use giaoban_benches::echo::{Case, down, down_for_good, play};
use giaoban_benches::quality::judge::{Lags, Sound};
use giaoban_benches::quality::score::Scorer;
use giaoban_benches::timeline::SECOND;
use giaoban_proto::testing::measure::level_db;
use giaoban_proto::testing::speech::load;

/// When somebody here speaks, and when the microphone is moved.
const BOTH: std::ops::Range<usize> = 20 * SECOND..36 * SECOND;
const MOVED: usize = 45 * SECOND;
const END: usize = 59 * SECOND;

#[derive(Parser)]
#[command(about = "How much of a loudspeaker's echo is left, and what becomes of speech meanwhile")]
struct Typed {
    /// Places of loudspeaker and microphone
    #[arg(long, default_value_t = 3)]
    places: u32,
    /// Without STOI and PESQ
    #[arg(long)]
    no_score: bool,
}

#[expect(clippy::disallowed_methods, reason = "an instant to count virtual time from")]
fn main() -> anyhow::Result<()> {
    let typed = Typed::parse();
    let mut scorer = if typed.no_score { None } else { Some(Scorer::start()?) };
    let far: Vec<f32> = load("en")?.into_iter().chain(load("fr")?).map(|sample| sample * 0.5).collect();
    let mut near = vec![0.0; far.len()];
    for (to, from) in near[BOTH].iter_mut().zip(load("it")?) {
        *to = from * 0.35;
    }
    println!(
        "far speech {:.0} dBFS, its echo 10.5 dB weaker; near speech {:.0} dBFS",
        level_db(&far),
        level_db(&near[BOTH])
    );
    println!(
        "| delay, ms | skew, ppm | place | 25 dB after, s | steady, dB | worst second | after double talk, dB | moved: 25 dB \
         after, s | STOI | PESQ-WB | found: delay, ms; skew | ms of processor a second |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let cases = [
        (40, 0.0, true),
        (120, 0.0, true),
        (250, 0.0, true),
        (120, 150.0, true),
        (120, -150.0, true),
        (120, 150.0, false),
    ];
    for (delay_ms, ppm, locked) in cases {
        for place in 0..typed.places {
            let angle = f64::from(place) * 2.2 + 1.1;
            let case = Case {
                far: &far,
                near: &near,
                echo: 0.3,
                delay_ms,
                ppm,
                angles: [angle, angle + 1.1],
                moved: MOVED,
                locked,
            };
            let heard = play(&case, std::time::Instant::now());
            let seconds = |span: std::ops::Range<usize>| {
                span.step_by(SECOND).map(|begin| down(&heard, begin..begin + SECOND)).fold(f64::MAX, f64::min)
            };
            let told = |after: Option<f64>| after.map_or_else(|| "never".to_owned(), |s| format!("{s:.1}"));
            let (mut stoi, mut pesq) = (String::new(), String::new());
            if let Some(scorer) = &mut scorer {
                let sound = Sound { said: &near, heard: &heard.loud };
                let scores = scorer.score(sound, &[BOTH], &Lags::of(sound, &[BOTH]))?;
                stoi = scores.stoi().map_or_else(String::new, |score| format!("{score:.3}"));
                pesq = scores.pesq().map_or_else(String::new, |score| format!("{score:.2}"));
            }
            println!(
                "| {delay_ms} | {ppm}{} | {place} | {} | {:.1} | {:.1} | {:.1} | {} | {stoi} | {pesq} | {}; {:.0} | {:.1} |",
                if locked { "" } else { ", not locked" },
                told(down_for_good(&heard, 0..20 * SECOND, 25.0)),
                down(&heard, 8 * SECOND..20 * SECOND),
                seconds(8 * SECOND..20 * SECOND),
                down(&heard, 38 * SECOND..MOVED),
                told(down_for_good(&heard, MOVED..END, 25.0)),
                heard.delay_ms.map_or_else(|| "?".to_owned(), |ms| ms.to_string()),
                heard.skew_ppm,
                heard.cpu_ms,
            );
        }
    }
    Ok(())
}
