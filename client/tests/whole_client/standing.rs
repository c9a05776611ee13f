//! What a site may do, as the bridge says, and what it then sends.

use crate::support::{Bridge, Door, FREED_AFTER, Keys, Running, SITE, Setup, bridge, seat, welcome};
use crate::{SECOND, babble, gone};
use giaoban_client::engine::Command;
use giaoban_proto::testing::link::LinkConfig;
use giaoban_proto::testing::{VirtualNet, run};
use giaoban_proto::unit::Level;
use giaoban_proto::wire::{Lobby, Notice, NoticeKind, Roster, Seat, SiteRole, Standing, Waiting};
use tokio::time::sleep;

fn stand(role: SiteRole, silenced: bool) -> Standing {
    Standing { role: role.code(), silenced }
}

#[test]
fn a_listener_sends_no_voice_whatever_its_switch_and_speaks_once_it_may() {
    run(async {
        let (net, keys) = (VirtualNet::new(41), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Listener));
        let client = Running::start(&net, Setup { speech: babble(100), ..Setup::new(&keys) });
        sleep(SECOND * 10).await;
        for muted in [true, false] {
            client.commands.send(Command::Mute(muted)).await.unwrap();
            sleep(SECOND * 10).await;
        }
        {
            let log = bridge.log.lock().unwrap();
            assert_eq!(log.voices, 0);
            assert!(log.reports.iter().all(|(_, report)| report.level == Level::SILENCE));
            let switched: Vec<bool> = log.mutes.iter().map(|(_, muted)| *muted).collect();
            assert_eq!(switched, [true, false], "the switch is the person's all the same");
            let stats = client.ears.stats.lock().unwrap();
            let last = stats.last().unwrap();
            assert_eq!((last.state, last.sent, last.answered), ("in_room", 0, 0));
            assert_eq!(
                (last.may_speak, last.muted, last.speaking, last.listening),
                (false, true, false, true)
            );
        }
        bridge.tell(stand(SiteRole::Participant, false));
        sleep(SECOND * 10).await;
        assert!(bridge.log.lock().unwrap().voices > 50);
        bridge.tell(stand(SiteRole::Participant, true));
        sleep(SECOND / 5).await;
        let voices = bridge.log.lock().unwrap().voices;
        sleep(SECOND * 10).await;
        assert_eq!(bridge.log.lock().unwrap().voices, voices, "silenced is silent at once");
        bridge.tell(stand(SiteRole::Participant, false));
        sleep(SECOND * 10).await;
        assert!(bridge.log.lock().unwrap().voices > voices + 50);
        let (_, ears) = client.stop().await;
        let listener = "you are here to listen: the microphone is off, and nobody hears you";
        assert_eq!(
            ears.words(),
            format!(
                "connecting to 10.0.0.1:4646 … | {listener} | in room giaoban as xã Tri Lễ, with 1 other | \
                 the microphone is off: nobody hears you | {listener} | you may speak; the microphone is on | \
                 the operator has silenced you: the microphone is off until you may speak again | \
                 you may speak; the microphone is on | leaving the room … | left the room"
            )
        );
    });
}

#[test]
fn who_was_silenced_stays_so_by_a_new_line_until_the_list_says_otherwise() {
    for still in [true, false] {
        run(async {
            let (net, keys) = (VirtualNet::new(42), Keys::new());
            let first = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Participant));
            let client = Running::start(&net, Setup { speech: babble(100), ..Setup::new(&keys) });
            sleep(SECOND * 5).await;
            first.tell(stand(SiteRole::Participant, true));
            sleep(SECOND).await;
            net.connect(SITE, bridge(), gone(), gone());
            first.kill();
            sleep(FREED_AFTER).await;
            net.connect(SITE, bridge(), LinkConfig::default(), LinkConfig::default());
            let second = Bridge::start(&net, &keys, 2, Door::Mute);
            while second.log.lock().unwrap().hellos.is_empty() {
                sleep(SECOND / 10).await;
            }
            let [welcome, _] = welcome("xã Tri Lễ", SiteRole::Participant);
            second.tell(welcome);
            sleep(SECOND * 2).await;
            assert_eq!((client.state(), second.log.lock().unwrap().voices), ("in_room", 0));
            let own = Seat { silenced: still, ..seat(7, "xã Tri Lễ") };
            second.tell(Roster { seats: vec![own], gone: vec![] });
            sleep(SECOND * 5).await;
            assert_eq!(second.log.lock().unwrap().voices == 0, still);
            let (_, ears) = client.stop().await;
            let words = ears.words();
            assert_eq!(words.matches("has silenced you").count(), 1, "{words}");
            assert_eq!(
                words.matches("you may speak; the microphone is on").count(),
                usize::from(!still),
                "{words}"
            );
        });
    }
}

#[test]
fn an_operator_is_told_who_waits_once_and_when_a_device_came_twice() {
    run(async {
        let (net, keys) = (VirtualNet::new(43), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Operator));
        let client = Running::start(&net, Setup::new(&keys));
        sleep(SECOND * 3).await;
        let waiting = || Waiting { member: 9, name: "Bác sĩ Lan".into() };
        for _ in 0..2 {
            bridge.tell(Lobby { waiting: vec![waiting()], gone: vec![] });
        }
        let kind = NoticeKind::CameTwice.code();
        bridge.tell(Notice { kind, member: 5, name: "Châu Bình".into() });
        bridge.tell(Notice { kind: 99, member: 5, name: "of a newer bridge".into() });
        sleep(SECOND).await;
        let (_, ears) = client.stop().await;
        let words = ears.words();
        assert_eq!(
            words.matches("a guest waits: Bác sĩ Lan (number 9); `giaoban ctl admit 9`").count(),
            1,
            "{words}"
        );
        assert!(
            words.contains("the device of Châu Bình (number 5) joined again") && !words.contains("newer")
        );
    });
}
