//! Stores that are older, newer, damaged, or none.

use super::*;
use rusqlite::{Connection, params};
use std::path::PathBuf;

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("giaoban.db");
    (folder, path)
}

/// A store as version 1 wrote it, with these devices.
fn version_1(path: &std::path::Path, devices: &[(u8, &str)]) {
    let old = Connection::open(path).expect("opens");
    old.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
         CREATE TABLE rooms (name TEXT PRIMARY KEY) STRICT;
         CREATE TABLE devices (key BLOB PRIMARY KEY, name TEXT NOT NULL) STRICT;
         INSERT INTO rooms (name) VALUES ('giaoban');
         PRAGMA user_version = 1;",
    )
    .expect("made");
    let secrets = [("code", vec![7u8; 16]), ("reset", vec![3u8; 32])];
    for (name, value) in secrets {
        old.execute("INSERT INTO secrets VALUES (?1, ?2)", params![name, value]).expect("written");
    }
    for (n, name) in devices {
        old.execute("INSERT INTO devices VALUES (?1, ?2)", params![[*n; 32], name]).expect("written");
    }
}

#[test]
fn devices_of_version_1_become_sites_of_their_own_and_the_old_code_is_worth_nothing() {
    let (_folder, path) = place();
    version_1(&path, &[(1, "Tri Lễ"), (2, "Na Loi"), (3, "Tri Lễ"), (4, "Tri Lễ (2)")]);
    let store = SqliteStore::open(&path, Hands::new().clock()).expect("opens");
    assert_eq!(store.secrets().reset, [3; 32]);
    let names: Vec<String> = (1..=4).map(|n| get(store.admit(ask(n, None))).expect("in").name).collect();
    assert_eq!(names, ["Tri Lễ", "Na Loi", "Tri Lễ (2)", "Tri Lễ (2) (2)"]);
    assert_eq!(get(store.admit(ask(5, Some(Code::from_bytes([7; 16]))))), Err(CloseCode::NotAdmitted));
    assert_eq!(get(store.guest_door(room(ROOM))), Err(CloseCode::NoGuests), "nobody has asked for guests");
    let first = edit(&store, Registry::first_start).expect("no operator yet");
    assert_eq!(first.site, FIRST_SITE);
    let rows = edit(&store, |registry| registry.audit(AuditFilter::default()));
    assert_eq!((rows[0].act.as_str(), rows[0].detail.as_str()), ("store brought up", "version 1 to 5"));
    assert!(sound(&store));
    drop(store);
    let again = SqliteStore::open(&path, Hands::new().clock()).expect("opens again");
    assert!(again.knows(&device(1)));
}

#[test]
fn an_upgrade_that_fails_changes_nothing() {
    let (_folder, path) = place();
    // No key of ours: the new table refuses it.
    version_1(&path, &[(1, "Tri Lễ")]);
    let old = Connection::open(&path).expect("opens");
    old.execute("INSERT INTO devices VALUES (x'00', 'odd')", []).expect("written");
    let error = Registry::open(&path, "test", Hands::new().clock()).expect_err("refused");
    assert!(error.to_string().contains("giaoban.db"), "{error}");
    let version: i64 = old.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("reads");
    let devices: i64 = old.query_row("SELECT count(*) FROM devices", [], |row| row.get(0)).expect("reads");
    assert_eq!((version, devices), (1, 2));
}

#[test]
fn a_store_of_a_newer_program_is_left_alone() {
    let (_folder, path) = place();
    drop(Registry::open(&path, "test", Hands::new().clock()).expect("opens"));
    Connection::open(&path).expect("opens").pragma_update(None, "user_version", 6).expect("set");
    let error = Registry::open(&path, "test", Hands::new().clock()).expect_err("refused");
    assert!(matches!(error, StoreError::Newer(_)), "{error}");
    assert!(error.to_string().contains("giaoban.db"), "{error}");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let (_folder, path) = place();
    let list = b"my shopping list, which is no database at all";
    std::fs::write(&path, list).expect("writes");
    let error = SqliteStore::open(&path, Hands::new().clock()).expect_err("refused");
    assert!(error.to_string().contains("giaoban.db"), "{error}");
    assert_eq!(std::fs::read(&path).expect("reads"), list);
}

#[test]
fn two_that_make_a_new_store_at_the_same_time_make_one() {
    let (_folder, path) = place();
    let makers: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || Registry::open(&path, "test", Hands::new().clock()).map(drop))
        })
        .collect();
    for maker in makers {
        maker.join().expect("no panic").expect("opens");
    }
    let mut registry = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    assert_eq!(registry.rooms().expect("reads").len(), 1);
    assert_eq!(registry.verify_audit(None).expect("reads").expect("sound").rows, 3);
    // The secrets are those of the first, and stay.
    let reset = registry.secrets().expect("there").reset;
    drop(registry);
    let again = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    assert_eq!(again.secrets().expect("there").reset, reset);
    assert_ne!(reset, [0; 32]);
}

#[test]
fn two_processes_that_write_at_once_wait_for_each_other() {
    let (_folder, path) = place();
    drop(Registry::open(&path, "test", Hands::new().clock()).expect("opens"));
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut registry =
                    Registry::open(&path, &format!("writer {n}"), Hands::new().clock()).expect("opens");
                for site in 0..25 {
                    registry.add_site(&format!("{n}-{site}"), SiteRole::Participant).expect("added");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("no panic");
    }
    let mut registry = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    assert_eq!(registry.sites().expect("reads").len(), 101);
    assert_eq!(registry.verify_audit(None).expect("reads").expect("sound").rows, 103);
}
