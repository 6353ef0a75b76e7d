//! The grammar of the commands as data: one tree per statement, from which come
//! the parser ([`match_clause`]), the help, COMMAND DOCS and the reference page.
//!
//! This layer knows words and their places only; what a word means (a template,
//! a format, a topic) is decided where the statement or target is built.

mod error;
mod matching;
mod refusal;
mod syntax;
mod word;

pub use error::{CommandError, shown};
pub use matching::{Match, match_clause};
pub use refusal::alternatives;
pub use word::{Arguments, NAME_MAX, Word, is_name, is_name_byte};

/// What the names of all commands start with.
pub const COMMAND_PREFIX: &str = "KAFKA.";

/// Whether this version can do what an argument describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It works.
    Built,
    /// The word is known and refused by name: "not supported yet".
    Planned,
}

/// What kind of word stands for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A subscription's or route's name, `[A-Za-z0-9_.-]{1,64}`.
    Name,
    /// Any text.
    Text,
    /// Words joined by commas.
    List,
    /// A regular expression over whole topic names.
    Pattern,
    /// A format's name.
    Format,
    /// A statement's name.
    Statement,
    /// Text with `%{expression}` in it.
    Template,
    /// One expression.
    Expression,
    /// A list of expressions with names, as SQL's SELECT.
    Selection,
    /// A whole number.
    Integer,
    /// A whole number of milliseconds.
    Milliseconds,
    /// A whole number with its unit, as `10m`.
    Duration,
    /// Milliseconds, an ISO 8601 time, or a time ago as `-2h`.
    Timestamp,
}

/// What follows an argument's token.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Nothing: the token says it all.
    Token,
    /// One word.
    Value(Kind),
    /// Exactly one of these.
    OneOf(&'static [Argument]),
    /// All of these, in this order.
    Block(&'static [Argument]),
    /// The name of one of these, then its arguments; its options join those around it.
    Clause(&'static [&'static Clause]),
}

/// Whether an argument must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It need not.
    Optional,
}

/// How often an argument may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// Once.
    Once,
    /// Its value may be repeated, to the end of the command.
    Values,
    /// It may be repeated with its token.
    Whole,
}

/// One node of a grammar.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// The key words it starts with, in capitals (`DELETE WHEN`: two words).
    pub token: Option<&'static str>,
    /// What its value is called.
    pub name: &'static str,
    /// What follows the token.
    pub shape: Shape,
    /// Whether it must be there.
    pub presence: Presence,
    /// How often it may stand.
    pub repetition: Repetition,
    /// Whether it works.
    pub support: Support,
    /// One line for help; empty where the name says it all.
    pub summary: &'static str,
}

/// A named run of arguments: what follows a command's name, or a target's.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    /// The word that names it, in capitals.
    pub name: &'static str,
    /// One line for help.
    pub summary: &'static str,
    /// What comes first, in this order.
    pub arguments: &'static [Argument],
    /// What follows in any order.
    pub options: &'static [Argument],
    /// What comes last.
    pub trailing: Option<&'static Argument>,
}

impl Argument {
    const fn new(token: Option<&'static str>, name: &'static str, shape: Shape) -> Argument {
        Argument {
            token,
            name,
            shape,
            presence: Presence::Required,
            repetition: Repetition::Once,
            support: Support::Built,
            summary: "",
        }
    }

    /// A key word that says it all.
    pub const fn token(token: &'static str) -> Argument {
        Argument::new(Some(token), token, Shape::Token)
    }

    /// One word without a key word.
    pub const fn value(name: &'static str, kind: Kind) -> Argument {
        Argument::new(None, name, Shape::Value(kind))
    }

    /// A key word and one word.
    pub const fn option(token: &'static str, name: &'static str, kind: Kind) -> Argument {
        Argument::new(Some(token), name, Shape::Value(kind))
    }

    /// One of several, without a key word of its own.
    pub const fn one_of(name: &'static str, parts: &'static [Argument]) -> Argument {
        Argument::new(None, name, Shape::OneOf(parts))
    }

    /// A key word and one of several.
    pub const fn choice(
        token: &'static str,
        name: &'static str,
        parts: &'static [Argument],
    ) -> Argument {
        Argument::new(Some(token), name, Shape::OneOf(parts))
    }

    /// Several in order, after a key word or without one.
    pub const fn block(
        token: Option<&'static str>,
        name: &'static str,
        parts: &'static [Argument],
    ) -> Argument {
        Argument::new(token, name, Shape::Block(parts))
    }

    /// A key word, then one of the clauses.
    pub const fn clause(
        token: &'static str,
        name: &'static str,
        clauses: &'static [&'static Clause],
    ) -> Argument {
        Argument::new(Some(token), name, Shape::Clause(clauses))
    }

    /// The same, not required.
    pub const fn optional(mut self) -> Argument {
        self.presence = Presence::Optional;
        self
    }

    /// The same, repeated as said.
    pub const fn repeated(mut self, repetition: Repetition) -> Argument {
        self.repetition = repetition;
        self
    }

    /// The same, refused by name so far.
    pub const fn planned(mut self) -> Argument {
        self.support = Support::Planned;
        self
    }

    /// The same with a line of help.
    pub const fn about(mut self, summary: &'static str) -> Argument {
        self.summary = summary;
        self
    }

    /// What the argument is found by in a [`Match`]: its token, or its name without one.
    pub fn key(&self) -> &'static str {
        self.token.unwrap_or(self.name)
    }

    /// Itself, or its alternatives when it has no key word of its own.
    pub fn forms(&'static self) -> &'static [Argument] {
        match (self.token, self.shape) {
            (None, Shape::OneOf(parts)) => parts,
            _ => std::slice::from_ref(self),
        }
    }

    /// The fewest words it takes; 0 when it is optional.
    pub fn fewest_words(&self) -> usize {
        if self.presence == Presence::Optional {
            return 0;
        }
        let token = self.token.map_or(0, |token| token.split(' ').count());
        token
            + match self.shape {
                Shape::Token => 0,
                Shape::Value(_) => 1,
                Shape::OneOf(parts) => parts.iter().map(Argument::fewest_words).min().unwrap_or(0),
                Shape::Block(parts) => parts.iter().map(Argument::fewest_words).sum(),
                Shape::Clause(clauses) => {
                    clauses.iter().map(|clause| 1 + clause.fewest_words()).min().unwrap_or(0)
                }
            }
    }
}

impl Clause {
    /// The name without the prefix that all commands have.
    pub fn short_name(&self) -> &'static str {
        self.name.strip_prefix(COMMAND_PREFIX).unwrap_or(self.name)
    }

    /// The fewest words of what comes first; required options are not counted.
    pub fn fewest_words(&self) -> usize {
        self.arguments.iter().map(Argument::fewest_words).sum()
    }

    /// Whether nothing may stand beyond [`fewest_words`](Clause::fewest_words).
    pub fn has_fixed_length(&self) -> bool {
        let mut all = self.arguments.iter().chain(self.options).chain(self.trailing);
        all.all(|argument| {
            let single = matches!(argument.shape, Shape::Token | Shape::Value(_));
            single
                && argument.presence == Presence::Required
                && argument.repetition == Repetition::Once
        })
    }
}
