//! Reading times by a pattern.

use super::civil::days_of_month;
use super::pattern::{Field, Item, Offset, names};
use super::{DAY, Kind, Moment, Pattern, Zone, days_from_civil};

/// What a text gave, field by field.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    era: Option<i64>,
    year: Option<i64>,
    year_of_era: Option<i64>,
    month: Option<i64>,
    quarter: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    weekday: Option<i64>,
    half: Option<i64>,
    hour: Option<i64>,
    hour_of_half: Option<i64>,
    minute: Option<i64>,
    second: Option<i64>,
    nano: Option<i64>,
    nano_of_day: Option<i64>,
    offset: Option<i32>,
    zone: Option<Zone>,
}

/// Where a text stopped following its pattern.
#[derive(Clone, Copy)]
struct Stuck;

#[derive(Clone)]
struct Reader<'t> {
    rest: &'t str,
    parsed: Parsed,
}

impl Pattern {
    /// Reads a text, letters in any case, all of it.
    pub fn read(&self, text: &str) -> Result<Parsed, String> {
        let mut reader = Reader { rest: text, parsed: Parsed::default() };
        let read = reader.items(&self.items, 0, self.items.len());
        if read.is_err() || !reader.rest.is_empty() {
            let at = text.chars().count() - reader.rest.chars().count() + 1;
            let head: String = text.chars().take(40).collect();
            return Err(format!("'{head}' does not follow the pattern at character {at}"));
        }
        Ok(reader.parsed)
    }
}

impl<'t> Reader<'t> {
    fn items(&mut self, items: &[Item], from: usize, to: usize) -> Result<(), Stuck> {
        let mut at = from;
        while at < to {
            let Some(item) = items.get(at) else {
                return Ok(());
            };
            if let Item::Open(close) = item {
                let before = self.clone();
                if self.items(items, at + 1, *close).is_err() {
                    *self = before;
                }
                at = close + 1;
                continue;
            }
            let behind = items.get(at + 1..to).unwrap_or_default();
            self.item(item, behind)?;
            at += 1;
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, behind: &[Item]) -> Result<(), Stuck> {
        match item {
            Item::Literal(text) => {
                let (head, rest) = self.rest.split_at_checked(text.len()).ok_or(Stuck)?;
                if !head.eq_ignore_ascii_case(text) {
                    return Err(Stuck);
                }
                self.rest = rest;
            }
            Item::Number(field, least, most) => {
                let signed = matches!(field, Field::Year | Field::YearOfEra);
                let sign = self.rest.chars().next().filter(|sign| signed && "+-".contains(*sign));
                self.rest = self.rest.get(usize::from(sign.is_some())..).ok_or(Stuck)?;
                // Four or more letters of a year are that many digits, unless a sign says more.
                let exact = signed && *least >= 4 && sign != Some('+');
                let most = if exact { *least } else { *most };
                let most = self.available(behind).min(usize::from(most));
                let number = self.digits(usize::from(*least), most)?;
                self.put(*field, if sign == Some('-') { -number } else { number })?;
            }
            Item::ShortYear => {
                self.parsed.year = Some(2000 + self.digits(2, 2)?);
            }
            Item::Fraction(count) => {
                let count = usize::from(*count);
                let number = self.digits(count, count)?;
                self.parsed.nano = Some(number * 10i64.pow(9u32.saturating_sub(count as u32)));
            }
            Item::Name(field, style) => {
                let (names, length) = names(*field, *style);
                let found = names.iter().position(|name| {
                    let name = name.get(..length.min(name.len())).unwrap_or_default();
                    let head = self.rest.get(..name.len()).unwrap_or_default();
                    let same = head.eq_ignore_ascii_case(name);
                    if same {
                        self.rest = self.rest.get(name.len()..).unwrap_or_default();
                    }
                    same
                });
                let from_one = matches!(field, Field::Month | Field::Weekday | Field::Quarter);
                self.put(*field, found.ok_or(Stuck)? as i64 + i64::from(from_one))?;
            }
            Item::Offset(style) => self.parsed.offset = Some(self.offset(*style)?),
            Item::ZoneId | Item::ZoneName => {
                let part =
                    |letter: char| letter.is_ascii_alphanumeric() || "/_+-:".contains(letter);
                let end = self.rest.find(|letter| !part(letter)).unwrap_or(self.rest.len());
                let (name, rest) = self.rest.split_at(end);
                self.parsed.zone = Some(Zone::parse(name).map_err(|_| Stuck)?);
                self.rest = rest;
            }
            Item::Open(_) | Item::Close => {}
        }
        Ok(())
    }

    /// How many digits a number may take when those of fixed width behind it need theirs.
    fn available(&self, behind: &[Item]) -> usize {
        let run = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = |item: &Item| match item {
            Item::Number(_, least, most) if least == most => Some(usize::from(*least)),
            Item::Fraction(count) => Some(usize::from(*count)),
            Item::ShortYear => Some(2),
            _ => None,
        };
        run.saturating_sub(behind.iter().map_while(width).sum())
    }

    fn digits(&mut self, least: usize, most: usize) -> Result<i64, Stuck> {
        let run = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if run < least || run == 0 {
            return Err(Stuck);
        }
        let (digits, rest) = self.rest.split_at_checked(run).ok_or(Stuck)?;
        let number = digits.parse().map_err(|_| Stuck)?;
        self.rest = rest;
        Ok(number)
    }

    fn put(&mut self, field: Field, number: i64) -> Result<(), Stuck> {
        let parsed = &mut self.parsed;
        let (place, number, range) = match field {
            Field::Era => (&mut parsed.era, number, 0..=1),
            Field::Year => (&mut parsed.year, number, -5_000_000..=5_000_000),
            Field::YearOfEra => (&mut parsed.year_of_era, number, -5_000_000..=5_000_000),
            Field::Quarter => (&mut parsed.quarter, number, 1..=4),
            Field::Month => (&mut parsed.month, number, 1..=12),
            Field::Day => (&mut parsed.day, number, 1..=31),
            Field::DayOfYear => (&mut parsed.day_of_year, number, 1..=366),
            Field::Weekday => (&mut parsed.weekday, number, 1..=7),
            Field::Half => (&mut parsed.half, number, 0..=1),
            Field::Hour => (&mut parsed.hour, number, 0..=23),
            Field::ClockHour if number == 24 => (&mut parsed.hour, 0, 0..=23),
            Field::ClockHour => (&mut parsed.hour, number, 1..=23),
            Field::HourOfHalf => (&mut parsed.hour_of_half, number, 0..=11),
            Field::ClockHourOfHalf if number == 12 => (&mut parsed.hour_of_half, 0, 0..=11),
            Field::ClockHourOfHalf => (&mut parsed.hour_of_half, number, 1..=11),
            Field::Minute => (&mut parsed.minute, number, 0..=59),
            Field::Second => (&mut parsed.second, number, 0..=59),
            Field::Nano => (&mut parsed.nano, number, 0..=999_999_999),
            Field::MilliOfDay => {
                let nanos = number.checked_mul(1_000_000).ok_or(Stuck)?;
                (&mut parsed.nano_of_day, nanos, 0..=DAY * 1_000_000_000 - 1)
            }
            Field::NanoOfDay => (&mut parsed.nano_of_day, number, 0..=DAY * 1_000_000_000 - 1),
        };
        *place = Some(number);
        if range.contains(&number) { Ok(()) } else { Err(Stuck) }
    }

    fn pass(&mut self, head: &str) -> bool {
        let (first, rest) = self.rest.split_at_checked(head.len()).unwrap_or_default();
        let same = first.eq_ignore_ascii_case(head) && !head.is_empty();
        if same {
            self.rest = rest;
        }
        same
    }

    fn offset(&mut self, style: Offset) -> Result<i32, Stuck> {
        let (count, localized) = match style {
            Offset::Iso { zulu: true, .. } if self.pass("Z") => return Ok(0),
            Offset::Iso { count, .. } => (count, false),
            Offset::Localized { full } => {
                if !self.pass("GMT") {
                    return Err(Stuck);
                }
                if !self.rest.starts_with(['+', '-']) {
                    return Ok(0);
                }
                (if full { 5 } else { 3 }, !full)
            }
        };
        let sign = match (self.pass("+"), self.pass("-")) {
            (true, _) => 1,
            (_, true) => -1,
            _ => return Err(Stuck),
        };
        let colon = matches!(count, 3 | 5);
        let hours = self.digits(if localized { 1 } else { 2 }, 2)?;
        let minutes = self.part(colon, count > 1 && !localized)?;
        let seconds = if count > 3 { self.part(colon, false)? } else { 0 };
        let all = hours * 3600 + minutes * 60 + seconds;
        if all > 18 * 3600 { Err(Stuck) } else { Ok(sign * all as i32) }
    }

    /// Two digits below 60, behind a colon or not; 0 when they are not there and need not be.
    fn part(&mut self, colon: bool, needed: bool) -> Result<i64, Stuck> {
        let before = self.rest;
        let there = !colon || self.pass(":");
        match there.then(|| self.digits(2, 2)) {
            Some(Ok(number)) if number < 60 => Ok(number),
            _ if needed => Err(Stuck),
            _ => {
                self.rest = before;
                Ok(0)
            }
        }
    }
}

impl Parsed {
    /// Days since 1970-01-01; what is missing is that of 1970-01-01. A day beyond the
    /// month's end is its last, as in Java.
    pub fn days(&self) -> Result<i64, String> {
        let era = |year: i64| if self.era == Some(0) { 1 - year } else { year };
        let year = self.year.or(self.year_of_era.map(era)).unwrap_or(1970);
        let absent = || "no such date".to_owned();
        let days = match (self.day_of_year, self.month) {
            (Some(day), None) => {
                let first = days_from_civil(year, 1, 1).ok_or_else(absent)?;
                let leap = days_of_month(year, 2) == 29;
                let days = first + day - 1;
                Some(days).filter(|_| day < 366 || leap)
            }
            (_, month) => {
                let quarter = self.quarter.map(|quarter| quarter * 3 - 2);
                let month = month.or(quarter).unwrap_or(1) as u32;
                let day = (self.day.unwrap_or(1) as u32).min(days_of_month(year, month));
                days_from_civil(year, month, day)
            }
        };
        let days = days.ok_or_else(absent)?;
        match self.weekday {
            Some(weekday) if (days + 3).rem_euclid(7) + 1 != weekday => {
                Err("the day of the week is not that of the date".into())
            }
            _ => Ok(days),
        }
    }

    /// Seconds since midnight, and nanoseconds.
    pub fn time(&self) -> (i64, u32) {
        if let Some(nanos) = self.nano_of_day {
            return (nanos / 1_000_000_000, (nanos % 1_000_000_000) as u32);
        }
        let of_half = self.hour_of_half.map(|hour| hour + 12 * self.half.unwrap_or(0));
        let hour = self.hour.or(of_half).or(self.half.map(|half| half * 12)).unwrap_or(0);
        let (minute, second) = (self.minute.unwrap_or(0), self.second.unwrap_or(0));
        (hour * 3600 + minute * 60 + second, self.nano.unwrap_or(0) as u32)
    }

    /// The instant, in the zone or with the offset that the text has, else in `zone`.
    pub fn timestamp(&self, pattern: &Pattern, zone: &Zone) -> Result<Moment, String> {
        let (seconds, nanos) = self.time();
        let local = self.days()? * DAY + seconds;
        let seconds = match (self.offset, &self.zone) {
            (Some(offset), _) => local - i64::from(offset),
            (None, Some(zone)) => zone.instant(local),
            (None, None) => zone.instant(local),
        };
        Ok(Moment { seconds, nanos, unit: pattern.unit(), kind: Kind::Timestamp })
    }
}
