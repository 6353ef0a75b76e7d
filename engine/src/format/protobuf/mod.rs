//! Protobuf: a message whose schema is a `.proto` text, proto2 or proto3.
//!
//! A schema is compiled once; records are then read by their wire format, only
//! as far as fields are wanted, into values borrowed from the record.
//!
//! - Fields come in the order they are declared in, under their declared names,
//!   also within nested messages. A proto3 field without presence that is
//!   absent is its zero, as Kafka Connect's and ksqlDB's converters have it; a
//!   proto2 field with a default is that default; other absent fields
//!   (`optional`, messages, members of a oneof) are null, absent lists and maps
//!   are empty. A required field that is missing is an error.
//! - An enum is its symbol, or its number where the schema has none for it.
//! - Well-known types are what proto3's JSON mapping makes of them: Timestamp an
//!   instant (in milliseconds where that is exact, else finer), Duration the text
//!   `1.500s`, wrappers their value, Struct, Value and ListValue JSON, FieldMask
//!   its paths as written, an Any the message it holds beside `@type` (its bytes
//!   where the schema does not have the type). Also Confluent's Decimal and
//!   Google's Date and TimeOfDay. One out of its range stays a message of fields.
//! - A second value of a field wins over the first, messages are merged, and of
//!   equal map keys the last stands.
//! - A known field of another wire type than its own is an unknown field.
//!   Extensions are unknown fields.

use super::schema::{SchemaError, SchemaFormat, SchemaText};
use super::{DecodeError, Format};
use crate::record::{Arena, Names, Row, Shape, Type, Wanted};
use crate::registry::SchemaKind;
use plan::{Output, Plan};
use source::Source;
use types::Types;
use wire::{Fault, MAX_DEPTH, Reader};

mod check;
mod dispatch;
mod gather;
mod known;
mod meaning;
mod nested;
mod normal;
mod plan;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod wire;

/// Protobuf, as a format of compiled schemas.
#[derive(Debug)]
pub struct Protobuf;

/// A schema compiled for what is wanted of its records.
///
/// Where the schema names the message type, a record is that message and
/// nothing else. Otherwise the message's indexes stand before it, as Confluent's
/// serializers write them: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>.
#[derive(Debug)]
pub struct Program {
    source: Source,
    types: Types,
    wanted: Wanted,
    /// The plan of the one message type, where it is named.
    only: Option<usize>,
    /// Plans by the indexes of their message types: as many as were seen, no
    /// more than the schema has types.
    indexed: Vec<(Vec<u32>, usize)>,
    plans: Vec<Plan>,
}

impl SchemaFormat for Protobuf {
    const FORMAT: Format = Format::Protobuf;
    const KIND: SchemaKind = SchemaKind::Protobuf;

    type Program = Program;

    fn compile(schema: &SchemaText, wanted: &Wanted) -> Result<Program, SchemaError> {
        let source = Source::compile(schema)?;
        if source.file.messages().len() == 0 {
            return Err(SchemaError("the schema declares no message".into()));
        }
        let mut program = Program {
            source,
            types: Types::default(),
            wanted: wanted.clone(),
            only: None,
            indexed: Vec::new(),
            plans: Vec::new(),
        };
        if let Some(name) = &schema.message {
            let message = program.source.named(name)?;
            let message = program.types.reach(&message);
            program.plans.push(Plan::new(&program.types, message, wanted));
            program.only = Some(0);
        }
        Ok(program)
    }

    /// Without indexes before the records the file's only message is meant.
    fn compile_local(schema: &SchemaText, wanted: &Wanted) -> Result<Program, SchemaError> {
        if schema.message.is_some() {
            return Protobuf::compile(schema, wanted);
        }
        let source = Source::compile(schema)?;
        let declared: Vec<String> =
            source.file.messages().map(|message| message.full_name().to_owned()).collect();
        match declared.as_slice() {
            [only] => Protobuf::compile(
                &SchemaText { message: Some(only.clone()), ..schema.clone() },
                wanted,
            ),
            [] => Err(SchemaError("the schema declares no message".into())),
            several => Err(SchemaError(format!(
                "it has several messages: name the records' one of {} (key.schema.message, value.schema.message)",
                several.join(", ")
            ))),
        }
    }

    fn decode<'a>(
        program: &'a mut Program,
        bytes: &'a [u8],
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), DecodeError> {
        program.run(bytes, names, arena, row).map_err(|fault| {
            let (at, problem) = fault.parts();
            row.begin(Shape::Absent, 0);
            DecodeError { format: Format::Protobuf, at, problem }
        })
    }

    /// The type of the named message, or of the only one that the schema's file declares.
    fn value_type(program: &Program) -> Type {
        if let Some(plan) = program.only.and_then(|plan| program.plans.get(plan)) {
            return program.types.type_of(plan.message());
        }
        let mut declared = program.source.file.messages();
        match (declared.next(), declared.next()) {
            (Some(message), None) => {
                let mut types = Types::default();
                let message = types.reach(&message);
                types.type_of(message)
            }
            _ => Type::Unknown,
        }
    }

    fn forget_names(program: &mut Program) {
        program.plans.iter_mut().for_each(Plan::forget_names);
    }
}

impl Program {
    fn run<'a>(
        &'a mut self,
        bytes: &'a [u8],
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Fault> {
        if u32::try_from(bytes.len()).is_err() {
            return Err(Fault::new(0, "a record of more than 4 GiB"));
        }
        let mut reader = Reader { bytes, at: 0 };
        let plan = match self.only {
            Some(plan) => plan,
            None => self.choose(&mut reader)?,
        };
        let Program { types, wanted, plans, .. } = self;
        let mut out = Output { wanted, names, arena, row };
        match plans.get_mut(plan) {
            Some(plan) => plan.run(types, bytes, reader.at, &mut out),
            None => Ok(()),
        }
    }

    /// The plan of the message type whose indexes come next.
    fn choose(&mut self, reader: &mut Reader<'_>) -> Result<usize, Fault> {
        let mut indexes = [0; MAX_DEPTH as usize];
        let indexes = read_indexes(reader, &mut indexes)?;
        if let Some((_, plan)) = self.indexed.iter().find(|(known, _)| known == indexes) {
            return Ok(*plan);
        }
        let Some(message) = self.source.at(indexes) else {
            let problem = format!("the schema has no message with the indexes {indexes:?}");
            return Err(Fault::new(0, problem));
        };
        let message = self.types.reach(&message);
        self.plans.push(Plan::new(&self.types, message, &self.wanted));
        self.indexed.push((indexes.to_vec(), self.plans.len() - 1));
        Ok(self.plans.len() - 1)
    }
}

/// Message indexes: their count and themselves, zigzag; `0` alone for the first message.
fn read_indexes<'b>(
    reader: &mut Reader<'_>,
    indexes: &'b mut [u32; MAX_DEPTH as usize],
) -> Result<&'b [u32], Fault> {
    let mut next = |most: u64, problem| {
        let at = reader.at;
        let zigzag = reader.varint()?;
        let number = zigzag >> 1;
        let fits = zigzag & 1 == 0 && number <= most;
        if fits { Ok(number as u32) } else { Err(Fault::new(at, problem)) }
    };
    let count = next(u64::from(MAX_DEPTH), "a count of message indexes that cannot be")?;
    let chosen = indexes.get_mut(..count.max(1) as usize).unwrap_or_default();
    for index in chosen.iter_mut().take(count as usize) {
        *index = next(u64::from(u32::MAX), "a message index that cannot be")?;
    }
    Ok(chosen)
}
