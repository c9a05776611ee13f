use super::parse::duration;
use super::*;
use crate::ctl::Deed;
use giaoban_proto::wire::{FloorMode, Record};
use proptest::prelude::*;

const LINK: &str = "giaoban://hop.example.vn:4646/giaoban?k=aaaaaaaaaaaaaaaaaaaaaaaaaa";

fn settings(words: &[&str]) -> Result<Settings, NoSettings> {
    Settings::from_words(["giaoban"].iter().chain(words))
}

fn joined(words: &[&str]) -> Join {
    match settings(&[&["join", LINK], words].concat()).expect("good usage").command {
        Command::Join(join) => *join,
        other => panic!("join was typed, and not {other:?}"),
    }
}

/// What is said about words that make no sense.
fn wrong(words: &[&str]) -> String {
    match settings(words) {
        Err(NoSettings::Usage(line)) => line,
        other => panic!("{words:?} gave {other:?}"),
    }
}

#[test]
fn a_link_alone_is_enough() {
    let join = joined(&[]);
    assert_eq!(join.to, To::Device(LINK.parse().expect("a link")));
    assert_eq!((join.input, join.output), (Input::Device(None), Output::Device(None)));
    assert_eq!(
        (join.duration, join.name, join.max_kbps, join.max_mb, join.muted),
        (None, None, 0, None, false)
    );
    assert_eq!((join.stats, join.identity, join.tcp), (None, None, TcpPorts::Usual));
}

#[test]
fn all_that_can_be_typed_is_understood() {
    let join = joined(&[
        "--input",
        "speech.wav",
        "--output",
        "heard.wav",
        "--loop",
        "--duration",
        "5m",
        "--name",
        " Tri Lễ ",
        "--max-kbps",
        "24",
        "--max-mb",
        "10",
        "--stats",
        "s.jsonl",
        "--muted",
        "--identity",
        "a.key",
        "--tcp",
        "443,8443",
        "--lang",
        "vi",
    ]);
    assert_eq!(join.tcp, TcpPorts::These(vec![443, 8443]));
    assert_eq!(join.input, Input::File { path: "speech.wav".into(), repeat: true });
    assert_eq!(join.output, Output::File("heard.wav".into()));
    assert_eq!(join.duration, Some(Duration::from_secs(300)));
    assert_eq!(join.name.as_deref(), Some("Tri Lễ"));
    assert_eq!((join.max_kbps, join.max_mb, join.muted), (24, Some(10), true));
    assert_eq!(join.stats, Some("s.jsonl".into()));
    assert_eq!(join.identity, Some("a.key".into()));
    let lang = |words: &[&str]| settings(words).expect("good usage").lang;
    assert_eq!(lang(&["devices"]), None);
    assert_eq!(lang(&["--lang", "vi", "devices"]), Some(Lang::Vi));
    assert_eq!(lang(&["devices", "--lang", "en"]), Some(Lang::En));
}

#[test]
fn without_a_link_it_is_the_meeting_that_is_remembered_with_all_that_is_usual() {
    for words in [&[][..], &["join"], &["window"], &["--lang", "vi"]] {
        let (join, opens) = match settings(words).expect("good usage").command {
            Command::Join(join) => (*join, false),
            Command::Window(window) => {
                assert_eq!(window.open, None);
                (window.join, true)
            }
            other => panic!("{words:?} is {other:?}"),
        };
        assert_eq!(opens, words != ["join"], "without a command it is the window");
        assert_eq!(
            (join.to, join.input, join.output),
            (To::Remembered, Input::Device(None), Output::Device(None))
        );
        assert_eq!((join.duration, join.max_kbps, join.muted), (None, 0, false));
    }
    let Command::Join(join) = settings(&["join", "--muted"]).expect("good usage").command else {
        panic!("join")
    };
    assert!(join.muted && join.to == To::Remembered);
    assert_eq!(settings(&["--lang", "vi"]).expect("good usage").lang, Some(Lang::Vi));
}

#[test]
fn the_window_opens_a_link_or_a_file_as_it_is_and_looks_at_it_later() {
    for open in [LINK, "họp.giaoban", "file:///home/xa/h%E1%BB%8Dp.giaoban"] {
        let settings = settings(&["window", open, "--muted"]).expect("good usage");
        let Command::Window(window) = settings.command else { panic!("{open}") };
        assert_eq!((window.open.as_deref(), window.join.muted), (Some(open), true));
        assert_eq!(window.join.to, To::Remembered);
    }
    let Command::Window(window) = settings(&["window", " "]).expect("good usage").command else {
        panic!("window")
    };
    assert_eq!(window.open, None, "a desktop that opens nothing may say so");
}

/// Where a guest goes who types this: bridge, room, whether a key is pinned, PIN.
fn guest(words: &[&str]) -> (String, String, bool, Option<String>) {
    let Command::Join(join) = settings(words).expect("good usage").command else { panic!("{words:?}") };
    assert_eq!(join.identity, None, "a guest has a key of its own");
    let To::Guest { host, port, room, pins, pin } = join.to else { panic!("{words:?}") };
    (format!("{host} {port}"), room.to_string(), pins.is_some(), pin.map(|pin| pin.reveal().to_owned()))
}

#[test]
fn a_guest_comes_by_dialling_or_by_a_link_for_guests() {
    let to = |place: &str, room: &str, pinned, pin: Option<&str>| {
        (place.to_owned(), room.to_owned(), pinned, pin.map(str::to_owned))
    };
    let dialled = guest(&["dial", "hop.example.vn", "Phòng 1"]);
    assert_eq!(dialled, to("hop.example.vn 4646", "Phòng 1", false, None));
    let dialled = guest(&["dial", "[2001:db8::7]:5000", "giaoban", "--pin", "1234 5678", "--name", "Khách"]);
    assert_eq!(dialled, to("2001:db8::7 5000", "giaoban", false, Some("12345678")));
    let link = format!("{LINK}&g=1");
    let linked = guest(&["join", &link, "--pin", "12345678", "--input", "silence", "--output", "null"]);
    assert_eq!(linked, to("hop.example.vn 4646", "giaoban", true, Some("12345678")));
    // A device has no use for a PIN that the environment holds.
    assert!(matches!(joined(&["--pin", "12345678"]).to, To::Device(_)));
}

#[test]
fn a_pin_that_was_mistyped_is_not_shown() {
    for words in [&["dial", "h", "r", "--pin", "1234567"][..], &["dial", "h", "r", "--pin", "1234567x"]] {
        let line = wrong(words);
        assert!(line.contains("8 to 16 digits") && !line.contains("1234567"), "{line}");
    }
    let typed = settings(&["dial", "h", "r", "--pin", "12345678"]).expect("good usage");
    assert!(!format!("{typed:?}").contains("12345678"));
}

#[test]
fn an_act_stands_alone_or_behind_a_link_or_a_hyphen() {
    let ctl = |words: &[&str]| match settings(&[&["ctl"], words].concat()).expect("good usage").command {
        Command::Ctl(ctl) => *ctl,
        other => panic!("ctl was typed, and not {other:?}"),
    };
    let device = To::Device(LINK.parse().expect("a link"));
    for (words, to, wish) in [
        (&["who"][..], To::Remembered, Wish::Who),
        (&["-", "lobby"], To::Remembered, Wish::Lobby),
        (&[LINK, "who"], device.clone(), Wish::Who),
        (&[LINK, "admit", "7"], device, Wish::Do(Deed::Admit(7))),
        (&["refuse", "7"], To::Remembered, Wish::Do(Deed::Refuse(7))),
        (&["-", "expel", "7"], To::Remembered, Wish::Do(Deed::Expel(7))),
        (&["silence", "7"], To::Remembered, Wish::Do(Deed::Silence(7))),
        (&["unsilence", "7"], To::Remembered, Wish::Do(Deed::Unsilence(7))),
        (&["status"], To::Remembered, Wish::Status),
        (&["watch"], To::Remembered, Wish::Watch),
        (&["mute", "7"], To::Remembered, Wish::Do(Deed::Silence(7))),
        (&["unmute", "7"], To::Remembered, Wish::Do(Deed::Unsilence(7))),
        (&["grant", "7"], To::Remembered, Wish::Do(Deed::Grant(7))),
        (&["grant", "next"], To::Remembered, Wish::Do(Deed::Grant(0))),
        (&["take-back"], To::Remembered, Wish::Do(Deed::TakeBack)),
        (&["lower", "7"], To::Remembered, Wish::Do(Deed::Lower(7))),
        (&["lower", "all"], To::Remembered, Wish::Do(Deed::Lower(0))),
        (&["floor", "open"], To::Remembered, Wish::Do(Deed::Floor(FloorMode::Open, 0))),
        (
            &["floor", "moderated", "--turn", "3m"],
            To::Remembered,
            Wish::Do(Deed::Floor(FloorMode::Moderated, 180)),
        ),
        (&["floor", "announcement"], To::Remembered, Wish::Do(Deed::Floor(FloorMode::Announcement, 0))),
        (&["silence-all"], To::Remembered, Wish::Do(Deed::SilenceAll(false))),
        (&["silence-all", "--but-floor"], To::Remembered, Wish::Do(Deed::SilenceAll(true))),
        (&["unsilence-all"], To::Remembered, Wish::Do(Deed::UnsilenceAll)),
        (&["lock"], To::Remembered, Wish::Do(Deed::Lock(true))),
        (&["unlock"], To::Remembered, Wish::Do(Deed::Lock(false))),
        (&["newcomers", "silent"], To::Remembered, Wish::Do(Deed::Newcomers(true))),
        (&["newcomers", "speak"], To::Remembered, Wish::Do(Deed::Newcomers(false))),
        (&["rename", "7", "Tri", "Lễ"], To::Remembered, Wish::Do(Deed::Rename(7, "Tri Lễ".into()))),
        (&["gain", "7", "-6"], To::Remembered, Wish::Do(Deed::Gain(7, -6))),
        (&["gain", "7", "12"], To::Remembered, Wish::Do(Deed::Gain(7, 12))),
        (&["rollcall"], To::Remembered, Wish::Do(Deed::RollCall(120))),
        (&["rollcall", "--within", "60s"], To::Remembered, Wish::Do(Deed::RollCall(60))),
        (&["rollcall", "end"], To::Remembered, Wish::Do(Deed::RollCall(0))),
        (&["tick", "7"], To::Remembered, Wish::Do(Deed::Tick(7))),
        (&["untick", "7"], To::Remembered, Wish::Do(Deed::Untick(7))),
        (&["record", "start"], To::Remembered, Wish::Do(Deed::Record(Record::Start))),
        (&["record", "stop"], To::Remembered, Wish::Do(Deed::Record(Record::Stop))),
        (&["record", "pause"], To::Remembered, Wish::Do(Deed::Record(Record::Pause))),
        (&["play", "khai-mac.wav"], To::Remembered, Wish::Do(Deed::Play("khai-mac.wav".into()))),
        (&["play"], To::Remembered, Wish::Do(Deed::Play(String::new()))),
        (&["say", "số", "112/BC"], To::Remembered, Wish::Do(Deed::Say("số 112/BC".into(), false))),
        (&["say", "a", "--operators"], To::Remembered, Wish::Do(Deed::Say("a".into(), true))),
        (&["deputy", "7"], To::Remembered, Wish::Do(Deed::Deputy(7))),
        (&["deputy", "none"], To::Remembered, Wish::Do(Deed::Deputy(0))),
        (&["two-way", "7"], To::Remembered, Wish::Do(Deed::TwoWay(7, true))),
        (&["one-way", "7"], To::Remembered, Wish::Do(Deed::TwoWay(7, false))),
    ] {
        let typed = ctl(words);
        assert_eq!((typed.to, typed.wish, typed.json, typed.identity), (to, wish, false, None), "{words:?}");
    }
    let typed = ctl(&["who", "--json", "--identity", "a.key", "--tcp", "off"]);
    assert_eq!((typed.json, typed.identity), (true, Some("a.key".into())));
    assert_eq!(typed.tcp, TcpPorts::These(vec![]));
    for (words, says) in [
        (&["ctl"][..], "LINK"),
        (&["ctl", "-"], "an act is"),
        (&["ctl", "floor", "closed"], "open, moderated or announcement"),
        (&["ctl", "gain", "7", "13"], "from -12 to 12"),
        (&["ctl", "gain", "7", "loud"], "from -12 to 12"),
        (&["ctl", "say"], "an act is"),
        (&["ctl", "say", &"ễ".repeat(200)], "500 bytes"),
        (&["ctl", "rename", "7"], "an act is"),
        (&["ctl", "rename", "7", &"ễ".repeat(22)], "64 bytes"),
        (&["ctl", "floor", "moderated", "--turn", "300ms"], "a second at least"),
        (&["ctl", "who", "--turn", "3m"], "--turn goes with floor"),
        (&["ctl", "lock", "--within", "3m"], "--within goes with rollcall"),
        (&["ctl", "expel", "7", "--operators"], "--operators goes with say"),
        (&["ctl", "say", "a", "--but-floor"], "--but-floor goes with silence-all"),
        (&["ctl", "ban", "7"], "an act is"),
        (&["ctl", "admit"], "an act is"),
        (&["ctl", "admit", "-7"], "-7"),
        (&["ctl", "admit", "Tri Lễ"], "is no number"),
        (&["ctl", "who", "7"], "an act is"),
        (&["ctl", "https://example.vn", "who"], "begins with giaoban://"),
        (&["ctl", &format!("{LINK}&g=1"), "who"], "for guests"),
    ] {
        let line = wrong(words);
        assert!(line.contains(says) && line.lines().count() == 1, "{line}");
    }
}

#[test]
fn the_console_is_joined_by_and_answers_for_its_operator() {
    let typed =
        settings(&["console", LINK, "--input", "silence", "--output", "null", "--muted", "--lang", "vi"]);
    let Settings { lang: Some(Lang::Vi), command: Command::Console(join) } = typed.expect("good usage")
    else {
        panic!("console was typed, in Vietnamese")
    };
    assert_eq!(
        (join.to, join.input, join.output),
        (To::Device(LINK.parse().expect("a link")), Input::Silence, Output::Null)
    );
    assert!(join.muted && !join.raise && join.duration.is_none());
    assert!(wrong(&["console", &format!("{LINK}&g=1")]).contains("for guests"));
    assert!(wrong(&["console", LINK, "--raise"]).contains("--raise"));
}

#[test]
fn a_check_needs_a_link_for_devices_and_no_more() {
    let Command::Check(check) = settings(&["check", LINK]).expect("good usage").command else {
        panic!("check was typed")
    };
    assert_eq!((check.link.to_string().as_str(), check.json, check.identity), (LINK, false, None));
    let typed = settings(&["check", LINK, "--json", "--identity", "a.key"]).expect("good usage");
    let Command::Check(check) = typed.command else { panic!("check was typed") };
    assert_eq!((check.json, check.identity), (true, Some("a.key".into())));
    let guest = format!("{LINK}&g=1");
    assert!(wrong(&["check", &guest]).contains("guests"));
    assert!(wrong(&["check"]).contains("LINK"));
}

#[test]
fn times_are_read_in_seconds_minutes_and_hours() {
    for (word, seconds) in [("90", 90), ("60s", 60), ("5m", 300), ("1h", 3600), ("1000h", 3_600_000)] {
        assert_eq!(duration(word), Ok(Duration::from_secs(seconds)));
    }
    assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
    for word in [
        "",
        "s",
        "ms",
        "0ms",
        "5 ms",
        "5 m",
        "-5",
        "+5",
        "1.5h",
        "5d",
        "0",
        "0m",
        "1001h",
        "99999999999999999999h",
        "٣",
    ] {
        assert!(duration(word).is_err(), "{word}");
    }
}

#[test]
fn a_source_plays_nothing_unless_told_where_and_no_guest_is_one() {
    let join = |words: &[&str]| match settings(words).expect("good usage").command {
        Command::Join(join) => (join.source, join.input, join.output),
        other => panic!("{other:?}"),
    };
    let pipe = ["join", LINK, "--source", "--input", "-"];
    assert_eq!(join(&pipe), (true, Input::Pipe, Output::Null));
    assert_eq!(join(&[&pipe[..], &["--output", "-"]].concat()), (true, Input::Pipe, Output::Pipe));
    assert_eq!(join(&["join", LINK]), (false, Input::Device(None), Output::Device(None)));
    let guests = format!("{LINK}&g=1");
    assert!(wrong(&["join", &guests, "--source"]).contains("operator"));
}

#[test]
fn bad_usage_is_answered_in_one_line_that_names_the_fault() {
    for (words, says) in [
        (vec!["join", "https://example.vn"], "a link begins with giaoban://"),
        (vec!["join", LINK, "--input", "mic"], "FILE.wav, device, device:NAME, tone, silence or -"),
        (vec!["join", LINK, "--output", "tone"], "FILE.wav, device, device:NAME, null or -"),
        (vec!["join", LINK, "--loop"], "--loop"),
        (vec!["join", LINK, "--input", "tone", "--loop"], "--loop"),
        (vec!["join", LINK, "--duration", "soon"], "5m"),
        (vec!["join", LINK, "--max-kbps", "7"], "at least 8 kbit/s"),
        (vec!["join", LINK, "--max-kbps", "much"], "whole number"),
        (vec!["join", LINK, "--max-mb", "0"], "costs something"),
        (vec!["join", LINK, "--max-mb", "2.5"], "whole number"),
        (vec!["join", LINK, "--name", " "], "empty"),
        (vec!["join", LINK, "--lang", "fr"], "fr"),
        (vec!["join", LINK, LINK], "unexpected"),
        (vec!["join", LINK, "--rise"], "--rise"),
        (vec!["dial", "host"], "ROOM"),
        (vec!["dial", "a b", "room"], "bridge.example.vn"),
        (vec!["dial", "host:0", "room"], "65535"),
        (vec!["dial", "host", ""], "empty"),
    ] {
        let line = wrong(&words);
        assert!(line.contains(says) && line.lines().count() == 1 && !line.starts_with("error"), "{line}");
    }
    assert!(wrong(&["join", LINK, "--name", &"ễ".repeat(22)]).contains("64 bytes"));
}

#[test]
fn no_file_is_written_over_another_that_was_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("sub")).expect("made");
    std::fs::write(folder.path().join("x.wav"), b"speech").expect("written");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (one, other, flags) in [
        ("x.wav", "x.wav", ["--input", "--output"]),
        ("x.wav", "sub/../x.wav", ["--input", "--output"]),
        ("not-yet.wav", "sub/../not-yet.wav", ["--output", "--stats"]),
        ("x.wav", "x.wav", ["--identity", "--stats"]),
        ("x.wav", "x.wav", ["--identity", "--output"]),
    ] {
        let line = wrong(&["join", LINK, flags[0], &path(one), flags[1], &path(other)]);
        assert!(line.contains(flags[0]) && line.contains(flags[1]) && line.lines().count() == 1, "{line}");
    }
    let join = joined(&["--input", &path("x.wav"), "--output", &path("sub/x.wav")]);
    assert_eq!(join.output, Output::File(folder.path().join("sub/x.wav")));
    #[cfg(unix)]
    joined(&["--output", "/dev/null", "--stats", "/dev/null"]);
}

#[cfg(unix)]
#[test]
fn the_usual_place_follows_the_environment() {
    let path = |variables: &[(&str, &str)]| {
        let found = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
        default_path(found).ok()
    };
    let expect = |path: &str| Some(PathBuf::from(path));
    assert_eq!(path(&[("HOME", "/home/a")]), expect("/home/a/.config/giaoban/device.key"));
    assert_eq!(path(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c")]), expect("/c/giaoban/device.key"));
    assert_eq!(
        path(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "c")]),
        expect("/home/a/.config/giaoban/device.key")
    );
    assert_eq!(path(&[("HOME", "")]), None);
}

#[test]
fn help_and_version_are_no_faults() {
    for words in [["--help"], ["--version"]] {
        assert!(matches!(settings(&words), Err(NoSettings::Asked(text)) if text.contains("giaoban")));
    }
    let Err(NoSettings::Asked(help)) = settings(&["join", "--help"]) else { panic!("help") };
    for flag in [
        "--input",
        "--output",
        "--loop",
        "--duration",
        "--name",
        "--pin",
        "--max-kbps",
        "--max-mb",
        "--stats",
        "--muted",
        "--raise",
        "--answer-roll-call",
    ] {
        assert!(help.contains(flag), "{flag}");
        let variable = format!("GIAOBAN_{}", flag[2..].to_uppercase().replace('-', "_"));
        assert!(help.contains(&variable), "{variable}");
    }
}

proptest! {
    #[test]
    fn any_words_are_settings_or_one_line(words in proptest::collection::vec("\\PC{0,12}", 0..6)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if let Err(NoSettings::Usage(line)) = settings(&[&["join"], &words[..]].concat()) {
            prop_assert_eq!(line.lines().count(), 1);
        }
    }
}
