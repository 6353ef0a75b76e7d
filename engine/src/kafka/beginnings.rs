//! Where partitions begin, asked of all their leaders at once.

use super::consumer::Consumer;
use super::problem::{Failure, Operation, Problem};
use rdkafka::types::RDKafkaRespErr as Code;
use std::time::Duration;

/// The timestamp that stands for the beginning in ListOffsets.
const EARLIEST: i64 = -2;

impl Consumer {
    /// The first offset that each partition still has. One question to each leader, all at once.
    /// Blocks up to `timeout`.
    pub fn beginnings(
        &self,
        partitions: &[(&str, i32)],
        timeout: Duration,
    ) -> Result<Vec<i64>, Failure> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.offsets_at(partitions, EARLIEST, timeout)?;
        let code = Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE as i32;
        found.into_iter().collect::<Option<Vec<i64>>>().ok_or_else(|| Failure {
            operation: Operation::Watermarks,
            problem: Problem::new(code, "a beginning is not known"),
        })
    }
}
