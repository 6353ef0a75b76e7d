use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use redis_kafka_tests::registry::Kind;
use redis_kafka_tests::reply::{items, text};

use crate::example::Example;
use crate::records::{Record, records};

/// A reading as Kafka has it.
struct Reading {
    sensor: String,
    timestamp: i64,
    temperature: f64,
}

fn readings(example: &Example) -> Vec<Reading> {
    let schema = std::fs::read_to_string(example.file("measurements.avsc")).expect("the schema");
    let schema = apache_avro::Schema::parse_str(&schema).expect("an Avro schema");
    let reading = |record: &Record| {
        let fields = record.avro(&schema, 1);
        let [(_, Avro::String(airport)), (_, Avro::Int(id)), (_, Avro::Double(temperature)), _] =
            &fields[..]
        else {
            panic!("{fields:?}")
        };
        let sensor = format!("{airport}:{id}");
        assert_eq!(record.key(), Some(format!("urn:sensor:{sensor}").as_str()));
        let timestamp = record.message.timestamp.expect("a timestamp");
        Reading { sensor, timestamp, temperature: *temperature }
    };
    records(example.kafka, "measurements").iter().map(reading).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

#[test]
fn every_reading_is_in_its_sensors_stream_and_the_last_in_its_hash() {
    let mut example = Example::open("airport-sensors");
    example.shell();
    let definitions = example.redis_cli();
    assert!(definitions.lines().all(|line| line.starts_with("OK")), "{definitions}");
    let look = example.redis_cli();
    assert!(look.contains("temperature") && look.contains("running"), "{look}");

    let all = readings(&example);
    assert_eq!(all.len(), 20_000);
    let mut sensors: BTreeMap<&str, Vec<&Reading>> = BTreeMap::new();
    for reading in &all {
        sensors.entry(&reading.sensor).or_default().push(reading);
    }
    for (sensor, readings) in &sensors {
        check_stream(&example, sensor, readings);
        let last = readings.last().expect("a reading");
        let hash = example.redis.hash(&format!("sensor:{sensor}"));
        assert_eq!(number(&hash["temperature"]), last.temperature, "{sensor}");
        assert_eq!(hash["at"], last.timestamp.to_string(), "{sensor}");
        assert_eq!(format!("{}:{}", hash["airport"], hash["id"]), **sensor);
    }
    assert_eq!(example.redis.keys("urn:sensor:*").len(), sensors.len());

    assert!(example.redis_cli().starts_with("OK"));
    example.shell();
    example.redis_cli();
    let all = readings(&example);
    assert_eq!(all.len(), 25_000);
    let last: BTreeMap<_, _> = all.iter().map(|reading| (&reading.sensor, reading)).collect();
    for (sensor, reading) in last {
        let hash = example.redis.hash(&format!("sensor:{sensor}"));
        assert_eq!(hash["at"], reading.timestamp.to_string(), "{sensor}");
        let rounded = number(&hash["temperature"]);
        assert!((rounded - reading.temperature).abs() <= 0.050_001, "{sensor}: {hash:?}");
        assert_eq!(rounded, (rounded * 10.0).round() / 10.0, "{sensor}: {hash:?}");
    }
    // The same schema again has the same id.
    let schema = std::fs::read_to_string(example.file("measurements.avsc")).expect("the schema");
    assert_eq!(example.registry.register("other", Kind::Avro, &schema, &[]), 2);
    example.finish();
}

/// The entries are the readings in order; an ID's milliseconds are the record's, and never go back.
fn check_stream(example: &Example, sensor: &str, readings: &[&Reading]) {
    let reply = example.redis.line(&format!("XRANGE urn:sensor:{sensor} - +"));
    let entries = items(&reply);
    assert_eq!(entries.len(), readings.len(), "{sensor}");
    let mut latest = 0;
    for (entry, reading) in entries.iter().zip(readings) {
        let [id, fields] = items(entry) else { panic!("{entry:?}") };
        latest = latest.max(reading.timestamp);
        let id = text(id);
        assert_eq!(id.split_once('-').expect("an ID").0, latest.to_string(), "{sensor} {id}");
        let fields: Vec<String> = items(fields).iter().map(text).collect();
        let fields: BTreeMap<&str, &str> =
            fields.chunks(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
        assert_eq!(number(fields["temperature"]), reading.temperature, "{sensor} {id}");
    }
}
