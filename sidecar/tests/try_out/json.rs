//! Records as JSON, and what goes wrong.

use crate::*;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};

fn json(record: &Received) -> Json {
    serde_json::from_slice(&record.value).unwrap()
}

#[test]
fn generated_measurements_are_read_back() {
    let (mut broker, address) = broker(&["--topic", "measurements:3"]);
    let output = generate(&[
        "--brokers",
        &address,
        "--topic",
        "measurements",
        "--schema",
        "measurements",
        "--rate",
        "max",
        "--count",
        "2000",
        "--seed",
        "1",
    ]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("2000 records delivered to measurements"), "{stderr}");
    let records = read(&address, "measurements", 2000);
    let mut homes: HashMap<String, HashSet<i32>> = HashMap::new();
    for record in &records {
        let key = record.key.clone().unwrap();
        let value = json(record);
        assert_eq!(
            key,
            format!("urn:sensor:{}:{}", value["airport"].as_str().unwrap(), value["id"])
        );
        assert!(value["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        assert_eq!(value.as_object().unwrap().len(), 4);
        homes.entry(key).or_default().insert(record.partition);
    }
    assert!(homes.values().all(|partitions| partitions.len() == 1), "a key has one partition");
    assert_eq!(records.iter().map(|record| record.partition).collect::<HashSet<_>>().len(), 3);
    let (ended, log) = broker.stop_with("-TERM");
    assert!(ended, "{log}");
}

#[test]
fn own_schema_key_and_rate() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(
        file("orders.avsc"),
        r#"{"type": "record", "name": "order", "fields": [
            {"name": "number", "type": {"type": "int", "arg.properties": {"iteration": {"start": 0}}}},
            {"name": "item", "type": {"type": "string", "arg.properties": {"options": {"file": "items.json", "encoding": "json"}}}}]}"#,
    )
    .unwrap();
    std::fs::write(file("items.json"), "\"pen\" \"ink\"").unwrap();
    let (_broker, address) = broker(&["--topic", "orders:2", "--listen-file", &file("address")]);
    assert_eq!(std::fs::read_to_string(file("address")).unwrap().trim_end(), address);
    let start = Instant::now();
    let output = generate(&[
        "--brokers",
        &address,
        "--topic",
        "orders",
        "--schema",
        &file("orders.avsc"),
        "--key",
        "order:%{number}",
        "--rate",
        "100",
        "--count",
        "101",
        "--quiet",
    ]);
    assert!(start.elapsed() >= Duration::from_secs(1), "100 a second: {:?}", start.elapsed());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
    let records = read(&address, "orders", 101);
    let numbers: HashSet<i64> =
        records.iter().map(|record| json(record)["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..101).collect());
    for record in &records {
        assert_eq!(record.key, Some(format!("order:{}", json(record)["number"])));
        assert!(["pen", "ink"].contains(&json(record)["item"].as_str().unwrap()));
    }
}

#[test]
fn ctrl_c_delivers_what_was_sent() {
    let (_broker, address) = broker(&["--topic", "endless:1"]);
    let mut generator = Running::start(&[
        "generate",
        "--brokers",
        &address,
        "--topic",
        "endless",
        "--schema",
        "measurements",
        "--rate",
        "500",
    ]);
    let consumer = consumer(&address);
    wait_for_records(&consumer, "endless", 50);
    let (ended, stderr) = generator.stop_with("-INT");
    assert!(ended, "{stderr}");
    let delivered: i64 = stderr
        .lines()
        .find_map(|line| {
            line.strip_prefix("redis-kafka generate: ")?.split_once(" records delivered to endless")
        })
        .and_then(|(count, _)| count.parse().ok())
        .unwrap_or_else(|| panic!("no summary in {stderr}"));
    assert_eq!(consumer.fetch_watermarks("endless", 0, DEADLINE).unwrap().1, delivered);
}

#[test]
fn a_fixed_port_leads_to_the_broker() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (_broker, address) = broker(&["--port", &free.to_string(), "--topic", "t:5"]);
    assert_eq!(address, format!("127.0.0.1:{free}"));
    assert_eq!(partitions(&consumer(&address), "t"), 5);
}

#[test]
fn failures_are_named_and_have_an_exit_code() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (_broker, address) = broker(&["--topic", "t:1"]);
    for (brokers, topic, arguments, part) in [
        (&address, "t", &["--schema", "nothing.avsc"][..], "built in are: measurements"),
        (
            &address,
            "t",
            &["--schema", "measurements", "--registry", "http://localhost:8081"],
            "--registry is for --format avro",
        ),
        (
            &address,
            "t",
            &["--schema", "measurements", "--connections", "/dev/null"],
            "--connections is for a profile",
        ),
        (
            &address,
            "t",
            &["--schema", "measurements", "--key", "%{city}"],
            "the record has airport, id, temperature",
        ),
        (
            &address,
            "other",
            &["--schema", "measurements", "--create", "2"],
            "redis-kafka broker --topic",
        ),
        (&nobody, "t", &["--schema", "measurements"], "answered within 10 s"),
    ] {
        // The count ends what should have failed.
        let always = ["--brokers", brokers, "--topic", topic, "--count", "1"];
        let output = generate(&[&always, arguments].concat());
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(part), "{arguments:?}: {message}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
fn a_profile_leads_to_the_brokers() {
    let (_broker, address) = broker(&["--topic", "t:1"]);
    let directory = tempfile::tempdir().unwrap();
    let profiles = directory.path().join("kafka.toml");
    std::fs::write(&profiles, format!("[lab]\nbootstrap.servers = \"{address}\"\n")).unwrap();
    let file = profiles.to_str().unwrap();
    let run = |profile: &str| {
        let topic = ["--topic", "t", "--schema", "measurements", "--count", "3"];
        generate(&[&topic[..], &["--connection", profile, "--connections", file]].concat())
    };
    let output = run("lab");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read(&address, "t", 3).len(), 3);
    let message = String::from_utf8(run("labb").stderr).unwrap();
    assert!(message.contains("no connection profile 'labb'; did you mean 'lab'?"), "{message}");
}

#[test]
fn create_leaves_a_topic_that_is_there_alone() {
    let (_broker, address) = broker(&["--topic", "t:3"]);
    let output = generate(&[
        "--brokers",
        &address,
        "--topic",
        "t",
        "--schema",
        "measurements",
        "--count",
        "1",
        "--create",
        "7",
    ]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(partitions(&consumer(&address), "t"), 3);
    let none = ["--brokers", &address, "--topic", "t", "--schema", "measurements", "--count", "0"];
    let output = generate(&none);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read(&address, "t", 1).len(), 1);
}

#[test]
fn a_lost_broker_is_a_failure() {
    let (mut broker, address) = broker(&["--topic", "t:1"]);
    let mut generator = Running::start(&[
        "generate",
        "--brokers",
        &address,
        "--topic",
        "t",
        "--schema",
        "measurements",
        "--rate",
        "100",
    ]);
    let consumer = consumer(&address);
    wait_for_records(&consumer, "t", 1);
    broker.stop_with("-TERM");
    // Its own time-out for a record is 30 s.
    let (status, stderr) = generator.end(DEADLINE * 2);
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("were not delivered"), "{stderr}");
}
