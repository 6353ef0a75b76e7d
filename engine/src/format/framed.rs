//! Records that name their schema: the id off, the schema's program found or compiled, then run.

use super::schema::{SchemaFormat, SchemaText};
use super::{
    Absence, DecodeError, Decoder, Failure, Input, Making, Part, Renew, Schemas, SetupError,
};
use crate::record::{Arena, Names, Row, Shape, Wanted};
use crate::registry::wire::{self, KEY_HEADER, SchemaId, VALUE_HEADER};
use crate::registry::{Cause, Client, LookupError, Schema};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// Programs kept at once. A topic has a few schemas; more than this are compiled again.
const PROGRAMS_KEPT: usize = 256;

/// Decodes records framed as the Schema Registry's serializers do it.
struct FramedDecoder<F: SchemaFormat> {
    wanted: Wanted,
    part: Part,
    registry: Arc<Client>,
    /// Beside each schema that compiles those that do not, with the reason: a topic full of
    /// such records shall not compile for every one.
    programs: Vec<(SchemaId, Result<F::Program, String>)>,
}

/// A decoder of a format with schemas.
pub(super) fn make<F: SchemaFormat>(making: Making) -> Result<Box<dyn Decoder>, SetupError> {
    let Making { wanted, part, schemas } = making;
    match schemas {
        Schemas::None => Err(SetupError::NoSchemas(F::FORMAT)),
        Schemas::Registry(registry) => {
            let programs = Vec::new();
            Ok(Box::new(FramedDecoder::<F> { wanted, part, registry, programs }))
        }
        Schemas::File(schema) => match F::compile_local(&schema, &wanted) {
            Ok(program) => Ok(Box::new(LocalDecoder::<F> { program })),
            Err(error) => Err(SetupError::Schema { format: F::FORMAT, error }),
        },
    }
}

impl<F: SchemaFormat> FramedDecoder<F> {
    /// The place of a schema's program. Records of one schema follow each other, so
    /// the last one found is first.
    #[inline]
    fn place(&mut self, id: &SchemaId) -> Result<usize, Failure> {
        match self.programs.iter().position(|(known, _)| known == id) {
            Some(0) => {}
            Some(place) => self.programs.swap(0, place),
            None => self.compile(id)?,
        }
        Ok(0)
    }

    fn compile(&mut self, id: &SchemaId) -> Result<(), Failure> {
        let schema = self.registry.schema(id).map_err(|error| refused::<F>(error))?;
        let program = match schema.kind == F::KIND {
            true => F::compile(&schema_text(&schema), &self.wanted)
                .map_err(|error| format!("schema {id}: {error}")),
            false => Err(format!("schema {id} is {}, not {}", schema.kind.name(), F::KIND.name())),
        };
        self.programs.truncate(PROGRAMS_KEPT - 1);
        self.programs.insert(0, (*id, program));
        Ok(())
    }
}

impl<F: SchemaFormat> Decoder for FramedDecoder<F> {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        row.begin(Shape::Absent, 0);
        let header = match self.part {
            Part::Key => KEY_HEADER,
            Part::Value => VALUE_HEADER,
        };
        let framed = wire::framed(input.bytes, input.headers.last(header))
            .map_err(|error| bad::<F>(error.at, error.to_string()))?;
        let place = self.place(&framed.id)?;
        let program = match self.programs.get_mut(place) {
            Some((_, Ok(program))) => program,
            Some((_, Err(problem))) => return Err(bad::<F>(0, problem.clone())),
            None => return Err(bad::<F>(0, format!("schema {} is lost", framed.id))),
        };
        let bytes = match framed.header {
            // A Protobuf message's indexes follow the id, wherever that stands.
            Some(behind) if !behind.is_empty() => arena.joined(behind, framed.rest),
            _ => framed.rest,
        };
        let before = input.bytes.len().saturating_sub(bytes.len());
        F::decode(program, bytes, names, arena, row).map_err(|mut error| {
            error.at += before;
            Failure::Record(error)
        })
    }

    fn forget_names(&mut self) {
        let programs = self.programs.iter_mut().filter_map(|(_, program)| program.as_mut().ok());
        programs.for_each(F::forget_names);
    }
}

/// Decodes records without framing by the schema of a local file.
struct LocalDecoder<F: SchemaFormat> {
    program: F::Program,
}

impl<F: SchemaFormat> Decoder for LocalDecoder<F> {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        row.begin(Shape::Absent, 0);
        F::decode(&mut self.program, input.bytes, names, arena, row).map_err(Failure::Record)
    }

    fn forget_names(&mut self) {
        F::forget_names(&mut self.program);
    }
}

/// A registry's schema as the formats take it: all it refers to, each name once,
/// what is referred to before what refers to it.
pub fn schema_text(schema: &Schema) -> SchemaText {
    let mut references = Vec::new();
    gather(schema, &mut references, &mut HashSet::new());
    SchemaText { text: schema.text.clone(), references, message: None }
}

fn gather<'s>(
    schema: &'s Schema,
    into: &mut Vec<(String, SchemaText)>,
    seen: &mut HashSet<&'s str>,
) {
    for reference in &schema.references {
        if seen.insert(&reference.name) {
            gather(&reference.schema, into, seen);
            let text = reference.schema.text.clone();
            into.push((reference.name.clone(), SchemaText { text, ..SchemaText::default() }));
        }
    }
}

fn refused<F: SchemaFormat>(error: LookupError) -> Failure {
    match error {
        LookupError::Unavailable { cause, reason, action, retry_after } => {
            let renew = match cause {
                Cause::Credentials => Renew::Credentials,
                _ => Renew::Nothing,
            };
            Failure::Unavailable(Absence { reason, action, retry_after, renew })
        }
        error => bad::<F>(0, error.to_string()),
    }
}

fn bad<F: SchemaFormat>(at: usize, problem: String) -> Failure {
    Failure::Record(DecodeError { format: F::FORMAT, at, problem: Cow::Owned(problem) })
}
