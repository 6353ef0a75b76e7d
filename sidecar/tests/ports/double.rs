//! A double of the registry's thread: answers as the test says, and keeps what it was asked.

use clap::Parser;
use jiff::Timestamp;
use redis_kafka_engine::control::{PartitionReport, Reply, RouteReport, SubscriptionReport};
use redis_kafka_engine::ledger::Counters;
use redis_kafka_engine::state::{Settles, State, Status};
use redis_kafka_engine::worker::{CatchUp, Contact, ContactState, LastError};
use redis_kafka_sidecar::cli::RunArgs;
use redis_kafka_sidecar::control::{Control, Request, Snapshot};
use redis_kafka_sidecar::metrics::Metrics;
use redis_kafka_sidecar::serve::{Plan, Ports};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What the double does and has seen.
#[derive(Default)]
pub struct Script {
    /// The snapshot to give; none keeps the asker waiting.
    pub snapshot: Option<Snapshot>,
    /// Commands it was given, each as one line with its database.
    pub commands: Vec<(String, i32)>,
    /// Askers of KAFKA.WAIT, and snapshots that were not given.
    pub held: Vec<oneshot::Sender<Reply>>,
    held_snapshots: Vec<oneshot::Sender<Snapshot>>,
}

/// Open ports with a double behind them.
pub struct Double {
    ports: Ports,
    pub metrics: Metrics,
    pub script: Arc<Mutex<Script>>,
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: RunArgs,
}

/// The options of `run`, on free ports.
pub fn args(words: &[&str]) -> RunArgs {
    let free = ["run", "--listen=127.0.0.1:0", "--http=127.0.0.1:0", "--instance-id=test-0"];
    Line::try_parse_from(free.iter().chain(words)).unwrap().args
}

impl Double {
    /// Opens the ports as `redis-kafka run` does with these options.
    pub fn open(words: &[&str]) -> Double {
        let script = Arc::new(Mutex::new(Script {
            snapshot: Some(snapshot(Vec::new())),
            ..Script::default()
        }));
        let (sender, requests) = crossbeam_channel::unbounded();
        let own = script.clone();
        std::thread::spawn(move || {
            requests.iter().for_each(|request| own.lock().unwrap().answer(request))
        });
        let metrics = Metrics::default();
        let plan = Plan::new(&args(words)).unwrap();
        let ports = Ports::open(plan, Control::new(sender), metrics.clone()).unwrap();
        Double { ports, metrics, script }
    }

    pub fn listen(&self) -> SocketAddr {
        self.ports.listen().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ports.http().unwrap())
    }

    pub fn show(&self, snapshot: Snapshot) {
        self.script.lock().unwrap().snapshot = Some(snapshot);
    }
}

impl Script {
    fn answer(&mut self, request: Request) {
        match request {
            Request::Command { words, database, answer } => self.command(&words, database, answer),
            Request::Snapshot(answer) => match &self.snapshot {
                // Who has gone in between needs no answer.
                Some(snapshot) => drop(answer.send(snapshot.clone())),
                None => self.held_snapshots.push(answer),
            },
            Request::Wake | Request::End => {}
        }
    }

    fn command(&mut self, words: &[Vec<u8>], database: i32, answer: oneshot::Sender<Reply>) {
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        let line = words.join(" ");
        let reply = match words[0].to_ascii_uppercase().as_str() {
            "KAFKA.WAIT" => return self.held.push(answer),
            "KAFKA.LIST" => Reply::Text("sub=rides state=running\n".to_owned()),
            "KAFKA.INFO" => Reply::Map(vec![
                (
                    "name",
                    Reply::Text(words.get(1).map(|name| name.to_string()).unwrap_or_default()),
                ),
                ("lag", Reply::Integer(7)),
                ("partitions", Reply::List(vec![Reply::Map(vec![("next", Reply::Integer(42))])])),
            ]),
            "KAFKA.SUBSCRIBE" => Reply::Simple("OK".to_owned()),
            _ => Reply::Error(format!("ERR no script for {line}")),
        };
        self.commands.push((line, database));
        drop(answer.send(reply));
    }
}

pub fn snapshot(subscriptions: Vec<SubscriptionReport>) -> Snapshot {
    Snapshot { subscriptions, redis: None, standby: None }
}

pub fn counters(consumed: u64) -> Counters {
    Counters { consumed, applied: consumed, ..Counters::default() }
}

/// A subscription that runs, with one partition and one route.
pub fn subscription(name: &str, consumed: u64) -> SubscriptionReport {
    SubscriptionReport {
        name: name.to_owned(),
        definition: format!("KAFKA.SUBSCRIBE {name} TOPIC t BROKERS localhost:9092"),
        database: 3,
        status: Status {
            state: State::Running,
            reason: String::new(),
            action: String::new(),
            settles: Settles::Nothing,
            since: Timestamp::UNIX_EPOCH,
        },
        group: format!("redis-kafka.{name}.x"),
        counters: counters(consumed),
        lag: Some(4123),
        lag_seconds: Some(1.5),
        units_applied: 12,
        units_stale: 1,
        units_queued: 2,
        memory: 4096,
        last_error: None,
        rate: Some(250.5),
        catch_up: CatchUp::In(42.0),
        contact: Contact { state: ContactState::Up, ..Contact::default() },
        partitions: vec![PartitionReport {
            topic: "t".into(),
            partition: 0,
            next: 100,
            end: Some(4223),
            lag: Some(4123),
            counters: counters(consumed),
        }],
        routes: vec![RouteReport {
            name: format!("{name}-latest"),
            definition: format!("KAFKA.ROUTE {name}-latest FROM {name} TO HASH \"a:%{{id}}\""),
            applied: 11,
        }],
    }
}

/// The same, stopped for this reason.
pub fn stopped(name: &str, reason: &str) -> SubscriptionReport {
    let mut report = subscription(name, 5);
    report.status.state = State::Stopped;
    report.status.reason = reason.to_owned();
    report.status.action = format!("KAFKA.RESUME {name} SKIP");
    report.last_error = Some(LastError { text: reason.to_owned(), at: Timestamp::UNIX_EPOCH });
    report
}
