//! libopus, and the only unsafe code of the house.
//!
//! The `opus` crate hides its pointers and lacks two things that the bridge stands on: the byte-for-byte copy of an
//! encoder's state (the hand-over between a shared and a private encode that nobody hears) and the decoder's
//! complexity. So encoder and decoder here own their state as plain memory, made with `opus_*_init`, which libopus
//! documents as relocatable: it holds offsets and pointers to constant tables only. Packet parsing and enums come
//! from the `opus` crate.
#![expect(unsafe_code, reason = "libopus is C; every call is in this file")]

use super::CodecError;
use crate::unit::{BRICK_SAMPLES, Bitrate, SAMPLE_RATE, Samples};
use opusic_sys as sys;

/// The longest packet that RFC 6716 allows: 120 ms.
pub const MAX_PACKET: Samples = Samples(5760);

/// Below this rate wide band costs more than it gives: narrow band scores 2.56 against 2.32 (PESQ) at 8 kbit/s.
const WIDE_BAND_FROM: Bitrate = Bitrate::from_bps(8_500);

/// Encoder complexity: 8 sounds as good as 10; 5 loses 0.2 to 0.3 of PESQ and 0 loses 0.7 to 1.0.
const ENCODER_COMPLEXITY: i32 = 8;

/// The decoder's complexity in the bridge: deep loss concealment, and no enhancer. Concealment has to happen where the
/// hole is; what is enhanced here and coded once more sounds worse to the listener. A brick that is concealed takes
/// 0.25 ms of processor, what arrives as much as at 0 (1.4 ms per second of wide band speech). Below 5 a hole is filled
/// with the last pitch period over and over, which in its bands is half as far again from what was said (60 ms).
pub const BRIDGE_COMPLEXITY: i32 = 5;

/// The decoder's complexity at a listener: as in the bridge, and the enhancer LACE (2.3 ms per second of speech). 7 takes
/// NoLACE in its place, which wants 5.3 ms and scores no better below 14 kbit/s.
pub const CLIENT_COMPLEXITY: i32 = 6;

/// Memory for a libopus state. Sixteen bytes of alignment are what `malloc` would give it.
type State = Box<[u128]>;

fn state(bytes: i32) -> State {
    let bytes = usize::try_from(bytes).unwrap_or(0);
    vec![0; bytes.div_ceil(size_of::<u128>())].into_boxed_slice()
}

fn check(code: i32) -> Result<i32, CodecError> {
    if code < 0 { Err(CodecError::Opus(code)) } else { Ok(code) }
}

/// The version of libopus, as it names itself.
#[must_use]
pub fn version() -> &'static str {
    opus::version()
}

/// Whether this libopus has the networks that [`Decoder::set_complexity`] switches on: one cargo feature brings deep
/// concealment and the enhancer together. To be asked at start, since without them nothing fails.
#[must_use]
pub fn networks() -> bool {
    // The band extension's switch, set to where it already is (off): a libopus without networks does not know it.
    Decoder::new().is_ok_and(|mut decoder| decoder.set(sys::OPUS_SET_OSCE_BWE_REQUEST, 0).is_ok())
}

/// How much sound an Opus packet says that it holds: the first look, at its first bytes alone. Whether the rest is
/// sound too shows when it is decoded.
///
/// # Errors
/// [`CodecError::BadPacket`] when that is no whole number of 20 ms bricks up to 120 ms.
pub fn packet_length(packet: &[u8]) -> Result<Samples, CodecError> {
    let samples = opus::packet::get_nb_samples(packet, SAMPLE_RATE).map_err(|_| CodecError::BadPacket)?;
    let whole = samples > 0 && samples % BRICK_SAMPLES == 0 && samples <= MAX_PACKET.0 as usize;
    match u32::try_from(samples) {
        Ok(samples) if whole => Ok(Samples(samples)),
        _ => Err(CodecError::BadPacket),
    }
}

/// One voice on its way into packets: mono, 48 kHz, tuned for speech.
pub struct Encoder {
    state: State,
}

impl Encoder {
    /// A fresh encoder at `rate` (of the codec alone, 6 to 64 kbit/s).
    ///
    /// # Errors
    /// [`CodecError::Opus`] when libopus refuses, which with these settings it does not.
    pub fn new(rate: Bitrate) -> Result<Self, CodecError> {
        // SAFETY: takes a number, returns a size.
        let mut encoder = Self { state: state(unsafe { sys::opus_encoder_get_size(1) }) };
        // Not OPUS_APPLICATION_VOIP: it filters out what is low before coding, and a voice here is coded twice. Twice
        // filtered, what is heard correlates to 0.83 with what was said, against 0.98 without, at equal PESQ (3.57 and
        // 3.60 at 16.4 kbit/s). With SIGNAL_VOICE both code the same way, in SILK.
        // SAFETY: the memory is as large as libopus asked for, aligned, and ours alone.
        check(unsafe {
            sys::opus_encoder_init(encoder.ptr(), SAMPLE_RATE as i32, 1, sys::OPUS_APPLICATION_AUDIO)
        })?;
        // By default speech at 20 to 24 kbit/s flips to CELT, where concealment has no SILK state to work from.
        encoder.set(sys::OPUS_SET_SIGNAL_REQUEST, sys::OPUS_SIGNAL_VOICE)?;
        encoder.set(sys::OPUS_SET_COMPLEXITY_REQUEST, ENCODER_COMPLEXITY)?;
        // Silence is decided before the encoder: its own takes steady noise for speech (15 kbit/s of it).
        encoder.set(sys::OPUS_SET_DTX_REQUEST, 0)?;
        // Low bit-rate redundancy lowers the audio bandwidth even when wide band was forced.
        encoder.set(sys::OPUS_SET_INBAND_FEC_REQUEST, 0)?;
        // A rung is a promise about the wire: no packet may be much larger than the rate says.
        encoder.set(sys::OPUS_SET_VBR_REQUEST, 1)?;
        encoder.set(sys::OPUS_SET_VBR_CONSTRAINT_REQUEST, 1)?;
        encoder.set_rate(rate)?;
        Ok(encoder)
    }

    /// Changes the rate from the next packet on, and the audio bandwidth with it.
    ///
    /// # Errors
    /// [`CodecError::Opus`] when libopus refuses.
    pub fn set_rate(&mut self, rate: Bitrate) -> Result<(), CodecError> {
        let wide = rate >= WIDE_BAND_FROM;
        let band = if wide { opus::Bandwidth::Wideband } else { opus::Bandwidth::Narrowband };
        self.set(sys::OPUS_SET_BANDWIDTH_REQUEST, band as i32)?;
        self.set(sys::OPUS_SET_BITRATE_REQUEST, i32::try_from(rate.bps()).unwrap_or(i32::MAX))
    }

    /// Encodes 20, 40 or 60 ms (the length may change with every packet) into `packet` and returns its length in bytes.
    ///
    /// # Errors
    /// [`CodecError::Opus`] for another length of sound or a `packet` too small.
    pub fn encode(&mut self, sound: &[f32], packet: &mut [u8]) -> Result<usize, CodecError> {
        let samples = i32::try_from(sound.len()).map_err(|_| CodecError::BadPacket)?;
        let room = i32::try_from(packet.len()).unwrap_or(i32::MAX);
        // SAFETY: libopus reads `samples` floats and writes at most `room` bytes: the lengths of the two slices.
        let written =
            unsafe { sys::opus_encode_float(self.ptr(), sound.as_ptr(), samples, packet.as_mut_ptr(), room) };
        Ok(usize::try_from(check(written)?).unwrap_or(0))
    }

    /// Becomes `other` as it is now: what either encodes next from the same sound is the same to the byte.
    ///
    /// Takes 2 us. A cold encoder in its place costs 0.4 PESQ and clicks in a quarter of the hand-overs.
    pub fn copy_from(&mut self, other: &Self) {
        self.state.copy_from_slice(&other.state);
    }

    fn set(&mut self, request: i32, value: i32) -> Result<(), CodecError> {
        // SAFETY: every request used here takes one int by value.
        check(unsafe { sys::opus_encoder_ctl(self.ptr(), request, value) }).map(drop)
    }

    fn ptr(&mut self) -> *mut sys::OpusEncoder {
        self.state.as_mut_ptr().cast()
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// Packets on their way back into sound: mono, 48 kHz.
///
/// With the networks its state is 192 kB, not 18; it still points at constant weights only, so it may be moved.
pub struct Decoder {
    state: State,
}

impl Decoder {
    /// A fresh decoder that neither conceals deeply nor enhances.
    ///
    /// # Errors
    /// [`CodecError::Opus`] when libopus refuses, which with these settings it does not.
    pub fn new() -> Result<Self, CodecError> {
        // SAFETY: takes a number, returns a size.
        let mut decoder = Self { state: state(unsafe { sys::opus_decoder_get_size(1) }) };
        // SAFETY: the memory is as large as libopus asked for, aligned, and ours alone.
        check(unsafe { sys::opus_decoder_init(decoder.ptr(), SAMPLE_RATE as i32, 1) })?;
        Ok(decoder)
    }

    /// A fresh decoder of this complexity: [`BRIDGE_COMPLEXITY`], [`CLIENT_COMPLEXITY`].
    ///
    /// # Errors
    /// As [`set_complexity`](Self::set_complexity).
    pub fn with_complexity(complexity: i32) -> Result<Self, CodecError> {
        let mut decoder = Self::new()?;
        decoder.set_complexity(complexity)?;
        Ok(decoder)
    }

    /// Changes from the next packet on what the decoder does beyond decoding: from 5 on it conceals with networks, 6
    /// enhances with LACE, 7 to 10 with NoLACE.
    ///
    /// All of it works on wide band alone; narrow band is decoded and concealed as at 0. A libopus without the
    /// networks takes every value and does nothing: [`networks`] tells.
    ///
    /// # Errors
    /// [`CodecError::Opus`] for what is not in 0 to 10.
    pub fn set_complexity(&mut self, complexity: i32) -> Result<(), CodecError> {
        self.set(sys::OPUS_SET_COMPLEXITY_REQUEST, complexity)
    }

    /// Decodes one packet into `sound` and returns how many samples it gave.
    ///
    /// # Errors
    /// [`CodecError::BadPacket`] when the packet is damaged or longer than `sound`.
    pub fn decode(&mut self, packet: &[u8], sound: &mut [f32]) -> Result<usize, CodecError> {
        packet_length(packet)?;
        self.run(Some(packet), sound)
    }

    /// Fills `sound` (20 to 120 ms in whole bricks) with what may have been said, from what was said before.
    ///
    /// Fades by itself: after some 100 ms little is left.
    ///
    /// # Errors
    /// [`CodecError::Opus`] for another length.
    pub fn conceal(&mut self, sound: &mut [f32]) -> Result<usize, CodecError> {
        self.run(None, sound)
    }

    fn run(&mut self, packet: Option<&[u8]>, sound: &mut [f32]) -> Result<usize, CodecError> {
        let room = i32::try_from(sound.len()).unwrap_or(i32::MAX);
        let (data, length) = match packet {
            Some(packet) => (packet.as_ptr(), i32::try_from(packet.len()).unwrap_or(i32::MAX)),
            None => (std::ptr::null(), 0),
        };
        // SAFETY: libopus reads `length` bytes at `data` (none when null) and writes at most `room` floats.
        let samples =
            unsafe { sys::opus_decode_float(self.ptr(), data, length, sound.as_mut_ptr(), room, 0) };
        match samples {
            0.. => Ok(usize::try_from(samples).unwrap_or(0)),
            _ if packet.is_some() => Err(CodecError::BadPacket),
            _ => Err(CodecError::Opus(samples)),
        }
    }

    fn set(&mut self, request: i32, value: i32) -> Result<(), CodecError> {
        // SAFETY: every request used here takes one int by value.
        check(unsafe { sys::opus_decoder_ctl(self.ptr(), request, value) }).map(drop)
    }

    fn ptr(&mut self) -> *mut sys::OpusDecoder {
        self.state.as_mut_ptr().cast()
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buzz(from: usize, samples: usize) -> Vec<f32> {
        // A vowel-like pulse train at 125 Hz.
        (from..from + samples).map(|n| if n % 384 < 40 { 0.3 } else { -0.03 }).collect()
    }

    #[test]
    fn a_copied_encoder_goes_on_exactly_like_the_one_it_was_copied_from() {
        let mut shared = Encoder::new(Bitrate::from_bps(16_000)).expect("libopus");
        let mut private = Encoder::new(Bitrate::from_bps(16_000)).expect("libopus");
        let (mut a, mut b) = ([0; 400], [0; 400]);
        for packet in 0..5 {
            shared.encode(&buzz(packet * 960, 960), &mut a).expect("encodes");
        }
        private.copy_from(&shared);
        for packet in 5..15 {
            let sound = buzz(packet * 960, 960);
            let n = shared.encode(&sound, &mut a).expect("encodes");
            let m = private.encode(&sound, &mut b).expect("encodes");
            assert_eq!(a[..n], b[..m]);
        }
    }

    #[test]
    fn sixty_milliseconds_keep_their_rate_and_come_back_as_three_bricks() {
        let mut encoder = Encoder::new(Bitrate::from_bps(16_000)).expect("libopus");
        let mut decoder = Decoder::new().expect("libopus");
        let (mut packet, mut sound, mut bytes) = ([0; 400], [0.0; 5760], 0);
        for n in 0..50 {
            let length = encoder.encode(&buzz(n * 2880, 2880), &mut packet).expect("encodes");
            bytes += length;
            assert_eq!(packet_length(&packet[..length]), Ok(Samples(2880)));
            assert_eq!(decoder.decode(&packet[..length], &mut sound), Ok(2880));
        }
        let rate = bytes * 8 / 3; // over three seconds
        // A buzz needs less than it may have; constrained VBR never takes much more.
        assert!((8_000..=17_000).contains(&rate), "{rate} bit/s");
    }

    #[test]
    fn concealment_goes_on_with_the_voice_and_then_fades() {
        let mut encoder = Encoder::new(Bitrate::from_bps(16_000)).expect("libopus");
        let mut decoder = Decoder::new().expect("libopus");
        let (mut packet, mut sound) = ([0; 400], [0.0; 960]);
        for n in 0..20 {
            let length = encoder.encode(&buzz(n * 960, 960), &mut packet).expect("encodes");
            decoder.decode(&packet[..length], &mut sound).expect("decodes");
        }
        let spoken = crate::unit::Level::of(&sound).dbfs();
        decoder.conceal(&mut sound).expect("conceals");
        assert!(crate::unit::Level::of(&sound).dbfs() > spoken - 6.0);
        for _ in 0..20 {
            decoder.conceal(&mut sound).expect("conceals");
        }
        assert!(crate::unit::Level::of(&sound).dbfs() < spoken - 20.0);
    }

    /// Every packet of this sound, at a rate that may differ from packet to packet.
    fn packets(sound: &[f32], length: usize, rate: impl Fn(usize) -> Bitrate) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(rate(0)).expect("libopus");
        let mut packet = [0; 1000];
        let cut = sound.chunks_exact(length).enumerate();
        cut.map(|(n, part)| {
            encoder.set_rate(rate(n)).expect("takes any rate");
            let bytes = encoder.encode(part, &mut packet).expect("encodes");
            packet[..bytes].to_vec()
        })
        .collect()
    }

    /// What is heard of these packets when those that `lost` names do not arrive.
    fn heard(packets: &[Vec<u8>], length: usize, complexity: i32, lost: impl Fn(usize) -> bool) -> Vec<f32> {
        let mut decoder = Decoder::with_complexity(complexity).expect("libopus");
        let mut sound = vec![0.0; packets.len() * length];
        for (n, (packet, sound)) in packets.iter().zip(sound.chunks_exact_mut(length)).enumerate() {
            let got = if lost(n) { decoder.conceal(sound) } else { decoder.decode(packet, sound) };
            assert_eq!(got, Ok(length));
        }
        sound
    }

    /// How far two bricks are apart in the bands of the ear, in decibels.
    fn band_distance(a: &[f32], b: &[f32]) -> f64 {
        const EDGES_HZ: [usize; 15] =
            [100, 200, 300, 400, 550, 700, 900, 1100, 1400, 1800, 2300, 2900, 3700, 4800, 6200];
        let wave: Vec<f32> = (0..BRICK_SAMPLES)
            .map(|n| (n as f32 / BRICK_SAMPLES as f32 * std::f32::consts::TAU).cos())
            .collect();
        let bin = |sound: &[f32], k: usize| {
            let part = |shift: usize| -> f32 {
                sound.iter().enumerate().map(|(n, s)| s * wave[(n * k + shift) % BRICK_SAMPLES]).sum()
            };
            f64::from(part(0).powi(2) + part(BRICK_SAMPLES / 4).powi(2))
        };
        let band = |sound: &[f32], from: usize, to: usize| {
            10.0 * ((from / 50..to / 50).map(|k| bin(sound, k)).sum::<f64>() / 1e5 + 1e-6).log10()
        };
        let bands = EDGES_HZ.windows(2).map(|e| band(a, e[0], e[1]) - band(b, e[0], e[1]));
        (bands.map(|d| d * d).sum::<f64>() / (EDGES_HZ.len() - 1) as f64).sqrt()
    }

    #[test]
    fn the_networks_are_there() {
        assert!(networks());
        assert!(Decoder::with_complexity(11).is_err());
    }

    #[test]
    fn deep_concealment_comes_nearer_to_what_was_said() {
        for length in [960, 2880] {
            let (mut plain, mut deep, mut bricks) = (0.0, 0.0, 0);
            for (seed, voice) in ["en", "fr", "ru"].into_iter().enumerate() {
                let said = crate::testing::speech::voice(voice);
                let packets = packets(&said[..480_000], length, |_| Bitrate::from_bps(16_000));
                // One packet in five, by a fixed scatter.
                let lost =
                    |n: usize| (n as u32 + 7 * seed as u32).wrapping_mul(2_654_435_761) >> 16 & 0xff < 51;
                let whole = heard(&packets, length, 0, |_| false);
                let a = heard(&packets, length, 0, lost);
                let b = heard(&packets, length, BRIDGE_COMPLEXITY, lost);
                for n in 0..whole.len() / BRICK_SAMPLES {
                    let at = n * BRICK_SAMPLES..(n + 1) * BRICK_SAMPLES;
                    let spoken = crate::unit::Level::of(&whole[at.clone()]).dbfs() > -45.0;
                    if spoken && lost(at.start / length) {
                        plain += band_distance(&whole[at.clone()], &a[at.clone()]);
                        deep += band_distance(&whole[at.clone()], &b[at]);
                        bricks += 1;
                    }
                }
            }
            let (plain, deep) = (plain / f64::from(bricks), deep / f64::from(bricks));
            println!("{length}: {plain:.2} dB plain, {deep:.2} dB deep over {bricks} bricks");
            assert!(bricks > 100 && deep < 0.9 * plain, "{length}: {plain:.2} dB plain, {deep:.2} dB deep");
        }
    }

    #[test]
    fn a_decoder_copied_to_another_place_goes_on_the_same() {
        let said = crate::testing::speech::voice("en");
        let packets = packets(&said[..96_000], 960, |_| Bitrate::from_bps(16_000));
        let (mut stayed, mut left) =
            (Decoder::with_complexity(7).expect("libopus"), Decoder::with_complexity(7).expect("libopus"));
        let (mut a, mut b) = ([0.0; 960], [0.0; 960]);
        for packet in &packets[..50] {
            stayed.decode(packet, &mut a).expect("decodes");
            left.decode(packet, &mut b).expect("decodes");
        }
        stayed.conceal(&mut a).expect("conceals");
        left.conceal(&mut b).expect("conceals");
        let mut moved = Decoder::new().expect("libopus");
        moved.state.copy_from_slice(&left.state);
        // Whoever pointed at where it was would now read this.
        left.state.fill(0x5555_5555_5555_5555_5555_5555_5555_5555);
        for (n, packet) in packets[51..].iter().enumerate() {
            let conceal = n % 7 == 3;
            for (decoder, sound) in [(&mut stayed, &mut a), (&mut moved, &mut b)] {
                if conceal { decoder.conceal(sound) } else { decoder.decode(packet, sound) }
                    .expect("decodes");
            }
            assert_eq!(a, b);
        }
    }

    #[test]
    fn a_rate_that_changes_with_every_packet_does_not_click() {
        // A click stands out as a second difference that the same sound at a steady rate does not have nearby.
        let edges = |sound: &[f32]| -> Vec<f32> {
            let bend = |w: &[f32]| (w[0] - 2.0 * w[1] + w[2]).abs();
            sound.chunks_exact(480).map(|part| part.windows(3).map(bend).fold(0.0, f32::max)).collect()
        };
        let said = &crate::testing::speech::voice("fr")[..480_000];
        let rates = [6_000, 16_000, 9_700, 24_000, 8_000, 40_000].map(Bitrate::from_bps);
        for length in [960, 2880] {
            let steady = heard(&packets(said, length, |_| rates[3]), length, 0, |_| false);
            for complexity in [0, BRIDGE_COMPLEXITY, CLIENT_COMPLEXITY] {
                let changing =
                    heard(&packets(said, length, |n| rates[n % rates.len()]), length, complexity, |_| false);
                let (a, b) = (edges(&steady), edges(&changing));
                let worst = (2..a.len() - 2)
                    .map(|n| b[n] / (a[n - 2..n + 3].iter().fold(0.0, |x: f32, y| x.max(*y)) + 0.01))
                    .fold(0.0, f32::max);
                println!("{length} at {complexity}: {worst:.2}");
                assert!(worst < 2.0, "{length} at {complexity}: {worst:.2} times");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..6), complexity in 0..=7) {
            let mut decoder = Decoder::with_complexity(complexity).expect("libopus");
            let mut sound = [0.0; 5760];
            for packet in packets {
                if let Ok(samples) = decoder.decode(&packet, &mut sound) {
                    prop_assert!(samples % 960 == 0 && samples <= 5760);
                    prop_assert!(sound[..samples].iter().all(|s| s.is_finite()));
                }
            }
        }
    }
}
