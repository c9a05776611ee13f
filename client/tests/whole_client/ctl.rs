//! An operator's act, from the call to the answer.

use crate::SECOND;
use crate::support::{Bridge, Door, Keys, SITE, Setup, seat};
use giaoban_client::ctl::report::{Outcome, exit_code};
use giaoban_client::ctl::run::run as act;
use giaoban_client::ctl::{Answer, Deed, Failed, Wish};
use giaoban_client::session::Loss;
use giaoban_client::testing::Site;
use giaoban_proto::testing::{VirtualNet, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::wire::{ActCode, CloseCode, OBSERVES, SiteRole, VERSION, Waiting, Welcome, act::What};
use tokio::time::sleep;

async fn wish(net: &VirtualNet, keys: &Keys, wish: Wish) -> Outcome {
    let identity = Identity::generate().unwrap();
    // A seed of its own, or the bridge would take its first packet for the last call's.
    let site = Site::new(net, SITE, 1 + net.elapsed().as_millis() as u64);
    act(&Setup::new(keys).meeting(), identity, site, wish).await
}

#[test]
fn who_lobby_and_acts_are_answered_and_the_line_is_closed() {
    run(async {
        let (net, keys) = (VirtualNet::new(61), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Operator));
        let seats = vec![seat(3, "Châu Bình"), seat(7, "xã Tri Lễ")];
        assert_eq!(wish(&net, &keys, Wish::Who).await, Ok(Answer::Who(seats)));
        let waiting = vec![Waiting { member: 9, name: "Bác sĩ Lan".into() }];
        assert_eq!(wish(&net, &keys, Wish::Lobby).await, Ok(Answer::Lobby(waiting)));
        let admitted = wish(&net, &keys, Wish::Do(Deed::Admit(9))).await;
        assert_eq!(admitted, Ok(Answer::Did(Deed::Admit(9), Some(ActCode::Done))));
        assert_eq!(exit_code(&admitted), 0);
        let nobody = wish(&net, &keys, Wish::Do(Deed::Expel(5))).await;
        assert_eq!(nobody, Ok(Answer::Did(Deed::Expel(5), Some(ActCode::NobodyThere))));
        assert_eq!(exit_code(&nobody), 1);
        assert!(net.elapsed() < SECOND * 2, "{:?}", net.elapsed());
        sleep(SECOND).await;
        let log = bridge.log.lock().unwrap();
        let acts: Vec<_> = log.acts.iter().map(|act| act.what.clone()).collect();
        assert_eq!(acts, [Some(What::LetIn(9)), Some(What::Expel(5))]);
        assert!(
            log.hellos
                .iter()
                .all(|hello| hello.capabilities == OBSERVES && hello.muted && hello.guest.is_empty())
        );
        assert_eq!((log.voices, &log.left[..]), (0, &[(Some(0), false); 4][..]));
    });
}

#[test]
fn nothing_is_asked_of_a_bridge_for_which_this_device_is_no_operators() {
    run(async {
        let (net, keys) = (VirtualNet::new(62), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::As(SiteRole::Participant));
        let outcome = wish(&net, &keys, Wish::Do(Deed::Expel(3))).await;
        assert_eq!((exit_code(&outcome), outcome), (3, Err(Failed::NoOperator)));
        assert!(bridge.log.lock().unwrap().acts.is_empty());
    });
}

#[test]
fn refused_not_reached_and_not_answered_are_told_apart() {
    run(async {
        let (net, keys) = (VirtualNet::new(63), Keys::new());
        let code = CloseCode::NotAdmitted;
        let _bridge = Bridge::start(&net, &keys, 1, Door::Refuse(code));
        let outcome = wish(&net, &keys, Wish::Who).await;
        assert_eq!((exit_code(&outcome), outcome), (3, Err(Failed::Refused(Loss::Closed(code)))));
        let outcome = wish(&net, &Keys::new(), Wish::Who).await;
        assert_eq!((exit_code(&outcome), outcome), (3, Err(Failed::Refused(Loss::WrongKey))));
    });
    run(async {
        let (net, keys) = (VirtualNet::new(64), Keys::new());
        let outcome = wish(&net, &keys, Wish::Who).await;
        assert!(matches!(outcome, Err(Failed::NotReachable(_))), "{outcome:?}");
        assert_eq!(exit_code(&outcome), 4);
        assert!((45.0..47.0).contains(&net.elapsed().as_secs_f64()), "{:?}", net.elapsed());
    });
    run(async {
        let (net, keys) = (VirtualNet::new(65), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Mute);
        let welcomes = async {
            sleep(SECOND).await;
            let role = SiteRole::Operator.code();
            bridge.tell(Welcome { version: VERSION, role, ..Welcome::default() });
        };
        let (outcome, ()) = tokio::join!(wish(&net, &keys, Wish::Do(Deed::Admit(9))), welcomes);
        assert_eq!((exit_code(&outcome), outcome), (4, Err(Failed::NoAnswer)));
        assert_eq!(bridge.log.lock().unwrap().acts.len(), 1);
    });
}
