//! What the doctor makes of what it has seen. Pure.

use crate::store::UnixMs;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Less room than this on the disk is a fault: a day of meetings and the audit of a year take some 20 MB, but a disk
/// that is nearly full is filled by others.
const LEAST_SPACE: u64 = 200 * 1000 * 1000;

/// What a recording is counted at, in bits a second, pages and all: 24 kbit/s, where speech without a pause takes 17.
const RECORDED_BPS: u64 = 24_000;

/// Two days of meetings.
const LEAST_HOURS: u64 = 16;

/// A disk that takes longer than this for one small write makes whoever joins wait for it.
const SLOW: Duration = Duration::from_secs(1);

/// No clock is right that shows a moment before this program was written: 2026-01-01 UTC.
const WRITTEN: UnixMs = UnixMs(1_767_225_600_000);

/// A clock may be set back by so much without worry, in milliseconds: time servers do that.
const SET_BACK: i64 = 5_000;

/// How it is, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Ok,
    Warning,
    Fault,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) state: State,
    pub(super) what: String,
    /// What to do, if anything is.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) const fn ok(check: &'static str, what: String) -> Self {
        Self { check, state: State::Ok, what, remedy: None }
    }

    pub(super) const fn warning(check: &'static str, what: String, remedy: String) -> Self {
        Self { check, state: State::Warning, what, remedy: Some(remedy) }
    }

    pub(super) const fn fault(check: &'static str, what: String, remedy: String) -> Self {
        Self { check, state: State::Fault, what, remedy: Some(remedy) }
    }
}

/// Room on the disk, in bytes; `None` where this system does not say.
pub(super) fn space(free: io::Result<Option<u64>>) -> Finding {
    const CHECK: &str = "disk space";
    match free {
        Ok(Some(free)) if free < LEAST_SPACE => Finding::fault(
            CHECK,
            format!("only {} MB are free", free / 1_000_000),
            "make room: 200 MB at least. A bridge that cannot write lets nobody in".to_owned(),
        ),
        Ok(Some(free)) => Finding::ok(CHECK, format!("{} MB are free", free / 1_000_000)),
        Ok(None) => Finding::ok(CHECK, "this system does not say how much is free".to_owned()),
        Err(error) => Finding::fault(
            CHECK,
            format!("cannot be found out: {error}"),
            "see whether the disk is still there".to_owned(),
        ),
    }
}

/// For how long meetings can be recorded in that room; `None` where this system does not say. Only what is beyond the
/// room that a bridge needs counts.
pub(super) fn recordings(free: Option<u64>) -> Option<Finding> {
    const CHECK: &str = "recordings";
    let hours = free?.saturating_sub(LEAST_SPACE) * 8 / RECORDED_BPS / 3600;
    let what = format!("room for {hours} h of meetings");
    Some(if hours < LEAST_HOURS {
        let remedy = "export recordings and remove them (giaoban-bridge recordings), or keep them for less long \
                      (--keep-recordings 90d)";
        Finding::warning(CHECK, what, remedy.to_owned())
    } else {
        Finding::ok(CHECK, what)
    })
}

/// How long a small write took to be on the disk.
pub(super) fn disk(took: io::Result<Duration>) -> Finding {
    const CHECK: &str = "disk";
    match took {
        Ok(took) if took > SLOW => Finding::warning(
            CHECK,
            format!("a small write took {:.1} s", took.as_secs_f64()),
            "whoever joins waits for it; see what else uses the disk, or whether it is failing".to_owned(),
        ),
        Ok(took) => Finding::ok(CHECK, format!("a small write took {} ms", took.as_millis())),
        Err(error) => Finding::fault(
            CHECK,
            format!("cannot be written to: {error}"),
            "see whether the disk is full or mounted read-only, and whose the data folder is".to_owned(),
        ),
    }
}

/// What the clock says, and the last moment that was written down.
pub(super) fn clock(now: UnixMs, last: Option<UnixMs>) -> Finding {
    const CHECK: &str = "clock";
    const REMEDY: &str = "set it, and let the machine get the time by itself (timedatectl set-ntp true)";
    match last {
        _ if now < WRITTEN => {
            let what = "it shows a year before 2026: invitations and attendance would be dated wrongly";
            Finding::fault(CHECK, what.to_owned(), REMEDY.to_owned())
        }
        Some(last) if now.after(SET_BACK) < last => {
            let behind = (last.0 - now.0) / 1000;
            let what =
                format!("it is {behind} s before the last row of the audit: it is wrong now, or was then");
            Finding::fault(CHECK, what, REMEDY.to_owned())
        }
        _ => Finding::ok(CHECK, "plausible".to_owned()),
    }
}

/// Whether a port can be listened on; `needed` where the bridge does not start without.
pub(super) fn port(
    check: &'static str,
    at: SocketAddr,
    bound: io::Result<()>,
    running: bool,
    needed: bool,
) -> Finding {
    let wrong = if needed { Finding::fault } else { Finding::warning };
    match bound {
        Ok(()) if running => Finding::warning(
            check,
            format!("{at} is free, though the bridge runs: it listens elsewhere"),
            "give the doctor the same settings as the bridge (--listen, --listen-tcp, --config)".to_owned(),
        ),
        Ok(()) => Finding::ok(check, format!("{at} is free for the bridge")),
        Err(error) => match error.kind() {
            io::ErrorKind::AddrInUse if running => Finding::ok(check, format!("{at} is held, as by the bridge that runs")),
            io::ErrorKind::AddrInUse => wrong(
                check,
                format!("{at} is taken by another program"),
                format!("find it (ss -lpn 'sport = :{}') and stop it, or choose another port", at.port()),
            ),
            io::ErrorKind::PermissionDenied => wrong(
                check,
                format!("{at} may not be listened on"),
                "ports below 1024 need a right: setcap cap_net_bind_service=+ep on the program; or choose another"
                    .to_owned(),
            ),
            io::ErrorKind::AddrNotAvailable => wrong(
                check,
                format!("{at} is no address of this machine"),
                "give one that it has, or [::] for all".to_owned(),
            ),
            _ => wrong(check, format!("{at}: {error}"), "choose another address".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Fault, Ok as Well, Warning};

    fn port_state(error: Option<io::ErrorKind>, running: bool, needed: bool) -> State {
        let at = "0.0.0.0:443".parse().expect("an address");
        let finding = port("port", at, error.map_or(Ok(()), |kind| Err(kind.into())), running, needed);
        assert_eq!(finding.remedy.is_some(), finding.state != Well);
        finding.state
    }

    #[test]
    fn a_port_is_judged_by_who_holds_it_and_what_for() {
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        for (error, running, needed, state) in [
            (None, false, true, Well),
            (None, true, true, Warning),
            (Some(AddrInUse), true, true, Well),
            (Some(AddrInUse), false, true, Fault),
            (Some(AddrInUse), false, false, Warning),
            (Some(PermissionDenied), false, true, Fault),
            (Some(PermissionDenied), true, false, Warning),
            (Some(AddrNotAvailable), false, true, Fault),
        ] {
            assert_eq!(port_state(error, running, needed), state, "{error:?} {running} {needed}");
        }
    }

    #[test]
    fn a_clock_is_wrong_that_is_before_this_program_or_before_what_was_written_down() {
        let hour = 3_600_000;
        let now = WRITTEN.after(24 * hour);
        for (now, last, state) in [
            (now, None, Well),
            (now, Some(now), Well),
            (now, Some(now.after(2_000)), Well),
            (now, Some(now.after(hour)), Fault),
            (UnixMs(0), None, Fault),
            (UnixMs(0), Some(now), Fault),
        ] {
            assert_eq!(clock(now, last).state, state, "{now} {last:?}");
        }
    }

    #[test]
    fn a_disk_that_is_full_slow_or_gone_is_told_of() {
        let none = || io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(space(Ok(Some(199_999_999))).state, Fault);
        assert_eq!(space(Ok(Some(200_000_000))).state, Well);
        assert_eq!(space(Err(none())).state, Fault);
        let hours = |free| recordings(Some(free)).map(|finding| (finding.state, finding.what));
        assert_eq!(hours(0), Some((Warning, "room for 0 h of meetings".into())));
        assert_eq!(
            hours(200_000_000 + 16 * 10_800_000 - 1),
            Some((Warning, "room for 15 h of meetings".into()))
        );
        assert_eq!(hours(200_000_000 + 16 * 10_800_000), Some((Well, "room for 16 h of meetings".into())));
        assert_eq!(recordings(None), None);
        assert_eq!(disk(Ok(Duration::from_millis(20))).state, Well);
        assert_eq!(disk(Ok(Duration::from_secs(2))).state, Warning);
        assert_eq!(disk(Err(none())).state, Fault);
    }
}
