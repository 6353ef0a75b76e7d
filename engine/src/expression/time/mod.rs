//! Dates and times: what values stand for one, calendar arithmetic, zones, and
//! patterns as Java's DateTimeFormatter.

mod civil;
mod format;
mod iso;
mod parse;
mod pattern;
mod unit;
mod zone;

#[cfg(test)]
mod tests;

pub use civil::{Civil, days_from_civil};
pub use iso::{parse_date, parse_time, parse_timestamp};
pub use parse::Parsed;
pub use pattern::Pattern;
pub use unit::Unit;
pub use zone::Zone;

use crate::expression::number::Numeric;
use crate::format::{json, nested};
use crate::record::{Arena, TimeUnit, Value};

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// What kind of time a [`Moment`] is, which decides what it becomes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An instant.
    Timestamp,
    /// A date and time without a zone.
    Local,
    /// A date.
    Date,
    /// A time of day.
    Time,
}

/// A date, time or timestamp to compute with: seconds since 1970-01-01T00:00:00
/// (UTC for an instant; since midnight for a time of day), and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// Nanoseconds beyond them, 0 to 999,999,999.
    pub nanos: u32,
    /// How finely it was written.
    pub unit: TimeUnit,
    /// What it is.
    pub kind: Kind,
}

impl Moment {
    /// That many units since 1970 or midnight.
    pub fn new(kind: Kind, count: i64, unit: TimeUnit) -> Moment {
        let per_second = unit.per_second();
        let nanos = count.rem_euclid(per_second) * (1_000_000_000 / per_second);
        Moment { seconds: count.div_euclid(per_second), nanos: nanos as u32, unit, kind }
    }

    /// What a value stands for: a date, time or timestamp; milliseconds since 1970;
    /// ISO 8601 text, UTC without a zone; Java's array `[2020,7,1,0,25]` (local).
    pub fn of<'a>(value: Value<'a>, arena: &'a Arena) -> Option<Moment> {
        match value {
            Value::Timestamp(count, unit) => Some(Moment::new(Kind::Timestamp, count, unit)),
            Value::LocalTimestamp(count, unit) => Some(Moment::new(Kind::Local, count, unit)),
            Value::Date(days) => Some(Moment::date(i64::from(days))),
            Value::Time(count, unit) => Some(Moment::new(Kind::Time, count, unit)),
            Value::Int(ms) => Some(Moment::new(Kind::Timestamp, ms, TimeUnit::Millis)),
            Value::Text(text) => Moment::of_text(text),
            Value::Escaped(text) => Moment::of_text(json::unescaped(text, arena)),
            Value::Array(_) | Value::List(_) | Value::Nested(_) => Moment::of_array(value, arena),
            _ => match Numeric::of(value)? {
                Numeric::Int(ms) => Some(Moment::new(Kind::Timestamp, ms, TimeUnit::Millis)),
                Numeric::Double(ms) if ms.fract() == 0.0 && ms.abs() < 9e15 => {
                    Some(Moment::new(Kind::Timestamp, ms as i64, TimeUnit::Millis))
                }
                _ => None,
            },
        }
    }

    fn date(days: i64) -> Moment {
        Moment { seconds: days * DAY, nanos: 0, unit: TimeUnit::Millis, kind: Kind::Date }
    }

    fn of_text(text: &str) -> Option<Moment> {
        let text = text.trim();
        if let Some(days) = parse_date(text) {
            return Some(Moment::date(i64::from(days)));
        }
        match parse_timestamp(text) {
            Some((count, unit)) => Some(Moment::new(Kind::Timestamp, count, unit)),
            None => parse_time(text).map(|(count, unit)| Moment::new(Kind::Time, count, unit)),
        }
    }

    /// Java's `[year, month, day, hour, minute, second, nano]`, at least a date.
    fn of_array<'a>(value: Value<'a>, arena: &'a Arena) -> Option<Moment> {
        let length = nested::length(value).filter(|length| (3..=7).contains(length))?;
        let mut parts = [0i64; 7];
        for (index, part) in parts.iter_mut().enumerate().take(length) {
            *part = match Numeric::of(nested::element(value, index as i64, arena))? {
                Numeric::Int(number) => number,
                _ => return None,
            };
        }
        let [year, month, day, hour, minute, second, nano] = parts;
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute);
        if !fits || !(0..60).contains(&second) || !(0..1_000_000_000).contains(&nano) {
            return None;
        }
        let month = u32::try_from(month).ok()?;
        let days = days_from_civil(year, month, u32::try_from(day).ok()?)?;
        let seconds = days * DAY + hour * 3600 + minute * 60 + second;
        let unit = match nano {
            _ if nano % 1_000_000 == 0 => TimeUnit::Millis,
            _ if nano % 1_000 == 0 => TimeUnit::Micros,
            _ => TimeUnit::Nanos,
        };
        let kind = if length == 3 { Kind::Date } else { Kind::Local };
        Some(Moment { seconds, nanos: nano as u32, unit, kind })
    }

    /// Seconds and nanoseconds, to be compared.
    pub fn instant(&self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }

    /// Since 1970 or midnight in that unit, rounded down; none when it does not fit.
    pub fn count(&self, unit: TimeUnit) -> Option<i64> {
        let per_second = unit.per_second();
        let part = i64::from(self.nanos) / (1_000_000_000 / per_second);
        // In 128 bits, as the seconds of the least count may not fit alone.
        let count = i128::from(self.seconds) * i128::from(per_second) + i128::from(part);
        i64::try_from(count).ok()
    }

    /// Days since 1970-01-01.
    pub fn days(&self) -> i64 {
        self.seconds.div_euclid(DAY)
    }

    /// The value it is again; none when it does not fit.
    pub fn value<'a>(&self) -> Option<Value<'a>> {
        match self.kind {
            Kind::Timestamp => Some(Value::Timestamp(self.count(self.unit)?, self.unit)),
            Kind::Local => Some(Value::LocalTimestamp(self.count(self.unit)?, self.unit)),
            Kind::Date => i32::try_from(self.days()).ok().map(Value::Date),
            Kind::Time => Some(Value::Time(self.count(self.unit)?, self.unit)),
        }
    }
}
