//! The last lines: what is asked or what became of the last act, and the keys.

use super::{Pen, alarm, bar, bold, cell, dim, good, warning};
use crate::console::model::{Aim, Hit, Model, Outcome, Page, Prompt, Verb};
use crate::words::Lang;
use crate::words::console::{self as words, Label};
use giaoban_proto::wire::ActCode;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::Instant;

/// A verb's name, with its key, and where it stands.
struct Shown {
    x: u16,
    verb: Verb,
    key: String,
    name: &'static str,
}

fn width(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// A verb's key as it stands on the keyboard.
pub(super) fn key(verb: Verb, lang: Lang) -> String {
    match verb.key() {
        ' ' => Label::Space.text(lang).into(),
        key => key.to_string(),
    }
}

/// All verbs that have a point now, in lines that are so wide.
fn keys(model: &Model, room: u16, lang: Lang) -> Vec<Vec<Shown>> {
    let (mut lines, mut line, mut x) = (Vec::new(), Vec::new(), 1);
    // The help names them all.
    let shown = |verb: &Verb| if model.page() == Page::Help { *verb == Verb::Help } else { model.can(*verb) };
    for verb in Verb::ALL.into_iter().filter(shown) {
        let (key, name) = (key(verb, lang), words::verb(verb, model.is_on(verb), lang));
        let wide = width(&key).saturating_add(width(name)).saturating_add(1);
        if !line.is_empty() && wide > room.saturating_sub(x) {
            lines.push(std::mem::take(&mut line));
            x = 1;
        }
        line.push(Shown { x, verb, key, name });
        x = x.saturating_add(wide).saturating_add(2);
    }
    lines.push(line);
    lines
}

pub(super) fn height(model: &Model, width: u16, lang: Lang) -> u16 {
    u16::try_from(1 + keys(model, width, lang).len()).unwrap_or(u16::MAX)
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Instant, lang: Lang) {
    match model.prompt() {
        Prompt::None => {
            if let Some((aim, outcome)) = model.last(now) {
                pen.line(area, 0, &became(aim, outcome, lang));
            }
        }
        Prompt::Confirm(aim) => confirm(pen, area, aim, lang),
        Prompt::Text { aim, typed, wrong } => {
            let ask = words::ask(aim.verb, &aim.name, lang);
            let ask = if *wrong { format!("{} {ask}", Label::TypedWrong.text(lang)) } else { ask };
            typing(pen, area, &ask, typed, *wrong, lang);
        }
        Prompt::Search => typing(pen, area, Label::Find.text(lang), model.search(), false, lang),
    }
    for (line, row) in keys(model, area.width, lang).iter().zip(1..area.height) {
        for shown in line {
            let after = pen.text(area, shown.x, row, &shown.key, bold().patch(bar()));
            let end = pen.text(area, after + 1, row, shown.name, Style::new());
            pen.hit(area, shown.x, row, end.saturating_sub(shown.x), Hit::Verb(shown.verb));
        }
    }
}

fn became(aim: &Aim, outcome: &Outcome, lang: Lang) -> Line<'static> {
    let style = match outcome {
        Outcome::Asked => dim(),
        Outcome::Done(Some(ActCode::Done)) => good(),
        Outcome::NotNow => warning(),
        Outcome::Done(_) | Outcome::NoAnswer => alarm(),
    };
    Line::styled(format!(" {}", words::outcome(aim.verb, &aim.name, outcome, lang)), style)
}

/// A button at this place of the first line; where the next may stand.
fn button(pen: &mut Pen<'_>, area: Rect, x: u16, label: Label, hit: Hit, lang: Lang) -> u16 {
    let text = format!("[ {} ]", label.text(lang));
    let end = pen.text(area, x, 0, &text, bold());
    pen.hit(area, x, 0, end - x, hit);
    end + 1
}

fn confirm(pen: &mut Pen<'_>, area: Rect, aim: &Aim, lang: Lang) {
    let name = cell(&aim.name, Span::raw(aim.name.as_str()).width().min(24));
    let asked = format!(" {}", words::confirm(aim.verb, &name, lang));
    pen.line(area, 0, &Line::styled(asked.as_str(), alarm()));
    let x = button(pen, area, width(&asked) + 1, Label::Yes, Hit::Yes, lang);
    button(pen, area, x, Label::No, Hit::No, lang);
}

/// What is asked, the end of what was typed, and how to end it.
fn typing(pen: &mut Pen<'_>, area: Rect, ask: &str, typed: &str, wrong: bool, lang: Lang) {
    let buttons = [Label::Send, Label::Cancel].map(|label| width(label.text(lang)) + 5);
    let x = area.width.saturating_sub(buttons.iter().sum());
    let room = x.saturating_sub(width(ask) + 4);
    let mut shown = typed;
    while width(shown) > room {
        let mut rest = shown.chars();
        rest.next();
        shown = rest.as_str();
    }
    let spans = vec![
        Span::styled(format!(" {ask} "), if wrong { alarm() } else { bold() }),
        Span::raw(shown),
        Span::styled(" ", bar()),
    ];
    pen.line(area, 0, &Line::from(spans));
    let x = button(pen, area, x, Label::Send, Hit::Yes, lang);
    button(pen, area, x, Label::Cancel, Hit::No, lang);
}
