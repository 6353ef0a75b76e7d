//! The dashboard in docs/grafana: it names nothing that nobody measures.

use std::collections::BTreeSet;

use redis_kafka_engine::control::{INFO_FIELDS, SUBSCRIPTION_FIGURES};
use regex::Regex;
use serde_json::Value;

use crate::read;

fn dashboard() -> Value {
    serde_json::from_str(&read("docs/grafana/redis-kafka.json")).expect("JSON")
}

/// All queries of panels and variables.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if matches!(name.as_str(), "expr" | "query") => {
                        found.push(text.clone());
                    }
                    _ => queries(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

fn all(pattern: &str, texts: &[String]) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let found = texts.iter().flat_map(|text| pattern.captures_iter(text));
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_metric_of_the_dashboard_is_one_of_ours() {
    let mut texts = Vec::new();
    queries(&dashboard(), &mut texts);
    let sidecar = read("docs/sidecar.md");
    let metrics = all(r"\b((?:redis_kafka|process)_[a-z_]+)\b", &texts);
    assert!(metrics.len() > 10, "{metrics:?}");
    for metric in &metrics {
        let name = metric.strip_suffix("_bucket").unwrap_or(metric);
        assert!(sidecar.contains(&format!("| `{name}` |")), "{name} is not in docs/sidecar.md");
    }
    let totals = all(r#"key="kafka:([a-z_]+)""#, &texts);
    assert!(!totals.is_empty());
    for total in &totals {
        assert!(INFO_FIELDS.iter().any(|field| field.name == total), "kafka_{total}");
    }
    let figures = all(r#"key=~"[^"]+:([a-z_]+)""#, &texts);
    assert!(figures.len() > 5, "{figures:?}");
    for figure in &figures {
        assert!(SUBSCRIPTION_FIGURES.iter().any(|known| known.name == figure), "{figure}");
    }
}

#[test]
fn every_panel_says_what_it_shows() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_i64().expect("an id")), "{panel}");
        let is_row = panel["type"] == "row";
        let text = |name: &str| panel[name].as_str().unwrap_or_default();
        assert!(!text("title").is_empty(), "{panel}");
        assert!(is_row || !text("description").is_empty(), "{panel}");
        assert!(is_row || panel["datasource"]["uid"] == "${datasource}", "{panel}");
    }
}

#[test]
fn the_operations_guide_names_every_field_of_info() {
    let guide = read("docs/operations.md");
    let fields = INFO_FIELDS.iter().map(|field| field.name);
    for name in fields.chain(SUBSCRIPTION_FIGURES.iter().map(|figure| figure.name)) {
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in docs/operations.md");
    }
}
