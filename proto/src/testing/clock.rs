//! Virtual time: tokio's paused clock, which jumps to the next timer whenever every task waits.
//!
//! An hour of a meeting passes as fast as its work is done, and two runs see the same instants.
//!
//! Traps:
//! * `spawn_blocking` and tokio's file I/O hold the clock still until they are done, and threads of one's own
//!   see another clock: whatever is to run in virtual time runs as tasks on this one thread.
//! * `tokio::select!` begins with a branch by chance: write `biased;`.
//! * A `HashMap` has another order in each process: what sends by iterating one differs from run to run.
//! * Timers have a resolution of 1 ms, rounded up; so has everything that waits for one.

use std::future::Future;
use std::time::Instant;

/// Runs a future to its end in virtual time, with the tasks it spawns, and returns what it returns.
///
/// Tasks that are still running then are dropped.
///
/// # Panics
/// When called from inside another runtime, or when the runtime cannot be built (no memory).
pub fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing but memory")
        .block_on(future)
}

/// The virtual clock, as what the pure cores take. Inside [`run`] only: elsewhere it is the real one.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where virtual time is read")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "compares virtual time with the real one")]
    fn a_virtual_day_passes_at_once() {
        let real = Instant::now();
        let passed = run(async {
            let start = now();
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            now() - start
        });
        assert_eq!(passed, Duration::from_secs(86_400));
        assert!(real.elapsed() < Duration::from_secs(60));
    }
}
