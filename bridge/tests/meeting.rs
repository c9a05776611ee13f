//! A district's whole meeting in virtual time: an operator, twenty communes and a hundred and sixty villages over real
//! QUIC; and what it costs an operator's line. What each site is told is looked at with the moment at which it came.

mod common;

use common::{BRIDGE, House, hello};
use giaoban_bridge::command::attendance::spreadsheet;
use giaoban_bridge::recording::sound_name;
use giaoban_bridge::store::{RecordingState, VisitFilter};
use giaoban_proto::media::codec::Decoder;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Inlet, Outlet, Pcm};
use giaoban_proto::testing::link::{Jitter, LinkConfig, Loss};
use giaoban_proto::testing::visitor::Visitor;
use giaoban_proto::testing::{now, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::{BRICK, Level, MediaTime, Seq};
use giaoban_proto::wire::{
    Act, ActCode, ClientMessage, Datagram, Echo, FloorMode, Hello, MAX_DATAGRAM_BYTES, Meeting, Record,
    Recording, Report, Say, ServerMessage, SetFloor, SiteRole, Tick, Voice, WATCHES, act::What, frame,
    server_message::Body,
};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
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
        let [_, address] = house.addresses();
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

/// When somebody came in, and when its line was known to have ended: between these two moments, each.
#[derive(Clone, Copy, Debug)]
struct Visit {
    came: [Instant; 2],
    left: [Instant; 2],
    why: &'static str,
    floor: &'static str,
}

/// Compares the attendance with what is expected of each visit, line by line as a spreadsheet has them. `rolls` are the
/// roll calls, and which of them each name answered.
fn compare(house: &House, expected: &BTreeMap<String, (Vec<Visit>, Vec<usize>)>, rolls: &[[Instant; 2]]) {
    let until = house.time_of_day(now());
    let sheet = house
        .store
        .edit(move |registry| spreadsheet(registry, &VisitFilter::default(), until, &TimeZone::UTC));
    let sheet = sheet.expect("a store").expect("reads");
    let mut lines = sheet.trim_start_matches('\u{feff}').split("\r\n");
    let heading = "room / phòng,site / điểm,guest / khách,joined / vào,left / ra,minutes / phút,why / vì sao,\
                   heard minutes / phút nghe trọn,floor / phát biểu,roll calls answered / điểm danh";
    assert_eq!(lines.next(), Some(heading));
    let mut found: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        // No name here has a comma; two times in one cell are quoted.
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim_matches('"')).collect();
        assert_eq!(cells.len(), 10, "{line}");
        found.entry(cells[1]).or_default().push(cells);
    }
    let seconds = |text: &str| {
        let time: DateTime = text.parse().unwrap_or_else(|_| panic!("{text} is a time"));
        TimeZone::UTC.to_timestamp(time).expect("a moment").as_second()
    };
    // To the second, or to the minute.
    let within = |text: &str, [from, to]: [Instant; 2]| {
        let at = |moment| house.time_of_day(moment).0.div_euclid(1000);
        let (text, slack) = if text.len() == 16 { (format!("{text}:00"), 59) } else { (text.to_owned(), 0) };
        let read = seconds(&text);
        assert!((at(from) - slack..=at(to)).contains(&read), "{text}: {from:?} to {to:?}");
        read
    };
    assert_eq!(found.len(), expected.len(), "{:?}", found.keys());
    for (name, (visits, answered)) in expected {
        let rows = &found[name.as_str()];
        assert_eq!(rows.len(), visits.len(), "{name}: {rows:?}");
        for (n, (row, visit)) in rows.iter().zip(visits).enumerate() {
            let [room, site, guest, joined, left, minutes, why, heard, floor, roll] = row[..] else {
                panic!()
            };
            assert_eq!((room, site, guest, why), ("giaoban", name.as_str(), "0", visit.why), "{row:?}");
            let (joined, left) = (within(joined, visit.came), within(left, visit.left));
            let minutes: i64 = minutes.parse().expect("a number");
            // Times are shown to the second, and minutes rounded from the millisecond.
            let rounded = [left - joined - 1, left - joined + 1].map(|seconds| (seconds + 30) / 60);
            assert!(rounded.contains(&minutes), "{row:?}");
            assert_eq!(heard, minutes.to_string(), "no line lost a word: {row:?}");
            assert_eq!(floor, visit.floor, "{row:?}");
            // Roll calls were in the visits before the restart.
            let answered: &[usize] = if n == 0 { answered } else { &[] };
            let called: Vec<&str> = roll.split("; ").filter(|call| !call.is_empty()).collect();
            assert_eq!(called.len(), answered.len(), "{row:?}");
            for (call, number) in called.iter().zip(answered) {
                within(call, rolls[*number - 1]);
            }
        }
    }
}

/// What was recorded, as a player plays it.
fn played(file: &[u8]) -> Vec<f32> {
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(file));
    let mut decoder = Decoder::new().expect("libopus");
    let (mut sound, mut brick, mut packets) = (Vec::new(), [0.0; 5760], 0);
    while let Some(packet) = reader.read_packet().expect("every page is whole") {
        packets += 1;
        // After the head and the tags.
        if packets > 2 {
            let samples = decoder.decode(&packet.data, &mut brick).expect("decodes");
            sound.extend_from_slice(&brick[..samples]);
        }
    }
    sound
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
        let mut came = vec![[now(); 2]];
        let mut operator = Site::enter(&mut house, identity, hello()).await;
        came[0][1] = now();
        let mut names: Vec<String> = (1..=20).map(commune).collect();
        names.extend((1..=20).flat_map(|n| (1..=8).map(move |m| village(n, m))));
        let mut sites = Vec::new();
        for name in &names {
            let (identity, before) = (house.enrol(name), now());
            sites.push(Site::enter(&mut house, identity, hello()).await);
            came.push([before, now()]);
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

        // Recorded from here on.
        let mut recorded = [now(), now()];
        assert_eq!(operator.act(What::Record(Record::Start.code())).await, ActCode::Done);
        recorded[1] = now();

        // The roll: all answer but the villages of commune 20; the first of those the operator hears and ticks.
        let mut rolls = vec![[now(); 2]];
        assert_eq!(operator.act(What::RollCall(60)).await, ActCode::Done);
        rolls[0][1] = now();
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
        speak(&sites[4].connection, 300).await;
        sleep(14 * SECOND).await;
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

        // The operator is lost. Nothing stops; the deputy takes over half a minute after its last word, though the bridge gives
        // its line up later.
        assert_eq!(operator.act(What::Deputy(sites[0].number)).await, ActCode::Done);
        let cut = now();
        operator.cut(&house);
        assert_eq!(sites[0].act(What::TakeOver(true)).await, ActCode::NotNow);
        sleep(25 * SECOND).await;
        assert_eq!(sites[0].act(What::TakeOver(true)).await, ActCode::NotNow, "not yet");
        assert_eq!(sites[1].act(What::TakeOver(true)).await, ActCode::NotAllowed, "and nobody else");
        sleep(6 * SECOND).await;
        assert!(!sites[5].meeting().has_operator);
        assert_eq!(sites[0].act(What::TakeOver(true)).await, ActCode::Done);
        rolls.push([now(); 2]);
        assert_eq!(sites[0].act(What::RollCall(30)).await, ActCode::Done);
        rolls[1][1] = now();
        for site in &mut sites[..20] {
            site.ask(What::Present(2)).await;
        }
        sleep(5 * SECOND).await;
        assert!(sites[5].meeting().has_operator);
        // Its line is given up in the meantime; its seat is not.
        sleep(30 * SECOND).await;
        let given_up = [cut, now()];
        let identity = std::mem::replace(&mut operator.identity, Identity::generate().expect("a key"));
        let number = operator.number;
        let mut back = [now(); 2];
        let mut operator = Site::enter(&mut house, identity, hello()).await;
        back[1] = now();
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

        // The bridge is started again. All come back, the recording goes on, and somebody speaks.
        let mut gap = [[now(); 2]; 2];
        house = house.restart().await;
        gap[0][1] = now();
        let stopped = gap[0];
        let again =
            |site: &mut Site| std::mem::replace(&mut site.identity, Identity::generate().expect("a key"));
        let identity = again(&mut operator);
        gap[1][0] = now();
        operator = Site::enter(&mut house, identity, hello()).await;
        gap[1][1] = now();
        let mut back_again = vec![gap[1]];
        for site in &mut sites {
            let (identity, before) = (again(site), now());
            *site = Site::enter(&mut house, identity, hello()).await;
            back_again.push([before, now()]);
        }
        sleep(SECOND).await;
        assert_eq!(operator.meeting().recording, Recording::On.code(), "without an act");
        speak(&sites[0].connection, 250).await;
        sleep(SECOND).await;
        let mut ended = [now(); 2];
        assert_eq!(operator.act(What::Record(Record::Stop.code())).await, ActCode::Done);
        ended[1] = now();
        let closed = now();
        house = house.restart().await;
        let over = [closed, now()];

        // The recording is whole but for a page: as long as the meeting was, without the time that the bridge was away, and
        // what was said before and after is in it.
        let rows = house.store.edit(|registry| registry.recordings()).expect("a store").expect("reads");
        let [row] = &rows[..] else { panic!("one recording: {rows:?}") };
        assert_eq!(row.state, RecordingState::Ended);
        let sound = played(&house.recordings.file(&sound_name(&row.file)).expect("a file"));
        let length = sound.len() as f64 / 48_000.0;
        let longest = (stopped[1] - recorded[0]) + (ended[1] - gap[1][0]);
        let shortest = (stopped[0] - recorded[1]) + (ended[0] - gap[1][1]);
        let loud = sound.chunks(960).filter(|brick| Level::of(brick).dbfs() > -30.0).count();
        println!(
            "{length:.2} s are recorded of {:.2} to {:.2}; {:.2} s of 11 are loud",
            shortest.as_secs_f64(),
            longest.as_secs_f64(),
            loud as f64 / 50.0
        );
        let page = 0.5;
        assert!(
            length >= shortest.as_secs_f64() - page && length <= longest.as_secs_f64() + page,
            "{length}"
        );
        assert!((11.0 - page..11.0 + 2.0).contains(&(loud as f64 / 50.0)), "and what was said is in it");

        let mut expected = BTreeMap::new();
        let last = |n: usize| Visit { came: back_again[n], left: over, why: "stopping", floor: "" };
        let first = |n: usize, floor| Visit { came: came[n], left: stopped, why: "stopping", floor };
        let operators = vec![
            Visit { left: given_up, why: "line lost", ..first(0, "") },
            Visit { came: back, ..first(0, "") },
            last(0),
        ];
        expected.insert(DISTRICT.to_owned(), (operators, vec![]));
        for (n, name) in (1..).zip(&names) {
            let floor = match name.as_str() {
                "Xã 03" => "1:00",
                "Xã 05" => "0:20",
                _ => "",
            };
            let answered = match n {
                1..=20 => vec![1, 2],
                _ if name == "Xã 20 bản 1" => vec![1],
                _ if name.starts_with("Xã 20") => vec![],
                _ => vec![1],
            };
            expected.insert(name.clone(), (vec![first(n, floor), last(n)], answered));
        }
        compare(&house, &expected, &rolls);
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
