//! The attendance as a page to print and sign: one HTML file that needs nothing else, A4, Vietnamese first.
//!
//! Names and reasons are others' words: all that is written here goes through [`escaped`], and the page forbids itself
//! scripts and everything from elsewhere. Pure.

use super::{Total, Window, answered, clock, delivered, length, minutes, totals};
use crate::command::out::harmless;
use crate::command::time;
use crate::store::{RollRow, UnixMs, VisitRow};
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// The sheet: black on white, in the face that office documents have; heads of tables again on each page, no row and no
/// signature torn apart.
const STYLE: &str = "\
@page { size: A4; margin: 18mm 15mm 18mm 20mm; @bottom-center { content: counter(page) \" / \" counter(pages); font-size: 9pt } }
* { box-sizing: border-box }
body { font: 11pt/1.35 'Times New Roman', 'Liberation Serif', 'Noto Serif', serif; color: #000; background: #fff; margin: 0 auto; max-width: 175mm }
header { display: flex; justify-content: space-between; gap: 8mm; text-align: center; margin-bottom: 7mm }
header p { margin: 0 } header .of { flex: 1; border-bottom: .3mm dotted #000; min-height: 9mm; align-self: flex-start }
h1 { font-size: 15pt; text-align: center; margin: 0 } h2 { font-size: 12pt; margin: 6mm 0 2mm; break-after: avoid }
.en { font-size: 8.5pt; font-style: italic; font-weight: normal; display: block }
.when { text-align: center; margin: 1mm 0 4mm }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt }
thead { display: table-header-group } tr { break-inside: avoid }
th, td { border: .2mm solid #000; padding: .8mm 1.2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { text-align: center; vertical-align: middle } .n { text-align: right; white-space: nowrap } .t { white-space: nowrap }
.notes { font-size: 9pt; margin: 3mm 0 0 }
.signs { display: flex; justify-content: space-between; text-align: center; margin-top: 10mm; break-inside: avoid }
.signs div { width: 45% } .signs p { margin: 0 } .signs .line { margin-top: 24mm; border-bottom: .3mm dotted #000 }
@media screen { body { padding: 10mm } }
";

/// What a page is about besides its rows.
pub(super) struct Sheet<'a> {
    pub(super) window: Window,
    pub(super) zone: &'a TimeZone,
    /// When it is printed.
    pub(super) now: UnixMs,
}

/// The page.
pub(super) fn page(visits: &[VisitRow], rolls: &[RollRow], sheet: &Sheet<'_>) -> String {
    let Sheet { window, zone, now } = *sheet;
    let mut html = String::from("<!DOCTYPE html>\n<html lang=\"vi\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    let _ = write!(
        html,
        "<title>Danh sách có mặt / Attendance</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    html.push_str(
        "<header><p class=\"of\"></p><p><b>CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM</b><br>\
         <b><u>Độc lập - Tự do - Hạnh phúc</u></b></p></header>\n",
    );
    html.push_str("<h1>DANH SÁCH CÓ MẶT<span class=\"en\">Attendance</span></h1>\n");
    let first = window.since.or_else(|| visits.iter().map(|visit| visit.joined).min()).unwrap_or(now);
    let _ = writeln!(
        html,
        "<p class=\"when\">Từ {} đến {}<span class=\"en\">from, to</span></p>",
        escaped(&time::local(zone, first)),
        escaped(&time::local(zone, window.until)),
    );
    let mut rooms: Vec<&str> = visits.iter().map(|visit| visit.room.as_str()).collect();
    rooms.sort_unstable();
    rooms.dedup();
    if rooms.is_empty() {
        html.push_str("<p>Không có ai vào họp trong thời gian này.<span class=\"en\">Nobody was in a room then.</span></p>\n");
    }
    for room in rooms {
        let of: Vec<&VisitRow> = visits.iter().filter(|visit| visit.room == room).collect();
        let rolls: Vec<RollRow> = rolls.iter().filter(|roll| roll.room == room).cloned().collect();
        section(&mut html, room, &of, &rolls, sheet);
    }
    let _ = writeln!(
        html,
        "<p class=\"notes\">Giờ theo múi giờ của máy chủ (UTC{}). Lập lúc {}.<span class=\"en\">Times are in the bridge's \
         zone; printed then. \"Heard\": minutes in which nothing that was said was missed or guessed.</span></p>",
        escaped(&time::offset(zone, now)),
        escaped(&time::local(zone, now)),
    );
    html.push_str("<div class=\"signs\">\n");
    for (who, english) in [("THƯ KÝ", "Secretary"), ("CHỦ TRÌ", "Chair")] {
        let _ = writeln!(
            html,
            "<div><p><b>{who}</b><span class=\"en\">{english}</span></p><p><i>(Ký, ghi rõ họ tên)</i>\
             <span class=\"en\">signature and full name</span></p><p class=\"line\"></p></div>",
        );
    }
    html.push_str("</div>\n</body>\n</html>\n");
    html
}

fn section(html: &mut String, room: &str, visits: &[&VisitRow], rolls: &[RollRow], sheet: &Sheet<'_>) {
    let Sheet { window, zone, .. } = *sheet;
    let owned: Vec<VisitRow> = visits.iter().map(|&visit| visit.clone()).collect();
    let all = totals(&owned, rolls, window);
    let answered_all = all.iter().filter(|total| total.answered > 0).count();
    let _ = writeln!(html, "<h2>Phòng họp: {}</h2>", escaped(room));
    let _ = write!(
        html,
        "<p class=\"notes\">Số điểm: <b>{}</b>. Số lần điểm danh: <b>{}</b>",
        all.len(),
        rolls.len()
    );
    if !rolls.is_empty() {
        let at: Vec<String> = rolls.iter().map(|roll| time::local(zone, roll.at)).collect();
        let _ = write!(html, " ({}); số điểm đã trả lời: <b>{answered_all}</b>", escaped(&at.join("; ")));
    }
    html.push_str(".<span class=\"en\">sites; roll calls, and sites that answered one</span></p>\n");
    head(
        html,
        &[
            ("TT", "no."),
            ("Điểm", "site"),
            ("Số lần vào", "visits"),
            ("Số phút", "minutes"),
            ("Điểm danh", "roll calls"),
            ("Phát biểu", "floor"),
            ("Ký tên", "signature"),
        ],
    );
    for (n, Total { name, site, visits, ms, floor_ms, answered }) in all.iter().enumerate() {
        row(
            html,
            &[
                ("n", (n + 1).to_string()),
                ("", named(name, site.is_none())),
                ("n", visits.to_string()),
                ("n", minutes(*ms)),
                ("n", format!("{answered}/{}", rolls.len())),
                ("n", clock(*floor_ms)),
                ("", String::new()),
            ],
        );
    }
    html.push_str("</tbody></table>\n<h2>Từng lần vào<span class=\"en\">each visit</span></h2>\n");
    head(
        html,
        &[
            ("TT", "no."),
            ("Điểm", "site"),
            ("Vào", "joined"),
            ("Ra", "left"),
            ("Số phút", "minutes"),
            ("Nghe trọn", "heard"),
            ("Phát biểu", "floor"),
            ("Điểm danh lúc", "answered"),
            ("Ghi chú", "why it left"),
        ],
    );
    for (n, visit) in owned.iter().enumerate() {
        row(
            html,
            &[
                ("n", (n + 1).to_string()),
                ("", named(&visit.name, visit.guest)),
                ("t", time::local(zone, visit.joined)),
                ("t", visit.left.map_or_else(|| "đang họp".to_owned(), |left| time::local(zone, left))),
                ("n", minutes(length(visit, window))),
                ("n", minutes(delivered(visit, window))),
                ("n", clock(visit.floor_ms)),
                ("", answered(visit.id, rolls, zone)),
                ("", visit.why.clone().unwrap_or_default()),
            ],
        );
    }
    html.push_str("</tbody></table>\n");
}

fn named(name: &str, guest: bool) -> String {
    if guest { format!("{name} (khách)") } else { name.to_owned() }
}

fn head(html: &mut String, cells: &[(&str, &str)]) {
    html.push_str("<table><thead><tr>");
    for (vietnamese, english) in cells {
        let _ = write!(html, "<th>{vietnamese}<span class=\"en\">{english}</span></th>");
    }
    html.push_str("</tr></thead><tbody>\n");
}

fn row(html: &mut String, cells: &[(&str, String)]) {
    html.push_str("<tr>");
    for (class, cell) in cells {
        let _ = write!(html, "<td class=\"{class}\">{}</td>", escaped(cell));
    }
    html.push_str("</tr>\n");
}

/// Text of others as text: no tag, no attribute's end, nothing that turns the line around.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::attendance::tests::visit;
    use crate::store::{Answer, VisitId};
    use std::collections::BTreeSet;

    fn print(visits: &[VisitRow], rolls: &[RollRow]) -> String {
        let zone = TimeZone::fixed(jiff::tz::offset(7));
        let window = Window { since: None, until: UnixMs(7_200_000) };
        page(visits, rolls, &Sheet { window, zone: &zone, now: UnixMs(7_200_000) })
    }

    /// The tags of a page, in order, and the text between them.
    fn parts(html: &str) -> (Vec<&str>, String) {
        let (mut tags, mut text) = (Vec::new(), String::new());
        let body = html.split_once("</style>").expect("a style").1;
        for part in body.split('<').skip(1) {
            let (tag, after) = part.split_once('>').expect("each tag ends");
            tags.push(tag);
            text.push_str(after);
        }
        (tags, text)
    }

    #[test]
    fn names_of_others_are_text_and_nothing_else() {
        let hostile = [
            "<script>alert(1)</script>",
            "\"><img src=x onerror=alert(1)>",
            "' onmouseover='x",
            "&lt;b&gt;",
            "</td></table><h1>x",
            "<!-- ",
            "]]><style>*{display:none}",
            "a\u{202e}b\u{0}c\nd",
            "javascript:x",
        ];
        let plain: Vec<VisitRow> =
            (1..).zip(&hostile).map(|(n, _)| visit(Some(n), n as u8, "x", 0, None)).collect();
        let mut visits = plain.clone();
        for (visit, name) in visits.iter_mut().zip(&hostile) {
            visit.name = (*name).to_owned();
            visit.why = Some((*name).to_owned());
        }
        let (page, plain) = (print(&visits, &[]), print(&plain, &[]));
        let (hostile_tags, hostile_text) = parts(&page);
        assert_eq!(hostile_tags.len(), parts(&plain).0.len(), "not a tag more");
        let kinds = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<BTreeSet<String>>();
        assert_eq!(kinds(&hostile_tags), kinds(&parts(&plain).0), "nor another one");
        assert!(
            hostile_text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "it is shown as it was typed"
        );
        assert!(hostile_text.contains("a\u{fffd}b\u{fffd}c\u{fffd}d"));
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn it_needs_nothing_from_elsewhere_and_says_what_the_table_says_in_the_bridges_zone() {
        let mut site = visit(Some(1), 1, "UBND xã Tri Lễ", 0, Some(3_600_000));
        (site.floor_ms, site.missed_ms) = (65_000, 600_000);
        let guest = VisitRow { id: VisitId(2), ..visit(None, 2, "Bác sĩ Lan", 60_000, None) };
        let answer = Answer { visit: VisitId(1), at: UnixMs(120_000), ticked: false };
        let roll =
            RollRow { id: 1, room: "giaoban".into(), number: 1, at: UnixMs(90_000), answers: vec![answer] };
        let page = print(&[site, guest], &[roll]);
        assert!(
            !page.contains("http:")
                && !page.contains("https:")
                && !page.contains("url(")
                && !page.contains("src=")
        );
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
        for text in [
            "<td class=\"\">UBND xã Tri Lễ</td><td class=\"t\">1970-01-01 07:00</td><td class=\"t\">1970-01-01 08:00</td>\
             <td class=\"n\">60</td><td class=\"n\">50</td><td class=\"n\">1:05</td><td class=\"\">1970-01-01 07:01</td>",
            "Bác sĩ Lan (khách)",
            "đang họp",
            "<td class=\"n\">1/1</td>",
            "UTC+07:00",
            "Ký, ghi rõ họ tên",
            "Số điểm: <b>2</b>. Số lần điểm danh: <b>1</b>",
        ] {
            assert!(page.contains(text), "{text} is not in {page}");
        }
        assert!(print(&[], &[]).contains("Không có ai"));
    }
}
