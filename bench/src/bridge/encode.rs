//! One record to the commands of each case: fields borrowed from the record by
//! serde_json into the smallest struct that will do, numbers kept as text.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::target::Target;

/// Appends the commands of one record's value.
pub type Encode = fn(&[u8], &mut Vec<u8>) -> serde_json::Result<()>;

/// How the records of a case become commands.
#[derive(Clone, Copy)]
pub struct Encoder {
    pub encode: Encode,
    /// Commands, and so replies, that a record becomes.
    pub commands: u64,
}

impl Encoder {
    /// The encoder of a target, or of the readings that all other measurements
    /// write to streams. `None` for the join, which reads before it writes.
    pub fn of(target: Option<Target>) -> Option<Encoder> {
        let one = |encode: Encode| Some(Encoder { encode, commands: 1 });
        match target {
            None => one(reading),
            Some(Target::Stream) => one(stream),
            Some(Target::Hash) => one(hash),
            Some(Target::Counters) => Some(Encoder { encode: counters, commands: 2 }),
            Some(Target::Zset) => one(zset),
            Some(Target::Geo) => one(geo),
            Some(Target::Set) => one(set),
            Some(Target::Json) => one(json),
            Some(Target::String) => one(string),
            Some(Target::List) => one(list),
            Some(Target::Join) => None,
        }
    }
}

#[derive(Deserialize)]
struct Reading<'a> {
    #[serde(borrow)]
    sensor: Cow<'a, str>,
    #[serde(borrow)]
    seq: &'a RawValue,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    temperature: &'a RawValue,
    #[serde(borrow)]
    humidity: &'a RawValue,
}

/// XADD history:<sensor> * sensor … seq … at … temperature … humidity …
fn reading(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let r: Reading = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*13\r\n$4\r\nXADD\r\n");
    bulk(out, &[b"history:", r.sensor.as_bytes()]);
    out.extend_from_slice(b"$1\r\n*\r\n$6\r\nsensor\r\n");
    bulk(out, &[r.sensor.as_bytes()]);
    out.extend_from_slice(b"$3\r\nseq\r\n");
    bulk(out, &[r.seq.get().as_bytes()]);
    out.extend_from_slice(b"$2\r\nat\r\n");
    bulk(out, &[r.at.as_bytes()]);
    out.extend_from_slice(b"$11\r\ntemperature\r\n");
    bulk(out, &[r.temperature.get().as_bytes()]);
    out.extend_from_slice(b"$8\r\nhumidity\r\n");
    bulk(out, &[r.humidity.get().as_bytes()]);
    Ok(())
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
    #[serde(borrow)]
    seq: &'a RawValue,
    #[serde(borrow)]
    lat: &'a RawValue,
    #[serde(borrow)]
    long: &'a RawValue,
    #[serde(borrow)]
    stop: Cow<'a, str>,
    #[serde(borrow)]
    delay: &'a RawValue,
    #[serde(borrow)]
    fare: &'a RawValue,
}

impl Whole<'_> {
    fn fields(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"$7\r\nvehicle\r\n");
        bulk(out, &[self.vehicle.as_bytes()]);
        out.extend_from_slice(b"$3\r\nseq\r\n");
        bulk(out, &[self.seq.get().as_bytes()]);
        out.extend_from_slice(b"$3\r\nlat\r\n");
        bulk(out, &[self.lat.get().as_bytes()]);
        out.extend_from_slice(b"$4\r\nlong\r\n");
        bulk(out, &[self.long.get().as_bytes()]);
        out.extend_from_slice(b"$4\r\nstop\r\n");
        bulk(out, &[self.stop.as_bytes()]);
        out.extend_from_slice(b"$5\r\ndelay\r\n");
        bulk(out, &[self.delay.get().as_bytes()]);
        out.extend_from_slice(b"$4\r\nfare\r\n");
        bulk(out, &[self.fare.get().as_bytes()]);
    }
}

/// XADD history:<vehicle> * vehicle … seq … lat … long … stop … delay … fare …
fn stream(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let whole: Whole = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*17\r\n$4\r\nXADD\r\n");
    bulk(out, &[b"history:", whole.vehicle.as_bytes()]);
    out.extend_from_slice(b"$1\r\n*\r\n");
    whole.fields(out);
    Ok(())
}

/// HSET last:<vehicle> vehicle … seq … lat … long … stop … delay … fare …
fn hash(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let whole: Whole = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*16\r\n$4\r\nHSET\r\n");
    bulk(out, &[b"last:", whole.vehicle.as_bytes()]);
    whole.fields(out);
    Ok(())
}

#[derive(Deserialize)]
struct Fare<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
    #[serde(borrow)]
    fare: &'a RawValue,
}

/// HINCRBY sums:<vehicle> n 1, HINCRBYFLOAT sums:<vehicle> total <fare>
fn counters(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Fare = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*4\r\n$7\r\nHINCRBY\r\n");
    bulk(out, &[b"sums:", row.vehicle.as_bytes()]);
    out.extend_from_slice(b"$1\r\nn\r\n$1\r\n1\r\n*4\r\n$12\r\nHINCRBYFLOAT\r\n");
    bulk(out, &[b"sums:", row.vehicle.as_bytes()]);
    out.extend_from_slice(b"$5\r\ntotal\r\n");
    bulk(out, &[row.fare.get().as_bytes()]);
    Ok(())
}

/// SET fare:<vehicle> <fare>
fn string(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Fare = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
    bulk(out, &[b"fare:", row.vehicle.as_bytes()]);
    bulk(out, &[row.fare.get().as_bytes()]);
    Ok(())
}

#[derive(Deserialize)]
struct Delay<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
    #[serde(borrow)]
    delay: &'a RawValue,
}

/// ZINCRBY delays <delay> <vehicle>
fn zset(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Delay = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*4\r\n$7\r\nZINCRBY\r\n$6\r\ndelays\r\n");
    bulk(out, &[row.delay.get().as_bytes()]);
    bulk(out, &[row.vehicle.as_bytes()]);
    Ok(())
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
    #[serde(borrow)]
    lat: &'a RawValue,
    #[serde(borrow)]
    long: &'a RawValue,
}

/// GEOADD map <long> <lat> <vehicle>
fn geo(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Place = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*5\r\n$6\r\nGEOADD\r\n$3\r\nmap\r\n");
    bulk(out, &[row.long.get().as_bytes()]);
    bulk(out, &[row.lat.get().as_bytes()]);
    bulk(out, &[row.vehicle.as_bytes()]);
    Ok(())
}

#[derive(Deserialize)]
struct Stop<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
    #[serde(borrow)]
    stop: Cow<'a, str>,
}

/// SADD stops:<vehicle> <stop>
fn set(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Stop = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*3\r\n$4\r\nSADD\r\n");
    bulk(out, &[b"stops:", row.vehicle.as_bytes()]);
    bulk(out, &[row.stop.as_bytes()]);
    Ok(())
}

/// Where the record itself is written, only the key is looked for.
#[derive(Deserialize)]
struct Keyed<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
}

/// JSON.SET document:<vehicle> $ <the record as it is>
fn json(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Keyed = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*4\r\n$8\r\nJSON.SET\r\n");
    bulk(out, &[b"document:", row.vehicle.as_bytes()]);
    out.extend_from_slice(b"$1\r\n$\r\n");
    bulk(out, &[value]);
    Ok(())
}

/// RPUSH log:<vehicle> <the record as it is>
fn list(value: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row: Keyed = serde_json::from_slice(value)?;
    out.extend_from_slice(b"*3\r\n$5\r\nRPUSH\r\n");
    bulk(out, &[b"log:", row.vehicle.as_bytes()]);
    bulk(out, &[value]);
    Ok(())
}

/// What the join writes, but for what it looks up.
#[derive(Deserialize)]
pub struct Ride<'a> {
    #[serde(borrow)]
    vehicle: Cow<'a, str>,
    #[serde(borrow)]
    seq: &'a RawValue,
    #[serde(borrow)]
    fare: &'a RawValue,
}

impl Ride<'_> {
    /// HGET table:<vehicle> name
    pub fn lookup(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"*3\r\n$4\r\nHGET\r\n");
        bulk(out, &[b"table:", self.vehicle.as_bytes()]);
        out.extend_from_slice(b"$4\r\nname\r\n");
    }

    /// XADD history:<vehicle> * vehicle … seq … fare … name, up to the name itself
    pub fn write_before_name(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"*11\r\n$4\r\nXADD\r\n");
        bulk(out, &[b"history:", self.vehicle.as_bytes()]);
        out.extend_from_slice(b"$1\r\n*\r\n$7\r\nvehicle\r\n");
        bulk(out, &[self.vehicle.as_bytes()]);
        out.extend_from_slice(b"$3\r\nseq\r\n");
        bulk(out, &[self.seq.get().as_bytes()]);
        out.extend_from_slice(b"$4\r\nfare\r\n");
        bulk(out, &[self.fare.get().as_bytes()]);
        out.extend_from_slice(b"$4\r\nname\r\n");
    }
}

/// Writes a RESP bulk string of the parts together.
pub fn bulk(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.push(b'$');
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of commands, each command's count checked.
    fn commands(bytes: &[u8]) -> Vec<String> {
        let text = std::str::from_utf8(bytes).unwrap();
        let commands = text.split('*').skip(1).filter(|command| command.contains("\r\n$"));
        let words = |command: &str| {
            let lines: Vec<&str> = command.trim_end().split("\r\n").collect();
            let words: Vec<&str> = lines[1..].chunks(2).map(|pair| pair[1]).collect();
            for pair in lines[1..].chunks(2) {
                assert_eq!(pair[0], format!("${}", pair[1].len()));
            }
            assert_eq!(lines[0], words.len().to_string());
            words.join(" ")
        };
        commands.map(words).collect()
    }

    #[test]
    fn a_position_becomes_the_commands_of_each_target() {
        let json =
            br#"{"vehicle":"b","seq":1,"lat":60.1,"long":24.7,"stop":"H1","delay":5,"fare":2.50}"#;
        let of = |target: Target| {
            let mut out = Vec::new();
            (Encoder::of(Some(target)).unwrap().encode)(json, &mut out).unwrap();
            commands(&out).join("; ")
        };
        let record = std::str::from_utf8(json).unwrap();
        assert_eq!(
            of(Target::Hash),
            "HSET last:b vehicle b seq 1 lat 60.1 long 24.7 stop H1 delay 5 fare 2.50"
        );
        assert_eq!(of(Target::Counters), "HINCRBY sums:b n 1; HINCRBYFLOAT sums:b total 2.50");
        assert_eq!(of(Target::Zset), "ZINCRBY delays 5 b");
        assert_eq!(of(Target::Geo), "GEOADD map 24.7 60.1 b");
        assert_eq!(of(Target::Set), "SADD stops:b H1");
        assert_eq!(of(Target::Json), format!("JSON.SET document:b $ {record}"));
        assert_eq!(of(Target::String), "SET fare:b 2.50");
        assert_eq!(of(Target::List), format!("RPUSH log:b {record}"));
    }

    #[test]
    fn streams_get_one_entry_a_record() {
        let position = br#"{"vehicle":"b","seq":1,"lat":6,"long":2,"stop":"H","delay":5,"fare":2}"#;
        let reading = br#"{"sensor":"a","seq":1,"at":"t","temperature":13.40,"humidity":5}"#;
        let mut out = Vec::new();
        let encode = |target, value, out: &mut Vec<u8>| {
            out.clear();
            (Encoder::of(target).unwrap().encode)(value, out).unwrap();
            // `*` is also the entry ID's word: splits no command here, being followed by CRLF $.
            String::from_utf8(out.clone()).unwrap()
        };
        let text = encode(Some(Target::Stream), &position[..], &mut out);
        assert!(
            text.starts_with("*17\r\n$4\r\nXADD\r\n$9\r\nhistory:b\r\n$1\r\n*\r\n$7\r\nvehicle")
        );
        assert_eq!(text.matches("\r\n$").count(), 17);
        let text = encode(None, &reading[..], &mut out);
        assert!(
            text.starts_with("*13\r\n$4\r\nXADD\r\n$9\r\nhistory:a\r\n$1\r\n*\r\n$6\r\nsensor")
        );
        assert_eq!(text.matches("\r\n$").count(), 13);
    }
}
