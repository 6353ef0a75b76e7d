//! Which topics a subscription reads, and where it starts: the words `TOPIC`, `PATTERN`, `START`.

use std::fmt;
use std::time::Duration;

use regex::{Regex, RegexBuilder};

/// Kafka's limit on the length of a topic's name.
pub const TOPIC_NAME_MAX: usize = 249;
/// Memory a compiled topic pattern may take, in bytes.
const PATTERN_SIZE_LIMIT: usize = 1 << 20;
/// Topics of Kafka itself, which a pattern never selects (as Kafka's `exclude.internal.topics`).
const INTERNAL_TOPICS: [&str; 3] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Where a subscription starts, or seeks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Position {
    /// The first record Kafka still has.
    Earliest,
    /// What is written after this moment.
    Latest,
    /// What the consumer group has committed.
    Committed,
    /// This offset, in every partition.
    Offset(i64),
    /// The first record at or after this time, in milliseconds since 1970-01-01 UTC.
    Timestamp(i64),
    /// The first record at or after this long before the moment of resolving.
    Ago(Duration),
}

/// Why words are no position, no duration or no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// No word where a position should stand.
    #[error(
        "a position is missing: EARLIEST, LATEST, COMMITTED, OFFSET n or TIMESTAMP ms|ISO-8601|-2h"
    )]
    Missing,
    /// A word that begins no position.
    #[error(
        "unknown position '{0}': EARLIEST, LATEST, COMMITTED, OFFSET n or TIMESTAMP ms|ISO-8601|-2h"
    )]
    Unknown(String),
    /// OFFSET without a number of at least 0.
    #[error("OFFSET takes a number of at least 0, not '{0}'")]
    Offset(String),
    /// TIMESTAMP with something that is no time.
    #[error(
        "TIMESTAMP takes milliseconds, an ISO-8601 time as 2026-11-21T02:58:11Z, or a time ago as -2h, not '{0}'"
    )]
    Timestamp(String),
    /// A duration without a unit, or with an unknown one.
    #[error(
        "'{0}' is no duration: a whole number and a unit (ms, s, m, h, d) as 500ms, 30s, 5m, 2h, 7d"
    )]
    Duration(String),
}

impl Position {
    /// Reads a position from the front of `words`; returns it and how many words it took (1 or 2).
    pub fn parse(words: &[&str]) -> Result<(Position, usize), PositionError> {
        let Some(first) = words.first() else {
            return Err(PositionError::Missing);
        };
        let second = words.get(1).copied().unwrap_or_default();
        match first.to_ascii_uppercase().as_str() {
            "EARLIEST" => Ok((Position::Earliest, 1)),
            "LATEST" => Ok((Position::Latest, 1)),
            "COMMITTED" => Ok((Position::Committed, 1)),
            "OFFSET" => match second.parse::<i64>() {
                Ok(offset) if offset >= 0 => Ok((Position::Offset(offset), 2)),
                _ => Err(PositionError::Offset(second.to_owned())),
            },
            "TIMESTAMP" => Ok((parse_timestamp(second)?, 2)),
            _ => Err(PositionError::Unknown((*first).to_owned())),
        }
    }

    /// The time to look up, in milliseconds since 1970-01-01 UTC, for a position that is a time.
    /// `now_ms` is the present in the same unit; a time before 1970 becomes 0.
    pub fn timestamp_ms(&self, now_ms: i64) -> Option<i64> {
        match self {
            Position::Timestamp(ms) => Some(*ms),
            Position::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Some(now_ms.saturating_sub(ago).max(0))
            }
            _ => None,
        }
    }
}

/// `text` as milliseconds, an ISO-8601 time (UTC unless it names a zone), or a relative `-2h`.
fn parse_timestamp(text: &str) -> Result<Position, PositionError> {
    let refused = || PositionError::Timestamp(text.to_owned());
    if let Ok(ms) = text.parse::<i64>() {
        return if ms >= 0 { Ok(Position::Timestamp(ms)) } else { Err(refused()) };
    }
    if let Some(ago) = text.strip_prefix('-') {
        return parse_duration(ago).map(Position::Ago).map_err(|_| refused());
    }
    let at = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| {
            text.parse::<jiff::civil::DateTime>()?
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|zoned| zoned.timestamp())
        })
        .map_err(|_| refused())?;
    if at.as_millisecond() < 0 {
        return Err(refused());
    }
    Ok(Position::Timestamp(at.as_millisecond()))
}

const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A whole number with its unit: `500ms`, `30s`, `5m`, `2h`, `7d`. A bare number is refused.
pub fn parse_duration(text: &str) -> Result<Duration, PositionError> {
    let refused = || PositionError::Duration(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refused())?;
    let unit = unit.to_ascii_lowercase();
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .and_then(|(_, factor)| number.checked_mul(*factor))
        .map(Duration::from_millis)
        .ok_or_else(refused)
}

/// Writes a duration in whole milliseconds with its largest exact unit, as [`parse_duration`] reads it.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let (name, factor) = UNITS
        .iter()
        .rev()
        .find(|(_, factor)| ms > 0 && ms.is_multiple_of(u128::from(*factor)))
        .unwrap_or(&UNITS[0]);
    format!("{}{name}", ms / u128::from(*factor))
}

impl fmt::Display for Position {
    /// The canonical words, which [`Position::parse`] reads back to the same position.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Earliest => f.write_str("EARLIEST"),
            Position::Latest => f.write_str("LATEST"),
            Position::Committed => f.write_str("COMMITTED"),
            Position::Offset(offset) => write!(f, "OFFSET {offset}"),
            Position::Timestamp(ms) => write!(f, "TIMESTAMP {ms}"),
            Position::Ago(ago) => write!(f, "TIMESTAMP -{}", format_duration(*ago)),
        }
    }
}

/// Why a topic list or pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// A name Kafka could not have.
    #[error(
        "'{0}' cannot be a Kafka topic: 1 to {TOPIC_NAME_MAX} of a-z A-Z 0-9 . _ - and neither '.' nor '..'"
    )]
    Name(String),
    /// The same topic named twice.
    #[error("topic '{0}' is named twice")]
    Twice(String),
    /// A pattern that is no regular expression, or too large a one.
    #[error("pattern '{pattern}' is no usable regular expression: {why}")]
    Pattern {
        /// The pattern as written.
        pattern: String,
        /// What the regex compiler says, on one line.
        why: String,
    },
}

/// A regular expression over whole topic names (syntax of the `regex` crate; no look-around).
#[derive(Debug, Clone)]
pub struct TopicPattern {
    text: String,
    regex: Regex,
}

impl TopicPattern {
    /// Compiles `text`; the compiled form may take at most 1 MiB.
    pub fn new(text: &str) -> Result<Self, TopicNameError> {
        let refused = |why: String| TopicNameError::Pattern { pattern: text.to_owned(), why };
        let build = |source: &str| RegexBuilder::new(source).size_limit(PATTERN_SIZE_LIMIT).build();
        let last_line = |error: regex::Error| {
            let words = error.to_string();
            let line = words.lines().last().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        };
        if text.is_empty() {
            return Err(refused("it is empty".to_owned()));
        }
        build(text).map_err(|error| refused(last_line(error)))?;
        let regex = build(&format!("^(?:{text})$")).map_err(|error| refused(last_line(error)))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether this whole topic name matches. Kafka's own topics (`__consumer_offsets`, ...) never do.
    pub fn matches(&self, topic: &str) -> bool {
        !INTERNAL_TOPICS.contains(&topic) && self.regex.is_match(topic)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

/// The topics of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topics {
    /// These, in the order given; at least one, each named once.
    List(Vec<String>),
    /// All whose whole name matches, now and later.
    Pattern(TopicPattern),
}

impl Topics {
    /// Reads `topic[,topic]`.
    pub fn list(text: &str) -> Result<Self, TopicNameError> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',') {
            if !is_topic_name(name) {
                return Err(TopicNameError::Name(name.to_owned()));
            }
            if names.iter().any(|known| known == name) {
                return Err(TopicNameError::Twice(name.to_owned()));
            }
            names.push(name.to_owned());
        }
        Ok(Topics::List(names))
    }

    /// Whether this topic is one of them, or would be.
    pub fn has(&self, topic: &str) -> bool {
        match self {
            Topics::List(names) => names.iter().any(|name| name == topic),
            Topics::Pattern(pattern) => pattern.matches(topic),
        }
    }

    /// Reads a regular expression over whole topic names.
    pub fn pattern(text: &str) -> Result<Self, TopicNameError> {
        TopicPattern::new(text).map(Topics::Pattern)
    }
}

impl fmt::Display for Topics {
    /// The value as it stands behind TOPIC or PATTERN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topics::List(names) => f.write_str(&names.join(",")),
            Topics::Pattern(pattern) => f.write_str(pattern.as_str()),
        }
    }
}

/// Whether Kafka would accept this name for a topic (org.apache.kafka.common.internals.Topic).
pub fn is_topic_name(name: &str) -> bool {
    (1..=TOPIC_NAME_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Position {
        Position::parse(words).unwrap().0
    }

    #[test]
    fn positions_read_back_as_written() {
        for words in [
            vec!["EARLIEST"],
            vec!["LATEST"],
            vec!["COMMITTED"],
            vec!["OFFSET", "42"],
            vec!["TIMESTAMP", "1763690000000"],
            vec!["TIMESTAMP", "-2h"],
            vec!["TIMESTAMP", "-1500ms"],
        ] {
            let (position, taken) = Position::parse(&words).unwrap();
            assert_eq!(position.to_string(), words.join(" "));
            assert_eq!(taken, words.len());
        }
    }

    #[test]
    fn times_in_all_their_forms() {
        let expected = Position::Timestamp(1_795_229_891_000);
        assert_eq!(parsed(&["timestamp", "2026-11-21T02:58:11Z"]), expected);
        assert_eq!(parsed(&["timestamp", "2026-11-21T02:58:11"]), expected);
        assert_eq!(parsed(&["timestamp", "2026-11-21 03:58:11+01:00"]), expected);
        assert_eq!(parsed(&["TIMESTAMP", "-90s"]), Position::Ago(Duration::from_secs(90)));
        assert_eq!(parsed(&["TIMESTAMP", "-2h"]).timestamp_ms(7_200_500), Some(500));
        assert_eq!(parsed(&["TIMESTAMP", "-2h"]).timestamp_ms(5), Some(0));
        assert_eq!(Position::Earliest.timestamp_ms(5), None);
    }

    #[test]
    fn wrong_positions_name_the_word() {
        assert_eq!(Position::parse(&[]), Err(PositionError::Missing));
        for words in [
            ["OFFSET", "-1"],
            ["OFFSET", "x"],
            ["TIMESTAMP", "-2"],
            ["TIMESTAMP", "yesterday"],
            ["TIMESTAMP", "1969-01-01T00:00:00Z"],
            ["NEWEST", "7"],
        ] {
            let error = Position::parse(&words).unwrap_err().to_string();
            assert!(error.contains(words[1]) || error.contains(words[0]), "{error}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse_duration("500MS"), Ok(Duration::from_millis(500)));
        for text in ["", "5", "h", "-5s", "5w", "1.5h", "99999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(format_duration(Duration::ZERO), "0ms");
    }

    #[test]
    fn topic_names_as_kafka_has_them() {
        assert_eq!(Topics::list("a,b.c_d-E"), Ok(Topics::List(vec!["a".into(), "b.c_d-E".into()])));
        for text in ["", "a,", ".", "..", "a b", "ä", &"x".repeat(250)] {
            assert!(matches!(Topics::list(text), Err(TopicNameError::Name(_))), "{text}");
        }
        assert_eq!(Topics::list("a,a"), Err(TopicNameError::Twice("a".into())));
    }

    #[test]
    fn patterns_match_whole_names_and_are_bounded() {
        let pattern = TopicPattern::new("a|orders-.*").unwrap();
        assert!(pattern.matches("orders-eu") && pattern.matches("a"));
        assert!(!pattern.matches("ab") && !pattern.matches("my-orders-eu"));
        assert!(!TopicPattern::new(".*").unwrap().matches("__consumer_offsets"));
        for text in ["(", "", r"(\pL{1000}){1000}"] {
            let error = TopicPattern::new(text).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
