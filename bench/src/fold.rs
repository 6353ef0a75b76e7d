//! What the positions come to, folded from the generator itself: every case of
//! `targets` is held against it, so that one that did not do its work fails.

use std::collections::HashSet;
use std::fmt::Debug;

use anyhow::{Context, Result, ensure};
use redis::{Connection, FromRedisValue};
use serde_json::Value;

use crate::position::{Position, vehicle_key};
use crate::target::Target;

/// Degrees that a geohash of 52 bits may be off.
const GEOHASH: f64 = 2e-5;
/// Keys asked for in one pipeline.
const PIPELINE: usize = 1000;
/// Every so many vehicles one is missing from the joined table.
const MISSING: u64 = 10;

/// All positions of one vehicle.
struct Vehicle {
    key: String,
    records: u64,
    delay: u64,
    fare_cents: u64,
    stops: HashSet<u64>,
    last: Option<Position>,
    name: Option<String>,
}

pub struct Fold {
    vehicles: Vec<Vehicle>,
}

type Entries = Vec<(String, Vec<(String, String)>)>;

impl Fold {
    /// Of the first `records` positions.
    pub fn of(records: u64, vehicles: u64) -> Fold {
        let new = |n| Vehicle {
            key: vehicle_key(n),
            records: 0,
            delay: 0,
            fare_cents: 0,
            stops: HashSet::new(),
            last: None,
            name: name(n),
        };
        let count = vehicles;
        let mut vehicles: Vec<Vehicle> = (0..count).map(new).collect();
        for position in (0..records).map(|seq| Position::new(seq, count)) {
            let vehicle = &mut vehicles[position.vehicle as usize];
            vehicle.records += 1;
            vehicle.delay += position.delay;
            vehicle.fare_cents += position.fare_cents;
            vehicle.stops.insert(position.stop);
            vehicle.last = Some(position);
        }
        vehicles.retain(|vehicle| vehicle.records > 0);
        Fold { vehicles }
    }

    /// Holds what Redis has against what it must have.
    pub fn verify(&self, redis: &mut Connection, target: Target) -> Result<()> {
        match target {
            Target::Stream => {
                self.ask(redis, &["XLEN", "history:"], &[], |v| v.records)?;
                self.last_entries(redis, |v| text(&v.last().fields()))
            }
            Target::Join => {
                self.ask(redis, &["XLEN", "history:"], &[], |v| v.records)?;
                self.last_entries(redis, Vehicle::joined)
            }
            Target::Hash => {
                let fields = ["vehicle", "seq", "lat", "long", "stop", "delay", "fare"];
                self.ask(redis, &["HLEN", "last:"], &[], |_| fields.len())?;
                self.ask(redis, &["HMGET", "last:"], &fields, |v| {
                    v.last().fields().map(|(_, value)| value).to_vec()
                })
            }
            Target::Counters => {
                self.ask(redis, &["HGET", "sums:"], &["n"], |v| v.records)?;
                let fares = |v: &Vehicle| v.fare_cents as f64 / 100.0;
                self.ask_about(redis, &["HGET", "sums:"], &["total"], fares, |a, b| {
                    (a - b).abs() < 1e-6
                })
            }
            Target::Zset => {
                self.ask(redis, &["ZSCORE", "delays", "vehicle"], &[], |v| v.delay as f64)
            }
            Target::Geo => {
                let place = |v: &Vehicle| vec![Some((v.last().long(), v.last().lat()))];
                self.ask_about(redis, &["GEOPOS", "map", "vehicle"], &[], place, |a, b| {
                    a.iter().zip(b).all(|places| match places {
                        (Some(a), Some(b)) => {
                            (a.0 - b.0).abs() < GEOHASH && (a.1 - b.1).abs() < GEOHASH
                        }
                        _ => false,
                    })
                })
            }
            Target::Set => self.ask(redis, &["SCARD", "stops:"], &[], |v| v.stops.len()),
            Target::Json => self.documents(redis, &["JSON.GET", "document:"], &[]),
            Target::String => self.ask(redis, &["GET", "fare:"], &[], |v| v.last().fare()),
            Target::List => {
                self.ask(redis, &["LLEN", "log:"], &[], |v| v.records)?;
                self.documents(redis, &["LINDEX", "log:"], &["-1"])
            }
        }
    }

    fn last_entries(
        &self,
        redis: &mut Connection,
        wanted: impl Fn(&Vehicle) -> Vec<(String, String)>,
    ) -> Result<()> {
        let args = ["+", "-", "COUNT", "1"];
        let wanted = |v: &Vehicle| -> Entries { vec![(String::new(), wanted(v))] };
        self.ask_about(redis, &["XREVRANGE", "history:"], &args, wanted, |a, b| {
            a.iter().map(|(_, fields)| fields).eq(b.iter().map(|(_, fields)| fields))
        })
    }

    fn documents(&self, redis: &mut Connection, command: &[&str; 2], args: &[&str]) -> Result<()> {
        let wanted = |v: &Vehicle| v.last().json();
        self.ask_about(redis, command, args, wanted, |a: &String, b| {
            serde_json::from_str::<Value>(a).ok() == serde_json::from_str::<Value>(b).ok()
        })
    }

    /// [`Fold::ask_about`] where the answers must be equal.
    fn ask<T: FromRedisValue + PartialEq + Debug>(
        &self,
        redis: &mut Connection,
        command: &[&str],
        args: &[&str],
        wanted: impl Fn(&Vehicle) -> T,
    ) -> Result<()> {
        self.ask_about(redis, command, args, wanted, |a, b| a == b)
    }

    /// Asks of each vehicle: the command, then the key `<prefix><vehicle>` or,
    /// of one key for all, the key and the vehicle as its member; then `args`.
    fn ask_about<T: FromRedisValue + Debug>(
        &self,
        redis: &mut Connection,
        command: &[&str],
        args: &[&str],
        wanted: impl Fn(&Vehicle) -> T,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<()> {
        for vehicles in self.vehicles.chunks(PIPELINE) {
            let mut pipe = redis::pipe();
            for vehicle in vehicles {
                match command {
                    [name, prefix] => pipe.cmd(name).arg(format!("{prefix}{}", vehicle.key)),
                    [name, key, ..] => pipe.cmd(name).arg(key).arg(&vehicle.key),
                    _ => anyhow::bail!("{command:?}"),
                };
                for arg in args {
                    pipe.arg(arg);
                }
            }
            let found: Vec<T> = pipe.query(redis).with_context(|| format!("{command:?}"))?;
            ensure!(found.len() == vehicles.len(), "{command:?}: {} replies", found.len());
            for (vehicle, found) in vehicles.iter().zip(&found) {
                let wanted = wanted(vehicle);
                let key = &vehicle.key;
                ensure!(same(found, &wanted), "{command:?} of {key}: {found:?}, not {wanted:?}");
            }
        }
        Ok(())
    }
}

impl Vehicle {
    fn last(&self) -> Position {
        self.last.expect("vehicles without records are not kept")
    }

    fn joined(&self) -> Vec<(String, String)> {
        let last = self.last();
        let name = self.name.clone().unwrap_or_else(|| "unknown".to_string());
        text(&[
            ("vehicle", self.key.clone()),
            ("seq", last.seq.to_string()),
            ("fare", last.fare()),
            ("name", name),
        ])
    }
}

fn text(fields: &[(&str, String)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
}

/// What the joined table says of a vehicle.
fn name(vehicle: u64) -> Option<String> {
    (!vehicle.is_multiple_of(MISSING)).then(|| format!("Vehicle number {vehicle}"))
}

/// Writes the table that `Target::Join` looks names up in.
pub fn fill_table(redis: &mut Connection, vehicles: u64) -> Result<()> {
    let mut pipe = redis::pipe();
    for (n, name) in (0..vehicles).filter_map(|n| Some((n, name(n)?))) {
        let key = format!("table:{}", vehicle_key(n));
        pipe.cmd("HSET").arg(key).arg("name").arg(name).arg("depot").arg("Depot 7").ignore();
    }
    pipe.exec(redis).context("fill the joined table")
}

#[cfg(test)]
mod tests {
    use redis_kafka_tests::server::Setup;

    use super::*;
    use crate::ingest::connect;

    #[test]
    fn a_redis_that_holds_less_is_refused() {
        let server = Setup::plain().start();
        let redis = &mut connect(server.port()).unwrap();
        let fold = Fold::of(100, 3);
        for target in Target::ALL {
            assert!(fold.verify(redis, target).is_err(), "{target:?} of an empty server");
        }
        for vehicle in &fold.vehicles {
            let key = format!("sums:{}", vehicle.key);
            let total = vehicle.fare_cents as f64 / 100.0;
            server.line(&format!("HSET {key} n {} total {total}", vehicle.records));
        }
        fold.verify(redis, Target::Counters).unwrap();
        server.line(&format!("HINCRBYFLOAT sums:{} total 0.01", fold.vehicles[2].key));
        let error = fold.verify(redis, Target::Counters).unwrap_err().to_string();
        assert!(error.contains("total") || error.contains("bus:2"), "{error}");
    }
}
