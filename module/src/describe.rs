//! Registers the commands, and describes them to COMMAND DOCS from the engine's table.

use crate::redis::Context;
use redis_kafka_engine::command::docs::{ArgumentDocs, ArgumentKind, CommandDocs};
use redis_kafka_engine::command::{ENTRIES, Flag, categories, docs};
use redis_kafka_engine::grammar::{Presence, Repetition};
use redis_module::raw;
use std::ffi::{CStr, CString, c_int};
use std::ptr;

/// A command's function, as Redis calls it.
pub type Handler = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut *mut raw::RedisModuleString,
    c_int,
) -> c_int;

/// Registers one command; false when Redis refuses it.
pub fn create(context: Context, name: &CStr, handler: Handler, flags: &str) -> bool {
    let Ok(flags) = CString::new(flags) else { return false };
    // SAFETY: called while the module is loaded; Redis copies the texts, and the handler lives as
    // long as the library.
    let status = unsafe {
        match raw::RedisModule_CreateCommand {
            Some(create) => {
                create(context.0, name.as_ptr(), Some(handler), flags.as_ptr(), 0, 0, 0)
            }
            None => return false,
        }
    };
    status == raw::REDISMODULE_OK as c_int
}

/// Registers every statement of the table with its description; the name of the one that failed otherwise.
pub fn register(context: Context, handler: Handler) -> Result<(), &'static str> {
    for (entry, described) in ENTRIES.iter().zip(docs::docs()) {
        let name = CString::new(described.name).map_err(|_| described.name)?;
        // Redis 7.0 does not know the word `blocking`; the commands ask for the client's leave themselves.
        let words =
            entry.flags.iter().filter(|flag| **flag != Flag::Blocking).map(|flag| flag.word());
        if !create(context, &name, handler, &words.collect::<Vec<_>>().join(" "))
            || !describe(context, &name, &described)
        {
            return Err(described.name);
        }
        categorise(context, &name, entry.flags);
    }
    Ok(())
}

/// Puts a command into Redis's ACL categories, where the server can (Redis 7.2 and later; on 7.0
/// module commands are in none, and users are granted them by name).
fn categorise(context: Context, name: &CStr, flags: &[Flag]) {
    let categories = categories(flags);
    if categories.is_empty() {
        return;
    }
    let Ok(categories) = CString::new(categories.join(" ")) else { return };
    // SAFETY: the command was just created, and the module is still being loaded.
    let status = unsafe {
        match (raw::RedisModule_GetCommand, raw::RedisModule_SetCommandACLCategories) {
            (Some(get), Some(set)) => set(get(context.0, name.as_ptr()), categories.as_ptr()),
            _ => return,
        }
    };
    if status != raw::REDISMODULE_OK as c_int {
        log::warn!("{} could not be put into ACL categories", name.to_string_lossy());
    }
}

/// Texts and arrays that a description points to: Redis copies them all, so they live for the call.
#[derive(Default)]
struct Arena {
    texts: Vec<CString>,
    lists: Vec<Vec<raw::RedisModuleCommandArg>>,
}

impl Arena {
    fn text(&mut self, text: &str) -> *const std::ffi::c_char {
        let text = CString::new(text.replace('\0', "")).unwrap_or_default();
        // A CString's bytes stay where they are when the CString itself moves into the list.
        let start = text.as_ptr();
        self.texts.push(text);
        start
    }

    fn optional(&mut self, text: Option<&str>) -> *const std::ffi::c_char {
        text.map_or(ptr::null(), |text| self.text(text))
    }

    /// A list of arguments, ended by one without a name; null when empty.
    fn list(&mut self, arguments: &[ArgumentDocs]) -> *mut raw::RedisModuleCommandArg {
        if arguments.is_empty() {
            return ptr::null_mut();
        }
        let mut list: Vec<_> = arguments.iter().map(|argument| self.argument(argument)).collect();
        list.push(NO_ARGUMENT);
        let start = list.as_mut_ptr();
        self.lists.push(list);
        start
    }

    fn argument(&mut self, docs: &ArgumentDocs) -> raw::RedisModuleCommandArg {
        let mut flags = 0;
        if docs.presence == Presence::Optional {
            flags |= raw::REDISMODULE_CMD_ARG_OPTIONAL;
        }
        match docs.repetition {
            Repetition::Once => {}
            Repetition::Values => flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE,
            Repetition::Whole => {
                flags |= raw::REDISMODULE_CMD_ARG_MULTIPLE | raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN
            }
        }
        raw::RedisModuleCommandArg {
            name: self.text(&docs.name),
            type_: kind(docs.kind),
            token: self.optional(docs.token),
            summary: self.optional(docs.summary),
            flags: flags as c_int,
            subargs: self.list(&docs.parts),
            ..NO_ARGUMENT
        }
    }
}

const NO_ARGUMENT: raw::RedisModuleCommandArg = raw::RedisModuleCommandArg {
    name: ptr::null(),
    type_: raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
    key_spec_index: -1,
    token: ptr::null(),
    summary: ptr::null(),
    since: ptr::null(),
    flags: 0,
    deprecated_since: ptr::null(),
    subargs: ptr::null_mut(),
    display_text: ptr::null(),
};

fn kind(kind: ArgumentKind) -> raw::RedisModuleCommandArgType {
    match kind {
        ArgumentKind::String => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
        ArgumentKind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
        ArgumentKind::Pattern => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PATTERN,
        ArgumentKind::PureToken => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
        ArgumentKind::OneOf => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
        ArgumentKind::Block => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
    }
}

fn describe(context: Context, name: &CStr, docs: &CommandDocs) -> bool {
    let mut arena = Arena::default();
    // The sizes tell Redis which version of the structures this is.
    let version = raw::RedisModuleCommandInfoVersion {
        version: 1,
        sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
        sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
        sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
    };
    let info = raw::RedisModuleCommandInfo {
        version: &version,
        summary: arena.text(&docs.summary),
        complexity: arena.text(docs.complexity),
        since: arena.text(docs.since),
        history: ptr::null_mut(),
        tips: ptr::null(),
        arity: docs.arity,
        key_specs: ptr::null_mut(),
        args: arena.list(&docs.arguments),
    };
    // SAFETY: the command was just created; everything `info` points to lives in `arena` and
    // `version` until the call is over, and Redis copies what it keeps.
    let status = unsafe {
        match (raw::RedisModule_GetCommand, raw::RedisModule_SetCommandInfo) {
            (Some(get), Some(set)) => set(get(context.0, name.as_ptr()), &info),
            _ => return false,
        }
    };
    status == raw::REDISMODULE_OK as c_int
}
