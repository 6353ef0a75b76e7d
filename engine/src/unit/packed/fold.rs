//! Writes of a hash that depend on what it holds: typed operands, which the primary folds into
//! the fields ([`crate::unit::decide`]). They never reach a replica or an AOF.

use super::group::put_coded;
use super::write::{HashOperation, read_deleted_count, read_hash_write};
use super::{Expiry, Head, PackedError, Reader, put_text, put_varint, read_field, read_name};
use crate::expression::Numeric;
use crate::expression::time::{Kind, Moment};
use crate::format::json;
use crate::record::{Arena, Decimal, TimeUnit, Value};

/// First bytes of an undecided write, beside a hash's own.
pub(in crate::unit) const FOLD: u8 = 3;
pub(in crate::unit) const MERGE_IF_NEWER: u8 = 4;
pub(in crate::unit) const REPLACE_IF_NEWER: u8 = 5;

/// A value that is compared or summed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand<'a> {
    /// A finite number.
    Number(Numeric),
    /// A date, time or timestamp.
    Time(Moment),
    /// The bytes of a text.
    Text(&'a [u8]),
}

impl<'a> Operand<'a> {
    /// The operand that a value is; none for null. The error says what cannot be one.
    pub fn of(value: Value<'a>, arena: &'a Arena) -> Result<Option<Operand<'a>>, &'static str> {
        if let Some(number) = Numeric::of(value) {
            return match number.is_finite() {
                true => Ok(Some(Operand::Number(number))),
                false => Err("a number that is not finite"),
            };
        }
        Ok(Some(match value {
            Value::Null => return Ok(None),
            Value::Text(text) => Operand::Text(text.as_bytes()),
            Value::Escaped(text) => Operand::Text(json::unescaped(text, arena).as_bytes()),
            Value::Bytes(bytes) => Operand::Text(bytes),
            Value::Boolean(truth) => Operand::Text(if truth { b"true" } else { b"false" }),
            Value::Date(_) | Value::Time(..) | Value::Timestamp(..) | Value::LocalTimestamp(..) => {
                Operand::Time(Moment::of(value, arena).ok_or("a time out of range")?)
            }
            _ => return Err("an array or object"),
        }))
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Operand::Number(number) => put_number(number, out),
            Operand::Text(text) => {
                out.push(4);
                put_text(out, text);
            }
            Operand::Time(moment) => put_moment(moment, out),
        }
    }

    fn read(reader: &mut Reader<'a>) -> Result<Operand<'a>, PackedError> {
        Ok(match reader.u8()? {
            4 => Operand::Text(reader.text()?),
            5 => Operand::Time(read_moment(reader)?),
            code => Operand::Number(read_number(code, reader)?),
        })
    }
}

fn put_number(number: Numeric, out: &mut Vec<u8>) {
    match number {
        Numeric::Int(int) => {
            out.push(1);
            out.extend_from_slice(&int.to_le_bytes());
        }
        Numeric::Decimal(Decimal { unscaled, scale }) => {
            out.push(2);
            out.extend_from_slice(&unscaled.to_le_bytes());
            out.push(scale);
        }
        Numeric::Double(double) => {
            out.push(3);
            out.extend_from_slice(&double.to_le_bytes());
        }
    }
}

fn read_number(code: u8, reader: &mut Reader<'_>) -> Result<Numeric, PackedError> {
    let number = match code {
        1 => Numeric::Int(i64::from_le_bytes(reader.array()?)),
        2 => {
            let unscaled = i128::from_le_bytes(reader.array()?);
            let scale = reader.u8()?;
            if scale > crate::record::MAX_SCALE {
                return Err(PackedError::Code(scale));
            }
            Numeric::Decimal(Decimal { unscaled, scale })
        }
        3 => Numeric::Double(reader.number()?),
        other => return Err(PackedError::Code(other)),
    };
    if number.is_finite() { Ok(number) } else { Err(PackedError::Code(code)) }
}

const KINDS: [Kind; 4] = [Kind::Timestamp, Kind::Local, Kind::Date, Kind::Time];
const UNITS: [TimeUnit; 3] = [TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos];

fn put_moment(moment: Moment, out: &mut Vec<u8>) {
    let kind = KINDS.iter().position(|kind| *kind == moment.kind).unwrap_or_default();
    let unit = UNITS.iter().position(|unit| *unit == moment.unit).unwrap_or_default();
    out.extend_from_slice(&[5, kind as u8, unit as u8]);
    out.extend_from_slice(&moment.seconds.to_le_bytes());
    out.extend_from_slice(&moment.nanos.to_le_bytes());
}

fn read_moment(reader: &mut Reader<'_>) -> Result<Moment, PackedError> {
    let (kind, unit) = (reader.u8()?, reader.u8()?);
    let seconds = i64::from_le_bytes(reader.array()?);
    let nanos = reader.u32()?;
    let known = KINDS.get(usize::from(kind)).zip(UNITS.get(usize::from(unit)));
    let moment = known.map(|(&kind, &unit)| Moment { seconds, nanos, unit, kind });
    // What has no text could not be kept.
    let fits = |moment: &Moment| moment.nanos < 1_000_000_000 && moment.value().is_some();
    moment.filter(fits).ok_or(PackedError::Code(kind))
}

/// What a record does to one field of a table. `N` is how names are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fold<'a, N> {
    /// Adds so many, 0 or 1.
    Count {
        /// The field.
        field: N,
        /// How many.
        by: u8,
    },
    /// Adds a number.
    Sum {
        /// The field.
        field: N,
        /// What is added.
        number: Numeric,
    },
    /// Adds a number to what a mean is of.
    Mean {
        /// The mean.
        field: N,
        /// The sum beside it.
        sum: N,
        /// The count beside it.
        count: N,
        /// What is added.
        number: Numeric,
    },
    /// Keeps the lesser.
    Least {
        /// The field.
        field: N,
        /// What it is compared with.
        operand: Operand<'a>,
    },
    /// Keeps the greater.
    Greatest {
        /// The field.
        field: N,
        /// What it is compared with.
        operand: Operand<'a>,
    },
    /// Sets the field when there is none.
    First {
        /// The field.
        field: N,
        /// Its text.
        text: &'a [u8],
    },
    /// Sets the field when this is earlier than before.
    Earliest {
        /// The field.
        field: N,
        /// Where its time stands.
        at: N,
        /// The time.
        time: Moment,
        /// The field's text.
        text: &'a [u8],
    },
    /// Sets the field when this is not earlier than before.
    Latest {
        /// The field.
        field: N,
        /// Where its time stands.
        at: N,
        /// The time.
        time: Moment,
        /// The field's text.
        text: &'a [u8],
    },
}

impl<'a, N> Fold<'a, N> {
    /// The same with other names.
    pub(in crate::unit) fn named<M>(self, mut name: impl FnMut(N) -> M) -> Fold<'a, M> {
        match self {
            Fold::Count { field, by } => Fold::Count { field: name(field), by },
            Fold::Sum { field, number } => Fold::Sum { field: name(field), number },
            Fold::Mean { field, sum, count, number } => {
                Fold::Mean { field: name(field), sum: name(sum), count: name(count), number }
            }
            Fold::Least { field, operand } => Fold::Least { field: name(field), operand },
            Fold::Greatest { field, operand } => Fold::Greatest { field: name(field), operand },
            Fold::First { field, text } => Fold::First { field: name(field), text },
            Fold::Earliest { field, at, time, text } => {
                Fold::Earliest { field: name(field), at: name(at), time, text }
            }
            Fold::Latest { field, at, time, text } => {
                Fold::Latest { field: name(field), at: name(at), time, text }
            }
        }
    }
}

impl<'a> Fold<'a, u32> {
    pub(in crate::unit) fn put(self, out: &mut Vec<u8>) {
        let mut head = |code: u8, names: &[u32]| {
            out.push(code);
            names.iter().for_each(|name| put_varint(out, u64::from(*name)));
        };
        match self {
            Fold::Count { field, by } => {
                head(1, &[field]);
                out.push(by);
            }
            Fold::Sum { field, number } => {
                head(2, &[field]);
                put_number(number, out);
            }
            Fold::Mean { field, sum, count, number } => {
                head(3, &[field, sum, count]);
                put_number(number, out);
            }
            Fold::Least { field, operand } => {
                head(4, &[field]);
                operand.put(out);
            }
            Fold::Greatest { field, operand } => {
                head(5, &[field]);
                operand.put(out);
            }
            Fold::First { field, text } => {
                head(6, &[field]);
                put_text(out, text);
            }
            Fold::Earliest { field, at, time, text } => {
                head(7, &[field, at]);
                put_moment(time, out);
                put_text(out, text);
            }
            Fold::Latest { field, at, time, text } => {
                head(8, &[field, at]);
                put_moment(time, out);
                put_text(out, text);
            }
        }
    }
}

fn number_of(reader: &mut Reader<'_>) -> Result<Numeric, PackedError> {
    let code = reader.u8()?;
    read_number(code, reader)
}

fn moment_of(reader: &mut Reader<'_>) -> Result<Moment, PackedError> {
    match reader.u8()? {
        5 => read_moment(reader),
        other => Err(PackedError::Code(other)),
    }
}

/// Reads a fold, its names checked against the head.
pub fn read_fold<'a>(
    reader: &mut Reader<'a>,
    head: &Head<'_>,
) -> Result<Fold<'a, usize>, PackedError> {
    let code = reader.u8()?;
    let field = read_name(reader, head)?;
    Ok(match code {
        1 => Fold::Count { field, by: reader.u8()? },
        2 => Fold::Sum { field, number: number_of(reader)? },
        3 => Fold::Mean {
            field,
            sum: read_name(reader, head)?,
            count: read_name(reader, head)?,
            number: number_of(reader)?,
        },
        4 => Fold::Least { field, operand: Operand::read(reader)? },
        5 => Fold::Greatest { field, operand: Operand::read(reader)? },
        6 => Fold::First { field, text: reader.text()? },
        7 => {
            let (at, time) = (read_name(reader, head)?, moment_of(reader)?);
            Fold::Earliest { field, at, time, text: reader.text()? }
        }
        8 => {
            let (at, time) = (read_name(reader, head)?, moment_of(reader)?);
            Fold::Latest { field, at, time, text: reader.text()? }
        }
        other => return Err(PackedError::Code(other)),
    })
}

/// The condition of a write that must not be older than what stands: behind its fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newer<'a, N> {
    /// Where the value that decides is kept.
    pub field: N,
    /// The record's.
    pub operand: Operand<'a>,
    /// The key's time to live if the record is taken.
    pub expiry: Expiry,
}

impl Newer<'_, u32> {
    pub(in crate::unit) fn put(self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.field));
        self.operand.put(out);
        put_coded(out, self.expiry.code());
    }
}

/// Reads the condition behind the fields of a write that must not be older.
pub fn read_newer<'a>(
    reader: &mut Reader<'a>,
    head: &Head<'_>,
) -> Result<Newer<'a, usize>, PackedError> {
    let (field, operand) = (read_name(reader, head)?, Operand::read(reader)?);
    Ok(Newer { field, operand, expiry: Expiry::read(reader)? })
}

/// What a write of an undecided group does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// A hash's ordinary write.
    Plain(HashOperation),
    /// A merge, and folds behind it.
    Fold,
    /// A merge, if it is not older.
    MergeIfNewer,
    /// A replacement, if it is not older.
    ReplaceIfNewer,
}

/// Reads an undecided write up to its fields: what it does, and how many fields follow.
pub fn read_undecided(reader: &mut Reader<'_>) -> Result<(Undecided, usize), PackedError> {
    let undecided = match reader.clone().u8()? {
        FOLD => Undecided::Fold,
        MERGE_IF_NEWER => Undecided::MergeIfNewer,
        REPLACE_IF_NEWER => Undecided::ReplaceIfNewer,
        _ => {
            let (operation, fields) = read_hash_write(reader)?;
            return Ok((Undecided::Plain(operation), fields));
        }
    };
    reader.skip(1)?;
    Ok((undecided, reader.u32()? as usize))
}

/// Reads how many folds follow the fields of [`Undecided::Fold`].
pub fn read_fold_count(reader: &mut Reader<'_>) -> Result<usize, PackedError> {
    Ok(reader.u32()? as usize)
}

/// Passes over an undecided write.
pub(super) fn skip_undecided(reader: &mut Reader<'_>, head: &Head<'_>) -> Result<(), PackedError> {
    let (write, fields) = read_undecided(reader)?;
    (0..fields).try_for_each(|_| read_field(reader, head).map(drop))?;
    let operation = match write {
        Undecided::Plain(operation) => operation,
        _ => HashOperation::Merge,
    };
    let deleted = read_deleted_count(reader, operation)?;
    (0..deleted).try_for_each(|_| read_name(reader, head).map(drop))?;
    match write {
        Undecided::Plain(_) => Ok(()),
        Undecided::MergeIfNewer | Undecided::ReplaceIfNewer => read_newer(reader, head).map(drop),
        Undecided::Fold => {
            let folds = read_fold_count(reader)?;
            (0..folds).try_for_each(|_| read_fold(reader, head).map(drop))
        }
    }
}
