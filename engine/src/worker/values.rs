//! The decoder of a subscription's values, with what they are wrapped in.

use crate::command::Envelope;
use crate::format::envelope::{Change, Connect, Debezium};
use crate::format::{Decoder, Failure, Format, Input, Making, Part, Schemas, SetupError};
use crate::record::{Arena, Names, Row, Shape, Wanted};

/// How values are encoded.
#[derive(Debug, Clone)]
pub struct ValueSource {
    /// The format.
    pub format: Format,
    /// What they are wrapped in.
    pub envelope: Envelope,
    /// Where schemas are.
    pub schemas: Schemas,
}

/// Decodes values.
pub(super) enum ValueDecoder {
    /// As they are, or with an envelope that only adds types.
    Plain(Box<dyn Decoder>),
    /// Change events.
    Debezium(Box<Debezium>),
}

impl ValueDecoder {
    /// A decoder that reads what is wanted of the values and of the envelope around them.
    pub fn new(
        source: &ValueSource,
        wanted: Wanted,
        around: Wanted,
    ) -> Result<ValueDecoder, SetupError> {
        let make = |wanted| {
            let schemas = source.schemas.clone();
            source.format.decoder(Making { wanted, part: Part::Value, schemas })
        };
        match source.envelope {
            Envelope::None => make(wanted).map(ValueDecoder::Plain),
            Envelope::Connect => Ok(ValueDecoder::Plain(Box::new(Connect::new(wanted)))),
            Envelope::Debezium => {
                let debezium = Debezium::new(wanted, around, make)?;
                Ok(ValueDecoder::Debezium(Box::new(debezium)))
            }
        }
    }

    /// Decodes a value that is there into its row and the row of what is around it.
    /// A row of [`Shape::Absent`] afterwards is a tombstone's.
    pub fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
        around: &mut Row<'a>,
    ) -> Result<Change, Failure> {
        match self {
            ValueDecoder::Plain(decoder) => {
                around.begin(Shape::Absent, 0);
                decoder.decode(input, names, arena, row)?;
                Ok(Change::Upsert)
            }
            ValueDecoder::Debezium(debezium) => debezium.decode(input, names, arena, row, around),
        }
    }

    /// Drops every name's number that it keeps.
    pub fn forget_names(&mut self) {
        match self {
            ValueDecoder::Plain(decoder) => decoder.forget_names(),
            ValueDecoder::Debezium(debezium) => debezium.forget_names(),
        }
    }
}
