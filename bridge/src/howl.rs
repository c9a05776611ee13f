//! Hears two faults of a site's sound: a microphone that howls, and the meeting's own sound that comes back.
//!
//! ```text
//!   a brick of a voice -> Spectrum -> Heard { powers of bands, strongest tone } -> Ear (one a member) -> Fault?
//!                                                 what the others say, by bands ---^
//! ```
//!
//! A howl is one tone that stands still and grows: feedback gains something each time around. Speech is neither for long;
//! a tone that begins loud and stays so is somebody's instrument, not feedback. An echo is what the others said 0.1 to 2 s
//! ago: the ups and downs of each band are alike, whatever the loudspeaker and the codec made of the waveform.
//!
//! Pure, allocates nothing but an [`Ear`], and decides nothing: what is done about it is the room's to say.

use giaoban_proto::media::Pcm;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::fmt;
use std::sync::Arc;

/// Samples of a brick when every three are taken for one: 16 kHz.
const SAMPLES: usize = 320;
/// Points of the transform: 31 Hz apart.
const POINTS: usize = 512;
/// Bands whose powers are compared, each a quarter wider than the one below, from 200 Hz to 3.4 kHz: what every rung carries.
const BANDS: usize = 12;
const LOWEST_HZ: f32 = 200.0;
const WIDER: f32 = 1.266;

/// What is quieter than this share of full scale is as good as nothing, −70 dB.
const NOTHING: f32 = 1e-7;

/// A tone that holds this share of all power is a tone. A vowel's strongest harmonic has seldom more than half.
const TONAL: f32 = 0.7;
/// And one that holds this share is nothing else: a test tone has more, no vowel for long.
const BARE: f32 = 0.95;
/// Quieter than this nobody is bothered, in dBFS.
const BOTHERS_DBFS: f32 = -45.0;
/// Bricks that a tone must stand still: 1 s. A sung vowel stands for less; longer lets it howl for longer.
const STANDS: u32 = 50;
/// And by how much it must have grown since it began, in dB.
const GROWN_DB: f32 = 6.0;
/// Bricks of a tone by which its first loudness is known.
const BEGINS: u32 = 10;
/// Bricks that may be something else in between: a lost packet.
const GAP: u32 = 4;
/// A tone that falls by this much is no feedback, in dB.
const FALLS_DB: f32 = 6.0;

/// Lags at which an echo is looked for, in bricks: 100 ms to 2 s.
const FIRST_LAG: usize = 5;
const LAGS: usize = 96;
/// Bricks of what others said that are kept; a power of two.
const KEPT: usize = 128;
/// How fast what was compared is forgotten: in about 4 s.
const FORGETS: f32 = 1.0 / 200.0;
/// As alike as this is an echo. Measured here on half a minute each of six voices: two who speak at once, or by turns,
/// are 0.41 alike at most; an echo of -6 to -20 dB through a codec of 12 to 40 kbit/s gets to 0.85 or more. Higher finds
/// it later.
const ALIKE: f32 = 0.65;
/// Bricks for which it must be so: 2 s of an echo's own sound.
const STAYS_ALIKE: u32 = 100;
/// Mean square by which a voice's bands must go up and down to be compared, in dB².
const MOVES_DB2: f32 = 9.0;

/// What is wrong with a site's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It howls.
    Howls,
    /// It sends the others' voices back.
    Echoes,
}

/// Powers of the bands, as shares of full scale.
pub type Bands = [f32; BANDS];

/// One brick, as an [`Ear`] wants it.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Power by bands.
    pub bands: Bands,
    /// Where its strongest tone is, in steps of 31 Hz, and how much of all power it has.
    tone: (usize, f32),
    dbfs: f32,
}

/// What a brick is looked at by; one is enough for everybody. Looking allocates nothing.
pub struct Spectrum {
    transform: Arc<dyn RealToComplex<f32>>,
    window: [f32; SAMPLES],
    band_of: [u8; POINTS / 2],
    samples: [f32; POINTS],
    points: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl fmt::Debug for Spectrum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spectrum")
    }
}

impl Default for Spectrum {
    fn default() -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(POINTS);
        let band_of = std::array::from_fn(|bin| {
            let hertz = bin as f32 * 16_000.0 / POINTS as f32;
            let band = ((hertz / LOWEST_HZ).ln() / WIDER.ln()).floor();
            if band >= 0.0 && band < BANDS as f32 { band as u8 } else { u8::MAX }
        });
        let turn = std::f32::consts::TAU;
        Self {
            window: std::array::from_fn(|n| 0.5 - 0.5 * (turn * (n as f32 + 0.5) / SAMPLES as f32).cos()),
            band_of,
            samples: [0.0; POINTS],
            points: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            transform,
        }
    }
}

impl Spectrum {
    /// Looks at one brick.
    #[must_use]
    pub fn look(&mut self, brick: &Pcm) -> Heard {
        let (mut power, mut scale) = (0.0, 0.0);
        // The transform leaves nothing of what it was given.
        self.samples.fill(0.0);
        let threes = brick.samples().chunks_exact(3);
        for ((three, window), windowed) in threes.zip(&self.window).zip(&mut self.samples) {
            let sample = (three[0] + three[1] + three[2]) / 3.0;
            power += sample * sample;
            scale += window * window;
            *windowed = sample * window;
        }
        let Self { transform, samples, points, scratch, .. } = self;
        // It fails for other lengths than its own, and they are.
        let _ = transform.process_with_scratch(samples, points, scratch);
        let mut powers = [0.0f32; POINTS / 2];
        let mut bands = [0.0; BANDS];
        for ((power, point), band) in powers.iter_mut().zip(&self.points).zip(&self.band_of) {
            *power = point.norm_sqr() * 2.0 / (POINTS as f32 * scale);
            if let Some(band) = bands.get_mut(usize::from(*band)) {
                *band += *power;
            }
        }
        let strongest =
            powers.iter().enumerate().skip(3).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(bin, _)| bin);
        let near = &powers[strongest.saturating_sub(4)..(strongest + 5).min(POINTS / 2)];
        let all: f32 = powers.iter().sum();
        let share = near.iter().sum::<f32>() / all.max(NOTHING);
        Heard { bands, tone: (strongest, share), dbfs: 10.0 * (power / SAMPLES as f32).max(NOTHING).log10() }
    }
}

/// A tone that stands still.
#[derive(Clone, Copy, Debug)]
struct Tone {
    bin: usize,
    bricks: u32,
    gap: u32,
    first_db: f32,
    loudest_db: f32,
}

/// What is remembered of one member's sound.
#[derive(Debug)]
pub struct Ear {
    tone: Option<Tone>,
    /// What the others said, by bands, in dB, in a ring.
    others: [[f32; BANDS]; KEPT],
    bricks: usize,
    /// Bricks that were compared.
    compared: u32,
    /// Slow means of both, in dB.
    own_mean: [f32; BANDS],
    others_mean: [f32; BANDS],
    own_square: f32,
    others_square: [f32; LAGS],
    product: [f32; LAGS],
    /// How much of all this has been filled, 0 … 1.
    filled: f32,
    /// How much of what it said was a bare tone, 0 … 1.
    tonal: f32,
    alike: u32,
}

impl Default for Ear {
    fn default() -> Self {
        let quiet = [db(0.0); BANDS];
        Self {
            tone: None,
            others: [quiet; KEPT],
            bricks: 0,
            compared: 0,
            own_mean: quiet,
            others_mean: quiet,
            own_square: 0.0,
            others_square: [0.0; LAGS],
            product: [0.0; LAGS],
            filled: 0.0,
            tonal: 0.0,
            alike: 0,
        }
    }
}

fn db(power: f32) -> f32 {
    10.0 * power.max(NOTHING).log10()
}

impl Ear {
    /// Takes a brick: what the member says, `None` for silence, and what it is sent meanwhile: the others in the mix.
    pub fn push(&mut self, own: Option<&Heard>, others: &Bands) -> Option<Fault> {
        let howls = self.listen_for_howl(own);
        let echoes = self.listen_for_echo(own, others);
        if howls { Some(Fault::Howls) } else { echoes.then_some(Fault::Echoes) }
    }

    fn listen_for_howl(&mut self, own: Option<&Heard>) -> bool {
        let tonal = own.filter(|own| own.tone.1 > TONAL && own.dbfs > BOTHERS_DBFS);
        let Some(own) = tonal else {
            self.tone =
                self.tone.and_then(|tone| (tone.gap < GAP).then_some(Tone { gap: tone.gap + 1, ..tone }));
            return false;
        };
        let (bin, db) = (own.tone.0, own.dbfs);
        let same = self.tone.filter(|tone| tone.bin.abs_diff(bin) <= 1 && db > tone.loudest_db - FALLS_DB);
        let mut tone = same.unwrap_or(Tone { bin, bricks: 0, gap: 0, first_db: db, loudest_db: db });
        tone.bricks += 1;
        tone.gap = 0;
        tone.loudest_db = tone.loudest_db.max(db);
        if tone.bricks <= BEGINS {
            tone.first_db = tone.loudest_db;
        }
        self.tone = Some(tone);
        tone.bricks >= STANDS && db >= tone.first_db + GROWN_DB
    }

    fn listen_for_echo(&mut self, own: Option<&Heard>, others: &Bands) -> bool {
        let now = self.bricks;
        self.bricks = self.bricks.wrapping_add(1);
        self.others[now % KEPT] = others.map(db);
        // Only what it says is compared, and not when it says something: whoever answers quickly keeps the rhythm of who
        // asks, and is no echo.
        let Some(own) = own else { return false };
        self.tonal += (f32::from(u8::from(own.tone.1 > BARE)) - self.tonal) * FORGETS;
        // A mean of what there is, at first: one that climbs from nothing would make any two alike.
        self.compared = self.compared.saturating_add(1);
        let rate = FORGETS.max(1.0 / self.compared as f32);
        let mut moves = own.bands.map(db);
        for (own, mean) in moves.iter_mut().zip(&mut self.own_mean) {
            *mean += (*own - *mean) * rate;
            *own -= *mean;
        }
        for (others, mean) in self.others[now % KEPT].iter().zip(&mut self.others_mean) {
            *mean += (*others - *mean) * rate;
        }
        let square: f32 = moves.iter().map(|own| own * own).sum();
        self.own_square += (square - self.own_square) * FORGETS;
        self.filled += (1.0 - self.filled) * FORGETS;
        let mut most = 0.0f32;
        let sums = self.product.iter_mut().zip(&mut self.others_square);
        for (lag, (product, square)) in (FIRST_LAG..).zip(sums) {
            let then = &self.others[now.wrapping_sub(lag) % KEPT];
            let (mut both, mut theirs) = (0.0, 0.0);
            for ((own, others), mean) in moves.iter().zip(then).zip(&self.others_mean) {
                let others = others - mean;
                both += own * others;
                theirs += others * others;
            }
            *product += (both - *product) * FORGETS;
            *square += (theirs - *square) * FORGETS;
            most = most.max(*product / (self.own_square * *square).max(NOTHING).sqrt());
        }
        let moving = self.own_square > MOVES_DB2 * BANDS as f32 * self.filled && self.filled > 0.25;
        // Two test tones are as alike as can be.
        let speech = self.tonal < 0.5 * self.filled;
        self.alike = if most > ALIKE && moving && speech { self.alike + 1 } else { 0 };
        self.alike >= STAYS_ALIKE
    }

    /// How alike the member and the others were at the best lag.
    #[cfg(test)]
    fn likeness(&self) -> f32 {
        let pairs = self.product.iter().zip(&self.others_square);
        pairs
            .map(|(product, square)| product / (self.own_square * square).max(NOTHING).sqrt())
            .fold(0.0, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::media::ladder::{Repair, Role, RungId};
    use giaoban_proto::media::{Inlet, Outlet, Pulled};
    use giaoban_proto::testing::speech::{VOICES, voice};
    use giaoban_proto::unit::{BRICK, Bitrate, MediaTime, Seq};
    use giaoban_proto::wire::{Datagram, MAX_DATAGRAM_BYTES, Voice};

    fn bricks(samples: &[f32]) -> Vec<Option<Pcm>> {
        let whole = samples.chunks_exact(960);
        let brick = |chunk: &[f32]| {
            let mut brick = Pcm::SILENCE;
            brick.samples_mut().copy_from_slice(chunk);
            (brick.level().dbfs() > -60.0).then_some(brick)
        };
        whole.map(brick).collect()
    }

    /// When somebody's fault is found, in bricks, and the most that the two were alike.
    fn listen(own: &[Option<Pcm>], others: &[Option<Pcm>]) -> (Option<(usize, Fault)>, f32) {
        let (mut spectrum, mut ear) = (Spectrum::default(), Ear::default());
        let (mut found, mut most) = (None, 0.0f32);
        for (n, (own, others)) in own.iter().zip(others).enumerate() {
            let heard = own.as_ref().map(|own| spectrum.look(own));
            let others = others.as_ref().map_or([0.0; BANDS], |others| spectrum.look(others).bands);
            let fault = ear.push(heard.as_ref(), &others);
            if ear.filled > 0.25 {
                most = most.max(ear.likeness());
            }
            found = found.or_else(|| fault.map(|fault| (n, fault)));
        }
        (found, most)
    }

    /// As a site's microphone brings a loudspeaker's sound back: later, softer, by way of a codec twice.
    fn echoed(samples: &[f32], later: usize, share: f32, kbps: u32) -> Vec<Option<Pcm>> {
        let mut late = vec![0.0; later];
        late.extend(samples.iter().map(|sample| sample * share));
        let rung = RungId::within(Bitrate::from_kbps(kbps), Role::Conversing, Repair::Ask);
        let (mut outlet, mut inlet) = (Outlet::new(rung).expect("libopus"), Inlet::new(0).expect("libopus"));
        #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
        let start = std::time::Instant::now();
        let (mut seq, mut out) = (Seq(0), Vec::new());
        for (n, brick) in (0u32..).zip(bricks(&late)) {
            let now = start + BRICK * n;
            if let Some(sent) =
                outlet.push(MediaTime::from_bricks(n.into()), brick.as_ref()).expect("encodes")
            {
                let voice = Voice::new(seq, sent.time, sent.start, sent.end, sent.body());
                seq = seq.next();
                let mut buffer = [0; MAX_DATAGRAM_BYTES];
                let Ok(Datagram::Voice(voice)) = Datagram::decode(voice.encode(&mut buffer)) else {
                    continue;
                };
                inlet.insert(now, &voice);
            }
            let mut heard = Pcm::SILENCE;
            out.push((inlet.pull(now, &mut heard) != Pulled::Silence).then_some(heard));
        }
        out
    }

    #[test]
    fn two_test_tones_are_no_echo() {
        let tone = |later: usize| -> Vec<f32> {
            let at = |n: usize| 0.1 * (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
            (0..48_000 * 30)
                .map(|n| if ((n + later) / 48_000).is_multiple_of(2) { at(n) } else { 0.0 })
                .collect()
        };
        for later in [0, 9600, 30_000] {
            assert_eq!(listen(&bricks(&tone(0)), &bricks(&tone(later))).0, None, "{later}");
        }
    }

    #[test]
    fn a_tone_is_found_where_it_is_and_power_is_what_it_is() {
        let tone: Vec<f32> =
            (0..960).map(|n| 0.5 * (n as f32 / 48_000.0 * 1000.0 * std::f32::consts::TAU).sin()).collect();
        let heard = Spectrum::default().look(bricks(&tone)[0].as_ref().expect("loud"));
        assert_eq!(heard.tone.0, 32);
        assert!(heard.tone.1 > 0.98 && (heard.dbfs + 9.0).abs() < 0.5, "{heard:?}");
        let all: f32 = heard.bands.iter().sum();
        assert!((db(all) + 9.0).abs() < 0.5, "{} dB in bands", db(all));
    }

    #[test]
    fn no_speech_of_anybody_howls_or_echoes() {
        let voices = VOICES.map(|name| (name, voice(name)));
        let mut most = 0.0f32;
        for (own_name, own) in &voices {
            for (others_name, others) in &voices {
                if own_name == others_name {
                    continue;
                }
                let (fault, alike) = listen(&bricks(own), &bricks(others));
                assert_eq!(fault, None, "{own_name} while {others_name} speaks, {alike:.2} alike");
                most = most.max(alike);
            }
        }
        println!("two who speak at once are {most:.2} alike at most");
        assert!(most < ALIKE - 0.2, "{most:.2}");
    }

    #[test]
    fn taking_turns_is_no_echo_however_quickly() {
        let (one, two) = (voice("en"), voice("ru"));
        let turn = |samples: &[f32], ms: usize, mine: usize| -> Vec<f32> {
            let on = |n: usize| (n / (ms * 48)) % 2 == mine;
            samples.iter().enumerate().map(|(n, sample)| if on(n) { *sample } else { 0.0 }).collect()
        };
        for ms in [400, 700, 1000, 1500, 2000, 3000] {
            let (own, others) = (bricks(&turn(&one, ms, 0)), bricks(&turn(&two, ms, 1)));
            for (own, others) in [(&own, &others), (&others, &own)] {
                let (fault, alike) = listen(own, others);
                println!("turns of {ms} ms are {alike:.2} alike");
                assert_eq!(fault, None, "{alike:.2}");
                assert!(alike < ALIKE - 0.1, "{alike:.2}");
            }
        }
    }

    #[test]
    fn what_comes_back_is_found_at_every_lag_and_by_way_of_every_codec() {
        for name in VOICES {
            let said = voice(name);
            for (later_ms, share, kbps) in [(150, 0.5, 24), (700, 0.25, 12), (1500, 0.1, 40)] {
                let back = echoed(&said, later_ms * 48, share, kbps);
                let (fault, alike) = listen(&back, &bricks(&said));
                let at = fault.map(|(n, fault)| (n as f32 / 50.0, fault));
                println!("{name} after {later_ms} ms at {kbps} kbit/s: {at:?}, {alike:.2} alike");
                assert!(matches!(at, Some((_, Fault::Echoes))), "{name} after {later_ms} ms: {alike:.2}");
            }
        }
    }

    #[test]
    fn a_howl_is_found_whether_it_grows_in_steps_or_steadily_and_a_steady_tone_is_none() {
        let speech = voice("vi");
        let with = |db_at: &dyn Fn(f32) -> f32| -> Vec<Option<Pcm>> {
            let tone = |n: usize| {
                let t = n as f32 / 48_000.0;
                10f32.powf(db_at(t) / 20.0) * (t * 1310.0 * std::f32::consts::TAU).sin()
            };
            let sum =
                speech[..8 * 48_000].iter().enumerate().map(|(n, s)| (s * 0.2 + tone(n)).clamp(-1.0, 1.0));
            bricks(&sum.collect::<Vec<f32>>())
        };
        let nobody = vec![None; 400];
        let steady = with(&|t| (-60.0 + 12.0 * t).min(0.0));
        let steps = with(&|t| (-60.0 + 10.0 * (t / 0.8).floor()).min(-3.0));
        for (name, howl) in [("steadily", steady), ("in steps", steps)] {
            let (fault, _) = listen(&howl, &nobody);
            println!("a howl that grows {name} is found after {:?} bricks", fault);
            assert!(matches!(fault, Some((_, Fault::Howls))), "{name}: {fault:?}");
        }
        assert_eq!(listen(&with(&|_| -12.0), &nobody).0, None, "a tone that was there from the start");
        assert_eq!(
            listen(&with(&|t| if t < 2.0 { -100.0 } else { -9.0 }), &nobody).0,
            None,
            "or was switched on"
        );
    }
}
