//! Dates and times in ISO 8601's extended form.

use super::{DAY, days_from_civil};
use crate::record::TimeUnit;

/// What is left to read.
struct Reader<'t>(&'t [u8]);

impl Reader<'_> {
    fn pass(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        match self.0.split_first() {
            Some((&first, rest)) if wanted(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digits(&mut self, length: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(length)?;
        let number = digits.iter().try_fold(0i64, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })?;
        self.0 = rest;
        Some(number)
    }

    fn below(&mut self, length: usize, limit: i64) -> Option<i64> {
        self.digits(length).filter(|number| *number < limit)
    }

    /// Days since 1970.
    fn date(&mut self) -> Option<i64> {
        let negative = self.0.first() == Some(&b'-');
        let signed = self.pass(|byte| byte == b'-' || byte == b'+');
        let run = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run != 4 && !(signed && (4..=9).contains(&run)) {
            return None;
        }
        let year = self.digits(run)?;
        let month = self.pass(|byte| byte == b'-').then(|| self.digits(2))??;
        let day = self.pass(|byte| byte == b'-').then(|| self.digits(2))??;
        days_from_civil(if negative { -year } else { year }, month as u32, day as u32)
    }

    /// Seconds of the day and nanoseconds, as finely as they are written.
    fn time(&mut self) -> Option<(i64, i64, TimeUnit)> {
        let hour = self.below(2, 24)?;
        let minute = self.pass(|byte| byte == b':').then(|| self.below(2, 60))??;
        let second = match self.pass(|byte| byte == b':') {
            true => self.below(2, 60)?,
            false => 0,
        };
        let seconds = hour * 3600 + minute * 60 + second;
        if !self.pass(|byte| byte == b'.' || byte == b',') {
            return Some((seconds, 0, TimeUnit::Millis));
        }
        let run = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let unit = match run {
            1..=3 => TimeUnit::Millis,
            4..=6 => TimeUnit::Micros,
            7..=9 => TimeUnit::Nanos,
            _ => return None,
        };
        let fraction = self.digits(run)?;
        Some((seconds, fraction * 10i64.pow(9 - run as u32), unit))
    }

    /// Seconds east of UTC: `Z`, `+02`, `+0200`, `+02:00`.
    fn offset(&mut self) -> Option<i64> {
        if self.pass(|byte| byte == b'Z' || byte == b'z') {
            return Some(0);
        }
        let negative = self.0.first() == Some(&b'-');
        if !self.pass(|byte| byte == b'-' || byte == b'+') {
            return None;
        }
        let hours = self.below(2, 19)?;
        let minutes = match (self.pass(|byte| byte == b':'), self.0.is_empty()) {
            (false, true) => 0,
            _ => self.below(2, 60)?,
        };
        let seconds = hours * 3600 + minutes * 60;
        Some(if negative { -seconds } else { seconds })
    }
}

/// Days since 1970-01-01 of `2026-11-21`.
pub fn parse_date(text: &str) -> Option<i32> {
    let mut reader = Reader(text.as_bytes());
    let days = reader.date()?;
    if reader.0.is_empty() { i32::try_from(days).ok() } else { None }
}

/// Since midnight of `02:58`, `02:58:11` or `02:58:11.123`, as finely as it is written.
pub fn parse_time(text: &str) -> Option<(i64, TimeUnit)> {
    let mut reader = Reader(text.as_bytes());
    let (seconds, nanos, unit) = reader.time()?;
    let count = seconds * unit.per_second() + nanos / (1_000_000_000 / unit.per_second());
    reader.0.is_empty().then_some((count, unit))
}

/// Since 1970-01-01T00:00:00Z of `2026-11-21T02:58:11.123+01:00`, as finely as it is
/// written; UTC without a zone, a space for the T, or a date alone will do.
pub fn parse_timestamp(text: &str) -> Option<(i64, TimeUnit)> {
    let mut reader = Reader(text.as_bytes());
    let days = reader.date()?;
    if reader.0.is_empty() {
        return Some((days.checked_mul(DAY * 1000)?, TimeUnit::Millis));
    }
    if !reader.pass(|byte| matches!(byte, b'T' | b't' | b' ')) {
        return None;
    }
    let (seconds, nanos, unit) = reader.time()?;
    let offset = if reader.0.is_empty() { 0 } else { reader.offset()? };
    if !reader.0.is_empty() {
        return None;
    }
    let seconds = days * DAY + seconds - offset;
    let per_second = unit.per_second();
    let part = nanos / (1_000_000_000 / per_second);
    let count = i128::from(seconds) * i128::from(per_second) + i128::from(part);
    Some((i64::try_from(count).ok()?, unit))
}
