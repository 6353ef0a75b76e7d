//! Numbers: `range`, `decimals` and `kind: now`, for all types that are stored as one.

use super::annotation::{Annotations, SchemaError};
use apache_avro::{Schema, types::Value};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value as Json;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_MS: i64 = 86_400_000;
/// Times about which the schema says nothing lie before the year 2100, in ms since 1970. (The
/// reference takes any number, which is hardly ever a time.)
const LATEST_MS: i64 = 4_102_444_800_000;
/// Greatest value of a scaled decimal: beyond it a double holds no single units.
const MAX_SCALED: f64 = 9_007_199_254_740_992.0;

/// The Avro types that hold a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegralType {
    /// int, 32 bits.
    Int,
    /// long, 64 bits.
    Long,
    /// Days since 1970.
    Date,
    /// Milliseconds since midnight.
    TimeMillis,
    /// Microseconds since midnight.
    TimeMicros,
    /// Milliseconds since 1970, UTC.
    TimestampMillis,
    /// Microseconds since 1970, UTC.
    TimestampMicros,
    /// Nanoseconds since 1970, UTC.
    TimestampNanos,
    /// Milliseconds since 1970 in local time.
    LocalTimestampMillis,
    /// Microseconds since 1970 in local time.
    LocalTimestampMicros,
    /// Nanoseconds since 1970 in local time.
    LocalTimestampNanos,
}

impl IntegralType {
    /// The type of `schema`, if it holds a whole number.
    pub fn of(schema: &Schema) -> Option<IntegralType> {
        Some(match schema {
            Schema::Int => IntegralType::Int,
            Schema::Long => IntegralType::Long,
            Schema::Date => IntegralType::Date,
            Schema::TimeMillis => IntegralType::TimeMillis,
            Schema::TimeMicros => IntegralType::TimeMicros,
            Schema::TimestampMillis => IntegralType::TimestampMillis,
            Schema::TimestampMicros => IntegralType::TimestampMicros,
            Schema::TimestampNanos => IntegralType::TimestampNanos,
            Schema::LocalTimestampMillis => IntegralType::LocalTimestampMillis,
            Schema::LocalTimestampMicros => IntegralType::LocalTimestampMicros,
            Schema::LocalTimestampNanos => IntegralType::LocalTimestampNanos,
            _ => return None,
        })
    }

    /// Least and greatest number the type stores.
    pub fn bounds(self) -> (i64, i64) {
        match self {
            IntegralType::Int | IntegralType::Date | IntegralType::TimeMillis => {
                (i32::MIN.into(), i32::MAX.into())
            }
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// What is drawn where the schema says nothing, both ends included.
    fn usual(self) -> (i64, i64) {
        match self {
            IntegralType::Int | IntegralType::Long => self.bounds(),
            IntegralType::Date => (0, LATEST_MS / DAY_MS - 1),
            IntegralType::TimeMillis => (0, DAY_MS - 1),
            IntegralType::TimeMicros => (0, DAY_MS * 1000 - 1),
            IntegralType::TimestampMillis | IntegralType::LocalTimestampMillis => {
                (0, LATEST_MS - 1)
            }
            IntegralType::TimestampMicros | IntegralType::LocalTimestampMicros => {
                (0, LATEST_MS * 1000 - 1)
            }
            IntegralType::TimestampNanos | IntegralType::LocalTimestampNanos => {
                (0, LATEST_MS * 1_000_000 - 1)
            }
        }
    }

    /// The time now in the type's unit (local time types: in UTC).
    fn now(self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        match self {
            IntegralType::Int => now / 1_000_000_000,
            IntegralType::Date => now / 1_000_000 / DAY_MS,
            IntegralType::TimeMillis => now / 1_000_000 % DAY_MS,
            IntegralType::TimeMicros => now / 1000 % (DAY_MS * 1000),
            IntegralType::Long
            | IntegralType::TimestampMillis
            | IntegralType::LocalTimestampMillis => now / 1_000_000,
            IntegralType::TimestampMicros | IntegralType::LocalTimestampMicros => now / 1000,
            IntegralType::TimestampNanos | IntegralType::LocalTimestampNanos => now,
        }
    }

    /// `number` as a value of this type; one out of its bounds becomes the nearest.
    pub fn value(self, number: i64) -> Value {
        let (min, max) = self.bounds();
        let small = || i32::try_from(number.clamp(min, max)).unwrap_or_default();
        match self {
            IntegralType::Int => Value::Int(small()),
            IntegralType::Long => Value::Long(number),
            IntegralType::Date => Value::Date(small()),
            IntegralType::TimeMillis => Value::TimeMillis(small()),
            IntegralType::TimeMicros => Value::TimeMicros(number),
            IntegralType::TimestampMillis => Value::TimestampMillis(number),
            IntegralType::TimestampMicros => Value::TimestampMicros(number),
            IntegralType::TimestampNanos => Value::TimestampNanos(number),
            IntegralType::LocalTimestampMillis => Value::LocalTimestampMillis(number),
            IntegralType::LocalTimestampMicros => Value::LocalTimestampMicros(number),
            IntegralType::LocalTimestampNanos => Value::LocalTimestampNanos(number),
        }
    }
}

/// How one whole number of a schema is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integral {
    /// From the first to the second, both included.
    Range(i64, i64),
    /// The time of making.
    Now,
}

impl Integral {
    /// Takes `range` or `kind: now`.
    ///
    /// # Errors
    /// A bound is no whole number of the type, or nothing lies between them.
    pub fn take(
        annotations: &mut Annotations,
        kind: IntegralType,
    ) -> Result<Integral, SchemaError> {
        if let Some(name) = annotations.take_text("kind")? {
            return match name.as_str() {
                "now" => Ok(Integral::Now),
                _ => Err(annotations.error(format!("unknown kind '{name}'; a number's is now"))),
            };
        }
        let Some(range) = annotations.take_object("range", &["min", "max"])? else {
            let (min, max) = kind.usual();
            return Ok(Integral::Range(min, max));
        };
        let (least, greatest) = kind.bounds();
        let bound = |name: &str| match range.get(name) {
            None => Ok(None),
            Some(json) => match json.as_i64() {
                Some(number) if (least..=greatest).contains(&number) => Ok(Some(number)),
                _ => Err(annotations.error(format!(
                    "range: {name} must be a whole number from {least} to {greatest}, not {json}"
                ))),
            },
        };
        let (min, max) = (bound("min")?.unwrap_or(least), bound("max")?);
        // max itself is never reached, so that it may be one more than the last.
        let last = max.map_or(Some(greatest), |max| max.checked_sub(1));
        match last {
            Some(last) if min <= last => Ok(Integral::Range(min, last)),
            _ => Err(annotations.error("range: min must be less than max")),
        }
    }

    /// The next number.
    pub fn draw(self, kind: IntegralType, rng: &mut StdRng) -> i64 {
        match self {
            Integral::Range(min, max) => rng.random_range(min..=max),
            Integral::Now => kind.now(),
        }
    }
}

/// How one float or double of a schema is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decimal {
    /// From `min`, included, to `max`, not included.
    Any { min: f64, max: f64 },
    /// Whole multiples, from `first` to `last`, both included, of one divided by `scale`.
    Scaled { first: i64, last: i64, scale: f64 },
}

impl Decimal {
    /// Takes `range` and `decimals` for a type whose greatest value is `greatest`.
    ///
    /// # Errors
    /// A bound is no number of the type, or nothing lies between them.
    pub fn take(annotations: &mut Annotations, greatest: f64) -> Result<Decimal, SchemaError> {
        let (mut min, mut max) = (0.0, 1.0);
        if let Some(range) = annotations.take_object("range", &["min", "max"])? {
            let bound = |name: &str, default: f64| match range.get(name) {
                None => Ok(default),
                Some(json) => {
                    json.as_f64().filter(|number| number.abs() <= greatest).ok_or_else(|| {
                        annotations.error(format!(
                            "range: {name} must be a number the type holds, not {json}"
                        ))
                    })
                }
            };
            (min, max) = (bound("min", -greatest)?, bound("max", greatest)?);
        }
        if min >= max {
            return Err(annotations.error("range: min must be less than max"));
        }
        match annotations.take("decimals") {
            None => Ok(Decimal::Any { min, max }),
            Some(json) => Decimal::scaled(annotations, min, max, &json),
        }
    }

    fn scaled(
        annotations: &Annotations,
        min: f64,
        max: f64,
        decimals: &Json,
    ) -> Result<Decimal, SchemaError> {
        let digits = decimals
            .as_u64()
            .and_then(|digits| i32::try_from(digits).ok())
            .filter(|digits| *digits <= 15)
            .ok_or_else(|| {
                annotations
                    .error(format!("decimals must be a whole number from 0 to 15, not {decimals}"))
            })?;
        let scale = 10_f64.powi(digits);
        let (first, end) = ((min * scale).ceil(), (max * scale).ceil());
        if first >= end {
            return Err(
                annotations.error(format!("range: no number of {digits} decimals lies in it"))
            );
        }
        if first < -MAX_SCALED || end > MAX_SCALED {
            return Err(annotations.error(format!(
                "decimals: a double has no {digits} decimals over so wide a range"
            )));
        }
        // Exact: both are whole and within ± 2^53.
        Ok(Decimal::Scaled { first: first as i64, last: end as i64 - 1, scale })
    }

    /// The next number.
    pub fn draw(self, rng: &mut StdRng) -> f64 {
        match self {
            Decimal::Any { min, max } => {
                let part: f64 = rng.random();
                // In two products, as max - min may be more than a double holds.
                let number = min * (1.0 - part) + max * part;
                if number < max { number.max(min) } else { min }
            }
            Decimal::Scaled { first, last, scale } => rng.random_range(first..=last) as f64 / scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use serde_json::json;

    fn annotations(properties: Json) -> Annotations {
        Annotations::new("here", Some(&properties)).unwrap()
    }

    proptest! {
        #[test]
        fn whole_numbers_stay_in_their_range(min in any::<i32>(), max in any::<i32>(), seed in any::<u64>()) {
            prop_assume!(min < max);
            let mut rng = StdRng::seed_from_u64(seed);
            let number = Integral::take(&mut annotations(json!({"range": {"min": min, "max": max}})), IntegralType::Int).unwrap();
            for _ in 0..50 {
                let drawn = number.draw(IntegralType::Int, &mut rng);
                prop_assert!(drawn >= i64::from(min) && drawn < i64::from(max));
            }
        }

        #[test]
        fn decimal_numbers_stay_in_their_range(min in -1e300..1e300, width in 1e-3..1e300, seed in any::<u64>()) {
            let max = min + width;
            prop_assume!(min < max);
            let mut rng = StdRng::seed_from_u64(seed);
            let number = Decimal::take(&mut annotations(json!({"range": {"min": min, "max": max}})), f64::MAX).unwrap();
            for _ in 0..50 {
                let drawn = number.draw(&mut rng);
                prop_assert!(drawn >= min && drawn < max, "{drawn} of {min} to {max}");
            }
        }

        #[test]
        fn decimals_are_kept_and_their_bounds_too(min in -500_i32..500, width in 1_i32..500, seed in any::<u64>()) {
            let (min, max) = (f64::from(min) / 8.0, f64::from(min + width) / 8.0 + 0.2);
            let mut rng = StdRng::seed_from_u64(seed);
            let properties = json!({"range": {"min": min, "max": max}, "decimals": 1});
            let number = Decimal::take(&mut annotations(properties), f64::MAX).unwrap();
            for _ in 0..50 {
                let drawn = number.draw(&mut rng);
                let text = serde_json::to_string(&drawn).unwrap();
                prop_assert_eq!(text.split_once('.').unwrap().1.len(), 1, "{}", text);
                prop_assert!(drawn >= min && drawn < max, "{drawn} of {min} to {max}");
            }
        }
    }

    #[test]
    fn the_whole_of_a_type_is_in_reach() {
        let all = Integral::take(
            &mut annotations(json!({"range": {"min": i64::MIN}})),
            IntegralType::Long,
        )
        .unwrap();
        assert_eq!(all, Integral::Range(i64::MIN, i64::MAX));
        let most = Decimal::take(&mut annotations(json!({"range": {"min": -f64::MAX}})), f64::MAX)
            .unwrap();
        assert!(most.draw(&mut StdRng::seed_from_u64(3)).is_finite());
    }

    #[test]
    fn wrong_ranges_are_refused() {
        for wrong in [
            json!({"min": 3, "max": 3}),
            json!({"min": 1.5}),
            json!({"max": 3_000_000_000_i64}),
            json!([]),
            json!({"start": 1}),
        ] {
            let taken =
                Integral::take(&mut annotations(json!({ "range": wrong })), IntegralType::Int);
            assert!(taken.is_err(), "{wrong}");
        }
        for wrong in [
            json!({"range": {"min": 1e39}}),
            json!({"range": {"min": 1, "max": 0}}),
            json!({"decimals": -1}),
            json!({"range": {"min": 0.11, "max": 0.19}, "decimals": 1}),
        ] {
            assert!(
                Decimal::take(&mut annotations(wrong.clone()), f64::from(f32::MAX)).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn now_is_in_the_unit_of_its_type() {
        let now = |kind| Integral::Now.draw(kind, &mut StdRng::seed_from_u64(0));
        let ms = now(IntegralType::TimestampMillis);
        assert!(ms > 1_700_000_000_000, "{ms}");
        assert!((now(IntegralType::TimestampMicros) / 1000 - ms).abs() < 60_000);
        assert!((0..DAY_MS).contains(&now(IntegralType::TimeMillis)));
    }
}
