//! Field names, each stored once per worker.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

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

/// The same for the bytes of all names together.
const NAMES_BYTES_KEPT: usize = 1 << 20;

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
    /// Of all names.
    bytes: usize,
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

    /// The number of `name`, without a guess about its place in records.
    pub fn known(&mut self, name: &[u8]) -> NameId {
        NameId(self.lookup_or_add(name))
    }

    fn lookup_or_add(&mut self, name: &[u8]) -> u32 {
        let Names { names, index, hasher, bytes, .. } = self;
        let hash = hasher.hash_one(name);
        let equal = |&id: &u32| names.get(id as usize).is_some_and(|known| **known == *name);
        if let Some(&id) = index.find(hash, equal) {
            return id;
        }
        let id = names.len() as u32;
        *bytes += name.len();
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

    /// Bytes of all names.
    pub fn memory(&self) -> usize {
        self.bytes
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Forgets all names when there are too many, or too long ones. Call it between units only:
    /// every [`NameId`] given out before is void afterwards. True if it did.
    pub fn shed(&mut self) -> bool {
        let full = self.names.len() > NAMES_KEPT || self.bytes > NAMES_BYTES_KEPT;
        if full {
            *self = Names::default();
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_names_are_forgotten_and_so_are_too_long_ones() {
        let mut names = Names::default();
        for number in 0..NAMES_KEPT {
            names.known(number.to_string().as_bytes());
        }
        assert!(!names.shed());
        names.known(b"one more");
        assert!(names.shed() && names.is_empty());
        names.known(&vec![b'n'; NAMES_BYTES_KEPT]);
        assert!(!names.shed());
        names.known(b"m");
        assert!(names.shed());
        assert_eq!((names.len(), names.memory()), (0, 0));
    }
}
