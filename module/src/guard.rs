//! May we write now? The low-level API checks nothing of what stops clients' writes.

use crate::redis::{Context, Manner, avoids_replica_traffic, used_memory_ratio};
use redis_kafka_engine::command::definition::KEY;
use redis_kafka_engine::state::{State, Status};
use std::time::{Duration, Instant};

/// With `noeviction`: hold at this part of `maxmemory`, go on below that one. The room between
/// keeps clients' own writes going.
const HOLD_AT: f32 = 0.85;
const GO_ON_AT: f32 = 0.75;

/// How often the things that no flag tells are looked up.
const PROBE: Duration = Duration::from_millis(100);

/// A replica whose output buffer is fuller than this part of its limit is given time.
const BUFFER_PART: u64 = 4;

/// How often eviction is started while memory is short: each start may cost a line in the log.
const EVICT: Duration = Duration::from_millis(200);

/// Decides before every unit.
#[derive(Default)]
pub struct Guard {
    /// Since when and why writing is held.
    hold: Option<Status>,
    probed: Option<Instant>,
    refused: Option<(String, String)>,
    evicted: Option<Instant>,
    is_short_of_memory: bool,
}

impl Guard {
    /// Why nothing may be written now; none when units may be applied.
    pub fn check(&mut self, context: Context) -> Option<&Status> {
        match self.reason(context) {
            None => self.hold = None,
            Some((reason, action)) => self.hold_for(&reason, &action),
        }
        self.hold.as_ref()
    }

    /// Nothing is queued, so nothing is held.
    pub fn release(&mut self) {
        self.hold = None;
    }

    /// Holds for a reason found elsewhere, until the next check.
    pub fn hold_for(&mut self, reason: &str, action: &str) {
        let status = Status::new(State::Waiting, reason, action);
        match &mut self.hold {
            Some(hold) => hold.change(status),
            None => {
                log::warn!("holding: {reason}");
                self.hold = Some(status);
            }
        }
    }

    /// Why writing was held at the last check.
    pub fn hold(&self) -> Option<&Status> {
        self.hold.as_ref()
    }

    fn reason(&mut self, context: Context) -> Option<(String, String)> {
        if avoids_replica_traffic() {
            let reason = "the server is paused (CLIENT PAUSE, FAILOVER or SHUTDOWN)".to_owned();
            return Some((reason, "CLIENT UNPAUSE, or wait".to_owned()));
        }
        if let Some(short) = self.memory(context) {
            return Some(short);
        }
        if self.probed.is_none_or(|probed| probed.elapsed() >= PROBE) {
            self.probed = Some(Instant::now());
            self.refused = probe(context).or_else(|| slow_replica(context));
        }
        self.refused.clone()
    }

    fn memory(&mut self, context: Context) -> Option<(String, String)> {
        let flags = context.flags();
        if !flags.has_maxmemory() {
            self.is_short_of_memory = false;
            return None;
        }
        if flags.evicts() {
            if !flags.is_out_of_memory() {
                return None;
            }
            self.start_eviction(context);
            return Some((
                "memory: maxmemory is reached, Redis evicts".to_owned(),
                "give Redis more maxmemory".to_owned(),
            ));
        }
        let used = used_memory_ratio();
        self.is_short_of_memory = used >= if self.is_short_of_memory { GO_ON_AT } else { HOLD_AT };
        let reason = || {
            format!(
                "memory: {:.0} % of maxmemory used; goes on below {:.0} %",
                used * 100.0,
                GO_ON_AT * 100.0
            )
        };
        self.is_short_of_memory
            .then(|| (reason(), "CONFIG SET maxmemory to more, or delete keys".to_owned()))
    }

    /// Background writes never start eviction, and no API does; setting `maxmemory` does.
    fn start_eviction(&mut self, context: Context) {
        if self.evicted.is_some_and(|evicted| evicted.elapsed() < EVICT) {
            return;
        }
        self.evicted = Some(Instant::now());
        let nudged =
            context.call("CONFIG", &["GET", "maxmemory"], Manner::Local).and_then(|reply| {
                let limit: u64 =
                    reply.list().last().and_then(|limit| limit.text().parse().ok()).unwrap_or(0);
                // One byte up on even limits, one down on odd ones: it never wanders off.
                let nudged = if limit.is_multiple_of(2) {
                    limit.saturating_add(1)
                } else {
                    limit.saturating_sub(1)
                };
                context.call("CONFIG", &["SET", "maxmemory", &nudged.to_string()], Manner::Local)
            });
        if let Err(error) = nudged {
            log::warn!("eviction could not be started: {error}");
        }
    }
}

/// No definition has this name.
const NO_NAME: &str = "?";

/// A write that changes nothing, refused where clients' writes are: read-only, too few replicas, disk errors.
fn probe(context: Context) -> Option<(String, String)> {
    let db = context.db();
    context.select(0);
    let probed = context.call("HDEL", &[KEY, NO_NAME], Manner::AsScript);
    context.select(db);
    let refused = probed.err().filter(|refused| !refused.0.starts_with("WRONGTYPE"))?;
    let action = match refused.0.split(' ').next().unwrap_or_default() {
        "NOREPLICAS" => "bring replicas back, or CONFIG SET min-replicas-to-write",
        "MISCONF" => "make room on the disk, see the server's log",
        "READONLY" => "wait for the promotion, or CONFIG SET replica-read-only",
        _ => "see the server's log",
    };
    Some((format!("Redis refuses writes: {refused}"), action.to_owned()))
}

/// A replica that would be cut off if its buffer grew on.
fn slow_replica(context: Context) -> Option<(String, String)> {
    let limit = buffer_limit(context).filter(|limit| *limit > 0)?;
    let replicas = context.call("CLIENT", &["LIST", "TYPE", "REPLICA"], Manner::Local).ok()?.text();
    let memory = |line: &str| {
        line.split(' ').find_map(|field| field.strip_prefix("omem=")?.parse::<u64>().ok())
    };
    let fullest = replicas.lines().filter_map(memory).max()?;
    let reason =
        || format!("a replica is slow: its output buffer holds {fullest} of {limit} bytes");
    (fullest > limit / BUFFER_PART)
        .then(|| (reason(), "see the replica, or CONFIG SET client-output-buffer-limit".to_owned()))
}

/// The hard limit of replicas' output buffers, in bytes; 0 is none.
fn buffer_limit(context: Context) -> Option<u64> {
    let reply =
        context.call("CONFIG", &["GET", "client-output-buffer-limit"], Manner::Local).ok()?;
    let classes = reply.list().last()?.text();
    let mut words = classes.split(' ');
    words.find(|word| matches!(*word, "slave" | "replica"))?;
    words.next()?.parse().ok()
}
