//! The echo canceller: WebRTC's AEC3 as `sonora-aec3` has it, in its own blocks of 4 ms, five of which are a brick, so that
//! nothing waits in between.

use super::NARROW_SAMPLES;
use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::config::EchoCanceller3Config;

/// Samples of a block.
const BLOCK: usize = 64;

/// AEC3 counts in the steps of 16 bits.
const SCALE: f32 = 32_768.0;

/// What counts as full scale, in those.
const FULL_SCALE: f32 = 32_700.0;

/// One microphone's echo canceller.
pub(super) struct Echo {
    processor: BlockProcessor,
    block: Block,
}

/// What is set otherwise than WebRTC has it, each by `benches` `echo`: a shoebox of 6 × 5 × 2.8 m that rings for 0.3 s.
fn config() -> EchoCanceller3Config {
    let mut config = EchoCanceller3Config::default();
    // Where a room answers louder than the loudspeaker itself, looking for what comes before the loudest moves the filter
    // to and fro: without it the steady echo is 20 dB weaker.
    config.delay.detect_pre_echo = false;
    // 64 ms of the room instead of 52: what the filter takes away need not be held down while somebody speaks. Longer
    // learns too slowly, and lets echo through at each change.
    config.filter.refined.length_blocks = 16;
    config.filter.coarse.length_blocks = 16;
    // Whoever speaks while others are heard keeps their words: what is held down for an echo that is far below them is a
    // word that is lost (STOI 0.67 with WebRTC's values).
    let near = &mut config.suppressor.nearend_tuning;
    (near.mask_lf.enr_transparent, near.mask_lf.enr_suppress) = (4.0, 6.0);
    (near.mask_hf.enr_transparent, near.mask_hf.enr_suppress) = (1.0, 3.0);
    config.ep_strength.nearend_len = 0.6;
    config
}

impl Default for Echo {
    fn default() -> Self {
        Self { processor: BlockProcessor::new(&config(), 16_000, 1, 1), block: Block::new(1, 1) }
    }
}

impl Echo {
    /// Takes what is played out of what is heard, in place; both are 16 kHz, −1.0 … 1.0.
    pub(super) fn process(&mut self, played: &[f32; NARROW_SAMPLES], heard: &mut [f32; NARROW_SAMPLES]) {
        for (played, heard) in played.chunks_exact(BLOCK).zip(heard.chunks_exact_mut(BLOCK)) {
            scaled(played, self.block.view_mut(0, 0), SCALE);
            self.processor.buffer_render(&self.block);
            scaled(heard, self.block.view_mut(0, 0), SCALE);
            let cut = self.block.view(0, 0).iter().any(|sample| sample.abs() >= FULL_SCALE);
            self.processor.process_capture(false, cut, None, &mut self.block);
            scaled(self.block.view(0, 0), heard, 1.0 / SCALE);
        }
    }

    /// How much later than it is written sound comes back, as far as that is known, in ms.
    pub(super) fn delay_ms(&self) -> i32 {
        self.processor.get_metrics().delay_ms
    }
}

fn scaled(from: &[f32], to: &mut [f32], by: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from * by;
    }
}
