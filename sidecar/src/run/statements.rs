//! The start-up file: commands that are given once, when the sidecar starts.
//!
//! Definitions are declared idempotently: one that stands already is left alone, so that a person's
//! PAUSE outlives a restart; one that differs is replaced.

use crate::statements::{self, Declared, Problem};
use redis_kafka_engine::command::Statement;
use redis_kafka_engine::control::Reply;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Why a start-up file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatementsError {
    /// It cannot be read.
    #[error("{}: {problem}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's words.
        problem: std::io::Error,
    },
    /// Some of its lines are no commands; `redis-kafka check` tells all.
    #[error("{}:{problem}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// The first line that is wrong, and why.
        problem: Problem,
    },
    /// Commands were refused when they were given; each is told in the log.
    #[error("{}: {count} of its commands were refused; see the log above", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// How many.
        count: usize,
    },
}

/// Where the commands of a start-up file are given.
pub trait Console {
    /// What stands under a name already.
    fn stored(&mut self, name: &str) -> Option<Statement>;

    /// Gives a command and waits for its answer.
    fn run(&mut self, words: Vec<Vec<u8>>) -> Reply;
}

/// A start-up file that was read and parsed.
#[derive(Debug)]
pub struct Statements {
    file: PathBuf,
    list: Vec<Declared>,
}

impl Statements {
    /// Reads a file, and parses all of it before anything is done.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn read(file: &Path) -> Result<Statements, StatementsError> {
        let text = statements::load(file)
            .map_err(|problem| StatementsError::Read { file: file.to_owned(), problem })?;
        let (list, problems) = statements::read(&text);
        match problems.into_iter().next() {
            Some(problem) => Err(StatementsError::Wrong { file: file.to_owned(), problem }),
            None => Ok(Statements { file: file.to_owned(), list }),
        }
    }

    /// Gives every command; all are tried, and what is refused is logged.
    ///
    /// # Errors
    /// How many were refused.
    pub fn apply(self, console: &mut impl Console) -> Result<(), StatementsError> {
        let mut refused = 0;
        for Declared { line, statement } in &self.list {
            let Some(words) = words_of(statement, console) else { continue };
            let reply = console.run(words);
            let file = self.file.display();
            match reply {
                Reply::Error(problem) => {
                    refused += 1;
                    log::error!("{file}:{line}: {problem}");
                }
                Reply::Simple(answer) => log::info!("{file}:{line}: {answer}"),
                other => log::info!("{file}:{line}: {other:?}"),
            }
        }
        match refused {
            0 => Ok(()),
            count => Err(StatementsError::Refused { file: self.file, count }),
        }
    }

    /// The names that it declares.
    pub fn names(&self) -> BTreeSet<String> {
        let names = self.list.iter().map(Declared::name);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

/// What is to be given for a statement; nothing where it stands already.
fn words_of(statement: &Statement, console: &mut impl Console) -> Option<Vec<Vec<u8>>> {
    let mut words: Vec<_> = statement.arguments().into_iter().map(String::into_bytes).collect();
    if !matches!(statement, Statement::Subscribe(_) | Statement::Route(_)) {
        return Some(words);
    }
    if let Some(stored) = statement.name().and_then(|name| console.stored(name)) {
        statement.difference(&stored)?;
        words.insert(2, b"REPLACE".to_vec());
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Statements, StatementsError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("statements.kafka");
        std::fs::write(&file, text).unwrap();
        Statements::read(&file)
    }

    fn statement(line: &str) -> Statement {
        statements::read(line.as_bytes()).0.remove(0).statement
    }

    const SUBSCRIBE: &str = "KAFKA.SUBSCRIBE a TOPIC t BROKERS b:1";

    /// Definitions that stand, an answer to every command, and the commands that came.
    struct Scripted {
        stored: Vec<Statement>,
        answer: Reply,
        given: Vec<String>,
    }

    impl Console for Scripted {
        fn stored(&mut self, name: &str) -> Option<Statement> {
            self.stored.iter().find(|it| it.name() == Some(name)).cloned()
        }

        fn run(&mut self, words: Vec<Vec<u8>>) -> Reply {
            self.given.push(String::from_utf8(words.join(&b' ')).unwrap());
            self.answer.clone()
        }
    }

    #[test]
    fn what_stands_is_left_alone_and_what_differs_replaced() {
        let route = r#"KAFKA.ROUTE r FROM a TO HASH "h:%{id}""#;
        let file = file(&format!("# two\n{SUBSCRIBE}\n\n{route}\n  SELECT id\n")).unwrap();
        assert_eq!(file.names(), BTreeSet::from(["a".to_owned(), "r".to_owned()]));
        let stored = vec![statement(SUBSCRIBE), statement(route)];
        let answer = Reply::Simple("OK".into());
        let mut console = Scripted { stored, answer, given: Vec::new() };
        file.apply(&mut console).unwrap();
        assert_eq!(console.given, ["KAFKA.ROUTE r REPLACE FROM a TO HASH h:%{id} SELECT id"]);
    }

    #[test]
    fn all_are_tried_and_the_refused_counted() {
        let file = file(&format!("{SUBSCRIBE}\nKAFKA.SUBSCRIBE b TOPIC t BROKERS b:1\n")).unwrap();
        let answer = Reply::Error("ERR no".into());
        let mut console = Scripted { stored: Vec::new(), answer, given: Vec::new() };
        let error = file.apply(&mut console).unwrap_err();
        assert!(error.to_string().contains("2 of its commands"), "{error}");
        assert_eq!(console.given.len(), 2);
    }

    #[test]
    fn errors_name_the_line() {
        let error = file(&format!("{SUBSCRIBE}\nKAFKA.ROUT x\n")).unwrap_err().to_string();
        assert!(error.contains("statements.kafka:2: ") && error.contains("KAFKA.ROUTE"), "{error}");
        let error = file("KAFKA.LIST \"").unwrap_err().to_string();
        assert!(error.contains("statements.kafka:1: "), "{error}");
    }
}
