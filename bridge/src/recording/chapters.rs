//! The chapters of a recording, in a file beside it that is only ever added to. Pure.
//!
//! ```text
//!   CHAPTER01=00:00:00.000
//!   CHAPTER01NAME=08:00:12 Recording begins / Bắt đầu ghi
//! ```
//!
//! The form is that of chapters in Vorbis comments, which players show once an export has put them into the recording.

/// Chapters of one recording at most: players read three digits.
const MOST: u32 = 999;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 120;

/// What stands, in both languages, where nothing was recorded for a while.
pub(super) const PAUSED: &str = "Paused / Tạm dừng";
pub(super) const RESTARTED: &str = "The bridge was started again / Máy chủ khởi động lại";

/// Places at which a recording was paused that are told.
const PAUSES: usize = 64;

/// What the chapters of a recording have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chapters {
    count: u32,
}

impl Chapters {
    /// Goes on after what was found in a file, and how many bytes of it are whole chapters.
    #[must_use]
    pub fn resume(text: &[u8]) -> (Self, u64) {
        let (mut chapters, mut whole) = (Self::default(), 0);
        let mut lines = text.split_inclusive(|&byte| byte == b'\n');
        while let (Some(time), Some(name)) = (lines.next(), lines.next()) {
            let number = format!("CHAPTER{:02}", chapters.count + 1);
            let ours = time.starts_with(format!("{number}=").as_bytes())
                && name.starts_with(format!("{number}NAME=").as_bytes())
                && name.ends_with(b"\n");
            if !ours {
                break;
            }
            chapters.count += 1;
            whole += time.len() + name.len();
        }
        (chapters, whole as u64)
    }

    /// The lines of another chapter, after this many samples of the recording; `None` where there are too many already.
    pub fn add(&mut self, samples: u64, name: &str) -> Option<String> {
        if self.count >= MOST {
            return None;
        }
        self.count += 1;
        let number = self.count;
        // What the encoder looks ahead and what a player skips are the same: sample and time agree.
        let ms = samples / 48;
        let (s, ms) = (ms / 1000, ms % 1000);
        let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
        let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
        Some(format!("CHAPTER{number:02}={h:02}:{m:02}:{s:02}.{ms:03}\nCHAPTER{number:02}NAME={name}\n"))
    }
}

/// Where nothing was recorded for a while, in ms of the recording.
pub(super) fn pauses(chapters: &str) -> Vec<u64> {
    let lines: Vec<&str> = chapters.lines().collect();
    let paused =
        lines.chunks_exact(2).filter(|pair| [PAUSED, RESTARTED].iter().any(|words| pair[1].ends_with(words)));
    let ms = paused.filter_map(|pair| {
        let (_, time) = pair[0].split_once('=')?;
        let (clock, ms) = time.split_once('.')?;
        let seconds =
            clock.split(':').try_fold(0u64, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
        Some(seconds * 1000 + ms.parse::<u64>().ok()?)
    });
    ms.take(PAUSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_gone_on_with_wherever_it_was_torn() {
        let mut chapters = Chapters::default();
        let mut text = String::new();
        let mut ends = vec![0];
        for n in 0..120 {
            text += &chapters.add(n * 48_000 * 3700, "Tri Lễ\nCHAPTER99=x").expect("a chapter");
            ends.push(text.len());
        }
        assert!(text.starts_with(
            "CHAPTER01=00:00:00.000\nCHAPTER01NAME=Tri Lễ CHAPTER99=x\nCHAPTER02=01:01:40.000\n"
        ));
        assert!(text.contains("\nCHAPTER120NAME="));
        for cut in 0..=text.len() {
            let (resumed, whole) = Chapters::resume(&text.as_bytes()[..cut]);
            let whole_ones = ends.iter().take_while(|&&end| end <= cut).count() - 1;
            assert_eq!(
                (resumed.count as usize, whole),
                (whole_ones, ends[whole_ones] as u64),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn there_is_an_end_to_chapters() {
        let mut chapters = Chapters::default();
        assert_eq!((0..2000).filter_map(|n| chapters.add(n, "x")).count(), 999);
    }
}
