//! tests/data/expressions.golden: expression ⇥ record ⇥ what comes of it.

use super::{Outcome, evaluate};

const GOLDEN: &str = include_str!("../../../tests/data/expressions.golden");

/// `null`, `error: …` of the record, `refused: …` of the expression, or the text form.
fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Value(None) => "null".to_owned(),
        Outcome::Value(Some(text)) => text,
        Outcome::Refused(problem) => format!("refused: {problem}"),
        Outcome::Failed(problem) => format!("error: {problem}"),
    }
}

#[test]
fn every_line_evaluates_to_what_it_says() {
    let mut wrong = Vec::new();
    let mut lines = 0;
    for line in GOLDEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut columns = line.split('\t');
        let (Some(expression), Some(record), Some(expected), None) =
            (columns.next(), columns.next(), columns.next(), columns.next())
        else {
            panic!("not three columns: {line}");
        };
        lines += 1;
        let found = told(evaluate(expression, record));
        if found != expected {
            wrong
                .push(format!("{expression}\t{record}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {lines}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(lines >= 200, "{lines} lines");
}
