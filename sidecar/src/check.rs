//! `redis-kafka check`: are the files right, before anything runs?

use crate::cli::CheckArgs;
use crate::statements::{self, Declared};
use redis_kafka_engine::command::Statement;
use redis_kafka_engine::kafka::{ProfileError, Profiles};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why the check did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Each was printed.
    #[error("{}", count(*.0, "problem"))]
    Problems(usize),
    /// The profiles cannot be used.
    #[error(transparent)]
    Profiles(#[from] ProfileError),
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Standard output was closed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Checks the files and prints each problem to standard output, one line each.
///
/// # Errors
/// There are problems, or a file cannot be read.
pub fn run(args: &CheckArgs) -> Result<(), CheckError> {
    let mut out = io::stdout().lock();
    let profiles = match &args.connections {
        Some(path) => {
            let profiles = Profiles::read(path)?;
            writeln!(
                out,
                "{}: fine, {}",
                path.display(),
                count(profiles.names().count(), "profile")
            )?;
            profiles
        }
        None => Profiles::empty(),
    };
    match &args.statements {
        Some(path) => check_statements(path, &profiles, &mut out),
        None => Ok(()),
    }
}

fn check_statements(
    path: &Path,
    profiles: &Profiles,
    out: &mut impl Write,
) -> Result<(), CheckError> {
    let file = statements::load(path)
        .map_err(|error| CheckError::Read { path: path.to_owned(), error })?;
    let (declared, mut problems) = statements::read(&file);
    // What could not be understood may be what other statements name.
    if problems.is_empty() {
        problems = statements::check(&declared, profiles);
    }
    for problem in &problems {
        writeln!(out, "{}:{problem}", path.display())?;
    }
    if !problems.is_empty() {
        return Err(CheckError::Problems(problems.len()));
    }
    let is_route = |one: &&Declared| matches!(one.statement, Statement::Route(_));
    let routes = declared.iter().filter(is_route).count();
    let (subscriptions, routes) =
        (count(declared.len() - routes, "subscription"), count(routes, "route"));
    writeln!(out, "{}: fine, {subscriptions}, {routes}", path.display())?;
    Ok(())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
