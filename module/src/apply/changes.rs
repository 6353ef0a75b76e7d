//! Hears of every change to a key that could be joined, so that workers need not ask again what
//! they know.
//!
//! Redis fires a keyspace event for whatever changes a hash, or what stands in its place: its
//! commands, expiry, eviction, and our own writes. Only another module's low-level writes that
//! fire none go unheard. FLUSHDB, SWAPDB and loading fire other events, after which all workers
//! begin anew.

use crate::callback::guarded;
use crate::redis::{self, Context, Manner, Reply, Text};
use redis_kafka_engine::watch::{Mark, Watch};
use redis_module::raw;
use std::cell::OnceCell;
use std::ffi::{c_char, c_int};
use std::sync::Arc;

/// Streams are left out: no command puts one in the place of another key, and NEW tells of those
/// that are made where there was none.
const KINDS: c_int = raw::REDISMODULE_NOTIFY_GENERIC
    | raw::REDISMODULE_NOTIFY_STRING
    | raw::REDISMODULE_NOTIFY_LIST
    | raw::REDISMODULE_NOTIFY_SET
    | raw::REDISMODULE_NOTIFY_HASH
    | raw::REDISMODULE_NOTIFY_ZSET
    | raw::REDISMODULE_NOTIFY_EXPIRED
    | raw::REDISMODULE_NOTIFY_EVICTED
    | raw::REDISMODULE_NOTIFY_MODULE
    | raw::REDISMODULE_NOTIFY_NEW;

/// Whether single fields of a hash may expire (`HPEXPIRE`, since Redis 7.4 and Valkey 9): they are
/// gone when their time is over, and the event comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldExpiry {
    Known,
    Unknown,
}

/// What is heard.
pub struct Changes {
    /// Told of every change.
    pub watch: Arc<Watch>,
    field_expiry: FieldExpiry,
}

thread_local! {
    /// Of the main thread, from the first look-up on.
    static CHANGES: OnceCell<Option<Changes>> = const { OnceCell::new() };
}

/// Works with what is heard, which begins with the first call; none when the server refuses.
pub fn with<T>(context: Context, work: impl FnOnce(Option<&Changes>) -> T) -> T {
    CHANGES.with(|cell| {
        let changes = cell.get_or_init(|| {
            redis::subscribe_to_keys(context, KINDS, on_change)
                .then(|| Changes { watch: Arc::default(), field_expiry: field_expiry(context) })
        });
        work(changes.as_ref())
    })
}

fn field_expiry(context: Context) -> FieldExpiry {
    let known = context.call("COMMAND", &["INFO", "HPEXPIRE"], Manner::Local);
    match known.is_ok_and(|reply| reply.list().iter().any(|one| !one.list().is_empty())) {
        true => FieldExpiry::Known,
        false => FieldExpiry::Unknown,
    }
}

impl Changes {
    /// A mark for what is read next of a key.
    pub fn mark(&self, context: Context, name: &Text) -> Mark {
        self.watch.mark(context.db(), name.bytes())
    }

    /// Whether one of these fields of a hash has a time to live, or might have. The key may not
    /// be open.
    pub fn may_expire(&self, context: Context, name: &Text, fields: &[Text]) -> bool {
        if self.field_expiry == FieldExpiry::Unknown || fields.is_empty() {
            return false;
        }
        let (word, count) = (Text::new("FIELDS"), Text::new(fields.len().to_string()));
        let mut arguments = vec![name.raw(), word.raw(), count.raw()];
        arguments.extend(fields.iter().map(Text::raw));
        // Below 0: no such field, or no time to live.
        let lives_on = |reply: &Reply| matches!(reply, Reply::Integer(time) if *time < 0);
        let asked = context.ask(c"HPTTL", &arguments, Manner::Local);
        !asked.is_ok_and(|reply| reply.list().iter().all(lives_on))
    }

    /// Whether fields that are not asked for by their names may expire.
    pub fn may_expire_unnamed(&self) -> bool {
        self.field_expiry == FieldExpiry::Known
    }
}

/// # Safety
/// Redis passes a live context and a live string.
unsafe extern "C" fn on_change(
    context: *mut raw::RedisModuleCtx,
    _kind: c_int,
    _event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    guarded("changed key", || {
        CHANGES.with(|cell| {
            if let Some(Some(changes)) = cell.get() {
                changes.watch.change(Context(context).db(), redis::bytes_of(&key));
            }
        });
    });
    raw::REDISMODULE_OK as c_int
}
