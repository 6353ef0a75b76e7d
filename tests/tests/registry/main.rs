//! The Schema Registry's client against the double of the registry.

mod failures;
mod lookups;
mod references;
mod tls;

use std::time::Duration;

use redis_kafka_engine::registry::{
    Cause, Client, Config, LookupError, SchemaId, SchemaKind, Timeouts, Url,
};
use redis_kafka_tests::registry::Registry;

/// For what must not be asked again while a test runs.
const LONG: Duration = Duration::from_secs(60);

/// Waits that outlast the test: whatever is asked twice shows in the counts.
fn patient() -> Timeouts {
    Timeouts { unknown: LONG, first_wait: LONG, longest_wait: LONG, ..Timeouts::default() }
}

/// Waits that are over at once.
fn hasty() -> Timeouts {
    let short = Duration::from_millis(1);
    Timeouts { unknown: short, first_wait: short, longest_wait: short, ..Timeouts::default() }
}

fn config(urls: &[&str], timeouts: Timeouts) -> Config {
    let urls = Url::parse_list(&urls.join(",")).expect("URLs");
    Config { timeouts, ..Config::new(urls) }
}

fn client(registry: &Registry, timeouts: Timeouts) -> Client {
    Client::new(&config(&[&registry.url()], timeouts)).expect("a client")
}

fn number(id: u32) -> SchemaId {
    SchemaId::Number(id)
}

/// The parts of an [`LookupError::Unavailable`].
fn unavailable(error: LookupError) -> (Cause, String, String, Duration) {
    match error {
        LookupError::Unavailable { cause, reason, action, retry_after } => {
            (cause, reason, action, retry_after)
        }
        other => panic!("not unavailable: {other:?}"),
    }
}

fn kind_of(client: &Client, id: u32) -> SchemaKind {
    client.schema(&number(id)).expect("a schema").kind
}
