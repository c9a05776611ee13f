//! Any datagrams at any times: an Inlet neither panics nor plays what is not a number.
#![no_main]

use giaoban_proto::media::{Inlet, Pcm};
use giaoban_proto::wire::Datagram;
use libfuzzer_sys::fuzz_target;
use std::time::{Duration, Instant};

fuzz_target!(|events: Vec<(u8, Vec<u8>)>| {
    let start = Instant::now();
    let mut now = start;
    let mut inlet = Inlet::new(0).expect("libopus");
    let mut brick = Pcm::SILENCE;
    for (wait, bytes) in events {
        for _ in 0..wait / 20 {
            now += Duration::from_millis(20);
            inlet.pull(now, &mut brick);
            assert!(brick.samples().iter().all(|sample| sample.is_finite()));
        }
        now += Duration::from_millis(u64::from(wait % 20));
        if let Ok(Datagram::Voice(voice)) = Datagram::decode(&bytes) {
            inlet.insert(now, &voice);
        }
    }
});
