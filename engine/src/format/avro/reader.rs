//! Avro's primitive encodings, read from the front of a slice.
//!
//! <https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>

use super::Problem;

/// Why and where reading stopped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    pub problem: Problem,
    /// Bytes from the offending one to the end.
    pub left: usize,
}

/// What is not read yet of a datum. Small and Copy, and never lent to a
/// function that is not inlined on the record path, so that it stays in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub rest: &'a [u8],
}

/// The most bytes a 64-bit number takes.
const LONGEST_VARINT: usize = 10;

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8]) -> Reader<'a> {
        Reader { rest }
    }

    #[inline(always)]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// A stop at the byte that would be read next.
    #[inline(always)]
    pub fn stop(&self, problem: Problem) -> Stop {
        Stop { problem, left: self.rest.len() }
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Stop> {
        match self.rest {
            [byte @ 0..=0x7f, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high @ 0..=0x7f, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            }
            _ => {
                let (number, rest) = long_varint(self.rest)?;
                self.rest = rest;
                Ok(number)
            }
        }
    }

    #[inline(always)]
    pub fn long(&mut self) -> Result<i64, Stop> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    #[inline(always)]
    pub fn int(&mut self) -> Result<i32, Stop> {
        let start = *self;
        i32::try_from(self.long()?).map_err(|_| start.stop(Problem::IntRange))
    }

    /// Passes a number without looking at it.
    #[inline(always)]
    pub fn skip_varint(&mut self) -> Result<(), Stop> {
        match self.rest {
            [0..=0x7f, rest @ ..] => self.rest = rest,
            rest => match rest.first_chunk().map(|chunk| ends(u64::from_le_bytes(*chunk))) {
                None | Some(0) => self.rest = longest_varint(rest)?.1,
                Some(ends) => self.rest = rest.get(length(ends)..).unwrap_or_default(),
            },
        }
        Ok(())
    }

    #[inline(always)]
    pub fn take(&mut self, size: usize) -> Result<&'a [u8], Stop> {
        match self.rest.split_at_checked(size) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(Stop { problem: Problem::Truncated, left: 0 }),
        }
    }

    #[inline(always)]
    pub fn array<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Stop> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(Stop { problem: Problem::Truncated, left: 0 }),
        }
    }

    /// Bytes behind their length.
    #[inline(always)]
    pub fn blob(&mut self) -> Result<&'a [u8], Stop> {
        if let [length, rest @ ..] = self.rest
            && length & SHORT == 0
            && let Some((taken, rest)) = rest.split_at_checked(usize::from(length >> 1))
        {
            self.rest = rest;
            return Ok(taken);
        }
        let (taken, rest) = long_blob(self.rest)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    pub fn text(&mut self) -> Result<&'a str, Stop> {
        let bytes = self.blob()?;
        let left = self.left() + bytes.len();
        let text = match bytes.len() {
            // What simdutf8 does itself, behind two calls.
            0..SHORT_TEXT => std::str::from_utf8(bytes).ok(),
            _ => simdutf8::basic::from_utf8(bytes).ok(),
        };
        text.ok_or_else(|| not_utf8(bytes, left))
    }

    #[inline(always)]
    pub fn boolean(&mut self) -> Result<bool, Stop> {
        let start = *self;
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(start.stop(Problem::Boolean)),
        }
    }

    /// Which of `count` a number chooses.
    #[inline(always)]
    pub fn choice(&mut self, count: usize, problem: Problem) -> Result<usize, Stop> {
        let start = *self;
        let choice = usize::try_from(self.long()?).ok().filter(|&choice| choice < count);
        choice.ok_or_else(|| start.stop(problem))
    }

    /// Whether a union of null and something else, null at `null`, is null.
    #[inline(always)]
    pub fn is_null(&mut self, null: usize) -> Result<bool, Stop> {
        match self.rest {
            [branch @ (0 | 2), rest @ ..] => {
                self.rest = rest;
                Ok(usize::from(branch >> 1) == null)
            }
            rest => {
                let (branch, rest) = long_choice(rest)?;
                self.rest = rest;
                Ok(branch == null)
            }
        }
    }
}

/// Texts below that many bytes are checked by the standard library.
const SHORT_TEXT: usize = 64;

/// What a length's only byte does not have: a sign, or a byte that follows.
const SHORT: u8 = 0x81;

/// A length of several bytes, or a wrong one.
#[inline(never)]
fn long_blob(rest: &[u8]) -> Result<(&[u8], &[u8]), Stop> {
    let start = Reader::new(rest);
    let mut reader = start;
    let length = usize::try_from(reader.long()?);
    let split = length.ok().and_then(|length| reader.rest.split_at_checked(length));
    split.ok_or_else(|| start.stop(Problem::Length))
}

/// A branch of two that is not written as short as it could be, or a wrong one.
#[inline(never)]
fn long_choice(rest: &[u8]) -> Result<(usize, &[u8]), Stop> {
    let mut reader = Reader::new(rest);
    let branch = reader.choice(2, Problem::Branch)?;
    Ok((branch, reader.rest))
}

/// Passes a length of one byte and its bytes; none where it is not that simple.
#[inline(always)]
pub(super) fn short_blob(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [length, rest @ ..] if length & SHORT == 0 => rest.get(usize::from(length >> 1)..),
        _ => None,
    }
}

/// Passes a number of at most eight bytes; none where it is not that simple.
#[inline(always)]
pub(super) fn short_varint(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [0..=0x7f, rest @ ..] => Some(rest),
        [_, 0..=0x7f, rest @ ..] => Some(rest),
        rest => {
            let ends = ends(u64::from_le_bytes(*rest.first_chunk()?));
            if ends == 0 { None } else { rest.get(length(ends)..) }
        }
    }
}

#[cold]
fn not_utf8(bytes: &[u8], left: usize) -> Stop {
    let valid = std::str::from_utf8(bytes).err().map_or(0, |error| error.valid_up_to());
    Stop { problem: Problem::NotUtf8, left: left - valid }
}

/// A number of more than two bytes; up to eight at once.
#[inline(never)]
fn long_varint(rest: &[u8]) -> Result<(u64, &[u8]), Stop> {
    if let Some(word) = word(rest) {
        let ends = ends(word);
        if ends != 0 {
            // The lowest set bit is the top bit of the number's last byte.
            let bits = ends ^ (ends - 1);
            return Ok((squeeze(word & bits), rest.get(length(ends)..).unwrap_or_default()));
        }
    }
    longest_varint(rest)
}

/// The first eight bytes; of four to seven these, and behind them bytes that end no number.
#[inline(always)]
fn word(rest: &[u8]) -> Option<u64> {
    if let Some(chunk) = rest.first_chunk() {
        return Some(u64::from_le_bytes(*chunk));
    }
    // Two overlapping halves: bytes put together in memory would have to be waited for.
    let low = u64::from(u32::from_le_bytes(*rest.first_chunk()?));
    let high = u64::from(u32::from_le_bytes(*rest.last_chunk()?));
    let bits = 8 * rest.len();
    Some(low | high << (bits - 32) | u64::MAX << bits)
}

/// The top bit of each byte that is a number's last.
#[inline(always)]
fn ends(word: u64) -> u64 {
    !word & 0x8080_8080_8080_8080
}

/// The bytes of the first number.
#[inline(always)]
fn length(ends: u64) -> usize {
    (ends.trailing_zeros() / 8 + 1) as usize
}

/// The low seven bits of each byte, together.
#[inline(always)]
fn squeeze(word: u64) -> u64 {
    let word = word & 0x7f7f_7f7f_7f7f_7f7f;
    let word = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = (word & 0x0000_3fff_0000_3fff) | (word & 0x3fff_0000_3fff_0000) >> 2;
    (word & 0x0fff_ffff) | (word & 0x0fff_ffff_0000_0000) >> 4
}

/// Byte by byte: nine and ten bytes, and whatever ends too early.
fn longest_varint(rest: &[u8]) -> Result<(u64, &[u8]), Stop> {
    let mut number = 0;
    for (index, &byte) in rest.iter().take(LONGEST_VARINT).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // Of the tenth byte one bit is left.
            if index == LONGEST_VARINT - 1 && byte > 1 {
                break;
            }
            return Ok((number, rest.get(index + 1..).unwrap_or_default()));
        }
    }
    match rest.len() {
        0..LONGEST_VARINT => Err(Stop { problem: Problem::Truncated, left: 0 }),
        left => Err(Stop { problem: Problem::Varint, left }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    proptest! {
        #[test]
        fn numbers_of_every_length_come_back(number: u64, shift in 0u32..64, tail in 0usize..12) {
            let number = number >> shift;
            let mut bytes = encoded(number);
            bytes.resize(bytes.len() + tail, 0xff);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.varint().unwrap(), number);
            prop_assert_eq!(reader.left(), tail);
        }

        #[test]
        fn numbers_cut_short_are_truncated(number: u64, shift in 0u32..57) {
            let bytes = encoded(number >> shift | 0x80);
            let stop = Reader::new(&bytes[..bytes.len() - 1]).varint().unwrap_err();
            prop_assert_eq!((stop.problem, stop.left), (Problem::Truncated, 0));
        }
    }

    #[test]
    fn more_than_sixty_four_bits_are_refused() {
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&most).varint().unwrap(), u64::MAX);
        assert_eq!(Reader::new(&most).long().unwrap(), i64::MIN);
        for last in [0x02, 0x7f, 0x80, 0xff] {
            let mut bytes = most;
            bytes[9] = last;
            assert_eq!(Reader::new(&bytes).varint().unwrap_err().problem, Problem::Varint);
        }
        assert_eq!(Reader::new(&[0xff; 12]).varint().unwrap_err().left, 12);
    }
}
