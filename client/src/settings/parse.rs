//! Single words of the command line.

use super::MAX_NAME_BYTES;
use crate::ctl::{Deed, Wish};
use giaoban_proto::link::{Host, Link, LinkError, place};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::wire::{FloorMode, MAX_GAIN_DB, MAX_TEXT_BYTES, Record};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest `--duration`. More is a typing mistake, and an instant that far away need not exist.
const MAX_DURATION: Duration = Duration::from_secs(1000 * 3600);

/// `HOST` or `HOST:PORT`.
pub(super) fn host(word: &str) -> Result<(Host, u16), String> {
    place(word).map_err(|error| match error {
        LinkError::Host(error) => error.to_string(),
        _ => "the port after the colon must be a number from 1 to 65535".into(),
    })
}

/// The words after `ctl`: a link or `-` if one is there, the act, and whom or what it is about.
pub(super) fn ctl(words: &[String], options: CtlOptions) -> Result<(Option<Link>, Wish), String> {
    let (link, words) = match words {
        [first, rest @ ..] if first == "-" => (None, rest),
        [first, rest @ ..] if first.contains("://") => {
            (Some(first.parse().map_err(|error: LinkError| error.to_string())?), rest)
        }
        words => (None, words),
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok((link, wish(&words, options)?))
}

/// What may stand beside an act, for those acts that know of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CtlOptions {
    pub(super) turn: Option<Duration>,
    pub(super) within: Option<Duration>,
    pub(super) but_floor: bool,
    pub(super) operators: bool,
}

fn wish(words: &[&str], options: CtlOptions) -> Result<Wish, String> {
    let number = |word: &str| {
        word.parse::<u64>().map_err(|_| {
            format!("`{word}` is no number; `giaoban ctl who` and `giaoban ctl lobby` list them")
        })
    };
    // What was taken of the options; the rest belongs to another act.
    let mut left = options;
    let deed = match *words {
        ["who"] => return alone(Wish::Who, left),
        ["lobby"] => return alone(Wish::Lobby, left),
        ["status"] => return alone(Wish::Status, left),
        ["watch"] => return alone(Wish::Watch, left),
        ["admit", word] => Deed::Admit(number(word)?),
        ["refuse", word] => Deed::Refuse(number(word)?),
        ["expel", word] => Deed::Expel(number(word)?),
        ["silence" | "mute", word] => Deed::Silence(number(word)?),
        ["unsilence" | "unmute", word] => Deed::Unsilence(number(word)?),
        ["grant", "next"] => Deed::Grant(0),
        ["grant", word] => Deed::Grant(number(word)?),
        ["take-back"] => Deed::TakeBack,
        ["lower", "all"] => Deed::Lower(0),
        ["lower", word] => Deed::Lower(number(word)?),
        ["floor", word] => {
            let mode = FloorMode::ALL.into_iter().find(|mode| mode.as_str() == word);
            let mode = mode.ok_or("a floor is open, moderated or announcement")?;
            Deed::Floor(mode, seconds("--turn", left.turn.take())?.unwrap_or(0))
        }
        ["silence-all"] => Deed::SilenceAll(std::mem::take(&mut left.but_floor)),
        ["unsilence-all"] => Deed::UnsilenceAll,
        ["lock"] => Deed::Lock(true),
        ["unlock"] => Deed::Lock(false),
        ["newcomers", "silent"] => Deed::Newcomers(true),
        ["newcomers", "speak"] => Deed::Newcomers(false),
        ["rename", word, ref rest @ ..] if !rest.is_empty() => {
            Deed::Rename(number(word)?, name(&rest.join(" "))?)
        }
        ["gain", word, db] => {
            let wrong = || format!("a gain is in dB, from -{MAX_GAIN_DB} to {MAX_GAIN_DB}");
            let db = db.parse().ok().filter(|db| (-MAX_GAIN_DB..=MAX_GAIN_DB).contains(db));
            Deed::Gain(number(word)?, db.ok_or_else(wrong)?)
        }
        ["rollcall"] => Deed::RollCall(seconds("--within", left.within.take())?.unwrap_or(ROLL_S)),
        ["rollcall", "end"] => Deed::RollCall(0),
        ["tick", word] => Deed::Tick(number(word)?),
        ["untick", word] => Deed::Untick(number(word)?),
        ["record", "start"] => Deed::Record(Record::Start),
        ["record", "stop"] => Deed::Record(Record::Stop),
        ["record", "pause"] => Deed::Record(Record::Pause),
        ["play"] => Deed::Play(String::new()),
        ["play", ref rest @ ..] => Deed::Play(rest.join(" ")),
        ["say", ref rest @ ..] if !rest.is_empty() => {
            let text = rest.join(" ");
            if text.len() > MAX_TEXT_BYTES {
                return Err(format!("a message has at most {MAX_TEXT_BYTES} bytes; say it in two"));
            }
            Deed::Say(text, std::mem::take(&mut left.operators))
        }
        ["two-way", word] => Deed::TwoWay(number(word)?, true),
        ["one-way", word] => Deed::TwoWay(number(word)?, false),
        ["deputy", "none"] => Deed::Deputy(0),
        ["deputy", word] => Deed::Deputy(number(word)?),
        _ => return Err(ACTS.into()),
    };
    alone(Wish::Do(deed), left)
}

/// What is said to whoever typed none of these.
const ACTS: &str = "an act is who, lobby, status, watch, admit N, refuse N, expel N, silence N, unsilence N, silence-all, \
                    unsilence-all, floor open|moderated|announcement, grant N|next, take-back, lower N|all, rollcall [end], \
                    tick N, untick N, record start|stop|pause, play [NAME], say TEXT, rename N NAME, gain N DB, lock, unlock, \
                    newcomers silent|speak, deputy N|none, two-way N or one-way N; before it may stand a link, or - for the meeting that is \
                    remembered";

/// For how long a roll call may be answered unless said otherwise, in s.
const ROLL_S: u32 = 120;

fn alone(wish: Wish, left: CtlOptions) -> Result<Wish, String> {
    let flags = [
        (left.turn.is_some(), "--turn goes with floor"),
        (left.within.is_some(), "--within goes with rollcall"),
        (left.but_floor, "--but-floor goes with silence-all"),
        (left.operators, "--operators goes with say"),
    ];
    match flags.into_iter().find(|(is, _)| *is) {
        Some((_, flag)) => Err(format!("{flag}; leave it out")),
        None => Ok(wish),
    }
}

/// Whole seconds, at least one.
fn seconds(flag: &str, time: Option<Duration>) -> Result<Option<u32>, String> {
    let Some(time) = time else { return Ok(None) };
    let seconds = u32::try_from(time.as_secs()).ok().filter(|seconds| *seconds > 0);
    seconds.map(Some).ok_or_else(|| format!("{flag} must be a second at least"))
}

/// The first two that name one file, however they are spelled. Devices and pipes may be named twice.
pub(super) fn same_file<'a>(paths: &[(&'a str, Option<&PathBuf>)]) -> Option<(&'a str, &'a str)> {
    let is_file = |path: &Path| path.metadata().map_or(true, |found| found.is_file());
    let files: Vec<_> = paths
        .iter()
        .filter_map(|&(flag, path)| path.filter(|path| is_file(path)).map(|path| (flag, canonical(path))))
        .collect();
    let pairs =
        files.iter().enumerate().flat_map(|(n, one)| files[n + 1..].iter().map(move |two| (one, two)));
    pairs.filter(|(one, two)| one.1 == two.1).map(|(one, two)| (one.0, two.0)).next()
}

/// The one spelling of a path; that of its folder where the file is not there yet.
fn canonical(path: &Path) -> PathBuf {
    let of_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

/// `90`, `60s`, `5m`, `1h` or `300ms`.
pub(crate) fn duration(word: &str) -> Result<Duration, String> {
    let wrong = || "give a time such as 90, 60s, 5m, 1h or 300ms".to_owned();
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let (digits, millis) = units
        .into_iter()
        .find_map(|(unit, millis)| Some((word.strip_suffix(unit)?, millis)))
        .unwrap_or((word, 1000));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let total = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(millis));
    match total.map(Duration::from_millis) {
        Some(Duration::ZERO) => Err("it must be longer than nothing".into()),
        Some(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err("it is longer than 1000h; leave it out to stay for ever".into()),
    }
}

pub(super) fn name(word: &str) -> Result<String, String> {
    let name = word.trim();
    if name.is_empty() {
        Err("a name cannot be empty".into())
    } else if name.len() > MAX_NAME_BYTES {
        Err(format!("a name has at most {MAX_NAME_BYTES} bytes; an accented letter takes 2 or 3"))
    } else if name.chars().any(char::is_control) {
        Err("a name cannot hold control characters".into())
    } else {
        Ok(name.into())
    }
}

pub(super) fn max_mb(word: &str) -> Result<u32, String> {
    match word.parse::<u32>() {
        Ok(0) => Err("a meeting costs something; leave it out for no limit".into()),
        Ok(mb) => Ok(mb),
        Err(_) => Err("give a whole number of MB such as 10".into()),
    }
}

pub(super) fn max_kbps(word: &str) -> Result<u32, String> {
    let least = RungId::all().map(|rung| rung.rung().wire.bps() / 1000).min().unwrap_or(0);
    match word.parse::<u32>() {
        Ok(kbps) if kbps >= least => Ok(kbps),
        Ok(_) => Err(format!("this version needs at least {least} kbit/s while somebody speaks")),
        Err(_) => Err("give a whole number of kbit/s such as 24".into()),
    }
}
