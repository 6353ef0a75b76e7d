//! Numbers of a table: read from the text that stands in Redis, added, divided.
//!
//! A table's number lives as text between two units, so what is computed may depend on the
//! text alone: a double that shows no exponent is the decimal of its digits as soon as it
//! meets one, whether it was read back in between or not.

use super::number::{self, Numeric};
use crate::record::Decimal;

const DECIMAL_OVERFLOW: &str = "does not fit a decimal of 38 digits";
const DOUBLE_OVERFLOW: &str = "does not fit a double";

impl Numeric {
    /// The number that `text` writes: JSON's grammar, where leading zeros do no harm.
    /// None when it is no number, or too great for a double.
    pub fn parse(text: &[u8]) -> Option<Numeric> {
        let text = std::str::from_utf8(text).ok().filter(|text| is_number(text.as_bytes()))?;
        let exact = Numeric::of_json(text);
        let is_zero =
            matches!(exact, Numeric::Int(0) | Numeric::Decimal(Decimal { unscaled: 0, .. }));
        match exact {
            // No decimal writes a minus before a zero: it was a double.
            _ if is_zero && text.starts_with('-') => Some(Numeric::Double(-0.0)),
            Numeric::Double(double) if !double.is_finite() => None,
            exact => Some(exact),
        }
    }

    /// Whether it is neither NaN nor infinite.
    pub fn is_finite(self) -> bool {
        !matches!(self, Numeric::Double(double) if !double.is_finite())
    }

    /// The sum: exact, or a double where `other` is one.
    pub fn plus(self, other: Numeric) -> Result<Numeric, &'static str> {
        match (self, other) {
            (Numeric::Int(a), Numeric::Int(b)) => Ok(a.checked_add(b).map_or_else(
                || Numeric::Decimal(Decimal { unscaled: i128::from(a) + i128::from(b), scale: 0 }),
                Numeric::Int,
            )),
            (a, Numeric::Double(b)) => finite(a.double() + b),
            (Numeric::Double(a), b) => match as_shown(a) {
                Numeric::Double(a) => finite(a + b.double()),
                exact => exact.plus(b),
            },
            (a, b) => number::sum(a, b).map(Numeric::Decimal).ok_or(DECIMAL_OVERFLOW),
        }
    }

    /// The mean of so many numbers of this sum, divided as decimals are; a double of a double.
    pub fn mean(self, count: i64) -> Numeric {
        match self {
            Numeric::Double(sum) => Numeric::Double(sum / count as f64),
            exact => number::mean(exact, count)
                .map_or_else(|| Numeric::Double(exact.double() / count as f64), Numeric::Decimal),
        }
    }
}

fn finite(double: f64) -> Result<Numeric, &'static str> {
    if double.is_finite() { Ok(Numeric::Double(double)) } else { Err(DOUBLE_OVERFLOW) }
}

/// What is read back of a double's text.
fn as_shown(double: f64) -> Numeric {
    Numeric::of_json(zmij::Buffer::new().format(double))
}

/// `-? digits [. digits] [(e|E) [+-] digits]`
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    rest = rest.get(whole..).unwrap_or_default();
    let mut is_good = whole > 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        is_good &= length > 0;
        rest = fraction.get(length..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            unsigned => unsigned,
        };
        let length = digits(exponent);
        is_good &= length > 0;
        rest = exponent.get(length..).unwrap_or_default();
    }
    is_good && rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_read_as_numbers() {
        for text in ["0", "-1", "13.40", "007", "1e+16", "1E-7", "-0.0", "9223372036854775808"] {
            assert!(Numeric::parse(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["", "-", "abc", "1.", ".5", "1e", "1e+", "1.2.3", "+1", " 1", "NaN", "1e999"] {
            assert_eq!(Numeric::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn sums_of_money_are_exact_and_integers_do_not_overflow() {
        let parsed = |text: &str| Numeric::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed("0.10").plus(parsed("0.2")), Ok(parsed("0.30")));
        let most = parsed("9223372036854775807");
        assert_eq!(most.plus(Numeric::Int(1)), Ok(parsed("9223372036854775808")));
        assert_eq!(Numeric::Double(0.5).plus(parsed("0.10")), Ok(parsed("0.60")));
        assert_eq!(parsed("0.5").plus(Numeric::Double(0.25)), Ok(Numeric::Double(0.75)));
        let large = parsed("170141183460469231731687303715884105727");
        assert_eq!(large.plus(Numeric::Int(1)), Err(DECIMAL_OVERFLOW));
        assert_eq!(Numeric::Double(f64::MAX).plus(Numeric::Double(f64::MAX)), Err(DOUBLE_OVERFLOW));
    }

    #[test]
    fn a_mean_has_at_least_six_digits_behind_the_point() {
        let mean = |text: &str, count| Numeric::parse(text.as_bytes()).unwrap().mean(count);
        let shown = |text: &str| Numeric::parse(text.as_bytes()).unwrap();
        assert_eq!(mean("3", 2), shown("1.500000"));
        assert_eq!(mean("20", 3), shown("6.666667"));
        assert_eq!(mean("0.1234567", 1), shown("0.12345670"));
        assert_eq!(Numeric::Double(3.0).mean(2), Numeric::Double(1.5));
        let smallest = format!("0.{}1", "0".repeat(37));
        assert_eq!(mean(&smallest, 2), shown(&smallest), "halves go away from zero");
    }
}
