//! Errors of commands: one line that names the argument and the way out.

use std::fmt;

/// The most characters of a user's word that an error repeats.
const SHOWN_MAX: usize = 64;

/// Why a command was refused.
///
/// Shown as `ERR KAFKA.ROUTE: unknown target 'STREEM' (argument 5); did you mean STREAM?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    command: &'static str,
    problem: String,
    argument: Option<usize>,
    place: Option<Place>,
    hint: Option<String>,
    /// Whether the words ended too early, and nothing has said yet what should follow.
    incomplete: bool,
}

/// A place within an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The character, counted from 1.
    column: usize,
    /// The text around it, with a caret before it.
    excerpt: String,
}

impl CommandError {
    /// An error that is about no argument yet.
    pub fn new(problem: impl Into<String>) -> CommandError {
        CommandError {
            command: "",
            problem: problem.into(),
            argument: None,
            place: None,
            hint: None,
            incomplete: false,
        }
    }

    /// The words end where this argument should be.
    pub(super) fn incomplete(argument: usize) -> CommandError {
        let error = CommandError::new(format!("argument {argument} is missing"));
        CommandError { incomplete: true, ..error }
    }

    /// Says what to write where the words ended too early; the innermost says it.
    pub(super) fn complete_with(self, words: impl fmt::Display) -> CommandError {
        if !self.incomplete {
            return self;
        }
        CommandError { incomplete: false, ..self.hint(format!("write {words}")) }
    }

    /// Refuses what is known but not built: `word` says what it is, as `option 'SELECT'`.
    pub fn unsupported(word: &str, argument: usize) -> CommandError {
        CommandError::new(format!("{word} (argument {argument}) is not supported yet"))
    }

    /// Names the argument, counted from 1 after the command's name.
    pub fn at(mut self, argument: usize) -> CommandError {
        self.argument = Some(argument);
        self
    }

    /// Points at the byte `at` of the argument, whose text is `text`.
    pub fn pointing(mut self, text: &str, at: usize) -> CommandError {
        let before = text.get(..at).unwrap_or(text);
        let behind = text.get(at..).unwrap_or_default();
        let excerpt = format!("{}^{}", ending(before), beginning(behind));
        self.place = Some(Place { column: before.chars().count() + 1, excerpt });
        self
    }

    /// Adds the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> CommandError {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean", when a word was near enough.
    pub fn did_you_mean(self, nearest: Option<&str>) -> CommandError {
        match nearest {
            Some(word) => self.hint(format!("did you mean {word}?")),
            None => self,
        }
    }

    /// Names the command; an error that names one already keeps it.
    pub fn of(mut self, command: &'static str) -> CommandError {
        if self.command.is_empty() {
            self.command = command;
        }
        self
    }

    /// Names this command, whichever it named before.
    pub fn told_by(mut self, command: &'static str) -> CommandError {
        self.command = command;
        self
    }

    /// The argument it is about, counted from 1 after the command's name.
    pub fn argument(&self) -> Option<usize> {
        self.argument
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR ")?;
        if !self.command.is_empty() {
            write!(f, "{}: ", self.command)?;
        }
        // A problem may quote another layer's text: whatever it holds, a reply is one short line.
        f.write_str(&shorten(escape(self.problem.chars())))?;
        match (self.argument, &self.place) {
            (Some(argument), Some(Place { column, excerpt })) => {
                let excerpt = escape(excerpt.chars());
                write!(f, " (argument {argument}, column {column}: {excerpt})")?;
            }
            (Some(argument), None) => write!(f, " (argument {argument})")?,
            _ => {}
        }
        match &self.hint {
            Some(hint) => write!(f, "; {}", escape(hint.chars())),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CommandError {}

/// A user's bytes as errors show them: UTF-8, nothing invisible, at most 64 characters.
pub fn shown(bytes: &[u8]) -> String {
    // Four bytes a character at most, so this much is enough for the first 64 and one more.
    let head = bytes.get(..4 * (SHOWN_MAX + 1)).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let escaped = escape(text.chars());
    if escaped.chars().count() <= SHOWN_MAX && head.len() == bytes.len() {
        return escaped;
    }
    escaped.chars().take(SHOWN_MAX - 1).chain(['…']).collect()
}

/// So much of a text is shown before and behind a caret.
const AROUND: usize = 24;

fn ending(text: &str) -> String {
    match text.char_indices().rev().nth(AROUND - 1) {
        Some((start, _)) if start > 0 => format!("…{}", text.get(start..).unwrap_or_default()),
        _ => text.to_owned(),
    }
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(AROUND) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Leaves the middle out of what is too long: a problem says at its end what is wrong.
fn shorten(problem: String) -> String {
    const HEAD: usize = 240;
    const TAIL: usize = 160;
    let count = problem.chars().count();
    if count <= HEAD + TAIL {
        return problem;
    }
    let head = problem.chars().take(HEAD);
    head.chain(['…']).chain(problem.chars().skip(count - TAIL)).collect()
}

fn escape(characters: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for c in characters {
        match c {
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_bytes_are_shown_short_and_on_one_line() {
        assert_eq!(shown(b"a\r\nb"), "a\\r\\nb");
        assert_eq!(shown(b"\xff"), "\u{fffd}");
        assert_eq!(shown("\u{202e}x".as_bytes()), "\\u{202e}x");
        let long = shown(&[b'a'; 1000]);
        assert_eq!(long.chars().count(), SHOWN_MAX);
        assert!(long.ends_with('…'));
        assert_eq!(shown(&[b'a'; 64]), "a".repeat(64));
        assert_eq!(shown(&[0; 64]).chars().count(), SHOWN_MAX);
    }

    #[test]
    fn every_part_of_an_error_has_its_place() {
        let error = CommandError::new("x\ny").at(3).pointing("abc", 1).hint("do z").of("KAFKA.A");
        assert_eq!(
            error.of("KAFKA.B").to_string(),
            "ERR KAFKA.A: x\\ny (argument 3, column 2: a^bc); do z"
        );
        let long = "ä".repeat(30) + "!" + &"ö".repeat(30);
        let error = CommandError::new("x").at(1).pointing(&long, 60);
        let around = format!("…{}^!{}…", "ä".repeat(24), "ö".repeat(23));
        assert_eq!(error.to_string(), format!("ERR x (argument 1, column 31: {around})"));
    }
}
