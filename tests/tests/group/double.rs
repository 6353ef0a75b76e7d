//! Redis as an applier sees it, in memory: ledgers that are compared and set, and how often each
//! element was written. Workers of one group share one.

use redis_kafka_engine::applier::{Applied, Applier, Known, Positions};
use redis_kafka_engine::command::{self, DeadLetters, Envelope, OnError, Statement};
use redis_kafka_engine::format::Format;
use redis_kafka_engine::kafka::{Connection, Membership, Position, Profiles, Topics};
use redis_kafka_engine::ledger::{Expected, LedgerFault, Listing, Standing};
use redis_kafka_engine::letter;
use redis_kafka_engine::lookup::Lookup;
use redis_kafka_engine::state::Status;
use redis_kafka_engine::unit::packed::{Reader, read_group, read_head, read_plain_write};
use redis_kafka_engine::unit::{PlainWrite, Unit};
use redis_kafka_engine::worker::UnitRecords;
use redis_kafka_engine::worker::{
    self, Farewell, Lane, Queued, RouteSpec, Shared, Spec, Wanted, lane,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

const SUBSCRIPTION: &str = "s";

/// How long a worker may take to end: its member leaves, its clients close.
const END: Duration = Duration::from_secs(20);

#[derive(Default)]
pub struct Redis {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ledgers: BTreeMap<(String, i32), Standing>,
    written: HashMap<Vec<u8>, u32>,
}

/// How many different elements there are, and how many of them were written more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub distinct: u64,
    pub twice: u64,
}

impl Redis {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    pub fn count(&self) -> Count {
        let state = self.state();
        let twice = state.written.values().filter(|times| **times > 1).count();
        Count { distinct: state.written.len() as u64, twice: twice as u64 }
    }

    /// The sum of what the ledgers say was consumed.
    pub fn consumed(&self) -> u64 {
        self.state().ledgers.values().map(|standing| standing.counters.consumed).sum()
    }

    fn apply(&self, unit: &Unit) -> Applied {
        let mut state = self.state();
        for advance in &unit.advances {
            let partition = format!("{}/{}", advance.topic, advance.partition);
            let found = state.ledgers.get(&(advance.topic.to_string(), advance.partition));
            match (advance.expected, found) {
                (Expected::Absent { .. }, None) => {}
                (Expected::Absent { .. }, Some(_)) => {
                    return Applied::Ledger { partition, fault: LedgerFault::Unlisted };
                }
                (Expected::Next(next), Some(standing)) if standing.next == next => {}
                (Expected::Next(expected), Some(standing)) => {
                    return Applied::Stale { partition, expected, found: standing.next };
                }
                (Expected::Next(_), None) => {
                    return Applied::Ledger { partition, fault: LedgerFault::Missing };
                }
            }
        }
        for element in elements(unit) {
            *state.written.entry(element).or_default() += 1;
        }
        for advance in &unit.advances {
            let partition = (advance.topic.to_string(), advance.partition);
            state.ledgers.insert(partition, advance.standing);
        }
        Applied::Done
    }
}

fn elements(unit: &Unit) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(&unit.packed);
    let head = read_head(&mut reader).expect("a head");
    let mut elements = Vec::new();
    for _ in 0..head.groups {
        let group = read_group(&mut reader).expect("a group");
        for _ in 0..group.writes {
            match read_plain_write(&mut reader, group.kind).expect("a write") {
                PlainWrite::Push(_, element) => elements.push(element.to_vec()),
                other => panic!("{other:?}"),
            }
        }
    }
    elements
}

struct Double {
    redis: Arc<Redis>,
    is_away: Arc<AtomicBool>,
}

impl Double {
    fn wait_for_redis(&self) {
        while self.is_away.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Applier for Double {
    fn load(&mut self, _subscription: &str) -> Result<Positions, String> {
        self.wait_for_redis();
        let state = self.redis.state();
        let known = state.ledgers.iter().map(|((topic, partition), standing)| Known {
            topic: topic.clone(),
            partition: *partition,
            listing: Listing::default(),
            standing: Ok(*standing),
        });
        Ok(Positions { partitions: known.collect(), letters: 0 })
    }

    fn letters(
        &mut self,
        _subscription: &str,
        _range: letter::Range,
    ) -> Result<letter::Page, String> {
        Ok(letter::Page::default())
    }

    fn resolve(&mut self, lookup: &mut Lookup) {
        lookup.turn(|_, _, answers| answers.absent());
    }

    fn apply(&mut self, unit: &mut Unit, _ahead: Option<&Unit>) -> Applied {
        self.wait_for_redis();
        self.redis.apply(unit)
    }
}

/// Every record into one list, by the members of a group named after the topic.
pub fn spec(brokers: &str, topic: &str, start: Position, instance: &str) -> Spec {
    Spec {
        name: SUBSCRIPTION.to_owned(),
        topics: Topics::list(topic).expect("a topic"),
        connection: Connection::brokers(brokers).expect("brokers"),
        profiles: Profiles::empty(),
        key: Format::String,
        value: Format::Json,
        registry: None,
        envelope: Envelope::None,
        start,
        on_error: OnError::Stop,
        letters: DeadLetters::default(),
        group: format!("redis-kafka.{topic}"),
        membership: Membership::Group { instance: Some(instance.to_owned()) },
        unit_records: UnitRecords::AtMost(200),
    }
}

fn routes() -> Vec<RouteSpec> {
    let line = format!("KAFKA.ROUTE r FROM {SUBSCRIPTION} TO LIST \"all\"");
    let words = command::lines::split(line.as_bytes()).expect("words");
    let Ok(Statement::Route(route)) =
        command::parse(&words.iter().map(Vec::as_slice).collect::<Vec<_>>())
    else {
        panic!("no route: {line}");
    };
    vec![RouteSpec::of(&route)]
}

/// A worker with its applier, as a sidecar runs them. Dropping it ends it in good order.
pub struct Sidecar {
    lane: Lane,
    worker: Option<JoinHandle<()>>,
    applier: Option<JoinHandle<()>>,
    turns: Arc<AtomicU64>,
    /// While set, Redis does not answer this one.
    pub is_away: Arc<AtomicBool>,
}

impl Sidecar {
    pub fn start(spec: Spec, redis: &Arc<Redis>) -> Sidecar {
        let (worker, lane) = lane(SUBSCRIPTION, routes(), Wanted::Run, Arc::new(|| {}));
        let (mut turning, turns) = (lane.share(), Arc::new(AtomicU64::new(0)));
        let (counted, is_away) = (turns.clone(), Arc::new(AtomicBool::new(false)));
        let mut double = Double { redis: redis.clone(), is_away: is_away.clone() };
        let applier = std::thread::spawn(move || {
            loop {
                match turning.wait(Duration::from_millis(100)) {
                    Queued::Work => {
                        turning.turn(SUBSCRIPTION, &mut double);
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    Queued::Nothing => {}
                    Queued::Ended => return,
                }
            }
        });
        let worker = worker::spawn(spec, worker).expect("a worker");
        Sidecar { lane, worker: Some(worker), applier: Some(applier), turns, is_away }
    }

    pub fn shared(&self) -> &Shared {
        &self.lane.shared
    }

    pub fn status(&self) -> Status {
        self.lane.shared.status()
    }

    /// How many units and questions its applier has dealt with.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// How many partitions it reads.
    pub fn share(&self) -> usize {
        self.lane.shared.partitions_read()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.is_away.store(false, Ordering::Relaxed);
        self.lane.exit(Farewell::Leave);
        assert!(self.lane.has_ended(END) || std::thread::panicking(), "the worker has not ended");
        for thread in [self.worker.take(), self.applier.take()].into_iter().flatten() {
            assert!(thread.join().is_ok() || std::thread::panicking());
        }
    }
}
