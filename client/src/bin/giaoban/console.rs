//! `giaoban console`: the operator's screen. The engine has a thread of its own, the screen this one.

use crate::join::{Ears, Entry, entry, stats_writer, stay};
use crate::{interrupted, on_a_runtime, say};
use giaoban_client::console::model::Model;
use giaoban_client::console::terminal::{Screen, Taken, hit, key};
use giaoban_client::console::view::{self, Hits};
use giaoban_client::engine::Command;
use giaoban_client::settings::Join;
use giaoban_client::stats::Stats;
use giaoban_client::words::console::no_terminal;
use giaoban_client::words::{Lang, Message};
use giaoban_proto::wire::server_message::Body;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Between two frames, at least: a burst of news is one frame, and a slow line is not filled with frames.
const FRAME: Duration = Duration::from_millis(100);

/// Between two, at most: clocks go on.
const SECOND: Duration = Duration::from_secs(1);

/// What may wait for the screen's thread, which only draws into memory: seconds of the busiest meeting. What comes on top
/// is lost, and the table would be wrong; so there is far more room than it ever needs.
const WAITING: usize = 8192;

/// What comes in.
enum News {
    Said(Box<Body>),
    Counted(Box<Stats>),
    Noted(String),
    Typed(Event),
    /// The engine is at its end.
    Over(anyhow::Result<u8>),
}

pub(crate) fn run(mut join: Join, lang: Lang) -> anyhow::Result<u8> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        say(no_terminal(lang));
        return Ok(2);
    }
    let entry = match entry(&mut join, lang)? {
        Ok(entry) => entry,
        Err(message) => {
            say(&message.text(lang));
            return Ok(2);
        }
    };
    let mut model = Model::new(&entry.meeting.address(), entry.meeting.room.as_str());
    let (news_out, news) = sync_channel(WAITING);
    let (commands_out, commands) = mpsc::channel(64);
    engine(entry, join, lang, news_out.clone(), (commands_out.clone(), commands))?;
    let outcome = show(&mut model, lang, &news, &news_out, &commands_out);
    // What was said last is why it ended, and the screen that showed it is gone.
    if let Some(last) = model.log().next_back() {
        say(&giaoban_client::words::console::event(&last.event, lang));
    }
    outcome
}

/// Starts the engine's thread.
fn engine(
    entry: Entry,
    join: Join,
    lang: Lang,
    news: SyncSender<News>,
    (commands_out, commands): (mpsc::Sender<Command>, mpsc::Receiver<Command>),
) -> anyhow::Result<()> {
    let mut file = stats_writer(join.stats.as_deref())?;
    let tell = move |news: &SyncSender<News>, what| {
        // Never waits: sound comes first.
        let _ = news.try_send(what);
    };
    let (counted, noted, said) = (news.clone(), news.clone(), news.clone());
    let ears = Ears {
        note: Arc::new(move |message| {
            if is_of_this_end(message) {
                tell(&noted, News::Noted(message.text(lang)));
            }
        }),
        stats: Box::new(move |stats| {
            file(stats);
            tell(&counted, News::Counted(Box::new(stats.clone())));
        }),
        watch: Some(Box::new(move |body| tell(&said, News::Said(Box::new(body.clone()))))),
        commands,
        doors: None,
    };
    std::thread::Builder::new().name("engine".into()).spawn(move || {
        let outcome = on_a_runtime(async {
            tokio::spawn(async move {
                if interrupted().await {
                    let _ = commands_out.send(Command::Stop).await;
                }
            });
            stay(entry, join, ears).await
        });
        // The screen is there until it has heard this.
        let _ = news.send(News::Over(outcome));
    })?;
    Ok(())
}

/// Whether the model does not see it by itself, from what the bridge says.
const fn is_of_this_end(message: &Message<'_>) -> bool {
    !matches!(
        message,
        Message::Came { .. }
            | Message::Left(_)
            | Message::GuestWaits { .. }
            | Message::Notice { .. }
            | Message::Said { .. }
            | Message::Floor { .. }
    )
}

/// Draws and types until the engine is at its end.
fn show(
    model: &mut Model,
    lang: Lang,
    news: &Receiver<News>,
    news_out: &SyncSender<News>,
    commands: &mpsc::Sender<Command>,
) -> anyhow::Result<u8> {
    let taken = Taken::take()?;
    let (screen, busy, writer) = Screen::new(std::io::stdout());
    let mut terminal = Terminal::new(CrosstermBackend::new(screen))?;
    let keys = news_out.clone();
    // Ends with the program: it cannot be waked from reading.
    std::thread::Builder::new().name("keys".into()).spawn(move || {
        while let Ok(event) = event::read() {
            if keys.send(News::Typed(event)).is_err() {
                return;
            }
        }
    })?;
    let (mut hits, mut drawn, mut changed) = (Hits::default(), now(), true);
    let outcome = loop {
        let at = now();
        let due = drawn + if changed { FRAME } else { SECOND };
        if at >= due && !busy.is_busy() {
            model.handle_timeout(at);
            terminal.draw(|frame| hits = view::draw(frame.buffer_mut(), model, at, lang))?;
            (drawn, changed) = (at, false);
        }
        let wait = (drawn + if changed { FRAME } else { SECOND }).saturating_duration_since(now());
        match news.recv_timeout(wait.max(Duration::from_millis(10))) {
            Ok(News::Over(outcome)) => break outcome,
            // `clear` would ask the terminal where its cursor is, and the answer comes in among the keys.
            Ok(News::Typed(event)) if is_redraw(&event) => {
                let area = terminal.get_frame().area();
                terminal.resize(area)?;
            }
            Ok(what) => handle(model, now(), what, &hits),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break Ok(1),
        }
        changed = true;
        while let Some(command) = model.poll_command() {
            // Full only when the engine is away: then nothing would come of it.
            let _ = commands.try_send(command);
        }
    };
    // What was drawn goes out before the terminal is given back.
    drop(terminal);
    let _ = writer.join();
    drop(taken);
    outcome
}

fn handle(model: &mut Model, now: Instant, news: News, hits: &Hits) {
    match news {
        News::Said(body) => model.handle_body(now, &body),
        News::Counted(stats) => model.handle_stats(&stats),
        News::Noted(text) => model.handle_note(now, text),
        News::Typed(Event::Key(event)) => {
            if let Some(key) = key(event) {
                model.handle_key(now, key);
            }
        }
        News::Typed(Event::Mouse(event)) => {
            if let Some(hit) = hit(event, hits) {
                model.handle_hit(now, hit);
            }
        }
        News::Typed(Event::Paste(text)) => model.handle_paste(now, &text),
        News::Typed(_) | News::Over(_) => {}
    }
}

/// Ctrl-L, which every full-screen program redraws at.
fn is_redraw(event: &Event) -> bool {
    matches!(event, Event::Key(key) if key.code == KeyCode::Char('l') && key.modifiers == KeyModifiers::CONTROL)
}

#[expect(clippy::disallowed_methods, reason = "the screen's clock, beside the engine's")]
fn now() -> Instant {
    Instant::now()
}
