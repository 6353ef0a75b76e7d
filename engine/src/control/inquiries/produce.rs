//! KAFKA.PRODUCE: records into a topic.

use super::encoding::encode;
use super::{Answer, Inquiry, Place, failed, refused};
use crate::command::{CommandError, Produce};
use crate::control::Reply;
use crate::kafka::{
    Admin, Consumer, Message, Receipt, TopicInfo, Topics, TopicsError, producer_config, send,
};
use std::time::Duration;

/// How long between two looks whether a topic that was made is there.
const LOOK: Duration = Duration::from_millis(50);

/// Sends the values, once all of them are encoded, and answers where each stands.
pub fn produce(inquiry: &Inquiry, mut place: Place, asked: &Produce) -> Answer {
    place.refresh()?;
    let values = encode(&place, asked)?;
    let (topic, is_new) = topic(inquiry, &place, asked)?;
    if let Some(partition) = asked.partition
        && !topic.partitions.contains(&partition)
    {
        let (name, last) = (&asked.topic, topic.partitions.len().saturating_sub(1));
        let problem = format!("topic '{name}' has no partition {partition}");
        return Err(CommandError::new(problem).hint(format!("it has 0 to {last}")));
    }
    let messages: Vec<Message<'_>> = values
        .iter()
        .map(|value| Message {
            topic: &asked.topic,
            partition: asked.partition,
            key: asked.key.as_deref(),
            headers: &asked.headers,
            value: value.as_deref(),
        })
        .collect();
    let config = producer_config(&place.connection, &place.profiles)
        .map_err(|error| CommandError::new(error.to_string()))?;
    let receipts = send(&config, &messages, inquiry.deadline, &|| inquiry.is_over());
    let note = match is_new {
        true => {
            let count = topic.partitions.len();
            format!(
                "; the topic was made with {count} partition{}",
                if count == 1 { "" } else { "s" }
            )
        }
        false => String::new(),
    };
    told(&asked.topic, &receipts.map_err(failed)?, &note)
}

/// Where the values stand; an error where one does not, with those that do.
fn told(topic: &str, receipts: &[Receipt], note: &str) -> Answer {
    let written = receipts.iter().filter_map(|receipt| receipt.as_ref().ok());
    let written: Vec<_> =
        written.map(|(partition, offset)| format!("{topic}/{partition}@{offset}")).collect();
    let lost = receipts.iter().enumerate();
    let mut lost = lost.filter_map(|(at, receipt)| Some((at, receipt.as_ref().err()?)));
    let Some((first, problem)) = lost.next() else {
        return Ok(Reply::Simple(format!("OK {}{note}", written.join(" "))));
    };
    let more = match lost.count() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let written = match written.is_empty() {
        true => "no value was acknowledged".to_owned(),
        false => format!("written: {}", written.join(" ")),
    };
    let which = match receipts.len() {
        1 => String::new(),
        count => format!("value {} of {count}{more}: ", first + 1),
    };
    Err(CommandError::new(format!("{which}{problem}")).hint(format!("{written}{note}")))
}

/// The topic, and whether it was made.
fn topic(
    inquiry: &Inquiry,
    place: &Place,
    asked: &Produce,
) -> Result<(TopicInfo, bool), CommandError> {
    let consumer = inquiry.consumer(place)?;
    match (look(inquiry, &consumer, asked), asked.create) {
        (Ok(topic), _) => Ok((topic, false)),
        (Err(TopicsError::Missing { .. }), Some(partitions)) => {
            make(inquiry, place, asked, partitions)?;
            await_topic(inquiry, &consumer, asked).map(|topic| (topic, true))
        }
        (Err(error @ TopicsError::Missing { .. }), None) => {
            Err(refused(error).hint("CREATE n makes it with n partitions"))
        }
        (Err(error), _) => Err(refused(error)),
    }
}

fn look(inquiry: &Inquiry, consumer: &Consumer, asked: &Produce) -> Result<TopicInfo, TopicsError> {
    let topics = consumer.topics(&Topics::List(vec![asked.topic.clone()]), inquiry.ask())?;
    topics.into_iter().next().ok_or_else(|| TopicsError::Missing {
        topic: asked.topic.clone(),
        near: None,
        pattern: false,
    })
}

fn make(
    inquiry: &Inquiry,
    place: &Place,
    asked: &Produce,
    partitions: i32,
) -> Result<(), CommandError> {
    let config = producer_config(&place.connection, &place.profiles)
        .map_err(|error| CommandError::new(error.to_string()))?;
    let admin = Admin::connect(&config, inquiry.ask()).map_err(failed)?;
    admin.create(&asked.topic, partitions, inquiry.ask()).map_err(|failure| {
        failed(failure).hint(
            "an embedded broker makes its topics at the start: \
             redis-kafka broker --topic NAME:PARTITIONS",
        )
    })
}

/// Waits until a topic that was made has its leaders.
fn await_topic(
    inquiry: &Inquiry,
    consumer: &Consumer,
    asked: &Produce,
) -> Result<TopicInfo, CommandError> {
    loop {
        match look(inquiry, consumer, asked) {
            Ok(topic) => return Ok(topic),
            Err(error) if inquiry.is_over() => return Err(refused(error)),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{Problem, ProblemKind};

    #[test]
    fn what_is_written_is_told_with_what_is_not() {
        let lost = || {
            Err(Problem {
                kind: ProblemKind::Other,
                code: 10,
                words: "Broker: Message size too large".to_owned(),
                offset: None,
                at: jiff::Timestamp::UNIX_EPOCH,
            })
        };
        let told = |receipts: &[Receipt], note| match told("t", receipts, note) {
            Ok(Reply::Simple(line)) => line,
            Ok(other) => panic!("{other:?}"),
            Err(error) => error.of("KAFKA.PRODUCE").to_string(),
        };
        assert_eq!(told(&[Ok((0, 5)), Ok((1, 2))], "; new"), "OK t/0@5 t/1@2; new");
        assert_eq!(
            told(&[lost()], ""),
            "ERR KAFKA.PRODUCE: Broker: Message size too large; no value was acknowledged"
        );
        assert_eq!(
            told(&[Ok((0, 5)), lost(), lost()], ""),
            "ERR KAFKA.PRODUCE: value 2 of 3 and 1 more: Broker: Message size too large; \
             written: t/0@5"
        );
    }
}
