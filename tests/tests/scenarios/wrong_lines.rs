//! Lines that only a live server, broker or registry can find wrong, with the answer each one gets:
//! `tests/tests/data/wrong_lines.golden`. Lines that the parser refuses stand in
//! `engine/tests/data/errors.golden`.

use std::net::TcpListener;

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::registry::{Kind, Registry};
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use regex::Regex;

redis_kafka_tests::for_module_and_sidecar!(wrong_lines_are_answered_with_their_way_out);

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wrong_lines.golden");

const SCHEMA: &str = r#"{"type":"record","name":"Ride","fields":[
    {"name":"zone","type":"string"},{"name":"price","type":"double"},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;

/// What stands for a name that differs from run to run.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn fill(&self, line: &str) -> String {
        self.0.iter().fold(line.to_owned(), |line, (name, text)| line.replace(name, text))
    }

    fn hide(&self, answer: &str) -> String {
        let hidden = self
            .0
            .iter()
            .fold(answer.to_owned(), |answer, (name, text)| answer.replace(text, name));
        // librdkafka says how long it tried, and how often.
        let tries =
            Regex::new(r" \(after \d+ms in state .*?\)(?: suppressed\))?;").expect("a regex");
        tries.replace_all(&hidden, " (after a while);").into_owned()
    }
}

/// A port of this machine on which nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

fn answer(server: &RedisServer, line: &str) -> String {
    match server.try_line(line) {
        Ok(reply) => redis_kafka_tests::reply::text(&reply),
        Err(error) => error,
    }
}

fn wrong_lines_are_answered_with_their_way_out(subject: Subject) {
    let (kafka, registry) = (Kafka::shared(), Registry::start());
    let topic = kafka.topic("wrong", 1);
    registry.register(&format!("{topic}-value"), Kind::Avro, SCHEMA, &[]);
    let server = subject.setup().bare().start();
    let names = Names(vec![
        ("{registry}", registry.url()),
        ("{brokers}", kafka.brokers()),
        ("{topic}", topic),
        ("{closed}", format!("127.0.0.1:{}", closed_port())),
    ]);
    let (mut wrong, mut count) = (Vec::new(), 0);
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden file");
    for block in golden.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let rows: Vec<&str> = block.lines().filter(|row| !row.starts_with('#')).collect();
        let [line, expected] = rows[..] else { panic!("not a line and its answer: {block}") };
        let got = names.hide(&answer(&server, &names.fill(line)));
        if got != expected {
            wrong.push(format!("{line}\n{got}\n\n  and not: {expected}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 40, "{count} lines are too few");
}
