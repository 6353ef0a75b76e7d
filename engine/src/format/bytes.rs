//! BYTES: whatever the record holds, as Kafka's ByteArraySerializer writes it.

use super::{DecodeError, Decoder, single};
use crate::record::{Fields, Kind, Names};

/// Takes the bytes as one value; never an error.
#[derive(Debug, Default)]
pub struct BytesDecoder;

impl Decoder for BytesDecoder {
    fn decode(
        &mut self,
        bytes: &[u8],
        names: &mut Names,
        fields: &mut Fields,
    ) -> Result<(), DecodeError> {
        single(bytes, Kind::Bytes, names, fields);
        Ok(())
    }
}
