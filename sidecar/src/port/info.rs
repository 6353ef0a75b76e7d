//! INFO: what monitoring tools read from a Redis, as far as it makes sense here.

use super::Lobby;
use super::clients::Clients;
use crate::control::Snapshot;
use redis_kafka_engine::control::SubscriptionReport;
use redis_kafka_engine::ledger::Counters;
use redis_kafka_engine::state::State;
use std::fmt::Write;

/// The text of INFO; all sections where none is named.
pub fn info(wanted: &[Vec<u8>], snapshot: &Snapshot, lobby: &Lobby, clients: &Clients) -> String {
    let all = [
        ("Server", server(snapshot, lobby)),
        ("Clients", vec![("connected_clients", clients.count().to_string())]),
        ("Kafka", kafka(snapshot)),
    ];
    let everything: [&[u8]; 3] = [b"all", b"everything", b"default"];
    let is_wanted = |section: &str| {
        wanted.is_empty()
            || wanted.iter().any(|word| {
                word.eq_ignore_ascii_case(section.as_bytes())
                    || everything.iter().any(|every| word.eq_ignore_ascii_case(every))
            })
    };
    let mut text = String::new();
    for (section, fields) in all.iter().filter(|(section, _)| is_wanted(section)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "# {section}\r\n");
        for (name, value) in fields {
            let _ = write!(text, "{name}:{}\r\n", value.replace(['\r', '\n'], " "));
        }
    }
    text
}

fn server(snapshot: &Snapshot, lobby: &Lobby) -> Vec<(&'static str, String)> {
    vec![
        ("redis_kafka_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("redis_mode", "standalone".to_owned()),
        ("process_id", std::process::id().to_string()),
        ("uptime_in_seconds", lobby.since.elapsed().as_secs().to_string()),
        ("redis_url", lobby.redis.to_string()),
        ("redis_state", snapshot.redis.clone().unwrap_or_else(|| "up".to_owned())),
    ]
}

/// The fields of the module's `INFO kafka`, as far as they are not the server's own.
fn kafka(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let all = &snapshot.subscriptions;
    let in_state =
        |state: State| all.iter().filter(|one| one.status.state == state).count().to_string();
    let sum = |number: fn(&SubscriptionReport) -> u64| all.iter().map(number).sum::<u64>();
    let mut counters = Counters::default();
    all.iter().for_each(|one| counters.add(&one.counters));
    vec![
        ("kafka_subscriptions", all.len().to_string()),
        ("kafka_routes", all.iter().map(|one| one.routes.len()).sum::<usize>().to_string()),
        ("kafka_running", in_state(State::Running)),
        ("kafka_paused", in_state(State::Paused)),
        ("kafka_waiting", in_state(State::Waiting)),
        ("kafka_stopped", in_state(State::Stopped)),
        ("kafka_standby", in_state(State::Standby)),
        ("kafka_units_applied", sum(|one| one.units_applied).to_string()),
        ("kafka_units_stale", sum(|one| one.units_stale).to_string()),
        ("kafka_queue_units", all.iter().map(|one| one.units_queued).sum::<usize>().to_string()),
        ("kafka_records_consumed", counters.consumed.to_string()),
        ("kafka_records_applied", counters.applied.to_string()),
        ("kafka_records_filtered", counters.filtered.to_string()),
        ("kafka_records_deadlettered", counters.deadlettered.to_string()),
        ("kafka_records_skipped", counters.skipped.to_string()),
        ("kafka_records_lag", all.iter().filter_map(|one| one.lag).sum::<i64>().to_string()),
    ]
}
