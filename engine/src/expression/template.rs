//! Templates: `"sensor:%{airport}:%{id}"`.

use super::{Context, EvaluationError, Expression, ExpressionError, Layout, Program};
use crate::format::text::write_text;
use crate::record::Value;
use std::fmt;
use std::sync::Arc;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Text that stands as it is.
    Literal(Vec<u8>),
    /// `%{…}`
    Expression(Expression),
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
            let inner = source.get(open + 2..close).unwrap_or_default();
            let expression = Expression::parse(inner, open + 2)?;
            // Kinds that do not go together are told here, where the column is known.
            expression.compile(&mut Layout::default())?;
            template.parts.push(Part::Expression(expression));
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

    /// Says in `layout` what its expressions read.
    pub fn compile(&self, layout: &mut Layout) -> Result<TemplateProgram, ExpressionError> {
        let part = |part: &Part| match part {
            Part::Literal(text) => Ok(Piece::Literal(text.clone())),
            Part::Expression(expression) => expression.compile(layout).map(Piece::Program),
        };
        Ok(TemplateProgram { pieces: self.parts.iter().map(part).collect::<Result<_, _>>()? })
    }

    /// Whether the template needs nothing but the record's key and headers.
    pub fn is_from_key(&self) -> bool {
        // A constant key stands for no record in particular, so no record's tombstone is about it.
        let mut some = false;
        let all = self.expressions().all(|expression| {
            some |= !expression.is_constant();
            expression.is_constant() || expression.is_from_key()
        });
        some && all
    }

    /// Its expressions in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Expression(expression) => Some(expression),
        })
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
        self.expressions().all(Expression::is_constant)
    }
}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct TemplateProgram {
    pieces: Arc<[Piece]>,
}

#[derive(Debug)]
enum Piece {
    Literal(Vec<u8>),
    Program(Program),
}

impl TemplateProgram {
    /// Appends the template's text for a record to `out`; a null in it is an error.
    pub fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> Result<(), EvaluationError> {
        for piece in &*self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text),
                Piece::Program(program) => match program.evaluate(context)? {
                    Value::Null => {
                        return Err(EvaluationError::Null(program.source().to_owned()));
                    }
                    value => write_text(value, out),
                },
            }
        }
        Ok(())
    }
}

/// Where the `}` stands that closes an expression; quotes and backticks hide braces.
fn closing_brace(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'\'' | b'`') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'}') => return Some(at),
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
