//! Paths: `a.b[0].c`, `_value['order-id']`, `_key.f`, `_header['X-Id']`, metadata names.

use super::{EvaluationError, ExpressionError, View};
use crate::format::{self, json};
use crate::record::{Fields, Kind, NameId, Names, Shape, Value};
use std::fmt;

/// A name that stands for the record's own metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// `_topic`
    Topic,
    /// `_partition`
    Partition,
    /// `_offset`
    Offset,
    /// `_timestamp`, milliseconds since 1970
    Timestamp,
}

/// Every metadata name, as written.
const METADATA: &[(&str, Metadata)] = &[
    ("_topic", Metadata::Topic),
    ("_partition", Metadata::Partition),
    ("_offset", Metadata::Offset),
    ("_timestamp", Metadata::Timestamp),
];

/// Where a path starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// The value's fields.
    Value,
    /// `_key`
    Key,
    /// `_header['name']`
    Header(String),
    /// `_topic` and its like; takes no steps.
    Metadata(Metadata),
}

/// One step from a value into a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name` or `['name']`
    Field(String),
    /// `[n]`, counted from 0
    Index(usize),
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    root: Root,
    steps: Vec<Step>,
    /// The first step's name in the worker's table, once bound.
    first: Option<NameId>,
}

impl Path {
    /// Parses `text`, which stands `offset` bytes into its template.
    pub fn parse(text: &str, offset: usize) -> Result<Path, ExpressionError> {
        let mut cursor = Cursor { text, at: 0, offset };
        cursor.skip_space();
        let head = cursor.identifier()?;
        let (root, mut steps) =
            if let Some((_, metadata)) = METADATA.iter().find(|(n, _)| *n == head) {
                (Root::Metadata(*metadata), Vec::new())
            } else {
                match head {
                    "_value" => (Root::Value, Vec::new()),
                    "_key" => (Root::Key, Vec::new()),
                    "_header" => (cursor.header_name()?, Vec::new()),
                    _ => (Root::Value, vec![Step::Field(head.to_owned())]),
                }
            };
        while let Some(step) = cursor.step()? {
            steps.push(step);
        }
        cursor.skip_space();
        if !cursor.rest().is_empty() {
            return Err(cursor.error("only paths and metadata names stand here so far; operators and functions are not supported yet"));
        }
        if !steps.is_empty() && matches!(root, Root::Metadata(_) | Root::Header(_)) {
            return Err(cursor.error(format!("'{head}' has no parts")));
        }
        Ok(Path { root, steps, first: None })
    }

    /// Looks the first step up in `names`; again after every [`Names::shed`].
    pub fn bind(&mut self, names: &mut Names) {
        self.first = match self.steps.first() {
            Some(Step::Field(name)) => Some(names.intern(name.as_bytes(), None)),
            _ => None,
        };
    }

    /// Whether the path needs nothing but the record's key and headers.
    pub fn is_from_key(&self) -> bool {
        matches!(self.root, Root::Key | Root::Header(_))
    }

    /// Where the path starts.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The path's text form for `view`, appended to `out`. Null and absent are errors
    /// that name the path and what the record has instead.
    pub fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), EvaluationError> {
        match &self.root {
            Root::Metadata(metadata) => return self.write_metadata(*metadata, view, out),
            Root::Header(name) => match view.headers.last(name) {
                Some(bytes) => out.extend_from_slice(bytes),
                None => return Err(EvaluationError(format!("{self} is null"))),
            },
            Root::Key | Root::Value => match self.find(view) {
                Some(value) if !value.is_null() => json::write_text(value, out),
                _ => return Err(self.null(view)),
            },
        }
        Ok(())
    }

    fn write_metadata(
        &self,
        metadata: Metadata,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EvaluationError> {
        let mut number = itoa::Buffer::new();
        match metadata {
            Metadata::Topic => out.extend_from_slice(view.topic.as_bytes()),
            Metadata::Partition => out.extend_from_slice(number.format(view.partition).as_bytes()),
            Metadata::Offset => out.extend_from_slice(number.format(view.offset).as_bytes()),
            Metadata::Timestamp => match view.timestamp {
                Some(ms) => out.extend_from_slice(number.format(ms).as_bytes()),
                None => return Err(EvaluationError(format!("{self} is null"))),
            },
        }
        Ok(())
    }

    /// The value at the path's end; none when it or a step on the way is absent.
    fn find<'a>(&self, view: &View<'a>) -> Option<Value<'a>> {
        let (source, fields) = match self.root {
            Root::Key => (view.key?, view.key_fields),
            _ => (view.value?, view.value_fields),
        };
        let (mut value, rest) = self.enter(source, fields)?;
        for step in rest {
            value = match step {
                Step::Field(name) => json::descend(value, json::Step::Field(name.as_bytes()))?,
                Step::Index(index) => json::descend(value, json::Step::Index(*index))?,
            };
        }
        Some(value)
    }

    fn enter<'a>(&self, source: &'a [u8], fields: &Fields) -> Option<(Value<'a>, &[Step])> {
        match (fields.shape(), self.steps.split_first()) {
            (Shape::Fields, Some((_, rest))) => {
                Some((fields.find(self.first?)?.value(source), rest))
            }
            (Shape::Fields, None) => Some((Value { kind: Kind::Object, text: source }, &[])),
            (Shape::Single, Some((Step::Field(name), rest))) if name == format::SINGLE_FIELD => {
                Some((fields.all().first()?.value(source), rest))
            }
            (Shape::Single, _) => Some((fields.all().first()?.value(source), &self.steps)),
            (Shape::Absent, _) => None,
        }
    }

    fn null(&self, view: &View<'_>) -> EvaluationError {
        let (what, fields) = match self.root {
            Root::Key => ("key", view.key_fields),
            _ => ("value", view.value_fields),
        };
        let mut problem = format!("{self} is null");
        if fields.shape() == Shape::Fields {
            let mut separator = "; ".to_owned() + what + " has: ";
            for field in fields.all().iter().take(12) {
                problem += &separator;
                problem += &String::from_utf8_lossy(view.names.get(field.name));
                separator = ", ".to_owned();
            }
            if fields.all().len() > 12 {
                problem += ", …";
            }
        }
        EvaluationError(problem)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = self.steps.iter();
        match &self.root {
            Root::Metadata(metadata) => {
                let name = METADATA.iter().find(|(_, m)| m == metadata).map_or("", |(n, _)| n);
                f.write_str(name)?;
            }
            Root::Header(name) => write!(f, "_header['{}']", name.replace('\'', "''"))?,
            Root::Key => f.write_str("_key")?,
            Root::Value => match self.steps.first() {
                Some(Step::Field(name)) if is_bare(name) => {
                    f.write_str(name)?;
                    steps.next();
                }
                _ => f.write_str("_value")?,
            },
        }
        for step in steps {
            match step {
                Step::Field(name) if is_bare_step(name) => write!(f, ".{name}")?,
                Step::Field(name) => write!(f, "['{}']", name.replace('\'', "''"))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn is_bare_step(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
}

fn is_bare(name: &str) -> bool {
    let reserved =
        ["_value", "_key", "_header"].contains(&name) || METADATA.iter().any(|(n, _)| *n == name);
    is_bare_step(name) && !reserved
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, problem: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.offset + self.at, problem)
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: char) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len_utf8() } else { 0 };
        found
    }

    fn identifier(&mut self) -> Result<&'a str, ExpressionError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if name.is_empty() {
            return Err(self.error("a field name or a metadata name like _key is missing"));
        }
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.error("a path starts with a name; constants are not supported yet"));
        }
        self.at += end;
        Ok(name)
    }

    fn header_name(&mut self) -> Result<Root, ExpressionError> {
        match self.step()? {
            Some(Step::Field(name)) => Ok(Root::Header(name)),
            _ => Err(self.error("_header needs a name: _header['X-Id']")),
        }
    }

    fn step(&mut self) -> Result<Option<Step>, ExpressionError> {
        if self.take('.') {
            return Ok(Some(Step::Field(self.identifier()?.to_owned())));
        }
        if !self.take('[') {
            return Ok(None);
        }
        let step = if self.take('\'') { Step::Field(self.quoted()?) } else { self.index()? };
        if !self.take(']') {
            return Err(self.error("']' is missing"));
        }
        Ok(Some(step))
    }

    fn quoted(&mut self) -> Result<String, ExpressionError> {
        let mut name = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find('\'') else {
                return Err(self.error("the closing ' is missing"));
            };
            name += rest.get(..end).unwrap_or_default();
            self.at += end + 1;
            if !self.take('\'') {
                return Ok(name);
            }
            name.push('\'');
        }
    }

    fn index(&mut self) -> Result<Step, ExpressionError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest.get(..end).unwrap_or_default().parse();
        let index = number.map_err(|_| self.error("a number or a 'name' stands in [ ]"))?;
        self.at += end;
        Ok(Step::Index(index))
    }
}
