//! The wire format: tags, varints, lengths, and how fields are passed over.
//!
//! After <https://protobuf.dev/programming-guides/encoding/>.

use std::borrow::Cow;

/// How many messages and groups may stand within each other.
pub const MAX_DEPTH: u32 = 64;

/// What is wrong at a byte of a record: boxed, as results with it stand on the fast path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<(usize, Cow<'static, str>)>);

impl Fault {
    #[cold]
    pub fn new(at: usize, problem: impl Into<Cow<'static, str>>) -> Fault {
        Fault(Box::new((at, problem.into())))
    }

    /// The same, at another byte.
    pub fn moved(self, to: impl Fn(usize) -> usize) -> Fault {
        let (at, problem) = *self.0;
        Fault::new(to(at), problem)
    }

    /// The byte, from the record's first, and what is wrong there.
    pub fn parts(self) -> (usize, Cow<'static, str>) {
        *self.0
    }
}

/// How a field's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Varint,
    Fixed64,
    Length,
    GroupStart,
    GroupEnd,
    Fixed32,
}

/// A field's number and how its value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    pub number: u32,
    pub wire: Wire,
}

/// Reads `bytes` from `at` to their end.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    /// Whether nothing is left.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                return Ok(u64::from(byte));
            }
            _ => {}
        }
        let Some((word, bits)) = self.short_varint() else {
            // A copy, so that the reader itself can stay in registers.
            let mut copy = *self;
            let value = copy.varint_by_bytes();
            self.at = copy.at;
            return value;
        };
        self.at += bits as usize / 8;
        // Seven bits of each byte, moved together in pairs, fours and eights.
        let sevens = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
        let pairs = (sevens & 0x007f_007f_007f_007f) | ((sevens & 0x7f00_7f00_7f00_7f00) >> 1);
        let fours = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
        Ok((fours & 0x0fff_ffff) | ((fours & 0x0fff_ffff_0000_0000) >> 4))
    }

    /// Passes over the next varint.
    #[inline]
    pub fn skip_varint(&mut self) -> Result<(), Fault> {
        match self.short_varint() {
            Some((_, bits)) => {
                self.at += bits as usize / 8;
                Ok(())
            }
            None => self.varint().map(|_| ()),
        }
    }

    /// The next eight bytes, and how many bits of them the next varint takes,
    /// if it ends there. Bytes behind the end are no varint's end.
    #[inline]
    fn short_varint(&self) -> Option<(u64, u32)> {
        let rest = self.bytes.get(self.at..)?;
        let word = match rest.first_chunk::<8>() {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None if rest.is_empty() => return None,
            None => {
                let last = u64::from_le_bytes(*self.bytes.last_chunk::<8>()?);
                last >> (64 - 8 * rest.len()) | u64::MAX << (8 * rest.len())
            }
        };
        let ends = !word & 0x8080_8080_8080_8080;
        (ends != 0).then(|| (word, ends.trailing_zeros() + 1))
    }

    /// A varint of nine or ten bytes, one that does not end, or one of a record of fewer than eight.
    #[inline(never)]
    fn varint_by_bytes(&mut self) -> Result<u64, Fault> {
        let (mut value, start) = (0u64, self.at);
        let rest = self.bytes.get(start..).unwrap_or_default();
        for (index, &byte) in rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index == 9 && byte > 1 {
                    break;
                }
                self.at = start + index + 1;
                return Ok(value);
            }
        }
        if rest.len() < 10 {
            return Err(Fault::new(self.bytes.len(), "the bytes end inside a number"));
        }
        Err(Fault::new(start, "a number of more than 64 bits"))
    }

    /// The next tag.
    #[inline]
    pub fn tag(&mut self) -> Result<Tag, Fault> {
        let start = self.at;
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Length,
            3 => Wire::GroupStart,
            4 => Wire::GroupEnd,
            5 => Wire::Fixed32,
            _ => return Err(Fault::new(start, "a wire type that does not exist")),
        };
        match u32::try_from(key) {
            Ok(8..) => Ok(Tag { number: (key >> 3) as u32, wire }),
            _ => Err(Fault::new(start, "a field number that cannot be")),
        }
    }

    /// Where what has a length before it ends; `at` is left at its first byte.
    #[inline]
    pub fn length(&mut self) -> Result<usize, Fault> {
        let start = self.at;
        let length = self.varint()?;
        let left = (self.bytes.len() - self.at) as u64;
        if length > left {
            return Err(Fault::new(start, "a length beyond the end"));
        }
        Ok(self.at + length as usize)
    }

    /// The next four bytes.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u64, Fault> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<4>());
        let bytes = bytes.ok_or_else(|| self.ends())?;
        self.at += 4;
        Ok(u64::from(u32::from_le_bytes(*bytes)))
    }

    /// The next eight bytes.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, Fault> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>());
        let bytes = bytes.ok_or_else(|| self.ends())?;
        self.at += 8;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[cold]
    fn ends(&self) -> Fault {
        Fault::new(self.bytes.len(), "the bytes end inside a number")
    }

    /// Passes over the value behind `tag`.
    #[inline]
    pub fn skip(&mut self, tag: Tag, depth: u32) -> Result<(), Fault> {
        match tag.wire {
            Wire::Varint => self.skip_varint(),
            Wire::Fixed64 => self.fixed64().map(|_| ()),
            Wire::Fixed32 => self.fixed32().map(|_| ()),
            Wire::Length => {
                self.at = self.length()?;
                Ok(())
            }
            Wire::GroupStart => self.group(tag.number, depth).map(drop),
            Wire::GroupEnd => Err(self.stray_end()),
        }
    }

    #[cold]
    fn stray_end(&self) -> Fault {
        Fault::new(self.at, "the end of a group that was not begun")
    }

    /// Passes over the inside of a group and its end; where that end's tag starts.
    pub fn group(&mut self, number: u32, depth: u32) -> Result<usize, Fault> {
        deeper(depth, self.at)?;
        loop {
            let end = self.at;
            if self.is_done() {
                return Err(Fault::new(end, "the bytes end inside a group"));
            }
            let tag = self.tag()?;
            match tag.wire {
                Wire::GroupEnd if tag.number == number => return Ok(end),
                Wire::GroupEnd => {
                    return Err(Fault::new(end, "the end of another group than was begun"));
                }
                _ => self.skip(tag, depth + 1)?,
            }
        }
    }
}

/// An error where a message or group at `depth` would stand too deep.
pub fn deeper(depth: u32, at: usize) -> Result<(), Fault> {
    if depth >= MAX_DEPTH {
        return Err(Fault::new(at, "more than 64 messages within each other"));
    }
    Ok(())
}
