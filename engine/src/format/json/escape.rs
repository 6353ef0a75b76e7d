//! Escapes in the inner text of JSON strings (RFC 8259, section 7).

use crate::record::Arena;
use memchr::memchr;

/// The code unit of an escape `\uXXXX` that `text` begins with.
pub(super) fn code_unit(text: &[u8]) -> Option<u16> {
    let (head, digits) = text.get(..6)?.split_at_checked(2)?;
    if head != b"\\u" {
        return None;
    }
    digits.iter().try_fold(0u16, |unit, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

/// Shows the text that valid inner text `escaped` stands for, piece by piece,
/// until `visit` answers false. True if it never did.
fn pieces(mut escaped: &[u8], mut visit: impl FnMut(&[u8]) -> bool) -> bool {
    while let Some(plain) = memchr(b'\\', escaped) {
        let (before, escape) = escaped.split_at_checked(plain).unwrap_or((escaped, b""));
        let (character, length) = character(escape);
        let mut utf8 = [0; 4];
        if !visit(before) || !visit(character.encode_utf8(&mut utf8).as_bytes()) {
            return false;
        }
        escaped = escape.get(length..).unwrap_or_default();
    }
    visit(escaped)
}

/// The character of the escape that `escape` begins with, and the escape's length.
fn character(escape: &[u8]) -> (char, usize) {
    let short = match escape.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(escape),
        Some(&quoted) => char::from(quoted),
        None => char::REPLACEMENT_CHARACTER,
    };
    (short, 2)
}

fn unicode(escape: &[u8]) -> (char, usize) {
    let units = [code_unit(escape), escape.get(6..).and_then(code_unit)];
    let first = char::decode_utf16(units.into_iter().flatten()).next();
    let character = first.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, 6 * character.len_utf16())
}

/// Appends the text that valid inner text `escaped` stands for.
pub(super) fn unescape(escaped: &[u8], out: &mut Vec<u8>) {
    pieces(escaped, |piece| {
        out.extend_from_slice(piece);
        true
    });
}

/// The text that valid inner text `escaped` stands for.
pub(super) fn unescaped<'a>(escaped: &str, arena: &'a Arena) -> &'a str {
    let (mut text, mut rest) = (arena.string(), escaped);
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let (character, length) = character(escape.as_bytes());
        text.push_str(before);
        text.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    text.into_bump_str()
}

/// Whether valid inner text `escaped` stands for `text`.
pub(super) fn stands_for(escaped: &[u8], text: &[u8]) -> bool {
    let mut rest = text;
    let prefix = pieces(escaped, |piece| match rest.strip_prefix(piece) {
        Some(behind) => {
            rest = behind;
            true
        }
        None => false,
    });
    prefix && rest.is_empty()
}
