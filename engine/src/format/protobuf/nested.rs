//! Messages, lists and maps that are still encoded, read part by part.

use super::gather::{self, Cell};
use super::meaning::Meaning;
use super::read::{self, Part};
use super::types::{FieldKind, FieldType, Repeats, Types};
use crate::format::text::{write_json, write_json_string};
use crate::record::{Arena, Nested, NestedShape, Value};

/// How many fields a walk notes at a time; more take another walk.
const WINDOW: usize = 32;

/// A message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub types: &'a Types,
    pub message: u32,
    pub bytes: &'a [u8],
}

/// A list or a map: the elements of one field, from the first one's tag to the last one's end.
#[derive(Debug, Clone, Copy)]
pub struct Repeated<'a> {
    pub types: &'a Types,
    pub field: &'a FieldType,
    pub bytes: &'a [u8],
    pub count: u32,
}

/// A message of any type, by the type's name.
#[derive(Debug, Clone, Copy)]
pub struct Any<'a> {
    pub types: &'a Types,
    pub url: &'a str,
    /// The type, if the schema has it.
    pub message: Option<u32>,
    pub bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Shows its fields in the order they are declared in.
    fn each(&self, mut show: impl FnMut(&'a FieldType, Part<'a>)) {
        let Some(of) = self.types.message(self.message) else {
            return;
        };
        for (index, fields) in of.fields.chunks(WINDOW).enumerate() {
            let mut cells = [Cell::default(); WINDOW];
            let place = |at: usize| at.checked_sub(index * WINDOW).filter(|&at| at < WINDOW);
            self.walk(&place, &mut cells);
            for (field, cell) in fields.iter().zip(cells) {
                show(field, read::field(self.types, field, cell, self.bytes));
            }
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_fields(true, out);
        out.push(b'}');
    }

    fn write_fields(&self, mut first: bool, out: &mut Vec<u8>) {
        self.each(|field, part| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_json_string(&field.name, out);
            out.push(b':');
            part.write_json(out);
        });
    }
}

impl Nested for Message<'_> {
    fn shape(&self) -> NestedShape {
        NestedShape::Record
    }

    fn len(&self) -> usize {
        self.types.message(self.message).map_or(0, |of| of.fields.len())
    }

    fn field<'a>(&'a self, name: &str, arena: &'a Arena) -> Value<'a> {
        let place = self.types.message(self.message).and_then(|of| of.named(name));
        place.map_or(Value::Null, |place| self.at(place).value(arena))
    }

    fn element<'a>(&'a self, _index: usize, _arena: &'a Arena) -> Value<'a> {
        Value::Null
    }

    fn visit<'a>(&'a self, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
        self.each(|field, part| visit(&field.name, part.value(arena)));
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        self.write(out);
    }
}

/// A map's entry.
struct Entry<'a> {
    key: Value<'a>,
    large_key: Option<u64>,
    value: Part<'a>,
}

impl<'a> Repeated<'a> {
    fn part(&self, bits: u64) -> Part<'a> {
        read::single(self.types, self.field.kind, bits, self.bytes)
    }

    fn entry(&self, bits: u64) -> Entry<'a> {
        let null = Part::Plain(Value::Null);
        let mut entry = Entry { key: Value::Null, large_key: None, value: null };
        let Some(message) = self.field.kind.message() else {
            return entry;
        };
        let bytes = Cell { bits, count: 1 }.span(self.bytes);
        let holder = Message { types: self.types, message, bytes };
        let cells = holder.numbered([1, 2]);
        let of = self.types.message(message);
        let part = |number, cell| {
            let field = of.and_then(|of| of.numbered(number));
            field.map_or(null, |field| read::field(self.types, field, cell, bytes))
        };
        let [key, value] = cells;
        match part(1, key) {
            Part::Large(number) => entry.large_key = Some(number),
            Part::Plain(value) => entry.key = value,
            _ => {}
        }
        entry.value = part(2, value);
        entry
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        let map = self.field.repeats == Repeats::Map;
        let mut first = true;
        out.push(if map { b'{' } else { b'[' });
        self.each(|bits| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            if map {
                let entry = self.entry(bits);
                entry.write_key(out);
                out.push(b':');
                entry.value.write_json(out);
            } else {
                self.part(bits).write_json(out);
            }
        });
        out.push(if map { b'}' } else { b']' });
    }
}

impl<'a> Entry<'a> {
    fn write_key(&self, out: &mut Vec<u8>) {
        match (self.key, self.large_key) {
            (Value::Text(key), _) => write_json_string(key, out),
            (key, _) => {
                out.push(b'"');
                self.number_key(key, |text| out.extend_from_slice(text.as_bytes()));
                out.push(b'"');
            }
        }
    }

    /// The key, as JSON's member names and paths know it.
    fn key(&self, arena: &'a Arena) -> &'a str {
        match self.key {
            Value::Text(key) => key,
            key => {
                let mut text = "";
                self.number_key(key, |key| text = arena.text(key));
                text
            }
        }
    }

    fn is(&self, name: &str) -> bool {
        match self.key {
            Value::Text(key) => key == name,
            key => {
                let mut same = false;
                self.number_key(key, |key| same = key == name);
                same
            }
        }
    }

    fn number_key(&self, key: Value<'_>, mut show: impl FnMut(&str)) {
        let mut buffer = itoa::Buffer::new();
        show(match (key, self.large_key) {
            (_, Some(number)) => buffer.format(number),
            (Value::Int(number), _) => buffer.format(number),
            (Value::Boolean(true), _) => "true",
            (Value::Boolean(false), _) => "false",
            _ => "",
        });
    }
}

impl Nested for Repeated<'_> {
    fn shape(&self) -> NestedShape {
        match self.field.repeats {
            Repeats::Map => NestedShape::Map,
            _ => NestedShape::Array,
        }
    }

    fn len(&self) -> usize {
        self.count as usize
    }

    fn field<'a>(&'a self, name: &str, arena: &'a Arena) -> Value<'a> {
        let mut found = None;
        if self.field.repeats == Repeats::Map {
            self.each(|bits| {
                let entry = self.entry(bits);
                if entry.is(name) {
                    found = Some(entry.value);
                }
            });
        }
        found.map_or(Value::Null, |part| part.value(arena))
    }

    fn element<'a>(&'a self, index: usize, arena: &'a Arena) -> Value<'a> {
        let (mut found, mut at) = (None, 0);
        self.each(|bits| {
            if at == index {
                found = Some(bits);
            }
            at += 1;
        });
        found.map_or(Value::Null, |bits| self.part(bits).value(arena))
    }

    fn visit<'a>(&'a self, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
        let map = self.field.repeats == Repeats::Map;
        self.each(|bits| {
            if map {
                let entry = self.entry(bits);
                visit(entry.key(arena), entry.value.value(arena));
            } else {
                visit("", self.part(bits).value(arena));
            }
        });
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        self.write(out);
    }
}

impl<'a> Any<'a> {
    fn url(&self) -> Value<'a> {
        Value::Text(self.url)
    }

    /// The message it holds, where that has fields of its own.
    fn record(&self) -> Option<Message<'a>> {
        let message = self.message?;
        let meaning = self.types.message(message)?.meaning;
        let record = matches!(meaning, Meaning::Record | Meaning::Entry);
        record.then_some(Message { types: self.types, message, bytes: self.bytes })
    }

    /// What it holds that has no fields of its own, or is of a type unknown here.
    fn lone(&self) -> Part<'a> {
        match self.message {
            Some(message) => {
                let bits = gather::between(0, self.bytes.len());
                read::single(self.types, FieldKind::Message(message), bits, self.bytes)
            }
            None => Part::Plain(Value::Bytes(self.bytes)),
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"@type\":");
        write_json(self.url(), out);
        match self.record() {
            Some(message) => message.write_fields(false, out),
            None => {
                out.extend_from_slice(b",\"value\":");
                self.lone().write_json(out);
            }
        }
        out.push(b'}');
    }
}

impl Nested for Any<'_> {
    fn shape(&self) -> NestedShape {
        NestedShape::Record
    }

    fn len(&self) -> usize {
        1 + self.record().map_or(1, |message| Nested::len(&message))
    }

    fn field<'a>(&'a self, name: &str, arena: &'a Arena) -> Value<'a> {
        if name == "@type" {
            return self.url();
        }
        match self.record() {
            Some(message) => {
                let of = self.types.message(message.message);
                let place = of.and_then(|of| of.named(name));
                place.map_or(Value::Null, |place| message.at(place).value(arena))
            }
            None if name == "value" => self.lone().value(arena),
            None => Value::Null,
        }
    }

    fn element<'a>(&'a self, _index: usize, _arena: &'a Arena) -> Value<'a> {
        Value::Null
    }

    fn visit<'a>(&'a self, arena: &'a Arena, visit: &mut dyn FnMut(&'a str, Value<'a>)) {
        visit("@type", self.url());
        match self.record() {
            Some(message) => message.each(|field, part| visit(&field.name, part.value(arena))),
            None => visit("value", self.lone().value(arena)),
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        self.write(out);
    }
}
