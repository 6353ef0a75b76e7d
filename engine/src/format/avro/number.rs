//! Numbers, UUIDs and durations as text, made without allocating.

use super::node::MAX_SCALE;
use super::reader::{Reader, Stop};
use super::{MAX_DECIMAL_BYTES, Problem};
use crate::format::decimal::Text;
use crate::record::Decimal;
use std::io::Write as _;

/// A decimal, whatever its size.
pub(super) enum Exact<'a> {
    /// It fits 128 bits and a scale of 38.
    Decimal(Decimal),
    /// It does not: `decimal::digits` makes its text.
    Large(&'a [u8], i32),
}

/// The number of big-endian two's complement bytes × 10^-`scale`; the scale is
/// within ±1024.
pub(super) fn exact(bytes: &[u8], scale: i32) -> Result<Exact<'_>, Problem> {
    if bytes.is_empty() || bytes.len() > MAX_DECIMAL_BYTES {
        return Err(Problem::Decimal);
    }
    let small = u32::try_from(scale).ok().and_then(|scale| Decimal::from_be_bytes(bytes, scale));
    Ok(match small {
        Some(decimal) => Exact::Decimal(decimal),
        None => Exact::Large(bytes, scale),
    })
}

/// A big-decimal: its number's bytes behind their length, then its scale.
pub(super) fn big_decimal(bytes: &[u8]) -> Result<Exact<'_>, Problem> {
    let mut reader = Reader::new(bytes);
    let unscaled = reader.blob().map_err(|stop: Stop| stop.problem)?;
    let scale = reader.long().map_err(|stop| stop.problem)?;
    if reader.left() > 0 {
        return Err(Problem::Length);
    }
    match i32::try_from(scale) {
        Ok(scale) if scale.unsigned_abs() as usize <= MAX_SCALE => exact(unscaled, scale),
        _ => Err(Problem::Scale),
    }
}

/// A UUID as RFC 9562 writes it.
pub(super) fn uuid(bytes: [u8; 16]) -> Text<36> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = Text::new();
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push(b"-");
        }
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        text.push(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    text
}

/// A duration's months, days and milliseconds, each little-endian, as ISO 8601.
pub(super) fn duration(bytes: [u8; 12]) -> Text<48> {
    let part = |at: usize| {
        bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |part| u32::from_le_bytes(*part))
    };
    let (months, days, millis) = (part(0), part(4), part(8));
    let mut text = Text::new();
    text.push(b"P");
    for (count, unit) in [(months, b"M"), (days, b"D")] {
        if count > 0 {
            text.push_number(count);
            text.push(unit);
        }
    }
    if millis > 0 || (months, days) == (0, 0) {
        text.push(b"T");
        text.push_number(millis / 1000);
        if millis > 0 {
            let mut fraction = [0; 4];
            // Four bytes are what is written.
            let _ = write!(fraction.as_mut_slice(), ".{:03}", millis % 1000);
            text.push(&fraction);
        }
        text.push(b"S");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::decimal::digits;

    fn text(bytes: &[u8], scale: i32) -> String {
        match exact(bytes, scale).unwrap() {
            Exact::Decimal(decimal) => decimal.to_string(),
            Exact::Large(bytes, scale) => digits(bytes, scale).as_str().to_owned(),
        }
    }

    #[test]
    fn numbers_beyond_128_bits_keep_every_digit() {
        let two_to_128 = "340282366920938463463374607431768211456";
        let mut bytes = [0u8; 17];
        bytes[0] = 1;
        assert_eq!(text(&bytes, 0), two_to_128);
        assert_eq!(text(&bytes, 2), format!("{}.56", &two_to_128[..37]));
        assert_eq!(text(&bytes, 45), format!("0.{}{two_to_128}", "0".repeat(6)));
        assert_eq!(text(&bytes, -3), format!("{two_to_128}000"));
        bytes[0] = 0xff;
        assert_eq!(text(&bytes, 0), format!("-{two_to_128}"));
        // All limbs are zero after the carry but the last.
        assert_eq!(text(&[0x80, 0, 0, 0, 0], 40), format!("-0.{}549755813888", "0".repeat(28)));
    }

    #[test]
    fn small_numbers_with_odd_scales_keep_them() {
        assert_eq!(text(&[5], -2), "500");
        assert_eq!(text(&[0], -2), "0");
        assert_eq!(text(&[0], 40), format!("0.{}", "0".repeat(40)));
        assert_eq!(text(&[0xfb], 3), "-0.005");
        assert_eq!(text(&[1], 1024).len(), 1026);
    }

    #[test]
    fn the_largest_decimals_fit() {
        let mut most = [0xffu8; MAX_DECIMAL_BYTES];
        most[0] = 0x7f;
        assert_eq!(text(&most, 0).len(), 2466);
        assert_eq!(text(&most, -1024).len(), 2466 + 1024);
        let mut least = [0u8; MAX_DECIMAL_BYTES];
        least[0] = 0x80;
        assert_eq!(text(&least, 1024).len(), 2466 + 2);
        assert!(matches!(exact(&[0; MAX_DECIMAL_BYTES + 1], 0), Err(Problem::Decimal)));
        assert!(matches!(exact(&[], 0), Err(Problem::Decimal)));
    }

    #[test]
    fn durations_are_iso_8601() {
        let of = |months: u32, days: u32, millis: u32| {
            let mut bytes = [0; 12];
            bytes[..4].copy_from_slice(&months.to_le_bytes());
            bytes[4..8].copy_from_slice(&days.to_le_bytes());
            bytes[8..].copy_from_slice(&millis.to_le_bytes());
            duration(bytes).as_str().to_owned()
        };
        assert_eq!(of(1, 2, 500), "P1M2DT0.500S");
        assert_eq!(of(0, 0, 0), "PT0S");
        assert_eq!(of(14, 0, 0), "P14M");
        assert_eq!(of(0, 3, 90_061_007), "P3DT90061.007S");
        assert_eq!(of(u32::MAX, u32::MAX, u32::MAX), "P4294967295M4294967295DT4294967.295S");
    }
}
