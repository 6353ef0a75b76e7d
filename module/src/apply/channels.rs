//! Messages, published once the writes they tell of are done.

use super::Origin;
use super::groups::UnitGroup;
use crate::redis::{Context, Text};
use redis_kafka_engine::unit::packed::{self, PackedError, PlainWrite};

/// Publishes a unit's messages. A replica publishes them too, as PUBLISH would have it do;
/// nobody listens while an AOF is read.
pub fn publish(
    context: Context,
    origin: Origin,
    groups: &[UnitGroup<'_>],
) -> Result<(), PackedError> {
    if groups.is_empty() {
        return Ok(());
    }
    let flags = context.flags();
    if flags.is_loading() || flags.is_async_loading() {
        return Ok(());
    }
    for it in groups {
        let mut reader = it.writes.clone();
        for _ in 0..it.group.writes {
            let PlainWrite::Whole(message) = packed::read_plain_write(&mut reader, it.group.kind)?
            else {
                return Err(PackedError::Code(it.group.kind as u8));
            };
            let message = Text::new(message);
            context.publish(&it.name, &message);
            if origin.sends_commands() {
                context.replicate_past_aof(c"PUBLISH", &[it.name.raw(), message.raw()]);
            }
        }
    }
    Ok(())
}
