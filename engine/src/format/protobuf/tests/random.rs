//! Random messages of any type.

use fastrand::Rng;
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

pub struct Random {
    pub rng: Rng,
    /// How many entries a map has at most: one keeps texts in one order.
    pub entries: usize,
    pub depth: u32,
}

const WORDS: &[&str] =
    &["", "a", "VIE", "Zürich", "東京 \u{1f600}", "\"q\"\\\n\t\u{1}", "snake_case"];

impl Random {
    pub fn message(&mut self, of: &MessageDescriptor) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        self.depth += 1;
        let likely = if self.depth > 1 { 3 } else { 6 };
        for field in of.fields() {
            let nested = matches!(field.kind(), Kind::Message(_));
            let wanted = self.rng.u32(0..10) < likely || field.is_required();
            if wanted && (!nested || self.depth < 5 || field.is_required()) {
                let value = self.field(&field);
                message.set_field(&field, value);
            }
        }
        self.known(&mut message);
        self.depth -= 1;
        message
    }

    /// Puts values into well-known types that they mostly have.
    fn known(&mut self, message: &mut DynamicMessage) {
        if self.rng.u8(0..6) == 0 {
            return;
        }
        let rng = &mut self.rng;
        let nanos = match rng.u8(0..4) {
            0 => 0,
            1 => rng.i32(0..1000) * 1_000_000,
            2 => rng.i32(0..1_000_000) * 1_000,
            _ => rng.i32(0..1_000_000_000),
        };
        let name = message.descriptor().full_name().to_owned();
        match name.as_str() {
            "google.protobuf.Timestamp" => {
                let seconds = rng.i64(-62_135_596_800..=253_402_300_799);
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(nanos));
            }
            "google.protobuf.Duration" => {
                let seconds = rng.i64(-400_000..400_000) * if rng.bool() { 1 } else { 1000 };
                let nanos = if seconds < 0 { -nanos } else { nanos };
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(nanos));
            }
            "confluent.type.Decimal" => {
                let unscaled: Vec<u8> = (0..rng.usize(0..18)).map(|_| rng.u8(..)).collect();
                message.set_field_by_name("value", Value::Bytes(unscaled.into()));
                message.set_field_by_name("scale", Value::I32(rng.i32(-1..40)));
            }
            "google.type.Date" => {
                message.set_field_by_name("year", Value::I32(rng.i32(0..10_001)));
                message.set_field_by_name("month", Value::I32(rng.i32(0..14)));
                message.set_field_by_name("day", Value::I32(rng.i32(0..33)));
            }
            "google.type.TimeOfDay" => {
                message.set_field_by_name("hours", Value::I32(rng.i32(0..25)));
                message.set_field_by_name("minutes", Value::I32(rng.i32(0..61)));
                message.set_field_by_name("seconds", Value::I32(rng.i32(0..61)));
                message.set_field_by_name("nanos", Value::I32(nanos));
            }
            "google.protobuf.Any" => self.any(message),
            _ => {}
        }
    }

    fn any(&mut self, message: &mut DynamicMessage) {
        let pool = message.descriptor().parent_pool().clone();
        let types = [
            "t.Known",
            "t.Known.Inner",
            "google.protobuf.Duration",
            "google.protobuf.Empty",
            "t.Gone",
        ];
        let name = types[self.rng.usize(0..types.len())];
        let held = match pool.get_message_by_name(name) {
            Some(of) if self.depth < 5 => self.message(&of).encode_to_vec(),
            Some(_) => Vec::new(),
            None => vec![0xff; 3],
        };
        let host = if self.rng.bool() { "type.googleapis.com/" } else { "" };
        message.set_field_by_name("type_url", Value::String(format!("{host}{name}")));
        message.set_field_by_name("value", Value::Bytes(held.into()));
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_list() {
            let length = self.rng.usize(0..4);
            return Value::List((0..length).map(|_| self.value(&field.kind())).collect());
        }
        if !field.is_map() {
            return self.value(&field.kind());
        }
        let Kind::Message(entry) = field.kind() else { panic!("a map has entries") };
        let length = self.rng.usize(0..=self.entries);
        let entry = (0..length).map(|_| {
            let key = self.value(&entry.map_entry_key_field().kind());
            (key_of(key), self.value(&entry.map_entry_value_field().kind()))
        });
        Value::Map(entry.collect())
    }

    fn bits(&mut self) -> u64 {
        match self.rng.u8(0..4) {
            0 => self.rng.u64(0..3),
            1 => u64::MAX - self.rng.u64(0..3),
            2 => 1 << self.rng.u32(0..64),
            _ => self.rng.u64(..),
        }
    }

    fn value(&mut self, kind: &Kind) -> Value {
        let bits = self.bits();
        match kind {
            Kind::Double if self.rng.bool() => Value::F64(bits as i64 as f64 / 100.0),
            Kind::Double => Value::F64(f64::from_bits(bits)),
            Kind::Float if self.rng.bool() => Value::F32(bits as i32 as f32 / 100.0),
            Kind::Float => Value::F32(f32::from_bits(bits as u32)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(bits as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(bits as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(bits as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(bits),
            Kind::Bool => Value::Bool(bits & 1 == 1),
            Kind::String => Value::String(WORDS[self.rng.usize(0..WORDS.len())].to_owned()),
            Kind::Bytes => Value::Bytes(bits.to_le_bytes()[..self.rng.usize(0..9)].to_vec().into()),
            Kind::Message(of) => Value::Message(self.message(of)),
            Kind::Enum(of) if self.rng.u8(0..8) > 0 => {
                let values: Vec<_> = of.values().collect();
                Value::EnumNumber(values[self.rng.usize(0..values.len())].number())
            }
            Kind::Enum(_) => Value::EnumNumber(bits as i32),
        }
    }
}

fn key_of(value: Value) -> MapKey {
    match value {
        Value::Bool(key) => MapKey::Bool(key),
        Value::I32(key) => MapKey::I32(key),
        Value::I64(key) => MapKey::I64(key),
        Value::U32(key) => MapKey::U32(key),
        Value::U64(key) => MapKey::U64(key),
        Value::String(key) => MapKey::String(key),
        other => panic!("no key: {other:?}"),
    }
}
