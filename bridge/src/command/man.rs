//! `man`: the manual pages, made from the words of the command line so that they cannot say anything else.

use super::{Ended, out};
use crate::settings::command_line;
use anyhow::Context as _;
use clap_mangen::Man;
use serde_json::json;
use std::path::Path;

/// What stands at the foot of a page.
const SOURCE: &str = concat!("giaoban-bridge ", env!("CARGO_PKG_VERSION"));

pub(super) fn run(json: bool, dir: Option<&Path>) -> anyhow::Result<Ended> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        Man::new(command_line().disable_help_subcommand(true)).render(&mut page)?;
        if json {
            out::json(&json!({ "page": String::from_utf8_lossy(&page) }));
        } else {
            out::raw(&page)?;
        }
        return Ok(Ended::Well);
    };
    let mut pages = Vec::new();
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut line = command_line().disable_help_subcommand(true);
    line.build();
    write(dir, &line, "", &mut pages)?;
    if json {
        out::json(&json!({ "pages": pages }));
    } else {
        out::tell(&format!("{} pages in {}; read them with: man -l FILE", pages.len(), dir.display()));
    }
    Ok(Ended::Well)
}

/// The page of one command and those of the commands in it, named as git's are: `giaoban-bridge-site-add.1`.
fn write(dir: &Path, command: &clap::Command, above: &str, pages: &mut Vec<String>) -> anyhow::Result<()> {
    let name = match above {
        "" => command.get_name().to_owned(),
        above => format!("{above}-{}", command.get_name()),
    };
    let mut page = Vec::new();
    Man::new(command.clone()).title(name.clone()).source(SOURCE).render(&mut page)?;
    let path = dir.join(format!("{name}.1"));
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    pages.push(path.display().to_string());
    command.get_subcommands().try_for_each(|below| write(dir, below, &name, pages))
}
