//! `giaoban ctl`: an operator's act.

use crate::{interrupted, key_file, on_a_runtime, remembered, say};
use giaoban_client::ctl::{report, run as act};
use giaoban_client::meeting::Meeting;
use giaoban_client::net::System;
use giaoban_client::settings::{Ctl, To};
use giaoban_client::words::{Lang, Message};
use giaoban_proto::transport::private;
use std::io::Write as _;
use std::sync::Arc;

pub(crate) fn run(ctl: Ctl, lang: Lang) -> anyhow::Result<u8> {
    let Ctl { to, wish, json, identity, tcp } = ctl;
    let key = key_file(identity)?;
    let meeting = match to {
        To::Device(link) => Some(Meeting::for_device(link)),
        To::Remembered | To::Guest { .. } => remembered(&key)?,
    };
    let Some(meeting) = meeting else {
        say(&Message::NothingRemembered.text(lang));
        return Ok(2);
    };
    let identity = private::identity(&key)?;
    on_a_runtime(async move {
        let network = Arc::new(System { tcp_ports: tcp });
        let outcome = tokio::select! {
            biased;
            _ = interrupted() => return Ok(1),
            outcome = act::run(&meeting, identity, network, wish) => outcome,
        };
        let host = meeting.address();
        if json {
            writeln!(std::io::stdout(), "{}", report::json(wish, &outcome, &host))?;
        } else {
            for line in report::lines(&outcome, &host, lang) {
                // Names in it come from others and may not move the cursor.
                let line: String = line.chars().filter(|c| !c.is_control()).collect();
                writeln!(std::io::stdout(), "{line}")?;
            }
        }
        Ok(report::exit_code(&outcome))
    })
}
