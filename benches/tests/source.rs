//! One meeting relayed into another by a source, in virtual time and real speech, by real clients and the real bridge.

use giaoban_benches::hall::{Guest, Hall, Left, Program, Seat};
use giaoban_benches::timeline::SECOND;
use giaoban_bridge::store::AuditFilter;
use giaoban_client::audio::{AudioError, Polled, Sink, Source};
use giaoban_client::ctl::report::Outcome;
use giaoban_client::ctl::run::run as act;
use giaoban_client::ctl::{Answer, Deed, Wish};
use giaoban_client::engine::Ending;
use giaoban_client::meeting::Meeting;
use giaoban_client::session::{End, Loss};
use giaoban_client::testing::Site;
use giaoban_proto::link::Link;
use giaoban_proto::media::Pcm;
use giaoban_proto::testing::link::named;
use giaoban_proto::testing::measure::align;
use giaoban_proto::testing::speech::voice;
use giaoban_proto::testing::{now, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::{BRICK, Level};
use giaoban_proto::wire::{ActCode, CloseCode, SiteRole};
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// For how long each meeting goes on, in s.
const LASTS: usize = 40;

/// What one program hands to another: it is played from here when 100 ms are there.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<VecDeque<Pcm>>>);

struct Reader {
    pipe: Pipe,
    due: Instant,
    runs: bool,
}

struct Writer {
    pipe: Pipe,
    begun: Instant,
    due: Instant,
}

impl Pipe {
    fn reader(&self) -> Box<dyn Source> {
        Box::new(Reader { pipe: self.clone(), due: now() + BRICK, runs: false })
    }

    fn writer(&self) -> Box<dyn Sink> {
        Box::new(Writer { pipe: self.clone(), begun: now(), due: now() })
    }
}

impl Source for Reader {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        if now < self.due {
            return Ok(Polled::NotYet);
        }
        self.due += BRICK;
        let mut bricks = self.pipe.0.lock().expect("sound");
        self.runs |= bricks.len() >= 5;
        *brick = if self.runs { bricks.pop_front() } else { None }.unwrap_or(Pcm::SILENCE);
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.due
    }
}

impl Sink for Writer {
    fn wants(&mut self, now: Instant) -> bool {
        now >= self.due
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.due
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        self.due += BRICK;
        self.pipe.0.lock().expect("sound").push_back(brick.clone());
        Ok(())
    }

    fn position(&self) -> Duration {
        self.due - self.begun
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        Ok(())
    }
}

/// The district's room, `giaoban`, and the province's, `tinh`, with an operator of both.
struct Two {
    hall: Hall,
    key: Identity,
    calls: u64,
}

const DISTRICT: &str = "giaoban";
const PROVINCE: &str = "tinh";

impl Two {
    fn open(seed: u64) -> Self {
        let hall = Hall::open(seed, 10).expect("a hall");
        hall.store.edit(|registry| registry.add_room(PROVINCE)).expect("a store").expect("added");
        let key = hall.enrol_as("Điều hành huyện", SiteRole::Operator).expect("enrolled");
        Self { hall, key, calls: 0 }
    }

    fn meeting(&self, room: &str) -> Meeting {
        Meeting::for_device(Link { room: room.parse().expect("a name"), ..self.hall.link().clone() })
    }

    fn guest(name: &'static str, says: &[f32]) -> Guest {
        let line = named("clean").expect("a named line");
        let stays = Duration::from_secs(LASTS as u64);
        Guest { name, says: says.to_vec(), muted: false, max_kbps: 60, line, stays }
    }

    fn seat(&mut self, room: &str, name: &'static str, says: &[f32]) -> Seat {
        let (meeting, key) = (self.meeting(room), self.hall.enrol(name).expect("enrolled"));
        self.hall.seat_by(Self::guest(name, says), meeting, key)
    }

    /// A program that hears `from` and one that says it in `to`, as a source; by the operator's key, both.
    fn relay(&mut self, from: &str, to: &str) -> [Seat; 2] {
        let pipe = Pipe::default();
        let nothing = Pipe::default();
        let hears = Program { source: nothing.reader(), sink: pipe.writer(), as_source: false };
        let says = Program { source: pipe.reader(), sink: nothing.writer(), as_source: true };
        [(from, hears), (to, says)].map(|(room, program)| self.program(room, program))
    }

    fn program(&mut self, room: &str, program: Program) -> Seat {
        let (meeting, key) = (self.meeting(room), self.key.clone());
        self.hall.seat_program(Self::guest("chuyển tiếp", &[]), meeting, key, program)
    }

    /// What `giaoban ctl` does, by the operator's key.
    async fn ctl(&mut self, room: &str, wish: Wish) -> Outcome {
        self.calls += 1;
        let site = Site::new(&self.hall.net, Ipv4Addr::new(10, 0, 2, 1), 900 + self.calls);
        act(&self.meeting(room), self.key.clone(), site, wish).await
    }

    /// The source in this room: its number, whether it is silenced, whether it hears.
    async fn source(&mut self, room: &str) -> (u64, bool, bool) {
        let Ok(Answer::Who(seats)) = self.ctl(room, Wish::Who).await else { panic!("a list") };
        let mut sources =
            seats.iter().filter(|seat| SiteRole::from_code(seat.role) == Some(SiteRole::Source));
        let source = sources.next().expect("a source");
        assert!(sources.next().is_none());
        (source.member, source.silenced, source.two_way)
    }
}

/// Silence, then so many seconds of speech from this second on.
fn says(name: &str, at: usize, seconds: usize) -> Vec<f32> {
    let mut says = vec![0.0; at * SECOND];
    says.extend_from_slice(&voice(name)[..seconds * SECOND]);
    says
}

/// How alike what was said from that second on is to what was heard up to 3 s later: the median over its seconds, each
/// where it is most alike, since a wait that changes stretches what is heard.
fn alike(said: &[f32], at: usize, seconds: usize, heard: &[f32]) -> f64 {
    let mut found: Vec<f64> = (at..at + seconds)
        .map(|second| {
            let said = &said[second * SECOND..(second + 1) * SECOND];
            let from = (second * SECOND).min(heard.len());
            let heard = &heard[from..((second + 4) * SECOND).min(heard.len())];
            align(said, heard, 3 * SECOND).correlation
        })
        .collect();
    found.sort_by(f64::total_cmp);
    println!("correlations from {:.3} to {:.3}", found[0], found[seconds - 1]);
    found[seconds / 2]
}

async fn left(seat: Seat) -> Left {
    seat.leave().await.expect("no panic")
}

#[test]
fn the_province_is_heard_in_the_district_and_hears_nothing_of_it() {
    run(async {
        let mut two = Two::open(61);
        let (province, district) = (says("en", 6, 12), says("fr", 22, 8));
        let chair = two.seat(PROVINCE, "UBND tỉnh", &province);
        let other = two.seat(PROVINCE, "Huyện khác", &[]);
        let commune = two.seat(DISTRICT, "Tri Lễ", &district);
        let listener = two.seat(DISTRICT, "Quế Phong", &[]);
        let [hears, speaks] = two.relay(PROVINCE, DISTRICT);
        sleep(Duration::from_secs(3)).await;
        let (_, silenced, two_way) = two.source(DISTRICT).await;
        assert!(!silenced && !two_way);
        let (other, commune, listener) = (left(other).await, left(commune).await, left(listener).await);
        for heard in [&commune.heard, &listener.heard] {
            assert!(alike(&province, 6, 12, heard) > 0.9);
        }
        assert!(alike(&district, 22, 8, &listener.heard) > 0.9);
        assert!(alike(&province, 6, 12, &other.heard) > 0.9);
        assert_eq!(Level::of(&other.heard[20 * SECOND..]), Level::SILENCE, "nothing of the district");
        drop((left(chair).await, left(hears).await, left(speaks).await));
        let rows = two.hall.store.edit(|registry| registry.audit(AuditFilter::default()));
        let acts: Vec<String> =
            rows.expect("a store").expect("reads").into_iter().map(|row| row.act).collect();
        assert_eq!(acts.iter().filter(|act| *act == "join as source").count(), 1, "{acts:?}");
    });
}

#[test]
fn a_source_that_hears_relays_both_ways_and_nobody_hears_themselves() {
    run(async {
        let mut two = Two::open(62);
        let (province, district) = (says("en", 8, 10), says("fr", 22, 10));
        let chair = two.seat(PROVINCE, "UBND tỉnh", &province);
        let commune = two.seat(DISTRICT, "Tri Lễ", &district);
        // One seat in each room, and each hears what the other is to say.
        let (down, up) = (Pipe::default(), Pipe::default());
        let ends = [
            (PROVINCE, Program { source: up.reader(), sink: down.writer(), as_source: true }),
            (DISTRICT, Program { source: down.reader(), sink: up.writer(), as_source: true }),
        ];
        let ends = ends.map(|(room, program)| two.program(room, program));
        sleep(Duration::from_secs(3)).await;
        for room in [PROVINCE, DISTRICT] {
            let (member, ..) = two.source(room).await;
            let deed = Deed::TwoWay(member, true);
            assert_eq!(
                two.ctl(room, Wish::Do(deed.clone())).await,
                Ok(Answer::Did(deed, Some(ActCode::Done)))
            );
            assert!(two.source(room).await.2);
        }
        let (chair, commune) = (left(chair).await, left(commune).await);
        assert!(alike(&province, 8, 10, &commune.heard) > 0.9);
        assert!(alike(&district, 22, 10, &chair.heard) > 0.9);
        assert_eq!(Level::of(&chair.heard[4 * SECOND..21 * SECOND]), Level::SILENCE, "nothing of its own");
        assert_eq!(Level::of(&commune.heard[22 * SECOND..36 * SECOND]), Level::SILENCE, "nothing of its own");
        for end in ends {
            drop(left(end).await);
        }
    });
}

#[test]
fn two_relays_that_make_a_circle_repeat_what_is_said_and_it_dies_away() {
    run(async {
        let mut two = Two::open(63);
        let province = says("en", 6, 12);
        let chair = two.seat(PROVINCE, "UBND tỉnh", &province);
        let commune = two.seat(DISTRICT, "Tri Lễ", &[]);
        let relays = [two.relay(PROVINCE, DISTRICT), two.relay(DISTRICT, PROVINCE)];
        sleep(Duration::from_secs(3)).await;
        let (chair, commune) = (left(chair).await, left(commune).await);
        let said = province.chunks(SECOND).map(|second| Level::of(second).dbfs()).fold(-127.0, f32::max);
        for (name, heard) in [("chair", &chair.heard), ("commune", &commune.heard)] {
            let levels: Vec<f32> = heard.chunks(SECOND).map(|second| Level::of(second).dbfs()).collect();
            println!("{name}: {levels:.0?} dBFS, said at {said:.0} at most");
            let loudest = levels.iter().copied().fold(-127.0, f32::max);
            assert!(loudest < said + 6.0, "{loudest}");
            assert!(levels[LASTS - 6..].iter().all(|level| *level == -127.0), "it is over");
        }
        for seat in relays.into_iter().flatten() {
            drop(left(seat).await);
        }
    });
}

#[test]
fn a_site_that_may_not_is_told_so_and_the_operators_own_seat_is_left_alone() {
    run(async {
        let mut two = Two::open(64);
        let key = two.hall.enrol("Tri Lễ").expect("enrolled");
        let pipe = Pipe::default();
        let program = || Program { source: pipe.reader(), sink: pipe.writer(), as_source: true };
        let meeting = two.meeting(DISTRICT);
        let refused = left(two.hall.seat_program(Two::guest("Tri Lễ", &[]), meeting.clone(), key, program()));
        let refused = refused.await.outcome.ending;
        let told = Loss::Closed(CloseCode::NoSource);
        assert!(matches!(refused, Ending::Session(End::Refused(loss)) if loss == told), "{refused:?}");
        let own = two.hall.seat_by(Two::guest("Điều hành", &[]), meeting.clone(), two.key.clone());
        let mut sources = Vec::new();
        for _ in 0..2 {
            sources.push(two.program(DISTRICT, program()));
            sleep(Duration::from_secs(2)).await;
        }
        let Ok(Answer::Who(seats)) = two.ctl(DISTRICT, Wish::Who).await else { panic!("a list") };
        let roles: Vec<_> = seats.iter().map(|seat| SiteRole::from_code(seat.role).expect("known")).collect();
        assert_eq!(roles, [SiteRole::Operator, SiteRole::Source]);
        let replaced = left(sources.remove(0)).await.outcome.ending;
        let told = Loss::Closed(CloseCode::Replaced);
        assert!(matches!(replaced, Ending::Session(End::Refused(loss)) if loss == told), "{replaced:?}");
        // A role that is source needs no asking for, and a role that is taken away ends it.
        let box_key = two.hall.enrol_as("Máy chuyển tiếp", SiteRole::Source).expect("enrolled");
        let boxed = two.hall.seat_by(Two::guest("Máy chuyển tiếp", &[]), meeting, box_key);
        sleep(Duration::from_secs(2)).await;
        let Ok(Answer::Who(seats)) = two.ctl(DISTRICT, Wish::Who).await else { panic!("a list") };
        let roles: Vec<_> = seats.iter().map(|seat| SiteRole::from_code(seat.role).expect("known")).collect();
        assert_eq!(roles, [SiteRole::Operator, SiteRole::Source, SiteRole::Source]);
        let demoted = |registry: &mut giaoban_bridge::store::Registry| {
            registry.set_role("Điều hành huyện", SiteRole::Participant, None).map(drop)
        };
        two.hall.store.edit(demoted).expect("a store").expect("set");
        let ended = left(sources.remove(0)).await.outcome.ending;
        let told = Loss::Closed(CloseCode::NoSource);
        assert!(matches!(ended, Ending::Session(End::Refused(loss)) if loss == told), "{ended:?}");
        assert!(own.commands.send(giaoban_client::engine::Command::Stop).await.is_ok());
        drop((left(own).await, left(boxed).await));
    });
}
