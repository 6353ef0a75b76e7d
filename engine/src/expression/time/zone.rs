//! Time zones by name and by offset.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time zone of the time zone database, or a fixed offset.
#[derive(Debug, Clone)]
pub struct Zone {
    name: Box<str>,
    zone: TimeZone,
    /// Seconds east of UTC where that never changes.
    fixed: Option<i32>,
}

/// Java's three-letter ids that the time zone database does not have, and the names of
/// American and European summer times.
const SHORT: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Paris"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EDT", "America/New_York"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MDT", "America/Denver"),
    ("MIT", "Pacific/Apia"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PDT", "America/Los_Angeles"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone { name: "UTC".into(), zone: TimeZone::UTC, fixed: Some(0) }
    }

    /// The zone of that name (`Europe/Vienna`, `UTC`, `PST`) or offset (`+02:00`,
    /// `GMT+2`, `Z`).
    pub fn parse(name: &str) -> Result<Zone, String> {
        let name = name.trim();
        let prefixed = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix));
        let offset = prefixed.unwrap_or(name);
        if (prefixed.is_some() && offset.is_empty()) || offset == "Z" {
            return Ok(Zone { name: name.into(), ..Zone::utc() });
        }
        if let Some(seconds) = parse_offset(offset) {
            return Ok(Zone { name: name.into(), ..Zone::fixed(seconds) });
        }
        let long = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long);
        match TimeZone::get(long) {
            Ok(zone) => Ok(Zone { name: long.into(), zone, fixed: None }),
            Err(_) => Err(format!(
                "unknown time zone '{}'; as 'Europe/Vienna', 'UTC' or '+02:00'",
                name.chars().take(40).collect::<String>()
            )),
        }
    }

    /// The zone that is always that many seconds east of UTC, less than 26 hours.
    pub fn fixed(seconds: i32) -> Zone {
        let offset = jiff::tz::Offset::from_seconds(seconds).unwrap_or(jiff::tz::Offset::UTC);
        let mut name = String::new();
        write_offset(seconds, ":", &mut |text| name.push_str(text));
        Zone { name: name.into(), zone: TimeZone::fixed(offset), fixed: Some(seconds) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds east of UTC at that instant; beyond the years ±9999 those at their ends.
    pub fn offset(&self, seconds: i64) -> i32 {
        match self.fixed {
            Some(fixed) => fixed,
            None => self.zone.to_offset(instant(seconds)).seconds(),
        }
    }

    /// Shows its abbreviation at that instant, as `CET`.
    pub fn abbreviation(&self, seconds: i64, show: &mut dyn FnMut(&str)) {
        match self.fixed {
            Some(_) => show(&self.name),
            None => show(self.zone.to_offset_info(instant(seconds)).abbreviation()),
        }
    }

    /// The instant at which clocks there show that date and time (as seconds since
    /// 1970-01-01T00:00:00 there). In a gap the time is moved on by its length, of
    /// two the earlier is taken, as Java does.
    pub fn instant(&self, local: i64) -> i64 {
        if let Some(fixed) = self.fixed {
            return local - i64::from(fixed);
        }
        let civil = TimeZone::UTC.to_datetime(instant(local));
        let outside = instant(local).as_second() != local;
        match self.at(civil).filter(|_| !outside) {
            Some(found) => found,
            None => local - i64::from(self.offset(local)),
        }
    }

    fn at(&self, civil: DateTime) -> Option<i64> {
        Some(self.zone.to_ambiguous_timestamp(civil).compatible().ok()?.as_second())
    }
}

/// The instant, or the last one that the time zone database reaches.
fn instant(seconds: i64) -> Timestamp {
    let bound = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let duration = SignedDuration::from_secs(seconds);
    Timestamp::from_duration(duration).unwrap_or(bound)
}

/// Seconds east of UTC of `+2`, `+02`, `+0200`, `+02:00`, `+02:00:00`, at most 18 hours.
pub(super) fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<i32>().ok(),
        false => None,
    };
    let mut parts = [0; 3];
    if digits.contains(':') {
        let mut pieces = digits.split(':');
        for part in &mut parts {
            match pieces.next() {
                Some(piece) if matches!(piece.len(), 1 | 2) => *part = number(piece)?,
                Some(_) => return None,
                None => break,
            }
        }
        pieces.next().is_none().then_some(())?;
    } else {
        match digits.len() {
            1 | 2 => parts = [number(digits)?, 0, 0],
            4 | 6 => {
                for (part, at) in parts.iter_mut().zip([0, 2, 4]).take(digits.len() / 2) {
                    *part = number(digits.get(at..at + 2)?)?;
                }
            }
            _ => return None,
        }
    }
    let [hours, minutes, seconds] = parts;
    let all = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && all <= 18 * 3600).then_some(sign * all)
}

/// Shows `+02:00` in pieces, with seconds where there are some.
pub(super) fn write_offset(seconds: i32, colon: &str, show: &mut dyn FnMut(&str)) {
    show(if seconds < 0 { "-" } else { "+" });
    let all = seconds.unsigned_abs();
    two_with("", all / 3600, show);
    let parts = if all.is_multiple_of(60) { 1 } else { 2 };
    let rest = [all / 60 % 60, all % 60];
    for number in rest.iter().take(parts) {
        two_with(colon, *number, show);
    }
}

fn two_with(colon: &str, number: u32, show: &mut dyn FnMut(&str)) {
    show(colon);
    let digits = [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    show(std::str::from_utf8(&digits).unwrap_or_default());
}
