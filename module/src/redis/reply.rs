//! Replies to a client: at once, or later to a blocked one.

use super::{Context, api};
use redis_kafka_engine::control::{Reply as Answer, Waiter};
use redis_module::raw;
use std::cell::RefCell;
use std::ffi::{CString, c_long};
use std::ptr;

/// Something that can be answered: the client of a running command, or a blocked one.
#[derive(Debug, Clone, Copy)]
pub struct Replies(*mut raw::RedisModuleCtx);

impl Context {
    /// Answers the client whose command is being executed.
    pub fn replies(self) -> Replies {
        Replies(self.0)
    }

    /// Blocks the client, without a time limit of Redis's own.
    pub fn block(self) -> Blocked {
        let client = api!(RedisModule_BlockClient(self.0, None, None, None, 0));
        api!(RedisModule_SetDisconnectCallback(client, Some(on_disconnect)));
        Blocked(client)
    }
}

impl Replies {
    /// A whole answer to a command.
    pub fn give(self, reply: &Answer) {
        match reply {
            Answer::Simple(line) => self.simple(line),
            Answer::Error(line) => self.error(line),
            Answer::Text(text) => self.text(text),
            Answer::Integer(number) => self.integer(*number),
            Answer::List(parts) => {
                self.list(parts.len());
                parts.iter().for_each(|part| self.give(part));
            }
            Answer::Map(pairs) => {
                self.map(pairs.len());
                for (name, value) in pairs {
                    self.text(name);
                    self.give(value);
                }
            }
        }
    }

    /// A status line such as `OK`.
    pub fn simple(self, line: &str) {
        let line = CString::new(one_line(line)).unwrap_or_default();
        api!(RedisModule_ReplyWithSimpleString(self.0, line.as_ptr()));
    }

    /// An error; `line` starts with its code.
    pub fn error(self, line: &str) {
        let line = CString::new(one_line(line)).unwrap_or_default();
        api!(RedisModule_ReplyWithError(self.0, line.as_ptr()));
    }

    /// A bulk string.
    fn text(self, text: &str) {
        api!(RedisModule_ReplyWithStringBuffer(self.0, text.as_ptr().cast(), text.len()));
    }

    /// A number.
    fn integer(self, number: i64) {
        api!(RedisModule_ReplyWithLongLong(self.0, number));
    }

    /// The head of a list of `length` replies that follow.
    fn list(self, length: usize) {
        api!(RedisModule_ReplyWithArray(self.0, length as c_long));
    }

    /// The head of a map of `length` pairs that follow; RESP2 clients get a flat list.
    fn map(self, length: usize) {
        api!(RedisModule_ReplyWithMap(self.0, length as c_long));
    }
}

/// Line ends and NULs would break the protocol's one-line replies.
fn one_line(line: &str) -> String {
    line.chars().map(|c| if matches!(c, '\0' | '\r' | '\n') { ' ' } else { c }).collect()
}

thread_local! {
    /// Blocked clients whose connection has closed.
    static GONE: RefCell<Vec<*mut raw::RedisModuleBlockedClient>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "C" fn on_disconnect(
    _context: *mut raw::RedisModuleCtx,
    client: *mut raw::RedisModuleBlockedClient,
) {
    crate::callback::guarded("disconnect", || GONE.with(|gone| gone.borrow_mut().push(client)));
}

/// A client that waits for its reply; answered exactly once.
#[derive(Debug)]
pub struct Blocked(*mut raw::RedisModuleBlockedClient);

impl Waiter for Blocked {
    fn is_gone(&self) -> bool {
        GONE.with(|gone| gone.borrow().contains(&self.0))
    }

    /// Answers and lets the client go on. One that has gone in between is forgotten.
    fn answer(self, reply: Answer) {
        GONE.with(|gone| gone.borrow_mut().retain(|client| *client != self.0));
        let context = api!(RedisModule_GetThreadSafeContext(self.0));
        Replies(context).give(&reply);
        api!(RedisModule_FreeThreadSafeContext(context));
        api!(RedisModule_UnblockClient(self.0, ptr::null_mut()));
    }
}
