//! What stands beside or below the table, or in its place: lobby, what happened, help.

use super::{Pen, SIDE, alarm, bar, bold, cell, dim, warning};
use crate::console::model::{Entry, Event, Hit, Model, Verb};
use crate::words::Lang;
use crate::words::console::{self as words, Label, clock};
use giaoban_proto::wire::Recording;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Guests that are shown at once; whoever came first is let in first.
const GUESTS: usize = 4;

/// Below a narrow table: a line for the guests where there are some, and what happened last.
pub(super) fn below_height(model: &Model, room: u16) -> u16 {
    let guests = u16::from(model.waiting().next().is_some());
    (guests + 3).min(room / 2)
}

pub(super) fn below(pen: &mut Pen<'_>, area: Rect, model: &Model, lang: Lang) {
    let mut row = 0;
    if model.waiting().next().is_some() {
        guests_in_line(pen, area, model, lang);
        row = 1;
    }
    entries(pen, area, row, model, 0, lang);
}

pub(super) fn side(pen: &mut Pen<'_>, area: Rect, model: &Model, lang: Lang) {
    for row in 0..area.height {
        pen.line(area, row, &Line::styled("│", dim()));
    }
    let area = Rect { x: area.x + 2, width: SIDE - 2, ..area };
    let mut row = 0;
    let waiting = model.waiting().count();
    if waiting > 0 {
        let title = format!("{} ({waiting})", Label::Lobby.text(lang));
        pen.line(area, 0, &Line::styled(title, warning().patch(bold())));
        row = 1;
        let chosen = model.guest().map(|guest| guest.member);
        let first = model.waiting().position(|guest| Some(guest.member) == chosen).unwrap_or(0);
        for guest in model.waiting().skip(first.saturating_sub(GUESTS - 1)).take(GUESTS) {
            let name = cell(&guest.name, usize::from(area.width).saturating_sub(5));
            pen.line(area, row, &Line::raw(format!("{:>3}  {name}", guest.member)));
            if model.is_in_lobby() && Some(guest.member) == chosen {
                pen.fill(area, row, bar());
            }
            pen.hit(area, 0, row, area.width, Hit::Guest(guest.member));
            row += 1;
        }
        row += 1;
    }
    pen.line(area, row, &Line::styled(Label::Log.text(lang), bold()));
    entries(pen, area, row + 1, model, 0, lang);
}

pub(super) fn log(pen: &mut Pen<'_>, area: Rect, model: &Model, up: usize, lang: Lang) {
    pen.line(area, 0, &Line::styled(format!(" {}", Label::Log.text(lang)), bold()));
    entries(pen, area, 1, model, up, lang);
}

/// From the chosen guest on, so that it is always to be seen.
fn guests_in_line(pen: &mut Pen<'_>, area: Rect, model: &Model, lang: Lang) {
    let width = |text: &str| u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX);
    let title = format!(" {}:", Label::Lobby.text(lang));
    pen.line(area, 0, &Line::styled(title.as_str(), warning().patch(bold())));
    let mut x = width(&title);
    let chosen = model.guest().map(|guest| guest.member);
    for guest in model.waiting().skip_while(|guest| Some(guest.member) != chosen) {
        let text = format!(" {} {} ", guest.member, guest.name);
        if x.saturating_add(width(&text)) > area.width {
            break;
        }
        let marked = model.is_in_lobby() && Some(guest.member) == chosen;
        let end = pen.text(area, x, 0, &text, if marked { bar() } else { Style::new() });
        pen.hit(area, x, 0, end - x, Hit::Guest(guest.member));
        x = end;
    }
}

/// The last entries that fit, from `row` on, newest below; `up` of them are left out.
fn entries(pen: &mut Pen<'_>, area: Rect, row: u16, model: &Model, up: usize, lang: Lang) {
    let room = usize::from(area.height.saturating_sub(row));
    let mut lines: Vec<Line<'_>> = Vec::new();
    for entry in model.log().rev().skip(up) {
        let entry = wrapped(entry, usize::from(area.width), lang);
        if lines.len() + entry.len() > room {
            break;
        }
        lines.extend(entry.into_iter().rev());
    }
    for (line, row) in lines.iter().rev().zip(row..) {
        pen.line(area, row, line);
    }
}

/// An entry in as many lines as it needs.
fn wrapped(entry: &Entry, width: usize, lang: Lang) -> Vec<Line<'static>> {
    let style = match &entry.event {
        Event::Said { .. } => bold(),
        Event::Hand(_) | Event::Waits(_) | Event::Trouble { .. } | Event::Away(_) | Event::NotDone { .. } => {
            warning()
        }
        Event::Notice { .. } | Event::Operator(false) | Event::Recording(Recording::Failed) => alarm(),
        _ => Style::new(),
    };
    let time = format!("{:>7} ", clock(entry.age));
    let room = width.saturating_sub(time.len()).max(1);
    let (mut lines, mut last) = (Vec::new(), String::new());
    for word in words::event(&entry.event, lang).split_whitespace() {
        if !last.is_empty() && Span::raw(last.as_str()).width() + 1 + Span::raw(word).width() > room {
            lines.push(std::mem::take(&mut last));
        }
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
    }
    lines.push(last);
    let indent = " ".repeat(time.len());
    let times = std::iter::once(time).chain(std::iter::repeat(indent));
    let spans = lines.into_iter().zip(times);
    spans.map(|(text, time)| Line::from(vec![Span::styled(time, dim()), Span::styled(text, style)])).collect()
}

/// In as many columns as they need.
pub(super) fn help(pen: &mut Pen<'_>, area: Rect, lang: Lang) {
    let keys = Verb::ALL.into_iter().map(|verb| {
        let key = super::foot::key(verb, lang);
        format!(" {} {}", cell(&key, 5), words::help(verb, lang))
    });
    let lines: Vec<String> = keys.collect();
    let rows = usize::from(area.height.saturating_sub(2)).max(1);
    let columns = lines.len().div_ceil(rows);
    let width = usize::from(area.width) / columns;
    for (n, text) in lines.iter().enumerate() {
        let (Ok(x), Ok(y)) = (u16::try_from(n / rows * width), u16::try_from(n % rows)) else { continue };
        pen.text(area, x, y, &cell(text, width), Style::new());
    }
    for (label, row) in [Label::Legend, Label::Legend2].into_iter().zip(area.height.saturating_sub(2)..) {
        pen.line(area, row, &Line::styled(format!(" {}", label.text(lang)), dim()));
    }
}
