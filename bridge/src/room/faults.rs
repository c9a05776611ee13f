//! A site that howls, or sends the meeting back, is held out of it until an operator gives it its voice again.
//!
//! An operator is not: nobody might be there to give it back. All operators are told either way.

use super::{Duration, Keep, MemberId, NoticeKind, Room, SiteRole, talkers};
use crate::howl::{Bands, Fault};
use crate::room::Event;

/// Between two words on the same operator's sound.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Voices of which a brick may hold something: those in the mix, and one that just leaves it.
const VOICES: usize = talkers::MAX_VOICES + 1;

impl Room {
    /// Listens to this brick of everybody who has spoken.
    pub(super) fn listen_for_faults(&mut self) {
        let mut mixed: [Option<(MemberId, Bands)>; VOICES] = [None; VOICES];
        let mut places = mixed.iter_mut();
        for member in self.busy.voices(&mut self.members) {
            let bands = member.hear_itself(&mut self.spectrum);
            if let Some(bands) = bands.filter(|_| member.in_mix)
                && let Some(place) = places.next()
            {
                *place = Some((member.site.id, bands));
            }
        }
        let mut faulty = None;
        // Most have never spoken, and nothing listens to them.
        for member in self.busy.voices(&mut self.members).filter(|member| member.has_ear()) {
            let mut others = Bands::default();
            for (_, bands) in mixed.iter().flatten().filter(|(id, _)| *id != member.site.id) {
                others.iter_mut().zip(bands).for_each(|(sum, band)| *sum += band);
            }
            // One in a brick: another is found in the next.
            let found = member.compare(&others).map(|fault| (member.site.id, fault));
            faulty = faulty.or(found);
        }
        if let Some((id, fault)) = faulty {
            self.hold_out(id, fault);
        }
    }

    fn hold_out(&mut self, id: MemberId, fault: Fault) {
        let Some(place) = self.place(id) else { return };
        let now = self.now;
        let member = &mut self.members[place];
        member.forget_sound();
        let operator = member.site.role == SiteRole::Operator;
        let lately = member.faulty_at.is_some_and(|at| now.saturating_duration_since(at) < TELL_EVERY);
        if operator && lately {
            return;
        }
        member.faulty_at = Some(now);
        let name = member.site.name.clone();
        if !operator {
            self.silence(id, true);
            self.roster.at_once();
            self.events.push_back(Event::Keep(Keep::HeldOut { member: id, name: name.clone(), fault }));
        }
        let kind = match fault {
            Fault::Howls => NoticeKind::Howls,
            Fault::Echoes => NoticeKind::Echoes,
        };
        self.notice(kind, id, name);
    }
}
