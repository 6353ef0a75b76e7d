//! KAFKA.TOPICS: what topics a cluster has.

use super::{Answer, Inquiry, Place, refused};
use crate::control::Reply;
use crate::kafka::position::format_duration;
use crate::kafka::{Admin, Consumer, Retention, TopicShape, producer_config};
use std::fmt::Write as _;
use std::time::Duration;

/// What topics of Kafka itself, and of its tools, begin with.
const INTERNAL: &str = "__";

/// Lists the topics, one line each.
pub fn topics(inquiry: &Inquiry, mut place: Place) -> Answer {
    place.refresh()?;
    let consumer = inquiry.consumer(&place)?;
    let mut topics = consumer.all_topics(inquiry.ask()).map_err(refused)?;
    if topics.iter().any(|topic| !topic.name.starts_with(INTERNAL)) {
        topics.retain(|topic| !topic.name.starts_with(INTERNAL));
    }
    let offsets = offsets(inquiry, &consumer, &topics);
    let retention = retention(inquiry, &place, &topics);
    let described = topics.iter().zip(offsets).zip(retention);
    let lines = described.map(|((topic, offsets), retention)| {
        Reply::Simple(line(topic, offsets, retention.as_ref()))
    });
    Ok(Reply::List(lines.collect()))
}

/// The offsets between first and end, of all partitions together; none where a leader does not answer.
fn offsets(inquiry: &Inquiry, consumer: &Consumer, topics: &[TopicShape]) -> Vec<Option<i64>> {
    let partitions = |topic: &TopicShape| {
        let name = topic.name.clone();
        topic.partitions.clone().into_iter().map(move |partition| (name.clone(), partition))
    };
    let count = |partitions: &[(String, i32)]| {
        let partitions: Vec<_> = partitions.iter().map(|(name, it)| (name.as_str(), *it)).collect();
        consumer.bounds(&partitions, inquiry.ask() / 2).map(|bounds| {
            bounds.into_iter().map(|marks| (marks.end - marks.earliest).max(0)).collect::<Vec<_>>()
        })
    };
    let all: Vec<_> = topics.iter().flat_map(partitions).collect();
    if let Ok(counts) = count(&all) {
        let mut counts = counts.into_iter();
        let sums = topics.iter().map(|topic| counts.by_ref().take(topic.partitions.len()).sum());
        return sums.map(Some).collect();
    }
    // One that cannot be told is the error of all: then each is asked for by itself.
    let one = |topic: &TopicShape| match inquiry.is_over() {
        true => None,
        false => Some(count(&partitions(topic).collect::<Vec<_>>()).ok()?.into_iter().sum()),
    };
    topics.iter().map(one).collect()
}

fn retention(inquiry: &Inquiry, place: &Place, topics: &[TopicShape]) -> Vec<Option<Retention>> {
    let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
    let found = producer_config(&place.connection, &place.profiles)
        .map_err(|error| error.to_string())
        .and_then(|config| {
            let admin = Admin::connect(&config, inquiry.ask()).map_err(|it| it.to_string())?;
            admin.retention(&names, inquiry.ask()).map_err(|failure| failure.to_string())
        });
    found.unwrap_or_else(|problem| {
        log::info!("KAFKA.TOPICS: {problem}");
        vec![None; names.len()]
    })
}

fn line(topic: &TopicShape, offsets: Option<i64>, retention: Option<&Retention>) -> String {
    let TopicShape { name, partitions, replicas, problem } = topic;
    let mut line = format!("topic={name} partitions={} replicas={replicas}", partitions.len());
    let policy = retention.and_then(|retention| retention.policy.as_deref());
    // A compacted topic has fewer records than offsets.
    let relation = if policy == Some("delete") { "=" } else { "<=" };
    // Writing into a String cannot fail.
    let _ = match offsets {
        Some(offsets) => write!(line, " records{relation}{offsets}"),
        None => write!(line, " records=?"),
    };
    if let Some(retention) = retention {
        let _ = write!(line, " retention={}", kept(retention));
        if let Some(bytes) = retention.bytes.filter(|bytes| *bytes >= 0) {
            let _ = write!(line, " retention_bytes={bytes}");
        }
        let _ = write!(line, " cleanup={}", policy.unwrap_or("?"));
    } else {
        line += " retention=?";
    }
    if let Some(problem) = problem {
        let _ = write!(line, " problem=\"{problem}\"");
    }
    line
}

/// How long records are kept.
fn kept(retention: &Retention) -> String {
    match (retention.policy.as_deref(), retention.time) {
        (Some("compact"), _) | (_, Some(..0)) => "forever".to_owned(),
        (_, Some(ms)) => format_duration(Duration::from_millis(ms.unsigned_abs())),
        (_, None) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retention(policy: &str, time: i64, bytes: i64) -> Retention {
        Retention { time: Some(time), bytes: Some(bytes), policy: Some(policy.to_owned()) }
    }

    #[test]
    fn a_line_says_what_is_known() {
        let name = "t".to_owned();
        let topic = TopicShape { name, partitions: vec![0, 1], replicas: 3, problem: None };
        let line =
            |offsets, retention: Option<Retention>| line(&topic, offsets, retention.as_ref());
        for (offsets, retention, shown) in [
            (Some(5), None, "records<=5 retention=?"),
            (None, None, "records=? retention=?"),
            (
                Some(5),
                Some(retention("delete", 604_800_000, -1)),
                "records=5 retention=7d cleanup=delete",
            ),
            (
                Some(5),
                Some(retention("delete", -1, 9)),
                "records=5 retention=forever retention_bytes=9 cleanup=delete",
            ),
            (
                Some(5),
                Some(retention("compact", 604_800_000, -1)),
                "records<=5 retention=forever cleanup=compact",
            ),
            (
                Some(5),
                Some(retention("compact,delete", 1500, -1)),
                "records<=5 retention=1500ms cleanup=compact,delete",
            ),
        ] {
            let expected = format!("topic=t partitions=2 replicas=3 {shown}");
            assert_eq!(line(offsets, retention), expected);
        }
    }
}
