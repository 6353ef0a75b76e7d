//! Commands called from the module: what has no API of its own, and what is rare (definitions,
//! probes, configuration).

use super::{Context, Text, api};
use redis_module::raw;
use std::ffi::{CStr, CString};
use std::fmt;

/// How a command is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A read, or something that concerns this server alone.
    Local,
    /// A write that replicas and AOF get too.
    Replicated,
    /// As a script would: refused where clients' writes are refused.
    AsScript,
}

/// A command's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nil.
    Null,
    /// A number.
    Integer(i64),
    /// A string, simple or bulk.
    Text(Vec<u8>),
    /// A list; a map's names and values in turn.
    List(Vec<Reply>),
}

impl Reply {
    /// The text of a string reply, lossy; empty for anything else.
    pub fn text(&self) -> String {
        match self {
            Reply::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Reply::Integer(number) => number.to_string(),
            Reply::Null | Reply::List(_) => String::new(),
        }
    }

    /// The elements of a list; none for anything else.
    pub fn list(&self) -> &[Reply] {
        match self {
            Reply::List(list) => list,
            _ => &[],
        }
    }

    /// The elements of a list, two by two.
    pub fn pairs(&self) -> impl Iterator<Item = (&Reply, &Reply)> {
        self.list().chunks_exact(2).filter_map(|pair| Some((pair.first()?, pair.last()?)))
    }
}

/// Redis's own words for a call it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError(pub String);

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Context {
    /// Calls a command.
    pub fn call(
        self,
        command: &str,
        arguments: &[&str],
        manner: Manner,
    ) -> Result<Reply, CallError> {
        let arguments: Vec<_> = arguments.iter().map(Text::new).collect();
        let pointers: Vec<_> = arguments.iter().map(Text::raw).collect();
        let name = CString::new(command)
            .map_err(|_| CallError("a command's name may not hold NUL".to_owned()))?;
        self.ask(&name, &pointers, manner)
    }

    /// As [`Context::call`], of arguments that need not be UTF-8.
    pub fn ask(
        self,
        command: &CStr,
        arguments: &[*mut raw::RedisModuleString],
        manner: Manner,
    ) -> Result<Reply, CallError> {
        let reply = self.reply_of(command, arguments, manner)?;
        let read = read(reply, 0);
        api!(RedisModule_FreeCallReply(reply));
        read
    }

    /// Calls a command of which only its success counts.
    pub fn run(
        self,
        command: &CStr,
        arguments: &[*mut raw::RedisModuleString],
        manner: Manner,
    ) -> Result<(), CallError> {
        let reply = self.reply_of(command, arguments, manner)?;
        let is_error =
            api!(RedisModule_CallReplyType(reply)) as isize == raw::REDISMODULE_REPLY_ERROR;
        let error =
            is_error.then(|| CallError(String::from_utf8_lossy(&bytes(reply)).into_owned()));
        api!(RedisModule_FreeCallReply(reply));
        error.map_or(Ok(()), Err)
    }

    /// The reply, which is to be freed.
    fn reply_of(
        self,
        command: &CStr,
        arguments: &[*mut raw::RedisModuleString],
        manner: Manner,
    ) -> Result<*mut raw::RedisModuleCallReply, CallError> {
        let format = match manner {
            Manner::Local => c"Ev",
            Manner::Replicated => c"!Ev",
            Manner::AsScript => c"SEv",
        };
        let reply = api!(RedisModule_Call(
            self.0,
            command.as_ptr(),
            format.as_ptr(),
            arguments.as_ptr(),
            arguments.len()
        ));
        if reply.is_null() {
            return Err(CallError(format!("{} could not be called", command.to_string_lossy())));
        }
        Ok(reply)
    }
}

/// Nested no deeper than any reply we ask for.
const DEPTH: u32 = 4;

fn read(reply: *mut raw::RedisModuleCallReply, depth: u32) -> Result<Reply, CallError> {
    if reply.is_null() || depth > DEPTH {
        return Ok(Reply::Null);
    }
    let kind = api!(RedisModule_CallReplyType(reply)) as isize;
    let is = |other: isize| kind == other;
    if is(raw::REDISMODULE_REPLY_INTEGER) {
        return Ok(Reply::Integer(api!(RedisModule_CallReplyInteger(reply))));
    }
    if is(raw::REDISMODULE_REPLY_ARRAY) {
        let length = api!(RedisModule_CallReplyLength(reply));
        let element = |at| read(api!(RedisModule_CallReplyArrayElement(reply, at)), depth + 1);
        return (0..length).map(element).collect::<Result<_, _>>().map(Reply::List);
    }
    if is(raw::REDISMODULE_REPLY_ERROR) {
        return Err(CallError(String::from_utf8_lossy(&bytes(reply)).into_owned()));
    }
    if is(raw::REDISMODULE_REPLY_STRING) || is(raw::REDISMODULE_REPLY_VERBATIM_STRING) {
        return Ok(Reply::Text(bytes(reply)));
    }
    Ok(Reply::Null)
}

fn bytes(reply: *mut raw::RedisModuleCallReply) -> Vec<u8> {
    let mut length = 0;
    let start = api!(RedisModule_CallReplyStringPtr(reply, &mut length));
    if start.is_null() {
        return Vec::new();
    }
    // SAFETY: Redis returned `length` bytes at `start`, which stay until the reply is freed.
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) }.to_vec()
}
