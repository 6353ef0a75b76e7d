//! Whole batches from librdkafka, which rust-rdkafka does not offer: the
//! fastest way to read a topic. Used by the bridge and the bare consumer, so
//! that both get from librdkafka what the module gets.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka_sys as ffi;
use rdkafka_sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK;
use rdkafka_sys::rd_kafka_resp_err_t::{
    RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NO_ERROR,
};

/// Records of a batch at most.
const BATCH: usize = 1000;

/// What every consumer of a comparison is set to; the module's own settings.
const FIXED: [(&str, &str); 6] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    ("isolation.level", "read_committed"),
    ("fetch.queue.backoff.ms", "5"),
    ("queued.max.messages.kbytes", "16384"),
];

/// One record of a [`Batch`].
pub struct Record<'a> {
    pub partition: i32,
    pub offset: i64,
    pub value: &'a [u8],
}

/// A member of a consumer group that reads in batches. Group changes are
/// served by librdkafka itself inside of [`BatchConsumer::next`].
pub struct BatchConsumer {
    client: NonNull<ffi::rd_kafka_t>,
    queue: NonNull<ffi::rd_kafka_queue_t>,
    topic: CString,
    messages: Vec<*mut ffi::rd_kafka_message_t>,
}

impl BatchConsumer {
    /// Joins `group` and subscribes to `topic`.
    pub fn subscribe(brokers: &str, group: &str, topic: &str) -> Result<BatchConsumer> {
        let client =
            open(&[&FIXED[..], &[("bootstrap.servers", brokers), ("group.id", group)]].concat())?;
        let topic = CString::new(topic)?;
        // SAFETY: the client is live; the list is live from new to destroy and
        // subscribe copies it.
        let (code, queue) = unsafe {
            ffi::rd_kafka_poll_set_consumer(client.as_ptr());
            let topics = ffi::rd_kafka_topic_partition_list_new(1);
            ffi::rd_kafka_topic_partition_list_add(topics, topic.as_ptr(), -1);
            let code = ffi::rd_kafka_subscribe(client.as_ptr(), topics);
            ffi::rd_kafka_topic_partition_list_destroy(topics);
            (code, ffi::rd_kafka_queue_get_consumer(client.as_ptr()))
        };
        let queue = NonNull::new(queue).context("no consumer queue")?;
        let consumer =
            BatchConsumer { client, queue, topic, messages: vec![std::ptr::null_mut(); BATCH] };
        check(code)?;
        Ok(consumer)
    }

    /// The records that are there; waits at most `timeout` for the first one.
    /// Empty after the time-out.
    pub fn next(&mut self, timeout: Duration) -> Result<Batch<'_>> {
        // Block for one record only: asked for more, librdkafka waits the
        // whole time-out for the batch to fill.
        let mut len = self.take(0, 1, timeout.as_millis() as i32)?;
        if len == 1 {
            len += self.take(1, BATCH - 1, 0)?;
        }
        let batch = Batch { messages: &self.messages[..len] };
        batch.check()?;
        Ok(batch)
    }

    fn take(&mut self, from: usize, count: usize, timeout: i32) -> Result<usize> {
        let room = &mut self.messages[from..from + count];
        // SAFETY: the queue is live and `room` holds `count` pointers to write.
        let taken = unsafe {
            ffi::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                timeout,
                room.as_mut_ptr(),
                count,
            )
        };
        usize::try_from(taken).context("rd_kafka_consume_batch_queue failed")
    }

    /// Commits next offsets, (partition, offset), without waiting.
    pub fn commit(&self, next: impl IntoIterator<Item = (i32, i64)>) -> Result<()> {
        // SAFETY: the list is live from new to destroy, add gives a pointer
        // into it, and commit copies it.
        let code = unsafe {
            let offsets = ffi::rd_kafka_topic_partition_list_new(8);
            for (partition, offset) in next {
                let entry =
                    ffi::rd_kafka_topic_partition_list_add(offsets, self.topic.as_ptr(), partition);
                (*entry).offset = offset;
            }
            let code = ffi::rd_kafka_commit(self.client.as_ptr(), offsets, 1);
            ffi::rd_kafka_topic_partition_list_destroy(offsets);
            code
        };
        check(code)
    }
}

impl Drop for BatchConsumer {
    fn drop(&mut self) {
        // SAFETY: both are live, no batch borrows from self any more, and the
        // queue goes before its client.
        unsafe {
            ffi::rd_kafka_consumer_close(self.client.as_ptr());
            ffi::rd_kafka_queue_destroy(self.queue.as_ptr());
            ffi::rd_kafka_destroy(self.client.as_ptr());
        }
    }
}

/// Records that librdkafka holds until this is dropped.
pub struct Batch<'a> {
    messages: &'a [*mut ffi::rd_kafka_message_t],
}

impl Batch<'_> {
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.messages.iter().filter_map(|&message| {
            // SAFETY: the message is live until the batch is dropped, and its
            // payload is `len` bytes (null for a tombstone).
            unsafe {
                let message = &*message;
                let start = NonNull::new(message.payload.cast::<u8>())?;
                (message.err == RD_KAFKA_RESP_ERR_NO_ERROR).then(|| Record {
                    partition: message.partition,
                    offset: message.offset,
                    value: std::slice::from_raw_parts(start.as_ptr(), message.len),
                })
            }
        })
    }

    /// Errors come as messages too; those that librdkafka mends are passed over.
    fn check(&self) -> Result<()> {
        for &message in self.messages {
            // SAFETY: the message is live until the batch is dropped.
            let code = unsafe { (*message).err };
            match code {
                RD_KAFKA_RESP_ERR__TRANSPORT | RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN => {}
                code => check(code)?,
            }
        }
        Ok(())
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for &message in self.messages {
            // SAFETY: each message was handed out once and is destroyed once.
            unsafe { ffi::rd_kafka_message_destroy(message) };
        }
    }
}

fn open(settings: &[(&str, &str)]) -> Result<NonNull<ffi::rd_kafka_t>> {
    let mut reason = [0; 512];
    // SAFETY: a new configuration; it is destroyed here or taken by new.
    let conf = unsafe { ffi::rd_kafka_conf_new() };
    for (name, value) in settings {
        let (c_name, c_value) = (CString::new(*name)?, CString::new(*value)?);
        // SAFETY: all are live and `reason` is as long as told.
        let set = unsafe {
            ffi::rd_kafka_conf_set(
                conf,
                c_name.as_ptr(),
                c_value.as_ptr(),
                reason.as_mut_ptr(),
                reason.len(),
            )
        };
        if set != RD_KAFKA_CONF_OK {
            // SAFETY: nothing has taken the configuration.
            unsafe { ffi::rd_kafka_conf_destroy(conf) };
            bail!("librdkafka: {name}={value}: {}", text(&reason));
        }
    }
    let kind = ffi::rd_kafka_type_t::RD_KAFKA_CONSUMER;
    // SAFETY: `conf` is live, and taken when this succeeds.
    let client = unsafe { ffi::rd_kafka_new(kind, conf, reason.as_mut_ptr(), reason.len()) };
    if client.is_null() {
        // SAFETY: new did not take the configuration.
        unsafe { ffi::rd_kafka_conf_destroy(conf) };
    }
    NonNull::new(client).with_context(|| format!("librdkafka: {}", text(&reason)))
}

fn text(reason: &[std::ffi::c_char]) -> String {
    // SAFETY: zeroed at first, and librdkafka ends what it writes with a zero.
    unsafe { CStr::from_ptr(reason.as_ptr()) }.to_string_lossy().into_owned()
}

fn check(code: ffi::rd_kafka_resp_err_t) -> Result<()> {
    if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    // SAFETY: err2str gives a static string for any code.
    let reason = unsafe { CStr::from_ptr(ffi::rd_kafka_err2str(code)) };
    bail!("librdkafka: {}", reason.to_string_lossy())
}
