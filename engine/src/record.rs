//! One decoded record: names and values as spans over the record's own bytes.
//!
//! A format's decoder fills [`Fields`]; expressions and targets read it. All
//! buffers are kept between records, so that decoding allocates nothing once
//! the names of a topic have been seen.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// What a value is, and how its text stands in the record's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON `null`, or an absent value.
    Null,
    /// `true` or `false`, as written.
    Boolean,
    /// A number; its text is kept as written.
    Number,
    /// Text that stands as it is (valid UTF-8, no escapes).
    String,
    /// A JSON string's inner text, valid, with escapes still in it.
    EscapedString,
    /// A JSON object as written, validated, white space included.
    Object,
    /// A JSON array as written, validated, white space included.
    Array,
    /// Bytes that need not be text.
    Bytes,
}

/// A value borrowed from a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// What `text` holds.
    pub kind: Kind,
    /// The value's bytes as they stand in the record (for strings without the quotes).
    pub text: &'a [u8],
}

impl Value<'_> {
    /// The null value.
    pub const NULL: Value<'static> = Value { kind: Kind::Null, text: b"null" };

    /// Whether the value is null.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }
}

/// A field name's number in a [`Names`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

impl NameId {
    /// The name's place in its table, counted from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Above this many names a table is emptied between two units, so that
/// records whose names are data cannot fill the memory.
const NAMES_KEPT: usize = 4096;

/// Field names seen by one worker, each stored once.
///
/// `intern` guesses that a name follows the one it followed last time, so a
/// record of a known shape costs one comparison a field and no hashing.
#[derive(Debug, Default)]
pub struct Names {
    names: Vec<Box<[u8]>>,
    /// `successors[i + 1]` came after name `i` last time; `successors[0]` came first.
    successors: Vec<u32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// The number of `name`, which stands after `previous` in its record.
    #[inline]
    pub fn intern(&mut self, name: &[u8], previous: Option<NameId>) -> NameId {
        if let Some((guess, known)) = self.expected(previous)
            && *known == *name
        {
            return guess;
        }
        self.intern_unexpected(name, previous)
    }

    fn intern_unexpected(&mut self, name: &[u8], previous: Option<NameId>) -> NameId {
        let place = previous.map_or(0, |p| p.index() + 1);
        let id = self.lookup_or_add(name);
        if self.successors.len() <= self.names.len() {
            self.successors.resize(self.names.len() + 1, u32::MAX);
        }
        let plain = |&byte: &u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if let Some(successor) = self.successors.get_mut(place)
            && name.iter().all(plain)
        {
            *successor = id;
        }
        NameId(id)
    }

    /// The name that stood after `previous` last time, so that a decoder can
    /// compare it before it looks for a name's end. Never one with a quote, a
    /// backslash or a control character: it stands in JSON as it is.
    #[inline]
    pub fn expected(&self, previous: Option<NameId>) -> Option<(NameId, &[u8])> {
        let place = previous.map_or(0, |p| p.index() + 1);
        let &guess = self.successors.get(place)?;
        Some((NameId(guess), self.names.get(guess as usize)?))
    }

    fn lookup_or_add(&mut self, name: &[u8]) -> u32 {
        let Names { names, index, hasher, .. } = self;
        let hash = hasher.hash_one(name);
        let equal = |&id: &u32| names.get(id as usize).is_some_and(|known| **known == *name);
        if let Some(&id) = index.find(hash, equal) {
            return id;
        }
        let id = names.len() as u32;
        names.push(name.into());
        index.insert_unique(hash, id, |&id| {
            hasher.hash_one(names.get(id as usize).map_or(&b""[..], |known| known))
        });
        id
    }

    /// The bytes of a name; empty for a number of another table.
    pub fn get(&self, id: NameId) -> &[u8] {
        self.names.get(id.index()).map_or(b"", |name| name)
    }

    /// How many names are known.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Forgets all names when there are too many. Call it between units only:
    /// every [`NameId`] given out before is void afterwards. True if it did.
    pub fn shed(&mut self) -> bool {
        let full = self.names.len() > NAMES_KEPT;
        if full {
            *self = Names::default();
        }
        full
    }
}

/// A stretch of the record's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte, counted from the start of the decoded bytes.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One top-level field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: NameId,
    /// What its value is.
    pub kind: Kind,
    /// Where its value stands in the decoded bytes.
    pub span: Span,
}

/// What the decoded bytes are as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// No value at all: a tombstone, or not decoded yet.
    #[default]
    Absent,
    /// Named fields.
    Fields,
    /// One value without a name (it is the field `value` where names are needed).
    Single,
}

/// The top-level fields of one record's key or value, in source order.
///
/// Of two fields of one name the last value stands, at the place of the first.
#[derive(Debug, Default)]
pub struct Fields {
    shape: Shape,
    fields: Vec<Field>,
    /// Per name: in which decoding it was seen last, and at which index.
    seen: Vec<(u64, u32)>,
    decoding: u64,
}

impl Fields {
    /// Starts a new record of the given shape, without fields yet.
    pub fn begin(&mut self, shape: Shape) {
        self.shape = shape;
        self.fields.clear();
        self.decoding += 1;
    }

    /// Forgets which names were seen: to be called after [`Names::shed`] was true.
    pub fn forget_names(&mut self) {
        self.seen.clear();
        self.fields.clear();
        self.shape = Shape::Absent;
    }

    /// Adds a field, or replaces the earlier value of the same name.
    #[inline]
    pub fn push(&mut self, field: Field) {
        let at = field.name.index();
        if self.seen.len() <= at {
            self.seen.resize(at + 1, (0, 0));
        }
        let Some(seen) = self.seen.get_mut(at) else {
            return;
        };
        if seen.0 == self.decoding
            && let Some(earlier) = self.fields.get_mut(seen.1 as usize)
        {
            *earlier = field;
            return;
        }
        *seen = (self.decoding, self.fields.len() as u32);
        self.fields.push(field);
    }

    /// What the record is as a whole.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All fields in source order; a single value is one field.
    pub fn all(&self) -> &[Field] {
        &self.fields
    }

    /// The field of that name, if the record has it.
    pub fn find(&self, name: NameId) -> Option<&Field> {
        let &(decoding, at) = self.seen.get(name.index())?;
        if decoding != self.decoding {
            return None;
        }
        self.fields.get(at as usize)
    }
}

impl Field {
    /// The field's value within the bytes it was decoded from.
    pub fn value<'a>(&self, source: &'a [u8]) -> Value<'a> {
        let text = source.get(self.span.start..self.span.end).unwrap_or_default();
        Value { kind: self.kind, text }
    }
}
