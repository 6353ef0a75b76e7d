//! Dates and times as ISO 8601 text.
//!
//! Days become dates by Howard Hinnant's `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>), for every day that fits.

use crate::record::TimeUnit;

impl TimeUnit {
    /// How many of it a second has.
    pub fn per_second(self) -> i64 {
        match self {
            TimeUnit::Millis => 1_000,
            TimeUnit::Micros => 1_000_000,
            TimeUnit::Nanos => 1_000_000_000,
        }
    }

    fn digits(self) -> usize {
        match self {
            TimeUnit::Millis => 3,
            TimeUnit::Micros => 6,
            TimeUnit::Nanos => 9,
        }
    }
}

const SECONDS_A_DAY: i64 = 86_400;

/// Year, month and day of a day counted from 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// Appends `2026-11-21`; years beyond four digits have a sign, as ISO 8601 wants.
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    match year {
        0..=9999 => write_padded(year, 4, out),
        _ => {
            out.push(if year < 0 { b'-' } else { b'+' });
            write_padded(year.abs(), 4, out);
        }
    }
    out.push(b'-');
    write_padded(i64::from(month), 2, out);
    out.push(b'-');
    write_padded(i64::from(day), 2, out);
}

/// Appends `02:58:11.123`, with as many digits as the unit has. Hours beyond 23
/// and negative times are written as they are counted.
pub(super) fn write_time(time: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    // Towards zero: half a second before midnight is -00:00:00.500.
    let seconds = (time / unit.per_second()).saturating_abs();
    let fraction = (time % unit.per_second()).abs();
    if time < 0 {
        out.push(b'-');
    }
    write_padded(seconds / 3600, 2, out);
    out.push(b':');
    write_padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    write_padded(seconds % 60, 2, out);
    out.push(b'.');
    write_padded(fraction, unit.digits(), out);
}

/// Appends `2026-11-21T02:58:11.123`.
pub(super) fn write_timestamp(time: i64, unit: TimeUnit, out: &mut Vec<u8>) {
    let a_day = SECONDS_A_DAY * unit.per_second();
    write_date(time.div_euclid(a_day), out);
    out.push(b'T');
    write_time(time.rem_euclid(a_day), unit, out);
}

fn write_padded(number: i64, digits: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number).as_bytes();
    out.resize(out.len() + digits.saturating_sub(text.len()), b'0');
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn timestamps_are_written_as_jiff_does(ms in -62_135_596_800_000i64..253_402_207_200_000) {
            let mut ours = Vec::new();
            write_timestamp(ms, TimeUnit::Millis, &mut ours);
            let theirs = jiff::Timestamp::from_millisecond(ms).unwrap();
            prop_assert_eq!(String::from_utf8(ours).unwrap() + "Z", format!("{theirs:.3}"));
        }
    }

    #[test]
    fn times_below_zero_and_beyond_a_day_are_written_as_they_are_counted() {
        let time = |time, unit| {
            let mut out = Vec::new();
            write_time(time, unit, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(time(-500, TimeUnit::Millis), "-00:00:00.500");
        assert_eq!(time(-3_020_399_000_001, TimeUnit::Micros), "-838:59:59.000001");
        assert_eq!(time(90_000_000, TimeUnit::Millis), "25:00:00.000");
        assert_eq!(time(i64::MIN, TimeUnit::Nanos), "-2562047:47:16.854775808");
    }

    #[test]
    fn years_beyond_four_digits_have_a_sign() {
        let date = |days| {
            let mut out = Vec::new();
            write_date(days, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(date(2_932_896), "9999-12-31");
        assert_eq!(date(2_932_897), "+10000-01-01");
        assert_eq!(date(-719_529), "-0001-12-31");
        assert_eq!(date(-719_528), "0000-01-01");
        assert_eq!(date(i64::from(i32::MAX)), "+5881580-07-11");
    }
}
