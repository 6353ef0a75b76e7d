//! Topic ids, which librdkafka tells through DescribeTopics only.

use super::{ERROR_TEXT_SIZE, Handle, c_name, check, elements, millis, problem, text};
use crate::kafka::problem::Problem;
use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;
use std::ffi::{CString, c_char, c_int};
use std::time::Duration;

impl Handle {
    /// Whether the cluster has named one of its brokers as controller, which admin calls wait for. The
    /// mock cluster has not, and would be waited for in vain.
    fn knows_controller(&self) -> bool {
        let mut count = 0;
        // SAFETY: the client lives; only what is known is answered, without waiting; the ids are
        // as many as counted, and freed after their only use, as librdkafka's header asks.
        unsafe {
            let controller = sys::rd_kafka_controllerid(self.rk.as_ptr(), 0);
            let ids = sys::rd_kafka_brokers_learned_ids(self.rk.as_ptr(), &mut count);
            let count = c_int::try_from(count).unwrap_or(0);
            let known = elements(ids, count).contains(&controller);
            sys::rd_kafka_mem_free(self.rk.as_ptr(), ids.cast());
            known
        }
    }

    /// The ids of these topics, 0 where the broker does not tell (KIP-516), in the order given.
    pub(in crate::kafka) fn topic_ids(
        &self,
        names: &[&str],
        timeout: Duration,
    ) -> Result<Vec<u128>, Problem> {
        if !self.knows_controller() {
            return Ok(vec![0; names.len()]);
        }
        let names: Vec<CString> =
            names.iter().map(|name| c_name(name)).collect::<Result<_, _>>()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let mut ids = vec![0; names.len()];
        // SAFETY: the names outlive the call and are copied; every object made here is destroyed
        // here, the queue last; a late answer goes to a queue librdkafka itself still counts.
        unsafe {
            let topics =
                sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let options = sys::rd_kafka_AdminOptions_new(
                self.rk.as_ptr(),
                sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            );
            let mut words = [0 as c_char; ERROR_TEXT_SIZE];
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options,
                millis(timeout),
                words.as_mut_ptr(),
                words.len(),
            );
            let queue = sys::rd_kafka_queue_new(self.rk.as_ptr());
            sys::rd_kafka_DescribeTopics(self.rk.as_ptr(), topics, options, queue);
            let event = sys::rd_kafka_queue_poll(queue, millis(timeout));
            let result = read_topic_ids(event, &names, &mut ids);
            sys::rd_kafka_event_destroy(event);
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_AdminOptions_destroy(options);
            sys::rd_kafka_TopicCollection_destroy(topics);
            result.map(|()| ids)
        }
    }
}

/// # Safety
/// `event` is NULL or an event of librdkafka that lives for the call.
unsafe fn read_topic_ids(
    event: *mut sys::rd_kafka_event_t,
    names: &[CString],
    ids: &mut [u128],
) -> Result<(), Problem> {
    if event.is_null() {
        return Err(problem(Code::RD_KAFKA_RESP_ERR__TIMED_OUT));
    }
    // SAFETY: the event lives; its result and what hangs from it live as long as the event.
    unsafe {
        check(sys::rd_kafka_event_error(event))?;
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(problem(Code::RD_KAFKA_RESP_ERR__FAIL));
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        for topic in elements(topics, c_int::try_from(count).unwrap_or(0)) {
            let error = sys::rd_kafka_TopicDescription_error(*topic);
            let id = sys::rd_kafka_TopicDescription_topic_id(*topic);
            if check(sys::rd_kafka_error_code(error)).is_err() || id.is_null() {
                continue;
            }
            let name = text(sys::rd_kafka_TopicDescription_name(*topic));
            let high = sys::rd_kafka_Uuid_most_significant_bits(id).cast_unsigned();
            let low = sys::rd_kafka_Uuid_least_significant_bits(id).cast_unsigned();
            let slot = names.iter().position(|known| known.as_bytes() == name.as_bytes());
            if let Some(slot) = slot.and_then(|slot| ids.get_mut(slot)) {
                *slot = u128::from(high) << 64 | u128::from(low);
            }
        }
    }
    Ok(())
}
