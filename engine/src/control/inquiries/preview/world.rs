//! What Redis would hold, had the records shown so far been written: what it holds, and over it what
//! their commands do to hashes.

use super::commands::{Command, Latest, apply_error};
use crate::command::CommandError;
use crate::expression::Reads;
use crate::lookup::{Answers, Found, FoundFields, Lookup};
use crate::unit::Unit;
use crate::worker::{LaneWorker, RecordError};
use std::collections::{BTreeMap, HashMap};

/// What commands have done to a hash.
#[derive(Debug, Default)]
struct Changed {
    /// Whether nothing of what Redis holds is left.
    is_cleared: bool,
    /// Fields that were set, or deleted.
    fields: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// Redis, as far as a preview must know it.
pub struct World {
    lane: LaneWorker,
    changed: HashMap<Vec<u8>, Changed>,
    /// The times of streams' entries.
    pub latest: Latest,
}

/// Fields of hashes, as they are known.
type Known = HashMap<(Vec<u8>, Vec<u8>), Result<Option<Vec<u8>>, String>>;

impl World {
    /// Nothing is written yet; `lane` answers what Redis holds.
    pub fn new(lane: LaneWorker) -> World {
        World { lane, changed: HashMap::new(), latest: Latest::default() }
    }

    /// Answers all that is open of a lookup.
    pub fn resolve(&self, mut lookup: Box<Lookup>) -> Result<Box<Lookup>, CommandError> {
        let about: Vec<_> = lookup.all().map(|(key, join)| (key.to_vec(), join)).collect();
        while lookup.is_open() {
            lookup = self.ask(lookup)?;
        }
        let held = std::mem::take(&mut lookup.answers);
        for (number, (key, join)) in about.iter().enumerate() {
            let Some(found) = held.get(number) else { continue };
            let changed = self.changed.get(key);
            let reads = lookup.reads.get(*join).unwrap_or(&Reads::Whole);
            overlay(found, reads, changed, &mut lookup.answers);
        }
        // Nothing of it is to be kept: what is written here fires no event.
        lookup.watch = None;
        Ok(lookup)
    }

    fn ask(&self, lookup: Box<Lookup>) -> Result<Box<Lookup>, CommandError> {
        let generation = self.lane.shared.generation();
        let asked = self.lane.ask(lookup, generation);
        let answered = asked.and_then(|asked| self.lane.answered(&asked, generation));
        answered.map_err(|_| CommandError::new("Redis was not asked").hint("try again"))
    }

    /// The unit with every write decided by what hashes hold; or what is wrong with its record.
    pub fn decide(&self, unit: &Unit) -> Result<Result<Vec<u8>, RecordError>, CommandError> {
        if unit.undecided == 0 {
            return Ok(Ok(unit.packed.clone()));
        }
        let mut known = Known::new();
        loop {
            let (mut decided, mut lacking) = (Vec::new(), Vec::new());
            let mut problem = None;
            let refused = unit.decide(&mut decided, &mut |wanted, text| {
                let place = (wanted.key.to_vec(), wanted.field.to_vec());
                match known.get(&place) {
                    Some(Ok(Some(held))) => {
                        text.extend_from_slice(held);
                        return true;
                    }
                    Some(Ok(None)) => {}
                    Some(Err(refused)) => problem = Some(refused.clone()),
                    None => lacking.push(place),
                }
                false
            });
            let refused = match refused {
                Ok(refused) => refused.into_iter().next().map(|it| it.problem),
                Err(error) => Some(format!("internal error: {error}")),
            };
            if !lacking.is_empty() {
                self.look_up(lacking, &mut known)?;
                continue;
            }
            return Ok(match problem.or(refused) {
                Some(problem) => Err(apply_error(problem)),
                None => Ok(decided),
            });
        }
    }

    /// Asks for fields of hashes.
    fn look_up(
        &self,
        lacking: Vec<(Vec<u8>, Vec<u8>)>,
        known: &mut Known,
    ) -> Result<(), CommandError> {
        let mut hashes: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for (key, field) in lacking {
            hashes.entry(key).or_default().push(field);
        }
        let text = |field: &Vec<u8>| String::from_utf8_lossy(field).into_owned();
        let reads = hashes.values().map(|fields| Reads::Fields(fields.iter().map(text).collect()));
        let mut lookup = Box::new(Lookup::new(reads.collect()));
        for (number, key) in hashes.keys().enumerate() {
            lookup.questions.key_buffer().extend_from_slice(key);
            lookup.questions.number(number as u32);
        }
        let lookup = self.resolve(lookup)?;
        for (number, (key, fields)) in hashes.into_iter().enumerate() {
            let parts: Vec<Option<Vec<u8>>> = match lookup.answers.get(number) {
                Some(Found::Hash(held)) => held.parts().map(|it| it.map(<[u8]>::to_vec)).collect(),
                Some(Found::Refused(problem)) => {
                    let shown = String::from_utf8_lossy(&key);
                    let problem = format!("hash '{shown}': {problem}");
                    let refused = |field| ((key.clone(), field), Err(problem.clone()));
                    known.extend(fields.into_iter().map(refused));
                    continue;
                }
                Some(Found::Absent) | None => Vec::new(),
            };
            let mut parts = parts.into_iter();
            let held = |field| ((key.clone(), field), Ok(parts.next().flatten()));
            known.extend(fields.into_iter().map(held));
        }
        Ok(())
    }

    /// Takes over what a command does to a hash.
    pub fn run(&mut self, command: &Command) {
        let Command::Redis(words) = command else { return };
        let [name, key, rest @ ..] = words.as_slice() else { return };
        match name.as_slice() {
            b"HSET" => {
                let fields = &mut self.changed.entry(key.clone()).or_default().fields;
                for pair in rest.chunks_exact(2) {
                    if let [field, value] = pair {
                        fields.insert(field.clone(), Some(value.clone()));
                    }
                }
            }
            b"HDEL" => {
                let fields = &mut self.changed.entry(key.clone()).or_default().fields;
                fields.extend(rest.iter().map(|field| (field.clone(), None)));
            }
            b"DEL" => {
                let cleared = Changed { is_cleared: true, fields: BTreeMap::new() };
                self.changed.insert(key.clone(), cleared);
            }
            _ => {}
        }
    }
}

/// An answer as it would be once the changes are written.
fn overlay(found: Found<'_>, reads: &Reads, changed: Option<&Changed>, answers: &mut Answers) {
    let held = match (found, changed) {
        (Found::Refused(problem), _) => return answers.refuse(problem),
        (Found::Absent, None) => return answers.absent(),
        (Found::Hash(held), None) => Some(held),
        (Found::Absent, Some(_)) => None,
        (Found::Hash(held), Some(changed)) => (!changed.is_cleared).then_some(held),
    };
    let unchanged = Changed::default();
    let Changed { fields: changed, .. } = changed.unwrap_or(&unchanged);
    let is_set = changed.values().any(Option::is_some);
    if held.is_none() && !is_set {
        return answers.absent();
    }
    let mut hash = answers.hash();
    match reads {
        Reads::Fields(names) => {
            let mut parts = held.into_iter().flat_map(FoundFields::parts);
            for name in names {
                let part = parts.next().flatten();
                let part = changed.get(name.as_bytes()).map_or(part, |it| it.as_deref());
                hash.part(part);
            }
        }
        Reads::Whole => {
            let mut parts = held.into_iter().flat_map(FoundFields::parts).flatten();
            while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                if !changed.contains_key(name) {
                    hash.part(Some(name));
                    hash.part(Some(value));
                }
            }
            for (name, value) in changed.iter().filter_map(|(name, it)| Some((name, it.as_ref()?)))
            {
                hash.part(Some(name));
                hash.part(Some(value));
            }
        }
    }
    hash.end();
}
