use std::collections::BTreeMap;

use redis_kafka_tests::reply::{items, text};
use serde_json::Value as Json;

use crate::example::Example;
use crate::records::{cents, records};

/// Milliseconds since 1970 of 2020-07-01 00:00 UTC, the day of all rides.
const DAY: i64 = 1_593_561_600_000;

/// What the hash of a zone and hour must hold; money in cents.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hour {
    trips: i64,
    revenue: i64,
    best: i64,
}

fn amount(ride: &Json, column: &str) -> i64 {
    cents(&ride[column].to_string())
}

/// All entries of a zone's log as one line each, sorted: the partitions' order is not known.
fn log(example: &Example, zone: &str) -> Vec<String> {
    let entry = |entry: std::collections::HashMap<String, String>| {
        format!("{} {} {}", entry["at"], entry["to"], cents(&entry["total_amount"]))
    };
    let mut log: Vec<String> =
        example.redis.stream(&format!("rides:{zone}")).into_iter().map(entry).collect();
    log.sort_unstable();
    log
}

#[test]
fn counts_and_money_are_a_fold_over_the_rides() {
    let mut example = Example::open("taxi-rides");
    example.shell();
    let definitions = example.redis_cli();
    assert!(definitions.lines().all(|line| line.starts_with("OK")), "{definitions}");
    let look = example.redis_cli();
    assert!(look.contains("trips") && look.contains("revenue"), "{look}");
    let kept = example.redis_cli();
    assert!(kept.contains("state=running") && kept.contains("PULocationID is null"), "{kept}");

    let rides: Vec<Json> = records(example.kafka, "rides").iter().map(|ride| ride.json()).collect();
    assert_eq!(rides.len(), 50_000);
    let (mut hours, mut logs) =
        (BTreeMap::<_, Hour>::new(), BTreeMap::<String, Vec<String>>::new());
    let (mut zones, mut lost) = (BTreeMap::<String, i64>::new(), 0);
    for ride in &rides {
        if ride["PULocationID"].is_null() {
            lost += 1;
            continue;
        }
        let zone = ride["PULocationID"].to_string();
        let at = ride["tpep_pickup_datetime"].as_str().expect("a text");
        let hour: i64 = at[11..13].parse().expect("an hour");
        let table = hours.entry((zone.clone(), hour)).or_default();
        table.trips += 1;
        table.revenue += amount(ride, "total_amount");
        table.best = table.best.max(amount(ride, "tip_amount"));
        *zones.entry(zone.clone()).or_default() += amount(ride, "total_amount");
        let line = format!("{at} {} {}", ride["DOLocationID"], amount(ride, "total_amount"));
        logs.entry(zone).or_default().push(line);
    }
    check_hours(&example, &hours);
    for (zone, lines) in &mut logs {
        lines.sort_unstable();
        assert_eq!(log(&example, zone), *lines, "zone {zone}");
    }
    check_zones(&example, &zones);
    assert!(lost > 0, "no ride without a zone");
    assert_eq!(example.redis.number("XLEN kafka:deadletters:rides"), lost);
    let counters = example.redis.subscription("rides").counters;
    counters.check();
    assert_eq!((counters.consumed, counters.deadlettered), (50_000, lost));
    example.finish();
}

fn check_hours(example: &Example, hours: &BTreeMap<(String, i64), Hour>) {
    assert_eq!(example.redis.keys("zone:*").len(), hours.len());
    for ((zone, hour), wanted) in hours {
        let key = format!("zone:{zone}:{}", DAY + hour * 3_600_000);
        let hash = example.redis.hash(&key);
        let found = Hour {
            trips: hash["trips"].parse().expect("a count"),
            revenue: cents(&hash["revenue"]),
            best: cents(&hash["best"]),
        };
        assert_eq!(found, *wanted, "{key}");
        assert_eq!(hash.len(), 3, "{key}: {hash:?}");
        let ttl = example.redis.number(&format!("TTL {key}"));
        assert!((29 * 86_400..=30 * 86_400).contains(&ttl), "{key}: {ttl} s");
    }
}

/// A sorted set's scores are doubles: equal but for what their sums lose.
fn check_zones(example: &Example, zones: &BTreeMap<String, i64>) {
    let reply = example.redis.line("ZRANGE zones:revenue 0 -1");
    let members: Vec<String> = items(&reply).iter().map(text).collect();
    assert_eq!(members.len(), zones.len());
    for (zone, cents) in zones {
        let score: f64 =
            example.redis.text(&format!("ZSCORE zones:revenue {zone}")).parse().expect("a score");
        assert!(
            (score * 100.0 - *cents as f64).abs() < 0.01,
            "zone {zone}: {score}, {cents} cents"
        );
    }
}
