//! The store under a running bridge: its thread, its faults, other processes beside it, and its end at any moment.

use super::*;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::error::TryRecvError;

fn on_disk() -> (TempDir, PathBuf, Hands, SqliteStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("giaoban.db");
    let hands = Hands::new();
    let store = SqliteStore::open(&path, hands.clock()).expect("opens");
    (folder, path, hands, store)
}

fn another(path: &Path, hands: &Hands) -> Registry {
    Registry::open(path, "command line (Lan)", hands.clock()).expect("opens")
}

/// The disk as it is at this moment, as the power would leave it.
fn copy(path: &Path, hands: &Hands) -> (TempDir, Registry) {
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("giaoban.db");
    std::fs::copy(path, &to).expect("copies");
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(log(path), log(&to)).expect("copies");
    let registry = another(&to, hands);
    registry.quick_check().expect("sound");
    registry.verify_audit(None).expect("reads").expect("sound");
    (folder, registry)
}

fn open_visits(registry: &Registry) -> usize {
    let rows = registry.attendance(&VisitFilter::default()).expect("reads");
    rows.iter().filter(|row| row.left.is_none()).count()
}

/// Waits for a snapshot that is so, as a bridge would, for at most ten seconds.
fn snapshot(changes: &mut mpsc::Receiver<Snapshot>, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let wait = async {
        loop {
            let snapshot = changes.recv().await.expect("a store");
            if is_so(&snapshot) {
                return snapshot;
            }
        }
    };
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), wait).await }).expect("in time")
}

#[test]
fn what_was_answered_is_on_the_disk_however_the_process_ends() {
    let (_folder, path, hands, store) = on_disk();
    for n in 0..20 {
        store.enrol(device(n), &format!("site {n}"), SiteRole::Participant).expect("enrolled");
        let admitted = get(store.admit(ask(n, None))).expect("in");
        let (_copy, registry) = copy(&path, &hands);
        let rows = registry.attendance(&VisitFilter::default()).expect("reads");
        assert_eq!(rows.len(), usize::from(n) + 1);
        assert!(
            rows.iter().any(|row| Some(row.id) == admitted.visit && row.device == device(n).fingerprint())
        );
    }
}

#[test]
fn a_rush_is_answered_in_order_and_each_answer_stands_on_the_disk() {
    let (_folder, path, hands, store) = on_disk();
    let code = invite(&store, "Tri Lễ");
    // The first of two hundred strangers with the same link is the only one.
    let answers: Vec<_> = (0..200).map(|n| store.admit(ask(n, Some(code)))).collect();
    let verdicts: Vec<Verdict> = answers.into_iter().map(get).collect();
    assert!(verdicts[0].is_ok());
    assert!(verdicts[1..].iter().all(|verdict| *verdict == Err(CloseCode::InvitationUsed)));
    assert_eq!(open_visits(&copy(&path, &hands).1), 1);
    // A fact comes after what was asked before it and before what was asked after.
    let visit = verdicts[0].as_ref().expect("in").visit.expect("a visit");
    store.record(Fact::Left { visit, why: Some(CloseCode::Bye) });
    let again = get(store.admit(ask(0, None))).expect("in");
    assert_ne!(again.visit, Some(visit), "a visit that has ended is not gone on with");
}

#[test]
fn what_another_process_changes_is_told_and_known_within_a_moment() {
    let (_folder, path, hands, store) = on_disk();
    let mut changes = store.changes().expect("once");
    assert!(store.changes().is_none());
    let tri_le = store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let first = snapshot(&mut changes, |snapshot| snapshot.sites.contains_key(&tri_le));
    assert!(store.knows(&device(1)));
    let mut other = another(&path, &hands);
    other.kick("Tri Lễ").expect("done");
    let kicked = snapshot(&mut changes, |snapshot| snapshot.sites[&tri_le].generation > 1);
    assert!(kicked.sites[&tri_le].generation > first.sites[&tri_le].generation);
    other.set_role("Tri Lễ", SiteRole::Operator, Some(ROOM)).expect("done");
    other.rename_site("Tri Lễ", "UBND xã Tri Lễ").expect("done");
    let renamed = snapshot(&mut changes, |snapshot| snapshot.sites[&tri_le].name.starts_with("UBND"));
    assert_eq!(renamed.sites[&tri_le].role_in(ROOM), SiteRole::Operator);
    assert_eq!(renamed.sites[&tri_le].role_in("another"), SiteRole::Participant);
    let change = RoomChange { guests: Some(Guests::Admit), ..RoomChange::default() };
    other.set_room(ROOM, &change).expect("done");
    snapshot(&mut changes, |snapshot| snapshot.rooms[ROOM].guests == Guests::Admit);
    let before = kicked.sites[&tri_le].generation;
    other.revoke_site("#2").expect("done");
    let revoked = snapshot(&mut changes, |snapshot| snapshot.sites[&tri_le].revoked);
    assert!(revoked.sites[&tri_le].generation > before, "taken back at once it would be closed all the same");
    assert!(!store.knows(&device(1)));
    assert_eq!(get(store.admit(ask(1, None))), Err(CloseCode::Revoked));
    // And the other sees what the bridge does.
    let code = other.invite("Tri Lễ").map_err(|error| error.to_string());
    assert!(code.expect_err("renamed").contains("site list"));
    let code = other.invite("UBND xã Tri Lễ").expect("invited").code;
    get(store.admit(ask(2, Some(code)))).expect("in");
    let site = other.sites().expect("reads").into_iter().find(|site| site.id == tri_le).expect("there");
    assert_eq!((site.devices, site.online, site.revoked), (1, true, false));
    assert_eq!(other.rooms().expect("reads")[0].inside, 1);
}

#[test]
fn changes_made_through_the_bridge_itself_are_told_too_and_what_is_the_same_is_not() {
    let (store, _) = in_memory();
    let mut changes = store.changes().expect("once");
    assert_eq!(changes.try_recv().expect("how things stand").rooms.len(), 1);
    edit(&store, |registry| registry.add_room("second"));
    assert_eq!(changes.try_recv().expect("a change").rooms.len(), 2);
    store.enrol(device(1), FIRST_SITE, SiteRole::Operator).expect("enrolled");
    let visit = get(store.admit(ask(1, None))).expect("in").visit.expect("a visit");
    store.record(Fact::Left { visit, why: Some(CloseCode::Bye) });
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_bridge_that_reads_no_snapshots_finds_the_latest_when_it_does() {
    let (store, _) = in_memory();
    for _ in 0..200 {
        edit(&store, |registry| registry.kick(FIRST_SITE));
    }
    let mut changes = store.changes().expect("once");
    while changes.try_recv().is_ok() {}
    get(store.guest_door(room(ROOM))).expect("open");
    let latest = changes.try_recv().expect("the latest");
    assert_eq!(latest.sites[&SiteId(1)].generation, 201);
}

#[test]
fn a_full_disk_drops_the_answer_keeps_the_facts_and_leaves_nothing_half_done() {
    // How many writes one enrolling takes, commit included.
    let mut writes = 0;
    for nth in 1.. {
        let (store, _) = in_memory();
        let code = invite(&store, "Tri Lễ");
        let before = edit(&store, |registry| registry.audit(AuditFilter::default())).len();
        store.fail_at_write(nth);
        let answer = store.admit(ask(1, Some(code))).blocking_recv();
        store.fail_at_write(0);
        if answer.is_ok() {
            writes = nth - 1;
            break;
        }
        assert!(!store.knows(&device(1)), "write {nth}");
        assert_eq!(edit(&store, |registry| registry.audit(AuditFilter::default())).len(), before);
        assert!(edit(&store, |registry| registry.attendance(&VisitFilter::default())).is_empty());
        assert!(sound(&store));
        assert!(get(store.admit(ask(1, Some(code)))).is_ok(), "the invitation was not used up, write {nth}");
    }
    assert!(writes > 6, "{writes}");
    // Facts wait for the disk, and keep their time.
    let (store, hands) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let visit = get(store.admit(ask(1, None))).expect("in").visit.expect("a visit");
    store.fail_at_write(1);
    hands.forward(5000);
    store.record(Fact::Left { visit, why: Some(CloseCode::Overrun) });
    store.record(Fact::BridgeStopped);
    assert!(store.admit(ask(1, None)).blocking_recv().is_err());
    hands.forward(60_000);
    store.fail_at_write(0);
    let rows = edit(&store, |registry| registry.attendance(&VisitFilter::default()));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].left, Some(UnixMs(START + 5000)));
    assert_eq!(rows[0].why.as_deref(), Some("overrun"));
    assert_eq!(acts(&store).split_off(2), ["admitted", "left", "bridge stopped"]);
}

#[test]
fn facts_beyond_what_is_kept_are_lost_the_oldest_first_and_their_number_is_written_down() {
    let (store, _) = in_memory();
    store.fail_at_write(1);
    for n in 0..10_003 {
        store.record(Fact::Acted { by: None, act: "noted", target: String::new(), detail: n.to_string() });
    }
    assert_eq!(store.lost_facts(), 3);
    store.fail_at_write(0);
    store.record(Fact::BridgeStopped);
    let rows = edit(&store, |registry| registry.audit(AuditFilter::default()));
    assert_eq!((rows[3].act.as_str(), rows[3].detail.as_str()), ("facts lost", "3"));
    assert_eq!((rows[4].act.as_str(), rows[4].detail.as_str()), ("noted", "3"));
    assert_eq!(rows.len(), 3 + 1 + 10_000 + 1);
    assert!(sound(&store));
}

#[test]
fn the_thread_meets_a_full_disk_as_the_one_in_memory_does_and_comes_back_by_itself() {
    let (folder, path, hands, store) = on_disk();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let visit = get(store.admit(ask(1, None))).expect("in").visit.expect("a visit");
    store.fail_at_write(1);
    store.record(Fact::Left { visit, why: Some(CloseCode::Bye) });
    let answers: Vec<_> = (0..10).map(|_| store.admit(ask(1, None))).collect();
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().is_err()));
    assert!(store.knows(&device(1)), "that is in memory");
    store.fail_at_write(0);
    // Without anything being asked, the fact is written when the thread looks about itself; at the latest now.
    drop(store);
    let registry = another(&path, &hands);
    assert_eq!(open_visits(&registry), 0);
    let rows = registry.audit(AuditFilter { last: Some(1), ..AuditFilter::default() }).expect("reads");
    assert_eq!(rows[0].act, "left");
    drop(folder);
}

#[test]
fn a_disk_that_is_really_full_says_so_and_nothing_is_torn() {
    let (_folder, path, hands, store) = on_disk();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let cap = |pages: u32| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        edit(&store, move |registry| Ok(registry.db.query_row(&sql, [], |_| Ok(()))?));
    };
    cap(1);
    let mut refused = None;
    for n in 0..2000 {
        let added =
            store.edit(move |registry| registry.add_site(&format!("site {n}"), SiteRole::Participant));
        if let Err(error) = added.expect("a store") {
            refused = Some(error.to_string());
            break;
        }
    }
    assert!(refused.expect("it is full").contains("make room"), "says what to do");
    // One after the other: each needs a new row, and at some point a new page.
    let failed = (0..2000).any(|n| {
        store.record(Fact::Acted { by: None, act: "noted", target: "x".repeat(500), detail: n.to_string() });
        store.admit(ask(1, None)).blocking_recv().is_err()
    });
    assert!(failed);
    cap(1_000_000);
    assert!(get(store.admit(ask(1, None))).is_ok());
    let (_copy, registry) = copy(&path, &hands);
    assert!(open_visits(&registry) == 1);
}

#[test]
fn a_bridge_that_died_is_known_to_have_lived_as_long_as_it_said_so() {
    let (folder, path, hands, store) = on_disk();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    store.enrol(device(2), "Na Loi", SiteRole::Participant).expect("enrolled");
    get(store.admit(ask(1, None))).expect("in");
    hands.forward(7000);
    get(store.admit(ask(2, None))).expect("in");
    // It dies here; the clock of the next one stands an hour later.
    let (died, registry) = copy(&path, &hands);
    assert_eq!(open_visits(&registry), 2);
    drop(registry);
    hands.forward(3_600_000);
    let died = died.path().join("giaoban.db");
    let mut registry = another(&died, &hands);
    assert!(registry.sites().expect("reads").iter().all(|site| !site.online), "nobody is in a dead bridge");
    drop(registry);
    let next = SqliteStore::open(&died, hands.clock()).expect("opens");
    let rows = edit(&next, |registry| registry.attendance(&VisitFilter::default()));
    let ends: Vec<_> =
        rows.iter().map(|row| (row.left.expect("ended").0 - START, row.why.as_deref())).collect();
    assert_eq!(ends, [(7000, Some("bridge ended")), (7000, Some("bridge ended"))]);
    assert!(sound(&next));
    drop((store, folder));
}

#[test]
fn a_bridge_says_every_ten_seconds_that_it_lives_while_anybody_is_in() {
    let (store, hands) = in_memory();
    let alive = |store: &SqliteStore| edit(store, |registry| registry.read(attendance::alive));
    hands.forward(60_000);
    assert_eq!(alive(&store), None, "nobody is in");
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let visit = get(store.admit(ask(1, None))).expect("in").visit.expect("a visit");
    for _ in 0..3 {
        hands.forward(10_000);
        assert_eq!(alive(&store), Some(hands.now()));
    }
    hands.forward(9_999);
    assert_eq!(alive(&store), Some(UnixMs(hands.now().0 - 9_999)));
    store.record(Fact::Left { visit, why: Some(CloseCode::Bye) });
    let last = alive(&store);
    hands.forward(60_000);
    assert_eq!(alive(&store), last);
    // A clock that is set back does not stop it.
    get(store.admit(ask(1, None))).expect("in");
    hands.forward(-3_600_000);
    assert_eq!(alive(&store), Some(hands.now()));
}

#[test]
fn a_device_that_comes_again_goes_on_in_its_row_and_one_that_has_left_begins_another() {
    let (store, hands) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let come = || get(store.admit(ask(1, None))).expect("in").visit.expect("a visit");
    let first = come();
    for _ in 0..20 {
        hands.forward(100);
        assert_eq!(come(), first);
        // In whichever way the bridge says it, and in whichever order.
        store.record(Fact::Replaced { visit: first });
        store.record(Fact::Left { visit: first, why: Some(CloseCode::Replaced) });
    }
    hands.forward(100);
    store.record(Fact::Left { visit: first, why: Some(CloseCode::TooSlow) });
    let second = come();
    assert_ne!(second, first);
    // The clock was set back meanwhile.
    hands.forward(-50_000);
    store.record(Fact::Left { visit: second, why: Some(CloseCode::Bye) });
    store.record(Fact::Left { visit: VisitId(99), why: Some(CloseCode::Bye) });
    let rows = edit(&store, |registry| registry.attendance(&VisitFilter::default()));
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.joined.0 - START, row.left.expect("ended").0 - START, row.why.as_deref()))
        .collect();
    assert_eq!(seen, [(0, 2100, Some("too slow")), (2100, 2100, Some("bye"))]);
    assert!(sound(&store));
}

#[test]
fn facts_stand_in_the_audit_under_the_name_of_who_did_them() {
    let (store, _) = in_memory();
    let operator = store.enrol(device(1), FIRST_SITE, SiteRole::Operator).expect("enrolled");
    store.record(Fact::BridgeStarted);
    get(store.admit(ask(1, None))).expect("in");
    store.record(Fact::Acted {
        by: Some(operator),
        act: "expelled",
        target: "Tri Lễ".into(),
        detail: "member 7".into(),
    });
    store.record(Fact::Acted { by: None, act: "room closed", target: ROOM.into(), detail: String::new() });
    store.record(Fact::ActRefused { by: Some(SiteId(42)), act: "expel", target: "8".into(), code: 1 });
    store.record(Fact::BridgeStopped);
    let rows = edit(&store, |registry| registry.audit(AuditFilter::default()));
    let rows: Vec<_> =
        rows.iter().skip(4).map(|row| (row.actor.as_str(), row.act.as_str(), row.target.as_str())).collect();
    let operator = format!("{FIRST_SITE} (#1)");
    let expected = [
        ("bridge", "bridge started", ""),
        (operator.as_str(), "admitted", ROOM),
        (operator.as_str(), "expelled", "Tri Lễ"),
        ("bridge", "room closed", ROOM),
        (" (#42)", "expel refused", "8"),
        ("bridge", "bridge stopped", ""),
    ];
    assert_eq!(rows, expected);
    let visits = edit(&store, |registry| registry.attendance(&VisitFilter::default()));
    assert_eq!(visits[0].why.as_deref(), Some("stopping"));
}
