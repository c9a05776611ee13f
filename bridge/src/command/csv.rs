//! Comma-separated values that a spreadsheet reads as what they are: UTF-8 with its mark, and no cell that is taken for
//! a formula, since names are given by others. Pure (RFC 4180).

/// What spreadsheets know UTF-8 by.
const MARK: &str = "\u{feff}";

/// A table of text.
#[derive(Debug)]
pub(super) struct Csv(String);

impl Csv {
    /// A table with these headings.
    #[must_use]
    pub(super) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let mut csv = Self(MARK.to_owned());
        csv.row(headings);
        csv
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        for (n, cell) in cells.into_iter().enumerate() {
            if n > 0 {
                self.0.push(',');
            }
            self.0.push_str(&safe(cell));
        }
        self.0.push_str("\r\n");
    }

    /// All of it.
    #[must_use]
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// A cell that no spreadsheet calculates with or breaks off at.
fn safe(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', ';', '"', '\n', '\r', '\t']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_formula_is_text() {
        for (cell, safe_cell) in [
            ("UBND xã Tri Lễ", "UBND xã Tri Lễ"),
            ("=1+1", "'=1+1"),
            ("+84 912", "'+84 912"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("a,b", "\"a,b\""),
            ("a;=b", "\"a;=b\""),
            ("a\n=b", "\"a\n=b\""),
            ("", ""),
        ] {
            assert_eq!(safe(cell), safe_cell, "{cell}");
        }
    }

    #[test]
    fn a_spreadsheet_sees_utf8_and_lines() {
        let mut csv = Csv::new(["tên", "a"]);
        csv.row(["x", "1,5"]);
        assert_eq!(csv.text(), "\u{feff}tên,a\r\nx,\"1,5\"\r\n");
    }
}
