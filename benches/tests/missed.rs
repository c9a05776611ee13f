//! What a site missed, in virtual time and real speech: it comes back, what was said meanwhile comes beside the meeting,
//! and whoever listens hears no difference.

use giaoban_benches::hall::{BRIDGE, Guest, Hall, Left};
use giaoban_benches::timeline::SECOND;
use giaoban_client::engine::Keeping;
use giaoban_client::meeting::Meeting as Where;
use giaoban_client::missed::run::{self, Done, Failed, Wish};
use giaoban_client::missed::store::Store;
use giaoban_client::missed::{Keep, Known};
use giaoban_client::testing::Site;
use giaoban_proto::media::codec::Decoder;
use giaoban_proto::spans::Span;
use giaoban_proto::testing::link::{LinkConfig, Outages, named};
use giaoban_proto::testing::measure::align;
use giaoban_proto::testing::run;
use giaoban_proto::testing::speech::voice;
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Bitrate;
use giaoban_proto::wire::act::What;
use giaoban_proto::wire::server_message::Body;
use giaoban_proto::wire::{
    Act, ActCode, ClientMessage, Fetch, FetchCode, Framer, Hello, OBSERVES, Record, Report, ServerMessage,
    SiteRole, VERSION, frame,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// An operator that does one thing to the recording and stays.
async fn operate(hall: &Hall, key: &Identity, seed: u64, record: Record) -> Visitor {
    let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 2, seed as u8)), 0);
    hall.net.connect(at.ip(), BRIDGE, LinkConfig::default(), LinkConfig::default());
    let mut operator =
        Visitor::connect(&hall.net, at, BRIDGE, key, hall.link().into(), seed).await.expect("in");
    operator.say(Hello { capabilities: OBSERVES, ..hello("giaoban") }).await;
    operator.welcome().await.expect("welcome");
    operator.say(Act { number: 9, what: Some(What::Record(record.code())) }).await;
    loop {
        if let Some(Body::Done(done)) = operator.hear().await.expect("the line holds").body {
            assert_eq!(ActCode::from_code(done.code), Some(ActCode::Done));
            return operator;
        }
    }
}

async fn until(hall: &Hall, seconds: u64) {
    sleep(Duration::from_secs(seconds).saturating_sub(hall.elapsed())).await;
}

/// Speech at these seconds of the hall, each for so long, and silence between.
fn speech(name: &str, turns: &[(usize, usize)]) -> Vec<f32> {
    let spoken = voice(name);
    let mut words = spoken.iter().copied().cycle();
    let mut says = Vec::new();
    for &(at, seconds) in turns {
        says.resize(at * SECOND, 0.0);
        says.extend(words.by_ref().take(seconds * SECOND));
    }
    says
}

fn guest(name: &'static str, says: Vec<f32>, line: (LinkConfig, LinkConfig), stays: u64) -> Guest {
    Guest { name, says, muted: false, max_kbps: 60, line, stays: Duration::from_secs(stays) }
}

fn clean() -> (LinkConfig, LinkConfig) {
    named("clean").expect("named")
}

/// Keeps on a disk, and in order.
#[derive(Clone)]
struct Shelf {
    store: Store,
    keeps: Arc<Mutex<Vec<Keep>>>,
}

impl Shelf {
    fn at(folder: &Path) -> Self {
        Self { store: Store::beside(&folder.join("device.key"), "giaoban", "abc"), keeps: Arc::default() }
    }

    fn keeping(&self, known: BTreeMap<u64, Known>, fetches: bool) -> Keeping {
        let this = self.clone();
        let keep = Box::new(move |keep: Keep| {
            this.store.keep(keep.clone()).expect("kept");
            this.keeps.lock().expect("no panic").push(keep);
        });
        Keeping { known, fetches, keep }
    }

    fn parts(&self) -> Vec<Span> {
        let keeps = self.keeps.lock().expect("no panic");
        let parts = keeps.iter().filter_map(|keep| match keep {
            Keep::Part(_, part) => Some((part.from_ms, part.until_ms)),
            _ => None,
        });
        parts.collect()
    }

    /// The recording from 0 on, with silence where nothing is there.
    fn heard(&self, recording: u64) -> Vec<f32> {
        let mut decoder = Decoder::new().expect("libopus");
        let (mut sound, mut brick) = (Vec::new(), [0.0; 5760]);
        for piece in self.store.pieces(recording).expect("reads") {
            for (at, packet) in piece.packets {
                let samples = decoder.decode(&packet, &mut brick).expect("decodes");
                sound.resize((at as usize * 48).max(sound.len()), 0.0);
                sound.extend_from_slice(&brick[..samples]);
            }
        }
        sound
    }
}

/// How well what was said at a time in the hall is found in a recording that began at 2 s.
fn correlation(says: &[f32], (at, seconds): (usize, usize), recording: &[f32]) -> f64 {
    let said = &says[at * SECOND..(at + seconds) * SECOND];
    let from = (at - 2) * SECOND - SECOND / 2;
    let to = (from + said.len() + SECOND).min(recording.len());
    let found = align(said, recording.get(from..to).unwrap_or_default(), SECOND);
    println!("said at {at} s: correlation {:.3}", found.correlation);
    found.correlation
}

#[test]
fn forty_seconds_that_were_missed_come_whole_through_two_outages_and_a_restart_of_the_bridge() {
    run(async {
        let mut hall = Hall::open(61, 10).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let home = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::at(home.path());
        let turns = [(4, 10), (24, 8), (40, 10), (62, 4), (125, 4)];
        let says = speech("en", &turns);
        let talker = hall.seat(guest("Tri Lễ", says.clone(), clean(), 290)).expect("a seat");
        let words = speech("ru", &[(16, 1), (34, 1), (54, 1), (70, 1), (130, 1)]);
        let _other = hall.seat(guest("Quế Phong", words, clean(), 290)).expect("a seat");
        let seconds = |from, to| (Duration::from_secs(from), Duration::from_secs(to));
        let outages = Outages::Spans(vec![seconds(20, 60), seconds(70, 78), seconds(86, 92)]);
        let line = LinkConfig { outages, ..LinkConfig::default() };
        let keeping = shelf.keeping(BTreeMap::new(), true);
        // So slow that it takes longer than the line lives at a time.
        let away = Guest { max_kbps: 24, ..guest("Na Loi", Vec::new(), (line.clone(), line), 290) };
        let site = hall.seat_keeping(away, keeping).expect("a seat");
        until(&hall, 2).await;
        let operator = operate(&hall, &key, 1, Record::Start).await;
        until(&hall, 98).await;
        drop(operator);
        let hall = hall.restart_after(Duration::from_secs(70)).await.expect("again");
        println!("restarted at {:?}, {} parts by then", hall.elapsed(), shelf.parts().len());
        let Left { said, .. } = site.leave().await.expect("left");
        println!("{said:#?}");
        talker.leave().await.expect("left");
        let keeps = shelf.keeps.lock().expect("no panic").clone();
        let wants: Vec<Span> = keeps
            .iter()
            .filter_map(|keep| if let Keep::Want(_, span) = keep { Some(*span) } else { None })
            .collect();
        println!("{wants:?}");
        let (from, until) = wants[0];
        // From the last that was heard at 20 s of the hall to when the new line stood after 60; the recording began at 2.
        assert!((14_500..=18_200).contains(&from) && (58_000..=66_000).contains(&until), "{wants:?}");
        let known = shelf.store.known().expect("reads").remove(&1).expect("known");
        let mut first = giaoban_proto::spans::Spans::default();
        first.add(wants[0]);
        assert!(first.without(&known.has).is_empty(), "{:?} of {wants:?}", known.has);
        let heard = shelf.heard(1);
        for turn in [turns[1], turns[2]] {
            assert!(correlation(&says, turn, &heard) > 0.9, "{turn:?}");
        }
        // No byte came twice: parts of it follow each other, whatever came between.
        let mut parts: Vec<Span> = shelf.parts();
        parts.sort_unstable();
        assert!(parts.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{parts:?}");
        assert!(said.iter().any(|said| said.contains("you missed")), "{said:?}");
        assert!(keeps.iter().any(|keep| matches!(keep, Keep::Whole(1, _))));
    });
}

/// Mean and 95th percentile of the wait in ms, concealed in percent of the speech, and seconds that were fetched when
/// half of the time was over.
struct Listened {
    mean: f64,
    high: f64,
    concealed: f64,
    fetched: u64,
    left: u64,
}

/// Somebody comes late to a meeting that is recorded, and has missed 58 s of it.
async fn listen(line: (LinkConfig, LinkConfig), max_kbps: u32, fetches: bool, seed: u64) -> Listened {
    let mut hall = Hall::open(seed, 10).expect("a hall");
    let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
    let home = tempfile::tempdir().expect("a folder");
    let shelf = Shelf::at(home.path());
    // Twelve seconds of speech, then five of silence.
    let turns: Vec<(usize, usize)> = (0..14).map(|n| (3 + 17 * n, 12)).collect();
    let says = speech("en", &turns);
    let talker = hall.seat(guest("Tri Lễ", says, clean(), 245)).expect("a seat");
    until(&hall, 2).await;
    let _operator = operate(&hall, &key, 1, Record::Start).await;
    until(&hall, 60).await;
    let known = BTreeMap::from([(1, Known { heard_ms: 1, ..Known::default() })]);
    let late = Guest { muted: true, max_kbps, ..guest("Na Loi", Vec::new(), line, 180) };
    let site = hall.seat_keeping(late, shelf.keeping(known, fetches)).expect("a seat");
    until(&hall, 150).await;
    let fetched = shelf.parts().iter().map(|part| part.1 - part.0).sum::<u64>() / 1000;
    let left = site.leave().await.expect("left");
    talker.leave().await.expect("left");
    let known = shelf.store.known().expect("reads").remove(&1).unwrap_or_default();
    let still = known.wants.without(&known.has).total() / 1000;
    // While it fetches: the first seconds are joining's.
    let figures = &left.figures[15..];
    let mut delays: Vec<f64> =
        figures.iter().filter(|line| line.down_kbps > 3.0).map(|line| line.delay_ms).collect();
    delays.sort_by(f64::total_cmp);
    let concealed = figures.last().expect("figures").concealed_ms - figures[0].concealed_ms;
    let spoken = figures.len() as f64 * 12.0 / 17.0 * 1000.0;
    Listened {
        mean: delays.iter().sum::<f64>() / delays.len() as f64,
        high: delays[delays.len() * 95 / 100],
        concealed: concealed as f64 / spoken * 100.0,
        fetched,
        left: still,
    }
}

#[test]
fn whoever_listens_on_a_narrow_line_hears_no_difference_while_something_is_fetched() {
    run(async {
        let narrow = LinkConfig {
            rate: Some(Bitrate::from_kbps(24)),
            delay: Duration::from_millis(100),
            ..LinkConfig::default()
        };
        let lines = [
            ("hill", named("hill").expect("named"), 0),
            ("edge-2g", named("edge-2g").expect("named"), 0),
            ("24 kbit/s", (narrow.clone(), narrow), 0),
            ("clean, --max-kbps 8", clean(), 8),
        ];
        for (name, line, max_kbps) in lines {
            let mut all = Vec::new();
            for fetches in [false, true] {
                let one = listen(line.clone(), max_kbps, fetches, 71).await;
                println!(
                    "{name}, {}: wait {:.0} ms, 95th {:.0} ms, concealed {:.2} %, {} s fetched in 90 s, {} s left",
                    if fetches { "with" } else { "without" },
                    one.mean,
                    one.high,
                    one.concealed,
                    one.fetched,
                    one.left
                );
                all.push(one);
            }
            let (without, with) = (&all[0], &all[1]);
            assert!(with.mean < without.mean + 100.0 && with.high < without.high + 250.0, "{name}");
            assert!(with.concealed < without.concealed + 1.0, "{name}");
            assert!(with.fetched > 0 && without.fetched == 0, "{name}: {} s", with.fetched);
        }
    });
}

#[test]
fn after_the_meeting_it_is_listed_and_fetched_whole_by_who_may_and_by_nobody_else() {
    run(async {
        let mut hall = Hall::open(62, 10).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let village = hall.enrol("Na Loi").expect("enrolled");
        let turns = [(4, 10), (20, 6)];
        let says = speech("en", &turns);
        let talker = hall.seat(guest("Tri Lễ", says.clone(), clean(), 34)).expect("a seat");
        let _other = hall.seat(guest("Quế Phong", speech("ru", &[(16, 1)]), clean(), 34)).expect("a seat");
        until(&hall, 2).await;
        let operator = operate(&hall, &key, 1, Record::Start).await;
        until(&hall, 10).await;
        let home = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::at(home.path());
        let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 3, 1));
        hall.net.connect(ip, BRIDGE, LinkConfig::default(), LinkConfig::default());
        let site = Site::new(&hall.net, ip, 5);
        let meeting = Where::for_device(hall.link().clone());
        let fetch = async |identity: &Identity, wish| {
            let mut keeping = shelf.keeping(BTreeMap::new(), true);
            let known = shelf.store.known().expect("reads");
            let network = Arc::clone(&site) as _;
            let wish = (wish, 0);
            run::run(&meeting, identity.clone(), network, &known, wish, &mut *keeping.keep, &mut |_| {}).await
        };
        let all = Wish::Fetch { recording: 1, whole: true };
        // Nobody hears a meeting without being seen in it.
        let early = fetch(&village, all).await;
        assert_eq!(early, Err(Failed::NotHad(Some(FetchCode::NotThere))));
        until(&hall, 30).await;
        drop(operator);
        let _operator = operate(&hall, &key, 2, Record::Stop).await;
        let Done::List(list) = fetch(&village, Wish::List).await.expect("listed") else { panic!("a list") };
        assert_eq!((list.len(), list[0].recording, list[0].runs), (1, 1, false));
        assert!((25_000..30_000).contains(&list[0].length_ms), "{list:?}");
        let Done::Fetched(1, ms) = fetch(&village, all).await.expect("fetched") else { panic!("fetched") };
        assert_eq!(ms, list[0].length_ms);
        let heard = shelf.heard(1);
        for turn in turns {
            assert!(correlation(&says, turn, &heard) > 0.9, "{turn:?}");
        }
        let stranger = Identity::generate().expect("a key");
        assert!(matches!(fetch(&stranger, Wish::List).await, Err(Failed::Refused(_))));
        let audit =
            hall.store.edit(|registry| registry.audit(Default::default())).expect("inline").expect("reads");
        let fetched: Vec<_> = audit.iter().filter(|row| row.act == "fetch recording").collect();
        assert_eq!(fetched.len(), 1, "{fetched:?}");
        assert!(fetched[0].actor.contains("Na Loi") && fetched[0].detail.contains("giaoban"), "{fetched:?}");
        talker.leave().await.expect("left");
    });
}

/// A second stream of somebody in the meeting.
struct Second {
    sender: quinn::SendStream,
    receiver: quinn::RecvStream,
    framer: Framer,
}

impl Second {
    async fn open(visitor: &Visitor) -> Self {
        let (sender, receiver) = visitor.connection.open_bi().await.expect("a second stream");
        Self { sender, receiver, framer: Framer::default() }
    }

    async fn ask(&mut self, fetch: Fetch) -> Option<Body> {
        let fetch = Fetch { version: VERSION, ..fetch };
        self.sender.write_all(&frame(&ClientMessage::from(fetch))).await.ok()?;
        let mut bytes = [0; 4096];
        loop {
            if let Some(message) = self.framer.poll::<ServerMessage>().expect("sound") {
                return message.body;
            }
            let read = timeout(Duration::from_secs(20), self.receiver.read(&mut bytes)).await.ok()?;
            self.framer.push(&bytes[..read.ok()??]);
        }
    }
}

#[test]
fn a_hostile_asker_gets_nothing_and_takes_nothing_from_the_others() {
    run(async {
        let mut hall = Hall::open(63, 20).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let says = speech("en", &[(3, 20)]);
        let talker = hall.seat(guest("Tri Lễ", says, clean(), 80)).expect("a seat");
        until(&hall, 2).await;
        let _operator = operate(&hall, &key, 1, Record::Start).await;
        until(&hall, 26).await;
        let mut visitors = Vec::new();
        for n in 0..10u8 {
            let device = hall.enrol(&format!("Bản {n}")).expect("enrolled");
            let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 4, n)), 0);
            hall.net.connect(at.ip(), BRIDGE, LinkConfig::default(), LinkConfig::default());
            let mut visitor =
                Visitor::connect(&hall.net, at, BRIDGE, &device, hall.link().into(), 90 + u64::from(n))
                    .await
                    .expect("in");
            visitor.say(hello("giaoban")).await;
            visitor.welcome().await.expect("welcome");
            visitors.push(visitor);
        }
        let code = |body: Option<Body>| match body {
            Some(Body::NotFetched(not)) => FetchCode::from_code(not.code),
            _ => None,
        };
        // What is not there, or cannot be.
        let mut first = Second::open(&visitors[0]).await;
        for fetch in [
            Fetch { recording: 99, ..Fetch::default() },
            Fetch { recording: u64::MAX, ..Fetch::default() },
            Fetch { from_ms: u64::MAX, ..Fetch::default() },
            Fetch { from_ms: 9000, until_ms: 8000, ..Fetch::default() },
        ] {
            assert_eq!(code(first.ask(fetch.clone()).await), Some(FetchCode::NotThere), "{fetch:?}");
        }
        // Eight at once, who report nothing, and so get nothing but the places.
        let mut seconds = Vec::new();
        for visitor in &visitors[1..9] {
            let mut second = Second::open(visitor).await;
            let answer = second.ask(Fetch::default()).await;
            assert!(matches!(answer, Some(Body::Kept(_))), "{answer:?}");
            seconds.push(second);
        }
        assert_eq!(code(first.ask(Fetch::default()).await), Some(FetchCode::Busy));
        // No third stream.
        assert!(timeout(Duration::from_secs(2), visitors[0].connection.open_bi()).await.is_err());
        // A place is free when its stream or its connection is gone.
        drop(seconds.remove(0));
        sleep(Duration::from_secs(3)).await;
        assert!(matches!(first.ask(Fetch::default()).await, Some(Body::Kept(_))));
        // Who asks all the time waits: nine questions more take longer than they would.
        let before = hall.elapsed();
        for _ in 0..9 {
            first.ask(Fetch { recording: 99, ..Fetch::default() }).await;
        }
        assert!(hall.elapsed() - before > Duration::from_secs(6), "{:?}", hall.elapsed() - before);
        // Nonsense ends the connection.
        let mut junk = Second::open(&visitors[9]).await;
        junk.sender.write_all(&[0xff; 12]).await.expect("taken");
        let closed = timeout(Duration::from_secs(5), visitors[9].connection.closed()).await.expect("closed");
        assert!(
            matches!(&closed, quinn::ConnectionError::ApplicationClosed(close) if close.error_code == 1u32.into()),
            "{closed:?}"
        );
        visitors[0].connection.send_datagram(Report::default().encode().to_vec().into()).expect("alive");
        let left = talker.leave().await.expect("left");
        assert!(left.figures.iter().skip(3).all(|line| line.state != "reconnecting"));
    });
}
