//! KAFKA.SEEK: moves a subscription to another position.

use super::Statement;
use super::subscribe::{POSITIONS, position};
use super::table::{Entry, Flag, NAME, clause, name};
use crate::grammar::{Argument, CommandError, Kind, Match, alternatives};
use crate::kafka::position::is_topic_name;
use crate::kafka::{Position, Topics};
use crate::nearest::nearest;

/// So many topics are named in an error.
const TOLD: usize = 5;

/// What KAFKA.SEEK asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seek {
    /// The subscription's name.
    pub name: String,
    /// The one partition to move, topic and number; none moves all.
    pub partition: Option<(String, i32)>,
    /// Where to.
    pub position: Position,
    /// Whether it may go back where that doubles what routes write.
    pub force: Force,
}

/// Whether a subscription may go back where records read again are written twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// It is refused, naming the routes.
    No,
    /// `FORCE`: it does.
    Yes,
}

const PARTITION: Argument = Argument::block(
    None,
    "one partition",
    &[Argument::value("topic", Kind::Text), Argument::value("partition", Kind::Integer)],
);

pub(super) static ENTRY: Entry = Entry {
    clause: clause(
        "KAFKA.SEEK",
        "Moves a subscription to another position, in one step with its ledger; the reply \
                  says from where to where.",
        &[NAME, PARTITION.optional(), Argument::one_of("position", POSITIONS)],
        &[Argument::token("FORCE")
            .optional()
            .about("go back although appends or aggregates would double")],
    ),
    since: "0.1.0",
    complexity: "O(N) with N the number of partitions; asks the broker for at most 10 seconds",
    flags: &[Flag::Write, Flag::Admin, Flag::Blocking, Flag::NoScript],
    acl: "",
    build: |matched| Seek::build(matched).map(Statement::Seek),
};

impl Seek {
    fn build(matched: &Match<'_>) -> Result<Seek, CommandError> {
        let partition = matched.get(PARTITION.name).map(partition).transpose()?;
        Ok(Seek {
            name: name(matched)?,
            partition,
            position: position(matched.require("position")?)?,
            force: if matched.has("FORCE") { Force::Yes } else { Force::No },
        })
    }

    /// Refuses a topic that a subscription of these does not read.
    pub fn check_topic(&self, declared: &Topics) -> Result<(), CommandError> {
        match (&self.partition, declared) {
            (Some((topic, _)), declared) if !declared.has(topic) => Err(match declared {
                Topics::List(names) => self.unknown_topic(topic, names.iter().map(String::as_str)),
                Topics::Pattern(pattern) => {
                    self.unknown_topic(topic, std::iter::once(pattern.as_str()))
                }
            }),
            _ => Ok(()),
        }
    }

    /// The error for a topic that the subscription does not read; `known` are those it reads.
    pub fn unknown_topic<'k>(
        &self,
        topic: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> CommandError {
        let error =
            CommandError::new(format!("'{}' does not read topic '{topic}'", self.name)).at(2);
        match nearest(topic, known.clone()) {
            Some(near) => error.did_you_mean(Some(near)),
            None => error.hint(format!("it reads {}", alternatives(known.take(TOLD)))),
        }
    }

    /// The words behind the name.
    pub(super) fn words(&self) -> Vec<String> {
        let partition = self.partition.iter();
        let mut words: Vec<String> =
            partition.flat_map(|(topic, number)| [topic.clone(), number.to_string()]).collect();
        words.extend(self.position.to_string().split(' ').map(str::to_owned));
        if self.force == Force::Yes {
            words.push("FORCE".to_owned());
        }
        words
    }
}

fn partition(block: &Match<'_>) -> Result<(String, i32), CommandError> {
    let word = block.word_of("topic")?;
    let topic = word.text()?;
    if !is_topic_name(topic) {
        let problem = format!("'{}' cannot be a Kafka topic", word.shown());
        return Err(word.error(problem).hint("write KAFKA.SEEK name topic partition position"));
    }
    let number = block.word_of("partition")?.integer(0..=i32::MAX as u64);
    let number = number.map_err(|error| error.hint("a partition is a number, counted from 0"))?;
    Ok((topic.to_owned(), i32::try_from(number).unwrap_or(i32::MAX)))
}
