//! `iteration`: values that count up or down and start again.
//!
//! The arithmetic is the reference's (`IntegralIterator`, `DecimalIterator` of its
//! `Generator.java`): the distance from `start` grows by `step`, modulo the distance of
//! `restart`. Floating-point values are counted in decimals, so that ten steps of 0.1 are 1.

use super::annotation::{Annotations, SchemaError};
use bigdecimal::{BigDecimal, Zero};
use serde_json::{Map, Value as Json};
use std::cell::{Cell, RefCell};
use std::str::FromStr;

const MEMBERS: [&str; 4] = ["start", "restart", "step", "initial"];

/// Whole numbers from `start` towards `restart`, which is never reached.
#[derive(Debug)]
pub struct IntegralIteration {
    start: i128,
    /// Distance of `restart` from `start`, positive.
    span: i128,
    step: i128,
    current: Cell<i128>,
}

impl IntegralIteration {
    /// Takes `iteration` for a type whose values run from `min` to `max`.
    ///
    /// # Errors
    /// A member is no whole number of that type, or step, start and restart contradict each other.
    pub fn take(
        annotations: &mut Annotations,
        min: i64,
        max: i64,
    ) -> Result<Option<IntegralIteration>, SchemaError> {
        let Some(members) = annotations.take_object("iteration", &MEMBERS)? else {
            return Ok(None);
        };
        let number = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(json) => match json.as_i64() {
                Some(number) if (min..=max).contains(&number) => Ok(Some(i128::from(number))),
                _ => Err(annotations.error(format!(
                    "iteration: {name} must be a whole number from {min} to {max}, not {json}"
                ))),
            },
        };
        let (restart, step) = (number("restart")?, number("step")?);
        let start = number("start")?.ok_or_else(|| annotations.error("iteration needs start"))?;
        let down = check_direction(annotations, &start, restart.as_ref(), step.as_ref())?;
        let end = i128::from(if down { min } else { max });
        // A count that is never to start again still ends with its type.
        let span = restart.map_or((end - start).abs() + 1, |restart| (restart - start).abs());
        let step = step.unwrap_or(if down { -1 } else { 1 });
        let current = Cell::new(number("initial")?.unwrap_or(start) - start);
        Ok(Some(IntegralIteration { start, span, step, current }))
    }

    /// The next number; within the type's bounds.
    pub fn next(&self) -> i64 {
        let current = self.current.get();
        self.current.set((current + self.step).abs() % self.span * self.step.signum());
        i64::try_from(self.start + current).unwrap_or_default()
    }
}

/// Decimal numbers from `start` towards `restart`, which is never reached.
#[derive(Debug)]
pub struct DecimalIteration {
    start: BigDecimal,
    /// Distance of `restart` from `start`; without one it counts on for ever.
    span: Option<BigDecimal>,
    step: BigDecimal,
    current: RefCell<BigDecimal>,
}

impl DecimalIteration {
    /// Takes `iteration` for a float or double.
    ///
    /// # Errors
    /// A member is no number, or step, start and restart contradict each other.
    pub fn take(annotations: &mut Annotations) -> Result<Option<DecimalIteration>, SchemaError> {
        let Some(members) = annotations.take_object("iteration", &MEMBERS)? else {
            return Ok(None);
        };
        let number = |name: &str| decimal(annotations, &members, name);
        let (restart, step) = (number("restart")?, number("step")?);
        let start = number("start")?.ok_or_else(|| annotations.error("iteration needs start"))?;
        let down = check_direction(annotations, &start, restart.as_ref(), step.as_ref())?;
        let step = step.unwrap_or_else(|| BigDecimal::from(if down { -1 } else { 1 }));
        let current = number("initial")?.unwrap_or_else(|| start.clone()) - &start;
        let span = restart.map(|restart| restart - &start);
        Ok(Some(DecimalIteration { start, span, step, current: RefCell::new(current) }))
    }

    /// The next number.
    pub fn next(&self) -> BigDecimal {
        let mut current = self.current.borrow_mut();
        let result = &*current + &self.start;
        let next = &*current + &self.step;
        *current = match &self.span {
            Some(span) => next % span,
            None => next,
        };
        result
    }
}

fn decimal(
    annotations: &Annotations,
    members: &Map<String, Json>,
    name: &str,
) -> Result<Option<BigDecimal>, SchemaError> {
    let Some(json) = members.get(name) else {
        return Ok(None);
    };
    json.as_f64()
        .filter(|number| number.is_finite())
        // The shortest text of the double, as in the reference: 0.1 counts in tenths.
        .and_then(|number| BigDecimal::from_str(&number.to_string()).ok())
        .map(Some)
        .ok_or_else(|| annotations.error(format!("iteration: {name} must be a number, not {json}")))
}

/// Whether the count goes down; an error where the members contradict each other.
fn check_direction<N: Zero + PartialOrd>(
    annotations: &Annotations,
    start: &N,
    restart: Option<&N>,
    step: Option<&N>,
) -> Result<bool, SchemaError> {
    if step.is_some_and(Zero::is_zero) {
        return Err(annotations.error("iteration: step cannot be 0"));
    }
    if restart == Some(start) {
        return Err(annotations.error("iteration: start and restart cannot be equal"));
    }
    let step_down = step.map(|step| *step < N::zero());
    let range_down = restart.map(|restart| restart < start);
    match (step_down, range_down) {
        (Some(step), Some(range)) if step != range => {
            Err(annotations.error("iteration: step must lead from start towards restart"))
        }
        (step, range) => Ok(step.or(range).unwrap_or(false)),
    }
}

/// True and false in turn.
#[derive(Debug)]
pub struct BooleanIteration(Cell<bool>);

impl BooleanIteration {
    /// Takes `iteration` for a boolean.
    ///
    /// # Errors
    /// It has no `start`, or anything beside it.
    pub fn take(annotations: &mut Annotations) -> Result<Option<BooleanIteration>, SchemaError> {
        let Some(members) = annotations.take_object("iteration", &["start"])? else {
            return Ok(None);
        };
        match members.get("start") {
            Some(Json::Bool(start)) => Ok(Some(BooleanIteration(Cell::new(*start)))),
            _ => Err(annotations.error("iteration: start must be true or false")),
        }
    }

    /// The next of the two.
    pub fn next(&self) -> bool {
        self.0.replace(!self.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn annotations(iteration: Json) -> Annotations {
        Annotations::new("here", Some(&json!({ "iteration": iteration }))).unwrap()
    }

    fn integral(iteration: Json) -> Result<IntegralIteration, SchemaError> {
        IntegralIteration::take(&mut annotations(iteration), i32::MIN.into(), i32::MAX.into())
            .map(Option::unwrap)
    }

    fn first<T>(count: usize, next: impl Fn() -> T) -> Vec<T> {
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn counts_and_starts_again() {
        let up = integral(json!({"start": 0, "restart": 3})).unwrap();
        assert_eq!(first(5, || up.next()), [0, 1, 2, 0, 1]);
        let down = integral(json!({"start": 2, "restart": -3, "step": -2})).unwrap();
        assert_eq!(first(5, || down.next()), [2, 0, -2, 1, -1]);
        let later =
            integral(json!({"start": 10, "restart": 14, "step": 2, "initial": 12})).unwrap();
        assert_eq!(first(3, || later.next()), [12, 10, 12]);
    }

    #[test]
    fn without_restart_ends_with_the_type() {
        let last = integral(json!({"start": 0, "initial": i32::MAX})).unwrap();
        assert_eq!(first(2, || last.next()), [i64::from(i32::MAX), 0]);
        let down = integral(json!({"start": 0, "step": -1, "initial": i32::MIN})).unwrap();
        assert_eq!(first(2, || down.next()), [i64::from(i32::MIN), 0]);
    }

    #[test]
    fn decimals_do_not_drift() {
        let tenths = DecimalIteration::take(&mut annotations(
            json!({"start": 0, "restart": 1, "step": 0.1}),
        ));
        let tenths = tenths.unwrap().unwrap();
        let texts = first(12, || tenths.next().normalized().to_string());
        assert_eq!(texts[3], "0.3");
        assert_eq!(texts[10..], ["0", "0.1"]);
    }

    #[test]
    fn booleans_take_turns() {
        let turns =
            BooleanIteration::take(&mut annotations(json!({"start": true}))).unwrap().unwrap();
        assert_eq!(first(3, || turns.next()), [true, false, true]);
    }

    #[test]
    fn contradictions_are_refused() {
        for wrong in [
            json!({"restart": 3}),
            json!({"start": 3, "restart": 3}),
            json!({"start": 0, "step": 0}),
            json!({"start": 0, "restart": 5, "step": -1}),
            json!({"start": 0, "restart": -5, "step": 1}),
            json!({"start": 0.5}),
            json!({"start": 3_000_000_000_i64}),
            json!({"start": 0, "stop": 5}),
            json!(7),
        ] {
            assert!(integral(wrong.clone()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn stays_between_start_and_restart(start in -1000_i32..1000, restart in -1000_i32..1000, step in 1_i32..2500) {
            prop_assume!(start != restart);
            let step = if restart < start { -step } else { step };
            let numbers = integral(json!({"start": start, "restart": restart, "step": step})).unwrap();
            let (low, high) = (start.min(restart + 1), start.max(restart - 1));
            for number in first(100, || numbers.next()) {
                prop_assert!((i64::from(low)..=i64::from(high)).contains(&number), "{}", number);
            }
        }
    }
}
