//! Ledgers that do not fit what Kafka has: what is told, and the step that accepts it.

use crate::applier::Known;
use crate::kafka::{TopicInfo, Watermarks};
use crate::ledger::{Advance, Expected, Standing};

/// A partition whose ledger does not fit what Kafka has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// Topic name.
    pub(super) topic: String,
    /// Partition number.
    pub(super) partition: i32,
    /// The ledger's next offset.
    pub(super) next: i64,
    /// Why it does not fit.
    pub(super) misfit: Misfit,
}

/// Why a ledger and a partition do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The topic is another one of the same name.
    Recreated,
    /// Kafka has deleted records that were not applied.
    Retention,
    /// Kafka has fewer records than were applied.
    Beyond,
}

pub(super) fn misfit_of(
    standing: &Standing,
    topic: &TopicInfo,
    marks: Watermarks,
) -> Option<Misfit> {
    if standing.topic_id.is_known() && topic.id.is_known() && standing.topic_id != topic.id {
        Some(Misfit::Recreated)
    } else if standing.next < marks.earliest {
        Some(Misfit::Retention)
    } else if standing.next > marks.end {
        Some(Misfit::Beyond)
    } else {
        None
    }
}

impl Misfit {
    pub(super) fn describe(self, known: &Known, standing: &Standing, marks: Watermarks) -> String {
        let at = format!("{}/{}", known.topic, known.partition);
        let (next, Watermarks { earliest, end }) = (standing.next, marks);
        match self {
            Misfit::Recreated => format!(
                "topic '{}' was deleted and made anew: the ledger of {at} stands at {next} of the former topic, the new one holds {earliest} to {end}",
                known.topic
            ),
            Misfit::Retention => format!(
                "{at}: {} records are gone from Kafka (retention): the ledger's next offset is {next}, the earliest kept is {earliest}",
                earliest - next
            ),
            Misfit::Beyond => format!(
                "{at}: Kafka ends at {end}, {} records before the ledger's next offset {next} (the log was truncated)",
                next - end
            ),
        }
    }
}

/// The step that accepts a gap: on to what Kafka still has.
pub(super) fn jump(
    known: &Known,
    standing: &Standing,
    topic: &TopicInfo,
    marks: Watermarks,
) -> Advance {
    let next = match misfit_of(standing, topic, marks) {
        Some(Misfit::Beyond) => marks.end,
        _ => marks.earliest,
    };
    Advance {
        topic: topic.name.as_str().into(),
        partition: known.partition,
        expected: Expected::Next(standing.next),
        standing: Standing { next, epoch: None, topic_id: topic.id, ..*standing },
    }
}
