//! What KAFKA.LIST, KAFKA.INFO and INFO say of how far and how fast a subscription is.

use std::collections::HashMap;
use std::time::Duration;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::{Load, send_texts};
use redis_kafka_tests::reply::{field, items, text};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::{Subject, workspace};
use redis_kafka_tests::wait::wait_for;

redis_kafka_tests::for_module_and_sidecar!(
    rate_and_time_to_catch_up,
    the_last_error_says_when,
    a_line_a_subscription_for_exporters,
);

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn said(server: &RedisServer, name: &str) -> String {
    let info = server.line(&format!("KAFKA.INFO {SUBSCRIPTION}"));
    field(&info, name).map(text).unwrap_or_else(|| panic!("no {name}"))
}

/// The pairs of a subscription's line in INFO.
fn pairs(server: &RedisServer) -> HashMap<String, String> {
    let info = server.text("INFO kafka");
    let line = info.lines().find_map(|line| line.strip_prefix("kafka_sub_rides:"));
    let line = line.unwrap_or_else(|| panic!("no line in {info}")).trim_end();
    let pairs = line.split(',').map(|pair| pair.split_once('=').expect("a pair"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn rate_and_time_to_catch_up(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("rate", 1);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(500);
    wait_for("the rate", Duration::from_secs(30), || {
        let (rate, listed) = (said(&server, "rate"), server.listed(SUBSCRIPTION, "rate"));
        let is_near =
            |rate: &str| rate.parse().is_ok_and(|rate: f64| (100.0..1500.0).contains(&rate));
        if is_near(&rate) && is_near(&listed) { Ok(()) } else { Err((rate, listed)) }
    });
    // Paused, the lag grows: it is never caught up, and nothing comes.
    server.ok(&format!("KAFKA.PAUSE {SUBSCRIPTION}"));
    wait_for("a lag without an end", Duration::from_secs(60), || {
        let told = ["lag", "rate", "eta"].map(|name| said(&server, name));
        if told[0] != "0" && told[1] == "0.0" && told[2] == "never" { Ok(()) } else { Err(told) }
    });
    let load = load.stop();
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    oracle::check(&server, kafka, &load);
    wait_for("nothing to catch up with", Duration::from_secs(30), || {
        let told = ["lag", "lag_seconds", "eta"].map(|name| said(&server, name));
        if told == ["0", "0.000", "0"] { Ok(()) } else { Err(told) }
    });
}

fn the_last_error_says_when(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("last-error", 1);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "ONERROR SKIP");
    assert_eq!((said(&server, "last_error"), said(&server, "last_error_at")), <_>::default());
    send_texts(kafka, &topic, &["{not json"]);
    server.wait_consumed(SUBSCRIPTION, 1);
    let expected = format!("{topic}/0@0 value: invalid JSON at byte 1");
    assert!(said(&server, "last_error").starts_with(&expected));
    let at = said(&server, "last_error_at");
    assert!(at.len() == "2026-11-21T02:58:11Z".len() && at.ends_with('Z'), "{at}");
    let list = server.text("KAFKA.LIST");
    assert!(list.contains(&format!(" last_error=\"{expected}")), "{list}");
    assert_eq!(list.lines().count(), 1, "{list}");
}

fn a_line_a_subscription_for_exporters(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("exporters", 2);
    let server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(100);
    oracle::check(&server, kafka, &load);
    let expected = [("state", "running"), ("lag", "0"), ("consumed", "100"), ("connection", "up")];
    wait_for("the line", Duration::from_secs(20), || {
        let pairs = pairs(&server);
        let is_there =
            |(name, value): &(&str, &str)| pairs.get(*name).is_some_and(|it| it == value);
        if expected.iter().all(is_there) { Ok(()) } else { Err(pairs) }
    });
    for (name, value) in pairs(&server) {
        if !matches!(name.as_str(), "state" | "connection") {
            number(&value);
        }
    }
    let totals = ["records_consumed", "records_lag", "running", "stopped", "lag_seconds"];
    let found = totals.map(|name| server.info_field("kafka", &format!("kafka_{name}")));
    let found = found.map(Option::unwrap_or_default);
    assert_eq!(found, ["100", "0", "1", "0", "0.000"]);
}

/// What redis_exporter sends, EVAL without keys, and what it wants: a list of names and numbers.
#[test]
fn the_script_for_redis_exporter_gives_numbers() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("exporter-script", 1);
    let server = Subject::ModuleUnits.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(50);
    oracle::check(&server, kafka, &load);
    let path = workspace().join("docs/grafana/redis_exporter.lua");
    let script = std::fs::read_to_string(path).expect("the script");
    let mut client = server.connect(redis_kafka_tests::client::Protocol::Resp2);
    let reply = client.send(&["EVAL", &script, "0", "0"]).expect("EVAL");
    let words: Vec<String> = items(&reply).iter().map(text).collect();
    let values: HashMap<&str, f64> =
        words.chunks(2).map(|pair| (pair[0].as_str(), number(&pair[1]))).collect();
    assert_eq!(values["rides:state"], 1.0);
    assert_eq!(values["rides:connection"], 1.0);
    assert_eq!(values["rides:consumed"], 50.0);
    assert_eq!(values["kafka:running"], 1.0);
    assert_eq!(values["kafka:records_consumed"], 50.0);
}
