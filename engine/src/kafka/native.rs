//! The only unsafe code of the engine: librdkafka's C API, as much of it as a consumer needs and the
//! `rdkafka` crate does not give (batches, leader epochs, topic ids), behind safe types; and what a
//! thread asks of the kernel (`turns`).
//!
//! The client is made here and not by rdkafka's BaseConsumer, because that one puts errors, logs and
//! rebalances on the queue records come from, where a batch call would hand them to no one: here the
//! main queue (errors, commit results) is polled by itself and the consumer queue has only records.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::config::ClientConfig;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

use super::problem::{Problem, ProblemKind, Rebalance, Reports};

mod batch;
mod callbacks;
mod group;
mod list;
mod topic_ids;
mod turns;

use list::PartitionList;

pub(super) use batch::Slots;
pub use batch::{Batch, Event, Headers, Record};
pub(super) use group::Acknowledged;
pub(super) use list::PartitionOffset;
pub use turns::ask_for_short_turns;

/// How long the end of a client is waited for; it then ends by itself (a name look-up may block it).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// What librdkafka says for "no such offset" (RD_KAFKA_OFFSET_INVALID).
const NO_OFFSET: i64 = -1001;
const ERROR_TEXT_SIZE: usize = 512;

fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}

/// # Safety
/// `text` is NULL or a NUL-terminated string that lives as long as `'a`.
unsafe fn text<'a>(text: *const c_char) -> std::borrow::Cow<'a, str> {
    if text.is_null() {
        return "".into();
    }
    // SAFETY: not NULL, and NUL-terminated by this function's contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}

fn problem(code: Code) -> Problem {
    // SAFETY: rd_kafka_err2str takes any code and answers a static or thread-local string.
    let words = unsafe { text(sys::rd_kafka_err2str(code)) };
    Problem::new(code as i32, &words)
}

fn check(code: Code) -> Result<(), Problem> {
    match code {
        Code::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(problem(code)),
    }
}

fn c_name(name: &str) -> Result<CString, Problem> {
    CString::new(name).map_err(|_| problem(Code::RD_KAFKA_RESP_ERR__INVALID_ARG))
}

/// The queue records come from, emptied when the client ends, so that a late waker finds nothing.
struct Queue(Mutex<Option<NonNull<sys::rd_kafka_queue_t>>>);

// SAFETY: librdkafka's queues are thread-safe; the pointer is only used under the lock.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

/// Ends a fetch that waits for records, from any thread, also after the consumer is gone.
#[derive(Clone)]
pub struct Waker(Arc<Queue>);

impl Waker {
    /// Makes the running fetch, or else the next one, return at once.
    pub fn wake(&self) {
        if let Some(queue) = *self.0.0.lock() {
            // SAFETY: the queue lives while it stands in the slot, whose lock is held.
            unsafe { sys::rd_kafka_queue_yield(queue.as_ptr()) };
        }
    }
}

/// A topic as the broker describes it.
pub(super) struct TopicMetadata {
    pub(super) name: String,
    pub(super) problem: Option<Problem>,
    pub(super) partitions: Vec<i32>,
    /// Replicas of the partition that has most.
    pub(super) replicas: usize,
}

/// A client of librdkafka. Any thread may call it; it ends when the last batch of it is gone, too.
pub(super) struct Handle {
    rk: NonNull<sys::rd_kafka_t>,
    queue: Arc<Queue>,
    reports: Arc<Reports>,
}

// SAFETY: rd_kafka_t is thread-safe by its documentation.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn new(config: &ClientConfig) -> Result<Self, Problem> {
        let invalid =
            |words: &str| Problem::new(Code::RD_KAFKA_RESP_ERR__INVALID_ARG as i32, words);
        let native = config.create_native_config().map_err(|error| Problem::no_client(&error))?;
        let reports = Arc::new(Reports::new());
        let mut words = [0 as c_char; ERROR_TEXT_SIZE];
        // SAFETY: the configuration is valid; the opaque outlives the client, since `close` keeps
        // the reports until the client is destroyed; the buffer's size is given.
        let rk = unsafe {
            let conf = native.ptr();
            sys::rd_kafka_conf_set_opaque(conf, Arc::as_ptr(&reports).cast_mut().cast());
            sys::rd_kafka_conf_set_log_cb(conf, Some(callbacks::on_log));
            sys::rd_kafka_conf_set_error_cb(conf, Some(callbacks::on_error));
            sys::rd_kafka_conf_set_offset_commit_cb(conf, Some(callbacks::on_commit));
            sys::rd_kafka_conf_set_rebalance_cb(conf, Some(callbacks::on_rebalance));
            sys::rd_kafka_new(
                sys::rd_kafka_type_t::RD_KAFKA_CONSUMER,
                conf,
                words.as_mut_ptr(),
                words.len(),
            )
        };
        let Some(rk) = NonNull::new(rk) else {
            // SAFETY: rd_kafka_new has written a NUL-terminated text.
            return Err(invalid(&unsafe { text(words.as_ptr()) }));
        };
        // A made client owns its configuration.
        std::mem::forget(native);
        // SAFETY: the client lives; the queue answered is ours to destroy.
        let queue = unsafe {
            sys::rd_kafka_set_log_level(rk.as_ptr(), config.log_level as c_int);
            NonNull::new(sys::rd_kafka_queue_get_consumer(rk.as_ptr()))
        };
        let has_queue = queue.is_some();
        let handle = Self { rk, queue: Arc::new(Queue(Mutex::new(queue))), reports };
        if has_queue { Ok(handle) } else { Err(invalid("group.id is missing")) }
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.queue))
    }

    /// What the callbacks have reported; runs those that wait first.
    pub(super) fn last_problem(&self) -> Option<Problem> {
        self.poll_events();
        self.reports.last()
    }

    /// Takes what the group has decided since the last call.
    pub(super) fn take_rebalances(&self) -> Vec<Rebalance> {
        self.reports.take_rebalances()
    }

    /// Whether a commit has failed since the last call.
    pub(super) fn take_commit_failure(&self) -> bool {
        self.reports.take_commit_failure()
    }

    /// Runs the callbacks that wait on the main queue (errors, results of commits).
    pub(super) fn poll_events(&self) {
        // SAFETY: the client lives, and its main queue is not forwarded to the consumer's.
        unsafe { sys::rd_kafka_poll(self.rk.as_ptr(), 0) };
    }

    /// The topic of this name, or all of the cluster.
    pub(super) fn metadata(
        &self,
        topic: Option<&str>,
        timeout: Duration,
    ) -> Result<Vec<TopicMetadata>, Problem> {
        let name = topic.map(c_name).transpose()?;
        let mut answer: *const sys::rd_kafka_metadata = ptr::null();
        // SAFETY: the client lives; the topic's name is NUL-terminated and copied; the local topic
        // is destroyed after its only use.
        let code = unsafe {
            let only = name.as_ref().map_or(ptr::null_mut(), |name| {
                sys::rd_kafka_topic_new(self.rk.as_ptr(), name.as_ptr(), ptr::null_mut())
            });
            if name.is_some() && only.is_null() {
                return Err(problem(sys::rd_kafka_last_error()));
            }
            let all = c_int::from(name.is_none());
            let code =
                sys::rd_kafka_metadata(self.rk.as_ptr(), all, only, &mut answer, millis(timeout));
            if !only.is_null() {
                sys::rd_kafka_topic_destroy(only);
            }
            code
        };
        self.poll_events();
        check(code)?;
        // SAFETY: without an error the answer is valid, with as many topics and partitions as it
        // counts, until it is destroyed below; everything is copied out of it.
        unsafe {
            let topics = elements((*answer).topics, (*answer).topic_cnt)
                .iter()
                .map(|topic| {
                    let partitions = elements(topic.partitions, topic.partition_cnt);
                    let replicas = partitions.iter().map(|partition| partition.replica_cnt).max();
                    TopicMetadata {
                        name: text(topic.topic).into_owned(),
                        problem: check(topic.err).err(),
                        partitions: partitions.iter().map(|partition| partition.id).collect(),
                        replicas: replicas.and_then(|it| it.try_into().ok()).unwrap_or(0),
                    }
                })
                .collect();
            sys::rd_kafka_metadata_destroy(answer);
            Ok(topics)
        }
    }

    /// First offset and end; the end is the last stable offset under isolation.level=read_committed
    /// (ListOffsets carries the level, rdkafka_request.c).
    pub(super) fn watermarks(
        &self,
        topic: &CStr,
        partition: i32,
        timeout: Duration,
    ) -> Result<(i64, i64), Problem> {
        let (mut low, mut high) = (NO_OFFSET, NO_OFFSET);
        // SAFETY: the client lives; the name is NUL-terminated; both results are written or left.
        let code = unsafe {
            sys::rd_kafka_query_watermark_offsets(
                self.rk.as_ptr(),
                topic.as_ptr(),
                partition,
                &mut low,
                &mut high,
                millis(timeout),
            )
        };
        self.poll_events();
        check(code).map(|()| (low, high))
    }

    /// The high watermark of the last fetch answer, if there was one.
    pub(super) fn cached_end(&self, topic: &CStr, partition: i32) -> Option<i64> {
        let (mut low, mut high) = (NO_OFFSET, NO_OFFSET);
        // SAFETY: as in `watermarks`; local knowledge only, no waiting.
        let code = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.rk.as_ptr(),
                topic.as_ptr(),
                partition,
                &mut low,
                &mut high,
            )
        };
        (check(code).is_ok() && high >= 0).then_some(high)
    }

    /// The first offset at or after each entry's time (its `offset`, in ms); negative: none.
    pub(super) fn offsets_for_times<'a>(
        &self,
        entries: impl ExactSizeIterator<Item = PartitionOffset<'a>>,
        timeout: Duration,
    ) -> Result<Vec<i64>, Problem> {
        let list = PartitionList::new(entries);
        // SAFETY: the client and the list live for the call.
        let code = unsafe {
            sys::rd_kafka_offsets_for_times(self.rk.as_ptr(), list.0.as_ptr(), millis(timeout))
        };
        self.poll_events();
        check(code)?;
        list.offsets()
    }

    /// What the group has committed; negative: nothing.
    pub(super) fn committed<'a>(
        &self,
        entries: impl ExactSizeIterator<Item = PartitionOffset<'a>>,
        timeout: Duration,
    ) -> Result<Vec<i64>, Problem> {
        let list = PartitionList::new(entries);
        // SAFETY: the client and the list live for the call.
        let code =
            unsafe { sys::rd_kafka_committed(self.rk.as_ptr(), list.0.as_ptr(), millis(timeout)) };
        self.poll_events();
        check(code)?;
        list.offsets()
    }

    /// Hands a commit over; its result comes by the callback.
    pub(super) fn commit<'a>(
        &self,
        entries: impl ExactSizeIterator<Item = PartitionOffset<'a>>,
    ) -> Result<(), Problem> {
        let list = PartitionList::new(entries);
        // SAFETY: the client lives; the list is copied by the call.
        check(unsafe { sys::rd_kafka_commit(self.rk.as_ptr(), list.0.as_ptr(), 1) })
    }

    /// Ends the assignment, throws away what was read ahead for it, then takes the new one.
    ///
    /// rd_kafka_assign waits until the partitions' versions are raised, so records read ahead count as
    /// outdated at once; errors carry no version, and are only gone because the queue is emptied.
    pub(super) fn assign<'a>(
        &self,
        entries: impl ExactSizeIterator<Item = PartitionOffset<'a>>,
    ) -> Result<(), Problem> {
        // SAFETY: the client lives; NULL ends the assignment.
        check(unsafe { sys::rd_kafka_assign(self.rk.as_ptr(), ptr::null()) })?;
        self.discard_queued();
        if entries.len() == 0 {
            return Ok(());
        }
        let list = PartitionList::new(entries);
        // SAFETY: the client lives; the list is copied by the call.
        check(unsafe { sys::rd_kafka_assign(self.rk.as_ptr(), list.0.as_ptr()) })
    }

    /// Empties the queue as events: taken as messages, each error's offset would become its partition's
    /// position (rd_kafka_q_serve_rkmessages), also for the assignment that follows.
    fn discard_queued(&self) {
        let queue = *self.queue.0.lock();
        let Some(queue) = queue else { return };
        loop {
            // SAFETY: the queue lives as in `consume`; without a time-out, nothing waits.
            let Some(event) = NonNull::new(unsafe { sys::rd_kafka_queue_poll(queue.as_ptr(), 0) })
            else {
                return;
            };
            // SAFETY: just handed to us, and not used after.
            unsafe { sys::rd_kafka_event_destroy(event.as_ptr()) };
        }
    }

    /// The offset after the last record, or control record, that was handed out; None before that.
    pub(super) fn position(&self, topic: &CStr, partition: i32) -> Option<i64> {
        let list = PartitionList::new(std::iter::once(PartitionOffset {
            topic,
            partition,
            offset: NO_OFFSET,
            leader_epoch: None,
        }));
        // SAFETY: the client and the list live for the call; local knowledge only, no waiting.
        let code = unsafe { sys::rd_kafka_position(self.rk.as_ptr(), list.0.as_ptr()) };
        check(code).ok()?;
        list.offsets().ok()?.first().copied().filter(|offset| *offset >= 0)
    }

    /// The fatal error raised, if any.
    pub(super) fn fatal(&self) -> Option<Problem> {
        let mut words = [0 as c_char; ERROR_TEXT_SIZE];
        // SAFETY: the client lives; the buffer's size is given.
        let code =
            unsafe { sys::rd_kafka_fatal_error(self.rk.as_ptr(), words.as_mut_ptr(), words.len()) };
        let kind = match code {
            Code::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID => ProblemKind::Fenced,
            _ => ProblemKind::Fatal,
        };
        check(code).err().map(|_| Problem {
            kind,
            // SAFETY: with an error, a NUL-terminated text has been written.
            ..Problem::new(code as i32, &unsafe { text(words.as_ptr()) })
        })
    }

    /// Waits for the first message and takes what is there, as many as `into` holds.
    fn consume(
        &self,
        timeout: Duration,
        into: &mut [*mut sys::rd_kafka_message_t],
    ) -> Result<usize, Problem> {
        let queue = *self.queue.0.lock();
        let Some(queue) = queue else {
            return Err(problem(Code::RD_KAFKA_RESP_ERR__DESTROY));
        };
        // SAFETY: the queue is only taken from its slot by `drop`, which cannot run while `self` is
        // borrowed; `into` has room for as many pointers as its length says.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(
                queue.as_ptr(),
                millis(timeout),
                into.as_mut_ptr(),
                into.len(),
            )
        };
        // SAFETY: reads librdkafka's thread-local error.
        usize::try_from(count).map_err(|_| problem(unsafe { sys::rd_kafka_last_error() }))
    }
}

/// # Safety
/// `first` is NULL or points to `count` elements that live as long as `'a`.
unsafe fn elements<'a, T>(first: *const T, count: c_int) -> &'a [T] {
    match usize::try_from(count) {
        // SAFETY: by this function's contract.
        Ok(count) if count > 0 && !first.is_null() => unsafe {
            std::slice::from_raw_parts(first, count)
        },
        _ => &[],
    }
}

impl Drop for Handle {
    /// Ends the client without a word to the group (a member has left it before), within
    /// [`CLOSE_TIMEOUT`] as far as the caller waits.
    fn drop(&mut self) {
        if let Some(queue) = self.queue.0.lock().take() {
            // SAFETY: taken from its slot, so that no one else has it any more.
            unsafe { sys::rd_kafka_queue_destroy(queue.as_ptr()) };
        }
        let end = Ending { rk: self.rk, _reports: Arc::clone(&self.reports) };
        let (done, ended) = mpsc::channel();
        let ending = thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
            drop(end);
            // The one who waits may have given up.
            let _ = done.send(());
        });
        // Where no thread can be had, dropping the closure has ended the client here.
        if ending.is_ok() && ended.recv_timeout(CLOSE_TIMEOUT).is_err() {
            log::warn!(target: "kafka", "a Kafka client is still ending after {CLOSE_TIMEOUT:?}");
        }
    }
}

/// A client about to end, with what its callbacks use until then.
struct Ending {
    rk: NonNull<sys::rd_kafka_t>,
    _reports: Arc<Reports>,
}

// SAFETY: rd_kafka_t may be destroyed on any thread that is not its own.
unsafe impl Send for Ending {}

impl Drop for Ending {
    fn drop(&mut self) {
        let flags = sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE;
        // SAFETY: the last use of the client: messages keep their Handle, and the queue is gone.
        unsafe { sys::rd_kafka_destroy_flags(self.rk.as_ptr(), flags) };
    }
}
