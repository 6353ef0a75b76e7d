//! Completion scripts and man pages, made from the command line itself.

use super::Cli;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io;
use std::path::PathBuf;

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  redis-kafka completions bash > /etc/bash_completion.d/redis-kafka
  redis-kafka completions zsh > ~/.zfunc/_redis-kafka
  redis-kafka completions fish > ~/.config/fish/completions/redis-kafka.fish";

/// What `redis-kafka completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) const MAN_HELP: &str = "\
Examples:
  redis-kafka man | man -l -
  redis-kafka man /usr/local/share/man/man1";

/// What `redis-kafka man` takes.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Directory for redis-kafka.1 and a page for each subcommand [default: print the first one]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Writes a completion script to standard output.
pub fn completions(args: &CompletionsArgs) -> io::Result<()> {
    // The generator panics where it cannot write: it writes to memory, we to the output.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "redis-kafka", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)
}

/// Writes man pages.
pub fn man(args: &ManArgs) -> io::Result<()> {
    match &args.directory {
        Some(directory) => clap_mangen::generate_to(Cli::command(), directory),
        None => clap_mangen::Man::new(Cli::command()).render(&mut io::stdout()),
    }
}
