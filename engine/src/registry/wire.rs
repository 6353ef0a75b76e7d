//! How a record names its schema: the framing of the Schema Registry's serializers.
//!
//! After Confluent's serializers (`io.confluent.kafka.serializers.schema.id`, Apache-2.0): a magic byte
//! 0 and a big-endian u32 id, or a magic byte 1 and a 16-byte GUID. It stands before the payload
//! (`PrefixSchemaIdSerializer`) or in a record header (`HeaderSchemaIdSerializer`); as with
//! `DualSchemaIdDeserializer` the last header of the name wins when there is one. For Protobuf the path
//! to the message type follows the id, wherever that stands. Nothing here allocates, but an error.

use std::borrow::Cow;
use std::fmt;

/// The record header that holds the schema id of the key.
pub const KEY_HEADER: &str = "__key_schema_id";
/// The record header that holds the schema id of the value.
pub const VALUE_HEADER: &str = "__value_schema_id";
/// How deep a Protobuf message type may be nested in others.
pub const NESTING_MAX: usize = 16;

const NUMBER_LENGTH: usize = 1 + 4;
const GUID_LENGTH: usize = 1 + 16;

/// What the registry knows a schema by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// The number within one registry.
    Number(u32),
    /// The identifier that is the same in every registry; in the order of its text.
    Guid([u8; 16]),
}

impl fmt::Display for SchemaId {
    /// The number, or the GUID as 8-4-4-4-12 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaId::Number(number) => write!(f, "{number}"),
            SchemaId::Guid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    if matches!(at, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// Where the bytes of an error are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The record's key or value.
    Payload,
    /// The record header with the schema id.
    Header,
}

/// Why bytes do not name a schema: an error of the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}{}: {problem}", match .part { Part::Payload => "", Part::Header => " of the schema id header" })]
pub struct WireError {
    /// Where `at` counts.
    pub part: Part,
    /// The offending byte, counted from 0; the length where the bytes end too early.
    pub at: usize,
    /// What is wrong there.
    pub problem: Cow<'static, str>,
}

/// A key or a value with the id of its schema taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The schema's id.
    pub id: SchemaId,
    /// What follows the id; all of the bytes when the id is in a header. For Protobuf see
    /// [`Framed::message`].
    pub rest: &'a [u8],
    /// What follows the id in the record header, when the id is there.
    pub header: Option<&'a [u8]>,
    /// How many bytes the id takes where it stands.
    id_length: usize,
}

/// The path to a Protobuf message type: the index of the outermost message in its file, then of each
/// one nested in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageIndexes {
    length: usize,
    indexes: [u32; NESTING_MAX],
}

impl MessageIndexes {
    /// The indexes, at least one.
    pub fn as_slice(&self) -> &[u32] {
        self.indexes.get(..self.length).unwrap_or(&self.indexes)
    }
}

/// Takes the schema's id off `bytes`, or from `header`, the value of the record's last [`KEY_HEADER`]
/// or [`VALUE_HEADER`].
pub fn framed<'a>(bytes: &'a [u8], header: Option<&'a [u8]>) -> Result<Framed<'a>, WireError> {
    if let Some(header) = header {
        let (id, behind, id_length) = split_id(header, Part::Header)?;
        return Ok(Framed { id, rest: bytes, header: Some(behind), id_length });
    }
    let (id, rest, id_length) = split_id(bytes, Part::Payload)?;
    Ok(Framed { id, rest, header: None, id_length })
}

impl<'a> Framed<'a> {
    /// For Protobuf: the message type, and the message itself. The type's indexes follow the id.
    pub fn message(&self) -> Result<(MessageIndexes, &'a [u8]), WireError> {
        let (part, bytes) = match self.header {
            Some(behind) => (Part::Header, behind),
            None => (Part::Payload, self.rest),
        };
        let (indexes, behind) = message_indexes(bytes).map_err(|error| WireError {
            part,
            at: error.at.saturating_add(self.id_length),
            ..error
        })?;
        Ok((indexes, if part == Part::Header { self.rest } else { behind }))
    }
}

fn split_id(bytes: &[u8], part: Part) -> Result<(SchemaId, &[u8], usize), WireError> {
    let wrong = |at, problem| WireError { part, at, problem };
    let short = |what| {
        let problem = format!("ends within the schema {what}");
        wrong(bytes.len(), Cow::Owned(problem))
    };
    match bytes.split_first() {
        Some((0, rest)) => match rest.split_first_chunk() {
            Some((number, rest)) => {
                Ok((SchemaId::Number(u32::from_be_bytes(*number)), rest, NUMBER_LENGTH))
            }
            None => Err(short("id (4 bytes)")),
        },
        Some((1, rest)) => match rest.split_first_chunk() {
            Some((guid, rest)) => Ok((SchemaId::Guid(*guid), rest, GUID_LENGTH)),
            None => Err(short("GUID (16 bytes)")),
        },
        Some((first, _)) => Err(wrong(0, Cow::Owned(not_framed(*first)))),
        None => Err(wrong(0, Cow::Borrowed("empty, where a schema id should begin"))),
    }
}

/// The most common mistake is a format that has no schema id at all, so the message names it.
fn not_framed(first: u8) -> String {
    let seen = match first {
        b'{' | b'[' => "this looks like JSON without a schema id (format JSON)",
        b'O' => "this may be an Avro file, whose records have no schema id",
        _ => "a Schema Registry serializer did not write this",
    };
    format!("0x{first:02x} where a schema id begins with 0 or 1; {seen}")
}

/// Takes the path to a Protobuf message type off `bytes`: a count and as many indexes, each a zigzag
/// variable-length integer as Kafka's `ByteUtils.readVarint`; the count 0 stands for the one index 0.
///
/// Errors count from the begin of `bytes`. At most [`NESTING_MAX`] indexes.
pub fn message_indexes(bytes: &[u8]) -> Result<(MessageIndexes, &[u8]), WireError> {
    let mut all = MessageIndexes { length: 1, indexes: [0; NESTING_MAX] };
    let (count, mut rest) = varint(bytes, bytes, "the count of message indexes")?;
    if count == 0 {
        return Ok((all, rest));
    }
    all.length = count as usize;
    let Some(indexes) = all.indexes.get_mut(..all.length) else {
        let problem = format!("{count} message indexes; at most {NESTING_MAX} are supported");
        return Err(WireError { part: Part::Payload, at: 0, problem: Cow::Owned(problem) });
    };
    for index in indexes {
        (*index, rest) = varint(rest, bytes, "a message index")?;
    }
    Ok((all, rest))
}

/// A zigzag variable-length integer of at most 32 bits that is not negative; `all` is what errors
/// count from.
fn varint<'a>(
    bytes: &'a [u8],
    all: &[u8],
    what: &'static str,
) -> Result<(u32, &'a [u8]), WireError> {
    let begin = all.len().saturating_sub(bytes.len());
    let wrong = |at, problem: &str| WireError {
        part: Part::Payload,
        at,
        problem: Cow::Owned(format!("{what} {problem}")),
    };
    let (mut value, mut rest) = (0_u64, bytes);
    for shift in [0, 7, 14, 21, 28] {
        let Some((byte, behind)) = rest.split_first() else {
            return Err(wrong(all.len(), "is cut off"));
        };
        rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 != 0 {
            continue;
        }
        return match u32::try_from(value) {
            Ok(zigzag) if zigzag & 1 == 0 => Ok((zigzag >> 1, rest)),
            Ok(_) => Err(wrong(begin, "is negative")),
            Err(_) => Err(wrong(begin, "has more than 32 bits")),
        };
    }
    Err(wrong(begin, "has more than 5 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Kafka's `ByteUtils.writeVarint`.
    fn write_varint(value: i32, into: &mut Vec<u8>) {
        let mut left = ((value << 1) ^ (value >> 31)).cast_unsigned();
        while left >= 0x80 {
            into.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        into.push(u8::try_from(left).unwrap());
    }

    const GUID: [u8; 16] = [0x89, 0x79, 0x1b, 0x62, 0, 1, 2, 3, 4, 5, 6, 7, 0xfc, 0xfd, 0xfe, 0xff];

    #[test]
    fn the_prefix_is_a_magic_byte_and_an_id() {
        let whole = framed(b"\x00\x00\x00\x01\x02rest", None).unwrap();
        assert_eq!((whole.id, whole.rest), (SchemaId::Number(258), &b"rest"[..]));
        assert_eq!(whole.header, None);
        let mut bytes = vec![1];
        bytes.extend(GUID);
        let whole = framed(&bytes, None).unwrap();
        assert_eq!((whole.id, whole.rest), (SchemaId::Guid(GUID), &b""[..]));
        assert_eq!(whole.id.to_string(), "89791b62-0001-0203-0405-0607fcfdfeff");
        assert_eq!(SchemaId::Number(u32::MAX).to_string(), "4294967295");
    }

    #[test]
    fn a_header_wins_and_leaves_the_payload_whole() {
        let mut header = vec![1];
        header.extend(GUID);
        let bytes = b"\x00\x00\x00\x00\x07rest";
        let whole = framed(bytes, Some(&header)).unwrap();
        assert_eq!((whole.id, whole.rest), (SchemaId::Guid(GUID), &bytes[..]));
        let whole = framed(b"", Some(b"\x00\x00\x00\x00\x07")).unwrap();
        assert_eq!((whole.id, whole.rest), (SchemaId::Number(7), &b""[..]));
        let error = framed(bytes, Some(b"")).unwrap_err();
        assert_eq!((error.part, error.at), (Part::Header, 0));
        assert!(error.to_string().contains("header"), "{error}");
    }

    #[test]
    fn message_indexes_stand_where_the_id_stands() {
        let framing = framed(b"\x00\x00\x00\x00\x07\x00proto", None).unwrap();
        let (indexes, rest) = framing.message().unwrap();
        assert_eq!((indexes.as_slice(), rest), (&[0][..], &b"proto"[..]));
        let header = b"\x00\x00\x00\x00\x07\x04\x02\x06";
        let framing = framed(b"proto", Some(header)).unwrap();
        let (indexes, rest) = framing.message().unwrap();
        assert_eq!((indexes.as_slice(), rest), (&[1, 3][..], &b"proto"[..]));
        let error = framed(b"proto", Some(&header[..6])).unwrap().message().unwrap_err();
        assert_eq!((error.part, error.at), (Part::Header, 6));
        let error = framed(b"\x00\x00\x00\x00\x07\x02\x01", None).unwrap().message().unwrap_err();
        assert_eq!((error.part, error.at), (Part::Payload, 6));
        assert!(error.to_string().contains("byte 6: a message index is negative"), "{error}");
    }

    #[test]
    fn errors_name_the_byte_and_what_it_looks_like() {
        for (bytes, at, words) in [
            (&b""[..], 0, "empty"),
            (b"{\"a\":1}", 0, "0x7b where a schema id begins with 0 or 1; this looks like JSON"),
            (b"Obj\x01", 0, "Avro file"),
            (b"\x02\x00\x00\x00\x01", 0, "0x02"),
            (b"\x00\x00\x00\x01", 4, "ends within the schema id"),
            (b"\x01\x00\x00\x00\x01", 5, "ends within the schema GUID"),
        ] {
            let error = framed(bytes, None).unwrap_err();
            assert_eq!((error.part, error.at), (Part::Payload, at), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        for (bytes, at, words) in [
            (&b""[..], 0, "count of message indexes is cut off"),
            (b"\x01", 0, "count of message indexes is negative"),
            (b"\x04\x00", 2, "a message index is cut off"),
            (b"\x22", 0, "17 message indexes; at most 16"),
            (b"\x02\x80\x80\x80\x80\x80\x00", 1, "more than 5 bytes"),
            (b"\x02\x80\x80\x80\x80\x7e", 1, "more than 32 bits"),
        ] {
            let error = message_indexes(bytes).unwrap_err();
            assert_eq!(error.at, at, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            id in any::<u32>(),
            guid in any::<[u8; 16]>(),
            indexes in proptest::collection::vec(0..=i32::MAX, 1..=NESTING_MAX),
            payload in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut path = Vec::new();
            write_varint(i32::try_from(indexes.len()).unwrap(), &mut path);
            indexes.iter().for_each(|index| write_varint(*index, &mut path));
            let prefixes =
                [([&[0][..], &id.to_be_bytes()].concat(), SchemaId::Number(id)),
                 ([&[1][..], &guid].concat(), SchemaId::Guid(guid))];
            for (prefix, wanted) in prefixes {
                let whole = [&prefix[..], &path, &payload].concat();
                let framing = framed(&whole, None).unwrap();
                prop_assert_eq!(framing.id, wanted);
                let (read, rest) = framing.message().unwrap();
                let read: Vec<i32> = read.as_slice().iter().map(|i| i32::try_from(*i).unwrap()).collect();
                prop_assert_eq!(&read, &indexes);
                prop_assert_eq!(rest, &payload);
                let header = [&prefix[..], &path].concat();
                let (same, rest) = framed(&payload, Some(&header)).unwrap().message().unwrap();
                prop_assert_eq!(same.as_slice().len(), indexes.len());
                prop_assert_eq!(rest, &payload);
                for end in 0..prefix.len() {
                    prop_assert_eq!(framed(&whole[..end], None).unwrap_err().at, end);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused_within_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            header in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
        ) {
            match framed(&bytes, header.as_deref()) {
                Ok(framing) => {
                    prop_assert!(bytes.ends_with(framing.rest));
                    if let Err(error) = framing.message() {
                        let length = header.as_ref().unwrap_or(&bytes).len();
                        prop_assert!(error.at <= length);
                    }
                }
                Err(error) => prop_assert!(error.at <= header.as_ref().unwrap_or(&bytes).len()),
            }
        }
    }
}
