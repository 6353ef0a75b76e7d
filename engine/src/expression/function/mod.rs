//! Functions of expressions, under ksqlDB's names where it has one.
//!
//! [`FUNCTIONS`] is the one table of them, a file a group; parsing, static
//! types, evaluation and docs/functions.md read it. All are deterministic:
//! there is no now() and no random().

mod bytes;
mod call;
mod collection;
mod compare;
mod hash;
mod json;
mod map;
mod mask;
mod moment;
mod null;
mod number;
mod pad;
mod prepared;
mod reference;
mod regexp;
mod search;
mod span;
mod split;
mod text;
mod time;
mod trigonometry;
mod url;

#[cfg(test)]
mod tests;

pub use call::{Builder, Call, Fault, Gather, LIST_MAX, TEXT_MAX};
pub use prepared::Prepared;
pub use reference::reference;

use crate::record::{Type, Value};

/// What evaluates a call.
pub type Evaluate = for<'c, 'a> fn(&Call<'c, 'a>) -> Result<Value<'a>, Fault>;

/// What makes constant arguments ready at compile time; `None` stands for one
/// that is not constant. The error is shown with the call's column.
pub type Prepare = fn(&[Option<Value<'_>>]) -> Result<Prepared, String>;

/// A row of [`FUNCTIONS`].
#[derive(Debug)]
pub struct Function {
    /// Its name in lower case: ksqlDB's where it has one.
    pub name: &'static str,
    /// Other names of the same function.
    pub aliases: &'static [&'static str],
    /// The section of the reference it stands in.
    pub group: Group,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// How many parameters must be given; the others are optional.
    pub required: usize,
    /// Whether the last parameter may repeat.
    pub variadic: bool,
    /// What it gives.
    pub result: Returns,
    /// One sentence for the reference.
    pub summary: &'static str,
    /// Expressions and their text forms, or `null`; each is evaluated by a test.
    pub examples: &'static [(&'static str, &'static str)],
    /// What a null argument means.
    pub nulls: Nulls,
    /// Makes constant arguments ready, as regexes, time patterns and zones.
    pub prepare: Option<Prepare>,
    /// Evaluates one call. Its arguments are as many as `required` and `parameters`
    /// allow, and not null under [`Nulls::Propagate`].
    pub call: Evaluate,
}

/// One parameter of a [`Function`].
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name in the reference.
    pub name: &'static str,
    /// What it takes.
    pub class: Class,
}

/// What a parameter takes. Where no schema tells a type before, the call finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Any value.
    Any,
    /// Text; numbers, booleans and times stand for their text forms.
    Text,
    /// Text, or bytes for their own sake.
    TextOrBytes,
    /// A number.
    Number,
    /// A whole number.
    Int,
    /// True or false.
    Boolean,
    /// A date, time or timestamp; milliseconds since 1970; ISO 8601 text; or Java's
    /// array `[2020,7,1,0,25]`.
    Time,
    /// An array.
    List,
    /// A map or record.
    Map,
    /// Bytes; text stands for its UTF-8 bytes.
    Bytes,
    /// A unit of time. The parser takes a bare identifier here as a text constant: SECONDS.
    Unit,
}

/// What a function gives, when it is not null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A double.
    Double,
    /// True or false.
    Boolean,
    /// Bytes.
    Bytes,
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A timestamp.
    Timestamp,
    /// An array of texts.
    Texts,
    /// What the argument of that number is.
    SameAs(usize),
    /// An element or entry of the argument of that number.
    Element(usize),
    /// An array of the entries' values of the argument of that number.
    Elements(usize),
    /// Depends on the record.
    Unknown,
}

/// What a null argument means to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// The result is null, and the function is not called.
    Propagate,
    /// The function is called with it.
    Seen,
}

/// A section of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Text.
    Text,
    /// Numbers.
    Number,
    /// Nulls.
    Null,
    /// Dates and times.
    Time,
    /// JSON as text.
    Json,
    /// Arrays and maps.
    Collection,
    /// Bytes.
    Bytes,
    /// URLs.
    Url,
    /// Hashes.
    Hash,
}

/// All functions, group by group.
pub static FUNCTIONS: &[&[Function]] = &[
    text::TABLE,
    span::TABLE,
    search::TABLE,
    split::TABLE,
    pad::TABLE,
    mask::TABLE,
    regexp::TABLE,
    number::TABLE,
    trigonometry::TABLE,
    null::TABLE,
    time::TABLE,
    moment::TABLE,
    json::TABLE,
    collection::TABLE,
    map::TABLE,
    bytes::TABLE,
    url::TABLE,
    hash::TABLE,
];

/// The function of that name or alias, in any case.
pub fn find(name: &str) -> Option<&'static Function> {
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    all().find(|row| is(row.name) || row.aliases.iter().any(|alias| is(alias)))
}

/// All functions, group by group.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().flat_map(|group| group.iter())
}

/// Every name and alias, for nearest-name suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
}

impl Function {
    /// A row whose parameters are all required and for which null propagates.
    const fn new(
        group: Group,
        name: &'static str,
        parameters: &'static [Parameter],
        result: Returns,
        call: Evaluate,
        summary: &'static str,
        examples: &'static [(&'static str, &'static str)],
    ) -> Function {
        Function {
            name,
            aliases: &[],
            group,
            parameters,
            required: parameters.len(),
            variadic: false,
            result,
            summary,
            examples,
            nulls: Nulls::Propagate,
            prepare: None,
            call,
        }
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Function {
        self.aliases = aliases;
        self
    }

    const fn required(mut self, required: usize) -> Function {
        self.required = required;
        self
    }

    const fn variadic(mut self) -> Function {
        self.variadic = true;
        self
    }

    const fn sees_nulls(mut self) -> Function {
        self.nulls = Nulls::Seen;
        self
    }

    const fn prepared(mut self, prepare: Prepare) -> Function {
        self.prepare = Some(prepare);
        self
    }

    /// The parameter an argument stands for; none for one too many.
    pub fn parameter(&self, argument: usize) -> Option<&'static Parameter> {
        let last = self.variadic.then(|| self.parameters.last()).flatten();
        self.parameters.get(argument).or(last)
    }

    /// Whether it takes that many arguments.
    pub fn takes(&self, arguments: usize) -> bool {
        arguments >= self.required && (self.variadic || arguments <= self.parameters.len())
    }

    /// How it is called: `substring(text, position[, length])`.
    pub fn signature(&self) -> String {
        let mut text = format!("{}(", self.name);
        for (at, parameter) in self.parameters.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            let optional = at >= self.required;
            text += if optional { "[" } else { "" };
            text += comma;
            text += parameter.name;
        }
        text += if self.variadic { ", ..." } else { "" };
        text += &"]".repeat(self.parameters.len().saturating_sub(self.required));
        text + ")"
    }

    /// The type of a call whose arguments have these types.
    pub fn result_type(&self, arguments: &[Type]) -> Type {
        let of = |index: usize| arguments.get(index).cloned().unwrap_or(Type::Unknown);
        match self.result {
            Returns::Text => Type::Text,
            Returns::Int => Type::Int,
            Returns::Double => Type::Double,
            Returns::Boolean => Type::Boolean,
            Returns::Bytes => Type::Bytes,
            Returns::Date => Type::Date,
            Returns::Time => Type::Time,
            Returns::Timestamp => Type::Timestamp,
            Returns::Texts => Type::List(Box::new(Type::Text)),
            Returns::SameAs(index) => of(index),
            Returns::Element(index) => match of(index) {
                Type::List(element) | Type::Map(element) => *element,
                _ => Type::Unknown,
            },
            Returns::Elements(index) => match of(index) {
                Type::Map(element) => Type::List(element),
                _ => Type::Unknown,
            },
            Returns::Unknown => Type::Unknown,
        }
    }
}

impl Class {
    /// Whether a value of that type may stand here; what is not known may.
    pub fn accepts(self, given: &Type) -> bool {
        let scalar = !matches!(given, Type::List(_) | Type::Map(_) | Type::Record(_));
        match (self, given) {
            (Class::Any, _) | (_, Type::Unknown) => true,
            (Class::Text, _) => scalar && *given != Type::Bytes,
            (Class::TextOrBytes, _) => scalar,
            (Class::Number, _) => matches!(given, Type::Int | Type::Double | Type::Decimal),
            // JSON schemas say "number" where a whole one is meant.
            (Class::Int, _) => matches!(given, Type::Int | Type::Double | Type::Decimal),
            (Class::Boolean, _) => *given == Type::Boolean,
            (Class::Time, Type::List(_)) => true,
            (Class::Time, _) => scalar && !matches!(given, Type::Boolean | Type::Bytes),
            (Class::List, _) => matches!(given, Type::List(_)),
            (Class::Map, _) => matches!(given, Type::Map(_) | Type::Record(_)),
            (Class::Bytes, _) => matches!(given, Type::Bytes | Type::Text),
            (Class::Unit, _) => *given == Type::Text,
        }
    }

    /// What it takes, in words for errors and the reference.
    pub fn words(self) -> &'static str {
        match self {
            Class::Any => "any value",
            Class::Text => "text",
            Class::TextOrBytes => "text or bytes",
            Class::Number => "a number",
            Class::Int => "a whole number",
            Class::Boolean => "a boolean",
            Class::Time => "a time",
            Class::List => "an array",
            Class::Map => "a map or record",
            Class::Bytes => "bytes",
            Class::Unit => "a unit of time",
        }
    }
}

const fn parameter(name: &'static str, class: Class) -> Parameter {
    Parameter { name, class }
}
const fn any(name: &'static str) -> Parameter {
    parameter(name, Class::Any)
}
const fn text(name: &'static str) -> Parameter {
    parameter(name, Class::Text)
}
const fn text_or_bytes(name: &'static str) -> Parameter {
    parameter(name, Class::TextOrBytes)
}
const fn boolean(name: &'static str) -> Parameter {
    parameter(name, Class::Boolean)
}
const fn number(name: &'static str) -> Parameter {
    parameter(name, Class::Number)
}
const fn int(name: &'static str) -> Parameter {
    parameter(name, Class::Int)
}
const fn time(name: &'static str) -> Parameter {
    parameter(name, Class::Time)
}
const fn list(name: &'static str) -> Parameter {
    parameter(name, Class::List)
}
const fn map(name: &'static str) -> Parameter {
    parameter(name, Class::Map)
}
const fn binary(name: &'static str) -> Parameter {
    parameter(name, Class::Bytes)
}
const fn unit(name: &'static str) -> Parameter {
    parameter(name, Class::Unit)
}
