//! Exact decimals.

use std::fmt;

/// The greatest scale a decimal may have, as SQL's DECIMAL(38, 38).
pub const MAX_SCALE: u8 = 38;

/// An exact decimal: `unscaled` × 10^-`scale`. Its scale is kept: 13.40 is not 13.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// All digits.
    pub unscaled: i128,
    /// How many of them stand behind the point; at most 38.
    pub scale: u8,
}

impl Decimal {
    /// The decimal that `text` (`-? digits [. digits]`) writes; none when it has
    /// an exponent, more than 38 digits behind the point, or does not fit.
    pub fn parse(text: &str) -> Option<Decimal> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (mut unscaled, mut scale, mut point, mut any) = (0i128, 0u8, false, false);
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    // Built downwards, so that i128::MIN fits too.
                    unscaled = unscaled.checked_mul(10)?.checked_sub(i128::from(byte - b'0'))?;
                    scale += u8::from(point);
                    any = true;
                }
                b'.' if !point && any => point = true,
                _ => return None,
            }
            if scale > MAX_SCALE {
                return None;
            }
        }
        if !any || digits.ends_with('.') {
            return None;
        }
        let unscaled = if digits.len() == text.len() { unscaled.checked_neg()? } else { unscaled };
        Some(Decimal { unscaled, scale })
    }

    /// The decimal of a big-endian two's complement number; none beyond 16
    /// significant bytes or a scale of 38.
    pub fn from_be_bytes(bytes: &[u8], scale: u32) -> Option<Decimal> {
        let scale = u8::try_from(scale).ok().filter(|&scale| scale <= MAX_SCALE)?;
        let fill = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
        let (head, tail) = bytes.split_at(bytes.len().saturating_sub(16));
        let mut all = [fill; 16];
        all.get_mut(16 - tail.len()..)?.copy_from_slice(tail);
        let sign = all.first()? & 0x80 == fill & 0x80;
        let extends = head.iter().all(|&byte| byte == fill) && sign;
        extends.then_some(Decimal { unscaled: i128::from_be_bytes(all), scale })
    }

    /// Appends its text: every digit of its scale, never an exponent.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.unscaled.unsigned_abs()).as_bytes();
        if self.unscaled < 0 {
            out.push(b'-');
        }
        write_point(digits, usize::from(self.scale), &mut |text| out.extend_from_slice(text));
    }
}

/// Hands on `digits` with a point before the last `scale` of them, and a zero before the
/// point where none is left.
pub fn write_point(digits: &[u8], scale: usize, push: &mut impl FnMut(&[u8])) {
    match digits.split_at_checked(digits.len().saturating_sub(scale)) {
        Some((whole, fraction)) if !whole.is_empty() => {
            push(whole);
            if scale > 0 {
                push(b".");
                push(fraction);
            }
        }
        _ => {
            push(b"0.");
            (digits.len()..scale).for_each(|_| push(b"0"));
            push(digits);
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(42);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_written() {
        for text in ["0", "-0.5", "13.40", "0.000", "-1", "170141183460469231731687303715884105727"]
        {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), text);
        }
        for bad in
            ["", "-", ".5", "5.", "1e3", "+1", "1.2.3", "340282366920938463463374607431768211456"]
        {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn big_endian_bytes_are_sign_extended() {
        let of = |bytes: &[u8], scale| Decimal::from_be_bytes(bytes, scale).map(|d| d.to_string());
        assert_eq!(of(&[0x05, 0x3c], 2).as_deref(), Some("13.40"));
        assert_eq!(of(&[0xff], 2).as_deref(), Some("-0.01"));
        assert_eq!(of(&[0x00, 0xff], 0).as_deref(), Some("255"));
        assert_eq!(of(&[0xff; 20], 0).as_deref(), Some("-1"));
        let mut large = [0u8; 17];
        large[0] = 1;
        assert_eq!(of(&large, 0), None);
        assert_eq!(of(&[], 0), None);
        // Seventeen bytes whose head is a mere sign but whose tail has the other sign do not fit.
        let mut other = [0xffu8; 17];
        other[0] = 0;
        assert_eq!(of(&other, 0), None);
    }
}
