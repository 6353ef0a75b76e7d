//! Where partitions begin and end, asked of all their leaders at once.

use super::{Consumer, TopicsError, Watermarks};
use crate::kafka::problem::{Failure, Operation, Problem};
use rdkafka::types::RDKafkaRespErr as Code;
use std::time::Duration;

/// The timestamps that stand for the first offset and for the end in ListOffsets.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

impl Consumer {
    /// Where each partition ends: its last stable offset under read_committed. One question to
    /// each leader. Blocks up to `timeout`.
    pub fn ends(&self, partitions: &[(&str, i32)], timeout: Duration) -> Result<Vec<i64>, Failure> {
        self.edges(partitions, LATEST, "an end is not known", timeout)
    }

    /// The first offset and the last stable one of each partition: two questions to each leader.
    /// Blocks up to twice `timeout`.
    pub fn all_watermarks(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Watermarks>, Failure> {
        let first = self.edges(partitions, EARLIEST, "a beginning is not known", timeout)?;
        Ok(paired(first, self.ends(partitions, timeout)?))
    }

    /// The same for people who look: what fails is told as the topics' error.
    pub fn bounds(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<Watermarks>, TopicsError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let ask = |time| {
            let answer = self.list_offsets(partitions, time, timeout);
            answer.map_err(|failure| self.explain(failure.problem))
        };
        Ok(paired(ask(EARLIEST)?, ask(LATEST)?))
    }

    fn edges(
        &self,
        partitions: &[(&str, i32)],
        time: i64,
        unknown: &str,
        timeout: Duration,
    ) -> Result<Vec<i64>, Failure> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.offsets_at(partitions, time, timeout)?;
        let code = Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE as i32;
        found.into_iter().collect::<Option<Vec<i64>>>().ok_or_else(|| Failure {
            operation: Operation::Watermarks,
            problem: Problem::new(code, unknown),
        })
    }
}

fn paired(first: Vec<i64>, ends: Vec<i64>) -> Vec<Watermarks> {
    let marks = first.into_iter().zip(ends);
    marks.map(|(earliest, end)| Watermarks { earliest, end }).collect()
}
