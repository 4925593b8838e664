//! A bounded queue of log lines and the thread that writes them to standard error: logging never blocks and never fails.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may be queued; further lines are dropped.
const MAX_QUEUED_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one write, if so many are queued.
const WRITE_BATCH_BYTES: usize = 64 * 1024;
/// How often missing lines are reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The queue.
#[derive(Clone, Default)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A line was queued, or the last ones were written.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    writing: bool,
    /// Lines that were ever queued, and those of them that were written or lost since.
    queued: u64,
    done: u64,
}

impl LogQueue {
    /// Starts the thread; it calls `report` every second, while lines can be written.
    pub(super) fn start(into: impl Write + Send + 'static, report: impl Fn() + Send + 'static) -> io::Result<Self> {
        let queue = Self::default();
        let writer = queue.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_all(into, &report))?;
        Ok(queue)
    }

    /// How many lines were not written.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    /// Queues a line, or drops it if the queue is full.
    pub(super) fn push(&self, line: &[u8]) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.bytes + line.len() > MAX_QUEUED_BYTES {
            self.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line.to_owned());
        queue.queued += 1;
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Waits until all is written, or for the timeout: perhaps nobody reads standard error.
    pub(super) fn drain(&self, timeout: Duration) {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let is_pending = |queue: &mut Queue| queue.writing || !queue.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(queue, timeout, is_pending));
    }

    /// Waits until all lines that were queued before are written or lost; false at the timeout.
    pub(super) fn wait_until_written(&self, timeout: Duration) -> bool {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let last = queue.queued;
        let waited = self.0.changed.wait_timeout_while(queue, timeout, |queue| queue.done < last);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn write_all(&self, mut into: impl Write, report: &impl Fn()) {
        let (mut writable, mut reported_at) = (true, Instant::now());
        loop {
            let (bytes, lines) = self.next();
            if lines > 0 {
                writable = into.write_all(&bytes).and_then(|()| into.flush()).is_ok();
                if !writable {
                    self.0.dropped.fetch_add(lines, Relaxed);
                }
            }
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.writing = false;
            queue.done += lines;
            drop(queue);
            self.0.changed.notify_all();
            // What can't be written anyway would only be one more line that is lost.
            if writable && reported_at.elapsed() >= REPORT_INTERVAL {
                reported_at = Instant::now();
                report();
            }
        }
    }

    /// The next lines, or none after a while.
    fn next(&self) -> (Vec<u8>, u64) {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |queue: &mut Queue| queue.lines.is_empty();
        let waited = self.0.changed.wait_timeout_while(queue, REPORT_INTERVAL, is_empty);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (mut bytes, mut lines) = (Vec::new(), 0);
        while bytes.len() < WRITE_BATCH_BYTES
            && let Some(line) = queue.lines.pop_front()
        {
            bytes.extend_from_slice(&line);
            lines += 1;
        }
        queue.bytes -= bytes.len();
        queue.writing = lines > 0;
        (bytes, lines)
    }
}

/// `tracing_subscriber` writes each event whole. It would print to standard error what went wrong, and panic if that
/// fails, too: nothing goes wrong here.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Writes fail until they are allowed, and then end up where they can be looked at.
    struct Gate {
        allowed: mpsc::Receiver<bool>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.allowed.recv().unwrap_or(false) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let _ = self.written.send(bytes.to_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_logs_does_not_wait_and_what_is_missing_is_counted() {
        let ((allow, allowed), (written, read)) = (mpsc::channel(), mpsc::channel());
        let queue = LogQueue::start(Gate { allowed, written }, || ()).unwrap();
        queue.push(b"lost\n");
        allow.send(false).unwrap();
        queue.drain(Duration::from_secs(60));
        assert_eq!(queue.dropped(), 1);
        // The reader has stopped: this one is taken, and waits; the next megabytes wait; the rest is dropped.
        queue.push(b"kept\n");
        let large = vec![b'x'; 1024 * 1024];
        for _ in 0..10 {
            queue.push(&large);
        }
        assert!((5..=7).contains(&(queue.dropped() - 1)), "{}", queue.dropped());
        queue.drain(Duration::from_millis(1));
        assert!(!queue.wait_until_written(Duration::from_millis(1)));
        for _ in 0..10 {
            allow.send(true).unwrap();
        }
        assert!(queue.wait_until_written(Duration::from_secs(60)));
        assert!(read.recv().unwrap().starts_with(b"kept\n"));
        queue.drain(Duration::from_secs(60));
    }
}
