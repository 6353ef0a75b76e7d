//! Lines of commands: the start-up file, and one command as one line.
//!
//! Words are split as redis-cli does (sdssplitargs of Redis): `"…"` with
//! `\n \r \t \b \a \xHH \c`, `'…'` with `\'`, a closing quote before white space only.

use std::fmt;

/// One command of a start-up file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The number of its first line, counted from 1.
    pub number: usize,
    /// Its words.
    pub words: Vec<Vec<u8>>,
}

/// Why a start-up file cannot be split, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Counted from 1.
    pub number: usize,
    /// What is wrong.
    pub problem: SplitError,
}

/// Why a line cannot be split into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A quote without its end.
    #[error("the closing {0} is missing")]
    Unclosed(char),
    /// A quote that ends within a word.
    #[error("white space must follow the closing {0}")]
    Trailing(char),
    /// An indented line without one before it.
    #[error("an indented line continues the command before it, and there is none")]
    Nothing,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.problem)
    }
}

impl std::error::Error for LineError {}

/// Splits a start-up file: one command a line, `#` begins a comment line, an
/// indented line continues the command before it, empty lines are skipped.
pub fn read(file: &[u8]) -> Result<Vec<Line>, LineError> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut commands: Vec<Line> = Vec::new();
    for (index, text) in file.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(first, None | Some(b'#')) {
            continue;
        }
        let words = split(text).map_err(|problem| LineError { number, problem })?;
        let indented = text.first().is_some_and(u8::is_ascii_whitespace);
        match commands.last_mut() {
            Some(last) if indented => last.words.extend(words),
            None if indented => {
                return Err(LineError { number, problem: SplitError::Nothing });
            }
            _ => commands.push(Line { number, words }),
        }
    }
    Ok(commands)
}

/// Splits one line into words.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, SplitError> {
    let mut rest = line;
    let mut words = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], SplitError> {
    loop {
        rest = match rest {
            [quote @ (b'"' | b'\''), inner @ ..] => {
                let after = take_quoted(inner, *quote, word)?;
                if after.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                    return Err(SplitError::Trailing(char::from(*quote)));
                }
                return Ok(after);
            }
            [byte, after @ ..] if !byte.is_ascii_whitespace() => {
                word.push(*byte);
                after
            }
            _ => return Ok(rest),
        };
    }
}

fn take_quoted<'a>(
    mut rest: &'a [u8],
    quote: u8,
    word: &mut Vec<u8>,
) -> Result<&'a [u8], SplitError> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(SplitError::Unclosed(char::from(quote))),
            [end, after @ ..] if *end == quote => return Ok(after),
            [b'\\', b'\'', after @ ..] if quote == b'\'' => (b'\'', after),
            [b'\\', escaped @ ..] if quote == b'"' && !escaped.is_empty() => take_escape(escaped),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

/// What stands behind a backslash in double quotes.
fn take_escape(escaped: &[u8]) -> (u8, &[u8]) {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    match escaped {
        [b'x', high, low, after @ ..] => match (digit(high), digit(low)) {
            (Some(high), Some(low)) => (high << 4 | low, after),
            _ => (b'x', escaped.get(1..).unwrap_or_default()),
        },
        [byte, after @ ..] => {
            let byte = match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 8,
                b'a' => 7,
                other => *other,
            };
            (byte, after)
        }
        [] => (b'\\', escaped),
    }
}

/// Joins words to a line that [`split`], redis-cli and a start-up file read back.
pub fn join<W: AsRef<str>>(words: &[W]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

/// The same for words of any bytes; those that are no UTF-8 become `\xHH`.
pub fn join_bytes(words: &[&[u8]]) -> String {
    let quoted = words.iter().map(|word| match *word {
        b"*" => "*".to_owned(),
        word => quote_bytes(word),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    quote_bytes(word.as_bytes())
}

fn quote_bytes(word: &[u8]) -> String {
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.,:/=~@+-".contains(byte);
    if !word.is_empty() && word.iter().all(bare) {
        return String::from_utf8_lossy(word).into_owned();
    }
    let mut quoted = String::from("\"");
    for chunk in word.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_quoted(&mut quoted, c));
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn push_quoted(quoted: &mut String, c: char) {
    match c {
        '"' | '\\' => quoted.extend(['\\', c]),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
        c => quoted.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let words = split(line.as_bytes()).unwrap();
        words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn words_are_split_as_redis_cli_does() {
        assert_eq!(words("  a  b\t c \r"), ["a", "b", "c"]);
        assert_eq!(words(r#""a b" 'c d' e"f g""#), ["a b", "c d", "ef g"]);
        assert_eq!(words(r#""\"\\\n\x41\xzz\q" '\'\n'"#), ["\"\\\nAxzzq", "'\\n"]);
        assert_eq!(words(r#""" ''"#), ["", ""]);
        assert_eq!(split(br#""\xff\x00""#).unwrap(), [b"\xff\x00".to_vec()]);
        assert_eq!(split(b"a \"b"), Err(SplitError::Unclosed('"')));
        assert_eq!(split(b"'b\\'"), Err(SplitError::Unclosed('\'')));
        assert_eq!(split(br#""a"b"#), Err(SplitError::Trailing('"')));
    }

    #[test]
    fn words_of_any_bytes_are_joined_and_split_again() {
        let words: [&[u8]; 5] = [b"XADD", b"*", b"a \"b\"", b"\xff\0x", "ä".as_bytes()];
        let line = join_bytes(&words);
        assert_eq!(line, "XADD * \"a \\\"b\\\"\" \"\\xff\\x00x\" \"ä\"");
        assert_eq!(split(line.as_bytes()).unwrap(), words);
    }

    #[test]
    fn a_file_has_comments_continued_lines_and_line_numbers() {
        let file = b"\xef\xbb\xbf# first\r\nA 1\r\n  # between\n\n\tB \"#2\"\nC\n";
        let expected = |number, words: &[&str]| Line {
            number,
            words: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
        };
        let lines = read(file).unwrap();
        assert_eq!(lines, [expected(2, &["A", "1", "B", "#2"]), expected(6, &["C"])]);
        let error = read(b"A\n  'b\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2: the closing ' is missing");
        let error = read(b"# x\n A\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2: an indented line"), "{error}");
    }
}
