//! Dead letters as they stand in their stream: one entry a bad record, with where it came from and
//! what is wrong with it.

use crate::format::Headers;

/// An entry's ID: milliseconds and sequence number.
pub type EntryId = (u64, u64);

/// The entry's fields that are not the record's headers. A null key or value has no field.
pub const FIELDS: [&str; 10] = [
    "topic",
    "partition",
    "offset",
    "timestamp",
    "stage",
    "route",
    "error",
    "key",
    "value",
    "routes",
];

/// What stands between the names of routes.
pub const ROUTES_SEPARATOR: &str = ",";

/// What stands before the name of a header.
pub const HEADER: &[u8] = b"header.";

/// The same where the header's value is null.
pub const NULL_HEADER: &[u8] = b"nullheader.";

/// How many bytes are read at once, about: what lies beyond is the next page's.
const PAGE_BYTES: usize = 4 << 20;

/// How many entries are asked for at once, at most.
const PAGE_ENTRIES: usize = 256;

/// One entry of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its ID.
    pub id: EntryId,
    /// Names and values, in their order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Some letters, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// How many there are in all.
    pub total: u64,
    /// Those of the page; none where there is none behind the one before it.
    pub entries: Vec<Entry>,
}

/// Where a page begins and how much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The last entry that is known; none: from the oldest on.
    pub after: Option<EntryId>,
    /// How many entries, at most.
    pub count: usize,
}

/// A dead letter: the record, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The entry's ID; its milliseconds are when the record was put aside.
    pub id: EntryId,
    /// The record's topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When Kafka got it, milliseconds since 1970, where that is known.
    pub timestamp: Option<i64>,
    /// On which stage it failed.
    pub stage: String,
    /// At which route, where it got so far.
    pub route: Option<String>,
    /// What was wrong.
    pub error: String,
    /// The key; none is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// The value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order; a value of none is Kafka's null.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The routes that have not had the record, separated by [`ROUTES_SEPARATOR`]; none: all. One that
    /// was made later has read it for itself, or was not to have it.
    pub routes: Option<String>,
}

impl Letter {
    /// Reads an entry. The error says what it lacks: anybody may add entries to the stream.
    pub fn read(entry: Entry) -> Result<Letter, String> {
        let mut values: [Option<Vec<u8>>; FIELDS.len()] = Default::default();
        let mut headers = Vec::new();
        for (name, value) in entry.fields {
            if let Some(header) = name.strip_prefix(HEADER) {
                headers.push((header.to_vec(), Some(value)));
            } else if let Some(header) = name.strip_prefix(NULL_HEADER) {
                headers.push((header.to_vec(), None));
            } else if let Some(place) = FIELDS
                .iter()
                .position(|field| field.as_bytes() == name)
                .and_then(|at| values.get_mut(at))
            {
                *place = Some(value);
            }
        }
        let [topic, partition, offset, timestamp, stage, route, error, key, value, routes] = values;
        let lacks = |field: &str| format!("no dead letter: it has no valid field '{field}'");
        Ok(Letter {
            id: entry.id,
            topic: text(topic).ok_or_else(|| lacks("topic"))?,
            partition: number(partition).ok_or_else(|| lacks("partition"))?,
            offset: number(offset).ok_or_else(|| lacks("offset"))?,
            timestamp: number(timestamp),
            stage: text(stage).unwrap_or_default(),
            route: text(route),
            error: text(error).unwrap_or_default(),
            key,
            value,
            headers,
            routes: text(routes),
        })
    }

    /// Whether a route is one of those that have not had the record.
    pub fn is_for(&self, route: &str) -> bool {
        let routes = self.routes.as_deref();
        routes.is_none_or(|routes| routes.split(ROUTES_SEPARATOR).any(|it| it == route))
    }

    /// Where the record stands in Kafka.
    pub fn place(&self) -> String {
        format!("{}/{}@{}", self.topic, self.partition, self.offset)
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + length(value));
        length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }
}

impl Headers for Letter {
    fn last(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().rev().find(|(header, _)| header == name.as_bytes());
        found.and_then(|(_, value)| value.as_deref())
    }
}

fn text(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn number<T: std::str::FromStr>(bytes: Option<Vec<u8>>) -> Option<T> {
    std::str::from_utf8(&bytes?).ok()?.parse().ok()
}

/// An ID as commands write it.
pub fn id_text((ms, seq): EntryId) -> String {
    format!("{ms}-{seq}")
}

/// Reads an ID as commands show it.
pub fn parse_id(text: &str) -> Option<EntryId> {
    let (ms, seq) = text.split_once('-')?;
    Some((ms.parse().ok()?, seq.parse().ok()?))
}

/// Reads the entries of a range, in steps that are no larger than need be: letters may be of any
/// size. `ask` answers XRANGE from an ID on with so many entries at most.
pub fn read_entries<E>(
    range: Range,
    mut ask: impl FnMut(&str, usize) -> Result<Vec<Entry>, E>,
) -> Result<Vec<Entry>, E> {
    let (mut entries, mut bytes, mut largest) = (Vec::new(), 0, 0);
    let mut after = range.after;
    while entries.len() < range.count && bytes < PAGE_BYTES {
        let start = match after {
            None => "-".to_owned(),
            Some((ms, u64::MAX)) => id_text((ms.saturating_add(1), 0)),
            Some((ms, seq)) => id_text((ms, seq + 1)),
        };
        // How large letters are is known once one was seen.
        let fit = (PAGE_BYTES - bytes).checked_div(largest).unwrap_or(1);
        let wanted = fit.clamp(1, PAGE_ENTRIES).min(range.count - entries.len());
        let found = ask(&start, wanted)?;
        let is_end = found.len() < wanted;
        for entry in &found {
            let size: usize = entry.fields.iter().map(|(name, it)| name.len() + it.len()).sum();
            bytes += size;
            largest = largest.max(size + 1);
            after = Some(entry.id);
        }
        entries.extend(found);
        if is_end {
            break;
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: EntryId, fields: &[(&str, &[u8])]) -> Entry {
        let own = |(name, value): &(&str, &[u8])| (name.as_bytes().to_vec(), value.to_vec());
        Entry { id, fields: fields.iter().map(own).collect() }
    }

    #[test]
    fn a_letter_keeps_nulls_apart_from_what_is_empty() {
        let fields: [(&str, &[u8]); 8] = [
            ("topic", b"t"),
            ("partition", b"3"),
            ("offset", b"12"),
            ("stage", b"value"),
            ("error", b"no JSON"),
            ("key", b""),
            ("header.a", b"\xff"),
            ("nullheader.a", b""),
        ];
        let letter = Letter::read(entry((5, 0), &fields)).unwrap();
        assert_eq!((letter.place().as_str(), letter.timestamp), ("t/3@12", None));
        assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (Some(&b""[..]), None));
        assert_eq!(letter.last("a"), None, "the last one is null");
        assert_eq!(letter.headers.first().map(|it| it.1.as_deref()), Some(Some(&b"\xff"[..])));
        let foreign = Letter::read(entry((5, 0), &[("topic", b"t"), ("partition", b"x")]));
        assert!(foreign.unwrap_err().contains("'partition'"));
    }

    #[test]
    fn large_letters_are_read_in_small_steps() {
        let size = PAGE_BYTES / 3;
        let (mut asked, mut left) = (Vec::new(), 10u64);
        let range = Range { after: Some((1, u64::MAX)), count: 8 };
        let entries = read_entries(range, |start, count| {
            asked.push((start.to_owned(), count));
            let found = (0..count as u64).map(|at| Entry {
                id: (2, 10 - left + at),
                fields: vec![(Vec::new(), vec![0; size])],
            });
            let found: Vec<_> = found.collect();
            left -= count as u64;
            Ok::<_, ()>(found)
        });
        assert_eq!(entries.unwrap().len(), 4, "the one that fills the page is the last one");
        let asked: Vec<_> = asked.iter().map(|(start, count)| (start.as_str(), *count)).collect();
        assert_eq!(asked, [("2-0", 1), ("2-1", 1), ("2-2", 1), ("2-3", 1)]);
        let some = read_entries(Range { after: None, count: 8 }, |_, _| Ok::<_, ()>(Vec::new()));
        assert_eq!(some, Ok(Vec::new()));
    }
}
