//! Lines on their way to standard error, written by a thread of their own: whoever logs never waits for it and never
//! hears of what went wrong with it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait are at most so many bytes together; the next ones are dropped.
const WAITING_MAX: usize = 4 * 1024 * 1024;
/// Bytes that are written at a time, if so many wait.
const AT_ONCE: usize = 64 * 1024;
/// How often it is told what is missing.
const TELL: Duration = Duration::from_secs(1);

/// Where lines wait.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something has come, or the last of it has been written.
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    writing: bool,
}

impl Lines {
    /// Starts the thread; `tell` is called by it every second, while lines can be written.
    pub(super) fn start(into: impl Write + Send + 'static, tell: impl Fn() + Send + 'static) -> io::Result<Self> {
        let lines = Self::default();
        let writing = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || writing.write_all(into, &tell))?;
        Ok(lines)
    }

    /// Lines that were not written.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    /// Puts a line in, or drops it.
    pub(super) fn put(&self, line: &[u8]) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes + line.len() > WAITING_MAX {
            self.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_owned());
        drop(waiting);
        self.0.changed.notify_all();
    }

    /// Waits until all is written, but no longer than that: perhaps nobody reads it.
    pub(super) fn finish(&self, deadline: Duration) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(waiting, deadline, is_left));
    }

    fn write_all(&self, mut into: impl Write, tell: &impl Fn()) {
        let (mut works, mut told_at) = (true, Instant::now());
        loop {
            let (bytes, lines) = self.next();
            if lines > 0 {
                works = into.write_all(&bytes).and_then(|()| into.flush()).is_ok();
                if !works {
                    self.0.dropped.fetch_add(lines, Relaxed);
                }
            }
            self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).writing = false;
            self.0.changed.notify_all();
            // What can't be written anyway would only be one more line that is lost.
            if works && told_at.elapsed() >= TELL {
                told_at = Instant::now();
                tell();
            }
        }
    }

    /// The next lines, or none after a while.
    fn next(&self) -> (Vec<u8>, u64) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        let waited = self.0.changed.wait_timeout_while(waiting, TELL, is_empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (mut bytes, mut lines) = (Vec::new(), 0);
        while bytes.len() < AT_ONCE
            && let Some(line) = waiting.lines.pop_front()
        {
            bytes.extend_from_slice(&line);
            lines += 1;
        }
        waiting.bytes -= bytes.len();
        waiting.writing = lines > 0;
        (bytes, lines)
    }
}

/// `tracing_subscriber` writes each event whole. It would print to standard error what went wrong, and panic if that
/// fails, too: nothing goes wrong here.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
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
        let lines = Lines::start(Gate { allowed, written }, || ()).unwrap();
        lines.put(b"lost\n");
        allow.send(false).unwrap();
        lines.finish(Duration::from_secs(60));
        assert_eq!(lines.dropped(), 1);
        // The reader has stopped: this one is taken, and waits; the next megabytes wait; the rest is dropped.
        lines.put(b"kept\n");
        let large = vec![b'x'; 1024 * 1024];
        for _ in 0..10 {
            lines.put(&large);
        }
        assert!((5..=7).contains(&(lines.dropped() - 1)), "{}", lines.dropped());
        lines.finish(Duration::from_millis(1));
        for _ in 0..10 {
            allow.send(true).unwrap();
        }
        assert!(read.recv().unwrap().starts_with(b"kept\n"));
        lines.finish(Duration::from_secs(60));
    }
}
