//! `giaoban-bridge`: one command, one bridge.

use giaoban_bridge::settings::{Settings, SettingsError};
use giaoban_bridge::shell::run;
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
            run::tell(&text);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("giaoban-bridge: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("giaoban-bridge: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run::run(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("giaoban-bridge: {error:#}");
            ExitCode::FAILURE
        }
    }
}
