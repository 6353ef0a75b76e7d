//! Log lines to standard error, as text or as JSON; `log` records of the engine and of librdkafka
//! come along.

use clap::ValueEnum;
use std::io::{self, IsTerminal};
use std::str::FromStr;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line: timestamp, level, target, fields with the message.
    Json,
}

/// What is logged, in the words of tracing's `EnvFilter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// What `RUST_LOG` says; warnings and errors where it says nothing that can be used.
    pub fn from_environment() -> Filter {
        let said = std::env::var(EnvFilter::DEFAULT_ENV).ok();
        said.and_then(|said| said.parse().ok()).unwrap_or_else(|| Filter("warn".to_owned()))
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Filter, String> {
        match EnvFilter::try_new(text) {
            // A bare word that is no level would be taken for a target, and all else be silent.
            Ok(_) if text.split(',').all(is_directive) => Ok(Filter(text.to_owned())),
            _ => Err(
                "use error, warn, info, debug, trace or off, also by target: info,librdkafka=debug"
                    .to_owned(),
            ),
        }
    }
}

fn is_directive(word: &str) -> bool {
    let level = word.rsplit_once('=').map_or(word, |(_, level)| level);
    // No level at all would be taken for `error`.
    !level.trim().is_empty()
        && tracing_subscriber::filter::LevelFilter::from_str(level.trim()).is_ok()
}

/// Starts logging for the whole process; called once.
///
/// # Errors
/// It was called before.
pub fn start(format: LogFormat, filter: Filter) -> Result<(), TryInitError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter.0))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => builder.finish().try_init(),
        LogFormat::Json => builder.json().finish().try_init(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_understood_and_slips_refused() {
        for fine in
            ["info", "WARN", "off", "info,librdkafka=debug", "redis_kafka_engine::kafka=trace"]
        {
            assert!(fine.parse::<Filter>().is_ok(), "{fine}");
        }
        for wrong in ["", "inof", "info,", "librdkafka=loud"] {
            assert!(wrong.parse::<Filter>().unwrap_err().contains("trace"), "{wrong}");
        }
    }
}
