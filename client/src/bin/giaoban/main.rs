//! `giaoban`: the client. `main` -> `run` -> one `match`; what it does is in the library.

mod check;
mod console;
mod ctl;
mod join;
mod missed;
#[cfg(feature = "window")]
mod window;

use giaoban_client::audio::{self, DeviceInfo};
use giaoban_client::meeting::Meeting;
use giaoban_client::memory;
use giaoban_client::settings::{self, NoSettings, Settings};
use giaoban_client::words::{Lang, Message};
use giaoban_proto::transport::{Identity, private};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    // On the operator's screen it would stand in the table.
    if !matches!(settings.command, settings::Command::Console(_)) {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_env("GIAOBAN_LOG"))
            .with_writer(std::io::stderr)
            .init();
    }
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
        #[cfg(feature = "window")]
        settings::Command::Window(window) if window::has_screen() => {
            window::run(*window, settings.lang, lang)
        }
        // As it was before there was a window, for a machine without a screen.
        settings::Command::Window(window) if window.open.is_none() => join::run(window.join, lang),
        settings::Command::Window(_) => {
            say(&Message::NoScreen.text(lang));
            Ok(2)
        }
        settings::Command::Devices => devices(&audio::list_devices()?),
        settings::Command::Check(check) => on_a_runtime(check::run(*check, lang)),
        settings::Command::Missed(missed) => on_a_runtime(missed::run(*missed, lang)),
        settings::Command::Ctl(ctl) => ctl::run(*ctl, lang),
        settings::Command::Join(join) => join::run(*join, lang),
        settings::Command::Console(join) => console::run(*join, lang),
    }
}

fn on_a_runtime(work: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(work);
    // A name resolver that hangs is not waited for.
    runtime.shutdown_background();
    code
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

/// Where this device's key is.
fn key_file(named: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    match named {
        Some(path) => Ok(path),
        None => Ok(settings::default_path(|name| std::env::var_os(name))?),
    }
}

/// This device's key, made if it is not there.
fn device_key(named: Option<PathBuf>) -> anyhow::Result<Identity> {
    Ok(private::identity(&key_file(named)?)?)
}

/// The meeting that the device with this key file remembers.
fn remembered(key: &Path) -> anyhow::Result<Option<Meeting>> {
    Ok(memory::read(&memory::place(key))?.map(Meeting::for_device))
}

/// Progress goes to the error output. Names in it come from others and may not move the cursor.
fn say(text: &str) {
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    // A terminal that is gone is no reason to leave the meeting.
    let _ = writeln!(std::io::stderr(), "giaoban: {line}");
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
