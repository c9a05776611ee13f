//! What a bridge reports, put into the attendance and the audit.

use super::admission::Refusals;
use super::attendance::words;
use super::desk::{Desk, Work};
use super::{Fact, SiteId, StoreError};
use giaoban_proto::wire::CloseCode;

/// Why a visit ended whose connection was no more.
const LINE_LOST: &str = "line lost";

impl Desk<'_> {
    /// Writes a fact down. One about a visit that is not there says nothing.
    pub(super) fn record(&self, fact: &Fact, refusals: &mut Refusals) -> Work<()> {
        match fact {
            Fact::Replaced { visit } | Fact::Left { visit, why: Some(CloseCode::Replaced) } => {
                match self.visitor(*visit)? {
                    Some((who, room)) => {
                        self.audit_by(&who, "came again", &room, &format!("visit {}", visit.0))
                    }
                    None => Ok(()),
                }
            }
            Fact::Left { visit, why } => {
                let why = why.map_or_else(|| LINE_LOST.to_owned(), words);
                match self.leave(*visit, &why)? {
                    Some((who, room)) => {
                        self.audit_by(&who, "left", &room, &format!("visit {}, {why}", visit.0))
                    }
                    None => Ok(()),
                }
            }
            Fact::Refused { room, who, code, from } => {
                self.refuse(refusals, who, who, "refused", room, &format!("{}, from {from}", words(*code)))
            }
            Fact::Acted { by, act, target, detail } => {
                self.audit_by(&self.actor_of(*by, self.actor)?, act, target, detail)
            }
            Fact::ActRefused { by, act, target, code } => {
                let actor = self.actor_of(*by, "a guest")?;
                let key = format!("{actor}: {act}");
                self.refuse(
                    refusals,
                    &key,
                    &actor,
                    &format!("{act} refused"),
                    target,
                    &format!("code {code}"),
                )
            }
            Fact::RollCalled { room, number } => self.call_roll(room, *number),
            Fact::RollAnswered { room, visit, present, ticked } => {
                self.answer_roll(room, *visit, *present, *ticked)
            }
            Fact::Said { room, site, name, text, to_operators } => {
                self.note_message(room, *site, name, text, *to_operators)
            }
            Fact::HadFloor { visit, ms } => self.add_floor(*visit, *ms),
            Fact::Missed { visit, ms } => self.add_missed(*visit, *ms),
            Fact::Recording { id, state, by } => match self.set_recording(*id, *state, *by) {
                Err(StoreError::NoSuchRecording(_)) => Ok(()),
                set => set,
            },
            Fact::RecordingClosed { id } => self.close_recording(*id),
            Fact::BridgeStarted => self.audit("bridge started", "", ""),
            Fact::BridgeStopped => {
                let left = self.all_leave(CloseCode::Stopping)?;
                self.audit("bridge stopped", "", &format!("visits ended {left}"))
            }
        }
    }

    /// In whose name something was done.
    pub(super) fn actor_of(&self, by: Option<SiteId>, nobody: &str) -> Work<String> {
        by.map_or_else(|| Ok(nobody.to_owned()), |by| self.label_of(by.0))
    }
}
