//! Paths: `a.b[0].c`, `_value['order-id']`, `_key.f`, `_header['X-Id']`, metadata names.

use super::display::Quoted;
use super::parser::is_reserved;
use super::{Context, Layout};
use crate::format::nested;
use crate::record::{Step, Value};
use std::fmt;

/// A name that stands for the record's own metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// `_topic`
    Topic,
    /// `_partition`
    Partition,
    /// `_offset`
    Offset,
    /// `_timestamp`, milliseconds since 1970
    Timestamp,
}

/// Every metadata name, as written.
const METADATA: &[(&str, Metadata)] = &[
    ("_topic", Metadata::Topic),
    ("_partition", Metadata::Partition),
    ("_offset", Metadata::Offset),
    ("_timestamp", Metadata::Timestamp),
];

/// Where a path starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A bare name: an alias of the route, or else a field of the value.
    Bare,
    /// `_value`: the value's fields, whatever aliases there are.
    Value,
    /// `_key`
    Key,
    /// `_before`: the row before a change, under ENVELOPE DEBEZIUM.
    Before,
    /// `_source`: where a change comes from, under ENVELOPE DEBEZIUM.
    Source,
    /// `_op`: what a change did, under ENVELOPE DEBEZIUM.
    Op,
    /// `_header['name']`
    Header(String),
    /// `_topic` and its like; takes no steps.
    Metadata(Metadata),
}

/// Every other root's name, as written.
const ROOTS: &[(&str, Root)] = &[
    ("_value", Root::Value),
    ("_key", Root::Key),
    ("_before", Root::Before),
    ("_source", Root::Source),
    ("_op", Root::Op),
    ("_header", Root::Header(String::new())),
];

impl Root {
    /// The root that a bare name stands for; none when it is a field's.
    pub(super) fn of(name: &str) -> Option<Root> {
        let root = ROOTS.iter().find(|(known, _)| *known == name).map(|(_, root)| root.clone());
        root.or_else(|| {
            let metadata = METADATA.iter().find(|(known, _)| *known == name);
            metadata.map(|(_, metadata)| Root::Metadata(*metadata))
        })
    }

    /// Whether it takes no steps.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Root::Metadata(_) | Root::Header(_) | Root::Op)
    }

    /// The root's name as written.
    fn name(&self) -> &'static str {
        let found = match self {
            Root::Metadata(wanted) => {
                METADATA.iter().find(|(_, known)| known == wanted).map(|(name, _)| *name)
            }
            Root::Header(_) => Some("_header"),
            Root::Bare => Root::Value.named(),
            root => root.named(),
        };
        found.unwrap_or_default()
    }

    fn named(&self) -> Option<&'static str> {
        ROOTS.iter().find(|(_, known)| known == self).map(|(name, _)| *name)
    }
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    root: Root,
    steps: Vec<Step>,
}

/// A compiled path: where its value is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// A slot of the value's row.
    Value(usize),
    /// A slot of the key's row.
    Key(usize),
    /// A slot of the envelope's row.
    Envelope(usize),
    /// A header: text where it is UTF-8, otherwise bytes.
    Header(String),
    /// The record's metadata.
    Metadata(Metadata),
    /// What an alias stands for, by its number, and the steps from there.
    Alias(usize, Box<[Step]>),
}

impl Leaf {
    /// The value for one record.
    #[inline]
    pub fn load<'a>(&self, context: &Context<'a>) -> Value<'a> {
        match self {
            Leaf::Value(slot) => context.value.slot(*slot),
            Leaf::Key(slot) => context.key.slot(*slot),
            Leaf::Envelope(slot) => context.envelope.slot(*slot),
            Leaf::Header(name) => match context.headers.last(name) {
                None => Value::Null,
                Some(bytes) => {
                    simdutf8::basic::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
                }
            },
            Leaf::Metadata(Metadata::Topic) => Value::Text(context.topic),
            Leaf::Metadata(Metadata::Partition) => Value::Int(i64::from(context.partition)),
            Leaf::Metadata(Metadata::Offset) => Value::Int(context.offset),
            Leaf::Metadata(Metadata::Timestamp) => {
                context.timestamp.map_or(Value::Null, Value::Int)
            }
            Leaf::Alias(number, steps) => {
                let value = context.aliases.get(*number).copied().unwrap_or_default();
                nested::follow(value, steps, context.arena)
            }
        }
    }
}

impl Path {
    pub(super) fn new(root: Root, steps: Vec<Step>) -> Path {
        Path { root, steps }
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Says in `layout` what the path reads.
    pub fn compile(&self, layout: &mut Layout) -> Leaf {
        let within = |first: &str| {
            let first = Step::Field(first.to_owned());
            std::iter::once(first).chain(self.steps.iter().cloned()).collect::<Vec<Step>>()
        };
        if let Some((name, steps)) = self.bare()
            && let Some(number) = layout.aliases.find(name)
        {
            layout.aliases.read(number, steps);
            return Leaf::Alias(number, steps.into());
        }
        match &self.root {
            Root::Bare | Root::Value => Leaf::Value(layout.value.slot(&self.steps)),
            Root::Key => Leaf::Key(layout.key.slot(&self.steps)),
            Root::Before => Leaf::Envelope(layout.envelope.slot(&within("before"))),
            Root::Source => Leaf::Envelope(layout.envelope.slot(&within("source"))),
            Root::Op => Leaf::Envelope(layout.envelope.slot(&within("op"))),
            Root::Header(name) => Leaf::Header(name.clone()),
            Root::Metadata(metadata) => Leaf::Metadata(*metadata),
        }
    }

    /// Whether the path needs nothing but the record's key and headers.
    pub fn is_from_key(&self) -> bool {
        matches!(self.root, Root::Key | Root::Header(_))
    }

    /// The bare name it starts with, and the steps behind.
    pub fn bare(&self) -> Option<(&str, &[Step])> {
        match (&self.root, self.steps.split_first()) {
            (Root::Bare, Some((Step::Field(name), rest))) => Some((name, rest)),
            _ => None,
        }
    }

    /// Where the path starts.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The steps from its root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The name a selection gives it: its last step, or the name of what it
    /// starts at; none where that is an index.
    pub(super) fn own_name(&self) -> Option<&str> {
        match (self.steps.last(), &self.root) {
            (Some(Step::Field(name)), _) => Some(name),
            (Some(Step::Index(_)), _) => None,
            (None, Root::Header(name)) => Some(name),
            (None, root) => Some(root.name()),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = self.steps.as_slice();
        match (&self.root, steps.split_first()) {
            (Root::Header(name), _) => write!(f, "_header[{}]", Quoted(name))?,
            (Root::Bare, Some((Step::Field(name), rest))) => {
                f.write_str(name)?;
                steps = rest;
            }
            (root, _) => f.write_str(root.name())?,
        }
        write_steps(f, steps)
    }
}

/// Writes steps as they stand behind a value.
pub(super) fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    for step in steps {
        match step {
            Step::Field(name) if is_word(name) => write!(f, ".{name}")?,
            Step::Field(name) => write!(f, "[{}]", Quoted(name))?,
            Step::Index(index) => write!(f, "[{index}]")?,
        }
    }
    Ok(())
}

pub(super) fn is_word(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
}

/// Whether a name stands for a field, or for an alias, as it is.
pub(super) fn is_bare(name: &str) -> bool {
    is_word(name) && Root::of(name).is_none() && !is_reserved(name)
}
