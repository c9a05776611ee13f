//! `recordings`: what was recorded, where it is, and how it gets out.

use super::table::Table;
use super::{Ended, out, time};
use crate::recording::disk::{Disk as _, Folder};
use crate::recording::{chapters_name, sound_name};
use crate::settings::Recordings as Asked;
use crate::shell::house::House;
use crate::store::{RecordingId, RecordingRow, Registry};
use anyhow::{Context as _, bail};
use giaoban_proto::ogg::{self, Label};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

/// A recording, and what its file holds: bytes and milliseconds; `None` where it is not there or none of ours.
struct Shown {
    row: RecordingRow,
    held: Option<(u64, u64)>,
}

pub(super) fn run(house: &House, json: bool, asked: Asked) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    let folder = house.recordings()?;
    match asked {
        Asked::List => list(&registry, &folder, json)?,
        Asked::Export(id, file) => export(&registry, &folder, id, &file, json)?,
        Asked::Remove(id) => remove(&mut registry, &folder, id, json)?,
    }
    Ok(Ended::Well)
}

fn list(registry: &Registry, folder: &Folder, json: bool) -> anyhow::Result<()> {
    let zone = time::zone();
    let shown: Vec<Shown> = registry
        .recordings()?
        .into_iter()
        .map(|row| Shown { held: held(&folder.path(&sound_name(&row.file))), row })
        .collect();
    if json {
        out::json(&shown.iter().map(|shown| as_json(shown, folder, &zone)).collect());
        return Ok(());
    }
    let mut table =
        Table::new(&["no. / số", "room / phòng", "began / bắt đầu", "length / dài", "MB", "state", "file"]);
    for Shown { row, held } in &shown {
        table.row([
            row.id.0.to_string(),
            row.room.clone(),
            time::local(&zone, row.started),
            held.map_or_else(|| "-".to_owned(), |(_, ms)| length(ms)),
            held.map_or_else(|| "-".to_owned(), |(bytes, _)| format!("{:.1}", bytes as f64 / 1e6)),
            if held.is_some() {
                row.state.as_str().to_owned()
            } else {
                format!("{}, file is gone", row.state.as_str())
            },
            sound_name(&row.file),
        ]);
    }
    if table.is_empty() {
        out::tell("nothing was recorded yet / chưa có bản ghi âm nào");
    } else {
        out::tell(&table.to_string());
    }
    Ok(())
}

fn as_json(shown: &Shown, folder: &Folder, zone: &TimeZone) -> Value {
    let Shown { row, held } = shown;
    json!({
        "id": row.id.0,
        "room": row.room,
        "state": row.state.as_str(),
        "started_unix_ms": row.started.0,
        "started": time::rfc3339(zone, row.started),
        "ended_unix_ms": row.ended.map(|ended| ended.0),
        "ended": row.ended.map(|ended| time::rfc3339(zone, ended)),
        "ms": held.map(|(_, ms)| ms),
        "bytes": held.map(|(bytes, _)| bytes),
        "file": folder.path(&sound_name(&row.file)),
    })
}

/// What a file holds, as far as it is whole.
fn held(path: &Path) -> Option<(u64, u64)> {
    let found = ogg::find_end(BufReader::new(File::open(path).ok()?)).ok()??;
    Some((found.bytes, found.samples / 48))
}

fn length(ms: u64) -> String {
    let s = ms / 1000;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn export(
    registry: &Registry,
    folder: &Folder,
    id: RecordingId,
    to: &Path,
    json: bool,
) -> anyhow::Result<()> {
    let row = registry.recording(id)?;
    let from = folder.path(&sound_name(&row.file));
    let source = File::open(&from).with_context(|| format!("cannot open {}", from.display()))?;
    // Without them it is the same recording.
    let chapters = std::fs::read_to_string(folder.path(&chapters_name(&row.file))).unwrap_or_default();
    let chapters: Vec<String> = chapters.lines().map(str::to_owned).collect();
    let label = Label {
        program: "giaoban-bridge",
        room: row.room.clone(),
        date: time::rfc3339(&time::zone(), row.started),
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(to).with_context(|| format!("cannot make {}", to.display()))?;
    let mut file = BufWriter::new(file);
    let copied = ogg::copy(BufReader::new(source), &label, &chapters, |page| file.write_all(page));
    let copied = copied.and_then(|samples| {
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(samples)
    });
    let samples = match copied {
        Ok(Some(samples)) => samples,
        failed => {
            // Half an export is none.
            let _ = std::fs::remove_file(to);
            failed.with_context(|| format!("cannot write {}", to.display()))?;
            bail!("{} is no recording; put back a copy of it", from.display());
        }
    };
    if json {
        out::json(&json!({ "id": id.0, "file": to, "ms": samples / 48 }));
    } else {
        out::tell(&format!("recording {}: {} in {}", id.0, length(samples / 48), to.display()));
    }
    Ok(())
}

fn remove(registry: &mut Registry, folder: &Folder, id: RecordingId, json: bool) -> anyhow::Result<()> {
    let row = registry.recording(id)?;
    if row.state.is_open() {
        return Err(crate::store::StoreError::StillRecording(id.0).into());
    }
    for file in [sound_name(&row.file), chapters_name(&row.file)] {
        folder.remove(&file).with_context(|| format!("cannot remove {}", folder.path(&file).display()))?;
    }
    registry.forget_recording(id, "")?;
    if json {
        out::json(&json!({ "removed": id.0 }));
    } else {
        out::tell(&format!("recording {}: removed / đã xoá", id.0));
    }
    Ok(())
}
