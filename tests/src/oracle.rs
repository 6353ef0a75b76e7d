//! Declares a pipeline into streams and hashes and counts what arrived.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::Kafka;
use crate::producer::Load;
use crate::server::RedisServer;

/// The subscription's name in every pipeline of the oracle.
pub const SUBSCRIPTION: &str = "rides";
const STREAM: &str = "s:";
const HASH: &str = "h:";

/// Subscribes to the topic from its start, with two routes: every record into
/// the stream of its key, the last one into the hash of its key. `options`
/// are added to the SUBSCRIBE.
pub fn declare(server: &RedisServer, kafka: &Kafka, topic: &str, options: &str) {
    let brokers = kafka.brokers();
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {SUBSCRIPTION} TOPIC {topic} BROKERS {brokers} PAUSED {options}"
    ));
    declare_routes(server);
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
}

/// A paused subscription to the topic from its start, with routes `r0`, `r1`, … to what
/// `routes` say. `options` are added to the SUBSCRIBE.
pub fn declare_paused(
    server: &RedisServer,
    kafka: &Kafka,
    (subscription, topic): (&str, &str),
    options: &str,
    routes: &[&str],
) {
    let brokers = kafka.brokers();
    server.ok(&format!(
        "KAFKA.SUBSCRIBE {subscription} TOPIC {topic} BROKERS {brokers} PAUSED {options}"
    ));
    for (number, route) in routes.iter().enumerate() {
        server.ok(&format!("KAFKA.ROUTE r{number} FROM {subscription} TO {route}"));
    }
}

/// The two routes of [`declare`].
pub fn declare_routes(server: &RedisServer) {
    server.ok(&format!("KAFKA.ROUTE every FROM {SUBSCRIPTION} TO STREAM \"{STREAM}%{{key}}\""));
    server.ok(&format!("KAFKA.ROUTE last FROM {SUBSCRIPTION} TO HASH \"{HASH}%{{key}}\""));
}

/// Waits until all is applied, then panics unless every record of the load is
/// in its stream exactly once and in its key's order, the hashes hold the last
/// ones, the counters add up and the ledger stands at Kafka's end.
pub fn check(server: &RedisServer, kafka: &Kafka, load: &Load) {
    server.wait_applied(SUBSCRIPTION);
    check_data(server, load);
    check_counters(server, kafka, load);
}

/// The part of [`check`] that reads streams and hashes alone (any server with
/// the data, a replica as well).
pub fn check_data(server: &RedisServer, load: &Load) {
    let expected = check_streams(server, load, STREAM);
    for (key, seqs) in &expected {
        let hash = server.hash(&format!("{HASH}{key}"));
        let last = seqs.last().expect("a key with records").to_string();
        assert_eq!(hash.get("seq"), Some(&last), "hash of {key}: {hash:?}");
    }
    assert_eq!(server.keys(&format!("{HASH}*")).len(), expected.len(), "number of hashes");
}

/// Panics unless every record of the load is in the stream of its key under this prefix, exactly
/// once and in its key's order. What was expected, by key.
pub fn check_streams(
    server: &RedisServer,
    load: &Load,
    prefix: &str,
) -> BTreeMap<String, Vec<u64>> {
    let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for seq in 0..load.sent() {
        expected.entry(load.key(seq)).or_default().push(seq);
    }
    let found: BTreeMap<String, Vec<u64>> = server
        .keys(&format!("{prefix}*"))
        .iter()
        .map(|key| (key[prefix.len()..].to_string(), sequence(server, key)))
        .collect();
    let faults = faults(&expected, &found);
    assert!(faults.is_empty(), "{prefix} of {} records: {}", load.sent(), faults.join("; "));
    expected
}

/// By key, each entry's or hash's fields.
pub type Contents = BTreeMap<String, Vec<BTreeMap<String, String>>>;

/// Every stream, hash and next offset of the pipeline without what may differ
/// from run to run (entry IDs): two runs of one load must be equal in it.
pub fn contents(server: &RedisServer) -> Contents {
    let sorted = |fields: std::collections::HashMap<String, String>| fields.into_iter().collect();
    let mut contents = BTreeMap::new();
    for key in server.keys(&format!("{STREAM}*")) {
        let entries = server.stream(&key).into_iter().map(sorted).collect();
        contents.insert(key, entries);
    }
    for key in server.keys(&format!("{HASH}*")) {
        contents.insert(key.clone(), vec![sorted(server.hash(&key))]);
    }
    for key in server.keys(&format!("kafka:ledger:{SUBSCRIPTION}:*")) {
        contents.insert(key.clone(), vec![sorted(server.hash(&key))]);
    }
    contents
}

/// The counters of KAFKA.INFO and the next offsets against Kafka.
fn check_counters(server: &RedisServer, kafka: &Kafka, load: &Load) {
    let info = server.subscription(SUBSCRIPTION);
    info.counters.check();
    assert_eq!(info.counters.applied, load.sent() as i64, "applied: {info:#?}");
    for partition in &info.partitions {
        partition.counters.check();
        let (_, end) = kafka.watermarks(&partition.topic, partition.partition as i32);
        assert_eq!(partition.next, end, "next offset against Kafka's end: {partition:?}");
        let key =
            format!("kafka:ledger:{SUBSCRIPTION}:{}/{}", partition.topic, partition.partition);
        assert_eq!(server.number(&format!("HGET {key} next")), end, "{key}");
    }
}

fn sequence(server: &RedisServer, key: &str) -> Vec<u64> {
    let number = |seq: Option<&String>| seq.and_then(|s| s.parse().ok());
    let entries = server.stream(key);
    entries.iter().map(|e| number(e.get("seq")).unwrap_or_else(|| panic!("{key}: {e:?}"))).collect()
}

/// Every way in which the found sequences differ from the expected ones.
fn faults(
    expected: &BTreeMap<String, Vec<u64>>,
    found: &BTreeMap<String, Vec<u64>>,
) -> Vec<String> {
    let all =
        |map: &BTreeMap<String, Vec<u64>>| map.values().flatten().copied().collect::<Vec<_>>();
    let wanted: BTreeSet<u64> = all(expected).into_iter().collect();
    let mut seen = BTreeSet::new();
    let double: Vec<u64> = all(found).into_iter().filter(|seq| !seen.insert(*seq)).collect();
    let mut faults = Vec::new();
    report(&mut faults, "missing", wanted.difference(&seen).copied().collect());
    report(&mut faults, "double", double);
    report(&mut faults, "never sent", seen.difference(&wanted).copied().collect());
    if faults.is_empty() {
        for (key, seqs) in found.iter().filter(|(key, seqs)| expected.get(*key) != Some(*seqs)) {
            let at = seqs.windows(2).find(|pair| pair[0] >= pair[1]);
            faults.push(format!("order or key of {key} differs at {at:?}"));
        }
    }
    faults
}

fn report(faults: &mut Vec<String>, what: &str, seqs: Vec<u64>) {
    if !seqs.is_empty() {
        let some: Vec<_> = seqs.iter().take(20).collect();
        faults.push(format!("{} {what}, such as {some:?}", seqs.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &[u64])]) -> BTreeMap<String, Vec<u64>> {
        entries.iter().map(|(key, seqs)| (key.to_string(), seqs.to_vec())).collect()
    }

    #[test]
    fn the_oracle_finds_each_kind_of_fault() {
        let expected = map(&[("a", &[0, 2]), ("b", &[1, 3])]);
        assert_eq!(faults(&expected, &expected), Vec::<String>::new());
        for (found, fault) in [
            (map(&[("a", &[0, 2]), ("b", &[1])]), "1 missing, such as [3]"),
            (map(&[("a", &[0, 0, 2]), ("b", &[1, 3])]), "1 double, such as [0]"),
            (map(&[("a", &[0, 2]), ("b", &[1, 3, 9])]), "1 never sent, such as [9]"),
            (map(&[("a", &[2, 0]), ("b", &[1, 3])]), "order or key of a differs at Some([2, 0])"),
        ] {
            assert_eq!(faults(&expected, &found), [fault]);
        }
        let swapped = map(&[("a", &[0, 1]), ("b", &[2, 3])]);
        assert_eq!(faults(&expected, &swapped).len(), 2);
    }
}
