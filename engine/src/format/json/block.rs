//! Finding where a run of bytes ends, sixteen bytes at a time.
//!
//! Most names and values are shorter than a block, so that one comparison of
//! a whole block finds their end without a loop whose length must be guessed.

use wide::u8x16;

const BLOCK: usize = 16;

/// Where the first byte from `at` on stands that is a quote, a backslash or a
/// control character; the length if there is none.
#[inline(always)]
pub(super) fn string_run_end(bytes: &[u8], at: usize) -> usize {
    run_end(bytes, at, |block| {
        let control = at_most(block, 0x1f);
        let quote = block.simd_eq(u8x16::splat(b'"'));
        let backslash = block.simd_eq(u8x16::splat(b'\\'));
        control | quote | backslash
    })
}

/// Where the first byte from `at` on stands that is a quote, a space or a
/// control character; the length if there is none.
pub(super) fn compact_run_end(bytes: &[u8], at: usize) -> usize {
    run_end(bytes, at, |block| at_most(block, b' ') | block.simd_eq(u8x16::splat(b'"')))
}

/// Where the first byte from `at` on stands that is no digit; the length if there is none.
#[inline(always)]
pub(super) fn digits_end(bytes: &[u8], at: usize) -> usize {
    run_end(bytes, at, |block| {
        let digits = at_most(block - u8x16::splat(b'0'), 9);
        !digits
    })
}

/// Whether two texts of the same length are the same. Names are mostly too short for a call to be worth
/// it: up to a block, their first and last bytes are compared at once, which may overlap.
#[inline(always)]
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    match one.len() {
        8..=BLOCK => {
            one.first_chunk::<8>() == other.first_chunk::<8>()
                && one.last_chunk::<8>() == other.last_chunk::<8>()
        }
        4..8 => {
            one.first_chunk::<4>() == other.first_chunk::<4>()
                && one.last_chunk::<4>() == other.last_chunk::<4>()
        }
        _ => one == other,
    }
}

#[inline(always)]
fn at_most(block: u8x16, bound: u8) -> u8x16 {
    block.min(u8x16::splat(bound)).simd_eq(block)
}

/// Where the first byte from `at` on stands that `ends` marks. It marks zeros.
#[inline(always)]
fn run_end(bytes: &[u8], mut at: usize, ends: impl Fn(u8x16) -> u8x16) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let marks = ends(u8x16::new(*block)).to_bitmask();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    last_run_end(bytes, at, ends)
}

/// The same for the last bytes, fewer than a block.
#[inline(never)]
fn last_run_end(bytes: &[u8], at: usize, ends: impl Fn(u8x16) -> u8x16) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut block = [0; BLOCK];
    for (place, byte) in block.iter_mut().zip(rest) {
        *place = *byte;
    }
    at + ends(u8x16::new(block)).to_bitmask().trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_ends_a_run_or_does_not() {
        for byte in 0..=255u8 {
            for length in 0..36 {
                for place in 0..length {
                    let mut bytes = vec![b'a'; length];
                    bytes[place] = byte;
                    let string = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let compact = byte <= 0x20 || byte == b'"';
                    let expected = |ends| if ends { place } else { length };
                    assert_eq!(string_run_end(&bytes, 0), expected(string), "{byte} {place}");
                    assert_eq!(compact_run_end(&bytes, 0), expected(compact), "{byte} {place}");
                    let mut bytes = vec![b'5'; length];
                    bytes[place] = byte;
                    let digits = !byte.is_ascii_digit();
                    assert_eq!(digits_end(&bytes, 0), expected(digits), "{byte} {place}");
                }
            }
        }
    }

    #[test]
    fn texts_are_the_same_that_differ_in_no_byte() {
        for length in 0..36 {
            let text: Vec<u8> = (b'A'..).take(length).collect();
            assert!(is_same(&text, &text.clone()), "{length}");
            for place in 0..length {
                let mut other = text.clone();
                other[place] ^= 0x20;
                assert!(!is_same(&text, &other), "{length} {place}");
            }
        }
    }

    #[test]
    fn the_first_of_two_ends_counts() {
        for first in 0..33 {
            for second in first..33 {
                for (a, b) in [(b'"', b'#'), (b'\\', b']'), (0x1f, b' '), (b'"', 0)] {
                    let mut bytes = [b'a'; 34];
                    bytes[second] = b;
                    bytes[first] = a;
                    assert_eq!(string_run_end(&bytes, 0), first);
                    assert_eq!(string_run_end(&bytes, first), first);
                }
            }
        }
        assert_eq!(string_run_end(b"abc", 7), 7);
    }
}
