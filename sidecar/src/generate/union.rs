//! Unions: which branch is taken.

use super::annotation::{Annotations, SchemaError};
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::StdRng;

/// How far the probabilities of a distribution may be from 1 in sum: what decimals lose in binary.
const SUM_TOLERANCE: f64 = 1e-9;

/// How a branch of a union is chosen.
#[derive(Debug)]
pub enum Choice {
    /// Each of so many as likely as the others.
    Even(usize),
    /// Always this one.
    Position(usize),
    /// By probabilities.
    Distribution(WeightedIndex<f64>),
}

impl Choice {
    /// Takes `position` or `distribution` for a union of `branches` branches.
    ///
    /// # Errors
    /// There is no such branch, or the probabilities do not sum to 1.
    pub fn take(annotations: &mut Annotations, branches: usize) -> Result<Choice, SchemaError> {
        if let Some(position) = annotations.take("position") {
            return position
                .as_u64()
                .and_then(|position| usize::try_from(position).ok())
                .filter(|position| *position < branches)
                .map(Choice::Position)
                .ok_or_else(|| {
                    annotations.error(format!(
                        "position must be 0 to {}, not {position}",
                        branches.saturating_sub(1)
                    ))
                });
        }
        let names: Vec<String> = (0..branches).map(|branch| branch.to_string()).collect();
        let members: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(distribution) = annotations.take_object("distribution", &members)? else {
            return Ok(Choice::Even(branches));
        };
        let weights = members
            .iter()
            .map(|name| match distribution.get(*name) {
                None => Ok(0.0),
                Some(json) => {
                    json.as_f64().filter(|odds| (0.0..=1.0).contains(odds)).ok_or_else(|| {
                        annotations.error(format!(
                            "distribution: a probability is a number from 0.0 to 1.0, not {json}"
                        ))
                    })
                }
            })
            .collect::<Result<Vec<f64>, _>>()?;
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(annotations
                .error(format!("distribution: all probabilities must sum to 1, not {sum}")));
        }
        WeightedIndex::new(weights)
            .map(Choice::Distribution)
            .map_err(|error| annotations.error(format!("distribution: {error}")))
    }

    /// The next branch's position.
    pub fn draw(&self, rng: &mut StdRng) -> usize {
        match self {
            Choice::Even(branches) => rng.random_range(0..(*branches).max(1)),
            Choice::Position(position) => *position,
            Choice::Distribution(weights) => weights.sample(rng),
        }
    }
}
