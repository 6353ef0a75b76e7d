//! A naive fold in other arithmetic.

use super::*;

/// An exact number as the text of a record writes it.
fn exact() -> impl Strategy<Value = Numeric> {
    prop_oneof![
        any::<i64>().prop_map(Numeric::Int),
        (any::<i64>(), 0u8..12).prop_map(|(unscaled, scale)| {
            Numeric::Decimal(Decimal { unscaled: i128::from(unscaled), scale })
        }),
    ]
}

fn big(number: Numeric) -> BigDecimal {
    let mut text = Vec::new();
    match number {
        Numeric::Int(int) => text.extend_from_slice(int.to_string().as_bytes()),
        Numeric::Decimal(decimal) => decimal.write(&mut text),
        Numeric::Double(_) => panic!("exact numbers only"),
    }
    BigDecimal::from_str(&self::text(&text)).expect("a number")
}

fn field(hashes: &Hashes, name: &str) -> BigDecimal {
    BigDecimal::from_str(&hashes["key:0"][name]).expect("a number")
}

fn run_split(records: &[Record], ends: &[usize]) -> Hashes {
    let (mut hashes, mut rest) = (Hashes::new(), records);
    for end in ends {
        let (unit, behind) = rest.split_at((*end).min(rest.len()));
        assert_eq!(run(unit, &mut hashes), [""; 0]);
        rest = behind;
    }
    hashes
}

proptest! {
    #[test]
    fn exact_numbers_agree_with_arbitrary_precision(
        numbers in prop::collection::vec((exact(), 0i64..1000), 1..40),
        ends in prop::collection::vec(1usize..9, 40),
    ) {
        let record = |(number, at): &(Numeric, i64)| {
            (0, Deed::Aggregate(Some(Given::Number(*number)), *at))
        };
        let records: Vec<Record> = numbers.iter().map(record).collect();
        let hashes = run_split(&records, &ends);
        let all: Vec<BigDecimal> = numbers.iter().map(|(number, _)| big(*number)).collect();
        let sum: BigDecimal = all.iter().sum();
        prop_assert_eq!(field(&hashes, "sum"), sum.clone());
        let scale = sum.fractional_digit_count();
        prop_assert_eq!(hashes["key:0"]["n"].clone(), all.len().to_string());
        prop_assert_eq!(Some(&field(&hashes, "least")), all.iter().min());
        prop_assert_eq!(Some(&field(&hashes, "most")), all.iter().max());
        // All digits there is room for: 38 would hold these with a scale of 19.
        let mean = (&sum / BigDecimal::from(all.len() as u64))
            .with_scale_round((scale + 1).max(6), RoundingMode::HalfUp);
        let found = field(&hashes, "mean");
        prop_assert_eq!(found.with_scale_round((scale + 1).max(6), RoundingMode::HalfUp), mean);
        let shown = |place: usize| format!("{:?}", Given::Number(numbers[place].0));
        prop_assert_eq!(&hashes["key:0"]["first"], &shown(0));
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by_key(|&place| numbers[place].1);
        prop_assert_eq!(&hashes["key:0"]["early"], &shown(order[0]));
        prop_assert_eq!(&hashes["key:0"]["late"], &shown(order[order.len() - 1]));
    }

    #[test]
    fn doubles_are_summed_in_order_and_come_back_from_their_texts(
        numbers in prop::collection::vec(
            prop_oneof![any::<f32>().prop_map(f64::from), -1e9f64..1e9, Just(-0.0)]
                .prop_filter("finite", |number| number.is_finite()), 1..40),
        ends in prop::collection::vec(1usize..9, 40),
    ) {
        let record = |number: &f64| {
            (0, Deed::Aggregate(Some(Given::Number(Numeric::Double(*number))), 0))
        };
        let records: Vec<Record> = numbers.iter().map(record).collect();
        let hashes = run_split(&records, &ends);
        let mut sum = numbers[0];
        numbers[1..].iter().for_each(|number| sum += number);
        let found = |name: &str| -> f64 { hashes["key:0"][name].parse().expect("a number") };
        prop_assert_eq!(found("sum").to_bits(), sum.to_bits());
        prop_assert_eq!(found("mean"), sum / numbers.len() as f64);
        prop_assert_eq!(found("least"), numbers.iter().copied().fold(f64::INFINITY, f64::min));
        prop_assert_eq!(found("most"), numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    }
}
