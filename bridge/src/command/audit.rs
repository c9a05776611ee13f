//! `audit`: what was done, by whom, when; and whether that is still what was written.

use super::table::Table;
use super::{Ended, out, time};
use crate::settings::{Audit as Asked, When};
use crate::shell::house::House;
use crate::store::{AuditFilter, Registry};
use anyhow::Context as _;
use serde_json::json;

/// Rows that are shown unless said otherwise: a few screens.
const SHOWN: usize = 100;

pub(super) fn run(house: &House, json: bool, asked: Asked) -> anyhow::Result<Ended> {
    let registry = house.registry()?;
    match asked {
        Asked::List { since, last } => list(&registry, json, since, last),
        Asked::Verify(noted) => verify(&registry, json, noted),
    }
}

fn list(registry: &Registry, json: bool, since: Option<When>, last: Option<usize>) -> anyhow::Result<Ended> {
    let zone = time::zone();
    let from = since
        .map(|since| since.begin(&zone, time::now()).context("--since: that moment is too far away"))
        .transpose()?;
    let last = last.or_else(|| from.is_none().then_some(SHOWN));
    let rows = registry.audit(AuditFilter { since: from, last })?;
    if json {
        out::json(
            &rows
                .iter()
                .map(|row| {
                    json!({
                        "seq": row.seq,
                        "at_unix_ms": row.at.0,
                        "at": time::rfc3339(&zone, row.at),
                        "actor": row.actor,
                        "act": row.act,
                        "target": row.target,
                        "detail": row.detail,
                        "hash": hex(&row.hash),
                    })
                })
                .collect(),
        );
        return Ok(Ended::Well);
    }
    let mut table = Table::new(&["#", "when", "who", "did", "to", "detail"]);
    for row in rows {
        let at = time::exact(&zone, row.at);
        table.row([row.seq.to_string(), at, row.actor, row.act, row.target, row.detail]);
    }
    out::tell(&table.to_string());
    Ok(Ended::Well)
}

fn verify(registry: &Registry, json: bool, noted: Option<[u8; 32]>) -> anyhow::Result<Ended> {
    match registry.verify_audit(noted)? {
        Ok(head) => {
            if json {
                out::json(&json!({ "sound": true, "rows": head.rows, "head": hex(&head.hash) }));
            } else {
                let with = if noted.is_some() { ", and the head that was noted down is in it" } else { "" };
                out::tell(&format!("the audit is as it was written: {} rows{with}", head.rows));
                out::tell(&format!("head: {}", hex(&head.hash)));
                out::tell(
                    "Note the head down elsewhere; `audit verify --head` then finds an audit written anew.",
                );
            }
            Ok(Ended::Well)
        }
        Err(fault) => {
            if json {
                out::json(&json!({ "sound": false, "row": fault.seq, "what": fault.what.to_string() }));
            } else {
                out::tell(&format!("THE AUDIT WAS CHANGED: {fault}"));
                out::tell("Keep this data folder as it is, and compare it with a copy from before.");
            }
            Ok(Ended::Fault)
        }
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
