//! What PREVIEW shows of an example's routes, run on another Redis, comes to the same as what the
//! routes write.

use std::collections::BTreeMap;

use redis::Value;
use redis_kafka_engine::command::lines;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::reply::{items, text};
use redis_kafka_tests::server::RedisServer;
use regex::Regex;

use crate::example::Example;
use crate::records::records;

/// Fewer than PREVIEW shows at most.
const RECORDS: usize = 300;

#[test]
fn airport_sensors_are_previewed_as_they_are_written() {
    check("airport-sensors");
}

#[test]
fn bus_positions_are_previewed_as_they_are_written() {
    check("bus-positions");
}

#[test]
fn customers_are_previewed_as_they_are_written() {
    check("customers");
}

#[test]
fn purchases_are_previewed_as_they_are_written() {
    check("purchases");
}

#[test]
fn taxi_rides_are_previewed_as_they_are_written() {
    check("taxi-rides");
}

/// Runs an example's routes on its own Redis, and their previews on another one.
fn check(name: &str) {
    let mut example = Example::open(name);
    let blocks: Vec<String> = example.all_blocks().iter().map(|block| adapted(block)).collect();
    let lines: Vec<&str> = blocks.iter().flat_map(|block| block.lines()).collect();
    let first_generated = blocks.iter().find(|block| block.starts_with("redis-kafka generate"));
    example.run_shell(first_generated.expect("records"));

    let other = example.another_redis();
    let mut previewed = Previewed::default();
    let is_definition = |line: &str| {
        let of_redis = line.starts_with("KAFKA.");
        of_redis && !line.starts_with("KAFKA.INFO") && !line.starts_with("KAFKA.LIST")
    };
    // Later blocks change what the first ones have made.
    let defined = lines.iter().filter(|line| is_definition(line) && !line.contains("REPLACE"));
    for line in defined {
        run_split(&example.redis, line);
    }
    for line in lines.iter().filter(|line| !line.contains("REPLACE")) {
        if let Some(rest) = line.strip_prefix("KAFKA.SUBSCRIBE ") {
            let paused = if line.ends_with("PAUSED") { "" } else { " PAUSED" };
            run_split(&other, &format!("KAFKA.SUBSCRIBE {rest}{paused}"));
        } else if let Some(rest) = line.strip_prefix("KAFKA.ROUTE ") {
            let (_, rest) = rest.split_once(' ').expect("a route's name");
            let preview = format!("KAFKA.PREVIEW START EARLIEST COUNT 1000 {rest}");
            previewed.run(&other, &preview);
        }
    }
    assert!(previewed.commands > RECORDS, "{previewed:?}");
    compare(&example, &other, &previewed);
}

/// Few records in one partition each, of topics of their own, so that there is one order to write them.
fn adapted(block: &str) -> String {
    let topic = Regex::new(r"(--topic|TOPIC) ([a-z_-]+)").expect("a regex");
    let block = topic.replace_all(block, "$1 previewed-$2");
    let create = Regex::new(r"--create \d+").expect("a regex");
    let block = create.replace_all(&block, "--create 1");
    let count = Regex::new(r"--count \d{4,}").expect("a regex");
    count.replace_all(&block, format!("--count {RECORDS}")).into_owned()
}

/// What previews showed.
#[derive(Debug, Default)]
struct Previewed {
    commands: usize,
    /// Values of messages, by topic.
    messages: BTreeMap<String, Vec<Vec<u8>>>,
    /// Records that would fail, by the line of each.
    bad: Vec<String>,
}

impl Previewed {
    /// Runs the commands that a preview shows on the server that showed them.
    fn run(&mut self, server: &RedisServer, preview: &str) {
        let shown = run_split(server, preview);
        let mut connection = raw(server);
        for line in items(&shown).iter().map(text) {
            if let Some(comment) = line.strip_prefix("# ") {
                self.bad.extend(comment.contains(" would fail: ").then(|| comment.to_owned()));
                continue;
            }
            self.commands += 1;
            let words = lines::split(line.as_bytes()).expect(&line);
            if words[0] == b"KAFKA.PRODUCE" {
                let topic = String::from_utf8(words[1].clone()).expect("a topic");
                let value = words.last().expect("a value").clone();
                self.messages.entry(topic).or_default().push(value);
                continue;
            }
            let mut command = redis::Cmd::new();
            for word in &words {
                command.arg(word.as_slice());
            }
            command
                .query::<Value>(&mut connection)
                .unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}

fn raw(server: &RedisServer) -> redis::Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", server.port()));
    client.expect("a URL").get_connection().expect("a connection")
}

/// Sends a line, split and unquoted as redis-cli does it.
fn run_split(server: &RedisServer, line: &str) -> Value {
    let words = lines::split(line.as_bytes()).expect(line);
    let words: Vec<&str> = words.iter().map(|it| std::str::from_utf8(it).expect("UTF-8")).collect();
    let reply = server.connect(Protocol::Resp2).send(&words);
    reply.unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn compare(example: &Example, other: &RedisServer, previewed: &Previewed) {
    let of = |server: &RedisServer| -> BTreeMap<String, Vec<String>> {
        let keys = server.keys("*").into_iter().filter(|key| !key.starts_with("kafka:"));
        keys.map(|key| (key.clone(), content(server, &key))).collect()
    };
    let (written, shown) = (of(&example.redis), of(other));
    assert!(!written.is_empty());
    let names = |all: &BTreeMap<String, Vec<String>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&shown), names(&written));
    for (key, content) in &written {
        assert_eq!(&shown[key], content, "{key}");
    }
    for (topic, values) in &previewed.messages {
        let sent = records(example.kafka, topic);
        let sent: Vec<_> = sent.into_iter().map(|it| it.message.value.expect("a value")).collect();
        assert!(*values == sent, "messages to {topic}");
    }
    let letters = example.redis.keys("kafka:deadletters:*");
    let letters: i64 =
        letters.iter().map(|key| example.redis.number(&format!("XLEN \"{key}\""))).sum();
    let mut bad: Vec<_> = previewed.bad.iter().filter_map(|line| line.split(' ').next()).collect();
    bad.sort_unstable();
    bad.dedup();
    assert_eq!(bad.len() as i64, letters, "{:?}", previewed.bad);
}

/// What a key holds, in an order of its own, and whether it expires. IDs of streams are left out.
fn content(server: &RedisServer, key: &str) -> Vec<String> {
    let lines = |line: &str| -> Vec<String> {
        items(&server.line(&line.replace("KEY", &format!("\"{key}\"")))).iter().map(text).collect()
    };
    let kind = server.text(&format!("TYPE \"{key}\""));
    let mut content = match kind.as_str() {
        "hash" => {
            let fields = server.hash(key).into_iter();
            // The field behind NEWER has its route's name, which a preview does not know.
            let plain = |name: &str| name.replace("_newer:preview", "_newer:bus-now");
            fields.map(|(name, value)| format!("{}={value}", plain(&name))).collect()
        }
        "set" => lines("SMEMBERS KEY"),
        "stream" => {
            let entries = server.stream(key).into_iter().enumerate();
            let entries = entries.map(|(at, entry)| {
                format!("{at:06} {:?}", entry.into_iter().collect::<BTreeMap<_, _>>())
            });
            entries.collect()
        }
        "zset" => {
            let members =
                server.connect(Protocol::Resp2).send(&["ZRANGE", key, "0", "-1", "WITHSCORES"]);
            let members: Vec<String> = items(&members.expect("ZRANGE")).iter().map(text).collect();
            let score = |score: &str| format!("{:.4}", score.parse::<f64>().expect("a score"));
            members.chunks(2).map(|pair| format!("{}={}", pair[0], score(&pair[1]))).collect()
        }
        other => panic!("{key} is a {other}"),
    };
    content.sort_unstable();
    let expires = server.number(&format!("PTTL \"{key}\"")) > 0;
    content.push(format!("{kind} expires={expires}"));
    content
}
