//! Stored definitions: a value of the hash `kafka:definitions`, its field the name.
//!
//! Text: `db=0 made=12 KAFKA.ROUTE latest FROM …`, the very command that makes it. Of a route that
//! catches up, `late` stands before the command.

use super::{CommandError, Statement, lines, parse};
use crate::grammar::shown;

/// The hash, in database 0, that holds all definitions.
pub const KEY: &str = "kafka:definitions";

/// Whether a route has seen what its subscription had consumed before it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// It has, or is not to.
    #[default]
    Joined,
    /// It reads the earlier records for itself.
    CatchesUp,
}

/// The word before the command of a route that catches up.
const LATE: &str = "late";

/// A stored subscription or route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The database its data stands in.
    pub db: u32,
    /// Its place in the order in which definitions were made; routes run in it.
    pub made: u64,
    /// Of a route, whether it catches up; of a subscription, [`Phase::Joined`].
    pub phase: Phase,
    /// What it is: [`Statement::Subscribe`] or [`Statement::Route`].
    pub statement: Statement,
}

/// Why a stored definition cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// The text before the command is wrong.
    #[error("definition '{name}' does not start with db=<n> made=<n>: '{text}'")]
    Header {
        /// The hash's field.
        name: String,
        /// What stands there.
        text: String,
    },
    /// The command cannot be split into words.
    #[error("definition '{name}': {problem}")]
    Split {
        /// The hash's field.
        name: String,
        /// Why.
        problem: lines::SplitError,
    },
    /// The command is wrong, or of a version that can do more.
    #[error("definition '{name}': {problem}")]
    Command {
        /// The hash's field.
        name: String,
        /// Why.
        problem: Box<CommandError>,
    },
    /// It is another command than SUBSCRIBE or ROUTE, or of another name.
    #[error("definition '{name}' holds another command: '{text}'")]
    Other {
        /// The hash's field.
        name: String,
        /// What stands there.
        text: String,
    },
}

impl Definition {
    /// The value to store under the statement's name.
    pub fn encode(&self) -> String {
        let Definition { db, made, phase, statement } = self;
        let late = match phase {
            Phase::Joined => String::new(),
            Phase::CatchesUp => format!("{LATE} "),
        };
        format!("db={db} made={made} {late}{}", statement.line())
    }

    /// Reads what is stored under `name`.
    pub fn decode(name: &str, value: &[u8]) -> Result<Definition, DefinitionError> {
        let shown_name = || shown(name.as_bytes());
        let text = || shown(value);
        let words = lines::split(value)
            .map_err(|problem| DefinitionError::Split { name: shown_name(), problem })?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let number = |word: Option<&&[u8]>, prefix: &str| -> Option<u64> {
            std::str::from_utf8(word?).ok()?.strip_prefix(prefix)?.parse().ok()
        };
        let db = number(words.first(), "db=").and_then(|db| u32::try_from(db).ok());
        let (Some(db), Some(made)) = (db, number(words.get(1), "made=")) else {
            return Err(DefinitionError::Header { name: shown_name(), text: text() });
        };
        let (phase, command) = match words.get(2..).unwrap_or_default() {
            [word, command @ ..] if *word == LATE.as_bytes() => (Phase::CatchesUp, command),
            command => (Phase::Joined, command),
        };
        let statement = parse(command).map_err(|problem| DefinitionError::Command {
            name: shown_name(),
            problem: Box::new(problem),
        })?;
        let known = matches!(statement, Statement::Subscribe(_) | Statement::Route(_));
        if !known || statement.name() != Some(name) {
            return Err(DefinitionError::Other { name: shown_name(), text: text() });
        }
        Ok(Definition { db, made, phase, statement })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(value: &str) -> String {
        Definition::decode("r", value.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_definition_is_the_command_with_its_database_and_order() {
        let stored = "db=2 made=12 KAFKA.ROUTE r FROM s TO STREAM \"urn:%{id}\" MAXLEN ~ 10 NOW";
        let definition = Definition::decode("r", stored.as_bytes()).unwrap();
        assert_eq!((definition.db, definition.made), (2, 12));
        assert_eq!((definition.phase, definition.encode()), (Phase::Joined, stored.to_owned()));
        let stored = "db=2 made=12 late KAFKA.ROUTE r FROM s TO STREAM k";
        let definition = Definition::decode("r", stored.as_bytes()).unwrap();
        assert_eq!((definition.phase, definition.encode()), (Phase::CatchesUp, stored.to_owned()));
    }

    #[test]
    fn a_wrong_definition_is_named() {
        let route = "KAFKA.ROUTE r FROM s TO STREAM k";
        for header in ["", "db=1 ", "made=1 db=1 ", "db=-1 made=1 ", "db=x made=1 "] {
            let error = refused(&format!("{header}{route}"));
            assert!(error.starts_with("definition 'r' does not start with"), "{error}");
        }
        assert_eq!(
            refused("db=0 made=1 KAFKA.ROUTE r FROM s TO JSON k NEWER at"),
            "definition 'r': ERR KAFKA.ROUTE: option 'NEWER' (argument 7) is not supported yet"
        );
        assert_eq!(refused("db=0 made=1 'x"), "definition 'r': the closing ' is missing");
        let other = refused("db=0 made=1 KAFKA.ROUTE q FROM s TO STREAM k");
        assert!(other.starts_with("definition 'r' holds another command"), "{other}");
        let other = refused("db=0 made=1 KAFKA.LIST");
        assert!(other.starts_with("definition 'r' holds another command"), "{other}");
    }
}
