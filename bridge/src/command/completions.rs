//! `completions`: what a shell needs to complete this program's words.

use super::{Ended, out};
use crate::settings::command_line;
use clap_complete::Shell;
use serde_json::json;

pub(super) fn run(json: bool, shell: Shell) -> anyhow::Result<Ended> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command_line(), "giaoban-bridge", &mut script);
    if json {
        out::json(&json!({ "shell": shell.to_string(), "script": String::from_utf8_lossy(&script) }));
    } else {
        out::raw(&script)?;
    }
    Ok(Ended::Well)
}
