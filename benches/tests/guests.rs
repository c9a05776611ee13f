//! Guests, listeners and operators in virtual time: real clients and the real bridge, in real speech.

use giaoban_benches::hall::{BRIDGE, Guest, Hall, Left};
use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_bridge::store::{Guests, NewPin, RoomChange};
use giaoban_client::ctl::report::Outcome;
use giaoban_client::ctl::run::run as act;
use giaoban_client::ctl::{Answer, Deed, Wish};
use giaoban_client::engine::Ending;
use giaoban_client::meeting::{Entry, Meeting};
use giaoban_client::session::{End, Loss};
use giaoban_client::testing::Site;
use giaoban_proto::testing::link::{LinkConfig, Loss as Losing, named};
use giaoban_proto::testing::run;
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::{ActCode, CloseCode, SiteRole};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::sleep;

const PIN: &str = "12345678";

/// A hall whose room takes guests by the PIN, and asks an operator.
fn hall(seed: u64) -> Hall {
    let hall = Hall::open(seed, 10).expect("a hall");
    let change = RoomChange {
        guests: Some(Guests::Lobby),
        pin: Some(NewPin::Is(PIN.into())),
        ..RoomChange::default()
    };
    hall.store.edit(move |registry| registry.set_room("giaoban", &change)).expect("a store").expect("set");
    hall
}

fn comes(name: &'static str, says: &[f32], stays: Duration) -> Guest {
    let line = named("clean").expect("a named line");
    Guest { name, says: says.to_vec(), muted: false, max_kbps: 30, line, stays }
}

/// By host, room and PIN: no link, no key.
fn dialling(hall: &Hall) -> (Meeting, Identity) {
    let pin = PIN.parse().expect("a PIN");
    let meeting = Meeting::for_device(hall.link().clone());
    (Meeting { entry: Entry::Guest { pin, pins: None }, ..meeting }, Identity::generate().expect("a key"))
}

/// What `giaoban ctl` does, at a PC of the operator's.
async fn ctl(hall: &Hall, wish: Wish) -> Outcome {
    let identity = hall.enrol_as("Điều hành huyện", SiteRole::Operator).expect("enrolled");
    // A seed of its own, or the bridge would take its first packet for the last call's.
    let seed = 99 + hall.elapsed().as_millis() as u64;
    let site = Site::new(&hall.net, Ipv4Addr::new(10, 0, 2, 1), seed);
    act(&Meeting::for_device(hall.link().clone()), identity, site, wish).await
}

async fn done(hall: &Hall, deed: Deed) {
    assert_eq!(ctl(hall, Wish::Do(deed)).await, Ok(Answer::Did(deed, Some(ActCode::Done))));
}

/// Numbers and names of those who wait.
async fn waiting(hall: &Hall) -> Vec<(u64, String)> {
    let Ok(Answer::Lobby(waiting)) = ctl(hall, Wish::Lobby).await else { panic!("a lobby") };
    waiting.into_iter().map(|guest| (guest.member, guest.name)).collect()
}

/// The number and role of the one of this name.
async fn here(hall: &Hall, name: &str) -> (u64, Option<SiteRole>) {
    let Ok(Answer::Who(seats)) = ctl(hall, Wish::Who).await else { panic!("a list") };
    let seat = seats.into_iter().find(|seat| seat.name == name).expect("is here");
    (seat.member, SiteRole::from_code(seat.role))
}

async fn until(hall: &Hall, sample: usize) {
    let at = Duration::from_secs_f64(sample as f64 / SECOND as f64);
    sleep(at.saturating_sub(hall.elapsed())).await;
}

/// How loud it was in what was heard from a turn's beginning until it ended.
fn loudness(left: &Left, timeline: &Timeline, turn: usize) -> f64 {
    let span = &timeline.turns[turn].span;
    f64::from(Level::of(&left.heard[span.start..span.end.min(left.heard.len())]).dbfs())
}

#[test]
fn a_guest_who_dials_in_hears_nobody_in_the_lobby_and_everybody_once_it_is_let_in() {
    run(async {
        let timeline = Timeline::of(&["en", "fr"], &[(&[0], 5.0), (&[1], 5.0), (&[0], 5.0)]);
        let stays = Duration::from_secs_f64(timeline.len() as f64 / SECOND as f64);
        let mut hall = hall(1);
        let site = hall.seat(comes("Tri Lễ", &timeline.says[0], stays)).expect("a seat");
        let (meeting, key) = dialling(&hall);
        let guest = hall.seat_by(comes("Bác sĩ Lan", &timeline.says[1], stays), meeting, key);
        sleep(Duration::from_millis(500)).await;
        // Who comes in meanwhile has a higher number than the guest, who keeps its own.
        let late = hall.seat(comes("Quế Phong", &[], stays)).expect("a seat");
        until(&hall, timeline.turns[0].span.end).await;
        let lobby = waiting(&hall).await;
        assert_eq!(lobby.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Bác sĩ Lan"]);
        done(&hall, Deed::Admit(lobby[0].0)).await;
        assert_eq!(here(&hall, "Bác sĩ Lan").await, (lobby[0].0, Some(SiteRole::Participant)));
        assert!(hall.elapsed().as_secs_f64() < timeline.turns[1].span.start as f64 / SECOND as f64);
        assert_eq!(waiting(&hall).await, []);

        let (site, guest) = (site.leave().await.expect("no panic"), guest.leave().await.expect("no panic"));
        late.leave().await.expect("no panic");
        let lobby = loudness(&guest, &timeline, 0);
        assert!(lobby < -90.0, "{lobby} dBFS in the lobby");
        for (who, left, turn) in [(0, &site, 1), (1, &guest, 2)] {
            let heard = timeline.heard(who, &timeline.turns[turn], &left.heard);
            println!(
                "{who} hears the other {:.0} ms later, {:.3}",
                heard.lag_samples as f64 / 48.0,
                heard.correlation
            );
            assert!(heard.correlation > 0.9, "{heard:?}");
            assert_eq!(left.outcome.ending.exit_code(), 0);
        }
        let states: Vec<_> = guest.figures.iter().map(|second| second.state).collect();
        assert!(states[..5].iter().skip(1).all(|state| *state == "in_lobby"), "{states:?}");
    });
}

#[test]
fn a_listener_is_not_heard_and_whoever_is_silenced_neither_until_it_may_speak_again() {
    run(async {
        let turns: [(&[usize], f64); 4] = [(&[0], 5.0), (&[1], 5.0), (&[1], 5.0), (&[1], 5.0)];
        let timeline = Timeline::of(&["en", "fr"], &turns);
        let stays = Duration::from_secs_f64(timeline.len() as f64 / SECOND as f64);
        let mut hall = hall(2);
        let key = hall.enrol_as("Nậm Giải", SiteRole::Listener).expect("enrolled");
        let meeting = Meeting::for_device(hall.link().clone());
        let listener = hall.seat_by(comes("Nậm Giải", &timeline.says[0], stays), meeting, key);
        let talker = hall.seat(comes("Tri Lễ", &timeline.says[1], stays)).expect("a seat");
        let ears = hall.seat(comes("Quế Phong", &[], stays)).expect("a seat");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(here(&hall, "Nậm Giải").await.1, Some(SiteRole::Listener));
        let (number, _) = here(&hall, "Tri Lễ").await;
        for (turn, deed) in [(1, Deed::Silence(number)), (2, Deed::Unsilence(number))] {
            until(&hall, timeline.turns[turn].span.end).await;
            done(&hall, deed).await;
        }
        let (ears, listener) =
            (ears.leave().await.expect("no panic"), listener.leave().await.expect("no panic"));
        let talker = talker.leave().await.expect("no panic");
        let [of_listener, spoken, silenced, again] =
            [0, 1, 2, 3].map(|turn| loudness(&ears, &timeline, turn));
        println!(
            "listener {of_listener:.0} dBFS, speaks {spoken:.0}, silenced {silenced:.0}, again {again:.0}"
        );
        assert!(of_listener < -90.0 && silenced < -90.0 && spoken > -50.0 && again > -50.0);
        assert!(listener.figures.iter().all(|second| second.sent == 0));
        let last = listener.figures.last().expect("figures");
        assert!(!last.may_speak && last.received > 0, "{last:?}");
        let may_speak: Vec<bool> = talker.figures.iter().map(|second| second.may_speak).collect();
        assert_eq!(
            may_speak.chunk_by(|a, b| a == b).map(|run| run[0]).collect::<Vec<_>>(),
            [true, false, true]
        );
    });
}

#[test]
fn an_expelled_or_refused_guest_ends_with_the_reason_and_its_client_does_not_come_again() {
    run(async {
        let mut hall = hall(3);
        let stays = Duration::from_secs(120);
        let mut guests = Vec::new();
        for name in ["Bác sĩ Lan", "Người lạ"] {
            let (meeting, key) = dialling(&hall);
            guests.push(hall.seat_by(comes(name, &[], stays), meeting, key));
            sleep(Duration::from_secs(2)).await;
        }
        let lobby = waiting(&hall).await;
        done(&hall, Deed::Admit(lobby[0].0)).await;
        done(&hall, Deed::Refuse(lobby[1].0)).await;
        sleep(Duration::from_secs(2)).await;
        done(&hall, Deed::Expel(lobby[0].0)).await;
        for (guest, code) in guests.into_iter().zip([CloseCode::Expelled, CloseCode::NotLetIn]) {
            let left = guest.leave().await.expect("no panic");
            assert_eq!(left.outcome.ending.exit_code(), 3);
            let ending = left.outcome.ending;
            assert!(
                matches!(ending, Ending::Session(End::Refused(Loss::Closed(found))) if found == code),
                "{ending:?}"
            );
        }
        assert!(hall.elapsed() < Duration::from_secs(30), "{:?}", hall.elapsed());
        assert_eq!((waiting(&hall).await, ctl(&hall, Wish::Who).await), (vec![], Ok(Answer::Who(vec![]))));
    });
}

#[test]
fn a_guest_whose_line_broke_is_back_without_being_asked_about_again() {
    run(async {
        let mut hall = hall(4);
        // A meeting is over when nobody is left in it.
        let stays = Duration::from_secs(200);
        let site = hall.seat(comes("Tri Lễ", &[], stays)).expect("a seat");
        let (meeting, key) = dialling(&hall);
        let guest = hall.seat_by(comes("Bác sĩ Lan", &[], stays), meeting, key);
        sleep(Duration::from_secs(2)).await;
        let lobby = waiting(&hall).await;
        done(&hall, Deed::Admit(lobby[0].0)).await;
        sleep(Duration::from_secs(2)).await;
        let gone = || LinkConfig { loss: Losing::Random(1.0), ..LinkConfig::default() };
        hall.net.connect(guest.ip, BRIDGE, gone(), gone());
        // Longer than a line lives.
        sleep(Duration::from_secs(90)).await;
        hall.net.connect(guest.ip, BRIDGE, LinkConfig::default(), LinkConfig::default());
        sleep(Duration::from_secs(20)).await;
        assert_eq!(waiting(&hall).await, []);
        assert_eq!(here(&hall, "Bác sĩ Lan").await.1, Some(SiteRole::Participant));
        site.leave().await.expect("no panic");
        let left = guest.leave().await.expect("no panic");
        assert_eq!(
            (left.outcome.ending.exit_code(), left.figures.last().expect("figures").reconnects),
            (0, 1)
        );
    });
}
