//! What librdkafka calls: logs from its own threads, errors and commit results from `poll_events`.
//! No panic passes into C.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka_sys as sys;
use rdkafka_sys::rd_kafka_resp_err_t as Code;

use super::{ERROR_TEXT_SIZE, check, group, text};
use crate::kafka::problem::{Change, Rebalance, Reports};

pub(super) unsafe extern "C" fn on_log(
    rk: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    words: *const c_char,
) {
    if rk.is_null() {
        return;
    }
    // SAFETY: the opaque is the client's Reports, which outlives the client; both texts are
    // NUL-terminated and live for this call.
    let (reports, facility, words) = unsafe {
        let reports = sys::rd_kafka_opaque(rk).cast::<Reports>().as_ref();
        (reports, text(facility), text(words))
    };
    if let Some(reports) = reports {
        // A panic of the log's back end must not pass into C; there is no one to tell of it.
        let _ = catch_unwind(AssertUnwindSafe(|| reports.log(level, &facility, &words)));
    }
}

pub(super) unsafe extern "C" fn on_error(
    rk: *mut sys::rd_kafka_t,
    code: c_int,
    words: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: the opaque is the client's Reports, which outlives the client; words are
    // NUL-terminated; the buffer's size is given; `rk` is the client that calls.
    let (reports, words) = unsafe {
        let reports = opaque.cast::<Reports>().as_ref();
        if code == Code::RD_KAFKA_RESP_ERR__FATAL as c_int {
            let mut cause = [0 as c_char; ERROR_TEXT_SIZE];
            sys::rd_kafka_fatal_error(rk, cause.as_mut_ptr(), cause.len());
            (reports, text(cause.as_ptr()).into_owned())
        } else {
            (reports, text(words).into_owned())
        }
    };
    if let Some(reports) = reports {
        let _ = catch_unwind(AssertUnwindSafe(|| reports.report(code, &words)));
    }
}

pub(super) unsafe extern "C" fn on_commit(
    _rk: *mut sys::rd_kafka_t,
    code: Code,
    _offsets: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: the opaque is the client's Reports, which outlives the client.
    let reports = unsafe { opaque.cast::<Reports>().as_ref() };
    if let (Some(reports), Err(problem)) = (reports, check(code)) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let words = format!("commit to the group failed: {problem}");
            reports.commit_failed();
            if OUTDATED.contains(&code) {
                return reports.log(7, "COMMIT", &words);
            }
            reports.log(4, "COMMIT", &words);
            reports.report(problem.code, &words);
        }));
    }
}

/// What a commit meets that a rebalance has overtaken: it is repeated, or another member's by now.
const OUTDATED: [Code; 4] = [
    Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
    Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
    Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
    Code::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
];

/// Keeps what the group decided; it is acknowledged by whoever takes it.
pub(super) unsafe extern "C" fn on_rebalance(
    rk: *mut sys::rd_kafka_t,
    code: Code,
    partitions: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: the opaque is the client's Reports, which outlives the client; `rk` is the client
    // that calls, and its list lives for this call.
    let (reports, is_lost, partitions) = unsafe {
        let reports = opaque.cast::<Reports>().as_ref();
        (reports, sys::rd_kafka_assignment_lost(rk) != 0, group::partitions(partitions))
    };
    let change = match code {
        Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned,
        Code::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS if !is_lost => Change::Revoked,
        _ => Change::Lost,
    };
    if let Some(reports) = reports {
        // As above.
        let _ =
            catch_unwind(AssertUnwindSafe(|| reports.rebalance(Rebalance { change, partitions })));
    }
}
