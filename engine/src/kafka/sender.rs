//! Messages that are sent once, at a person's word.

use super::problem::{Failure, Problem, ProblemKind, Reports};
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaRespErr as Code;
use std::time::{Duration, Instant};

/// How long acknowledgements are taken before it is looked whether all are there: rdkafka takes
/// them for all of that time.
const SLICE: Duration = Duration::from_millis(5);

/// A message to send.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// The topic's name.
    pub topic: &'m str,
    /// The partition; none lets the key choose.
    pub partition: Option<i32>,
    /// Its key; none for a null key.
    pub key: Option<&'m [u8]>,
    /// Its headers, in their order.
    pub headers: &'m [(String, Vec<u8>)],
    /// Its value; none for Kafka's null.
    pub value: Option<&'m [u8]>,
}

/// What became of a message: its partition and offset, or why it was not written.
pub type Receipt = Result<(i32, i64), Problem>;

/// Counts what comes back.
struct Receipts {
    reports: Reports,
    receipts: Mutex<Vec<Option<Receipt>>>,
}

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, words: &str) {
        self.reports.log(level as i32, facility, words);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reports.error(&error, reason);
    }
}

impl ProducerContext for Receipts {
    /// The message's number.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let receipt = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(Problem::of(error)),
        };
        if let Some(slot) = self.receipts.lock().get_mut(number) {
            *slot = Some(receipt);
        }
    }
}

/// Sends messages and waits for their acknowledgement until `deadline`, or until `is_over` says that
/// nobody waits any more; what became of each, in their order. `config` is what
/// [`super::producer_config`] answers. A message that was not acknowledged may have been written
/// all the same.
pub fn send(
    config: &ClientConfig,
    messages: &[Message<'_>],
    deadline: Instant,
    is_over: &dyn Fn() -> bool,
) -> Result<Vec<Receipt>, Failure> {
    let mut config = config.clone();
    let time = deadline.saturating_duration_since(Instant::now());
    config.set("message.timeout.ms", time.as_millis().max(1).to_string());
    let receipts = Receipts {
        reports: Reports::new(),
        receipts: Mutex::new(messages.iter().map(|_| None).collect()),
    };
    let client: BaseProducer<Receipts> =
        config.create_with_context(receipts).map_err(|error| Failure::no_client(&error))?;
    let go_on = || Instant::now() < deadline && !is_over();
    for (number, message) in messages.iter().enumerate() {
        hand_over(&client, number, message, &go_on);
    }
    let all_settled = || client.context().receipts.lock().iter().all(Option::is_some);
    while !all_settled() && go_on() {
        client.poll(SLICE);
    }
    let (last, found) = {
        let receipts = client.context();
        (receipts.reports.last(), std::mem::take(&mut *receipts.receipts.lock()))
    };
    let lost =
        || Problem::new(Code::RD_KAFKA_RESP_ERR__TIMED_OUT as i32, "not acknowledged in time");
    let receipt = |found: Option<Receipt>| match found {
        Some(Err(problem)) if is_silence(&problem) => Err(last.clone().unwrap_or_else(lost)),
        Some(receipt) => receipt,
        None => Err(last.clone().unwrap_or_else(lost)),
    };
    Ok(found.into_iter().map(receipt).collect())
}

/// Whether a problem only says that nothing was heard.
fn is_silence(problem: &Problem) -> bool {
    let purged = [Code::RD_KAFKA_RESP_ERR__PURGE_QUEUE, Code::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT];
    problem.kind == ProblemKind::Transport || purged.iter().any(|code| *code as i32 == problem.code)
}

fn hand_over(
    client: &BaseProducer<Receipts>,
    number: usize,
    message: &Message<'_>,
    go_on: &dyn Fn() -> bool,
) {
    let headers = message.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    });
    let mut record = BaseRecord {
        topic: message.topic,
        partition: message.partition,
        payload: message.value,
        key: message.key,
        timestamp: None,
        headers: (!message.headers.is_empty()).then_some(headers),
        delivery_opaque: number,
    };
    while go_on() {
        record = match client.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => record,
            Err((error, _)) => {
                if let Some(slot) = client.context().receipts.lock().get_mut(number) {
                    *slot = Some(Err(Problem::of(&error)));
                }
                break;
            }
        };
        client.poll(SLICE);
    }
    client.poll(Duration::ZERO);
}
