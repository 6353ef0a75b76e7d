//! What is read of a record: the decoders' side of compiled expressions.

/// One step from a value into a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// `.name` or `['name']`: a record's field or a map's entry.
    Field(String),
    /// `[n]`: an array's element from 0, or from its end when negative (-1 is the last).
    Index(i64),
}

/// Which parts of a key or value are read. A decoder leaves out the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether all top-level fields are read, by name and in source order (`*`).
    pub every_field: bool,
    /// Paths from the value's top; a path's place is its slot's number. The
    /// empty path is the value as a whole.
    pub paths: Vec<Vec<Step>>,
}

impl Wanted {
    /// The slot of a path, added when it is new.
    pub fn slot(&mut self, path: &[Step]) -> usize {
        let known = self.paths.iter().position(|other| other == path);
        known.unwrap_or_else(|| {
            self.paths.push(path.to_vec());
            self.paths.len() - 1
        })
    }
}
