//! librdkafka's list of partitions with offsets.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use rdkafka_sys as sys;

use super::{check, elements};
use crate::kafka::problem::Problem;

/// A partition with an offset, as librdkafka's lists take and give them.
pub(in crate::kafka) struct PartitionOffset<'a> {
    pub(in crate::kafka) topic: &'a CStr,
    pub(in crate::kafka) partition: i32,
    /// An offset, or a time in ms for [`super::Handle::offsets_for_times`].
    pub(in crate::kafka) offset: i64,
    pub(in crate::kafka) leader_epoch: Option<i32>,
}

pub(super) struct PartitionList(pub(super) NonNull<sys::rd_kafka_topic_partition_list_t>);

impl PartitionList {
    pub(super) fn new<'a>(entries: impl ExactSizeIterator<Item = PartitionOffset<'a>>) -> Self {
        let size = c_int::try_from(entries.len()).unwrap_or(c_int::MAX);
        // SAFETY: takes any size; librdkafka's allocator aborts rather than answer NULL.
        let list = unsafe { sys::rd_kafka_topic_partition_list_new(size) };
        let list = match NonNull::new(list) {
            Some(list) => list,
            None => std::process::abort(),
        };
        for entry in entries {
            // SAFETY: the list is ours; the topic is NUL-terminated and copied; the element
            // answered is valid until the next addition.
            unsafe {
                let element = sys::rd_kafka_topic_partition_list_add(
                    list.as_ptr(),
                    entry.topic.as_ptr(),
                    entry.partition,
                );
                (*element).offset = entry.offset;
                if let Some(epoch) = entry.leader_epoch {
                    sys::rd_kafka_topic_partition_set_leader_epoch(element, epoch);
                }
            }
        }
        Self(list)
    }

    /// The offset of each entry, in the order given, or its error.
    pub(super) fn offsets(&self) -> Result<Vec<i64>, Problem> {
        // SAFETY: the list is ours and holds `cnt` elements at `elems`.
        let elements = unsafe { elements(self.0.as_ref().elems, self.0.as_ref().cnt) };
        elements.iter().map(|element| check(element.err).map(|()| element.offset)).collect()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: ours, and not used after.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) };
    }
}
