//! STRING: UTF-8 text, as Kafka's StringSerializer writes it.

use super::{DecodeError, Decoder, Format, check_utf8, single};
use crate::record::{Fields, Kind, Names, Shape};

/// Takes the bytes as one text; what is not UTF-8 is an error.
#[derive(Debug, Default)]
pub struct StringDecoder;

impl Decoder for StringDecoder {
    fn decode(
        &mut self,
        bytes: &[u8],
        names: &mut Names,
        fields: &mut Fields,
    ) -> Result<(), DecodeError> {
        fields.begin(Shape::Absent);
        check_utf8(bytes, Format::String)?;
        single(bytes, Kind::String, names, fields);
        Ok(())
    }
}
