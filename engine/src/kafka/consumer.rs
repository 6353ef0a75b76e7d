//! A consumer with partitions assigned by hand, fetching whole batches.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::types::RDKafkaRespErr as Code;

use super::native::{Batch, Handle, PartitionOffset, Slots, TopicMetadata, Waker};
use super::position::Topics;
use super::problem::{Failure, Operation, Problem, ProblemKind};
use super::topic_id::TopicId;
use crate::nearest::nearest;

mod bounds;
mod survey;

pub use survey::TopicShape;

/// A topic as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its id; another id under the same name is another topic.
    pub id: TopicId,
    /// Its partitions, ascending.
    pub partitions: Vec<i32>,
}

/// The offsets a partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset still there.
    pub earliest: i64,
    /// The offset after the last one that can be read: the last stable offset.
    pub end: i64,
}

/// A partition to read, from `next` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The first offset to read.
    pub next: i64,
    /// The leader epoch of the last record read, so that a log cut below it is noticed (KIP-320).
    pub leader_epoch: Option<i32>,
}

/// A next offset to commit to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The next offset: exclusive, as Kafka commits.
    pub next: i64,
    /// The leader epoch of the last record.
    pub leader_epoch: Option<i32>,
}

/// Why the topics cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicsError {
    /// A topic of the list does not exist, or no topic matches the pattern.
    Missing {
        /// The topic, or the pattern.
        topic: String,
        /// The nearest existing topic.
        near: Option<String>,
        /// Whether `topic` is a pattern.
        pattern: bool,
    },
    /// No broker answered in time.
    Unreachable(Problem),
    /// User, password, mechanism or certificate were refused.
    Refused(Problem),
    /// The user may not see this topic.
    Authorization {
        /// The topic.
        topic: String,
        /// The broker's words.
        problem: Problem,
    },
    /// Anything else.
    Failed(Problem),
}

impl fmt::Display for TopicsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicsError::Missing { topic, near, pattern } => {
                if *pattern {
                    write!(f, "no topic matches '{topic}'")?;
                } else {
                    write!(f, "topic '{topic}' does not exist")?;
                }
                match near {
                    Some(near) => write!(f, "; did you mean '{near}'?"),
                    None => Ok(()),
                }
            }
            TopicsError::Unreachable(problem) => {
                write!(f, "no answer from Kafka: {problem}; {}", problem.what_to_check())
            }
            TopicsError::Refused(problem) => {
                write!(f, "Kafka refused us: {problem}; {}", problem.what_to_check())
            }
            TopicsError::Authorization { topic, problem } => write!(
                f,
                "no right to read topic '{topic}': {problem}; grant READ and DESCRIBE to the user"
            ),
            TopicsError::Failed(problem) => write!(f, "asking for topics failed: {problem}"),
        }
    }
}

impl std::error::Error for TopicsError {}

/// A consumer. Used by one thread; wake it from others by [`Consumer::waker`]. Dropping it takes at
/// most about 2 s.
pub struct Consumer {
    handle: Arc<Handle>,
    slots: SlotTable,
}

impl Consumer {
    /// Makes the client; connects in the background, so an unreachable broker is no error here.
    /// `config` is what [`super::consumer_config`] answers (a group.id is needed).
    pub fn connect(config: &ClientConfig) -> Result<Self, Failure> {
        let handle = Handle::new(config).map_err(named(Operation::Connect))?;
        Ok(Self { handle: Arc::new(handle), slots: SlotTable::default() })
    }

    /// The topics as they are now, in the order of the list or sorted for a pattern. Blocks up to
    /// `timeout`, twice that when a topic is missing (to find the name meant).
    pub fn topics(
        &self,
        topics: &Topics,
        timeout: Duration,
    ) -> Result<Vec<TopicInfo>, TopicsError> {
        let deadline = Instant::now() + timeout;
        let found = match topics {
            Topics::List(names) => names
                .iter()
                .map(|name| self.topic(name, deadline, timeout))
                .collect::<Result<Vec<_>, _>>()?,
            Topics::Pattern(pattern) => {
                let mut all =
                    self.handle.metadata(None, timeout).map_err(|problem| self.explain(problem))?;
                all.retain(|topic| pattern.matches(&topic.name));
                all.retain(|topic| topic.problem.is_none());
                all.sort_by(|a, b| a.name.cmp(&b.name));
                all
            }
        };
        if let (Topics::Pattern(pattern), true) = (topics, found.is_empty()) {
            return Err(TopicsError::Missing {
                topic: pattern.as_str().to_owned(),
                near: None,
                pattern: true,
            });
        }
        let left = deadline.saturating_duration_since(Instant::now());
        Ok(self.with_ids(found, left))
    }

    fn topic(
        &self,
        name: &str,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<TopicMetadata, TopicsError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let answer =
            self.handle.metadata(Some(name), left).map_err(|problem| self.explain(problem))?;
        let Some(topic) = answer.into_iter().find(|topic| topic.name == name) else {
            return Err(self.missing(name, timeout));
        };
        match &topic.problem {
            None if topic.partitions.is_empty() => Err(TopicsError::Failed(Problem::new(
                Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE as i32,
                &format!("topic '{name}' has no partitions yet"),
            ))),
            None => Ok(topic),
            Some(problem) => Err(match problem.kind {
                ProblemKind::TopicGone => self.missing(name, timeout),
                ProblemKind::Authorization => {
                    TopicsError::Authorization { topic: name.to_owned(), problem: problem.clone() }
                }
                _ => TopicsError::Failed(problem.clone()),
            }),
        }
    }

    fn missing(&self, name: &str, timeout: Duration) -> TopicsError {
        // The suggestion is a courtesy: without an answer there is none.
        let all = self.handle.metadata(None, timeout).unwrap_or_default();
        let names = all.iter().map(|topic| topic.name.as_str());
        TopicsError::Missing {
            topic: name.to_owned(),
            near: nearest(name, names).map(str::to_owned),
            pattern: false,
        }
    }

    /// A timeout says little; what the client met while trying says why.
    fn explain(&self, problem: Problem) -> TopicsError {
        let cause = match problem.kind {
            ProblemKind::Transport => self.handle.last_problem().unwrap_or(problem),
            _ => problem,
        };
        match cause.kind {
            ProblemKind::Authentication | ProblemKind::Tls => TopicsError::Refused(cause),
            ProblemKind::Transport => TopicsError::Unreachable(cause),
            _ => TopicsError::Failed(cause),
        }
    }

    fn with_ids(&self, found: Vec<TopicMetadata>, timeout: Duration) -> Vec<TopicInfo> {
        let names: Vec<&str> = found.iter().map(|topic| topic.name.as_str()).collect();
        let ids = self
            .handle
            .topic_ids(&names, timeout.max(Duration::from_millis(100)))
            .unwrap_or_else(|problem| {
                log::debug!(target: "kafka", "topic ids are unknown: {problem}");
                Vec::new()
            });
        let ids = ids.into_iter().chain(std::iter::repeat(0)).map(TopicId);
        found
            .into_iter()
            .zip(ids)
            .map(|(mut topic, id)| {
                topic.partitions.sort_unstable();
                TopicInfo { name: topic.name, id, partitions: topic.partitions }
            })
            .collect()
    }

    /// Asks the partition's leader for its first and last stable offset. Blocks up to `timeout`.
    pub fn watermarks(
        &self,
        topic: &str,
        partition: i32,
        timeout: Duration,
    ) -> Result<Watermarks, Failure> {
        let operation = Operation::Watermarks;
        let topic = c_topic(topic, operation)?;
        self.handle
            .watermarks(&topic, partition, timeout)
            .map(|(earliest, end)| Watermarks { earliest, end })
            .map_err(named(operation))
    }

    /// The end as of the last fetch answer, without asking; None before the first. This is the high
    /// watermark: above the last stable offset while a transaction is open.
    pub fn cached_end(&self, topic: &str, partition: i32) -> Option<i64> {
        let topic = CString::new(topic).ok()?;
        self.handle.cached_end(&topic, partition)
    }

    /// The first offset at or after `timestamp_ms` in each partition; None where there is none, so the
    /// end is meant. Blocks up to `timeout`.
    pub fn offsets_at(
        &self,
        partitions: &[(&str, i32)],
        timestamp_ms: i64,
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, Failure> {
        self.list_offsets(partitions, timestamp_ms, timeout).map(known)
    }

    /// What ListOffsets answers to a time, or to what stands for one; negative: none.
    fn list_offsets(
        &self,
        partitions: &[(&str, i32)],
        timestamp_ms: i64,
        timeout: Duration,
    ) -> Result<Vec<i64>, Failure> {
        let operation = Operation::OffsetsAt;
        let names = c_topics(partitions.iter().map(|(topic, _)| *topic), operation)?;
        let entries = partition_offsets(&names, partitions, timestamp_ms);
        self.handle.offsets_for_times(entries, timeout).map_err(named(operation))
    }

    /// What the group has committed (the next offset); None where nothing. Blocks up to `timeout`.
    pub fn committed(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, Failure> {
        let operation = Operation::Committed;
        let names = c_topics(partitions.iter().map(|(topic, _)| *topic), operation)?;
        let entries = partition_offsets(&names, partitions, -1);
        self.handle.committed(entries, timeout).map(known).map_err(named(operation))
    }

    /// Commits without waiting; a refusal is logged and becomes the last problem.
    pub fn commit(&self, offsets: &[Commit<'_>]) -> Result<(), Failure> {
        hand_over(&self.handle, offsets)
    }

    /// Whether a commit has failed since the last call.
    pub fn take_commit_failure(&self) -> bool {
        self.handle.take_commit_failure()
    }

    /// Reads these partitions, and only these, from now on; each one's slot is its index. Nothing of
    /// a former assignment is delivered afterwards. Does not wait for the broker.
    pub fn assign(&mut self, assignment: &[Assignment]) -> Result<(), Failure> {
        let operation = Operation::Assign;
        let names = c_topics(assignment.iter().map(|a| a.topic.as_str()), operation)?;
        self.slots = SlotTable::default();
        let entries = names.iter().zip(assignment).map(|(topic, a)| PartitionOffset {
            topic,
            partition: a.partition,
            offset: a.next,
            leader_epoch: a.leader_epoch,
        });
        self.handle.assign(entries).map_err(named(operation))?;
        let partitions = assignment.iter().map(|a| a.partition);
        self.slots = SlotTable::new(names, partitions.collect());
        Ok(())
    }

    /// Reads nothing any more, and throws away what was read ahead.
    pub fn unassign(&mut self) -> Result<(), Failure> {
        self.assign(&[])
    }

    /// Replaces the batch's content: waits up to `timeout` for one record, then takes what is there,
    /// at most `max` in all. An empty batch means that nothing came, or [`Waker::wake`] was called.
    /// An error here is of the client as a whole; those of a partition stand in the batch.
    pub fn fetch(
        &mut self,
        batch: &mut Batch,
        max: usize,
        timeout: Duration,
    ) -> Result<(), Problem> {
        batch.fill(&self.handle, &mut self.slots, max, timeout)?;
        self.handle.poll_events();
        match self.handle.fatal() {
            Some(problem) if batch.is_empty() => Err(problem),
            _ => Ok(()),
        }
    }

    /// The offset after the last record or control record this consumer has handed out or passed over
    /// in this slot; None before the first one, and after a problem of the slot until it is assigned
    /// again (librdkafka counts an error's offset as handed out, rd_kafka_q_serve_rkmessages, so its
    /// position then lies past records that were never seen).
    pub fn position(&self, slot: usize) -> Option<i64> {
        if self.slots.troubled.contains(&u32::try_from(slot).ok()?) {
            return None;
        }
        let topic = self.slots.topics.get(slot)?;
        let partition = self.slots.partitions.get(slot)?;
        self.handle.position(topic, *partition)
    }

    /// What ends a waiting fetch from another thread.
    pub fn waker(&self) -> Waker {
        self.handle.waker()
    }

    /// The last problem of the client as a whole (connections, commits), even if it is over: compare
    /// its time with that of the last record.
    pub fn last_problem(&self) -> Option<Problem> {
        self.handle.last_problem()
    }
}

/// Hands commits to a client.
pub(super) fn hand_over(handle: &Handle, offsets: &[Commit<'_>]) -> Result<(), Failure> {
    let operation = Operation::Commit;
    let names = c_topics(offsets.iter().map(|commit| commit.topic), operation)?;
    let entries = names.iter().zip(offsets).map(|(topic, commit)| PartitionOffset {
        topic,
        partition: commit.partition,
        offset: commit.next,
        leader_epoch: commit.leader_epoch,
    });
    handle.commit(entries).map_err(named(operation))
}

fn named(operation: Operation) -> impl Fn(Problem) -> Failure {
    move |problem| Failure { operation, problem }
}

fn c_topic(topic: &str, operation: Operation) -> Result<CString, Failure> {
    CString::new(topic).map_err(|_| Failure {
        operation,
        problem: Problem::new(
            Code::RD_KAFKA_RESP_ERR__INVALID_ARG as i32,
            "a topic's name holds a zero byte",
        ),
    })
}

fn c_topics<'a>(
    topics: impl Iterator<Item = &'a str>,
    operation: Operation,
) -> Result<Vec<CString>, Failure> {
    topics.map(|topic| c_topic(topic, operation)).collect()
}

fn partition_offsets<'a>(
    names: &'a [CString],
    partitions: &'a [(&str, i32)],
    offset: i64,
) -> impl ExactSizeIterator<Item = PartitionOffset<'a>> {
    let pairs = names.iter().zip(partitions);
    pairs.map(move |(topic, (_, partition))| PartitionOffset {
        topic,
        partition: *partition,
        offset,
        leader_epoch: None,
    })
}

fn known(offsets: Vec<i64>) -> Vec<Option<i64>> {
    offsets.into_iter().map(|offset| (offset >= 0).then_some(offset)).collect()
}

/// The slots of the assigned partitions, by librdkafka's topic address: no name is compared and
/// nothing is allocated once each partition has been met.
#[derive(Default)]
struct SlotTable {
    topics: Vec<CString>,
    partitions: Vec<i32>,
    met: HashMap<(usize, i32), u32>,
    last: Option<(usize, i32, u32)>,
    /// Slots that had a problem.
    troubled: HashSet<u32>,
}

impl SlotTable {
    fn new(topics: Vec<CString>, partitions: Vec<i32>) -> Self {
        Self {
            met: HashMap::with_capacity(topics.len()),
            topics,
            partitions,
            last: None,
            troubled: HashSet::new(),
        }
    }
}

impl Slots for SlotTable {
    fn troubled(&mut self, slot: u32) {
        self.troubled.insert(slot);
    }

    fn slot(&mut self, topic: usize, partition: i32, name: impl Fn() -> String) -> Option<u32> {
        if let Some((last_topic, last_partition, slot)) = self.last
            && last_topic == topic
            && last_partition == partition
        {
            return Some(slot);
        }
        let slot = match self.met.get(&(topic, partition)) {
            Some(slot) => *slot,
            None => {
                let name = name();
                let of_slot = self.topics.iter().zip(&self.partitions);
                let slot = of_slot.into_iter().position(|(known, number)| {
                    known.as_bytes() == name.as_bytes() && *number == partition
                })?;
                let slot = u32::try_from(slot).ok()?;
                self.met.insert((topic, partition), slot);
                slot
            }
        };
        self.last = Some((topic, partition, slot));
        Some(slot)
    }
}
