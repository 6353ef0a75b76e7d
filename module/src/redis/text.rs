//! Redis's strings.

use super::api;
use redis_module::raw;
use std::ptr;

/// A string of Redis's, freed when dropped. Belongs to the main thread.
#[derive(Debug)]
pub struct Text(*mut raw::RedisModuleString);

impl Text {
    /// A new string with these bytes.
    pub fn new(bytes: impl AsRef<[u8]>) -> Text {
        let bytes = bytes.as_ref();
        Text(api!(RedisModule_CreateString(ptr::null_mut(), bytes.as_ptr().cast(), bytes.len())))
    }

    /// Takes over a string that the API handed to us to free.
    pub(super) fn own(raw: *mut raw::RedisModuleString) -> Option<Text> {
        // Not `then_some`: a text without a string must not come to be, as dropping it would free null.
        (!raw.is_null()).then(|| Text(raw))
    }

    /// The pointer, for the API; valid as long as `self`.
    pub fn raw(&self) -> *mut raw::RedisModuleString {
        self.0
    }

    /// The string's bytes.
    pub fn bytes(&self) -> &[u8] {
        bytes_of(&self.0)
    }

    /// The string as text; what is no UTF-8 is replaced.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        api!(RedisModule_FreeString(ptr::null_mut(), self.0));
    }
}

/// The bytes of a string that lives as long as the borrow of its pointer.
pub fn bytes_of(raw: &*mut raw::RedisModuleString) -> &[u8] {
    let mut length = 0;
    let start = api!(RedisModule_StringPtrLen(*raw, &mut length));
    if start.is_null() {
        return b"";
    }
    // SAFETY: Redis returned `length` bytes at `start`, which stay while the string lives unchanged.
    unsafe { std::slice::from_raw_parts(start.cast(), length) }
}

/// Whether a string that Redis handed to a callback is this text.
pub fn is_text(raw: &*mut raw::RedisModuleString, text: &[u8]) -> bool {
    bytes_of(raw) == text
}

/// The arguments of a command, as bytes that live as long as the callback.
///
/// # Safety
/// `argv` and `argc` are what Redis handed to the command callback now running.
pub unsafe fn arguments<'a>(
    argv: *mut *mut raw::RedisModuleString,
    argc: std::ffi::c_int,
) -> Vec<&'a [u8]> {
    if argv.is_null() {
        return Vec::new();
    }
    // SAFETY: Redis passes `argc` valid strings at `argv` for the duration of the callback.
    let strings: &'a [*mut raw::RedisModuleString] =
        unsafe { std::slice::from_raw_parts(argv, usize::try_from(argc).unwrap_or(0)) };
    strings.iter().map(bytes_of).collect()
}
