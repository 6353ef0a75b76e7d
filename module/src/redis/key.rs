//! Keys opened for reading or writing.

use super::{Context, Text, api};
use redis_module::raw;
use std::ffi::{c_char, c_int};
use std::ptr;

/// What a key is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only; an absent key is [`KeyKind::Empty`].
    Read,
    /// Reading and writing; an absent key is made by the first write.
    Write,
}

/// A key's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The key does not exist.
    Empty,
    /// A stream.
    Stream,
    /// A hash.
    Hash,
    /// Anything else.
    Other,
}

/// A stream entry's ID: milliseconds and sequence number.
pub type StreamId = (u64, u64);

/// An entry could not be added: the stream's IDs are used up, or the given one is not the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFailure;

/// An open key, closed when dropped. Never two of one key at a time: each keeps its own
/// pointer to the value.
pub struct Key(*mut raw::RedisModuleKey);

impl Key {
    pub(super) fn open(context: Context, name: &Text, access: Access) -> Key {
        let mode = match access {
            Access::Read => raw::REDISMODULE_READ,
            Access::Write => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
        };
        Key(api!(RedisModule_OpenKey(context.0, name.raw(), mode as c_int)))
    }

    /// The key's type.
    pub fn kind(&self) -> KeyKind {
        if self.0.is_null() {
            return KeyKind::Empty;
        }
        match api!(RedisModule_KeyType(self.0)) as isize {
            kind if kind == raw::REDISMODULE_KEYTYPE_EMPTY => KeyKind::Empty,
            kind if kind == raw::REDISMODULE_KEYTYPE_STREAM => KeyKind::Stream,
            kind if kind == raw::REDISMODULE_KEYTYPE_HASH => KeyKind::Hash,
            _ => KeyKind::Other,
        }
    }

    /// Entries of a stream, fields of a hash.
    pub fn length(&self) -> usize {
        if self.0.is_null() { 0 } else { api!(RedisModule_ValueLength(self.0)) }
    }

    /// A field of a hash; none when it or the key is absent. Only on a hash or an absent key.
    pub fn hash_get(&self, field: &Text) -> Option<Text> {
        if self.kind() != KeyKind::Hash {
            return None;
        }
        let mut value: *mut raw::RedisModuleString = ptr::null_mut();
        let end: *mut c_char = ptr::null_mut();
        api!(RedisModule_HashGet(
            self.0,
            raw::REDISMODULE_HASH_NONE as c_int,
            field.raw(),
            &mut value as *mut _,
            end
        ));
        Text::own(value)
    }

    /// Sets a field of a hash or an absent key.
    pub fn hash_set(&self, field: &Text, value: &Text) {
        self.hash_set_raw(field.raw(), value);
    }

    /// As [`Key::hash_set`], for a field whose pointer is at hand; the string behind it is alive.
    pub fn hash_set_raw(&self, field: *mut raw::RedisModuleString, value: &Text) {
        let end: *mut c_char = ptr::null_mut();
        api!(RedisModule_HashSet(
            self.0,
            raw::REDISMODULE_HASH_NONE as c_int,
            field,
            value.raw(),
            end
        ));
    }

    /// Deletes a field of a hash; the key too, with its last field. Whether the field was there.
    pub fn hash_delete(&self, field: &Text) -> bool {
        // The API's mark for "delete this field" in a value's place (REDISMODULE_HASH_DELETE).
        let delete = ptr::without_provenance_mut::<raw::RedisModuleString>(1);
        let end: *mut c_char = ptr::null_mut();
        api!(RedisModule_HashSet(
            self.0,
            raw::REDISMODULE_HASH_NONE as c_int,
            field.raw(),
            delete,
            end
        )) > 0
    }

    /// Adds an entry to a stream or an absent key; `fields` are names and values in turn.
    /// Without an ID Redis makes one.
    pub fn stream_add(
        &self,
        id: Option<StreamId>,
        fields: &mut [*mut raw::RedisModuleString],
    ) -> Result<StreamId, StreamFailure> {
        let flags = if id.is_some() { 0 } else { raw::REDISMODULE_STREAM_ADD_AUTOID as c_int };
        let (ms, seq) = id.unwrap_or_default();
        let mut id = raw::RedisModuleStreamID { ms, seq };
        let count = (fields.len() / 2) as i64;
        let status =
            api!(RedisModule_StreamAdd(self.0, flags, &mut id, fields.as_mut_ptr(), count));
        if status == raw::REDISMODULE_OK as c_int {
            Ok((id.ms, id.seq))
        } else {
            Err(StreamFailure)
        }
    }

    /// Takes an entry out of a stream again.
    pub fn stream_delete(&self, id: StreamId) {
        let mut id = raw::RedisModuleStreamID { ms: id.0, seq: id.1 };
        api!(RedisModule_StreamDelete(self.0, &mut id));
    }

    /// Trims a stream to `entries`; how many went.
    pub fn stream_trim(&self, precision: Trimming, entries: u64) -> u64 {
        let flags = match precision {
            Trimming::Approximate => raw::REDISMODULE_STREAM_TRIM_APPROX as c_int,
            Trimming::Exact => 0,
        };
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        api!(RedisModule_StreamTrimByLength(self.0, flags, entries)).max(0) as u64
    }

    /// Deletes the key.
    pub fn delete(&self) {
        api!(RedisModule_DeleteKey(self.0));
    }
}

/// How exactly a stream is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trimming {
    /// Whole nodes only.
    Approximate,
    /// To the entry.
    Exact,
}

impl Drop for Key {
    fn drop(&mut self) {
        if !self.0.is_null() {
            api!(RedisModule_CloseKey(self.0));
        }
    }
}
