//! The border to C: no panic crosses it.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a callback's body. A panic is logged and swallowed here, so that the server lives on;
/// the answer is then none.
pub fn guarded<T>(name: &'static str, body: impl FnOnce() -> T) -> Option<T> {
    let body = || {
        #[cfg(feature = "panic-injection")]
        crate::panic_injection::panic_if_armed(name);
        body()
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => Some(answer),
        Err(_) => {
            crate::logging::error(&format!(
                "internal error: a panic in callback '{name}' was caught; please report it"
            ));
            None
        }
    }
}
