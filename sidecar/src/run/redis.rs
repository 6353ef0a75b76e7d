//! The connection of commands: made when it is needed, made again when it broke.

use crate::redis::{Address, Connection, Heals, Patience, Problem};
use redis::Value;
use std::time::{Duration, Instant};

/// Commands wait for Redis no longer than that: whoever gave one is told, and asks again.
const PATIENCE: Patience =
    Patience { connect: Duration::from_secs(1), answer: Duration::from_secs(2) };

/// After a failure nothing is tried for so long: those who ask meanwhile hear of that failure.
const PAUSE: Duration = Duration::from_millis(500);

/// One connection, its database chosen for each question.
pub struct Redis {
    address: Address,
    connection: Option<Connection>,
    database: i32,
    failure: Option<(Problem, Instant)>,
}

impl Redis {
    /// Not connected yet.
    pub fn new(address: Address) -> Redis {
        Redis { address, connection: None, database: 0, failure: None }
    }

    /// Why Redis could not be asked at the last question; none when it answered.
    pub fn failure(&self) -> Option<String> {
        let (problem, _) = self.failure.as_ref()?;
        Some(format!("Redis at {}: {problem}", self.address))
    }

    /// Works on the connection in this database. Everything that is done here may be done twice: a
    /// connection that broke is made anew once, as it may have been closed long before.
    pub fn work<T>(
        &mut self,
        database: i32,
        mut work: impl FnMut(&mut Connection) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if let Some((problem, at)) = &self.failure
            && at.elapsed() < PAUSE
        {
            return Err(problem.clone());
        }
        let was_open = self.connection.is_some();
        let mut done = self.attempt(database, &mut work);
        if was_open && matches!(done, Err(Problem::Away(_))) {
            done = self.attempt(database, &mut work);
        }
        self.failure = match &done {
            Err(problem) if problem.heals() != Heals::Never => {
                if self.failure.is_none() {
                    log::warn!("Redis at {}: {problem}", self.address);
                }
                Some((problem.clone(), Instant::now()))
            }
            _ => {
                if self.failure.is_some() {
                    log::info!("Redis at {} answers", self.address);
                }
                None
            }
        };
        done
    }

    fn attempt<T>(
        &mut self,
        database: i32,
        work: &mut impl FnMut(&mut Connection) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.database = 0;
                let address = self.address.clone().with_database(0);
                Connection::open(&address, PATIENCE)?
            }
        };
        if self.database != database {
            connection.command(&[b"SELECT", database.to_string().as_bytes()])?;
            self.database = database;
        }
        let done = work(&mut connection);
        // What broke, and what is no primary any more, is not used again.
        let is_good = !matches!(&done, Err(problem) if problem.heals() == Heals::Reconnecting);
        self.connection = is_good.then_some(connection);
        done
    }

    /// One command's answer.
    pub fn ask(&mut self, database: i32, words: &[&[u8]]) -> Result<Value, Problem> {
        self.work(database, |connection| connection.command(words))
    }

    /// One command whose answer says nothing.
    pub fn tell(&mut self, database: i32, words: &[&[u8]]) -> Result<(), String> {
        let key = words.get(1).map(|key| String::from_utf8_lossy(key)).unwrap_or_default();
        self.ask(database, words).map(drop).map_err(|problem| self.explain(&key, &problem))
    }

    /// A problem for whoever gave a command: about what, and where.
    pub fn explain(&self, about: &str, problem: &Problem) -> String {
        match problem {
            Problem::Away(_) => {
                format!(
                    "Redis at {} does not answer: {problem}; {}",
                    self.address,
                    problem.action()
                )
            }
            Problem::Refused(..) => format!("{about}: {problem}"),
        }
    }
}
