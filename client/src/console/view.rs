//! How an operator's screen looks in a terminal of any size, eighty by twenty-four at least.
//!
//! ```text
//!   three lines of the meeting: clock, recording, microphone / floor, hands / counts, roll call
//!   table of sites                                             | lobby     (below the table
//!                                                              | what happened    where it is narrow)
//!   what is asked, or what became of the last act
//!   keys that have a point now, each with its name
//! ```
//!
//! Draws what the model says and decides nothing; says where what can be clicked is. Names come from others: ratatui
//! leaves control characters out.

mod foot;
mod head;
mod middle;
mod table;

use super::model::{Hit, Model, Page};
use crate::words::Lang;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use std::time::Instant;

/// From this width on lobby and log stand beside the table.
const WIDE: u16 = 116;

/// How wide they then are, with the line before them.
const SIDE: u16 = 40;

/// The narrowest and lowest terminal that all fits in.
pub const LEAST: (u16, u16) = (80, 24);

/// What can be clicked, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits(Vec<(Rect, Hit)>);

impl Hits {
    /// What is under this place.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<Hit> {
        let place = Position::new(column, row);
        self.0.iter().find(|(area, _)| area.contains(place)).map(|(_, hit)| *hit)
    }
}

/// Draws the screen as it is at `now`.
pub fn draw(buffer: &mut Buffer, model: &Model, now: Instant, lang: Lang) -> Hits {
    let (area, mut hits) = (buffer.area, Hits::default());
    let mut pen = Pen { buffer, hits: &mut hits };
    let head = if model.page() == Page::Help { 1 } else { head::HEIGHT }.min(area.height);
    let foot = foot::height(model, area.width, lang).min((area.height - head).saturating_sub(3));
    let middle = Rect { y: area.y + head, height: area.height - head - foot, ..area };
    head::draw(&mut pen, Rect { height: head, ..area }, model, now, lang);
    match model.page() {
        Page::Help => middle::help(&mut pen, middle, lang),
        Page::Log(up) => middle::log(&mut pen, middle, model, up, lang),
        Page::Sites if area.width >= WIDE => {
            let left = Rect { width: area.width - SIDE, ..middle };
            let right = Rect { x: area.x + left.width, width: SIDE, ..middle };
            table::draw(&mut pen, left, model, now, lang);
            middle::side(&mut pen, right, model, lang);
        }
        Page::Sites => {
            let below = middle::below_height(model, middle.height);
            table::draw(&mut pen, Rect { height: middle.height - below, ..middle }, model, now, lang);
            let y = middle.y + (middle.height - below);
            middle::below(&mut pen, Rect { y, height: below, ..middle }, model, lang);
        }
    }
    let y = area.y + (area.height - foot);
    foot::draw(&mut pen, Rect { y, height: foot, ..area }, model, now, lang);
    hits
}

/// Writes lines, and notes what can be clicked.
struct Pen<'a> {
    buffer: &'a mut Buffer,
    hits: &'a mut Hits,
}

impl Pen<'_> {
    /// Writes a line; what is too long is cut.
    fn line(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        if row < area.height {
            self.buffer.set_line(area.x, area.y + row, line, area.width);
        }
    }

    /// Writes a text from column `x` on; where it ends.
    fn text(&mut self, area: Rect, x: u16, row: u16, text: &str, style: Style) -> u16 {
        if row >= area.height || x >= area.width {
            return x;
        }
        let room = usize::from(area.width - x);
        let (end, _) = self.buffer.set_stringn(area.x + x, area.y + row, text, room, style);
        end - area.x
    }

    /// What stands there can be clicked.
    fn hit(&mut self, area: Rect, x: u16, row: u16, width: u16, hit: Hit) {
        self.hits.0.push((Rect::new(area.x + x, area.y + row, width, 1), hit));
    }

    /// Writes `left` and, at the right edge, `right`; where both do not fit, `right` stays whole.
    fn ends(&mut self, area: Rect, row: u16, left: &Line<'_>, right: &Line<'_>) {
        if row >= area.height {
            return;
        }
        let width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);
        let room = area.width - width;
        self.buffer.set_line(area.x, area.y + row, left, room.saturating_sub(1));
        self.buffer.set_line(area.x + room, area.y + row, right, width);
    }

    fn fill(&mut self, area: Rect, row: u16, style: Style) {
        if row < area.height {
            self.buffer.set_style(Rect { y: area.y + row, height: 1, ..area }, style);
        }
    }
}

/// A text of just this width: cut with `…`, or filled with spaces.
fn cell(text: &str, width: usize) -> String {
    let mut cut = String::new();
    let mut used = 0;
    let whole = Span::raw(text).width() <= width;
    for c in text.chars().filter(|c| !c.is_control()) {
        let wide = Span::raw(c.to_string()).width();
        if used + wide > if whole { width } else { width.saturating_sub(1) } {
            break;
        }
        cut.push(c);
        used += wide;
    }
    if !whole && width > 0 {
        cut.push('…');
        used += 1;
    }
    cut.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    cut
}

const fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

const fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

const fn alarm() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

const fn warning() -> Style {
    Style::new().fg(Color::Yellow)
}

const fn good() -> Style {
    Style::new().fg(Color::Green)
}

/// Light on dark, whatever the terminal's colours are.
const fn bar() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

#[cfg(test)]
mod tests;
