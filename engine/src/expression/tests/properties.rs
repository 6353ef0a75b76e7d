//! Properties: canonical texts, decimals against `bigdecimal`, order, hostile input.

use super::super::Numeric;
use super::super::node::Arithmetic;
use super::*;
use crate::record::Decimal;
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode};
use proptest::prelude::*;

/// A fully parenthesised expression of any shape.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("`odd name`.b".to_owned()),
        Just("_key.k[0]".to_owned()),
        Just("_header['x'] || _topic".to_owned()),
        Just("a.end['x y'][-1]".to_owned()),
        any::<i64>().prop_map(|int| int.to_string()),
        "[0-9]{1,5}\\.[0-9]{1,5}",
        "[0-9]{1,3}(\\.[0-9]{1,3})?e-?[0-9]{1,2}",
        "'([a-z%_ ]|''){0,5}'",
        Just("NULL".to_owned()),
        Just("TRUE".to_owned()),
        Just("DATE '2026-11-21'".to_owned()),
        Just("TIMESTAMP '2026-11-21T02:58:11.123Z'".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let binary = prop::sample::select(vec![
            "OR",
            "AND",
            "=",
            "<>",
            "<",
            ">=",
            "||",
            "+",
            "-",
            "*",
            "/",
            "%",
            "LIKE",
            "IS DISTINCT FROM",
            "IS NOT DISTINCT FROM",
            "NOT LIKE",
        ]);
        let unary = prop::sample::select(vec!["NOT ", "-", "+"]);
        let behind = prop::sample::select(vec![
            ".f",
            "->f",
            "['k l']",
            "[0]",
            "[-1]",
            "[a]",
            "['x' || a]",
            " IS NULL",
            " IS NOT NULL",
            " LIKE 'a' ESCAPE '!'",
        ]);
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (inner.clone(), binary, inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            (unary, inner.clone()).prop_map(|(o, a)| format!("{o}({a})")),
            (inner.clone(), behind).prop_map(|(a, o)| format!("({a}){o}")),
            (inner.clone(), two.clone())
                .prop_map(|(a, (b, c))| { format!("({a}) NOT BETWEEN ({b}) AND ({c})") }),
            (inner.clone(), two.clone()).prop_map(|(a, (b, c))| format!("({a}) IN ({b}, {c})")),
            (inner.clone(), two.clone())
                .prop_map(|(a, (b, c))| { format!("CASE {a} WHEN {b} THEN {c} END") }),
            two.clone().prop_map(|(a, b)| format!("CASE WHEN {a} THEN {b} ELSE 1 END")),
            inner.clone().prop_map(|a| format!("CAST({a} AS DECIMAL(9, 2))")),
            two.clone().prop_map(|(a, b)| format!("ARRAY[{a}, {b}]")),
            two.clone().prop_map(|(a, b)| format!("MAP({a} := {b})")),
            two.prop_map(|(a, b)| format!("STRUCT(x := {a}, `y z` := {b})")),
        ]
    })
}

/// Two operators without parentheses hold together as the stronger says.
const LEVELS: &[&[&str]] =
    &[&["OR"], &["AND"], &["=", "<", "LIKE"], &["||"], &["+", "-"], &["*", "/", "%"]];

#[test]
fn stronger_operators_hold_together_and_equal_ones_from_the_left() {
    let parse = |text: &str| Expression::parse(text, 0).expect(text);
    for (i, first) in LEVELS.iter().enumerate() {
        for (j, second) in LEVELS.iter().enumerate() {
            for (one, two) in first.iter().flat_map(|a| second.iter().map(move |b| (a, b))) {
                let plain = parse(&format!("a {one} b {two} c"));
                let left = parse(&format!("(a {one} b) {two} c"));
                let right = parse(&format!("a {one} (b {two} c)"));
                assert_eq!(plain, if i < j { right } else { left }, "{one} {two}");
            }
        }
    }
}

fn big(decimal: Decimal) -> BigDecimal {
    BigDecimal::new(BigInt::from(decimal.unscaled), i64::from(decimal.scale))
}

fn decimal() -> impl Strategy<Value = Decimal> {
    let digits = prop_oneof![any::<i64>().prop_map(i128::from), any::<i128>(), -99i128..99];
    (digits, 0u8..=38).prop_map(|(unscaled, scale)| Decimal { unscaled, scale })
}

/// What fits a decimal of that scale.
fn fits(exact: &BigDecimal, scale: i64) -> bool {
    let (digits, _) = exact.with_scale(scale).into_bigint_and_exponent();
    i128::try_from(digits).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn canonical_texts_parse_back_to_the_same(text in expression()) {
        let parsed = Expression::parse(&text, 0).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let canonical = parsed.to_string();
        let again = Expression::parse(&canonical, 0);
        prop_assert_eq!(again.as_ref(), Ok(&parsed), "{} from {}", canonical, text);
        prop_assert_eq!(again.map(|again| again.to_string()), Ok(canonical));
    }

    #[test]
    fn no_text_is_too_much_for_the_parser(text in "[-a-z0-9'`() .,*=<>\\[\\]|:é]{0,40}") {
        let _ = Expression::parse(&text, 0);
        let _ = Selection::parse(&text);
    }

    #[test]
    fn decimals_are_computed_as_bigdecimal_does(a in decimal(), b in decimal()) {
        let (first, second) = (big(a), big(b));
        for operator in
            [Arithmetic::Add, Arithmetic::Subtract, Arithmetic::Multiply, Arithmetic::Remainder]
        {
            if operator == Arithmetic::Remainder && b.unscaled == 0 {
                continue;
            }
            let exact = match operator {
                Arithmetic::Add => &first + &second,
                Arithmetic::Subtract => &first - &second,
                Arithmetic::Multiply => &first * &second,
                _ => &first % &second,
            };
            let ours = Numeric::Decimal(a).arithmetic(operator, Numeric::Decimal(b));
            match ours {
                Ok(Numeric::Decimal(ours)) => {
                    let rounded = exact.with_scale_round(i64::from(ours.scale), RoundingMode::HalfUp);
                    prop_assert_eq!(big(ours), rounded, "{} {} {}", a, operator.symbol(), b);
                    if operator != Arithmetic::Multiply {
                        prop_assert_eq!(ours.scale, a.scale.max(b.scale));
                    }
                }
                Ok(other) => prop_assert!(false, "{other:?}"),
                Err(_) => {
                    // Both are brought to one scale first, or all digits multiplied.
                    let scale = i64::from(a.scale.max(b.scale));
                    let whole = i64::from(a.scale) + i64::from(b.scale);
                    let in_reach = match operator {
                        Arithmetic::Multiply => fits(&exact, whole),
                        _ => fits(&exact, scale) && fits(&first, scale) && fits(&second, scale),
                    };
                    prop_assert!(!in_reach, "{a} {} {b} = {exact}", operator.symbol());
                }
            }
        }
    }

    #[test]
    fn quotients_are_rounded_half_up(a in any::<i64>(), b in any::<i64>(), s in 0u8..9, t in 0u8..9) {
        prop_assume!(b != 0);
        let a = Decimal { unscaled: i128::from(a), scale: s };
        let b = Decimal { unscaled: i128::from(b), scale: t };
        match Numeric::Decimal(a).arithmetic(Arithmetic::Divide, Numeric::Decimal(b)) {
            Ok(Numeric::Decimal(ours)) => {
                // |a - ours * b| <= half a unit of the last digit, times |b|; exactly half goes away from zero.
                let rest = (big(a) - big(ours) * big(b)).abs() * BigDecimal::from(2);
                let unit = BigDecimal::new(BigInt::from(1), i64::from(ours.scale)) * big(b).abs();
                prop_assert!(rest <= unit, "{a} / {b} = {ours}");
                if rest == unit {
                    prop_assert!((big(ours) * big(b)).abs() > big(a).abs());
                }
                prop_assert!(ours.scale == 6.max(s + t + 1) || ours.unscaled.abs() > 1 << 60);
            }
            other => prop_assert!(false, "{a} / {b}: {other:?}"),
        }
    }

    #[test]
    fn numbers_are_ordered_as_their_texts_say(
        a in decimal(),
        b in decimal(),
        (digits, exponent) in (any::<i64>(), -20i32..20),
    ) {
        let d: f64 = format!("{digits}e{exponent}").parse().expect("a double");
        let (first, second) = (Numeric::Decimal(a), Numeric::Decimal(b));
        prop_assert_eq!(first.compare(second), Some(big(a).cmp(&big(b))));
        let shown: BigDecimal = zmij::Buffer::new().format_finite(d).parse().expect("digits");
        prop_assert_eq!(Numeric::Double(d).compare(first), Some(shown.cmp(&big(a))));
        prop_assert_eq!(first.compare(Numeric::Double(d)), Some(big(a).cmp(&shown)));
    }

    #[test]
    fn casting_to_a_decimal_rounds_half_up(a in decimal(), scale in 0u8..=38) {
        let cast = evaluate(&format!("CAST({a} AS DECIMAL(38, {scale}))"), "{}");
        let rounded = big(a).with_scale_round(i64::from(scale), RoundingMode::HalfUp);
        match cast {
            Outcome::Value(Some(text)) => {
                prop_assert_eq!(text.parse::<BigDecimal>().ok(), Some(rounded));
            }
            Outcome::Failed(_) => {
                let (digits, _) = rounded.with_scale(i64::from(scale)).into_bigint_and_exponent();
                prop_assert!(digits.to_string().trim_start_matches('-').len() > 38);
            }
            // The literal itself may have more than 38 digits.
            other => prop_assert!(a.unscaled.unsigned_abs() >= 10u128.pow(38), "{other:?}"),
        }
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = |open: &str, close: &str, n: usize| {
        Expression::parse(&format!("{}a{}", open.repeat(n), close.repeat(n)), 0)
    };
    assert!(deep("(", ")", 60).is_ok());
    for (open, close) in [("(", ")"), ("NOT ", ""), ("- ", ""), ("a[", "]"), ("ARRAY[", "]")] {
        assert!(deep(open, close, 10_000).is_err(), "{open}");
    }
    assert!(deep("CASE WHEN a THEN ", " END", 3_000).is_err());
    let long = vec!["a = 1"; 6_000].join(" OR ");
    let parsed = Expression::parse(&long, 0).expect("long chains are flat");
    assert_eq!(Expression::parse(&parsed.to_string(), 0), Ok(parsed));
    assert!(Expression::parse(&vec!["a"; 10_000].join(" + "), 0).is_err());
    assert!(Expression::parse(&" ".repeat(70_000), 0).is_err());
}

proptest! {
    #[test]
    fn a_comparison_with_a_constant_is_the_one_with_a_field(
        a in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,20})?(e-?[0-9])?",
        b in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?",
        comparison in prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]),
    ) {
        let record = format!("{{\"a\":{a},\"b\":{b}}}");
        let fused = evaluate(&format!("a {comparison} {b}"), &record);
        prop_assert_eq!(&fused, &evaluate(&format!("a {comparison} b"), &record));
        let swapped = evaluate(&format!("NOT ({b} {comparison} a)"), &record);
        prop_assert_eq!(swapped, evaluate(&format!("NOT (b {comparison} a)"), &record));
    }
}
