//! Scanning eight bytes at a time in a register ("SIMD within a register";
//! Mycroft's test for a byte below a bound, as in Bit Twiddling Hacks).

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The eight bytes from `at` on, the first of them lowest; `None` near the end.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk::<8>()
        .map(|chunk| u64::from_le_bytes(*chunk))
}

/// Where the first byte from `at` on stands that is a quote, a backslash or a
/// control character; the length if there is none.
#[inline(always)]
pub(super) fn string_run_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(bytes, at) {
        let control = word.wrapping_sub(ONES * 0x20);
        let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        // Borrows spoil only bytes behind a true hit, so the lowest bit is true.
        let hits = (control | quote | backslash) & !word & HIGH;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    run_end(bytes, at, |byte| {
        byte >= 0x20 && byte != b'"' && byte != b'\\'
    })
}

/// Where the first byte from `at` on stands that is no digit; the length if there is none.
#[inline(always)]
pub(super) fn digits_end(bytes: &[u8], at: usize) -> usize {
    run_end(bytes, at, |byte| byte.is_ascii_digit())
}

/// Where the first byte from `at` on stands that is a quote, a space or a
/// control character; the length if there is none.
pub(super) fn compact_run_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(bytes, at) {
        let space = word.wrapping_sub(ONES * 0x21);
        let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
        let hits = (space | quote) & !word & HIGH;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    run_end(bytes, at, |byte| byte > b' ' && byte != b'"')
}

#[inline(always)]
fn run_end(bytes: &[u8], at: usize, inside: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .position(|&byte| !inside(byte))
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_ends_a_run_or_does_not() {
        for byte in 0..=255u8 {
            for length in 0..20 {
                for place in 0..length {
                    let mut bytes = vec![b'a'; length];
                    bytes[place] = byte;
                    let string = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let compact = byte <= 0x20 || byte == b'"';
                    let expected = |ends| if ends { place } else { length };
                    assert_eq!(
                        string_run_end(&bytes, 0),
                        expected(string),
                        "{byte} {place}"
                    );
                    assert_eq!(
                        compact_run_end(&bytes, 0),
                        expected(compact),
                        "{byte} {place}"
                    );
                    let mut bytes = vec![b'5'; length];
                    bytes[place] = byte;
                    let digits = !byte.is_ascii_digit();
                    assert_eq!(digits_end(&bytes, 0), expected(digits), "{byte} {place}");
                }
            }
        }
    }

    #[test]
    fn the_first_of_two_ends_counts() {
        for first in 0..16 {
            for second in first..16 {
                for (a, b) in [(b'"', b'#'), (b'\\', b']'), (0x1f, b' '), (b'"', 0)] {
                    let mut bytes = [b'a'; 17];
                    bytes[second] = b;
                    bytes[first] = a;
                    assert_eq!(string_run_end(&bytes, 0), first);
                }
            }
        }
        assert_eq!(string_run_end(b"abc", 7), 7);
    }
}
