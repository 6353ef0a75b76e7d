//! The records of `targets`: JSON positions of buses, about 110 bytes each.

use crate::generator::scramble;

/// Different values of `stop`.
const STOPS: u64 = 1000;
/// `delay` is below, seconds.
const MAX_DELAY: u64 = 600;

/// Position number `seq`: the same for every call.
#[derive(Clone, Copy)]
pub struct Position {
    pub seq: u64,
    pub vehicle: u64,
    pub stop: u64,
    /// Seconds.
    pub delay: u64,
    pub fare_cents: u64,
    /// Hundred-thousandths of a degree, as they stand in the record.
    lat: u64,
    long: u64,
}

impl Position {
    pub fn new(seq: u64, vehicles: u64) -> Position {
        let noise = scramble(seq);
        let other = scramble(noise);
        Position {
            seq,
            vehicle: noise % vehicles,
            stop: (noise >> 32) % STOPS,
            delay: (noise >> 20) % MAX_DELAY,
            fare_cents: other % 2000,
            lat: 60_10000 + (other >> 16) % 30_000,
            long: 24_70000 + (other >> 32) % 60_000,
        }
    }

    /// All positions of a vehicle go to one partition, as with a keyed producer.
    pub fn partition(&self, partitions: i32) -> i32 {
        (self.vehicle % partitions as u64) as i32
    }

    /// The record's key and the field `vehicle`.
    pub fn key(&self) -> String {
        vehicle_key(self.vehicle)
    }

    pub fn fare(&self) -> String {
        format!("{}.{:02}", self.fare_cents / 100, self.fare_cents % 100)
    }

    pub fn lat(&self) -> f64 {
        self.lat as f64 / 1e5
    }

    pub fn long(&self) -> f64 {
        self.long as f64 / 1e5
    }

    /// The fields in the order they stand in the JSON, as text.
    pub fn fields(&self) -> [(&'static str, String); 7] {
        [
            ("vehicle", self.key()),
            ("seq", self.seq.to_string()),
            ("lat", degrees(self.lat)),
            ("long", degrees(self.long)),
            ("stop", stop_name(self.stop)),
            ("delay", self.delay.to_string()),
            ("fare", self.fare()),
        ]
    }

    pub fn json(&self) -> String {
        let [vehicle, seq, lat, long, stop, delay, fare] = self.fields().map(|(_, text)| text);
        format!(
            r#"{{"vehicle":"{vehicle}","seq":{seq},"lat":{lat},"long":{long},"stop":"{stop}","delay":{delay},"fare":{fare}}}"#
        )
    }
}

/// The key of vehicle number `vehicle`.
pub fn vehicle_key(vehicle: u64) -> String {
    format!("bus:{vehicle}")
}

fn stop_name(stop: u64) -> String {
    format!("H{stop:04}")
}

fn degrees(hundred_thousandths: u64) -> String {
    format!("{}.{:05}", hundred_thousandths / 100_000, hundred_thousandths % 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_json_of_about_110_bytes() {
        for seq in [0, 7, 2_999_999] {
            let position = Position::new(seq, 1000);
            let json = position.json();
            assert!((95..120).contains(&json.len()), "{} bytes: {json}", json.len());
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["vehicle"], position.key());
            assert_eq!(value["lat"], position.lat());
            assert_eq!(value.as_object().unwrap().len(), position.fields().len());
        }
    }
}
