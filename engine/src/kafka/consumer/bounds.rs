//! Where partitions begin and end, and what a position means there, asked of all their leaders at
//! once.

use super::{Consumer, TopicsError, Watermarks};
use crate::kafka::position::Position;
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

    /// The offset that a position means in each partition, `marks` being what each has; an OFFSET is
    /// taken as it is. A time that nothing is as young as means the end: what is written from now on.
    /// None where the group has committed nothing, which is each caller's to judge. Blocks up to
    /// `timeout`.
    pub fn offsets_of(
        &self,
        position: &Position,
        partitions: &[(&str, i32)],
        marks: &[Watermarks],
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, Failure> {
        Ok(match position {
            Position::Earliest => marks.iter().map(|marks| Some(marks.earliest)).collect(),
            Position::Latest => marks.iter().map(|marks| Some(marks.end)).collect(),
            Position::Offset(offset) => vec![Some(*offset); partitions.len()],
            Position::Committed => self.committed(partitions, timeout)?,
            Position::Timestamp(_) | Position::Ago(_) => {
                let now = jiff::Timestamp::now().as_millisecond();
                let at = position.timestamp_ms(now).unwrap_or(0);
                let found = self.offsets_at(partitions, at, timeout)?.into_iter().zip(marks);
                found.map(|(found, marks)| Some(found.unwrap_or(marks.end))).collect()
            }
        })
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
