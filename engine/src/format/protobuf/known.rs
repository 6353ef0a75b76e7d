//! Well-known types as proto3's JSON mapping has them
//! (<https://protobuf.dev/programming-guides/json/>), times as this project's values.
//!
//! A message that is out of its type's range (a date without a day, a
//! Timestamp of the year 10000, a decimal of more than 38 digits) stays the
//! message it is, so that nothing of it is lost.

use super::gather::Cell;
use super::meaning::Meaning;
use super::nested::{Any, Message};
use super::read::{self, Part, read_text};
use super::types::FieldKind;
use crate::record::{Decimal, TimeUnit, Value};

/// The seconds of 0001-01-01T00:00:00Z and of 9999-12-31T23:59:59Z.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The most seconds of a Duration, some 10,000 years.
const LONGEST: i64 = 315_576_000_000;

/// What a message stands for.
#[inline]
pub fn part(message: Message<'_>) -> Part<'_> {
    match message.types.message(message.message).map(|of| of.meaning) {
        None | Some(Meaning::Record | Meaning::Entry) => Part::Message(message),
        Some(meaning) => well_known(message, meaning).unwrap_or(Part::Message(message)),
    }
}

fn well_known<'a>(message: Message<'a>, meaning: Meaning) -> Option<Part<'a>> {
    match meaning {
        Meaning::Record | Meaning::Entry => None,
        Meaning::Timestamp => timestamp(message),
        Meaning::Duration => duration(message),
        Meaning::Wrapper => Some(message.at(0)),
        Meaning::Struct | Meaning::ListValue => Some(message.number(1)),
        Meaning::Json => Some(json(message)),
        Meaning::Any => Some(any(message)),
        Meaning::FieldMask => match message.number(1) {
            Part::Repeated(paths) => Some(Part::Mask(paths)),
            _ => None,
        },
        Meaning::Decimal => decimal(message),
        Meaning::Date => date(message),
        Meaning::TimeOfDay => time(message),
    }
}

fn int32(cell: Cell) -> i32 {
    cell.bits as i32
}

/// In milliseconds where that is exact, otherwise in microseconds or
/// nanoseconds; before 1677 and after 2262, where nanoseconds do not fit, in microseconds.
fn timestamp(message: Message<'_>) -> Option<Part<'_>> {
    let [seconds, nanos] = message.numbered([1, 2]);
    let (seconds, nanos) = (seconds.bits as i64, i64::from(int32(nanos)));
    if !TIMESTAMPS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return None;
    }
    let finest = unit_of(nanos);
    let at = |unit: TimeUnit| {
        let per_second = unit.per_second();
        let time = seconds.checked_mul(per_second)?;
        time.checked_add(nanos / (1_000_000_000 / per_second)).map(|time| (time, unit))
    };
    let (time, unit) = at(finest).or_else(|| at(TimeUnit::Micros))?;
    Some(Part::Plain(Value::Timestamp(time, unit)))
}

/// The coarsest unit, milliseconds at least, that keeps these nanoseconds.
fn unit_of(nanos: i64) -> TimeUnit {
    match nanos {
        _ if nanos % 1_000_000 == 0 => TimeUnit::Millis,
        _ if nanos % 1_000 == 0 => TimeUnit::Micros,
        _ => TimeUnit::Nanos,
    }
}

fn duration(message: Message<'_>) -> Option<Part<'_>> {
    let [seconds, nanos] = message.numbered([1, 2]);
    let (seconds, nanos) = (seconds.bits as i64, int32(nanos));
    let in_range = (-LONGEST..=LONGEST).contains(&seconds) && nanos.unsigned_abs() < 1_000_000_000;
    let one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    (in_range && one_sign).then_some(Part::Duration(seconds, nanos))
}

/// The one member of its oneof that is set; null where none is.
fn json(message: Message<'_>) -> Part<'_> {
    let null = Part::Plain(Value::Null);
    let Some(of) = message.types.message(message.message) else {
        return null;
    };
    let mut cells = [Cell::default(); 6];
    message.walk(&Some, &mut cells);
    let set = of.fields.iter().zip(cells).find(|(_, cell)| cell.count > 0);
    match set {
        Some((field, cell)) if !matches!(field.kind, FieldKind::Enum(_)) => {
            read::field(message.types, field, cell, message.bytes)
        }
        _ => null,
    }
}

fn any(message: Message<'_>) -> Part<'_> {
    let [url, value] = message.numbered([1, 2]);
    let url = read_text(url.span(message.bytes));
    let types = message.types;
    let bytes = value.span(message.bytes);
    Part::Any(Any { types, url, message: read::any_type(types, url), bytes })
}

fn decimal(message: Message<'_>) -> Option<Part<'_>> {
    let [value, scale] = message.numbered([1, 3]);
    let bytes = match value.span(message.bytes) {
        [] => &[0],
        bytes => bytes,
    };
    Decimal::from_be_bytes(bytes, u32::try_from(int32(scale)).ok()?).map(Part::Decimal)
}

fn date(message: Message<'_>) -> Option<Part<'_>> {
    let [year, month, day] = message.numbered([1, 2, 3]).map(int32);
    let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
    let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let days = date.ok()?.since(jiff::civil::Date::constant(1970, 1, 1)).ok()?.get_days();
    Some(Part::Plain(Value::Date(days)))
}

fn time(message: Message<'_>) -> Option<Part<'_>> {
    let [hours, minutes, seconds, nanos] = message.numbered([1, 2, 3, 4]).map(int32);
    let in_range = (0..24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..60).contains(&seconds)
        && (0..1_000_000_000).contains(&nanos);
    let whole = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    let nanos = i64::from(nanos);
    let unit = unit_of(nanos);
    let per_second = unit.per_second();
    let time = || whole * per_second + nanos / (1_000_000_000 / per_second);
    in_range.then(|| Part::Plain(Value::Time(time(), unit)))
}
