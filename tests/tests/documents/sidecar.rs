//! The first commands of docs/sidecar.md, as they stand but for the ports, against the embedded broker.

use std::process::Command;
use std::time::Duration;

use redis_kafka_tests::network::free_port;
use redis_kafka_tests::process::Process;
use redis_kafka_tests::server::Setup;
use redis_kafka_tests::wait::wait_for;

use crate::readme::Kafka;
use crate::{built, read};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn the_first_commands_run_as_written() {
    let page = read("docs/sidecar.md");
    let (_, block) = page.split_once("```sh\n").expect("a block of commands");
    let (block, _) = block.split_once("```").expect("its end");
    let directory = tempfile::tempdir().expect("a directory");
    let kafka = Kafka::start(directory.path());
    let (redis, port) = (Setup::plain().start(), free_port());
    let typed = block
        .replace("localhost:6379", &format!("localhost:{}", redis.port()))
        .replace("-p 6390", &format!("-p {port}"))
        .replace("localhost:9092", &kafka.address);
    let mut lines = typed.lines();
    let run = lines.next().and_then(|line| line.strip_prefix("redis-kafka ")).expect("the program");
    let words = run.trim_end_matches('&').split_whitespace().map(str::to_string);
    let listen = ["--listen".to_string(), format!("127.0.0.1:{port}")];
    let args: Vec<String> =
        words.chain(listen).chain(["--http".to_string(), "off".to_string()]).collect();
    let log = directory.path().join("sidecar.log");
    let _sidecar = Process::start(&built("redis-kafka").display().to_string(), &args, &[], &log);
    let shell = |line: &str| {
        let output = Command::new("sh").args(["-c", line]).output().expect("a shell");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    wait_for("the command port", DEADLINE, || {
        let said = shell(&format!("redis-cli -p {port} PING"));
        if said.trim() == "PONG" { Ok(()) } else { Err(said) }
    });
    for line in lines {
        let said = shell(line);
        assert!(said.starts_with("OK") || said.starts_with("sub=sensors"), "{line}\n{said}");
    }
    wait_for("readings", DEADLINE, || {
        let keys = redis.keys("sensor:*");
        if keys.is_empty() {
            Err(shell(&format!("redis-cli -p {port} KAFKA.LIST")))
        } else {
            Ok(())
        }
    });
}
