//! Reads some records of topics: the latest, or those from a position on. It consumes nothing: no
//! group is joined, and no offset committed.

use super::{Inquiry, failed, refused};
use crate::command::CommandError;
use crate::format::Headers;
use crate::kafka::{
    Assignment, Batch, Consumer, Event, Position, ProblemKind, Record, TopicInfo, Watermarks,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of records that are held at once.
const HELD_MAX: usize = 32 << 20;

/// How long a fetch waits for the first record.
const FETCH_WAIT: Duration = Duration::from_millis(50);

/// After so long without a record no more is waited for: what lies before the end may be nothing
/// but control records, or compacted away.
const SILENCE: Duration = Duration::from_secs(2);

/// How much further back is looked when too few records were found.
const WIDER: i64 = 8;

/// Which records are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// From there on; none: the latest.
    pub start: Option<Position>,
    /// So many.
    pub count: usize,
}

/// A record, held.
#[derive(Debug, Clone)]
pub struct Held {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Held {
    fn of(record: &Record<'_>, topic: &Arc<str>, partition: i32) -> Held {
        let headers = record.headers().map(|(name, value)| {
            (String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec))
        });
        Held {
            topic: topic.clone(),
            partition,
            offset: record.offset,
            timestamp: record.timestamp_ms,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        }
    }

    fn size(&self) -> usize {
        let bytes = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + bytes(value));
        bytes(&self.key) + bytes(&self.value) + headers.sum::<usize>()
    }
}

impl Headers for Held {
    fn last(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().rev().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.as_deref())
    }
}

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// In the order of their times, those of a partition in that of their offsets.
    pub records: Vec<Held>,
    /// Why they are fewer than there are, if so.
    pub note: Option<String>,
}

/// One partition while it is read.
struct Lane {
    topic: Arc<str>,
    partition: i32,
    marks: Watermarks,
    start: i64,
    /// Records from here on are not wanted.
    end: i64,
    held: VecDeque<Held>,
    is_done: bool,
}

/// Reads the records of a window, out of all partitions of `topics` together.
pub fn read(
    inquiry: &Inquiry,
    consumer: &mut Consumer,
    topics: &[TopicInfo],
    window: Window,
) -> Result<Read, CommandError> {
    let mut lanes = lanes(inquiry, consumer, topics)?;
    let Some(start) = window.start else {
        return latest(inquiry, consumer, &mut lanes, window.count);
    };
    let starts = resolve(inquiry, consumer, &lanes, start)?;
    for (lane, start) in lanes.iter_mut().zip(starts) {
        lane.start = start.clamp(lane.marks.earliest, lane.marks.end);
        lane.end = if start_is_the_end(window) { i64::MAX } else { lane.marks.end };
    }
    let note = fetch(inquiry, consumer, &mut lanes, window)?;
    let mut records = merge(&mut lanes);
    records.truncate(window.count);
    Ok(Read { records, note })
}

/// Whether what is wanted has not been written yet.
fn start_is_the_end(window: Window) -> bool {
    window.start == Some(Position::Latest)
}

fn lanes(
    inquiry: &Inquiry,
    consumer: &Consumer,
    topics: &[TopicInfo],
) -> Result<Vec<Lane>, CommandError> {
    let names: Vec<Arc<str>> = topics.iter().map(|topic| topic.name.as_str().into()).collect();
    let partitions = topics.iter().zip(&names).flat_map(|(topic, name)| {
        topic.partitions.iter().map(move |partition| (name.clone(), *partition))
    });
    let partitions: Vec<_> = partitions.collect();
    let asked: Vec<_> = partitions.iter().map(|(topic, it)| (&**topic, *it)).collect();
    let bounds = consumer.bounds(&asked, inquiry.ask() / 2).map_err(refused)?;
    let lane = |((topic, partition), marks): ((Arc<str>, i32), Watermarks)| Lane {
        topic,
        partition,
        marks,
        start: marks.earliest,
        end: marks.end,
        held: VecDeque::new(),
        is_done: false,
    };
    Ok(partitions.into_iter().zip(bounds).map(lane).collect())
}

/// The last records: each partition is read from so far before its end, and from further back while
/// that is too little, as compaction and control records leave gaps.
fn latest(
    inquiry: &Inquiry,
    consumer: &mut Consumer,
    lanes: &mut [Lane],
    count: usize,
) -> Result<Read, CommandError> {
    let mut back = count as i64;
    loop {
        for lane in lanes.iter_mut() {
            lane.start = (lane.marks.end - back).max(lane.marks.earliest);
            lane.end = lane.marks.end;
        }
        let note = fetch(inquiry, consumer, lanes, Window { start: None, count })?;
        let is_whole = lanes.iter().all(|lane| lane.start == lane.marks.earliest);
        let found: usize = lanes.iter().map(|lane| lane.held.len()).sum();
        if found >= count || is_whole || note.is_some() || inquiry.is_over() {
            let mut records = merge(lanes);
            records.drain(..records.len().saturating_sub(count));
            return Ok(Read { records, note });
        }
        back = back.saturating_mul(WIDER);
    }
}

/// Where each partition starts.
fn resolve(
    inquiry: &Inquiry,
    consumer: &Consumer,
    lanes: &[Lane],
    start: Position,
) -> Result<Vec<i64>, CommandError> {
    let partitions: Vec<_> = lanes.iter().map(|lane| (&*lane.topic, lane.partition)).collect();
    let marks: Vec<_> = lanes.iter().map(|lane| lane.marks).collect();
    let found = consumer.offsets_of(&start, &partitions, &marks, inquiry.ask()).map_err(failed)?;
    let begins = |(found, marks): (Option<i64>, Watermarks)| found.unwrap_or(marks.earliest);
    Ok(found.into_iter().zip(marks).map(begins).collect())
}

/// Fetches from every lane's start until each has come to its end, or all that is wanted is there;
/// why it stopped before that, if so.
fn fetch(
    inquiry: &Inquiry,
    consumer: &mut Consumer,
    lanes: &mut [Lane],
    window: Window,
) -> Result<Option<String>, CommandError> {
    for lane in lanes.iter_mut() {
        lane.held.clear();
        lane.is_done = lane.start >= lane.end;
    }
    // An index in the assignment is a slot.
    let assignment = lanes.iter().map(|lane| Assignment {
        topic: lane.topic.to_string(),
        partition: lane.partition,
        next: lane.start,
        leader_epoch: None,
    });
    let assignment: Vec<_> = assignment.collect();
    consumer.assign(&assignment).map_err(failed)?;
    let (mut batch, mut held, mut heard) = (Batch::new(), 0_usize, Instant::now());
    let is_tail = start_is_the_end(window);
    let is_full = |lanes: &[Lane]| {
        is_tail && lanes.iter().map(|lane| lane.held.len()).sum::<usize>() >= window.count
    };
    while lanes.iter().any(|lane| !lane.is_done) && !is_full(lanes) {
        if inquiry.is_over() {
            let note = "the time was up before all was read".to_owned();
            return Ok((!is_tail).then_some(note));
        }
        if !is_tail && heard.elapsed() >= SILENCE {
            return Ok(silent(lanes));
        }
        consumer
            .fetch(&mut batch, window.count.max(64), FETCH_WAIT)
            .map_err(|problem| CommandError::new(format!("reading records failed: {problem}")))?;
        for event in batch.events() {
            match event {
                Event::Record(record) => {
                    heard = Instant::now();
                    take(lanes, &record, window, &mut held);
                }
                Event::Problem { problem, .. } if problem.kind == ProblemKind::Transport => {}
                Event::Problem { problem, .. } => {
                    return Err(CommandError::new(format!("reading records failed: {problem}")));
                }
            }
        }
        for (slot, lane) in lanes.iter_mut().enumerate() {
            lane.is_done |= consumer.position(slot).is_some_and(|next| next >= lane.end);
        }
        if held > HELD_MAX {
            let most = HELD_MAX >> 20;
            return Ok(Some(format!("more than {most} MiB: ask for fewer with COUNT")));
        }
    }
    Ok(None)
}

/// Which partitions have told nothing of what they should hold, if any.
fn silent(lanes: &[Lane]) -> Option<String> {
    let mute = lanes.iter().filter(|lane| !lane.is_done && lane.held.is_empty());
    let mute: Vec<_> = mute.map(|lane| format!("{}/{}", lane.topic, lane.partition)).collect();
    let seconds = SILENCE.as_secs();
    (!mute.is_empty()).then(|| format!("nothing came from {} within {seconds} s", mute.join(", ")))
}

/// Keeps a record as far as it is wanted, `held` being the bytes of all that are kept.
fn take(lanes: &mut [Lane], record: &Record<'_>, window: Window, held: &mut usize) {
    let Some(lane) = lanes.get_mut(record.slot) else { return };
    if record.offset + 1 >= lane.end {
        lane.is_done = true;
    }
    if lane.held.len() >= window.count {
        if window.start.is_some() {
            lane.is_done = true;
            return;
        }
        *held -= lane.held.pop_front().map_or(0, |record| record.size());
    }
    if record.offset >= lane.end {
        return;
    }
    let record = Held::of(record, &lane.topic, lane.partition);
    *held += record.size();
    lane.held.push_back(record);
}

/// All records of the lanes: the earlier one first, unless that would turn a partition's order.
fn merge(lanes: &mut [Lane]) -> Vec<Held> {
    let mut merged = Vec::new();
    loop {
        let first = lanes
            .iter_mut()
            .filter(|lane| !lane.held.is_empty())
            .min_by_key(|lane| lane.held.front().and_then(|record| record.timestamp));
        match first.and_then(|lane| lane.held.pop_front()) {
            Some(record) => merged.push(record),
            None => return merged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(partition: i32, records: &[(i64, i64)]) -> Lane {
        let held = |(offset, timestamp): &(i64, i64)| Held {
            topic: "t".into(),
            partition,
            offset: *offset,
            timestamp: Some(*timestamp),
            key: None,
            value: None,
            headers: Vec::new(),
        };
        let marks = Watermarks { earliest: 0, end: 9 };
        let held = records.iter().map(held).collect();
        Lane { topic: "t".into(), partition, marks, start: 0, end: 9, held, is_done: true }
    }

    #[test]
    fn records_are_merged_by_time_and_keep_their_partitions_order() {
        let mut lanes = [lane(0, &[(0, 5), (1, 1), (2, 9)]), lane(1, &[(7, 2), (8, 6)])];
        let merged: Vec<_> = merge(&mut lanes).iter().map(|it| (it.partition, it.offset)).collect();
        assert_eq!(merged, [(1, 7), (0, 0), (0, 1), (1, 8), (0, 2)]);
    }
}
