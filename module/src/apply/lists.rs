//! Lists: elements at either end, and what is kept of them.

use super::groups::OpenGroup;
use super::writer::Writer;
use crate::redis::{Event, KeyKind, ListEnd, Text};
use redis_kafka_engine::unit::packed::{self, End, Keep, PackedError, PlainWrite};
use std::ffi::CStr;

fn push_of(end: End) -> (ListEnd, Event, &'static CStr) {
    match end {
        End::Left => (ListEnd::Left, Event::PushedLeft, c"LPUSH"),
        End::Right => (ListEnd::Right, Event::PushedRight, c"RPUSH"),
    }
}

impl<'a> Writer<'_, 'a> {
    /// What is sent on are the elements, several to a command.
    pub(super) fn write_list(&mut self, open: &OpenGroup<'_, 'a>) -> Result<(), PackedError> {
        let kind = open.of.group.kind;
        let mut reader = open.of.writes.clone();
        let mut former = End::Right;
        self.begin(open);
        for _ in 0..open.of.group.writes {
            match packed::read_plain_write(&mut reader, kind)? {
                PlainWrite::Delete => {
                    self.flush(open, push_of(former).2);
                    self.delete(open);
                }
                PlainWrite::Push(end, element) => {
                    if end != former {
                        self.flush(open, push_of(former).2);
                        former = end;
                    }
                    let element = Text::new(element);
                    let (at, event, _) = push_of(end);
                    open.key.list_push(at, &element);
                    self.notices.add(open.number, event, 1);
                    self.gather(element);
                }
                _ => return Err(PackedError::Code(kind as u8)),
            }
        }
        self.flush(open, push_of(former).2);
        self.trim_list(open);
        Ok(())
    }

    /// Trims once a unit: what is left does not depend on how often.
    fn trim_list(&mut self, open: &OpenGroup<'_, 'a>) {
        let (keep, from) = match open.of.group.keep {
            Keep::First(count) => (count, ListEnd::Right),
            Keep::Last(count) => (count, ListEnd::Left),
            _ => return,
        };
        if open.key.kind() != KeyKind::List || open.key.length() as u64 <= keep {
            return;
        }
        while open.key.length() as u64 > keep && open.key.list_pop(from) {}
        self.notices.add(open.number, Event::ListTrimmed, 1);
        if self.origin.sends_commands() {
            let (first, last) = match from {
                ListEnd::Right => ("0".to_owned(), (i128::from(keep) - 1).to_string()),
                ListEnd::Left => (format!("-{keep}"), "-1".to_owned()),
            };
            self.gather(Text::new(first));
            self.gather(Text::new(last));
            self.flush(open, c"LTRIM");
        }
    }
}
