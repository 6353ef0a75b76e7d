//! Arithmetic on times, and their parts.

use super::call::short;
use super::prepared::Prepared;
use super::time::{BEYOND, count, date, in_zone, value};
use super::{Call, Fault, Function, Group, Prepare, Returns, any, int, text, time, unit};
use crate::expression::time::{Civil, Kind, Moment, Unit, Zone, parse_time};
use crate::record::{TimeUnit, Value};

/// The zones of those arguments, made ready.
fn zones(arguments: &[Option<Value<'_>>], at: [usize; 2]) -> Result<Prepared, String> {
    let constant = |index: usize| match arguments.get(index) {
        Some(Some(Value::Text(name))) => Zone::parse(name).map(Some),
        _ => Ok(None),
    };
    let zones = [constant(at[0])?, constant(at[1])?];
    Ok(Prepared { zones, ..Prepared::default() })
}

const PREPARE_SECOND: Prepare = |arguments| zones(arguments, [1, usize::MAX]);
const PREPARE_THIRD: Prepare = |arguments| zones(arguments, [2, usize::MAX]);
const PREPARE_BOTH: Prepare = |arguments| zones(arguments, [1, 2]);
const PREPARE_WINDOW: Prepare = |arguments| match arguments.get(1) {
    Some(Some(Value::Text(size))) => {
        Ok(Prepared { window: Some(window_size(size)?), ..Prepared::default() })
    }
    _ => Ok(Prepared::default()),
};

/// A row that adds to a time or takes from it.
macro_rules! adding {
    ($name:literal, $aliases:expr, $what:expr, $returns:ident, $sign:literal, $read:expr, $summary:literal, $examples:expr) => {
        Function::new(
            Group::Time,
            $name,
            &[unit("unit"), int("number"), time($what)],
            Returns::$returns,
            |call| add(call, $sign, $read(call, 2)?),
            $summary,
            $examples,
        )
        .aliases($aliases)
    };
}

/// A row of a part of a time.
macro_rules! part {
    ($name:literal, $aliases:expr, $summary:literal, $examples:expr) => {
        Function::new(
            Group::Time,
            $name,
            &[time("time"), text("zone")],
            Returns::Int,
            |call| extract(call, $name, 0),
            $summary,
            $examples,
        )
        .aliases($aliases)
        .required(1)
        .prepared(PREPARE_SECOND)
    };
}

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Time,
        "from_unixtime",
        &[int("milliseconds")],
        Returns::Timestamp,
        |call| Ok(Value::Timestamp(call.int(0)?, TimeUnit::Millis)),
        "The timestamp that many milliseconds after 1970-01-01T00:00:00Z.",
        &[("from_unixtime(1795229891123)", "2026-11-21T02:58:11.123Z"), ("from_unixtime(-1)", "1969-12-31T23:59:59.999Z")],
    ),
    Function::new(
        Group::Time,
        "unix_timestamp",
        &[time("timestamp")],
        Returns::Int,
        |call| count(call.moment(0)?.count(TimeUnit::Millis)),
        "Milliseconds since 1970-01-01T00:00:00Z.",
        &[("unix_timestamp('2026-11-21T02:58:11.123Z')", "1795229891123"), ("unix_timestamp('1970-01-02')", "86400000")],
    ),
    Function::new(
        Group::Time,
        "from_days",
        &[int("days")],
        Returns::Date,
        |call| i32::try_from(call.int(0)?).map(Value::Date).map_err(|_| Fault::from(BEYOND)),
        "The date that many days after 1970-01-01.",
        &[("from_days(18522)", "2020-09-17"), ("from_days(-1)", "1969-12-31")],
    ),
    Function::new(
        Group::Time,
        "unix_date",
        &[time("date")],
        Returns::Int,
        |call| Ok(Value::Int(call.moment(0)?.days())),
        "Days since 1970-01-01.",
        &[("unix_date('2020-09-17')", "18522"), ("unix_date('1969-12-31T23:00:00Z')", "-1")],
    ),
    Function::new(
        Group::Time,
        "window",
        &[time("time"), any("size")],
        Returns::Int,
        window,
        "When the window that the time is in begins, in milliseconds since 1970; windows of a size as \
         `'30s'`, `'1m'`, `'15m'`, `'1h'`, `'1d'` or in milliseconds follow each other from 1970 on.",
        &[("window(1795229891123, '1m')", "1795229880000"), ("window('1969-12-31T23:59:59Z', '1h')", "-3600000")],
    )
    .prepared(PREPARE_WINDOW),
    Function::new(
        Group::Time,
        "date_trunc",
        &[unit("unit"), time("time"), text("zone")],
        Returns::Unknown,
        truncate,
        "The beginning of the second, minute, hour, day, week (Monday), month, quarter or year that \
         the time is in, by the clocks of a zone, UTC when left out.",
        &[
            ("date_trunc('hour', '2026-11-21T02:58:11Z')", "2026-11-21T02:00:00.000Z"),
            ("date_trunc(DAY, '2026-11-21T02:58:11Z', 'Europe/Vienna')", "2026-11-20T23:00:00.000Z"),
            ("date_trunc(WEEK, DATE '2026-11-21')", "2026-11-16"),
        ],
    )
    .required(2)
    .prepared(PREPARE_THIRD),
    Function::new(
        Group::Time,
        "extract",
        &[unit("part"), time("time"), text("zone")],
        Returns::Int,
        |call| extract(call, call.text(0)?, 1),
        "A part of a time: year, quarter, month, week (of ISO 8601), day, hour, minute, second, \
         millisecond, microsecond, nanosecond (of the second), dow (0 for Sunday), isodow (7 for \
         Sunday), doy, epoch (seconds since 1970).",
        &[
            ("extract('hour', '2026-11-21T02:58:11Z', 'Europe/Vienna')", "3"),
            ("extract(YEAR, DATE '2026-11-21')", "2026"),
            ("extract(dow, DATE '2026-11-22')", "0"),
        ],
    )
    .required(2)
    .prepared(PREPARE_THIRD),
    part!("year", &[], "The year.", &[("year('2026-11-21')", "2026"), ("year(-1)", "1969")]),
    part!("quarter", &[], "The quarter, 1 to 4.", &[("quarter('2026-11-21')", "4"), ("quarter(0)", "1")]),
    part!("month", &[], "The month, 1 to 12.", &[("month('2026-11-21')", "11"), ("month(0)", "1")]),
    part!("week", &[], "The week of ISO 8601, 1 to 53.", &[("week('2026-11-21')", "47"), ("week('2027-01-01')", "53")]),
    part!("day", &["dayofmonth"], "The day of the month.", &[("day('2026-11-21')", "21"), ("day(0, 'America/New_York')", "31")]),
    part!("dayofyear", &[], "The day of the year, 1 to 366.", &[("dayofyear('2026-11-21')", "325"), ("dayofyear('2028-12-31')", "366")]),
    part!("dayofweek", &[], "The day of the week, 1 for Sunday to 7 for Saturday.", &[("dayofweek('2026-11-21')", "7"), ("dayofweek('2026-11-22')", "1")]),
    part!("hour", &[], "The hour, 0 to 23.", &[("hour('2026-11-21T02:58:11Z')", "2"), ("hour(0, '+05:30')", "5")]),
    part!("minute", &[], "The minute.", &[("minute('2026-11-21T02:58:11Z')", "58"), ("minute('02:58')", "58")]),
    part!("second", &[], "The second.", &[("second('2026-11-21T02:58:11Z')", "11"), ("second(1999)", "1")]),
    adding!("timestampadd", &[], "timestamp", Timestamp, 1, instant, "The timestamp later by that many units; beyond a month's end, the last of the month.", &[
        ("timestampadd(HOURS, 1, '2026-11-21T02:58:11Z')", "2026-11-21T03:58:11.000Z"),
        ("timestampadd('month', 1, '2027-01-31T00:00:00Z')", "2027-02-28T00:00:00.000Z"),
    ]),
    adding!("timestampsub", &[], "timestamp", Timestamp, -1, instant, "The timestamp earlier by that many units.", &[
        ("timestampsub(MILLISECONDS, 1, 0)", "1969-12-31T23:59:59.999Z"),
        ("timestampsub(YEARS, 1, '2028-02-29T00:00:00Z')", "2027-02-28T00:00:00.000Z"),
    ]),
    adding!("dateadd", &["date_add"], "date", Date, 1, date, "The date later by that many days, weeks, months or years; a whole number is days since 1970-01-01.", &[
        ("dateadd(DAYS, 10, DATE '2026-11-21')", "2026-12-01"),
        ("dateadd('weeks', 1, '2026-11-21')", "2026-11-28"),
    ]),
    adding!("datesub", &["date_sub"], "date", Date, -1, date, "The date earlier by that many units.", &[
        ("datesub(DAYS, 21, DATE '2026-11-21')", "2026-10-31"),
        ("datesub(MONTHS, 1, DATE '2026-03-31')", "2026-02-28"),
    ]),
    adding!("timeadd", &[], "time", Time, 1, of_day, "The time of day later by that many units; midnight follows 23:59.", &[
        ("timeadd(MINUTES, 5, '23:58')", "00:03:00.000"),
        ("timeadd(HOURS, 24, '02:58:11')", "02:58:11.000"),
    ]),
    adding!("timesub", &[], "time", Time, -1, of_day, "The time of day earlier by that many units.", &[
        ("timesub(HOURS, 3, '02:58')", "23:58:00.000"),
        ("timesub(SECONDS, 11, '02:58:11')", "02:58:00.000"),
    ]),
    Function::new(
        Group::Time,
        "timestampdiff",
        &[unit("unit"), time("from"), time("to")],
        Returns::Int,
        |call| {
            let (from, to) = (call.moment(1)?, call.moment(2)?);
            count(from.until(&to, of_unit(call, 0)?))
        },
        "How many whole units lie between two times; negative when the second is earlier.",
        &[
            ("timestampdiff(MINUTES, '2026-11-21T02:58:11Z', '2026-11-21T04:00:00Z')", "61"),
            ("datediff(DAY, '2026-11-21', '2026-11-01')", "-20"),
            ("timestampdiff(MONTH, '2026-01-31', '2026-02-28')", "0"),
        ],
    )
    .aliases(&["datediff"]),
    Function::new(
        Group::Time,
        "convert_tz",
        &[time("timestamp"), text("from"), text("to")],
        Returns::Timestamp,
        convert,
        "The timestamp moved by the difference between the clocks of two zones at that instant.",
        &[
            ("convert_tz('2026-11-21T12:00:00Z', 'UTC', 'Europe/Vienna')", "2026-11-21T13:00:00.000Z"),
            ("convert_tz('2026-07-01T12:00:00Z', 'America/Los_Angeles', 'UTC')", "2026-07-01T19:00:00.000Z"),
        ],
    )
    .prepared(PREPARE_BOTH),
];

fn of_unit(call: &Call<'_, '_>, index: usize) -> Result<Unit, Fault> {
    let name = call.text(index)?;
    Unit::parse(name).ok_or_else(|| {
        let known = "nanoseconds to seconds, minutes, hours, days, weeks, months, quarters, years";
        format!("unknown unit '{}'; {known}", short(name)).into()
    })
}

/// A timestamp; a date becomes its midnight.
fn instant(call: &Call<'_, '_>, index: usize) -> Result<Moment, Fault> {
    let moment = call.moment(index)?;
    Ok(match moment.kind {
        Kind::Date => Moment { kind: Kind::Timestamp, ..moment },
        _ => moment,
    })
}

/// A time of day; of a timestamp its own, a whole number is milliseconds.
fn of_day(call: &Call<'_, '_>, index: usize) -> Result<Moment, Fault> {
    use crate::expression::time::DAY;
    let moment = match call.get(index) {
        Value::Text(text) => match parse_time(text) {
            Some((count, unit)) => Moment::new(Kind::Time, count, unit),
            None => call.moment(index)?,
        },
        _ => call.moment(index)?,
    };
    Ok(Moment { seconds: moment.seconds.rem_euclid(DAY), kind: Kind::Time, ..moment })
}

fn add<'a>(call: &Call<'_, 'a>, sign: i64, moment: Moment) -> Result<Value<'a>, Fault> {
    let unit = of_unit(call, 0)?;
    let number = call.int(1)?.checked_mul(sign).ok_or(Fault::from(BEYOND))?;
    value(moment.plus(number, unit).ok_or(Fault::from(BEYOND))?)
}

fn truncate<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (unit, moment, zone) = (of_unit(call, 0)?, call.moment(1)?, call.zone(2, 0)?);
    let truncated = match moment.kind {
        Kind::Timestamp => in_zone(zone.as_ref(), |zone| {
            let seconds = moment.seconds.checked_add(i64::from(zone.offset(moment.seconds)))?;
            let local = Moment { seconds, ..moment }.truncate(unit)?;
            Some(Moment { seconds: zone.instant(local.seconds), ..local })
        }),
        _ => moment.truncate(unit),
    };
    value(truncated.ok_or(Fault::from(BEYOND))?)
}

/// The part of the time of argument `at`; the zone may stand behind it.
fn extract<'a>(call: &Call<'_, 'a>, part: &str, at: usize) -> Result<Value<'a>, Fault> {
    let (moment, zone) = (call.moment(at)?, call.zone(at + 1, 0)?);
    let offset = match moment.kind {
        Kind::Timestamp => in_zone(zone.as_ref(), |zone| zone.offset(moment.seconds)),
        _ => 0,
    };
    let civil = Civil::of(moment.seconds.saturating_add(i64::from(offset)), moment.nanos);
    let is = |name: &str| part.eq_ignore_ascii_case(name);
    let number = match Unit::parse(part) {
        Some(Unit::Nanosecond) => i64::from(civil.nano),
        Some(Unit::Microsecond) => i64::from(civil.nano / 1_000),
        Some(Unit::Millisecond) => i64::from(civil.nano / 1_000_000),
        Some(Unit::Second) => i64::from(civil.second),
        Some(Unit::Minute) => i64::from(civil.minute),
        Some(Unit::Hour) => i64::from(civil.hour),
        Some(Unit::Day) => i64::from(civil.day),
        Some(Unit::Week) => i64::from(civil.week()),
        Some(Unit::Month) => i64::from(civil.month),
        Some(Unit::Quarter) => i64::from(civil.quarter()),
        Some(Unit::Year) => civil.year,
        None if is("dow") => i64::from(civil.weekday() % 7),
        None if is("isodow") => i64::from(civil.weekday()),
        None if is("dayofweek") => i64::from(civil.weekday() % 7 + 1),
        None if is("doy") || is("dayofyear") => i64::from(civil.day_of_year()),
        None if is("epoch") => moment.seconds,
        None => return Err(format!("a time has no part '{}'", short(part)).into()),
    };
    Ok(Value::Int(number))
}

/// Milliseconds of `30s`, `1m`, `15m`, `1h`, `1d`, `1w`, `500ms`.
fn window_size(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        "w" => Some(604_800_000),
        _ => None,
    };
    let size = unit.zip(digits.parse::<i64>().ok()).and_then(|(unit, n)| n.checked_mul(unit));
    size.filter(|size| *size > 0)
        .ok_or_else(|| format!("bad window size '{}'; as 30s, 1m, 15m, 1h, 1d", short(text)))
}

fn window<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let size = match (call.prepared.and_then(|prepared| prepared.window), call.get(1)) {
        (Some(size), _) => size,
        (None, Value::Text(_) | Value::Escaped(_)) => window_size(call.text(1)?)?,
        (None, _) => call.int(1)?,
    };
    if size <= 0 {
        return Err(Fault::from("a window's size is greater than 0"));
    }
    let ms = call.moment(0)?.count(TimeUnit::Millis).ok_or(Fault::from(BEYOND))?;
    count(ms.checked_sub(ms.rem_euclid(size)))
}

fn convert<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (moment, from, to) = (call.moment(0)?, call.zone(1, 0)?, call.zone(2, 1)?);
    let offset =
        |zone: Option<Ready<'_>>| in_zone(zone.as_ref(), |zone| zone.offset(moment.seconds));
    let difference = i64::from(offset(to)) - i64::from(offset(from));
    let seconds = moment.seconds.checked_add(difference).ok_or(Fault::from(BEYOND))?;
    value(Moment { seconds, ..moment })
}

type Ready<'a> = super::prepared::Ready<'a, Zone>;
