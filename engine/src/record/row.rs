//! What a decoder made of one key or value.

use super::{NameId, Value};

/// One top-level field.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Its name.
    pub name: NameId,
    /// Its value.
    pub value: Value<'a>,
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

/// One record's key or value: its top-level fields in source order where all
/// were wanted, and the value of each wanted path by slot.
///
/// Of two fields of one name the last value stands, at the place of the first.
#[derive(Debug, Default)]
pub struct Row<'a> {
    shape: Shape,
    fields: Vec<Field<'a>>,
    slots: Vec<Value<'a>>,
    /// Names from this number on have not been seen in this decoding. Records of a
    /// known shape have their names in ascending order, so mostly this is all it takes.
    unseen: usize,
    /// The names of this decoding, once one came that stands below `unseen`. Apart, as
    /// rows are moved from record to record.
    seen: Option<Box<Seen>>,
    /// Whether `seen` is about this decoding.
    marked: bool,
}

#[derive(Debug, Default)]
struct Seen {
    /// Per name: in which decoding it was seen last, and at which index.
    names: Vec<(u64, u32)>,
    decoding: u64,
}

impl Seen {
    fn place(&mut self, name: NameId) -> Option<&mut (u64, u32)> {
        let at = name.index();
        self.names.resize(self.names.len().max(at + 1), (0, 0));
        self.names.get_mut(at)
    }
}

impl<'a> Row<'a> {
    /// Starts a record of the given shape, without fields, with `slots` null slots.
    pub fn begin(&mut self, shape: Shape, slots: usize) {
        self.shape = shape;
        self.fields.clear();
        self.slots.clear();
        self.slots.resize(slots, Value::Null);
        self.unseen = 0;
        self.marked = false;
    }

    /// Forgets which names were seen: to be called after [`super::Names::shed`] was true.
    /// Its memory goes with them, as many names are many fields.
    pub fn forget_names(&mut self) {
        *self = Row::default();
    }

    /// The same buffers, emptied, for values of another lifetime.
    #[inline]
    pub fn recycle<'b>(self) -> Row<'b> {
        Row {
            shape: Shape::Absent,
            fields: emptied(self.fields),
            slots: emptied(self.slots),
            unseen: 0,
            marked: false,
            seen: self.seen,
        }
    }

    /// Adds a field, or replaces the earlier value of the same name.
    #[inline(always)]
    pub fn push(&mut self, name: NameId, value: Value<'a>) {
        if name.index() >= self.unseen && !self.marked {
            self.unseen = name.index() + 1;
            self.fields.push(Field { name, value });
        } else if let Some(place) = self.place_unordered(name) {
            *place = value;
        }
    }

    /// Where a field's value is to be put: at the earlier one of the same name, or in a new field.
    ///
    /// A value that is made there is not made elsewhere first and moved, which has to wait for it: the
    /// processor forwards no stores in parts to a load of the whole.
    #[inline(always)]
    pub fn place(&mut self, name: NameId) -> Option<&mut Value<'a>> {
        if name.index() < self.unseen || self.marked {
            return self.place_unordered(name);
        }
        self.unseen = name.index() + 1;
        self.fields.push(Field { name, value: Value::Null });
        self.fields.last_mut().map(|field| &mut field.value)
    }

    #[inline(never)]
    fn place_unordered(&mut self, name: NameId) -> Option<&mut Value<'a>> {
        let seen = self.seen.get_or_insert_default();
        if !self.marked {
            self.marked = true;
            seen.decoding += 1;
            for (at, field) in self.fields.iter().enumerate() {
                let decoding = seen.decoding;
                if let Some(place) = seen.place(field.name) {
                    *place = (decoding, at as u32);
                }
            }
        }
        let decoding = seen.decoding;
        let place = seen.place(name)?;
        if place.0 != decoding || place.1 as usize >= self.fields.len() {
            *place = (decoding, self.fields.len() as u32);
            self.fields.push(Field { name, value: Value::Null });
        }
        self.fields.get_mut(place.1 as usize).map(|field| &mut field.value)
    }

    /// Sets the value of a wanted path.
    #[inline]
    pub fn set(&mut self, slot: usize, value: Value<'a>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }

    /// The value of a wanted path; null where the record has none.
    #[inline]
    pub fn slot(&self, slot: usize) -> Value<'a> {
        self.slots.get(slot).copied().unwrap_or_default()
    }

    /// What the record is as a whole.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All fields in source order; a single value is one field.
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The field of that name, if the record has it.
    pub fn find(&self, name: NameId) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// The buffer of `values` for others of the same layout.
#[inline]
fn emptied<T, U>(mut values: Vec<T>) -> Vec<U> {
    if values.capacity() == 0 {
        return Vec::new();
    }
    values.clear();
    values.into_iter().map_while(|_| None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Names;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn of_two_fields_of_one_name_the_last_stands_at_the_first_place(
            records in prop::collection::vec(prop::collection::vec(0usize..6, 0..12), 1..6)
        ) {
            let mut names = Names::default();
            let ids: Vec<_> = (b'a'..b'g').map(|name| names.known(&[name])).collect();
            let mut row = Row::default();
            for record in records {
                row.begin(Shape::Fields, 0);
                let mut expected: Vec<(NameId, i64)> = Vec::new();
                for (value, name) in (0i64..).zip(record) {
                    row.push(ids[name], Value::Int(value));
                    match expected.iter_mut().find(|(known, _)| *known == ids[name]) {
                        Some(field) => field.1 = value,
                        None => expected.push((ids[name], value)),
                    }
                }
                let int = |value| if let Value::Int(int) = value { int } else { -1 };
                let fields = row.fields().iter();
                let fields: Vec<_> = fields.map(|field| (field.name, int(field.value))).collect();
                prop_assert_eq!(fields, expected);
            }
        }
    }
}
