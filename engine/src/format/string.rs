//! STRING: UTF-8 text, as Kafka's StringSerializer writes it.

use super::{Decoder, Failure, Format, Input, check_utf8, single};
use crate::record::{Arena, Names, Row, Shape, Value, Wanted};

/// Takes the bytes as one text; what is not UTF-8 is an error.
#[derive(Debug)]
pub struct StringDecoder {
    wanted: Wanted,
}

impl StringDecoder {
    pub(super) fn new(wanted: Wanted) -> Self {
        StringDecoder { wanted }
    }
}

impl Decoder for StringDecoder {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        row.begin(Shape::Absent, 0);
        let text = check_utf8(input.bytes, Format::String)?;
        single(Value::Text(text), &self.wanted, names, arena, row);
        Ok(())
    }
}
