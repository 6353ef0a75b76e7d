//! HTTP: health, metrics, JSON.

use crate::double::{DEADLINE, Double, snapshot, stopped, subscription};
use redis_kafka_sidecar::metrics::METRICS;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// One request with this Host header: status, headers and body.
fn get(double: &Double, request: &str, host: &str) -> (u16, String, String) {
    let url = double.url("");
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn json(double: &Double, path: &str) -> (u16, Value) {
    let (status, _, body) = get(double, &format!("GET {path}"), "localhost");
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

#[test]
fn health_follows_redis_and_the_registry() {
    let double = Double::open(&[]);
    double.show(snapshot(vec![stopped("rides", "bad")]));
    assert_eq!(json(&double, "/health/live").0, 200);
    let (status, ready) = json(&double, "/health/ready");
    assert_eq!(
        (status, &ready["ready"], &ready["stopped"]),
        (200, &json!(true), &json!(["rides"]))
    );
    let mut away = snapshot(Vec::new());
    away.redis = Some("connection refused".to_owned());
    double.show(away);
    let (status, ready) = json(&double, "/health/ready");
    assert_eq!((status, &ready["reasons"]), (503, &json!(["connection refused"])));
    assert_eq!(json(&double, "/health/live").0, 200);
    double.script.lock().unwrap().snapshot = None;
    assert_eq!(json(&double, "/health/live").0, 503);
    assert_eq!(json(&double, "/health/ready").0, 503);
}

#[test]
fn metrics_are_open_metrics_and_all_there() {
    let double = Double::open(&[]);
    double.show(snapshot(vec![subscription("rides", 1000), stopped("bad", "x")]));
    double.metrics.apply_duration("rides").observe(0.002);
    let (status, head, text) = get(&double, "GET /metrics", "localhost");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(text.ends_with("# EOF\n"));
    for metric in METRICS {
        let family = metric.name.strip_suffix("_total").unwrap_or(metric.name);
        assert!(text.contains(&format!("# TYPE {family} ")), "{} in {text}", metric.name);
        let sample = text.lines().find(|line| line.starts_with(metric.name)).unwrap();
        let labels = metric.labels.iter().all(|label| sample.contains(&format!("{label}=\"")));
        assert!(labels, "{sample}");
    }
    for line in [
        "redis_kafka_records_consumed_total{subscription=\"rides\",topic=\"t\",partition=\"0\"} 1000.0",
        "redis_kafka_records_applied_total{subscription=\"rides\",route=\"rides-latest\"} 11.0",
        "redis_kafka_records_lag{subscription=\"rides\",topic=\"t\",partition=\"0\"} 4123.0",
        "redis_kafka_lag_seconds{subscription=\"rides\"} 1.5",
        "redis_kafka_records_per_second{subscription=\"rides\"} 250.5",
        "redis_kafka_catch_up_seconds{subscription=\"rides\"} 42.0",
        "redis_kafka_kafka_up{subscription=\"rides\"} 1.0",
        "redis_kafka_state{subscription=\"bad\",state=\"stopped\"} 1.0",
        "redis_kafka_state{subscription=\"bad\",state=\"running\"} 0.0",
        "redis_kafka_apply_duration_seconds_count{subscription=\"rides\"} 1",
        "redis_kafka_apply_duration_seconds_bucket{le=\"0.0025\",subscription=\"rides\"} 1",
        "redis_kafka_redis_up 1.0",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
    }
}

#[test]
fn a_status_says_what_kafka_connect_says_and_more() {
    let double = Double::open(&["--redis=redis://:hunter2@h:1"]);
    double.show(snapshot(vec![stopped("rides", "rides/0@100 route x: null")]));
    let (code, status) = json(&double, "/subscriptions/rides/status");
    assert_eq!(code, 200);
    assert_eq!(status["connector"], json!({ "state": "FAILED", "worker_id": "test-0" }));
    assert_eq!(status["type"], "sink");
    assert_eq!(
        (&status["state"], &status["action"]),
        (&json!("stopped"), &json!("KAFKA.RESUME rides SKIP"))
    );
    assert_eq!(status["since"], "1970-01-01T00:00:00Z");
    let task = &status["tasks"][0];
    assert_eq!(
        (&task["id"], &task["state"], &task["trace"]),
        (&json!(0), &json!("FAILED"), &status["reason"])
    );
    assert_eq!(
        (&task["next"], &task["end"], &task["lag"]),
        (&json!(100), &json!(4223), &json!(4123))
    );
    assert_eq!(status["counters"]["consumed"], 5);
    assert_eq!(status["routes"][0]["applied"], 11);
    let (code, all) = json(&double, "/subscriptions");
    assert_eq!((code, &all["subscriptions"][0]), (200, &status));
    assert_eq!(all["redis"], json!({ "url": "redis://h:1", "up": true, "reason": null }));
    let (code, error) = json(&double, "/subscriptions/nosuch/status");
    assert_eq!((code, &error["subscriptions"]), (404, &json!(["rides"])));
}

#[test]
fn what_is_not_there_or_not_allowed_is_said_as_json() {
    let double = Double::open(&[]);
    let (code, error) = json(&double, "/connectors?a=b");
    assert_eq!((code, &error["error"]), (404, &json!("nothing is at /connectors")));
    let (code, _, body) = get(&double, "POST /subscriptions", "localhost");
    assert!(code == 405 && body.contains("command port"), "{code} {body}");
    for own in ["localhost:8390", "127.0.0.1", "[::1]:1"] {
        assert_eq!(get(&double, "GET /subscriptions", own).0, 200, "{own}");
    }
    let (code, _, body) = get(&double, "GET /subscriptions", "rebound.example");
    assert!(code == 421 && body.contains("localhost"), "{code} {body}");
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let double = Double::open(&[]);
    let (code, head, body) = get(&double, "GET /", "localhost");
    assert_eq!(code, 200);
    assert!(
        head.contains("content-security-policy: default-src 'none'; script-src 'sha256-"),
        "{head}"
    );
    assert!(
        head.contains("x-content-type-options: nosniff")
            && head.contains("cache-control: no-store")
    );
    assert!(!body.contains("/*style*/") && !body.contains("/*script*/"));
    let loads = regex::Regex::new(r#"(src|href)="(?:https?:)?//|@import|url\("#).unwrap();
    assert!(!loads.is_match(&body));
}

#[test]
fn the_health_command_asks_as_a_container_does() {
    let double = Double::open(&[]);
    let address = double.url("");
    let address = address.trim_start_matches("http://");
    let health = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_redis-kafka"))
            .args(["health", "--http", address])
            .args(words)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(health(&[]).0, Some(0));
    let mut away = snapshot(Vec::new());
    away.redis = Some("connection refused".to_owned());
    double.show(away);
    let (code, said) = health(&[]);
    assert!(code == Some(1) && said.contains("connection refused"), "{said}");
    assert_eq!(health(&["--live"]).0, Some(0));
}
