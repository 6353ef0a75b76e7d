//! Runs a case: records through a route, plain commands beside it in the same
//! server, and compares what both made.

use std::collections::BTreeMap;

use redis::Value;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::producer::send_each;
use redis_kafka_tests::reply::items;
use redis_kafka_tests::server::RedisServer;

/// A record and what it does. In commands and targets, `@` stands for the
/// prefix of the keys of one side; in commands, single quotes hold a word together.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub key: Option<&'static str>,
    pub value: Option<&'static str>,
    pub does: Does,
}

#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// What these plain commands do.
    Runs(&'static [&'static str]),
    /// Nothing: it is filtered.
    Nothing,
    /// It is a dead letter whose error has these words.
    Fails(&'static str),
}

/// A record that does what these plain commands do.
pub const fn writes(
    key: &'static str,
    value: &'static str,
    commands: &'static [&'static str],
) -> Record {
    Record { key: Some(key), value: Some(value), does: Does::Runs(commands) }
}

/// A record that becomes a dead letter.
pub const fn fails(key: &'static str, value: &'static str, words: &'static str) -> Record {
    Record { key: Some(key), value: Some(value), does: Does::Fails(words) }
}

/// A tombstone; without commands it is filtered.
pub const fn tombstone(key: &'static str, commands: &'static [&'static str]) -> Record {
    let does = if commands.is_empty() { Does::Nothing } else { Does::Runs(commands) };
    Record { key: Some(key), value: None, does }
}

/// Records through one route of a subscription of its own.
#[derive(Clone, Debug)]
pub struct Case {
    /// Names the subscription, the route and the keys.
    pub name: String,
    /// Further options of the SUBSCRIBE.
    pub subscribe: &'static str,
    /// The target and what stands behind it.
    pub target: String,
    /// Run for both sides before anything is sent.
    pub before: Vec<String>,
    pub records: Vec<Record>,
    /// A time to live in seconds that the plain commands give every key at last.
    pub lifetime: Option<i64>,
}

impl Case {
    pub fn new(name: &str, target: &str, records: &[Record]) -> Case {
        Case {
            name: name.into(),
            subscribe: "",
            target: target.into(),
            before: Vec::new(),
            records: records.to_vec(),
            lifetime: None,
        }
    }

    pub fn got(&self) -> String {
        format!("got:{}:", self.name)
    }

    pub fn want(&self) -> String {
        format!("want:{}:", self.name)
    }

    /// Declares the subscription and its route; the topic.
    pub fn declare(&self, server: &RedisServer) -> String {
        let kafka = Kafka::shared();
        let topic = kafka.topic("case", 1);
        for command in &self.before {
            run(server, &self.got(), command);
            run(server, &self.want(), command);
        }
        let (name, brokers, subscribe) = (&self.name, kafka.brokers(), self.subscribe);
        server.ok(&format!(
            "KAFKA.SUBSCRIBE {name} TOPIC {topic} BROKERS {brokers} ONERROR DEADLETTER {subscribe}"
        ));
        let target = self.target.replace('@', &self.got());
        server.ok(&format!("KAFKA.ROUTE {name}.r FROM {name} TO {target}"));
        topic
    }

    /// Runs the plain commands of the records.
    pub fn run_plain(&self, server: &RedisServer) {
        let want = self.want();
        for record in &self.records {
            let Does::Runs(commands) = record.does else { continue };
            commands.iter().for_each(|command| run(server, &want, command));
        }
        if let Some(seconds) = self.lifetime {
            for key in server.keys(&format!("{want}*")) {
                server.line(&format!("EXPIRE {key} {seconds}"));
            }
        }
    }

    /// Both sides are equal; every record is counted as what it does.
    pub fn check(&self, server: &RedisServer) {
        self.check_contents(server);
        let count = |is: fn(&Does) -> bool| {
            self.records.iter().filter(|record| is(&record.does)).count() as i64
        };
        let counters = server.subscription(&self.name).counters;
        counters.check();
        assert_eq!(
            (counters.applied, counters.filtered, counters.deadlettered),
            (
                count(|does| matches!(does, Does::Runs(_))),
                count(|does| matches!(does, Does::Nothing)),
                count(|does| matches!(does, Does::Fails(_))),
            ),
            "{}: applied, filtered, deadlettered; {:#?}",
            self.name,
            server.stream(&format!("kafka:deadletters:{}", self.name)),
        );
        self.check_letters(server);
    }

    /// The keys of both sides are equal: types, values and times to live.
    pub fn check_contents(&self, server: &RedisServer) {
        let ids = self.target.contains(" ID ");
        let read = |prefix: &str| contents(server, prefix, ids);
        let (got, want) = (read(&self.got()), read(&self.want()));
        let keys = |side: &BTreeMap<String, Content>| side.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&got), keys(&want), "{}: got and wanted keys", self.name);
        for (key, got) in &got {
            let want = &want[key];
            let name = &self.name;
            assert_eq!((&got.kind, &got.value), (&want.kind, &want.value), "{name}: {key}");
            let slack = if self.lifetime.is_some() { 60_000 } else { 0 };
            assert_eq!(got.expires > 0, want.expires > 0, "{name}: {key} expires");
            let apart = (got.expires - want.expires).abs();
            assert!(apart <= slack, "{name}: {key} expires at {got:?}, not at {want:?}");
        }
    }

    fn check_letters(&self, server: &RedisServer) {
        let letters = server.stream(&format!("kafka:deadletters:{}", self.name));
        let mut letters = letters.iter();
        for (offset, record) in self.records.iter().enumerate() {
            let Does::Fails(words) = record.does else { continue };
            let letter = letters.next().expect("as many letters as are counted");
            assert_eq!(letter["offset"], offset.to_string(), "{}: {letter:?}", self.name);
            let error = letter["error"].to_lowercase();
            assert!(error.contains(&words.to_lowercase()), "{}: {words} in {letter:?}", self.name);
        }
    }
}

/// Sends records to a case's topic.
pub fn send(topic: &str, records: &[Record]) {
    send_all([(topic, records)]);
}

/// Sends records to several cases' topics.
pub fn send_all<'r>(cases: impl IntoIterator<Item = (&'r str, &'r [Record])>) {
    let records = cases.into_iter().flat_map(|(topic, records)| {
        let raw = |record: &Record| (record.key, record.value.map(str::as_bytes));
        records.iter().map(move |record| (topic, raw(record)))
    });
    send_each(Kafka::shared(), records);
}

/// Runs cases beside each other: all are declared before the first one is sent.
pub fn run_all(server: &RedisServer, cases: &[Case]) {
    let topics: Vec<String> = cases.iter().map(|case| case.declare(server)).collect();
    send_all(cases.iter().zip(&topics).map(|(case, topic)| (topic.as_str(), &case.records[..])));
    wait_all(server, cases);
    for case in cases {
        case.run_plain(server);
        case.check(server);
    }
}

/// KAFKA.WAIT for every case at once: each asks Kafka for its topic's end.
pub fn wait_all(server: &RedisServer, cases: &[Case]) {
    let waited: Vec<_> = std::thread::scope(|scope| {
        let wait = |case: &Case| {
            let (mut client, name) = (server.connect(Protocol::Resp3), case.name.clone());
            scope.spawn(move || client.send(&["KAFKA.WAIT", &name, "55000"]))
        };
        let waiting: Vec<_> = cases.iter().map(wait).collect();
        waiting.into_iter().map(|thread| thread.join().expect("a waiting thread")).collect()
    });
    for (case, _) in cases.iter().zip(waited).filter(|(_, waited)| waited.is_err()) {
        // Tells what is wrong, unless only the connection was.
        server.wait_applied(&case.name);
    }
}

/// Runs a plain command.
pub fn run(server: &RedisServer, prefix: &str, command: &str) {
    if let Err(error) = try_run(server, prefix, command) {
        panic!("{command}: {error}");
    }
}

/// Runs a plain command; `Err` is the error line.
pub fn try_run(server: &RedisServer, prefix: &str, command: &str) -> Result<Value, String> {
    let words = words(&command.replace('@', prefix));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    server.connect(Protocol::Resp3).send(&words)
}

/// Splits at blanks outside of single quotes.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in command.split('\'').enumerate() {
        let mut pieces = if index % 2 == 0 { part.split(' ').collect() } else { vec![part] };
        let first = pieces.remove(0);
        words.last_mut().expect("a word").push_str(first);
        words.extend(pieces.into_iter().map(str::to_string));
    }
    words
}

/// What a key holds.
#[derive(Debug, PartialEq)]
pub struct Content {
    kind: String,
    value: String,
    /// When it expires, in milliseconds since 1970; -1: never.
    expires: i64,
}

/// What all keys of a prefix hold, by the rest of their names. Entry IDs are
/// left out unless they are `ids` that somebody gave.
pub fn contents(server: &RedisServer, prefix: &str, ids: bool) -> BTreeMap<String, Content> {
    let mut contents = BTreeMap::new();
    for key in server.keys(&format!("{prefix}*")) {
        let kind = server.text(&format!("TYPE {key}"));
        let value = value(server, &key, &kind, ids);
        let expires = server.number(&format!("PEXPIRETIME {key}"));
        contents.insert(key[prefix.len()..].to_string(), Content { kind, value, expires });
    }
    contents
}

fn value(server: &RedisServer, key: &str, kind: &str, ids: bool) -> String {
    let sorted = |reply: Value| {
        let mut texts: Vec<String> = match &reply {
            Value::Map(pairs) => pairs.iter().map(|pair| format!("{pair:?}")).collect(),
            other => items(other).iter().map(|item| format!("{item:?}")).collect(),
        };
        texts.sort();
        texts.join(", ")
    };
    match kind {
        "string" => server.text(&format!("GET {key}")),
        "hash" => sorted(server.line(&format!("HGETALL {key}"))),
        "set" => sorted(server.line(&format!("SMEMBERS {key}"))),
        "list" => format!("{:?}", server.line(&format!("LRANGE {key} 0 -1"))),
        "zset" => format!("{:?}", server.line(&format!("ZRANGE {key} 0 -1 WITHSCORES"))),
        "stream" if ids => format!("{:?}", server.line(&format!("XRANGE {key} - +"))),
        "stream" => {
            let entries = server.line(&format!("XRANGE {key} - +"));
            items(&entries).iter().map(|entry| format!("{:?}", items(entry)[1])).collect()
        }
        "ReJSON-RL" => server.text(&format!("JSON.GET {key}")),
        "TSDB-TYPE" => format!("{:?}", server.line(&format!("TS.RANGE {key} - +"))),
        other => panic!("{key}: no way to read a {other}"),
    }
}
