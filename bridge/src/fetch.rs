//! Fetching what was recorded: who may, and how fast. Pure; `shell::fetch` drives it.

mod pace;
mod right;

pub use pace::{Credit, Pace};
pub use right::{Asker, Tape, may_fetch};

use std::time::Duration;

/// Between two looks at what may go.
pub(crate) const PAY_EVERY: Duration = Duration::from_millis(100);

/// Between two reports of a line that stands: three that a listener sends each second may be lost. More takes what was
/// missed for heard, and sends to a line that is away; less takes what was heard for missed.
pub(crate) const STOOD: Duration = Duration::from_millis(3500);
