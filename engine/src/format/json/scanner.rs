//! A strict scanner of JSON text after RFC 8259: one pass, no allocation, no recursion.
//!
//! It works on bytes already known to be UTF-8 and yields spans. The grammar
//! is the RFC's to the letter: no comments, no trailing commas, no byte order
//! mark, no control characters in strings, no lone surrogates in escapes.

use super::{block, escape};
use crate::record::Value;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    String,
    EscapedString,
    Object,
    Array,
}

/// A stretch of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// How many objects and arrays may stand within each other.
pub const MAX_DEPTH: u32 = 128;

/// What is wrong at the byte where a [`Scanner`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    ByteOrderMark,
    EndsEarly,
    ExpectedValue,
    ExpectedName,
    ExpectedColon,
    ExpectedCommaOrBrace,
    ExpectedCommaOrBracket,
    Number,
    ControlCharacter,
    Escape,
    LoneSurrogate,
    TooDeep,
    Trailing,
}

impl Problem {
    pub(super) fn text(self) -> &'static str {
        match self {
            Problem::Empty => "empty, expected a value",
            Problem::ByteOrderMark => "byte order mark",
            Problem::EndsEarly => "ends too early",
            Problem::ExpectedValue => "expected a value",
            Problem::ExpectedName => "expected a field name in double quotes",
            Problem::ExpectedColon => "expected ':'",
            Problem::ExpectedCommaOrBrace => "expected ',' or '}'",
            Problem::ExpectedCommaOrBracket => "expected ',' or ']'",
            Problem::Number => "invalid number",
            Problem::ControlCharacter => "control character in a string",
            Problem::Escape => "invalid escape",
            Problem::LoneSurrogate => "escape of a lone surrogate",
            Problem::TooDeep => "more than 128 objects and arrays within each other",
            Problem::Trailing => "trailing characters",
        }
    }
}

/// A value or a name: what it is and where it stands (a string's without quotes).
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
}

impl Token {
    /// The value within the text it was scanned from.
    #[inline(always)]
    pub(super) fn value<'a>(&self, source: &'a str) -> Value<'a> {
        let text = source.get(self.span.start..self.span.end).unwrap_or_default();
        match self.kind {
            Kind::Null => Value::Null,
            Kind::True => Value::Boolean(true),
            Kind::False => Value::Boolean(false),
            Kind::Number => Value::Number(text),
            Kind::String => Value::Text(text),
            Kind::EscapedString => Value::Escaped(text),
            Kind::Object => Value::Object(text),
            Kind::Array => Value::Array(text),
        }
    }

    /// Puts the value in its place, where it is made at once: see [`crate::record::Row::place`].
    #[inline(always)]
    pub(super) fn put<'a>(&self, source: &'a str, place: &mut Value<'a>) {
        let text = source.get(self.span.start..self.span.end).unwrap_or_default();
        match self.kind {
            Kind::Number => *place = Value::Number(text),
            Kind::String => *place = Value::Text(text),
            _ => *place = self.value(source),
        }
    }
}

/// Reads `bytes` from `at` on. After an error `at` is the offending byte.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

/// The kinds of the open objects and arrays, innermost first: one bit each.
struct Nesting {
    objects: u128,
    depth: u32,
}

impl Nesting {
    fn open(&mut self, object: bool) -> Result<(), Problem> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Scanner { bytes, at: 0 }
    }

    #[inline(always)]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    pub(super) fn white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The bytes of a token of this text.
    #[inline(always)]
    pub(super) fn text(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }

    /// Passes white space, then wants the end of the text.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        self.white_space();
        if self.at < self.bytes.len() { Err(Problem::Trailing) } else { Ok(()) }
    }

    /// Passes the inside of an object, from behind its `{` to behind its `}`,
    /// showing each name and value.
    #[inline(always)]
    pub(super) fn members(&mut self, mut visit: impl FnMut(Token, Token)) -> Result<(), Problem> {
        if self.empty(b'{') {
            return Ok(());
        }
        loop {
            let name = self.name()?;
            self.colon()?;
            let value = self.value(1)?;
            visit(name, value);
            if !self.next(b'}')? {
                return Ok(());
            }
        }
    }

    /// Passes the inside of an array, from behind its `[` to behind its `]`.
    pub(super) fn elements(&mut self, mut visit: impl FnMut(Token)) -> Result<(), Problem> {
        if self.empty(b'[') {
            return Ok(());
        }
        loop {
            let value = self.value(1)?;
            visit(value);
            if !self.next(b']')? {
                return Ok(());
            }
        }
    }

    /// Passes a value that begins here, within `outer` open objects and arrays.
    #[inline(always)]
    pub(super) fn value(&mut self, outer: u32) -> Result<Token, Problem> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'"') => return self.string(),
            Some(b'{') => self.container(outer, Kind::Object)?,
            Some(b'[') => self.container(outer, Kind::Array)?,
            _ => self.scalar()?,
        };
        Ok(Token { kind, span: Span { start, end: self.at } })
    }

    #[inline(always)]
    fn scalar(&mut self) -> Result<Kind, Problem> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true", Kind::True),
            Some(b'f') => self.literal(b"false", Kind::False),
            Some(b'n') => self.literal(b"null", Kind::Null),
            Some(_) => Err(Problem::ExpectedValue),
            None => Err(Problem::EndsEarly),
        }
    }

    /// A name.
    #[inline(always)]
    pub(super) fn name(&mut self) -> Result<Token, Problem> {
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(Problem::ExpectedName),
            None => return Err(Problem::EndsEarly),
        }
        self.string()
    }

    /// Passes `name` in quotes if it stands here.
    #[inline(always)]
    pub(super) fn pass_name(&mut self, name: &[u8]) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let rest = rest.strip_prefix(b"\"").unwrap_or_default();
        let is_name = rest.get(..name.len()).is_some_and(|text| block::is_same(text, name));
        let passed = is_name && rest.get(name.len()) == Some(&b'"');
        if passed {
            self.at += name.len() + 2;
        }
        passed
    }

    /// A colon and the white space around it.
    #[inline(always)]
    pub(super) fn colon(&mut self) -> Result<(), Problem> {
        self.white_space();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(Problem::ExpectedColon),
            None => return Err(Problem::EndsEarly),
        }
        self.white_space();
        Ok(())
    }

    /// After a value within brackets: true before the next member or element,
    /// false behind the bracket `close`.
    #[inline(always)]
    pub(super) fn next(&mut self, close: u8) -> Result<bool, Problem> {
        self.white_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.white_space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if close == b'}' => Err(Problem::ExpectedCommaOrBrace),
            Some(_) => Err(Problem::ExpectedCommaOrBracket),
            None => Err(Problem::EndsEarly),
        }
    }

    /// Passes the object or array that begins here, with all that is in it.
    fn container(&mut self, outer: u32, kind: Kind) -> Result<Kind, Problem> {
        let mut nesting = Nesting { objects: 0, depth: outer };
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    nesting.open(bracket == b'{')?;
                    self.at += 1;
                    if !self.empty(bracket) {
                        self.name_if(bracket == b'{')?;
                        continue;
                    }
                    nesting.close();
                }
                Some(b'"') => {
                    self.string()?;
                }
                _ => {
                    self.scalar()?;
                }
            }
            while nesting.depth > outer {
                let object = nesting.in_object();
                if self.next(if object { b'}' } else { b']' })? {
                    self.name_if(object)?;
                    break;
                }
                nesting.close();
            }
            if nesting.depth == outer {
                return Ok(kind);
            }
        }
    }

    /// Behind an opening bracket: passes white space, and the closing bracket if it follows.
    #[inline(always)]
    pub(super) fn empty(&mut self, bracket: u8) -> bool {
        self.white_space();
        // In ASCII each closing bracket is two behind its opening one.
        let empty = self.peek() == Some(bracket + 2);
        self.at += usize::from(empty);
        empty
    }

    #[inline(always)]
    fn name_if(&mut self, object: bool) -> Result<(), Problem> {
        if object {
            self.name()?;
            self.colon()?;
        }
        Ok(())
    }

    /// Passes the string whose quote is here.
    #[inline(always)]
    fn string(&mut self) -> Result<Token, Problem> {
        self.at += 1;
        let start = self.at;
        let mut kind = Kind::String;
        loop {
            self.at = block::string_run_end(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    let span = Span { start, end: self.at };
                    self.at += 1;
                    return Ok(Token { kind, span });
                }
                Some(b'\\') => {
                    kind = Kind::EscapedString;
                    self.at += self.escape()?;
                }
                Some(_) => return Err(Problem::ControlCharacter),
                None => return Err(Problem::EndsEarly),
            }
        }
    }

    /// The length of the escape whose backslash is here.
    fn escape(&self) -> Result<usize, Problem> {
        let escape = self.bytes.get(self.at..).unwrap_or_default();
        match escape.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match escape::code_unit(escape).ok_or(Problem::Escape)? {
                0xdc00..=0xdfff => Err(Problem::LoneSurrogate),
                0xd800..=0xdbff => match escape.get(6..).and_then(escape::code_unit) {
                    Some(0xdc00..=0xdfff) => Ok(12),
                    _ => Err(Problem::LoneSurrogate),
                },
                _ => Ok(6),
            },
            Some(_) => Err(Problem::Escape),
            None => Err(Problem::EndsEarly),
        }
    }

    /// Passes `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
    #[inline(always)]
    fn number(&mut self) -> Result<Kind, Problem> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.peek() {
            // Better said here than as a missing comma: 012, 1.2.3, 0x10.
            Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'a'..=b'z' | b'A'..=b'Z') => {
                Err(Problem::Number)
            }
            _ => Ok(Kind::Number),
        }
    }

    /// Passes one digit or more.
    #[inline(always)]
    fn digits(&mut self) -> Result<(), Problem> {
        let start = self.at;
        self.at = block::digits_end(self.bytes, start);
        if self.at > start { Ok(()) } else { Err(Problem::Number) }
    }

    #[inline(always)]
    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Problem> {
        let here = self.bytes.get(self.at..).unwrap_or_default();
        if !here.starts_with(word) {
            return Err(Problem::ExpectedValue);
        }
        self.at += word.len();
        Ok(kind)
    }
}
