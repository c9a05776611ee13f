//! The audit: whatever is done to its rows behind the program's back is found.

use super::*;
use proptest::prelude::*;
use rusqlite::Connection;

/// A file with some rows in its audit; they are numbered from 1.
fn file(rows: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("giaoban.db");
    let mut registry = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    for n in 3..rows {
        registry.keep("a", &n.to_string()).expect("kept");
    }
    let head = registry.verify_audit(None).expect("reads").expect("sound");
    assert_eq!(head.rows as usize, rows);
    (folder, path)
}

/// Does this to the file by hand, then verifies.
fn after(rows: usize, sql: &str) -> Result<Head, AuditFault> {
    after_noted(rows, sql, |_| None)
}

fn after_noted(
    rows: usize,
    sql: &str,
    noted: impl FnOnce(&Registry) -> Option<[u8; 32]>,
) -> Result<Head, AuditFault> {
    let (_folder, path) = file(rows);
    let registry = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    let noted = noted(&registry);
    let hand = Connection::open(&path).expect("opens");
    hand.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;")
        .expect("done");
    hand.execute_batch(sql).expect("done");
    registry.verify_audit(noted).expect("reads")
}

#[test]
fn each_kind_of_damage_is_named_with_the_first_row_that_is_not_right() {
    let fault = |seq, what| Err(AuditFault { seq, what });
    assert_eq!(after(9, "UPDATE audit SET detail = 'x' WHERE seq = 5"), fault(5, Damage::Changed));
    assert_eq!(after(9, "UPDATE audit SET at = at + 1 WHERE seq = 9"), fault(9, Damage::Changed));
    assert_eq!(after(9, "UPDATE audit SET hash = zeroblob(32) WHERE seq = 1"), fault(1, Damage::Changed));
    assert_eq!(after(9, "UPDATE audit SET hash = x'00' WHERE seq = 4"), fault(4, Damage::Changed));
    assert_eq!(after(9, "DELETE FROM audit WHERE seq = 5"), fault(5, Damage::Missing));
    assert_eq!(after(9, "DELETE FROM audit WHERE seq = 1"), fault(1, Damage::Missing));
    assert_eq!(after(9, "DELETE FROM audit WHERE seq > 6"), fault(7, Damage::CutOff));
    assert_eq!(after(9, "DELETE FROM audit"), fault(1, Damage::CutOff));
    // Two rows changed places.
    let swap = "UPDATE audit SET seq = 99 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6;
                UPDATE audit SET seq = 6 WHERE seq = 99";
    assert_eq!(after(9, swap), fault(5, Damage::Changed));
    let add = "INSERT INTO audit SELECT 10, at, actor, act, target, detail, hash FROM audit WHERE seq = 9";
    assert_eq!(after(9, add), fault(10, Damage::Changed));
    assert_eq!(after(9, "UPDATE audit_head SET rows = 8"), fault(9, Damage::Added));
    assert_eq!(after(9, "UPDATE audit_head SET hash = zeroblob(32)"), fault(9, Damage::Changed));
    assert_eq!(after(9, "DELETE FROM audit_head"), fault(9, Damage::Added));
}

#[test]
fn letters_that_move_from_one_column_to_the_next_are_a_change() {
    let moved = "UPDATE audit SET target = 'b', detail = 'x' || detail WHERE seq = 9";
    assert!(after(9, moved).is_err());
    let moved = "UPDATE audit SET act = 'setting kep', target = 't' || target WHERE seq = 9";
    assert_eq!(after(9, moved), Err(AuditFault { seq: 9, what: Damage::Changed }));
}

#[test]
fn a_head_that_was_noted_down_is_found_later_and_missed_where_all_was_written_anew() {
    let (_folder, path) = file(9);
    let mut registry = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    let noted = registry.verify_audit(None).expect("reads").expect("sound").hash;
    registry.keep("a", "more").expect("kept");
    assert_eq!(registry.verify_audit(Some(noted)).expect("reads").expect("sound").rows, 10);
    // Another store, sound in itself.
    let (_other, path) = file(12);
    let other = Registry::open(&path, "test", Hands::new().clock()).expect("opens");
    other.verify_audit(None).expect("reads").expect("sound");
    let missed = other.verify_audit(Some([7; 32])).expect("reads");
    assert_eq!(missed, Err(AuditFault { seq: 12, what: Damage::NotTheNoted }));
    // The last rows cut off, and the head set back as well: the chain is sound, and shorter than what was noted.
    let cut = "DELETE FROM audit WHERE seq > 6;
               UPDATE audit_head SET rows = 6, hash = (SELECT hash FROM audit WHERE seq = 6)";
    assert!(after(9, cut).is_ok());
    let noted = |registry: &Registry| Some(registry.verify_audit(None).expect("reads").expect("sound").hash);
    assert_eq!(after_noted(9, cut, noted), Err(AuditFault { seq: 6, what: Damage::NotTheNoted }));
}

#[test]
fn rows_are_not_changed_nor_deleted_by_any_statement_of_ours() {
    let (_folder, path) = file(5);
    let hand = Connection::open(&path).expect("opens");
    for sql in ["UPDATE audit SET act = ''", "DELETE FROM audit"] {
        let error = hand.execute_batch(sql).expect_err("refused");
        assert!(error.to_string().contains("only added to"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_single_change_goes_unseen(
        rows in proptest::collection::vec(("\\PC{0,6}", "\\PC{0,6}"), 1..12),
        at in any::<prop::sample::Index>(), column in 0usize..5, to in "\\PC{0,6}", number in any::<i64>(),
    ) {
        let hands = Hands::new();
        let mut registry = Registry::in_memory("test", hands.clock()).expect("opens");
        for (act, target) in &rows {
            hands.forward(1);
            registry.change(|desk| desk.audit(act, target, "")).expect("written");
        }
        let head = registry.verify_audit(None).expect("reads").expect("sound");
        prop_assert_eq!(head.rows as usize, rows.len() + 3);
        let seq = at.index(rows.len()) as i64 + 4;
        registry.db.execute_batch("DROP TRIGGER audit_is_not_changed").expect("done");
        let column = ["at", "actor", "act", "target", "detail"][column];
        let changed = match column {
            "at" => registry.db.execute(
                "UPDATE audit SET at = ?1 WHERE seq = ?2 AND at <> ?1", [number, seq]),
            _ => registry.db.execute(
                &format!("UPDATE audit SET {column} = ?1 WHERE seq = ?2 AND {column} <> ?1"),
                rusqlite::params![to, seq]),
        };
        let verified = registry.verify_audit(Some(head.hash)).expect("reads");
        if changed.expect("done") == 0 {
            prop_assert_eq!(verified, Ok(head));
        } else {
            prop_assert_eq!(verified, Err(AuditFault { seq: seq as u64, what: Damage::Changed }));
        }
    }
}

#[test]
fn what_strangers_say_is_cut_and_kept_on_one_line() {
    let hands = Hands::new();
    let mut registry = Registry::in_memory("test", hands.clock()).expect("opens");
    let long = "ễ".repeat(1_000_000);
    registry.change(|desk| desk.audit("refused", "a\nb\u{1b}[31m", &long)).expect("written");
    let row =
        registry.audit(AuditFilter { last: Some(1), ..AuditFilter::default() }).expect("reads").remove(0);
    assert_eq!(row.target, "a b [31m");
    assert!((500..=512).contains(&row.detail.len()), "{}", row.detail.len());
    registry.verify_audit(None).expect("reads").expect("sound");
}
