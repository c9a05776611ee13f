//! A meeting of a district and nineteen communes on mixed lines: five minutes in which sites answer in turn, two speak
//! at once, and one is cut off for a while. Judged for each site by the measures of [`quality`](crate::quality).

use crate::hall::{Guest, Hall, Left};
use crate::quality::judge::{self, Lags, Sound};
use crate::quality::play::{self, clear_of, grown, in_room_at, range, stretches};
use crate::quality::score::{Scorer, Scores};
use crate::quality::wire::Wire;
use crate::timeline::{SECOND, Turn};
use anyhow::Context;
use giaoban_proto::testing::link::{LinkConfig, Outages, named};
use giaoban_proto::testing::{run, speech};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// A site of the meeting.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Its name.
    pub name: &'static str,
    /// Its line, by name.
    pub line: &'static str,
    /// Its cap in kbit/s.
    pub cap: u32,
    /// Its voice.
    pub voice: &'static str,
}

const fn site(name: &'static str, line: &'static str, cap: u32, voice: &'static str) -> Site {
    Site { name, line, cap, voice }
}

/// The district first.
pub const SITES: [Site; 20] = [
    site("Quế Phong (district)", "clean", 48, "en"),
    site("Tri Lễ", "hill", 16, "ru"),
    site("Nậm Giải", "storm", 24, "it"),
    site("Hạnh Dịch", "edge-2g", 24, "fr"),
    site("Thông Thụ", "vsat", 32, "es"),
    site("Đồng Văn", "3g-edge", 32, "ru"),
    site("Tiền Phong", "adsl-noise", 48, "it"),
    site("Mường Nọc", "lossy20", 24, "fr"),
    site("Châu Kim", "3g-edge", 24, "es"),
    site("Cắm Muộn", "edge-2g", 16, "ru"),
    site("Quang Phong", "vsat", 24, "it"),
    site("Châu Thôn", "hill", 16, "fr"),
    site("Nậm Nhoóng", "storm", 24, "es"),
    site("Quế Sơn", "adsl-noise", 32, "ru"),
    site("Kim Sơn", "3g-edge", 32, "it"),
    site("Tam Hợp", "edge-2g", 24, "fr"),
    site("Châu Bình", "lossy20", 24, "es"),
    site("Yên Na", "vsat", 32, "ru"),
    site("Lượng Minh", "adsl-noise", 24, "it"),
    // This one is away for a while.
    site("Mai Sơn", "3g-edge", 24, "fr"),
];

/// Who is away, and when, in s: in a turn of the district and the answer to it.
const AWAY: (usize, u64, u64) = (19, 150, 170);

/// Who speaks and for how long, in s. The first is for coming in and settling.
const AGENDA: &[(&[usize], u32)] = &[
    (&[0], 10),
    (&[0], 10),
    (&[1], 8),
    (&[2], 8),
    (&[3], 8),
    (&[0], 10),
    (&[4], 8),
    (&[5], 8),
    (&[6], 8),
    (&[0], 10),
    (&[7], 8),
    (&[8], 8),
    (&[9], 8),
    (&[0, 10], 8),
    (&[0], 10),
    (&[11], 8),
    (&[12], 8),
    (&[13], 8),
    (&[0], 10),
    (&[14], 8),
    (&[15], 8),
    (&[16], 8),
    (&[17, 18], 8),
    (&[19], 8),
    (&[0], 10),
    (&[1, 4], 8),
    (&[0], 10),
    (&[18], 8),
    (&[10], 8),
    (&[0], 10),
];

/// Turns that are not judged, at the beginning.
const SETTLE: usize = 1;

/// What was said, all of it in one: whoever is silent in a turn should have heard it as it is here.
pub struct Agenda {
    /// The sum of all, from the first moment on.
    pub said: Vec<f32>,
    /// Who spoke when, but for the first turn.
    pub turns: Vec<Turn>,
}

/// What the meeting leaves behind.
pub struct Met {
    /// What was said.
    pub agenda: Agenda,
    /// By site: what it heard, and its figures.
    pub left: Vec<Left>,
    /// By site: its line up and down.
    pub lines: Vec<(LinkConfig, LinkConfig)>,
    /// By site: what it sent and what it was sent.
    pub wires: Vec<(Wire, Wire)>,
    /// What the bridge received and sent, of all sites together.
    pub bridge: (Wire, Wire),
}

/// The agenda, and what each site says.
fn agenda() -> anyhow::Result<(Agenda, Vec<Vec<f32>>)> {
    let mut voices = BTreeMap::new();
    for site in &SITES {
        voices.insert(site.voice, speech::load(site.voice)?);
    }
    let mut says = vec![Vec::new(); SITES.len()];
    // Sites of one voice begin at different places in it.
    let mut next: Vec<usize> = (0..SITES.len()).map(|site| site * 4 * SECOND).collect();
    let (mut said, mut turns) = (vec![0.0; SECOND], Vec::new());
    for &(speakers, seconds) in AGENDA {
        let span = said.len() + SECOND..said.len() + SECOND + seconds as usize * SECOND;
        said.resize(span.end, 0.0);
        for &speaker in speakers {
            let says: &mut Vec<f32> = &mut says[speaker];
            says.resize(span.start, 0.0);
            let voice = voices[SITES[speaker].voice].iter().cycle().skip(next[speaker]);
            says.extend(voice.take(span.len()));
            next[speaker] += span.len();
            said[span.clone()].iter_mut().zip(&says[span.clone()]).for_each(|(sum, own)| *sum += own);
        }
        turns.push(Turn { speakers: speakers.to_vec(), span });
    }
    said.resize(said.len() + 3 * SECOND, 0.0);
    turns.drain(..SETTLE);
    Ok((Agenda { said, turns }, says))
}

/// Holds the meeting. `progress` is told, every ten seconds of the meeting, how many have passed, and of how many.
///
/// # Errors
/// When there is no speech, or a client or the bridge cannot run.
pub fn hold(seed: u64, progress: impl Fn(u64, u64) + Send + 'static) -> anyhow::Result<Met> {
    let (agenda, says) = agenda()?;
    run(meeting(seed, agenda, says, progress))
}

async fn meeting(
    seed: u64,
    agenda: Agenda,
    says: Vec<Vec<f32>>,
    progress: impl Fn(u64, u64) + Send + 'static,
) -> anyhow::Result<Met> {
    let stays = Duration::from_secs_f64(agenda.said.len() as f64 / SECOND as f64);
    let mut hall = Hall::open(seed, SITES.len())?;
    let (mut seats, mut lines) = (Vec::new(), Vec::new());
    let wires = Arc::<Mutex<BTreeMap<IpAddr, (Wire, Wire)>>>::default();
    let mut by_ip = BTreeMap::new();
    for (n, (site, says)) in SITES.iter().zip(says).enumerate() {
        let line = line_of(n)?;
        let guest =
            Guest { name: site.name, says, muted: false, max_kbps: site.cap, line: line.clone(), stays };
        let seat = hall.seat(guest)?;
        by_ip.insert(seat.ip, line.clone());
        lines.push(line);
        seats.push(seat);
    }
    let kept = wires.clone();
    // Clients begin when this task first waits, so that nothing was sent yet.
    hall.net.observe(move |seen| {
        let record = &seen.record;
        let (t, bytes, fate) = (record.t.as_secs_f64(), record.bytes, record.fate);
        let mut wires = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((up, _)) = by_ip.get(&record.from.ip()) {
            wires.entry(record.from.ip()).or_default().0.sent(t, bytes, fate, up);
        } else if let Some((_, down)) = by_ip.get(&record.to.ip()) {
            wires.entry(record.to.ip()).or_default().1.sent(t, bytes, fate, down);
        }
    });
    let whole = stays.as_secs();
    let ticking = tokio::spawn(async move {
        for passed in (10..=whole).step_by(10) {
            sleep(Duration::from_secs(10)).await;
            progress(passed, whole);
        }
    });
    let (mut left, mut ips) = (Vec::new(), Vec::new());
    for seat in seats {
        ips.push(seat.ip);
        left.push(seat.leave().await?);
    }
    ticking.abort();
    let mut wires = std::mem::take(&mut *wires.lock().unwrap_or_else(PoisonError::into_inner));
    let wires: Vec<(Wire, Wire)> = ips.iter().map(|ip| wires.remove(ip).unwrap_or_default()).collect();
    let bridge =
        (Wire::merged(wires.iter().map(|wire| &wire.0)), Wire::merged(wires.iter().map(|wire| &wire.1)));
    Ok(Met { agenda, left, lines, wires, bridge })
}

fn line_of(site: usize) -> anyhow::Result<(LinkConfig, LinkConfig)> {
    let name = SITES[site].line;
    let (mut up, mut down) = named(name).with_context(|| format!("there is no line named {name:?}"))?;
    if site == AWAY.0 {
        let span = (Duration::from_secs(AWAY.1), Duration::from_secs(AWAY.2));
        up.outages = Outages::Spans(vec![span]);
        down.outages = up.outages.clone();
    }
    Ok((up, down))
}

/// What a site measured. `None` is what could not be told.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "benches/README.md has a table of the columns")]
pub struct Figures {
    pub site: usize,
    pub up_kbps: Option<f64>,
    pub down_kbps: f64,
    pub down_worst_kbps: f64,
    pub up_kb: f64,
    pub down_kb: f64,
    pub rungs: Option<(f64, f64)>,
    pub loss_before: f64,
    pub loss_after: Option<f64>,
    pub concealed: Option<f64>,
    pub delay_ms: Option<(f64, f64)>,
    pub beyond_ms: Option<(f64, f64)>,
    pub hole_ms: f64,
    pub scores: Scores,
    /// By turn: what was scored of it.
    pub turns: Vec<(usize, f64)>,
    pub sound_again_s: Option<f64>,
    pub normal_again_s: Option<f64>,
    pub reconnects: Option<f64>,
}

/// Judges what a site heard in the turns in which it was silent: all of it on the wire, scores and delay where one
/// spoke alone, since two who come by different lines have no one reference.
///
/// # Errors
/// When the scorer fails.
pub fn judge(met: &Met, site: usize, scorer: Option<&mut Scorer>) -> anyhow::Result<Figures> {
    let whole = met.agenda.said.len() as f64 / SECOND as f64;
    let (left, (up, down)) = (&met.left[site], &met.wires[site]);
    let line = &met.lines[site].1;
    let outages = play::outages(line, whole);
    // Nothing is asked of a site that was not in yet; one that never came in has no figures but what it cost.
    let since = in_room_at(&left.figures).unwrap_or(f64::INFINITY);
    let turns = |wanted: &dyn Fn(&Turn) -> bool| -> Vec<Range<usize>> {
        let here = |turn: &&Turn| play::seconds(&turn.span).start >= since && wanted(turn);
        met.agenda.turns.iter().filter(here).map(|turn| turn.span.clone()).collect()
    };
    let silent = clear_of(turns(&|turn| !turn.speakers.contains(&site)), &outages);
    let alone = |turn: &Turn| turn.speakers.len() == 1 && turn.speakers != [site];
    let one = clear_of(turns(&alone), &outages);
    let own = clear_of(turns(&|turn| turn.speakers.contains(&site)), &outages);
    let sound = Sound { said: &met.agenda.said, heard: &left.heard };
    let lags = Lags::of(sound, &one);
    let scores = match scorer {
        Some(scorer) => scorer.score(sound, &one, &lags)?,
        None => Scores::default(),
    };
    let place = |span: &Range<usize>| met.agenda.turns.iter().position(|turn| turn.span == *span);
    let scored = one.iter().zip(scores.each_pesq()).filter_map(|(span, pesq)| Some((place(span)?, *pesq)));
    let times: Vec<_> = silent.iter().map(play::seconds).collect();
    let spoken: f64 = times.iter().map(|time| time.end - time.start).sum();
    let listened = stretches(&silent);
    let figures = &left.figures;
    let lost = grown(figures, "lost", &listened).zip(grown(figures, "received", &listened));
    let own_times: Vec<_> = own.iter().map(play::seconds).collect();
    let talker_at =
        |at: usize| met.agenda.turns.iter().find(|turn| turn.span.contains(&at))?.speakers.first();
    let beyond = lags.points().map(|(at, lag)| {
        let talker = talker_at(at).map_or(Duration::ZERO, |&talker| met.lines[talker].0.delay);
        lag as f64 / 48.0 - (talker + line.delay).as_secs_f64() * 1000.0
    });
    let mut beyond: Vec<f64> = beyond.collect();
    beyond.sort_unstable_by(f64::total_cmp);
    let percentile = |share: usize| beyond.get(beyond.len() * share / 100).copied();
    let all = 0.0..whole;
    let kilobytes = |wire: &Wire| wire.within(&all).map(|packet| packet.bytes).sum::<usize>() as f64 / 1000.0;
    Ok(Figures {
        site,
        up_kbps: (!own_times.is_empty()).then(|| up.mean_kbps(&own_times)),
        down_kbps: down.mean_kbps(&times),
        down_worst_kbps: down.worst_kbps(&listened),
        up_kb: kilobytes(up),
        down_kb: kilobytes(down),
        rungs: range(figures, "down_rung", &listened),
        loss_before: down.loss_percent(&times),
        loss_after: lost
            .filter(|(lost, received)| lost + received > 0.0)
            .map(|(lost, received)| (100.0 * lost / (lost + received)).max(0.0)),
        concealed: grown(figures, "concealed_ms", &listened).map(|ms| ms / 10.0 / spoken),
        delay_ms: lags.delays_ms(),
        beyond_ms: percentile(50).zip(percentile(95)),
        hole_ms: judge::longest_hole(sound, &one, &lags) as f64 / 48.0,
        turns: scored.collect(),
        scores,
        sound_again_s: judge::sound_again(sound, &outages),
        // The district alone: whoever else speaks has a delay of its own.
        normal_again_s: judge::normal_again(sound, &turns(&|turn| turn.speakers == [0]), &outages),
        reconnects: grown(figures, "reconnects", &[1.0..whole]),
    })
}
