//! Dead letters: read, and known to be there when they are replayed.

use super::found::Found;
use super::plan::{Plan, UnitGroup};
use crate::redis::{Connection, Problem, Request, text};
use redis::Value;
use redis_kafka_engine::ledger;
use redis_kafka_engine::letter::{self, Entry, EntryId, Page, Range};
use redis_kafka_engine::unit::packed::{self, GroupKind, PackedError, StreamWrite};

/// Reads dead letters, oldest first.
pub fn read(
    connection: &mut Connection,
    subscription: &str,
    range: Range,
) -> Result<Page, Problem> {
    let key = ledger::dead_letters_key(subscription);
    let total = match connection.command(&[b"XLEN", key.as_bytes()])? {
        Value::Int(total) => u64::try_from(total).unwrap_or(0),
        other => return Err(Problem::refused(format!("ERR XLEN was answered with {other:?}"))),
    };
    let entries = letter::read_entries(range, |start, count| {
        let count = count.to_string();
        let words = [b"XRANGE", key.as_bytes(), start.as_bytes(), b"+", b"COUNT", count.as_bytes()];
        match connection.command(&words)? {
            Value::Array(found) => Ok(found.into_iter().filter_map(entry).collect()),
            other => Err(Problem::refused(format!("ERR XRANGE was answered with {other:?}"))),
        }
    })?;
    Ok(Page { total, entries })
}

fn entry(value: Value) -> Option<Entry> {
    let Value::Array(parts) = value else { return None };
    let [id, Value::Array(flat)] = parts.as_slice() else { return None };
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let pairs = flat.chunks_exact(2).filter_map(|it| Some((it.first()?, it.last()?)));
    let fields = pairs.map(|(name, value)| (bytes(name), bytes(value))).collect();
    Some(Entry { id: letter::parse_id(&text(id))?, fields })
}

/// The entries that a group takes out of its stream.
pub fn taken_out(it: &UnitGroup<'_>) -> Result<Vec<EntryId>, PackedError> {
    let mut taken = Vec::new();
    if it.group.kind == GroupKind::Stream {
        let mut reader = it.writes.clone();
        for _ in 0..it.group.writes {
            // Such a group of ours holds nothing else, so that others are passed over at once.
            let StreamWrite::Remove(ms, seq) = packed::read_stream_write(&mut reader)? else {
                break;
            };
            taken.push((ms, seq));
        }
    }
    Ok(taken)
}

/// The first entry that a unit takes out of a stream; none of a unit that replays no letters.
pub fn first_taken_out(plan: &Plan<'_>) -> Option<EntryId> {
    // Bytes that do not fit the form are met where all of them are read.
    plan.groups.iter().find_map(|it| taken_out(it).ok()?.first().copied())
}

/// Asks for an entry that is to be taken out.
pub fn ask(key: &[u8], id: EntryId, request: &mut Request) {
    let id = letter::id_text(id);
    request.command(&[b"XRANGE", key, id.as_bytes(), id.as_bytes()]);
}

/// What became of a unit that replays letters whose transaction's answer was lost: it was run if all
/// of the letters are gone.
pub fn are_all_gone(plan: &Plan<'_>, found: &Found) -> Result<Option<bool>, PackedError> {
    let mut all = 0;
    for it in &plan.groups {
        all += taken_out(it)?.len();
    }
    Ok((all > 0).then_some(found.gone == all))
}
