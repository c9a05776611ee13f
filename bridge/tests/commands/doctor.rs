//! The doctor finds what has been planted, and says what to do.

use crate::harness::{House, Said, chmod};
use giaoban_bridge::store::{FIRST_SITE, UnixMs};
use giaoban_proto::transport::Identity;
use giaoban_proto::wire::SiteRole;
use serde_json::Value;
use std::fs;
use std::net::{TcpListener, UdpSocket};

/// A house in which nothing is wrong.
fn sound() -> House {
    let house = House::used();
    let device = Identity::generate().expect("a key").public_key();
    house.registry().enrol(device, FIRST_SITE, SiteRole::Operator).expect("enrolled");
    house
}

/// What the doctor says of each thing: state, words and remedy together.
fn examine(house: &House, more: &[&str]) -> (Said, Vec<(String, String, String)>) {
    let listen: &[&str] = if more.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    let said = house.run(&[&["doctor", "--json"], listen, more].concat());
    let json: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = json["checks"].as_array().expect("checks").iter().map(|check| {
        assert_eq!(check["remedy"].is_null(), check["state"] == "ok", "{check}");
        (
            text(&check["check"]),
            text(&check["state"]),
            format!("{} -> {}", text(&check["what"]), text(&check["remedy"])),
        )
    });
    (said, checks.collect())
}

/// The doctor says this of this thing, and ends accordingly.
fn finds(house: &House, more: &[&str], check: &str, state: &str, words: &str) {
    let (said, findings) = examine(house, more);
    let found = findings.iter().any(|(c, s, text)| c == check && s == state && text.contains(words));
    assert!(found, "{check} {state} {words}: {findings:#?}");
    let faults = findings.iter().any(|(_, state, _)| state == "fault");
    assert_eq!(said.code, Some(i32::from(faults)), "{findings:#?}");
    assert!(state != "fault" || faults);
}

#[test]
fn a_sound_bridge_has_nothing_wrong() {
    let house = sound();
    let (said, findings) = examine(&house, &[]);
    assert!(findings.iter().all(|(_, state, _)| state == "ok") && said.code == Some(0), "{findings:#?}");
    let words = house.well(&["doctor", "--listen", "127.0.0.1:0"]);
    assert!(words.contains("This bridge is well"), "{words}");
    assert_eq!(
        house.file("giaoban.db").parent().map(|data| fs::read_dir(data).expect("lists").count()),
        Some(3)
    );
}

#[test]
fn a_folder_that_is_not_there_yet_is_no_fault() {
    finds(&House::empty(), &[], "data folder", "warning", "serve");
}

#[test]
fn files_that_others_can_read() {
    let house = sound();
    chmod(&house.file("giaoban.db"), 0o644);
    finds(&house, &[], "files", "fault", "chmod 600");
    chmod(&house.file("giaoban.db"), 0o600);
    chmod(&house.data(), 0o750);
    finds(&house, &[], "files", "fault", "chmod 700");
}

#[test]
fn a_folder_that_is_none() {
    let house = House::empty();
    fs::write(house.data(), "not a folder").expect("written");
    finds(&house, &[], "files", "fault", "data");
    finds(&house, &[], "disk", "fault", "written");
}

#[test]
fn a_store_that_is_damaged() {
    let house = sound();
    let file = house.file("giaoban.db");
    let mut bytes = fs::read(&file).expect("read");
    bytes[100..4096].fill(0x55);
    fs::write(&file, &bytes).expect("written");
    finds(&house, &[], "store", "fault", "copy");
    fs::write(&file, "a shopping list that is longer than a header of a hundred bytes ".repeat(10))
        .expect("written");
    finds(&house, &[], "store", "fault", "giaoban.db");
}

#[test]
fn an_audit_that_was_changed() {
    let house = sound();
    super::change_the_audit(&house);
    finds(&house, &[], "audit", "fault", "row 2");
}

#[test]
fn a_clock_that_is_behind_what_was_written_down() {
    let house = sound();
    let year_2100 = UnixMs(4_102_444_800_000);
    house.registry_at(year_2100).add_site("Tri Lễ", SiteRole::Participant).expect("added");
    finds(&house, &[], "clock", "fault", "timedatectl");
}

#[test]
fn ports_that_others_hold() {
    let house = sound();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let at = udp.local_addr().expect("an address").to_string();
    finds(&house, &["--listen", &at], "UDP port", "fault", "another program");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = tcp.local_addr().expect("an address").to_string();
    finds(&house, &["--listen-tcp", &at], "TCP port", "warning", "another program");
    finds(&house, &["--listen-tcp", "off"], "UDP port", "ok", "free");
    finds(&house, &["--listen", "192.0.2.1:4646"], "UDP port", "fault", "no address of this machine");
}

#[test]
fn ports_of_the_bridge_that_runs_are_as_they_should_be() {
    let house = sound();
    let bridge = house.serve();
    finds(&house, &["--listen", bridge.text("listening")], "UDP port", "ok", "the bridge that runs");
    finds(&house, &["--listen", bridge.text("listening")], "TCP port", "ok", "the bridge that runs");
    finds(&house, &[], "UDP port", "warning", "listens elsewhere");
    finds(&house, &[], "bridge", "ok", &format!("process {}", bridge.pid()));
    assert!(bridge.stop());
    finds(&house, &[], "bridge", "ok", "does not run");
}

#[test]
fn settings_that_make_no_sense() {
    let house = sound();
    let file = house.beside("bridge.toml");
    finds(&house, &["--config", &file], "settings", "fault", "bridge.toml");
    fs::write(&file, "max-members = 7\nmax_member = 7\n").expect("written");
    finds(&house, &["--config", &file], "settings", "fault", "line 2");
    fs::write(&file, "max-members = 7\n").expect("written");
    finds(&house, &["--config", &file], "settings", "ok", "sound");
}

#[test]
fn keys_that_are_gone_spoilt_or_others() {
    let house = sound();
    let key = house.file("bridge.key");
    let kept = fs::read(&key).expect("read");
    house.registry().keep("bridge key", "the one before").expect("kept");
    finds(&house, &[], "key", "warning", "the one before");
    fs::write(&key, "no key").expect("written");
    finds(&house, &[], "key", "fault", "holds no key");
    fs::remove_file(&key).expect("removed");
    finds(&house, &[], "key", "fault", "key rotate");
    fs::write(&key, kept).expect("written");
    chmod(&key, 0o600);
    fs::remove_file(house.file("spare.key")).expect("removed");
    finds(&house, &[], "spare key", "fault", "copy");
}

#[test]
fn a_bridge_without_operator_room_or_address() {
    let house = House::used();
    finds(&house, &[], "operator", "warning", "operator's link");
    house.registry().remove_room("giaoban").expect("removed");
    finds(&house, &[], "rooms", "warning", "room add");
    let house = sound();
    let db = rusqlite::Connection::open(house.file("giaoban.db")).expect("opens");
    db.execute("DELETE FROM settings", []).expect("deleted");
    finds(&house, &[], "links", "warning", "serve");
}
