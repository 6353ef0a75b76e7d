//! The record path allocates nothing once its buffers have grown and a topic's names have been seen.
//!
//! The counter is the program's allocator, so these are a test program of their own.

mod avro;
mod expressions;
mod functions;
mod protobuf;
mod records;

/// Runs the passes until nothing grows any more, then counts.
pub fn assert_steady(mut pass: impl FnMut() -> usize) {
    let mut first_length = 0;
    let first = allocation_counter::measure(|| {
        drop(std::hint::black_box(vec![0u8; 64]));
        first_length = pass();
    });
    assert!(first.count_total > 0, "the counter counts");
    assert!(first_length > 0);
    // A second pass may still grow a buffer that was handed on in the first.
    pass();
    let mut length = 0;
    let steady = allocation_counter::measure(|| length = pass());
    assert_eq!(length, first_length);
    assert_eq!(steady.count_total, 0, "{steady:?}");
}
