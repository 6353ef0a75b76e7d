//! JSON: a strict RFC 8259 document a record, its top-level fields as spans.
//!
//! Numbers keep their text, whatever their size. Of two fields of one name the
//! last stands, at the place of the first. More than [`MAX_DEPTH`] objects and
//! arrays within each other are an error, as are a byte order mark, bytes
//! behind the document and whatever the RFC's grammar does not know.

use super::{DecodeError, Decoder, Format, SINGLE_FIELD, check_utf8};
use crate::record::{Field, Fields, Kind, NameId, Names, Shape};
use scanner::{Problem, Scanner};
use std::borrow::Cow;

mod block;
mod escape;
mod path;
mod scanner;
#[cfg(test)]
mod tests;
mod text;

pub use path::{Step, descend};
pub use scanner::MAX_DEPTH;
pub use text::write_text;

/// Decodes JSON documents; keeps a buffer for names with escapes.
#[derive(Debug, Default)]
pub struct JsonDecoder {
    unescaped: Vec<u8>,
}

impl Decoder for JsonDecoder {
    fn decode(
        &mut self,
        bytes: &[u8],
        names: &mut Names,
        fields: &mut Fields,
    ) -> Result<(), DecodeError> {
        fields.begin(Shape::Absent);
        check_utf8(bytes, Format::Json)?;
        let mut scanner = Scanner::new(bytes);
        self.document(&mut scanner, names, fields).map_err(|problem| {
            fields.begin(Shape::Absent);
            let problem = Cow::Borrowed(problem.text());
            DecodeError { format: Format::Json, at: scanner.at, problem }
        })
    }
}

impl JsonDecoder {
    fn document(
        &mut self,
        scanner: &mut Scanner<'_>,
        names: &mut Names,
        fields: &mut Fields,
    ) -> Result<(), Problem> {
        scanner.white_space();
        match scanner.peek() {
            Some(b'{') => {
                scanner.at += 1;
                fields.begin(Shape::Fields);
                self.object(scanner, names, fields)?;
            }
            Some(0xef) if scanner.source().starts_with(b"\xef\xbb\xbf") => {
                return Err(Problem::ByteOrderMark);
            }
            Some(_) => {
                let value = scanner.value(0)?;
                let name = names.intern(SINGLE_FIELD.as_bytes(), None);
                fields.begin(Shape::Single);
                fields.push(Field { name, kind: value.kind, span: value.span });
            }
            None => return Err(Problem::Empty),
        }
        scanner.end()
    }

    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        names: &mut Names,
        fields: &mut Fields,
    ) -> Result<(), Problem> {
        let mut previous: Option<NameId> = None;
        if scanner.empty(b'{') {
            return Ok(());
        }
        loop {
            let name = match names.expected(previous) {
                Some((id, name)) if scanner.pass_name(name) => id,
                _ => self.intern(scanner, names, previous)?,
            };
            previous = Some(name);
            scanner.colon()?;
            let value = scanner.value(1)?;
            fields.push(Field { name, kind: value.kind, span: value.span });
            if !scanner.next(b'}')? {
                return Ok(());
            }
        }
    }

    fn intern(
        &mut self,
        scanner: &mut Scanner<'_>,
        names: &mut Names,
        previous: Option<NameId>,
    ) -> Result<NameId, Problem> {
        let name = scanner.name()?;
        let text = scanner.text(name.span);
        if name.kind != Kind::EscapedString {
            return Ok(names.intern(text, previous));
        }
        self.unescaped.clear();
        escape::unescape(text, &mut self.unescaped);
        Ok(names.intern(&self.unescaped, previous))
    }
}
