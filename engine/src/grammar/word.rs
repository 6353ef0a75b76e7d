//! The words of one command and their places.

use super::CommandError;
use super::error::shown;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// The longest name of a subscription or route, in bytes.
pub const NAME_MAX: usize = 64;

/// A cursor over the words after a command's name.
#[derive(Debug, Clone, Copy)]
pub struct Arguments<'a> {
    words: &'a [&'a [u8]],
    taken: usize,
}

impl<'a> Arguments<'a> {
    /// Over `words`, the command's name not among them.
    pub fn new(words: &'a [&'a [u8]]) -> Arguments<'a> {
        Arguments { words, taken: 0 }
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<Word<'a>> {
        let bytes = self.words.get(self.taken)?;
        Some(Word { bytes, number: self.taken + 1 })
    }

    /// Takes the next word.
    pub fn take(&mut self) -> Option<Word<'a>> {
        let word = self.peek()?;
        self.taken += 1;
        Some(word)
    }

    /// How many words are left.
    pub fn left(&self) -> usize {
        self.words.len().saturating_sub(self.taken)
    }

    /// The number of the next word, counted from 1, also past the end.
    pub fn next_number(&self) -> usize {
        self.taken + 1
    }
}

/// One word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// As given.
    pub bytes: &'a [u8],
    /// Counted from 1 after the command's name.
    pub number: usize,
}

impl<'a> Word<'a> {
    /// Whether it is this key word, in any case.
    pub fn is(&self, token: &str) -> bool {
        self.bytes.eq_ignore_ascii_case(token.as_bytes())
    }

    /// As errors show it.
    pub fn shown(&self) -> String {
        shown(self.bytes)
    }

    /// An error about this word.
    pub fn error(&self, problem: impl Into<String>) -> CommandError {
        CommandError::new(problem).at(self.number)
    }

    /// As text; other bytes than UTF-8, and nothing at all, are errors.
    pub fn text(&self) -> Result<&'a str, CommandError> {
        if self.bytes.is_empty() {
            return Err(self.error("an empty word cannot stand here"));
        }
        std::str::from_utf8(self.bytes)
            .map_err(|_| self.error(format!("'{}' is not valid UTF-8", self.shown())))
    }

    /// As the name of a subscription or route.
    pub fn name(&self) -> Result<String, CommandError> {
        match std::str::from_utf8(self.bytes) {
            Ok(name) if is_name(name) => Ok(name.to_owned()),
            _ => Err(self
                .error(format!("'{}' cannot be a name", self.shown()))
                .hint(format!("a name is 1 to {NAME_MAX} of A-Z a-z 0-9 _ . -"))),
        }
    }

    /// As a whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, CommandError> {
        // Redis's own form: digits only, so that "+5" and "05" stay errors as they are there.
        let digits = std::str::from_utf8(self.bytes)
            .ok()
            .filter(|text| *text == "0" || !text.starts_with(['0', '+']));
        match digits.and_then(|text| text.parse::<u64>().ok()) {
            Some(number) if range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = (range.start(), range.end());
                // A bound that is only Redis's own tells nobody anything.
                let bounds = match *most > u64::from(u32::MAX) {
                    true => format!("of at least {least}"),
                    false => format!("from {least} to {most}"),
                };
                Err(self.error(format!("'{}' is no whole number {bounds}", self.shown())))
            }
        }
    }

    /// As what `read` makes of its text; its error is told with the argument's number.
    pub fn convert<T, E: Display>(
        &self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, CommandError> {
        read(self.text()?).map_err(|problem| self.error(problem.to_string()))
    }
}

/// Whether `text` may name a subscription or route: `[A-Za-z0-9_.-]{1,64}`.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// Whether a name may hold this byte.
pub fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}
