//! Why a connection was closed: the codes that travel, and their words.

/// Why an end closed the connection: the QUIC application error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum CloseCode {
    /// Ended as asked.
    Bye = 0,
    /// A control message could not be parsed, or came in a state where it has no place.
    BadMessage = 1,
    /// The two ends share no version.
    Version = 2,
    /// This device may not come in: unknown, or its code is wrong.
    NotAdmitted = 3,
    /// The bridge has no room of that name.
    NoSuchRoom = 4,
    /// The room or the bridge holds as many as it may.
    Full = 5,
    /// The same device joined again; the newest session is the one that lives.
    Replaced = 6,
    /// No hello in time.
    TooSlow = 7,
    /// The member's queue ran over: it does not read what it is sent, or sends too much.
    Overrun = 8,
    /// The bridge is stopping.
    Stopping = 9,
    /// The bridge could not look the device up.
    Internal = 10,
    /// An operator has ended this site's part in the meeting.
    Expelled = 11,
    /// This site has been shut out.
    Revoked = 12,
    /// An operator did not let this guest in.
    NotLetIn = 13,
    /// The meeting's PIN was not proved.
    WrongPin = 14,
    /// Too many wrong PINs from there, or for this meeting.
    TryLater = 15,
    /// The link's invitation has enrolled another device already.
    InvitationUsed = 16,
    /// The link's invitation is too old.
    InvitationExpired = 17,
    /// The room takes no guests.
    NoGuests = 18,
    /// An operator has locked the room, and this device was not in the meeting before.
    Locked = 19,
    /// As many strangers, or lines that are checked, as the bridge takes at once, or this one too often.
    Busy = 20,
    /// This site's role allows it no seat as a source.
    NoSource = 22,
}

impl CloseCode {
    const ALL: [Self; 22] = [
        Self::Bye,
        Self::BadMessage,
        Self::Version,
        Self::NotAdmitted,
        Self::NoSuchRoom,
        Self::Full,
        Self::Replaced,
        Self::TooSlow,
        Self::Overrun,
        Self::Stopping,
        Self::Internal,
        Self::Expelled,
        Self::Revoked,
        Self::NotLetIn,
        Self::WrongPin,
        Self::TryLater,
        Self::InvitationUsed,
        Self::InvitationExpired,
        Self::NoGuests,
        Self::Locked,
        Self::Busy,
        Self::NoSource,
    ];

    /// As it travels.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// From what travelled; `None` for a code of a newer version.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|close| u64::from(close.code()) == code)
    }

    /// What happened and what to do, for a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bye => "the meeting was left as asked",
            Self::BadMessage => {
                "the other end sent a message that makes no sense; update the older of the two programs"
            }
            Self::Version => "the bridge speaks another version; update this program",
            Self::NotAdmitted => "this device is not admitted; ask the district for a new join link",
            Self::NoSuchRoom => "the bridge has no room of that name; check the link",
            Self::Full => "the room is full; ask the district to raise its limit",
            Self::Replaced => "the same device joined again from somewhere else; this session ended",
            Self::TooSlow => "the bridge heard no request to join in time; try again",
            Self::Overrun => "the link could not keep up with the meeting; try again",
            Self::Stopping => "the bridge is stopping; it will be back",
            Self::Internal => "the bridge could not look this device up; tell whoever runs it",
            Self::Expelled => "the operator has ended this site's part in the meeting; ask the district",
            Self::Revoked => "this site has been shut out; ask the district for a new invitation",
            Self::NotLetIn => "the operator did not let you in; ask the district",
            Self::WrongPin => "the PIN is wrong; ask the district for the PIN of this meeting",
            Self::TryLater => "too many wrong PINs were tried; wait some minutes, then try again",
            Self::InvitationUsed => {
                "this invitation has been used by another device; ask the district for a new one"
            }
            Self::InvitationExpired => "this invitation is too old; ask the district for a new one",
            Self::NoGuests => "this room takes no guests; ask the district for an invitation",
            Self::Locked => "the operator has locked the room; ask the district to let you in",
            Self::NoSource => {
                "this site may not bring another meeting in; ask the district for the role of an operator or a source"
            }
            Self::Busy => "the bridge is busy with others; try again in a minute",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_code_has_words_and_comes_back_from_its_number() {
        for close in CloseCode::ALL {
            assert_eq!(CloseCode::from_code(u64::from(close.code())), Some(close));
            assert!(!close.text().is_empty());
        }
        assert_eq!(CloseCode::from_code(u64::MAX), None);
    }
}
