//! `attendance`: who was in which room, from when to when, what of it arrived there, which roll calls it answered, how
//! long it had the floor; and the same for each site in all.

mod page;

use super::csv::Csv;
use super::table::Table;
use super::{Ended, out, time};
use crate::settings::{Attendance as Asked, Form, When};
use crate::shell::house::House;
use crate::store::{Registry, RollRow, SiteId, StoreError, UnixMs, VisitFilter, VisitId, VisitRow};
use anyhow::Context as _;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The time that was asked about; open at either end where nothing was said, but for now.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Option<UnixMs>,
    until: UnixMs,
}

/// How long somebody was there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Total {
    name: String,
    site: Option<SiteId>,
    visits: usize,
    ms: i64,
    floor_ms: i64,
    /// Roll calls that it answered.
    answered: usize,
}

pub(super) fn run(house: &House, json: bool, asked: &Asked) -> anyhow::Result<Ended> {
    let registry = house.registry()?;
    let (zone, now) = (time::zone(), time::now());
    let far = "that moment is too far away";
    let since = asked.since.map(|since| since.begin(&zone, now).context(far)).transpose()?;
    let until = asked.until.map(|until: When| until.end(&zone, now).context(far)).transpose()?;
    let room = asked.room.as_ref().map(ToString::to_string);
    let filter = VisitFilter { room, since, until };
    let (visits, rolls) = (registry.attendance(&filter)?, registry.roll_calls(&filter)?);
    let window = Window { since, until: until.map_or(now, |until| until.min(now)) };
    if json {
        out::json(&as_json(&visits, &rolls, window, &zone));
    } else if asked.form == Form::Csv {
        out::raw(csv(&visits, &rolls, window, &zone).text().as_bytes())?;
    } else if asked.form == Form::Html {
        let sheet = page::Sheet { window, zone: &zone, now };
        out::raw(page::page(&visits, &rolls, &sheet).as_bytes())?;
    } else if visits.is_empty() {
        out::tell("nobody was in a room then / không có ai vào họp trong thời gian này");
    } else {
        show(&visits, &rolls, window, &zone);
    }
    Ok(Ended::Well)
}

/// The attendance as a spreadsheet reads it: times in `zone`, and who is still in counted until then.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub fn spreadsheet(
    registry: &Registry,
    filter: &VisitFilter,
    until: UnixMs,
    zone: &TimeZone,
) -> Result<String, StoreError> {
    let (visits, rolls) = (registry.attendance(filter)?, registry.roll_calls(filter)?);
    let window = Window { since: filter.since, until };
    Ok(csv(&visits, &rolls, window, zone).text().to_owned())
}

fn show(visits: &[VisitRow], rolls: &[RollRow], window: Window, zone: &TimeZone) {
    let mut rooms: BTreeMap<&str, Table> = BTreeMap::new();
    for visit in visits {
        let table = rooms.entry(&visit.room).or_insert_with(|| {
            Table::new(&[
                "site / điểm",
                "joined / vào",
                "left / ra",
                "minutes / phút",
                "heard / nghe trọn",
                "floor / phát biểu",
                "roll call / điểm danh",
                "why / vì sao",
            ])
        });
        table.row([
            named(&visit.name, visit.guest),
            time::local(zone, visit.joined),
            visit.left.map_or_else(|| "still in / đang họp".to_owned(), |left| time::local(zone, left)),
            minutes(length(visit, window)),
            minutes(delivered(visit, window)),
            clock(visit.floor_ms),
            answered(visit.id, rolls, zone),
            visit.why.clone().unwrap_or_default(),
        ]);
    }
    for (room, table) in rooms {
        out::tell(&format!("room / phòng: {room}\n{table}\n"));
    }
    let mut table = Table::new(&[
        "in all / tổng cộng",
        "roll calls / điểm danh",
        "floor / phát biểu",
        "visits / số lần",
        "minutes / phút",
    ]);
    for total in totals(visits, rolls, window) {
        table.row([
            named(&total.name, total.site.is_none()),
            format!("{}/{}", total.answered, rolls.len()),
            clock(total.floor_ms),
            total.visits.to_string(),
            minutes(total.ms),
        ]);
    }
    out::tell(&table.to_string());
}

fn csv(visits: &[VisitRow], rolls: &[RollRow], window: Window, zone: &TimeZone) -> Csv {
    let mut csv = Csv::new([
        "room / phòng",
        "site / điểm",
        "guest / khách",
        "joined / vào",
        "left / ra",
        "minutes / phút",
        "why / vì sao",
        "heard minutes / phút nghe trọn",
        "floor / phát biểu",
        "roll calls answered / điểm danh",
    ]);
    for visit in visits {
        csv.row([
            &visit.room,
            &visit.name,
            if visit.guest { "1" } else { "0" },
            &time::exact(zone, visit.joined),
            &visit.left.map_or_else(String::new, |left| time::exact(zone, left)),
            &minutes(length(visit, window)),
            visit.why.as_deref().unwrap_or_default(),
            &minutes(delivered(visit, window)),
            &clock(visit.floor_ms),
            &answered(visit.id, rolls, zone),
        ]);
    }
    csv
}

fn as_json(visits: &[VisitRow], rolls: &[RollRow], window: Window, zone: &TimeZone) -> Value {
    let rows: Vec<Value> = visits
        .iter()
        .map(|visit| {
            json!({
                "id": visit.id.0,
                "room": visit.room,
                "site": visit.site.map(|site| site.0),
                "name": visit.name,
                "guest": visit.guest,
                "device": visit.device.to_string(),
                "joined_unix_ms": visit.joined.0,
                "joined": time::rfc3339(zone, visit.joined),
                "left_unix_ms": visit.left.map(|left| left.0),
                "left": visit.left.map(|left| time::rfc3339(zone, left)),
                "why": visit.why,
                "ms": length(visit, window),
                "delivered_ms": delivered(visit, window),
                "floor_ms": visit.floor_ms,
            })
        })
        .collect();
    let totals: Vec<Value> = totals(visits, rolls, window)
        .into_iter()
        .map(|total| {
            let site = total.site.map(|site| site.0);
            json!({ "site": site, "name": total.name, "visits": total.visits, "ms": total.ms, "floor_ms": total.floor_ms,
                "answered": total.answered })
        })
        .collect();
    let rolls: Vec<Value> = rolls
        .iter()
        .map(|roll| {
            let answers = roll.answers.iter();
            let answers = answers.map(
                |answer| json!({ "visit": answer.visit.0, "unix_ms": answer.at.0, "ticked": answer.ticked }),
            );
            json!({
                "id": roll.id,
                "room": roll.room,
                "number": roll.number,
                "unix_ms": roll.at.0,
                "at": time::rfc3339(zone, roll.at),
                "answers": answers.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "visits": rows, "totals": totals, "roll_calls": rolls })
}

fn named(name: &str, guest: bool) -> String {
    if guest { format!("{name} (guest / khách)") } else { name.to_owned() }
}

/// Whole minutes, to the nearest.
fn minutes(ms: i64) -> String {
    ((ms + 30_000) / 60_000).to_string()
}

/// Minutes and seconds.
fn clock(ms: i64) -> String {
    if ms == 0 { String::new() } else { format!("{}:{:02}", ms / 60_000, ms / 1000 % 60) }
}

/// The part of a visit in which nothing of what was said was missed or guessed; never less than nothing.
fn delivered(visit: &VisitRow, window: Window) -> i64 {
    (length(visit, window) - visit.missed_ms).max(0)
}

/// When the roll calls were called that a visit answered.
fn answered(visit: VisitId, rolls: &[RollRow], zone: &TimeZone) -> String {
    let of = rolls.iter().filter(|roll| roll.answers.iter().any(|answer| answer.visit == visit));
    of.map(|roll| time::local(zone, roll.at)).collect::<Vec<_>>().join("; ")
}

/// The part of a visit that was asked about, from when to when.
fn part(visit: &VisitRow, window: Window) -> (i64, i64) {
    let from = window.since.map_or(visit.joined, |since| since.max(visit.joined));
    let to = visit.left.map_or(window.until, |left| left.min(window.until));
    (from.0, to.0.max(from.0))
}

fn length(visit: &VisitRow, window: Window) -> i64 {
    let (from, to) = part(visit, window);
    to - from
}

/// How long each was there: a site by its number, whatever it was called; a guest by its device. Time in which two
/// devices of one site were there counts once. In the order of names.
fn totals(visits: &[VisitRow], rolls: &[RollRow], window: Window) -> Vec<Total> {
    #[derive(Default)]
    struct Parts {
        name: String,
        spans: Vec<(i64, i64)>,
        visits: Vec<VisitId>,
        floor_ms: i64,
    }
    let mut parts: BTreeMap<(Option<SiteId>, String), Parts> = BTreeMap::new();
    for visit in visits {
        let guest = if visit.site.is_none() { visit.device.to_string() } else { String::new() };
        let whose = parts.entry((visit.site, guest)).or_default();
        // The last name it had.
        whose.name.clone_from(&visit.name);
        whose.spans.push(part(visit, window));
        whose.visits.push(visit.id);
        whose.floor_ms += visit.floor_ms;
    }
    let mut totals: Vec<Total> = parts
        .into_iter()
        .map(|((site, _), Parts { name, mut spans, visits, floor_ms })| {
            spans.sort_unstable();
            let (mut ms, mut counted_to) = (0, i64::MIN);
            for &(from, to) in &spans {
                let from = from.max(counted_to);
                ms += (to - from).max(0);
                counted_to = counted_to.max(to);
            }
            let is_answered =
                |roll: &&RollRow| roll.answers.iter().any(|answer| visits.contains(&answer.visit));
            let answered = rolls.iter().filter(is_answered).count();
            Total { name, site, visits: spans.len(), ms, floor_ms, answered }
        })
        .collect();
    totals.sort_by(|a, b| a.name.cmp(&b.name));
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::VisitId;
    use giaoban_proto::link::Fingerprint;

    pub(super) fn visit(
        site: Option<i64>,
        device: u8,
        name: &str,
        joined: i64,
        left: Option<i64>,
    ) -> VisitRow {
        VisitRow {
            id: VisitId(1),
            room: "giaoban".into(),
            site: site.map(SiteId),
            device: Fingerprint::from_bytes([device; 16]),
            name: name.into(),
            guest: site.is_none(),
            joined: UnixMs(joined),
            left: left.map(UnixMs),
            why: None,
            floor_ms: 0,
            missed_ms: 0,
        }
    }

    #[test]
    fn a_site_is_counted_once_for_each_moment_and_only_within_what_was_asked() {
        let visits = [
            visit(Some(1), 1, "Tri Lễ", 0, Some(100)),
            visit(Some(1), 2, "Tri Lễ", 50, Some(150)),
            visit(Some(1), 1, "UBND Tri Lễ", 200, None),
            visit(None, 3, "An", 10, Some(20)),
            visit(None, 4, "An", 10, Some(30)),
        ];
        let all = Window { since: None, until: UnixMs(250) };
        let found: Vec<_> = totals(&visits, &[], all).into_iter().map(|t| (t.name, t.visits, t.ms)).collect();
        assert_eq!(found, [("An".into(), 1, 10), ("An".into(), 1, 20), ("UBND Tri Lễ".into(), 3, 200)]);
        let some = Window { since: Some(UnixMs(60)), until: UnixMs(210) };
        assert_eq!(totals(&visits, &[], some).iter().map(|t| t.ms).collect::<Vec<_>>(), [0, 0, 100]);
    }

    #[test]
    fn names_of_others_are_neither_formulas_nor_columns() {
        let window = Window { since: None, until: UnixMs(90_000) };
        let visits = [visit(None, 1, "=cmd|' /C calc'!A1,\"x\"", 0, Some(90_000))];
        let csv = csv(&visits, &[], window, &TimeZone::UTC);
        let row = csv.text().lines().nth(1).expect("a row");
        assert_eq!(
            row,
            "giaoban,\"'=cmd|' /C calc'!A1,\"\"x\"\"\",1,1970-01-01 00:00:00,1970-01-01 00:01:30,2,,2,,"
        );
    }
}
