//! Guests by PIN, roles, operators' acts and revocation, over real QUIC in virtual time: what somebody outside sees.

mod common;

use common::{House, hello};
use giaoban_bridge::store::{Guests, NewPin, RoomChange};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::pin::{self, EXPORTER_LABEL, Pin, Proving};
use giaoban_proto::testing::visitor::{Silence, Visitor};
use giaoban_proto::testing::{now, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::{BRICK, MediaTime, Seq};
use giaoban_proto::wire::{
    Act, ActCode, CloseCode, Datagram, Hello, MAX_DATAGRAM_BYTES, OBSERVES, PinProof, ServerMessage,
    SiteRole, Voice, act::What, server_message::Body,
};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PIN: &str = "12345678";

fn house(guests: Guests) -> House {
    let house = House::new(10);
    let change =
        RoomChange { guests: Some(guests), pin: Some(NewPin::Is(PIN.into())), ..RoomChange::default() };
    house.store.edit(move |registry| registry.set_room("giaoban", &change)).expect("a store").expect("set");
    house
}

fn key() -> Identity {
    Identity::generate().expect("a key")
}

/// A guest at the door with this PIN, as far as its proof.
async fn prove(house: &mut House, identity: &Identity, pin: &str) -> Result<(Visitor, Proving), Silence> {
    let pin: Pin = pin.parse().expect("a PIN");
    let mut visitor = house.connect(identity).await;
    let (guest, exchange) = pin::begin(&pin, "giaoban");
    visitor.say(Hello { guest: exchange, name: "Bác sĩ Lan".into(), ..hello() }).await;
    let Some(Body::PinChallenge(challenge)) = visitor.hear().await?.body else { panic!("a challenge") };
    let mut binding = [0; 32];
    visitor.connection.export_keying_material(&mut binding, EXPORTER_LABEL, &[]).expect("an exporter");
    let (proving, proof) = guest.prove(&challenge.exchange, &binding).expect("an exchange");
    visitor.say(PinProof { proof }).await;
    Ok((visitor, proving))
}

async fn in_lobby(house: &mut House, identity: &Identity) -> Visitor {
    let (mut visitor, proving) = prove(house, identity, PIN).await.expect("a challenge");
    let Some(Body::InLobby(lobby)) = visitor.hear().await.expect("an answer").body else { panic!("a lobby") };
    proving.check(&lobby.proof).expect("the bridge knows the PIN too");
    visitor
}

async fn operator(house: &mut House) -> Visitor {
    let identity = key();
    house.store.enrol(identity.public_key(), "Điều hành huyện", SiteRole::Operator).expect("enrolled");
    let mut visitor = house.connect(&identity).await;
    visitor.say(hello()).await;
    visitor.welcome().await.expect("welcome");
    visitor
}

/// The next message for which `of` has something.
async fn next<T>(visitor: &mut Visitor, of: impl Fn(Body) -> Option<T>) -> T {
    let seek = async {
        loop {
            let ServerMessage { body } = visitor.hear().await.expect("a message");
            if let Some(found) = body.and_then(&of) {
                return found;
            }
        }
    };
    timeout(Duration::from_secs(20), seek).await.expect("within twenty seconds")
}

async fn waiting(operator: &mut Visitor) -> (u64, String) {
    next(operator, |body| match body {
        Body::Lobby(lobby) => lobby.waiting.first().map(|guest| (guest.member, guest.name.clone())),
        _ => None,
    })
    .await
}

async fn act(visitor: &mut Visitor, what: What) -> ActCode {
    visitor.say(Act { number: 7, what: Some(what) }).await;
    let done = next(visitor, |body| match body {
        Body::Done(done) => Some(done),
        _ => None,
    });
    let done = done.await;
    assert_eq!(done.number, 7);
    ActCode::from_code(done.code).expect("a code")
}

/// Speaks for so many bricks, and counts what voice comes back.
async fn speak(visitor: &Visitor, bricks: u32) -> usize {
    let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
    let (mut seq, mut heard) = (Seq(0), 0);
    for tick in 0..bricks {
        let mut brick = Pcm::SILENCE;
        for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = 0.2 * ((tick as usize * 960 + i) as f32 * 0.04).sin();
        }
        if let Some(frame) = outlet.push(MediaTime::from_bricks(tick.into()), Some(&brick)).expect("encodes")
        {
            let voice = Voice::new(seq, frame.time, frame.start, frame.end, frame.body());
            let bytes = voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec();
            let _ = visitor.connection.send_datagram(bytes.into());
            seq = seq.next();
        }
        let until = tokio::time::Instant::from_std(now() + BRICK);
        while let Ok(Ok(bytes)) = tokio::time::timeout_at(until, visitor.connection.read_datagram()).await {
            heard += usize::from(matches!(Datagram::decode(&bytes), Ok(Datagram::Voice(_))));
        }
        tokio::time::sleep_until(until).await;
    }
    heard
}

#[test]
fn a_guest_with_the_pin_waits_in_the_lobby_and_is_let_in_by_an_operator() {
    run(async {
        let mut house = house(Guests::Lobby);
        let (mut operator, talker) = (operator(&mut house).await, house.join("Tri Lễ").await);
        let mut guest = in_lobby(&mut house, &key()).await;
        // A minute in the lobby, while somebody speaks: no sound, no list.
        let (heard, _) = tokio::join!(speak(&guest, 3000), speak(&talker, 3000));
        assert_eq!(heard, 0);
        assert!(timeout(Duration::from_millis(1), guest.hear()).await.is_err());
        let (number, name) = waiting(&mut operator).await;
        assert_eq!(name, "Bác sĩ Lan");
        assert_eq!(act(&mut operator, What::LetIn(number)).await, ActCode::Done);
        assert_eq!(guest.welcome().await, Ok("Bác sĩ Lan".into()));
        let (heard, by_talker, _) = tokio::join!(speak(&guest, 150), speak(&talker, 150), sleep(BRICK));
        assert!(heard > 15 && by_talker > 15, "{heard} {by_talker}");
    });
}

#[test]
fn a_room_may_let_guests_in_at_once_or_not_at_all() {
    run(async {
        let mut open = house(Guests::Admit);
        let mut guest = in_lobby(&mut open, &key()).await;
        assert_eq!(guest.welcome().await, Ok("Bác sĩ Lan".into()));
        let mut closed = house(Guests::No);
        let refused = prove(&mut closed, &key(), PIN).await.err();
        assert_eq!(refused, Some(Silence::Closed(Some(CloseCode::NoGuests))));
    });
}

#[test]
fn a_guest_that_is_turned_away_is_told_so_and_one_that_comes_again_by_a_new_line_is_not_asked_about() {
    run(async {
        let mut house = house(Guests::Lobby);
        let mut operator = operator(&mut house).await;
        let unwanted = in_lobby(&mut house, &key()).await;
        let (number, _) = waiting(&mut operator).await;
        assert_eq!(act(&mut operator, What::TurnAway(number)).await, ActCode::Done);
        assert_eq!(unwanted.closed().await, Some(CloseCode::NotLetIn));
        let wanted = key();
        let mut guest = in_lobby(&mut house, &wanted).await;
        let (number, _) = waiting(&mut operator).await;
        assert_eq!(act(&mut operator, What::LetIn(number)).await, ActCode::Done);
        guest.welcome().await.expect("welcome");
        drop(guest);
        let mut again = in_lobby(&mut house, &wanted).await;
        assert!(timeout(Duration::from_secs(5), again.welcome()).await.expect("at once").is_ok());
        assert_eq!(act(&mut operator, What::LetIn(number)).await, ActCode::NobodyThere);
    });
}

#[test]
fn after_ten_wrong_pins_a_network_is_held_off_for_a_minute_each() {
    run(async {
        let mut house = house(Guests::Lobby);
        let (mut wrong, mut held_off) = (0, 0);
        for n in 0..200 {
            let code = match prove(&mut house, &key(), &format!("{n:08}")).await {
                Ok((visitor, _)) => visitor.closed().await,
                Err(Silence::Closed(code)) => code,
                Err(other) => panic!("{other:?}"),
            };
            match code {
                Some(CloseCode::WrongPin) => wrong += 1,
                Some(CloseCode::TryLater) => held_off += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!((10..=12).contains(&wrong) && held_off >= 188, "{wrong} {held_off}");
        assert_eq!(house.bridge.counters().wrong_pins.load(Relaxed), wrong);
        sleep(Duration::from_secs(61)).await;
        let mut operator = operator(&mut house).await;
        let _guest = in_lobby(&mut house, &key()).await;
        waiting(&mut operator).await;
    });
}

#[test]
fn what_another_process_changes_is_felt_in_the_meeting() {
    run(async {
        let mut house = house(Guests::Lobby);
        let mut operator = operator(&mut house).await;
        let (mut first, second, third) =
            (house.join("Tri Lễ").await, house.join("Nậm Giải").await, house.join("Quế Phong").await);
        sleep(Duration::from_secs(1)).await;
        let edit = |work: fn(&mut giaoban_bridge::store::Registry)| house.store.edit(work).expect("a store");
        edit(|registry| registry.set_role("Tri Lễ", SiteRole::Listener, None).map(drop).expect("set"));
        let standing = next(&mut first, |body| match body {
            Body::Standing(standing) => Some(standing.role),
            _ => None,
        });
        assert_eq!(standing.await, SiteRole::Listener.code());
        edit(|registry| registry.revoke_site("Nậm Giải").map(drop).expect("revoked"));
        assert_eq!(second.closed().await, Some(CloseCode::Revoked));
        edit(|registry| registry.kick("Quế Phong").map(drop).expect("kicked"));
        assert_eq!(third.closed().await, Some(CloseCode::Expelled));
        edit(|registry| registry.rename_site("Tri Lễ", "Xã Tri Lễ").map(drop).expect("renamed"));
        next(&mut operator, |body| match body {
            Body::Roster(roster) => roster.seats.iter().any(|seat| seat.name == "Xã Tri Lễ").then_some(()),
            _ => None,
        })
        .await;
    });
}

#[test]
fn who_only_looks_on_has_no_seat_hears_nothing_and_leaves_its_own_seat_alone() {
    run(async {
        let mut house = house(Guests::Lobby);
        let identity = key();
        house.store.enrol(identity.public_key(), "Điều hành huyện", SiteRole::Operator).expect("enrolled");
        let mut seated = house.connect(&identity).await;
        seated.say(hello()).await;
        seated.welcome().await.expect("welcome");
        let mut looking = house.connect(&identity).await;
        looking.say(Hello { capabilities: OBSERVES, ..hello() }).await;
        looking.welcome().await.expect("welcome");
        let mut site = house.join("Tri Lễ").await;
        let (heard, by_seat, _) = tokio::join!(speak(&looking, 150), speak(&seated, 150), speak(&site, 150));
        assert_eq!(heard, 0);
        assert!(by_seat > 15);
        next(&mut looking, |body| match body {
            Body::Roster(roster) => roster.seats.iter().any(|seat| seat.name == "Tri Lễ").then_some(()),
            _ => None,
        })
        .await;
        assert!(seated.connection.close_reason().is_none());
        // A participant may not look on.
        let other = house.enrol("Nậm Giải");
        let mut refused = house.connect(&other).await;
        refused.say(Hello { capabilities: OBSERVES, ..hello() }).await;
        assert_eq!(refused.closed().await, Some(CloseCode::NotAdmitted));
        assert_eq!(act(&mut site, What::Expel(1)).await, ActCode::NotAllowed);
    });
}

#[test]
fn whatever_the_store_cannot_write_down_does_not_happen() {
    run(async {
        let mut house = house(Guests::Lobby);
        let mut operator = operator(&mut house).await;
        let guest = in_lobby(&mut house, &key()).await;
        let (number, _) = waiting(&mut operator).await;
        let site = house.enrol("Tri Lễ");
        house.store.fail_at_write(1);
        assert_eq!(act(&mut operator, What::LetIn(number)).await, ActCode::Failed);
        let mut visitor = house.connect(&site).await;
        visitor.say(hello()).await;
        assert_eq!(visitor.closed().await, Some(CloseCode::Internal));
        house.store.fail_at_write(0);
        assert_eq!(act(&mut operator, What::LetIn(number)).await, ActCode::Done);
        assert!(guest.connection.close_reason().is_none());
    });
}
