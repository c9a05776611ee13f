//! The lines that every test and bench calls by the same name.
//!
//! In the table the delay is the *round trip*, half of it each way; loss, jitter and rate are those of *each*
//! direction. Jitter comes on top of the delay, evenly between nothing and the figure. Where a rate is named,
//! two seconds of it may wait.
//!
//! | name | rate | round trip | jitter | loss |
//! |---|---|---|---|---|
//! | `clean` | | 2 ms | | |
//! | `adsl-noise` | | 50 ms | | 2 % in bursts of 3 |
//! | `3g-edge` | | 250 ms | 80 ms | 3 % |
//! | `edge-2g` | 32 kbit/s | 500 ms | 150 ms | 5 % |
//! | `vsat` | 64 kbit/s | 600 ms | | 1 % |
//! | `hill` | 16 kbit/s | 300 ms | | 10 % in bursts of 3 |
//! | `storm` | 24 kbit/s | 400 ms | | 30 % in bursts of 3 |
//! | `blackout` | | 250 ms | 80 ms | 3 %, and away for the last 20 s of each minute |
//! | `lossy20` | 24 kbit/s | 300 ms | | 20 % |

use std::time::Duration;

use super::{Jitter, LinkConfig, Loss, Outages};
use crate::unit::Bitrate;

/// All names that [`named`] knows.
pub const NAMES: [&str; 9] =
    ["clean", "adsl-noise", "3g-edge", "edge-2g", "vsat", "hill", "storm", "blackout", "lossy20"];

/// The line of this name: what the site sends on (up), then what it hears on (down). Both are alike, each with
/// half the round trip. `None` for a name that is not in [`NAMES`].
#[must_use]
pub fn named(name: &str) -> Option<(LinkConfig, LinkConfig)> {
    let one_way = match name {
        "clean" => LinkConfig::default(),
        "adsl-noise" => line(50, None, Loss::Bursts { mean_len: 3.0, p: 0.02 }),
        "3g-edge" => third_generation(),
        "edge-2g" => LinkConfig {
            jitter: Jitter::Uniform(Duration::from_millis(150)),
            ..line(500, Some(32), Loss::Random(0.05))
        },
        "vsat" => line(600, Some(64), Loss::Random(0.01)),
        "hill" => line(300, Some(16), Loss::Bursts { mean_len: 3.0, p: 0.1 }),
        "storm" => line(400, Some(24), Loss::Bursts { mean_len: 3.0, p: 0.3 }),
        "blackout" => LinkConfig {
            outages: Outages::Periodic { every: Duration::from_secs(60), away: Duration::from_secs(20) },
            ..third_generation()
        },
        "lossy20" => line(300, Some(24), Loss::Random(0.2)),
        _ => return None,
    };
    Some((one_way.clone(), one_way))
}

/// Half a line: its round trip in milliseconds, its rate in kbit/s, its loss.
fn line(round_trip_ms: u64, kbps: Option<u32>, loss: Loss) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(round_trip_ms) / 2,
        rate: kbps.map(Bitrate::from_kbps),
        loss,
        ..LinkConfig::default()
    }
}

fn third_generation() -> LinkConfig {
    LinkConfig { jitter: Jitter::Uniform(Duration::from_millis(80)), ..line(250, None, Loss::Random(0.03)) }
}
