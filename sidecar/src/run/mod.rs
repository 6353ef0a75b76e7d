//! `redis-kafka run`: the engine over a connection to Redis.
//!
//! Threads: the one of the registry ([`keeper`]), which runs commands; for each subscription a
//! worker of the engine, which consumes, and one that writes to Redis ([`appliers`]); one for the
//! command port and HTTP ([`crate::serve`]).

mod appliers;
mod bell;
mod host;
mod keeper;
mod redis;
mod rights;
mod statements;

use crate::cli::RunArgs;
use crate::control::Control;
use crate::metrics::Metrics;
use crate::redis::{Address, AddressError, Secret, Trust};
use crate::serve::{Plan, Ports, ServeError};
use appliers::Appliers;
use bell::Bell;
use host::SidecarHost;
use keeper::{Keeper, Prune};
use redis_kafka_engine::control::{Config, Registry};
use redis_kafka_engine::kafka::{Membership, ProfileError, Profiles};
use redis_kafka_engine::worker::UnitRecords;
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::iterator::Signals;
use statements::{Statements, StatementsError};
use std::sync::Arc;

/// What a unit takes, unless `--unit` says it.
const UNIT: UnitRecords = UnitRecords::Entries(512);

/// Why `run` ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The options contradict each other.
    #[error("{0}")]
    Options(String),
    /// The profiles cannot be used.
    #[error("{0}")]
    Profiles(#[from] ProfileError),
    /// The start-up file cannot be used.
    #[error("{0}")]
    Statements(#[from] StatementsError),
    /// A definition that the start-up file does not name could not be removed.
    #[error("--prune: {0}")]
    Prune(String),
    /// The URL of Redis is none.
    #[error("--redis: {0}")]
    Address(#[from] AddressError),
    /// A secret cannot be read.
    #[error("{0}")]
    Secret(#[from] crate::cli::SecretError),
    /// The command port or HTTP cannot be served.
    #[error("{0}")]
    Ports(#[from] ServeError),
    /// The system refused something.
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// Consumes until a signal.
///
/// # Errors
/// See [`RunError`].
pub fn run(args: &RunArgs) -> Result<(), RunError> {
    args.check().map_err(RunError::Options)?;
    let signals = Signals::new(TERM_SIGNALS)?;
    let profiles = match &args.connections {
        Some(file) => Profiles::read(file)?,
        None => Profiles::empty(),
    };
    let statements = args.statements.as_deref().map(Statements::read).transpose()?;
    let prune = if args.prune { Prune::Yes } else { Prune::No };
    let address = address(args)?;
    let (sender, requests) = crossbeam_channel::unbounded();
    let control = Control::new(sender.clone());
    let metrics = Metrics::default();
    let ports = Ports::open(Plan::new(args)?, control.clone(), metrics.clone())?;
    end_on(signals, control)?;

    let bell = Arc::new(Bell::new(sender));
    let instance = args.instance_id().as_str().to_owned();
    log::info!("redis-kafka {} as {instance}, Redis at {address}", env!("CARGO_PKG_VERSION"));
    let membership = Membership::Group { instance: Some(instance) };
    let registry = Registry::new(Config {
        profiles,
        unit_records: args.unit.map_or(UNIT, |records| UnitRecords::AtMost(records.into())),
        membership,
    });
    let appliers = Appliers::new(address.clone(), metrics, bell.clone());
    let host = SidecarHost::new(redis::Redis::new(address), appliers, bell.clone());
    let keeper = Keeper::new(registry, host, requests, bell);
    let ended = keeper.run(statements.map(|statements| (statements, prune)));
    drop(ports);
    ended?;
    log::info!("ended");
    Ok(())
}

/// Where Redis is, with the secrets that stand elsewhere.
fn address(args: &RunArgs) -> Result<Address, RunError> {
    let mut address = Address::parse(args.redis.as_str())?;
    if let Some(password) = &args.redis_password {
        address = address.with_password(Secret::new(password.resolve()?));
    }
    if let Some(file) = &args.redis_ca {
        match &mut address.tls {
            Some(tls) => tls.trust = Trust::File(file.clone()),
            None => {
                let problem = "--redis-ca is for TLS: the URL of --redis begins with rediss://";
                return Err(RunError::Options(problem.to_owned()));
            }
        }
    }
    Ok(address)
}

/// The first signal ends in peace, the second one at once.
fn end_on(mut signals: Signals, control: Control) -> std::io::Result<()> {
    let wait = move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            log::info!("ending: the unit under way is finished; a second signal ends at once");
            control.end();
        }
        if signals.next().is_some() {
            std::process::exit(1);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}
