//! JSON: a strict RFC 8259 document a record, its top-level fields as spans.
//!
//! Numbers keep their text, whatever their size. Of two fields of one name the
//! last stands, at the place of the first. More than [`MAX_DEPTH`] objects and
//! arrays within each other are an error, as are a byte order mark, bytes
//! behind the document and whatever the RFC's grammar does not know.

use super::{DecodeError, Decoder, Failure, Format, Input, check_utf8, single};
use crate::record::{Arena, NameId, Names, Row, Shape, Value, Wanted};
use scanner::{Kind, Problem, Scanner};
use std::borrow::Cow;
use wanted::Tree;

mod block;
mod escape;
mod path;
mod scanner;
#[cfg(test)]
mod tests;
mod text;
mod wanted;

pub(super) use path::{MemberName, document_members, each_member};
pub use path::{element, elements, field, length, members};
pub use scanner::MAX_DEPTH;
pub use text::write_compact;

/// Decodes JSON documents, reading what is wanted of them.
#[derive(Debug, Default)]
pub struct JsonDecoder {
    wanted: Wanted,
    tree: Tree,
    /// By name: which of the tree's fields it is. Empty until the names are bound.
    heads: Vec<u32>,
    unescaped: Vec<u8>,
}

impl Decoder for JsonDecoder {
    fn decode<'a>(
        &'a mut self,
        input: Input<'a>,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Failure> {
        self.document(input.bytes, Format::Json, names, arena, row).map_err(Failure::Record)
    }

    fn forget_names(&mut self) {
        self.heads.clear();
        self.unescaped = Vec::new();
    }
}

impl JsonDecoder {
    /// A decoder that reads what is wanted.
    pub fn new(wanted: Wanted) -> JsonDecoder {
        JsonDecoder { tree: Tree::new(&wanted.paths), wanted, ..JsonDecoder::default() }
    }

    /// Decodes one document; an error says it is of `format`.
    pub fn document<'a>(
        &mut self,
        bytes: &'a [u8],
        format: Format,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), DecodeError> {
        row.begin(Shape::Absent, 0);
        let source = check_utf8(bytes, format)?;
        if self.heads.is_empty() {
            self.bind(names);
        }
        let mut scanner = Scanner::new(bytes);
        self.top(&mut scanner, source, names, arena, row).map_err(|problem| {
            row.begin(Shape::Absent, 0);
            let problem = Cow::Borrowed(problem.text());
            DecodeError { format, at: scanner.at, problem }
        })
    }

    fn bind(&mut self, names: &mut Names) {
        for (place, (name, _)) in self.tree.fields().iter().enumerate() {
            let at = names.known(name.as_bytes()).index();
            self.heads.resize(self.heads.len().max(at + 1), u32::MAX);
            if let Some(head) = self.heads.get_mut(at) {
                *head = place as u32;
            }
        }
    }

    /// What is wanted of the field of that name.
    #[inline(always)]
    fn tree_of(&self, name: NameId) -> Option<&Tree> {
        let &head = self.heads.get(name.index())?;
        self.tree.fields().get(head as usize).map(|(_, tree)| tree)
    }

    fn top<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        source: &'a str,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
    ) -> Result<(), Problem> {
        scanner.white_space();
        match scanner.peek() {
            Some(b'{') => {
                let start = scanner.at;
                scanner.at += 1;
                row.begin(Shape::Fields, self.wanted.paths.len());
                self.object(scanner, source, names, arena, row)?;
                let whole = source.get(start..scanner.at).unwrap_or_default();
                self.tree.set(Value::Object(whole), row);
            }
            Some(0xef) if source.starts_with('\u{feff}') => return Err(Problem::ByteOrderMark),
            Some(_) => {
                let value = scanner.value(0)?.value(source);
                single(value, &self.wanted, names, arena, row);
            }
            None => return Err(Problem::Empty),
        }
        scanner.end()
    }

    fn object<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        source: &'a str,
        names: &mut Names,
        arena: &'a Arena,
        row: &mut Row<'a>,
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
            let token = scanner.value(1)?;
            if self.wanted.every_field {
                row.place(name).into_iter().for_each(|place| token.put(source, place));
            }
            if let Some(tree) = self.tree_of(name) {
                tree.fill(token.value(source), arena, row);
            }
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

/// The value that a JSON text is; an error says what is wrong with it.
pub fn parse(text: &str) -> Result<Value<'_>, &'static str> {
    let mut scanner = Scanner::new(text.as_bytes());
    scanner.white_space();
    let value = match scanner.peek() {
        None => Err(Problem::Empty),
        Some(_) => scanner.value(0).and_then(|token| scanner.end().map(|()| token)),
    };
    value.map(|token| token.value(text)).map_err(Problem::text)
}

/// Appends what a JSON string's valid inner text stands for.
pub fn unescape(escaped: &str, out: &mut Vec<u8>) {
    escape::unescape(escaped.as_bytes(), out);
}

/// What a JSON string's valid inner text stands for.
pub fn unescaped<'a>(escaped: &'a str, arena: &'a Arena) -> &'a str {
    escape::unescaped(escaped, arena)
}
