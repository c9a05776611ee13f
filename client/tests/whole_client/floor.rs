//! A site in a meeting that is run: the floor, its hand, the roll call; and whoever watches.

use crate::support::{Bridge, Door, Keys, Running, SITE, Setup, seat};
use crate::{SECOND, babble};
use giaoban_client::ctl::run::{Watched, watch};
use giaoban_client::ctl::{Answer, Failed, Wish};
use giaoban_client::engine::Command;
use giaoban_client::testing::Site;
use giaoban_proto::testing::{VirtualNet, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::wire::{
    Act, CloseCode, FloorMode, Meeting, OBSERVES, Roster, Said, Seat, SiteRole, WATCHES, act::What,
    server_message::Body,
};
use std::sync::{Arc, Mutex};
use tokio::time::sleep;

fn moderated() -> Meeting {
    Meeting { mode: FloorMode::Moderated.code(), has_operator: true, ..Meeting::default() }
}

fn acts(bridge: &Bridge) -> Vec<(u32, Option<What>)> {
    bridge.log.lock().unwrap().acts.iter().map(|act| (act.number, act.what.clone())).collect()
}

/// Loudness of what was heard since, in bricks that were not silent.
fn tones(heard: &[f32]) -> usize {
    heard.chunks(960).filter(|brick| brick.iter().any(|sample| sample.abs() > 0.02)).count()
}

#[test]
fn a_site_raises_its_hand_once_it_can_speaks_while_it_has_the_floor_and_hears_when() {
    run(async {
        let (net, keys) = (VirtualNet::new(71), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Participant));
        let client = Running::start(&net, Setup { raise: true, speech: babble(3), ..Setup::new(&keys) });
        sleep(SECOND * 5).await;
        assert_eq!(acts(&bridge), [], "no hand is raised while everybody may speak");
        bridge.tell(moderated());
        bridge.tell(moderated());
        sleep(SECOND).await;
        assert_eq!(acts(&bridge), [(0, Some(What::Hand(true)))]);
        for hand in [5, 5, 2] {
            let seats = vec![Seat { hand: 4, ..seat(3, "") }, Seat { hand, ..seat(7, "") }];
            bridge.tell(Roster { seats, gone: vec![] });
        }
        sleep(SECOND).await;
        let heard = |client: &Running| std::mem::take(&mut *client.ears.heard.lock().unwrap());
        heard(&client);
        bridge.tell(Meeting { holder: 7, left_s: 20, ..moderated() });
        sleep(SECOND * 3 / 2).await;
        assert!((13..=18).contains(&tones(&heard(&client))), "two notes up");
        assert!(client.ears.stats.lock().unwrap().last().unwrap().may_speak);
        sleep(SECOND * 15 / 2).await;
        assert_eq!(tones(&heard(&client)), 0);
        sleep(SECOND * 2).await;
        assert!((6..=10).contains(&tones(&heard(&client))), "ten seconds more");
        bridge.tell(moderated());
        sleep(SECOND * 3 / 2).await;
        assert!((13..=18).contains(&tones(&heard(&client))), "two notes down");
        assert!(!client.ears.stats.lock().unwrap().last().unwrap().may_speak);
        let (_, ears) = client.stop().await;
        let words = ears.words();
        let told = "the operator gives the floor: whoever wants to speak raises a hand; nobody hears you until then | \
                    your hand is up; 1 before it | your hand is up, and the first | you have the floor for 20 s: speak | \
                    ten seconds more, then the floor is taken back | you have the floor no more: nobody hears you | leaving";
        assert!(words.contains(told), "{words}");
    });
}

#[test]
fn without_the_floor_nothing_is_sent_and_whoever_talks_is_told_so_now_and_then() {
    run(async {
        let (net, keys) = (VirtualNet::new(72), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Participant));
        let client = Running::start(&net, Setup { speech: babble(100), ..Setup::new(&keys) });
        sleep(SECOND * 5).await;
        bridge.tell(moderated());
        sleep(SECOND / 5).await;
        let voices = bridge.log.lock().unwrap().voices;
        sleep(SECOND * 25).await;
        assert_eq!(bridge.log.lock().unwrap().voices, voices);
        let times = client.ears.words().matches("you do not have the floor: you talk").count();
        assert_eq!(times, 3, "{}", client.ears.words());
        client.commands.send(Command::Mute(true)).await.unwrap();
        sleep(SECOND * 10).await;
        bridge.tell(Meeting { holder: 7, ..moderated() });
        sleep(SECOND * 10).await;
        assert!(client.ears.words().contains("you are muted: you talk"), "{}", client.ears.words());
        assert_eq!(bridge.log.lock().unwrap().voices, voices);
        client.commands.send(Command::Mute(false)).await.unwrap();
        sleep(SECOND * 10).await;
        assert!(bridge.log.lock().unwrap().voices > voices + 50);
        let (_, ears) = client.stop().await;
        assert!(ears.words().contains("you have the floor: speak"), "{}", ears.words());
    });
}

#[test]
fn a_roll_call_is_answered_by_a_program_that_was_told_to_and_else_by_voice() {
    for answers in [true, false] {
        run(async {
            let (net, keys) = (VirtualNet::new(73), Keys::new());
            let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Participant));
            let client = Running::start(&net, Setup { answers, ..Setup::new(&keys) });
            sleep(SECOND * 3).await;
            for left in [60, 55] {
                bridge.tell(Meeting { roll: 4, roll_left_s: left, ..Meeting::default() });
            }
            sleep(SECOND).await;
            let answer = answers.then_some((0, Some(What::Present(4))));
            assert_eq!(acts(&bridge), answer.into_iter().collect::<Vec<_>>());
            bridge.tell(Roster { seats: vec![Seat { present: 4, ..seat(7, "") }], gone: vec![] });
            let (name, text) = ("huyện".into(), "số 112/BC".into());
            bridge.tell(Said { member: 3, name, text, to_operators: false });
            sleep(SECOND).await;
            let (_, ears) = client.stop().await;
            let words = ears.words();
            assert_eq!(words.contains("roll call 4: this program answers by itself"), answers, "{words}");
            assert_eq!(words.contains("roll call 4: say your name"), !answers, "{words}");
            assert!(words.contains("you are counted as present | huyện writes: số 112/BC"), "{words}");
        });
    }
}

#[test]
fn whoever_watches_sees_all_that_the_bridge_says_and_its_acts_come_through() {
    run(async {
        let (net, keys) = (VirtualNet::new(74), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Operator));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let watch = {
            let seen = Arc::clone(&seen);
            Box::new(move |body: &Body| seen.lock().unwrap().push(body.clone()))
        };
        let client = Running::start(&net, Setup { watch: Some(watch), ..Setup::new(&keys) });
        sleep(SECOND * 3).await;
        assert_eq!(bridge.log.lock().unwrap().hellos[0].capabilities, WATCHES);
        bridge.tell(moderated());
        let act = Act { number: 9, what: Some(What::Grant(3)) };
        client.commands.send(Command::Act(act.clone())).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(bridge.log.lock().unwrap().acts, [act]);
        {
            let seen = seen.lock().unwrap();
            let [Body::Welcome(welcome), Body::Roster(_), Body::Meeting(_), Body::Done(done)] = &seen[..]
            else {
                panic!("{seen:?}")
            };
            assert_eq!((welcome.member, done.number), (7, 9));
        }
        let (_, ears) = client.stop().await;
        assert!(!ears.words().contains("nobody hears"), "an operator always speaks: {}", ears.words());
    });
}

#[test]
fn status_is_one_answer_and_watch_goes_on_over_a_lost_line_until_it_is_refused() {
    run(async {
        let (net, keys) = (VirtualNet::new(75), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Operator));
        let meeting = Setup::new(&keys).meeting();
        let identity = || Identity::generate().unwrap();
        let status =
            giaoban_client::ctl::run::run(&meeting, identity(), Site::new(&net, SITE, 1), Wish::Status);
        let Ok(Answer::Status(status)) = status.await else { panic!("a status") };
        assert_eq!((status.meeting.mode, status.seats.len(), status.waiting.len()), (1, 2, 1));

        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let watching = tokio::spawn({
            let site = Site::new(&net, SITE, 2);
            async move {
                watch(&meeting, Identity::generate().unwrap(), site, move |watched| {
                    kept.lock().unwrap().push(match watched {
                        Watched::Body(Body::Welcome(_)) => "heard",
                        Watched::Body(Body::Said(_)) => "said",
                        Watched::Body(_) => "body",
                        Watched::Lost => "lost",
                    });
                })
                .await
            }
        });
        sleep(SECOND * 30).await;
        assert!(!watching.is_finished(), "however long it is quiet");
        assert_eq!(bridge.log.lock().unwrap().hellos[1].capabilities, OBSERVES | WATCHES);
        bridge.tell(Said { text: "112/BC".into(), ..Said::default() });
        sleep(SECOND).await;
        bridge.close_all(CloseCode::Overrun);
        sleep(SECOND * 10).await;
        bridge.close_all(CloseCode::Revoked);
        assert!(matches!(watching.await.unwrap(), Failed::Refused(_)));
        let seen = seen.lock().unwrap();
        let told: Vec<&str> = seen.iter().copied().filter(|what| *what != "body").collect();
        assert_eq!(told, ["heard", "said", "lost", "heard"], "{seen:?}");
    });
}
