//! DEADLETTERS and REPLAY.

use super::{Execution, Outcome, known, unknown};
use crate::command::{CommandError, DeadLetters, Initial};
use crate::control::Reply;
use crate::control::host::Host;
use crate::control::waiting::Answerer;
use crate::letter::{Entry, Letter, Page, Range, id_text};
use crate::state::{Settles, State, Status};
use crate::worker::{Replay, ReplayClient, ReplayEnd, Tally};
use jiff::Timestamp;
use std::fmt::Write;
use std::time::Duration;

/// How long a client of REPLAY waits; the worker ends a little before, and tells how far it came.
const WAITED: Duration = Duration::from_secs(60);
const REPLAYED: Duration = Duration::from_secs(55);

/// So many bytes of a key, a value or a header are shown.
const SHOWN: usize = 1024;

impl<H: Host> Execution<'_, H> {
    /// Letters outlive their subscription, so one that is not known may have some.
    pub(super) fn dead_letters(&mut self, name: &str, count: u64) -> Outcome {
        let known = self.registry.subscriptions.get(name);
        let database = known.map(|known| known.db);
        let policy = known.map(|known| known.declared.letters.clone());
        let database = database.unwrap_or_else(|| self.host.database());
        let range = Range { after: None, count: usize::try_from(count).unwrap_or(usize::MAX) };
        let page = self.host.letters(database, name, range).map_err(CommandError::new)?;
        if page.total == 0 && policy.is_none() {
            return Err(unknown(self.registry, name, "subscription"));
        }
        let heading = heading(name, &page, policy.as_ref());
        let letters = page.entries.into_iter().map(shown);
        let all = std::iter::once(Reply::Text(heading)).chain(letters);
        Ok(Some(Reply::List(all.collect())))
    }

    pub(super) fn replay(&mut self, name: &str, count: Option<u64>) -> Outcome {
        self.check_can_wait("it blocks")?;
        let known = known(self.registry, name)?;
        let (database, policy) = (known.db, known.declared.letters.clone());
        let status = known.status(self.hold);
        let lane = known.consuming(name, "give the command to the one that consumes")?;
        let shared = lane.shared.clone();
        let is_full = status.settles == Settles::Letter;
        if known.declared.initial == Initial::Paused {
            let error = CommandError::new(format!("'{name}' is paused"));
            return Err(error.hint(format!("KAFKA.RESUME {name}")));
        }
        if matches!(status.state, State::Paused | State::Stopped | State::Standby) && !is_full {
            let problem = format!("'{name}' is {}: {}", status.state.name(), status.reason);
            let error = CommandError::new(problem);
            return Err(if status.action.is_empty() { error } else { error.hint(status.action) });
        }
        if shared.control().routes.is_empty() {
            let problem = format!("'{name}' has no route");
            let hint = format!("KAFKA.ROUTE name FROM {name} TO …");
            return Err(CommandError::new(problem).hint(hint));
        }
        if let DeadLetters::Topic(topic) = &policy {
            let none = Range { after: None, count: 0 };
            let page = self.host.letters(database, name, none).map_err(CommandError::new)?;
            if page.total == 0 {
                let problem = format!("the dead letters of '{name}' go to the topic '{topic}'");
                let hint = format!(
                    "KAFKA.PEEK {topic} ON {name} shows them, and a subscription to it reads them"
                );
                return Err(CommandError::new(problem).hint(hint));
            }
        }
        let answer = self.waiting.for_answer(self.host, "KAFKA.REPLAY", WAITED);
        let client = Client { name: name.to_owned(), answer };
        shared.ask_replay(Replay::new(count, REPLAYED, Box::new(client)));
        if is_full {
            // It goes on, and begins with what is to be replayed.
            shared.change(|_| {
                shared.set_status(Status::new(State::Waiting, "replaying dead letters", ""));
            });
        }
        Ok(None)
    }
}

/// Whoever waits for a replay.
struct Client {
    name: String,
    answer: Answerer,
}

impl ReplayClient for Client {
    fn is_void(&self) -> bool {
        self.answer.is_void()
    }

    fn answer(self: Box<Self>, tally: Tally, end: ReplayEnd) {
        let Client { name, answer } = *self;
        answer.give(told(&name, &tally, &end));
    }
}

/// What came of a replay.
fn told(name: &str, tally: &Tally, end: &ReplayEnd) -> Reply {
    let counts = counts(name, tally);
    match end {
        ReplayEnd::Broken { problem, action } => {
            let error = CommandError::new(format!("'{name}' {problem}; {counts}"));
            let error = if action.is_empty() { error } else { error.hint(action.clone()) };
            Reply::Error(error.of("KAFKA.REPLAY").to_string())
        }
        ReplayEnd::Done | ReplayEnd::Late => Reply::Simple(format!("OK {counts}")),
    }
}

fn counts(name: &str, tally: &Tally) -> String {
    let Tally { replayed, filtered, failed, failures, left } = tally;
    let mut text = format!("{replayed} replayed");
    if *filtered > 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, ", {filtered} filtered");
    }
    if *left > 0 && *left < u64::from(u32::MAX) {
        let _ = write!(text, ", {left} left: KAFKA.REPLAY {name} goes on");
    }
    if *failed > 0 {
        let _ = write!(text, ", {failed} failed again: {}", failures.join("; "));
        let more = if *failed > failures.len() as u64 { "; …" } else { "" };
        let _ = write!(text, "{more}; KAFKA.DEADLETTERS {name} shows them");
    }
    one_line(&text)
}

/// A status ends at a line's end.
fn one_line(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

fn heading(name: &str, page: &Page, policy: Option<&DeadLetters>) -> String {
    let Page { total, entries } = page;
    let mut text = match total {
        0 => format!("no dead letters of '{name}'"),
        1 => format!("1 dead letter of '{name}'"),
        _ => format!("{total} dead letters of '{name}', oldest first"),
    };
    if (entries.len() as u64) < *total {
        let _ = write!(text, "; the first {}, COUNT shows more", entries.len());
    }
    match policy {
        Some(DeadLetters::Stream { max }) => {
            let _ = write!(text, "; it stops at {max} (DEADLETTERMAX)");
        }
        Some(DeadLetters::Topic(topic)) => {
            let _ = write!(
                text,
                "; new ones go to the topic '{topic}': KAFKA.PEEK {topic} ON {name} shows them"
            );
        }
        None => {}
    }
    if *total > 0 && policy.is_some() {
        let _ = write!(text, "; KAFKA.REPLAY {name} sends them through its routes again");
    }
    text
}

/// A letter for people: texts as texts, other bytes as hexadecimal digits, what is long cut.
fn shown(entry: Entry) -> Reply {
    let id = Reply::Text(id_text(entry.id));
    let when = Reply::Text(time(i64::try_from(entry.id.0).ok()));
    let letter = match Letter::read(entry) {
        Ok(letter) => letter,
        Err(problem) => {
            return Reply::Map(vec![("id", id), ("when", when), ("error", Reply::Text(problem))]);
        }
    };
    let place = letter.place();
    let headers = letter.headers.iter().map(|(name, value)| {
        Reply::Text(format!("{}: {}", bytes(Some(name)), bytes(value.as_deref())))
    });
    Reply::Map(vec![
        ("id", id),
        ("when", when),
        ("record", Reply::Text(place)),
        ("timestamp", Reply::Text(time(letter.timestamp))),
        ("stage", Reply::Text(letter.stage.clone())),
        ("route", Reply::Text(letter.route.clone().unwrap_or_default())),
        ("error", Reply::Text(letter.error.clone())),
        ("key", Reply::Text(bytes(letter.key.as_deref()))),
        ("value", Reply::Text(bytes(letter.value.as_deref()))),
        ("headers", Reply::List(headers.collect())),
    ])
}

/// ISO 8601 in milliseconds, UTC; empty where it is not known.
fn time(milliseconds: Option<i64>) -> String {
    let time = milliseconds.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()).unwrap_or_default()
}

fn bytes(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    let length = bytes.len();
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let cut = if length > SHOWN { format!("… ({length} bytes)") } else { String::new() };
    match std::str::from_utf8(bytes) {
        // The cut may fall into a character.
        Ok(text) => format!("{}{cut}", text.get(..text.floor_char_boundary(SHOWN)).unwrap_or(text)),
        Err(_) => {
            let mut text = "hex ".to_owned();
            for byte in shown.iter().take(SHOWN / 2) {
                let _ = write!(text, "{byte:02x}");
            }
            let cut =
                if length > SHOWN / 2 { format!("… ({length} bytes)") } else { String::new() };
            text + &cut
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_what_they_are() {
        assert_eq!(bytes(None), "null");
        assert_eq!(bytes(Some("{\"ä\":1}".as_bytes())), "{\"ä\":1}");
        assert_eq!(bytes(Some(b"\xff\x00")), "hex ff00");
        let long = "ä".repeat(600);
        assert_eq!(bytes(Some(long.as_bytes())), format!("{}… (1200 bytes)", "ä".repeat(512)));
        let odd = format!("x{long}");
        assert_eq!(bytes(Some(odd.as_bytes())), format!("x{}… (1201 bytes)", "ä".repeat(511)));
    }

    #[test]
    fn a_replay_tells_what_became_of_each_letter() {
        let tally = Tally {
            replayed: 12,
            filtered: 1,
            failed: 2,
            failures: vec!["t/0@12 route r: no\nnumber".to_owned()],
            left: 3,
        };
        let expected = "OK 12 replayed, 1 filtered, 3 left: KAFKA.REPLAY s goes on, 2 failed again: \
                        t/0@12 route r: no number; …; KAFKA.DEADLETTERS s shows them";
        assert_eq!(told("s", &tally, &ReplayEnd::Late), Reply::Simple(expected.to_owned()));
        let end = ReplayEnd::Broken {
            problem: "is stopped: the ledger is gone".to_owned(),
            action: "KAFKA.RESUME s".to_owned(),
        };
        let broken = told("s", &Tally::default(), &end);
        let expected =
            "ERR KAFKA.REPLAY: 's' is stopped: the ledger is gone; 0 replayed; KAFKA.RESUME s";
        assert_eq!(broken, Reply::Error(expected.to_owned()));
    }
}
