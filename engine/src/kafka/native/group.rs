//! Membership of a consumer group, without its fetching: what a member needs of librdkafka.

use super::list::{PartitionList, PartitionOffset};
use super::{Handle, check, problem, text};
use crate::kafka::problem::Problem;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;
use std::ffi::CStr;

/// What librdkafka says for "no certain partition" (RD_KAFKA_PARTITION_UA).
const NO_PARTITION: i32 = -1;

/// A member's answer to a rebalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum Acknowledged {
    /// Of partitions assigned.
    Assigned,
    /// Of partitions revoked, or lost.
    Revoked,
}

impl Handle {
    /// Joins the group, or tells it of other topics. Rebalances come by the callback, which
    /// [`Handle::consume`] runs.
    pub(in crate::kafka) fn subscribe<'a>(
        &self,
        topics: impl ExactSizeIterator<Item = &'a CStr>,
    ) -> Result<(), Problem> {
        let list = PartitionList::new(topics.map(|topic| PartitionOffset {
            topic,
            partition: NO_PARTITION,
            offset: 0,
            leader_epoch: None,
        }));
        // SAFETY: the client lives; the list is copied by the call.
        check(unsafe { sys::rd_kafka_subscribe(self.rk.as_ptr(), list.0.as_ptr()) })
    }

    /// Leaves the group once the revocation that follows is acknowledged. Only this way a static
    /// member says so to the broker: by closing it would stay until its session times out
    /// (rd_kafka_cgrp_leave_maybe).
    pub(in crate::kafka) fn unsubscribe(&self) -> Result<(), Problem> {
        // SAFETY: the client lives.
        check(unsafe { sys::rd_kafka_unsubscribe(self.rk.as_ptr()) })
    }

    /// Lets the group go on after a rebalance. What librdkafka itself would fetch stays empty: the
    /// list given is added to, or taken from, what it fetches, and need not be what the group said.
    pub(in crate::kafka) fn acknowledge(&self, what: Acknowledged) -> Result<(), Problem> {
        let nothing = PartitionList::new(std::iter::empty());
        let (rk, list) = (self.rk.as_ptr(), nothing.0.as_ptr());
        // SAFETY: the client and the list live for the call; an error answered is ours to destroy,
        // after its words are copied.
        unsafe {
            let error = match what {
                Acknowledged::Assigned => sys::rd_kafka_incremental_assign(rk, list),
                Acknowledged::Revoked => sys::rd_kafka_incremental_unassign(rk, list),
            };
            if error.is_null() {
                return Ok(());
            }
            let code = sys::rd_kafka_error_code(error);
            let words = text(sys::rd_kafka_error_string(error)).into_owned();
            sys::rd_kafka_error_destroy(error);
            Err(Problem::new(code as i32, &words))
        }
    }

    /// Whether the group knows this member, as far as it knows itself.
    pub(in crate::kafka) fn is_member(&self) -> bool {
        // SAFETY: the client lives; the text answered is NULL or ours to free.
        unsafe {
            let id = sys::rd_kafka_memberid(self.rk.as_ptr());
            if id.is_null() {
                return false;
            }
            let is_empty = CStr::from_ptr(id).is_empty();
            sys::rd_kafka_mem_free(self.rk.as_ptr(), id.cast());
            !is_empty
        }
    }

    /// Begins to end the membership: what is on its way to the group is sent first.
    pub(in crate::kafka) fn begin_close(&self) -> Result<(), Problem> {
        let queue = *self.queue.0.lock();
        let Some(queue) = queue else { return Err(problem(Code::RD_KAFKA_RESP_ERR__DESTROY)) };
        // SAFETY: the queue is only taken from its slot by `drop`, which cannot run while `self` is
        // borrowed; an error answered is ours to destroy.
        unsafe {
            let error = sys::rd_kafka_consumer_close_queue(self.rk.as_ptr(), queue.as_ptr());
            if error.is_null() {
                return Ok(());
            }
            let code = sys::rd_kafka_error_code(error);
            sys::rd_kafka_error_destroy(error);
            Err(problem(code))
        }
    }

    /// Whether what [`Handle::begin_close`] began is done.
    pub(in crate::kafka) fn is_closed(&self) -> bool {
        // SAFETY: the client lives.
        unsafe { sys::rd_kafka_consumer_closed(self.rk.as_ptr()) != 0 }
    }
}

/// The topics and partitions of a list of librdkafka.
///
/// # Safety
/// `list` is NULL or a list that lives for the call.
pub(super) unsafe fn partitions(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> Vec<(String, i32)> {
    // SAFETY: by this function's contract; the elements live as long as the list.
    unsafe {
        let Some(list) = list.as_ref() else { return Vec::new() };
        super::elements(list.elems, list.cnt)
            .iter()
            .map(|element| (text(element.topic).into_owned(), element.partition))
            .collect()
    }
}
