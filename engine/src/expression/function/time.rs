//! Times as texts by patterns, and texts as times.

use super::prepared::{Prepared, Ready};
use super::{Builder, Call, Fault, Function, Group, Prepare, Returns, text, time};
use crate::expression::time::{Kind, Moment, Pattern, Zone};
use crate::record::{TimeUnit, Value};
use std::fmt::{self, Write};

const PREPARE: Prepare = |arguments| {
    let constant = |index: usize| match arguments.get(index) {
        Some(Some(Value::Text(text))) => Some(*text),
        _ => None,
    };
    let pattern = constant(1).map(Pattern::parse).transpose()?;
    let zones = [constant(2).map(Zone::parse).transpose()?, None];
    Ok(Prepared { pattern, zones, ..Prepared::default() })
};

const PREPARE_DATE: Prepare = |arguments| {
    let prepared = PREPARE(arguments)?;
    match &prepared.pattern {
        Some(pattern) => of_date(pattern).map(|()| prepared),
        None => Ok(prepared),
    }
};

const PREPARE_TIME: Prepare = |arguments| {
    let prepared = PREPARE(arguments)?;
    match &prepared.pattern {
        Some(pattern) => of_time(pattern).map(|()| prepared),
        None => Ok(prepared),
    }
};

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Time,
        "format_timestamp",
        &[time("timestamp"), text("pattern"), text("zone")],
        Returns::Text,
        format_timestamp,
        "The time as the pattern (Java's DateTimeFormatter) shows it in a zone, UTC when left out.",
        &[
            (
                "format_timestamp(1795229891123, 'yyyy-MM-dd HH:mm:ss.SSS', 'Europe/Vienna')",
                "2026-11-21 03:58:11.123",
            ),
            ("timestamptostring('2026-11-21T02:58:11Z', 'EEE d MMM yyyy, h:mm a')", "Sat 21 Nov 2026, 2:58 AM"),
            ("format_timestamp(0, 'yyyy-MM-dd''T''HH:mm:ssXXX', '+05:30')", "1970-01-01T05:30:00+05:30"),
        ],
    )
    .aliases(&["timestamptostring"])
    .required(2)
    .prepared(PREPARE),
    Function::new(
        Group::Time,
        "parse_timestamp",
        &[text("text"), text("pattern"), text("zone")],
        Returns::Timestamp,
        |call| value(parse_timestamp(call)?),
        "The timestamp that a text stands for, in the zone or with the offset that it names, else in \
         `zone`, UTC when left out. What the pattern lacks is that of 1970-01-01T00:00.",
        &[
            (
                "parse_timestamp('2026-11-21 03:58:11.123', 'yyyy-MM-dd HH:mm:ss.SSS', 'Europe/Vienna')",
                "2026-11-21T02:58:11.123Z",
            ),
            ("parse_timestamp('20261121', 'yyyyMMdd')", "2026-11-21T00:00:00.000Z"),
        ],
    )
    .required(2)
    .prepared(PREPARE),
    Function::new(
        Group::Time,
        "stringtotimestamp",
        &[text("text"), text("pattern"), text("zone")],
        Returns::Int,
        |call| count(parse_timestamp(call)?.count(TimeUnit::Millis)),
        "As parse_timestamp, but in milliseconds since 1970.",
        &[
            ("stringtotimestamp('2026-11-21 02:58', 'yyyy-MM-dd HH:mm')", "1795229880000"),
            ("stringtotimestamp('1.1.1970', 'd.M.yyyy')", "0"),
        ],
    )
    .required(2)
    .prepared(PREPARE),
    Function::new(
        Group::Time,
        "format_date",
        &[time("date"), text("pattern")],
        Returns::Text,
        |call| {
            let pattern = call.pattern(1)?;
            of_date(&pattern)?;
            format(call, date(call, 0)?, &pattern)
        },
        "The date as the pattern shows it; a whole number is days since 1970-01-01.",
        &[("format_date('2026-11-21', 'dd.MM.yyyy')", "21.11.2026"), ("datetostring(18522, 'yyyy-MM-dd')", "2020-09-17")],
    )
    .aliases(&["datetostring"])
    .prepared(PREPARE_DATE),
    Function::new(
        Group::Time,
        "parse_date",
        &[text("text"), text("pattern")],
        Returns::Date,
        |call| match i32::try_from(parse_days(call)?) {
            Ok(days) => Ok(Value::Date(days)),
            Err(_) => Err(Fault::from(BEYOND)),
        },
        "The date that a text stands for.",
        &[("parse_date('21/11/2026', 'd/M/yyyy')", "2026-11-21"), ("parse_date('2026-325', 'yyyy-DDD')", "2026-11-21")],
    )
    .prepared(PREPARE_DATE),
    Function::new(
        Group::Time,
        "stringtodate",
        &[text("text"), text("pattern")],
        Returns::Int,
        |call| parse_days(call).map(Value::Int),
        "As parse_date, but in days since 1970-01-01.",
        &[("stringtodate('2020-09-17', 'yyyy-MM-dd')", "18522"), ("stringtodate('2 Jan 1970', 'd MMM yyyy')", "1")],
    )
    .prepared(PREPARE_DATE),
    Function::new(
        Group::Time,
        "format_time",
        &[time("time"), text("pattern")],
        Returns::Text,
        |call| {
            let pattern = call.pattern(1)?;
            of_time(&pattern)?;
            format(call, call.moment(0)?, &pattern)
        },
        "The time of day as the pattern shows it; a whole number is milliseconds since midnight.",
        &[("format_time('02:58:11.123', 'HH.mm')", "02.58"), ("format_time(43200000, 'h a')", "12 PM")],
    )
    .prepared(PREPARE_TIME),
    Function::new(
        Group::Time,
        "parse_time",
        &[text("text"), text("pattern")],
        Returns::Time,
        |call| {
            let pattern = call.pattern(1)?;
            of_time(&pattern)?;
            let (seconds, nanos) = pattern.read(call.text(0)?)?.time();
            value(Moment { seconds, nanos, unit: pattern.unit(), kind: Kind::Time })
        },
        "The time of day that a text stands for.",
        &[("parse_time('2:58 pm', 'h:mm a')", "14:58:00.000"), ("parse_time('025811', 'HHmmss')", "02:58:11.000")],
    )
    .prepared(PREPARE_TIME),
];

pub(super) const BEYOND: &str = "a time beyond the calendar";

impl Write for Builder<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).map_err(|_| fmt::Error)
    }
}

/// The value of a time.
pub(super) fn value<'a>(moment: Moment) -> Result<Value<'a>, Fault> {
    moment.value().ok_or(Fault::from(BEYOND))
}

pub(super) fn count<'a>(count: Option<i64>) -> Result<Value<'a>, Fault> {
    count.map(Value::Int).ok_or(Fault::from(BEYOND))
}

/// The date of that argument; a whole number is days.
pub(super) fn date(call: &Call<'_, '_>, index: usize) -> Result<Moment, Fault> {
    use crate::expression::time::DAY;
    let days = match call.get(index) {
        Value::Int(days) => days.checked_mul(DAY),
        Value::Number(_) => call.int(index)?.checked_mul(DAY),
        _ => {
            let moment = call.moment(index)?;
            return Ok(Moment {
                seconds: moment.days() * DAY,
                nanos: 0,
                kind: Kind::Date,
                ..moment
            });
        }
    };
    let seconds = days.ok_or(Fault::from(BEYOND))?;
    Ok(Moment { seconds, nanos: 0, unit: TimeUnit::Millis, kind: Kind::Date })
}

fn of_date(pattern: &Pattern) -> Result<(), String> {
    match pattern.has_time() || pattern.has_zone() {
        true => Err("the pattern has a time of day or a zone, which a date has not".into()),
        false => Ok(()),
    }
}

fn of_time(pattern: &Pattern) -> Result<(), String> {
    match pattern.has_date() || pattern.has_zone() {
        true => Err("the pattern has a date or a zone, which a time of day has not".into()),
        false => Ok(()),
    }
}

thread_local! {
    static UTC: Zone = Zone::utc();
}

/// Calls with the zone, or with UTC.
pub(super) fn in_zone<T>(zone: Option<&Ready<'_, Zone>>, work: impl FnOnce(&Zone) -> T) -> T {
    match zone {
        Some(zone) => work(zone),
        None => UTC.with(work),
    }
}

fn format_timestamp<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (moment, pattern, zone) = (call.moment(0)?, call.pattern(1)?, call.zone(2, 0)?);
    let mut out = call.builder();
    let written = in_zone(zone.as_ref(), |zone| pattern.format(&moment, zone, &mut out));
    written.map_err(|_| super::call::too_long())?;
    out.done()
}

fn format<'a>(call: &Call<'_, 'a>, moment: Moment, pattern: &Pattern) -> Result<Value<'a>, Fault> {
    let mut out = call.builder();
    let written = UTC.with(|zone| pattern.format(&moment, zone, &mut out));
    written.map_err(|_| super::call::too_long())?;
    out.done()
}

fn parse_timestamp(call: &Call<'_, '_>) -> Result<Moment, Fault> {
    let (pattern, zone) = (call.pattern(1)?, call.zone(2, 0)?);
    let parsed = pattern.read(call.text(0)?)?;
    Ok(in_zone(zone.as_ref(), |zone| parsed.timestamp(&pattern, zone))?)
}

fn parse_days(call: &Call<'_, '_>) -> Result<i64, Fault> {
    let pattern = call.pattern(1)?;
    of_date(&pattern)?;
    Ok(pattern.read(call.text(0)?)?.days()?)
}
