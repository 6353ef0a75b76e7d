//! Patterns, zones and calendar arithmetic, with jiff as the oracle.

use super::{Kind, Moment, Pattern, Unit, Zone, parse_date, parse_time, parse_timestamp};
use crate::record::TimeUnit;
use proptest::prelude::*;

fn format(ms: i64, pattern: &str, zone: &str) -> String {
    let moment = Moment::new(Kind::Timestamp, ms, TimeUnit::Millis);
    let mut out = String::new();
    let pattern = Pattern::parse(pattern).unwrap();
    pattern.format(&moment, &Zone::parse(zone).unwrap(), &mut out).unwrap();
    out
}

fn parse(text: &str, pattern: &str, zone: &str) -> Result<i64, String> {
    let pattern = Pattern::parse(pattern).unwrap();
    let moment = pattern.read(text)?.timestamp(&pattern, &Zone::parse(zone).unwrap())?;
    Ok(moment.count(TimeUnit::Millis).unwrap())
}

#[test]
fn every_letter_is_written_as_java_does() {
    let ms = 1_795_229_891_123; // 2026-11-21T02:58:11.123Z, a Saturday
    for (pattern, expected) in [
        ("G GGGG y yy yyyyy u", "AD Anno Domini 2026 26 02026 2026"),
        ("M MM MMM MMMM MMMMM L LLL", "11 11 Nov November N 11 Nov"),
        ("Q QQ QQQ QQQQ", "4 04 Q4 4th quarter"),
        ("d dd D DDD", "21 21 325 325"),
        ("E EEEE EEEEE e", "Sat Saturday S 6"),
        ("H HH k K h hh a", "2 02 2 2 2 02 AM"),
        ("m s S SS SSS SSSSSS n A N", "58 11 1 12 123 123000 123000000 10691123 10691123000000"),
        ("VV z X XX XXX x xx Z ZZZZZ O OOOO", "UTC UTC Z Z Z +00 +0000 +0000 Z GMT GMT"),
        ("'o''clock' '' [HH:mm]", "o'clock ' 02:58"),
    ] {
        assert_eq!(format(ms, pattern, "UTC"), expected, "{pattern}");
    }
    let vienna = "VV z X XX XXX XXXX ZZZZ O OOOO";
    let expected = "Europe/Vienna CET +01 +0100 +01:00 +0100 GMT+01:00 GMT+1 GMT+01:00";
    assert_eq!(format(ms, vienna, "Europe/Vienna"), expected);
    assert_eq!(format(ms, "X XXX O", "+05:30"), "+0530 +05:30 GMT+5:30");
    assert_eq!(format(ms, "HH:mm zzz", "PST"), "18:58 PST");
    assert_eq!(format(253_402_300_800_000, "yyyy", "UTC"), "+10000");
    assert_eq!(format(-62_198_755_200_000, "y G uuuu", "UTC"), "2 BC -0001");
    assert_eq!(format(43_200_000, "h K k a", "UTC"), "12 0 12 PM");
    assert_eq!(format(0, "h K k a", "UTC"), "12 0 24 AM");
}

#[test]
fn what_is_not_supported_is_named() {
    for (pattern, part) in [
        ("YYYY", "the year is y"),
        ("ww", "weeks"),
        ("yyyyTHH", "quote it"),
        ("HHH", "3 times 'H'"),
        ("[yyyy", "[ without ]"),
        ("yyyy]", "] without ["),
        ("'yyyy", "without its end"),
        ("{", "reserved"),
        ("b", "letter 'b'"),
    ] {
        let error = Pattern::parse(pattern).unwrap_err();
        assert!(error.contains(part), "{pattern}: {error}");
    }
    assert!(Pattern::parse(&"y-".repeat(200)).is_err());
    assert!(Pattern::parse(&"[".repeat(100)).is_err());
}

#[test]
fn texts_are_read_as_java_does() {
    let day = 1_795_219_200_000; // 2026-11-21T00:00:00Z
    for (text, pattern, expected) in [
        ("20261121025811123", "yyyyMMddHHmmssSSS", 1_795_229_891_123),
        ("21/Nov/2026:02:58:11 +0100", "dd/MMM/yyyy:HH:mm:ss Z", 1_795_226_291_000),
        ("sat, 21 NOV 2026", "EEE, d MMM yyyy", day),
        ("26-11-21", "yy-MM-dd", day),
        ("2026-325", "yyyy-DDD", day),
        ("2026-11-21 12 am", "yyyy-MM-dd h a", day),
        ("2026-11-21", "yyyy-MM-dd['T'HH:mm]", day),
        ("2026-11-21T02:58", "yyyy-MM-dd['T'HH:mm]", day + 10_680_000),
        ("2026-11-21T00:00Z", "yyyy-MM-dd'T'HH:mmX", day),
        ("2026-11-21T00:00-08", "yyyy-MM-dd'T'HH:mmX", day + 28_800_000),
        ("2026-11-21 01:00 Europe/Vienna", "yyyy-MM-dd HH:mm VV", day),
        ("2026-11-20 16:00 PST", "yyyy-MM-dd HH:mm z", day),
        ("2026-11-21 GMT+01:00", "yyyy-MM-dd OOOO", day - 3_600_000),
        ("2026-11-21 GMT+1", "yyyy-MM-dd O", day - 3_600_000),
    ] {
        assert_eq!(parse(text, pattern, "UTC"), Ok(expected), "{text}");
    }
    for (text, pattern) in [
        ("2026-13-01", "yyyy-MM-dd"),
        ("2026-1-01", "yyyy-MM-dd"),
        ("20260-01-01", "yyyy-MM-dd"),
        ("2026-01-01x", "yyyy-MM-dd"),
        ("Sun 2026-11-21", "EEE yyyy-MM-dd"),
        ("25:00", "HH:mm"),
        ("2027-366", "yyyy-DDD"),
        ("99999999999999999999", "A"),
        ("", "yyyy"),
        ("ü", "yyyy"),
    ] {
        assert!(parse(text, pattern, "UTC").is_err(), "{text}");
    }
}

#[test]
fn clocks_that_change_are_read_as_java_does() {
    let read = |text| parse(text, "yyyy-MM-dd HH:mm", "Europe/Vienna").unwrap();
    let shown = |ms| format(ms, "yyyy-MM-dd HH:mm XXX", "Europe/Vienna");
    // In the gap of 2026-03-29, 02:30 becomes 03:30.
    assert_eq!(shown(read("2026-03-29 02:30")), "2026-03-29 03:30 +02:00");
    // Of the two 02:30 of 2026-10-25 the first.
    assert_eq!(shown(read("2026-10-25 02:30")), "2026-10-25 02:30 +02:00");
    assert_eq!(shown(read("2026-10-25 02:30") + 3_600_000), "2026-10-25 02:30 +01:00");
}

#[test]
fn zones_have_names_and_offsets() {
    for (name, offset) in [
        ("+02", 7200),
        ("-0330", -12_600),
        ("GMT+2", 7200),
        ("UTC", 0),
        ("Z", 0),
        ("+5:30", 19_800),
    ] {
        assert_eq!(Zone::parse(name).unwrap().offset(0), offset, "{name}");
    }
    for bad in ["", "Europe/Wien", "+25", "+1:2:3:4", "++2", "GMT+x", "+é"] {
        assert!(Zone::parse(bad).is_err(), "{bad}");
    }
    // Far beyond the time zone database nothing fails.
    let zone = Zone::parse("Europe/Vienna").unwrap();
    for seconds in [i64::MIN / 2, i64::MAX / 2] {
        assert!(zone.offset(seconds).abs() < 7201 && zone.instant(seconds) != 0);
    }
}

#[test]
fn months_and_leap_days_are_counted_by_the_calendar() {
    let date =
        |text| Moment { kind: Kind::Date, ..Moment::date(i64::from(parse_date(text).unwrap())) };
    let plus = |text, count, unit| date(text).plus(count, unit).unwrap().days();
    assert_eq!(plus("2028-01-31", 1, Unit::Month), date("2028-02-29").days());
    assert_eq!(plus("2028-02-29", 4, Unit::Year), date("2032-02-29").days());
    assert_eq!(plus("2028-02-29", -1, Unit::Quarter), date("2027-11-29").days());
    let until = |from, to, unit| date(from).until(&date(to), unit).unwrap();
    assert_eq!(until("2026-01-31", "2026-02-28", Unit::Month), 0);
    assert_eq!(until("2026-02-28", "2026-01-28", Unit::Month), -1);
    assert_eq!(until("2024-02-29", "2028-02-28", Unit::Year), 3);
    assert_eq!(until("2026-11-21", "2026-11-01", Unit::Day), -20);
    assert_eq!(Unit::parse("Hours"), Some(Unit::Hour));
    assert_eq!(Unit::parse("fortnight"), None);
}

#[test]
fn iso_texts_keep_how_fine_they_are() {
    assert_eq!(
        parse_timestamp("2026-11-21T02:58:11.123456+01:00"),
        Some((1_795_226_291_123_456, TimeUnit::Micros))
    );
    assert_eq!(parse_timestamp("2026-11-21 02:58"), Some((1_795_229_880_000, TimeUnit::Millis)));
    assert_eq!(parse_time("02:58:11.5"), Some((10_691_500, TimeUnit::Millis)));
    assert_eq!(parse_date("-0001-12-31"), Some(-719_529));
    for bad in [
        "2026-02-29",
        "2026-11-21T",
        "2026-11-21T24:00",
        "26-11-21",
        "2026-11-21T02:58:11.1234567890",
        "",
    ] {
        assert_eq!(parse_timestamp(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn times_are_written_and_read_as_jiff_does(
        ms in -30_000_000_000_000i64..30_000_000_000_000,
        zone in prop::sample::select(vec!["UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
    ) {
        let zoned = jiff::Timestamp::from_millisecond(ms).unwrap().in_tz(zone).unwrap();
        let theirs = zoned.strftime("%Y-%m-%d %H:%M:%S.%3f %a %B %j %I %p").to_string();
        let ours = format(ms, "uuuu-MM-dd HH:mm:ss.SSS EEE MMMM DDD hh a", zone);
        prop_assert_eq!(ours, theirs);
        // With its offset each text is read back, whatever the clocks did.
        if zoned.offset().seconds() % 60 == 0 {
            let pattern = "uuuu-MM-dd HH:mm:ss.SSS XXX";
            prop_assert_eq!(parse(&format(ms, pattern, zone), pattern, "UTC"), Ok(ms));
        }
        let iso = zoned.timestamp().to_string();
        let read = parse_timestamp(&iso).map(|(at, unit)| Moment::new(Kind::Timestamp, at, unit));
        prop_assert_eq!(read.and_then(|moment| moment.count(TimeUnit::Millis)), Some(ms));
    }

    #[test]
    fn weeks_and_truncation_are_as_jiff_has_them(days in -200_000i32..200_000) {
        let moment = Moment::date(i64::from(days));
        let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(days);
        let civil = super::Civil::of(moment.seconds, 0);
        prop_assert_eq!(civil.week() as i8, date.iso_week_date().week());
        prop_assert_eq!(civil.weekday() as i8, date.weekday().to_monday_one_offset());
        let first = moment.truncate(Unit::Month).unwrap();
        prop_assert_eq!(super::Civil::of(first.seconds, 0).day, 1);
        let monday = moment.truncate(Unit::Week).unwrap();
        prop_assert_eq!(super::Civil::of(monday.seconds, 0).weekday(), 1);
        prop_assert!((0..7).contains(&(moment.days() - monday.days())));
    }

    #[test]
    fn no_text_and_no_pattern_panics(text in "\\PC{0,30}", pattern in "[a-zA-Z'\\[\\] :/.-]{0,20}") {
        let _ = (parse_timestamp(&text), parse_date(&text), parse_time(&text), Zone::parse(&text));
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let read = pattern.read(&text);
            let _ = read.map(|parsed| parsed.timestamp(&pattern, &Zone::utc()));
            let moment = Moment::new(Kind::Timestamp, i64::MIN, TimeUnit::Millis);
            let mut out = String::new();
            prop_assert!(pattern.format(&moment, &Zone::utc(), &mut out).is_ok());
        }
    }
}
