//! What a cluster holds as a whole, for people who look.

use super::{Consumer, TopicsError};
use crate::kafka::problem::Problem;
use std::time::Duration;

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
}
