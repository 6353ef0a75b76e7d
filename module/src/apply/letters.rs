//! Dead letters: read, and taken out in the unit that replays them.

use super::groups::OpenGroup;
use super::streams::{id_text, parse_id};
use super::writer::Writer;
use crate::redis::{Access, Context, Event, KeyKind, Manner, Reply, Text};
use redis_kafka_engine::ledger;
use redis_kafka_engine::letter::{self, Entry, Page, Range};
use redis_kafka_engine::unit::packed::{self, GroupKind, PackedError, StreamWrite};

/// How many dead letters a subscription has; none where the key is no stream.
pub fn count(context: Context, subscription: &str) -> u64 {
    let key = context.open(&Text::new(ledger::dead_letters_key(subscription)), Access::Read);
    if key.kind() == KeyKind::Stream { key.length() as u64 } else { 0 }
}

/// Reads dead letters, oldest first.
pub fn read(context: Context, subscription: &str, range: Range) -> Result<Page, String> {
    let key = ledger::dead_letters_key(subscription);
    let entries = letter::read_entries(range, |start, count| {
        let arguments = [&key, start, "+", "COUNT", &count.to_string()];
        let found = context.call("XRANGE", &arguments, Manner::Local);
        let found = found.map_err(|error| format!("{key}: {error}"))?;
        Ok::<_, String>(found.list().iter().filter_map(entry).collect())
    })?;
    Ok(Page { total: count(context, subscription), entries })
}

fn entry(reply: &Reply) -> Option<Entry> {
    let [id, fields] = reply.list() else { return None };
    let bytes = |reply: &Reply| match reply {
        Reply::Text(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let fields = fields.pairs().map(|(name, value)| (bytes(name), bytes(value)));
    Some(Entry { id: parse_id(&id.text())?, fields: fields.collect() })
}

/// Whether an entry that is to be taken out is not there: the unit was applied before, or somebody
/// else has replayed the letter.
pub fn are_gone(groups: &[OpenGroup<'_, '_>]) -> Result<bool, PackedError> {
    for open in groups.iter().filter(|open| open.of.group.kind == GroupKind::Stream) {
        let mut reader = open.of.writes.clone();
        for _ in 0..open.of.group.writes {
            // Such a group of ours holds nothing else, so that others are passed over at once.
            let StreamWrite::Remove(ms, seq) = packed::read_stream_write(&mut reader)? else {
                break;
            };
            if !open.key.stream_has((ms, seq)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl<'a> Writer<'_, 'a> {
    /// Takes entries out, once nothing of the unit can fail any more.
    pub(super) fn take_out(&mut self, open: &OpenGroup<'_, 'a>) -> Result<(), PackedError> {
        let mut reader = open.of.writes.clone();
        let mut taken = Vec::new();
        for _ in 0..open.of.group.writes {
            let StreamWrite::Remove(ms, seq) = packed::read_stream_write(&mut reader)? else {
                break;
            };
            open.key.stream_delete((ms, seq));
            taken.push(id_text((ms, seq)));
        }
        if taken.is_empty() {
            return Ok(());
        }
        self.notices.add(open.number, Event::StreamDeleted, 1);
        if self.origin.sends_commands() {
            let mut arguments = vec![open.of.name.raw()];
            arguments.extend(taken.iter().map(Text::raw));
            self.context.replicate(c"XDEL", &arguments);
        }
        Ok(())
    }
}
