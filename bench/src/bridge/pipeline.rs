//! A connection to Redis with commands in flight.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};

/// Where a reply's text stands; `None` for null.
type Text = Option<Range<usize>>;

pub struct Pipeline {
    stream: Box<dyn Duplex>,
    answered: u64,
    input: Vec<u8>,
    /// Where in `input` the bytes stand that are read and not yet understood.
    unread: Range<usize>,
}

impl Pipeline {
    pub fn connect(address: &str) -> Result<Pipeline> {
        Ok(Pipeline {
            stream: open(address).with_context(|| address.to_string())?,
            answered: 0,
            input: vec![0; 64 * 1024],
            unread: 0..0,
        })
    }

    /// Redis never stops reading for unread replies, so a blocking write of
    /// any size ends.
    pub fn send(&mut self, commands: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(commands)?)
    }

    /// Replies read so far.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Reads replies until there are `total` in all, and those that came with them.
    pub fn skip_until(&mut self, total: u64) -> Result<()> {
        loop {
            // What is read already may be all there is to come.
            while self.next()?.is_some() {}
            if self.answered >= total {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Reads exactly `count` replies and hands each to `take`; null is `None`.
    pub fn take(&mut self, count: u64, mut take: impl FnMut(Option<&[u8]>)) -> Result<()> {
        let until = self.answered + count;
        while self.answered < until {
            match self.next()? {
                Some(text) => take(text.map(|range| &self.input[range])),
                None => self.fill()?,
            }
        }
        Ok(())
    }

    /// The next whole reply's text in `input`; `None` when more must be read.
    fn next(&mut self) -> Result<Option<Text>> {
        let Some((len, text)) = reply(&self.input[self.unread.clone()])? else {
            return Ok(None);
        };
        let start = self.unread.start;
        self.unread.start += len;
        self.answered += 1;
        Ok(Some(text.map(|text| start + text.start..start + text.end)))
    }

    fn fill(&mut self) -> Result<()> {
        self.input.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.unread.end == self.input.len() {
            bail!("a reply of more than {} bytes", self.input.len());
        }
        loop {
            match self.stream.read(&mut self.input[self.unread.end..]) {
                Ok(0) => bail!("Redis closed the connection"),
                Ok(len) => {
                    self.unread.end += len;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// How long the first reply is and where its text stands; nothing when it is
/// not there whole.
fn reply(input: &[u8]) -> Result<Option<(usize, Text)>> {
    let Some(end) = memchr::memchr(b'\n', input) else { return Ok(None) };
    let line = &input[..end.saturating_sub(1)];
    match line.first() {
        // An array's head counts as a reply of its own, and so does each of its parts.
        Some(b'+' | b':' | b'*') => Ok(Some((end + 1, Some(1..line.len())))),
        Some(b'$') if line == b"$-1" => Ok(Some((end + 1, None))),
        Some(b'$') => {
            let text = std::str::from_utf8(&line[1..])?;
            let len: usize = text.parse().with_context(|| format!("length {text:?}"))?;
            let whole = end + 1 + len + 2;
            Ok((whole <= input.len()).then(|| (whole, Some(end + 1..end + 1 + len))))
        }
        _ => bail!("Redis: {}", String::from_utf8_lossy(&line[..line.len().min(200)])),
    }
}

/// A connected socket.
trait Duplex: Read + Write {}
impl Duplex for TcpStream {}
impl Duplex for UnixStream {}

fn open(address: &str) -> std::io::Result<Box<dyn Duplex>> {
    if address.starts_with('/') {
        return Ok(Box::new(UnixStream::connect(address)?));
    }
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in two pieces, cut anywhere.
    struct Cut(Vec<Vec<u8>>);

    impl Read for Cut {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let piece = if self.0.is_empty() { Vec::new() } else { self.0.remove(0) };
            into[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    impl Write for Cut {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Duplex for Cut {}

    fn pipeline(pieces: &[&[u8]]) -> Pipeline {
        let pieces = pieces.iter().filter(|p| !p.is_empty()).map(|p| p.to_vec()).collect();
        Pipeline { stream: Box::new(Cut(pieces)), answered: 0, input: vec![0; 256], unread: 0..0 }
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let replies = b"$15\r\n1700000000000-0\r\n:17\r\n$-1\r\n+OK\r\n$4\r\na\r\nb\r\n";
        for cut in 0..=replies.len() {
            let (head, tail) = replies.split_at(cut);
            let (mut pipeline, mut seen) = (pipeline(&[head, tail]), Vec::new());
            pipeline.take(5, |reply| seen.push(reply.map(<[u8]>::to_vec))).unwrap();
            let seen: Vec<_> = seen.iter().map(|r| r.as_deref()).collect();
            let wanted: [Option<&[u8]>; 5] =
                [Some(b"1700000000000-0"), Some(b"17"), None, Some(b"OK"), Some(b"a\r\nb")];
            assert_eq!(seen, wanted, "cut at {cut}");
        }
    }

    #[test]
    fn nothing_is_awaited_that_has_come_already() {
        let mut pipeline = pipeline(&[b"+OK\r\n:1\r\n:2\r\n"]);
        pipeline.take(1, |_| {}).unwrap();
        pipeline.skip_until(3).unwrap();
        assert_eq!(pipeline.answered(), 3);
    }

    #[test]
    fn an_error_reply_ends_the_bridge() {
        let mut pipeline = pipeline(&[b"+OK\r\n-OOM command not allowed\r\n"]);
        let error = pipeline.skip_until(2).unwrap_err().to_string();
        assert_eq!(error, "Redis: -OOM command not allowed");
    }
}
