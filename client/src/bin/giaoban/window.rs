//! `giaoban` alone: the window. The screen has the first thread, as some systems demand; the engine and the sound check each
//! get one of their own for as long as they run.

mod autostart;
mod sound;

use crate::join::{Ears, Entry, stats_writer, stay};
use crate::{interrupted, key_file, on_a_runtime, remembered, say};
use giaoban_client::audio::{self, Input, Output};
use giaoban_client::engine::Command;
use giaoban_client::settings::{self, Join};
use giaoban_client::window::alone;
use giaoban_client::window::kept::Kept;
use giaoban_client::window::meter::Meters;
use giaoban_client::window::model::Told;
use giaoban_client::window::shell::{Begin, News, Order, Shell};
use giaoban_client::window::view::View;
use giaoban_client::words::Lang;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::sync::mpsc;

/// What may wait for the screen's thread: seconds of the busiest meeting.
const WAITING: usize = 8192;

/// Whether there is a screen to open a window on.
pub(crate) fn has_screen() -> bool {
    cfg!(not(target_os = "linux")) || std::env::var_os("DISPLAY").is_some_and(|screen| !screen.is_empty())
}

pub(crate) fn run(window: settings::Window, asked: Option<Lang>, locale: Lang) -> anyhow::Result<u8> {
    let settings::Window { open, mut join } = window;
    let key = key_file(join.identity.take())?;
    let (news_out, news) = sync_channel(WAITING);
    match alone::start(&key.with_file_name("window.port"), open.as_deref().unwrap_or_default()) {
        Ok(alone::Start::Told) => return Ok(0),
        Ok(alone::Start::First(first)) => {
            let started = news_out.clone();
            first.listen(move |link| {
                let _ = started.try_send(News::Started(link));
            })?;
        }
        // Two windows are no harm.
        Err(error) => tracing::warn!("a second start will open a second window: {error}"),
    }
    let stopped = news_out.clone();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        on_a_runtime(async {
            while interrupted().await {
                let _ = stopped.try_send(News::Interrupted);
            }
            Ok(0)
        })
    })?;
    let place = Kept::place(&key);
    let mut kept = Kept::read(&place);
    // Files and tones are for whoever tries something out.
    kept.sound_checked |= join.input != Input::Device(None) || join.output != Output::Device(None);
    let lang = asked.or_else(|| kept.lang()).unwrap_or(locale);
    let begin = Begin {
        remembered: remembered(&key)?,
        link: open,
        kept,
        muted: join.muted,
        autostart: autostart::is_on(),
    };
    let meters = Meters::default();
    let mut outside =
        Outside { join, key, place, lang, meters: meters.clone(), news: news_out, commands: None };
    let view = View::new(lang)?;
    let running = Shell::new(view, begin, meters, move |order| outside.handle(order), news).run();
    let timer = running.start()?;
    slint::run_event_loop_until_quit()?;
    drop(timer);
    Ok(0)
}

/// Does what takes time.
struct Outside {
    join: Join,
    key: PathBuf,
    place: PathBuf,
    lang: Lang,
    meters: Meters,
    news: SyncSender<News>,
    /// Those of the engine that runs.
    commands: Option<mpsc::Sender<Command>>,
}

impl Outside {
    fn handle(&mut self, order: Order) {
        match order {
            Order::Join { meeting, name, kept, muted } => {
                self.lang = kept.lang().unwrap_or(self.lang);
                let mut join = self.join.clone();
                (join.input, join.output) = devices(&self.join, &kept);
                join.muted = muted;
                join.name = Some(name).filter(|name| !name.is_empty()).or(join.name);
                let started = Entry::of(*meeting, &self.key).and_then(|entry| self.engine(entry, join));
                if let Err(error) = started {
                    self.tell(News::Ended(Some(format!("{error:#}"))));
                }
            }
            Order::Command(command) => {
                if let Some(commands) = &self.commands {
                    // Full only when the engine is away: then nothing would come of it.
                    let _ = commands.try_send(command);
                }
            }
            Order::Run(run, kept) => {
                let (input, output) = devices(&self.join, &kept);
                sound::run(run, input, output, self.meters.clone(), self.news.clone());
            }
            Order::Devices => self.look_for_devices(),
            Order::Keep(kept) => {
                self.lang = kept.lang().unwrap_or(self.lang);
                if let Err(error) = kept.write(&self.place) {
                    say(&error.to_string());
                }
            }
            Order::Autostart(on) => {
                if let Err(error) = autostart::set(on) {
                    say(&format!("the start with the system cannot be changed: {error}"));
                }
            }
            Order::Quit => {
                let _ = slint::quit_event_loop();
            }
        }
    }

    fn tell(&self, news: News) {
        let _ = self.news.try_send(news);
    }

    /// A sound server that hangs is waited for elsewhere.
    fn look_for_devices(&self) {
        let news = self.news.clone();
        let look = move || {
            let devices = audio::list_devices().unwrap_or_default();
            let names = |wanted: fn(&audio::DeviceInfo) -> bool| {
                devices.iter().filter(|device| wanted(device)).map(|device| device.name.clone()).collect()
            };
            let _ = news.try_send(News::Devices(names(|device| device.input), names(|device| device.output)));
        };
        let _ = std::thread::Builder::new().name("devices".into()).spawn(look);
    }

    /// Starts the engine's thread.
    fn engine(&mut self, entry: Entry, join: Join) -> anyhow::Result<()> {
        let (commands_out, commands) = mpsc::channel(64);
        let (mut file, lang, meters) = (stats_writer(join.stats.as_deref())?, self.lang, self.meters.clone());
        let [told, counted, said, ended] = std::array::from_fn(|_| self.news.clone());
        let tell = |news: &SyncSender<News>, what| {
            // Never waits: sound comes first.
            let _ = news.try_send(what);
        };
        let ears = Ears {
            note: Arc::new(move |message| tell(&told, News::Told(Told::of(message), message.text(lang)))),
            stats: Box::new(move |stats| {
                file(stats);
                tell(&counted, News::Counted(Box::new(stats.clone())));
            }),
            watch: Some(Box::new(move |body| tell(&said, News::Said(Box::new(body.clone()))))),
            commands,
            doors: Some(Box::new(move |(source, sink)| (meters.source(source), meters.sink(sink)))),
        };
        self.commands = Some(commands_out);
        std::thread::Builder::new().name("engine".into()).spawn(move || {
            let outcome = on_a_runtime(stay(entry, join, ears));
            // The screen is there until it has heard this.
            let _ = ended.send(News::Ended(outcome.err().map(|error| format!("{error:#}"))));
        })?;
        Ok(())
    }
}

/// Where sound comes from and goes to: as the command line says, else as was chosen in the window.
fn devices(join: &Join, kept: &Kept) -> (Input, Output) {
    let input = match &join.input {
        Input::Device(None) => Input::Device(kept.microphone.clone()),
        other => other.clone(),
    };
    let output = match &join.output {
        Output::Device(None) => Output::Device(kept.loudspeaker.clone()),
        other => other.clone(),
    };
    (input, output)
}

/// The program as it is started by others.
fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| Path::new("giaoban").to_owned())
}
