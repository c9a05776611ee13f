//! Why a line or a session ends, and whether trying again has a point. Pure.

use giaoban_proto::wire::CloseCode;

/// Why a line is no more, or never came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The bridge closed it and said why.
    Closed(CloseCode),
    /// The bridge closed it with a code of a newer version.
    ClosedUnknown(u64),
    /// Whoever answered does not hold the key that the link names.
    WrongKey,
    /// Whoever answered has not proved that it knows the meeting's PIN.
    NotProved,
    /// Whoever answered speaks no version of ours. Anybody on the way can forge that, so it proves little.
    OtherVersion,
    /// The bridge answered, and did not let this site in within its time.
    NoWelcome,
    /// The bridge's name has no address.
    NoAddress,
    /// Silence, a reset, no network, no socket: nothing that says who is to blame.
    Broken,
}

/// Why the session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// This end asked for it.
    Asked,
    /// The bridge ended the meeting for this site, without blame.
    Ended,
    /// This site may not be here; trying again would not help.
    Refused(Loss),
    /// Nothing answered in time; with what went wrong last.
    NotReachable(Option<Loss>),
}

/// Whether trying again has a point.
pub(super) enum Verdict {
    /// Trying again would not help.
    Over(End),
    /// So at the first attempt; a site that was in waits for its place.
    RefusedAtFirst,
    Retry,
}

/// What this loss means for the way into the room, or back.
pub(super) const fn verdict(loss: Loss) -> Verdict {
    match loss {
        Loss::Closed(code) => match code {
            CloseCode::Bye => Verdict::Over(End::Ended),
            CloseCode::BadMessage
            | CloseCode::Version
            | CloseCode::NotAdmitted
            | CloseCode::NoSuchRoom
            | CloseCode::Replaced
            | CloseCode::Expelled
            | CloseCode::Revoked
            | CloseCode::NotLetIn
            | CloseCode::WrongPin
            | CloseCode::InvitationUsed
            | CloseCode::InvitationExpired
            | CloseCode::NoGuests
            | CloseCode::Locked
            | CloseCode::NoSource => Verdict::Over(End::Refused(loss)),
            CloseCode::Full | CloseCode::Internal | CloseCode::TryLater => Verdict::RefusedAtFirst,
            CloseCode::TooSlow | CloseCode::Overrun | CloseCode::Stopping | CloseCode::Busy => Verdict::Retry,
        },
        // Each try is a guess at the PIN for whoever only pretends.
        Loss::NotProved => Verdict::Over(End::Refused(loss)),
        // A site that was in knows that the link is right: somebody stands between, and may not stay there.
        Loss::WrongKey | Loss::ClosedUnknown(_) => Verdict::RefusedAtFirst,
        Loss::OtherVersion | Loss::NoWelcome | Loss::NoAddress | Loss::Broken => Verdict::Retry,
    }
}
