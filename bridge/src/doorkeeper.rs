//! Who may begin to come in, and how often: counted by network, so that a flood from one place leaves room for the
//! others. Pure.
//!
//! What succeeds is given back: two hundred honest sites behind one carrier's address come in as often as they like.
//! Nobody is shut out for long, and the table is bounded.

use crate::bucket::Bucket;
use crate::limits::Limits;
use crate::prefix::Prefix;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Networks that are remembered. One that has used nothing up is forgotten first; where none has, the newcomers share
/// one account.
const MAX_NETWORKS: usize = 4096;

/// One more wrong PIN from a network in this time, once its share is used up.
const PIN_EVERY: Duration = Duration::from_secs(60);

/// The same for a room, from wherever.
const ROOM_PIN_EVERY: Duration = Duration::from_secs(30);

/// Rooms whose wrong PINs are remembered; there are no more open at once.
const MAX_ROOMS: usize = 4096;

/// What is done with somebody who knocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// The handshake goes on.
    Accept,
    /// It must show first that it is where it says it is (RFC 9000, section 8.1.2).
    Retry,
    /// Not now: too many are on their way in.
    TooMany,
    /// Not now: too many attempts from this network came to nothing.
    TooOften,
}

/// What one network has used.
#[derive(Clone, Debug)]
struct Account {
    pending: u32,
    joins: Bucket,
    pins: Bucket,
}

/// See the module.
#[derive(Debug)]
pub struct Doorkeeper {
    limits: Limits,
    pending: u32,
    /// Attempts that are let through although their network has used up its own, while there is time for all.
    spare: Bucket,
    networks: BTreeMap<Prefix, Account>,
    others: Account,
    rooms: BTreeMap<String, Bucket>,
}

impl Account {
    fn new(now: Instant, limits: &Limits) -> Self {
        Self {
            pending: 0,
            joins: Bucket::new(now, limits.joins_per_network_second, limits.joins_per_network),
            pins: Bucket::every(now, PIN_EVERY, limits.pins_per_network),
        }
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.pending == 0 && self.joins.is_full(now) && self.pins.is_full(now)
    }
}

impl Doorkeeper {
    /// Nobody has come yet.
    #[must_use]
    pub fn new(now: Instant, limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            pending: 0,
            spare: Bucket::new(now, limits.joins_spare_second, limits.joins_spare_second),
            networks: BTreeMap::new(),
            others: Account::new(now, limits),
            rooms: BTreeMap::new(),
        }
    }

    /// Somebody begins a handshake from there. After [`Knock::Accept`] comes [`Doorkeeper::through`], once.
    ///
    /// Anybody can send from a made-up address, so that nothing is counted against an address that is not shown to be
    /// true while much goes on. `closing` is how many connections have been ended and are not forgotten yet: QUIC keeps
    /// them, memory and all, for three probe timeouts, in which the other end has a say.
    ///
    /// Whoever floods from behind a carrier's address must not shut out the honest sites behind it: what one network
    /// has used up of its own it may take of what nobody else needs.
    pub fn knock(&mut self, now: Instant, from: Prefix, validated: bool, closing: usize) -> Knock {
        let limits = self.limits.clone();
        let account = self.account(now, from);
        let busy_there = account.pending * 2 >= limits.handshakes_per_network || !account.joins.has(now);
        let full_there = account.pending >= limits.handshakes_per_network;
        let often = !account.joins.has(now);
        let most_closing = limits.closing as usize;
        if !validated && (self.pending * 2 >= limits.handshakes || busy_there) {
            Knock::Retry
        } else if self.pending >= limits.handshakes || full_there || closing >= most_closing {
            Knock::TooMany
        } else if often && (closing * 2 >= most_closing || !self.spare.take(now)) {
            Knock::TooOften
        } else {
            self.pending += 1;
            let account = self.account(now, from);
            account.pending += 1;
            account.joins.take(now);
            Knock::Accept
        }
    }

    /// A handshake is over, whatever came of it.
    pub fn through(&mut self, now: Instant, from: Prefix) {
        self.pending = self.pending.saturating_sub(1);
        let account = self.account(now, from);
        account.pending = account.pending.saturating_sub(1);
    }

    /// Somebody from there came in: the attempt is not held against anybody.
    pub fn welcome(&mut self, now: Instant, from: Prefix) {
        self.account(now, from).joins.give_back();
    }

    /// Whether somebody from there may try to prove this room's PIN. Counts as a wrong one until
    /// [`Doorkeeper::pin_was_right`].
    pub fn may_try_pin(&mut self, now: Instant, from: Prefix, room: &str) -> bool {
        let per_room = self.limits.pins_per_room;
        if self.rooms.len() >= MAX_ROOMS {
            self.rooms.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.rooms.len() >= MAX_ROOMS && !self.rooms.contains_key(room) {
            return false;
        }
        if !self.account(now, from).pins.take(now) {
            return false;
        }
        let bucket = self.rooms.entry(room.to_owned());
        let allowed = bucket.or_insert_with(|| Bucket::every(now, ROOM_PIN_EVERY, per_room)).take(now);
        if !allowed {
            self.account(now, from).pins.give_back();
        }
        allowed
    }

    /// It knew the PIN.
    pub fn pin_was_right(&mut self, now: Instant, from: Prefix, room: &str) {
        self.account(now, from).pins.give_back();
        if let Some(bucket) = self.rooms.get_mut(room) {
            bucket.give_back();
        }
    }

    fn account(&mut self, now: Instant, from: Prefix) -> &mut Account {
        if self.networks.len() >= MAX_NETWORKS && !self.networks.contains_key(&from) {
            self.networks.retain(|_, account| !account.is_idle(now));
            if self.networks.len() >= MAX_NETWORKS {
                return &mut self.others;
            }
        }
        self.networks.entry(from).or_insert_with(|| Account::new(now, &self.limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    fn network(n: u16) -> Prefix {
        Prefix::of(Ipv4Addr::new(10, (n >> 8) as u8, n as u8, 1).into())
    }

    fn count(n: usize, mut knock: impl FnMut() -> Knock, of: Knock) -> usize {
        (0..n).filter(|_| knock() == of).count()
    }

    #[test]
    fn one_network_takes_no_more_than_its_share_of_the_handshakes() {
        let (now, limits) = (start(), Limits::default());
        let mut door = Doorkeeper::new(now, &limits);
        assert_eq!(count(300, || door.knock(now, network(1), true, 0), Knock::Accept), 128);
        assert_eq!(door.knock(now, network(1), true, 0), Knock::TooMany);
        assert_eq!(door.knock(now, network(2), true, 0), Knock::Accept);
        door.through(now, network(1));
        assert_eq!(door.knock(now, network(1), true, 0), Knock::Accept);
    }

    #[test]
    fn under_load_addresses_must_be_shown_to_be_true_and_made_up_ones_cost_nobody_anything() {
        let (now, limits) = (start(), Limits::default());
        let mut door = Doorkeeper::new(now, &limits);
        // A flood from made-up addresses of an honest network.
        assert_eq!(count(10_000, || door.knock(now, network(1), false, 0), Knock::Accept), 64);
        assert_eq!(door.knock(now, network(1), false, 0), Knock::Retry);
        assert_eq!(door.knock(now, network(1), true, 0), Knock::Accept);
        // From all over: half of the places are for those that have shown theirs.
        let mut next = 1;
        let mut anywhere = || {
            next += 1;
            door.knock(now, network(next), false, 0)
        };
        assert_eq!(count(3000, &mut anywhere, Knock::Accept), 128 - 65);
        assert_eq!(door.knock(now, network(9), true, 0), Knock::Accept);
    }

    #[test]
    fn attempts_that_come_to_nothing_are_counted_and_those_that_succeed_are_not() {
        let (now, limits) = (start(), Limits { joins_spare_second: 1, ..Limits::default() });
        let mut door = Doorkeeper::new(now, &limits);
        let mut attempt = |success: bool| {
            let knock = door.knock(now, network(1), true, 0);
            if knock == Knock::Accept {
                door.through(now, network(1));
                if success {
                    door.welcome(now, network(1));
                }
            }
            knock
        };
        assert_eq!(count(5000, || attempt(true), Knock::Accept), 5000);
        assert_eq!(count(1000, || attempt(false), Knock::Accept), 401);
        assert_eq!(attempt(true), Knock::TooOften);
        assert_eq!(door.knock(now + Duration::from_secs(1), network(1), true, 0), Knock::Accept);
    }

    #[test]
    fn a_network_that_used_up_its_own_takes_of_what_nobody_needs_and_only_that() {
        let (now, limits) = (start(), Limits::default());
        let mut door = Doorkeeper::new(now, &limits);
        let mut attempt = |from: u16, closing: usize| {
            let knock = door.knock(now, network(from), true, closing);
            if knock == Knock::Accept {
                door.through(now, network(from));
            }
            knock
        };
        assert_eq!(count(1000, || attempt(1, 0), Knock::Accept), 400 + 200);
        assert_eq!(attempt(1, 0), Knock::TooOften);
        assert_eq!(count(1000, || attempt(2, 0), Knock::Accept), 400);
        // Too much is on its way out: nobody has any to spare, then nobody comes in.
        assert_eq!(count(1000, || attempt(3, 1024), Knock::Accept), 400);
        assert_eq!(attempt(4, 2048), Knock::TooMany);
        assert_eq!(attempt(4, 2047), Knock::Accept);
    }

    #[test]
    fn wrong_pins_are_counted_by_network_and_by_room_and_right_ones_are_not() {
        let (now, limits) = (start(), Limits::default());
        let mut door = Doorkeeper::new(now, &limits);
        for _ in 0..1000 {
            assert!(door.may_try_pin(now, network(1), "a"));
            door.pin_was_right(now, network(1), "a");
        }
        let tried = (0..100).filter(|_| door.may_try_pin(now, network(1), "a")).count();
        assert_eq!(tried, 10);
        let minute = now + Duration::from_secs(60);
        assert!(door.may_try_pin(minute, network(1), "a") && !door.may_try_pin(minute, network(1), "a"));
        // A thousand networks: the room has its own account, and another room another.
        let tried = (2..1000).filter(|&n| door.may_try_pin(minute, network(n), "a")).count();
        assert!((50..=52).contains(&tried), "{tried}");
        assert!(door.may_try_pin(minute, network(3), "b"));
    }

    #[test]
    fn the_table_stays_bounded_and_forgets_who_has_used_nothing() {
        let (now, limits) = (start(), Limits::default());
        let mut door = Doorkeeper::new(now, &limits);
        for n in 0..u16::MAX {
            door.may_try_pin(now, network(n), &n.to_string());
        }
        assert!(door.networks.len() <= MAX_NETWORKS && door.rooms.len() <= MAX_ROOMS);
        let later = now + Duration::from_secs(3600);
        assert_eq!(door.knock(later, network(60_000), true, 0), Knock::Accept);
        assert_eq!(door.networks.len(), 1);
    }
}
