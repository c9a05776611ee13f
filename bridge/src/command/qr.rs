//! A QR code for a terminal: two modules in each cell, dark on light whatever the terminal's colours are, with the quiet
//! zone that the standard asks for (ISO/IEC 18004: four modules). Pure.

use fast_qr::{ECL, QRBuilder};

/// Light modules around the code.
const QUIET: usize = 4;

/// The darkest and the lightest of the 256 colours that no theme changes.
const DARK_ON_LIGHT: &str = "\u{1b}[38;5;16;48;5;231m";
const AS_BEFORE: &str = "\u{1b}[0m";

/// The code, line by line, and how many columns it takes; `None` for a text that is too long for any.
///
/// Correction is the lowest: a screen has no creases, and fewer modules are larger ones.
#[must_use]
pub(super) fn code(text: &str) -> Option<(String, usize)> {
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let wide = code.size + 2 * QUIET;
    let dark = |x: usize, y: usize| {
        let inside = |n: usize| n.checked_sub(QUIET).filter(|&n| n < code.size);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[y][x].value())
    };
    let mut drawn = String::new();
    for y in (0..wide).step_by(2) {
        drawn.push_str(DARK_ON_LIGHT);
        drawn.extend((0..wide).map(|x| match (dark(x, y), dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        drawn.push_str(AS_BEFORE);
        drawn.push('\n');
    }
    drawn.pop();
    Some((drawn, wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera would see: whether each module is dark.
    fn seen(drawn: &str) -> Vec<Vec<bool>> {
        let mut modules = Vec::new();
        for line in drawn.lines() {
            let cells = line
                .strip_prefix(DARK_ON_LIGHT)
                .and_then(|line| line.strip_suffix(AS_BEFORE))
                .expect("dark on light");
            modules.push(cells.chars().map(|cell| matches!(cell, '█' | '▀')).collect());
            modules.push(cells.chars().map(|cell| matches!(cell, '█' | '▄')).collect());
        }
        modules
    }

    #[test]
    fn what_is_drawn_is_the_code_with_its_quiet_zone() {
        for length in [1, 17, 90, 180, 512] {
            let text = "g".repeat(length);
            let (drawn, wide) = code(&text).expect("fits");
            let seen = seen(&drawn);
            let meant = QRBuilder::new(text).ecl(ECL::L).build().expect("fits");
            assert_eq!(wide, meant.size + 8);
            assert!(seen.iter().all(|row| row.len() == wide) && (wide..=wide + 1).contains(&seen.len()));
            for (y, row) in seen.iter().enumerate() {
                for (x, &dark) in row.iter().enumerate() {
                    let inside = (4..4 + meant.size).contains(&x) && (4..4 + meant.size).contains(&y);
                    assert_eq!(
                        dark,
                        inside && meant[y - 4 * usize::from(inside)][x - 4 * usize::from(inside)].value()
                    );
                }
            }
        }
        assert!(code(&"g".repeat(3000)).is_none());
    }
}
