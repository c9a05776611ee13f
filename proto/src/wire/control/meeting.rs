//! How a meeting stands: who may speak, who asked to, who answered the roll call, what is recorded; and the acts that
//! change it.

use prost::Message;

/// Who may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum FloorMode {
    /// Everybody whose role allows it.
    #[default]
    Open = 0,
    /// Operators, and whoever has the floor; who wants it raises a hand.
    Moderated = 1,
    /// Whoever has the floor, and operators; nobody raises a hand.
    Announcement = 2,
}

impl FloorMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Moderated, Self::Announcement];

    /// As it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Moderated => "moderated",
            Self::Announcement => "announcement",
        }
    }
}

/// Another floor mode, or another length of turns. Whoever has the floor keeps it, but for the mode *open*.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct SetFloor {
    /// A [`FloorMode`]'s code.
    #[prost(uint32, tag = "1")]
    pub mode: u32,
    /// For how long the floor is given from now on, in s; 0 has no end.
    #[prost(uint32, tag = "2")]
    pub turn_s: u32,
}

/// Takes everybody's voice out of the meeting, or gives it back; operators' never.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct SilenceAll {
    /// Whether they are to be silent.
    #[prost(bool, tag = "1")]
    pub silent: bool,
    /// Whoever has the floor is left as it is.
    #[prost(bool, tag = "2")]
    pub but_floor: bool,
}

/// What holds for newcomers. What is absent stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct SetRoom {
    /// Whether nobody comes in any more who was not in this meeting before.
    #[prost(bool, optional, tag = "1")]
    pub locked: Option<bool>,
    /// Whether newcomers are silenced until an operator gives them their voice.
    #[prost(bool, optional, tag = "2")]
    pub newcomers_silent: Option<bool>,
}

/// A member is called otherwise, in this meeting.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Rename {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// Its new name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A member is made louder or softer for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Gain {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// By how much, in dB, from −[`MAX_GAIN_DB`] to +[`MAX_GAIN_DB`].
    #[prost(sint32, tag = "2")]
    pub db: i32,
}

/// The most by which a member is made louder or softer, in dB.
pub const MAX_GAIN_DB: i32 = 12;

/// An operator answers the roll call for a member whose voice it has heard, or takes that back.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Tick {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// Whether it is there.
    #[prost(bool, tag = "2")]
    pub present: bool,
}

/// A short message, for the meeting's log too.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Say {
    /// Of at most [`MAX_TEXT_BYTES`].
    #[prost(string, tag = "1")]
    pub text: String,
    /// Whether operators alone read it.
    #[prost(bool, tag = "2")]
    pub to_operators: bool,
}

/// The longest text of a message, in bytes of UTF-8: some 300 letters of Vietnamese, 4 s at 1 kbit/s.
pub const MAX_TEXT_BYTES: usize = 500;

/// What is to become of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Record {
    /// Begins, or goes on.
    Start = 1,
    /// Ends; what comes later is another recording.
    Stop = 2,
    /// Leaves out what comes until it goes on.
    Pause = 3,
}

impl Record {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Start, Self::Stop, Self::Pause];
}

/// How the recording stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Recording {
    /// There is none.
    #[default]
    Off = 0,
    /// All that is said is written down.
    On = 1,
    /// What is said now is left out.
    Paused = 2,
    /// It has ended because the bridge could not write: a full disk.
    Failed = 3,
}

impl Recording {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Off, Self::On, Self::Paused, Self::Failed];
}

/// How the meeting stands. Sent whole to whoever comes in, and to all when something in it changes.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Meeting {
    /// Who may speak: a [`FloorMode`]'s code.
    #[prost(uint32, tag = "1")]
    pub mode: u32,
    /// The member that has the floor; 0: nobody.
    #[prost(uint64, tag = "2")]
    pub holder: u64,
    /// For how long it still has it, in s, rounded up; 0: without an end.
    #[prost(uint32, tag = "3")]
    pub left_s: u32,
    /// For how long the floor is given, in s; 0 has no end.
    #[prost(uint32, tag = "4")]
    pub turn_s: u32,
    /// A [`Recording`]'s code.
    #[prost(uint32, tag = "5")]
    pub recording: u32,
    /// The number of the last roll call, counted from 1; 0: there was none.
    #[prost(uint32, tag = "6")]
    pub roll: u32,
    /// For how long it may still be answered, in s, rounded up; 0: it is over.
    #[prost(uint32, tag = "7")]
    pub roll_left_s: u32,
    /// Whether nobody comes in any more who was not in this meeting before.
    #[prost(bool, tag = "8")]
    pub locked: bool,
    /// Whether newcomers are silenced.
    #[prost(bool, tag = "9")]
    pub newcomers_silent: bool,
    /// The announcement that is being played; empty: none.
    #[prost(string, tag = "10")]
    pub playing: String,
    /// Whether it has an operator, but for those whose line is away.
    #[prost(bool, tag = "11")]
    pub has_operator: bool,
    /// The member that may take the operator's place when there is none; 0: nobody.
    #[prost(uint64, tag = "12")]
    pub deputy: u64,
    /// How long it has gone on, in s.
    #[prost(uint32, tag = "13")]
    pub age_s: u32,
    /// The number of the recording that runs; 0: none does.
    #[prost(uint64, tag = "14")]
    pub recorded: u64,
    /// How long that is by now, in ms.
    #[prost(uint64, tag = "15")]
    pub recorded_ms: u64,
}

/// Somebody has said something in writing.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Said {
    /// Who: its number in the room, 0 for the bridge.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What.
    #[prost(string, tag = "3")]
    pub text: String,
    /// Whether operators alone read it.
    #[prost(bool, tag = "4")]
    pub to_operators: bool,
}

/// How the lines of members are, for whoever said [`super::WATCHES`]: those of which something has changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Figures {
    /// One for each.
    #[prost(message, repeated, tag = "1")]
    pub lines: Vec<LineFigures>,
}

/// One member's line, over the last seconds in which something was said.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct LineFigures {
    /// Its number in the room.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// What comes from it, as the bridge receives it.
    #[prost(message, optional, tag = "2")]
    pub sends: Option<LegFigures>,
    /// What goes to it, as its own reports say.
    #[prost(message, optional, tag = "3")]
    pub hears: Option<LegFigures>,
    /// The round trip in steps of 10 ms; 0: not known yet.
    #[prost(uint32, tag = "4")]
    pub round_trip_10ms: u32,
    /// Flags of its microphone, as in its reports: 1 dead, 2 clipping, 4 missing.
    #[prost(uint32, tag = "5")]
    pub microphone: u32,
    /// Loudness of its microphone in −dBFS, in steps of 6 dB; 0 for silence.
    #[prost(uint32, tag = "6")]
    pub level: u32,
    /// How much of the recording that runs it has heard or fetched, in percent; nothing where none runs.
    #[prost(uint32, optional, tag = "7")]
    pub has: Option<u32>,
}

/// One direction of a line, coarse enough that a steady one says nothing new.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct LegFigures {
    /// Packets lost before repair, in percent.
    #[prost(uint32, tag = "1")]
    pub lost: u32,
    /// Sound that was guessed, in percent of what was said: loss after repair.
    #[prost(uint32, tag = "2")]
    pub concealed: u32,
    /// How long sound waits for late packets, in steps of 50 ms.
    #[prost(uint32, tag = "3")]
    pub delay_50ms: u32,
    /// The rung of the ladder, in kbit/s of the codec; 0: nothing was said.
    #[prost(uint32, tag = "4")]
    pub rung_kbps: u32,
    /// On the wire, headers included, in kbit/s.
    #[prost(uint32, tag = "5")]
    pub kbps: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_is_known_again_and_what_is_newer_is_not() {
        assert!(FloorMode::ALL.iter().all(|mode| FloorMode::from_code(mode.code()) == Some(*mode)));
        assert!(Record::ALL.iter().all(|record| Record::from_code(record.code()) == Some(*record)));
        assert!(Recording::ALL.iter().all(|state| Recording::from_code(state.code()) == Some(*state)));
        assert_eq!(
            (FloorMode::from_code(9), Record::from_code(0), Recording::from_code(9)),
            (None, None, None)
        );
    }

    #[test]
    fn a_quiet_meeting_and_a_steady_line_cost_a_few_bytes() {
        let meeting = Meeting {
            mode: 1,
            holder: 17,
            left_s: 170,
            turn_s: 180,
            roll: 1,
            has_operator: true,
            ..Meeting::default()
        };
        assert!(meeting.encoded_len() <= 20, "{}", meeting.encoded_len());
        let leg = LegFigures { lost: 12, concealed: 1, delay_50ms: 8, rung_kbps: 16, kbps: 19 };
        let line = LineFigures {
            member: 17,
            sends: Some(leg),
            hears: Some(leg),
            round_trip_10ms: 60,
            microphone: 0,
            level: 4,
            has: Some(97),
        };
        assert!(line.encoded_len() <= 34, "{}", line.encoded_len());
    }
}
