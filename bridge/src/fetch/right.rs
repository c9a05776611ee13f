//! Who may hear what was recorded: the one place where that is decided. Pure.
//!
//! Whoever fetches hears, and is seen by nobody. So nobody fetches what nobody would have let it hear:
//!
//! * what runs is for those who sit in the meeting, on a line that is there. Who is not in it joins it first;
//! * a guest has it from the moment on at which it was let in, and nothing when it is not in any more;
//! * a site of the room has all of it, and what has ended too, but for what was said behind a locked door: of that it has
//!   what runs from when it came in, and what has ended if it was in the meeting;
//! * who was put out of a meeting has nothing of it, unless it was let in again;
//! * operators have everything of their room: they are who puts out and locks.
//!
//! Who is shut out, not of the room, or in the lobby does not come this far.

use giaoban_proto::wire::{FetchCode, SiteRole};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// What it may do in the room.
    pub role: SiteRole,
    /// Whether it came by PIN.
    pub guest: bool,
    /// Where it has a seat: from when on it has had that, in ms of the recording that runs.
    pub seat: Option<u64>,
}

/// What it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tape {
    /// Whether its meeting goes on.
    pub runs: bool,
    /// Whether its room was locked at any time.
    pub closed: bool,
    /// Whether the site was in the meeting while it ran.
    pub was_in: bool,
    /// Whether an operator has put it out, and it was not in again.
    pub put_out: bool,
}

/// From when on it may have that, in ms.
///
/// # Errors
/// [`FetchCode::NotAllowed`], or [`FetchCode::GoesOn`] for who might join instead.
pub const fn may_fetch(asker: Asker, tape: Tape) -> Result<u64, FetchCode> {
    let Asker { role, guest, seat } = asker;
    match (tape.runs, seat) {
        _ if matches!(role, SiteRole::Trunk) => Err(FetchCode::NotAllowed),
        (true, Some(since)) if guest || (tape.closed && !matches!(role, SiteRole::Operator)) => Ok(since),
        (true, Some(_)) => Ok(0),
        _ if guest => Err(FetchCode::NotAllowed),
        (true, None) => Err(FetchCode::GoesOn),
        (false, _) if matches!(role, SiteRole::Operator) => Ok(0),
        (false, _) if tape.put_out || (tape.closed && !tape.was_in) => Err(FetchCode::NotAllowed),
        (false, _) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asker_and_every_recording() {
        use FetchCode::{GoesOn, NotAllowed};
        use SiteRole::{Listener, Operator, Participant, Trunk};
        let no = Err(NotAllowed);
        let tape = |runs, closed, was_in, put_out| Tape { runs, closed, was_in, put_out };
        let tapes = [
            tape(true, false, true, false),
            tape(true, true, true, false),
            tape(false, false, true, false),
            tape(false, false, false, false),
            tape(false, true, true, false),
            tape(false, true, false, false),
            tape(false, false, true, true),
            tape(false, true, true, true),
        ];
        // runs; runs, locked; over; over, absent; over, locked; over, locked, absent; put out; put out, locked
        let table = [
            (Operator, false, Some(70), [Ok(0), Ok(0), Ok(0), Ok(0), Ok(0), Ok(0), Ok(0), Ok(0)]),
            (Operator, false, None, [Err(GoesOn), Err(GoesOn), Ok(0), Ok(0), Ok(0), Ok(0), Ok(0), Ok(0)]),
            (Participant, false, Some(70), [Ok(0), Ok(70), Ok(0), Ok(0), Ok(0), no, no, no]),
            (Participant, false, None, [Err(GoesOn), Err(GoesOn), Ok(0), Ok(0), Ok(0), no, no, no]),
            (Listener, false, Some(70), [Ok(0), Ok(70), Ok(0), Ok(0), Ok(0), no, no, no]),
            (Listener, false, None, [Err(GoesOn), Err(GoesOn), Ok(0), Ok(0), Ok(0), no, no, no]),
            (Participant, true, Some(70), [Ok(70), Ok(70), no, no, no, no, no, no]),
            (Participant, true, None, [no; 8]),
            (Trunk, false, Some(70), [no; 8]),
            (Trunk, false, None, [no; 8]),
        ];
        for (role, guest, seat, expected) in table {
            for (tape, expected) in tapes.into_iter().zip(expected) {
                let asker = Asker { role, guest, seat };
                assert_eq!(may_fetch(asker, tape), expected, "{asker:?}, {tape:?}");
            }
        }
    }
}
