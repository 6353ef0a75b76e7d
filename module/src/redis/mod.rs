//! Redis's module API as safe types: every call of it in this crate goes through here.
//!
//! All types belong to the main thread, but [`wake`], which any thread may call.

mod call;
mod key;
mod reply;
mod rights;
mod scan;
mod text;

pub use call::{CallError, Manner, Reply};
pub use key::{Access, Change, Key, KeyKind, ListEnd, StreamId, Trimming};
pub use reply::Blocked;
pub use rights::{Rights, may_publish, may_read, may_run, may_write};
pub use scan::Scan;
pub use text::{Text, arguments, bytes_of, is_text};

use redis_module::raw;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::time::Duration;

/// Calls a function of the module API. All are checked to exist when the module is loaded.
macro_rules! api {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the pointer is written once, by Redis, while the module is loaded; the
        // arguments are live objects of this API, made and used on the main thread.
        unsafe {
            match raw::$function {
                Some(function) => function($($argument),*),
                None => std::process::abort(),
            }
        }
    }};
}
pub(crate) use api;

/// What the server is and may do now (`REDISMODULE_CTX_FLAGS_*`).
#[derive(Debug, Clone, Copy)]
pub struct Flags(c_int);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $flag:ident;)*) => {
        impl Flags {
            $($(#[$doc])* pub fn $name(self) -> bool { self.0 & raw::$flag as c_int != 0 })*
        }
    };
}

flags! {
    /// A primary, or a server without replication.
    is_primary = REDISMODULE_CTX_FLAGS_MASTER;
    /// Part of a Redis Cluster.
    is_cluster = REDISMODULE_CTX_FLAGS_CLUSTER;
    /// Reading its data set.
    is_loading = REDISMODULE_CTX_FLAGS_LOADING;
    /// Reading a data set from its primary while serving the old one.
    is_async_loading = REDISMODULE_CTX_FLAGS_ASYNC_LOADING;
    /// The command comes from the primary or from the AOF.
    is_replicated = REDISMODULE_CTX_FLAGS_REPLICATED;
    /// `maxmemory` is set.
    has_maxmemory = REDISMODULE_CTX_FLAGS_MAXMEMORY;
    /// A policy that evicts is set.
    evicts = REDISMODULE_CTX_FLAGS_EVICT;
    /// More memory is used than allowed.
    is_out_of_memory = REDISMODULE_CTX_FLAGS_OOM;
    /// The client may not be blocked: MULTI or a script.
    denies_blocking = REDISMODULE_CTX_FLAGS_DENY_BLOCKING;
    /// The client waits in MULTI.
    is_multi = REDISMODULE_CTX_FLAGS_MULTI;
}

/// A module context, as Redis hands it to a callback.
#[derive(Debug, Clone, Copy)]
pub struct Context(pub(crate) *mut raw::RedisModuleCtx);

impl Context {
    /// What the server is and may do now.
    pub fn flags(self) -> Flags {
        Flags(api!(RedisModule_GetContextFlags(self.0)))
    }

    /// Selects the database that later calls on this context work in.
    pub fn select(self, db: i32) {
        api!(RedisModule_SelectDb(self.0, db));
    }

    /// The database selected.
    pub fn db(self) -> i32 {
        api!(RedisModule_GetSelectedDb(self.0))
    }

    /// Opens a key.
    pub fn open(self, name: &Text, access: Access) -> Key {
        Key::open(self, name, access)
    }

    /// Sends a command with these arguments to replicas and AOF; everything sent in one
    /// callback arrives as one MULTI.
    pub fn replicate(self, command: &CStr, arguments: &[*mut raw::RedisModuleString]) {
        api!(RedisModule_Replicate(
            self.0,
            command.as_ptr(),
            c"v".as_ptr(),
            arguments.as_ptr(),
            arguments.len()
        ));
    }

    /// Sends a command with these arguments to replicas, not to the AOF.
    pub fn replicate_past_aof(self, command: &CStr, arguments: &[*mut raw::RedisModuleString]) {
        api!(RedisModule_Replicate(
            self.0,
            command.as_ptr(),
            c"Av".as_ptr(),
            arguments.as_ptr(),
            arguments.len()
        ));
    }

    /// Publishes a message to this server's clients.
    pub fn publish(self, channel: &Text, message: &Text) {
        api!(RedisModule_PublishMessage(self.0, channel.raw(), message.raw()));
    }

    /// Sends a command with one binary argument to replicas and AOF.
    pub fn replicate_bytes(self, command: &CStr, bytes: &[u8]) {
        api!(RedisModule_Replicate(
            self.0,
            command.as_ptr(),
            c"b".as_ptr(),
            bytes.as_ptr(),
            bytes.len()
        ));
    }

    /// Sends the command being executed to replicas and AOF as it came.
    pub fn replicate_verbatim(self) {
        api!(RedisModule_ReplicateVerbatim(self.0));
    }

    /// Fires a keyspace event, as a plain command would.
    pub fn notify(self, event: Event, key: &Text) {
        let (kind, name) = event.parts();
        api!(RedisModule_NotifyKeyspaceEvent(self.0, kind, name.as_ptr(), key.raw()));
    }

    /// Writes a line to the server's log.
    pub fn log(self, level: log::Level, line: &str) {
        let level = match level {
            log::Level::Error | log::Level::Warn => c"warning",
            log::Level::Info => c"notice",
            log::Level::Debug => c"verbose",
            log::Level::Trace => c"debug",
        };
        let line = std::ffi::CString::new(line.replace('\0', "?")).unwrap_or_default();
        api!(RedisModule_Log(self.0, level.as_ptr(), c"%s".as_ptr(), line.as_ptr()));
    }

    /// Name of the user behind the client of this context.
    pub fn user_name(self) -> Option<Text> {
        Text::own(api!(RedisModule_GetCurrentUserName(self.0)))
    }

    /// Runs the event loop again after so long, so that BEFORE_SLEEP comes round.
    pub fn wake_after(self, time: Duration) {
        let milliseconds = time.as_millis().min(i64::MAX as u128) as i64;
        api!(RedisModule_CreateTimer(self.0, milliseconds, Some(on_timer), std::ptr::null_mut()));
    }
}

/// Keyspace events that our writes fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// XADD
    StreamAdded,
    /// XDEL
    StreamDeleted,
    /// XTRIM, or XADD with MAXLEN that trimmed
    StreamTrimmed,
    /// HSET
    HashSet,
    /// HDEL
    HashDeleted,
    /// ZADD
    MemberScored,
    /// ZINCRBY
    ScoreIncremented,
    /// ZREM
    MemberRemoved,
    /// ZREMRANGEBYRANK
    LowestRemoved,
    /// LPUSH
    PushedLeft,
    /// RPUSH
    PushedRight,
    /// LTRIM
    ListTrimmed,
    /// SET
    StringSet,
    /// PEXPIREAT
    ExpirySet,
    /// PERSIST
    ExpiryTaken,
    /// DEL
    KeyDeleted,
}

impl Event {
    fn parts(self) -> (c_int, &'static CStr) {
        match self {
            Event::StreamAdded => (raw::REDISMODULE_NOTIFY_STREAM, c"xadd"),
            Event::StreamDeleted => (raw::REDISMODULE_NOTIFY_STREAM, c"xdel"),
            Event::StreamTrimmed => (raw::REDISMODULE_NOTIFY_STREAM, c"xtrim"),
            Event::HashSet => (raw::REDISMODULE_NOTIFY_HASH, c"hset"),
            Event::HashDeleted => (raw::REDISMODULE_NOTIFY_HASH, c"hdel"),
            Event::MemberScored => (raw::REDISMODULE_NOTIFY_ZSET, c"zadd"),
            Event::ScoreIncremented => (raw::REDISMODULE_NOTIFY_ZSET, c"zincr"),
            Event::MemberRemoved => (raw::REDISMODULE_NOTIFY_ZSET, c"zrem"),
            Event::LowestRemoved => (raw::REDISMODULE_NOTIFY_ZSET, c"zremrangebyrank"),
            Event::PushedLeft => (raw::REDISMODULE_NOTIFY_LIST, c"lpush"),
            Event::PushedRight => (raw::REDISMODULE_NOTIFY_LIST, c"rpush"),
            Event::ListTrimmed => (raw::REDISMODULE_NOTIFY_LIST, c"ltrim"),
            Event::StringSet => (raw::REDISMODULE_NOTIFY_STRING, c"set"),
            Event::ExpirySet => (raw::REDISMODULE_NOTIFY_GENERIC, c"expire"),
            Event::ExpiryTaken => (raw::REDISMODULE_NOTIFY_GENERIC, c"persist"),
            Event::KeyDeleted => (raw::REDISMODULE_NOTIFY_GENERIC, c"del"),
        }
    }
}

extern "C" fn on_timer(_context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    crate::callback::guarded("timer", || {});
}

extern "C" fn on_one_shot(_data: *mut c_void) {
    crate::callback::guarded("oneshot", || {});
}

/// Makes the main thread's event loop go round once more. Callable from every thread; the
/// work itself is done in BEFORE_SLEEP, never in the one-shot, which would starve clients.
pub fn wake() {
    api!(RedisModule_EventLoopAddOneShot(Some(on_one_shot), std::ptr::null_mut()));
}

/// Whether the server is paused for a failover or its shutdown: a write now would kill it.
pub fn avoids_replica_traffic() -> bool {
    api!(RedisModule_AvoidReplicaTraffic()) != 0
}

/// Used memory as a part of `maxmemory`; 0 when that is not set.
pub fn used_memory_ratio() -> f32 {
    api!(RedisModule_GetUsedMemoryRatio())
}

/// Milliseconds since 1970 by the server's clock.
pub fn milliseconds() -> i64 {
    api!(RedisModule_Milliseconds())
}

/// Functions this module cannot do without; the name of the first one that the server lacks.
pub fn missing_function() -> Option<&'static str> {
    macro_rules! check {
        ($($function:ident),* $(,)?) => {
            // SAFETY: plain reads of pointers that Redis has written before this call.
            unsafe { $( let present = raw::$function; if present.is_none() { return Some(stringify!($function)); } )* }
        };
    }
    check!(
        RedisModule_EventLoopAddOneShot,
        RedisModule_AvoidReplicaTraffic,
        RedisModule_GetUsedMemoryRatio,
        RedisModule_StreamAdd,
        RedisModule_StreamDelete,
        RedisModule_StreamIteratorStart,
        RedisModule_StreamIteratorNextID,
        RedisModule_StreamIteratorStop,
        RedisModule_StreamTrimByLength,
        RedisModule_StreamTrimByID,
        RedisModule_ListPush,
        RedisModule_ListPop,
        RedisModule_ZsetAdd,
        RedisModule_ZsetIncrby,
        RedisModule_ZsetRem,
        RedisModule_ZsetFirstInScoreRange,
        RedisModule_ZsetRangeCurrentElement,
        RedisModule_ZsetRangeStop,
        RedisModule_StringSet,
        RedisModule_ValueLength,
        RedisModule_DeleteKey,
        RedisModule_GetAbsExpire,
        RedisModule_SetAbsExpire,
        RedisModule_Milliseconds,
        RedisModule_PublishMessage,
        RedisModule_HashSet,
        RedisModule_HashGet,
        RedisModule_SetCommandInfo,
        RedisModule_GetCommand,
        RedisModule_ReplyWithMap,
        RedisModule_GetModuleUserFromUserName,
        RedisModule_ACLCheckKeyPermissions,
        RedisModule_ACLCheckChannelPermissions,
        RedisModule_ACLCheckCommandPermissions,
        RedisModule_Replicate,
        RedisModule_SubscribeToServerEvent,
        RedisModule_BlockClient,
        RedisModule_SetDisconnectCallback,
        RedisModule_NotifyKeyspaceEvent,
        RedisModule_SubscribeToKeyspaceEvents,
        RedisModule_GetSelectedDb,
        RedisModule_CreateTimer,
        RedisModule_SetModuleOptions,
        RedisModule_RegisterInfoFunc,
        RedisModule_Call,
        RedisModule_GetCurrentUserName,
    );
    None
}

/// What hears of keys that change.
pub type KeyHandler = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    c_int,
    *const c_char,
    *mut raw::RedisModuleString,
) -> c_int;

/// Has a handler hear of these kinds of keyspace events, for ever. Whether the server agrees.
pub fn subscribe_to_keys(context: Context, kinds: c_int, handler: KeyHandler) -> bool {
    let status = api!(RedisModule_SubscribeToKeyspaceEvents(context.0, kinds, Some(handler)));
    status == raw::REDISMODULE_OK as c_int
}

/// What the INFO callback gets and writes.
pub type InfoHandler = unsafe extern "C" fn(*mut raw::RedisModuleInfoCtx, c_int);

/// Tells Redis how the module wants to be treated: it copes with diskless loading, and has an INFO section.
pub fn announce(context: Context, info: InfoHandler) {
    api!(RedisModule_SetModuleOptions(
        context.0,
        raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD as c_int
    ));
    api!(RedisModule_RegisterInfoFunc(context.0, Some(info)));
}

/// Writes the fields of the module's INFO section; Redis puts the module's name before each.
pub fn write_info(info: *mut raw::RedisModuleInfoCtx, fields: &[(String, String)]) {
    if api!(RedisModule_InfoAddSection(info, c"".as_ptr())) != raw::REDISMODULE_OK as c_int {
        // This section was not asked for.
        return;
    }
    for (name, value) in fields {
        let (Ok(name), Ok(value)) = (
            std::ffi::CString::new(name.as_str()),
            std::ffi::CString::new(value.replace('\0', "")),
        ) else {
            continue;
        };
        api!(RedisModule_InfoAddFieldCString(info, name.as_ptr(), value.as_ptr()));
    }
}
