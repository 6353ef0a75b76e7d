//! What went wrong at Kafka, in the broker's or librdkafka's own words, and what kind of thing it is.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::Level;
use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr as Code;

/// Log lines of one consumer passed on a second; the rest is counted.
const LOG_LINES_A_SECOND: u32 = 10;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Making the client.
    Connect,
    /// Asking which topics and partitions there are.
    Metadata,
    /// Asking for the first and last offsets of a partition.
    Watermarks,
    /// Asking for the offsets at a time.
    OffsetsAt,
    /// Asking what the group has committed.
    Committed,
    /// Committing.
    Commit,
    /// Taking partitions.
    Assign,
    /// Reading records.
    Fetch,
    /// Sending messages.
    Send,
    /// Joining a consumer group.
    Join,
    /// Asking how long topics keep their records.
    Retention,
    /// Making a topic.
    CreateTopic,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Connect => "making the Kafka client",
            Operation::Metadata => "asking for topics",
            Operation::Watermarks => "asking for the first and last offset",
            Operation::OffsetsAt => "asking for the offsets at a time",
            Operation::Committed => "asking for the group's committed offsets",
            Operation::Commit => "committing to the group",
            Operation::Assign => "taking partitions",
            Operation::Fetch => "reading records",
            Operation::Send => "sending messages",
            Operation::Join => "joining the consumer group",
            Operation::Retention => "asking for the topics' retention",
            Operation::CreateTopic => "making the topic",
        })
    }
}

/// What kind of problem, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The offset asked for is before the first or after the last record. The partition stands.
    OutOfRange,
    /// The log was cut below our offset (unclean election). The partition stands.
    Truncated,
    /// The topic or partition does not exist (any more).
    TopicGone,
    /// A batch could not be read (checksum, compression, too large): librdkafka has passed over it,
    /// so whoever goes on after this one has lost records.
    Unreadable,
    /// The user may not do this.
    Authorization,
    /// User, password or mechanism was refused.
    Authentication,
    /// TLS failed: certificate, trust or protocol.
    Tls,
    /// No answer, no connection, no leader or a new one: heals itself when the broker is back.
    Transport,
    /// The client can do nothing more and must be made anew.
    Fatal,
    /// The same, because another member of the group joined with the same instance id.
    Fenced,
    /// Anything else.
    Other,
}

/// A problem with its code and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub kind: ProblemKind,
    /// librdkafka's error code (negative) or the broker's (positive).
    pub code: i32,
    /// The broker's or librdkafka's words, one line.
    pub words: String,
    /// The offset concerned, where the problem names one.
    pub offset: Option<i64>,
    /// When it was reported.
    pub at: Timestamp,
}

impl Problem {
    /// Classifies `code`; `words` are put on one line.
    pub(super) fn new(code: i32, words: &str) -> Self {
        Self {
            kind: classify(code, words),
            code,
            words: words.split_whitespace().collect::<Vec<_>>().join(" "),
            offset: None,
            at: Timestamp::now(),
        }
    }

    /// What a call of rdkafka's failed with.
    pub(super) fn of(error: &KafkaError) -> Self {
        Self::of_code(code_of(error))
    }

    /// In librdkafka's words, which rdkafka shows as `Name (words)`.
    pub(super) fn of_code(code: RDKafkaErrorCode) -> Self {
        let shown = code.to_string();
        let words = shown.split_once(" (").and_then(|(_, words)| words.strip_suffix(')'));
        Self::new(code as i32, words.unwrap_or(&shown))
    }

    /// Why no client can be made, without the property's value, which may be a secret.
    pub(super) fn no_client(error: &KafkaError) -> Self {
        let words = match error {
            KafkaError::ClientConfig(_, words, property, _) => format!("{property}: {words}"),
            other => other.to_string(),
        };
        Self::new(Code::RD_KAFKA_RESP_ERR__INVALID_ARG as i32, &words)
    }
}

fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}

/// librdkafka's words where a broker closes or breaks off a TLS handshake (rdkafka_ssl.c).
const SPEAKS_NO_TLS: [&str; 4] = [
    "plain text listener",
    "PLAINTEXT broker listener",
    "SSL connection closed by peer",
    "wrong version number",
];

/// Of a connection that the broker closed before the client knew it (rdkafka_broker.c): it could not
/// make sense of what it was sent.
const UNKNOWN_TO_BROKER: &str = "in state APIVERSION_QUERY";

impl Problem {
    /// Whether the same question may well be answered a moment later.
    pub fn heals_itself(&self) -> bool {
        self.kind == ProblemKind::Transport
    }

    /// What to look at, as far as librdkafka's own words (rdkafka_broker.c, rdkafka_transport.c)
    /// tell it.
    pub fn what_to_check(&self) -> &'static str {
        let says = |words: &str| self.words.contains(words);
        match self.kind {
            ProblemKind::Authentication => {
                "check sasl.mechanism, sasl.username and sasl.password of the profile"
            }
            _ if SPEAKS_NO_TLS.iter().any(|words| says(words)) => {
                "that listener speaks no TLS: check the port, or security.protocol of the profile"
            }
            ProblemKind::Tls => "check certificate and ssl.ca.location of the profile",
            _ if says(UNKNOWN_TO_BROKER) => {
                "that listener wants TLS or a password: use CONNECTION with a profile that has \
                 security.protocol"
            }
            _ if self.is_of_advertised() => {
                "that is where the brokers tell their clients to go: check the broker's \
                 advertised.listeners, and the way there from here"
            }
            _ => {
                "check host and port, the broker's advertised.listeners, and whether the listener \
                 wants TLS or a password (CONNECTION)"
            }
        }
    }

    /// Whether it is about an address that a broker told, `host:port/id`, and not about one of those
    /// asked first, `host:port/bootstrap`.
    fn is_of_advertised(&self) -> bool {
        let is_told = |part: &str| match part.rsplit_once('/') {
            Some((address, id)) => {
                address.contains(':')
                    && !id.is_empty()
                    && id.bytes().all(|byte| byte.is_ascii_digit())
            }
            None => false,
        };
        self.words.starts_with("GroupCoordinator: ") || self.words.split(": ").any(is_told)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// An operation that failed, and the problem it failed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {problem}")]
pub struct Failure {
    /// What was being done.
    pub operation: Operation,
    /// What went wrong.
    pub problem: Problem,
}

impl Failure {
    /// No client can be made of what was configured.
    pub(super) fn no_client(error: &KafkaError) -> Self {
        Self { operation: Operation::Connect, problem: Problem::no_client(error) }
    }
}

/// librdkafka reports a cut log and an offset out of range alike, as AUTO_OFFSET_RESET with the cause
/// in the words only (rdkafka_offset.c, rd_kafka_offset_reset): these are the causes' own texts.
const TRUNCATION_WORDS: [&str; 2] = ["log truncation detected", "No epoch found"];
const OUT_OF_RANGE_WORDS: &str = "Offset out of range";

fn classify(code: i32, words: &str) -> ProblemKind {
    const KINDS: &[(ProblemKind, &[Code])] = &[
        (ProblemKind::OutOfRange, &[Code::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE]),
        (ProblemKind::Truncated, &[Code::RD_KAFKA_RESP_ERR__LOG_TRUNCATION]),
        (
            ProblemKind::TopicGone,
            &[
                Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                Code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
                Code::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID,
            ],
        ),
        (
            ProblemKind::Unreadable,
            &[
                Code::RD_KAFKA_RESP_ERR__BAD_MSG,
                Code::RD_KAFKA_RESP_ERR__BAD_COMPRESSION,
                Code::RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
                Code::RD_KAFKA_RESP_ERR_INVALID_MSG,
                Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                Code::RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
            ],
        ),
        (
            ProblemKind::Authorization,
            &[
                Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                Code::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            ],
        ),
        (
            ProblemKind::Authentication,
            &[
                Code::RD_KAFKA_RESP_ERR__AUTHENTICATION,
                Code::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
                Code::RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
                Code::RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE,
            ],
        ),
        (ProblemKind::Tls, &[Code::RD_KAFKA_RESP_ERR__SSL]),
        (ProblemKind::Transport, TRANSPORT),
        (ProblemKind::Fatal, &[Code::RD_KAFKA_RESP_ERR__FATAL]),
    ];
    if code == Code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET as i32 {
        return if TRUNCATION_WORDS.iter().any(|text| words.contains(text)) {
            ProblemKind::Truncated
        } else if words.contains(OUT_OF_RANGE_WORDS) {
            ProblemKind::OutOfRange
        } else {
            ProblemKind::Other
        };
    }
    KINDS
        .iter()
        .find(|(_, codes)| codes.iter().any(|known| *known as i32 == code))
        .map_or(ProblemKind::Other, |(kind, _)| *kind)
}

const TRANSPORT: &[Code] = &[
    Code::RD_KAFKA_RESP_ERR__TRANSPORT,
    Code::RD_KAFKA_RESP_ERR__RESOLVE,
    Code::RD_KAFKA_RESP_ERR__TIMED_OUT,
    Code::RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
    Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
    Code::RD_KAFKA_RESP_ERR__WAIT_COORD,
    Code::RD_KAFKA_RESP_ERR__WAIT_CACHE,
    Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    Code::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
    Code::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
    Code::RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
    Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    Code::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    Code::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
    // The client or the broker does not know yet who leads the partition since when (KIP-320), as
    // just after a broker's start: librdkafka asks for the topic again by itself.
    Code::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
    Code::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
];

/// What a group does with some partitions of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// They are its own from now on.
    Assigned,
    /// They are to be given up.
    Revoked,
    /// They are not its own any more; somebody else may have them already.
    Lost,
}

/// What a group has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rebalance {
    pub(super) change: Change,
    pub(super) partitions: Vec<(String, i32)>,
}

/// What librdkafka's callbacks write and the consumer reads. Any thread.
pub(super) struct Reports {
    last: Mutex<Option<Problem>>,
    lines: Mutex<LineRate>,
    rebalances: Mutex<Vec<Rebalance>>,
    commit_failed: AtomicBool,
}

struct LineRate {
    since: Instant,
    passed: u32,
    held_back: u64,
}

impl Reports {
    pub(super) fn new() -> Self {
        Self {
            last: Mutex::new(None),
            lines: Mutex::new(LineRate { since: Instant::now(), passed: 0, held_back: 0 }),
            rebalances: Mutex::default(),
            commit_failed: AtomicBool::new(false),
        }
    }

    pub(super) fn rebalance(&self, rebalance: Rebalance) {
        self.rebalances.lock().push(rebalance);
    }

    pub(super) fn take_rebalances(&self) -> Vec<Rebalance> {
        std::mem::take(&mut *self.rebalances.lock())
    }

    pub(super) fn commit_failed(&self) {
        self.commit_failed.store(true, Ordering::Release);
    }

    pub(super) fn take_commit_failure(&self) -> bool {
        self.commit_failed.swap(false, Ordering::AcqRel)
    }

    /// The last problem reported, whatever has happened since.
    pub(super) fn last(&self) -> Option<Problem> {
        self.last.lock().clone()
    }

    /// Keeps a problem as the last one. "All brokers are down" follows the error that says why,
    /// and does not displace it.
    pub(super) fn report(&self, code: i32, words: &str) {
        let mut last = self.last.lock();
        if code == Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN as i32 && last.is_some() {
            return;
        }
        *last = Some(Problem::new(code, words));
    }

    /// Keeps what a client of rdkafka's is told of.
    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        self.report(code_of(error) as i32, reason);
    }

    /// Passes a line of librdkafka's log on, at most [`LOG_LINES_A_SECOND`]; `level` is syslog's.
    /// A lost connection is an error to librdkafka, but it heals itself: a warning here. One that the
    /// broker closed is nothing, unless it seems that the broker cannot make sense of us: that stands
    /// in the log alone, and is a problem to know of.
    pub(super) fn log(&self, level: i32, facility: &str, words: &str) {
        if facility == "FAIL" && level > 3 && words.contains("Disconnected") {
            if !words.contains(UNKNOWN_TO_BROKER) {
                return;
            }
            // `[thrd:host:port/bootstrap]: host:port/bootstrap: Disconnected…`
            let told = words.split_once("]: ").map_or(words, |(_, told)| told);
            self.report(Code::RD_KAFKA_RESP_ERR__TRANSPORT as i32, told);
        }
        let level = match level {
            ..=2 => Level::Error,
            3 | 4 => Level::Warn,
            5 | 6 => Level::Info,
            _ => Level::Debug,
        };
        let held_back = {
            let mut rate = self.lines.lock();
            let mut held_back = 0;
            if rate.since.elapsed() >= Duration::from_secs(1) {
                held_back = rate.held_back;
                *rate = LineRate { since: Instant::now(), passed: 0, held_back: 0 };
            }
            if rate.passed >= LOG_LINES_A_SECOND {
                rate.held_back += 1;
                return;
            }
            rate.passed += 1;
            held_back
        };
        if held_back > 0 {
            log::warn!(target: "kafka", "{held_back} more lines of librdkafka were not logged");
        }
        log::log!(target: "kafka", level, "{facility}: {words}");
    }
}

#[cfg(test)]
mod tests;
