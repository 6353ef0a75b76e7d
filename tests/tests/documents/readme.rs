//! The README's session, typed as it stands against the embedded broker and a
//! redis-server of the example configuration; its `make` targets.

use std::time::Duration;

use redis_kafka_tests::process::Process;
use redis_kafka_tests::wait::{wait_for, wait_until};
use regex::Regex;

use crate::configuration::{Server, example_configuration};
use crate::{built, read};

const DEADLINE: Duration = Duration::from_secs(30);

/// The fenced blocks of `README.md` that carry this name.
fn blocks(name: &str) -> Vec<String> {
    let fence = Regex::new(&format!("(?s)```{name}\n(.*?)```")).expect("a regex");
    let found: Vec<String> =
        fence.captures_iter(&read("README.md")).map(|block| block[1].to_string()).collect();
    assert!(!found.is_empty(), "no ```{name} block in README.md");
    found
}

/// The embedded broker and the generator, started as the README says but on a free port.
pub struct Kafka {
    /// Where the broker listens.
    pub address: String,
    _processes: [Process; 2],
}

impl Kafka {
    pub fn start(directory: &std::path::Path) -> Kafka {
        let program = built("redis-kafka").display().to_string();
        let shell = blocks("sh").join("");
        let line = |subcommand: &str| -> Vec<String> {
            let start = format!("target/release/redis-kafka {subcommand} ");
            let line = shell.lines().find(|line| line.starts_with(&start));
            let line = line.unwrap_or_else(|| panic!("README.md starts no {subcommand}"));
            let words = line.trim_end_matches('&').split_whitespace().skip(1);
            words.map(str::to_string).collect()
        };
        let file = directory.join("broker");
        let mut broker = line("broker");
        let port = broker.iter().position(|word| word == "--port").expect("--port");
        broker.splice(port..port + 2, ["--listen-file".to_string(), file.display().to_string()]);
        let broker = Process::start(&program, &broker, &[], &directory.join("broker.log"));
        let address = wait_for("the broker's address", DEADLINE, || std::fs::read_to_string(&file));
        let address = address.trim().to_string();
        let generate: Vec<String> =
            line("generate").iter().map(|word| word.replace("localhost:9092", &address)).collect();
        let generate = Process::start(&program, &generate, &[], &directory.join("generate.log"));
        Kafka { address, _processes: [broker, generate] }
    }
}

/// What the README promises of one line's reply.
fn as_promised(line: &str, reply: &str) -> bool {
    let definition = ["SUBSCRIBE", "ROUTE", "RESUME", "WAIT", "PAUSE", "UNROUTE", "UNSUBSCRIBE"];
    let command = line.split_whitespace().next().unwrap_or_default();
    match command.strip_prefix("KAFKA.") {
        Some(name) if definition.contains(&name) => reply.starts_with("OK"),
        Some("LIST") => reply.starts_with("sub=sensors state=running"),
        Some("INFO") => reply.contains("consumed"),
        Some(_) => false,
        None => reply.contains("temperature"),
    }
}

#[test]
fn session_runs_as_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let kafka = Kafka::start(directory.path());
    let server = Server::start(&example_configuration());
    let consumes = || server.threads().iter().any(|thread| thread == "kafka-sensors");
    for line in blocks("redis").concat().lines() {
        if line.starts_with("KAFKA.UNSUBSCRIBE") {
            assert!(consumes(), "{:?}", server.threads());
        }
        let typed = line.replace("localhost:9092", &kafka.address);
        // A definition is typed once; a look is repeated until the generator has made that key.
        if line.starts_with("KAFKA.") {
            let reply = server.run(&typed);
            assert!(as_promised(line, &reply), "{line}\n{reply}");
        } else {
            wait_for(line, DEADLINE, || {
                let reply = server.run(&typed);
                if as_promised(line, &reply) { Ok(()) } else { Err(reply) }
            });
        }
    }
    // The worker says its farewell to the broker on its own: the server outlives that.
    wait_until("the worker to end", DEADLINE, || !consumes());
    assert_eq!(server.run("PING\n"), "PONG\n");
    assert_eq!(server.run("KAFKA.LIST\n").trim(), "");
}

#[test]
fn profiles_load_and_hide_their_secrets() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("kafka.toml");
    std::fs::write(&path, blocks("toml").concat()).expect("write the profiles");
    let argument = format!("PROPAGATE units CONNECTIONS {}", path.display());
    let server = Server::start(&example_configuration().replace("PROPAGATE units", &argument));
    let reply = server.run("KAFKA.CONNECTIONS");
    let mut names: Vec<&str> = reply.split_whitespace().collect();
    names.sort();
    assert_eq!(names, ["confluent", "datacenter"]);
}

#[test]
fn make_targets_of_the_readme_exist() {
    let makefile = read("Makefile");
    let named = Regex::new(r"make ([a-z-]+)").expect("a regex");
    let readme = read("README.md");
    let code: Vec<&str> = readme.split('`').skip(1).step_by(2).chain(readme.lines()).collect();
    let mut checked = 0;
    for text in code.iter().filter(|text| text.starts_with("make ")) {
        let target = &named.captures(text).expect("a target")[1];
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
        checked += 1;
    }
    assert!(checked >= 6, "found only {checked}");
}
