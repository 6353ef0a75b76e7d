//! Numbers: integers, exact decimals and doubles, and SQL's arithmetic on them.
//!
//! An integer with an integer stays one; with a decimal it becomes a decimal;
//! whatever meets a double becomes a double. Whatever does not fit is an error,
//! as is a division by zero of any kind.

use super::node::Arithmetic;
use crate::record::{Arena, Decimal, Value};
use std::cmp::Ordering;

/// The greatest scale of a decimal.
const MAX_SCALE: u32 = 38;

/// The least scale of a decimal quotient, as ksqlDB's.
const QUOTIENT_SCALE: u32 = 6;

/// Integers up to this are doubles without loss.
const EXACT: u64 = 1 << 53;

/// A number of any kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numeric {
    /// An integer.
    Int(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// An IEEE 754 number.
    Double(f64),
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// All powers of ten that fit.
const TENS: [i128; 39] = {
    let mut tens = [1i128; 39];
    let mut exponent = 1;
    while exponent < tens.len() {
        tens[exponent] = tens[exponent - 1] * 10;
        exponent += 1;
    }
    tens
};

/// Ten to the power of `exponent`; none beyond 38.
#[inline]
pub(super) fn power_of_ten(exponent: u32) -> Option<i128> {
    TENS.get(exponent as usize).copied()
}

impl Numeric {
    /// The number that a value is; none when it is no number.
    ///
    /// A 32-bit float is the double of its text form, so that 0.1 is 0.1.
    #[inline]
    pub fn of(value: Value<'_>) -> Option<Numeric> {
        match value {
            Value::Int(int) => Some(Numeric::Int(int)),
            Value::Double(double) => Some(Numeric::Double(double)),
            Value::Decimal(decimal) => Some(Numeric::Decimal(*decimal)),
            Value::Number(text) => Some(Numeric::of_json(text)),
            Value::Float(float) => Some(Numeric::Double(widen(float))),
            _ => None,
        }
    }

    /// The number that JSON writes so: without an exponent an integer or a
    /// decimal, with one, or beyond a decimal's 38 digits, a double.
    pub fn of_json(text: &str) -> Numeric {
        if let Some(short) = short(text) {
            return short;
        }
        match Decimal::parse(text) {
            Some(decimal) => Numeric::Decimal(decimal).shrunk(),
            None => Numeric::Double(text.parse().unwrap_or(f64::NAN)),
        }
    }

    /// An integer where a decimal of scale 0 fits one.
    fn shrunk(self) -> Numeric {
        match self {
            Numeric::Decimal(Decimal { unscaled, scale: 0 }) => {
                i64::try_from(unscaled).map_or(self, Numeric::Int)
            }
            other => other,
        }
    }

    /// As a value.
    pub fn value(self, arena: &Arena) -> Value<'_> {
        match self {
            Numeric::Int(int) => Value::Int(int),
            Numeric::Decimal(decimal) => arena.decimal(decimal),
            Numeric::Double(double) => Value::Double(double),
        }
    }

    /// The nearest double.
    pub fn double(self) -> f64 {
        match self {
            Numeric::Int(int) => int as f64,
            Numeric::Decimal(decimal) => decimal_to_double(decimal),
            Numeric::Double(double) => double,
        }
    }

    /// As an integer, when it is one and fits.
    pub fn whole(self) -> Option<i64> {
        match self {
            Numeric::Int(int) => Some(int),
            Numeric::Decimal(decimal) => {
                let power = power_of_ten(u32::from(decimal.scale))?;
                let whole = decimal.unscaled % power == 0;
                i64::try_from(decimal.unscaled / power).ok().filter(|_| whole)
            }
            Numeric::Double(double) => truncated(double).filter(|_| double.fract() == 0.0),
        }
    }

    /// The number with the other sign.
    pub(super) fn negated(self) -> Result<Numeric, &'static str> {
        match self {
            Numeric::Int(int) => int.checked_neg().map(Numeric::Int).ok_or(INT_OVERFLOW),
            Numeric::Double(double) => Ok(Numeric::Double(-double)),
            Numeric::Decimal(Decimal { unscaled, scale }) => unscaled
                .checked_neg()
                .map(|unscaled| Numeric::Decimal(Decimal { unscaled, scale }))
                .ok_or(DECIMAL_OVERFLOW),
        }
    }

    /// Compares by value, across kinds; none where one is NaN.
    ///
    /// A double is compared with a decimal as the decimal of its text form (its
    /// shortest digits that read back), so that 20.1 is 20.1 whatever format it
    /// came in.
    pub fn compare(self, other: Numeric) -> Option<Ordering> {
        match (self, other) {
            (Numeric::Int(a), Numeric::Int(b)) => Some(a.cmp(&b)),
            (Numeric::Double(a), Numeric::Double(b)) => a.partial_cmp(&b),
            (Numeric::Double(a), b) => compare_double(a, b.decimal()),
            (a, Numeric::Double(b)) => compare_double(b, a.decimal()).map(Ordering::reverse),
            (a, b) => Some(compare_decimals(a.decimal(), b.decimal())),
        }
    }

    /// As a decimal; zero for a double, which no caller has.
    fn decimal(self) -> Decimal {
        match self {
            Numeric::Int(int) => Decimal { unscaled: i128::from(int), scale: 0 },
            Numeric::Decimal(decimal) => decimal,
            Numeric::Double(_) => Decimal { unscaled: 0, scale: 0 },
        }
    }

    /// SQL's `+ - * / %`.
    pub(super) fn arithmetic(
        self,
        operator: Arithmetic,
        other: Numeric,
    ) -> Result<Numeric, &'static str> {
        match (self, other) {
            (Numeric::Int(a), Numeric::Int(b)) => ints(operator, a, b).map(Numeric::Int),
            (Numeric::Double(_), _) | (_, Numeric::Double(_)) => {
                doubles(operator, self.double(), other.double()).map(Numeric::Double)
            }
            (a, b) => decimals(operator, a.decimal(), b.decimal()).map(Numeric::Decimal),
        }
    }
}

const INT_OVERFLOW: &str = "the result does not fit a 64-bit integer";
const DECIMAL_OVERFLOW: &str = "the result does not fit a decimal of 38 digits";
const DOUBLE_OVERFLOW: &str = "the result does not fit a double";
const BY_ZERO: &str = "division by zero";

/// JSON's number of few digits and no exponent: its digits, and how many stand
/// behind the point.
#[inline]
pub(super) fn digits_of_json(text: &str) -> Option<(i64, u8)> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    // So many cannot overflow.
    if digits.len() > 18 {
        return None;
    }
    let (mut all, mut point) = (0i64, digits.len());
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => all = all * 10 + i64::from(byte - b'0'),
            b'.' => point = at + 1,
            _ => return None,
        }
    }
    let all = if digits.len() == text.len() { all } else { -all };
    Some((all, (digits.len() - point) as u8))
}

#[inline]
fn short(text: &str) -> Option<Numeric> {
    let (all, scale) = digits_of_json(text)?;
    Some(match scale {
        0 => Numeric::Int(all),
        _ => Numeric::Decimal(Decimal { unscaled: i128::from(all), scale }),
    })
}

/// Compares two numbers of at most 18 digits, at most 18 of them behind the point.
#[inline]
pub(super) fn compare_short((a, a_scale): (i64, u8), (b, b_scale): (i64, u8)) -> Option<Ordering> {
    if a_scale == b_scale {
        return Some(a.cmp(&b));
    }
    let up = |digits: i64, scale: u8| {
        // 18 digits more are at most 37.
        power_of_ten(u32::from(scale)).map(|power| i128::from(digits) * power)
    };
    match a_scale < b_scale {
        true => up(a, b_scale - a_scale).map(|a| a.cmp(&i128::from(b))),
        false => up(b, a_scale - b_scale).map(|b| i128::from(a).cmp(&b)),
    }
}

/// The double that a float's text form writes.
fn widen(float: f32) -> f64 {
    let double = f64::from(float);
    // Few bits behind the point: the text form is exact.
    if !float.is_finite() || (double * 1024.0).fract() == 0.0 && double.abs() < 1e6 {
        return double;
    }
    zmij::Buffer::new().format_finite(float).parse().unwrap_or(double)
}

/// The integer part of a double, when it fits.
pub(super) fn truncated(double: f64) -> Option<i64> {
    // 2^63 itself is a double, and does not fit.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (-LIMIT..LIMIT).contains(&double).then_some(double as i64)
}

/// The nearest double, rounded once.
fn decimal_to_double(decimal: Decimal) -> f64 {
    let power = POWERS.get(usize::from(decimal.scale));
    match power {
        Some(power) if decimal.unscaled.unsigned_abs() <= u128::from(EXACT) => {
            decimal.unscaled as f64 / power
        }
        _ => digits(decimal, |text| text.parse().unwrap_or(f64::NAN)),
    }
}

/// Shows a decimal's digits with an exponent behind them, on the stack.
fn digits<T>(decimal: Decimal, show: impl FnOnce(&str) -> T) -> T {
    use std::io::Write as _;
    let mut buffer = [0u8; 64];
    let mut place = buffer.as_mut_slice();
    // 39 digits, a sign and three characters more always fit.
    let _ = write!(place, "{}e-{}", decimal.unscaled, decimal.scale);
    let left = place.len();
    let text = buffer.get(..64 - left).unwrap_or_default();
    show(std::str::from_utf8(text).unwrap_or_default())
}

fn compare_double(double: f64, decimal: Decimal) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    let scale = POWERS.get(usize::from(decimal.scale));
    // Up to 15 digits, decimals and the doubles nearest to them stand in the same order.
    if let Some(scale) = scale
        && decimal.unscaled.unsigned_abs() < 1_000_000_000_000_000
    {
        return double.partial_cmp(&(decimal.unscaled as f64 / scale));
    }
    let shown = match shortest(double) {
        Some(shown) => shown,
        // Nearer to zero than any decimal but zero.
        None if double.abs() < 1.0 && decimal.unscaled != 0 => Decimal { unscaled: 0, scale: 0 },
        None => return double.partial_cmp(&0.0),
    };
    Some(compare_decimals(shown, decimal))
}

/// The decimal of a finite double's text form, when it fits one.
/// Digits behind the 38th are rounded.
fn shortest(double: f64) -> Option<Decimal> {
    if !double.is_finite() {
        return None;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(double);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let decimal = Decimal::parse(mantissa)?;
    let scale = i32::from(decimal.scale) - exponent;
    match u32::try_from(scale) {
        Ok(scale) if scale <= MAX_SCALE => {
            Some(Decimal { unscaled: decimal.unscaled, scale: scale as u8 })
        }
        Ok(scale) => {
            let unscaled = half_up(decimal.unscaled, power_of_ten(scale - MAX_SCALE)?)?;
            Some(Decimal { unscaled, scale: MAX_SCALE as u8 })
        }
        Err(_) => {
            let unscaled = decimal.unscaled.checked_mul(power_of_ten(scale.unsigned_abs())?)?;
            Some(Decimal { unscaled, scale: 0 })
        }
    }
}

/// Compares exactly, whatever the scales.
pub(super) fn compare_decimals(a: Decimal, b: Decimal) -> Ordering {
    if a.scale == b.scale {
        return a.unscaled.cmp(&b.unscaled);
    }
    if a.scale > b.scale {
        return compare_decimals(b, a).reverse();
    }
    // b has the finer scale: a is scaled up, and when it does not fit it is the greater one in size.
    let scaled = power_of_ten(u32::from(b.scale - a.scale)).and_then(|p| a.unscaled.checked_mul(p));
    scaled.map_or_else(|| a.unscaled.cmp(&0), |scaled| scaled.cmp(&b.unscaled))
}

fn ints(operator: Arithmetic, a: i64, b: i64) -> Result<i64, &'static str> {
    let result = match operator {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide | Arithmetic::Remainder if b == 0 => return Err(BY_ZERO),
        Arithmetic::Divide => a.checked_div(b),
        // The least integer by -1 leaves nothing, though its quotient does not fit.
        Arithmetic::Remainder => Some(a.wrapping_rem(b)),
    };
    result.ok_or(INT_OVERFLOW)
}

fn doubles(operator: Arithmetic, a: f64, b: f64) -> Result<f64, &'static str> {
    let result = match operator {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide | Arithmetic::Remainder if b == 0.0 => return Err(BY_ZERO),
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => a % b,
    };
    match result.is_finite() || !a.is_finite() || !b.is_finite() {
        true => Ok(result),
        false => Err(DOUBLE_OVERFLOW),
    }
}

fn decimals(operator: Arithmetic, a: Decimal, b: Decimal) -> Result<Decimal, &'static str> {
    let result = match operator {
        Arithmetic::Add => aligned(a, b, i128::checked_add),
        Arithmetic::Subtract => aligned(a, b, i128::checked_sub),
        Arithmetic::Multiply => product(a, b),
        Arithmetic::Divide | Arithmetic::Remainder if b.unscaled == 0 => return Err(BY_ZERO),
        Arithmetic::Divide => quotient(a, b),
        Arithmetic::Remainder => aligned(a, b, |a, b| Some(a.wrapping_rem(b))),
    };
    result.ok_or(DECIMAL_OVERFLOW)
}

/// The sum of two numbers that are no doubles; none when it does not fit.
pub(super) fn sum(a: Numeric, b: Numeric) -> Option<Decimal> {
    aligned(a.decimal(), b.decimal(), i128::checked_add)
}

/// A number that is no double divided by a whole one.
pub(super) fn mean(sum: Numeric, count: i64) -> Option<Decimal> {
    let count = Decimal { unscaled: i128::from(count), scale: 0 };
    if count.unscaled == 0 { None } else { quotient(sum.decimal(), count) }
}

/// Both at the greater scale.
fn aligned(
    a: Decimal,
    b: Decimal,
    compute: impl FnOnce(i128, i128) -> Option<i128>,
) -> Option<Decimal> {
    let scale = a.scale.max(b.scale);
    let up = |d: Decimal| d.unscaled.checked_mul(power_of_ten(u32::from(scale - d.scale))?);
    Some(Decimal { unscaled: compute(up(a)?, up(b)?)?, scale })
}

/// Scales add up; digits behind the 38th are rounded.
fn product(a: Decimal, b: Decimal) -> Option<Decimal> {
    let unscaled = a.unscaled.checked_mul(b.unscaled)?;
    rescaled_from(unscaled, u32::from(a.scale) + u32::from(b.scale))
}

fn rescaled_from(unscaled: i128, scale: u32) -> Option<Decimal> {
    let unscaled = match scale.checked_sub(MAX_SCALE) {
        None | Some(0) => unscaled,
        Some(excess) => half_up(unscaled, power_of_ten(excess)?)?,
    };
    Some(Decimal { unscaled, scale: scale.min(MAX_SCALE) as u8 })
}

/// A quotient has max(6, s1 + s2 + 1) digits behind the point, or as many of
/// these as fit, rounded half up.
fn quotient(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (first, second) = (u32::from(a.scale), u32::from(b.scale));
    let wanted = QUOTIENT_SCALE.max(first + second + 1).min(MAX_SCALE);
    (0..=wanted).rev().find_map(|scale| {
        // a / 10^s1 / (b / 10^s2) at that scale is a * 10^(scale + s2 - s1) / b.
        let (up, down) = (scale + second, first);
        let unscaled = match up.checked_sub(down) {
            Some(up) => half_up(a.unscaled.checked_mul(power_of_ten(up)?)?, b.unscaled),
            None => half_up(a.unscaled, b.unscaled.checked_mul(power_of_ten(down - up)?)?),
        };
        Some(Decimal { unscaled: unscaled?, scale: scale as u8 })
    })
}

/// `dividend / divisor`, halves away from zero.
pub(super) fn half_up(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?.unsigned_abs();
    // rest * 2 >= divisor, without overflow.
    if rest < divisor.unsigned_abs() - rest {
        return Some(quotient);
    }
    let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    quotient.checked_add(away)
}

/// The decimal at another scale, halves away from zero; none when it does not fit.
pub(super) fn rescaled(decimal: Decimal, scale: u8) -> Option<Decimal> {
    let unscaled = match scale.checked_sub(decimal.scale) {
        Some(more) => decimal.unscaled.checked_mul(power_of_ten(u32::from(more))?)?,
        None => half_up(decimal.unscaled, power_of_ten(u32::from(decimal.scale - scale))?)?,
    };
    Some(Decimal { unscaled, scale })
}

/// The decimal of a number: a double's is that of its text form.
pub(super) fn to_decimal(number: Numeric) -> Option<Decimal> {
    match number {
        Numeric::Double(double) => shortest(double),
        other => Some(other.decimal()),
    }
}
