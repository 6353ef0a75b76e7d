//! The message types of a schema, flattened for reading.

use super::meaning::Meaning;
use hashbrown::{DefaultHashBuilder, HashMap};
use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    Value as Declared,
};

/// All message types that a program's records may hold.
#[derive(Debug, Default)]
pub struct Types {
    messages: Vec<MessageType>,
    enums: Vec<EnumType>,
    by_name: HashMap<String, u32>,
    enums_by_name: HashMap<String, u32>,
    /// Seeded by chance, so that no record can be made of map keys that collide.
    pub hasher: DefaultHashBuilder,
}

/// A message type.
#[derive(Debug)]
pub struct MessageType {
    pub name: String,
    pub meaning: Meaning,
    /// In the order they are declared in.
    pub fields: Vec<FieldType>,
    numbers: Numbers,
    names: HashMap<String, u32>,
    /// The fields of each oneof of more than one.
    pub oneofs: Vec<Vec<u32>>,
    /// The fields that must be there.
    pub required: Vec<u32>,
    /// How many places the marks of [`FieldType::mark`] need.
    pub marks: usize,
}

impl MessageType {
    fn new(name: &str, meaning: Meaning) -> MessageType {
        MessageType {
            name: name.to_owned(),
            meaning,
            fields: Vec::new(),
            numbers: Numbers::default(),
            names: HashMap::new(),
            oneofs: Vec::new(),
            required: Vec::new(),
            marks: 0,
        }
    }

    /// The place of the field of that number.
    #[inline]
    pub fn find(&self, number: u32) -> Option<usize> {
        self.numbers.get(number)
    }

    /// The place of the field of that name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).map(|&place| place as usize)
    }

    /// The field of that number, of a type that is known to have it.
    pub fn numbered(&self, number: u32) -> Option<&FieldType> {
        self.fields.get(self.find(number)?)
    }
}

/// One field of a message type.
#[derive(Debug)]
pub struct FieldType {
    pub name: String,
    pub number: u32,
    pub kind: FieldKind,
    pub repeats: Repeats,
    /// What stands where the record has none.
    pub absent: Absent,
    /// Its oneof, in [`MessageType::oneofs`].
    pub oneof: Option<u32>,
    /// Where it is noted that the field, or one of its oneof, has been seen.
    pub mark: Option<u32>,
    /// Whether a second mark makes the message irregular.
    pub once: bool,
}

/// How often a field may stand in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    Never,
    List,
    Map,
}

/// What a value is made of, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Bool,
    Text,
    Bytes,
    Enum(u32),
    Message(u32),
    Group(u32),
}

impl FieldKind {
    /// Whether it is an integer of which every value fits 64 bits with a sign.
    #[inline]
    pub fn fits_int64(self) -> bool {
        matches!(
            self,
            FieldKind::Int32
                | FieldKind::Int64
                | FieldKind::Uint32
                | FieldKind::Sint32
                | FieldKind::Sint64
                | FieldKind::Fixed32
                | FieldKind::Sfixed32
                | FieldKind::Sfixed64
        )
    }

    /// The message type, of a message or group.
    pub fn message(self) -> Option<u32> {
        match self {
            FieldKind::Message(message) | FieldKind::Group(message) => Some(message),
            _ => None,
        }
    }
}

/// What stands for a field that is absent.
#[derive(Debug, Clone, PartialEq)]
pub enum Absent {
    Null,
    Required,
    /// A message without fields: a map's value.
    Empty,
    Boolean(bool),
    Int(i64),
    /// Above what a signed integer holds.
    Large(u64),
    Float(f32),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Names of an enum's numbers.
#[derive(Debug)]
pub struct EnumType {
    symbols: HashMap<i32, String>,
}

impl EnumType {
    /// The first declared name of that number.
    pub fn symbol(&self, number: i32) -> Option<&str> {
        self.symbols.get(&number).map(String::as_str)
    }
}

/// Places by field number.
#[derive(Debug, Default)]
struct Numbers {
    dense: Vec<u32>,
    sparse: HashMap<u32, u32>,
}

const NONE: u32 = u32::MAX;

impl Numbers {
    fn insert(&mut self, number: u32, place: usize) {
        let place = place as u32;
        if number >= 512 {
            self.sparse.insert(number, place);
            return;
        }
        let number = number as usize;
        if self.dense.len() <= number {
            self.dense.resize(number + 1, NONE);
        }
        if let Some(entry) = self.dense.get_mut(number) {
            *entry = place;
        }
    }

    #[inline]
    fn get(&self, number: u32) -> Option<usize> {
        match self.dense.get(number as usize) {
            Some(&NONE) => None,
            Some(&place) => Some(place as usize),
            None if self.sparse.is_empty() => None,
            None => self.sparse.get(&number).map(|&place| place as usize),
        }
    }
}

impl Types {
    /// The message type of that number.
    #[inline]
    pub fn message(&self, message: u32) -> Option<&MessageType> {
        self.messages.get(message as usize)
    }

    /// The enum of that number.
    pub fn enumeration(&self, number: u32) -> Option<&EnumType> {
        self.enums.get(number as usize)
    }

    /// The message type of a full name.
    pub fn named(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The number of a message type, which is added with all it may hold when it is new.
    pub fn reach(&mut self, descriptor: &MessageDescriptor) -> u32 {
        let mut waiting = Vec::new();
        let number = self.declare(descriptor, &mut waiting);
        while let Some((number, descriptor)) = waiting.pop() {
            let message = self.build(&descriptor, &mut waiting);
            if message.meaning == Meaning::Any {
                self.declare_all(descriptor.parent_pool(), &mut waiting);
            }
            if let Some(place) = self.messages.get_mut(number as usize) {
                *place = message;
            }
        }
        number
    }

    /// An Any may hold every message of the pool.
    fn declare_all(&mut self, pool: &DescriptorPool, waiting: &mut Waiting) {
        for descriptor in pool.all_messages() {
            self.declare(&descriptor, waiting);
        }
    }

    fn declare(&mut self, descriptor: &MessageDescriptor, waiting: &mut Waiting) -> u32 {
        if let Some(known) = self.named(descriptor.full_name()) {
            return known;
        }
        let number = self.messages.len() as u32;
        self.messages.push(MessageType::new("", Meaning::Record));
        self.by_name.insert(descriptor.full_name().to_owned(), number);
        waiting.push((number, descriptor.clone()));
        number
    }

    fn build(&mut self, descriptor: &MessageDescriptor, waiting: &mut Waiting) -> MessageType {
        let meaning = if descriptor.is_map_entry() { Meaning::Entry } else { Meaning::Record };
        let mut message = MessageType::new(descriptor.full_name(), meaning);
        let oneofs: Vec<String> = descriptor
            .oneofs()
            .filter(|oneof| oneof.fields().len() > 1)
            .map(|oneof| oneof.name().to_owned())
            .collect();
        message.oneofs = vec![Vec::new(); oneofs.len()];
        message.marks = oneofs.len();
        let declared = descriptor.descriptor_proto().field.iter();
        for field in declared.filter_map(|field| descriptor.get_field(field.number() as u32)) {
            let oneof = field.containing_oneof();
            let oneof =
                oneof.and_then(|oneof| oneofs.iter().position(|known| known == oneof.name()));
            self.add_field(&mut message, &field, oneof, waiting);
        }
        message.meaning = Meaning::of(&message);
        message
    }

    fn add_field(
        &mut self,
        message: &mut MessageType,
        field: &FieldDescriptor,
        oneof: Option<usize>,
        waiting: &mut Waiting,
    ) {
        let place = message.fields.len();
        let kind = self.kind(field, waiting);
        let repeats = match field.cardinality() {
            Cardinality::Repeated if field.is_map() => Repeats::Map,
            Cardinality::Repeated => Repeats::List,
            _ => Repeats::Never,
        };
        let singular = repeats == Repeats::Never;
        let once = singular && (oneof.is_some() || kind.message().is_some());
        let mark = match oneof {
            Some(oneof) => Some(oneof as u32),
            None if once || field.is_required() => {
                message.marks += 1;
                Some(message.marks as u32 - 1)
            }
            None => None,
        };
        if let Some(members) = oneof.and_then(|oneof| message.oneofs.get_mut(oneof)) {
            members.push(place as u32);
        }
        if field.is_required() {
            message.required.push(place as u32);
        }
        message.numbers.insert(field.number(), place);
        message.names.insert(field.name().to_owned(), place as u32);
        message.fields.push(FieldType {
            name: field.name().to_owned(),
            number: field.number(),
            kind,
            repeats,
            absent: self.absent(field, kind, message.meaning),
            oneof: oneof.map(|oneof| oneof as u32),
            mark,
            once,
        });
    }

    fn kind(&mut self, field: &FieldDescriptor, waiting: &mut Waiting) -> FieldKind {
        match field.kind() {
            Kind::Int32 => FieldKind::Int32,
            Kind::Int64 => FieldKind::Int64,
            Kind::Uint32 => FieldKind::Uint32,
            Kind::Uint64 => FieldKind::Uint64,
            Kind::Sint32 => FieldKind::Sint32,
            Kind::Sint64 => FieldKind::Sint64,
            Kind::Fixed32 => FieldKind::Fixed32,
            Kind::Fixed64 => FieldKind::Fixed64,
            Kind::Sfixed32 => FieldKind::Sfixed32,
            Kind::Sfixed64 => FieldKind::Sfixed64,
            Kind::Float => FieldKind::Float,
            Kind::Double => FieldKind::Double,
            Kind::Bool => FieldKind::Bool,
            Kind::String => FieldKind::Text,
            Kind::Bytes => FieldKind::Bytes,
            Kind::Enum(descriptor) => FieldKind::Enum(self.declare_enum(&descriptor)),
            Kind::Message(descriptor) => {
                let message = self.declare(&descriptor, waiting);
                if field.is_group() {
                    FieldKind::Group(message)
                } else {
                    FieldKind::Message(message)
                }
            }
        }
    }

    fn declare_enum(&mut self, descriptor: &EnumDescriptor) -> u32 {
        if let Some(&known) = self.enums_by_name.get(descriptor.full_name()) {
            return known;
        }
        let mut symbols = HashMap::new();
        for value in &descriptor.enum_descriptor_proto().value {
            symbols.entry(value.number()).or_insert_with(|| value.name().to_owned());
        }
        let number = self.enums.len() as u32;
        self.enums.push(EnumType { symbols });
        self.enums_by_name.insert(descriptor.full_name().to_owned(), number);
        number
    }

    fn absent(&self, field: &FieldDescriptor, kind: FieldKind, holder: Meaning) -> Absent {
        let declared = field.field_descriptor_proto().default_value.is_some();
        match field.cardinality() {
            // Readers of lists and maps know by themselves that absent is empty.
            Cardinality::Repeated => return Absent::Null,
            Cardinality::Required => return Absent::Required,
            Cardinality::Optional => {}
        }
        if holder == Meaning::Entry && kind.message().is_some() {
            return Absent::Empty;
        }
        if field.supports_presence() && !declared && holder != Meaning::Entry {
            return Absent::Null;
        }
        match field.default_value() {
            Declared::Bool(value) => Absent::Boolean(value),
            Declared::I32(value) => Absent::Int(i64::from(value)),
            Declared::I64(value) => Absent::Int(value),
            Declared::U32(value) => Absent::Int(i64::from(value)),
            Declared::U64(value) => i64::try_from(value).map_or(Absent::Large(value), Absent::Int),
            Declared::F32(value) => Absent::Float(value),
            Declared::F64(value) => Absent::Double(value),
            Declared::String(value) => Absent::Text(value),
            Declared::Bytes(value) => Absent::Bytes(value.to_vec()),
            Declared::EnumNumber(number) => match kind {
                FieldKind::Enum(of) => self
                    .enumeration(of)
                    .and_then(|symbols| symbols.symbol(number))
                    .map_or(Absent::Int(i64::from(number)), |name| Absent::Text(name.to_owned())),
                _ => Absent::Null,
            },
            Declared::Message(_) | Declared::List(_) | Declared::Map(_) => Absent::Null,
        }
    }
}

type Waiting = Vec<(u32, MessageDescriptor)>;
