//! What to do at each tag, by one look-up: the walk of a plan.

use super::gather::{Cell, between, step};
use super::types::{MessageType, Repeats};
use super::wire::{Fault, Reader, Wire};

/// Tags below this one are dispatched on: one and two bytes, field numbers to 127.
const TAGS: usize = 1 << 10;

/// What is done at a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// What [`step`] does: lists, members of a oneof, groups, what cannot be.
    Step,
    SkipVarint,
    SkipFixed64,
    SkipFixed32,
    SkipLength,
    Varint(u16),
    Fixed64(u16),
    Fixed32(u16),
    Length(u16),
}

/// Actions by tag.
#[derive(Debug, Default)]
pub struct Dispatch(Vec<Action>);

impl Dispatch {
    /// For a message type whose fields `place` gives cells.
    pub fn new(message: &MessageType, place: impl Fn(usize) -> Option<usize>) -> Dispatch {
        let mut actions = vec![Action::Step; TAGS];
        // Tags of the number 0 cannot be.
        for (tag, action) in actions.iter_mut().enumerate().skip(8) {
            *action = match tag & 7 {
                0 => Action::SkipVarint,
                1 => Action::SkipFixed64,
                2 => Action::SkipLength,
                5 => Action::SkipFixed32,
                _ => Action::Step,
            };
        }
        for (index, field) in message.fields.iter().enumerate() {
            let cell = place(index).and_then(|cell| u16::try_from(cell).ok());
            let plain = field.repeats == Repeats::Never && field.oneof.is_none();
            for wire in 0..8 {
                let action = match (field.kind.wire(), wire, cell) {
                    (Wire::Varint, 0, Some(cell)) if plain => Action::Varint(cell),
                    (Wire::Fixed64, 1, Some(cell)) if plain => Action::Fixed64(cell),
                    (Wire::Length, 2, Some(cell)) if plain => Action::Length(cell),
                    (Wire::Fixed32, 5, Some(cell)) if plain => Action::Fixed32(cell),
                    _ if plain && cell.is_some() => continue,
                    _ if field.oneof.is_none() && place(index).is_none() => continue,
                    _ => Action::Step,
                };
                if let Some(place) = actions.get_mut((field.number as usize) << 3 | wire) {
                    *place = action;
                }
            }
        }
        Dispatch(actions)
    }

    /// Walks a message as [`super::gather::gather`] does.
    pub fn gather(
        &self,
        message: &MessageType,
        mut reader: Reader<'_>,
        place: impl Fn(usize) -> Option<usize>,
        cells: &mut [Cell],
    ) -> Result<(), Fault> {
        while let Some(&first) = reader.bytes.get(reader.at) {
            let start = reader.at;
            let mut tag = usize::from(first);
            reader.at += 1;
            if tag >= 0x80 {
                let second = reader.bytes.get(reader.at).copied().unwrap_or(0x80);
                reader.at += 1;
                tag = (tag & 0x7f) | usize::from(second) << 7;
            }
            let (cell, bits) = match self.0.get(tag).copied().unwrap_or(Action::Step) {
                Action::SkipVarint => {
                    reader.skip_varint()?;
                    continue;
                }
                Action::SkipFixed64 => {
                    reader.fixed64()?;
                    continue;
                }
                Action::SkipFixed32 => {
                    reader.fixed32()?;
                    continue;
                }
                Action::SkipLength => {
                    reader.at = reader.length()?;
                    continue;
                }
                Action::Varint(cell) => (cell, reader.varint()?),
                Action::Fixed64(cell) => (cell, reader.fixed64()?),
                Action::Fixed32(cell) => (cell, reader.fixed32()?),
                Action::Length(cell) => {
                    let end = reader.length()?;
                    let bits = between(reader.at, end);
                    reader.at = end;
                    (cell, bits)
                }
                Action::Step => {
                    // A copy, so that the reader itself can stay in registers.
                    let mut copy = Reader { at: start, ..reader };
                    step(message, &mut copy, 0, &place, cells)?;
                    reader.at = copy.at;
                    continue;
                }
            };
            if let Some(cell) = cells.get_mut(usize::from(cell)) {
                cell.bits = bits;
                cell.count = cell.count.saturating_add(1);
            }
        }
        Ok(())
    }
}
