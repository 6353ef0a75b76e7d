//! What is asked of a cluster beyond its records: how long topics keep theirs, and a new topic.

use super::problem::{Failure, Operation, Problem, ProblemKind, Reports};
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaRespErr as Code;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the log is read at once, and how often at most.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 100;

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
    client: AdminClient<DefaultClientContext>,
    /// The requests that the brokers take.
    known: BTreeSet<String>,
}

/// Hears which requests the brokers take, as librdkafka's log tells when it connects.
///
/// librdkafka 2.12 frees its reply queue twice, and ends the process, when a request of an
/// administrator is to go to a broker that does not know it; and nothing but the log says what
/// brokers know.
struct Ears {
    reports: Reports,
    known: Mutex<BTreeSet<String>>,
}

impl ProducerContext for Ears {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
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
        self.reports.error(&error, reason);
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
        let known = requests(config, timeout)?;
        let client = config.create().map_err(|error| Failure::no_client(&error))?;
        Ok(Admin { client, known })
    }

    fn knows(&self, request: &str) -> bool {
        self.known.contains(request)
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
            .map_err(|error| failure(Operation::Retention, &error))?;
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
            futures_executor::block_on(results).map_err(|error| failure(operation, &error))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    return Err(Failure { operation, problem: Problem::of_code(code) });
                }
            }
        }
        Ok(())
    }
}

/// The requests that the brokers take: asked by a client of its own, as only a producer's log can be
/// read along. Blocks up to `timeout`, and a moment.
fn requests(config: &ClientConfig, timeout: Duration) -> Result<BTreeSet<String>, Failure> {
    let ears = Ears { reports: Reports::new(), known: Mutex::default() };
    let mut config = config.clone();
    config.set("debug", "feature").set_log_level(RDKafkaLogLevel::Debug);
    let client: BaseProducer<Ears> =
        config.create_with_context(ears).map_err(|error| Failure::no_client(&error))?;
    let answer = client.client().fetch_metadata(None, timeout);
    let heard = client.context();
    // Once a broker has answered, it has told what it takes: the log lies there to be read.
    for _ in 0..LOOKS {
        client.poll(LOOK);
        if answer.is_err() || !heard.known.lock().is_empty() {
            break;
        }
    }
    match answer {
        Ok(_) => Ok(std::mem::take(&mut *heard.known.lock())),
        Err(error) => {
            let failure = failure(Operation::Connect, &error);
            let cause = heard.reports.last();
            let is_silence = failure.problem.kind == ProblemKind::Transport;
            let problem = cause.filter(|_| is_silence).unwrap_or(failure.problem);
            Err(Failure { operation: Operation::Connect, problem })
        }
    }
}

fn failure(operation: Operation, error: &KafkaError) -> Failure {
    Failure { operation, problem: Problem::of(error) }
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
