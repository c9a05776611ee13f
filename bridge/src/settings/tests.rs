use super::*;
use crate::store::{Access, Guests};

fn usable(args: &[&str]) -> Result<Settings, SettingsError> {
    let args = ["giaoban-bridge"].iter().chain(args).chain(&["--data", "/d"]);
    Settings::from_words(args)
}

fn command(args: &[&str]) -> Command {
    usable(args).unwrap_or_else(|error| panic!("{args:?}: {error}")).command
}

fn serve(args: &[&str]) -> Result<Serve, SettingsError> {
    usable(args).map(|settings| match settings.command {
        Command::Serve(serve) => serve,
        other => panic!("{other:?}"),
    })
}

fn place() -> Place {
    Place { public: None, listen: "[::]:4646".parse().expect("an address"), qr: false }
}

fn room(name: &str) -> RoomName {
    name.parse().expect("a room")
}

#[test]
fn nothing_typed_is_enough() {
    let settings = serve(&[]).expect("usable");
    assert_eq!(settings.listen, "[::]:4646".parse().expect("an address"));
    assert_eq!((settings.public, settings.limits, settings.log_names), (None, Limits::default(), false));
    assert_eq!(serve(&["serve"]).expect("usable").listen.port(), 4646);
    assert!(!usable(&[]).expect("usable").json && usable(&["--json"]).expect("usable").json);
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "listen = '127.0.0.1:5000'\nmax-members = 7\n").expect("writes");
    let file = path.to_str().expect("a plain path");
    let settings = serve(&["--config", file, "--max-members", "9"]).expect("usable");
    assert_eq!((settings.listen.port(), settings.limits.members), (5000, 9));
    std::fs::write(&path, "listen = '127.0.0.1:5000'\nmax_member = 7\n").expect("writes");
    let said = usable(&["--config", file]).expect_err("refused").to_string();
    assert!(said.contains("line 2") && said.contains("max_member") && !said.contains('\n'), "{said}");
}

#[test]
fn recordings_are_kept_for_ever_unless_flag_or_file_says_for_how_long() {
    let days = |n: u64| Some(std::time::Duration::from_secs(n * 86_400));
    assert_eq!(serve(&[]).expect("usable").keep_recordings, None);
    assert_eq!(serve(&["--keep-recordings", "90d"]).expect("usable").keep_recordings, days(90));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "keep-recordings = '7d'\n").expect("writes");
    let file = path.to_str().expect("a plain path");
    assert_eq!(serve(&["--config", file]).expect("usable").keep_recordings, days(7));
    let both = serve(&["--config", file, "--keep-recordings", "forever"]).expect("usable");
    assert_eq!(both.keep_recordings, None);
    let said = serve(&["--keep-recordings", "a year"]).expect_err("refused").to_string();
    assert!(said.contains("90d") && !said.contains('\n'), "{said}");
}

#[test]
fn every_limit_can_be_set_by_flag_and_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "log-names = true\n[limits]\nrooms = 5\nstrangers = 6\n").expect("writes");
    let file = path.to_str().expect("a plain path");
    let limit = ["--config", file, "--limit", "rooms=7", "--limit", "members=8,messages=9"];
    let settings = serve(&limit).expect("usable");
    let usual = Limits::default();
    assert_eq!(settings.limits, Limits { rooms: 7, strangers: 6, members: 8, messages: 9, ..usual });
    assert!(settings.log_names);
    for (text, said) in [("cows = 1", "cows"), ("rooms = 0", "from 1 to"), ("rooms = -1", "line 2")] {
        std::fs::write(&path, format!("[limits]\n{text}\n")).expect("writes");
        let error = serve(&["--config", file]).expect_err("refused").to_string();
        assert!(error.contains(said) && !error.contains('\n'), "{error}");
    }
    let Err(SettingsError::Asked(help)) = usable(&["serve", "--help"]) else { panic!("help") };
    assert!(Limits::names().iter().all(|name| help.contains(&format!("{name}="))), "{help}");
}

#[test]
fn the_file_of_the_package_names_every_setting_and_shows_it_as_it_is_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    let file = path.to_str().expect("a plain path");
    let shipped = include_str!("../../packaging/bridge.toml");
    let usual = serve(&[]).expect("usable");
    std::fs::write(&path, shipped).expect("writes");
    assert_eq!(serve(&["--config", file]).expect("usable"), usual);
    let is_setting =
        |line: &str| line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_lowercase());
    let shown: Vec<&str> =
        shipped.lines().map(|line| if is_setting(line) { &line[1..] } else { line }).collect();
    std::fs::write(&path, shown.join("\n")).expect("writes");
    let public = Some(("giaoban.example.vn".parse().expect("a host"), None));
    let listen_tcp = ListenTcp::At(usual.listen);
    assert_eq!(serve(&["--config", file]).expect("usable"), Serve { public, listen_tcp, ..usual });
    let named = |name: &str| shown.iter().any(|line| line.split(" = ").next() == Some(name));
    // The unit names the data folder, and `max-members` is the limit `members`.
    let settings = ["public", "listen", "listen-tcp", "max-members", "keep-recordings", "log-names"];
    let limits = Limits::names().into_iter().filter(|&name| name != "members");
    for name in settings.into_iter().chain(limits) {
        assert!(named(name), "{name}");
    }
}

#[test]
fn the_file_says_for_every_command_where_the_data_is_and_where_links_lead() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "data = '/elsewhere'\npublic = 'b.example.vn:443'\nlisten = '[::]:5000'\n")
        .expect("writes");
    let file = path.to_str().expect("a plain path");
    let settings = Settings::from_words(["giaoban-bridge", "invite", "3", "--config", file]).expect("usable");
    assert_eq!(settings.data, PathBuf::from("/elsewhere"));
    let Command::Invite(_, to) = settings.command else { panic!("an invitation") };
    let host = "b.example.vn".parse().expect("a host");
    assert_eq!((to.place.public, to.place.listen.port()), (Some((host, Some(443))), 5000));
}

#[test]
fn what_makes_no_sense_is_said_in_one_line() {
    for wrong in [
        &["--bogus"][..],
        &["--listen", "nowhere"],
        &["serve", "twice"],
        &["--max-members", "0"],
        &["--limit", "cows=1"],
        &["serve", "--limit", "rooms=0"],
        &["--listen", "[::]:1", "site", "list"],
        &["site"],
        &["site", "add"],
        &["site", "add", "x", "--role", "king"],
        &["site", "role", "x", "king"],
        &["site", "role", "x", "default"],
        &["invite", "x", "--room", ""],
        &["invite", "x", "--public", "a b"],
        &["room", "set", "giaoban"],
        &["room", "set", "giaoban", "--access", "some"],
        &["room", "set", "giaoban", "--guests", "yes"],
        &["room", "set", "giaoban", "--pin", "1234567"],
        &["room", "set", "giaoban", "--pin", "12345678a"],
        &["room", "set", "giaoban", "--max-members", "0"],
        &["room", "add", "a\nb"],
        &["guest-link"],
        &["attendance", "--since", "yesterday"],
        &["attendance", "--csv", "--json"],
        &["attendance", "--html", "--csv"],
        &["messages"],
        &["audit", "verify", "--head", "12"],
        &["audit", "list", "--last", "-1"],
        &["key"],
        &["completions", "cmd"],
    ] {
        let said = usable(wrong).expect_err(&format!("{wrong:?}")).to_string();
        assert!(!said.contains('\n') && said.len() > 20, "{wrong:?}: {said}");
    }
    for asked in [&["--help"][..], &["site", "--help"], &["room", "set", "--help"]] {
        assert!(matches!(usable(asked), Err(SettingsError::Asked(_))), "{asked:?}");
    }
    let version = Settings::from_words(["giaoban-bridge", "--version"]);
    assert!(matches!(version, Err(SettingsError::Asked(text)) if text.starts_with("giaoban-bridge ")));
}

#[test]
fn tcp_is_listened_on_as_udp_unless_said_otherwise() {
    let tcp = |args: &[&str]| serve(args).map(|settings| settings.listen_tcp);
    assert_eq!(tcp(&[]).expect("usable"), ListenTcp::AsUdp);
    assert_eq!(tcp(&["--listen-tcp", "off"]).expect("usable"), ListenTcp::Off);
    let at = ListenTcp::At("0.0.0.0:443".parse().expect("an address"));
    assert_eq!(tcp(&["--listen-tcp", "0.0.0.0:443"]).expect("usable"), at);
    let said = tcp(&["--listen-tcp", "443"]).expect_err("refused").to_string();
    assert!(said.contains("0.0.0.0:443") && !said.contains('\n'), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    std::fs::write(&path, "listen-tcp = '0.0.0.0:443'\n").expect("writes");
    assert_eq!(tcp(&["--config", path.to_str().expect("a plain path")]).expect("usable"), at);
}

#[test]
fn sites_are_added_invited_and_changed() {
    let to = LinkTo { room: None, place: place() };
    let name = || "UBND xã Tri Lễ".to_owned();
    for (args, site) in [
        (&["site", "add", "UBND xã Tri Lễ"][..], Site::Add(name(), SiteRole::Participant, to.clone())),
        (&["site", "list"], Site::List),
        (&["site", "revoke", "3"], Site::Revoke("3".into())),
        (&["site", "rename", "3", "UBND xã Tri Lễ"], Site::Rename("3".into(), name())),
        (&["site", "role", "3", "listener"], Site::Role("3".into(), Some(SiteRole::Listener), None)),
        (
            &["site", "role", "3", "operator", "--room", "họp"],
            Site::Role("3".into(), Some(SiteRole::Operator), Some(room("họp"))),
        ),
        (&["site", "role", "3", "default", "--room", "họp"], Site::Role("3".into(), None, Some(room("họp")))),
    ] {
        assert_eq!(command(args), Command::Site(site));
    }
    let public = Some(("b.example.vn".parse().expect("a host"), Some(443)));
    let there = LinkTo { room: Some(room("họp")), place: Place { public, qr: true, ..place() } };
    let words = ["--room", "họp", "--public", "b.example.vn:443", "--qr"];
    let args = [&["site", "add", "x", "--role", "trunk"], &words[..]].concat();
    assert_eq!(command(&args), Command::Site(Site::Add("x".into(), SiteRole::Trunk, there.clone())));
    assert_eq!(command(&[&["invite", "x"], &words[..]].concat()), Command::Invite("x".into(), there));
    assert_eq!(command(&["kick", "x"]), Command::Kick("x".into()));
}

#[test]
fn rooms_are_changed_only_in_what_is_said() {
    let set = |args: &[&str]| match command(&[&["room", "set", "họp"], args].concat()) {
        Command::Room(Room::Set(name, change)) if name == room("họp") => change,
        other => panic!("{other:?}"),
    };
    let nothing = RoomChange::default;
    assert_eq!(set(&["--access", "listed"]), RoomChange { access: Some(Access::Listed), ..nothing() });
    assert_eq!(set(&["--guests", "admit"]), RoomChange { guests: Some(Guests::Admit), ..nothing() });
    assert_eq!(set(&["--pin", "new"]), RoomChange { pin: Some(NewPin::Fresh), ..nothing() });
    assert_eq!(
        set(&["--pin", "01234567", "--max-members", "none"]),
        RoomChange { pin: Some(NewPin::Is("01234567".into())), max_members: Some(None), ..nothing() }
    );
    assert_eq!(set(&["--max-members", "30"]), RoomChange { max_members: Some(Some(30)), ..nothing() });
    assert_eq!(command(&["room", "add", "họp"]), Command::Room(Room::Add(room("họp"), nothing())));
    assert_eq!(command(&["room", "list"]), Command::Room(Room::List));
    assert_eq!(command(&["room", "remove", "họp"]), Command::Room(Room::Remove(room("họp"))));
    assert_eq!(command(&["guest-link", "họp"]), Command::GuestLink(room("họp"), place()));
}

#[test]
fn what_was_done_and_who_was_there_can_be_asked_for() {
    let day = |text: &str| Some(text.parse::<When>().expect("a moment"));
    assert_eq!(
        command(&["attendance", "--room", "họp", "--since", "2026-03-01", "--until", "2026-03-31", "--csv"]),
        Command::Attendance(Attendance {
            room: Some(room("họp")),
            since: day("2026-03-01"),
            until: day("2026-03-31"),
            form: Form::Csv
        })
    );
    let list = Audit::List { since: day("7d"), last: Some(5) };
    assert_eq!(command(&["audit", "list", "--since", "7d", "--last", "5"]), Command::Audit(list));
    let head = "ab".repeat(32);
    assert_eq!(
        command(&["audit", "verify", "--head", &head]),
        Command::Audit(Audit::Verify(Some([0xab; 32])))
    );
    assert_eq!(command(&["audit", "verify"]), Command::Audit(Audit::Verify(None)));
}

#[test]
fn the_rest_of_the_commands() {
    assert_eq!(command(&["key", "rotate"]), Command::Key(Key::Rotate));
    assert_eq!(command(&["key", "export-spare", "/x"]), Command::Key(Key::ExportSpare("/x".into())));
    assert_eq!(command(&["completions", "bash"]), Command::Completions(Shell::Bash));
    assert_eq!(command(&["man"]), Command::Man(None));
    assert_eq!(command(&["man", "--dir", "/m"]), Command::Man(Some("/m".into())));
    for args in [&["--json", "site", "list"][..], &["site", "--json", "list"], &["site", "list", "--json"]] {
        assert!(usable(args).expect("usable").json, "{args:?}");
    }
}

#[test]
fn the_doctor_is_told_what_is_wrong_with_the_settings_rather_than_kept_away_by_it() {
    let doctor = |args: &[&str]| match command(args) {
        Command::Doctor(doctor) => doctor,
        other => panic!("{other:?}"),
    };
    assert_eq!(doctor(&["doctor"]).fault, None);
    assert_eq!(doctor(&["doctor", "--listen", "127.0.0.1:5000"]).serve.listen.port(), 5000);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bridge.toml");
    let file = path.to_str().expect("a plain path");
    for text in [None, Some("listen = 5"), Some("max-members = 0"), Some("public = 'a b'")] {
        if let Some(text) = text {
            std::fs::write(&path, text).expect("writes");
        }
        let found = doctor(&["doctor", "--config", file]);
        assert!(found.fault.is_some() && found.config.is_some(), "{text:?}");
        assert_eq!(found.serve.listen.port(), 4646);
        assert!(usable(&["--config", file]).is_err(), "{text:?}");
    }
}

#[test]
fn the_command_line_is_sound() {
    command_line().debug_assert();
}
