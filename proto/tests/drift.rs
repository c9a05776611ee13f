//! Clocks that differ: an office's sound card is off by up to 300 ppm, and in a meeting that is nothing to be heard.
//!
//! Real speech, the real doors, a line that only delays, virtual time. The sender's clock is slow or fast against the
//! receiver's; the receiver pulls each 20 ms of its own.

use giaoban_proto::media::ladder::{Role, RungId};
use giaoban_proto::media::level::Gate;
use giaoban_proto::media::{Inlet, InletCounters, Outlet, Pcm, Pulled};
use giaoban_proto::testing::speech;
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, MediaTime, Seq};
use giaoban_proto::wire::Voice;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The way from one end to the other.
const WAY: Duration = Duration::from_millis(80);

/// How far the delay may stray from what it is where clocks agree: too late is mended in pauses first (70 ms), in steps of
/// a pitch period, and what is pulled comes in bricks.
const STRAYS: Duration = Duration::from_millis(90);

/// All voices, one after the other: three minutes of speech, again and again.
static SAID: LazyLock<Vec<f32>> =
    LazyLock::new(|| speech::VOICES.into_iter().flat_map(speech::voice).collect());

/// What came of it.
struct Heard {
    sound: Vec<f32>,
    counters: InletCounters,
    /// From mouth to ear at each brick, the shortest and the longest. Exact where nobody pauses.
    delay: (Duration, Duration),
}

/// Someone speaks whose bricks last longer than the receiver's by so many parts in a million; with `pauses`, nothing is
/// sent in them.
fn hear(minutes: u32, ppm: i64, role: Role, rung: RungId, pauses: bool) -> Heard {
    let start = start();
    let nanos = BRICK.as_nanos() as i64;
    let length = Duration::from_nanos((nanos + nanos * ppm / 1_000_000).unsigned_abs());
    let (mut gate, mut outlet) = (Gate::default(), Outlet::new(rung).expect("libopus"));
    let mut inlet = Inlet::new(0).expect("libopus");
    inlet.set_role(role);
    inlet.set_round_trip(Some(2 * WAY));
    let (mut brick, mut out, mut sound) = (Pcm::SILENCE, Pcm::SILENCE, Vec::new());
    let (mut seq, mut pulls, mut first) = (0, 0, None);
    let mut delay = (Duration::MAX, Duration::ZERO);
    for n in 0..minutes * 3000 {
        // A brick is there when its last sample has been said, and its packet a way later.
        let arrives = start + length * (n + 1) + WAY;
        while start + BRICK * pulls < arrives {
            let now = start + BRICK * pulls;
            let before = inlet.counters();
            if inlet.pull(now, &mut out) != Pulled::Silence {
                let bricks = pulls - *first.get_or_insert(pulls);
                let samples = (before.shortened + u64::from(bricks) * BRICK_SAMPLES as u64)
                    .saturating_sub(before.lengthened + before.concealed * BRICK_SAMPLES as u64);
                let said = start + length.mul_f64(samples as f64 / BRICK_SAMPLES as f64);
                let late = now.saturating_duration_since(said);
                delay = (delay.0.min(late), delay.1.max(late));
            }
            sound.extend_from_slice(out.samples());
            pulls += 1;
        }
        let from = n as usize * BRICK_SAMPLES % (SAID.len() - BRICK_SAMPLES);
        brick.samples_mut().copy_from_slice(&SAID[from..from + BRICK_SAMPLES]);
        let spoken = gate.is_speech(&brick) || !pauses;
        let pushed = outlet.push(MediaTime::from_bricks(n.into()), spoken.then_some(&brick));
        if let Some(packet) = pushed.expect("encodes") {
            let voice = Voice::new(Seq(seq), packet.time, packet.start, packet.end, packet.body());
            inlet.insert(arrives, &voice);
            seq += 1;
        }
    }
    Heard { sound, counters: inlet.counters(), delay }
}

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

/// The largest step from one sample to the next, and the largest of what a line through three would not have foretold:
/// a click too small for the first shows there, since speech has nothing above 8 kHz behind this codec.
fn steepest(sound: &[f32]) -> (f32, f32) {
    let most = |step: fn(&[f32]) -> f32| {
        sound.windows(4).map(step).fold(0.0, |most: f32, step| most.max(step.abs()))
    };
    (most(|s| s[1] - s[0]), most(|s| s[3] - 3.0 * s[2] + 3.0 * s[1] - s[0]))
}

/// Listens to a clock that agrees, then to one slow and one fast by 300 ppm.
fn compare(minutes: u32, role: Role, rung: RungId, pauses: bool) {
    let agrees = hear(minutes, 0, role, rung, pauses);
    let usual = steepest(&agrees.sound);
    for ppm in [300, -300] {
        let heard = hear(minutes, ppm, role, rung, pauses);
        let counters = heard.counters;
        let steps = steepest(&heard.sound);
        let case = format!("{role:?}, {ppm} ppm, {:?}, {counters:?}", heard.delay);
        assert_eq!(
            (counters.concealed, counters.lost, counters.late, counters.resyncs),
            (0, 0, 0, 0),
            "{case}"
        );
        assert!(steps.0 <= usual.0 && steps.1 <= usual.1, "{case}: {steps:?}, {usual:?}");
        if !pauses {
            assert!(heard.delay.0 >= WAY + rung.rung().packet.duration(), "{case}");
            assert!(
                heard.delay.1 <= agrees.delay.1 + STRAYS,
                "{case}, {:?} where clocks agree",
                agrees.delay
            );
            // It is the clock that was followed.
            let stretched = |counters: InletCounters| counters.lengthened as f64 - counters.shortened as f64;
            let followed = (stretched(counters) - stretched(agrees.counters)) / 48_000.0;
            let off = followed - f64::from(minutes * 60) * ppm as f64 / 1e6;
            assert!(off.abs() <= STRAYS.as_secs_f64(), "{case}, {followed} s");
        }
    }
}

/// What a cap of so many kbit/s buys: packets of 60 and of 20 ms.
const SIXTY: u32 = 24;
const TWENTY: u32 = 48;

#[test]
fn a_conversation_over_clocks_that_differ_has_no_hole_and_no_click_and_its_delay_stays() {
    compare(6, Role::Conversing, RungId::for_cap(SIXTY), false);
}

#[test]
fn nor_has_one_of_packets_of_twenty_milliseconds() {
    compare(4, Role::Conversing, RungId::for_cap(TWENTY), false);
}

#[test]
fn nor_has_a_listener() {
    compare(4, Role::Listening, RungId::for_cap(SIXTY), false);
    compare(4, Role::Listening, RungId::for_cap(TWENTY), false);
}

#[test]
fn nor_has_a_conversation_where_nothing_is_sent_in_pauses() {
    compare(4, Role::Conversing, RungId::for_cap(SIXTY), true);
    compare(4, Role::Conversing, RungId::for_cap(TWENTY), true);
}
