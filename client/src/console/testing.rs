//! A district's meeting, for tests of the model and of what is drawn of it.

use super::model::{Key, Model};
use crate::engine::Command;
use crate::stats::Stats;
use giaoban_proto::wire::{
    ActCode, Done, Figures, LegFigures, LineFigures, Lobby, Meeting, Roster, Seat, SiteRole, VERSION,
    Waiting, Welcome, act::What, server_message::Body,
};
use std::time::{Duration, Instant};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// This end's number.
pub(crate) const OWN: u64 = 1;

pub(crate) const COMMUNES: [&str; 20] = [
    "xã Tri Lễ",
    "xã Nậm Giải",
    "xã Thông Thụ",
    "xã Châu Bình",
    "xã Đồng Văn",
    "xã Hạnh Dịch",
    "xã Tiền Phong",
    "xã Nậm Nhoóng",
    "xã Cắm Muộn",
    "xã Quang Phong",
    "xã Châu Thôn",
    "xã Mường Nọc",
    "xã Quế Sơn",
    "xã Châu Kim",
    "xã Căm Muộn Thượng và Bản Mòng Trung",
    "thị trấn Kim Sơn",
    "xã Châu Hội",
    "xã Châu Nga",
    "xã Diên Lãm",
    "xã Châu Phong",
];

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A model under test, its time, and what it has asked for.
pub(crate) struct Desk {
    pub(crate) model: Model,
    pub(crate) now: Instant,
}

pub(crate) fn seat(member: u64, name: &str) -> Seat {
    Seat { member, name: name.into(), role: SiteRole::Participant.code(), ..Seat::default() }
}

pub(crate) fn leg(lost: u32, concealed: u32, delay_50ms: u32, rung_kbps: u32) -> LegFigures {
    LegFigures { lost, concealed, delay_50ms, rung_kbps, kbps: rung_kbps + 3 }
}

pub(crate) fn line(member: u64) -> LineFigures {
    LineFigures {
        member,
        sends: Some(leg(1, 0, 6, 24)),
        hears: Some(leg(2, 0, 8, 24)),
        round_trip_10ms: 12,
        microphone: 0,
        level: 0,
        has: None,
    }
}

pub(crate) fn stats(state: &'static str, muted: bool) -> Stats {
    Stats {
        t_s: 1.0,
        unix_ms: 0,
        state,
        rtt_ms: None,
        path: None,
        mb: 0.0,
        max_mb: None,
        up_kbps: 0.0,
        down_kbps: 0.0,
        up_rung: 24,
        down_rung: 24,
        sent: 0,
        received: 0,
        lost: 0,
        repaired: 0,
        repaired_in_time: 0,
        repaired_by_copy: 0,
        asked: 0,
        answered: 0,
        stretched_ms: 0,
        listening: true,
        queue_ms: 0.0,
        up_loss_percent: 0.0,
        late: 0,
        concealed_ms: 0,
        delay_ms: 0.0,
        level_dbfs: -127.0,
        muted,
        may_speak: true,
        speaking: false,
        in_ms: 0,
        out_ms: 0,
        bad_datagrams: 0,
        members: 0,
        audio_gaps: 0,
        codec_failures: 0,
        reconnects: 0,
    }
}

impl Desk {
    /// Before anything has come.
    pub(crate) fn new() -> Self {
        Self { model: Model::new("hop.quephong.vn:4646", "giaoban"), now: start() }
    }

    /// In, as this role, with an empty room.
    pub(crate) fn welcomed(role: SiteRole) -> Self {
        let mut desk = Self::new();
        let welcome = Welcome {
            version: VERSION,
            member: OWN,
            name: "huyện Quế Phong".into(),
            role: role.code(),
            ..Welcome::default()
        };
        desk.hear(Body::Welcome(welcome));
        desk.model.handle_stats(&stats("in_room", true));
        desk.hear(Body::Meeting(Meeting { has_operator: true, ..Meeting::default() }));
        desk
    }

    /// Twenty communes, numbered from 2, and the district, all well, some seconds in.
    pub(crate) fn district() -> Self {
        let mut desk = Self::welcomed(SiteRole::Operator);
        let own = Seat { role: SiteRole::Operator.code(), muted: true, ..seat(OWN, "huyện Quế Phong") };
        let mut seats = vec![own];
        seats.extend(COMMUNES.iter().zip(2..).map(|(name, member)| seat(member, name)));
        desk.hear(Body::Roster(Roster { seats, gone: vec![] }));
        desk.hear(Body::Figures(Figures { lines: (1..=21).map(line).collect() }));
        desk.now += SECOND * 5;
        desk
    }

    pub(crate) fn hear(&mut self, body: Body) {
        self.model.handle_body(self.now, &body);
    }

    /// These seats are otherwise; names stay.
    pub(crate) fn change(&mut self, member: u64, change: impl FnOnce(&mut Seat)) {
        let found = self.model.seats().find(|seat| seat.member == member);
        let mut seat = found.expect("it is listed").clone();
        change(&mut seat);
        seat.name = String::new();
        self.hear(Body::Roster(Roster { seats: vec![seat], gone: vec![] }));
    }

    pub(crate) fn meeting(&mut self, change: impl FnOnce(&mut Meeting)) {
        let mut meeting = self.model.meeting().clone();
        change(&mut meeting);
        self.hear(Body::Meeting(meeting));
    }

    pub(crate) fn line(&mut self, line: LineFigures) {
        self.hear(Body::Figures(Figures { lines: vec![line] }));
    }

    pub(crate) fn guest(&mut self, member: u64, name: &str) {
        let waiting = vec![Waiting { member, name: name.into() }];
        self.hear(Body::Lobby(Lobby { waiting, gone: vec![] }));
    }

    pub(crate) fn press(&mut self, key: Key) {
        self.model.handle_key(self.now, key);
    }

    /// Types these letters, one key each.
    pub(crate) fn keys(&mut self, letters: &str) {
        letters.chars().for_each(|c| self.press(Key::Char(c)));
    }

    /// What was asked of the engine.
    pub(crate) fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.model.poll_command()).collect()
    }

    /// What was asked of the bridge, which answers each so.
    pub(crate) fn acts(&mut self, code: ActCode) -> Vec<What> {
        let mut acts = Vec::new();
        for command in self.commands() {
            let Command::Act(act) = command else { panic!("no act: {command:?}") };
            self.hear(Body::Done(Done { number: act.number, code: code.code() }));
            acts.extend(act.what);
        }
        acts
    }

    /// Answers whatever was asked.
    pub(crate) fn acts_of_any_kind(&mut self) {
        for command in self.commands() {
            if let Command::Act(act) = command {
                self.hear(Body::Done(Done { number: act.number, code: 0 }));
            }
        }
    }

    /// Names in the table's order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.model.rows(self.now).iter().map(|row| row.seat.name.as_str()).collect()
    }

    /// A meeting in full swing: hands, a floor with time, trouble of each kind, roll call, recording, guests, messages.
    pub(crate) fn busy() -> Self {
        let mut desk = Self::district();
        desk.meeting(|meeting| {
            (meeting.mode, meeting.turn_s, meeting.age_s) = (1, 180, 2530);
            (meeting.recording, meeting.roll, meeting.roll_left_s) = (1, 2, 75);
            (meeting.locked, meeting.newcomers_silent) = (true, true);
        });
        for (member, hand) in [(9, 41), (6, 40), (12, 43)] {
            desk.change(member, |seat| seat.hand = hand);
        }
        for member in [1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 17, 18] {
            desk.change(member, |seat| seat.present = 2);
        }
        desk.meeting(|meeting| (meeting.holder, meeting.left_s) = (3, 83));
        desk.change(5, |seat| seat.away = true);
        desk.change(10, |seat| seat.muted = true);
        desk.change(11, |seat| seat.silenced = true);
        desk.change(13, |seat| seat.role = SiteRole::Listener.code());
        desk.change(14, |seat| seat.gain_db = 3);
        desk.line(LineFigures { level: 3, ..line(3) });
        desk.line(LineFigures { hears: Some(leg(34, 12, 30, 8)), round_trip_10ms: 58, ..line(4) });
        desk.line(LineFigures { microphone: 1, ..line(7) });
        desk.line(LineFigures { sends: Some(leg(100, 100, 255, 0)), round_trip_10ms: 240, ..line(8) });
        desk.guest(31, "Bác sĩ Lan, trạm y tế");
        desk.guest(32, "Ông Vi Văn Hùng");
        let said = giaoban_proto::wire::Said {
            member: 4,
            name: "xã Thông Thụ".into(),
            text: "Xã không nghe rõ, đề nghị nhắc lại số công văn".into(),
            to_operators: true,
        };
        desk.hear(Body::Said(said));
        desk.now += SECOND * 10;
        desk
    }
}
