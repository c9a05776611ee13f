//! `giaoban check`: what a line will do.

use crate::{device_key, interrupted, say};
use giaoban_client::check::{self, report};
use giaoban_client::net::System;
use giaoban_client::settings;
use giaoban_client::words::{CheckWords, Lang, Message};
use std::io::{IsTerminal as _, Write as _};

pub(crate) async fn run(check: settings::Check, lang: Lang) -> anyhow::Result<u8> {
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
