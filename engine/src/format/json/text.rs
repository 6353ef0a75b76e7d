//! The text that a JSON value has in Redis.

use super::{block, escape};
use crate::record::{Kind, Value};

/// Appends a value's text: strings unescaped, numbers and booleans as written,
/// objects and arrays without the white space outside their strings and else as
/// written, bytes as they are. Null has no text: callers decide what it means.
pub fn write_text(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind {
        Kind::Null => {}
        Kind::Boolean | Kind::Number | Kind::String | Kind::Bytes => {
            out.extend_from_slice(value.text);
        }
        Kind::EscapedString => escape::unescape(value.text, out),
        Kind::Object | Kind::Array => write_compact(value.text, out),
    }
}

fn write_compact(text: &[u8], out: &mut Vec<u8>) {
    let (mut kept, mut at) = (0, 0);
    loop {
        at = block::compact_run_end(text, at);
        match text.get(at) {
            Some(b'"') => at = string_end(text, at + 1),
            Some(_) => {
                out.extend_from_slice(text.get(kept..at).unwrap_or_default());
                at += 1;
                kept = at;
            }
            None => break,
        }
    }
    out.extend_from_slice(text.get(kept..).unwrap_or_default());
}

/// One past the quote that ends the string whose inside begins at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    loop {
        at = block::string_run_end(text, at);
        match text.get(at) {
            Some(b'\\') => at += 2,
            _ => return at + 1,
        }
    }
}
