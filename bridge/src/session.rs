//! One connection's way into a room, and out.
//!
//! ```text
//!   AwaitingHello --hello--> Checking --admitted--> InRoom, until the connection ends
//!     |  |  |  |                ^
//!     |  |  |  +guest's hello-> AskingPin --door--> AwaitingProof --proof--> Proving --right--> Checking
//!     |  |  +-- too slow                              +-- too slow
//!     |  +----- anything else, or refused: to Closed, with its code
//!     +-check-> CheckingToMeasure --admitted--> Measuring --check end--> Measured, until the connection ends
//!     +-fetch-> Fetching, until the connection ends
//! ```
//!
//! Pure. Whoever has not reached `InRoom` is sent nothing but the PIN's challenge and the close: no sound, no list of
//! who is here. From there on it is the room that says who is a member and who waits in its lobby. A line that is
//! measured never reaches it.

use giaoban_proto::link::{Code, RoomName, composed};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::unit::Bitrate;
use giaoban_proto::wire::{
    Check, ClientMessage, CloseCode, Fetch, Hello, OBSERVES, SOURCE, VERSION, WATCHES, client_message::Body,
};
use std::time::{Duration, Instant};

/// How long a device that is known may stay without asking to join. A hello that was lost twice, which at 30 % is one
/// in eleven, needs seven seconds at a round trip of 400 ms.
pub const HELLO_WITHIN: Duration = Duration::from_secs(15);

/// The same for a stranger, who holds a place that other strangers may need. Its client tries again.
pub const STRANGERS_HELLO_WITHIN: Duration = Duration::from_secs(5);

/// How long a guest may take to prove the PIN. Its client has it already: this is for a lost packet or three.
pub const PROOF_WITHIN: Duration = Duration::from_secs(15);

/// The longest name of a site, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A connection that is in a room, never used again: a member may come back by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u64);

/// A request to join that made sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The room.
    pub room: RoomName,
    /// How the site wishes to be called, fit to be shown; may be empty.
    pub name: String,
    /// The link's code, when it has one.
    pub code: Option<Code>,
    /// The most that what it is sent may cost.
    pub cap: Bitrate,
    /// Whether its microphone is off.
    pub muted: bool,
    /// Whether it only looks on.
    pub observes: bool,
    /// Whether it wishes to be told how the lines are, if it is an operator.
    pub watches: bool,
    /// Whether it asks for a seat as a source.
    pub source: bool,
}

/// A request to measure the line that made sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The room to which the link leads.
    pub room: RoomName,
    /// The link's code, when it has one.
    pub code: Option<Code>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look up whether the device may come in, then [`Session::handle_verdict`].
    Check(Request),
    /// Look up whether the room takes guests and whether this one may try, then [`Session::handle_door`]. The bytes are
    /// the guest's half of the PIN's key exchange.
    AskPin(Request, Vec<u8>),
    /// See whether the guest has proved the PIN by these bytes, then [`Session::handle_proved`].
    Prove(Vec<u8>),
    /// Look up whether the device might come in, then [`Session::handle_may_measure`].
    Measure(Measure),
    /// Say what the bridge has received.
    TellResult,
    /// Look up whether the device might come into this room, then let it fetch what was recorded there.
    Fetch(RoomName, Fetch),
    /// Pass the message on to the room.
    Forward(LineId, ClientMessage),
    /// Close the connection.
    Close(CloseCode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitingHello { until: Instant },
    Checking,
    AskingPin,
    AwaitingProof { until: Instant },
    Proving,
    InRoom(LineId),
    CheckingToMeasure,
    Measuring,
    Measured,
    Fetching,
    Closed,
}

/// The admission machine of one connection.
#[derive(Debug)]
pub struct Session {
    state: State,
}

impl Session {
    /// A connection whose handshake is done, by a device that is known or by a stranger.
    #[must_use]
    pub fn new(now: Instant, known: bool) -> Self {
        let within = if known { HELLO_WITHIN } else { STRANGERS_HELLO_WITHIN };
        Self { state: State::AwaitingHello { until: now + within } }
    }

    /// The line, once it is in.
    #[must_use]
    pub fn line(&self) -> Option<LineId> {
        match self.state {
            State::InRoom(line) => Some(line),
            _ => None,
        }
    }

    /// A control message came.
    pub fn handle_message(&mut self, message: ClientMessage) -> Option<Action> {
        match (self.state, message.body) {
            (State::AwaitingHello { .. }, Some(Body::Hello(hello))) => Some(self.check(hello)),
            (State::AwaitingHello { .. }, Some(Body::Check(check))) => Some(self.measure(check)),
            (State::AwaitingHello { .. }, Some(Body::Fetch(fetch))) => Some(self.fetch(fetch)),
            (State::Measuring, Some(Body::CheckEnd(_))) => {
                self.state = State::Measured;
                Some(Action::TellResult)
            }
            // Going before being in: nothing to leave.
            (
                State::AwaitingHello { .. }
                | State::Checking
                | State::AskingPin
                | State::AwaitingProof { .. }
                | State::Proving
                | State::CheckingToMeasure
                | State::Measuring
                | State::Measured
                | State::Fetching,
                Some(Body::Leave(_)),
            ) => Some(self.close(CloseCode::Bye)),
            (State::CheckingToMeasure | State::Measuring | State::Measured | State::Fetching, Some(_)) => {
                Some(self.close(CloseCode::BadMessage))
            }
            (State::AwaitingProof { .. }, Some(Body::PinProof(proof))) => {
                self.state = State::Proving;
                Some(Action::Prove(proof.proof))
            }
            // Switching the microphone while the door is being opened is honest, or another cap; the room has the
            // hello's word and the client says it again when it is in.
            (
                State::Checking | State::AskingPin | State::AwaitingProof { .. } | State::Proving,
                Some(Body::SetMuted(_) | Body::SetCap(_)),
            ) => None,
            (
                State::AwaitingHello { .. }
                | State::Checking
                | State::AskingPin
                | State::AwaitingProof { .. }
                | State::Proving,
                Some(_),
            )
            | (State::InRoom(_), Some(Body::Check(_) | Body::CheckEnd(_) | Body::Fetch(_) | Body::Got(_))) => {
                Some(self.close(CloseCode::BadMessage))
            }
            (State::InRoom(line), body @ Some(_)) => Some(Action::Forward(line, ClientMessage { body })),
            // A body of a newer version, or too late.
            (_, None) | (State::Closed, _) => None,
        }
    }

    /// Admission has decided.
    pub fn handle_verdict(&mut self, verdict: Result<LineId, CloseCode>) -> Option<Action> {
        match (self.state, verdict) {
            (State::Checking, Ok(line)) => {
                self.state = State::InRoom(line);
                None
            }
            (State::Checking, Err(code)) => Some(self.close(code)),
            _ => None,
        }
    }

    /// It is known whether this guest may try to prove the PIN.
    pub fn handle_door(&mut self, now: Instant, door: Result<(), CloseCode>) -> Option<Action> {
        match (self.state, door) {
            (State::AskingPin, Ok(())) => {
                self.state = State::AwaitingProof { until: now + PROOF_WITHIN };
                None
            }
            (State::AskingPin, Err(code)) => Some(self.close(code)),
            _ => None,
        }
    }

    /// It is known whether the guest has proved the PIN.
    pub fn handle_proved(&mut self, right: bool) -> Option<Action> {
        match self.state {
            State::Proving if right => {
                self.state = State::Checking;
                None
            }
            State::Proving => Some(self.close(CloseCode::WrongPin)),
            _ => None,
        }
    }

    /// It is decided whether the line may be measured.
    pub fn handle_may_measure(&mut self, verdict: Result<(), CloseCode>) -> Option<Action> {
        match (self.state, verdict) {
            (State::CheckingToMeasure, Ok(())) => {
                self.state = State::Measuring;
                None
            }
            (State::CheckingToMeasure, Err(code)) => Some(self.close(code)),
            _ => None,
        }
    }

    /// When to call [`Session::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::AwaitingHello { until } | State::AwaitingProof { until } => Some(until),
            _ => None,
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Action> {
        match self.state {
            State::AwaitingHello { until } | State::AwaitingProof { until } if now >= until => {
                Some(self.close(CloseCode::TooSlow))
            }
            _ => None,
        }
    }

    fn fetch(&mut self, fetch: Fetch) -> Action {
        if fetch.version == 0 {
            return self.close(CloseCode::Version);
        }
        match fetch.room.parse() {
            Ok(room) => {
                self.state = State::Fetching;
                Action::Fetch(room, fetch)
            }
            Err(_) => self.close(CloseCode::NoSuchRoom),
        }
    }

    fn check(&mut self, mut hello: Hello) -> Action {
        let exchange = std::mem::take(&mut hello.guest);
        match parse(hello) {
            Ok(request) if exchange.is_empty() => {
                self.state = State::Checking;
                Action::Check(request)
            }
            Ok(request) => {
                self.state = State::AskingPin;
                Action::AskPin(request, exchange)
            }
            Err(code) => self.close(code),
        }
    }

    fn measure(&mut self, check: Check) -> Action {
        // The same fields are judged as in a hello, in the same way.
        let Check { version, software, room, code } = check;
        match parse(Hello { version, software, room, code, ..Hello::default() }) {
            Ok(Request { room, code, .. }) => {
                self.state = State::CheckingToMeasure;
                Action::Measure(Measure { room, code })
            }
            Err(code) => self.close(code),
        }
    }

    fn close(&mut self, code: CloseCode) -> Action {
        self.state = State::Closed;
        Action::Close(code)
    }
}

fn parse(hello: Hello) -> Result<Request, CloseCode> {
    if hello.version < VERSION {
        return Err(CloseCode::Version);
    }
    let room = hello.room.parse::<RoomName>().map_err(|_| CloseCode::NoSuchRoom)?;
    let code = match hello.code.as_slice() {
        [] => None,
        code => Some(Code::from_bytes(code.try_into().map_err(|_| CloseCode::NotAdmitted)?)),
    };
    let cap = RungId::cap(hello.max_kbps);
    let [observes, watches, source] = [OBSERVES, WATCHES, SOURCE].map(|bit| hello.capabilities & bit != 0);
    Ok(Request {
        room,
        name: presentable(&hello.name),
        code,
        cap,
        muted: hello.muted,
        observes,
        watches,
        source,
    })
}

/// Control characters, and what reorders text.
pub(crate) fn unshown(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A name as it may be shown to others: without control characters and what reorders text, cut at a character.
pub(crate) fn presentable(name: &str) -> String {
    let name = composed(&name[..name.floor_char_boundary(8 * MAX_NAME_BYTES)]);
    let mut shown = String::new();
    for c in name.trim().chars().filter(|&c| !unshown(c)) {
        if shown.len() + c.len_utf8() > MAX_NAME_BYTES {
            break;
        }
        shown.push(c);
    }
    shown.truncate(shown.trim_end().len());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::{Act, CheckEnd, Got, Leave, PinProof, SetCap, SetMuted};

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    fn hello() -> Hello {
        Hello { version: VERSION, room: "giaoban".into(), name: "Tri Lễ".into(), ..Hello::default() }
    }

    const LINE: LineId = LineId(7);

    fn in_state(state: State) -> Session {
        Session { state }
    }

    #[test]
    fn every_event_in_every_state() {
        let start = start();
        let awaiting = State::AwaitingHello { until: start + HELLO_WITHIN };
        let (checking, inside, closed) = (State::Checking, State::InRoom(LINE), State::Closed);
        let (asking, measuring, measured) = (State::CheckingToMeasure, State::Measuring, State::Measured);
        let (asking_pin, proving, fetching) = (State::AskingPin, State::Proving, State::Fetching);
        let proof_due = State::AwaitingProof { until: start + PROOF_WITHIN };
        // In the order of the columns below.
        let states = [
            awaiting, checking, asking_pin, proof_due, proving, inside, asking, measuring, measured, closed,
            fetching,
        ];
        let request = parse(hello()).expect("a good hello");
        let room = request.room.clone();
        let measure = Measure { room: request.room.clone(), code: None };
        let say = |message: &ClientMessage| {
            let message = message.clone();
            move |session: &mut Session| session.handle_message(message.clone())
        };
        let muted = ClientMessage::from(SetMuted { muted: true });
        let cap = ClientMessage::from(SetCap { max_kbps: 8 });
        let leave = ClientMessage::from(Leave {});
        let guests = ClientMessage::from(Hello { guest: vec![9; 33], ..hello() });
        let hello = ClientMessage::from(hello());
        let proof = ClientMessage::from(PinProof { proof: vec![1, 2] });
        let act = ClientMessage::from(Act { number: 1, what: None });
        let check = Check { version: VERSION, room: "giaoban".into(), ..Check::default() }.into();
        let check_end = ClientMessage::from(CheckEnd {});
        let fetch = Fetch { version: VERSION, room: "giaoban".into(), recording: 7, ..Fetch::default() };
        let got = ClientMessage::from(Got { until_ms: 1 });
        let to = |state| (None, state);
        let close = |code| (Some(Action::Close(code)), closed);
        let bad = || close(CloseCode::BadMessage);
        let bye = || close(CloseCode::Bye);
        let forward = |message: &ClientMessage| (Some(Action::Forward(LINE, message.clone())), inside);
        type Event<'a> = Box<dyn Fn(&mut Session) -> Option<Action> + 'a>;
        type Cell = (Option<Action>, State);
        let stay = || states.map(to);
        // What happens in each state where nothing else is said.
        let but = |usual: [Cell; 11], changes: &[(usize, Cell)]| {
            let mut row = usual;
            for (column, cell) in changes {
                row[*column] = cell.clone();
            }
            row
        };
        // A message that has no place anywhere but in the room, which judges for itself, and after the end.
        let nowhere = |message: &ClientMessage| {
            let mut row = states.map(|_| bad());
            row[5] = forward(message);
            row[9] = to(closed);
            row
        };
        let table: Vec<(&str, Event<'_>, [Cell; 11])> = vec![
            (
                "hello",
                Box::new(say(&hello)),
                but(nowhere(&hello), &[(0, (Some(Action::Check(request.clone())), checking))]),
            ),
            (
                "guest's hello",
                Box::new(say(&guests)),
                but(nowhere(&guests), &[(0, (Some(Action::AskPin(request, vec![9; 33])), asking_pin))]),
            ),
            (
                "proof",
                Box::new(say(&proof)),
                but(nowhere(&proof), &[(3, (Some(Action::Prove(vec![1, 2])), proving))]),
            ),
            ("act", Box::new(say(&act)), nowhere(&act)),
            (
                "muted",
                Box::new(say(&muted)),
                but(
                    nowhere(&muted),
                    &[(1, to(checking)), (2, to(asking_pin)), (3, to(proof_due)), (4, to(proving))],
                ),
            ),
            (
                "cap",
                Box::new(say(&cap)),
                but(
                    nowhere(&cap),
                    &[(1, to(checking)), (2, to(asking_pin)), (3, to(proof_due)), (4, to(proving))],
                ),
            ),
            (
                "leave",
                Box::new(say(&leave)),
                but(states.map(|_| bye()), &[(5, forward(&leave)), (9, to(closed))]),
            ),
            (
                "check",
                Box::new(say(&check)),
                but(nowhere(&check), &[(0, (Some(Action::Measure(measure)), asking)), (5, bad())]),
            ),
            (
                "check end",
                Box::new(say(&check_end)),
                but(nowhere(&check_end), &[(5, bad()), (7, (Some(Action::TellResult), measured))]),
            ),
            (
                "fetch",
                Box::new(say(&fetch.clone().into())),
                but(
                    nowhere(&fetch.clone().into()),
                    &[(0, (Some(Action::Fetch(room, fetch)), fetching)), (5, bad())],
                ),
            ),
            ("got", Box::new(say(&got)), but(nowhere(&got), &[(5, bad())])),
            ("unknown", Box::new(say(&ClientMessage { body: None })), stay()),
            ("door", Box::new(move |s| s.handle_door(start, Ok(()))), but(stay(), &[(2, to(proof_due))])),
            (
                "no door",
                Box::new(move |s| s.handle_door(start, Err(CloseCode::NoGuests))),
                but(stay(), &[(2, close(CloseCode::NoGuests))]),
            ),
            ("proved", Box::new(|s| s.handle_proved(true)), but(stay(), &[(4, to(checking))])),
            (
                "not proved",
                Box::new(|s| s.handle_proved(false)),
                but(stay(), &[(4, close(CloseCode::WrongPin))]),
            ),
            ("admitted", Box::new(|s| s.handle_verdict(Ok(LINE))), but(stay(), &[(1, to(inside))])),
            (
                "refused",
                Box::new(|s| s.handle_verdict(Err(CloseCode::NotAdmitted))),
                but(stay(), &[(1, close(CloseCode::NotAdmitted))]),
            ),
            ("may measure", Box::new(|s| s.handle_may_measure(Ok(()))), but(stay(), &[(6, to(measuring))])),
            (
                "may not measure",
                Box::new(|s| s.handle_may_measure(Err(CloseCode::Busy))),
                but(stay(), &[(6, close(CloseCode::Busy))]),
            ),
            ("early timeout", Box::new(move |s| s.handle_timeout(start)), stay()),
            (
                "timeout",
                Box::new(move |s| s.handle_timeout(start + HELLO_WITHIN)),
                but(stay(), &[(0, close(CloseCode::TooSlow)), (3, close(CloseCode::TooSlow))]),
            ),
        ];
        for (event, run, expected) in table {
            for (state, (action, after)) in states.into_iter().zip(expected) {
                let mut session = in_state(state);
                assert_eq!(run(&mut session), action, "{event} in {state:?}");
                assert_eq!(session.state, after, "{event} in {state:?}");
            }
        }
    }

    #[test]
    fn a_stranger_has_less_time() {
        let start = start();
        assert_eq!(Session::new(start, true).poll_timeout(), Some(start + HELLO_WITHIN));
        assert_eq!(Session::new(start, false).poll_timeout(), Some(start + STRANGERS_HELLO_WITHIN));
    }

    #[test]
    fn a_hello_that_makes_no_sense_is_refused_with_the_code_that_says_why() {
        let refused = |hello| parse(hello).expect_err("refused");
        assert_eq!(refused(Hello { version: 0, ..hello() }), CloseCode::Version);
        assert_eq!(refused(Hello { room: String::new(), ..hello() }), CloseCode::NoSuchRoom);
        assert_eq!(refused(Hello { room: "a\nb".into(), ..hello() }), CloseCode::NoSuchRoom);
        assert_eq!(refused(Hello { code: vec![1; 15], ..hello() }), CloseCode::NotAdmitted);
        assert!(parse(Hello { version: 99, ..hello() }).is_ok());
    }

    #[test]
    fn names_are_made_fit_to_be_shown() {
        assert_eq!(presentable("  UBND xã Tri Lễ "), "UBND xã Tri Lễ");
        assert_eq!(presentable("Tri Le\u{302}\u{303}"), "Tri Lễ");
        assert_eq!(presentable("a\u{1b}[31mb\n\u{202e}c"), "a[31mbc");
        let long = presentable(&"ễ".repeat(500));
        assert!(long.len() <= MAX_NAME_BYTES && long.chars().all(|c| c == 'ễ'));
    }
}
