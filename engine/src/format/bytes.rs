//! BYTES: whatever the bytes are.

use super::{Decoder, Failure, Input, single};
use crate::record::{Arena, Names, Row, Value, Wanted};

/// Takes the bytes as one value without a meaning.
#[derive(Debug)]
pub struct BytesDecoder {
    wanted: Wanted,
}

impl BytesDecoder {
    pub(super) fn new(wanted: Wanted) -> Self {
        BytesDecoder { wanted }
    }
}

impl Decoder for BytesDecoder {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        single(Value::Bytes(input.bytes), &self.wanted, names, arena, row);
        Ok(())
    }
}
