//! What a cluster holds as a whole, for people who look.

use super::{Consumer, TopicsError, Watermarks, c_topics, partition_offsets};
use crate::kafka::problem::{Operation, Problem};
use std::time::Duration;

/// The timestamps that stand for the first offset and the end in ListOffsets.
const EARLIEST: i64 = -2;
const LATEST: i64 = super::LATEST;

/// A topic by what its cluster's metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicShape {
    /// Its name.
    pub name: String,
    /// Its partitions, ascending.
    pub partitions: Vec<i32>,
    /// Replicas of the partition that has most.
    pub replicas: usize,
    /// What is wrong with it, in the broker's words.
    pub problem: Option<Problem>,
}

impl Consumer {
    /// All topics that the user may see, sorted by name. Blocks up to `timeout`.
    pub fn all_topics(&self, timeout: Duration) -> Result<Vec<TopicShape>, TopicsError> {
        let found = self.handle.metadata(None, timeout).map_err(|problem| self.explain(problem))?;
        let mut topics: Vec<_> = found
            .into_iter()
            .map(|mut topic| {
                topic.partitions.sort_unstable();
                let (name, partitions) = (topic.name, topic.partitions);
                TopicShape { name, partitions, replicas: topic.replicas, problem: topic.problem }
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The first offset and the last stable one of each partition: two questions to each leader.
    /// One that cannot be told is the error of all. Blocks up to twice `timeout`.
    pub fn bounds(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Watermarks>, TopicsError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let names = c_topics(partitions.iter().map(|(topic, _)| *topic), Operation::Watermarks)
            .map_err(|failure| TopicsError::Failed(failure.problem))?;
        let ask = |time| {
            let entries = partition_offsets(&names, partitions, time);
            let answer = self.handle.offsets_for_times(entries, timeout);
            answer.map_err(|problem| self.explain(problem))
        };
        let (first, ends) = (ask(EARLIEST)?, ask(LATEST)?);
        let marks = first.into_iter().zip(ends);
        Ok(marks.map(|(earliest, end)| Watermarks { earliest, end }).collect())
    }
}
