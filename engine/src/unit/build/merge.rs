//! Merges a hash's writes into the one that leaves the same.

use crate::unit::packed::{
    HashOperation, Reader, put_text, put_varint, read_deleted_count, read_hash_write,
};

/// A field that was set.
#[derive(Debug)]
struct Field {
    name: u64,
    /// Where its value stands in the builder's arena; none once it is deleted.
    value: Option<(usize, usize)>,
}

/// Fields of one hash after the other; nothing is allocated once the buffers have grown.
#[derive(Debug, Default)]
pub(super) struct Merging {
    /// What the first write does to the hash; none before it.
    first: Option<HashOperation>,
    /// In the order in which Redis would come to hold them.
    fields: Vec<Field>,
    /// Per name's number: the round in which it was set last, and its place in `fields`.
    places: Vec<(u64, usize)>,
    round: u64,
    /// How many of the writes set a field: so many are heard of.
    setting: usize,
}

impl Merging {
    /// Takes the next write, which stands in the arena from `start` on. None when it must stand
    /// by itself: a hash that loses its last field in between loses its time to live with it.
    pub fn take(&mut self, start: usize, write: &[u8]) -> Option<()> {
        let mut reader = Reader::new(write);
        // The builder wrote these bytes itself, so they end where they should.
        let (operation, fields) = read_hash_write(&mut reader).ok()?;
        let first = *self.first.get_or_insert(operation);
        self.setting += usize::from(fields > 0);
        for _ in 0..fields {
            let name = reader.varint().ok()?;
            let value = reader.text().ok()?;
            let end = start + reader.at();
            self.set(name, (end - value.len(), end));
        }
        let deleted = read_deleted_count(&mut reader, operation).ok()?;
        if deleted > 0 && first == HashOperation::Merge {
            return None;
        }
        for _ in 0..deleted {
            self.delete(reader.varint().ok()?);
        }
        Some(())
    }

    fn place(&mut self, name: u64) -> Option<&mut (u64, usize)> {
        let at = usize::try_from(name).ok()?;
        if self.places.len() <= at {
            self.places.resize(at + 1, (0, 0));
        }
        self.places.get_mut(at)
    }

    fn set(&mut self, name: u64, value: (usize, usize)) {
        let (round, next) = (self.round + 1, self.fields.len());
        let Some(place) = self.place(name) else { return };
        let known = place.0 == round;
        let at = if known { place.1 } else { next };
        *place = (round, at);
        match self.fields.get_mut(at) {
            Some(field) => field.value = Some(value),
            None => self.fields.push(Field { name, value: Some(value) }),
        }
    }

    fn delete(&mut self, name: u64) {
        let round = self.round + 1;
        let Some(place) = self.place(name).filter(|place| place.0 == round) else { return };
        // Set again, it stands behind all others.
        let at = std::mem::take(place).1;
        if let Some(field) = self.fields.get_mut(at) {
            field.value = None;
        }
    }

    /// How many writes are appended.
    pub fn writes(&self) -> usize {
        1 + self.again()
    }

    fn again(&self) -> usize {
        let is_left = self.fields.iter().any(|field| field.value.is_some());
        if is_left { self.setting.saturating_sub(1) } else { 0 }
    }

    /// Appends the one write, and the others as its repetition; `arena` is where the values stand.
    pub fn put(&self, arena: &[u8], out: &mut Vec<u8>) {
        let set = self.fields.iter().filter_map(|field| Some((field.name, field.value?)));
        let count = set.clone().count() as u32;
        let operation = match self.first {
            Some(HashOperation::Delete) if count == 0 => {
                return out.push(HashOperation::Delete as u8);
            }
            Some(HashOperation::Merge) => HashOperation::Merge,
            _ => HashOperation::Replace,
        };
        out.push(operation as u8);
        out.extend_from_slice(&count.to_le_bytes());
        for (name, (start, end)) in set {
            put_varint(out, name);
            put_text(out, arena.get(start..end).unwrap_or_default());
        }
        // No field is left to delete.
        out.extend_from_slice(&[0; 4]);
        out.extend(std::iter::repeat_n(HashOperation::Again as u8, self.again()));
    }

    /// Makes ready for the next hash.
    pub fn clear(&mut self) {
        self.first = None;
        self.setting = 0;
        self.fields.clear();
        self.round += 1;
    }

    /// Bytes its buffers hold on to.
    pub fn memory(&self) -> usize {
        self.fields.capacity() * size_of::<Field>() + self.places.capacity() * 16
    }
}
