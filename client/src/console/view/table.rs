//! The table of sites: one line each.

use super::{Pen, alarm, bar, cell, dim, good, warning};
use crate::console::model::{Hit, Model, Row, Trouble};
use crate::words::Lang;
use crate::words::console::{self as words, Label};
use giaoban_proto::wire::{LegFigures, SiteRole};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use std::time::Instant;

/// What every column but the name takes, spaces between them included: mark, number, state, level, tick, two legs.
const REST: u16 = 63;

/// The widest name; more says nothing.
const NAME: u16 = 34;

/// The narrowest, beside the round trip: in a narrow table the name has the room.
const NAME_WITH_TRIP: u16 = 18;

/// The round trip, with the space before it.
const TRIP: u16 = 6;

/// A leg's figures: loss, wait, rung.
const LEG: usize = 16;

/// A site that has less of the recording than this, in percent, is marked: a second here and there is everybody's.
const ALL: u32 = 95;

/// The state in words.
const STATE: usize = 14;

/// How wide the columns are that are not always the same.
#[derive(Clone, Copy)]
struct Widths {
    name: usize,
    trip: bool,
}

impl Widths {
    fn of(width: u16) -> Self {
        let spare = width.saturating_sub(REST);
        let trip = spare >= NAME_WITH_TRIP + TRIP;
        let name = spare.saturating_sub(if trip { TRIP } else { 0 }).min(NAME);
        Self { name: name.into(), trip }
    }
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Instant, lang: Lang) {
    let widths = Widths::of(area.width);
    pen.line(area, 0, &Line::raw(head(model, widths, lang)));
    pen.fill(area, 0, Style::new().add_modifier(Modifier::UNDERLINED));
    let rows = model.rows(now);
    if rows.is_empty() {
        return pen.line(area, 1, &Line::styled(format!("      {}", Label::Empty.text(lang)), dim()));
    }
    let height = usize::from(area.height.saturating_sub(1));
    for (row, y) in window(&rows, height).zip(1..) {
        pen.line(area, y, &line(row, model, now, widths, lang));
        if row.chosen && !model.is_in_lobby() {
            pen.fill(area, y, bar());
        }
        pen.hit(area, 0, y, area.width, Hit::Site(row.seat.member));
    }
}

fn head(model: &Model, widths: Widths, lang: Lang) -> String {
    let label = |label: Label| label.text(lang);
    let site = match (words::filter(model.filter(), lang), model.search()) {
        ("", "") => words::order(model.order(), lang).to_owned(),
        (filter, "") => filter.into(),
        (_, search) => format!("/{search}"),
    };
    let mut head = format!(
        "   # {} {} {} ✓ {} {}",
        cell(&site, widths.name),
        cell(label(Label::State), STATE),
        cell(label(Label::Level), 5),
        format_args!("{:>LEG$}", label(Label::Hears)),
        format_args!("{:>LEG$}", label(Label::Sends)),
    );
    if widths.trip {
        head = format!("{head} {:>5}", label(Label::RoundTrip));
    }
    head
}

/// So many of the rows, from the first on, that the chosen one is among them. Where that is far down, the worst trouble
/// stays in sight above it.
fn window<'a, 'b>(rows: &'a [Row<'b>], height: usize) -> impl Iterator<Item = &'a Row<'b>> {
    let chosen = rows.iter().position(|row| row.chosen).unwrap_or(0);
    let trouble = rows.iter().take_while(|row| row.trouble.is_some()).count().min(height / 3);
    let kept = if chosen < height { 0 } else { trouble };
    let first = (chosen + 1).saturating_sub(height - kept).max(kept);
    rows[..kept].iter().chain(&rows[first..]).take(height)
}

fn line(row: &Row<'_>, model: &Model, now: Instant, widths: Widths, lang: Lang) -> Line<'static> {
    let (mark, mark_style) = match row.trouble {
        Some(Trouble::Away | Trouble::HearsBadly) => ("!", alarm()),
        Some(_) => ("!", warning()),
        None if row.floor => ("►", good()),
        None => (" ", Style::new()),
    };
    let style = match row {
        _ if row.away.is_some() => dim(),
        _ if row.floor || row.is_loud() => good(),
        _ if row.place.is_some() => warning(),
        _ => Style::new(),
    };
    let (tick, tick_style) = match row.answered {
        Some(true) => ("✓", good()),
        Some(false) => ("–", warning()),
        None => (" ", Style::new()),
    };
    let figures = |of: Option<LegFigures>| of.map(|of| leg(&of)).unwrap_or_default();
    let (hears, hears_style) = figures(row.line.and_then(|line| line.hears));
    let (sends, sends_style) = match row.trouble {
        Some(what @ (Trouble::DeadMicrophone | Trouble::NoMicrophone | Trouble::Clipping)) => {
            (format!("{:>LEG$}", words::trouble(what, lang)), warning())
        }
        _ => figures(row.line.and_then(|line| line.sends)),
    };
    let state = words::state(row, model.turn_left(now), lang);
    let level = "▇".repeat(row.level());
    let mut spans = vec![
        Span::styled(mark, mark_style),
        Span::styled(format!("{:>3} ", row.seat.member), dim()),
        Span::styled(called(row, widths.name, lang), style),
        Span::styled(format!(" {}", cell(&state, STATE)), style),
        Span::styled(format!(" {}", cell(&level, 5)), good()),
        Span::styled(format!(" {tick}"), tick_style),
        Span::styled(format!(" {}", cell(&hears, LEG)), hears_style),
        Span::styled(format!(" {}", cell(&sends, LEG)), sends_style),
    ];
    if widths.trip
        && let Some(line) = row.line.filter(|line| line.round_trip_10ms != 0)
    {
        let style = if row.trouble == Some(Trouble::Slow) { warning() } else { dim() };
        let trip = seconds(line.round_trip_10ms.saturating_mul(10));
        spans.push(Span::styled(format!(" {trip:>5}"), style));
    }
    Line::from(spans)
}

/// Its name, cut where it must be, and what else is to be known of it.
fn called(row: &Row<'_>, width: usize, lang: Lang) -> String {
    let gain = format!("{:+}", row.seat.gain_db);
    let has = row.line.and_then(|line| line.has).filter(|&has| has < ALL);
    let part = has.map_or_else(String::new, |has| format!("●{has}%"));
    let source = SiteRole::from_code(row.seat.role) == Some(SiteRole::Source);
    let marks = [
        (has.is_some(), part.as_str()),
        (row.own, Label::You.text(lang)),
        (row.deputy, Label::Deputy.text(lang)),
        (source && !row.seat.two_way, Label::Source.text(lang)),
        (source && row.seat.two_way, Label::TwoWay.text(lang)),
        (row.seat.gain_db != 0, gain.as_str()),
    ];
    let marks: Vec<&str> = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
    let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
    let room = width.saturating_sub(Span::raw(marks.as_str()).width());
    let name = cell(&row.seat.name, room);
    cell(&format!("{}{marks}", name.trim_end()), width)
}

/// Lost, and missing after repair; the wait; the rung. In just sixteen columns.
fn leg(leg: &LegFigures) -> (String, Style) {
    let loss = format!("{}→{}%", leg.lost.min(100), leg.concealed.min(100));
    let rung = if leg.rung_kbps == 0 { "–".into() } else { leg.rung_kbps.min(99).to_string() };
    let text = format!("{loss:>8} {:>4} {rung:>2}", seconds(leg.delay_50ms.saturating_mul(50)));
    let style = match leg.concealed {
        0..=2 => Style::new(),
        3..=9 => warning(),
        _ => alarm(),
    };
    (text, style)
}

/// Seconds, with a tenth where there is room in four columns.
fn seconds(millis: u32) -> String {
    match millis {
        0..=9_949 => format!("{:.1}s", f64::from(millis) / 1000.0),
        _ => format!("{}s", (millis / 1000).min(999)),
    }
}
