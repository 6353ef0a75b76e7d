//! A pipeline into every kind of key, and what a fold over Kafka's content says
//! that each key must hold.

use std::collections::BTreeMap;
use std::fmt::Debug;

use redis::Value;

use crate::broker::Kafka;
use crate::oracle::SUBSCRIPTION;
use crate::reply::{items, text};
use crate::server::RedisServer;

/// How many elements the bounded lists keep.
const NEWEST: usize = 10;
/// How many members the bounded sorted sets keep.
const HIGHEST: usize = 5;
/// The subscription whose units each hold one record that runs a command.
pub const COMMANDS: &str = "commands";

/// Routes into every kind of key, beside the oracle's. What depends on the order
/// of records has a key of one partition.
fn routes() -> Vec<String> {
    [
        r#"elements {} TO LIST "l:%{key}" SELECT seq"#.to_string(),
        format!(r#"newest {{}} TO LIST "n:%{{key}}" LEFT MAXLEN {NEWEST} SELECT seq"#),
        r#"members {} TO SET "m:%{key}" MEMBER seq"#.to_string(),
        r#"value {} TO STRING "v:%{key}" VALUE seq"#.to_string(),
        r#"counts {} TO ZSET "counts" MEMBER key INCR 1"#.to_string(),
        format!(
            r#"top {{}} TO ZSET "t:%{{_partition}}" MEMBER key INCR "seq % 7" KEEP {HIGHEST}"#
        ),
        r#"places {} TO GEO "g:%{_partition}" LON "seq % 180" LAT "seq % 85" MEMBER key"#
            .to_string(),
        r#"table {} TO HASH "c:%{key}" SELECT "count() AS n, sum(seq * 0.01) AS total, min(seq) AS low, max(seq) AS top, first(seq) AS first, last(seq) AS last""#
            .to_string(),
    ]
    .map(|route| route.replacen("{}", &format!("FROM {SUBSCRIPTION}"), 1))
    .to_vec()
}

/// Adds the routes to the oracle's paused subscription, and a subscription of
/// the same topic whose records run commands.
pub fn declare(server: &RedisServer, kafka: &Kafka, topic: &str) {
    for route in routes() {
        server.ok(&format!("KAFKA.ROUTE {route}"));
    }
    let brokers = kafka.brokers();
    server.ok(&format!("KAFKA.SUBSCRIBE {COMMANDS} TOPIC {topic} BROKERS {brokers} PAUSED"));
    server.ok(&format!(
        r#"KAFKA.ROUTE run FROM {COMMANDS} TO COMMAND INCRBY "i:%{{key}}" "%{{seq}}""#
    ));
    server.ok(&format!(r#"KAFKA.ROUTE ran FROM {COMMANDS} TO LIST "r:%{{key}}" SELECT seq"#));
}

/// Every key's sequence numbers in Kafka's order, by partition.
#[derive(Debug)]
pub struct Fold {
    partitions: Vec<Vec<(String, i64)>>,
    keys: BTreeMap<String, Vec<i64>>,
}

impl Fold {
    /// Reads the topic as a plain consumer does.
    pub fn of(kafka: &Kafka, topic: &str, partitions: i32) -> Fold {
        let read = |partition| {
            let records = kafka.read(topic, partition);
            records.iter().map(|(_, _, value)| record(value)).collect::<Vec<_>>()
        };
        let partitions: Vec<_> = (0..partitions).map(read).collect();
        let mut keys = BTreeMap::<String, Vec<i64>>::new();
        for (key, seq) in partitions.iter().flatten() {
            keys.entry(key.clone()).or_default().push(*seq);
        }
        Fold { partitions, keys }
    }

    /// Panics unless every key of the pipeline holds what the fold says.
    pub fn check(&self, server: &RedisServer) {
        for (key, seqs) in &self.keys {
            let elements: Vec<String> = seqs.iter().map(|seq| element(*seq)).collect();
            let newest: Vec<String> = elements.iter().rev().take(NEWEST).cloned().collect();
            let sum: i64 = seqs.iter().sum();
            same(&format!("l:{key}"), list(server, &format!("l:{key}")), elements.clone());
            same(&format!("r:{key}"), list(server, &format!("r:{key}")), elements);
            same(&format!("n:{key}"), list(server, &format!("n:{key}")), newest);
            same(&format!("m:{key}"), set(server, &format!("m:{key}")), sorted(seqs));
            same("the last value", server.number(&format!("GET v:{key}")), seqs[seqs.len() - 1]);
            same("INCRBY", server.number(&format!("GET i:{key}")), sum);
            self.check_table(server, key, seqs);
        }
        let counts = self.keys.iter().map(|(key, seqs)| (key.clone(), seqs.len() as f64));
        same("counts", scores(server, "counts"), by_score(counts.collect()));
        for (partition, records) in self.partitions.iter().enumerate() {
            let key = format!("t:{partition}");
            same(&key, scores(server, &key), by_score(highest(records)));
            check_places(server, &format!("g:{partition}"), records);
        }
        for pattern in ["l:*", "r:*", "n:*", "m:*", "v:*", "i:*", "c:*"] {
            same(pattern, server.keys(pattern).len(), self.keys.len());
        }
    }

    fn check_table(&self, server: &RedisServer, key: &str, seqs: &[i64]) {
        let row = server.hash(&format!("c:{key}"));
        let sum: i64 = seqs.iter().sum();
        for (field, wanted) in [
            ("n", seqs.len() as i64),
            ("low", *seqs.iter().min().expect("a record")),
            ("top", *seqs.iter().max().expect("a record")),
            ("first", seqs[0]),
            ("last", seqs[seqs.len() - 1]),
        ] {
            same(&format!("c:{key} {field}"), row[field].clone(), wanted.to_string());
        }
        let total = format!("{}.{:02}", sum / 100, sum % 100);
        same(&format!("c:{key} total"), row["total"].clone(), total);
    }
}

fn same<T: PartialEq + Debug>(what: &str, found: T, wanted: T) {
    assert_eq!(found, wanted, "{what}: found, and what the fold says");
}

/// A record of the load: its key and its sequence number.
fn record(value: &[u8]) -> (String, i64) {
    let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
    let key = value["key"].as_str().expect("a key").to_string();
    (key, value["seq"].as_i64().expect("a sequence number"))
}

fn element(seq: i64) -> String {
    format!(r#"{{"seq":{seq}}}"#)
}

fn list(server: &RedisServer, key: &str) -> Vec<String> {
    items(&server.line(&format!("LRANGE {key} 0 -1"))).iter().map(text).collect()
}

fn set(server: &RedisServer, key: &str) -> Vec<i64> {
    let members = server.line(&format!("SMEMBERS {key}"));
    let numbers: Vec<i64> =
        items(&members).iter().map(|member| text(member).parse().expect("a number")).collect();
    sorted(&numbers)
}

fn sorted(numbers: &[i64]) -> Vec<i64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}

fn scores(server: &RedisServer, key: &str) -> Vec<(String, f64)> {
    let reply = server.line(&format!("ZRANGE {key} 0 -1 WITHSCORES"));
    let member = |pair: &Value| match items(pair) {
        [member, Value::Double(score)] => (text(member), *score),
        other => panic!("{key}: {other:?}"),
    };
    items(&reply).iter().map(member).collect()
}

/// In the order of a sorted set: by score, equal ones by name.
fn by_score(members: BTreeMap<String, f64>) -> Vec<(String, f64)> {
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    members
}

/// Every record adds to its key's score, then all but the highest go.
fn highest(records: &[(String, i64)]) -> BTreeMap<String, f64> {
    let mut members = BTreeMap::new();
    for (key, seq) in records {
        *members.entry(key.clone()).or_insert(0.0) += (seq % 7) as f64;
        if members.len() > HIGHEST {
            let lowest = by_score(members.clone()).swap_remove(0).0;
            members.remove(&lowest);
        }
    }
    members
}

/// Every member is where its last record says.
fn check_places(server: &RedisServer, key: &str, records: &[(String, i64)]) {
    let last: BTreeMap<_, _> = records.iter().map(|(key, seq)| (key, seq)).collect();
    same(key, server.number(&format!("ZCARD {key}")), last.len() as i64);
    for (member, seq) in last {
        let reply = server.line(&format!("GEOPOS {key} {member}"));
        let place: Vec<f64> = match items(&items(&reply)[0]) {
            [Value::Double(x), Value::Double(y)] => vec![*x, *y],
            other => other.iter().map(|at| text(at).parse().expect("a number")).collect(),
        };
        let wanted = [(seq % 180) as f64, (seq % 85) as f64];
        let near = place.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.001);
        assert!(near && place.len() == 2, "{key} {member}: at {place:?}, not {wanted:?}");
    }
}
