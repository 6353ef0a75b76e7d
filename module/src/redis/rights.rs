//! What ACL users may do.

use super::{Text, api};
use redis_module::raw;
use std::ffi::c_int;

/// What an ACL user may do with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// What was asked.
    Granted,
    /// Less than that.
    Less,
    /// Nothing: there is no such user.
    NoSuchUser,
}

/// Whether an ACL user may insert, update and delete a key.
pub fn may_write(user: &Text, key: &Text) -> Rights {
    let wanted = (raw::REDISMODULE_CMD_KEY_INSERT
        | raw::REDISMODULE_CMD_KEY_UPDATE
        | raw::REDISMODULE_CMD_KEY_DELETE) as c_int;
    of(user, |account| api!(RedisModule_ACLCheckKeyPermissions(account, key.raw(), wanted)))
}

/// Whether an ACL user may read a key.
pub fn may_read(user: &Text, key: &Text) -> Rights {
    let wanted = raw::REDISMODULE_CMD_KEY_ACCESS as c_int;
    of(user, |account| api!(RedisModule_ACLCheckKeyPermissions(account, key.raw(), wanted)))
}

/// Whether an ACL user may publish to a channel.
pub fn may_publish(user: &Text, channel: &Text) -> Rights {
    let wanted = raw::REDISMODULE_CMD_CHANNEL_PUBLISH as c_int;
    of(user, |account| api!(RedisModule_ACLCheckChannelPermissions(account, channel.raw(), wanted)))
}

/// Whether an ACL user may run a command with these words, its name first.
pub fn may_run(user: &Text, words: &[Text]) -> Rights {
    let mut words: Vec<_> = words.iter().map(Text::raw).collect();
    let count = c_int::try_from(words.len()).unwrap_or(c_int::MAX);
    of(user, |account| {
        api!(RedisModule_ACLCheckCommandPermissions(account, words.as_mut_ptr(), count))
    })
}

fn of(user: &Text, check: impl FnOnce(*mut raw::RedisModuleUser) -> c_int) -> Rights {
    let account = api!(RedisModule_GetModuleUserFromUserName(user.raw()));
    if account.is_null() {
        return Rights::NoSuchUser;
    }
    let checked = check(account);
    api!(RedisModule_FreeModuleUser(account));
    if checked == raw::REDISMODULE_OK as c_int { Rights::Granted } else { Rights::Less }
}
