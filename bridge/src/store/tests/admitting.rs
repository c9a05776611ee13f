//! Each row of the decision, and what is left of it.

use super::*;

/// Who stands at the door.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Never seen.
    Stranger,
    /// A device of the site `own`.
    Own,
    /// A device of a site that was revoked.
    OfRevoked,
    /// A device of a site that was revoked and taken back.
    OfReadmitted,
}

/// What it has in its link.
#[derive(Clone, Copy, Debug, PartialEq)]
enum With {
    Nothing,
    NoneOfOurs,
    Good,
    OfItsOwnSite,
    Used,
    UsedByItself,
    TooOld,
    OfRevoked,
    Superseded,
}

/// The outcome: of which site it is, or why not.
fn decided(who: Who, with: With, enters: bool) -> (Result<String, CloseCode>, SqliteStore) {
    let (store, hands) = in_memory();
    // Those that must be old are made first.
    let too_old = invite(&store, "other");
    hands.forward(INVITATION_FOR_MS);
    for (n, site) in [(1, "own"), (2, "revoked"), (3, "readmitted"), (4, "helper")] {
        store.enrol(device(n), site, SiteRole::Participant).expect("enrolled");
    }
    let of_revoked = invite(&store, "revoked");
    edit(&store, |registry| registry.revoke_site("revoked"));
    edit(&store, |registry| registry.revoke_site("readmitted"));
    edit(&store, |registry| registry.invite("readmitted"));
    let n = match who {
        Who::Own => 1,
        Who::OfRevoked => 2,
        Who::OfReadmitted => 3,
        Who::Stranger => 9,
    };
    let code = match with {
        With::Nothing => None,
        With::NoneOfOurs => Some(Code::from_bytes([8; 16])),
        With::Good => Some(invite(&store, "other")),
        With::OfItsOwnSite => Some(invite(&store, "own")),
        With::TooOld => Some(too_old),
        With::OfRevoked => Some(of_revoked),
        With::Used => {
            let code = invite(&store, "other");
            get(store.admit(ask(4, Some(code)))).expect("let in");
            Some(code)
        }
        With::UsedByItself => {
            let code = invite(&store, "own");
            get(store.admit(ask(n, Some(code)))).expect("let in");
            Some(code)
        }
        With::Superseded => {
            let first = edit(&store, Registry::first_start).expect("no operator yet").invitation.code;
            edit(&store, Registry::first_start);
            Some(first)
        }
    };
    let verdict = get(store.admit(Ask { enters, ..ask(n, code) }));
    (verdict.map(|admitted| admitted.name), store)
}

#[test]
fn every_device_with_every_invitation() {
    use CloseCode::{InvitationExpired, InvitationUsed, NotAdmitted, Revoked};
    let own = || Ok("own".to_owned());
    let other = || Ok("other".to_owned());
    let table = [
        (Who::Stranger, With::Nothing, Err(NotAdmitted)),
        (Who::Stranger, With::NoneOfOurs, Err(NotAdmitted)),
        (Who::Stranger, With::Good, other()),
        (Who::Stranger, With::Used, Err(InvitationUsed)),
        (Who::Stranger, With::UsedByItself, own()),
        (Who::Stranger, With::TooOld, Err(InvitationExpired)),
        (Who::Stranger, With::OfRevoked, Err(Revoked)),
        (Who::Stranger, With::Superseded, Err(InvitationExpired)),
        (Who::Own, With::Nothing, own()),
        (Who::Own, With::NoneOfOurs, own()),
        (Who::Own, With::Good, other()),
        (Who::Own, With::OfItsOwnSite, own()),
        (Who::Own, With::Used, own()),
        (Who::Own, With::UsedByItself, own()),
        (Who::Own, With::TooOld, own()),
        (Who::Own, With::OfRevoked, own()),
        (Who::Own, With::Superseded, own()),
        (Who::OfRevoked, With::Nothing, Err(Revoked)),
        (Who::OfRevoked, With::NoneOfOurs, Err(Revoked)),
        (Who::OfRevoked, With::Good, other()),
        (Who::OfRevoked, With::Used, Err(Revoked)),
        (Who::OfRevoked, With::TooOld, Err(Revoked)),
        (Who::OfRevoked, With::OfRevoked, Err(Revoked)),
        // Its site is back, but this machine may be the one that was lost.
        (Who::OfReadmitted, With::Nothing, Err(Revoked)),
        (Who::OfReadmitted, With::Used, Err(Revoked)),
        (Who::OfReadmitted, With::Good, other()),
    ];
    for (who, with, expected) in table {
        for enters in [true, false] {
            let (verdict, store) = decided(who, with, enters);
            assert_eq!(verdict, expected, "{who:?} with {with:?}, enters: {enters}");
            assert!(sound(&store));
        }
    }
}

#[test]
fn an_invitation_enrols_once_and_only_looking_uses_nothing_up() {
    let (store, _) = in_memory();
    let code = invite(&store, "Tri Lễ");
    let looks = Ask { enters: false, ..ask(1, Some(code)) };
    let looked = get(store.admit(looks.clone())).expect("it might");
    assert_eq!((looked.name.as_str(), looked.visit), ("Tri Lễ", None));
    assert!(!store.knows(&device(1)));
    assert_eq!(get(store.admit(ask(1, None))), Err(CloseCode::NotAdmitted), "nothing was kept");
    let admitted = get(store.admit(ask(1, Some(code)))).expect("enrolled");
    assert_eq!(
        (admitted.name.as_str(), admitted.role, admitted.guest),
        ("Tri Lễ", SiteRole::Participant, false)
    );
    assert!(admitted.visit.is_some() && store.knows(&device(1)));
    assert_eq!(get(store.admit(ask(2, Some(code)))), Err(CloseCode::InvitationUsed));
    assert!(!store.knows(&device(2)));
    assert_eq!(get(store.admit(ask(1, None))), Ok(admitted), "in the same row of the attendance");
    let kept = ["site added", "invited", "refused", "device enrolled", "admitted", "refused", "admitted"];
    assert_eq!(acts(&store), kept);
}

#[test]
fn a_device_that_opens_another_sites_link_is_of_that_site_from_then_on() {
    let (store, _) = in_memory();
    store.enrol(device(1), "Na Loi", SiteRole::Operator).expect("enrolled");
    let code = invite(&store, "Tri Lễ");
    assert_eq!(get(store.admit(ask(1, Some(code)))).expect("in").name, "Tri Lễ");
    let later = get(store.admit(ask(1, None))).expect("in");
    assert_eq!((later.name.as_str(), later.role), ("Tri Lễ", SiteRole::Participant));
    assert_eq!(get(store.admit(ask(2, Some(code)))), Err(CloseCode::InvitationUsed));
    let moved = edit(&store, |registry| registry.audit(AuditFilter::default()));
    assert!(moved.iter().any(|row| row.act == "device enrolled" && row.detail.contains("before of Na Loi")));
}

#[test]
fn a_link_that_was_opened_again_on_its_own_machine_is_used_up() {
    let (store, _) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let code = invite(&store, "Tri Lễ");
    get(store.admit(ask(1, Some(code)))).expect("in");
    assert_eq!(get(store.admit(ask(2, Some(code)))), Err(CloseCode::InvitationUsed));
}

#[test]
fn an_invitation_is_good_for_three_days_and_not_a_moment_longer() {
    for (waits, good) in [(INVITATION_FOR_MS - 1, true), (INVITATION_FOR_MS, false)] {
        let (store, hands) = in_memory();
        let code = invite(&store, "Tri Lễ");
        hands.forward(waits);
        let verdict = get(store.admit(ask(1, Some(code))));
        assert_eq!(verdict.err(), (!good).then_some(CloseCode::InvitationExpired));
    }
}

#[test]
fn a_room_that_is_not_there_and_one_that_is_for_others_are_told_alike_and_to_enrolled_devices_only() {
    let (store, _) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    edit(&store, |registry| {
        registry.add_room("inner")?;
        registry.set_room("inner", &RoomChange { access: Some(Access::Listed), ..RoomChange::default() })
    });
    let to = |n, name| get(store.admit(Ask { room: room(name), ..ask(n, None) }));
    for name in ["inner", "nowhere"] {
        assert_eq!(to(1, name), Err(CloseCode::NoSuchRoom));
        assert_eq!(to(2, name), Err(CloseCode::NotAdmitted));
        assert_eq!(get(store.guest_door(room(name))).err(), Some(CloseCode::NoGuests));
    }
    edit(&store, |registry| registry.set_role("Tri Lễ", SiteRole::Operator, Some("inner")));
    assert_eq!(to(1, "inner").expect("listed").role, SiteRole::Operator);
    assert_eq!(to(1, ROOM).expect("open to all").role, SiteRole::Participant, "set for one room only");
    edit(&store, |registry| registry.clear_role("Tri Lễ", "inner"));
    assert_eq!(to(1, "inner"), Err(CloseCode::NoSuchRoom));
}

#[test]
fn guests_meet_what_the_room_is_set_to() {
    let (store, _) = in_memory();
    store.enrol(device(1), "Điều hành", SiteRole::Operator).expect("enrolled");
    let member = store.enrol(device(2), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    let operator = get(store.admit(ask(1, None))).expect("in").site;
    let set = |guests| {
        let change = RoomChange {
            guests: Some(guests),
            pin: Some(NewPin::Is("1234-5678".into())),
            ..RoomChange::default()
        };
        edit(&store, move |registry| registry.set_room(ROOM, &change));
    };
    let guest = |by| {
        let ask = GuestAsk { device: device(7), room: room(ROOM), name: "Bình".into(), by };
        get(store.admit_guest(ask))
    };
    let door = || get(store.guest_door(room(ROOM))).map(|door| (door.pin, door.lobby));
    let pin = || "12345678".to_owned();
    let table = [
        (Guests::No, Err(CloseCode::NoGuests), [Some(CloseCode::NoGuests); 4]),
        (
            Guests::Lobby,
            Ok((pin(), true)),
            [Some(CloseCode::NotLetIn), Some(CloseCode::NotLetIn), Some(CloseCode::NotLetIn), None],
        ),
        (Guests::Admit, Ok((pin(), false)), [None; 4]),
    ];
    for (guests, meets, outcomes) in table {
        set(guests);
        assert_eq!(door(), meets);
        // By nobody, by who may not, by who is not there, by the operator.
        for (by, outcome) in [None, Some(member), Some(SiteId(99)), operator].into_iter().zip(outcomes) {
            let verdict = guest(by);
            assert_eq!(verdict.as_ref().err().copied(), outcome, "{guests:?}, by {by:?}");
            if let Ok(admitted) = verdict {
                assert_eq!(
                    (admitted.site, admitted.guest, admitted.role),
                    (None, true, SiteRole::Participant)
                );
            }
        }
    }
    let refused = edit(&store, |registry| registry.audit(AuditFilter::default()));
    let refused: Vec<_> = refused.iter().filter(|row| row.act == "refused").map(|row| &*row.actor).collect();
    assert_eq!(refused, ["Bình (guest)"], "once a minute");
    assert!(!store.knows(&device(7)), "a guest is not enrolled by being let in");
    edit(&store, |registry| registry.revoke_site("Điều hành"));
    set(Guests::Lobby);
    assert_eq!(guest(operator).err(), Some(CloseCode::NotLetIn), "an operator that is no more");
}

#[test]
fn a_rooms_own_number_of_members_comes_with_the_verdict() {
    let (store, _) = in_memory();
    store.enrol(device(1), "Tri Lễ", SiteRole::Participant).expect("enrolled");
    assert_eq!(get(store.admit(ask(1, None))).expect("in").max_members, None);
    let change = RoomChange { max_members: Some(Some(12)), ..RoomChange::default() };
    edit(&store, move |registry| registry.set_room(ROOM, &change));
    assert_eq!(get(store.admit(ask(1, None))).expect("in").max_members, Some(12));
}

#[test]
fn refusals_are_written_once_a_minute_for_each_device_and_sixty_in_all() {
    let (store, hands) = in_memory();
    for _ in 0..10 {
        let _ = get(store.admit(ask(1, None)));
    }
    assert_eq!(acts(&store), ["refused"]);
    for n in 0..200 {
        let _ = get(store.admit(ask(n, None)));
    }
    assert_eq!(acts(&store).len(), 60);
    hands.forward(60_000);
    let _ = get(store.admit(ask(1, None)));
    let rows =
        edit(&store, |registry| registry.audit(AuditFilter { last: Some(2), ..AuditFilter::default() }));
    assert_eq!((rows[0].act.as_str(), rows[0].detail.as_str()), ("refusals not listed", "150"));
    assert_eq!(rows[1].act, "refused");
    assert_eq!(rows[1].detail, "not admitted");
    // What the bridge refuses counts alike: a participant that tries every act, an address that guesses PINs.
    let act = Fact::ActRefused { by: None, act: "expel", target: "7".into(), code: 1 };
    let pin = Fact::Refused {
        room: ROOM.into(),
        who: "a guest".into(),
        code: CloseCode::WrongPin,
        from: "192.0.2.7".into(),
    };
    for _ in 0..10 {
        store.record(act.clone());
        store.record(pin.clone());
    }
    let last: Vec<String> = acts(&store).split_off(62);
    assert_eq!(last, ["expel refused", "refused"]);
}
