//! Single words of the command line.

use super::MAX_NAME_BYTES;
use crate::ctl::{Deed, Wish};
use giaoban_proto::link::{Host, Link, LinkError, place};
use giaoban_proto::media::ladder::RungId;
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

/// The words after `ctl`: a link or `-` if one is there, the act, and whom it is about.
pub(super) fn ctl(words: &[String]) -> Result<(Option<Link>, Wish), String> {
    let (link, words) = match words {
        [first, rest @ ..] if first == "-" => (None, rest),
        [first, rest @ ..] if first.contains("://") => {
            (Some(first.parse().map_err(|error: LinkError| error.to_string())?), rest)
        }
        words => (None, words),
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| {
        word.parse().map_err(|_| {
            format!("`{word}` is no number; `giaoban ctl who` and `giaoban ctl lobby` list them")
        })
    };
    let wish = match words[..] {
        ["who"] => Wish::Who,
        ["lobby"] => Wish::Lobby,
        ["admit", word] => Wish::Do(Deed::Admit(number(word)?)),
        ["refuse", word] => Wish::Do(Deed::Refuse(number(word)?)),
        ["expel", word] => Wish::Do(Deed::Expel(number(word)?)),
        ["silence", word] => Wish::Do(Deed::Silence(number(word)?)),
        ["unsilence", word] => Wish::Do(Deed::Unsilence(number(word)?)),
        _ => {
            return Err("an act is who, lobby, admit N, refuse N, expel N, silence N or unsilence N; before it may stand \
                        a link, or - for the meeting that is remembered"
                .into());
        }
    };
    Ok((link, wish))
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
pub(super) fn duration(word: &str) -> Result<Duration, String> {
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
