//! Topic ids: what tells a topic from another one of the same name made later.

use std::fmt;
use std::str::FromStr;

/// A topic's id, as Kafka makes it with the topic; zero where the broker has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TopicId(pub u128);

impl TopicId {
    /// No id.
    pub const UNKNOWN: TopicId = TopicId(0);

    /// Whether the broker told an id.
    pub fn is_known(self) -> bool {
        self != TopicId::UNKNOWN
    }

    /// Sixteen bytes, little endian, as packed units hold it.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// Reads [`TopicId::bytes`] back.
    pub fn from_bytes(bytes: [u8; 16]) -> TopicId {
        TopicId(u128::from_le_bytes(bytes))
    }
}

/// Thirty-two hexadecimal digits.
impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TopicId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<TopicId, Self::Err> {
        u128::from_str_radix(text, 16).map(TopicId)
    }
}
