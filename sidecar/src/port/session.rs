//! What one client has chosen, and what its commands do.

use super::answer::{Answer, Protocol};
use super::clients::Seat;
use super::describe::{command, wrong_number};
use super::info::info;
use super::{Lobby, request::Limits};
use std::time::Duration;

/// How long the first wrong password waits for its answer; each further one twice as long.
const BACK_OFF: Duration = Duration::from_millis(500);
/// The longest of these.
const BACK_OFF_MAX: Duration = Duration::from_secs(8);
/// The most bytes of a name that a client gives itself or its library.
const NAME_MAX: usize = 128;

/// What becomes of the connection behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It takes more commands.
    GoOn,
    /// It is closed.
    Close,
}

/// One connection's state.
pub struct Session {
    lobby: Lobby,
    seat: Seat,
    protocol: Protocol,
    is_known: bool,
    database: i32,
    name: String,
    wrong_passwords: u32,
    pauses: Duration,
}

impl Session {
    /// A client that has just connected.
    pub fn new(lobby: Lobby, seat: Seat) -> Session {
        let is_known = lobby.password.is_none();
        Session {
            lobby,
            seat,
            protocol: Protocol::default(),
            is_known,
            database: 0,
            name: String::new(),
            wrong_passwords: 0,
            pauses: Duration::ZERO,
        }
    }

    /// The protocol of its answers.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether it has given the password, or need not.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// How long wrong passwords have made it wait.
    pub fn pauses(&self) -> Duration {
        self.pauses
    }

    /// What it may send.
    pub fn limits(&self) -> Limits {
        if self.is_known { Limits::FULL } else { Limits::STRANGER }
    }

    /// Runs one command: its name and arguments.
    pub async fn run(&mut self, words: Vec<Vec<u8>>) -> (Answer, Next) {
        let Some((name, arguments)) = words.split_first() else {
            return (Answer::ok(), Next::GoOn);
        };
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        self.note(&name);
        let answer = match name.as_str() {
            "QUIT" => return (Answer::ok(), Next::Close),
            "AUTH" => self.auth(arguments).await,
            "HELLO" => self.hello(arguments).await,
            "RESET" => self.reset(),
            _ if !self.is_known => Answer::Error("NOAUTH Authentication required.".to_owned()),
            "PING" => ping(arguments),
            "ECHO" => match arguments {
                [text] => Answer::Bulk(text.clone()),
                _ => wrong_number("echo"),
            },
            "SELECT" => self.select(arguments),
            "CLIENT" => self.client(arguments),
            "COMMAND" => command(arguments),
            "INFO" => self.info(arguments).await,
            kafka if kafka.starts_with("KAFKA.") => self.kafka(words).await,
            _ => self.foreign(&name),
        };
        (answer, Next::GoOn)
    }

    fn note(&self, name: &str) {
        let shown: String = name.chars().filter(char::is_ascii_graphic).take(32).collect();
        self.seat.update(|client| {
            client.command = shown.to_ascii_lowercase();
            client.last = std::time::Instant::now();
        });
    }

    async fn kafka(&self, words: Vec<Vec<u8>>) -> Answer {
        match self.lobby.control.command(words, self.database).await {
            Ok(reply) => reply.into(),
            Err(ending) => Answer::Error(format!("ERR {ending}")),
        }
    }

    async fn info(&self, sections: &[Vec<u8>]) -> Answer {
        match self.lobby.control.snapshot().await {
            Ok(snapshot) => {
                Answer::Text(info(sections, &snapshot, &self.lobby, self.seat.clients()))
            }
            Err(ending) => Answer::Error(format!("ERR {ending}")),
        }
    }

    fn foreign(&self, name: &str) -> Answer {
        let name: String = name.chars().take(64).flat_map(char::escape_debug).collect();
        if matches!(name.as_str(), "MULTI" | "EXEC" | "DISCARD" | "WATCH") {
            return Answer::Error(format!(
                "ERR {name} is not supported on redis-kafka's command port: each command stands alone"
            ));
        }
        Answer::Error(format!(
            "ERR unknown command '{name}': this is redis-kafka's command port, which takes KAFKA.* only; Redis itself is at {}",
            self.lobby.redis
        ))
    }

    fn select(&mut self, arguments: &[Vec<u8>]) -> Answer {
        let [database] = arguments else { return wrong_number("select") };
        let number = std::str::from_utf8(database).ok().and_then(|text| text.parse::<i32>().ok());
        match number {
            None => Answer::Error("ERR value is not an integer or out of range".to_owned()),
            Some(number) if number < 0 => Answer::Error("ERR DB index is out of range".to_owned()),
            Some(number) => {
                self.database = number;
                self.seat.update(|client| client.database = number);
                Answer::ok()
            }
        }
    }

    async fn auth(&mut self, arguments: &[Vec<u8>]) -> Answer {
        let (user, password) = match arguments {
            [_] if self.lobby.password.is_none() => {
                return Answer::Error(
                    "ERR AUTH <password> called without any password configured: redis-kafka run was started without --password".to_owned(),
                );
            }
            [password] => (&b"default"[..], password),
            [user, password] => (user.as_slice(), password),
            _ => return wrong_number("auth"),
        };
        if self.let_in(user, password).await { Answer::ok() } else { wrong_password() }
    }

    /// Whether the password is right; a wrong one takes longer each time.
    async fn let_in(&mut self, user: &[u8], password: &[u8]) -> bool {
        let is_right = match &self.lobby.password {
            Some(digest) => digest.is_of(password),
            None => true,
        };
        if is_right && user == b"default" {
            self.is_known = true;
            self.wrong_passwords = 0;
            return true;
        }
        let pause = BACK_OFF.saturating_mul(1 << self.wrong_passwords.min(8)).min(BACK_OFF_MAX);
        self.wrong_passwords = self.wrong_passwords.saturating_add(1);
        self.pauses = self.pauses.saturating_add(pause);
        tokio::time::sleep(pause).await;
        false
    }

    fn reset(&mut self) -> Answer {
        self.is_known = self.lobby.password.is_none();
        self.choose(Protocol::default());
        self.database = 0;
        self.name.clear();
        self.seat.update(|client| {
            client.database = 0;
            client.name.clear();
        });
        Answer::Simple("RESET".to_owned())
    }

    fn choose(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.seat.update(|client| client.protocol = protocol);
    }

    async fn hello(&mut self, arguments: &[Vec<u8>]) -> Answer {
        let asked = match Hello::parse(arguments) {
            Ok(asked) => asked,
            Err(error) => return Answer::Error(error),
        };
        if let Some((user, password)) = asked.user
            && !self.let_in(user, password).await
        {
            return wrong_password();
        }
        if !self.is_known {
            return Answer::Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time".to_owned());
        }
        if let Some(name) = asked.name
            && let Err(error) = self.rename(name)
        {
            return error;
        }
        if let Some(protocol) = asked.protocol {
            self.choose(protocol);
        }
        let pair = |name: &str, value: Answer| (Answer::bulk(name), value);
        Answer::Map(vec![
            pair("server", Answer::bulk("redis-kafka")),
            pair("version", Answer::bulk(env!("CARGO_PKG_VERSION"))),
            pair("proto", Answer::Integer(self.protocol.number())),
            pair("id", Answer::Integer(i64::try_from(self.seat.id()).unwrap_or(i64::MAX))),
            pair("mode", Answer::bulk("standalone")),
            pair("role", Answer::bulk("master")),
            pair("modules", Answer::Array(Vec::new())),
        ])
    }

    fn rename(&mut self, name: &[u8]) -> Result<(), Answer> {
        let name = printable(name).ok_or_else(|| {
            Answer::Error(
                "ERR Client names cannot contain spaces, newlines or special characters."
                    .to_owned(),
            )
        })?;
        self.name = name.to_owned();
        self.seat.update(|client| client.name = name.to_owned());
        Ok(())
    }

    fn client(&mut self, arguments: &[Vec<u8>]) -> Answer {
        let Some((subcommand, rest)) = arguments.split_first() else {
            return wrong_number("client");
        };
        let subcommand = String::from_utf8_lossy(subcommand).to_ascii_uppercase();
        match (subcommand.as_str(), rest) {
            ("ID", []) => Answer::Integer(i64::try_from(self.seat.id()).unwrap_or(i64::MAX)),
            ("GETNAME", []) if self.name.is_empty() => Answer::Null,
            ("GETNAME", []) => Answer::bulk(&self.name),
            ("SETNAME", [name]) => self.rename(name).map_or_else(|error| error, |()| Answer::ok()),
            ("SETINFO", [attribute, value]) => self.set_info(attribute, value),
            ("LIST", []) => Answer::Text(self.seat.clients().list()),
            ("INFO", []) => Answer::Text(self.seat.line()),
            ("ID" | "GETNAME" | "SETNAME" | "SETINFO" | "LIST" | "INFO", _) => {
                wrong_number(&format!("client|{}", subcommand.to_ascii_lowercase()))
            }
            _ => Answer::Error(format!(
                "ERR unknown subcommand '{}'. There are ID, GETNAME, SETNAME, SETINFO, LIST and INFO.",
                subcommand.chars().take(64).flat_map(char::escape_debug).collect::<String>()
            )),
        }
    }

    fn set_info(&self, attribute: &[u8], value: &[u8]) -> Answer {
        let place = match attribute.to_ascii_lowercase().as_slice() {
            b"lib-name" => 0,
            b"lib-ver" => 1,
            _ => {
                return Answer::Error(
                    "ERR Unrecognized option: there are LIB-NAME and LIB-VER".to_owned(),
                );
            }
        };
        let Some(value) = printable(value) else {
            return Answer::Error(
                "ERR lib-name and lib-ver cannot contain spaces, newlines or special characters."
                    .to_owned(),
            );
        };
        self.seat.update(|client| {
            if let Some(entry) = client.library.get_mut(place) {
                *entry = value.to_owned();
            }
        });
        Answer::ok()
    }
}

/// What HELLO asks for.
#[derive(Default)]
struct Hello<'a> {
    protocol: Option<Protocol>,
    user: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    fn parse(mut words: &'a [Vec<u8>]) -> Result<Hello<'a>, String> {
        let mut hello = Hello::default();
        if let Some((version, rest)) = words.split_first() {
            let number =
                std::str::from_utf8(version).ok().and_then(|text| text.parse::<i64>().ok());
            hello.protocol = match number {
                Some(2) => Some(Protocol::Resp2),
                Some(3) => Some(Protocol::Resp3),
                Some(_) => return Err("NOPROTO unsupported protocol version".to_owned()),
                None => {
                    return Err("ERR Protocol version is not an integer or out of range".to_owned());
                }
            };
            words = rest;
        }
        loop {
            words = match words {
                [] => return Ok(hello),
                [option, user, password, rest @ ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                    hello.user = Some((user, password));
                    rest
                }
                [option, name, rest @ ..] if option.eq_ignore_ascii_case(b"SETNAME") => {
                    hello.name = Some(name);
                    rest
                }
                [option, ..] => {
                    let option = String::from_utf8_lossy(option);
                    let option: String = option.chars().take(64).collect();
                    return Err(format!("ERR Syntax error in HELLO option '{option}'"));
                }
            };
        }
    }
}

fn ping(arguments: &[Vec<u8>]) -> Answer {
    match arguments {
        [] => Answer::Simple("PONG".to_owned()),
        [text] => Answer::Bulk(text.clone()),
        _ => wrong_number("ping"),
    }
}

fn wrong_password() -> Answer {
    Answer::Error("WRONGPASS invalid username-password pair or user is disabled.".to_owned())
}

/// A name without blanks and control characters, as Redis takes them.
fn printable(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    (text.len() <= NAME_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}
