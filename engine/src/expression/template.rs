//! Templates: `"sensor:%{airport}:%{id}"`.

use super::{EvaluationError, ExpressionError, Path, Root, View};
use crate::record::Names;
use std::fmt;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands as it is.
    Literal(Vec<u8>),
    /// `%{…}`
    Path(Path),
}

/// A parsed template; `%%{` is a literal `%{`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

impl Template {
    /// Parses a template. An empty one, an unclosed `%{` and a `${` are errors.
    pub fn parse(source: &str) -> Result<Template, ExpressionError> {
        let mut template = Template { source: source.to_owned(), parts: Vec::new() };
        if source.is_empty() {
            return Err(ExpressionError::new(0, "a template may not be empty"));
        }
        if let Some(at) = source.find("${") {
            return Err(ExpressionError::new(
                at,
                "a template's expressions are written %{…}, not ${…}",
            ));
        }
        let mut at = 0;
        while let Some(found) = source.get(at..).and_then(|rest| rest.find("%{")) {
            let open = at + found;
            let literal = source.get(at..open).unwrap_or_default();
            if let Some(before) = literal.strip_suffix('%') {
                template.literal(before);
                template.literal("%{");
                at = open + 2;
                continue;
            }
            template.literal(literal);
            let Some(length) = source.get(open + 2..).and_then(closing_brace) else {
                return Err(ExpressionError::new(open, "the } that closes this %{ is missing"));
            };
            let close = open + 2 + length;
            let path = Path::parse(source.get(open + 2..close).unwrap_or_default(), open + 2)?;
            template.parts.push(Part::Path(path));
            at = close + 1;
        }
        template.literal(source.get(at..).unwrap_or_default());
        Ok(template)
    }

    fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Part::Literal(last)) = self.parts.last_mut() {
            last.extend_from_slice(text.as_bytes());
        } else {
            self.parts.push(Part::Literal(text.as_bytes().to_vec()));
        }
    }

    /// Ties all paths to `names`; again after every [`Names::shed`].
    pub fn bind(&mut self, names: &mut Names) {
        for part in &mut self.parts {
            if let Part::Path(path) = part {
                path.bind(names);
            }
        }
    }

    /// Whether the template needs nothing but the record's key and headers.
    pub fn is_from_key(&self) -> bool {
        let from_key = |part: &Part| match part {
            Part::Literal(_) => true,
            Part::Path(path) => path.is_from_key(),
        };
        // A constant key stands for no record in particular, so no record's tombstone is about it.
        !self.is_constant() && self.parts.iter().all(from_key)
    }

    /// Whether it looks at the record's key.
    pub fn uses_key(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Path(path) if *path.root() == Root::Key))
    }

    /// The text before the first expression: what every result starts with.
    pub fn literal_prefix(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => b"",
        }
    }

    /// Whether every result is the same.
    pub fn is_constant(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Path(_)))
    }

    /// The template's pieces in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends the template's text for `view` to `out`; a null in it is an error.
    pub fn write(&self, view: &View<'_>, out: &mut Vec<u8>) -> Result<(), EvaluationError> {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Path(path) => path.write(view, out)?,
            }
        }
        Ok(())
    }
}

/// Where the `}` stands that closes an expression; quotes hide braces.
fn closing_brace(rest: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
