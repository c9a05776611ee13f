//! Real speech for tests and benches: half a minute each of several languages, mono, 48 kHz.
//!
//! The recordings are not part of the repository: `.ci/setup` makes them from the distribution's packages. They
//! lie in the folder that `GIAOBAN_SPEECH` names, else in `target/speech` of the workspace.

use std::env;
use std::path::{Path, PathBuf};

use crate::unit::SAMPLE_RATE;

/// The voices there are. Vietnamese is synthetic until something better is had; the others are people.
pub const VOICES: [&str; 6] = ["en", "fr", "it", "ru", "es", "vi"];

/// Why there is no speech, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The file is not there.
    #[error("no recording {}: run .ci/setup, or let GIAOBAN_SPEECH name the folder that has it", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read as a WAV file.
    #[error("{path} cannot be read: {1}; delete it and run .ci/setup", path = .0.display())]
    Unreadable(PathBuf, #[source] hound::Error),
    /// The file has another format.
    #[error("{} is not 16 bit, mono, 48 kHz; delete it and run .ci/setup", .0.display())]
    Format(PathBuf),
}

/// The samples of a voice of [`VOICES`], −1.0 … 1.0, mono, 48 kHz.
///
/// # Panics
/// When the recording is not there or not as it should be, with what to do about it. [`load`] returns instead.
#[must_use]
pub fn voice(name: &str) -> Vec<f32> {
    load(name).unwrap_or_else(|error| panic!("{error}"))
}

/// As [`voice`], for programs that tell their user.
///
/// # Errors
/// When the recording is not there or not as it should be.
pub fn load(name: &str) -> Result<Vec<f32>, SpeechError> {
    read(&path(name))
}

/// Where the recording of this voice is, or would be.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    folder().join(format!("voice-{name}.wav"))
}

fn folder() -> PathBuf {
    if let Some(folder) = env::var_os("GIAOBAN_SPEECH") {
        return folder.into();
    }
    // Cargo names the package's folder to tests, benches and `cargo run`; other programs are started somewhere
    // inside the workspace.
    let starts = [env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from), env::current_dir().ok()];
    let found =
        starts.iter().flatten().flat_map(|start| start.ancestors()).map(|dir| dir.join("target/speech"));
    found.into_iter().find(|dir| dir.is_dir()).unwrap_or_else(|| PathBuf::from("target/speech"))
}

fn read(path: &Path) -> Result<Vec<f32>, SpeechError> {
    if !path.is_file() {
        return Err(SpeechError::Missing(path.into()));
    }
    let unreadable = |error| SpeechError::Unreadable(path.into(), error);
    let reader = hound::WavReader::open(path).map_err(unreadable)?;
    let spec = reader.spec();
    let int16 = spec.sample_format == hound::SampleFormat::Int && spec.bits_per_sample == 16;
    if !int16 || spec.channels != 1 || spec.sample_rate != SAMPLE_RATE {
        return Err(SpeechError::Format(path.into()));
    }
    let samples = reader.into_samples::<i16>();
    samples
        .map(|sample| sample.map(|s| f32::from(s) / 32_768.0))
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder of this test's own, gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let dir = env::temp_dir().join(format!("giaoban-speech-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }

        fn wav(&self, rate: u32, channels: u16, samples: &[i16]) -> PathBuf {
            let path = self.0.join("voice.wav");
            let spec = hound::WavSpec {
                channels,
                sample_rate: rate,
                bits_per_sample: 16,
                sample_format: hound::SampleFormat::Int,
            };
            let mut writer = hound::WavWriter::create(&path, spec).unwrap();
            samples.iter().for_each(|s| writer.write_sample(*s).unwrap());
            writer.finalize().unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_recording_is_read_to_full_scale() {
        let folder = Folder::new("read");
        let path = folder.wav(48_000, 1, &[0, 16_384, i16::MIN]);
        assert_eq!(read(&path).unwrap(), [0.0, 0.5, -1.0]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_in_one_line_with_the_remedy() {
        let folder = Folder::new("wrong");
        let told = |path: &Path| read(path).unwrap_err().to_string();
        let missing = told(&folder.0.join("voice-xx.wav"));
        assert!(missing.contains("voice-xx.wav") && missing.contains("run .ci/setup"), "{missing}");
        assert!(told(&folder.wav(16_000, 1, &[0])).contains("48 kHz"));
        assert!(told(&folder.wav(48_000, 2, &[0, 0])).contains("mono"));
        let path = folder.wav(48_000, 1, &[0]);
        fs::write(&path, b"RIFF what").unwrap();
        assert!(told(&path).contains("cannot be read"));
        assert!(!told(&path).contains('\n'));
    }
}
