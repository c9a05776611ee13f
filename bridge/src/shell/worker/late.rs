//! What is said of late ticks.

use super::Worker;
use std::time::Duration;

/// Ticks after which is looked at how late they were: ten seconds.
const LATELY: u64 = 500;

/// When one in a hundred is later than this, those who listen hear it: a tick itself is as long.
const TOO_LATE: Duration = Duration::from_millis(20);

impl Worker {
    pub(super) fn note_late(&mut self, late: Duration) {
        self.late.note(late);
        self.lately.note(late);
        if self.lately.ticks() < LATELY {
            return;
        }
        let lately = std::mem::take(&mut self.lately);
        let (late_us_median, late_us_99th) =
            (lately.permille(500).as_micros() as u64, lately.permille(990).as_micros() as u64);
        let late_us_worst = lately.worst().as_micros() as u64;
        if lately.permille(990) > TOO_LATE {
            let members = self.held.len();
            tracing::warn!(
                members,
                late_us_99th,
                late_us_worst,
                "sound is late: this machine has more to do than it can; end what else runs here, or take a faster one"
            );
        } else {
            tracing::debug!(late_us_median, late_us_99th, late_us_worst, "ticks");
        }
    }
}
