//! The statements, applied.

mod inquire;
mod letters;
mod route;
mod seek;
mod settle;
mod subscribe;

use super::host::{Host, Role};
use super::waiting::Waiting;
use super::{Registry, Reply, Subscription};
use crate::command::definition::{Definition, Phase};
use crate::command::{self, CommandError, Initial, Statement};
use crate::nearest::nearest;
use crate::state::Status;
use crate::worker::Lane;
use std::time::Duration;

/// One command under way.
struct Execution<'a, H: Host> {
    registry: &'a mut Registry,
    waiting: &'a mut Waiting<H::Waiter>,
    host: &'a mut H,
    /// Why nothing can be written now, whatever the subscription.
    hold: Option<&'a Status>,
}

/// What a command answers; none where the client waits for it.
type Outcome = Result<Option<Reply>, CommandError>;

fn ok() -> Outcome {
    Ok(Some(Reply::Simple("OK".to_owned())))
}

fn texts(lines: impl Iterator<Item = String>) -> Outcome {
    Ok(Some(Reply::List(lines.map(Reply::Text).collect())))
}

/// Runs one command, `arguments[0]` its name; none where its client waits for the answer, which
/// [`Waiting::look`] gives. `hold` is why nothing can be written now, whatever the subscription.
pub fn run<H: Host>(
    registry: &mut Registry,
    waiting: &mut Waiting<H::Waiter>,
    host: &mut H,
    hold: Option<&Status>,
    arguments: &[&[u8]],
) -> Option<Reply> {
    let outcome = command::parse(arguments)
        .and_then(|statement| Execution { registry, waiting, host, hold }.apply(statement));
    outcome.unwrap_or_else(|error| Some(Reply::Error(error.to_string())))
}

impl<H: Host> Execution<'_, H> {
    fn apply(mut self, statement: Statement) -> Outcome {
        let command = statement.entry().clause.name;
        let is_help = matches!(statement, Statement::Help { .. });
        let outcome = match self.host.role() {
            Role::Refuses(reason) if !is_help => Err(CommandError::new(reason)),
            Role::StandsBy(reason) if changes(&statement) => {
                Err(CommandError::new(format!("stands by: {reason}"))
                    .hint("give the command to the one that consumes"))
            }
            Role::StandsBy(_) => {
                self.refresh_standby();
                self.dispatch(statement)
            }
            _ => self.dispatch(statement),
        };
        outcome.map_err(|error| error.of(command))
    }

    fn dispatch(&mut self, statement: Statement) -> Outcome {
        match statement {
            Statement::Subscribe(given) => self.subscribe(given),
            Statement::Route(given) => self.route(given),
            Statement::Unroute { name } => self.unroute(&name),
            Statement::Unsubscribe { name, offsets } => self.unsubscribe(&name, offsets),
            Statement::List => self.list(),
            Statement::Info { name } => self.info(&name),
            Statement::Pause { name } => self.pause_or_resume(&name, Initial::Paused, None),
            Statement::Resume { name, settle } => {
                self.pause_or_resume(&name, Initial::Running, settle)
            }
            Statement::Seek(wanted) => self.seek(wanted),
            Statement::Wait { name, timeout } => self.wait(&name, timeout),
            Statement::Topics { source } => self.topics(source.as_ref()),
            Statement::Peek(asked) => self.peek(asked),
            Statement::Produce(asked) => self.produce(asked),
            Statement::Preview(asked) => self.preview(*asked),
            Statement::DeadLetters { name, count } => self.dead_letters(&name, count),
            Statement::Replay { name, count } => self.replay(&name, count),
            Statement::Connections => {
                texts(self.registry.config.profiles.names().map(str::to_owned))
            }
            Statement::Help { statement } => texts(command::help(statement).into_iter()),
        }
    }

    fn list(&mut self) -> Outcome {
        Ok(Some(Reply::Text(self.registry.list(self.hold))))
    }

    fn info(&mut self, name: &str) -> Outcome {
        let answer = self.registry.info(name, self.hold);
        answer.map(Some).ok_or_else(|| unknown(self.registry, name, "subscription or route"))
    }

    /// Definitions of a standby change behind its back, so it looks when it is asked.
    fn refresh_standby(&mut self) {
        if let Err(problem) = self.registry.synchronise(self.host) {
            log::warn!("what stands by is not up to date: {problem}");
        }
    }

    fn wait(&mut self, name: &str, timeout: Duration) -> Outcome {
        self.check_can_wait("it blocks")?;
        let known = known(self.registry, name)?;
        let lane = known.consuming(name, "ask the primary")?;
        let (ends, late) = (lane.shared.ask_ends(), lane.shared.control().late);
        let time = (!timeout.is_zero()).then_some(timeout);
        self.waiting.for_end(self.host, name, (ends, late), time);
        self.waiting.look(self.registry, self.hold);
        Ok(None)
    }

    /// Refuses a command that has its client wait, for what `why` says, where it must not or too
    /// many wait already.
    fn check_can_wait(&mut self, why: &str) -> Result<(), CommandError> {
        if let Some(reason) = self.host.cannot_wait() {
            return Err(CommandError::new(format!("{reason}: {why}")));
        }
        if !self.waiting.has_room() {
            return Err(CommandError::new("too many clients wait already").hint("try again"));
        }
        Ok(())
    }

    fn store(&mut self, db: i32, made: u64, statement: Statement) -> Result<(), CommandError> {
        self.store_phase(db, made, Phase::Joined, statement)
    }

    fn store_phase(
        &mut self,
        db: i32,
        made: u64,
        phase: Phase,
        statement: Statement,
    ) -> Result<(), CommandError> {
        let name = statement.name().unwrap_or_default().to_owned();
        let definition = Definition { db: db.max(0) as u32, made, phase, statement };
        self.registry.is_settled = false;
        self.host.store(&name, &definition).map_err(CommandError::new)
    }

    fn unstore(&mut self, names: &[&str]) -> Result<(), CommandError> {
        self.registry.is_settled = false;
        self.host.unstore(names).map_err(CommandError::new)
    }
}

impl Subscription {
    /// Its lane, or that it has none here; `way` says whom to ask.
    fn consuming(&self, name: &str, way: &str) -> Result<&Lane, CommandError> {
        let problem = || format!("'{name}' does not consume here");
        self.lane.as_ref().ok_or_else(|| CommandError::new(problem()).hint(way))
    }
}

/// Whether a statement changes what is stored.
fn changes(statement: &Statement) -> bool {
    match statement {
        Statement::Subscribe(_)
        | Statement::Route(_)
        | Statement::Unroute { .. }
        | Statement::Unsubscribe { .. }
        | Statement::Pause { .. }
        | Statement::Resume { .. }
        | Statement::Replay { .. }
        | Statement::Seek(_) => true,
        Statement::List
        | Statement::Info { .. }
        | Statement::Wait { .. }
        | Statement::Topics { .. }
        | Statement::Peek(_)
        | Statement::Produce(_)
        | Statement::Preview(_)
        | Statement::DeadLetters { .. }
        | Statement::Connections
        | Statement::Help { .. } => false,
    }
}

fn unknown(registry: &Registry, name: &str, what: &str) -> CommandError {
    let names = registry.subscriptions.keys().chain(registry.routes.keys()).map(String::as_str);
    let near = nearest(name, names);
    if registry.subscriptions.contains_key(name) {
        let problem = format!("'{name}' is a subscription, not a {what}");
        return CommandError::new(problem).hint("KAFKA.UNSUBSCRIBE removes it");
    }
    if let Some(route) = registry.routes.get(name) {
        let problem = format!("'{name}' is a route from '{}', not a {what}", route.declared.from);
        return CommandError::new(problem).hint("KAFKA.UNROUTE removes it");
    }
    let error = CommandError::new(format!("no {what} named '{name}'"));
    match near {
        Some(near) => error.did_you_mean(Some(near)),
        None => error.hint("KAFKA.LIST shows them"),
    }
}

fn known<'a>(registry: &'a Registry, name: &str) -> Result<&'a Subscription, CommandError> {
    registry.subscriptions.get(name).ok_or_else(|| unknown(registry, name, "subscription"))
}
