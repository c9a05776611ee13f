//! A table for a terminal. Pure.
//!
//! Vietnamese may be written with combining marks, which take no column of their own; nothing wider than one column
//! is expected, and would only spoil the alignment.

use super::out::harmless;
use std::fmt;

/// A table. Cells are made harmless.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub(super) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.iter().map(|cell| harmless(cell)).collect());
    }

    /// Whether there are none but the headings.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max())
            .map(|widest| widest.unwrap_or(0))
            .collect();
        for (n, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, &wide) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', wide - width(cell) + 2));
            }
            let line = line.trim_end();
            if n > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line)?;
        }
        Ok(())
    }
}

/// How many columns a text takes.
fn width(text: &str) -> usize {
    let combining =
        |c: &char| matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}');
    text.chars().filter(|c| !combining(c)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_however_the_letters_are_written() {
        let mut table = Table::new(&["site", "role"]);
        for name in ["Tri Lễ", "Tri Le\u{302}\u{303}", "Quế Phong", "x"] {
            table.row([name.to_owned(), "listener".to_owned()]);
        }
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        let before = |line: &str, word: &str| width(line.split(word).next().unwrap_or_default());
        assert_eq!(before(&lines[0], "role"), 11);
        assert!(lines[1..].iter().all(|line| before(line, "listener") == 11), "{lines:?}");
        assert!(lines.iter().all(|line| line.trim_end() == line));
    }

    #[test]
    fn a_name_cannot_write_on_the_screen_by_itself() {
        let mut table = Table::new(&["name"]);
        table.row(["\u{1b}[2Jx\r\ny\u{202e}z".to_owned()]);
        assert_eq!(table.to_string(), "name\n\u{fffd}[2Jx\u{fffd}\u{fffd}y\u{fffd}z");
    }
}
