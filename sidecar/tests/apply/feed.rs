//! Units as a worker would build them, for one partition, and an applier for them.

use redis_kafka_engine::applier::{Applied, Applier};
use redis_kafka_engine::expression::Numeric;
use redis_kafka_engine::kafka::TopicId;
use redis_kafka_engine::ledger::{Advance, Counters, Expected, Standing};
use redis_kafka_engine::record::{Names, Value};
use redis_kafka_engine::unit::{
    Builder, EntryTime, FieldsWrite, Fold, GroupKind, PlainWrite, RecordRef, Unit, Upkeep,
};
use redis_kafka_engine::worker::{Lane, LaneWorker, Shared, Wanted, lane};
use redis_kafka_sidecar::apply::RespApplier;
use redis_kafka_sidecar::redis::{Address, Patience};
use redis_kafka_tests::server::{RedisServer, Setup};
use std::sync::Arc;
use std::time::Duration;

pub const LEDGER: &str = "kafka:ledger:rides:t/0";

/// Long enough for a loaded machine, short enough to wait for.
pub const PATIENCE: Patience =
    Patience { connect: Duration::from_secs(2), answer: Duration::from_secs(2) };

/// Writes what one record comes to.
pub struct Pen<'f> {
    builder: &'f mut Builder,
    names: &'f mut Names,
}

impl Pen<'_> {
    fn key(&mut self, key: &str) {
        self.builder.key_buffer().extend_from_slice(key.as_bytes());
    }

    pub fn fields(&mut self, key: &str, write: FieldsWrite, fields: &[(&str, &str)]) {
        self.fields_kept(key, write, Upkeep::default(), fields, &[]);
    }

    pub fn fields_kept(
        &mut self,
        key: &str,
        write: FieldsWrite,
        upkeep: Upkeep,
        fields: &[(&str, &str)],
        deleted: &[&str],
    ) {
        self.key(key);
        let deleted: Vec<_> =
            deleted.iter().map(|name| self.names.intern(name.as_bytes(), None)).collect();
        let mut entry = self.builder.fields(write, upkeep).expect("one type a key");
        for (name, value) in fields {
            entry.field(self.names.intern(name.as_bytes(), None), Value::Text(value));
        }
        entry.end(deleted.into_iter());
    }

    pub fn entry(&mut self, key: &str, value: &str) {
        self.fields(key, FieldsWrite::StreamAdd(EntryTime::Now), &[("v", value)]);
    }

    pub fn merge(&mut self, key: &str, fields: &[(&str, &str)]) {
        self.fields(key, FieldsWrite::HashMerge, fields);
    }

    /// Counts in the field `n`.
    pub fn count(&mut self, key: &str) {
        self.key(key);
        let name = self.names.intern(b"n", None);
        let mut entry = self.builder.fields(FieldsWrite::HashFold, Upkeep::default()).expect("one");
        entry.fold(Fold::Count { field: name, by: 1 });
        entry.end(std::iter::empty());
    }

    /// Sums in the field `s`.
    pub fn sum(&mut self, key: &str, number: i64) {
        self.key(key);
        let name = self.names.intern(b"s", None);
        let mut entry = self.builder.fields(FieldsWrite::HashFold, Upkeep::default()).expect("one");
        entry.fold(Fold::Sum { field: name, number: Numeric::Int(number) });
        entry.end(std::iter::empty());
    }

    pub fn plain(&mut self, kind: GroupKind, key: &str, write: PlainWrite<'_>) {
        self.plain_kept(kind, key, write, Upkeep::default());
    }

    pub fn plain_kept(
        &mut self,
        kind: GroupKind,
        key: &str,
        write: PlainWrite<'_>,
        upkeep: Upkeep,
    ) {
        self.key(key);
        self.builder.plain(kind, write, upkeep).expect("one type a key");
    }

    pub fn command(&mut self, words: &[&str]) {
        self.builder.command(words.len()).expect("a command");
        words.iter().for_each(|word| self.builder.word(word.as_bytes()));
    }
}

/// A partition's records, unit by unit.
pub struct Feed {
    builder: Builder,
    names: Names,
    pub next: i64,
    pub generation: u64,
}

impl Feed {
    pub fn new() -> Feed {
        Feed { builder: Builder::new(), names: Names::default(), next: 0, generation: 1 }
    }

    /// The unit that makes the ledger.
    pub fn begin(&mut self) -> Unit {
        let standing = Standing::start(self.next, TopicId::UNKNOWN);
        self.finish(Expected::Absent { since: 1_700_000_000_000 }, standing)
    }

    /// The next so many records; `write` is called for each with its number in the unit.
    pub fn unit(&mut self, records: usize, mut write: impl FnMut(usize, &mut Pen<'_>)) -> Unit {
        let expected = Expected::Next(self.next);
        for at in 0..records {
            let offset = self.next + at as i64;
            let mark = self.builder.begin_record(RecordRef { slot: 0, offset });
            write(at, &mut Pen { builder: &mut self.builder, names: &mut self.names });
            self.builder.end_record(mark);
        }
        self.next += records as i64;
        let done = self.next as u64;
        let counters = Counters { consumed: done, applied: done, ..Counters::default() };
        let standing = Standing { counters, ..Standing::start(self.next, TopicId::UNKNOWN) };
        self.finish(expected, standing)
    }

    fn finish(&mut self, expected: Expected, standing: Standing) -> Unit {
        let advance = Advance { topic: "t".into(), partition: 0, expected, standing };
        let mut unit = Unit { generation: self.generation, ..Unit::default() };
        unit.slots = Arc::from([(Arc::from("t"), 0)]);
        self.builder.finish("rides", &self.names, std::iter::once(advance), &mut unit);
        unit
    }
}

/// A server, an applier for it, and records for that one.
pub struct Bench {
    pub server: RedisServer,
    pub applier: RespApplier,
    pub feed: Feed,
    pub shared: Arc<Shared>,
    _lane: (LaneWorker, Lane),
}

pub fn bench() -> Bench {
    on(Setup::plain().start())
}

pub fn on(server: RedisServer) -> Bench {
    let port = server.port();
    through(server, port)
}

/// The applier reaches the server by another port.
pub fn through(server: RedisServer, port: u16) -> Bench {
    let address = Address::parse(&format!("redis://127.0.0.1:{port}")).expect("a URL");
    let lane = lane("rides", Vec::new(), Wanted::Run, Arc::new(|| {}));
    let shared = lane.1.shared.clone();
    let applier = RespApplier::new(address, 0, shared.clone()).with_patience(PATIENCE);
    Bench { server, applier, feed: Feed::new(), shared, _lane: lane }
}

impl Bench {
    /// A bench whose ledger stands at 0.
    pub fn begun(mut self) -> Bench {
        let mut unit = self.feed.begin();
        assert_eq!(self.applier.apply(&mut unit, None), Applied::Done);
        self
    }

    /// Has the applier log in.
    pub fn log_in(&mut self, login: &str) {
        let url = format!("redis://{login}@127.0.0.1:{}", self.server.port());
        let address = Address::parse(&url).expect("a URL");
        self.applier = RespApplier::new(address, 0, self.shared.clone());
    }

    /// Applies a unit of so many records.
    pub fn apply(&mut self, records: usize, write: impl FnMut(usize, &mut Pen<'_>)) -> Applied {
        let mut unit = self.feed.unit(records, write);
        self.applier.apply(&mut unit, None)
    }

    /// Applies a unit and must succeed.
    pub fn done(&mut self, records: usize, write: impl FnMut(usize, &mut Pen<'_>)) {
        assert_eq!(self.apply(records, write), Applied::Done);
    }

    /// Where the ledger stands.
    pub fn next(&self) -> String {
        self.server.text(&format!("HGET {LEDGER} next"))
    }
}

/// The records of clashes.
pub fn records(applied: &Applied) -> Vec<u32> {
    match applied {
        Applied::Clash(clashes) | Applied::PartlyRefused(clashes) => {
            clashes.iter().map(|clash| clash.record).collect()
        }
        other => panic!("no clash: {other:?}"),
    }
}
