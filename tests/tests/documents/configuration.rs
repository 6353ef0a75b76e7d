//! `redis.conf`, and what the Dockerfile makes of it, against a real redis-server.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use redis_kafka_tests::process::Process;
use redis_kafka_tests::wait::wait_for;
use regex::Regex;

use crate::{built, read};

const STARTED: Duration = Duration::from_secs(20);

/// `redis.conf` with the module's absolute path.
pub fn example_configuration() -> String {
    let text = read("redis.conf");
    let module = "loadmodule target/release/libredis_kafka.so";
    assert!(text.contains(module), "redis.conf loads the module that make build leaves");
    text.replace(module, &format!("loadmodule {}", built("libredis_kafka.so").display()))
}

/// A redis-server on a socket and in a directory of its own.
pub struct Server {
    directory: tempfile::TempDir,
    process: Process,
}

impl Server {
    /// Starts one of this configuration and waits until it answers.
    pub fn start(configuration: &str) -> Server {
        let directory = tempfile::tempdir().expect("a directory");
        let here = directory.path().display();
        let socket = socket(directory.path());
        let text = configuration
            .replace("\ndir .\n", &format!("\ndir {here}\n"))
            .replace("\nport 6379\n", &format!("\nport 0\nunixsocket {socket}\n"));
        let configuration = directory.path().join("redis.conf");
        std::fs::write(&configuration, text).expect("write redis.conf");
        let log = directory.path().join("log");
        let process =
            Process::start("redis-server", &[configuration.display().to_string()], &[], &log);
        let server = Server { directory, process };
        wait_for("redis-server to answer", STARTED, || match server.run("PING\n").as_str() {
            "PONG\n" => Ok(()),
            other => Err(format!("{other}\n{}", std::fs::read_to_string(&log).unwrap_or_default())),
        });
        server
    }

    /// The names of the server's threads.
    pub fn threads(&self) -> Vec<String> {
        self.process.threads()
    }

    /// What redis-cli prints for these lines.
    pub fn run(&self, lines: &str) -> String {
        redis_cli(&socket(self.directory.path()), lines)
    }
}

fn socket(directory: &Path) -> String {
    directory.join("redis.sock").display().to_string()
}

/// Types `lines` into redis-cli, which splits and unquotes them as for a person.
fn redis_cli(socket: &str, lines: &str) -> String {
    let input = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(input.path(), lines).expect("write the input");
    let output = Command::new("redis-cli")
        .args(["-s", socket])
        .stdin(input.reopen().expect("the input"))
        .output()
        .expect("redis-cli");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn example_configuration_starts_redis_with_the_module() {
    let server = Server::start(&example_configuration());
    let modules = server.run("MODULE LIST\n");
    assert!(modules.lines().any(|line| line == "kafka"), "{modules}");
    let info = server.run("INFO kafka\n");
    assert!(info.contains("kafka_propagate:units"), "{info}");
    assert_eq!(server.run("CONFIG GET appendonly\n"), "appendonly\nyes\n");
    assert_eq!(server.run("CONFIG GET maxmemory-policy\n"), "maxmemory-policy\nnoeviction\n");
}

#[test]
fn dockerfile_finds_in_redis_conf_what_it_replaces() {
    let configuration = read("redis.conf");
    let dockerfile = read("Dockerfile");
    let substitution = Regex::new(r"'s\|([^|]*)\|[^|]*\|'").expect("a regex");
    let patterns: Vec<&str> = substitution
        .captures_iter(&dockerfile)
        .filter_map(|found| found.get(1))
        .map(|m| m.as_str())
        .collect();
    assert_eq!(patterns.len(), 3, "{patterns:?}");
    for pattern in patterns {
        let line = Regex::new(&format!("(?m){pattern}")).expect("a regex");
        assert_eq!(line.find_iter(&configuration).count(), 1, "{pattern} in redis.conf");
    }
}
