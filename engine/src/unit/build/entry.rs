//! One write with fields, being filled in.

use super::{Builder, FieldsWrite, Merges, patch_u32};
use crate::format::text::write_text;
use crate::record::{NameId, Value};
use crate::unit::packed::{Expiry, Fold, Newer, Operand, put_text, put_varint};

/// Where a write stands.
pub(super) struct Place {
    pub group: u32,
    /// Its first byte in the arena.
    pub start: usize,
    /// Where it says how many fields it has.
    pub count_at: usize,
}

/// One write being filled in; nothing is written until [`Entry::end`].
pub struct Entry<'b> {
    builder: &'b mut Builder,
    write: FieldsWrite,
    expiry: Expiry,
    place: Place,
    fields: u32,
    folds: u32,
}

impl<'b> Entry<'b> {
    pub(super) fn new(
        builder: &'b mut Builder,
        write: FieldsWrite,
        expiry: Expiry,
        place: Place,
    ) -> Entry<'b> {
        Entry { builder, write, expiry, place, fields: 0, folds: 0 }
    }

    /// Adds a field with a value's text form; null has none and is left out.
    pub fn field(&mut self, name: NameId, value: Value<'_>) {
        match value {
            Value::Null => {}
            Value::Number(text) | Value::Text(text) => self.text(name, text.as_bytes()),
            Value::Bytes(bytes) => self.text(name, bytes),
            Value::Int(int) => self.text(name, itoa::Buffer::new().format(int).as_bytes()),
            Value::Double(double) if double.is_finite() => {
                self.text(name, zmij::Buffer::new().format_finite(double).as_bytes());
            }
            _ => {
                let mut text = std::mem::take(&mut self.builder.text);
                text.clear();
                write_text(value, &mut text);
                self.text(name, &text);
                self.builder.text = text;
            }
        }
    }

    /// Adds a field with the given bytes.
    #[inline(always)]
    pub fn text(&mut self, name: NameId, text: &[u8]) {
        let number = self.builder.number(name);
        put_varint(&mut self.builder.arena, u64::from(number));
        put_text(&mut self.builder.arena, text);
        self.fields += 1;
    }

    /// How many fields were added.
    pub fn fields(&self) -> u32 {
        self.fields
    }

    /// Folds into a field, behind those that are set: of [`FieldsWrite::HashFold`] alone.
    pub fn fold(&mut self, fold: Fold<'_, NameId>) {
        let Entry { builder, folds, .. } = self;
        let numbered = fold.named(|name| builder.number(name));
        numbered.put(&mut builder.behind);
        *folds += 1;
    }

    /// Says how new the record is, and in which field that is kept: once, of
    /// [`FieldsWrite::HashMergeIfNewer`] and [`FieldsWrite::HashReplaceIfNewer`] alone.
    pub fn newer(&mut self, field: NameId, operand: Operand<'_>) {
        let field = self.builder.number(field);
        // The key lives on as it did where the record is not taken.
        let expiry = std::mem::take(&mut self.expiry);
        Newer { field, operand, expiry }.put(&mut self.builder.behind);
    }

    /// Completes the write; `deleted` are a hash's fields to delete.
    pub fn end(self, deleted: impl Iterator<Item = NameId>) {
        let Entry { builder, write, expiry, place, fields, folds } = self;
        patch_u32(&mut builder.arena, place.count_at, fields);
        let mut merges = match write {
            FieldsWrite::HashMerge | FieldsWrite::HashReplace => Merges::WithEarlier,
            _ => Merges::No,
        };
        if !matches!(write, FieldsWrite::StreamAdd(_)) {
            let deleted_at = builder.arena.len();
            builder.arena.extend_from_slice(&[0; 4]);
            let mut count = 0;
            for name in deleted {
                let number = builder.number(name);
                put_varint(&mut builder.arena, u64::from(number));
                count += 1;
            }
            patch_u32(&mut builder.arena, deleted_at, count);
            if count > 0 {
                merges = Merges::No;
            }
        }
        if write == FieldsWrite::HashFold {
            builder.arena.extend_from_slice(&folds.to_le_bytes());
        }
        builder.arena.extend_from_slice(&builder.behind);
        builder.link(place.group, place.start, expiry, merges);
    }

    /// Drops the write: nothing of it remains.
    pub fn abandon(self) {
        self.builder.arena.truncate(self.place.start);
    }
}
