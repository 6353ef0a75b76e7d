//! Writing times by a pattern.

use super::pattern::{Field, Item, Offset, Style, names};
use super::zone::write_offset;
use super::{Civil, Moment, Pattern, Zone};
use std::fmt::{self, Write};

impl Pattern {
    /// Appends the time as it is shown in that zone. A date, a time of day and a local
    /// timestamp are taken as UTC.
    pub fn format(&self, moment: &Moment, zone: &Zone, out: &mut impl Write) -> fmt::Result {
        let offset = zone.offset(moment.seconds);
        let civil = Civil::of(moment.seconds.saturating_add(i64::from(offset)), moment.nanos);
        for item in &self.items {
            match item {
                Item::Literal(text) => out.write_str(text)?,
                Item::Number(field, least, _) => {
                    let number = value(*field, &civil);
                    let year = matches!(field, Field::Year | Field::YearOfEra);
                    // A year that takes more than the four or more digits asked for has a sign.
                    let exceeds =
                        year && *least >= 4 && number >= 10i64.pow(u32::from(*least).min(18));
                    if exceeds {
                        out.write_char('+')?;
                    }
                    digits(number, usize::from(*least), out)?;
                }
                Item::ShortYear => digits(value(Field::YearOfEra, &civil).rem_euclid(100), 2, out)?,
                Item::Fraction(count) => {
                    let unit = 10u32.pow(9u32.saturating_sub(u32::from(*count)));
                    digits(i64::from(civil.nano / unit), usize::from(*count), out)?;
                }
                Item::Name(field, style) => out.write_str(name(*field, *style, &civil))?,
                Item::Offset(style) => write_styled(*style, offset, out)?,
                Item::ZoneId => out.write_str(zone.name())?,
                Item::ZoneName => {
                    let mut result = Ok(());
                    zone.abbreviation(moment.seconds, &mut |name| result = out.write_str(name));
                    result?;
                }
                Item::Open(_) | Item::Close => {}
            }
        }
        Ok(())
    }
}

fn value(field: Field, civil: &Civil) -> i64 {
    let second_of_day = i64::from(civil.hour * 3600 + civil.minute * 60 + civil.second);
    let nano = i64::from(civil.nano);
    match field {
        Field::Era => i64::from(civil.year > 0),
        Field::Year => civil.year,
        Field::YearOfEra if civil.year > 0 => civil.year,
        Field::YearOfEra => 1 - civil.year,
        Field::Quarter => i64::from(civil.quarter()),
        Field::Month => i64::from(civil.month),
        Field::Day => i64::from(civil.day),
        Field::DayOfYear => i64::from(civil.day_of_year()),
        Field::Weekday => i64::from(civil.weekday()),
        Field::Half => i64::from(civil.hour / 12),
        Field::Hour => i64::from(civil.hour),
        Field::ClockHour => i64::from((civil.hour + 23) % 24 + 1),
        Field::HourOfHalf => i64::from(civil.hour % 12),
        Field::ClockHourOfHalf => i64::from((civil.hour + 11) % 12 + 1),
        Field::Minute => i64::from(civil.minute),
        Field::Second => i64::from(civil.second),
        Field::Nano => nano,
        Field::MilliOfDay => second_of_day * 1_000 + nano / 1_000_000,
        Field::NanoOfDay => second_of_day * 1_000_000_000 + nano,
    }
}

fn name(field: Field, style: Style, civil: &Civil) -> &'static str {
    let (names, length) = names(field, style);
    let from_one = matches!(field, Field::Month | Field::Weekday | Field::Quarter);
    let index = value(field, civil) - i64::from(from_one);
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).copied();
    let name = name.unwrap_or_default();
    match (field, style) {
        (Field::Quarter, Style::Narrow) => name.get(1..).unwrap_or_default(),
        _ => name.get(..length.min(name.len())).unwrap_or_default(),
    }
}

/// Appends a number with at least that many digits.
fn digits(number: i64, least: usize, out: &mut impl Write) -> fmt::Result {
    if number < 0 {
        out.write_char('-')?;
    }
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number.unsigned_abs());
    for _ in text.len()..least {
        out.write_char('0')?;
    }
    out.write_str(text)
}

fn write_styled(style: Offset, offset: i32, out: &mut impl Write) -> fmt::Result {
    let all = offset.unsigned_abs();
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match style {
        Offset::Iso { zulu: true, .. } if offset == 0 => out.write_char('Z'),
        Offset::Iso { count, .. } => {
            let colon = matches!(count, 3 | 5);
            out.write_char(sign)?;
            digits(i64::from(hours), 2, out)?;
            for (number, shown) in
                [(minutes, count > 1 || minutes > 0), (seconds, count > 3 && seconds > 0)]
            {
                if shown {
                    out.write_str(if colon { ":" } else { "" })?;
                    digits(i64::from(number), 2, out)?;
                }
            }
            Ok(())
        }
        Offset::Localized { .. } if offset == 0 => out.write_str("GMT"),
        Offset::Localized { full: true } => {
            out.write_str("GMT")?;
            let mut result = Ok(());
            write_offset(offset, ":", &mut |text| {
                result = result.and_then(|()| out.write_str(text));
            });
            result
        }
        Offset::Localized { full: false } => {
            write!(out, "GMT{sign}{hours}")?;
            match (minutes, seconds) {
                (0, 0) => Ok(()),
                (_, 0) => write!(out, ":{minutes:02}"),
                _ => write!(out, ":{minutes:02}:{seconds:02}"),
            }
        }
    }
}
