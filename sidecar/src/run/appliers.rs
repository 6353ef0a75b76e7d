//! The threads that write to Redis: one a subscription, each with a connection of its own.

use super::bell::Bell;
use crate::apply::RespApplier;
use crate::metrics::Metrics;
use crate::redis::Address;
use redis_kafka_engine::kafka::ask_for_short_turns;
use redis_kafka_engine::worker::{Lane, Queued, Turn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread waits for work before it looks whether its worker has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What to do when a thread of ours has failed.
const MEND: &str = "see the log, then KAFKA.RESUME";

/// Starts the threads, and waits for them at the end.
pub struct Appliers {
    address: Address,
    metrics: Metrics,
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

impl Appliers {
    /// Without threads; those to come ring this bell.
    pub fn new(address: Address, metrics: Metrics, bell: Arc<Bell>) -> Appliers {
        Appliers { address, metrics, bell, threads: Vec::new() }
    }

    /// Starts the thread of a new lane. It ends with the lane's worker.
    pub fn start(&mut self, subscription: &str, database: i32, lane: &Lane) {
        self.threads.retain(|thread| !thread.is_finished());
        let mut writer = Writer {
            subscription: subscription.to_owned(),
            applier: RespApplier::new(self.address.clone(), database, lane.shared.clone()),
            lane: lane.share(),
            bell: self.bell.clone(),
            metrics: self.metrics.clone(),
        };
        let name = format!("redis-{subscription}").chars().take(15).collect();
        let thread = std::thread::Builder::new().name(name).spawn(move || writer.run());
        match thread {
            Ok(thread) => self.threads.push(thread),
            Err(error) => lane.stop(format!("no thread could be started: {error}"), MEND),
        }
    }

    /// Forgets what was measured of subscriptions that are gone.
    pub fn forget(&self, names: &[&str]) {
        names.iter().for_each(|name| self.metrics.forget(name));
    }

    /// Waits until all threads have ended, at most until then; whether they did.
    pub fn end(&mut self, deadline: Instant) -> bool {
        while self.threads.iter().any(|thread| !thread.is_finished()) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

struct Writer {
    subscription: String,
    applier: RespApplier,
    lane: Lane,
    bell: Arc<Bell>,
    metrics: Metrics,
}

impl Writer {
    fn run(&mut self) {
        // Redis is idle while an answer of it waits for this thread to have its turn.
        if let Err(error) = ask_for_short_turns() {
            log::debug!("the kernel was asked for short turns: {error}");
        }
        let duration = self.metrics.apply_duration(&self.subscription);
        loop {
            match self.lane.wait(LOOK) {
                Queued::Ended => return,
                Queued::Nothing => continue,
                Queued::Work => {}
            }
            let (begun, before) = (Instant::now(), self.applied());
            // A panic may have come anywhere: what the ledger holds is what counts after it.
            let turn = catch_unwind(AssertUnwindSafe(|| {
                self.lane.turn(&self.subscription, &mut self.applier)
            }));
            match turn {
                Ok(Turn::Worked) if self.applied() > before => {
                    duration.observe(begun.elapsed().as_secs_f64());
                }
                Ok(_) => {}
                Err(_) => {
                    let reason = "internal error while a unit was applied; see the log".to_owned();
                    self.lane.stop(reason, MEND);
                }
            }
            self.bell.ring_for_progress();
        }
    }

    fn applied(&self) -> u64 {
        self.lane.shared.units.applied.load(Ordering::Relaxed)
    }
}
