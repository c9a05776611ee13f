//! `giaoban`: the headless client. `main` -> `run` -> one `match`; what it does is in the library.

use anyhow::Context as _;
use giaoban_client::audio::{self, DeviceInfo};
use giaoban_client::check::{self, report};
use giaoban_client::engine::{Client, Command, OnStats};
use giaoban_client::net::System;
use giaoban_client::settings::{self, Join, NoSettings, Settings};
use giaoban_client::words::{CheckWords, Lang, Message};
use giaoban_proto::transport::{Identity, private};
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// What a shell reports for a program that was interrupted.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let settings = match Settings::from_words(std::env::args_os()) {
        Ok(settings) => settings,
        Err(NoSettings::Asked(text)) => {
            let _ = write!(std::io::stdout(), "{text}");
            return ExitCode::SUCCESS;
        }
        Err(NoSettings::Usage(line)) => {
            say(&line);
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("GIAOBAN_LOG"))
        .with_writer(std::io::stderr)
        .init();
    match run(settings) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(1)
        }
    }
}

fn run(settings: Settings) -> anyhow::Result<u8> {
    let variable = |name: &str| std::env::var(name).ok();
    let locale = || Lang::from_locale(variable("LC_ALL").as_deref(), variable("LANG").as_deref());
    let lang = settings.lang.unwrap_or_else(locale);
    match settings.command {
        settings::Command::Devices => devices(&audio::list_devices()?),
        settings::Command::Check(check) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let code = runtime.block_on(self::check(*check, lang));
            runtime.shutdown_background();
            code
        }
        settings::Command::Join(join) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let code = runtime.block_on(self::join(*join, lang));
            // A name resolver that hangs is not waited for.
            runtime.shutdown_background();
            code
        }
    }
}

fn devices(devices: &[DeviceInfo]) -> anyhow::Result<u8> {
    for device in devices {
        let use_for = match (device.input, device.output) {
            (true, true) => "microphone and loudspeaker",
            (true, false) => "microphone",
            _ => "loudspeaker",
        };
        let default = if device.default { " (default)" } else { "" };
        writeln!(std::io::stdout(), "{}: {use_for}{default}", device.name)?;
    }
    if devices.is_empty() {
        say("this machine has no sound device; plug one in, or use files and `null`");
        return Ok(1);
    }
    Ok(0)
}

/// Where this device's key is, made if it is not there.
fn device_key(path: Option<PathBuf>) -> anyhow::Result<Identity> {
    let key = match path {
        Some(path) => path,
        None => settings::default_path(|name| std::env::var_os(name))?,
    };
    Ok(private::identity(&key)?)
}

async fn check(check: settings::Check, lang: Lang) -> anyhow::Result<u8> {
    let settings::Check { link, json, identity } = check;
    let identity = device_key(identity)?;
    say(&Message::Connecting { host: &link.host }.text(lang));
    let mut screen = Screen::new(lang);
    let network = System::default();
    let checked = tokio::select! {
        biased;
        _ = interrupted() => {
            screen.clear();
            return Ok(1);
        }
        checked = check::run::run(&link, &identity, &network, |progress| screen.show(progress)) => checked,
    };
    screen.clear();
    if json {
        writeln!(std::io::stdout(), "{}", report::json(&checked, &link.host))?;
    } else {
        for line in report::lines(&checked, &link.host, lang) {
            writeln!(std::io::stdout(), "{line}")?;
        }
    }
    Ok(report::exit_code(&checked))
}

/// Where a person sees how far a check has come: one line that changes on a terminal, elsewhere a line for each thing
/// that is done.
struct Screen {
    lang: Lang,
    terminal: bool,
    doing: Option<check::Doing>,
}

impl Screen {
    fn new(lang: Lang) -> Self {
        Self { lang, terminal: std::io::stderr().is_terminal(), doing: None }
    }

    fn show(&mut self, progress: check::Progress) {
        let text = CheckWords::Progress(progress).text(self.lang);
        if self.terminal {
            // To the line's beginning, write, and clear what is left of the one before.
            let _ = write!(std::io::stderr(), "\rgiaoban: {text}\x1b[K");
        } else if self.doing != Some(progress.doing) {
            say(&text);
        }
        self.doing = Some(progress.doing);
    }

    fn clear(&mut self) {
        if self.terminal && self.doing.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

async fn join(join: Join, lang: Lang) -> anyhow::Result<u8> {
    let Join { link, input, output, duration, name, max_kbps, stats, muted, identity, tcp } = join;
    let identity = device_key(identity)?;
    let stats = stats_writer(stats.as_deref())?;
    let (commands_out, commands) = mpsc::channel(4);
    tokio::spawn(watch_signals(commands_out));
    let name = name.or_else(computer_name).unwrap_or_default();
    let say = Box::new(move |message: &Message<'_>| say(&message.text(lang)));
    let now = now();
    let source = match input.open(now) {
        Ok(source) => source,
        Err(error) => return Ok(no_sound(lang, &error)),
    };
    let sink = match output.open(now) {
        Ok(sink) => sink,
        Err(error) => return Ok(no_sound(lang, &error)),
    };
    let network = Arc::new(System { tcp_ports: tcp });
    let unix_start = unix_now();
    let client = Client {
        link,
        identity,
        name,
        max_kbps,
        muted,
        duration,
        source,
        sink,
        network,
        commands,
        stats,
        say,
        unix_start,
    };
    Ok(client.run().await.ending.exit_code())
}

#[expect(clippy::disallowed_methods, reason = "the start of a client's time")]
fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

#[expect(clippy::disallowed_methods, reason = "the time of day is asked once, for the figures")]
fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn no_sound(lang: Lang, error: &audio::AudioError) -> u8 {
    say(&Message::Sound(error).text(lang));
    1
}

/// Progress goes to the error output. Names in it come from others and may not move the cursor.
fn say(text: &str) {
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    // A terminal that is gone is no reason to leave the meeting.
    let _ = writeln!(std::io::stderr(), "giaoban: {line}");
}

/// Writes lines of figures, each at once. A disk that is full stops them, not the meeting.
fn stats_writer(path: Option<&Path>) -> anyhow::Result<OnStats> {
    let Some(path) = path else { return Ok(Box::new(|_| {})) };
    let file =
        File::create(path).with_context(|| format!("cannot write the figures to {}", path.display()))?;
    let mut file = Some(file);
    let path = path.to_owned();
    Ok(Box::new(move |stats| {
        if let Some(open) = &mut file
            && let Err(error) = open.write_all(stats.to_line().as_bytes())
        {
            say(&format!("no more figures are written to {}: {error}", path.display()));
            file = None;
        }
    }))
}

/// The first Ctrl-C leaves in good order, the second at once.
async fn watch_signals(commands: mpsc::Sender<Command>) {
    if !interrupted().await {
        return;
    }
    // A client that has ended does not care.
    let _ = commands.try_send(Command::Stop);
    if interrupted().await {
        std::process::exit(INTERRUPTED);
    }
}

/// Whether somebody asked to stop; `false` where that cannot be known.
#[cfg(unix)]
async fn interrupted() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
    tokio::select! {
        asked = tokio::signal::ctrl_c() => asked.is_ok(),
        _ = terminate.recv() => true,
    }
}

#[cfg(not(unix))]
async fn interrupted() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}

/// What this computer is called, cut to what a name may be.
fn computer_name() -> Option<String> {
    let variables = ["COMPUTERNAME", "HOSTNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let named = variables.chain(files.into_iter().filter_map(|path| std::fs::read_to_string(path).ok()));
    named.map(|name| name.trim().to_owned()).find(|name| {
        !name.is_empty() && name.len() <= settings::MAX_NAME_BYTES && !name.chars().any(char::is_control)
    })
}
