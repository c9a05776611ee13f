//! The first lines: which meeting this is, and how it stands.

use super::{Pen, alarm, bar, bold, cell, dim, good, warning};
use crate::console::model::{Model, Verb};
use crate::words::Lang;
use crate::words::console::{self as words, Label, clock};
use giaoban_proto::wire::{FloorMode, Recording};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::time::{Duration, Instant};

/// Lines that it takes.
pub(super) const HEIGHT: u16 = 3;

/// The widest that the holder's name is.
const NAME: usize = 22;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Instant, lang: Lang) {
    let label = |label: Label| label.text(lang);
    pen.fill(area, 0, bar());
    let title = format!(" giaoban · {} · {}", model.room(), model.host());
    let recording = words::recording(model.recording(), lang);
    let mut right = Vec::new();
    if !recording.is_empty() {
        let style = if model.recording() == Recording::Paused { warning() } else { alarm() };
        right.push(Span::styled(format!(" {recording} "), style.patch(bar())));
    }
    let muted = model.is_on(Verb::Microphone);
    let microphone = label(if muted { Label::MicrophoneOff } else { Label::MicrophoneOn });
    right.push(Span::styled(format!(" {microphone} "), if muted { bar() } else { good().patch(bar()) }));
    right.push(Span::styled(format!(" {} ", clock(model.age(now))), bold().patch(bar())));
    pen.ends(area, 0, &Line::styled(title, bar()), &Line::from(right));

    if !model.is_in() {
        let lost = model.seats().next().is_some();
        let (text, style) =
            if lost { (Label::Reconnecting, alarm()) } else { (Label::Connecting, warning()) };
        pen.line(area, 1, &Line::styled(format!(" {}", label(text)), style));
    } else if model.is_operator() {
        pen.line(area, 1, &floor(model, now, lang));
    } else {
        pen.line(area, 1, &Line::styled(format!(" {}", label(Label::NoOperatorHere)), warning()));
    }
    pen.line(area, 2, &counts(model, now, lang));
}

fn floor(model: &Model, now: Instant, lang: Lang) -> Line<'static> {
    let mut spans = vec![Span::styled(format!(" {}", words::mode(model.mode(), lang)), bold())];
    if model.mode() != FloorMode::Open {
        let turn = model.meeting().turn_s;
        if turn != 0 {
            spans.push(Span::raw(format!(" {}", clock(Duration::from_secs(turn.into())))));
        }
        spans.push(Span::raw(": "));
        match model.holder() {
            Some(seat) => {
                let width = Span::raw(seat.name.as_str()).width().min(NAME);
                spans.push(Span::styled(cell(&seat.name, width), good()));
            }
            None => spans.push(Span::styled(Label::NoHolder.text(lang), dim())),
        }
        if let Some(left) = model.turn_left(now) {
            let style = if left <= Duration::from_secs(10) { alarm() } else { bold() };
            spans.push(Span::styled(format!(" {}", clock(left)), style));
        }
        let hands = model.hands();
        if hands.is_empty() {
            spans.push(Span::styled(format!(" │ {}", Label::NoHands.text(lang)), dim()));
        } else {
            spans.push(Span::raw(format!(" │ {} {}:", Label::Hands.text(lang), hands.len())));
        }
        for (n, seat) in hands.iter().enumerate() {
            spans.push(Span::styled(format!(" {}", n + 1), bold()));
            spans.push(Span::raw(format!(" {}", seat.name)));
        }
    }
    if !model.meeting().playing.is_empty() {
        spans.push(Span::styled(format!(" │ ♪ {}", model.meeting().playing), warning()));
    }
    Line::from(spans)
}

fn counts(model: &Model, now: Instant, lang: Lang) -> Line<'static> {
    let away = model.seats().filter(|seat| seat.away).count();
    let trouble = model.in_trouble();
    let style = if trouble > 0 { warning() } else { good() };
    let counts = words::counts(model.seats().count(), away, trouble, lang);
    let mut spans = vec![Span::styled(format!(" {counts}"), style)];
    let mut mark = |text: String, style| spans.push(Span::styled(format!(" │ {text}"), style));
    let meeting = model.meeting();
    if let Some(answered) = model.answered() {
        let left = model.roll_left(now);
        let style = if left.is_some() { bold() } else { dim() };
        mark(words::roll(meeting.roll, answered, left, lang), style);
    }
    if !meeting.has_operator {
        mark(Label::MeetingWithoutOperator.text(lang).into(), alarm());
    }
    if meeting.locked {
        mark(Label::Locked.text(lang).into(), warning());
    }
    if meeting.newcomers_silent {
        mark(Label::NewcomersSilent.text(lang).into(), warning());
    }
    Line::from(spans)
}
