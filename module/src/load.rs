//! The module's load arguments: `loadmodule …/libredis_kafka.so CONNECTIONS path PROPAGATE units USER name UNIT n`.

use redis_kafka_engine::control;
use redis_kafka_engine::kafka::{Membership, Profiles};
use redis_kafka_engine::worker::UnitRecords;

/// How units reach replicas and the AOF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagate {
    /// As plain commands in one MULTI: for replicas and tools that know nothing of the module.
    #[default]
    Commands,
    /// As one `KAFKA.APPLY` a unit: faster; every replica and later start needs the module.
    Units,
}

impl Propagate {
    /// How many records a unit takes, unless UNIT says it. Larger units ingest faster and let
    /// other clients wait longer; plain commands take longer to apply a record.
    fn unit_records(self) -> UnitRecords {
        UnitRecords::Entries(match self {
            Propagate::Commands => 256,
            Propagate::Units => 384,
        })
    }

    /// Whether replicas and later starts of this server need the module.
    pub fn needs_module(self) -> bool {
        self == Propagate::Units
    }

    /// The word of the load argument.
    pub fn name(self) -> &'static str {
        match self {
            Propagate::Commands => "commands",
            Propagate::Units => "units",
        }
    }
}

/// What the load arguments say.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the engine needs to know.
    pub control: control::Config,
    /// How units reach replicas and the AOF.
    pub propagate: Propagate,
    /// The ACL user whose rights the writes have; none may write everywhere.
    pub user: Option<String>,
}

/// The greatest UNIT: a unit is applied in one go, during which nobody else is served.
const UNIT_LIMIT: usize = 4096;

impl Config {
    /// Reads the load arguments; the error names the one that is wrong.
    pub fn parse(arguments: &[&[u8]]) -> Result<Config, String> {
        let (mut profiles, mut user, mut unit_records) = (Profiles::empty(), None, None);
        let mut propagated = Propagate::default();
        let mut words = arguments.iter().map(|word| String::from_utf8_lossy(word));
        while let Some(option) = words.next() {
            let mut value =
                || words.next().ok_or_else(|| format!("load argument {option} needs a value"));
            match option.to_ascii_uppercase().as_str() {
                "CONNECTIONS" => {
                    let path = value()?;
                    profiles = Profiles::read(&*path).map_err(|error| error.to_string())?;
                }
                "PROPAGATE" => propagated = propagate(&value()?)?,
                "USER" => user = Some(value()?.into_owned()),
                "UNIT" => unit_records = Some(unit(&value()?)?),
                _ => {
                    return Err(format!(
                        "unknown load argument '{option}'; there are CONNECTIONS path, PROPAGATE commands|units, USER name, UNIT n"
                    ));
                }
            }
        }
        let unit_records = unit_records.unwrap_or_else(|| propagated.unit_records());
        let control = control::Config { profiles, unit_records, membership: Membership::Manual };
        Ok(Config { control, propagate: propagated, user })
    }
}

fn propagate(word: &str) -> Result<Propagate, String> {
    [Propagate::Commands, Propagate::Units]
        .into_iter()
        .find(|propagate| propagate.name().eq_ignore_ascii_case(word))
        .ok_or_else(|| format!("PROPAGATE is commands or units, not '{word}'"))
}

fn unit(word: &str) -> Result<UnitRecords, String> {
    match word.parse() {
        Ok(records) if (1..=UNIT_LIMIT).contains(&records) => Ok(UnitRecords::AtMost(records)),
        _ => Err(format!("UNIT is a number of records from 1 to {UNIT_LIMIT}, not '{word}'")),
    }
}
