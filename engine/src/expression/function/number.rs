//! Numbers.

use super::compare::order;
use super::{Call, Fault, Function, Group, Returns, any, boolean, int, number};
use crate::expression::number::Numeric;
use crate::record::{Decimal, Value};
use std::cmp::Ordering;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Number,
        "abs",
        &[number("number")],
        Returns::SameAs(0),
        abs,
        "The number without its sign.",
        &[("abs(-7)", "7"), ("abs(-13.40)", "13.40")],
    ),
    Function::new(
        Group::Number,
        "sign",
        &[number("number")],
        Returns::Int,
        sign,
        "-1 for a negative number, 0 for 0, 1 for a positive one.",
        &[("sign(-3.5)", "-1"), ("sign(0)", "0")],
    ),
    Function::new(
        Group::Number,
        "int_from_boolean",
        &[boolean("truth")],
        Returns::Int,
        |call| Ok(Value::Int(i64::from(call.boolean(0)?))),
        "1 for true, 0 for false.",
        &[("int_from_boolean(true)", "1"), ("int_from_boolean(1 > 2)", "0")],
    ),
    Function::new(
        Group::Number,
        "round",
        &[number("number"), int("digits")],
        Returns::Unknown,
        |call| to_digits(call, Rounding::HalfUp),
        "The number rounded to that many digits behind the point (0 when left out, before the point \
         when negative); halves go up, towards positive infinity. A double without digits becomes \
         an integer.",
        &[
            ("round(13.456, 2)", "13.46"),
            ("round(1.5)", "2"),
            ("round(-1.5)", "-1"),
            ("round(1234, -2)", "1200"),
            ("round(2.5e0)", "3"),
        ],
    )
    .required(1),
    Function::new(
        Group::Number,
        "trunc",
        &[number("number"), int("digits")],
        Returns::Unknown,
        |call| to_digits(call, Rounding::Truncate),
        "The number cut after that many digits behind the point, 0 when left out.",
        &[("trunc(13.456, 1)", "13.4"), ("trunc(-1.9)", "-1")],
    )
    .aliases(&["truncate"])
    .required(1),
    Function::new(
        Group::Number,
        "floor",
        &[number("number")],
        Returns::SameAs(0),
        |call| whole(call, Rounding::Floor),
        "The greatest whole number that is not greater.",
        &[("floor(-1.5)", "-2"), ("floor(1.9e0)", "1.0")],
    ),
    Function::new(
        Group::Number,
        "ceil",
        &[number("number")],
        Returns::SameAs(0),
        |call| whole(call, Rounding::Ceiling),
        "The least whole number that is not less.",
        &[("ceil(1.2)", "2"), ("ceiling(-1.5)", "-1")],
    )
    .aliases(&["ceiling"]),
    Function::new(
        Group::Number,
        "sqrt",
        &[number("number")],
        Returns::Double,
        |call| Ok(Value::Double(call.double(0)?.sqrt())),
        "The square root; NaN for a negative number.",
        &[("sqrt(9)", "3.0"), ("sqrt(-1)", "NaN")],
    ),
    Function::new(
        Group::Number,
        "cbrt",
        &[number("number")],
        Returns::Double,
        |call| Ok(Value::Double(call.double(0)?.cbrt())),
        "The cube root.",
        &[("cbrt(27)", "3.0"), ("cbrt(-8)", "-2.0")],
    ),
    Function::new(
        Group::Number,
        "exp",
        &[number("number")],
        Returns::Double,
        |call| Ok(Value::Double(call.double(0)?.exp())),
        "The number e raised to that power.",
        &[("exp(0)", "1.0"), ("round(exp(1), 6)", "2.718282")],
    ),
    Function::new(
        Group::Number,
        "ln",
        &[number("number")],
        Returns::Double,
        |call| Ok(Value::Double(call.double(0)?.ln())),
        "The natural logarithm; -Infinity for 0, NaN for a negative number.",
        &[("ln(1)", "0.0"), ("ln(0)", "-Infinity")],
    ),
    Function::new(
        Group::Number,
        "log",
        &[number("base_or_number"), number("number")],
        Returns::Double,
        log,
        "log(number) is the logarithm to base 10, log(base, number) that to another base.",
        &[("log(1000)", "3.0"), ("log(2, 8)", "3.0")],
    )
    .required(1),
    Function::new(
        Group::Number,
        "power",
        &[number("base"), number("exponent")],
        Returns::Double,
        |call| Ok(Value::Double(call.double(0)?.powf(call.double(1)?))),
        "The base raised to a power; Infinity when that is too large.",
        &[("power(2, 10)", "1024.0"), ("pow(9, 0.5)", "3.0")],
    )
    .aliases(&["pow"]),
    Function::new(
        Group::Number,
        "mod",
        &[number("number"), number("divisor")],
        Returns::Unknown,
        remainder,
        "What is left when dividing, with the sign of the number, as `%`.",
        &[("mod(7, 3)", "1"), ("mod(-7.5, 2)", "-1.5")],
    ),
    Function::new(
        Group::Number,
        "greatest",
        &[any("value")],
        Returns::SameAs(0),
        |call| extreme(call, Ordering::Greater),
        "The greatest value of one kind that is not null.",
        &[("greatest(1, NULL, 2.5)", "2.5"), ("greatest('b', 'a')", "b")],
    )
    .variadic()
    .sees_nulls(),
    Function::new(
        Group::Number,
        "least",
        &[any("value")],
        Returns::SameAs(0),
        |call| extreme(call, Ordering::Less),
        "The least value of one kind that is not null.",
        &[("least(3, NULL, 2.5)", "2.5"), ("least(NULL)", "null")],
    )
    .variadic()
    .sees_nulls(),
];

const TOO_LARGE: &str = "the result does not fit";

fn abs<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let number = match call.number(0)? {
        Numeric::Int(int) => Numeric::Int(int.checked_abs().ok_or(Fault::from(TOO_LARGE))?),
        Numeric::Decimal(Decimal { unscaled, scale }) => {
            let unscaled = unscaled.checked_abs().ok_or(Fault::from(TOO_LARGE))?;
            Numeric::Decimal(Decimal { unscaled, scale })
        }
        Numeric::Double(double) => Numeric::Double(double.abs()),
    };
    Ok(number.value(call.arena))
}

fn sign<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let sign = match call.number(0)? {
        Numeric::Int(int) => int.signum(),
        Numeric::Decimal(decimal) => decimal.unscaled.signum() as i64,
        Numeric::Double(double) if double == 0.0 || double.is_nan() => 0,
        Numeric::Double(double) => double.signum() as i64,
    };
    Ok(Value::Int(sign))
}

#[derive(Clone, Copy)]
enum Rounding {
    HalfUp,
    Truncate,
    Floor,
    Ceiling,
}

impl Rounding {
    /// `number` / `unit`, rounded to a whole number.
    fn divide(self, number: i128, unit: i128) -> i128 {
        let (floor, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
        let up = match self {
            // Without overflow: rest * 2 >= unit.
            Rounding::HalfUp => rest >= unit - rest,
            Rounding::Truncate => number < 0 && rest != 0,
            Rounding::Floor => false,
            Rounding::Ceiling => rest != 0,
        };
        floor + i128::from(up)
    }

    fn double(self, number: f64) -> f64 {
        match self {
            // `(number + 0.5).floor()` is wrong just below a half and for large numbers.
            Rounding::HalfUp => {
                let floor = number.floor();
                if number - floor >= 0.5 { floor + 1.0 } else { floor }
            }
            Rounding::Truncate => number.trunc(),
            Rounding::Floor => number.floor(),
            Rounding::Ceiling => number.ceil(),
        }
    }
}

/// 10^`power`; none when it does not fit.
fn ten(power: u64) -> Option<i128> {
    10i128.checked_pow(u32::try_from(power).ok()?)
}

/// `unscaled` rounded so that `dropped` of its digits become zeros.
fn drop_digits(unscaled: i128, dropped: u64, rounding: Rounding) -> Option<i128> {
    match ten(dropped) {
        Some(unit) => rounding.divide(unscaled, unit).checked_mul(unit),
        // Of a unit greater than any number only rounding away from zero leaves more than 0,
        // and that much does not fit.
        None => Some(0),
    }
}

fn to_digits<'a>(call: &Call<'_, 'a>, rounding: Rounding) -> Result<Value<'a>, Fault> {
    let digits = if call.arguments.len() > 1 { Some(call.int(1)?) } else { None };
    let wanted = digits.unwrap_or(0);
    let rounded = match call.number(0)? {
        Numeric::Int(int) if wanted >= 0 => Some(Numeric::Int(int)),
        Numeric::Int(int) => drop_digits(i128::from(int), wanted.unsigned_abs(), rounding)
            .and_then(|int| i64::try_from(int).ok())
            .map(Numeric::Int),
        Numeric::Decimal(decimal) => decimal_to(decimal, wanted, rounding).map(Numeric::Decimal),
        Numeric::Double(double) if digits.is_none() => {
            let whole = rounding.double(double);
            // As Java's Math.round: NaN is 0 and what is too large the greatest integer.
            Some(Numeric::Int(whole as i64))
        }
        Numeric::Double(double) => Some(Numeric::Double(double_to(double, wanted, rounding))),
    };
    let rounded = rounded.ok_or(Fault::from(TOO_LARGE))?;
    Ok(rounded.value(call.arena))
}

/// A decimal with that many digits behind the point at most.
fn decimal_to(decimal: Decimal, digits: i64, rounding: Rounding) -> Option<Decimal> {
    let scale = u8::try_from(digits.max(0)).unwrap_or(u8::MAX).min(decimal.scale);
    let dropped = u64::try_from(i64::from(decimal.scale).saturating_sub(digits)).unwrap_or(0);
    let unscaled = drop_digits(decimal.unscaled, dropped, rounding)?;
    Some(Decimal { unscaled: unscaled / ten(u64::from(decimal.scale - scale))?, scale })
}

/// Rounds the decimal that a double's shortest text writes, so that 1.005 rounds to 1.01.
fn double_to(double: f64, digits: i64, rounding: Rounding) -> f64 {
    if !double.is_finite() {
        return double;
    }
    let mut buffer = zmij::Buffer::new();
    let exact = Decimal::parse(buffer.format_finite(double));
    let rounded = exact.and_then(|decimal| {
        Some(Numeric::Decimal(decimal_to(decimal, digits, rounding)?).double())
    });
    // What is written with an exponent is far from the digits that are asked for.
    rounded.unwrap_or_else(|| {
        let power = i32::try_from(digits).unwrap_or(i32::MAX).clamp(-400, 400);
        let unit = 10f64.powi(power);
        let scaled = double * unit;
        let whole = rounding.double(scaled) / unit;
        if scaled.is_finite() && whole.is_finite() { whole } else { double }
    })
}

fn whole<'a>(call: &Call<'_, 'a>, rounding: Rounding) -> Result<Value<'a>, Fault> {
    let number = match call.number(0)? {
        Numeric::Int(int) => Numeric::Int(int),
        Numeric::Decimal(decimal) => {
            let unit = ten(u64::from(decimal.scale)).ok_or(Fault::from(TOO_LARGE))?;
            let unscaled = rounding.divide(decimal.unscaled, unit);
            Numeric::Decimal(Decimal { unscaled, scale: 0 })
        }
        Numeric::Double(double) => Numeric::Double(rounding.double(double)),
    };
    Ok(number.value(call.arena))
}

fn log<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let first = call.double(0)?;
    if call.arguments.len() < 2 {
        return Ok(Value::Double(first.log10()));
    }
    let number = call.double(1)?;
    let bad = first <= 0.0 || first == 1.0 || number < 0.0;
    let log = match first {
        _ if bad => f64::NAN,
        // Exact for powers of the base, which a quotient of logarithms is not.
        2.0 => number.log2(),
        10.0 => number.log10(),
        _ => number.ln() / first.ln(),
    };
    Ok(Value::Double(if number == 0.0 && !bad { f64::NEG_INFINITY } else { log }))
}

fn remainder<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let by_zero = || Fault::from("division by zero");
    let decimal = |number| match number {
        Numeric::Int(int) => Some(Decimal { unscaled: i128::from(int), scale: 0 }),
        Numeric::Decimal(decimal) => Some(decimal),
        Numeric::Double(_) => None,
    };
    let (number, divisor) = (call.number(0)?, call.number(1)?);
    if let (Numeric::Int(number), Numeric::Int(divisor)) = (number, divisor) {
        return match divisor {
            0 => Err(by_zero()),
            _ => Ok(Value::Int(number.wrapping_rem(divisor))),
        };
    }
    let (Some(one), Some(other)) = (decimal(number), decimal(divisor)) else {
        let divisor = divisor.double();
        let rest = if divisor == 0.0 { Err(by_zero()) } else { Ok(number.double() % divisor) };
        return rest.map(Value::Double);
    };
    let scale = one.scale.max(other.scale);
    let widened = |decimal: Decimal| {
        let by = ten(u64::from(scale - decimal.scale))?;
        decimal.unscaled.checked_mul(by)
    };
    let (one, other) = widened(one).zip(widened(other)).ok_or(Fault::from(TOO_LARGE))?;
    let unscaled = if other == 0 { Err(by_zero()) } else { Ok(one.wrapping_rem(other)) }?;
    Ok(call.arena.decimal(Decimal { unscaled, scale }))
}

fn extreme<'a>(call: &Call<'_, 'a>, wanted: Ordering) -> Result<Value<'a>, Fault> {
    let mut best = Value::Null;
    for value in call.arguments.iter().copied().filter(|value| !value.is_null()) {
        let better = match best {
            Value::Null => true,
            _ => order(value, best, call.arena)? == Some(wanted),
        };
        best = if better { value } else { best };
    }
    Ok(best)
}
