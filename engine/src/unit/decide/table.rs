//! One hash while its writes are folded: what stands in its fields.

use super::{Group, GroupKind, Head, Show, put_group};
use crate::expression::Numeric;
use crate::expression::time::{self, Kind, Moment};
use crate::format::text::write_text;
use crate::record::{TimeUnit, Value};
use crate::unit::packed::{Expiry, Fold, HashOperation, Newer, Operand, put_text, put_varint};
use std::cmp::Ordering;

/// What a field holds. Whatever kind it is, it means what its text means.
#[derive(Debug, Clone, Copy)]
enum Content<'u> {
    Absent,
    /// The text that stands in Redis: a place in [`Table::stored`].
    Stored(usize, usize),
    Text(&'u [u8]),
    Number(Numeric),
    Time(Moment),
    /// The mean of so many numbers with this sum.
    Mean(Numeric, i64),
}

#[derive(Debug, Clone, Copy)]
struct Field<'u> {
    name: usize,
    content: Content<'u>,
    is_changed: bool,
}

/// What the group's writes make of what stood in the hash before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// It stays.
    Kept,
    /// The key is deleted.
    Deleted,
    /// The hash is emptied, to be filled again.
    Replaced,
}

/// Buffers for one hash after the other; nothing is allocated once they have grown.
pub(super) struct Table<'h, 'u> {
    head: &'h Head<'u>,
    fields: Vec<Field<'u>>,
    /// Per name: the round it was met in last, and its place in `fields`.
    places: Vec<(u32, usize)>,
    round: u32,
    base: Base,
    /// That of the last record taken for being newer, where it had one.
    expiry: Expiry,
    stored: Vec<u8>,
    /// What the fields were before the write that is being decided.
    before: Vec<(usize, Field<'u>)>,
    text: Vec<u8>,
}

impl<'h, 'u> Table<'h, 'u> {
    pub fn new(head: &'h Head<'u>) -> Table<'h, 'u> {
        Table {
            head,
            fields: Vec::new(),
            places: vec![(0, 0); head.names.len()],
            round: 0,
            base: Base::Kept,
            expiry: Expiry::Unchanged,
            stored: Vec::new(),
            before: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Starts with the next hash.
    pub fn begin(&mut self) {
        self.empty(Base::Kept);
        self.stored.clear();
    }

    /// Forgets all fields: nothing that stood before is seen any more.
    pub fn empty(&mut self, base: Base) {
        self.fields.clear();
        self.before.clear();
        self.round += 1;
        self.base = base;
        self.expiry = Expiry::Unchanged;
    }

    /// Notes that what follows may have to be undone.
    pub fn keep(&mut self) {
        self.before.clear();
    }

    /// Puts back what the fields were at [`Table::keep`].
    pub fn undo(&mut self) {
        while let Some((at, field)) = self.before.pop() {
            if let Some(place) = self.fields.get_mut(at) {
                *place = field;
            }
        }
    }

    /// The place of a field that is met already.
    fn place(&self, name: usize) -> Option<usize> {
        let (round, at) = *self.places.get(name)?;
        (round == self.round).then_some(at)
    }

    fn meet(&mut self, name: usize, content: Content<'u>) -> usize {
        let at = self.fields.len();
        self.fields.push(Field { name, content, is_changed: false });
        if let Some(place) = self.places.get_mut(name) {
            *place = (self.round, at);
        }
        at
    }

    /// A field, read where it is met first.
    fn read(&mut self, name: usize, show: &mut Show<'_>) -> (usize, Content<'u>) {
        if let Some(at) = self.place(name) {
            return (at, self.fields.get(at).map_or(Content::Absent, |field| field.content));
        }
        let start = self.stored.len();
        let content = match self.base == Base::Kept && show(name, &mut self.stored) {
            true => Content::Stored(start, self.stored.len()),
            false => Content::Absent,
        };
        (self.meet(name, content), content)
    }

    fn change(&mut self, at: usize, content: Content<'u>) {
        if let Some(field) = self.fields.get_mut(at) {
            self.before.push((at, *field));
            (field.content, field.is_changed) = (content, true);
        }
    }

    fn put(&mut self, name: usize, content: Content<'u>) {
        let at = match self.place(name) {
            Some(at) => at,
            None => self.meet(name, Content::Absent),
        };
        self.change(at, content);
    }

    /// Sets a field.
    pub fn set(&mut self, name: usize, text: &'u [u8]) {
        self.put(name, Content::Text(text));
    }

    /// Deletes a field.
    pub fn unset(&mut self, name: usize) {
        self.put(name, Content::Absent);
    }

    /// Whether a record is not older than what stands; the error says why that cannot be told.
    pub fn is_newer(
        &mut self,
        newer: &Newer<'u, usize>,
        show: &mut Show<'_>,
    ) -> Result<bool, String> {
        let (_, content) = self.read(newer.field, show);
        let order = self.compare(newer.field, content, newer.operand)?;
        Ok(order.is_none_or(Ordering::is_le))
    }

    /// Notes how new the record is that has been written.
    pub fn take_newer(&mut self, newer: &Newer<'u, usize>) {
        self.put(newer.field, content_of(newer.operand));
        if newer.expiry != Expiry::Unchanged {
            self.expiry = newer.expiry;
        }
    }

    /// Folds into a field; the error says why that cannot be done.
    pub fn fold(&mut self, fold: Fold<'u, usize>, show: &mut Show<'_>) -> Result<(), String> {
        match fold {
            Fold::Count { field, by } => {
                let (at, content) = self.read(field, show);
                let count = self.counted(field, content, by)?;
                if by > 0 || matches!(content, Content::Absent) {
                    self.change(at, Content::Number(Numeric::Int(count)));
                }
            }
            Fold::Sum { field, number } => {
                let (at, content) = self.read(field, show);
                let sum = self.summed(field, content, number)?;
                self.change(at, Content::Number(sum));
            }
            Fold::Mean { field, sum, count, number } => {
                let (sum_at, content) = self.read(sum, show);
                let total = self.summed(sum, content, number)?;
                let (count_at, content) = self.read(count, show);
                let numbers = self.counted(count, content, 1)?;
                if numbers < 1 {
                    return Err(self.refusal(count, content, "which is no count"));
                }
                self.change(sum_at, Content::Number(total));
                self.change(count_at, Content::Number(Numeric::Int(numbers)));
                self.put(field, Content::Mean(total, numbers));
            }
            Fold::Least { field, operand } => {
                self.better(field, operand, Ordering::Greater, show)?
            }
            Fold::Greatest { field, operand } => {
                self.better(field, operand, Ordering::Less, show)?
            }
            Fold::First { field, text } => {
                let (at, content) = self.read(field, show);
                if matches!(content, Content::Absent) {
                    self.change(at, Content::Text(text));
                }
            }
            Fold::Earliest { field, at, time, text } => {
                let is_due = |order| order == Ordering::Greater;
                self.timed((field, at), time, text, is_due, show)?;
            }
            Fold::Latest { field, at, time, text } => {
                let is_due = |order| order != Ordering::Greater;
                self.timed((field, at), time, text, is_due, show)?;
            }
        }
        Ok(())
    }

    /// Puts the operand into a field that is absent or stands so to it.
    fn better(
        &mut self,
        field: usize,
        operand: Operand<'u>,
        wanted: Ordering,
        show: &mut Show<'_>,
    ) -> Result<(), String> {
        let (at, content) = self.read(field, show);
        if self.compare(field, content, operand)?.is_none_or(|order| order == wanted) {
            self.change(at, content_of(operand));
        }
        Ok(())
    }

    fn timed(
        &mut self,
        (field, at): (usize, usize),
        time: Moment,
        text: &'u [u8],
        is_due: impl Fn(Ordering) -> bool,
        show: &mut Show<'_>,
    ) -> Result<(), String> {
        let (place, content) = self.read(at, show);
        if self.compare(at, content, Operand::Time(time))?.is_none_or(is_due) {
            self.change(place, Content::Time(time));
            self.set(field, text);
        }
        Ok(())
    }

    fn counted(&mut self, name: usize, content: Content<'u>, by: u8) -> Result<i64, String> {
        let count = match self.number(name, content)? {
            None => 0,
            Some(number) => number
                .whole()
                .ok_or_else(|| self.refusal(name, content, "which is no whole number"))?,
        };
        let sum = count.checked_add(i64::from(by));
        sum.ok_or_else(|| self.refusal(name, content, "and no greater count fits 64 bits"))
    }

    fn summed(
        &mut self,
        name: usize,
        content: Content<'u>,
        number: Numeric,
    ) -> Result<Numeric, String> {
        match self.number(name, content)? {
            None => Ok(number),
            Some(sum) => sum.plus(number).map_err(|problem| {
                let problem = format!("and its sum with the record's number {problem}");
                self.refusal(name, content, &problem)
            }),
        }
    }

    fn number(&mut self, name: usize, content: Content<'u>) -> Result<Option<Numeric>, String> {
        let number = match content {
            Content::Absent => return Ok(None),
            Content::Number(number) => Some(number),
            Content::Mean(sum, count) => Some(sum.mean(count)),
            Content::Stored(..) | Content::Text(_) | Content::Time(_) => {
                Numeric::parse(self.text_of(content))
            }
        };
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(self.refusal(name, content, "which is no number")),
        }
    }

    /// How what stands in a field compares with an operand; none where nothing does.
    fn compare(
        &mut self,
        name: usize,
        content: Content<'u>,
        operand: Operand<'u>,
    ) -> Result<Option<Ordering>, String> {
        if matches!(content, Content::Absent) {
            return Ok(None);
        }
        Ok(match operand {
            Operand::Text(text) => Some(self.text_of(content).cmp(text)),
            Operand::Number(other) => {
                let order = self.number(name, content)?.and_then(|number| number.compare(other));
                Some(order.unwrap_or(Ordering::Equal))
            }
            Operand::Time(other) => {
                let found = match content {
                    Content::Time(moment) if is_of_day(moment) == is_of_day(other) => Some(moment),
                    _ => moment(self.text_of(content), is_of_day(other)),
                };
                let Some(found) = found else {
                    return Err(self.refusal(name, content, "which is no time in ISO 8601"));
                };
                Some(found.instant().cmp(&other.instant()))
            }
        })
    }

    fn refusal(&mut self, name: usize, content: Content<'u>, problem: &str) -> String {
        let shown: String =
            String::from_utf8_lossy(self.text_of(content)).chars().take(40).collect();
        let field = self.head.names.get(name).copied().unwrap_or_default();
        let field = String::from_utf8_lossy(field);
        format!(
            "field '{field}' holds '{shown}', {problem}; HDEL the field, or name another in SELECT"
        )
    }

    /// The text of a field.
    fn text_of(&mut self, content: Content<'u>) -> &[u8] {
        match content {
            Content::Stored(start, end) => self.stored.get(start..end).unwrap_or_default(),
            Content::Text(text) => text,
            computed => {
                self.text.clear();
                write_content(computed, &mut self.text);
                &self.text
            }
        }
    }

    /// Appends the group's one write, or none where nothing changes.
    pub fn write(&mut self, group: &Group<'_>, out: &mut Vec<u8>) {
        let is_set =
            |field: &&Field<'_>| field.is_changed && !matches!(field.content, Content::Absent);
        let is_unset =
            |field: &&Field<'_>| field.is_changed && matches!(field.content, Content::Absent);
        let set = self.fields.iter().filter(is_set).count();
        let unset = match self.base {
            Base::Kept => self.fields.iter().filter(is_unset).count(),
            Base::Deleted | Base::Replaced => 0,
        };
        let operation = match self.base {
            Base::Kept if set + unset == 0 => None,
            Base::Kept => Some(HashOperation::Merge),
            Base::Deleted if set == 0 => Some(HashOperation::Delete),
            Base::Deleted | Base::Replaced => Some(HashOperation::Replace),
        };
        let expiry = if self.expiry == Expiry::Unchanged { group.expiry } else { self.expiry };
        let writes = usize::from(operation.is_some());
        let bytes_at = put_group(out, group.key, GroupKind::Hash, group.keep, expiry, writes);
        let start = out.len();
        if let Some(operation) = operation {
            out.push(operation as u8);
        }
        if matches!(operation, Some(HashOperation::Merge | HashOperation::Replace)) {
            out.extend_from_slice(&(set as u32).to_le_bytes());
            let Table { fields, stored, text, .. } = self;
            for field in fields.iter().filter(is_set) {
                put_varint(out, field.name as u64);
                match field.content {
                    Content::Stored(start, end) => {
                        put_text(out, stored.get(start..end).unwrap_or_default());
                    }
                    Content::Text(text) => put_text(out, text),
                    computed => {
                        text.clear();
                        write_content(computed, text);
                        put_text(out, text);
                    }
                }
            }
            out.extend_from_slice(&(unset as u32).to_le_bytes());
            if unset > 0 {
                let names = self.fields.iter().filter(is_unset).map(|field| field.name);
                names.for_each(|name| put_varint(out, name as u64));
            }
        }
        let length = (out.len() - start) as u32;
        if let Some(place) = out.get_mut(bytes_at..bytes_at + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
}

fn content_of(operand: Operand<'_>) -> Content<'_> {
    match operand {
        Operand::Number(number) => Content::Number(number),
        Operand::Time(moment) => Content::Time(moment),
        Operand::Text(text) => Content::Text(text),
    }
}

fn is_of_day(moment: Moment) -> bool {
    moment.kind == Kind::Time
}

/// The time that a text writes: of a day, or since 1970.
fn moment(text: &[u8], is_of_day: bool) -> Option<Moment> {
    let text = std::str::from_utf8(text).ok()?;
    let (kind, parsed): (Kind, Option<(i64, TimeUnit)>) = match is_of_day {
        true => (Kind::Time, time::parse_time(text)),
        false => (Kind::Timestamp, time::parse_timestamp(text)),
    };
    parsed.map(|(count, unit)| Moment::new(kind, count, unit))
}

fn write_content(content: Content<'_>, out: &mut Vec<u8>) {
    let number = |number: Numeric, out: &mut Vec<u8>| match number {
        Numeric::Int(int) => write_text(Value::Int(int), out),
        Numeric::Double(double) => write_text(Value::Double(double), out),
        Numeric::Decimal(decimal) => decimal.write(out),
    };
    match content {
        // Those that have their text already are shown by it.
        Content::Absent | Content::Stored(..) => {}
        Content::Text(text) => out.extend_from_slice(text),
        Content::Number(of) => number(of, out),
        Content::Mean(sum, count) => number(sum.mean(count), out),
        Content::Time(moment) => write_text(moment.value().unwrap_or_default(), out),
    }
}
