//! What of the recording its sites have, and how fast they fetch the rest.

use super::{Instant, MemberId, Room, SiteRole};
use crate::fetch::Credit;
use giaoban_proto::spans::Span;
use giaoban_proto::unit::Bitrate;

/// Somebody with a seat, as far as fetching is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seated {
    /// What it may do.
    pub role: SiteRole,
    /// Whether it came by PIN.
    pub guest: bool,
    /// The recording that runs, how long it is, and from when on it was let hear that, in ms.
    pub running: Option<(u64, u64, u64)>,
    /// The most that its line is sent.
    pub budget: Bitrate,
}

impl Room {
    /// This recording runs and is so long by now, in ms; or none does.
    pub fn set_recorded(&mut self, recorded: Option<(u64, u64)>) {
        let before = std::mem::replace(&mut self.recorded, recorded);
        if let Some(recorded) = recorded
            && before.is_none_or(|(recording, _)| recording != recorded.0)
        {
            let here = self.members.iter_mut().map(|member| &mut member.site);
            here.chain(self.away.iter_mut()).for_each(|site| site.has.begin(recorded));
        }
    }

    /// Whether nobody comes in any more who was not in before.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.locked
    }

    /// What somebody is who wants to fetch; `None` who has no seat, or whose line is away.
    #[must_use]
    pub fn seated(&self, id: MemberId) -> Option<Seated> {
        let member = &self.members[self.place(id)?];
        let site = &member.site;
        let running = self.recorded.map(|(recording, ms)| (recording, ms, site.has.since_ms.min(ms)));
        Some(Seated { role: site.role, guest: site.guest, running, budget: member.rate.budget() })
    }

    /// A member fetches from now on, to whose line so many bytes have gone; or does not any more.
    pub fn set_fetching(&mut self, now: Instant, id: MemberId, wire: Option<u64>) {
        if let Some(place) = self.place(id) {
            self.members[place].set_fetching(now, wire);
        }
    }

    /// What may go to a member that fetches, to whose line so many bytes have gone by now.
    pub fn fetch_credit(&mut self, now: Instant, id: MemberId, wire: u64) -> Option<Credit> {
        let place = self.place(id)?;
        self.members[place].fetch_credit(now, wire)
    }

    /// A device has fetched a piece of a recording.
    pub fn fetched(&mut self, device: &[u8; 32], recording: u64, span: Span) {
        let here = self.members.iter_mut().map(|member| &mut member.site);
        let its = here.chain(self.away.iter_mut()).find(|site| site.device == *device);
        if let Some(site) = its {
            site.has.add(recording, span);
        }
    }
}
