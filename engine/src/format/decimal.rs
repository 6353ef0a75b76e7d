//! Decimals of any size as text, made without allocating.

use crate::record::write_point;

/// The longest decimal whose digits are written, in bytes.
pub(crate) const LONGEST: usize = 1024;

/// The greatest distance of a decimal's point from its last digit that is written.
pub(crate) const LARGEST_SCALE: usize = 1024;

/// Limbs of 32 bits that the largest decimal has.
const LIMBS: usize = LONGEST / 4;

/// More than the digits of the largest decimal (8 bits are 2.41 digits), zeros
/// for the largest scale, a sign and a point.
const DIGITS: usize = LONGEST * 5 / 2 + LARGEST_SCALE + 16;

/// A short text.
pub(crate) struct Text<const SIZE: usize> {
    bytes: [u8; SIZE],
    length: usize,
}

impl<const SIZE: usize> Text<SIZE> {
    /// An empty one.
    pub fn new() -> Text<SIZE> {
        Text { bytes: [0; SIZE], length: 0 }
    }

    /// Appends what fits; every caller's text does.
    pub fn push(&mut self, text: &[u8]) {
        let place = self.bytes.get_mut(self.length..).and_then(|rest| rest.get_mut(..text.len()));
        if let Some(place) = place {
            place.copy_from_slice(text);
            self.length += text.len();
        }
    }

    /// Appends a number's digits.
    pub fn push_number(&mut self, number: u32) {
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }

    /// The text, all ASCII.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes.get(..self.length).unwrap_or_default()).unwrap_or_default()
    }
}

/// All digits of the number of big-endian two's complement bytes × 10^-`scale`.
#[cold]
#[inline(never)]
pub(crate) fn digits(bytes: &[u8], scale: i32) -> Text<DIGITS> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut buffer = [0; DIGITS];
    let digits = magnitude_digits(bytes, negative, &mut buffer);
    let mut text = Text::new();
    if negative {
        text.push(b"-");
    }
    let behind = usize::try_from(scale).unwrap_or(0);
    write_point(digits, behind, &mut |piece| text.push(piece));
    if digits != b"0" {
        (scale..0).for_each(|_| text.push(b"0"));
    }
    text
}

/// The digits of the number without its sign: schoolbook division by 10^9.
fn magnitude_digits<'b>(bytes: &[u8], negative: bool, buffer: &'b mut [u8; DIGITS]) -> &'b [u8] {
    let mut limbs = [0u32; LIMBS];
    let mut carry = u32::from(negative);
    let mut used = 0;
    for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks(4)) {
        let fill = if negative { 0xff } else { 0 };
        let mut whole = [fill; 4];
        if let Some(place) = whole.get_mut(4 - chunk.len()..) {
            place.copy_from_slice(chunk);
        }
        let number = u32::from_be_bytes(whole);
        // Two's complement: minus one is all ones.
        let (number, over) =
            if negative { (!number).overflowing_add(carry) } else { (number, false) };
        carry = u32::from(over);
        *limb = number;
        used += 1;
    }
    let mut start = buffer.len();
    loop {
        while used > 0 && limbs.get(used - 1) == Some(&0) {
            used -= 1;
        }
        let mut rest = 0u64;
        for limb in limbs.iter_mut().take(used).rev() {
            let number = rest << 32 | u64::from(*limb);
            *limb = (number / 1_000_000_000) as u32;
            rest = number % 1_000_000_000;
        }
        for _ in 0..9 {
            start -= 1;
            if let Some(place) = buffer.get_mut(start) {
                *place = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
        }
        if limbs.iter().take(used).all(|&limb| limb == 0) {
            break;
        }
    }
    let digits = buffer.get(start..).unwrap_or_default();
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros.min(digits.len() - 1)..).unwrap_or_default()
}
