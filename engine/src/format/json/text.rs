//! JSON text without the white space between its tokens.

use super::block;

/// Appends an object or array, which a decoder has validated, without the white
/// space outside its strings and else as written.
pub fn write_compact(text: &str, out: &mut Vec<u8>) {
    let text = text.as_bytes();
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
