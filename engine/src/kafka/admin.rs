//! What is asked of a cluster beyond its records: how long topics keep theirs, and a new topic.

use super::problem::{Failure, Operation, Problem, ProblemKind, Reports};
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr as Code;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a topic keeps its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// `retention.ms`, in milliseconds; negative: for ever.
    pub time: Option<i64>,
    /// `retention.bytes` of a partition; negative: any number.
    pub bytes: Option<i64>,
    /// `cleanup.policy`: `delete`, `compact`, or both.
    pub policy: Option<String>,
}

/// A client for administration. Used by one thread, which drops it too: that may take a while.
pub struct Admin {
    client: AdminClient<Ears>,
}

/// Which requests the brokers take, as librdkafka's log tells when it connects.
///
/// librdkafka 2.12 frees its reply queue twice, and ends the process, when a request of an
/// administrator is to go to a broker that does not know it; and nothing but the log says what
/// brokers know.
struct Ears {
    reports: Reports,
    known: Mutex<BTreeSet<String>>,
}

impl ClientContext for Ears {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, words: &str) {
        if facility == "APIVERSION" {
            self.known.lock().extend(api(words).map(str::to_owned));
        } else if !matches!(level, RDKafkaLogLevel::Debug) {
            self.reports.log(level as i32, facility, words);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        self.reports.report(code as i32, reason);
    }
}

/// The request that a line names: `…:   ApiKey CreateTopics (19) Versions 0..7`
/// (rd_kafka_handle_ApiVersion).
fn api(words: &str) -> Option<&str> {
    words.split_once("ApiKey ")?.1.split_once(" (").map(|(name, _)| name)
}

impl Admin {
    /// Makes the client and waits up to `timeout` for a broker. `config` is what
    /// [`super::producer_config`] answers.
    pub fn connect(config: &ClientConfig, timeout: Duration) -> Result<Admin, Failure> {
        let ears = Ears { reports: Reports::new(), known: Mutex::default() };
        let mut config = config.clone();
        config.set("debug", "feature").set_log_level(RDKafkaLogLevel::Debug);
        let failed = |operation, words: String| {
            let problem = Problem::new(Code::RD_KAFKA_RESP_ERR__INVALID_ARG as i32, &words);
            Failure { operation, problem }
        };
        let client: AdminClient<Ears> =
            config.create_with_context(ears).map_err(|error| match error {
                // Without the value, which may be a secret.
                KafkaError::ClientConfig(_, words, property, _) => {
                    failed(Operation::Connect, format!("{property}: {words}"))
                }
                other => failed(Operation::Connect, other.to_string()),
            })?;
        let admin = Admin { client };
        // Once a broker has answered it has told what it knows.
        match admin.client.inner().fetch_metadata(None, timeout) {
            Ok(_) => Ok(admin),
            Err(error) => Err(admin.failure(Operation::Connect, &error)),
        }
    }

    fn knows(&self, request: &str) -> bool {
        self.client.inner().context().known.lock().contains(request)
    }

    /// What failed, with what the connection complained of last where that says more.
    fn failure(&self, operation: Operation, error: &KafkaError) -> Failure {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let problem = problem_of(code);
        let last = match problem.kind {
            ProblemKind::Transport => self.client.inner().context().reports.last(),
            _ => None,
        };
        Failure { operation, problem: last.unwrap_or(problem) }
    }

    /// How long these topics keep their records, in the order given; none where the brokers do not
    /// tell, or not us. Blocks up to `timeout`.
    pub fn retention(
        &self,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<Vec<Option<Retention>>, Failure> {
        if topics.is_empty() || !self.knows("DescribeConfigs") {
            return Ok(vec![None; topics.len()]);
        }
        let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let found = self.client.describe_configs(&asked, &options(timeout));
        let found = futures_executor::block_on(found)
            .map_err(|error| self.failure(Operation::Retention, &error))?;
        let found = found.into_iter().map(|topic| topic.ok().map(|topic| retention(&topic)));
        Ok(found.chain(std::iter::repeat(None)).take(topics.len()).collect())
    }

    /// Makes a topic with so many partitions and the brokers' own number of replicas. Blocks up to
    /// `timeout`. One that has been made in between is as good.
    pub fn create(&self, topic: &str, partitions: i32, timeout: Duration) -> Result<(), Failure> {
        let operation = Operation::CreateTopic;
        if !self.knows("CreateTopics") {
            let code = Code::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE as i32;
            let problem = Problem::new(code, "the broker makes no topics on request");
            return Err(Failure { operation, problem });
        }
        // -1 is the brokers' default (since Kafka 2.4).
        let topic = [NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))];
        let results = self.client.create_topics(&topic, &options(timeout));
        let results =
            futures_executor::block_on(results).map_err(|error| self.failure(operation, &error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(Failure { operation, problem: problem_of(code) }),
            }
        }
        Ok(())
    }
}

fn options(timeout: Duration) -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout))
}

fn retention(topic: &ConfigResource) -> Retention {
    let text = |name: &str| {
        let entry = topic.entries.iter().find(|entry| entry.name == name);
        entry.and_then(|entry| entry.value.clone())
    };
    let number = |name| text(name).and_then(|text| text.parse().ok());
    Retention {
        time: number("retention.ms"),
        bytes: number("retention.bytes"),
        policy: text("cleanup.policy"),
    }
}

/// In librdkafka's words, which rdkafka shows as `Name (words)`.
pub(super) fn problem_of(code: RDKafkaErrorCode) -> Problem {
    let shown = code.to_string();
    let words = shown.split_once(" (").and_then(|(_, words)| words.strip_suffix(')'));
    Problem::new(code as i32, words.unwrap_or(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_names_a_request() {
        let line = "[thrd:h:1/bootstrap]: h:1/bootstrap:   ApiKey CreateTopics (19) Versions 0..7";
        assert_eq!(api(line), Some("CreateTopics"));
        assert_eq!(api("[thrd:h:1]: h:1: Broker API support:"), None);
    }
}
