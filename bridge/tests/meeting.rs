//! A district's whole meeting in virtual time: an operator, twenty communes and a hundred and sixty villages over real
//! QUIC; and what it costs an operator's line. What each site is told is looked at with the moment at which it came.

mod common;

use common::{BRIDGE, House, hello};
use giaoban_bridge::store::{Registry, VisitFilter, VisitId};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Inlet, Outlet, Pcm};
use giaoban_proto::testing::link::{Jitter, LinkConfig, Loss};
use giaoban_proto::testing::visitor::Visitor;
use giaoban_proto::testing::{now, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::{BRICK, Level, MediaTime, Seq};
use giaoban_proto::wire::{
    Act, ActCode, ClientMessage, Datagram, Echo, FloorMode, Hello, MAX_DATAGRAM_BYTES, Meeting, Report, Say,
    ServerMessage, SetFloor, SiteRole, Tick, Voice, WATCHES, act::What, frame, server_message::Body,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// One way between a site and the bridge.
const ONE_WAY: Duration = Duration::from_millis(100);

/// An act is seen by a site within a round trip and this.
const SEEN_WITHIN: Duration = Duration::from_millis(100);

const SECOND: Duration = Duration::from_secs(1);

type Log = Arc<Mutex<Vec<(Instant, usize, Body)>>>;

/// A site whose line is served by a task of its own.
struct Site {
    identity: Identity,
    number: u64,
    address: Ipv4Addr,
    heard: Log,
    say: mpsc::Sender<ClientMessage>,
    said: usize,
    connection: quinn::Connection,
    task: tokio::task::JoinHandle<()>,
}

async fn serve(mut visitor: Visitor, heard: Log, mut say: mpsc::Receiver<ClientMessage>) {
    let mut reports = tokio::time::interval(2 * SECOND);
    let connection = visitor.connection.clone();
    let (mut inlet, mut echo) = (None::<Inlet>, None);
    loop {
        tokio::select! {
            message = visitor.hear() => {
                let Ok(ServerMessage { body }) = message else { return };
                if let Some(body) = body {
                    let bytes = frame(&ServerMessage { body: Some(body.clone()) }).len();
                    heard.lock().expect("no panic").push((now(), bytes, body));
                }
            }
            message = say.recv() => match message {
                Some(message) => visitor.say(message).await,
                None => std::future::pending().await,
            },
            Ok(bytes) = connection.read_datagram() => match Datagram::decode(&bytes) {
                Ok(Datagram::Voice(voice)) => {
                    inlet.get_or_insert_with(|| Inlet::new(0).expect("libopus")).insert(now(), &voice);
                }
                Ok(Datagram::Report(report)) => echo = Some((report.sent_ms, now())),
                _ => {}
            },
            _ = reports.tick() => {
                let heard = inlet.as_ref().map(|inlet| inlet.report(now())).unwrap_or_default();
                // Nothing is asked for again, and so what is lost is guessed.
                let report = Report {
                    listening: true,
                    level: Level::from_dbfs(-45.0),
                    concealed: heard.lost.wrapping_mul(3),
                    echo: echo.map(|(sent_ms, at)| Echo { sent_ms, held_ms: (now() - at).as_millis() as u16 }),
                    ..heard
                };
                let _ = connection.send_datagram(report.encode().to_vec().into());
            }
        }
    }
}

impl Site {
    /// Comes in from an address of its own, and is welcomed.
    async fn enter(house: &mut House, identity: Identity, hello: Hello) -> Self {
        let line = LinkConfig { delay: ONE_WAY, ..LinkConfig::default() };
        Self::enter_by(house, identity, hello, line).await
    }

    async fn enter_by(house: &mut House, identity: Identity, hello: Hello, line: LinkConfig) -> Self {
        let address = Ipv4Addr::new(10, 0, 1, house.visitors() + 1);
        house.net.connect(address, BRIDGE, line.clone(), line);
        let mut visitor = house.connect(&identity).await;
        visitor.say(hello).await;
        let number = loop {
            if let Some(Body::Welcome(welcome)) = visitor.hear().await.expect("a welcome").body {
                break welcome.member;
            }
        };
        let (say, said) = mpsc::channel(16);
        let heard = Log::default();
        let connection = visitor.connection.clone();
        let task = tokio::spawn(serve(visitor, heard.clone(), said));
        Self { identity, number, address, heard, say, said: 0, connection, task }
    }

    /// Its line is gone, without a word.
    fn cut(&self, house: &House) {
        let dead = LinkConfig { delay: ONE_WAY, loss: Loss::Random(1.0), ..LinkConfig::default() };
        house.net.connect(self.address, BRIDGE, dead.clone(), dead);
        self.task.abort();
    }

    async fn ask(&mut self, what: What) -> Instant {
        let message = ClientMessage::from(Act { number: 7, what: Some(what) });
        self.said += frame(&message).len();
        self.say.send(message).await.expect("its task");
        now()
    }

    /// Does something, and waits for what becomes of it.
    async fn act(&mut self, what: What) -> ActCode {
        let asked = self.ask(what).await;
        for _ in 0..1000 {
            sleep(BRICK).await;
            let done = self.find(asked, |body| match body {
                Body::Done(done) => ActCode::from_code(done.code),
                _ => None,
            });
            if let Some((_, code)) = done {
                return code;
            }
        }
        panic!("no answer");
    }

    /// The first message since then of which something is wanted, and when it came.
    fn find<T>(&self, since: Instant, of: impl Fn(&Body) -> Option<T>) -> Option<(Instant, T)> {
        let heard = self.heard.lock().expect("no panic");
        heard.iter().filter(|(at, ..)| *at >= since).find_map(|(at, _, body)| Some((*at, of(body)?)))
    }

    /// How the meeting stands, by the last word that came here.
    fn meeting(&self) -> Meeting {
        let heard = self.heard.lock().expect("no panic");
        let last = heard.iter().rev().find_map(|(.., body)| match body {
            Body::Meeting(meeting) => Some(meeting.clone()),
            _ => None,
        });
        last.expect("told once at least")
    }
}

/// How long after an act the last of these sites saw the meeting so.
fn seen(sites: &[Site], asked: Instant, of: impl Fn(&Meeting) -> bool) -> Duration {
    let of = |body: &Body| matches!(body, Body::Meeting(meeting) if of(meeting)).then_some(());
    let times = sites.iter().map(|site| site.find(asked, of).expect("it saw it").0 - asked);
    times.max().expect("sites")
}

/// A row of the attendance and of the roll, as it is compared.
fn attendance(registry: &mut Registry) -> Vec<String> {
    let all = VisitFilter::default();
    let visits = registry.attendance(&all).expect("reads");
    let rolls = registry.roll_calls(&all).expect("reads");
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let answered = |visit: VisitId| -> String {
        let of = |(n, roll): (usize, &giaoban_bridge::store::RollRow)| {
            let answer = roll.answers.iter().find(|answer| answer.visit == visit)?;
            Some(format!(" {}{}", n + 1, if answer.ticked { "t" } else { "" }))
        };
        rolls.iter().enumerate().filter_map(of).collect()
    };
    for visit in &visits {
        let floor = (visit.floor_ms + 500) / 1000;
        let why = visit.why.as_deref().unwrap_or("in");
        lines
            .entry(visit.name.clone())
            .or_default()
            .push(format!("{why}; floor {floor} s; roll{}", answered(visit.id)));
    }
    let mut lines: Vec<String> =
        lines.into_iter().map(|(name, rows)| format!("{name}: {}", rows.join(" | "))).collect();
    lines.sort();
    lines
}

const DISTRICT: &str = "Huyện";

fn commune(n: usize) -> String {
    format!("Xã {n:02}")
}

fn village(n: usize, m: usize) -> String {
    format!("Xã {n:02} bản {m}")
}

#[test]
fn a_districts_meeting_is_run_from_its_opening_to_its_attendance() {
    run(async {
        let mut house = House::new(200);
        let identity = Identity::generate().expect("a key");
        house.store.enrol(identity.public_key(), DISTRICT, SiteRole::Operator).expect("enrolled");
        let mut operator = Site::enter(&mut house, identity, hello()).await;
        let mut names: Vec<String> = (1..=20).map(commune).collect();
        names.extend((1..=20).flat_map(|n| (1..=8).map(move |m| village(n, m))));
        let mut sites = Vec::new();
        for name in &names {
            let identity = house.enrol(name);
            sites.push(Site::enter(&mut house, identity, hello()).await);
        }
        sleep(3 * SECOND).await;
        let whole: usize = operator.heard.lock().expect("no panic").iter().map(|(_, bytes, _)| bytes).sum();
        println!("180 sites have come: {whole} bytes of control to the operator");

        // Opened: moderated, turns of a minute. All see it in time.
        let opened = now();
        let moderated = What::SetFloor(SetFloor { mode: FloorMode::Moderated.code(), turn_s: 60 });
        let asked = operator.ask(moderated).await;
        sleep(SECOND).await;
        let mut slowest = seen(&sites, asked, |meeting| meeting.mode == FloorMode::Moderated.code());

        // The roll: all answer but the villages of commune 20; the first of those the operator hears and ticks.
        assert_eq!(operator.act(What::RollCall(60)).await, ActCode::Done);
        for (site, _) in sites.iter_mut().zip(&names).filter(|(_, name)| !name.starts_with("Xã 20 bản")) {
            site.ask(What::Present(1)).await;
        }
        sleep(5 * SECOND).await;
        let first = 20 + 19 * 8;
        let tick = What::Tick(Tick { member: sites[first].number, present: true });
        assert_eq!(operator.act(tick).await, ActCode::Done);
        sleep(60 * SECOND).await;
        assert_eq!(sites[first + 1].act(What::Present(1)).await, ActCode::NotNow, "too late");
        assert_eq!((sites[0].meeting().roll, sites[0].meeting().roll_left_s), (1, 0));

        // Questions: three hands, in their order.
        for n in [3, 5, 7] {
            let before = now();
            assert_eq!(sites[n - 1].act(What::Hand(true)).await, ActCode::Done);
            sleep(SECOND).await;
            let number = sites[n - 1].number;
            let raised = |body: &Body| match body {
                Body::Roster(roster) => {
                    roster.seats.iter().find(|seat| seat.member == number && seat.hand > 0).cloned()
                }
                _ => None,
            };
            let (_, seat) = operator.find(before, raised).expect("seen");
            assert!(seat.name.is_empty(), "a difference does not say again what it is called");
        }
        let asked = operator.ask(What::Grant(0)).await;
        sleep(SECOND).await;
        let third = sites[2].number;
        slowest = slowest.max(seen(&sites, asked, |meeting| meeting.holder == third && meeting.left_s == 60));

        // It loses its line while it has the floor, and comes back from elsewhere as what it was.
        sleep(9 * SECOND).await;
        sites[2].cut(&house);
        sleep(10 * SECOND).await;
        let identity = std::mem::replace(&mut sites[2].identity, Identity::generate().expect("a key"));
        sites[2] = Site::enter(&mut house, identity, hello()).await;
        sleep(SECOND).await;
        assert_eq!(sites[2].number, third, "its seat");
        let stands = sites[2].meeting();
        assert!(stands.holder == third && (37..=41).contains(&stands.left_s), "{stands:?}");
        sleep(42 * SECOND).await;
        assert_eq!(sites[9].meeting().holder, 0, "its minute is over");
        assert_eq!(operator.act(What::Grant(0)).await, ActCode::Done);
        sleep(20 * SECOND).await;
        assert_eq!(sites[9].meeting().holder, sites[4].number, "the next hand");
        let asked = operator.ask(What::TakeBack(0)).await;
        sleep(SECOND).await;
        slowest = slowest.max(seen(&sites, asked, |meeting| meeting.holder == 0));
        assert_eq!(operator.act(What::LowerHand(0)).await, ActCode::Done);
        let cannot_hear = Say { text: "Không nghe được".into(), to_operators: true };
        let before = now();
        assert_eq!(sites[30].act(What::Say(cannot_hear)).await, ActCode::Done);
        let said =
            |body: &Body| matches!(body, Body::Said(said) if said.text == "Không nghe được").then_some(());
        assert!(operator.find(before, said).is_some() && sites[31].find(before, said).is_none());

        // The operator is lost. Nothing stops; the deputy takes over when the bridge has known it for half a minute.
        assert_eq!(operator.act(What::Deputy(sites[0].number)).await, ActCode::Done);
        operator.cut(&house);
        assert_eq!(sites[0].act(What::TakeOver(true)).await, ActCode::NotNow);
        sleep(35 * SECOND).await;
        assert!(!sites[5].meeting().has_operator);
        assert_eq!(sites[0].act(What::TakeOver(true)).await, ActCode::NotNow, "not yet");
        assert_eq!(sites[1].act(What::TakeOver(true)).await, ActCode::NotAllowed, "and nobody else");
        sleep(30 * SECOND).await;
        assert_eq!(sites[0].act(What::TakeOver(true)).await, ActCode::Done);
        assert_eq!(sites[0].act(What::RollCall(30)).await, ActCode::Done);
        for site in &mut sites[..20] {
            site.ask(What::Present(2)).await;
        }
        sleep(5 * SECOND).await;
        assert!(sites[5].meeting().has_operator);
        let identity = std::mem::replace(&mut operator.identity, Identity::generate().expect("a key"));
        let number = operator.number;
        let operator = Site::enter(&mut house, identity, hello()).await;
        assert_eq!(operator.number, number, "the operator's seat was kept");
        sleep(5 * SECOND).await;
        println!("180 sites: an act is seen by the last of them {slowest:?} after it");
        assert!(slowest <= 2 * ONE_WAY + SEEN_WITHIN, "{slowest:?}");

        // No roster was sent whole but to who came.
        let longest = {
            let heard = sites[19].heard.lock().expect("no panic");
            let later = heard.iter().filter(|(at, _, body)| *at > opened && matches!(body, Body::Roster(_)));
            later.map(|(_, bytes, _)| *bytes).max().expect("some")
        };
        println!("the longest difference of the roster: {longest} bytes");
        assert!(longest < 800, "{longest}");

        house.bridge.stop().await;
        let found = house.store.edit(attendance).expect("a store");
        let mut expected =
            vec![format!("{DISTRICT}: line lost; floor 0 s; roll | stopping; floor 0 s; roll")];
        for n in 1..=20 {
            let floor = [(3, 60), (5, 20)].iter().find(|(of, _)| *of == n).map_or(0, |(_, floor)| *floor);
            expected.push(format!("{}: stopping; floor {floor} s; roll 1 2", commune(n)));
            for m in 1..=8 {
                let roll = match (n, m) {
                    (20, 1) => " 1t",
                    (20, _) => "",
                    _ => " 1",
                };
                expected.push(format!("{}: stopping; floor 0 s; roll{roll}", village(n, m)));
            }
        }
        expected.sort();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected);
        }
    });
}

#[test]
fn a_quiet_meeting_of_twenty_costs_an_operator_less_than_a_kilobit_a_second_each_way() {
    run(async {
        let mut house = House::new(50);
        let identity = Identity::generate().expect("a key");
        house.store.enrol(identity.public_key(), DISTRICT, SiteRole::Operator).expect("enrolled");
        let watching = Hello { capabilities: WATCHES, ..hello() };
        let mut operator = Site::enter(&mut house, identity, watching).await;
        let mut sites = Vec::new();
        for n in 1..=20 {
            let identity = house.enrol(&commune(n));
            // One word in ten is lost, and none comes as late as another.
            let line = LinkConfig {
                delay: ONE_WAY,
                jitter: Jitter::Uniform(Duration::from_millis(80)),
                loss: Loss::Random(0.1),
                ..LinkConfig::default()
            };
            sites.push(Site::enter_by(&mut house, identity, hello(), line).await);
        }
        sleep(10 * SECOND).await;
        let (from, said) = (now(), operator.said);
        let wire = |house: &House, site: &Site| {
            let up = house.net.counters(site.address, BRIDGE);
            let down = house.net.counters(BRIDGE, site.address);
            (up, down)
        };
        let before = wire(&house, &operator);
        // One speaks for forty seconds, two raise a hand, one writes: nobody does more in a quiet minute.
        let mode = What::SetFloor(SetFloor { mode: FloorMode::Moderated.code(), turn_s: 0 });
        assert_eq!(operator.act(mode).await, ActCode::Done);
        for n in [0, 1] {
            assert_eq!(sites[n].act(What::Hand(true)).await, ActCode::Done);
        }
        assert_eq!(operator.act(What::Grant(0)).await, ActCode::Done);
        speak(&sites[0].connection, 2000).await;
        sites[2]
            .act(What::Say(Say { text: "Số điện thoại: 0238 384 4129".into(), to_operators: false }))
            .await;
        while now() - from < 60 * SECOND {
            sleep(SECOND).await;
        }
        let heard = operator.heard.lock().expect("no panic");
        let down: usize = heard.iter().filter(|(at, ..)| *at >= from).map(|(_, bytes, _)| bytes).sum();
        let figures = heard.iter().filter(|(.., body)| matches!(body, Body::Figures(_))).count();
        let up = operator.said - said;
        println!(
            "in a minute of twenty: {down} bytes of control to the operator, {up} from it, {figures} words on lines; \
             before {before:?}, after {:?}",
            wire(&house, &operator)
        );
        assert!(figures > 3, "{figures}");
        let bits = |bytes: usize| bytes * 8 / 60;
        assert!(bits(down) <= 1000 && bits(up) <= 1000, "{} and {} bit/s", bits(down), bits(up));
    });
}

/// A tone of so many bricks, as a site would send it.
async fn speak(connection: &quinn::Connection, bricks: u32) {
    let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
    let mut seq = Seq(0);
    for tick in 0..bricks {
        let mut brick = Pcm::SILENCE;
        for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = 0.2 * ((tick as usize * 960 + i) as f32 * 0.04).sin();
        }
        if let Some(sent) = outlet.push(MediaTime::from_bricks(tick.into()), Some(&brick)).expect("encodes") {
            let voice = Voice::new(seq, sent.time, sent.start, sent.end, sent.body());
            let _ = connection.send_datagram(voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec().into());
            seq = seq.next();
        }
        sleep(BRICK).await;
    }
}
