//! The proleptic Gregorian calendar.

use super::DAY;
use crate::format::calendar::civil;

/// A date and time of day as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999,999.
    pub nano: u32,
    /// Days since 1970-01-01.
    pub days: i64,
}

impl Civil {
    /// The date and time that many seconds after 1970-01-01T00:00:00.
    pub fn of(seconds: i64, nano: u32) -> Civil {
        let days = seconds.div_euclid(DAY);
        let of_day = seconds.rem_euclid(DAY) as u32;
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        Civil { year, month, day, hour, minute, second, nano, days }
    }

    /// 1 (Monday) to 7 (Sunday).
    pub fn weekday(&self) -> u32 {
        // 1970-01-01 was a Thursday.
        (self.days + 3).rem_euclid(7) as u32 + 1
    }

    /// 1 to 366.
    pub fn day_of_year(&self) -> u32 {
        let first = days_from_civil(self.year, 1, 1).unwrap_or(self.days);
        (self.days - first) as u32 + 1
    }

    /// 1 to 4.
    pub fn quarter(&self) -> u32 {
        self.month.div_ceil(3)
    }

    /// The week of ISO 8601, 1 to 53: the week of a day is that of its Thursday.
    pub fn week(&self) -> u32 {
        let thursday = self.days + 4 - i64::from(self.weekday());
        let (year, _, _) = civil(thursday);
        let first = days_from_civil(year, 1, 1).unwrap_or(thursday);
        ((thursday - first) / 7) as u32 + 1
    }
}

/// Days since 1970-01-01 of a date that exists (Howard Hinnant's `days_from_civil`);
/// years beyond ±5,900,000 are not taken.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> Option<i64> {
    let exists = (1..=12).contains(&month) && day >= 1 && day <= days_of_month(year, month);
    if !exists || year.abs() > 5_900_000 {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let month_shifted = (month + 9) % 12;
    let day_of_year = (153 * month_shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// How many days a month has.
pub fn days_of_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
