//! Each command of the real binary, on a real data folder.
#![cfg(unix)]

mod doctor;
mod harness;
mod recordings;
mod serve;

use giaoban_bridge::store::{Ask, Fact, GuestAsk, SqliteStore, Store as _, UnixMs};
use giaoban_proto::link::Link;
use giaoban_proto::transport::{Identity, private};
use giaoban_proto::wire::{CloseCode, SiteRole};
use harness::{House, chmod, mode};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// 2026-03-31 08:00 in Việt Nam.
const MORNING: i64 = 1_774_918_800_000;
const MINUTE: i64 = 60_000;

fn link_in(text: &str) -> Link {
    let line = text.lines().find(|line| line.trim().starts_with("giaoban://")).expect("a link");
    line.parse().expect("sound")
}

#[test]
fn a_site_is_added_with_a_link_that_is_its_own() {
    let house = House::used();
    let said = house.well(&["site", "add", "UBND xã Tri Lễ"]);
    assert!(said.contains("UBND xã Tri Lễ") && said.contains("dùng được một lần"), "{said}");
    let link = link_in(&said);
    let key = |name| private::identity(&house.file(name)).expect("a key").fingerprint();
    assert_eq!((link.host.as_str(), link.port, link.room.as_str()), ("bridge.example.vn", 4646, "giaoban"));
    assert_eq!((link.key, link.spare, link.guest), (key("bridge.key"), Some(key("spare.key")), false));
    assert!(link.code.is_some() && !said.contains('\u{1b}'), "no QR code but on a terminal: {said}");

    let again = house.fault(&["site", "add", "UBND xã Tri Lễ"]);
    assert!(again.contains("already"), "{again}");
    let other = link_in(&house.well(&["invite", "UBND xã Tri Lễ", "--public", "10.1.2.3:443"]));
    assert_eq!((other.host.as_str(), other.port), ("10.1.2.3", 443));
    assert!(other.code.is_some() && other.code != link.code);
    let drawn = house.well(&["invite", "2", "--qr"]);
    assert!(drawn.contains("\u{1b}[38;5;16;48;5;231m    █▀▀▀▀▀█"), "{drawn}");

    let said = house.json(&["site", "add", "Quế Phong", "--role", "listener"]);
    assert_eq!((&said["site"]["role"], &said["room"]), (&"listener".into(), &"giaoban".into()));
    assert!(said["link"].as_str().expect("a link").parse::<Link>().expect("sound").code.is_some());
    let left = said["expires_unix_ms"].as_i64().expect("a time")
        - said["site"]["created_unix_ms"].as_i64().expect("a time");
    assert!((72 * 60 * MINUTE..=72 * 60 * MINUTE + MINUTE).contains(&left), "{left}");
    assert!(house.fault(&["site", "add", "x", "--room", "nowhere"]).contains("room list"));
    assert!(house.fault(&["invite", "nobody"]).contains("site list"));
    assert_eq!(
        house.json(&["site", "list"]).as_array().expect("sites").len(),
        3,
        "what failed left nothing behind"
    );
}

#[test]
fn a_site_is_renamed_given_roles_shut_out_and_taken_back() {
    let house = House::used();
    house.well(&["site", "add", "Tri Lễ"]);
    // Named like the number of the one before: a name goes before a number, and neither is mixed up.
    house.well(&["site", "add", "2"]);
    let site = |name: &str| {
        let sites = house.json(&["site", "list"]);
        sites.as_array().expect("sites").iter().find(|site| site["name"] == name).cloned().expect(name)
    };
    house.well(&["site", "rename", "Tri Lễ", "UBND xã Tri Lễ"]);
    house.well(&["site", "role", "UBND xã Tri Lễ", "listener"]);
    house.well(&["site", "role", "UBND xã Tri Lễ", "operator", "--room", "giaoban"]);
    let changed = site("UBND xã Tri Lễ");
    assert_eq!(
        (&changed["role"], &changed["room_roles"]["giaoban"]),
        (&"listener".into(), &"operator".into())
    );
    let back = house.json(&["site", "role", "UBND xã Tri Lễ", "default", "--room", "giaoban"]);
    assert_eq!(back["room_roles"], serde_json::json!({}));

    // However its accents were typed.
    house.well(&["kick", "UBND xa\u{303} Tri Le\u{302}\u{303}"]);
    assert_eq!(house.json(&["kick", "2"])["id"], 3);
    let gone = house.json(&["site", "revoke", "UBND xã Tri Lễ"]);
    assert_eq!((&gone["revoked"], &gone["id"]), (&true.into(), &2.into()));
    assert!(house.well(&["site", "list"]).contains("revoked"));
    assert_eq!(site("2")["revoked"], false);
    assert_eq!(house.json(&["invite", "UBND xã Tri Lễ"])["site"]["revoked"], false);
    let audit = house.well(&["audit", "list"]);
    for act in [
        "site added",
        "site renamed",
        "role set",
        "role cleared",
        "site kicked",
        "site revoked",
        "site readmitted",
    ] {
        assert!(audit.contains(act), "{act}: {audit}");
    }
    assert!(audit.contains("command line ("), "{audit}");
}

#[test]
fn rooms_are_made_changed_and_removed_and_say_how_guests_come_in() {
    let house = House::used();
    let first = link_in(&house.well(&["guest-link", "giaoban"]));
    assert!(first.guest && first.code.is_none() && first.spare.is_some());
    let made = house.json(&["room", "add", "họp", "--access", "listed", "--max-members", "30"]);
    assert_eq!((&made["guests"], &made["max_members"]), (&"no".into(), &30.into()));
    assert!(house.fault(&["guest-link", "họp"]).contains("--guests lobby"));
    let set = house.json(&[
        "room",
        "set",
        "họp",
        "--guests",
        "admit",
        "--pin",
        "00112233",
        "--max-members",
        "none",
    ]);
    assert_eq!((&set["pin"], &set["max_members"]), (&"00112233".into(), &serde_json::Value::Null));
    let guest = house.json(&["guest-link", "họp"]);
    assert_eq!((&guest["pin"], &guest["guests"]), (&"00112233".into(), &"admit".into()));
    assert!(guest["link"].as_str().expect("a link").ends_with("&g=1"));
    assert_ne!(house.json(&["room", "set", "họp", "--pin", "new"])["pin"], "00112233");

    // Into a room for listed sites leads only a link that is said to.
    let listed = house.json(&["site", "add", "Tri Lễ", "--room", "họp"]);
    assert_eq!(listed["site"]["room_roles"]["họp"], "participant");
    house.well(&["site", "add", "Quế Phong"]);
    let said = house.run(&["invite", "Quế Phong", "--room", "họp"]);
    assert!(said.code == Some(0) && said.err.contains("site role 3 participant --room họp"), "{said:?}");
    assert!(house.well(&["room", "list"]).contains("Tri Lễ: participant"));

    assert_eq!(house.json(&["room", "remove", "họp"])["removed"], "họp");
    assert!(house.fault(&["room", "remove", "họp"]).contains("room list"));
    house.well(&["room", "remove", "giaoban"]);
    assert!(house.fault(&["invite", "Tri Lễ"]).contains("room add"));
    assert!(house.well(&["room", "list"]).contains("room add"));
}

/// A morning's meeting: a site with a break, a guest with a name that a spreadsheet would calculate with.
fn meeting(house: &House) {
    let clock = Arc::new(AtomicI64::new(MORNING));
    let device = |_| Identity::generate().expect("a key").public_key();
    let (site, guest) = (device(0), device(1));
    let at = clock.clone();
    let store = SqliteStore::open(&house.file("giaoban.db"), Box::new(move || UnixMs(at.load(Relaxed))))
        .expect("opens");
    store.enrol(site, "UBND xã Tri Lễ", SiteRole::Participant).expect("enrolled");
    store.edit(|registry| {
        let change = giaoban_bridge::store::RoomChange {
            guests: Some(giaoban_bridge::store::Guests::Admit),
            ..Default::default()
        };
        registry.set_room("giaoban", &change)
    });
    let room = || "giaoban".parse().expect("a room");
    let come = || {
        let ask = Ask { device: site, room: room(), code: None, enters: true };
        store.admit(ask).blocking_recv().expect("an answer").expect("let in").visit.expect("a visit")
    };
    let ask = GuestAsk { device: guest, room: room(), name: "=1+1".into(), by: None };
    let guest =
        store.admit_guest(ask).blocking_recv().expect("an answer").expect("let in").visit.expect("a visit");
    let first = come();
    let leave = |visit, minutes: i64, why| {
        clock.store(MORNING + minutes * MINUTE, Relaxed);
        store.record(Fact::Left { visit, why });
        // In order: once this is done, so is that.
        store.edit(|_| ());
    };
    clock.store(MORNING + 5 * MINUTE, Relaxed);
    store.record(Fact::RollCalled { room: "giaoban".into(), number: 1 });
    let answered =
        |visit, present| Fact::RollAnswered { room: "giaoban".into(), visit, present, ticked: false };
    for fact in [answered(first, true), answered(guest, true), answered(guest, false)] {
        store.record(fact);
    }
    store.record(Fact::HadFloor { visit: first, ms: 185_000 });
    store.record(Fact::Missed { visit: first, ms: 2 * MINUTE });
    store.edit(|_| ());
    leave(first, 20, Some(CloseCode::Bye));
    leave(guest, 25, Some(CloseCode::Expelled));
    clock.store(MORNING + 30 * MINUTE, Relaxed);
    let second = come();
    leave(second, 40, Some(CloseCode::Bye));
}

#[test]
fn the_attendance_says_who_was_there_how_long_and_a_spreadsheet_can_read_it() {
    let house = House::used();
    assert!(house.well(&["attendance"]).contains("không có ai"));
    meeting(&house);
    let said = house.well(&["attendance"]);
    assert!(said.contains("2026-03-31 08:00  2026-03-31 08:20  20"), "{said}");
    let total = said
        .lines()
        .find(|line| line.starts_with("UBND xã Tri Lễ  ") && !line.contains("2026"))
        .expect("a total");
    assert_eq!(total.split_whitespace().rev().take(2).collect::<Vec<_>>(), ["30", "2"], "{said}");
    assert!(total.contains("1/1") && total.contains("3:05"), "{said}");

    let csv = house.well(&["attendance", "--csv"]);
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert!(lines[0].starts_with('\u{feff}') && lines[0].contains("điểm"), "{csv}");
    assert_eq!(lines[1], "giaoban,'=1+1,1,2026-03-31 08:00:00,2026-03-31 08:25:00,25,expelled,25,,");
    assert_eq!(
        lines[2],
        "giaoban,UBND xã Tri Lễ,0,2026-03-31 08:00:00,2026-03-31 08:20:00,20,bye,18,3:05,2026-03-31 08:05"
    );
    assert_eq!(lines.len(), 5, "{csv}");

    let page = house.well(&["attendance", "--html"]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"), "{page}");
    assert!(
        page.contains("<td class=\"t\">2026-03-31 08:20</td>") && page.contains("=1+1 (khách)"),
        "{page}"
    );

    let json =
        house.json(&["attendance", "--since", "2026-03-31 08:10", "--until", "2026-03-31T08:35:00+07:00"]);
    let totals: Vec<_> =
        json["totals"].as_array().expect("totals").iter().map(|t| (&t["name"], &t["ms"])).collect();
    assert_eq!(
        totals,
        [(&"=1+1".into(), &(15 * MINUTE).into()), (&"UBND xã Tri Lễ".into(), &(15 * MINUTE).into())]
    );
    let all = house.json(&["attendance"]);
    let (roll, answers) = (&all["roll_calls"][0], &all["roll_calls"][0]["answers"]);
    assert_eq!(
        (&roll["number"], answers.as_array().map(Vec::len)),
        (&1.into(), Some(1)),
        "one was taken back"
    );
    assert_eq!(all["visits"][1]["delivered_ms"], 18 * MINUTE);
    assert_eq!(json["visits"][0]["left"], "2026-03-31T08:25:00+07:00");
    assert!(house.well(&["attendance", "--until", "2026-03-30"]).contains("nobody"));
    assert!(house.well(&["attendance", "--since", "2026-03-31", "--until", "2026-03-31"]).contains("Tri Lễ"));
    assert!(house.well(&["attendance", "--room", "họp"]).contains("nobody"));
}

#[test]
fn messages_of_a_room_are_listed_and_move_no_cursor() {
    let house = House::used();
    assert!(house.well(&["messages", "giaoban"]).contains("không có tin nhắn"));
    let clock = Arc::new(AtomicI64::new(MORNING));
    let at = clock.clone();
    let store = SqliteStore::open(&house.file("giaoban.db"), Box::new(move || UnixMs(at.load(Relaxed))))
        .expect("opens");
    let said = |room: &str, name: &str, text: &str, to_operators| Fact::Said {
        room: room.into(),
        site: None,
        name: name.into(),
        text: text.into(),
        to_operators,
    };
    for (minute, fact) in [
        said("giaoban", "Tri Lễ", "Số văn bản: 112/BC", false),
        said("họp", "Khác", "của phòng khác", false),
        said("giaoban", "Bản\u{1b}[2J Na", "Không nghe được", true),
    ]
    .into_iter()
    .enumerate()
    {
        clock.store(MORNING + minute as i64 * MINUTE, Relaxed);
        store.record(fact);
        store.edit(|_| ());
    }
    let shown = house.well(&["messages", "giaoban"]);
    assert!(shown.contains("2026-03-31 08:00:00  Tri Lễ (guest / khách)"), "{shown}");
    assert!(shown.contains("operators / điều hành") && !shown.contains("của phòng khác"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let json = house.json(&["messages", "giaoban", "--since", "2026-03-31 08:01"]);
    let rows: Vec<_> = json.as_array().expect("rows").iter().map(|row| (&row["text"], &row["at"])).collect();
    assert_eq!(rows, [(&"Không nghe được".into(), &"2026-03-31T08:02:00+07:00".into())]);
    assert_eq!(json[0]["to_operators"], true);
}

#[test]
fn the_audit_is_listed_verified_and_found_out_when_it_was_changed() {
    let house = House::used();
    let head = house.json(&["audit", "verify"]);
    house.well(&["site", "add", "Tri Lễ"]);
    let rows = house.json(&["audit", "list", "--last", "1"]);
    assert_eq!((rows.as_array().expect("rows").len(), &rows[0]["act"]), (1, &"invited".into()));
    assert_eq!(house.json(&["audit", "list", "--since", "1h"]), house.json(&["audit", "list"]));
    let noted = head["head"].as_str().expect("a hash");
    assert!(house.well(&["audit", "verify", "--head", noted]).contains("is in it"));
    let other = house.run(&["audit", "verify", "--head", &"ab".repeat(32)]);
    assert!(other.code == Some(1) && other.out.contains("noted down"), "{other:?}");

    change_the_audit(&house);
    let found = house.run(&["audit", "verify"]);
    assert!(found.code == Some(1) && found.out.contains("row 2 of the audit"), "{found:?}");
    let found = house.run(&["audit", "verify", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&found.out).expect("JSON");
    assert_eq!((found.code, &json["sound"], &json["row"]), (Some(1), &false.into(), &2.into()));
}

/// As somebody would who owns the file.
fn change_the_audit(house: &House) {
    let db = rusqlite::Connection::open(house.file("giaoban.db")).expect("opens");
    let mut triggers = db.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").expect("reads");
    let names: Vec<String> =
        triggers.query_map([], |row| row.get(0)).expect("reads").collect::<Result<_, _>>().expect("reads");
    for name in names {
        db.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped");
    }
    db.execute("UPDATE audit SET target = 'somebody else' WHERE seq = 2", []).expect("changed");
}

#[test]
fn the_spare_key_takes_over_and_can_be_put_away() {
    let house = House::used();
    let key =
        |name: &str| private::known_identity(&house.file(name)).expect("a key").fingerprint().to_string();
    let (old, spare) = (key("bridge.key"), key("spare.key"));
    let away = house.beside("away.key");
    assert_eq!(house.json(&["key", "export-spare", &away])["spare"], spare.as_str());
    assert_eq!(fs::read(&away).expect("read"), fs::read(house.file("spare.key")).expect("read"));
    assert_eq!(mode(away.as_ref()), 0o600);
    assert!(house.fault(&["key", "export-spare", &away]).contains("already"));

    let said = house.json(&["key", "rotate"]);
    assert_eq!((key("bridge.key"), said["key"].as_str()), (spare.clone(), Some(spare.as_str())));
    let next = key("spare.key");
    assert!(next != old && next != spare && said["spare"] == next.as_str());
    let kept = said["old"].as_str().expect("a path");
    assert_eq!(private::known_identity(kept.as_ref()).expect("a key").fingerprint().to_string(), old);
    let link = link_in(&house.well(&["site", "add", "Tri Lễ"]));
    assert_eq!((link.key.to_string(), link.spare.expect("a spare").to_string()), (spare, next));
    // Twice on one day, and with the key gone: which is what the spare is for.
    house.well(&["key", "rotate"]);
    fs::remove_file(house.file("bridge.key")).expect("removed");
    assert!(house.well(&["key", "rotate"]).contains("which was the spare"));
    assert_eq!(house.json(&["audit", "list"]).to_string().matches("\"bridge key\"").count(), 3);
    fs::remove_file(house.file("spare.key")).expect("removed");
    assert!(house.fault(&["key", "rotate"]).contains("spare.key"));
}

#[test]
fn what_others_can_read_is_refused_by_every_command_with_what_mends_it() {
    for (name, loose, mend) in [
        ("", 0o755, "chmod 700"),
        ("bridge.key", 0o644, "chmod 600"),
        ("spare.key", 0o640, "chmod 600"),
        ("giaoban.db", 0o604, "chmod 600"),
        ("giaoban.db-wal", 0o644, "chmod 600"),
        ("bridge.key.old-2026-01-01", 0o644, "chmod 600"),
        ("bridge.lock", 0o666, "chmod 600"),
    ] {
        let house = House::used();
        let path = if name.is_empty() { house.data() } else { house.file(name) };
        if !path.exists() {
            private::file(&path).expect("made");
        }
        chmod(&path, loose);
        for words in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["site", "list"],
            &["key", "rotate"],
            &["invite", "1"],
        ] {
            let said = house.fault(words);
            assert!(
                said.contains(mend) && said.contains(path.to_str().expect("a plain path")),
                "{name} {words:?}: {said}"
            );
        }
        let doctor = house.run(&["doctor", "--listen", "127.0.0.1:0"]);
        assert!(doctor.code == Some(1) && doctor.out.contains(mend), "{name}: {doctor:?}");
    }
}

#[test]
fn without_a_bridge_nothing_is_made() {
    let house = House::empty();
    for words in [
        &["site", "list"][..],
        &["site", "add", "x"],
        &["room", "list"],
        &["attendance"],
        &["audit", "verify"],
        &["key", "rotate"],
    ] {
        assert!(house.fault(words).contains("--data"), "{words:?}");
    }
    assert!(!house.data().exists());
}

#[test]
fn every_shell_is_told_of_every_command_and_every_command_has_its_page() {
    let house = House::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = house.well(&["completions", shell]);
        assert!(script.contains("guest-link") && script.contains("export-spare"), "{shell}");
    }
    assert!(
        house.json(&["completions", "bash"])["script"].as_str().expect("a script").contains("attendance")
    );
    let page = house.well(&["man"]);
    assert!(page.contains(".TH giaoban-bridge 1") && page.contains("GIAOBAN_DATA"), "{page}");
    assert_eq!(house.json(&["man"])["page"], page.as_str());
    let pages = house.json(&["man", "--dir", &house.beside("man")]);
    let pages: Vec<&str> =
        pages["pages"].as_array().expect("pages").iter().map(|p| p.as_str().expect("a path")).collect();
    assert_eq!(pages.len(), 33, "{pages:#?}");
    for page in pages {
        let text = fs::read_to_string(page).expect("written");
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    assert!(fs::metadata(house.beside("man/giaoban-bridge-site-add.1")).is_ok());
}

#[test]
fn what_is_typed_wrong_ends_with_two_and_help_with_nought() {
    let house = House::empty();
    for words in
        [&["bogus"][..], &["site"], &["room", "set", "x"], &["site", "list", "--config", "/nowhere.toml"]]
    {
        let said = house.run(words);
        assert!(
            said.code == Some(2) && said.out.is_empty() && said.err.lines().count() == 1,
            "{words:?}: {said:?}"
        );
    }
    for words in [&["--help"][..], &["help"], &["site", "add", "--help"], &["--version"]] {
        assert!(!house.well(words).is_empty(), "{words:?}");
    }
}
