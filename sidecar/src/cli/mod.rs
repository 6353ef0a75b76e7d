//! The command line: what there is to say, and where it goes.

mod run;
mod shell;
mod tools;
mod value;

pub use run::{CheckArgs, HTTP_DEFAULT, LISTEN_DEFAULT, RunArgs};
pub use shell::{CompletionsArgs, ManArgs};
pub use tools::{BrokerArgs, GenerateArgs};
pub use value::{InstanceId, Listen, RedisUrl, Secret, SecretError};

use crate::health::HealthArgs;
use crate::logging::{self, Filter, LogFormat};
use crate::{broker, check, generate, health};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Kafka into Redis: redis-kafka beside a Redis that cannot load the module, and tools to try both
/// out.
#[derive(Debug, Parser)]
#[command(name = "redis-kafka", version, arg_required_else_help = true, after_help = EXIT_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_HELP: &str = "\
Exit codes: 0 success (also when stopped by a signal), 1 failure, 2 wrong command line.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Consume from Kafka into a Redis, exactly once, with the module's commands on a port of its own
    #[command(after_help = run::RUN_HELP)]
    Run(Box<RunArgs>),
    /// Check connection profiles and statements without running them
    #[command(after_help = run::CHECK_HELP)]
    Check(CheckArgs),
    /// Ask a running redis-kafka whether it is ready (for container health checks)
    #[command(after_help = health::HELP)]
    Health(HealthArgs),
    /// Run an embedded Kafka broker for trying out; nothing is kept when it ends
    #[command(after_help = tools::BROKER_HELP)]
    Broker(BrokerArgs),
    /// Write random records, made from an Avro Random Generator schema, to a topic
    #[command(after_help = tools::GENERATE_HELP)]
    Generate(GenerateArgs),
    /// Print a completion script for a shell
    #[command(after_help = shell::COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
    /// Print the man page, or write all of them to a directory
    #[command(after_help = shell::MAN_HELP)]
    Man(ManArgs),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Command::Run(_) => "run",
            Command::Check(_) => "check",
            Command::Health(_) => "health",
            Command::Broker(_) => "broker",
            Command::Generate(_) => "generate",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }

    /// What to log, and how: `run` says it itself, the tools are told by RUST_LOG.
    fn logging(&self) -> (LogFormat, Filter) {
        match self {
            Command::Run(args) => (args.log_format, args.log_level.clone()),
            _ => (LogFormat::Text, Filter::from_environment()),
        }
    }

    fn run(&self) -> Result<(), String> {
        match self {
            Command::Run(args) => crate::run::run(args).map_err(|error| error.to_string()),
            Command::Check(args) => check::run(args).map_err(|error| error.to_string()),
            Command::Health(args) => health::run(args).map_err(|error| error.to_string()),
            Command::Broker(args) => broker::run(args).map_err(|error| error.to_string()),
            Command::Generate(args) => generate::run(args).map_err(|error| error.to_string()),
            Command::Completions(args) => {
                shell::completions(args).map_err(|error| error.to_string())
            }
            Command::Man(args) => shell::man(args).map_err(|error| error.to_string()),
        }
    }
}

/// Reads the command line, runs what it names and reports an error on standard error.
/// The exit code is 0 for success (a signal counts as one when all was finished), 1 for a
/// failure, 2 for a wrong command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Run(args) = &cli.command
        && let Err(problem) = args.check()
    {
        Cli::command().error(ErrorKind::ArgumentConflict, problem).exit();
    }
    let name = cli.command.name();
    let (format, filter) = cli.command.logging();
    let result = logging::start(format, filter).map_err(|error| error.to_string());
    match result.and_then(|()| cli.command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("redis-kafka {name}: {message}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_topic_names_its_partitions() {
        let cli = Cli::try_parse_from(["redis-kafka", "broker", "--topic", "a:3", "--topic", "b"]);
        let Ok(Cli { command: Command::Broker(args) }) = cli else { panic!("{cli:?}") };
        let topics: Vec<_> =
            args.topics.iter().map(|topic| (topic.name(), topic.partitions())).collect();
        assert_eq!(topics, [("a", 3), ("b", 1)]);
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for wrong in ["a:0", "a:x", ":3", "a/b:1", "a:10001"] {
            let cli = Cli::try_parse_from(["redis-kafka", "broker", "--topic", wrong]);
            assert!(cli.expect_err(wrong).to_string().contains("--topic"), "{wrong}");
        }
        for wrong in ["0", "-1", "fast", "inf", "NaN"] {
            let cli = Cli::try_parse_from([
                "redis-kafka",
                "generate",
                "--brokers",
                "b:1",
                "--topic",
                "t",
                "--schema",
                "s",
                &format!("--rate={wrong}"),
            ]);
            assert!(cli.expect_err(wrong).to_string().contains("--rate"), "{wrong}");
        }
    }
}
