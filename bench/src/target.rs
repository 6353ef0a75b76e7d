//! The routes of `targets`: what each writes, and what is asked of it.

use clap::ValueEnum;
use serde::Serialize;

use crate::subject::Subject;

/// One route over the positions of `position.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Each record an entry of its vehicle's stream (XADD)
    Stream,
    /// The last record of each vehicle (HSET)
    Hash,
    /// A count and a sum of money of each vehicle (HINCRBY and HINCRBYFLOAT)
    Counters,
    /// One ranking of all vehicles (ZINCRBY)
    Zset,
    /// One map of all vehicles (GEOADD)
    Geo,
    /// The stops of each vehicle (SADD)
    Set,
    /// The last record of each vehicle as a document (JSON.SET, on Redis Stack)
    Json,
    /// The last fare of each vehicle (SET)
    String,
    /// Each record an element of its vehicle's list (RPUSH)
    List,
    /// Each record with a name out of a hash, to a stream (HGET, then XADD)
    Join,
}

/// The servers a target's commands are found in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Redis,
    RedisStack,
}

impl Target {
    pub const ALL: [Target; 10] = [
        Target::Stream,
        Target::Hash,
        Target::Counters,
        Target::Zset,
        Target::Geo,
        Target::Set,
        Target::Json,
        Target::String,
        Target::List,
        Target::Join,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Target::Stream => "STREAM",
            Target::Hash => "HASH",
            Target::Counters => "counters",
            Target::Zset => "ZSET",
            Target::Geo => "GEO",
            Target::Set => "SET",
            Target::Json => "JSON",
            Target::String => "STRING",
            Target::List => "LIST",
            Target::Join => "join",
        }
    }

    /// What follows `KAFKA.ROUTE name FROM subscription`.
    pub fn route(self) -> &'static str {
        match self {
            Target::Stream => r#"TO STREAM "history:%{vehicle}""#,
            Target::Hash => r#"TO HASH "last:%{vehicle}""#,
            Target::Counters => {
                r#"TO HASH "sums:%{vehicle}" SELECT "count() AS n, sum(fare) AS total""#
            }
            Target::Zset => "TO ZSET delays MEMBER vehicle INCR delay",
            Target::Geo => "TO GEO map LON long LAT lat MEMBER vehicle",
            Target::Set => r#"TO SET "stops:%{vehicle}" MEMBER stop"#,
            Target::Json => r#"TO JSON "document:%{vehicle}""#,
            Target::String => r#"TO STRING "fare:%{vehicle}" VALUE fare"#,
            Target::List => r#"TO LIST "log:%{vehicle}""#,
            Target::Join => {
                r#"TO STREAM "history:%{vehicle}" JOIN HASH "table:%{vehicle}" AS t SELECT "vehicle, seq, fare, coalesce(t.name, 'unknown') AS name""#
            }
        }
    }

    pub fn needs(self) -> Needs {
        match self {
            Target::Json => Needs::RedisStack,
            _ => Needs::Redis,
        }
    }

    /// Who is to be outdone.
    pub fn rival(self) -> Subject {
        match self {
            Target::Join => Subject::Client,
            _ => Subject::Bridge,
        }
    }

    /// How many times the rival's records a second the module is to reach.
    pub fn wanted_speed(self) -> f64 {
        match self {
            Target::Stream | Target::Hash | Target::Counters | Target::Zset | Target::List => 1.4,
            Target::Geo | Target::Set | Target::Json => 1.1,
            Target::String => 1.8,
            Target::Join => 3.0,
        }
    }

    /// How much of the bridge's CPU the module may take, where a goal is set.
    pub fn wanted_cpu(self) -> Option<f64> {
        (self == Target::String).then_some(0.6)
    }
}

/// Who takes part in a target: without an append-only file and replicas nothing is
/// propagated, so that the module runs once, whichever ways were asked for.
pub fn subjects(asked: &[Subject], target: Target) -> Vec<Subject> {
    let module = asked.iter().copied().find(|subject| subject.propagation().is_some());
    let bridge = asked.iter().copied().find(|subject| *subject == Subject::Bridge);
    let client = bridge.filter(|_| target == Target::Join).map(|_| Subject::Client);
    module.into_iter().chain(bridge).chain(client).collect()
}
