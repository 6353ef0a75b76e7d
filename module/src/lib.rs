//! redis-kafka as a Redis module: the engine's workers in the server's own process, their units
//! applied on its main thread.
//!
//! [`turn`] is the heart: one unit a turn of the event loop. [`apply`] writes it; [`host`] does for
//! the engine's commands what they need of the server; [`guard`] says when writing must wait.

mod apply;
mod callback;
mod describe;
mod events;
mod guard;
mod host;
mod load;
mod logging;
#[cfg(feature = "panic-injection")]
mod panic_injection;
mod redis;
mod report;
mod rights;
mod torn;
mod turn;

use callback::guarded;
use redis::Context;
use redis_kafka_engine::applier::Applied;
use redis_module::raw;
use std::ffi::{c_char, c_int};
use torn::TornTail;
use turn::Module;

const OK: c_int = raw::REDISMODULE_OK as c_int;
const ERR: c_int = raw::REDISMODULE_ERR as c_int;

/// The module's name, also the section of INFO.
const NAME: &std::ffi::CStr = c"kafka";

/// The module's version as MODULE LIST shows it.
const VERSION: c_int = 1;

/// Called by Redis when the module is loaded.
///
/// # Safety
/// Redis passes a live context and `argc` strings at `argv`.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn RedisModule_OnLoad(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the context is the one Redis passed for loading.
    let status = unsafe {
        raw::Export_RedisModule_Init(
            context,
            NAME.as_ptr().cast::<c_char>(),
            VERSION,
            raw::REDISMODULE_APIVER_1 as c_int,
        )
    };
    if status == ERR {
        return ERR;
    }
    logging::install();
    let loaded = guarded("load", || {
        // SAFETY: as this function's contract says.
        let arguments = unsafe { redis::arguments(argv, argc) };
        load(Context(context), &arguments)
    });
    match loaded {
        Some(Ok(())) => OK,
        Some(Err(problem)) => {
            Context(context).log(log::Level::Error, &format!("not loaded: {problem}"));
            ERR
        }
        None => ERR,
    }
}

fn load(context: Context, arguments: &[&[u8]]) -> Result<(), String> {
    if let Some(function) = redis::missing_function() {
        return Err(format!("this server lacks {function}; Redis 7.0 or later is needed"));
    }
    let config = load::Config::parse(arguments)?;
    describe::register(context, on_command)
        .map_err(|name| format!("the server refuses command {name}"))?;
    if !describe::create(context, apply::APPLY, on_replay, "write no-monitor") {
        return Err("the server refuses command KAFKA.APPLY".to_owned());
    }
    #[cfg(feature = "panic-injection")]
    if !describe::create(context, c"KAFKA.PANIC", on_panic, "admin") {
        return Err("the server refuses command KAFKA.PANIC".to_owned());
    }
    events::subscribe(context)
        .map_err(|event| format!("the server refuses to tell of event {event}"))?;
    if !events::watch_definitions(context) {
        return Err("the server refuses to tell of keyspace events".to_owned());
    }
    redis::announce(context, on_info);
    if config.propagate.needs_module() {
        log::info!(
            "units are propagated as units: every replica and every later start of this server needs the module"
        );
    }
    let torn = TornTail::watch(context);
    turn::install(Module::new(config, torn));
    Ok(())
}

/// Called by Redis when the module is to be unloaded: refused while anything of it is at work.
///
/// # Safety
/// Redis passes a live context.
#[unsafe(no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn RedisModule_OnUnload(context: *mut raw::RedisModuleCtx) -> c_int {
    let free = guarded("unload", || {
        turn::with(|module| {
            module.registry.subscriptions.is_empty()
                && module.waiting.is_empty()
                && module.registry.end()
        })
    });
    if free.flatten() == Some(true) {
        return OK;
    }
    Context(context).log(
        log::Level::Warn,
        "not unloaded: there are subscriptions; KAFKA.UNSUBSCRIBE them first",
    );
    ERR
}

unsafe extern "C" fn on_command(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let context = Context(context);
    let done = guarded("command", || {
        // SAFETY: Redis passes what this callback was called with.
        let arguments = unsafe { redis::arguments(argv, argc) };
        turn::with(|module| module.run(context, &arguments))
    });
    match done {
        Some(Some(())) => {}
        Some(None) => context
            .replies()
            .error("ERR KAFKA: not now: the module is in the middle of its own work"),
        None => context.replies().error("ERR KAFKA: internal error, see the server's log"),
    }
    OK
}

/// `KAFKA.APPLY unit`: only from the primary or the AOF.
unsafe extern "C" fn on_replay(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let context = Context(context);
    let done = guarded("replay", || {
        // SAFETY: Redis passes what this callback was called with.
        let arguments = unsafe { redis::arguments(argv, argc) };
        replay(context, &arguments)
    });
    match done {
        Some(Ok(())) => context.replies().simple("OK"),
        Some(Err(problem)) => context.replies().error(&format!("ERR KAFKA.APPLY: {problem}")),
        None => context.replies().error("ERR KAFKA.APPLY: internal error, see the server's log"),
    }
    OK
}

fn replay(context: Context, arguments: &[&[u8]]) -> Result<(), String> {
    let flags = context.flags();
    if !flags.is_replicated() && !flags.is_loading() && !flags.is_async_loading() {
        return Err("internal command of replication and the AOF; not for clients".to_owned());
    }
    let [_, unit] = arguments else { return Err("wrong number of arguments".to_owned()) };
    let applied = apply::replay(context, unit).map_err(|error| {
        log::error!("a unit could not be read: {error}");
        error.to_string()
    })?;
    if flags.is_replicated() {
        context.replicate_verbatim();
    }
    turn::with(|module| match &applied {
        Applied::Done => module.replay.applied += 1,
        refused => {
            module.replay.refused += 1;
            log::warn!("a unit was passed over: {refused:?}");
        }
    });
    Ok(())
}

unsafe extern "C" fn on_info(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    // A crash report is written in the middle of anything: our state may not be whole.
    if for_crash_report != 0 {
        return;
    }
    guarded("info", || {
        let fields = turn::with(|module| report::server_info(module));
        redis::write_info(info, &fields.unwrap_or_default());
    });
}

#[cfg(feature = "panic-injection")]
unsafe extern "C" fn on_panic(
    context: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: Redis passes what this callback was called with.
    let arguments = unsafe { redis::arguments(argv, argc) };
    if let [_, callback] = arguments.as_slice() {
        panic_injection::arm(&String::from_utf8_lossy(callback));
    }
    Context(context).replies().simple("OK");
    OK
}
