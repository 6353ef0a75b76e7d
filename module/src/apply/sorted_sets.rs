//! Sorted sets: members with scores, of which the highest may be all that is kept.

use super::groups::OpenGroup;
use super::writer::Writer;
use crate::redis::{Change, Event, KeyKind, Text};
use redis_kafka_engine::unit::packed::{self, Keep, PackedError, PlainWrite};

/// A number as commands write it: the shortest text that reads back as the same.
pub fn number_text(number: f64) -> Text {
    if number.is_finite() {
        return Text::new(zmij::Buffer::new().format_finite(number));
    }
    Text::new(if number > 0.0 { "inf" } else { "-inf" })
}

impl<'a> Writer<'_, 'a> {
    /// What is sent on are scores as they have become, several to a command. Increments are
    /// finite, so no score becomes "not a number".
    pub(super) fn write_sorted_set(&mut self, open: &OpenGroup<'_, 'a>) -> Result<(), PackedError> {
        let kind = open.of.group.kind;
        let keep = match open.of.group.keep {
            Keep::Highest(count) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let mut reader = open.of.writes.clone();
        self.begin(open);
        for _ in 0..open.of.group.writes {
            match packed::read_plain_write(&mut reader, kind)? {
                PlainWrite::Delete => {
                    self.flush(open, c"ZADD");
                    self.delete(open);
                }
                PlainWrite::Remove(member) => {
                    self.flush(open, c"ZADD");
                    self.remove(open, Text::new(member));
                }
                PlainWrite::Score(score, member) => {
                    let member = Text::new(member);
                    let change =
                        open.key.score(score, &member).map_err(|_| PackedError::Code(1))?;
                    self.scored(open, Event::MemberScored, change, score, member);
                }
                PlainWrite::Increment(increment, member) => {
                    let member = Text::new(member);
                    let added = open.key.add_to_score(increment, &member);
                    let (change, score) = added.map_err(|_| PackedError::Code(2))?;
                    self.scored(open, Event::ScoreIncremented, change, score, member);
                }
                _ => return Err(PackedError::Code(kind as u8)),
            }
            if open.key.length() > keep {
                self.flush(open, c"ZADD");
                self.keep_highest(open, keep);
            }
        }
        self.flush(open, c"ZADD");
        Ok(())
    }

    fn scored(
        &mut self,
        open: &OpenGroup<'_, 'a>,
        event: Event,
        change: Change,
        score: f64,
        member: Text,
    ) {
        if change == Change::None {
            return;
        }
        self.notices.add(open.number, event, 1);
        if self.origin.sends_commands() {
            self.gather(number_text(score));
            self.gather(member);
        }
    }

    fn remove(&mut self, open: &OpenGroup<'_, 'a>, member: Text) {
        if open.key.kind() == KeyKind::Empty || !open.key.remove_member(&member) {
            return;
        }
        self.notices.add(open.number, Event::MemberRemoved, 1);
        self.gather(member);
        self.flush(open, c"ZREM");
        self.delete_if_empty(open);
    }

    /// Takes the lowest members out until no more than `keep` are left.
    fn keep_highest(&mut self, open: &OpenGroup<'_, 'a>, keep: usize) {
        while open.key.length() > keep {
            let Some(member) = open.key.lowest_member() else { break };
            if !open.key.remove_member(&member) {
                break;
            }
            self.gather(member);
        }
        self.notices.add(open.number, Event::LowestRemoved, 1);
        self.flush(open, c"ZREM");
        self.delete_if_empty(open);
    }

    /// Redis keeps no empty sorted set; replicas know that by themselves.
    fn delete_if_empty(&mut self, open: &OpenGroup<'_, 'a>) {
        if open.key.length() == 0 {
            if open.key.kind() != KeyKind::Empty {
                open.key.delete();
            }
            self.notices.add(open.number, Event::KeyDeleted, 1);
        }
    }
}
