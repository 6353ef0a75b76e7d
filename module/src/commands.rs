//! The commands: parse in the engine, then apply here.

use crate::redis::{Context, Manner};
use crate::registry::{KnownRoute, Registry, Subscription};
use crate::report;
use crate::turn::Module;
use crate::{abilities, rights};
use redis_kafka_engine::command::definition::Definition;
use redis_kafka_engine::command::{
    self, CommandError, Initial, Offsets, Replace, Route, Scope, Settle, Statement, Subscribe,
};
use redis_kafka_engine::kafka::{Connection, Profiles};
use redis_kafka_engine::ledger;
use redis_kafka_engine::state::{Settles, State, Status};
use redis_kafka_engine::worker::{Farewell, Progress, Wanted};
use std::time::Duration;

/// What a command answers when it is not blocked.
enum Answer {
    /// `OK`, perhaps with something to know.
    Ok(String),
    /// The reply was given, or is given later.
    Given,
}

type Outcome = Result<Answer, CommandError>;

fn ok() -> Outcome {
    Ok(Answer::Ok("OK".to_owned()))
}

/// Runs one command and answers its client.
pub fn run(module: &mut Module, context: Context, arguments: &[&[u8]]) {
    let outcome = command::parse(arguments).and_then(|statement| apply(module, context, statement));
    match outcome {
        Ok(Answer::Ok(line)) => context.replies().simple(&line),
        Ok(Answer::Given) => {}
        Err(error) => context.replies().error(&error.to_string()),
    }
}

fn apply(module: &mut Module, context: Context, statement: Statement) -> Outcome {
    let command = statement.entry().clause.name;
    let fail = |problem: String| CommandError::new(problem).of(command);
    if context.flags().is_cluster() && !matches!(statement, Statement::Help { .. }) {
        return Err(fail("Redis Cluster is not supported yet, neither by the module nor by the sidecar: use a server or a primary with replicas".to_owned()));
    }
    if module.is_unsynchronised && !context.flags().is_loading() {
        module.is_unsynchronised = false;
        module.registry.synchronise(context);
    }
    let outcome = match statement {
        Statement::Subscribe(given) => subscribe(module, context, given),
        Statement::Route(given) => route(module, context, given),
        Statement::Unroute { name } => unroute(module, context, &name),
        Statement::Unsubscribe { name, offsets } => unsubscribe(module, context, &name, offsets),
        Statement::List => list(module, context),
        Statement::Info { name } => info(module, context, &name),
        Statement::Pause { name } => set_initial(module, context, &name, Initial::Paused, None),
        Statement::Resume { name, settle } => {
            set_initial(module, context, &name, Initial::Running, settle)
        }
        Statement::Wait { name, timeout } => wait(module, context, &name, timeout),
        Statement::Connections => Ok(connections(&module.registry.config.profiles, context)),
        Statement::Help { statement } => Ok(help(context, statement)),
    };
    outcome.map_err(|error| error.of(command))
}

fn text_list<'a>(context: Context, lines: impl ExactSizeIterator<Item = &'a str>) -> Answer {
    context.replies().list(lines.len());
    lines.for_each(|line| context.replies().text(line));
    Answer::Given
}

fn connections(profiles: &Profiles, context: Context) -> Answer {
    let names: Vec<_> = profiles.names().collect();
    text_list(context, names.into_iter())
}

fn help(context: Context, statement: Option<&'static command::Entry>) -> Answer {
    let lines = command::help(statement);
    text_list(context, lines.iter().map(String::as_str))
}

fn list(module: &mut Module, context: Context) -> Outcome {
    refresh_standby(module, context);
    context.replies().text(&report::list(&module.registry, module.guard.hold()));
    Ok(Answer::Given)
}

fn info(module: &mut Module, context: Context, name: &str) -> Outcome {
    refresh_standby(module, context);
    let registry = &module.registry;
    if let Some(known) = registry.subscriptions.get(name) {
        report::subscription(context.replies(), registry, known, module.guard.hold());
    } else if let Some(known) = registry.routes.get(name) {
        let db = registry.subscriptions.get(&known.declared.from).map_or(0, |known| known.db);
        report::route(context.replies(), known, db);
    } else {
        return Err(unknown(registry, name, "subscription or route"));
    }
    Ok(Answer::Given)
}

/// A replica is told of new definitions by plain HSETs only, so it looks when it is asked.
fn refresh_standby(module: &mut Module, context: Context) {
    if !context.flags().is_primary() {
        module.registry.synchronise(context);
    }
}

fn unknown(registry: &Registry, name: &str, what: &str) -> CommandError {
    let names = registry.subscriptions.keys().chain(registry.routes.keys()).map(String::as_str);
    let near = redis_kafka_engine::nearest::nearest(name, names);
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

fn known<'a>(registry: &'a mut Registry, name: &str) -> Result<&'a mut Subscription, CommandError> {
    if registry.subscriptions.contains_key(name) {
        return registry.subscriptions.get_mut(name).ok_or_else(|| CommandError::new("it is gone"));
    }
    Err(unknown(registry, name, "subscription"))
}

fn store(context: Context, db: i32, made: u64, statement: Statement) -> Result<(), CommandError> {
    let name = statement.name().unwrap_or_default().to_owned();
    let definition = Definition { db: db.max(0) as u32, made, statement };
    Registry::store(context, &name, &definition).map_err(CommandError::new)
}

fn subscribe(module: &mut Module, context: Context, mut given: Subscribe) -> Outcome {
    if context.flags().denies_blocking() || context.flags().is_multi() {
        return Err(CommandError::new("not allowed inside MULTI or a script: it asks the broker"));
    }
    if let Connection::Profile(profile) = &given.connection {
        module
            .registry
            .config
            .profiles
            .get(profile)
            .map_err(|error| CommandError::new(error.to_string()))?;
    }
    module.registry.check_after(&given)?;
    for route in module.registry.routes_of(&given.name) {
        route.declared.check_sends(&given)?;
    }
    let name = given.name.clone();
    let registry = &mut module.registry;
    let mut note = take_stored(registry, &mut given)?;
    let db = context.db();
    if let Some(known) = registry.subscriptions.get(&name).filter(|known| known.db != db) {
        return Err(CommandError::new(format!("'{name}' writes to database {}", known.db))
            .hint("SELECT that one first"));
    }
    given.replace = Replace::No;
    given.group.get_or_insert_with(|| format!("redis-kafka.{name}.{:016x}", random_id()));
    let made =
        registry.subscriptions.get(&name).map_or_else(|| registry.next_made(), |known| known.made);
    store(context, db, made, Statement::Subscribe(given.clone()))?;
    let unchanged = registry.subscriptions.get(&name).is_some_and(|known| {
        known.declared == given && known.fault.is_none() && known.lane.is_some()
    });
    if !unchanged {
        registry.stop(&name, Farewell::Leave);
        registry.subscriptions.insert(
            name.clone(),
            Subscription { db, made, declared: given, lane: None, fault: None, gate: None },
        );
        registry.start(&name);
    }
    note += &eviction_note(context);
    if !module.waiting.has_room() {
        return Ok(Answer::Ok(format!("OK{note}")));
    }
    module.waiting.for_greeting(context, &name, note);
    module.waiting.look(&module.registry, module.guard.hold());
    Ok(Answer::Given)
}

/// Holds a subscription against one that stands under its name, and takes over of it what a
/// command need not repeat; a note for whoever gave the command.
fn take_stored(registry: &Registry, given: &mut Subscribe) -> Result<String, CommandError> {
    let statement = Statement::Subscribe(given.clone());
    let Some(stored) = registry.stored(&given.name) else { return Ok(String::new()) };
    if let Some(conflict) = command::conflict(&statement, &stored) {
        return Err(conflict);
    }
    let same = statement.difference(&stored).is_none();
    let Statement::Subscribe(stored) = stored else { return Ok(String::new()) };
    given.group = given.group.take().or(stored.group);
    let known = registry.subscriptions.get(&given.name);
    let is_at_fault = known.is_some_and(|known| known.fault.is_some());
    if !same || given.replace != Replace::No || is_at_fault {
        return Ok(String::new());
    }
    let was_asked = std::mem::replace(&mut given.initial, stored.initial);
    Ok(match (was_asked, stored.initial) {
        (Initial::Paused, Initial::Running) => {
            format!("; unchanged, it runs on: KAFKA.PAUSE {} pauses it", given.name)
        }
        _ => String::new(),
    })
}

/// Sixteen hexadecimal digits that no other subscription has: the standard library's own random keys.
fn random_id() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// The ledger is a key like others: policies that evict any key can evict it.
fn eviction_note(context: Context) -> String {
    let policy = context.call("CONFIG", &["GET", "maxmemory-policy"], Manner::Local);
    let policy = policy
        .ok()
        .and_then(|reply| reply.list().last().map(|policy| policy.text()))
        .unwrap_or_default();
    match context.flags().has_maxmemory() && policy.starts_with("allkeys-") {
        true => format!(
            "; maxmemory-policy {policy} may evict the ledger, which would stop the subscription: use volatile-* or noeviction"
        ),
        false => String::new(),
    }
}

/// Holds a route against the newest schema known. A refusal lets the worker look for a newer
/// one, so that what was registered meanwhile is known when the route is typed again.
fn check_types(subscription: &Subscription, given: &Route) -> Result<(), CommandError> {
    let lane = subscription.lane.as_ref();
    let value_type = lane.and_then(|lane| lane.shared.value_type());
    let checked = given.check(value_type.as_deref(), subscription.declared.envelope);
    if let (Err(_), Some(_), Some(lane)) = (&checked, value_type, lane) {
        lane.shared.change(|_| ());
    }
    checked
}

fn route(module: &mut Module, context: Context, mut given: Route) -> Outcome {
    let registry = &mut module.registry;
    let statement = Statement::Route(given.clone());
    let stored = registry.stored(&given.name);
    if let Some(conflict) = stored.as_ref().and_then(|stored| command::conflict(&statement, stored))
    {
        return Err(conflict);
    }
    let Some(subscription) = registry.subscriptions.get(&given.from) else {
        return Err(unknown(registry, &given.from.clone(), "subscription"));
    };
    if let Some(fault) = subscription.fault.as_ref().filter(|fault| fault.state == State::Stopped) {
        let problem = format!("'{}' cannot go on: {}", given.from, fault.reason);
        return Err(CommandError::new(problem).hint(fault.action.clone()));
    }
    if context.db() != subscription.db {
        return Err(CommandError::new(format!(
            "subscription '{}' writes to database {}",
            given.from, subscription.db
        ))
        .hint("SELECT that one first"));
    }
    // What the server lacks is said first: rights to it cannot be granted.
    abilities::check(context, &given.target)?;
    rights::check(context, registry.config.user.as_deref(), &given)?;
    if stored.as_ref().is_some_and(|stored| statement.difference(stored).is_none()) {
        return ok();
    }
    check_types(subscription, &given)?;
    given.check_sends(&subscription.declared)?;
    if stored.is_none()
        && given.scope == Scope::FromStart
        && registry.has_consumed(context, &given.from).map_err(CommandError::new)?
    {
        let problem =
            format!("'{}' has consumed records already, which a new route would miss", given.from);
        let hint = "add NOW to take only what comes; routes declared together: SUBSCRIBE … PAUSED, ROUTE …, KAFKA.RESUME";
        return Err(CommandError::new(problem).hint(hint));
    }
    given.replace = Replace::No;
    let former = registry.routes.get(&given.name).map(|known| known.declared.from.clone());
    let made =
        registry.routes.get(&given.name).map_or_else(|| registry.next_made(), |known| known.made);
    let (db, name, from) = (subscription.db, given.name.clone(), given.from.clone());
    store(context, db, made, Statement::Route(given.clone()))?;
    registry.routes.insert(name, KnownRoute { made, declared: given });
    registry.reroute(&from);
    if let Some(former) = former.filter(|former| *former != from) {
        registry.reroute(&former);
    }
    ok()
}

fn unroute(module: &mut Module, context: Context, name: &str) -> Outcome {
    let registry = &mut module.registry;
    let Some(from) = registry.routes.get(name).map(|known| known.declared.from.clone()) else {
        return Err(unknown(registry, name, "route"));
    };
    Registry::unstore(context, &[name]).map_err(CommandError::new)?;
    registry.routes.remove(name);
    registry.reroute(&from);
    ok()
}

fn unsubscribe(module: &mut Module, context: Context, name: &str, offsets: Offsets) -> Outcome {
    let registry = &mut module.registry;
    let subscription = known(registry, name)?;
    let (db, progress) = (subscription.db, subscription.progress());
    let routes: Vec<_> =
        registry.routes_of(name).iter().map(|route| route.declared.name.clone()).collect();
    let names: Vec<_> = routes.iter().map(String::as_str).chain([name]).collect();
    Registry::unstore(context, &names).map_err(CommandError::new)?;
    let farewell = match offsets {
        Offsets::Keep => Farewell::Leave,
        Offsets::Delete => Farewell::Forget,
    };
    registry.stop(name, farewell);
    registry.subscriptions.remove(name);
    routes.iter().for_each(|route| drop(registry.routes.remove(route)));
    if offsets == Offsets::Delete {
        let client_db = context.db();
        context.select(db);
        let deleted = delete_ledger(context, name, &progress);
        context.select(client_db);
        deleted.map_err(CommandError::new)?;
    }
    Ok(Answer::Ok(format!("OK{}", registry.left_waiting(name))))
}

fn delete_ledger(context: Context, name: &str, progress: &[Progress]) -> Result<(), String> {
    let list = ledger::known_key(name);
    let partitions = context
        .call("HKEYS", &[&list], Manner::Local)
        .map_err(|error| format!("{list}: {error}"))?;
    let of = |field: String| {
        let (topic, partition) = field.rsplit_once('/')?;
        Some(ledger::partition_key(name, topic, partition.parse().ok()?))
    };
    let listed = partitions.list().iter().filter_map(|field| of(field.text()));
    // The list may have been lost; what the worker knew is deleted all the same.
    let known = progress.iter().map(|p| ledger::partition_key(name, &p.topic, p.partition));
    let keys: Vec<_> = listed.chain(known).chain([list.clone()]).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    context.call("DEL", &keys, Manner::Replicated).map(|_| ()).map_err(|error| error.to_string())
}

/// PAUSE and RESUME: kept in the definition, so that a restart changes nothing.
fn set_initial(
    module: &mut Module,
    context: Context,
    name: &str,
    initial: Initial,
    settle: Option<Settle>,
) -> Outcome {
    let registry = &mut module.registry;
    let known = known(registry, name)?;
    let (db, made) = (known.db, known.made);
    let mut declared = known.declared.clone();
    let status = known.lane.as_ref().map(|lane| lane.shared.status());
    if let Some(fault) = known.fault.as_ref().filter(|fault| fault.state == State::Stopped) {
        let problem = format!("'{name}' cannot go on: {}", fault.reason);
        return Err(CommandError::new(problem).hint(fault.action.clone()));
    }
    if let Some(settle) = settle {
        check_settlement(name, settle, status.as_ref())?;
    }
    declared.initial = initial;
    store(context, db, made, Statement::Subscribe(declared.clone()))?;
    let known = self::known(registry, name)?;
    known.declared = declared;
    known.fault = None;
    let is_alive = known.lane.as_ref().is_some_and(|lane| !lane.has_ended(Duration::ZERO));
    if !is_alive {
        registry.start(name);
    } else if let Some(lane) = &known.lane {
        let wanted = if initial == Initial::Paused { Wanted::Pause } else { Wanted::Run };
        // Nobody who asks from now on, such as a WAIT, may hear of the state before.
        let status = match initial {
            Initial::Paused => Status::new(State::Paused, "paused", format!("KAFKA.RESUME {name}")),
            Initial::Running => Status::new(State::Waiting, "resuming", ""),
        };
        lane.shared.change(|control| {
            control.wanted = wanted;
            control.settle = settle;
            // A person may have mended what Redis refused: it is tried anew.
            control.verdicts.clear();
            lane.shared.set_status(status);
        });
    }
    ok()
}

/// Whether the thing that stopped a subscription can be settled that way.
fn check_settlement(
    name: &str,
    settle: Settle,
    status: Option<&Status>,
) -> Result<(), CommandError> {
    let Some(status) = status.filter(|status| status.state == State::Stopped) else {
        let problem = format!("'{name}' is not stopped: there is no record to settle");
        return Err(CommandError::new(problem).hint("KAFKA.RESUME without SKIP or DEADLETTER"));
    };
    match (status.settles, settle) {
        (Settles::Record, _) | (Settles::Gap, Settle::Skip) => Ok(()),
        (Settles::Gap, Settle::DeadLetter) => {
            let problem = "records that Kafka has lost cannot be put aside";
            Err(CommandError::new(problem)
                .hint(format!("KAFKA.RESUME {name} SKIP accepts the gap")))
        }
        (Settles::Nothing, _) => {
            let problem = format!("no single record stopped '{name}': {}", status.reason);
            Err(CommandError::new(problem).hint(status.action.clone()))
        }
    }
}

fn wait(module: &mut Module, context: Context, name: &str, timeout: Duration) -> Outcome {
    if context.flags().denies_blocking() || context.flags().is_multi() {
        return Err(CommandError::new("not allowed inside MULTI or a script: it blocks"));
    }
    if !module.waiting.has_room() {
        return Err(CommandError::new("too many clients wait already").hint("try again"));
    }
    let known = known(&mut module.registry, name)?;
    let Some(lane) = &known.lane else {
        return Err(
            CommandError::new(format!("'{name}' does not consume here")).hint("ask the primary")
        );
    };
    let ends = lane.shared.ask_ends();
    let time = (!timeout.is_zero()).then_some(timeout);
    module.waiting.for_end(context, name, ends, time);
    module.waiting.look(&module.registry, module.guard.hold());
    Ok(Answer::Given)
}
