//! What the bridge says, and what of it is worth writing down.

use super::{Event, Model, Outcome};
use crate::roster::News;
use giaoban_proto::wire::{
    ActCode, Figures, FloorMode, Lobby, Meeting, Notice, NoticeKind, Recording, Roster, Said, Seat, SiteRole,
    Standing, Welcome, server_message::Body,
};
use std::time::Instant;

impl Model {
    /// The bridge said something on the line that carries this end's sound.
    pub fn handle_body(&mut self, now: Instant, body: &Body) {
        match body {
            Body::Welcome(welcome) => self.handle_welcome(welcome),
            Body::Roster(difference) => self.handle_roster(now, difference.clone()),
            Body::Lobby(difference) => self.handle_lobby(now, difference.clone()),
            Body::Meeting(meeting) => self.handle_meeting(now, meeting),
            Body::Figures(figures) => self.handle_figures(now, figures),
            Body::Said(said) => self.handle_said(now, said),
            Body::Notice(notice) => self.handle_notice(now, notice),
            Body::Standing(Standing { role, .. }) => self.role = SiteRole::from_code(*role),
            Body::Done(done) => {
                self.finish(now, done.number, Outcome::Done(ActCode::from_code(done.code)));
            }
            // Of a connection that is for something else.
            Body::PinChallenge(_)
            | Body::InLobby(_)
            | Body::CheckReady(_)
            | Body::CheckResult(_)
            | Body::Recordings(_)
            | Body::Kept(_)
            | Body::Part(_)
            | Body::NotFetched(_) => {}
        }
    }

    /// A new line, on which everything is told anew. Whatever was asked on the old one may or may not have been done.
    fn handle_welcome(&mut self, welcome: &Welcome) {
        self.role = SiteRole::from_code(welcome.role);
        self.own = welcome.member;
        self.roster.start(welcome.member);
        self.lobby = Default::default();
        self.seen.clear();
    }

    fn handle_roster(&mut self, now: Instant, difference: Roster) {
        let changed: Vec<u64> = difference.seats.iter().map(|seat| seat.member).collect();
        let before: Vec<Option<Seat>> =
            changed.iter().map(|member| self.roster.seat(*member).cloned()).collect();
        for member in &difference.gone {
            self.seen.remove(member);
        }
        for news in self.roster.handle_difference(now, difference) {
            match news {
                News::Here { .. } => {}
                News::Came { name, guest } => self.write(now, Event::Came { name, guest }),
                News::Left(name) => self.write(now, Event::Left(name)),
            }
        }
        for (member, before) in changed.into_iter().zip(before) {
            // A list that is full takes no more.
            let Some(seat) = self.roster.seat(member).cloned() else { continue };
            if let Some(before) = before {
                self.compare(now, &before, &seat);
            }
            self.look(now, &seat);
        }
        if self.chosen().is_none() {
            self.chosen = self.rows(now).first().map(|row| row.seat.member);
        }
    }

    fn compare(&mut self, now: Instant, before: &Seat, seat: &Seat) {
        let name = || seat.name.clone();
        if seat.hand != 0 && before.hand == 0 {
            self.write(now, Event::Hand(name()));
        }
        if seat.silenced != before.silenced {
            self.write(now, Event::Silenced { name: name(), silenced: seat.silenced });
        }
        if before.away && !seat.away {
            self.write(now, Event::Back(name()));
        }
        if seat.away && !before.away {
            self.write(now, Event::Away(name()));
        }
    }

    fn look(&mut self, now: Instant, seat: &Seat) {
        let seen = self.seen.entry(seat.member).or_default();
        let worse = seen.look(now, seat);
        // That a line is away stands there as such.
        if let Some(trouble) = worse.filter(|trouble| *trouble != super::Trouble::Away) {
            self.write(now, Event::Trouble { name: seat.name.clone(), trouble });
        }
    }

    fn handle_lobby(&mut self, now: Instant, difference: Lobby) {
        for guest in self.lobby.handle_difference(difference) {
            self.write(now, Event::Waits(guest.name));
        }
    }

    fn handle_figures(&mut self, now: Instant, figures: &Figures) {
        for line in &figures.lines {
            // Of a member that is not listed there is nothing to show, and nothing is kept.
            let Some(seat) = self.roster.seat(line.member).cloned() else { continue };
            self.seen.entry(line.member).or_default().line = Some(*line);
            self.look(now, &seat);
        }
    }

    fn handle_meeting(&mut self, now: Instant, meeting: &Meeting) {
        self.watch_roll(now);
        let before = std::mem::replace(&mut self.meeting, meeting.clone());
        if self.told.replace(now).is_none() {
            // As it was found; that is no news.
            self.roll_over = if meeting.roll_left_s == 0 { meeting.roll } else { 0 };
            return;
        }
        if meeting.mode != before.mode {
            self.write(now, Event::Mode(FloorMode::from_code(meeting.mode).unwrap_or_default()));
        }
        if meeting.holder != before.holder {
            let name = self.holder().map(|seat| seat.name.clone());
            self.write(now, name.map_or(Event::NoFloor, Event::Floor));
        }
        if meeting.recording != before.recording {
            let recording = Recording::from_code(meeting.recording).unwrap_or_default();
            self.write(now, Event::Recording(recording));
        }
        if meeting.roll != before.roll {
            self.write(now, Event::Roll(meeting.roll));
        }
        if meeting.locked != before.locked {
            self.write(now, Event::Locked(meeting.locked));
        }
        if meeting.newcomers_silent != before.newcomers_silent {
            self.write(now, Event::NewcomersSilent(meeting.newcomers_silent));
        }
        if meeting.playing != before.playing {
            self.write(now, Event::Playing(meeting.playing.clone()));
        }
        if meeting.has_operator != before.has_operator {
            self.write(now, Event::Operator(meeting.has_operator));
        }
        self.watch_roll(now);
    }

    /// Writes down how a roll call ended, once.
    pub(super) fn watch_roll(&mut self, now: Instant) {
        let roll = self.meeting.roll;
        if roll != 0
            && self.roll_over != roll
            && self.roll_left(now).is_none()
            && let Some((here, of)) = self.answered()
        {
            self.roll_over = roll;
            self.write(now, Event::RollOver { roll, here, of });
        }
    }

    fn handle_said(&mut self, now: Instant, said: &Said) {
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        let (name, text) = (clean(&said.name), clean(&said.text));
        self.write(now, Event::Said { name, text, to_operators: said.to_operators });
    }

    fn handle_notice(&mut self, now: Instant, notice: &Notice) {
        if let Some(kind) = NoticeKind::from_code(notice.kind) {
            self.write(now, Event::Notice { kind, name: notice.name.clone() });
        }
    }
}
