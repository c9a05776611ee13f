//! Brings a microphone to the loudness of speech, slowly, and never over full scale. Pure.
//!
//! Only speech moves the gain, and only while the loudspeaker is silent: what pumps is a gain that follows pauses, or the
//! echo of others.

use super::FRAME;

/// Loudness that speech is brought to: its own frames, without pauses, in dBFS. Others mix with up to three more voices.
const WANTED_DBFS: f32 = -23.0;

/// Gain at first, and its bounds, in dB. More at first costs as much of what is left of an echo while the canceller
/// learns; more at the most brings up the room; an office microphone that is 6 dB too loud is turned down.
const FIRST_DB: f32 = 3.0;
const LEAST_DB: f32 = -9.0;
const MOST_DB: f32 = 18.0;

/// How fast it moves while somebody speaks, in dB a frame: 2 dB/s up and 5 dB/s down. Faster is heard.
const UP_DB: f32 = 0.02;
const DOWN_DB: f32 = 0.05;

/// How near to what is wanted is near enough, in dB: a voice goes up and down by that much by itself.
const NEAR_DB: f32 = 2.0;

/// A frame is speech if it is this far above the quietest of late, and this loud at all.
const ABOVE_NOISE_DB: f32 = 12.0;
const LEAST_SPEECH_DBFS: f32 = -55.0;

/// How fast the quietest of late rises, in dB a frame: 10 dB/s. Each pause brings it down again; slower takes a fan that
/// was switched on for a voice for longer.
const NOISE_RISES_DB: f32 = 0.1;

/// How much of the loudness is a new frame's: it is that of the last second of speech.
const SHARE: f32 = 0.01;

/// Peaks above this are bent, so that none is cut: −2.5 dBFS.
const KNEE: f32 = 0.75;

/// The gain of one microphone.
#[derive(Debug)]
pub(super) struct Gain {
    db: f32,
    factor: f32,
    /// Power of speech as it comes in.
    speech: f32,
    noise_dbfs: f32,
}

impl Default for Gain {
    fn default() -> Self {
        Self {
            db: FIRST_DB,
            factor: factor(FIRST_DB),
            speech: factor(WANTED_DBFS - FIRST_DB).powi(2),
            noise_dbfs: LEAST_SPEECH_DBFS,
        }
    }
}

fn factor(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

impl Gain {
    /// What it adds to a frame's loudness.
    pub(super) const fn db(&self) -> f32 {
        self.db
    }

    /// Changes a frame's loudness; `alone` says that nothing is heard of the others in the room.
    pub(super) fn process(&mut self, frame: &mut [f32; FRAME], alone: bool) {
        let power = frame.iter().map(|sample| sample * sample).sum::<f32>() / FRAME as f32;
        let dbfs = 10.0 * power.max(1e-12).log10();
        self.noise_dbfs = dbfs.min(self.noise_dbfs + NOISE_RISES_DB).max(-90.0);
        if alone && dbfs > LEAST_SPEECH_DBFS && dbfs > self.noise_dbfs + ABOVE_NOISE_DB {
            self.speech += SHARE * (power - self.speech);
            let missing = WANTED_DBFS - 10.0 * self.speech.log10() - self.db;
            if missing.abs() > NEAR_DB {
                self.db = (self.db + missing.clamp(-DOWN_DB, UP_DB)).clamp(LEAST_DB, MOST_DB);
            }
        }
        let wanted = factor(self.db);
        let step = (wanted - self.factor) / FRAME as f32;
        for sample in frame {
            self.factor += step;
            *sample = bend(*sample * self.factor);
        }
        self.factor = wanted;
    }
}

/// Leaves what is below the knee, and lets nothing reach full scale.
fn bend(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    let room = 1.0 - KNEE;
    (KNEE + room * over / (over + room)).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds of a voice of this loudness, in words of 0.3 s with 0.1 s between them; its loudness at the end, and
    /// the gain after each frame.
    fn speak(gain: &mut Gain, dbfs: f32, alone: bool) -> (f32, Vec<f32>) {
        let peak = factor(dbfs) * std::f32::consts::SQRT_2;
        let (mut last, mut course) = (0.0, Vec::new());
        for n in 0..1000 {
            let on = if n % 40 < 30 { peak } else { peak * 0.003 };
            let mut frame: [f32; FRAME] =
                std::array::from_fn(|i| on * (i as f32 / 16.0 * std::f32::consts::TAU).sin());
            gain.process(&mut frame, alone);
            if n % 40 == 20 {
                last = 10.0 * (frame.iter().map(|s| s * s).sum::<f32>() / FRAME as f32).log10();
            }
            course.push(gain.db);
        }
        (last, course)
    }

    #[test]
    fn soft_and_loud_voices_end_at_the_same_loudness_and_nothing_pumps() {
        for dbfs in [-38.0, -30.0, -23.0, -16.0] {
            let mut gain = Gain::default();
            let (heard, _) = speak(&mut gain, dbfs, true);
            assert!((heard - WANTED_DBFS).abs() < 4.0, "{dbfs} dBFS became {heard:.1}");
            let (_, course) = speak(&mut gain, dbfs, true);
            let (least, most) =
                course.iter().fold((f32::MAX, f32::MIN), |(l, m), db| (l.min(*db), m.max(*db)));
            assert!(most - least < 1.5, "{dbfs} dBFS: {least:.1} to {most:.1} dB");
        }
    }

    #[test]
    fn what_others_say_moves_it_not_and_a_fan_that_is_switched_on_hardly() {
        let mut gain = Gain::default();
        for dbfs in [-40.0, -20.0] {
            let (_, course) = speak(&mut gain, dbfs, false);
            assert!(course.iter().all(|db| *db == FIRST_DB));
        }
        let mut seed = 1u32;
        for _ in 0..6000 {
            let mut frame = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                0.01 * ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0)
            });
            gain.process(&mut frame, true);
        }
        assert!((gain.db - FIRST_DB).abs() < 3.0, "{}", gain.db);
    }

    #[test]
    fn no_peak_reaches_full_scale_and_none_turns_around() {
        let bent: Vec<f32> = (0..300).map(|n| bend(n as f32 / 100.0)).collect();
        assert!(bent.windows(2).all(|two| two[0] < two[1]) && bent.iter().all(|s| *s < 1.0));
        assert_eq!((bend(0.5), bend(-0.5)), (0.5, -0.5));
    }
}
