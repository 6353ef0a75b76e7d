//! The records: JSON readings of airport sensors, about 110 bytes each.

use std::fmt::Write;

const AIRPORTS: [&str; 8] = ["VIE", "FRA", "ZRH", "LHR", "CDG", "AMS", "MUC", "BCN"];
const MILLIS_A_DAY: u64 = 24 * 3600 * 1000;

/// Reading number `seq`: the same for every call.
pub struct Reading {
    seq: u64,
    sensor: u64,
    noise: u64,
}

impl Reading {
    pub fn new(seq: u64, streams: u64) -> Reading {
        let noise = scramble(seq);
        Reading { seq, sensor: noise % streams, noise }
    }

    /// All readings of a sensor go to one partition, as with a keyed producer.
    pub fn partition(&self, partitions: i32) -> i32 {
        (self.sensor % partitions as u64) as i32
    }

    /// The record's key, the field `sensor` and the stream's name after `history:`.
    pub fn key(&self) -> String {
        sensor_key(self.sensor)
    }

    /// The fields in the order they stand in the JSON, as text.
    pub fn fields(&self) -> [(&'static str, String); 5] {
        let at = self.seq % MILLIS_A_DAY;
        let (s, ms) = (at / 1000, at % 1000);
        let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
        let temperature = (self.noise >> 32) % 4000;
        [
            ("sensor", self.key()),
            ("seq", self.seq.to_string()),
            ("at", format!("2026-11-21T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")),
            ("temperature", format!("{}.{:02}", temperature / 100, temperature % 100)),
            ("humidity", ((self.noise >> 16) % 100).to_string()),
        ]
    }

    pub fn json(&self) -> String {
        let mut json = String::with_capacity(128);
        for (n, (name, value)) in self.fields().iter().enumerate() {
            json.push(if n == 0 { '{' } else { ',' });
            let quote = if matches!(*name, "sensor" | "at") { "\"" } else { "" };
            let _ = write!(json, "\"{name}\":{quote}{value}{quote}");
        }
        json.push('}');
        json
    }
}

/// The key of sensor number `sensor`.
pub fn sensor_key(sensor: u64) -> String {
    format!("urn:sensor:{}:{sensor}", AIRPORTS[sensor as usize % AIRPORTS.len()])
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): numbers to noise.
pub fn scramble(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_json_of_about_110_bytes() {
        for seq in [0, 7, 2_999_999] {
            let reading = Reading::new(seq, 1000);
            let json = reading.json();
            assert!((100..120).contains(&json.len()), "{} bytes: {json}", json.len());
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["sensor"], reading.key());
            assert_eq!(value["seq"], seq);
        }
    }
}
