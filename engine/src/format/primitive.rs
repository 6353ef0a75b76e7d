//! INT, LONG, SHORT, FLOAT, DOUBLE: numbers as Kafka's serializers write them,
//! big-endian and of a fixed length (`org.apache.kafka.common.serialization`).

use super::{DecodeError, Decoder, Failure, Format, Input, single};
use crate::record::{Arena, Names, Row, Shape, Value, Wanted};
use std::borrow::Cow;

/// How a number's bytes are read; none when they are not as many as it has.
type Read = fn(&[u8]) -> Option<Value<'static>>;

/// A number format.
#[derive(Debug)]
pub(super) struct Primitive {
    format: Format,
    read: Read,
    /// What the bytes should have been.
    expected: &'static str,
}

pub(super) const INT: Primitive = Primitive {
    format: Format::Int,
    read: |bytes| Some(Value::Int(i64::from(i32::from_be_bytes(bytes.try_into().ok()?)))),
    expected: "4 bytes, as Kafka's IntegerSerializer writes",
};

pub(super) const LONG: Primitive = Primitive {
    format: Format::Long,
    read: |bytes| Some(Value::Int(i64::from_be_bytes(bytes.try_into().ok()?))),
    expected: "8 bytes, as Kafka's LongSerializer writes",
};

pub(super) const SHORT: Primitive = Primitive {
    format: Format::Short,
    read: |bytes| Some(Value::Int(i64::from(i16::from_be_bytes(bytes.try_into().ok()?)))),
    expected: "2 bytes, as Kafka's ShortSerializer writes",
};

pub(super) const FLOAT: Primitive = Primitive {
    format: Format::Float,
    read: |bytes| Some(Value::Float(f32::from_be_bytes(bytes.try_into().ok()?))),
    expected: "4 bytes, as Kafka's FloatSerializer writes",
};

pub(super) const DOUBLE: Primitive = Primitive {
    format: Format::Double,
    read: |bytes| Some(Value::Double(f64::from_be_bytes(bytes.try_into().ok()?))),
    expected: "8 bytes, as Kafka's DoubleSerializer writes",
};

/// Decodes one kind of number.
#[derive(Debug)]
pub(super) struct PrimitiveDecoder {
    primitive: Primitive,
    wanted: Wanted,
}

impl PrimitiveDecoder {
    pub(super) fn new(primitive: Primitive, wanted: Wanted) -> Self {
        PrimitiveDecoder { primitive, wanted }
    }
}

impl Decoder for PrimitiveDecoder {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        row.begin(Shape::Absent, 0);
        let Primitive { format, read, expected } = self.primitive;
        let Some(value) = read(input.bytes) else {
            let length = input.bytes.len();
            let problem = Cow::Owned(format!("{length} bytes, expected {expected}"));
            return Err(Failure::Record(DecodeError { format, at: length, problem }));
        };
        single(value, &self.wanted, names, arena, row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Making, Part, Schemas};
    use crate::format::{NoHeaders, text::write_text};
    use proptest::prelude::*;

    fn decode(format: Format, bytes: &[u8]) -> Result<String, String> {
        let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
        let mut decoder = format
            .decoder(Making {
                wanted: Wanted { every_field: true, paths: vec![vec![]] },
                part: Part::Value,
                schemas: Schemas::None,
            })
            .unwrap();
        let input = Input { bytes, headers: &NoHeaders };
        if let Err(failure) = decoder.decode(input, &mut names, &arena, &mut row) {
            assert_eq!((row.shape(), row.fields().len()), (Shape::Absent, 0));
            return Err(failure.to_string());
        }
        assert_eq!((row.shape(), row.fields().len()), (Shape::Single, 1));
        assert_eq!(names.get(row.fields()[0].name), b"value");
        let mut text = Vec::new();
        write_text(row.slot(0), &mut text);
        Ok(String::from_utf8(text).unwrap())
    }

    /// Bytes as `ByteBuffer.putInt` and its like write them.
    #[test]
    fn bytes_of_kafkas_serializers() {
        for (format, bytes, text) in [
            (Format::Int, &[0x00, 0x00, 0x00, 0x04][..], "4"),
            (Format::Int, &[0xff, 0xff, 0xff, 0xff], "-1"),
            (Format::Int, &[0x80, 0, 0, 0], "-2147483648"),
            (
                Format::Long,
                &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
                "9223372036854775807",
            ),
            (Format::Short, &[0x80, 0x00], "-32768"),
            (Format::Float, &[0x41, 0xae, 0x00, 0x00], "21.75"),
            (Format::Float, &[0x3d, 0xcc, 0xcc, 0xcd], "0.1"),
            (Format::Float, &[0x7f, 0xc0, 0x00, 0x00], "NaN"),
            (Format::Double, &[0xc0, 0x35, 0xc0, 0, 0, 0, 0, 0], "-21.75"),
            (Format::Double, &[0xff, 0xf0, 0, 0, 0, 0, 0, 0], "-Infinity"),
        ] {
            assert_eq!(decode(format, bytes).as_deref(), Ok(text), "{format:?} {bytes:?}");
        }
    }

    #[test]
    fn another_length_is_refused_by_name() {
        for (format, length) in [
            (Format::Int, 4),
            (Format::Long, 8),
            (Format::Short, 2),
            (Format::Float, 4),
            (Format::Double, 8),
        ] {
            for other in (0..=17).filter(|&other| other != length) {
                let error = decode(format, &vec![0x31; other]).unwrap_err();
                let start = format!("invalid {} at byte {other}: {other} bytes", format.name());
                assert!(error.starts_with(&start), "{error}");
                assert!(error.contains(&format!("expected {length} bytes")), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back(int: i32, long: i64, short: i16, float: f32, double: f64) {
            prop_assert_eq!(decode(Format::Int, &int.to_be_bytes()), Ok(int.to_string()));
            prop_assert_eq!(decode(Format::Long, &long.to_be_bytes()), Ok(long.to_string()));
            prop_assert_eq!(decode(Format::Short, &short.to_be_bytes()), Ok(short.to_string()));
            let text = decode(Format::Float, &float.to_be_bytes()).unwrap();
            prop_assert_eq!(text.parse::<f32>().unwrap(), float);
            let text = decode(Format::Double, &double.to_be_bytes()).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap(), double);
        }
    }
}
