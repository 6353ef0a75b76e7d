//! Formats whose records need a schema: compiled once a schema, then run on every record.

use super::{DecodeError, Format};
use crate::record::{Arena, Names, Row, Type, Wanted};
use crate::registry::SchemaKind;

/// A schema's text with all it refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaText {
    /// The schema as it was registered.
    pub text: String,
    /// What it imports, by the name it imports it under.
    pub references: Vec<(String, SchemaText)>,
    /// The message type of a local file of several; records of the registry say which it is themselves.
    pub message: Option<String>,
}

/// Why a schema cannot be used: names what in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(pub String);

/// A format whose records need a schema.
pub trait SchemaFormat: Send + 'static {
    /// Which format it is.
    const FORMAT: Format;

    /// The language of its schemas.
    const KIND: SchemaKind;

    /// A schema compiled for what is wanted of its records.
    type Program: Send;

    /// Compiles a schema.
    fn compile(schema: &SchemaText, wanted: &Wanted) -> Result<Self::Program, SchemaError>;

    /// Compiles the schema of a local file, whose records have nothing before them.
    fn compile_local(schema: &SchemaText, wanted: &Wanted) -> Result<Self::Program, SchemaError> {
        Self::compile(schema, wanted)
    }

    /// Decodes one record without its framing, as [`super::Decoder::decode`] does.
    fn decode<'a>(
        program: &'a mut Self::Program,
        bytes: &'a [u8],
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), DecodeError>;

    /// The type of its records' values.
    fn value_type(program: &Self::Program) -> Type;

    /// Drops every [`crate::record::NameId`] that the program keeps.
    fn forget_names(program: &mut Self::Program);
}
