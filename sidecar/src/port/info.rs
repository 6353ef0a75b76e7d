//! INFO: what monitoring tools read from a Redis, as far as it makes sense here.

use super::Lobby;
use super::clients::Clients;
use crate::control::Snapshot;
use redis_kafka_engine::control::{PastUnits, info_fields};
use std::fmt::Write;

/// The text of INFO; all sections where none is named.
pub fn info(wanted: &[Vec<u8>], snapshot: &Snapshot, lobby: &Lobby, clients: &Clients) -> String {
    let all = [
        ("Server", server(snapshot, lobby)),
        ("Clients", vec![("connected_clients".to_owned(), clients.count().to_string())]),
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

fn server(snapshot: &Snapshot, lobby: &Lobby) -> Vec<(String, String)> {
    let fields = [
        ("redis_kafka_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("redis_mode", "standalone".to_owned()),
        ("process_id", std::process::id().to_string()),
        ("uptime_in_seconds", lobby.since.elapsed().as_secs().to_string()),
        ("redis_url", lobby.redis.to_string()),
        ("redis_state", snapshot.redis.clone().unwrap_or_else(|| "up".to_owned())),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// The fields of the module's `INFO kafka`, as far as they are not the server's own.
fn kafka(snapshot: &Snapshot) -> Vec<(String, String)> {
    let fields = info_fields(&snapshot.subscriptions, PastUnits::default());
    fields.into_iter().map(|(name, value)| (format!("kafka_{name}"), value)).collect()
}
