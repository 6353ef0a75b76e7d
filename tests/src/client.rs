//! A synchronous Redis client that speaks lines as redis-cli does.

use std::time::Duration;

use redis::{Connection, RedisError, Value};

use crate::reply::text;

/// The protocol a connection negotiates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Resp2,
    Resp3,
}

/// One connection; two where the commands of this project have a port of their own. Replies time
/// out after a minute.
pub struct Client {
    redis: Connection,
    sidecar: Option<Connection>,
}

impl Client {
    /// Connects to 127.0.0.1; `Err` while nothing answers there.
    pub fn connect(port: u16, protocol: Protocol) -> Result<Client, String> {
        Ok(Client { redis: open(port, protocol)?, sidecar: None })
    }

    /// Connects to a Redis and to the command port of its sidecar, which gets what is of this
    /// project; both get a SELECT.
    pub fn connect_both(redis: u16, sidecar: u16, protocol: Protocol) -> Result<Client, String> {
        let sidecar = Some(open(sidecar, protocol)?);
        Ok(Client { redis: open(redis, protocol)?, sidecar })
    }

    /// Sends one command; `Err` is the error line, or why none came.
    pub fn send(&mut self, words: &[&str]) -> Result<Value, String> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        match &mut self.sidecar {
            Some(sidecar) if is_ours(words) => {
                return command.query(sidecar).map_err(describe);
            }
            Some(sidecar) if words[0].eq_ignore_ascii_case("SELECT") => {
                command.query::<()>(sidecar).map_err(describe)?;
            }
            _ => {}
        }
        command.query(&mut self.redis).map_err(describe)
    }

    /// Sends a line as redis-cli reads it (double quotes hold a word together).
    pub fn line(&mut self, line: &str) -> Result<Value, String> {
        let words = split(line);
        self.send(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Whether a command is of this project, or asks about one, or about the section of INFO.
fn is_ours(words: &[&str]) -> bool {
    let upper: Vec<_> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    match upper[0].as_str() {
        "COMMAND" => upper.iter().any(|word| word.starts_with("KAFKA.")),
        "INFO" => upper.get(1).is_some_and(|section| section == "KAFKA"),
        name => name.starts_with("KAFKA."),
    }
}

fn open(port: u16, protocol: Protocol) -> Result<Connection, String> {
    let version = match protocol {
        Protocol::Resp2 => "resp2",
        Protocol::Resp3 => "resp3",
    };
    let url = format!("redis://127.0.0.1:{port}/?protocol={version}");
    let client = redis::Client::open(url).expect("a valid URL");
    let connection =
        client.get_connection_with_timeout(Duration::from_secs(5)).map_err(describe)?;
    connection.set_read_timeout(Some(Duration::from_secs(60))).expect("set a time-out");
    Ok(connection)
}

/// The error line as Redis sent it, or the client's own words.
fn describe(error: RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(code), None) => code.to_string(),
        _ => error.to_string(),
    }
}

/// Splits a line at blanks outside of double quotes.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut inside, mut started) = (String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => {
                inside = !inside;
                started = true;
            }
            ' ' if !inside => {
                if started {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            _ => {
                word.push(c);
                started = true;
            }
        }
    }
    if started {
        words.push(word);
    }
    words
}

/// The reply's text if it begins with `OK`, else a panic with the line.
pub fn expect_ok(line: &str, reply: Result<Value, String>) -> String {
    match reply {
        Ok(value) => {
            let reply = text(&value);
            assert!(reply.starts_with("OK"), "{line}: replied {reply}");
            reply
        }
        Err(error) => panic!("{line}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_line_splits_as_in_redis_cli() {
        assert_eq!(split(r#"A "s:%{a b}"  c """#), ["A", "s:%{a b}", "c", ""]);
    }
}
