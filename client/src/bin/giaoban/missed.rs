//! `giaoban missed`: what was recorded, fetched and heard after the meeting.

use crate::{interrupted, key_file, remembered, say};
use anyhow::Context as _;
use giaoban_client::audio::Output;
use giaoban_client::meeting::{Entry, Meeting};
use giaoban_client::missed::run::{self, Done, Failed, Progress};
use giaoban_client::missed::store::{Piece, Store};
use giaoban_client::missed::{Keep, Known};
use giaoban_client::net::System;
use giaoban_client::settings::{Missed, To};
use giaoban_client::words::{Lang, Message, MissedWords};
use giaoban_proto::media::Pcm;
use giaoban_proto::media::codec::{CLIENT_COMPLEXITY, Decoder, MAX_PACKET};
use giaoban_proto::transport::private;
use giaoban_proto::unit::BRICK_SAMPLES;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn run(missed: Missed, lang: Lang) -> anyhow::Result<u8> {
    let Missed { to, wish, save, play, max_kbps, identity, tcp } = missed;
    let key = key_file(identity)?;
    let meeting = match to {
        To::Device(link) => Some(Meeting::for_device(link)),
        _ => remembered(&key)?,
    };
    let Some(meeting) = meeting else {
        say(&Message::NothingRemembered.text(lang));
        return Ok(2);
    };
    let store = store(&key, &meeting);
    let identity = private::identity(&key)?;
    let known = store.known()?;
    let network = Arc::new(System { tcp_ports: tcp });
    let mut screen = Screen { lang, terminal: std::io::stderr().is_terminal(), told: None };
    let mut fault = None;
    let (kept, faults) = (store.clone(), &mut fault);
    let mut keep = move |keep| {
        // The disk may be waited for: there is no voice here.
        if let Err(error) = kept.keep(keep) {
            faults.get_or_insert(error);
        }
    };
    let mut tell = |progress| screen.show(progress);
    let done = tokio::select! {
        biased;
        _ = interrupted() => None,
        done = run::run(&meeting, identity, network, &known, (wish, max_kbps), &mut keep, &mut tell) => Some(done),
    };
    drop(keep);
    screen.clear();
    if let Some(error) = fault {
        say(&Message::MissedNotKept(&error).text(lang));
        return Ok(1);
    }
    let recording = match done {
        None => {
            say(&MissedWords::Interrupted.text(lang));
            return Ok(1);
        }
        Some(Err(Failed::NotHad(code))) => {
            say(&MissedWords::NotHad(code).text(lang));
            return Ok(3);
        }
        Some(Err(Failed::Refused(loss))) => {
            say(&MissedWords::Refused(loss, &meeting.host).text(lang));
            return Ok(3);
        }
        Some(Err(Failed::NotReachable(loss))) => {
            say(&MissedWords::NotReachable(loss, &meeting.host).text(lang));
            return Ok(4);
        }
        Some(Ok(Done::List(recordings))) => {
            let mut out = std::io::stdout();
            for kept in &recordings {
                let known = known.get(&kept.recording).cloned().unwrap_or_default();
                writeln!(out, "{}", MissedWords::Listed { kept, known: &known }.text(lang))?;
            }
            if recordings.is_empty() {
                say(&MissedWords::NothingListed.text(lang));
            }
            return Ok(0);
        }
        Some(Ok(Done::Fetched(recording, _))) => recording,
    };
    let path = save.unwrap_or_else(|| store.sound(recording));
    store.write(recording, &path).with_context(|| path.display().to_string())?;
    writeln!(std::io::stdout(), "{}", path.display())?;
    say(&MissedWords::Saved.text(lang));
    if play {
        for piece in store.pieces(recording)? {
            tokio::select! {
                biased;
                _ = interrupted() => return Ok(0),
                played = self::play(&piece) => played?,
            }
        }
    }
    Ok(0)
}

/// Where what is fetched of this meeting is kept.
pub(crate) fn store(key: &std::path::Path, meeting: &Meeting) -> Store {
    let bridge = match &meeting.entry {
        Entry::Device { pins, .. } => pins.key.to_string(),
        Entry::Guest { .. } => String::new(),
    };
    Store::beside(key, meeting.room.as_str(), &bridge)
}

#[expect(clippy::disallowed_methods, reason = "when a brick is to be played is read here")]
fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

/// Lets a piece be heard on the usual loudspeaker; silence in it too.
async fn play(piece: &Piece) -> anyhow::Result<()> {
    let mut sink = "device".parse::<Output>().map_err(|error| anyhow::anyhow!("{error}"))?.open(now())?;
    let mut decoder = Decoder::with_complexity(CLIENT_COMPLEXITY)?;
    let mut sound = [0.0; MAX_PACKET.0 as usize];
    let mut at = piece.span.0;
    for (from, packet) in &piece.packets {
        let mut bricks = vec![Pcm::SILENCE; usize::try_from(from.saturating_sub(at) / 20)?];
        let samples = decoder.decode(packet, &mut sound)?;
        for samples in sound[..samples].chunks_exact(BRICK_SAMPLES) {
            let mut brick = Pcm::SILENCE;
            brick.samples_mut().copy_from_slice(samples);
            bricks.push(brick);
        }
        for brick in &bricks {
            while !sink.wants(now()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            sink.write(brick)?;
        }
        at = from + samples as u64 / 48;
    }
    sink.finish()?;
    Ok(())
}

/// Keeps what is missed of a meeting, on a thread of its own, so that no sound waits for the disk.
pub(crate) fn keeper(
    store: Store,
    note: crate::join::Note,
) -> std::io::Result<(BTreeMap<u64, Known>, giaoban_client::engine::OnMissed)> {
    let known = match store.known() {
        Ok(known) => known,
        Err(error) => {
            note(&Message::MissedNotKept(&error));
            BTreeMap::new()
        }
    };
    let (keeps, waiting) = std::sync::mpsc::channel::<Keep>();
    std::thread::Builder::new().name("missed".into()).spawn(move || {
        let mut told = false;
        while let Ok(keep) = waiting.recv() {
            let seconds = if let Keep::Whole(_, ms) = keep { ms / 1000 } else { 0 };
            match store.keep(keep) {
                Ok(Some(path)) => note(&Message::MissedIsThere { path: &path.display(), seconds }),
                Ok(None) => {}
                // Said once: the disk is full, or the folder open to others.
                Err(_) if told => {}
                Err(error) => {
                    told = true;
                    note(&Message::MissedNotKept(&error));
                }
            }
        }
    })?;
    Ok((
        known,
        Box::new(move |keep| {
            // A thread that is gone has said why.
            let _ = keeps.send(keep);
        }),
    ))
}

/// Where a person sees how far it is.
struct Screen {
    lang: Lang,
    terminal: bool,
    told: Option<u64>,
}

impl Screen {
    fn show(&mut self, progress: Progress) {
        let percent = (progress.has_ms * 100).checked_div(progress.all_ms).unwrap_or(100);
        let text = MissedWords::Progress(progress).text(self.lang);
        if self.terminal {
            // To the line's beginning, write, and clear what is left of the one before.
            let _ = write!(std::io::stderr(), "\rgiaoban: {text}\x1b[K");
        } else if self.told.is_none_or(|told| percent / 10 != told / 10) {
            say(&text);
        }
        self.told = Some(percent);
    }

    fn clear(&mut self) {
        if self.terminal && self.told.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
