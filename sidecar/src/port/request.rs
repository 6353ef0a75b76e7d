//! Requests: arrays of bulk strings, or a line of words, as Redis takes them
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).
//!
//! Written for this port instead of taken from a parser of replies: requests are flat, so that
//! nothing nests, and a length that is too great is refused before a byte of it is kept.

use bytes::{Buf, BytesMut};
use redis_kafka_engine::command::lines;

/// The most bytes of a line that says how long something is.
const HEADER_MAX: usize = 32;
/// The most bytes of a line of words.
const INLINE_MAX: usize = 64 * 1024;

/// How much one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All its bytes, with lengths and line ends.
    pub bytes: usize,
    /// Its words.
    pub words: usize,
}

impl Limits {
    /// For clients that are let in.
    pub const FULL: Limits = Limits { bytes: 1024 * 1024, words: 1024 };
    /// For clients that have not given the password.
    pub const STRANGER: Limits = Limits { bytes: 16 * 1024, words: 10 };
}

/// Why a connection is closed: what comes behind such a request cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The number of words is no number, or too great.
    #[error("Protocol error: invalid multibulk length")]
    Count,
    /// The length of a word is no number, or too great.
    #[error("Protocol error: invalid bulk length")]
    Length,
    /// A word does not begin with its length.
    #[error("Protocol error: expected '$', got '{0}'")]
    NoBulk(char),
    /// A word is longer than its length says.
    #[error("Protocol error: expected a line end after a bulk string")]
    NoLineEnd,
    /// A line without an end.
    #[error("Protocol error: too big inline request")]
    LongLine,
    /// A quote without its end.
    #[error("Protocol error: unbalanced quotes in request")]
    Quotes,
}

/// Takes the first request off `buffer`: none where it is not whole yet. One without words, as an
/// empty line, is passed over.
///
/// # Errors
/// It is no request, or exceeds `limits`.
pub fn take(buffer: &mut BytesMut, limits: Limits) -> Result<Option<Vec<Vec<u8>>>, ProtocolError> {
    loop {
        let Some(first) = buffer.first() else { return Ok(None) };
        let taken = match first {
            b'*' => array(buffer, limits)?,
            _ => line(buffer, limits)?,
        };
        let Some((words, length)) = taken else { return Ok(None) };
        buffer.advance(length);
        if !words.is_empty() {
            return Ok(Some(words));
        }
    }
}

/// Words, and how many bytes they took.
type Taken = Option<(Vec<Vec<u8>>, usize)>;

fn array(buffer: &[u8], limits: Limits) -> Result<Taken, ProtocolError> {
    let Some((count, mut at)) = number(buffer, 1, ProtocolError::Count)? else { return Ok(None) };
    // Redis takes *-1 and *0 for nothing at all.
    let count = usize::try_from(count).unwrap_or(0);
    if count > limits.words {
        return Err(ProtocolError::Count);
    }
    let mut words = Vec::new();
    for _ in 0..count {
        match buffer.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::NoBulk(char::from(*other))),
        }
        let Some((length, start)) = number(buffer, at + 1, ProtocolError::Length)? else {
            return Ok(None);
        };
        let length = usize::try_from(length).map_err(|_| ProtocolError::Length)?;
        let room = limits.bytes.saturating_sub(start + 2);
        if length > room {
            return Err(ProtocolError::Length);
        }
        let end = start + length;
        let (Some(word), Some(line_end)) = (buffer.get(start..end), buffer.get(end..end + 2))
        else {
            return Ok(None);
        };
        if line_end != b"\r\n" {
            return Err(ProtocolError::NoLineEnd);
        }
        words.push(word.to_vec());
        at = end + 2;
    }
    Ok(Some((words, at)))
}

/// The number that stands from `start` to the end of the line, and where the next line begins.
fn number(
    buffer: &[u8],
    start: usize,
    wrong: ProtocolError,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    let rest = buffer.get(start..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', rest) else {
        return if rest.len() > HEADER_MAX { Err(wrong) } else { Ok(None) };
    };
    let text = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(wrong)?;
    let text = std::str::from_utf8(text).map_err(|_| wrong)?;
    let number = text.parse().map_err(|_| wrong)?;
    Ok(Some((number, start + end + 1)))
}

fn line(buffer: &[u8], limits: Limits) -> Result<Taken, ProtocolError> {
    let longest = INLINE_MAX.min(limits.bytes);
    let Some(end) = memchr::memchr(b'\n', buffer) else {
        return if buffer.len() > longest { Err(ProtocolError::LongLine) } else { Ok(None) };
    };
    if end > longest {
        return Err(ProtocolError::LongLine);
    }
    let words = lines::split(buffer.get(..end).unwrap_or_default());
    let words = words.map_err(|_| ProtocolError::Quotes)?;
    if words.len() > limits.words { Err(ProtocolError::Count) } else { Ok(Some((words, end + 1))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let mut buffer = BytesMut::from(bytes);
        let mut requests = Vec::new();
        while let Some(words) = take(&mut buffer, Limits::FULL)? {
            requests.push(words);
        }
        Ok(requests)
    }

    fn words(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn arrays_and_lines_follow_each_other() {
        let bytes = b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n\r\n*0\r\n*-1\r\nPING \"a b\"\r\nQUIT\n";
        assert_eq!(
            all(bytes).unwrap(),
            [words(&["ECHO", ""]), words(&["PING", "a b"]), words(&["QUIT"])]
        );
    }

    #[test]
    fn what_is_too_great_or_broken_is_refused_at_its_header() {
        for (bytes, error) in [
            (&b"*1\r\n$536870912\r\n"[..], ProtocolError::Length),
            (b"*1\r\n$-1\r\n", ProtocolError::Length),
            (b"*1\r\n$99999999999999999999\r\n", ProtocolError::Length),
            (b"*2\r\n$1048561\r\n", ProtocolError::Length),
            (b"*1025\r\n", ProtocolError::Count),
            (b"*x\r\n", ProtocolError::Count),
            (b"*1\n", ProtocolError::Count),
            (b"*1\r\n*1\r\n", ProtocolError::NoBulk('*')),
            (b"*1\r\n$1\r\nab\r\n", ProtocolError::NoLineEnd),
            (b"PING \"a\r\n", ProtocolError::Quotes),
            (&[b'a'; INLINE_MAX + 1], ProtocolError::LongLine),
            (&[b'*'; HEADER_MAX + 2], ProtocolError::Count),
        ] {
            assert_eq!(all(bytes), Err(error), "{}", String::from_utf8_lossy(bytes));
        }
        let mut stranger = BytesMut::from(&b"*11\r\n"[..]);
        assert_eq!(take(&mut stranger, Limits::STRANGER), Err(ProtocolError::Count));
        let mut stranger = BytesMut::from(&b"*1\r\n$16384\r\n"[..]);
        assert_eq!(take(&mut stranger, Limits::STRANGER), Err(ProtocolError::Length));
    }

    proptest! {
        #[test]
        fn a_request_is_the_same_however_it_is_cut(
            sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6),
            at in any::<prop::sample::Index>(),
        ) {
            let mut bytes = format!("*{}\r\n", sent.len()).into_bytes();
            for word in &sent {
                bytes.extend(format!("${}\r\n", word.len()).bytes());
                bytes.extend(word);
                bytes.extend(b"\r\n");
            }
            let (head, tail) = bytes.split_at(at.index(bytes.len()));
            let mut buffer = BytesMut::from(head);
            prop_assert_eq!(take(&mut buffer, Limits::FULL), Ok(None));
            buffer.extend_from_slice(tail);
            prop_assert_eq!(take(&mut buffer, Limits::FULL), Ok(Some(sent)));
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = all(&bytes);
        }
    }
}
