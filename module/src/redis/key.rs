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
    /// A string.
    String,
    /// A list.
    List,
    /// A hash.
    Hash,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A stream.
    Stream,
    /// A type of some module's; `TYPE` names it.
    Module,
    /// A type that this build does not know.
    Other,
}

/// Which end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum ListEnd {
    /// The head.
    Left = raw::REDISMODULE_LIST_HEAD as i32,
    /// The tail.
    Right = raw::REDISMODULE_LIST_TAIL as i32,
}

/// A member's score would be no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreFailure;

/// Whether a write changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It did.
    Made,
    /// What was to be written stood there already.
    None,
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

    /// The key's own pointer, for the API; null where the key was opened for reading and is absent.
    pub(super) fn pointer(&self) -> *mut raw::RedisModuleKey {
        self.0
    }

    /// The key's type.
    pub fn kind(&self) -> KeyKind {
        if self.0.is_null() {
            return KeyKind::Empty;
        }
        match api!(RedisModule_KeyType(self.0)) as isize {
            kind if kind == raw::REDISMODULE_KEYTYPE_EMPTY => KeyKind::Empty,
            kind if kind == raw::REDISMODULE_KEYTYPE_STRING => KeyKind::String,
            kind if kind == raw::REDISMODULE_KEYTYPE_LIST => KeyKind::List,
            kind if kind == raw::REDISMODULE_KEYTYPE_HASH => KeyKind::Hash,
            kind if kind == raw::REDISMODULE_KEYTYPE_SET => KeyKind::Set,
            kind if kind == raw::REDISMODULE_KEYTYPE_ZSET => KeyKind::SortedSet,
            kind if kind == raw::REDISMODULE_KEYTYPE_STREAM => KeyKind::Stream,
            kind if kind == raw::REDISMODULE_KEYTYPE_MODULE => KeyKind::Module,
            _ => KeyKind::Other,
        }
    }

    /// Entries of a stream, fields of a hash, elements of a list, members of a (sorted) set.
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

    /// Takes an entry out of a stream.
    pub fn stream_delete(&self, id: StreamId) {
        let mut id = raw::RedisModuleStreamID { ms: id.0, seq: id.1 };
        api!(RedisModule_StreamDelete(self.0, &mut id));
    }

    /// Whether an entry is in a stream.
    pub fn stream_has(&self, id: StreamId) -> bool {
        if self.kind() != KeyKind::Stream {
            return false;
        }
        let mut first = raw::RedisModuleStreamID { ms: id.0, seq: id.1 };
        let mut last = first;
        let started = api!(RedisModule_StreamIteratorStart(self.0, 0, &mut first, &mut last));
        if started != raw::REDISMODULE_OK as c_int {
            return false;
        }
        let mut found = raw::RedisModuleStreamID { ms: 0, seq: 0 };
        let mut fields = 0;
        let status = api!(RedisModule_StreamIteratorNextID(self.0, &mut found, &mut fields));
        api!(RedisModule_StreamIteratorStop(self.0));
        status == raw::REDISMODULE_OK as c_int && (found.ms, found.seq) == id
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

    /// Takes all entries before an ID out of a stream; how many went.
    pub fn stream_trim_before(&self, id: StreamId) -> u64 {
        let mut id = raw::RedisModuleStreamID { ms: id.0, seq: id.1 };
        api!(RedisModule_StreamTrimByID(self.0, 0, &mut id)).max(0) as u64
    }

    /// Adds an element at an end of a list or an absent key.
    pub fn list_push(&self, end: ListEnd, element: &Text) {
        api!(RedisModule_ListPush(self.0, end as c_int, element.raw()));
    }

    /// Takes an element from an end of a list; the key is gone with the last one. Whether there was one.
    pub fn list_pop(&self, end: ListEnd) -> bool {
        Text::own(api!(RedisModule_ListPop(self.0, end as c_int))).is_some()
    }

    /// Sets a member's score in a sorted set or an absent key.
    pub fn score(&self, score: f64, member: &Text) -> Result<Change, ScoreFailure> {
        let mut flags = 0;
        let status = api!(RedisModule_ZsetAdd(self.0, score, member.raw(), &mut flags));
        change(status, flags)
    }

    /// Adds to a member's score in a sorted set or an absent key: what changed, and the new score.
    pub fn add_to_score(
        &self,
        increment: f64,
        member: &Text,
    ) -> Result<(Change, f64), ScoreFailure> {
        let (mut flags, mut score) = (0, 0.0);
        let status =
            api!(RedisModule_ZsetIncrby(self.0, increment, member.raw(), &mut flags, &mut score));
        change(status, flags).map(|change| (change, score))
    }

    /// Takes a member out of a sorted set. Whether it was there.
    pub fn remove_member(&self, member: &Text) -> bool {
        let mut deleted = 0;
        api!(RedisModule_ZsetRem(self.0, member.raw(), &mut deleted));
        deleted != 0
    }

    /// The member of a sorted set's lowest score, of equal ones the first by its bytes.
    pub fn lowest_member(&self) -> Option<Text> {
        let (lowest, highest) =
            (raw::REDISMODULE_NEGATIVE_INFINITE, raw::REDISMODULE_POSITIVE_INFINITE);
        let status = api!(RedisModule_ZsetFirstInScoreRange(self.0, lowest, highest, 0, 0));
        if status != raw::REDISMODULE_OK as c_int {
            return None;
        }
        let member = api!(RedisModule_ZsetRangeCurrentElement(self.0, ptr::null_mut()));
        api!(RedisModule_ZsetRangeStop(self.0));
        Text::own(member)
    }

    /// Makes the key this string, without a time to live.
    pub fn set_string(&self, text: &Text) {
        api!(RedisModule_StringSet(self.0, text.raw()));
    }

    /// Whether it has a time to live.
    pub fn expires(&self) -> bool {
        !self.0.is_null()
            && api!(RedisModule_GetAbsExpire(self.0)) != i64::from(raw::REDISMODULE_NO_EXPIRE)
    }

    /// Lets the key expire at this time, milliseconds since 1970 from 0 on.
    pub fn expire_at(&self, time: i64) {
        api!(RedisModule_SetAbsExpire(self.0, time));
    }

    /// Takes its time to live from the key.
    pub fn persist(&self) {
        api!(RedisModule_SetAbsExpire(self.0, i64::from(raw::REDISMODULE_NO_EXPIRE)));
    }

    /// Deletes the key.
    pub fn delete(&self) {
        api!(RedisModule_DeleteKey(self.0));
    }
}

fn change(status: c_int, flags: c_int) -> Result<Change, ScoreFailure> {
    if status != raw::REDISMODULE_OK as c_int {
        return Err(ScoreFailure);
    }
    let changed = (raw::REDISMODULE_ZADD_ADDED | raw::REDISMODULE_ZADD_UPDATED) as c_int;
    Ok(if flags & changed != 0 { Change::Made } else { Change::None })
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
