//! Which connections are open, what each is doing, and which of them may be closed to make room for another.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::AllowedNetworks;
use tokio::sync::Notify;

use crate::http::source::Source;

/// A head has to be there so long after its first byte, the first one so long after the connection is made.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may stay without a request. Longer than proxies keep theirs (nginx: 60 s), so that they
/// close first and never send into a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(180);
/// A client that takes nothing of an answer for so long does not get the rest.
const STALLED: Duration = Duration::from_secs(60);
/// Whose answer was last touched so long ago may be closed to make room: a download that goes on is not.
const HELD_UP: Duration = Duration::from_secs(15);
/// When a search for room has found nothing, the next one is not made before.
const FULL: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) total: usize,
    pub(crate) per_address: usize,
}

/// The connections of this process.
pub(crate) struct Places {
    limits: Limits,
    /// Whose connections are those of many clients.
    trusted_proxies: Option<Arc<AllowedNetworks>>,
    started: Instant,
    taken: Mutex<Taken>,
    refused: AtomicU64,
    closed_for_room: AtomicU64,
}

#[derive(Default)]
struct Taken {
    /// All that are open.
    count: usize,
    /// Those among them that have been told to close.
    leaving: usize,
    next_id: u64,
    /// In the order of waiting, as far as that was known when they were put in: who is found to have been busy since is
    /// put in again, so that nothing has to be moved while requests are answered.
    waiting: BTreeMap<(u64, u64), Arc<Place>>,
    by_source: HashMap<Source, usize>,
    full_until: u64,
}

/// What is counted of them.
pub(crate) struct Counts {
    pub(crate) open: u64,
    pub(crate) refused: u64,
    pub(crate) closed_for_room: u64,
}

/// What one connection is doing. Times are microseconds since the process started.
pub(crate) struct Place {
    started: Instant,
    /// Key in [`Taken::waiting`], if it is there; changed under the lock.
    queued: AtomicU64,
    id: u64,
    /// Requests that are being answered.
    under_way: AtomicU32,
    /// Answers that are not sent to their end, those of requests under way among them.
    unfinished: AtomicU32,
    /// Answers of which more is to come from us.
    ours: AtomicU32,
    /// When it last did something.
    since: AtomicU64,
    /// When the first byte of a head came whose end has not; 0 for none.
    head_since: AtomicU64,
    /// It has had a request in HTTP/2, whose frames need not begin one.
    multiplexed: AtomicBool,
    told_to_leave: AtomicBool,
    leave: Notify,
}

/// A place that is taken until this is dropped.
pub(crate) struct Seat {
    places: Arc<Places>,
    pub(crate) place: Arc<Place>,
    source: Option<Source>,
}

/// A request from its head to the end of its answer.
pub(crate) struct UnderWay {
    place: Arc<Place>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No answer yet.
    Asked,
    /// The client has to take what there is.
    Theirs,
    /// We have to make more.
    Ours,
}

/// What to do about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IdleDeadline {
    /// It has kept us waiting for too long.
    Over,
    /// To be asked again then.
    Until(Instant),
}

const NOT_QUEUED: u64 = u64::MAX;

impl Places {
    pub(crate) fn new(limits: Limits, trusted_proxies: Option<Arc<AllowedNetworks>>) -> Arc<Self> {
        let started = Instant::now();
        let (taken, refused, closed_for_room) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { limits, trusted_proxies, started, taken, refused, closed_for_room })
    }

    /// A place for a connection, if need be that of one that has waited longer; `None` if there is none to be had.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let now = micros(self.started);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let source = self.counted(peer);
        if source.is_some_and(|source| taken.by_source.get(&source).is_some_and(|n| *n >= self.limits.per_address))
            || (taken.count - taken.leaving >= self.limits.total && !self.make_room(&mut taken, now))
        {
            drop(taken);
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        taken.count += 1;
        taken.next_id += 1;
        if let Some(source) = source {
            *taken.by_source.entry(source).or_default() += 1;
        }
        let place = Arc::new(Place::new(self.started, taken.next_id, now));
        taken.waiting.insert((now, place.id), place.clone());
        drop(taken);
        Some(Seat { places: self.clone(), place, source })
    }

    /// Closes the connection that has waited longest, for what else needs a file.
    pub(crate) fn free_one(&self) -> bool {
        let now = micros(self.started);
        self.make_room(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    pub(crate) fn counts(&self) -> Counts {
        let open = self.taken.lock().unwrap_or_else(PoisonError::into_inner).count;
        Counts {
            open: u64::try_from(open).unwrap_or(u64::MAX),
            refused: self.refused.load(Relaxed),
            closed_for_room: self.closed_for_room.load(Relaxed),
        }
    }

    /// Whom a connection counts for: nobody, if it may be that of many.
    fn counted(&self, peer: IpAddr) -> Option<Source> {
        let peer = peer.to_canonical();
        let proxy = self.trusted_proxies.as_ref().is_some_and(|trusted| trusted.allow(peer));
        (!peer.is_loopback() && !proxy).then(|| Source::of(peer))
    }

    /// Tells the one to close that has waited longest for a head, or for its client to take an answer.
    fn make_room(&self, taken: &mut Taken, now: u64) -> bool {
        if now < taken.full_until {
            return false;
        }
        // Each is looked at once, and once more where it has been put in again.
        for _ in 0..2 * taken.waiting.len() {
            let Some(((queued, _), place)) = taken.waiting.pop_first() else { break };
            let waiting_since = place.waiting_since(now);
            if waiting_since.is_some_and(|since| since <= queued) {
                place.queued.store(NOT_QUEUED, Relaxed);
                place.told_to_leave.store(true, Relaxed);
                place.leave.notify_one();
                taken.leaving += 1;
                self.closed_for_room.fetch_add(1, Relaxed);
                return true;
            }
            let queued = waiting_since.unwrap_or(now);
            place.queued.store(queued, Relaxed);
            taken.waiting.insert((queued, place.id), place);
        }
        taken.full_until = now + as_micros(FULL);
        false
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.count -= 1;
        if self.place.told_to_leave.load(Relaxed) {
            taken.leaving -= 1;
        }
        taken.waiting.remove(&(self.place.queued.load(Relaxed), self.place.id));
        taken.full_until = 0;
        if let Some(source) = self.source
            && let Some(count) = taken.by_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_source.remove(&source);
            }
        }
    }
}

impl Place {
    fn new(started: Instant, id: u64, now: u64) -> Self {
        Self {
            started,
            queued: AtomicU64::new(now),
            id,
            under_way: AtomicU32::new(0),
            unfinished: AtomicU32::new(0),
            ours: AtomicU32::new(0),
            since: AtomicU64::new(now),
            // The first head is waited for from the beginning, whichever version of HTTP it is.
            head_since: AtomicU64::new(now.max(1)),
            multiplexed: AtomicBool::new(false),
            told_to_leave: AtomicBool::new(false),
            leave: Notify::new(),
        }
    }

    /// A request begins.
    pub(crate) fn begin(self: &Arc<Self>, multiplexed: bool) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        self.unfinished.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Relaxed);
        }
        UnderWay { place: self.clone(), phase: Phase::Asked }
    }

    /// Bytes have come.
    pub(crate) fn received(&self) {
        if self.unfinished.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 && !self.multiplexed.load(Relaxed) {
            self.head_since.store(micros(self.started), Relaxed);
        }
    }

    /// Resolves when the connection has to make room.
    pub(crate) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }

    /// Whether it has kept us waiting too long.
    pub(crate) fn deadline(&self) -> IdleDeadline {
        let (now, busy) = (micros(self.started), self.under_way.load(Relaxed) > 0 || self.ours.load(Relaxed) > 0);
        let (since, head_since) = (self.since.load(Relaxed), self.head_since.load(Relaxed));
        let until = if busy {
            now + as_micros(HEAD)
        } else if self.unfinished.load(Relaxed) > 0 {
            since + as_micros(STALLED)
        } else if head_since > 0 {
            head_since + as_micros(HEAD)
        } else {
            // Looked at often enough for a head that begins late.
            let until = since + as_micros(IDLE);
            if until > now { until.min(now + as_micros(HEAD)) } else { until }
        };
        if until <= now { IdleDeadline::Over } else { IdleDeadline::Until(self.started + Duration::from_micros(until)) }
    }

    /// Whether nothing is under way, not even an answer that is being sent.
    pub(crate) fn is_waiting(&self) -> bool {
        self.unfinished.load(Relaxed) == 0
    }

    /// Since when nothing is under way, or for long nothing has gone on; `None` where it may not be closed.
    fn waiting_since(&self, now: u64) -> Option<u64> {
        let since = self.since.load(Relaxed);
        let free = self.unfinished.load(Relaxed) == 0 || since + as_micros(HELD_UP) <= now;
        (self.under_way.load(Relaxed) == 0 && free).then_some(since)
    }

    fn touch(&self) {
        self.since.store(micros(self.started), Relaxed);
    }
}

impl UnderWay {
    /// The answer is there: it is for the client to take.
    pub(crate) fn answered(&mut self) {
        self.enter(Phase::Theirs);
    }

    /// More of the answer is asked for; `ours` if there is none yet.
    pub(crate) fn more(&mut self, ours: bool) {
        self.enter(if ours { Phase::Ours } else { Phase::Theirs });
    }

    fn enter(&mut self, phase: Phase) {
        if phase == self.phase {
            if phase == Phase::Theirs {
                self.place.touch();
            }
            return;
        }
        match phase {
            Phase::Ours => drop(self.place.ours.fetch_add(1, Relaxed)),
            Phase::Asked | Phase::Theirs => {}
        }
        self.leave();
        self.phase = phase;
    }

    fn leave(&self) {
        self.place.touch();
        match self.phase {
            Phase::Asked => drop(self.place.under_way.fetch_sub(1, Relaxed)),
            Phase::Ours => drop(self.place.ours.fetch_sub(1, Relaxed)),
            Phase::Theirs => {}
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.leave();
        self.place.unfinished.fetch_sub(1, Relaxed);
    }
}

fn micros(started: Instant) -> u64 {
    as_micros(started.elapsed())
}

fn as_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(total: usize, per_address: usize) -> Arc<Places> {
        Places::new(Limits { total, per_address }, None)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_has_waited_longest_makes_room_and_who_is_answered_does_not() {
        let places = places(3, 10);
        let enter = || places.enter(address("127.0.0.1"));
        let (first, second, third) = (enter().unwrap(), enter().unwrap(), enter().unwrap());
        let under_way = first.place.begin(false);
        let told = |seat: &Seat| seat.place.told_to_leave.load(Relaxed);
        let fourth = enter().unwrap();
        assert_eq!([&first, &second, &third, &fourth].map(told), [false, true, false, false]);
        drop(second);
        let fifth = enter().unwrap();
        assert_eq!([&first, &third, &fourth, &fifth].map(told), [false, true, false, false]);
        drop(third);
        let (a, b) = (fourth.place.begin(true), fifth.place.begin(true));
        assert!(enter().is_none(), "all are being answered");
        // An answer that nobody has begun to take is not waiting for long yet.
        let mut under_way = under_way;
        under_way.answered();
        assert!(enter().is_none());
        drop((under_way, a, b));
        places.taken.lock().unwrap().full_until = 0;
        assert!(enter().is_some());
        let counts = places.counts();
        assert_eq!((counts.refused, counts.closed_for_room), (2, 3));
        drop((first, fourth, fifth));
        let taken = places.taken.lock().unwrap();
        assert_eq!((taken.count, taken.leaving, taken.waiting.len()), (0, 0, 0));
    }

    #[test]
    fn an_address_has_a_share_and_a_network_of_ipv6_is_one() {
        let places = places(100, 2);
        let enter = |text| places.enter(address(text));
        let one = (enter("192.0.2.1").unwrap(), enter("::ffff:192.0.2.1").unwrap());
        assert!(enter("192.0.2.1").is_none());
        let two = (enter("2001:db8::1").unwrap(), enter("2001:db8::ffff:2").unwrap());
        assert!(enter("2001:db8::3").is_none() && enter("2001:db8:0:1::3").is_some());
        drop((one, two));
        assert!(enter("192.0.2.1").is_some() && enter("2001:db8::3").is_some());
        // Behind these there are many.
        let trusted = AllowedNetworks::new(["10.0.0.0/8"]).unwrap();
        let places = Places::new(Limits { total: 100, per_address: 1 }, Some(Arc::new(trusted)));
        let proxied: Vec<_> = (0..20).map(|_| places.enter(address("10.0.0.1")).unwrap()).collect();
        let local: Vec<_> = (0..20).map(|_| places.enter(address("::1")).unwrap()).collect();
        assert_eq!((proxied.len(), local.len()), (20, 20));
    }

    #[test]
    fn patience_depends_on_who_is_waited_for() {
        let places = places(10, 10);
        let seat = places.enter(address("127.0.0.1")).unwrap();
        let place = &seat.place;
        let within = |seconds: u64| match place.deadline() {
            IdleDeadline::Until(at) => at <= Instant::now() + Duration::from_secs(seconds),
            IdleDeadline::Over => false,
        };
        assert!(within(10), "the first head");
        let mut under_way = place.begin(false);
        place.since.store(0, Relaxed);
        assert!(within(10), "we are at work");
        under_way.answered();
        assert!(within(60) && !within(50), "the answer is not taken");
        under_way.more(true);
        assert!(within(10), "there is no more of the answer yet");
        under_way.more(false);
        drop(under_way);
        let before = place.head_since.load(Relaxed);
        place.received();
        assert!(before == 0 && place.head_since.load(Relaxed) > 0 && within(10), "half a head");
        drop(place.begin(true));
        place.received();
        assert_eq!(place.head_since.load(Relaxed), 0, "frames of HTTP/2 need not be a head");
    }
}
