//! Units of time, and counting in them.

use super::civil::days_of_month;
use super::{Civil, DAY, Kind, Moment, days_from_civil};
use crate::record::TimeUnit;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Thousand-millionths of a second.
    Nanosecond,
    /// Millionths of a second.
    Microsecond,
    /// Thousandths of a second.
    Millisecond,
    /// Seconds.
    Second,
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// Seven days, from Monday.
    Week,
    /// Months of the calendar.
    Month,
    /// Three months.
    Quarter,
    /// Twelve months.
    Year,
}

const NAMES: &[(&str, Unit)] = &[
    ("nanosecond", Unit::Nanosecond),
    ("microsecond", Unit::Microsecond),
    ("millisecond", Unit::Millisecond),
    ("second", Unit::Second),
    ("minute", Unit::Minute),
    ("hour", Unit::Hour),
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
    ("quarter", Unit::Quarter),
    ("year", Unit::Year),
];

const NANOS_A_SECOND: i128 = 1_000_000_000;

impl Unit {
    /// The unit of that name, singular or plural, in any case.
    pub fn parse(name: &str) -> Option<Unit> {
        let singular = name.strip_suffix(['s', 'S']).unwrap_or(name);
        let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(singular));
        found.map(|(_, unit)| *unit)
    }

    /// Its length in nanoseconds; none for those of the calendar.
    pub fn nanos(self) -> Option<i128> {
        Some(match self {
            Unit::Nanosecond => 1,
            Unit::Microsecond => 1_000,
            Unit::Millisecond => 1_000_000,
            Unit::Second => NANOS_A_SECOND,
            Unit::Minute => 60 * NANOS_A_SECOND,
            Unit::Hour => 3600 * NANOS_A_SECOND,
            Unit::Day => i128::from(DAY) * NANOS_A_SECOND,
            Unit::Week => 7 * i128::from(DAY) * NANOS_A_SECOND,
            Unit::Month | Unit::Quarter | Unit::Year => return None,
        })
    }

    fn months(self) -> i64 {
        match self {
            Unit::Quarter => 3,
            Unit::Year => 12,
            _ => 1,
        }
    }

    fn fineness(self) -> TimeUnit {
        match self {
            Unit::Nanosecond => TimeUnit::Nanos,
            Unit::Microsecond => TimeUnit::Micros,
            _ => TimeUnit::Millis,
        }
    }
}

impl Moment {
    fn total(&self) -> i128 {
        i128::from(self.seconds) * NANOS_A_SECOND + i128::from(self.nanos)
    }

    fn at(&self, total: i128) -> Option<Moment> {
        let seconds = i64::try_from(total.div_euclid(NANOS_A_SECOND)).ok()?;
        // Within what the calendar of this crate counts.
        let fits = seconds.abs() < 5_800_000 * 366 * DAY;
        let nanos = total.rem_euclid(NANOS_A_SECOND) as u32;
        fits.then_some(Moment { seconds, nanos, ..*self })
    }

    /// Later by that many units; none when that is beyond the calendar. A day that a
    /// month does not have becomes its last; a time of day goes round.
    pub fn plus(&self, count: i64, unit: Unit) -> Option<Moment> {
        let moved = match unit.nanos() {
            Some(nanos) => self.at(self.total().checked_add(i128::from(count) * nanos)?)?,
            None => {
                let civil = Civil::of(self.seconds, self.nanos);
                let months = count.checked_mul(unit.months())?;
                let month = (civil.year * 12 + i64::from(civil.month) - 1).checked_add(months)?;
                let (year, month) = (month.div_euclid(12), month.rem_euclid(12) as u32 + 1);
                let days = days_from_civil(year, month, civil.day.min(days_of_month(year, month)))?;
                Moment { seconds: days * DAY + self.seconds.rem_euclid(DAY), ..*self }
            }
        };
        let unit = moved.unit.max(unit.fineness());
        Some(match self.kind {
            Kind::Time => Moment { seconds: moved.seconds.rem_euclid(DAY), unit, ..moved },
            _ => Moment { unit, ..moved },
        })
    }

    /// The beginning of the unit it is in.
    pub fn truncate(&self, unit: Unit) -> Option<Moment> {
        let civil = Civil::of(self.seconds, self.nanos);
        let first = |month: u32| days_from_civil(civil.year, month, 1).map(|days| days * DAY);
        let seconds = match unit {
            Unit::Week => (civil.days + 1 - i64::from(civil.weekday())) * DAY,
            Unit::Month => first(civil.month)?,
            Unit::Quarter => first(civil.quarter() * 3 - 2)?,
            Unit::Year => first(1)?,
            _ => {
                let nanos = unit.nanos()?;
                return self.at(self.total().div_euclid(nanos) * nanos);
            }
        };
        Some(Moment { seconds, nanos: 0, ..*self })
    }

    /// How many whole units lie between it and a later time; negative for an earlier one.
    pub fn until(&self, later: &Moment, unit: Unit) -> Option<i64> {
        if let Some(nanos) = unit.nanos() {
            return i64::try_from((later.total() - self.total()) / nanos).ok();
        }
        let month = |moment: &Moment| {
            let civil = Civil::of(moment.seconds, moment.nanos);
            civil.year * 12 + i64::from(civil.month)
        };
        let mut months = month(later) - month(self);
        // A month is whole when the day and time of day are reached.
        let within = |moment: &Moment| {
            let civil = Civil::of(moment.seconds, moment.nanos);
            (civil.day, moment.seconds.rem_euclid(DAY), moment.nanos)
        };
        if months > 0 && within(later) < within(self) {
            months -= 1;
        } else if months < 0 && within(later) > within(self) {
            months += 1;
        }
        Some(months / unit.months())
    }
}
