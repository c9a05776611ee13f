//! Plots as SVG: dots in panels side by side, a row for each case or site, written by hand since that is all it takes.

use std::fmt::Write;

/// One dot.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Where on the scale.
    pub at: f64,
    /// Whether it counts less than the others, and is drawn hollow.
    pub hollow: bool,
}

/// What one row shows in one panel.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// The dots.
    pub dots: Vec<Dot>,
    /// What is to be reached, if anything.
    pub target: Option<f64>,
}

/// A scale with a cell for each row.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows, with its unit.
    pub title: String,
    /// What hollow dots are, if there are any.
    pub note: String,
    /// From where the scale goes.
    pub from: f64,
    /// To where it goes at least; dots further off widen it.
    pub to: f64,
    /// To where it goes at most; dots further off are drawn at its end, with an arrow.
    pub limit: f64,
    /// Whether more is better: which side of a target is met.
    pub more_is_better: bool,
    /// By row.
    pub cells: Vec<Cell>,
}

const LABELS: f64 = 250.0;
const PANEL: f64 = 250.0;
const GAP: f64 = 40.0;
const ROW: f64 = 22.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 44.0;

/// Fits dark letters on white, and is told apart by those who do not see red and green: blue met, orange missed.
const MET: &str = "#1f6fb4";
const MISSED: &str = "#d95f02";
const TARGET: &str = "#444";

/// The plot.
#[must_use]
pub fn svg(title: &str, subtitle: &str, rows: &[String], panels: &[Panel]) -> String {
    let width = LABELS + panels.len() as f64 * (PANEL + GAP);
    let height = TOP + rows.len() as f64 * ROW + BOTTOM;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let bold = "font-size=\"16\" font-weight=\"bold\"";
    label(&mut text, 12.0, 24.0, "start", bold, title);
    label(&mut text, 12.0, 44.0, "start", "fill=\"#555\"", subtitle);
    for (n, row) in rows.iter().enumerate() {
        let y = TOP + n as f64 * ROW;
        if n % 2 == 0 {
            let _ = writeln!(
                text,
                "<rect x=\"0\" y=\"{y:.1}\" width=\"{width:.0}\" height=\"{ROW}\" fill=\"#f5f5f5\"/>"
            );
        }
        label(&mut text, LABELS - 14.0, y + ROW / 2.0 + 4.0, "end", "", row);
    }
    for (n, panel) in panels.iter().enumerate() {
        draw(&mut text, LABELS + n as f64 * (PANEL + GAP), rows.len(), panel);
    }
    text + "</svg>\n"
}

fn draw(text: &mut String, x: f64, rows: usize, panel: &Panel) {
    let (most, step) = scale(panel);
    let place = |value: f64| x + (value.clamp(panel.from, most) - panel.from) / (most - panel.from) * PANEL;
    let bottom = TOP + rows as f64 * ROW;
    label(text, x, TOP - 26.0, "start", "font-weight=\"bold\"", &panel.title);
    label(text, x, TOP - 11.0, "start", "font-size=\"10\" fill=\"#555\"", &panel.note);
    for tick in 0..=((most - panel.from) / step).round() as u32 {
        let value = panel.from + f64::from(tick) * step;
        let at = place(value);
        let _ = writeln!(
            text,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom:.1}\" stroke=\"#ccc\" stroke-width=\"0.7\"/>"
        );
        // Rounded to what a step can show, so that no tick ends in ...0001.
        let rounded = (value * 100.0).round() / 100.0;
        label(text, at, bottom + 16.0, "middle", "font-size=\"10\"", &rounded.to_string());
    }
    for (n, cell) in panel.cells.iter().enumerate() {
        let y = TOP + n as f64 * ROW + ROW / 2.0;
        for dot in &cell.dots {
            let met = cell
                .target
                .is_none_or(|target| if panel.more_is_better { dot.at >= target } else { dot.at <= target });
            // A hollow dot has no target.
            let colour = if met || dot.hollow { MET } else { MISSED };
            let fill = if dot.hollow { "none" } else { colour };
            let at = place(dot.at);
            let _ = writeln!(
                text,
                "<circle cx=\"{at:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" fill-opacity=\"0.75\" stroke=\"{colour}\"/>"
            );
            if !dot.at.is_finite() || dot.at > most {
                label(text, at + 6.0, y + 4.0, "start", "font-size=\"11\"", "»");
            }
        }
        if let Some(target) = cell.target {
            let at = place(target);
            // The tick, and on which side of it one wants to be.
            let side = if panel.more_is_better { 5.0 } else { -5.0 };
            let tall = ROW - 6.0;
            let _ = writeln!(
                text,
                "<path d=\"M{:.1} {:.1}h{:.1}v{tall:.1}h{:.1}\" fill=\"none\" stroke=\"{TARGET}\" stroke-width=\"1.6\"/>",
                at + side,
                y - tall / 2.0,
                -side,
                side
            );
        }
    }
}

/// The end of a scale that holds all up to its limit, and its step: 1, 2 or 5 times a power of ten, four to eight of
/// them.
fn scale(panel: &Panel) -> (f64, f64) {
    let dots = panel.cells.iter().flat_map(|cell| cell.dots.iter().map(|dot| dot.at).chain(cell.target));
    let most = dots.filter(|at| at.is_finite()).fold(panel.to, f64::max).min(panel.limit);
    let rough = (most - panel.from).max(1e-6) / 8.0;
    let ten = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * ten).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * ten);
    (panel.from + ((most - panel.from) / step - 1e-9).ceil() * step, step)
}

fn label(text: &mut String, x: f64, y: f64, anchor: &str, more: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_on_a_round_number_beyond_every_dot() {
        let panel = |from, to, dots: &[f64]| Panel {
            title: String::new(),
            note: String::new(),
            from,
            to,
            limit: 2000.0,
            more_is_better: false,
            cells: vec![Cell {
                dots: dots.iter().map(|&at| Dot { at, hollow: false }).collect(),
                target: None,
            }],
        };
        assert_eq!(scale(&panel(0.0, 1000.0, &[1234.0, f64::INFINITY])), (1400.0, 200.0));
        assert_eq!(scale(&panel(1.0, 5.0, &[3.0])), (5.0, 0.5));
        assert_eq!(scale(&panel(0.0, 1000.0, &[9000.0])), (2000.0, 500.0));
    }

    #[test]
    fn what_is_written_in_a_plot_cannot_break_it() {
        let plot = svg("a < b & c", "", &["<x>".into()], &[]);
        assert!(plot.contains("a &lt; b &amp; c") && plot.contains("&lt;x&gt;"));
    }
}
