//! Server events: the turn of the event loop, and everything after which the ledger must be read again.

use crate::callback::guarded;
use crate::redis::{self, Context};
use crate::turn;
use redis_kafka_engine::command::definition::KEY;
use redis_module::raw;
use std::ffi::{c_char, c_int, c_void};

type Handler =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, raw::RedisModuleEvent, u64, *mut c_void);

/// Watches the key of the definitions: its loss would go unnoticed until the next start.
/// False when the server refuses.
pub fn watch_definitions(context: Context) -> bool {
    let kinds = raw::REDISMODULE_NOTIFY_GENERIC
        | raw::REDISMODULE_NOTIFY_EXPIRED
        | raw::REDISMODULE_NOTIFY_EVICTED;
    // SAFETY: called while the module is loaded, with the context Redis gave; the handler is a
    // plain function of this library.
    let status = unsafe {
        match raw::RedisModule_SubscribeToKeyspaceEvents {
            Some(subscribe) => subscribe(context.0, kinds, Some(on_key)),
            None => return false,
        }
    };
    status == raw::REDISMODULE_OK as c_int
}

/// A key was deleted, renamed, expired or evicted.
unsafe extern "C" fn on_key(
    _context: *mut raw::RedisModuleCtx,
    _kind: c_int,
    _event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    guarded("key", || {
        // Our own changes come from inside the module's work, which `with` does not enter twice.
        if redis::is_text(&key, KEY.as_bytes()) {
            turn::with(|module| module.start_over());
        }
    });
    raw::REDISMODULE_OK as c_int
}

/// Subscribes to all events; the number of the one that the server refused otherwise.
pub fn subscribe(context: Context) -> Result<(), u64> {
    let events: [(u64, Handler); 7] = [
        (raw::REDISMODULE_EVENT_EVENTLOOP, on_event_loop),
        (raw::REDISMODULE_EVENT_SHUTDOWN, on_shutdown),
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, on_change),
        (raw::REDISMODULE_EVENT_LOADING, on_change),
        (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, on_change),
        (raw::REDISMODULE_EVENT_FLUSHDB, on_change),
        (raw::REDISMODULE_EVENT_SWAPDB, on_change),
    ];
    for (id, handler) in events {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: called while the module is loaded, with the context Redis gave; the handlers are
        // plain functions of this library, which is not unloaded while it is subscribed.
        let status = unsafe {
            match raw::RedisModule_SubscribeToServerEvent {
                Some(subscribe) => subscribe(context.0, event, Some(handler)),
                None => return Err(id),
            }
        };
        if status != raw::REDISMODULE_OK as i32 {
            return Err(id);
        }
    }
    Ok(())
}

unsafe extern "C" fn on_event_loop(
    context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    if sub == raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP {
        guarded("event", || turn::with(|module| module.turn(Context(context))));
    }
}

unsafe extern "C" fn on_change(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    _data: *mut c_void,
) {
    guarded("change", || turn::with(|module| module.start_over()));
}

unsafe extern "C" fn on_shutdown(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    _data: *mut c_void,
) {
    guarded("shutdown", || {
        let ended = turn::with(|module| module.registry.end());
        if ended == Some(false) {
            log::warn!("a consumer thread did not end in time; the process ends without it");
        }
    });
}
