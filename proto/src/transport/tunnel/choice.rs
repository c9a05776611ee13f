//! Which way a client's packets go while it has a tunnel: through it, by UDP, or both. Pure.
//!
//! ```text
//!          10 s, then 20, 40 … 300              heard by UDP
//!   Tcp ----------------------------> Trial -----------------------> Udp -- 60 s well --> the tunnel is let go
//!    ^  <---------- 2 s, unheard ------+                              |
//!    +-------------------------- 2.5 s, unheard ----------------------+
//! ```
//!
//! A trial sends every packet both ways. The far end takes whichever copy comes first, so nothing is lost by
//! trying; and because packets are QUIC's, only what it could decrypt makes it move (RFC 9000 section 9: it answers
//! to where the newest packet came from, and proves that path). An answer by UDP then says that both directions
//! work. So no packet is sent for the trial's sake, and a failed one costs a listener two heartbeats.

use std::time::{Duration, Instant};

/// A round trip and a heartbeat. Longer doubles a speaker's packets for longer, and if only the way back is
/// blocked, leaves a longer hole in what is heard; shorter lets a quiet listener send nothing in it.
pub const TRIAL: Duration = Duration::from_secs(2);

/// Until the first trial. UDP may have lost the race to the tunnel by bad luck, and TCP is a poor road on a line
/// that loses much; but a firewall does not open within seconds.
pub const FIRST_TRIAL: Duration = Duration::from_secs(10);

/// The longest time between trials: what a site waits at most when its firewall is mended.
pub const LAST_TRIAL: Duration = Duration::from_secs(300);

/// How late an answer to a trial may come and still count: the longest round trip of a line that is usable.
const GRACE: Duration = Duration::from_secs(5);

/// Silence on UDP after which the tunnel is taken again while it stands: two heartbeats of the bridge and half a
/// second, and so before the session takes the line for lost.
pub const SILENT: Duration = Duration::from_millis(2500);

/// How long a tunnel is kept after UDP has taken over: a middlebox that lets through the first packets of a flow
/// and then stops it does so within this. Kept idle it costs nothing.
pub const KEEP: Duration = Duration::from_secs(60);

/// Where a packet is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By UDP.
    Udp,
    /// Through the tunnel.
    Tcp,
    /// Both.
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Tcp {
        trial_at: Instant,
    },
    Trial {
        until: Instant,
    },
    Udp {
        heard: Instant,
        keep_until: Instant,
    },
    /// There is no tunnel, any more or at all.
    Alone,
}

/// See the module.
#[derive(Debug)]
pub struct Choice {
    state: State,
    wait: Duration,
    /// Until when an answer to the last trial counts.
    grace: Option<Instant>,
}

impl Choice {
    /// Of a client that has no tunnel.
    #[must_use]
    pub const fn udp() -> Self {
        Self { state: State::Alone, wait: FIRST_TRIAL, grace: None }
    }

    /// Of a client whose tunnel was just made, UDP having failed.
    #[must_use]
    pub fn tunnel(now: Instant) -> Self {
        Self { state: State::Tcp { trial_at: now + FIRST_TRIAL }, wait: FIRST_TRIAL, grace: None }
    }

    /// Where the packet that is sent at `now` goes.
    pub fn route(&mut self, now: Instant) -> Route {
        match self.state {
            State::Tcp { trial_at } if trial_at <= now => {
                self.state = State::Trial { until: now + TRIAL };
                Route::Both
            }
            State::Tcp { .. } => Route::Tcp,
            State::Trial { until } if until <= now => {
                self.grace = Some(until + GRACE);
                self.fail(now)
            }
            State::Trial { .. } => Route::Both,
            State::Udp { heard, .. } if heard + SILENT <= now => {
                self.grace = None;
                self.fail(now)
            }
            State::Udp { keep_until, .. } if keep_until <= now => {
                self.state = State::Alone;
                Route::Udp
            }
            State::Udp { .. } | State::Alone => Route::Udp,
        }
    }

    /// Something of the bridge's came by UDP.
    pub fn handle_heard(&mut self, now: Instant) {
        match &mut self.state {
            State::Udp { heard, .. } => *heard = now,
            State::Tcp { .. } if self.grace.is_none_or(|until| until <= now) => {}
            State::Tcp { .. } | State::Trial { .. } => {
                self.state = State::Udp { heard: now, keep_until: now + KEEP };
            }
            State::Alone => {}
        }
    }

    /// The tunnel is no more; whether it was needed.
    pub fn handle_tunnel_lost(&mut self) -> bool {
        let needed = matches!(self.state, State::Tcp { .. } | State::Trial { .. });
        self.state = State::Alone;
        needed
    }

    /// Whether packets go through the tunnel, be it also.
    #[must_use]
    pub const fn is_tunnelled(&self) -> bool {
        matches!(self.state, State::Tcp { .. } | State::Trial { .. })
    }

    /// Whether the tunnel may be let go.
    #[must_use]
    pub const fn is_alone(&self) -> bool {
        matches!(self.state, State::Alone)
    }

    fn fail(&mut self, now: Instant) -> Route {
        self.wait = (self.wait * 2).min(LAST_TRIAL);
        self.state = State::Tcp { trial_at: now + self.wait };
        Route::Tcp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::now;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn trials_become_rare_and_cost_two_heartbeats_each() {
        let start = now();
        let mut choice = Choice::tunnel(start);
        let both: Vec<u64> =
            (0..2000).filter(|second| choice.route(start + SECOND * *second as u32) == Route::Both).collect();
        // The second packet that goes both ways is the last within two seconds.
        let begun: Vec<u64> = both.iter().step_by(2).copied().collect();
        assert_eq!(begun[..6], [10, 32, 74, 156, 318, 620]);
        assert_eq!(
            both.iter().skip(1).step_by(2).copied().collect::<Vec<_>>(),
            begun.iter().map(|at| at + 1).collect::<Vec<_>>()
        );
        assert!(choice.is_tunnelled());
    }

    #[test]
    fn what_is_heard_in_a_trial_or_soon_after_moves_the_line_to_udp() {
        for late in [1, 6] {
            let start = now();
            let mut choice = Choice::tunnel(start);
            choice.handle_heard(start + SECOND * 5);
            assert_eq!(choice.route(start + SECOND * 5), Route::Tcp, "nobody asked");
            assert_eq!(choice.route(start + SECOND * 10), Route::Both);
            if late > 2 {
                assert_eq!(choice.route(start + SECOND * 12), Route::Tcp);
            }
            choice.handle_heard(start + SECOND * (10 + late));
            assert_eq!(choice.route(start + SECOND * (10 + late)), Route::Udp);
            assert!(!choice.is_tunnelled() && !choice.is_alone());
        }
    }

    #[test]
    fn udp_that_falls_silent_again_gives_way_to_the_tunnel_and_waits_longer() {
        let start = now();
        let mut choice = Choice::tunnel(start);
        choice.route(start + SECOND * 10);
        choice.handle_heard(start + SECOND * 11);
        assert_eq!(choice.route(start + SECOND * 13), Route::Udp);
        assert_eq!(choice.route(start + SECOND * 14), Route::Tcp);
        choice.handle_heard(start + SECOND * 15);
        assert_eq!(choice.route(start + SECOND * 33), Route::Tcp, "a straggler is no answer");
        assert_eq!(choice.route(start + SECOND * 34), Route::Both);
    }

    #[test]
    fn a_tunnel_is_let_go_when_udp_has_been_well_for_a_minute() {
        let start = now();
        let mut choice = Choice::tunnel(start);
        choice.route(start + SECOND * 10);
        for second in 10..70 {
            choice.handle_heard(start + SECOND * second);
            assert_eq!(choice.route(start + SECOND * second), Route::Udp);
            assert!(!choice.is_alone());
        }
        choice.handle_heard(start + SECOND * 70);
        assert_eq!(choice.route(start + SECOND * 70), Route::Udp);
        assert!(choice.is_alone());
    }

    #[test]
    fn a_tunnel_that_ends_is_missed_only_while_it_is_used() {
        let start = now();
        let mut choice = Choice::tunnel(start);
        assert!(choice.handle_tunnel_lost());
        assert_eq!(choice.route(start), Route::Udp);
        let mut choice = Choice::tunnel(start);
        choice.route(start + SECOND * 10);
        choice.handle_heard(start + SECOND * 10);
        assert!(!choice.handle_tunnel_lost());
        assert!(!Choice::udp().handle_tunnel_lost());
    }
}
