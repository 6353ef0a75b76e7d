//! Replies of RESP version 2, read part by part from a byte stream.
//!
//! Nothing is allocated for what a reply only claims to hold; what is too long is passed over or
//! refused, and nested arrays are counted, not descended into.

use redis::Value;
use std::io::{self, ErrorKind, Read};

/// The longest status, error or number line, in bytes.
const MAX_LINE: usize = 64 << 10;

/// The longest bulk string that is held; longer ones are passed over.
pub const MAX_BULK: usize = 16 << 20;

/// All bulk strings of one [`Replies::value`] together.
const MAX_VALUE: usize = 64 << 20;

/// Arrays of arrays that [`Replies::value`] holds.
const MAX_DEPTH: usize = 32;

/// What is read at once, and what the buffer shrinks to again.
const CHUNK: usize = 64 << 10;

/// Room for what comes next, where it is not known how much that is: so much is left mostly, behind
/// answers of which a part has come, and to grow costs more than to read once more.
const ROOM: usize = CHUNK / 4;

/// One reply, or the head of one that has parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'b> {
    /// A status such as `OK`.
    Status(&'b [u8]),
    /// An error; it starts with its code.
    Error(&'b [u8]),
    /// A number.
    Integer(i64),
    /// A string.
    Bulk(&'b [u8]),
    /// A string longer than [`MAX_BULK`], which was passed over.
    TooLong,
    /// Nothing: no string, or no array.
    Nil,
    /// An array: so many replies follow.
    Array(usize),
}

/// Why no reply could be read. The connection is of no use afterwards.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The transport failed, or nothing came in time.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The other side has closed the connection.
    #[error("closed the connection")]
    Closed,
    /// What came is no RESP.
    #[error("sent what is no reply of Redis ({0})")]
    Malformed(&'static str),
}

/// The replies that have come and were not read yet.
#[derive(Debug, Default)]
pub struct Replies {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// A part whose bytes stand at a place of the buffer.
enum Found {
    Line(u8, usize, usize),
    Bulk(usize, usize),
    TooLong,
    Nil,
    Array(usize),
    Integer(i64),
}

impl Replies {
    /// The next part, waiting for it.
    pub fn next(&mut self, source: &mut impl Read) -> Result<Part<'_>, ReadError> {
        let found = self.find(source)?;
        let at = |from: usize, to: usize| self.buffer.get(from..to).unwrap_or_default();
        Ok(match found {
            Found::Line(b'+', from, to) => Part::Status(at(from, to)),
            Found::Line(_, from, to) => Part::Error(at(from, to)),
            Found::Bulk(from, to) => Part::Bulk(at(from, to)),
            Found::TooLong => Part::TooLong,
            Found::Nil => Part::Nil,
            Found::Array(count) => Part::Array(count),
            Found::Integer(number) => Part::Integer(number),
        })
    }

    /// Passes over replies that are this status, as far as they have come, at most so many; how many
    /// they were. Each is read no further than to see that it is.
    pub fn skip_status(&mut self, status: &[u8], most: usize) -> usize {
        let length = status.len() + 3;
        let there = self.buffer.get(self.start..self.end).unwrap_or_default();
        let is_it = |reply: &&[u8]| {
            reply.strip_prefix(b"+").and_then(|it| it.strip_suffix(b"\r\n")) == Some(status)
        };
        let skipped = there.chunks_exact(length).take(most).take_while(is_it).count();
        self.start += skipped * length;
        skipped
    }

    /// Passes over replies that are short strings, as far as they have come whole, at most so many; how
    /// many they were.
    pub fn skip_short_bulks(&mut self, most: usize) -> usize {
        let mut skipped = 0;
        while skipped < most {
            let (head, length) = match self.buffer.get(self.start..self.end) {
                Some(&[b'$', ones @ b'0'..=b'9', b'\r', b'\n', ..]) => {
                    (4, usize::from(ones - b'0'))
                }
                Some(&[b'$', tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..]) => {
                    (5, usize::from(tens - b'0') * 10 + usize::from(ones - b'0'))
                }
                _ => return skipped,
            };
            let end = self.start + head + length;
            if end + 2 > self.end || self.buffer.get(end..end + 2) != Some(b"\r\n") {
                return skipped;
            }
            self.start = end + 2;
            skipped += 1;
        }
        skipped
    }

    /// Passes over so many whole replies; whether an error was among them or in their parts.
    pub fn skip(&mut self, source: &mut impl Read, replies: usize) -> Result<bool, ReadError> {
        let (mut left, mut has_error) = (replies, false);
        while left > 0 {
            left -= 1;
            match self.next(source)? {
                Part::Array(count) => {
                    left = left.checked_add(count).ok_or(ReadError::Malformed("length"))?;
                }
                Part::Error(_) => has_error = true,
                _ => {}
            }
        }
        Ok(has_error)
    }

    /// The next reply with all of its parts.
    pub fn value(&mut self, source: &mut impl Read) -> Result<Value, ReadError> {
        let mut held = 0;
        // Arrays under way, with what they still lack.
        let mut open: Vec<(Vec<Value>, usize)> = Vec::new();
        loop {
            let mut value = match self.next(source)? {
                Part::Array(count) if count > 0 => {
                    if open.len() >= MAX_DEPTH {
                        return Err(ReadError::Malformed("depth"));
                    }
                    open.push((Vec::with_capacity(count.min(1024)), count));
                    continue;
                }
                part => value_of(part, &mut held)?,
            };
            loop {
                let Some((mut values, left)) = open.pop() else { return Ok(value) };
                values.push(value);
                if left > 1 {
                    open.push((values, left - 1));
                    break;
                }
                value = Value::Array(values);
            }
        }
    }

    /// How many bytes have come that were not read yet.
    pub fn unread(&self) -> usize {
        self.end - self.start
    }

    /// Takes in what comes next, without reading it yet.
    pub fn read_more(&mut self, source: &mut impl Read) -> Result<(), ReadError> {
        self.fill(source, ROOM)
    }

    fn find(&mut self, source: &mut impl Read) -> Result<Found, ReadError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.buffer.truncate(CHUNK);
            self.buffer.shrink_to(CHUNK);
        }
        let (from, to) = self.line(source)?;
        let line = self.buffer.get(from..to).unwrap_or_default();
        let Some((&mark, rest)) = line.split_first() else {
            return Err(ReadError::Malformed("empty line"));
        };
        match mark {
            b'+' | b'-' => Ok(Found::Line(mark, from + 1, to)),
            b':' => integer(rest).map(Found::Integer),
            b'*' => match integer(rest)? {
                -1 => Ok(Found::Nil),
                count => usize::try_from(count)
                    .map(Found::Array)
                    .map_err(|_| ReadError::Malformed("length")),
            },
            b'$' => match integer(rest)? {
                -1 => Ok(Found::Nil),
                length => {
                    let length =
                        usize::try_from(length).map_err(|_| ReadError::Malformed("length"))?;
                    self.bulk(source, length)
                }
            },
            _ => Err(ReadError::Malformed("unknown type")),
        }
    }

    /// The next line's place, without its end; it is then behind us.
    fn line(&mut self, source: &mut impl Read) -> Result<(usize, usize), ReadError> {
        let mut looked = 0;
        loop {
            let there = self.buffer.get(self.start + looked..self.end).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', there) {
                let (from, newline) = (self.start, self.start + looked + at);
                self.start = newline + 1;
                let Some(to) = newline.checked_sub(1).filter(|&to| to >= from) else {
                    return Err(ReadError::Malformed("line end"));
                };
                if self.buffer.get(to) != Some(&b'\r') {
                    return Err(ReadError::Malformed("line end"));
                }
                return Ok((from, to));
            }
            looked += there.len();
            if looked > MAX_LINE {
                return Err(ReadError::Malformed("line too long"));
            }
            self.fill(source, ROOM)?;
        }
    }

    fn bulk(&mut self, source: &mut impl Read, length: usize) -> Result<Found, ReadError> {
        if length > MAX_BULK {
            self.pass(source, length)?;
            self.pass_end(source)?;
            return Ok(Found::TooLong);
        }
        while self.end - self.start < length + 2 {
            let lacks = length + 2 - (self.end - self.start);
            self.fill(source, lacks)?;
        }
        let from = self.start;
        self.start += length;
        self.pass_end(source)?;
        Ok(Found::Bulk(from, from + length))
    }

    /// Passes over bytes, holding none of them.
    fn pass(&mut self, source: &mut impl Read, mut length: usize) -> Result<(), ReadError> {
        loop {
            let taken = length.min(self.end - self.start);
            self.start += taken;
            length -= taken;
            if length == 0 {
                return Ok(());
            }
            (self.start, self.end) = (0, 0);
            self.fill(source, ROOM)?;
        }
    }

    fn pass_end(&mut self, source: &mut impl Read) -> Result<(), ReadError> {
        while self.end - self.start < 2 {
            self.fill(source, ROOM)?;
        }
        if self.buffer.get(self.start..self.start + 2) != Some(b"\r\n") {
            return Err(ReadError::Malformed("string end"));
        }
        self.start += 2;
        Ok(())
    }

    /// Reads what there is, at least a byte, with room for `wanted`, of which no more than a chunk is
    /// trusted at once.
    fn fill(&mut self, source: &mut impl Read, wanted: usize) -> Result<(), ReadError> {
        if self.start > 0 && self.buffer.len() - self.end < wanted.min(CHUNK) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let least = self.end + wanted.clamp(1, CHUNK);
        if self.buffer.len() < least {
            let doubled = (self.buffer.len() * 2).min(self.end + wanted);
            let grown = least.max(doubled).max(CHUNK);
            self.buffer.resize(grown, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match source.read(room) {
                Ok(0) => return Err(ReadError::Closed),
                Ok(read) => {
                    self.end += read;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn value_of(part: Part<'_>, held: &mut usize) -> Result<Value, ReadError> {
    let mut take = |bytes: &[u8]| {
        *held += bytes.len() + size_of::<Value>();
        if *held > MAX_VALUE { Err(ReadError::Malformed("too large")) } else { Ok(()) }
    };
    Ok(match part {
        Part::Status(b"OK") => Value::Okay,
        Part::Status(text) => {
            take(text)?;
            Value::SimpleString(String::from_utf8_lossy(text).into_owned())
        }
        Part::Error(text) => {
            take(text)?;
            let parsed = redis::parse_redis_value(&[b"-", text, b"\r\n"].concat());
            parsed.map_err(|_| ReadError::Malformed("error line"))?
        }
        Part::Integer(number) => {
            take(&[])?;
            Value::Int(number)
        }
        Part::Bulk(bytes) => {
            take(bytes)?;
            Value::BulkString(bytes.to_vec())
        }
        Part::TooLong => return Err(ReadError::Malformed("too large")),
        Part::Nil => {
            take(&[])?;
            Value::Nil
        }
        Part::Array(_) => {
            take(&[])?;
            Value::Array(Vec::new())
        }
    })
}

fn integer(text: &[u8]) -> Result<i64, ReadError> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or(ReadError::Malformed("number"))
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
