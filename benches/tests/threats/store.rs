//! A changed log, and who looks into it.

use crate::{Report, Scene};
use anyhow::{Context as _, ensure};
use giaoban_bridge::store::{AuditFilter, Damage, Registry, system_clock};
use rusqlite::Connection;
use tempfile::TempDir;

/// The log is sound while the bridge runs; in copies of it a row is changed, taken out, or cut off.
pub(crate) fn changed(scene: &Scene) -> anyhow::Result<Report> {
    let registry = scene.bridge.registry()?;
    let head = registry.verify_audit(None)?.context("the audit of the attacked bridge")?;
    let rows = registry.audit(AuditFilter::default())?;
    ensure!(rows.len() as u64 == head.rows, "{} rows, and the head says {}", rows.len(), head.rows);
    for row in &rows {
        for text in [&row.actor, &row.act, &row.target, &row.detail] {
            ensure!(text.len() <= 512 && !text.chars().any(char::is_control), "row {}: {text:?}", row.seq);
        }
    }
    let middle = head.rows / 2;
    let cuts = [
        (format!("UPDATE audit SET actor = 'nobody' WHERE seq = {middle}"), middle, Damage::Changed),
        (format!("DELETE FROM audit WHERE seq = {middle}"), middle, Damage::Missing),
        (format!("DELETE FROM audit WHERE seq >= {middle}"), middle, Damage::CutOff),
    ];
    let folder = TempDir::new()?;
    for (n, (sql, seq, damage)) in cuts.into_iter().enumerate() {
        let copy = folder.path().join(format!("{n}.db"));
        let whole = Connection::open(scene.bridge.store_file())?;
        whole.execute("VACUUM INTO ?1", [copy.to_str().context("a plain path")?])?;
        let hand = Connection::open(&copy)?;
        hand.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;")?;
        hand.execute_batch(&sql)?;
        drop(hand);
        let found = Registry::open(&copy, "test", system_clock())?.verify_audit(None)?;
        let fault = found.err().with_context(|| format!("not found: {sql}"))?;
        ensure!((fault.seq, fault.what) == (seq, damage), "{sql}: {fault}");
    }
    Ok(Report::new(
        "a row of the audit changed, taken out, and the rest cut off, each in a copy",
        format!("the bridge's own {} rows verify; each damage is found at its row", head.rows),
    ))
}
