//! `giaoban-bridge`: `main` -> `run` -> one `match`; what each command does is in the library.

use giaoban_bridge::command::{self, Ended, out};
use giaoban_bridge::settings::{Settings, SettingsError};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// What was typed cannot be used.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // Quiet unless asked: what people need is printed, this is for whoever looks into it.
    let filter =
        EnvFilter::try_from_env("GIAOBAN_LOG").unwrap_or_else(|_| EnvFilter::new("warn,giaoban_bridge=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let settings = match Settings::from_words(std::env::args_os()) {
        Ok(settings) => settings,
        Err(SettingsError::Asked(text)) => {
            out::tell(text.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            out::warn(&error.to_string());
            return ExitCode::from(USAGE);
        }
    };
    match command::run(settings) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Fault) => ExitCode::FAILURE,
        Err(error) => {
            out::warn(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
