//! What the command line does with the store.

use super::*;
use proptest::prelude::*;

fn registry() -> (Registry, Hands) {
    let hands = Hands::new();
    (Registry::in_memory("command line (Lan)", hands.clock()).expect("opens"), hands)
}

fn site(registry: &mut Registry, name: &str) -> Site {
    let sites = registry.sites().expect("reads");
    sites.into_iter().find(|site| site.name == name).expect("there")
}

#[test]
fn a_new_store_has_a_room_with_a_lobby_and_a_site_to_run_it() {
    let (mut registry, _) = registry();
    let rooms = registry.rooms().expect("reads");
    let [first] = &rooms[..] else { panic!("{rooms:?}") };
    assert_eq!((first.name.as_str(), first.access, first.guests), (FIRST_ROOM, Access::All, Guests::Lobby));
    assert!(first.pin.len() == 8 && first.pin.bytes().all(|byte| byte.is_ascii_digit()));
    let sites = registry.sites().expect("reads");
    let [first] = &sites[..] else { panic!("{sites:?}") };
    assert_eq!((first.name.as_str(), first.role, first.devices), (FIRST_SITE, SiteRole::Operator, 0));
    let rows = registry.audit(AuditFilter::default()).expect("reads");
    let acts: Vec<&str> = rows.iter().map(|row| row.act.as_str()).collect();
    assert_eq!(acts, ["store made", "room added", "site added"]);
    assert!(rows.iter().all(|row| row.actor == "command line (Lan)"));
}

#[test]
fn every_start_without_an_operator_gives_a_fresh_invitation_and_voids_the_one_before() {
    let (store, hands) = in_memory();
    let start = |store: &SqliteStore| edit(store, Registry::first_start);
    let first = start(&store).expect("no operator yet");
    assert_eq!(
        (first.site.as_str(), first.invitation.expires),
        (FIRST_SITE, hands.now().after(INVITATION_FOR_MS))
    );
    let second = start(&store).expect("no operator yet");
    assert_eq!(get(store.admit(ask(1, Some(first.invitation.code)))), Err(CloseCode::InvitationExpired));
    assert!(get(store.admit(ask(1, Some(second.invitation.code)))).is_ok());
    assert_eq!(start(&store), None, "there is an operator");
    // Revoked, there is none again, and the site that was is not taken back behind anybody's back.
    edit(&store, |registry| registry.revoke_site(FIRST_SITE));
    let third = start(&store).expect("no operator any more");
    assert_eq!(third.site, format!("{FIRST_SITE} (2)"));
}

#[test]
fn a_site_is_found_by_name_or_number_and_keeps_its_number() {
    let (mut registry, _) = registry();
    let added = registry.add_site("Tri Lễ", SiteRole::Participant).expect("added");
    registry.rename_site("Tri Lễ", "UBND xã Tri Lễ").expect("renamed");
    for way in ["UBND xã Tri Lễ".to_owned(), added.id.0.to_string(), format!("#{}", added.id.0)] {
        registry.set_role(&way, SiteRole::Listener, None).expect("found");
    }
    assert!(matches!(registry.kick("Tri Lễ"), Err(StoreError::NoSuchSite(name)) if name == "Tri Lễ"));
    let now = site(&mut registry, "UBND xã Tri Lễ");
    assert_eq!((now.id, now.role), (added.id, SiteRole::Listener));
    // A site may be named as another's number is: the name wins.
    registry.add_site("1", SiteRole::Participant).expect("added");
    registry.set_role("1", SiteRole::Trunk, None).expect("found");
    assert_eq!(site(&mut registry, "1").role, SiteRole::Trunk);
}

#[test]
fn names_that_would_deceive_are_refused_and_so_are_those_that_are_taken() {
    let (mut registry, _) = registry();
    for bad in ["", " a", "a\n", "a\u{202e}b", "a\u{200b}", &"ễ".repeat(22)] {
        assert!(
            matches!(registry.add_site(bad, SiteRole::Participant), Err(StoreError::BadSiteName)),
            "{bad:?}"
        );
        assert!(matches!(registry.rename_site(FIRST_SITE, bad), Err(StoreError::BadSiteName)), "{bad:?}");
    }
    registry.add_site("a", SiteRole::Participant).expect("added");
    assert!(matches!(registry.add_site("a", SiteRole::Listener), Err(StoreError::SiteExists(_))));
    assert!(matches!(registry.rename_site("a", FIRST_SITE), Err(StoreError::SiteExists(_))));
    registry.rename_site("a", "a").expect("its own name is no other's");
    assert!(matches!(registry.add_room(FIRST_ROOM), Err(StoreError::RoomExists(_))));
    assert!(matches!(registry.add_room("a\tb"), Err(StoreError::BadRoomName(_))));
}

#[test]
fn a_revoked_site_keeps_its_rows_and_its_old_devices_stay_out_when_it_is_taken_back() {
    let (store, _) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let open = invite(&store, "Tri Lễ");
    edit(&store, |registry| registry.revoke_site("Tri Lễ"));
    edit(&store, |registry| registry.revoke_site("Tri Lễ"));
    assert!(!store.knows(&device(1)));
    let revoked = edit(&store, |registry| Ok(site(registry, "Tri Lễ")));
    assert_eq!((revoked.revoked, revoked.devices), (true, 0));
    assert_eq!(get(store.admit(ask(2, Some(open)))), Err(CloseCode::Revoked));
    let code = invite(&store, "Tri Lễ");
    assert_eq!(get(store.admit(ask(1, None))), Err(CloseCode::Revoked), "the machine that was lost");
    assert!(get(store.admit(ask(2, Some(code)))).is_ok(), "the new one");
    let last: Vec<String> = acts(&store).into_iter().filter(|act| act.starts_with("site ")).collect();
    assert_eq!(last, ["site added", "site revoked", "site readmitted"], "the second time changed nothing");
}

#[test]
fn a_room_changes_all_at_once_or_not_at_all() {
    let (mut registry, _) = registry();
    let before = registry.rooms().expect("reads");
    let bad = [
        RoomChange {
            guests: Some(Guests::Admit),
            pin: Some(NewPin::Is("1234567".into())),
            ..RoomChange::default()
        },
        RoomChange { access: Some(Access::Listed), max_members: Some(Some(0)), ..RoomChange::default() },
    ];
    for change in bad {
        assert!(registry.set_room(FIRST_ROOM, &change).is_err());
        assert_eq!(registry.rooms().expect("reads"), before);
    }
    let change = RoomChange {
        access: Some(Access::Listed),
        guests: Some(Guests::No),
        pin: Some(NewPin::Fresh),
        max_members: Some(Some(30)),
    };
    registry.set_room(FIRST_ROOM, &change).expect("set");
    registry.set_role(FIRST_SITE, SiteRole::Operator, Some(FIRST_ROOM)).expect("set");
    let [after] = &registry.rooms().expect("reads")[..] else { panic!("one room") };
    assert_eq!((after.access, after.guests, after.max_members), (Access::Listed, Guests::No, Some(30)));
    assert_ne!(after.pin, before[0].pin);
    assert_eq!(after.roles, [(FIRST_SITE.to_owned(), SiteRole::Operator)]);
    let rows = registry.audit(AuditFilter::default()).expect("reads");
    let text = format!("{rows:?}");
    assert!(!text.contains(&after.pin) && !text.contains(&before[0].pin), "no PIN is in the audit");
    assert_eq!(rows[3].detail, "access listed, guests no, a new PIN, members 30");
    registry.remove_room(FIRST_ROOM).expect("removed");
    assert!(site(&mut registry, FIRST_SITE).room_roles.is_empty());
    assert!(matches!(registry.remove_room(FIRST_ROOM), Err(StoreError::NoSuchRoom(_))));
}

#[test]
fn every_change_has_its_row_and_what_changes_nothing_has_none() {
    let (mut registry, _) = registry();
    registry.add_site("a", SiteRole::Participant).expect("done");
    registry.invite("a").expect("done");
    registry.set_role("a", SiteRole::Listener, None).expect("done");
    registry.set_role("a", SiteRole::Operator, Some(FIRST_ROOM)).expect("done");
    registry.clear_role("a", FIRST_ROOM).expect("done");
    registry.clear_role("a", FIRST_ROOM).expect("nothing to do");
    registry.kick("a").expect("done");
    registry.rename_site("a", "b").expect("done");
    registry.set_room(FIRST_ROOM, &RoomChange::default()).expect("nothing to do");
    registry.add_room("c").expect("done");
    registry.remove_room("c").expect("done");
    registry.keep("address", "192.0.2.7:4646").expect("done");
    registry.keep("address", "192.0.2.7:4646").expect("nothing to do");
    registry.revoke_site("b").expect("done");
    let _ = registry.add_site("b", SiteRole::Operator).expect_err("taken");
    let rows = registry.audit(AuditFilter::default()).expect("reads");
    let acts: Vec<&str> = rows.iter().skip(3).map(|row| row.act.as_str()).collect();
    let expected = [
        "site added",
        "invited",
        "role set",
        "role set",
        "role cleared",
        "site kicked",
        "site renamed",
        "room added",
        "room removed",
        "setting kept",
        "site revoked",
    ];
    assert_eq!(acts, expected);
    assert_eq!(registry.kept("address").expect("reads").as_deref(), Some("192.0.2.7:4646"));
    assert_eq!(registry.kept("nothing").expect("reads"), None);
    registry.quick_check().expect("sound");
}

#[test]
fn attendance_and_audit_can_be_asked_for_in_part() {
    let (store, hands) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    edit(&store, |registry| registry.add_room("other"));
    let came = |name| {
        get(store.admit(Ask { room: room(name), ..ask(1, None) })).expect("in").visit.expect("a visit")
    };
    let first = came(ROOM);
    hands.forward(1000);
    store.record(Fact::Left { visit: first, why: Some(CloseCode::Bye) });
    hands.forward(1000);
    let second = came("other");
    let ids = |filter: VisitFilter| {
        let rows = edit(&store, move |registry| registry.attendance(&filter));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let at = |ms| Some(UnixMs(START + ms));
    assert_eq!(ids(VisitFilter::default()), [first, second]);
    assert_eq!(ids(VisitFilter { room: Some("other".into()), ..VisitFilter::default() }), [second]);
    assert_eq!(ids(VisitFilter { since: at(1000), ..VisitFilter::default() }), [first, second]);
    assert_eq!(ids(VisitFilter { since: at(1001), ..VisitFilter::default() }), [second]);
    assert_eq!(ids(VisitFilter { until: at(2000), ..VisitFilter::default() }), [first]);
    let acts = |filter: AuditFilter| {
        let rows = edit(&store, move |registry| registry.audit(filter));
        rows.into_iter().map(|row| row.act).collect::<Vec<_>>()
    };
    assert_eq!(acts(AuditFilter { last: Some(2), ..AuditFilter::default() }), ["left", "admitted"]);
    assert_eq!(acts(AuditFilter { since: at(1000), ..AuditFilter::default() }), ["left", "admitted"]);
    assert_eq!(acts(AuditFilter { since: at(2000), last: Some(5) }), ["admitted"]);
}

#[test]
fn secrets_do_not_show_in_debug() {
    let (mut registry, _) = registry();
    let pin = registry.rooms().expect("reads")[0].pin.clone();
    let door = GuestDoor { pin: pin.clone(), lobby: true };
    let invitation = registry.invite(FIRST_SITE).expect("invited");
    let (snapshot, _) = registry.read(snapshot::read).expect("reads");
    let shown = format!(
        "{registry:?} {:?} {door:?} {invitation:?} {snapshot:?} {:?} {:?}",
        registry.secrets().expect("there"),
        NewPin::Is(pin.clone()),
        snapshot.rooms,
    );
    let code = invitation.code.reveal();
    assert!(!shown.contains(&pin) && !shown.contains(&code), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done in whatever order: the chain holds, and a key is known exactly when it would be let in.
    #[test]
    fn whatever_is_done_who_is_known_is_who_is_let_in(
        steps in proptest::collection::vec((0u8..6, 0u8..4, 0u8..4), 1..40),
    ) {
        let (store, hands) = in_memory();
        let names = ["a", "b", "c", "d"];
        let mut codes = Vec::new();
        for (act, site, n) in steps {
            hands.forward(1000);
            let name = names[site as usize];
            match act {
                0 => drop(store.enrol(device(n), name, SiteRole::Participant)),
                1 => codes.push(invite(&store, name)),
                2 => drop(store.edit(move |registry| registry.revoke_site(name))),
                3 => drop(store.edit(move |registry| registry.kick(name))),
                4 => drop(get(store.admit(ask(n, codes.get(site as usize).copied())))),
                _ => drop(get(store.admit(ask(n, codes.last().copied())))),
            }
            for n in 0..4 {
                let looks = Ask { enters: false, ..ask(n, None) };
                prop_assert_eq!(store.knows(&device(n)), get(store.admit(looks)).is_ok());
            }
        }
        prop_assert!(sound(&store));
    }
}

#[test]
fn a_name_is_the_same_however_its_accents_were_typed() {
    let (mut registry, _) = registry();
    registry.add_site("Tri L\u{1ec5}", SiteRole::Participant).expect("added");
    let apart = "Tri Le\u{302}\u{303}";
    assert!(matches!(registry.add_site(apart, SiteRole::Participant), Err(StoreError::SiteExists(_))));
    registry.rename_site(apart, "Xa\u{303} Tri Le\u{302}\u{303}").expect("renamed");
    assert_eq!(site(&mut registry, "X\u{e3} Tri L\u{1ec5}").role, SiteRole::Participant);
    registry.add_room("ho\u{323}p").expect("added");
    registry.set_role("X\u{e3} Tri L\u{1ec5}", SiteRole::Listener, Some("h\u{1ecd}p")).expect("set");
}
