//! Decides the writes of a unit that depend on what stands in Redis: tables, and records that
//! may be older than it.

use super::ledgers::Ledgers;
use crate::redis::{Access, Context, Key, Text};
use redis_kafka_engine::applier::{Applied, Clash};
use redis_kafka_engine::unit::decide::{Undecidable, Wanted};
use redis_kafka_engine::unit::packed::{self, PackedError, Reader};
use redis_kafka_engine::unit::{Unit, packed::Head};

/// Appends the unit's decided form to `decided`; why the unit cannot be applied, if so. No key
/// of the unit may be open.
pub fn decide(
    context: Context,
    unit: &Unit,
    decided: &mut Vec<u8>,
) -> Result<Option<Applied>, PackedError> {
    decided.reserve(unit.packed.len());
    let mut hashes = Hashes { context, names: Vec::new(), open: None };
    let refused = unit.decide(decided, &mut |wanted, text| hashes.show(wanted, text))?;
    drop(hashes);
    if refused.is_empty() {
        return Ok(None);
    }
    // A ledger that stands elsewhere comes first: then the fields are not what the unit follows.
    let head: Head<'_> = packed::read_head(&mut Reader::new(&unit.packed))?;
    if let Err(refused) = Ledgers::open(context, &head) {
        return Ok(Some(refused));
    }
    let clash = |Undecidable { record, key, problem }| Clash { record, key, problem };
    Ok(Some(Applied::Clash(refused.into_iter().map(clash).collect())))
}

/// The hashes of one unit, one of them open.
struct Hashes {
    context: Context,
    /// The names of fields, made where they are first asked for.
    names: Vec<Option<Text>>,
    open: Option<(usize, Key)>,
}

impl Hashes {
    /// A key of another type has no fields: it is told when the unit's keys are checked.
    fn show(&mut self, wanted: Wanted<'_>, text: &mut Vec<u8>) -> bool {
        if self.names.len() <= wanted.name {
            self.names.resize_with(wanted.name + 1, || None);
        }
        let Some(name) = self.names.get_mut(wanted.name) else { return false };
        let name = name.get_or_insert_with(|| Text::new(wanted.field));
        let key = match &self.open {
            Some((group, key)) if *group == wanted.group => key,
            _ => {
                self.open = None;
                let key = self.context.open(&Text::new(wanted.key), Access::Read);
                &self.open.insert((wanted.group, key)).1
            }
        };
        match key.hash_get(name) {
            Some(value) => {
                text.extend_from_slice(value.bytes());
                true
            }
            None => false,
        }
    }
}
