//! An example's README: its blocks, and how they are run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use redis_kafka_tests::broker::{Kafka, PLAIN_PASSWORD, PLAIN_USER};
use redis_kafka_tests::network::free_port;
use redis_kafka_tests::process::Process;
use redis_kafka_tests::registry::Registry;
use redis_kafka_tests::server::{RedisServer, Setup};
use redis_kafka_tests::subject::{Subject, built, workspace};
use redis_kafka_tests::wait::wait_for;
use regex::Regex;
use tempfile::TempDir;

pub const DEADLINE: Duration = Duration::from_secs(120);

/// Whom a block of a README is typed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Shell,
    RedisCli,
}

/// A copy of an example's folder with all that its commands name.
pub struct Example {
    pub kafka: &'static Kafka,
    pub registry: Registry,
    pub redis: RedisServer,
    directory: TempDir,
    /// What the shell has in its environment beside PATH.
    environment: Vec<(String, String)>,
    /// How its Redis was started.
    setup: Setup,
    /// Where its web API listens.
    web: u16,
    blocks: std::vec::IntoIter<(Typed, String)>,
    /// Shells of blocks that left something running behind them.
    shells: Vec<Process>,
}

impl Example {
    /// Makes everything ready; nothing of the README has run.
    pub fn open(name: &str) -> Example {
        let kafka = Kafka::shared();
        let source = workspace().join("examples").join(name);
        let directory = tempfile::tempdir().expect("a directory");
        for file in std::fs::read_dir(&source).expect("the example").flatten() {
            std::fs::copy(file.path(), directory.path().join(file.file_name())).expect("copy");
        }
        let mut setup = Subject::ModuleUnits.setup_of_units(256);
        let mut environment = Vec::new();
        let profiles = directory.path().join("kafka.toml");
        if profiles.exists() {
            reach_with_tls(kafka, &profiles);
            setup = setup.connections(&profiles);
            for (name, value) in
                [("CLUSTER_API_KEY", PLAIN_USER), ("CLUSTER_API_SECRET", PLAIN_PASSWORD)]
            {
                setup = setup.env(name, value);
                environment.push((name.to_owned(), value.to_owned()));
            }
        }
        Example {
            kafka,
            registry: Registry::start(),
            redis: setup.start(),
            setup,
            directory,
            environment,
            web: free_port(),
            blocks: blocks(&source.join("README.md")).into_iter(),
            shells: Vec::new(),
        }
    }

    /// Another Redis like the one it has.
    pub fn another_redis(&self) -> RedisServer {
        self.setup.start()
    }

    /// All blocks of the README, in order.
    pub fn all_blocks(&self) -> Vec<String> {
        self.blocks.as_slice().iter().map(|(_, block)| self.replaced(block)).collect()
    }

    /// Runs lines of the shell.
    pub fn run_shell(&mut self, block: &str) {
        let (success, output) = self.run(block);
        assert!(success, "{block}\n{output}");
    }

    /// A file that a command of the README writes.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the README's next block, which must be one of `redis-cli`, and gives the replies.
    pub fn redis_cli(&mut self) -> String {
        let block = self.next(Typed::RedisCli);
        let replies: Vec<String> = block.lines().map(|line| self.type_in(line)).collect();
        replies.concat()
    }

    /// Runs the README's next block, which must be one of the shell; what it wrote to standard output
    /// and error.
    pub fn shell(&mut self) -> String {
        let block = self.next(Typed::Shell);
        let (success, output) = self.run(&block);
        assert!(success, "{block}\n{output}");
        output
    }

    /// Runs the README's next block of the shell, a look at something, again and again until it
    /// succeeds.
    pub fn look(&mut self) -> String {
        let block = self.next(Typed::Shell);
        wait_for(&block, DEADLINE, || match self.run(&block) {
            (true, output) => Ok(output),
            (false, output) => Err(output),
        })
    }

    /// Panics unless every block of the README has run.
    pub fn finish(self) {
        let left: Vec<_> = self.blocks.as_slice().to_vec();
        assert!(left.is_empty(), "not run: {left:?}");
    }

    fn next(&mut self, typed: Typed) -> String {
        let (kind, block) = self.blocks.next().expect("one more block in the README");
        assert_eq!(kind, typed, "the README's next block is\n{block}");
        self.replaced(&block)
    }

    /// The addresses a reader has, as those that the test has.
    fn replaced(&self, block: &str) -> String {
        let redis = self.redis.port();
        block
            .replace("localhost:9092", &self.kafka.brokers())
            .replace("http://localhost:8081", &self.registry.url())
            .replace("localhost:6379", &format!("127.0.0.1:{redis}"))
            .replace("localhost:8080", &format!("127.0.0.1:{}", self.web))
    }

    /// One line in `redis-cli`, which splits and unquotes it as for a person.
    fn type_in(&self, line: &str) -> String {
        let input = self.file(".line");
        std::fs::write(&input, format!("{line}\n")).expect("write the line");
        let output = Command::new("redis-cli")
            .args(["-e", "-p", &self.redis.port().to_string()])
            .stdin(std::fs::File::open(&input).expect("the line"))
            .output()
            .expect("redis-cli");
        let reply = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !reply.starts_with("ERR"), "{line}\n{reply}");
        assert!(!reply.contains("does not exist"), "{line}\n{reply}");
        reply
    }

    fn run(&mut self, block: &str) -> (bool, String) {
        let program = built("redis-kafka");
        let search = std::env::var("PATH").expect("PATH");
        let search = format!("{}:{search}", program.parent().expect("a directory").display());
        let redis_cli = format!("redis-cli -p {}", self.redis.port());
        let script = format!(
            "set -eu\ncd '{}'\n{}",
            self.directory.path().display(),
            block.replace("redis-cli", &redis_cli)
        );
        // A file of its own: what an earlier block left running still writes to that one's.
        let log = self.file(&format!(".output-{}", self.shells.len()));
        // A session of its own, so that what it leaves running can be ended with it.
        let arguments = ["sh", "-c", &script].map(String::from);
        let mut environment = self.environment.clone();
        environment.push(("PATH".to_owned(), search));
        let mut shell = Process::start("setsid", &arguments, &environment, &log);
        let status = shell.wait_ended(DEADLINE);
        let output = shell.log();
        self.shells.push(shell);
        (status.success(), output)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        for shell in &self.shells {
            // Nothing is left of most of them.
            let group = format!("-{}", shell.pid());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).output();
        }
    }
}

/// Puts the address of the test's broker into the profile, and the certificate to trust, which a
/// public cluster's is without saying.
fn reach_with_tls(kafka: &Kafka, profiles: &Path) {
    let text = std::fs::read_to_string(profiles).expect("kafka.toml");
    let address = Regex::new("bootstrap.servers = \"[^\"]*\"").expect("a regex");
    let here = format!(
        "bootstrap.servers = \"{}\"\nssl.ca.location = \"{}\"",
        kafka.sasl_brokers(),
        kafka.certificate().display()
    );
    assert_eq!(address.find_iter(&text).count(), 1, "{text}");
    let text = address.replace(&text, regex::NoExpand(&here));
    std::fs::write(profiles, text.as_bytes()).expect("write kafka.toml");
}

/// The README's blocks of `sh` and `redis`, in order.
fn blocks(readme: &Path) -> Vec<(Typed, String)> {
    let text = std::fs::read_to_string(readme).expect("a README");
    let fence = Regex::new("(?s)```(sh|redis)\n(.*?)```").expect("a regex");
    let blocks = fence.captures_iter(&text).map(|block| {
        let typed = if &block[1] == "sh" { Typed::Shell } else { Typed::RedisCli };
        (typed, block[2].to_owned())
    });
    blocks.collect()
}
