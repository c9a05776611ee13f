//! The parts of the sound check, on a thread of their own: a tone, a recording, and the recording back.

use crate::join::now;
use crate::on_a_runtime;
use giaoban_client::audio::{AudioError, Input, Output, Polled};
use giaoban_client::window::meter::Meters;
use giaoban_client::window::shell::News;
use giaoban_client::window::sound::Run;
use giaoban_proto::media::Pcm;
use giaoban_proto::unit::Level;
use std::sync::Mutex;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// The tone: the second of sound that [`Input::Tone`] begins with.
const TONE: usize = 50;

/// The recording, 4 s: a sentence, and time to think of one.
const RECORDING: usize = 200;

/// How long a device may take for a part of it, beside its length.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at a device.
const LOOK: Duration = Duration::from_millis(5);

/// What was recorded last. A check that was left behind may still run while the next one begins.
static RECORDED: Mutex<Vec<Pcm>> = Mutex::new(Vec::new());

/// Starts it; its end is told as news.
pub(super) fn run(run: Run, input: Input, output: Output, meters: Meters, news: SyncSender<News>) {
    let work = move || {
        let mut loudest = Ok(Level::SILENCE);
        let ran = on_a_runtime(async {
            loudest = match run {
                Run::Tone => tone(&output, &meters).await,
                Run::Record => record(&input, &meters).await,
                Run::Playback => playback(&output, &meters).await,
            };
            Ok(0)
        });
        let _ = news.try_send(match (loudest, ran) {
            (Ok(loudest), Ok(_)) => News::Ran(run, loudest),
            (Err(error), _) => News::Broken(error.to_string()),
            (_, Err(error)) => News::Broken(error.to_string()),
        });
    };
    let _ = std::thread::Builder::new().name("sound-check".into()).spawn(work);
}

async fn tone(output: &Output, meters: &Meters) -> Result<Level, AudioError> {
    let begin = now();
    let mut source = Input::Tone.open(begin)?;
    let mut bricks = vec![Pcm::SILENCE; TONE];
    // Its time is reckoned, not waited for.
    let end = begin + Duration::from_secs(1);
    for brick in &mut bricks {
        if source.poll(end, brick)? != Polled::Brick {
            break;
        }
    }
    play(&bricks, output, meters).await
}

async fn record(input: &Input, meters: &Meters) -> Result<Level, AudioError> {
    let mut source = meters.source(input.open(now())?);
    let (mut bricks, mut loudest) = (Vec::with_capacity(RECORDING), Level::SILENCE);
    let until = now() + PATIENCE + Duration::from_secs(4);
    while bricks.len() < RECORDING && now() < until {
        let mut brick = Pcm::SILENCE;
        match source.poll(now(), &mut brick)? {
            Polled::Brick => {
                let level = brick.level();
                if level > loudest {
                    loudest = level;
                }
                bricks.push(brick);
            }
            Polled::NotYet => tokio::time::sleep(LOOK).await,
            Polled::Ended => break,
        }
    }
    *RECORDED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = bricks;
    Ok(loudest)
}

async fn playback(output: &Output, meters: &Meters) -> Result<Level, AudioError> {
    let bricks = RECORDED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    play(&bricks, output, meters).await
}

async fn play(bricks: &[Pcm], output: &Output, meters: &Meters) -> Result<Level, AudioError> {
    let mut sink = meters.sink(output.open(now())?);
    let until =
        now() + PATIENCE + Duration::from_millis(20) * u32::try_from(bricks.len()).unwrap_or(u32::MAX);
    // What the device holds when the last brick is written is played too.
    let rest = std::iter::repeat_n(&Pcm::SILENCE, 25);
    for brick in bricks.iter().chain(rest) {
        while !sink.wants(now()) {
            if now() >= until {
                return Ok(Level::SILENCE);
            }
            tokio::time::sleep(LOOK).await;
        }
        sink.write(brick)?;
    }
    sink.finish()?;
    Ok(Level::SILENCE)
}
