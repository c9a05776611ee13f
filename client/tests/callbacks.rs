//! The law of the device callbacks, counted: nothing is allocated or freed in them, nor by whoever polls them.
//!
//! A file of its own, because it replaces the allocator of the whole test program.

use allocation_counter::{AllocationInfo, measure};
use giaoban_client::audio::capture::CaptureLine;
use giaoban_client::audio::playback::PlaybackLine;
use giaoban_proto::media::Pcm;

#[test]
fn a_capture_callback_allocates_nothing_and_nor_does_cutting_bricks() {
    for rate in [48_000, 44_100, 16_000] {
        let (mut feed, mut line) = CaptureLine::new(rate, 2).unwrap();
        let samples = vec![0.25f32; 2 * rate as usize / 100];
        let integers = vec![1_000i16; samples.len()];
        let mut brick = Pcm::SILENCE;
        let mut bricks = 0;
        let info = measure(|| {
            for _ in 0..300 {
                feed.on_input(&samples);
                feed.on_input(&integers);
                while line.pull(&mut brick) {
                    bricks += 1;
                }
            }
            // Nobody polls: the ring overflows.
            for _ in 0..100 {
                feed.on_input(&samples);
            }
        });
        assert_eq!(info, AllocationInfo::default(), "at {rate} Hz");
        assert!(bricks > 295, "{bricks} bricks at {rate} Hz");
    }
}

#[test]
fn a_playback_callback_allocates_nothing_and_nor_does_filling_its_ring() {
    for rate in [48_000, 44_100, 16_000] {
        let (mut drain, mut line) = PlaybackLine::new(rate, 2).unwrap();
        let mut floats = vec![0.0f32; 2 * rate as usize / 100];
        let mut integers = vec![0i16; floats.len()];
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().fill(0.25);
        let info = measure(|| {
            // Full, in step, and empty.
            for _ in 0..60 {
                line.push(&brick);
            }
            for _ in 0..300 {
                line.push(&brick);
                drain.on_output(&mut floats);
                drain.on_output(&mut integers);
            }
            for _ in 0..200 {
                drain.on_output(&mut floats);
            }
        });
        assert_eq!(info, AllocationInfo::default(), "at {rate} Hz");
        assert!(integers.iter().all(|&s| (s - 8_192).abs() < 40), "sound went through at {rate} Hz");
        assert!(floats.iter().all(|&s| s == 0.0), "and ran dry");
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(7)))).count_total, 1);
}
