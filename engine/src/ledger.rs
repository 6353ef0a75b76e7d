//! The ledger: where a subscription stands in each partition, kept in Redis beside the data.
//!
//! Offsets are computed here and nowhere else. A [`Cursor`] is a worker's own
//! view, which runs ahead of Redis by the units still queued; a [`Standing`] is
//! what one ledger key holds. `next` is exclusive, as Kafka commits it: always
//! the last delivered offset + 1, never a count, because compaction and control
//! records leave gaps.

use crate::kafka::TopicId;
use std::fmt;
use std::sync::Arc;

/// The key of a subscription's list of known partitions (a hash: `topic/partition` → [`Listing`]).
pub fn known_key(subscription: &str) -> String {
    format!("kafka:ledger:{subscription}")
}

/// The key of one partition's ledger (a hash, see [`FIELDS`]).
pub fn partition_key(subscription: &str, topic: &str, partition: i32) -> String {
    format!("kafka:ledger:{subscription}:{topic}/{partition}")
}

/// All keys of a subscription's ledger: of the partitions that its list names (`listed`, the fields
/// as they stand there), of those known otherwise, as the list may have been lost, and the list itself.
pub fn keys<'a>(
    subscription: &str,
    listed: impl Iterator<Item = &'a str>,
    known: &[(Arc<str>, i32)],
) -> Vec<String> {
    let of_field = |field: &str| {
        let (topic, partition) = field.rsplit_once('/')?;
        Some(partition_key(subscription, topic, partition.parse().ok()?))
    };
    let of_known =
        |(topic, partition): &(Arc<str>, i32)| partition_key(subscription, topic, *partition);
    let mut keys: Vec<_> = listed.filter_map(of_field).chain(known.iter().map(of_known)).collect();
    keys.push(known_key(subscription));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The name under which a route keeps its own ledger while it reads the records that its
/// subscription has passed. No subscription has it: `+` stands in no name.
pub fn catch_up_name(subscription: &str, route: &str) -> String {
    format!("{subscription}+{route}")
}

/// The key of a subscription's dead letters (a stream).
pub fn dead_letters_key(subscription: &str) -> String {
    format!("kafka:deadletters:{subscription}")
}

/// Whether a key belongs to a ledger.
pub fn is_of_ledger(key: &[u8]) -> bool {
    key.starts_with(b"kafka:ledger:")
}

/// Keys that no route may write: ledgers, definitions and dead letters.
pub fn is_reserved(key: &[u8]) -> bool {
    key == b"kafka:definitions" || reserves_all(key)
}

/// Whether all keys that start with this are such as no route may write.
pub fn reserves_all(prefix: &[u8]) -> bool {
    let Some(rest) = prefix.strip_prefix(b"kafka:") else { return false };
    rest.starts_with(b"definitions:") || is_of_ledger(prefix) || rest.starts_with(b"deadletters:")
}

/// What became of the records of a partition. `consumed` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Records delivered by Kafka.
    pub consumed: u64,
    /// Records of which at least one route wrote something.
    pub applied: u64,
    /// Records that no route wanted (a tombstone that is ignored, say).
    pub filtered: u64,
    /// Records put aside as dead letters.
    pub deadlettered: u64,
    /// Bad records passed over.
    pub skipped: u64,
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something was written.
    Applied,
    /// No route wanted it.
    Filtered,
    /// It is a dead letter.
    DeadLettered,
    /// It was bad and passed over.
    Skipped,
}

impl Counters {
    fn count(&mut self, outcome: Outcome) {
        self.consumed += 1;
        match outcome {
            Outcome::Applied => self.applied += 1,
            Outcome::Filtered => self.filtered += 1,
            Outcome::DeadLettered => self.deadlettered += 1,
            Outcome::Skipped => self.skipped += 1,
        }
    }

    /// Counts a dead letter that was replayed as what came of it. Letters may be older than the ledger.
    fn recount(&mut self, outcome: Outcome) {
        let Some(left) = self.deadlettered.checked_sub(1) else { return };
        (self.deadlettered, self.consumed) = (left, self.consumed.saturating_sub(1));
        self.count(outcome);
    }

    /// Adds another partition's counters.
    pub fn add(&mut self, other: &Counters) {
        self.consumed += other.consumed;
        self.applied += other.applied;
        self.filtered += other.filtered;
        self.deadlettered += other.deadlettered;
        self.skipped += other.skipped;
    }
}

/// What one partition's ledger key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The next offset to apply.
    pub next: i64,
    /// The leader epoch of the last record applied, where known.
    pub epoch: Option<i32>,
    /// The topic's id when the ledger was made; zero where the broker has none.
    pub topic_id: TopicId,
    /// Since the subscription was made.
    pub counters: Counters,
}

/// The fields of a ledger key, in the order in which they are written.
pub const FIELDS: [&str; 8] =
    ["next", "epoch", "topic_id", "consumed", "applied", "filtered", "deadlettered", "skipped"];

impl Standing {
    /// A partition's standing before its first record.
    pub fn start(next: i64, topic_id: TopicId) -> Standing {
        Standing { next, epoch: None, topic_id, counters: Counters::default() }
    }

    /// The values of [`FIELDS`], as text.
    pub fn texts(&self) -> [String; 8] {
        let Counters { consumed, applied, filtered, deadlettered, skipped } = self.counters;
        [
            self.next.to_string(),
            self.epoch.unwrap_or(-1).to_string(),
            self.topic_id.to_string(),
            consumed.to_string(),
            applied.to_string(),
            filtered.to_string(),
            deadlettered.to_string(),
            skipped.to_string(),
        ]
    }

    /// Reads a ledger key back; `field` answers for each of [`FIELDS`].
    /// The error names the field that is missing or no number.
    pub fn read(mut field: impl FnMut(&str) -> Option<String>) -> Result<Standing, LedgerFault> {
        fn parse<T: std::str::FromStr>(
            name: &'static str,
            text: Option<String>,
        ) -> Result<T, LedgerFault> {
            text.and_then(|text| text.parse().ok()).ok_or(LedgerFault::Field(name))
        }
        let epoch: i32 = parse("epoch", field("epoch"))?;
        Ok(Standing {
            next: parse("next", field("next"))?,
            epoch: (epoch >= 0).then_some(epoch),
            topic_id: parse("topic_id", field("topic_id"))?,
            counters: Counters {
                consumed: parse("consumed", field("consumed"))?,
                applied: parse("applied", field("applied"))?,
                filtered: parse("filtered", field("filtered"))?,
                deadlettered: parse("deadlettered", field("deadlettered"))?,
                skipped: parse("skipped", field("skipped"))?,
            },
        })
    }
}

/// What a subscription's list says of one partition, as text `<since> start=<n> joined=<n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Listing {
    /// When the partition was found, in ms since 1970: for people.
    pub since: i64,
    /// The offset at which its ledger began; none in lists of earlier versions.
    pub start: Option<i64>,
    /// In the list of a route that catches up: from which offset on the subscription itself
    /// writes it. None while the route still reads for itself.
    pub joined: Option<i64>,
}

impl Listing {
    /// A partition that was found now and begins at `start`.
    pub fn new(since: i64, start: i64) -> Listing {
        Listing { since, start: Some(start), joined: None }
    }

    /// Reads what stands in the list; what is not understood is not known.
    pub fn parse(text: &str) -> Listing {
        let mut words = text.split(' ');
        let since = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let mut listing = Listing { since, ..Listing::default() };
        for word in words {
            match word.split_once('=') {
                Some(("start", offset)) => listing.start = offset.parse().ok(),
                Some(("joined", offset)) => listing.joined = offset.parse().ok(),
                _ => {}
            }
        }
        listing
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.since)?;
        self.start.map_or(Ok(()), |start| write!(f, " start={start}"))?;
        self.joined.map_or(Ok(()), |joined| write!(f, " joined={joined}"))
    }
}

/// Why a ledger cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerFault {
    /// A known partition has no ledger key (deleted, renamed, evicted, or an older dump).
    Missing,
    /// A ledger key stands where none was expected: the list of partitions does not know it.
    Unlisted,
    /// The key is no hash.
    WrongType,
    /// A field is missing or no number.
    Field(&'static str),
}

impl fmt::Display for LedgerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerFault::Missing => {
                f.write_str("is missing (deleted, renamed, evicted, or an older dump)")
            }
            LedgerFault::Unlisted => {
                f.write_str("exists, but the subscription's list of partitions lacks it")
            }
            LedgerFault::WrongType => f.write_str("is no hash"),
            LedgerFault::Field(name) => write!(f, "has no valid field '{name}'"),
        }
    }
}

/// What a unit expects to find in a partition's ledger key before it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// No ledger, and the partition not known: the unit makes it.
    Absent {
        /// When the partition was found, in ms since 1970: for people, kept in the list of partitions.
        since: i64,
    },
    /// Exactly this next offset.
    Next(i64),
}

/// One partition's step in a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// What must stand in the ledger.
    pub expected: Expected,
    /// What stands there afterwards.
    pub standing: Standing,
}

/// A worker's place in one partition: what the ledger will hold once all queued units are applied.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    standing: Standing,
    /// Where the unit being built began.
    unit_start: i64,
    timestamp: Option<i64>,
}

impl Cursor {
    /// A cursor at what the ledger holds.
    pub fn new(topic: Arc<str>, partition: i32, standing: Standing) -> Cursor {
        Cursor { topic, partition, standing, unit_start: standing.next, timestamp: None }
    }

    /// The next offset wanted.
    pub fn next(&self) -> i64 {
        self.standing.next
    }

    /// The leader epoch of the last record taken, where known.
    pub fn epoch(&self) -> Option<i32> {
        self.standing.epoch
    }

    /// Takes the log as it is, whatever epoch it was read under before.
    pub fn forget_epoch(&mut self) {
        self.standing.epoch = None;
    }

    /// Where the unit being built began: all before it is on its way to the ledger, or there.
    pub fn sent(&self) -> i64 {
        self.unit_start
    }

    /// What the ledger will hold once all that was taken is applied.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// A step that moves nothing, and is refused where the ledger stands elsewhere. The unit being
    /// built must not move the partition.
    pub fn stay(&self) -> Advance {
        Advance {
            topic: self.topic.clone(),
            partition: self.partition,
            expected: Expected::Next(self.unit_start),
            standing: self.standing,
        }
    }

    /// The ledger's counters.
    pub fn counters(&self) -> Counters {
        self.standing.counters
    }

    /// Whether the topic of that id is the one the ledger was made for, as far as both are known.
    pub fn is_of(&self, id: TopicId) -> bool {
        !id.is_known() || !self.standing.topic_id.is_known() || self.standing.topic_id == id
    }

    /// Whether a delivered record lies before the cursor, so that it is not to be applied again.
    pub fn has_passed(&self, offset: i64) -> bool {
        offset < self.standing.next
    }

    /// Moves past one delivered record.
    pub fn take(&mut self, offset: i64, epoch: Option<i32>, outcome: Outcome) {
        self.standing.next = offset.saturating_add(1);
        self.standing.epoch = epoch.or(self.standing.epoch);
        self.standing.counters.count(outcome);
    }

    /// Counts a dead letter of the partition, which was replayed, as what came of it.
    pub fn replay(&mut self, outcome: Outcome) {
        self.standing.counters.recount(outcome);
    }

    /// Says when Kafka got the record taken last, in ms since 1970, where that is known.
    pub fn stamp(&mut self, timestamp: Option<i64>) {
        self.timestamp = timestamp.or(self.timestamp);
    }

    /// When Kafka got the record taken last, in ms since 1970; none while unknown.
    pub fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// Moves to `position` when it is further on, past control records and compacted tails.
    pub fn move_to(&mut self, position: i64) {
        self.standing.next = self.standing.next.max(position);
    }

    /// Where the unit built last has left this partition, whether applied by now or not.
    pub fn unit_start(&self) -> i64 {
        self.unit_start
    }

    /// Whether the unit being built moves this partition.
    pub fn has_moved(&self) -> bool {
        self.standing.next != self.unit_start
    }

    /// The step of the unit being built; the next unit starts where it ends.
    pub fn advance(&mut self) -> Advance {
        let expected = Expected::Next(self.unit_start);
        self.unit_start = self.standing.next;
        Advance {
            topic: self.topic.clone(),
            partition: self.partition,
            expected,
            standing: self.standing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_offset_follows_the_last_record_not_the_count() {
        let mut cursor = Cursor::new("t".into(), 0, Standing::start(5, TopicId::UNKNOWN));
        cursor.take(7, Some(2), Outcome::Applied);
        cursor.take(11, None, Outcome::Skipped);
        let advance = cursor.advance();
        assert_eq!(advance.expected, Expected::Next(5));
        assert_eq!((advance.standing.next, advance.standing.epoch), (12, Some(2)));
        let counters = advance.standing.counters;
        assert_eq!((counters.consumed, counters.applied, counters.skipped), (2, 1, 1));
        assert!(!cursor.has_moved() && cursor.has_passed(11) && !cursor.has_passed(12));
    }

    #[test]
    fn a_ledger_reads_back_and_names_what_is_wrong() {
        let mut standing = Standing::start(42, TopicId::UNKNOWN);
        standing.epoch = Some(3);
        standing.counters.count(Outcome::DeadLettered);
        let texts = standing.texts();
        let field = |name: &str| FIELDS.iter().position(|f| *f == name).map(|at| texts[at].clone());
        assert_eq!(Standing::read(field), Ok(standing));
        let broken =
            Standing::read(|name| if name == "applied" { Some("x".into()) } else { field(name) });
        assert_eq!(broken, Err(LedgerFault::Field("applied")));
    }

    #[test]
    fn the_keys_of_a_ledger_are_those_listed_and_those_known() {
        let listed = ["a/b/0", "t/1", "no partition", "t/x"];
        let known = [(Arc::from("t"), 1), (Arc::from("t"), 2)];
        let expected = ["", ":a/b/0", ":t/1", ":t/2"].map(|end| format!("kafka:ledger:s{end}"));
        assert_eq!(keys("s", listed.into_iter(), &known), expected);
    }

    #[test]
    fn a_listing_reads_back_also_of_earlier_versions() {
        let listing = Listing::new(1_700_000_000_000, 120);
        assert_eq!(listing.to_string(), "1700000000000 start=120");
        for listing in [listing, Listing { joined: Some(500), ..listing }] {
            assert_eq!(Listing::parse(&listing.to_string()), listing);
        }
        let former = Listing { since: 1_700_000_000_000, ..Listing::default() };
        assert_eq!(Listing::parse("1700000000000"), former);
    }

    #[test]
    fn reserved_keys_are_ours_alone() {
        assert!(
            is_reserved(b"kafka:definitions")
                && is_reserved(b"kafka:definitions:ended:a")
                && is_reserved(b"kafka:ledger:a:t/0")
                && is_reserved(b"kafka:deadletters:a")
        );
        assert!(reserves_all(b"kafka:ledger:") && !reserves_all(b"kafka:definitions"));
        assert!(!is_reserved(b"kafka:definitions2") && !is_reserved(b"sensor:kafka:ledger:"));
    }
}
