//! The audit: what was done, by whom, when, each row bound to the one before by its hash.
//!
//! ```text
//!   hash = SHA-256(hash of the row before || seq || at || actor || act || target || detail)
//! ```
//!
//! The numbers as 8 bytes, big end first; each text behind its length, likewise. How many rows there are and the last
//! hash stand beside, so that rows cut off at the end are missed too. Whoever owns the whole file can write the whole
//! chain anew: against that the head is to be noted down elsewhere, and compared.
//!
//! Rows are only ever added; the schema refuses to change or delete one.

use super::desk::{Desk, Work};
use super::{Registry, StoreError, UnixMs};
use ring::digest;
use rusqlite::{Connection, Row, params};

/// The longest text in a row, in bytes: what strangers call themselves must not fill the disk.
const MAX_TEXT_BYTES: usize = 512;

/// Where the chain begins.
const BEGINNING: [u8; 32] = [0; 32];

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, from 1 on without a gap.
    pub seq: u64,
    /// When.
    pub at: UnixMs,
    /// Who did it.
    pub actor: String,
    /// What was done, in a word or two.
    pub act: String,
    /// To whom or what; may be empty.
    pub target: String,
    /// What else is to be known; may be empty.
    pub detail: String,
    /// Binds this row to all before it.
    pub hash: [u8; 32],
}

/// Which rows of the audit are wanted; all by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// None before this.
    pub since: Option<UnixMs>,
    /// No more than so many, the latest.
    pub last: Option<usize>,
}

/// The end of the chain: worth noting down elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many rows there are.
    pub rows: u64,
    /// The hash of the last.
    pub hash: [u8; 32],
}

/// The audit is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {seq} of the audit: {what}")]
pub struct AuditFault {
    /// The first row that is not right.
    pub seq: u64,
    /// What is wrong with it.
    pub what: Damage,
}

/// What can be wrong with the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// No row of that number, but later ones.
    #[error("it is missing, and rows after it are there")]
    Missing,
    /// Not what was written, or not in that place.
    #[error("it is not as it was written")]
    Changed,
    /// The chain ends before its head.
    #[error("it and what came after it are missing")]
    CutOff,
    /// The chain goes on after its head, or there is no head.
    #[error("it was not written by this program")]
    Added,
    /// The chain is sound in itself and does not hold the hash that was noted down.
    #[error("the head that was noted down is not in the audit: it was written anew as a whole")]
    NotTheNoted,
}

impl Registry {
    /// Rows of the audit, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn audit(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        let last = filter.last.map_or(-1, |last| i64::try_from(last).unwrap_or(i64::MAX));
        self.read(|db| {
            let mut rows = db.prepare(
                "SELECT seq, at, actor, act, target, detail, hash FROM audit WHERE at >= ?1
                 ORDER BY seq DESC LIMIT ?2",
            )?;
            let since = filter.since.map_or(i64::MIN, |since| since.0);
            let mut rows =
                rows.query_map(params![since, last], row)?.collect::<rusqlite::Result<Vec<_>>>()?;
            rows.reverse();
            Ok(rows)
        })
    }

    /// Reads the whole audit and compares every hash. `noted` is a head noted down before, now or earlier the last.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read; the inner [`AuditFault`] when the audit is not what was written.
    pub fn verify_audit(&self, noted: Option<[u8; 32]>) -> Result<Result<Head, AuditFault>, StoreError> {
        self.read(|db| verify(db, noted))
    }
}

impl Desk<'_> {
    /// Adds a row, in the name of whoever this desk belongs to.
    pub(super) fn audit(&self, act: &str, target: &str, detail: &str) -> Work<()> {
        self.audit_by(self.actor, act, target, detail)
    }

    /// Adds a row in the name of `actor`.
    pub(super) fn audit_by(&self, actor: &str, act: &str, target: &str, detail: &str) -> Work<()> {
        let (rows, before) = head(self.db)?.ok_or_else(|| StoreError::Damaged(Default::default()))?;
        let seq = rows + 1;
        let [actor, act, target, detail] = [actor, act, target, detail].map(fit);
        let hash = chain(&before, seq, self.now, [&actor, &act, &target, &detail]);
        self.write(
            "INSERT INTO audit (seq, at, actor, act, target, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![seq as i64, self.now.0, actor, act, target, detail, hash],
        )?;
        self.write("UPDATE audit_head SET rows = ?1, hash = ?2", params![seq as i64, hash])?;
        Ok(())
    }
}

/// A text as it may stand in a row: not too long, and on one line whoever prints it.
fn fit(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: row.get::<_, i64>(0)? as u64,
        at: UnixMs(row.get(1)?),
        actor: row.get(2)?,
        act: row.get(3)?,
        target: row.get(4)?,
        detail: row.get(5)?,
        hash: row.get(6)?,
    })
}

fn head(db: &Connection) -> rusqlite::Result<Option<(u64, [u8; 32])>> {
    let mut rows = db.prepare("SELECT rows, hash FROM audit_head")?;
    let mut rows = rows.query([])?;
    match rows.next()? {
        Some(row) => Ok(Some((row.get::<_, i64>(0)? as u64, row.get(1)?))),
        None => Ok(None),
    }
}

fn chain(before: &[u8; 32], seq: u64, at: UnixMs, texts: [&str; 4]) -> [u8; 32] {
    let mut digest = digest::Context::new(&digest::SHA256);
    digest.update(before);
    digest.update(&seq.to_be_bytes());
    digest.update(&at.0.to_be_bytes());
    for text in texts {
        digest.update(&(text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.finish().as_ref());
    hash
}

fn verify(db: &Connection, noted: Option<[u8; 32]>) -> Work<Result<Head, AuditFault>> {
    let fault = |seq, what| Ok(Err(AuditFault { seq, what }));
    let mut rows = db.prepare("SELECT seq, at, actor, act, target, detail, hash FROM audit ORDER BY seq")?;
    let (mut seq, mut hash) = (0, BEGINNING);
    let mut noted_seen = noted.is_none_or(|noted| noted == BEGINNING);
    for found in rows.query_map([], row)? {
        let found = match found {
            Ok(found) => found,
            // Not even of the kind that we write.
            Err(rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)) => {
                return fault(seq + 1, Damage::Changed);
            }
            Err(error) => return Err(error.into()),
        };
        seq += 1;
        if found.seq != seq {
            return fault(seq, if found.seq > seq { Damage::Missing } else { Damage::Added });
        }
        let AuditRow { at, actor, act, target, detail, .. } = &found;
        hash = chain(&hash, seq, *at, [actor, act, target, detail]);
        if found.hash != hash {
            return fault(seq, Damage::Changed);
        }
        noted_seen |= noted == Some(hash);
    }
    match head(db)? {
        Some((rows, _)) if rows > seq => fault(seq + 1, Damage::CutOff),
        Some((rows, _)) if rows < seq => fault(rows + 1, Damage::Added),
        Some((_, last)) if last != hash => fault(seq, Damage::Changed),
        None => fault(seq, Damage::Added),
        Some(_) if !noted_seen => fault(seq, Damage::NotTheNoted),
        Some(_) => Ok(Ok(Head { rows: seq, hash })),
    }
}
