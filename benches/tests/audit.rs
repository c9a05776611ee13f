//! Every act that is answered with *done* stands in the audit by then, whichever it is: the acts are found by asking the
//! wire which it knows, so that a new one without a row, or without a line here, fails.

use giaoban_benches::hall::{BRIDGE, Guest, Hall};
use giaoban_bridge::announcement::Announcements;
use giaoban_bridge::permit;
use giaoban_bridge::store::{AuditFilter, AuditRow, Guests, NewPin, RoomChange};
use giaoban_client::meeting::{Entry, Meeting};
use giaoban_proto::testing::link::named;
use giaoban_proto::testing::run;
use giaoban_proto::testing::speech::path;
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::Identity;
use giaoban_proto::wire::act::What;
use giaoban_proto::wire::server_message::Body;
use giaoban_proto::wire::{
    Act, ActCode, FloorMode, Gain, Hello, Record, Rename, Report, SOURCE, Say, SetFloor, SetRoom, Silence,
    SilenceAll, SiteRole, Tick, TwoWay,
};
use prost::Message as _;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

const PIN: &str = "12345678";

/// The number under which an act travels.
fn tag(what: &What) -> u64 {
    let bytes = Act { number: 0, what: Some(what.clone()) }.encode_to_vec();
    prost::encoding::decode_varint(&mut bytes.as_slice()).expect("a key") >> 3
}

/// Every act that this version knows: what a field of each number, as a number or as bytes, is read as.
fn known() -> BTreeSet<u64> {
    let as_number = |number: u64| (number << 3, vec![1]);
    let as_bytes = |number: u64| (number << 3 | 2, vec![0]);
    let read = |(key, value): (u64, Vec<u8>)| {
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(key, &mut bytes);
        bytes.extend(value);
        Act::decode(bytes.as_slice()).ok()?.what
    };
    let all = (2..1000).flat_map(|number| [as_number(number), as_bytes(number)]);
    all.filter_map(read).map(|what| tag(&what)).collect()
}

/// Somebody who takes part by hand.
struct Hand {
    visitor: Visitor,
    member: u64,
    number: u32,
    waiting: Vec<u64>,
}

impl Hand {
    async fn come(hall: &Hall, key: &Identity, seed: u8, capabilities: u64) -> Self {
        let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 3, seed)), 0);
        let (up, down) = named("clean").expect("named");
        hall.net.connect(at.ip(), BRIDGE, up, down);
        let pins = hall.link().into();
        let mut visitor =
            Visitor::connect(&hall.net, at, BRIDGE, key, pins, seed.into()).await.expect("it comes in");
        visitor.say(Hello { capabilities, ..hello("giaoban") }).await;
        let member = loop {
            if let Some(Body::Welcome(welcome)) = visitor.hear().await.expect("a welcome").body {
                break welcome.member;
            }
        };
        Self { visitor, member, number: 0, waiting: Vec::new() }
    }

    fn note(&mut self, body: Option<Body>) -> Option<ActCode> {
        match body {
            Some(Body::Lobby(lobby)) => self.waiting.extend(lobby.waiting.iter().map(|guest| guest.member)),
            Some(Body::Done(done)) if done.number == self.number => return ActCode::from_code(done.code),
            _ => {}
        }
        None
    }

    async fn act(&mut self, what: What) -> ActCode {
        self.number += 1;
        self.visitor.say(Act { number: self.number, what: Some(what) }).await;
        loop {
            let message = self.visitor.hear().await.expect("the line holds");
            if let Some(code) = self.note(message.body) {
                return code;
            }
        }
    }

    /// Hears what there is for so long, and says that it is there.
    async fn stay(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.visitor
                .connection
                .send_datagram(Report::default().encode().to_vec().into())
                .expect("the line holds");
            // The end of the time is what it waits for.
            let _ = timeout(Duration::from_secs(1), async {
                loop {
                    let message = self.visitor.hear().await.expect("the line holds");
                    self.note(message.body);
                }
            })
            .await;
        }
    }
}

fn audit(hall: &Hall) -> Vec<AuditRow> {
    let rows = hall.store.edit(|registry| registry.audit(AuditFilter::default()));
    rows.expect("a store").expect("reads")
}

/// What an act is called in the audit: recordings have rows of their own.
fn written(what: &What) -> &'static str {
    match what {
        What::Record(code) => match Record::from_code(*code).expect("known") {
            Record::Start => "recording started",
            Record::Stop => "recording ended",
            Record::Pause => "recording paused",
        },
        what => permit::name(what),
    }
}

/// Who does something, and what.
type Step = (bool, What);

#[test]
fn whatever_is_done_is_written_down_when_it_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(path("ru"), folder.path().join("khai-mac.wav")).expect("copied");
    let announcements = Announcements::of(folder.path());
    run(async {
        let mut hall = Hall::open_with(71, 20, Some(announcements)).expect("a hall");
        let change = RoomChange {
            guests: Some(Guests::Lobby),
            pin: Some(NewPin::Is(PIN.into())),
            ..RoomChange::default()
        };
        hall.store
            .edit(move |registry| registry.set_room("giaoban", &change))
            .expect("a store")
            .expect("set");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let (tri_le, na_loi) = (hall.enrol("Tri Lễ").expect("a key"), hall.enrol("Na Loi").expect("a key"));
        let mut operator = Hand::come(&hall, &key, 1, 0).await;
        let mut site = Hand::come(&hall, &tri_le, 2, 0).await;
        let (other, relay) =
            (Hand::come(&hall, &na_loi, 3, 0).await, Hand::come(&hall, &key, 4, SOURCE).await);
        let (expelled, source) = (other.member, relay.member);
        let guests = ["Khách một", "Khách hai"].map(|name| {
            let pin = PIN.parse().expect("a PIN");
            let meeting = Meeting::for_device(hall.link().clone());
            let meeting = Meeting { entry: Entry::Guest { pin, pins: None }, ..meeting };
            let line = named("clean").expect("named");
            let stays = Duration::from_secs(60);
            let guest = Guest { name, says: Vec::new(), muted: true, max_kbps: 30, line, stays };
            hall.seat_by(guest, meeting, Identity::generate().expect("a key"))
        });
        operator.stay(3).await;
        site.stay(1).await;
        let &[first, second] = &operator.waiting[..] else { panic!("two wait: {:?}", operator.waiting) };
        let member = site.member;
        let silence = |silent| What::Silence(Silence { member, silent });
        let all = |silent| What::SilenceAll(SilenceAll { silent, but_floor: false });
        let tick = |present| What::Tick(Tick { member, present });
        let record = |record: Record| What::Record(record.code());
        let two_way = |hears| What::TwoWay(TwoWay { member: source, hears });
        let (o, s) = (true, false);
        let steps: Vec<Step> = vec![
            (o, What::SetFloor(SetFloor { mode: FloorMode::Moderated.code(), turn_s: 0 })),
            (s, What::Hand(true)),
            (o, What::LowerHand(member)),
            (s, What::Hand(true)),
            (o, What::Grant(0)),
            (o, What::TakeBack(0)),
            (s, What::Hand(true)),
            (s, What::Hand(false)),
            (o, silence(true)),
            (o, silence(false)),
            (o, all(true)),
            (o, all(false)),
            (o, What::SetRoom(SetRoom { locked: Some(false), newcomers_silent: Some(false) })),
            (o, What::Rename(Rename { member, name: "UBND xã Tri Lễ".into() })),
            (o, What::Gain(Gain { member, db: 3 })),
            (o, What::RollCall(60)),
            (s, What::Present(1)),
            (o, tick(false)),
            (o, tick(true)),
            (o, What::RollCall(0)),
            (o, record(Record::Start)),
            (o, record(Record::Pause)),
            (o, record(Record::Stop)),
            (o, What::Play("khai-mac".into())),
            (o, What::Play(String::new())),
            (o, What::LetIn(first)),
            (o, What::TurnAway(second)),
            (o, What::Expel(expelled)),
            (o, two_way(true)),
            (o, two_way(false)),
            (o, What::Say(Say { text: "Số điện thoại".into(), to_operators: false })),
            (o, What::Deputy(member)),
            (s, What::TakeOver(true)),
        ];
        let done: BTreeSet<u64> = steps.iter().map(|(_, what)| tag(what)).collect();
        assert_eq!(done, known(), "each act that the wire knows is done here once at least");
        for (by_operator, what) in steps {
            if let What::TakeOver(_) = what {
                // Nothing is heard of the operator any more.
                site.stay(31).await;
            }
            let before = audit(&hall).len();
            let (hand, name) =
                if by_operator { (&mut operator, "Điều hành") } else { (&mut site, "Tri Lễ") };
            assert_eq!(hand.act(what.clone()).await, ActCode::Done, "{what:?}");
            let rows = audit(&hall);
            let found = rows[before..].iter().find(|row| row.act == written(&what));
            let row = found.unwrap_or_else(|| panic!("{what:?} is not in {:?}", &rows[before..]));
            assert!(row.actor.contains(name), "{what:?}: {row:?}");
        }
        let sound = hall.store.edit(|registry| registry.verify_audit(None));
        assert!(sound.expect("a store").expect("reads").is_ok());
        for guest in guests {
            guest.cut();
        }
        drop((other, relay));
    });
}
