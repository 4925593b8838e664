//! What one connection is doing, and how long it may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// From the first byte of a request's header to its end; for the first request, from the start of the connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay without a request. Longer than proxies keep theirs (nginx: 60 s), so that they
/// close first and never send into a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// How long a client may read nothing of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// After so long without progress, a response no longer keeps its connection from being evicted. A download goes on.
const EVICTABLE_AFTER: Duration = Duration::from_secs(15);

/// The [`ConnectionState::eviction_key`] of a connection that is not in the eviction order.
pub(super) const NOT_EVICTABLE: u64 = u64::MAX;

/// What one connection is doing. Times are microseconds since the process started.
pub(crate) struct ConnectionState {
    pub(super) id: u64,
    /// Where it is in the limiter's eviction order; changed under the limiter's lock.
    pub(super) eviction_key: AtomicU64,
    started: Instant,
    /// Requests whose response has not begun.
    active_requests: AtomicU32,
    /// Requests whose response has not ended, the active ones among them.
    unfinished_responses: AtomicU32,
    /// Responses whose next part the server has not produced yet.
    producing: AtomicU32,
    last_activity: AtomicU64,
    /// When the first byte of an incomplete header came; 0 for none.
    header_started: AtomicU64,
    /// Bytes of a header have come. If it is incomplete, more will be waited for: nearly all come whole, and the clock
    /// is asked for the others only.
    header_begun: AtomicBool,
    /// It has had a request in HTTP/2, whose frames need not begin one.
    multiplexed: AtomicBool,
    close_requested: AtomicBool,
    close: Notify,
}

/// A request, from its header to the end of its response.
pub(crate) struct ActiveRequest {
    connection: Arc<ConnectionState>,
    phase: Phase,
}

/// Who is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The server: there is no response yet.
    Handling,
    /// The client, which has to read what there is.
    Sending,
    /// The server, which has to produce more of the response.
    Producing,
}

/// Until when a connection may go on as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IdleDeadline {
    /// It has to be closed.
    Over,
    /// It has to be looked at again then.
    Until(Instant),
}

impl ConnectionState {
    pub(super) fn new(started: Instant, id: u64, now: u64) -> Self {
        Self {
            id,
            eviction_key: AtomicU64::new(now),
            started,
            active_requests: AtomicU32::new(0),
            unfinished_responses: AtomicU32::new(0),
            producing: AtomicU32::new(0),
            last_activity: AtomicU64::new(now),
            // The first header is waited for from the start, whichever version of HTTP it is.
            header_started: AtomicU64::new(now.max(1)),
            header_begun: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            close_requested: AtomicBool::new(false),
            close: Notify::new(),
        }
    }

    /// Notes that a request has come.
    pub(crate) fn begin_request(self: &Arc<Self>, multiplexed: bool) -> ActiveRequest {
        self.active_requests.fetch_add(1, Relaxed);
        self.unfinished_responses.fetch_add(1, Relaxed);
        self.header_started.store(0, Relaxed);
        self.header_begun.store(false, Relaxed);
        if multiplexed {
            self.multiplexed.store(true, Relaxed);
        }
        ActiveRequest { connection: self.clone(), phase: Phase::Handling }
    }

    /// Notes that bytes have come.
    pub(crate) fn bytes_received(&self) {
        if self.is_idle() && !self.multiplexed.load(Relaxed) {
            self.header_begun.store(true, Relaxed);
        }
    }

    /// Notes that no more bytes are there for now.
    pub(crate) fn waits_for_bytes(&self) {
        if self.header_begun.load(Relaxed) && self.header_started.load(Relaxed) == 0 {
            self.header_started.store(elapsed_micros(self.started), Relaxed);
        }
    }

    /// Asks the task of the connection to close it.
    pub(super) fn request_close(&self) {
        self.close_requested.store(true, Relaxed);
        self.close.notify_one();
    }

    pub(super) fn is_close_requested(&self) -> bool {
        self.close_requested.load(Relaxed)
    }

    /// Resolves when the connection has to close to make room for another.
    pub(crate) async fn close_requested(&self) {
        self.close.notified().await;
    }

    /// Until when the connection may go on, by what it waits for now.
    pub(crate) fn deadline(&self) -> IdleDeadline {
        let now = elapsed_micros(self.started);
        let busy = self.active_requests.load(Relaxed) > 0 || self.producing.load(Relaxed) > 0;
        let (last_activity, header_started) = (self.last_activity.load(Relaxed), self.header_started.load(Relaxed));
        let until = if busy {
            now + as_micros(HEADER_TIMEOUT)
        } else if !self.is_idle() {
            last_activity + as_micros(WRITE_TIMEOUT)
        } else if header_started > 0 {
            header_started + as_micros(HEADER_TIMEOUT)
        } else {
            // Looked at often enough for a header that begins late.
            let until = last_activity + as_micros(IDLE_TIMEOUT);
            if until > now { until.min(now + as_micros(HEADER_TIMEOUT)) } else { until }
        };
        if until <= now { IdleDeadline::Over } else { IdleDeadline::Until(self.started + Duration::from_micros(until)) }
    }

    /// Whether no request is unfinished, not even one whose response is being sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.unfinished_responses.load(Relaxed) == 0
    }

    /// Since when no request is unfinished, or the client has read nothing for long; `None` if it may not be evicted.
    pub(super) fn idle_since(&self, now: u64) -> Option<u64> {
        let since = self.last_activity.load(Relaxed);
        let stalled = since + as_micros(EVICTABLE_AFTER) <= now;
        (self.active_requests.load(Relaxed) == 0 && (self.is_idle() || stalled)).then_some(since)
    }

    fn touch(&self) {
        self.last_activity.store(elapsed_micros(self.started), Relaxed);
    }
}

impl ActiveRequest {
    /// Notes that the response is there, for the client to read.
    pub(crate) fn response_started(&mut self) {
        self.set_phase(Phase::Sending);
    }

    /// Notes that the next part of the response was asked for, and whether it is still `pending`.
    pub(crate) fn body_polled(&mut self, pending: bool) {
        self.set_phase(if pending { Phase::Producing } else { Phase::Sending });
    }

    fn set_phase(&mut self, phase: Phase) {
        if phase == self.phase {
            if phase == Phase::Sending {
                self.connection.touch();
            }
            return;
        }
        if phase == Phase::Producing {
            self.connection.producing.fetch_add(1, Relaxed);
        }
        self.end_phase();
        self.phase = phase;
    }

    fn end_phase(&self) {
        self.connection.touch();
        match self.phase {
            Phase::Handling => drop(self.connection.active_requests.fetch_sub(1, Relaxed)),
            Phase::Producing => drop(self.connection.producing.fetch_sub(1, Relaxed)),
            Phase::Sending => {}
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.end_phase();
        self.connection.unfinished_responses.fetch_sub(1, Relaxed);
    }
}

pub(super) fn elapsed_micros(started: Instant) -> u64 {
    as_micros(started.elapsed())
}

pub(super) fn as_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_depends_on_who_is_waited_for() {
        let state = Arc::new(ConnectionState::new(Instant::now(), 1, 0));
        let within = |seconds: u64| match state.deadline() {
            IdleDeadline::Until(at) => at <= Instant::now() + Duration::from_secs(seconds),
            IdleDeadline::Over => false,
        };
        assert!(within(10), "the first header");
        let mut request = state.begin_request(false);
        state.last_activity.store(0, Relaxed);
        assert!(within(10), "the request is being handled");
        request.response_started();
        assert!(within(60) && !within(50), "the response is not read");
        request.body_polled(true);
        assert!(within(10), "there is no more of the response yet");
        request.body_polled(false);
        drop(request);
        let before = state.header_started.load(Relaxed);
        state.bytes_received();
        state.waits_for_bytes();
        assert!(before == 0 && state.header_started.load(Relaxed) > 0 && within(10), "half a header");
        drop(state.begin_request(true));
        state.bytes_received();
        state.waits_for_bytes();
        assert_eq!(state.header_started.load(Relaxed), 0, "frames of HTTP/2 need not be a header");
    }
}
