use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::wait::{wait_for, wait_until};
use serde_json::{Value as Json, json};

use crate::example::{DEADLINE, Example};
use crate::records::{Record, records};

/// The messages that `redis-cli PSUBSCRIBE` wrote to a file: channel and payload.
fn messages(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // Three lines say that it listens, then each message has four; the last may be on its way.
    let lines: Vec<&str> = text.lines().skip(3).collect();
    let message = |lines: &[&str]| {
        assert_eq!(lines[0], "pmessage");
        (lines[2].to_owned(), lines[3].to_owned())
    };
    lines.chunks_exact(4).map(message).collect()
}

fn position(record: &Record) -> Json {
    record.json()["VP"].clone()
}

/// The bus's hash after this record, as the API gives it.
fn expected(record: &Record) -> Json {
    let position = position(record);
    let key = record.key().expect("a key");
    json!({
        "route": position["desi"], "lat": position["lat"], "long": position["long"],
        "speed": position["spd"], "at": position["tsi"], "veh": position["veh"],
        "headsign": key.split('/').nth(11).expect("a headsign"),
    })
}

#[test]
fn every_bus_is_where_its_newest_position_says_and_changes_are_pushed() {
    let mut example = Example::open("bus-positions");
    example.shell();
    example.redis_cli();
    example.shell();
    let files = ["changes.txt", "events.txt"].map(|name| example.file(name));
    wait_until("both subscribers to listen", DEADLINE, || {
        files.iter().all(|file| std::fs::read(file).is_ok_and(|text| text.ends_with(b"1\n")))
    });
    let definitions = example.redis_cli();
    assert!(definitions.lines().all(|line| line.starts_with("OK")), "{definitions}");
    let look = example.redis_cli();
    assert!(look.contains("headsign"), "{look}");
    example.shell();
    let every: Vec<Json> = serde_json::from_str(&example.look()).expect("JSON");
    let line: Vec<Json> = serde_json::from_str(&example.look()).expect("JSON");

    let all = records(example.kafka, "bus_raw");
    assert_eq!(all.len(), 10_000);
    let known: Vec<&Record> = all.iter().filter(|record| has_place(record)).collect();
    assert!(known.len() < all.len(), "no bus without a place");
    let newest: BTreeMap<i64, &Record> = known
        .iter()
        .map(|record| (position(record)["veh"].as_i64().expect("a number"), *record))
        .fold(BTreeMap::new(), newer);
    check_api(&newest, &every, &line);
    check_map(&example, &known);
    check_pushed(&files[0], &all);
    let changed: Vec<(String, String)> = messages(&files[1]);
    for veh in newest.keys() {
        let event = (format!("__keyspace@0__:bus:{veh}"), "hset".to_owned());
        assert!(changed.contains(&event), "no event for bus:{veh}");
        let ttl = example.redis.number(&format!("TTL bus:{veh}"));
        assert!((1..=600).contains(&ttl), "bus:{veh}: {ttl} s");
    }
    example.finish();
}

fn has_place(record: &Record) -> bool {
    let position = position(record);
    !position["lat"].is_null() && !position["long"].is_null()
}

fn newer<'a>(
    mut newest: BTreeMap<i64, &'a Record>,
    (veh, record): (i64, &'a Record),
) -> BTreeMap<i64, &'a Record> {
    let seconds = |record: &Record| position(record)["tsi"].as_i64().expect("seconds");
    let kept = newest.entry(veh).or_insert(record);
    if seconds(record) > seconds(kept) {
        *kept = record;
    }
    newest
}

fn check_api(newest: &BTreeMap<i64, &Record>, every: &[Json], line: &[Json]) {
    let by_bus: HashMap<i64, &Json> =
        every.iter().map(|bus| (bus["veh"].as_i64().expect("a number"), bus)).collect();
    assert_eq!((by_bus.len(), newest.len()), (50, 50));
    for (veh, record) in newest {
        assert_eq!(*by_bus[veh], expected(record), "bus {veh}");
    }
    assert_eq!(line.len(), 10);
    assert!(line.iter().all(|bus| bus["route"] == "18"), "{line:?}");
}

/// A bus on the map stands where the last record of one partition has it.
fn check_map(example: &Example, known: &[&Record]) {
    let mut last = BTreeMap::new();
    for record in known {
        last.insert((position(record)["veh"].to_string(), record.partition), position(record));
    }
    let places = example.redis.line("ZRANGE buses 0 -1");
    assert_eq!(items(&places).len(), 50);
    for veh in items(&places).iter().map(text) {
        let reply = example.redis.line(&format!("GEOPOS buses {veh}"));
        let [long, lat] = items(&items(&reply)[0]) else { panic!("{reply:?}") };
        let near = |wanted: &Json, found: &redis::Value| {
            let found: f64 = text(found).parse().expect("degrees");
            (wanted.as_f64().expect("degrees") - found).abs() < 1e-5
        };
        let here = last.iter().any(|((bus, _), position)| {
            *bus == veh && near(&position["long"], long) && near(&position["lat"], lat)
        });
        assert!(here, "bus {veh}: {reply:?}");
    }
}

/// Every record was pushed once, on its line's channel.
fn check_pushed(file: &Path, all: &[Record]) {
    let pushed = wait_for("all changes to be pushed", DEADLINE, || {
        let pushed = messages(file);
        if pushed.len() >= all.len() { Ok(pushed) } else { Err(pushed.len()) }
    });
    let without_nulls = |mut payload: Json| {
        payload.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        payload.to_string()
    };
    let mut found: Vec<(String, String)> = pushed
        .into_iter()
        .map(|(channel, payload)| {
            (channel, without_nulls(serde_json::from_str(&payload).expect("JSON")))
        })
        .collect();
    let mut wanted: Vec<(String, String)> = all
        .iter()
        .map(|record| {
            let position = position(record);
            let line = position["desi"].as_str().expect("a line");
            let payload =
                json!({"veh": position["veh"], "lat": position["lat"], "long": position["long"]});
            (format!("bus-changes:{line}"), without_nulls(payload))
        })
        .collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found.len(), wanted.len());
    assert!(found == wanted, "other changes were pushed than Kafka holds");
}
