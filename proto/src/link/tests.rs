use super::*;
use proptest::prelude::*;

const KEY: &str = "k=aaaaaaaaaaaaaaaaaaaaaaaaaa";

fn link(text: &str) -> Result<Link, LinkError> {
    text.parse()
}

fn host() -> impl Strategy<Value = Host> {
    let text = prop_oneof![
        "[a-z0-9_]{1,20}(\\.[a-z][a-z0-9]{0,10}){1,3}",
        any::<[u8; 4]>().prop_map(|a| std::net::Ipv4Addr::from(a).to_string()),
        any::<[u8; 16]>().prop_map(|a| std::net::Ipv6Addr::from(a).to_string()),
    ];
    text.prop_map(|text| text.parse().expect("a valid host"))
}

fn any_link() -> impl Strategy<Value = Link> {
    let room = "\\PC{1,16}".prop_filter_map("at most 64 bytes", |s| s.parse::<RoomName>().ok());
    let key = any::<[u8; 16]>().prop_map(Fingerprint::from_bytes);
    let spare = any::<Option<[u8; 16]>>().prop_map(|b| b.map(Fingerprint::from_bytes));
    let code = any::<Option<[u8; 16]>>().prop_map(|b| b.map(Code::from_bytes));
    (host(), 1u16.., room, key, spare, code, any::<bool>()).prop_map(
        |(host, port, room, key, spare, code, guest)| {
            let guest = guest && code.is_none();
            Link { host, port, room, key, spare, code, guest }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(link in any_link()) {
        let text = link.to_string();
        prop_assert!(text.len() <= MAX_LINK);
        prop_assert!(text.is_ascii());
        prop_assert_eq!(text.parse(), Ok(link));
    }

    #[test]
    fn unknown_query_keys_are_skipped(link in any_link(), name in "[a-z]{3,8}", value in "[a-z0-9=%]{0,20}") {
        let text = link.to_string();
        prop_assert_eq!(format!("{text}&{name}={value}").parse(), Ok(link.clone()));
        prop_assert_eq!(text.replace("?k=", &format!("?{name}={value}&k=")).parse(), Ok(link));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", place in "[\\PC]{0,40}", query in "[\\PC&=%]{0,60}") {
        let _ = text.parse::<Link>();
        let _ = format!("giaoban://{place}/{text}?{query}").parse::<Link>();
        let _ = format!("giaoban://[{place}]:{text}/%{query}").parse::<Link>();
    }

    #[test]
    fn a_fingerprint_has_one_spelling_but_for_case(bytes in any::<[u8; 16]>(), at in 0usize..26, to in any::<char>()) {
        let key = Fingerprint::from_bytes(bytes);
        let mut text: Vec<char> = key.to_string().chars().collect();
        prop_assume!(!text[at].eq_ignore_ascii_case(&to));
        text[at] = to;
        prop_assert_ne!(text.into_iter().collect::<String>().parse(), Ok(key));
    }
}

#[test]
fn the_longest_parts_still_make_a_link_that_reads() {
    let label = "a".repeat(49);
    let longest = Link {
        host: format!("{label}.{label}.{label}.{label}").parse().unwrap(),
        port: u16::MAX,
        room: "ộ".repeat(21).parse().unwrap(),
        key: Fingerprint::from_bytes([0xff; 16]),
        spare: Some(Fingerprint::from_bytes([0xff; 16])),
        code: Some(Code::from_bytes([0xff; 16])),
        guest: false,
    };
    assert_eq!(longest.host.len(), 199);
    let text = longest.to_string();
    assert!(text.len() <= MAX_LINK, "{} bytes", text.len());
    assert_eq!(link(&text), Ok(longest));
}

#[test]
fn the_three_forms_read() {
    let join = link(&format!("giaoban://bridge.example.vn:4647/h%E1%BB%8Dp%20x%C3%A3?{KEY}")).unwrap();
    assert_eq!((&*join.host, join.port, join.room.as_str()), ("bridge.example.vn", 4647, "họp xã"));
    assert_eq!((join.spare, join.code, join.guest), (None, None, false));

    let enrol = link(&format!("giaoban://192.0.2.7/a?{KEY}&i=77777777777777777777777774")).unwrap();
    assert_eq!(enrol.port, DEFAULT_PORT);
    assert_eq!(enrol.code, Some(Code::from_bytes([0xff; 16])));

    let guest = link(&format!("giaoban://[2001:DB8::7]:1/a?{KEY}&g=1")).unwrap();
    assert_eq!((&*guest.host, guest.guest), ("2001:db8::7", true));
    assert!(guest.to_string().starts_with("giaoban://[2001:db8::7]:1/a?"));
}

#[test]
fn what_people_do_to_links_is_forgiven() {
    let plain = link(&format!("giaoban://b.vn/họp?{KEY}")).unwrap();
    assert_eq!(link(&format!("  giaoban://b.vn/họp?{KEY}\r\n")), Ok(plain.clone()));
    assert_eq!(link(&format!("GIAOBAN://B.VN/họp?{}", KEY.replace('a', "A"))).as_ref(), Ok(&plain));
    assert_eq!(link(&format!("giaoban://b.vn/họp?{KEY}#top")), Ok(plain));
}

#[test]
fn every_fault_has_its_own_word() {
    let at = |place: &str| link(&format!("giaoban://{place}?{KEY}"));
    assert_eq!(link(""), Err(LinkError::NotALink));
    assert_eq!(link("https://b.vn/a"), Err(LinkError::NotALink));
    assert_eq!(link(&format!("giaoban://b.vn/a?{KEY}&x={}", "y".repeat(512))), Err(LinkError::TooLong));
    for host in ["", "-a.vn", "a..vn", "a b.vn", "họp.vn", "1.2.3", "1.2.3.4.5", "[1.2.3.4]", "[::1", "[zz:]"]
    {
        assert_eq!(at(&format!("{host}/a")), Err(LinkError::Host(HostError)), "{host}");
    }
    for port in ["0", "65536", "", "+5", "4a", "1:2"] {
        assert_eq!(at(&format!("b.vn:{port}/a")), Err(LinkError::Port), "{port}");
    }
    assert_eq!(at("[::1]4646/a"), Err(LinkError::Port));
    assert_eq!(at("b.vn"), Err(LinkError::Room(RoomNameError::Empty)));
    assert_eq!(at("b.vn/%0A"), Err(LinkError::Room(RoomNameError::Control)));
    assert_eq!(at(&format!("b.vn/{}", "a".repeat(65))), Err(LinkError::Room(RoomNameError::TooLong)));
    for room in ["%", "%4", "%zz", "%FF", "%+5"] {
        assert_eq!(at(&format!("b.vn/{room}")), Err(LinkError::Escape), "{room}");
    }
    assert_eq!(link("giaoban://b.vn/a"), Err(LinkError::NoKey));
    assert_eq!(link("giaoban://b.vn/a?k=abc"), Err(LinkError::Key(TokenError::Length)));
    assert_eq!(
        link(&format!("giaoban://b.vn/a?k={}", "1".repeat(26))),
        Err(LinkError::Key(TokenError::Character))
    );
    assert_eq!(
        link(&format!("giaoban://b.vn/a?k={}", "b".repeat(26))),
        Err(LinkError::Key(TokenError::Character))
    );
    assert_eq!(link(&format!("giaoban://b.vn/a?{KEY}&i=1")), Err(LinkError::Code(TokenError::Length)));
    assert_eq!(link(&format!("giaoban://b.vn/a?{KEY}&{KEY}")), Err(LinkError::Twice("k")));
    let both = format!("giaoban://b.vn/a?{KEY}&g=1&i={}", "a".repeat(26));
    assert_eq!(link(&both), Err(LinkError::Contradiction));
}

#[test]
fn errors_are_one_line_that_ends_without_a_stop() {
    let errors = [
        LinkError::TooLong,
        LinkError::NotALink,
        LinkError::Host(HostError),
        LinkError::Port,
        LinkError::Room(RoomNameError::TooLong),
        LinkError::Escape,
        LinkError::NoKey,
        LinkError::Key(TokenError::Character),
        LinkError::Code(TokenError::Length),
        LinkError::Twice("k2"),
        LinkError::Contradiction,
    ];
    for error in errors {
        let text = error.to_string();
        assert!(!text.contains('\n') && !text.ends_with('.') && text.len() > 20, "{text}");
    }
}

#[test]
fn a_code_is_not_shown_by_debug() {
    let enrol = link(&format!("giaoban://b.vn/a?{KEY}&i=77777777777777777777777774")).unwrap();
    assert!(!format!("{enrol:?}").contains("7777"));
    assert!(enrol.to_string().contains("i=77777777777777777777777774"));
}
