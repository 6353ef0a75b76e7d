//! KAFKA.PEEK: what records of a topic look like.

use super::guess::{Guess, guess};
use super::reader::{Held, Window, read};
use super::shown::{LINES_MAX, Shower, Showers};
use super::{Answer, Inquiry, Place, WORK, refused};
use crate::command::{CommandError, Peek};
use crate::control::Reply;
use crate::format::{Format, Part, Schemas};
use crate::kafka::{Consumer, Position, SchemaSources, TopicInfo, Topics, schema_sources};

/// Shows records of a topic: a line that says their formats, then one line each.
pub fn peek(inquiry: &Inquiry, mut place: Place, asked: &Peek) -> Answer {
    place.refresh()?;
    let mut consumer = inquiry.consumer(&place)?;
    let topics = find(inquiry, &consumer, &asked.topic)?;
    let window = Window { start: asked.start, count: asked.count };
    let found = read(inquiry, &mut consumer, &topics, window)?;
    if found.records.is_empty() {
        let nothing = found.note.unwrap_or_else(|| nothing(asked, &topics));
        return Ok(Reply::List(vec![Reply::Simple(nothing)]));
    }
    let sources = sources(&place, asked)?;
    let formats = place.formats.map(|(key, value, _)| (key, value)).unzip();
    let (mut showers, mut head, mut notes) = (Showers::default(), Vec::new(), Vec::new());
    for (part, given, known, schemas) in [
        (Part::Key, asked.key, formats.0, sources.key),
        (Part::Value, asked.value, formats.1, sources.value),
    ] {
        let (shower, shown, note) = shower(&found.records, part, given.or(known), schemas)?;
        match part {
            Part::Key => showers.key = shower,
            Part::Value => showers.value = shower,
        }
        head.push(shown);
        notes.extend(note);
    }
    notes.extend(found.note);
    let head = [vec![head.join(" ")], notes].concat().join("; ");
    Ok(Reply::List(lines(head, &found.records, &mut showers)))
}

/// The topic as it is; an error names the nearest one.
pub fn find(
    inquiry: &Inquiry,
    consumer: &Consumer,
    topic: &str,
) -> Result<Vec<TopicInfo>, CommandError> {
    consumer.topics(&Topics::List(vec![topic.to_owned()]), inquiry.ask()).map_err(refused)
}

fn nothing(asked: &Peek, topics: &[TopicInfo]) -> String {
    let partitions: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    let topic = &asked.topic;
    match asked.start {
        Some(Position::Latest) => {
            format!("nothing was written to topic '{topic}' within {} s", WORK.as_secs())
        }
        None => format!("no records: topic '{topic}' is empty ({partitions} partitions)"),
        Some(start) => {
            format!("no records from START {start} on in topic '{topic}' ({partitions} partitions)")
        }
    }
}

/// Where schemas may be: a guess needs them as well, so all formats are asked for.
fn sources(place: &Place, asked: &Peek) -> Result<SchemaSources, CommandError> {
    let registry = asked.registry.as_ref().or(place.registry.as_ref());
    let formats = [asked.key, asked.value].map(|given| given.unwrap_or(Format::Avro));
    let found = schema_sources(formats, registry, &place.connection, &place.profiles);
    match found {
        Ok(sources) => Ok(sources),
        // A profile for Kafka alone has none, which only formats that need it mind.
        Err(_) if registry.is_none() => Ok(SchemaSources::default()),
        Err(error) => Err(CommandError::new(error.to_string())),
    }
}

/// How a part is shown, what is said of its format, and what may be done to see more.
fn shower(
    records: &[Held],
    part: Part,
    format: Option<Format>,
    schemas: Schemas,
) -> Result<(Option<Shower>, String, Option<String>), CommandError> {
    let word = match part {
        Part::Key => "KEY",
        Part::Value => "VALUE",
    };
    let (format, mark, note) = match format {
        Some(format) => (format, "", None),
        None => match guess(records, part, &schemas) {
            Some(Guess { format, note }) => (format, " (guessed)", note),
            None => return Ok((None, format!("{word} null"), None)),
        },
    };
    let shower =
        Shower::new(format, part, schemas).map_err(|error| CommandError::new(error.to_string()))?;
    Ok((Some(shower), format!("{word} {}{mark}", format.name()), note))
}

/// The head and a line a record, as many as fit into one reply: the last ones go first.
fn lines(head: String, records: &[Held], showers: &mut Showers) -> Vec<Reply> {
    let mut lines = vec![head];
    let mut size = 0;
    for (number, record) in records.iter().enumerate() {
        let line = showers.line(record);
        size += line.len();
        if size > LINES_MAX {
            let left = records.len() - number;
            lines.push(format!("… {left} more records: ask for fewer with COUNT"));
            break;
        }
        lines.push(line);
    }
    lines.into_iter().map(Reply::Simple).collect()
}
