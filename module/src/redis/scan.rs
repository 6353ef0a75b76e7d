//! All fields of a hash, one by one.

use super::api;
use super::key::Key;
use super::text::bytes_of;
use crate::callback::guarded;
use redis_module::raw;
use std::ffi::c_void;

/// Whether a scan goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// It does.
    Continue,
    /// It ends; what is at hand may still be shown.
    End,
}

struct Visitor<'v> {
    visit: &'v mut dyn FnMut(&[u8], &[u8]) -> Scan,
    scan: Scan,
}

impl Key {
    /// Shows each field of a hash with its value, each once; nothing where the key is no hash.
    pub fn hash_scan(&self, visit: &mut dyn FnMut(&[u8], &[u8]) -> Scan) {
        let mut visitor = Visitor { visit, scan: Scan::Continue };
        let data = (&raw mut visitor).cast::<c_void>();
        let cursor = api!(RedisModule_ScanCursorCreate());
        while api!(RedisModule_ScanKey(self.pointer(), cursor, Some(on_field), data)) != 0
            && visitor.scan == Scan::Continue
        {}
        api!(RedisModule_ScanCursorDestroy(cursor));
    }
}

/// # Safety
/// Redis passes live strings, and the pointer that the scan was begun with.
unsafe extern "C" fn on_field(
    _key: *mut raw::RedisModuleKey,
    field: *mut raw::RedisModuleString,
    value: *mut raw::RedisModuleString,
    data: *mut c_void,
) {
    // SAFETY: `data` is the visitor of the scan now running, borrowed by nobody else meanwhile.
    let Some(visitor) = (unsafe { data.cast::<Visitor<'_>>().as_mut() }) else { return };
    if visitor.scan == Scan::Continue && !value.is_null() {
        let shown = guarded("scan", || (visitor.visit)(bytes_of(&field), bytes_of(&value)));
        visitor.scan = shown.unwrap_or(Scan::End);
    }
}
