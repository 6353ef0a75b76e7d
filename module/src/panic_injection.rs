//! For tests only (feature `panic-injection`): `KAFKA.PANIC callback` makes the next run of
//! that callback panic, which must leave the server up.

use parking_lot::Mutex;

static ARMED: Mutex<Option<String>> = Mutex::new(None);

/// The next run of the callback panics.
pub fn arm(callback: &str) {
    *ARMED.lock() = Some(callback.to_owned());
}

/// Panics when armed for this callback, once.
pub fn panic_if_armed(callback: &str) {
    let mut armed = ARMED.lock();
    if armed.as_deref() == Some(callback) {
        *armed = None;
        drop(armed);
        panic!("injected into {callback}");
    }
}
