//! What `--stats FILE.jsonl` writes: one JSON object a second, one on each line.
//!
//! Keys are stable: one may be added, none changes its meaning. Numbers are plain; `null` is what is not known.
//! Totals count from the start of the program, over all connections; the rest is of the moment or of the last second.
//!
//! | key | is |
//! |---|---|
//! | `t_s` | seconds since the start |
//! | `unix_ms` | the time of day at this moment: milliseconds since 1970 by this machine's clock at the start |
//! | `state` | `connecting`, `joining`, `in_lobby`, `in_room`, `reconnecting` or `closed` |
//! | `rtt_ms` | round trip to the bridge and back, smoothed; `null` until measured on this connection |
//! | `path` | `udp`, or `tcp` while a tunnel is used because UDP is blocked; `null` without a line |
//! | `up_kbps`, `down_kbps` | traffic since the line before in kbit/s, IP and UDP headers included (on TCP its headers as reckoned, an acknowledgement for each segment); taken over a second where the last line comes sooner |
//! | `mb` | what all of it has cost so far, both ways, in MB of 1,000,000 B, headers included, total |
//! | `max_mb` | what it should cost at most (`--max-mb`); `null` without |
//! | `up_rung` | kbit/s of wire for which this end's speech is coded |
//! | `down_rung` | kbit/s of wire that this end asked the bridge to stay within, as a rung |
//! | `sent` | voice packets handed to the line, total |
//! | `received` | voice packets received, total, each once |
//! | `lost` | voice packets that did not come when they were first sent, total as of now: loss before repair |
//! | `repaired` | those that came after all, sent again or as a copy, total |
//! | `repaired_in_time` | those of them that were played, total |
//! | `repaired_by_copy` | those of them that came as a copy, total |
//! | `asked` | requests for a lost packet that this end sent, total |
//! | `answered` | packets that this end sent again because the bridge asked, total |
//! | `stretched_ms` | sound left out or drawn out to change the delay, total |
//! | `listening` | whether this end only listens for now, and so waits longer for every word |
//! | `queue_ms` | how much later than at best packets come now: what stands in a queue on the way |
//! | `up_loss_percent` | share of this end's packets that the bridge loses before repair, lately |
//! | `late` | packets that came after their sound was due, total; counted in `received` too |
//! | `concealed_ms` | sound that was a guess, total |
//! | `delay_ms` | how long sound waits here beyond the fastest packet |
//! | `level_dbfs` | loudness of the microphone lately, −127 … 0, muted or not |
//! | `muted` | whether the microphone is off, by this end or because this site may not speak |
//! | `may_speak` | whether this site may speak: `false` for listeners and the silenced |
//! | `speaking` | whether speech is being sent, over a line that was let in |
//! | `in_ms`, `out_ms` | how much sound has come from the input and gone to the output at this moment |
//! | `bad_datagrams` | datagrams that could not be read, or not taken in time, total |
//! | `members` | sites in the room, this one included; 0 while not known |
//! | `audio_gaps` | times that a sound device lacked sound or room for it, total |
//! | `cleaner_restarts` | times that what takes echo and noise out of the microphone failed and was made anew, total |
//! | `codec_failures` | packets of speech that could not be coded, total |
//! | `reconnects` | times that the room was reached again by a new connection, total; a line that fell silent and came back is none |

use serde::Serialize;
use std::time::Duration;

/// One line. See the module for each key.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the module's table says what each is")]
pub struct Stats {
    pub t_s: f64,
    pub unix_ms: u64,
    pub state: &'static str,
    pub rtt_ms: Option<f64>,
    pub path: Option<&'static str>,
    pub up_kbps: f64,
    pub down_kbps: f64,
    pub mb: f64,
    pub max_mb: Option<f64>,
    pub up_rung: u32,
    pub down_rung: u32,
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    pub repaired: u64,
    pub repaired_in_time: u64,
    pub repaired_by_copy: u64,
    pub asked: u64,
    pub answered: u64,
    pub stretched_ms: u64,
    pub listening: bool,
    pub queue_ms: f64,
    pub up_loss_percent: f64,
    pub late: u64,
    pub concealed_ms: u64,
    pub delay_ms: f64,
    pub level_dbfs: f64,
    pub muted: bool,
    pub may_speak: bool,
    pub speaking: bool,
    pub in_ms: u64,
    pub out_ms: u64,
    pub bad_datagrams: u64,
    pub members: usize,
    pub audio_gaps: u64,
    pub cleaner_restarts: u64,
    pub codec_failures: u64,
    pub reconnects: u64,
}

impl Stats {
    /// The line, its end included.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Milliseconds to a tenth.
#[must_use]
pub fn tenths_of_ms(time: Duration) -> f64 {
    tenths(time.as_secs_f64() * 1000.0)
}

/// A number to a tenth.
#[must_use]
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Bytes in millions, to the thousandth.
#[must_use]
pub fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1000.0).round() / 1000.0
}

/// What a number of bytes in a span comes to in kbit/s, to a tenth; 0 for no span.
#[must_use]
pub fn kbps(bytes: u64, span: Duration) -> f64 {
    if span.is_zero() { 0.0 } else { tenths(bytes as f64 * 8.0 / 1000.0 / span.as_secs_f64()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats() -> Stats {
        Stats {
            t_s: 3.0,
            unix_ms: 1_767_225_603_000,
            state: "in_room",
            rtt_ms: None,
            path: Some("udp"),
            up_kbps: 21.4,
            down_kbps: 0.6,
            mb: 0.125,
            max_mb: Some(5.0),
            up_rung: 24,
            down_rung: 24,
            sent: 50,
            received: 40,
            lost: 2,
            repaired: 2,
            repaired_in_time: 2,
            repaired_by_copy: 0,
            asked: 3,
            answered: 1,
            stretched_ms: 12,
            listening: true,
            queue_ms: 3.0,
            up_loss_percent: 1.5,
            late: 1,
            concealed_ms: 120,
            delay_ms: 65.0,
            level_dbfs: -23.4,
            muted: false,
            may_speak: true,
            speaking: true,
            in_ms: 3000,
            out_ms: 2980,
            bad_datagrams: 0,
            members: 3,
            audio_gaps: 0,
            cleaner_restarts: 0,
            codec_failures: 0,
            reconnects: 0,
        }
    }

    #[test]
    fn a_line_has_every_key_of_the_table_and_no_other() {
        let line = stats().to_line();
        assert!(line.ends_with("}\n") && line.lines().count() == 1);
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
        let table = include_str!("stats.rs");
        let mut documented: Vec<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"))
            .flat_map(|line| line.split(" | ").next().unwrap_or_default().split(['`', ',', ' ']))
            .filter(|word| !word.is_empty())
            .collect();
        documented.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, documented);
        assert_eq!(value["rtt_ms"], serde_json::Value::Null);
        assert_eq!(value["up_kbps"], 21.4);
    }

    #[test]
    fn bytes_in_a_second_are_kilobits() {
        assert_eq!(kbps(3_000, Duration::from_secs(1)), 24.0);
        assert_eq!(kbps(3_000, Duration::from_millis(500)), 48.0);
        assert_eq!(kbps(3_000, Duration::ZERO), 0.0);
        assert_eq!(tenths_of_ms(Duration::from_micros(123_456)), 123.5);
    }
}
