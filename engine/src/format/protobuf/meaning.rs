//! What messages stand for: well-known types, and the types of values.

use super::types::{FieldKind, FieldType, MessageType, Repeats, Types};
use crate::record::Type;

/// How many parts a type may have before the rest of it is called unknown.
const TYPE_PARTS: usize = 4096;

/// What a message stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The fields it has.
    Record,
    /// A map's entry.
    Entry,
    Timestamp,
    Duration,
    /// The one value it wraps.
    Wrapper,
    Struct,
    /// `google.protobuf.Value`
    Json,
    ListValue,
    Any,
    FieldMask,
    /// `confluent.type.Decimal`
    Decimal,
    /// `google.type.Date`
    Date,
    /// `google.type.TimeOfDay`
    TimeOfDay,
}

const MEANINGS: &[(&str, Meaning)] = &[
    ("google.protobuf.Timestamp", Meaning::Timestamp),
    ("google.protobuf.Duration", Meaning::Duration),
    ("google.protobuf.DoubleValue", Meaning::Wrapper),
    ("google.protobuf.FloatValue", Meaning::Wrapper),
    ("google.protobuf.Int64Value", Meaning::Wrapper),
    ("google.protobuf.UInt64Value", Meaning::Wrapper),
    ("google.protobuf.Int32Value", Meaning::Wrapper),
    ("google.protobuf.UInt32Value", Meaning::Wrapper),
    ("google.protobuf.BoolValue", Meaning::Wrapper),
    ("google.protobuf.StringValue", Meaning::Wrapper),
    ("google.protobuf.BytesValue", Meaning::Wrapper),
    ("google.protobuf.Struct", Meaning::Struct),
    ("google.protobuf.Value", Meaning::Json),
    ("google.protobuf.ListValue", Meaning::ListValue),
    ("google.protobuf.Any", Meaning::Any),
    ("google.protobuf.FieldMask", Meaning::FieldMask),
    ("confluent.type.Decimal", Meaning::Decimal),
    ("google.type.Date", Meaning::Date),
    ("google.type.TimeOfDay", Meaning::TimeOfDay),
];

impl Meaning {
    /// What a message type stands for: a well-known name counts only with the fields it is known for.
    pub fn of(message: &MessageType) -> Meaning {
        let known = MEANINGS.iter().find(|(name, _)| *name == message.name);
        known
            .map(|(_, meaning)| *meaning)
            .filter(|known| known.fits(message))
            .unwrap_or(message.meaning)
    }

    fn fits(self, message: &MessageType) -> bool {
        use FieldKind::{Bytes, Int32, Int64, Text};
        let has = |number, kind, repeats| {
            let field = message.numbered(number);
            field.is_some_and(|field| field.kind == kind && field.repeats == repeats)
        };
        let single = |kinds: &[(u32, FieldKind)]| {
            kinds.iter().all(|&(number, kind)| has(number, kind, Repeats::Never))
        };
        let repeats = |as_what| message.numbered(1).is_some_and(|field| field.repeats == as_what);
        match self {
            Meaning::Record | Meaning::Entry => true,
            Meaning::Timestamp | Meaning::Duration => single(&[(1, Int64), (2, Int32)]),
            Meaning::Wrapper => message.fields.len() == 1 && repeats(Repeats::Never),
            Meaning::Struct => repeats(Repeats::Map),
            Meaning::ListValue => repeats(Repeats::List),
            Meaning::Json => message.fields.len() == 6 && message.oneofs.len() == 1,
            Meaning::Any => single(&[(1, Text), (2, Bytes)]),
            Meaning::FieldMask => has(1, Text, Repeats::List),
            Meaning::Decimal => single(&[(1, Bytes), (3, Int32)]),
            Meaning::Date => single(&[(1, Int32), (2, Int32), (3, Int32)]),
            Meaning::TimeOfDay => single(&[(1, Int32), (2, Int32), (3, Int32), (4, Int32)]),
        }
    }
}

impl Types {
    /// The type of a message's value, as far as it can be told.
    pub fn type_of(&self, message: u32) -> Type {
        self.message_type(message, &mut Vec::new(), &mut 0)
    }

    fn message_type(&self, number: u32, above: &mut Vec<u32>, parts: &mut usize) -> Type {
        let Some(message) = self.message(number) else {
            return Type::Unknown;
        };
        match message.meaning {
            Meaning::Timestamp => Type::Timestamp,
            Meaning::Duration | Meaning::FieldMask => Type::Text,
            Meaning::Struct => Type::Map(Box::new(Type::Unknown)),
            Meaning::ListValue => Type::List(Box::new(Type::Unknown)),
            Meaning::Decimal => Type::Decimal,
            Meaning::Date => Type::Date,
            Meaning::TimeOfDay => Type::Time,
            Meaning::Json | Meaning::Any => Type::Unknown,
            Meaning::Wrapper => match message.fields.first() {
                Some(field) => self.value_type(field.kind, above, parts),
                None => Type::Unknown,
            },
            Meaning::Record | Meaning::Entry => {
                *parts += message.fields.len();
                if above.contains(&number) || *parts > TYPE_PARTS {
                    return Type::Unknown;
                }
                above.push(number);
                let fields = message.fields.iter();
                let fields =
                    fields.map(|field| (field.name.clone(), self.field_type(field, above, parts)));
                let fields = fields.collect();
                above.pop();
                Type::Record(fields)
            }
        }
    }

    fn field_type(&self, field: &FieldType, above: &mut Vec<u32>, parts: &mut usize) -> Type {
        match field.repeats {
            Repeats::Never => self.value_type(field.kind, above, parts),
            Repeats::List => Type::List(Box::new(self.value_type(field.kind, above, parts))),
            Repeats::Map => {
                let entry = field.kind.message().and_then(|entry| self.message(entry));
                let value = entry.and_then(|entry| entry.numbered(2));
                let of = value.map_or(Type::Unknown, |v| self.value_type(v.kind, above, parts));
                Type::Map(Box::new(of))
            }
        }
    }

    fn value_type(&self, kind: FieldKind, above: &mut Vec<u32>, parts: &mut usize) -> Type {
        match kind {
            FieldKind::Float | FieldKind::Double => Type::Double,
            FieldKind::Bool => Type::Boolean,
            FieldKind::Text | FieldKind::Enum(_) => Type::Text,
            FieldKind::Bytes => Type::Bytes,
            FieldKind::Message(message) | FieldKind::Group(message) => {
                self.message_type(message, above, parts)
            }
            _ => Type::Int,
        }
    }
}
