//! Of how many records of a unit each route wrote something.

/// Counts by route number; a record that is rolled back counts for none.
#[derive(Debug, Default)]
pub(super) struct RouteCounts {
    /// The routes of the record being written.
    record: Vec<usize>,
    unit: Vec<u64>,
}

impl RouteCounts {
    pub fn begin_record(&mut self) {
        self.record.clear();
    }

    pub fn count(&mut self, route: usize) {
        self.record.push(route);
    }

    /// The record stays.
    pub fn end_record(&mut self) {
        for route in self.record.drain(..) {
            if self.unit.len() <= route {
                self.unit.resize(route + 1, 0);
            }
            if let Some(count) = self.unit.get_mut(route) {
                *count += 1;
            }
        }
    }

    /// Hands the counts over and starts anew.
    pub fn finish(&mut self, counts: &mut Vec<u64>) {
        counts.extend_from_slice(&self.unit);
        self.unit.clear();
    }
}
