//! Room in a lane's queue.
//!
//! A worker that found the queue full goes on once half of it is free, so that it is woken once for
//! several units instead of once for each.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Shared by both ends of a lane.
#[derive(Debug, Default)]
pub(super) struct Room {
    lock: Mutex<()>,
    freed: Condvar,
    is_lent: AtomicBool,
}

impl Room {
    /// Waits until no more than half of `capacity` is taken, at most so long. Called by the worker.
    pub(super) fn wait(&self, capacity: usize, taken: impl Fn() -> usize, time: Duration) {
        let deadline = Instant::now() + time;
        let mut lock = self.lock.lock();
        while taken() > capacity / 2 {
            if self.freed.wait_until(&mut lock, deadline).timed_out() {
                return;
            }
        }
    }

    /// Tells the worker that something was taken off the queue. Called by the applier's side.
    pub(super) fn tell(&self, capacity: usize, taken: usize) {
        if taken <= capacity / 2 {
            // Whoever has just looked and found too little room is asleep when this is free.
            drop(self.lock.lock());
            self.freed.notify_one();
        }
    }

    /// Notes that a thread of its own waits at the queue.
    pub(super) fn lend(&self) {
        self.is_lent.store(true, Ordering::Release);
    }

    /// Whether a thread of its own waits at the queue, so that nobody needs to be woken.
    pub(super) fn is_lent(&self) -> bool {
        self.is_lent.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn who_found_the_queue_full_goes_on_at_half() {
        let (room, taken) = (Arc::<Room>::default(), Arc::new(AtomicUsize::new(8)));
        let waiter = std::thread::spawn({
            let (room, taken) = (room.clone(), taken.clone());
            move || {
                room.wait(8, || taken.load(Ordering::SeqCst), Duration::from_secs(60));
                taken.load(Ordering::SeqCst)
            }
        });
        for left in (0..8).rev() {
            taken.store(left, Ordering::SeqCst);
            room.tell(8, left);
        }
        assert!(waiter.join().unwrap() <= 4);
    }

    #[test]
    fn nobody_waits_beyond_the_time() {
        Room::default().wait(8, || 8, Duration::from_millis(1));
    }
}
