//! A bridge that runs, and what is done beside it.

use crate::harness::{House, mode};
use giaoban_bridge::store::FIRST_SITE;
use giaoban_proto::link::Link;
use giaoban_proto::transport::{Identity, private};
use giaoban_proto::wire::SiteRole;
use std::fs;

fn link(text: &str) -> Link {
    text.parse().expect("a link")
}

#[test]
fn the_first_start_makes_all_that_is_needed_and_gives_out_two_links() {
    let house = House::empty();
    let bridge = house.serve();
    for (name, wanted) in [
        ("", 0o700),
        ("bridge.key", 0o600),
        ("spare.key", 0o600),
        ("giaoban.db", 0o600),
        ("bridge.lock", 0o600),
        ("recordings", 0o700),
    ] {
        assert_eq!(mode(&house.data().join(name)), wanted, "{name}");
    }
    for entry in fs::read_dir(house.data()).expect("lists") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    let (operator, guest) = (link(bridge.text("operator_link")), link(bridge.text("guest_link")));
    assert!(operator.code.is_some() && !operator.guest && guest.guest && guest.code.is_none());
    assert_eq!((operator.key, operator.spare), (guest.key, guest.spare));
    assert_eq!(operator.key.to_string(), bridge.text("key"));
    assert_eq!(operator.spare.expect("a spare").to_string(), bridge.text("spare"));
    let pin = bridge.text("guest_pin");
    assert!(pin.len() == 8 && pin.bytes().all(|byte| byte.is_ascii_digit()), "{pin}");
    assert_eq!(bridge.text("listening"), format!("127.0.0.1:{}", operator.port));
    assert!(bridge.stop());
}

#[test]
fn the_command_line_works_beside_it_and_its_links_lead_to_it() {
    let house = House::empty();
    let bridge = house.serve();
    let running = link(bridge.text("operator_link"));
    let said = house.json(&["site", "add", "UBND xã Tri Lễ"]);
    let site = link(said["link"].as_str().expect("a link"));
    assert_eq!(
        (&site.host, site.port, &site.key, &site.spare),
        (&running.host, running.port, &running.key, &running.spare)
    );
    assert_eq!(house.json(&["guest-link", "giaoban"])["pin"], bridge.text("guest_pin"));
    house.well(&["site", "role", "UBND xã Tri Lễ", "listener"]);
    house.well(&["kick", "UBND xã Tri Lễ"]);
    house.well(&["room", "add", "họp"]);
    assert_eq!(house.json(&["audit", "verify"])["sound"], true);
    assert!(bridge.stop());
    let acts = house.well(&["audit", "list"]);
    assert!(acts.contains("bridge started") && acts.contains("bridge stopped"), "{acts}");
    // It is remembered where it was.
    assert_eq!(link(house.json(&["invite", "2"])["link"].as_str().expect("a link")).port, running.port);
}

#[test]
fn there_is_one_bridge_to_a_folder_and_its_key_is_not_taken_from_under_it() {
    let house = House::empty();
    let bridge = house.serve();
    for words in [&["serve", "--listen", "127.0.0.1:0"][..], &["key", "rotate"]] {
        let said = house.fault(words);
        assert!(
            said.contains(&format!("process {}", bridge.pid())) && said.contains("stop it first"),
            "{said}"
        );
    }
    house.well(&["key", "export-spare", &house.beside("spare")]);
    // However it ends, the folder is free again.
    bridge.kill();
    house.well(&["key", "rotate"]);
    let spare = private::known_identity(house.beside("spare").as_ref()).expect("a key").fingerprint();
    let bridge = house.serve();
    assert_eq!(bridge.text("key"), spare.to_string());
    assert!(bridge.stop());
}

#[test]
fn a_fresh_link_for_the_operator_is_given_out_until_there_is_one() {
    let house = House::empty();
    let links: Vec<String> = (0..2)
        .map(|_| {
            let bridge = house.serve();
            let text = bridge.text("operator_link").to_owned();
            assert!(bridge.stop());
            text
        })
        .collect();
    assert_ne!(link(&links[0]).code, link(&links[1]).code);
    let device = Identity::generate().expect("a key").public_key();
    house.registry().enrol(device, FIRST_SITE, SiteRole::Operator).expect("enrolled");
    let bridge = house.serve();
    assert!(bridge.announced["operator_link"].is_null() && bridge.announced["guest_link"].is_null());
    assert!(bridge.stop());
}

#[test]
fn a_key_that_links_name_is_not_replaced_by_a_new_one() {
    let house = House::used();
    let spare = private::known_identity(&house.file("spare.key")).expect("a key").fingerprint();
    fs::remove_file(house.file("bridge.key")).expect("removed");
    let said = house.fault(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("key rotate") && !house.file("bridge.key").exists(), "{said}");
    house.well(&["key", "rotate"]);
    let bridge = house.serve();
    assert_eq!(bridge.text("key"), spare.to_string());
    assert!(bridge.stop());
}
