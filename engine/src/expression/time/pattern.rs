//! Patterns as Java's DateTimeFormatter, English and Gregorian.

use crate::record::TimeUnit;

/// Patterns may be that long.
const LENGTH_MAX: usize = 256;
/// Optional sections may stand that deep within each other.
const DEPTH_MAX: usize = 8;

/// A compiled pattern, for writing and reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub(super) items: Vec<Item>,
    unit: TimeUnit,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Literal(Box<str>),
    /// At least and at most that many digits; reads fixed widths as they stand.
    Number(Field, u8, u8),
    /// The last two digits of a year from 2000 to 2099.
    ShortYear,
    Name(Field, Style),
    /// That many digits of a second's fraction.
    Fraction(u8),
    Offset(Offset),
    ZoneId,
    ZoneName,
    /// An optional section; it ends at the item of that number.
    Open(usize),
    Close,
}

/// What a number or name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Era,
    Year,
    YearOfEra,
    Quarter,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Half,
    Hour,
    ClockHour,
    HourOfHalf,
    ClockHourOfHalf,
    Minute,
    Second,
    Nano,
    MilliOfDay,
    NanoOfDay,
}

/// How long a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Short,
    Full,
    Narrow,
}

/// How an offset from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offset {
    /// `X`, `x` or `Z`: `+HHmm` and the like by the count of letters, 0 as `Z` or not.
    Iso { count: usize, zulu: bool },
    /// `O`: `GMT+8` or `GMT+08:00`.
    Localized { full: bool },
}

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: &[&str] =
    &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const QUARTERS: &[&str] = &["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
const QUARTERS_SHORT: &[&str] = &["Q1", "Q2", "Q3", "Q4"];

/// The names of a field's values, and to how many characters each is cut.
pub(super) fn names(field: Field, style: Style) -> (&'static [&'static str], usize) {
    let cut = |full: usize| match style {
        Style::Short => full,
        Style::Full => usize::MAX,
        Style::Narrow => 1,
    };
    match (field, style) {
        (Field::Month, _) => (MONTHS, cut(3)),
        (Field::Weekday, _) => (WEEKDAYS, cut(3)),
        (Field::Quarter, Style::Full) => (QUARTERS, usize::MAX),
        (Field::Quarter, _) => (QUARTERS_SHORT, usize::MAX),
        (Field::Era, Style::Full) => (&["Before Christ", "Anno Domini"], usize::MAX),
        (Field::Era, _) => (&["BC", "AD"], cut(usize::MAX)),
        _ => (&["AM", "PM"], cut(usize::MAX)),
    }
}

impl Pattern {
    /// Compiles a pattern; the error names the letter that is wrong.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        if text.len() > LENGTH_MAX {
            return Err(format!("a time pattern of more than {LENGTH_MAX} bytes"));
        }
        let mut items = Vec::new();
        let mut open = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let count = rest.chars().take_while(|letter| *letter == first).count();
            let mut taken = count * first.len_utf8();
            match first {
                'a'..='z' | 'A'..='Z' => items.push(letter(first, count)?),
                '\'' => {
                    let (literal, length) = quoted(rest)?;
                    items.push(Item::Literal(literal.into()));
                    taken = length;
                }
                '[' => {
                    if open.len() >= DEPTH_MAX {
                        return Err("optional sections are nested too deep".into());
                    }
                    open.push(items.len());
                    items.push(Item::Open(0));
                    taken = 1;
                }
                ']' => {
                    let at = open.pop().ok_or("] without [ in the time pattern")?;
                    let end = items.len();
                    if let Some(Item::Open(close)) = items.get_mut(at) {
                        *close = end;
                    }
                    items.push(Item::Close);
                    taken = 1;
                }
                '{' | '}' | '#' => {
                    return Err(format!("'{first}' is reserved in time patterns; quote it"));
                }
                _ => items.push(Item::Literal(rest.get(..taken).unwrap_or_default().into())),
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
        if !open.is_empty() {
            return Err("[ without ] in the time pattern".into());
        }
        Ok(Pattern { unit: unit(&items), items })
    }

    /// How finely it writes and reads.
    pub fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// Whether it has something of a date.
    pub fn has_date(&self) -> bool {
        use Field::{Day, DayOfYear, Era, Month, Quarter, Weekday, Year, YearOfEra};
        self.has(|field| {
            matches!(field, Era | Year | YearOfEra | Quarter | Month | Day | DayOfYear | Weekday)
        }) || self.items.contains(&Item::ShortYear)
    }

    /// Whether it has something of a time of day.
    pub fn has_time(&self) -> bool {
        use Field::{ClockHour, ClockHourOfHalf, Half, Hour, HourOfHalf};
        use Field::{MilliOfDay, Minute, Nano, NanoOfDay, Second};
        let fraction = |item: &Item| matches!(item, Item::Fraction(_));
        self.has(|field| {
            matches!(field, Half | Hour | ClockHour | HourOfHalf | ClockHourOfHalf)
                || matches!(field, Minute | Second | Nano | MilliOfDay | NanoOfDay)
        }) || self.items.iter().any(fraction)
    }

    /// Whether it has an offset or a zone.
    pub fn has_zone(&self) -> bool {
        let zone = |item: &Item| matches!(item, Item::Offset(_) | Item::ZoneId | Item::ZoneName);
        self.items.iter().any(zone)
    }

    fn has(&self, is: impl Fn(Field) -> bool) -> bool {
        self.items.iter().any(|item| match item {
            Item::Number(field, ..) | Item::Name(field, _) => is(*field),
            _ => false,
        })
    }
}

fn unit(items: &[Item]) -> TimeUnit {
    let of = |item: &Item| match item {
        Item::Fraction(4..=6) => TimeUnit::Micros,
        Item::Fraction(7..=9) | Item::Number(Field::Nano | Field::NanoOfDay, ..) => TimeUnit::Nanos,
        _ => TimeUnit::Millis,
    };
    items.iter().map(of).max().unwrap_or(TimeUnit::Millis)
}

/// The literal that stands in quotes at the beginning, and how many bytes it took.
fn quoted(text: &str) -> Result<(String, usize), String> {
    let mut literal = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            literal.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == '\'') && at > 1 {
            literal.push('\'');
            characters.next();
        } else {
            let literal = if at == 1 { "'".to_owned() } else { literal };
            return Ok((literal, at + 1));
        }
    }
    Err("a ' without its end in the time pattern".into())
}

/// The item that `count` times a letter is.
fn letter(letter: char, count: usize) -> Result<Item, String> {
    let wide = count.min(19) as u8;
    let item = match (letter, count) {
        ('y' | 'u', 2) => Some(Item::ShortYear),
        ('y', 1..=19) => Some(Item::Number(Field::YearOfEra, wide, 19)),
        ('u', 1..=19) => Some(Item::Number(Field::Year, wide, 19)),
        ('G', _) => name(Field::Era, count, 1),
        ('M' | 'L', 1 | 2) => Some(number(Field::Month, count)),
        ('M' | 'L', _) => name(Field::Month, count, 3),
        ('Q' | 'q', 1 | 2) => Some(number(Field::Quarter, count)),
        ('Q' | 'q', _) => name(Field::Quarter, count, 3),
        ('E', _) => name(Field::Weekday, count, 1),
        ('e' | 'c', 1 | 2) => Some(number(Field::Weekday, count)),
        ('e' | 'c', _) => name(Field::Weekday, count, 3),
        ('a', 1) => Some(Item::Name(Field::Half, Style::Short)),
        ('D', 1..=3) => Some(Item::Number(Field::DayOfYear, wide, 3)),
        ('d', 1 | 2) => Some(number(Field::Day, count)),
        ('H', 1 | 2) => Some(number(Field::Hour, count)),
        ('k', 1 | 2) => Some(number(Field::ClockHour, count)),
        ('K', 1 | 2) => Some(number(Field::HourOfHalf, count)),
        ('h', 1 | 2) => Some(number(Field::ClockHourOfHalf, count)),
        ('m', 1 | 2) => Some(number(Field::Minute, count)),
        ('s', 1 | 2) => Some(number(Field::Second, count)),
        ('S', 1..=9) => Some(Item::Fraction(wide)),
        ('n', 1..=19) => Some(Item::Number(Field::Nano, wide, 19)),
        ('A', 1..=19) => Some(Item::Number(Field::MilliOfDay, wide, 19)),
        ('N', 1..=19) => Some(Item::Number(Field::NanoOfDay, wide, 19)),
        ('V', 2) => Some(Item::ZoneId),
        ('z', 1..=3) => Some(Item::ZoneName),
        ('X', 1..=5) => Some(Item::Offset(Offset::Iso { count, zulu: true })),
        ('x', 1..=5) => Some(Item::Offset(Offset::Iso { count, zulu: false })),
        ('Z', 1..=3) => Some(Item::Offset(Offset::Iso { count: 2, zulu: false })),
        ('Z', 5) => Some(Item::Offset(Offset::Iso { count: 5, zulu: true })),
        ('O', 1) => Some(Item::Offset(Offset::Localized { full: false })),
        ('O' | 'Z', 4) => Some(Item::Offset(Offset::Localized { full: true })),
        _ => None,
    };
    let way_out = match letter {
        'Y' => "; the year is y",
        'w' | 'W' => "; weeks are not supported",
        'T' => "; quote it: 'T' (in SQL text ''T'')",
        _ => "",
    };
    item.ok_or_else(|| match KNOWN.contains(letter) {
        true => format!("{count} times '{letter}' is not supported in time patterns"),
        false => format!("letter '{letter}' is not supported in time patterns{way_out}"),
    })
}

const KNOWN: &str = "yuGMLQqEecaDdHkKhmsSnANVzXxZO";

/// One letter: as many digits as it takes; two: two digits.
fn number(field: Field, count: usize) -> Item {
    let (least, most) = if count == 1 { (1, 19) } else { (2, 2) };
    Item::Number(field, least, most)
}

fn name(field: Field, count: usize, least: usize) -> Option<Item> {
    let style = match count {
        4 => Style::Full,
        5 => Style::Narrow,
        _ if count >= least && count <= 3 => Style::Short,
        _ => return None,
    };
    Some(Item::Name(field, style))
}
