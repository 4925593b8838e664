//! A future within a task that is woken often, but seldom because of this future.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

/// Polls a future only after it was woken. Polling what waits for a timer, a notification and a channel takes locks of
/// all of them; asking whether it was woken takes one load.
pub(super) struct RarelyWoken<'a, F> {
    future: Pin<&'a mut F>,
    wakeup: Arc<Wakeup>,
    waker: Waker,
    /// The task that `wakeup` wakes.
    task: Option<Waker>,
}

struct Wakeup {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<'a, F: Future> RarelyWoken<'a, F> {
    pub(super) fn new(future: Pin<&'a mut F>) -> Self {
        // Woken, so that it is polled the first time.
        let wakeup = Arc::new(Wakeup { woken: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { future, waker: wakeup.clone().into(), wakeup, task: None }
    }

    /// Polls the future if it was woken since the last time.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            self.wakeup.task.register(context.waker());
            self.task = Some(context.waker().clone());
        }
        // The task is registered before this look, and the flag is taken back before the future is polled: a wake-up at
        // any moment is seen here or wakes the task.
        if !self.wakeup.woken.load(Ordering::Acquire) || !self.wakeup.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        self.future.as_mut().poll(&mut Context::from_waker(&self.waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::AtomicU32;

    use futures::task::noop_waker;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_once_for_each_time_that_it_was_woken() {
        let (polls, notify) = (AtomicU32::new(0), Notify::new());
        let mut notified = pin!(notify.notified());
        let mut future = pin!(poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            notified.as_mut().poll(context)
        }));
        let mut rarely = RarelyWoken::new(future.as_mut());
        let polled = || polls.load(Ordering::Relaxed);
        for _ in 0..3 {
            let polled = poll_fn(|context| Poll::Ready(rarely.poll(context))).await;
            assert!(polled.is_pending());
        }
        assert_eq!(polled(), 1);
        // Of another task.
        assert!(rarely.poll(&mut Context::from_waker(&noop_waker())).is_pending());
        notify.notify_one();
        poll_fn(|context| rarely.poll(context)).await;
        assert_eq!(polled(), 2);
    }

    #[tokio::test]
    async fn it_wakes_its_task() {
        let notify = Arc::new(Notify::new());
        let waiting = {
            let notify = notify.clone();
            tokio::spawn(async move {
                let mut notified = pin!(notify.notified());
                let mut rarely = RarelyWoken::new(notified.as_mut());
                poll_fn(|context| rarely.poll(context)).await;
            })
        };
        tokio::task::yield_now().await;
        notify.notify_one();
        waiting.await.unwrap();
    }
}
