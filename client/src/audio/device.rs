//! The sound devices of this machine, by cpal.
//!
//! A shell: nothing is decided here. It finds a device, opens its stream and hands the ring's end over; the
//! watch in [`line`](super::line) says when. Each line has a thread of its own, the keeper, which owns the
//! stream: not because a `cpal::Stream` could not move (it is `Send` on every platform), but because opening
//! one takes up to seconds and dropping one joins a driver's thread, and no poll may wait for either.
//!
//! The error callback is under the same law as the data callbacks: it sets a flag or counts. cpal calls it for
//! things that mend themselves too; those are passed over.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};

use super::capture::{CaptureLine, DeviceSource, Feed};
use super::line::{Flags, Opener};
use super::playback::{DeviceSink, Drain, PlaybackLine};
use super::{AudioError, Direction};

/// How long [`Input::open`](super::Input::open) waits for a device before it says that there is none. A Bluetooth
/// headset needs two or three seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long the backend's thread sleeps without an event before it looks whether the device still is there.
const POLL: Duration = Duration::from_millis(500);

/// A sound device, as it is shown to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What the system calls it; `device:` and this name opens it.
    pub name: String,
    /// Whether it can be a microphone.
    pub input: bool,
    /// Whether it can be a loudspeaker.
    pub output: bool,
    /// Whether `device` alone opens it, for at least one of the two.
    pub default: bool,
}

/// The devices that can be opened, each name once, the default ones first.
///
/// Waits for each device to answer: some milliseconds, or seconds where one is in trouble.
///
/// # Errors
/// Where the sound system does not answer at all.
pub fn list_devices() -> Result<Vec<DeviceInfo>, AudioError> {
    let host = host()?;
    let default_input = host.default_input_device().and_then(|device| device.id().ok());
    let default_output = host.default_output_device().and_then(|device| device.id().ok());
    let mut infos: Vec<DeviceInfo> = Vec::new();
    for device in host.devices().map_err(|e| AudioError::NoList(e.to_string()))? {
        let Some((id, name)) = identify(&device) else { continue };
        let input = can(&device, Direction::Capture);
        let output = can(&device, Direction::Playback);
        if !input && !output {
            continue;
        }
        let default = input && default_input.as_ref().is_some_and(|d| d.id() == id)
            || output && default_output.as_ref().is_some_and(|d| d.id() == id);
        match infos.iter_mut().find(|info| info.name == name) {
            Some(info) => {
                info.input |= input;
                info.output |= output;
                info.default |= default;
            }
            None => infos.push(DeviceInfo { name, input, output, default }),
        }
    }
    infos.sort_by_key(|info| !info.default);
    Ok(infos)
}

/// Opens a microphone.
pub(super) fn open_source(name: Option<&str>, now: Instant) -> Result<DeviceSource, AudioError> {
    let mut keeper = Keeper::spawn(name, Direction::Capture, open_capture)?;
    let line = keeper.first(name, Direction::Capture)?;
    Ok(DeviceSource::new(line, Box::new(keeper), now))
}

/// Opens a loudspeaker.
pub(super) fn open_sink(name: Option<&str>, now: Instant) -> Result<DeviceSink, AudioError> {
    let mut keeper = Keeper::spawn(name, Direction::Playback, open_playback)?;
    let line = keeper.first(name, Direction::Playback)?;
    Ok(DeviceSink::new(line, Box::new(keeper), now))
}

/// What is asked of a keeper's thread. When nobody is left to ask, it drops the stream and ends.
enum Ask {
    Open,
    Release,
}

/// The polling thread's side of the thread that owns a stream.
struct Keeper<L> {
    asks: Sender<Ask>,
    answers: Receiver<Result<L, AudioError>>,
}

type Open<L> = fn(Option<&str>) -> Result<(cpal::Stream, L), AudioError>;

impl<L: Send + 'static> Keeper<L> {
    fn spawn(name: Option<&str>, direction: Direction, open: Open<L>) -> Result<Self, AudioError> {
        let (asks, asked) = channel();
        let (answer, answers) = channel();
        let wanted = name.map(str::to_owned);
        let keep = move || {
            let mut stream = None;
            let mut closing = Closing::default();
            for ask in asked {
                // First the old stream: a card often opens only once, and a dead server's calls without end.
                if let Some(old) = stream.take() {
                    closing.close(old);
                }
                let Ask::Open = ask else { continue };
                let opened = open(wanted.as_deref()).map(|(opened, line)| {
                    stream = Some(opened);
                    line
                });
                if answer.send(opened).is_err() {
                    break;
                }
            }
        };
        std::thread::Builder::new().name(format!("giaoban-{}", direction.noun())).spawn(keep).map_err(
            |e| AudioError::Device { direction, name: name.map(str::to_owned), reason: e.to_string() },
        )?;
        Ok(Self { asks, answers })
    }

    /// Opens for the first time, and waits for that.
    fn first(&mut self, name: Option<&str>, direction: Direction) -> Result<L, AudioError> {
        self.ask();
        self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let reason = "it does not answer; unplug it and plug it in again".to_owned();
            Err(AudioError::Device { direction, name: name.map(str::to_owned), reason })
        })
    }
}

impl<L: Send + 'static> Opener<L> for Keeper<L> {
    fn ask(&mut self) {
        // Where the thread has ended there is no answer either, and the watch goes on with silence.
        let _ = self.asks.send(Ask::Open);
    }

    fn release(&mut self) {
        let _ = self.asks.send(Ask::Release);
    }

    fn answer(&mut self) -> Option<Result<L, AudioError>> {
        self.answers.try_recv().ok()
    }
}

/// Streams on their way out, each on a thread of its own.
///
/// Dropping a stream joins the thread that the backend made for it. Where a PulseAudio server died, that thread
/// can wait for ever for a lock inside libpulse; the keeper must not wait with it, for the server comes back.
#[derive(Default)]
struct Closing {
    hung: Vec<Receiver<()>>,
}

impl Closing {
    /// How long the next stream waits for the last one to be gone, since a card often opens only once. A card
    /// closes in some milliseconds, so that longer only waits for those that never do.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// Of so many that hang, one has to end before another device is opened: each is a thread and its memory.
    const MOST_HUNG: usize = 4;

    fn close(&mut self, stream: cpal::Stream) {
        let (done, gone) = channel();
        let close = move || {
            drop(stream);
            // Nobody listens any more where it took too long.
            let _ = done.send(());
        };
        // Where no thread can be made, the stream has been dropped here, with the closure.
        let closed = std::thread::Builder::new().name("sound-close".to_owned()).spawn(close).is_err()
            || gone.recv_timeout(Self::PATIENCE).is_ok();
        self.hung.retain(|gone| matches!(gone.try_recv(), Err(TryRecvError::Empty)));
        if !closed {
            self.hung.push(gone);
        }
        if self.hung.len() >= Self::MOST_HUNG {
            let _ = self.hung.remove(0).recv();
        }
    }
}

fn open_capture(name: Option<&str>) -> Result<(cpal::Stream, CaptureLine), AudioError> {
    let (device, config) = find(name, Direction::Capture)?;
    let failed = |reason: String| AudioError::Device {
        direction: Direction::Capture,
        name: name.map(str::to_owned),
        reason,
    };
    let (feed, line) =
        CaptureLine::new(config.sample_rate(), config.channels()).map_err(|e| failed(e.to_string()))?;
    let stream = build_input(&device, &config, feed).map_err(|e| failed(e.to_string()))?;
    stream.play().map_err(|e| failed(e.to_string()))?;
    Ok((stream, line))
}

fn open_playback(name: Option<&str>) -> Result<(cpal::Stream, PlaybackLine), AudioError> {
    let (device, config) = find(name, Direction::Playback)?;
    let failed = |reason: String| AudioError::Device {
        direction: Direction::Playback,
        name: name.map(str::to_owned),
        reason,
    };
    let (drain, line) =
        PlaybackLine::new(config.sample_rate(), config.channels()).map_err(|e| failed(e.to_string()))?;
    let stream = build_output(&device, &config, drain).map_err(|e| failed(e.to_string()))?;
    stream.play().map_err(|e| failed(e.to_string()))?;
    Ok((stream, line))
}

/// Calls a generic builder with the type of the device's samples.
macro_rules! for_format {
    ($format:expr, $build:ident($($argument:expr),*)) => {
        match $format {
            SampleFormat::F32 => $build::<f32>($($argument),*),
            SampleFormat::F64 => $build::<f64>($($argument),*),
            SampleFormat::I8 => $build::<i8>($($argument),*),
            SampleFormat::I16 => $build::<i16>($($argument),*),
            SampleFormat::I24 => $build::<cpal::I24>($($argument),*),
            SampleFormat::I32 => $build::<i32>($($argument),*),
            SampleFormat::U8 => $build::<u8>($($argument),*),
            SampleFormat::U16 => $build::<u16>($($argument),*),
            SampleFormat::U32 => $build::<u32>($($argument),*),
            other => Err(cpal::Error::with_message(
                ErrorKind::UnsupportedConfig,
                format!("its samples are {other:?}; choose another format in the system's sound settings"),
            )),
        }
    };
}

fn build_input(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    feed: Feed,
) -> Result<cpal::Stream, cpal::Error> {
    fn build<T: SizedSample>(
        device: &cpal::Device,
        config: StreamConfig,
        mut feed: Feed,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        f32: FromSample<T>,
    {
        let flags = feed.flags();
        let on_data = move |samples: &[T], _: &cpal::InputCallbackInfo| feed.on_input(samples);
        device.build_input_stream(config, on_data, move |e| on_error(&flags, &e), Some(POLL))
    }
    for_format!(config.sample_format(), build(device, config.config(), feed))
}

fn build_output(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    drain: Drain,
) -> Result<cpal::Stream, cpal::Error> {
    fn build<T: SizedSample + FromSample<f32>>(
        device: &cpal::Device,
        config: StreamConfig,
        mut drain: Drain,
    ) -> Result<cpal::Stream, cpal::Error> {
        let flags = drain.flags();
        let on_data = move |samples: &mut [T], _: &cpal::OutputCallbackInfo| drain.on_output(samples);
        device.build_output_stream(config, on_data, move |e| on_error(&flags, &e), Some(POLL))
    }
    for_format!(config.sample_format(), build(device, config.config(), drain))
}

/// The error callback. It may come millions of times in a row.
fn on_error(flags: &Arc<Flags>, error: &cpal::Error) {
    match error.kind() {
        // The stream goes on by itself after these; a gap is counted where the ring shows it.
        ErrorKind::Xrun | ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
        ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable => {
            flags.fail()
        }
        _ => flags.trouble(),
    }
}

/// The sound system. Not `cpal::default_host`, which panics where ALSA lacks its configuration files.
fn host() -> Result<cpal::Host, AudioError> {
    cpal::available_hosts()
        .into_iter()
        .find_map(|id| cpal::host_from_id(id).ok())
        .ok_or_else(|| AudioError::NoList("no sound system answers; is one installed?".to_owned()))
}

/// The device of that name, or the default one, and the configuration that it likes best.
fn find(
    name: Option<&str>,
    direction: Direction,
) -> Result<(cpal::Device, SupportedStreamConfig), AudioError> {
    let host = host()?;
    let device = match (name, direction) {
        (None, Direction::Capture) => host.default_input_device(),
        (None, Direction::Playback) => host.default_output_device(),
        (Some(name), _) => by_name(&host, name, direction)?,
    };
    let named = || name.map(str::to_owned);
    let device = device.ok_or_else(|| AudioError::NoDevice { direction, name: named() })?;
    let config = default_config(&device, direction).map_err(|e| match e.kind() {
        // ALSA always has a default device; whether there is anything behind it shows here.
        ErrorKind::DeviceNotAvailable => AudioError::NoDevice { direction, name: named() },
        _ => AudioError::Device { direction, name: named(), reason: e.to_string() },
    })?;
    Ok((device, config))
}

/// The device with this name, this id, or else the only one with this in its name, in any case of letters.
fn by_name(
    host: &cpal::Host,
    wanted: &str,
    direction: Direction,
) -> Result<Option<cpal::Device>, AudioError> {
    let wanted = wanted.to_lowercase();
    let mut same: Vec<(u8, cpal::Device)> = Vec::new();
    let mut like: Vec<(String, u8, cpal::Device)> = Vec::new();
    for device in host.devices().map_err(|e| AudioError::NoList(e.to_string()))? {
        let Some((id, name)) = identify(&device) else { continue };
        let lower = name.to_lowercase();
        if lower == wanted || id.to_lowercase() == wanted {
            same.push((rank(&id), device));
        } else if lower.contains(&wanted) {
            like.push((name, rank(&id), device));
        }
    }
    let one_name = like.windows(2).all(|pair| pair[0].0 == pair[1].0);
    if same.is_empty() && one_name {
        same = like.into_iter().map(|(_, rank, device)| (rank, device)).collect();
    }
    same.sort_by_key(|(rank, _)| *rank);
    Ok(same.into_iter().map(|(_, device)| device).find(|device| can(device, direction)))
}

/// The id and the name of a device that is one.
fn identify(device: &cpal::Device) -> Option<(String, String)> {
    let id = device.id().ok()?.id().to_owned();
    let name = device.description().ok()?.name().trim().to_owned();
    (!name.is_empty() && !is_plumbing(&id)).then_some((id, name))
}

/// ALSA lists its converters and templates among the devices; these play to nobody or are not paced.
fn is_plumbing(id: &str) -> bool {
    const PLUMBING: [&str; 11] = [
        "null",
        "lavrate",
        "samplerate",
        "speexrate",
        "speex",
        "jack",
        "oss",
        "upmix",
        "vdownmix",
        "usbstream",
        "file",
    ];
    cfg!(target_os = "linux") && PLUMBING.contains(&id.split(':').next().unwrap_or(id))
}

/// One ALSA card goes by one name in many forms. First those that share it with other programs and convert, last
/// the bare hardware, which belongs to one program alone.
fn rank(id: &str) -> u8 {
    match id.split(':').next().unwrap_or(id) {
        "sysdefault" | "default" => 0,
        "plughw" => 1,
        "hw" => 3,
        _ => 2,
    }
}

fn can(device: &cpal::Device, direction: Direction) -> bool {
    let supports = match direction {
        Direction::Capture => device.supports_input(),
        Direction::Playback => device.supports_output(),
    };
    supports && default_config(device, direction).is_ok()
}

fn default_config(device: &cpal::Device, direction: Direction) -> Result<SupportedStreamConfig, cpal::Error> {
    match direction {
        Direction::Capture => device.default_input_config(),
        Direction::Playback => device.default_output_config(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_may_be_owned_by_the_keeper() {
        fn is_send<T: Send>() {}
        is_send::<cpal::Stream>();
        is_send::<DeviceSource>();
        is_send::<DeviceSink>();
    }

    #[test]
    fn only_what_does_not_mend_itself_fails_a_line() {
        for (kind, fails, troubles) in [
            (ErrorKind::Xrun, false, 0),
            (ErrorKind::DeviceChanged, false, 0),
            (ErrorKind::RealtimeDenied, false, 0),
            (ErrorKind::DeviceNotAvailable, true, 0),
            (ErrorKind::StreamInvalidated, true, 0),
            (ErrorKind::BackendError, false, 1),
        ] {
            let flags = Arc::new(Flags::default());
            on_error(&flags, &cpal::Error::new(kind));
            assert_eq!((flags.has_failed(), flags.troubles()), (fails, troubles), "{kind:?}");
        }
    }

    #[test]
    fn the_converters_of_alsa_are_no_devices() {
        if cfg!(target_os = "linux") {
            assert!(is_plumbing("null") && is_plumbing("lavrate") && is_plumbing("speex:x"));
        }
        assert!(!is_plumbing("default") && !is_plumbing("hw:CARD=0,DEV=0") && !is_plumbing("pulse"));
        assert!(rank("sysdefault:CARD=PCH") < rank("front:CARD=PCH"));
        assert!(rank("front:CARD=PCH") < rank("hw:CARD=PCH"));
    }

    #[test]
    fn a_device_that_is_not_there_is_named_in_one_line() {
        let said = match open_source(Some("no such microphone"), super::super::testing::start()) {
            Ok(_) => panic!("it opened"),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            said,
            "there is no microphone named `no such microphone`: `giaoban devices` lists what there is"
        );
    }
}
