//! `giaoban ctl`: an operator's act.

use crate::{interrupted, key_file, on_a_runtime, remembered, say};
use giaoban_client::ctl::run::Watched;
use giaoban_client::ctl::{Wish, report, run as act};
use giaoban_client::meeting::Meeting;
use giaoban_client::net::{System, TcpPorts};
use giaoban_client::settings::{Ctl, To};
use giaoban_client::words::{Lang, Message};
use giaoban_proto::transport::{Identity, private};
use giaoban_proto::wire::server_message::Body;
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
    if wish == Wish::Watch {
        return on_a_runtime(watch(meeting, identity, tcp, lang));
    }
    on_a_runtime(async move {
        let network = Arc::new(System { tcp_ports: tcp });
        let outcome = tokio::select! {
            biased;
            _ = interrupted() => return Ok(1),
            outcome = act::run(&meeting, identity, network, wish.clone()) => outcome,
        };
        let host = meeting.address();
        if json {
            writeln!(std::io::stdout(), "{}", report::json(&wish, &outcome, &host))?;
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

/// Prints what happens, one object a line, each at once: whoever reads it wants to know now. Ends when interrupted, when
/// nobody reads any more, or when the bridge will not have it.
async fn watch(meeting: Meeting, identity: Identity, tcp: TcpPorts, lang: Lang) -> anyhow::Result<u8> {
    let (closed_out, mut closed) = tokio::sync::mpsc::channel(1);
    let print = move |watched: Watched<'_>| {
        let line = match watched {
            Watched::Lost => Some(report::line_event(false)),
            Watched::Body(Body::Welcome(_)) => Some(report::line_event(true)),
            Watched::Body(body) => report::event(body),
        };
        if line.is_some_and(|line| writeln!(std::io::stdout(), "{line}").is_err()) {
            // It is full only when this was said already.
            let _ = closed_out.try_send(());
        }
    };
    let network = Arc::new(System { tcp_ports: tcp });
    let failed = tokio::select! {
        biased;
        _ = interrupted() => return Ok(0),
        Some(()) = closed.recv() => return Ok(0),
        failed = act::watch(&meeting, identity, network, print) => failed,
    };
    let outcome = Err(failed);
    for line in report::lines(&outcome, &meeting.address(), lang) {
        say(&line);
    }
    Ok(report::exit_code(&outcome))
}
