//! What can go wrong between us and Redis, and what helps.

use super::reply::ReadError;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

/// What Redis refuses, by the code its errors start with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `LOADING`: it reads its data from disk, or from its primary.
    Loading,
    /// `MASTERDOWN`: a replica without its primary.
    MasterDown,
    /// `READONLY`: a replica.
    ReadOnly,
    /// `OOM`: maxmemory is reached.
    OutOfMemory,
    /// `NOREPLICAS`: fewer replicas than min-replicas-to-write.
    NoReplicas,
    /// `MISCONF`: it cannot persist its data.
    Misconfigured,
    /// `BUSY`: a script or function runs for long.
    Busy,
    /// It takes no more connections.
    Full,
    /// `TRYAGAIN`, `CLUSTERDOWN`, `MOVED`, `ASK`, `CROSSSLOT`: a cluster.
    Cluster,
    /// `NOAUTH`, `WRONGPASS`: the password, or the user, is wrong.
    Login,
    /// `NOPERM`: the ACL user may not touch this key, or this channel.
    NoPermission,
    /// `NOPERM`: the ACL user may not run this command at all.
    NoCommand,
    /// `WRONGTYPE`: the key is of another type.
    WrongType,
    /// Anything else.
    Other,
}

/// What makes a problem go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heals {
    /// Time, on this connection.
    Waiting,
    /// Time, and another connection: Redis is away, or this one is no primary any more.
    Reconnecting,
    /// A person alone.
    Never,
}

/// Why a command was not carried out, or not known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// There is no connection, or it broke; commands under way may have been carried out.
    Away(String),
    /// Redis answered with this error.
    Refused(Refusal, String),
}

impl Refusal {
    /// By the text of an error, of a transaction that was discarded because of one too.
    pub fn of(text: &str) -> Refusal {
        let because = text.strip_prefix("EXECABORT ").and_then(|text| {
            let (_, because) = text.split_once("because of: ")?;
            Some(because)
        });
        let text = because.unwrap_or(text);
        if text.starts_with("ERR max number of clients") {
            return Refusal::Full;
        }
        let code = text.split([' ', '\r', '\n']).next().unwrap_or_default();
        match code {
            "LOADING" => Refusal::Loading,
            "MASTERDOWN" => Refusal::MasterDown,
            "READONLY" => Refusal::ReadOnly,
            "OOM" => Refusal::OutOfMemory,
            "NOREPLICAS" => Refusal::NoReplicas,
            "MISCONF" => Refusal::Misconfigured,
            "BUSY" => Refusal::Busy,
            "TRYAGAIN" | "CLUSTERDOWN" | "MOVED" | "ASK" | "CROSSSLOT" => Refusal::Cluster,
            "NOAUTH" | "WRONGPASS" => Refusal::Login,
            // "no permissions to run the 'xadd' command", and not "to access one of the keys".
            "NOPERM" if text.contains("to run the") => Refusal::NoCommand,
            "NOPERM" => Refusal::NoPermission,
            "WRONGTYPE" => Refusal::WrongType,
            _ => Refusal::Other,
        }
    }
}

impl Problem {
    /// An error that Redis answered with.
    pub fn refused(text: impl Into<String>) -> Problem {
        let text = text.into();
        Problem::Refused(Refusal::of(&text), text)
    }

    /// What was met while a reply was awaited for `patience`.
    pub fn reading(error: ReadError, patience: Duration) -> Problem {
        if let ReadError::Io(error) = &error
            && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        {
            return Problem::Away(format!("no answer for {} s", patience.as_secs()));
        }
        Problem::Away(error.to_string())
    }

    /// What helps.
    pub fn heals(&self) -> Heals {
        match self {
            Problem::Away(_) | Problem::Refused(Refusal::ReadOnly | Refusal::Login, _) => {
                Heals::Reconnecting
            }
            Problem::Refused(refusal, _) => match refusal {
                Refusal::Loading
                | Refusal::MasterDown
                | Refusal::OutOfMemory
                | Refusal::NoReplicas
                | Refusal::Misconfigured
                | Refusal::Full
                | Refusal::Busy => Heals::Waiting,
                Refusal::ReadOnly | Refusal::Login => Heals::Reconnecting,
                Refusal::Cluster
                | Refusal::NoPermission
                | Refusal::NoCommand
                | Refusal::WrongType
                | Refusal::Other => Heals::Never,
            },
        }
    }

    /// What a person can look at.
    pub fn action(&self) -> &'static str {
        match self {
            Problem::Away(_) => "check that Redis runs and can be reached from here",
            Problem::Refused(refusal, _) => match refusal {
                Refusal::Loading => "wait: Redis reads its data",
                Refusal::MasterDown => {
                    "check the replica's primary, or name the primary in --redis"
                }
                Refusal::ReadOnly => "name the primary in --redis, or Sentinel, which knows it",
                Refusal::OutOfMemory => "make room: raise maxmemory, or delete keys",
                Refusal::NoReplicas => "bring replicas back, or lower min-replicas-to-write",
                Refusal::Misconfigured => "see Redis's log: it cannot write to its disk",
                Refusal::Full => "raise maxclients, or close connections",
                Refusal::Busy => "wait for the script, or SCRIPT KILL",
                Refusal::Cluster => "name a Redis without cluster mode in --redis",
                Refusal::Login => "check user and password of --redis",
                Refusal::NoPermission | Refusal::NoCommand => {
                    "give the user the rights (ACL SETUSER), then KAFKA.RESUME"
                }
                Refusal::WrongType | Refusal::Other => "see the log, then KAFKA.RESUME",
            },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Away(text) | Problem::Refused(_, text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_known_by_its_code_also_behind_execabort() {
        let cases = [
            ("OOM command not allowed when used memory > 'maxmemory'.", Refusal::OutOfMemory),
            (
                "EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.",
                Refusal::NoReplicas,
            ),
            ("EXECABORT Transaction discarded because of previous errors.", Refusal::Other),
            ("READONLY You can't write against a read only replica.", Refusal::ReadOnly),
            ("NOPERM User writer has no permissions to run the 'xadd' command", Refusal::NoCommand),
            (
                "NOPERM this user has no permissions to access one of the keys used as arguments",
                Refusal::NoPermission,
            ),
            ("OOMPH", Refusal::Other),
            ("", Refusal::Other),
        ];
        for (text, refusal) in cases {
            assert_eq!(Refusal::of(text), refusal, "{text}");
        }
    }

    #[test]
    fn what_heals_by_itself_is_waited_for() {
        let heals = |text: &str| Problem::refused(text).heals();
        assert_eq!(heals("MISCONF Redis is configured to save RDB snapshots"), Heals::Waiting);
        assert_eq!(heals("READONLY You can't write"), Heals::Reconnecting);
        assert_eq!(heals("NOPERM this user has no permissions"), Heals::Never);
        assert_eq!(Problem::Away("refused".into()).heals(), Heals::Reconnecting);
    }
}
