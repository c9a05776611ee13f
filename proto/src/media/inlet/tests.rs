use super::pace::FAR_IN_SPEECH;
use super::*;
use crate::media::codec::Encoder;
use crate::unit::Bitrate;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

/// A sender of packets of 60 ms of a buzzing voice, and the Inlet that hears it, pulled each 20 ms.
struct Leg {
    start: Instant,
    packets: Vec<Vec<u8>>,
    inlet: Inlet,
    at: u32,
    heard: Vec<(Pulled, f32)>,
}

impl Leg {
    fn new() -> Self {
        let mut encoder = Encoder::new(Bitrate::from_bps(16_000)).expect("libopus");
        let packets = (0..200)
            .map(|n: usize| {
                let sound: Vec<f32> =
                    (n * 2880..(n + 1) * 2880).map(|i| if i % 384 < 40 { 0.3 } else { -0.03 }).collect();
                let mut packet = vec![0; 400];
                let length = encoder.encode(&sound, &mut packet).expect("encodes");
                packet.truncate(length);
                packet
            })
            .collect();
        Self { start: start(), packets, inlet: Inlet::new(0).expect("libopus"), at: 0, heard: Vec::new() }
    }

    /// Packet `n` arrives `late` after it was sent, which is when its sound had been spoken.
    fn arrive(&mut self, n: u64, late: Duration) {
        self.arrive_as(n, n * 3, late, false);
    }

    fn arrive_as(&mut self, seq: u64, bricks: u64, late: Duration, end: bool) {
        let now = self.start + BRICK * (bricks as u32 + 3) + late;
        self.pull_until(now);
        let opus = &self.packets[seq as usize % self.packets.len()];
        let voice = Voice::new(Seq(seq), MediaTime::from_bricks(bricks), seq == 0, end, Body::single(opus));
        self.inlet.insert(now, &voice);
    }

    fn pull_until(&mut self, now: Instant) {
        while self.start + BRICK * self.at < now {
            let mut brick = Pcm::SILENCE;
            let pulled = self.inlet.pull(self.start + BRICK * self.at, &mut brick);
            self.heard.push((pulled, brick.level().dbfs()));
            self.at += 1;
        }
    }

    fn finish(mut self) -> (Vec<(Pulled, f32)>, InletCounters) {
        self.pull_until(self.start + BRICK * (self.at + 100));
        (self.heard, self.inlet.counters())
    }
}

fn count(heard: &[(Pulled, f32)], what: Pulled) -> usize {
    heard.iter().filter(|(pulled, _)| *pulled == what).count()
}

/// The pulled bricks from the first voice to the last, as one letter each.
fn pattern(heard: &[(Pulled, f32)]) -> String {
    let letters: String = heard
        .iter()
        .map(|(pulled, _)| match pulled {
            Pulled::Silence => '.',
            Pulled::Voice => 'x',
            Pulled::Concealed => 'c',
        })
        .collect();
    letters.trim_matches('.').to_owned()
}

#[test]
fn a_steady_talkspurt_comes_out_whole() {
    let mut leg = Leg::new();
    for n in 0..20 {
        leg.arrive_as(n, n * 3, MS * 30, n == 19);
    }
    let (heard, counters) = leg.finish();
    assert_eq!(pattern(&heard), "x".repeat(60));
    assert_eq!((counters.received, counters.lost, counters.concealed), (20, 0, 0));
}

#[test]
fn a_lost_packet_is_concealed_for_just_its_length() {
    let mut leg = Leg::new();
    for n in (0..20).filter(|&n| n != 8) {
        leg.arrive_as(n, n * 3, MS * 30, n == 19);
    }
    let (heard, counters) = leg.finish();
    assert_eq!(pattern(&heard), format!("{}ccc{}", "x".repeat(24), "x".repeat(33)));
    assert_eq!((counters.lost, counters.concealed), (1, 3));
    let guessed: Vec<f32> =
        heard.iter().filter(|(pulled, _)| *pulled == Pulled::Concealed).map(|(_, db)| *db).collect();
    // It goes on with the voice (-21 dBFS) and fades, but is not a hole.
    assert!(guessed[0] > -30.0 && guessed.iter().all(|db| *db > -45.0), "{guessed:?}");
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order() {
    let mut leg = Leg::new();
    for n in 0..30 {
        // Every third one comes after the one behind it.
        leg.arrive(n, if n % 3 == 1 { MS * 20 } else { MS });
    }
    let (heard, counters) = leg.finish();
    assert_eq!(counters.late, 0);
    assert!(count(&heard, Pulled::Voice) >= 88);
}

#[test]
fn a_late_packet_is_waited_for_and_played_whole() {
    let mut leg = Leg::new();
    for n in 0..20 {
        leg.arrive_as(n, n * 3, if n == 10 { MS * 50 } else { MS * 2 }, n == 19);
    }
    let (heard, counters) = leg.finish();
    assert!((58..=60).contains(&count(&heard, Pulled::Voice)));
    assert_eq!((counters.lost, counters.late), (0, 0));
    assert!((1..=3).contains(&counters.concealed), "{counters:?}");
}

#[test]
fn silence_between_talkspurts_is_neither_lost_nor_concealed() {
    let mut leg = Leg::new();
    for n in 0..10 {
        leg.arrive_as(n, n * 3, MS, n == 9);
    }
    for n in 10..20 {
        leg.arrive_as(n, 200 + n * 3, MS, n == 19);
    }
    let (heard, counters) = leg.finish();
    assert_eq!(pattern(&heard), format!("{}{}{}", "x".repeat(30), ".".repeat(200), "x".repeat(30)));
    assert_eq!((counters.lost, counters.concealed), (0, 0));
}

#[test]
fn a_talkspurt_whose_end_is_lost_fades_and_the_next_one_starts_clean() {
    let mut leg = Leg::new();
    for n in (0..20).filter(|&n| n != 9) {
        leg.arrive_as(n, if n < 10 { n * 3 } else { 200 + n * 3 }, MS, n == 19);
    }
    let (heard, counters) = leg.finish();
    // A brick that begins with the last of it counts too.
    assert!((u64::from(MAX_EXPANSION)..=6).contains(&counters.concealed), "{counters:?}");
    assert_eq!(count(&heard, Pulled::Voice), 57);
}

#[test]
fn delay_that_a_storm_left_behind_goes_again_inside_the_talkspurt() {
    let mut leg = Leg::new();
    // Half a second of packets 200 ms late: the Inlet waits for them.
    for n in 0..400 {
        leg.arrive(n, if (40..48).contains(&n) { MS * 200 } else { MS * 2 });
    }
    // Much later the buffer is short again.
    let counters = leg.inlet.counters();
    assert!(counters.shortened > 500, "{counters:?}");
    let late = (leg.start + BRICK * leg.at).saturating_duration_since(leg.inlet.due().expect("playing"));
    assert!(late < FAR_IN_SPEECH + MS * 30, "{late:?}");
}

#[test]
fn seconds_that_arrive_at_once_after_an_outage_are_not_played_late() {
    let mut leg = Leg::new();
    for n in 0..20 {
        leg.arrive(n, MS * 2);
    }
    // Packets 20 to 119 come together, 100 packets = 6 s after the first of them.
    for n in 20..120 {
        leg.arrive(n, MS * 60 * (120 - n as u32));
    }
    for n in 120..160 {
        leg.arrive(n, MS * 2);
    }
    let counters = leg.inlet.counters();
    assert!(counters.skipped > 50, "{counters:?}");
    let late = (leg.start + BRICK * leg.at).saturating_duration_since(leg.inlet.due().expect("playing"));
    assert!(late < CEILING + MS * 200);
}

#[test]
fn what_a_stalled_tunnel_held_is_not_waited_for_ever_after() {
    let mut leg = Leg::new();
    for n in 0..40 {
        leg.arrive(n, MS * 2);
    }
    // Two seconds stand still, then all of it comes at once.
    for n in 40..74 {
        leg.arrive(n, MS * 60 * (74 - n as u32));
    }
    for n in 74..100 {
        leg.arrive(n, MS * 2);
    }
    assert!(leg.inlet.delay() < MS * 80, "{:?}", leg.inlet.delay());
    // A way that has become slower without a stop is.
    for n in 100..140 {
        leg.arrive(n, MS * (20 * (n as u32 - 99)).min(400));
    }
    assert!(leg.inlet.delay() > MS * 300, "{:?}", leg.inlet.delay());
}

#[test]
fn a_sender_that_starts_anew_is_heard_again_at_once() {
    let mut leg = Leg::new();
    for n in 0..10 {
        leg.arrive(n, MS);
    }
    // Twenty-five seconds away on the sender's clock, at once on ours.
    for n in 10..20u64 {
        let now = leg.start + BRICK * (n as u32 * 3 + 3);
        leg.pull_until(now);
        let voice = Voice::new(
            Seq(n),
            MediaTime::from_bricks(1250 + n * 3),
            false,
            false,
            Body::single(&leg.packets[0]),
        );
        leg.inlet.insert(now, &voice);
    }
    let (heard, counters) = leg.finish();
    assert_eq!(counters.resyncs, 1);
    assert!(count(&heard, Pulled::Voice) >= 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_sequence_of_packets_panics_or_plays_what_is_not_there(
        packets in proptest::collection::vec((any::<u16>(), any::<u16>(), any::<[bool; 2]>(), 0u64..300, 0usize..200), 1..200)
    ) {
        let mut leg = Leg::new();
        let mut now = leg.start;
        for (seq, bricks, [start, end], wait, which) in packets {
            now += MS * wait as u32;
            leg.pull_until(now);
            let opus = &leg.packets[which];
            let voice = Voice::new(Seq(seq.into()), MediaTime::from_bricks(bricks.into()), start, end, Body::single(opus));
            leg.inlet.insert(now, &voice);
        }
        let (heard, counters) = leg.finish();
        prop_assert!(count(&heard, Pulled::Voice) as u64 <= counters.received * 3);
        prop_assert!(heard.iter().all(|(_, db)| db.is_finite()));
        prop_assert_eq!(heard.last().map(|(pulled, _)| *pulled), Some(Pulled::Silence));
    }
}
