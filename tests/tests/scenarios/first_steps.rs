//! The session of docs/first-steps.md, typed into redis-cli as it stands but for the names of topic and
//! broker.

use std::io::Write;
use std::process::{Command, Stdio};

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::server::RedisServer;
use redis_kafka_tests::subject::Subject;
use regex::Regex;

redis_kafka_tests::for_module_and_sidecar!(the_session_goes_as_written);

const PAGE: &str = include_str!("../../../docs/first-steps.md");

/// The lines that are typed, each with what is answered.
fn session() -> Vec<(String, String)> {
    let fence = Regex::new("(?s)```session\n(.*?)```").expect("a regex");
    let blocks: String = fence.captures_iter(PAGE).map(|block| block[1].to_owned()).collect();
    let steps = blocks.split("> ").skip(1).map(|step| step.split_once('\n').expect("an answer"));
    steps.map(|(line, answer)| (line.to_owned(), answer.trim_end().to_owned())).collect()
}

fn typed(server: &RedisServer, line: &str) -> String {
    let port = match line.starts_with("KAFKA.") {
        true => server.command_port(),
        false => server.port(),
    };
    let mut cli = Command::new("redis-cli");
    cli.args(["-p", &port.to_string(), "--raw"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut cli = cli.spawn().expect("redis-cli");
    writeln!(cli.stdin.take().expect("its input"), "{line}").expect("typed");
    let said = cli.wait_with_output().expect("its answer").stdout;
    String::from_utf8(said).expect("text").trim_end().to_owned()
}

/// Without what differs from run to run.
fn steady(answer: &str) -> String {
    let moment = Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").expect("a regex");
    let figure = Regex::new(r"\b(rate|eta|lag_seconds)=\S+").expect("a regex");
    let answer = moment.replace_all(answer, "<time>");
    figure.replace_all(&answer, "$1=<figure>").into_owned()
}

fn the_session_goes_as_written(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = format!("rides-{}", std::process::id()) + &format!("-{subject:?}").to_lowercase();
    let server = subject.setup().start();
    let (mut went, mut differs) = (String::new(), false);
    for (line, expected) in session() {
        let line_typed = line
            .replace("localhost:9092", &kafka.brokers())
            .replace("PRODUCE rides ", &format!("PRODUCE {topic} "))
            .replace("PEEK rides ", &format!("PEEK {topic} "))
            .replace("TOPIC rides ", &format!("TOPIC {topic} "));
        let answer = typed(&server, &line_typed).replace(&topic, "rides");
        differs |= steady(&answer) != steady(&expected);
        went += &format!("> {line}\n{answer}\n");
    }
    assert!(!differs, "docs/first-steps.md says otherwise. It went:\n{went}");
}
