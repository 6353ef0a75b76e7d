//! Batches of records, read in place: no record is copied and nothing is allocated for one.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka_sys as sys;

use super::{Handle, text};
use crate::kafka::problem::Problem;

/// The slot of a problem that belongs to no assigned partition.
const NO_SLOT: u32 = u32::MAX;

/// Finds the slot of a partition in the assignment.
pub(in crate::kafka) trait Slots {
    /// `topic` is the address of librdkafka's topic, the same for as long as one of its partitions is
    /// assigned; `name` is asked for only when the address is met for the first time.
    fn slot(&mut self, topic: usize, partition: i32, name: impl Fn() -> String) -> Option<u32>;

    /// Told of each problem of a slot.
    fn troubled(&mut self, slot: u32);
}

/// What one fetch brought: records and problems, in the order of each partition. Keeps its buffer, and
/// holds the records' memory until it is filled again, cleared or dropped.
#[derive(Default)]
pub struct Batch {
    messages: Vec<NonNull<sys::rd_kafka_message_t>>,
    slots: Vec<u32>,
    /// What a fetch is written to; its length is the most one fetch took so far.
    incoming: Vec<*mut sys::rd_kafka_message_t>,
    /// Keeps the client until its messages are gone.
    handle: Option<Arc<Handle>>,
}

// SAFETY: messages may be read and destroyed on any one thread at a time. Not Sync: headers are parsed
// on first use, inside the message.
unsafe impl Send for Batch {}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records and problems it holds.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Gives the records' memory back.
    pub fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: handed to us by librdkafka, destroyed only here, and no longer in the list.
            unsafe { sys::rd_kafka_message_destroy(message.as_ptr()) };
        }
        self.slots.clear();
        self.handle = None;
    }

    /// The records and problems, in the order librdkafka handed them out.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'_>> {
        let slots = self.slots.iter().copied();
        self.messages.iter().zip(slots).map(|(message, slot)| event(*message, slot))
    }

    /// One of them, by its place.
    #[inline(always)]
    pub fn event(&self, at: usize) -> Option<Event<'_>> {
        Some(event(*self.messages.get(at)?, *self.slots.get(at)?))
    }

    /// Replaces the content: waits up to `timeout` for one message, then takes what is there without
    /// waiting, `max` in all.
    pub(in crate::kafka) fn fill(
        &mut self,
        handle: &Arc<Handle>,
        slots: &mut impl Slots,
        max: usize,
        timeout: Duration,
    ) -> Result<(), Problem> {
        self.clear();
        if self.incoming.len() < max {
            self.incoming.resize(max, ptr::null_mut());
        }
        self.messages.reserve(max);
        self.slots.reserve(max);
        let Some((first, rest)) = self.incoming.get_mut(..max).and_then(<[_]>::split_first_mut)
        else {
            return Ok(());
        };
        let mut count = handle.consume(timeout, std::slice::from_mut(first))?;
        if count == 1 && !rest.is_empty() {
            // The message already taken must not be lost over an error of the second call,
            // which the next fetch meets again.
            count += handle.consume(Duration::ZERO, rest).unwrap_or(0);
        }
        self.handle = Some(Arc::clone(handle));
        let incoming = self.incoming.get(..count).unwrap_or_default();
        for message in incoming.iter().filter_map(|m| NonNull::new(*m)) {
            match slot_of(message, slots) {
                Some(slot) => {
                    if code(message) != 0 && slot != NO_SLOT {
                        slots.troubled(slot);
                    }
                    self.messages.push(message);
                    self.slots.push(slot);
                }
                // SAFETY: handed to us, kept nowhere.
                None => unsafe { sys::rd_kafka_message_destroy(message.as_ptr()) },
            }
        }
        Ok(())
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The slot, [`NO_SLOT`] for a problem of no partition, None for what belongs to a partition that is
/// not assigned (any more).
fn slot_of(message: NonNull<sys::rd_kafka_message_t>, slots: &mut impl Slots) -> Option<u32> {
    // SAFETY: the message is valid until it is destroyed.
    let (topic, partition) = unsafe { (message.as_ref().rkt, message.as_ref().partition) };
    if topic.is_null() {
        return Some(NO_SLOT);
    }
    // SAFETY: the message holds its topic, whose name is NUL-terminated.
    let name = || unsafe { text(sys::rd_kafka_topic_name(topic)).into_owned() };
    slots.slot(topic as usize, partition, name)
}

/// The message's error, 0 for a record. Read as the number it is, since a newer broker may send one
/// this librdkafka has no name for.
fn code(message: NonNull<sys::rd_kafka_message_t>) -> i32 {
    // SAFETY: the message is valid until it is destroyed, and the field is four bytes of C enum.
    unsafe { ptr::addr_of!((*message.as_ptr()).err).cast::<i32>().read() }
}

#[inline(always)]
fn event<'b>(message: NonNull<sys::rd_kafka_message_t>, slot: u32) -> Event<'b> {
    let slot = usize::try_from(slot).ok().filter(|_| slot != NO_SLOT);
    let pointer = message.as_ptr();
    // SAFETY: the message lives as long as the batch borrowed for 'b.
    unsafe {
        let code = code(message);
        let value = bytes((*pointer).payload, (*pointer).len);
        let (Some(slot), 0) = (slot, code) else {
            let words = String::from_utf8_lossy(value.unwrap_or_default());
            let offset = (*pointer).offset;
            let problem =
                Problem { offset: (offset >= 0).then_some(offset), ..Problem::new(code, &words) };
            return Event::Problem { slot, problem };
        };
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        let timestamp = sys::rd_kafka_message_timestamp(pointer, &mut kind);
        Event::Record(Record {
            slot,
            offset: (*pointer).offset,
            leader_epoch: sys::rd_kafka_message_leader_epoch(pointer),
            timestamp_ms: (timestamp >= 0).then_some(timestamp),
            key: bytes((*pointer).key, (*pointer).key_len),
            value,
            message,
        })
    }
}

/// # Safety
/// `start` is NULL or points to `length` bytes that live as long as `'a`.
unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: by this function's contract.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}

/// One thing a fetch brought.
pub enum Event<'b> {
    /// A record of an assigned partition.
    Record(Record<'b>),
    /// Something is wrong; the records after it, of the same partition, need not follow on.
    Problem {
        /// The partition's index in the assignment, where the problem has one.
        slot: Option<usize>,
        /// What is wrong.
        problem: Problem,
    },
}

/// A record in its batch's memory.
#[derive(Clone, Copy)]
pub struct Record<'b> {
    /// The partition's index in the assignment.
    pub slot: usize,
    /// Its offset.
    pub offset: i64,
    /// The leader epoch of its batch, -1 where the broker tells none.
    pub leader_epoch: i32,
    /// Create or append time in ms since 1970-01-01 UTC, by the topic's setting.
    pub timestamp_ms: Option<i64>,
    /// Its key; None is Kafka's null.
    pub key: Option<&'b [u8]>,
    /// Its value; None is a tombstone.
    pub value: Option<&'b [u8]>,
    message: NonNull<sys::rd_kafka_message_t>,
}

impl<'b> Record<'b> {
    /// Its headers in their order, parsed when first asked for.
    pub fn headers(&self) -> Headers<'b> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message lives for 'b, and is used by one thread (Batch is not Sync).
        let code = unsafe { sys::rd_kafka_message_headers(self.message.as_ptr(), &mut headers) };
        Headers {
            headers: match code {
                sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => NonNull::new(headers),
                _ => None,
            },
            next: 0,
            batch: PhantomData,
        }
    }

    /// The value of the last header of this name; the inner None is Kafka's null.
    pub fn header(&self, name: &[u8]) -> Option<Option<&'b [u8]>> {
        self.headers().filter(|(header, _)| *header == name).last().map(|(_, value)| value)
    }
}

/// The headers of a record: name and value, whose None is Kafka's null.
pub struct Headers<'b> {
    headers: Option<NonNull<sys::rd_kafka_headers_t>>,
    next: usize,
    batch: PhantomData<&'b Batch>,
}

impl<'b> Iterator for Headers<'b> {
    type Item = (&'b [u8], Option<&'b [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let headers = self.headers?;
        let mut name: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut length = 0;
        // SAFETY: the headers belong to a message that lives for 'b; past the last one an error is
        // answered and nothing is written.
        let code = unsafe {
            sys::rd_kafka_header_get_all(
                headers.as_ptr(),
                self.next,
                &mut name,
                &mut value,
                &mut length,
            )
        };
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        self.next += 1;
        // SAFETY: the name is NUL-terminated, the value NULL or as long as told; both live for 'b.
        unsafe { Some((CStr::from_ptr(name).to_bytes(), bytes(value, length))) }
    }
}
