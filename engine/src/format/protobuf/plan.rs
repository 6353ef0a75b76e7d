//! What is read of the records of one message type.

use super::check::{self, Check};
use super::dispatch::Dispatch;
use super::gather::{self, Cell};
use super::meaning::Meaning;
use super::nested::Message;
use super::normal;
use super::read::{self, Part};
use super::types::{Absent, FieldKind, FieldType, MessageType, Repeats, Types};
use super::wire::{Fault, Reader};
use crate::format::{nested, single};
use crate::record::{Arena, NameId, Names, Row, Shape, Step, Value, Wanted};

/// A message type's fields that are wanted, and where their values go.
#[derive(Debug)]
pub struct Plan {
    message: u32,
    fields: Vec<PlannedField>,
    /// By the place of a field in its type: its place in `fields`, and one more.
    places: Vec<u32>,
    cells: Vec<Cell>,
    dispatch: Dispatch,
    /// The slots that take the message as a whole.
    whole: Vec<usize>,
    /// Whether the names of the fields have numbers.
    named: bool,
}

/// The cell of the field at a place of its type.
fn cell_of(places: &[u32], at: usize) -> Option<usize> {
    (*places.get(at)? as usize).checked_sub(1)
}

#[derive(Debug)]
struct PlannedField {
    /// Its place in its type.
    place: usize,
    /// Whether it is one of all fields that are wanted.
    pushed: bool,
    name: Option<NameId>,
    /// Slots, and the steps from the field to what they take.
    slots: Vec<(usize, Vec<Step>)>,
}

/// Where a record's values go.
pub struct Output<'a, 'r> {
    pub wanted: &'r Wanted,
    pub names: &'r mut Names,
    pub arena: &'a Arena,
    pub row: &'r mut Row<'a>,
}

impl Plan {
    /// A plan for records of type `message`.
    pub fn new(types: &Types, message: u32, wanted: &Wanted) -> Plan {
        let mut plan = Plan {
            message,
            fields: Vec::new(),
            places: Vec::new(),
            cells: Vec::new(),
            dispatch: Dispatch::default(),
            whole: Vec::new(),
            named: false,
        };
        if let Some(of) = types.message(message) {
            plan.places = vec![0; of.fields.len()];
            for (place, field) in of.fields.iter().enumerate() {
                plan.add(place, field, wanted);
            }
            plan.dispatch = Dispatch::new(of, |at| cell_of(&plan.places, at));
        }
        let paths = wanted.paths.iter().enumerate();
        plan.whole = paths.filter(|(_, path)| path.is_empty()).map(|(slot, _)| slot).collect();
        plan.cells = vec![Cell::default(); plan.fields.len()];
        plan
    }

    fn add(&mut self, place: usize, field: &FieldType, wanted: &Wanted) {
        let slot = |(slot, path): (usize, &Vec<Step>)| match path.split_first() {
            Some((Step::Field(name), rest)) if *name == field.name => Some((slot, rest.to_vec())),
            _ => None,
        };
        let slots: Vec<_> = wanted.paths.iter().enumerate().filter_map(slot).collect();
        let required = field.absent == Absent::Required;
        if wanted.every_field || !slots.is_empty() || required {
            let pushed = wanted.every_field;
            self.fields.push(PlannedField { place, pushed, name: None, slots });
            if let Some(known) = self.places.get_mut(place) {
                *known = self.fields.len() as u32;
            }
        }
    }

    /// The message type.
    pub fn message(&self) -> u32 {
        self.message
    }

    /// Drops the numbers of names.
    pub fn forget_names(&mut self) {
        self.named = false;
    }

    fn name(&mut self, of: &MessageType, names: &mut Names) {
        self.named = true;
        for planned in self.fields.iter_mut().filter(|planned| planned.pushed) {
            planned.name =
                of.fields.get(planned.place).map(|field| names.known(field.name.as_bytes()));
        }
    }

    /// Decodes the message that stands from `start` to the end of `bytes`.
    pub fn run<'a>(
        &mut self,
        types: &'a Types,
        bytes: &'a [u8],
        start: usize,
        out: &mut Output<'a, '_>,
    ) -> Result<(), Fault> {
        let Some(of) = types.message(self.message) else {
            return Ok(());
        };
        if !self.named {
            self.name(of, out.names);
        }
        let mut check = Check::new(types, out.arena);
        self.attempt(of, types, Reader { bytes, at: start }, &mut check, out)?;
        if check.irregular {
            let record = bytes.get(start..).unwrap_or_default();
            let normal = out.arena.bytes(&normal::normalised(types, self.message, record, 0));
            check = Check::new(types, out.arena);
            let reader = Reader { bytes: normal, at: 0 };
            // What is wrong there stands at no one byte of the record.
            self.attempt(of, types, reader, &mut check, out)
                .map_err(|fault| fault.moved(|_| bytes.len()))?;
        }
        let missing = check.missing;
        missing.map_or(Ok(()), |fault| Err(fault.moved(|at| at.min(bytes.len()))))
    }

    /// Decodes it as if it were regular, which `check` tells behind it.
    fn attempt<'a>(
        &mut self,
        of: &'a MessageType,
        types: &'a Types,
        reader: Reader<'a>,
        check: &mut Check<'a>,
        out: &mut Output<'a, '_>,
    ) -> Result<(), Fault> {
        let bytes = reader.bytes.get(reader.at..).unwrap_or_default();
        let message = Message { types, message: self.message, bytes };
        let lone = of.meaning != Meaning::Record;
        if lone || !self.whole.is_empty() {
            check.message(self.message, reader, 0)?;
        }
        if lone {
            let value = super::known::part(message).value(out.arena);
            single(value, out.wanted, out.names, out.arena, out.row);
            return Ok(());
        }
        self.cells.fill(Cell::default());
        let place = |at: usize| cell_of(&self.places, at);
        self.dispatch.gather(of, reader, place, &mut self.cells)?;
        out.row.begin(Shape::Fields, out.wanted.paths.len());
        for (planned, cell) in self.fields.iter().zip(&self.cells) {
            if let Some(field) = of.fields.get(planned.place)
                && !planned.put_plain(field, *cell, reader.bytes, out)?
            {
                let value = captured(of, field, *cell, reader.bytes, check, out.arena)?;
                planned.put(value, out);
            }
        }
        for &slot in &self.whole {
            out.row.set(slot, out.arena.nested(message));
        }
        Ok(())
    }
}

impl PlannedField {
    /// Puts the value that `cell` noted of a field where that needs nothing but the
    /// record; false where it is to be [`captured`].
    ///
    /// Putting stands at the end of each branch, because values that are handed on
    /// through memory cost more than all else here.
    #[inline(always)]
    fn put_plain<'a>(
        &self,
        field: &'a FieldType,
        cell: Cell,
        bytes: &'a [u8],
        out: &mut Output<'a, '_>,
    ) -> Result<bool, Fault> {
        if field.repeats != Repeats::Never {
            return Ok(false);
        }
        let int = match (cell.count, &field.absent, field.kind) {
            (0, Absent::Int(value), _) => *value,
            (0, Absent::Null, _) => {
                self.put(Value::Null, out);
                return Ok(true);
            }
            (0, ..) => return Ok(false),
            (_, _, FieldKind::Text) => {
                let prefix = bytes.get(..gather::end(cell.bits)).unwrap_or_default();
                self.put(Value::Text(check::text(prefix, gather::start(cell.bits))?), out);
                return Ok(true);
            }
            (_, _, FieldKind::Double) => {
                self.put(Value::Double(f64::from_bits(cell.bits)), out);
                return Ok(true);
            }
            (_, _, kind) if kind.fits_int64() => read::canonical(kind, cell.bits),
            _ => return Ok(false),
        };
        self.put(Value::Int(int), out);
        Ok(true)
    }

    #[inline(always)]
    fn put<'a>(&self, value: Value<'a>, out: &mut Output<'a, '_>) {
        if let Some(name) = self.name
            && self.pushed
        {
            out.row.push(name, value);
        }
        for (slot, steps) in &self.slots {
            let value =
                if steps.is_empty() { value } else { nested::follow(value, steps, out.arena) };
            out.row.set(*slot, value);
        }
    }
}

/// The value that `cell` noted of a field, checked whole.
fn captured<'a>(
    of: &MessageType,
    field: &'a FieldType,
    cell: Cell,
    bytes: &'a [u8],
    check: &mut Check<'a>,
    arena: &'a Arena,
) -> Result<Value<'a>, Fault> {
    match (field.repeats, field.kind) {
        (_, FieldKind::Text | FieldKind::Message(_) | FieldKind::Group(_)) if cell.count > 0 => {
            check_inside(field, cell, bytes, check)?;
        }
        _ if cell.count == 0 && field.absent == Absent::Required => {
            let missing = || check::missing(of, field, bytes.len());
            check.missing.get_or_insert_with(missing);
        }
        _ => {}
    }
    let part: Part<'a> = read::field(check.types, field, cell, bytes);
    Ok(part.value(arena))
}

fn check_inside(
    field: &FieldType,
    cell: Cell,
    bytes: &[u8],
    check: &mut Check<'_>,
) -> Result<(), Fault> {
    let prefix = bytes.get(..gather::end(cell.bits)).unwrap_or_default();
    let reader = Reader { bytes: prefix, at: gather::start(cell.bits) };
    match field.kind.message() {
        Some(message) if field.repeats == Repeats::Never => {
            check.irregular |= cell.count > 1;
            check.message(message, reader, 1)
        }
        _ => check.elements(field, reader, 0),
    }
}
