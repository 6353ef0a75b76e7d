//! A unit as commands of Redis.

use crate::applier::commands::{Ids, Sink, Writer, Writes};
use crate::applier::plan::{Plan, is_call};
use crate::unit::packed::{GroupKind, PackedError};
use crate::unit::{Message, Unit};
use crate::worker::{RecordError, Stage};
use std::cell::RefCell;
use std::collections::HashMap;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To Redis: its words.
    Redis(Vec<Vec<u8>>),
    /// A message to Kafka.
    Kafka {
        /// The topic.
        topic: String,
        /// Its key; none for a null key.
        key: Option<Vec<u8>>,
        /// Its value; none for a tombstone.
        value: Option<Vec<u8>>,
    },
}

impl Command {
    /// A message that a record gives rise to.
    pub fn message(message: &Message<'_>) -> Command {
        Command::Kafka {
            topic: message.topic.to_owned(),
            key: message.key.map(<[u8]>::to_vec),
            value: message.value.map(<[u8]>::to_vec),
        }
    }
}

/// The times of the latest entries of streams, by key, in milliseconds since 1970.
pub type Latest = RefCell<HashMap<Vec<u8>, u64>>;

/// Gathers commands.
pub struct Commands<'a> {
    names: &'a [&'a [u8]],
    all: Vec<Command>,
    run: Vec<Vec<u8>>,
}

impl Commands<'_> {
    /// The commands that write a unit, `packed` being its form without open questions, in the order
    /// in which they are run.
    pub fn of(packed: &[u8], unit: &Unit, latest: &Latest) -> Result<Vec<Command>, RecordError> {
        let internal = |error: PackedError| apply_error(format!("internal error: {error}"));
        let plan = Plan::read(packed, unit).map_err(internal)?;
        let mut commands = Commands { names: &plan.head.names, all: Vec::new(), run: Vec::new() };
        let now = jiff::Timestamp::now().as_millisecond();
        let mut writer = Writer::new(&mut commands, &plan, Ids::Open(latest), now);
        let is_message = |kind| kind == GroupKind::Channel;
        writer.write_groups(is_call).map_err(internal)?;
        writer.write_groups(|kind| !is_call(kind) && !is_message(kind)).map_err(internal)?;
        writer.write_groups(is_message).map_err(internal)?;
        match writer.refused.into_iter().next() {
            Some(clash) => Err(apply_error(clash.problem)),
            None => Ok(commands.all),
        }
    }

    fn push(&mut self, word: &[u8]) {
        if let Some(Command::Redis(words)) = self.all.last_mut() {
            words.push(word.to_vec());
        }
    }
}

/// What Redis would refuse.
pub fn apply_error(problem: String) -> RecordError {
    RecordError { stage: Stage::Apply, route: None, problem }
}

impl Sink for Commands<'_> {
    fn begin(&mut self, _: Writes, words: usize) {
        self.all.push(Command::Redis(Vec::with_capacity(words)));
    }

    fn word(&mut self, word: &[u8]) {
        self.push(word);
    }

    fn name(&mut self, number: usize) -> Result<(), PackedError> {
        let name = *self.names.get(number).ok_or(PackedError::Name)?;
        self.push(name);
        Ok(())
    }

    fn run_word(&mut self, word: &[u8]) {
        self.run.push(word.to_vec());
    }

    fn run_name(&mut self, number: usize) -> Result<(), PackedError> {
        let name = self.names.get(number).ok_or(PackedError::Name)?;
        self.run.push(name.to_vec());
        Ok(())
    }

    fn run_take(&mut self, _: usize) {}

    fn flush(&mut self, _: usize, name: &[u8], key: &[u8]) {
        if !self.run.is_empty() {
            let words = [name, key].into_iter().map(<[u8]>::to_vec);
            self.all.push(Command::Redis(words.chain(self.run.drain(..)).collect()));
        }
    }
}
