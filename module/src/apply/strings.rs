//! Strings: the last one stands.

use super::groups::OpenGroup;
use super::writer::Writer;
use crate::redis::{Event, Text};
use redis_kafka_engine::unit::packed::{self, PackedError, PlainWrite};

impl<'a> Writer<'_, 'a> {
    pub(super) fn write_string(&mut self, open: &OpenGroup<'_, 'a>) -> Result<(), PackedError> {
        let kind = open.of.group.kind;
        let mut reader = open.of.writes.clone();
        for _ in 0..open.of.group.writes {
            match packed::read_plain_write(&mut reader, kind)? {
                PlainWrite::Delete => self.delete(open),
                PlainWrite::Whole(text) => {
                    let text = Text::new(text);
                    open.key.set_string(&text);
                    let arguments = [open.of.name.raw(), text.raw()];
                    self.tell(open.number, Event::StringSet, c"SET", &arguments);
                }
                _ => return Err(PackedError::Code(kind as u8)),
            }
        }
        Ok(())
    }
}
