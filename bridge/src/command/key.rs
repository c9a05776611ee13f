//! `key`: the bridge's own keys. Links name the key and the spare, so that the bridge can go on with the spare when the
//! key is lost or known to somebody else.

use super::{Ended, out, time};
use crate::settings::Key as Asked;
use crate::shell::house::House;
use crate::store::{Registry, UnixMs};
use anyhow::{Context as _, bail};
use giaoban_proto::link::Fingerprint;
use giaoban_proto::transport::{Identity, private};
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Under which name the store keeps whose key the bridge has, which puts a change of it into the audit.
pub const KEPT: &str = "bridge key";

pub(super) fn run(house: &House, json: bool, asked: Asked) -> anyhow::Result<Ended> {
    match asked {
        Asked::Rotate => rotate(house, json),
        Asked::ExportSpare(file) => export(house, json, &file),
    }
}

fn rotate(house: &House, json: bool) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    // A bridge that runs has its key in its hands; to change it under its feet would make its links lie.
    let _lock = house.lock()?;
    if !private::closed(&house.spare())? {
        bail!("there is no spare key in {}; put back a copy of it (spare.key)", house.folder().display());
    }
    let next = private::known_identity(&house.spare())?.fingerprint();
    let kept = put_away(house, time::now())?;
    // One step: whatever happens, there is a key by which links know this bridge.
    fs::rename(house.spare(), house.key())
        .with_context(|| format!("cannot put {} in place", house.key().display()))?;
    sync(house.folder())?;
    let spare = private::identity(&house.spare())?.fingerprint();
    registry.keep(KEPT, &next.to_string())?;
    if json {
        out::json(&json!({
            "key": next.to_string(),
            "spare": spare.to_string(),
            "old": kept.map(|kept| kept.display().to_string()),
        }));
        return Ok(Ended::Well);
    }
    out::tell(&format!("the bridge's key is now {next}, which was the spare; the new spare is {spare}"));
    if let Some(kept) = kept {
        out::tell(&format!(
            "the old key is kept in {}; delete it if it fell into other hands",
            kept.display()
        ));
    }
    out::tell("Sites whose link names this spare, and all that have been in, come in as before.");
    out::tell("Put a copy of the new spare away: giaoban-bridge key export-spare FILE");
    Ok(Ended::Well)
}

/// Gives the old key a second name. `None` where there is no old key, which is why one rotates.
fn put_away(house: &House, now: UnixMs) -> anyhow::Result<Option<PathBuf>> {
    if !private::closed(&house.key())? {
        return Ok(None);
    }
    let date = time::written_for_names(&time::zone(), now);
    let mut kept = house.folder().join(format!("bridge.key.old-{date}"));
    for n in 2.. {
        if !kept.try_exists()? {
            break;
        }
        kept = house.folder().join(format!("bridge.key.old-{date}-{n}"));
    }
    let old = private::known_identity(&house.key())?;
    private::put_new(&kept, old.to_pkcs8())?;
    Ok(Some(kept))
}

fn export(house: &House, json: bool, file: &Path) -> anyhow::Result<Ended> {
    let registry = house.registry()?;
    let spare: Identity = private::known_identity(&house.spare())
        .context("the first start of a bridge makes the spare key (giaoban-bridge serve)")?;
    drop(registry);
    if file.try_exists()? {
        bail!("{} is there already; name a new file", file.display());
    }
    private::put_new(file, spare.to_pkcs8())?;
    let fingerprint: Fingerprint = spare.fingerprint();
    if json {
        out::json(&json!({ "spare": fingerprint.to_string(), "file": file.display().to_string() }));
        return Ok(Ended::Well);
    }
    out::tell(&format!("the spare key {fingerprint} is in {}", file.display()));
    out::tell("Keep it where this machine's disk is not, and where nobody else reads it.");
    out::tell(
        "When this machine is lost: put it into a new data folder as bridge.key (chmod 600), and start there.",
    );
    Ok(Ended::Well)
}

fn sync(folder: &Path) -> anyhow::Result<()> {
    // Where a folder cannot be opened (Windows) the system sees to it.
    if let Ok(open) = File::open(folder) {
        open.sync_all().with_context(|| format!("cannot write to {}", folder.display()))?;
    }
    Ok(())
}

/// Notes whose key the bridge that starts has.
///
/// # Errors
/// The store cannot be written.
pub fn note(registry: &mut Registry, key: Fingerprint) -> Result<(), crate::store::StoreError> {
    registry.keep(KEPT, &key.to_string())
}
