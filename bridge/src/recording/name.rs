//! What files are called. Pure.

use giaoban_proto::link::RoomName;
use unicode_normalization::UnicodeNormalization as _;

/// The longest form of a room's name in the name of a file.
const MOST: usize = 40;

/// A name for a recording, without its ending: from when it began, where, and its number, which makes it the only one.
#[must_use]
pub(super) fn of_recording(began: &str, room: &RoomName, number: i64) -> String {
    format!("{began}_{}_{number}", safe(room.as_str()))
}

/// A name in letters and digits that every system takes: accents fall away, what else there is becomes a hyphen.
fn safe(name: &str) -> String {
    let mut safe = String::new();
    for c in name.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)) {
        match c {
            'đ' | 'Đ' => safe.push('d'),
            c if c.is_ascii_alphanumeric() => safe.push(c.to_ascii_lowercase()),
            _ if safe.ends_with('-') || safe.is_empty() => {}
            _ => safe.push('-'),
        }
        if safe.len() >= MOST {
            break;
        }
    }
    let safe = safe.trim_end_matches('-');
    if safe.is_empty() { "room".to_owned() } else { safe.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rooms_name_is_safe_in_the_name_of_a_file() {
        for (room, file) in [
            ("giaoban", "giaoban"),
            ("Giao ban huyện Quế Phong", "giao-ban-huyen-que-phong"),
            ("Đồng Văn/../../etc", "dong-van-etc"),
            ("..", "room"),
            ("会议", "room"),
            ("a\\b:c*d?e\"f<g>h|i", "a-b-c-d-e-f-g-h-i"),
        ] {
            assert_eq!(safe(room), file, "{room}");
        }
        assert!(safe(&"ễ".repeat(200)).len() <= 40);
        let room: RoomName = "Tri Lễ".parse().expect("a name");
        assert_eq!(of_recording("2026-03-31_0800", &room, 7), "2026-03-31_0800_tri-le_7");
    }
}
