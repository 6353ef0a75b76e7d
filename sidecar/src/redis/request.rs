//! Commands as RESP writes them, gathered into one buffer.

/// Commands to send; its buffer is kept from use to use.
#[derive(Debug, Default)]
pub struct Request {
    bytes: Vec<u8>,
    commands: usize,
}

/// An end of a request's commands.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    bytes: usize,
    commands: usize,
}

/// Buffers larger than this are given back once they are sent.
const KEPT: usize = 4 << 20;

impl Request {
    /// Forgets everything, keeping the buffer unless it is very large.
    pub fn clear(&mut self) {
        self.commands = 0;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many commands it holds, each of which is answered once.
    pub fn commands(&self) -> usize {
        self.commands
    }

    /// Begins a command of so many words, its name first: they must follow.
    #[inline(always)]
    pub fn begin(&mut self, words: usize) {
        self.commands += 1;
        self.head(b'*', words);
    }

    /// The next word.
    #[inline(always)]
    pub fn word(&mut self, word: &[u8]) {
        put_word(&mut self.bytes, word);
    }

    /// Words that [`put_word`] has written.
    #[inline]
    pub fn written(&mut self, words: &[u8]) {
        self.bytes.extend_from_slice(words);
    }

    /// A number as the next word.
    pub fn number(&mut self, number: impl itoa::Integer) {
        self.word(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A whole command.
    pub fn command(&mut self, words: &[&[u8]]) {
        self.begin(words.len());
        words.iter().for_each(|word| self.word(word));
    }

    /// Where it ends now, for [`Request::roll_back`].
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), commands: self.commands }
    }

    /// Forgets what was added since.
    pub fn roll_back(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.commands = self.commands.min(mark.commands);
    }

    /// Adds the commands of another one.
    pub fn append(&mut self, other: &Request) {
        self.bytes.extend_from_slice(&other.bytes);
        self.commands += other.commands;
    }

    #[inline(always)]
    fn head(&mut self, mark: u8, count: usize) {
        put_head(&mut self.bytes, mark, count);
    }
}

/// Appends a word in the form in which commands carry it.
#[inline(always)]
pub fn put_word(out: &mut Vec<u8>, word: &[u8]) {
    put_head(out, b'$', word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

#[inline(always)]
fn put_head(out: &mut Vec<u8>, mark: u8, count: usize) {
    let digit = |digit: usize| b'0' + digit as u8;
    match count {
        ..10 => out.extend_from_slice(&[mark, digit(count), b'\r', b'\n']),
        10..100 => {
            out.extend_from_slice(&[mark, digit(count / 10), digit(count % 10), b'\r', b'\n']);
        }
        _ => {
            out.push(mark);
            out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_full() {
        for length in [0, 9, 10, 42, 99, 100, 12_345] {
            let mut out = Vec::new();
            put_word(&mut out, &vec![b'x'; length]);
            let expected = format!("${length}\r\n{}\r\n", "x".repeat(length));
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn a_command_is_written_as_redis_reads_it() {
        let mut request = Request::default();
        request.command(&[b"SET", b"key", b"twelve bytes"]);
        request.begin(2);
        request.word(b"");
        request.number(-7);
        let expected =
            "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$12\r\ntwelve bytes\r\n*2\r\n$0\r\n\r\n$2\r\n-7\r\n";
        assert_eq!(String::from_utf8_lossy(request.bytes()), expected);
        assert_eq!(request.commands(), 2);
        let mark = request.mark();
        request.command(&[b"MULTI"]);
        request.roll_back(mark);
        assert_eq!(
            (String::from_utf8_lossy(request.bytes()), request.commands()),
            (expected.into(), 2)
        );
        request.clear();
        assert!(request.bytes().is_empty());
    }
}
