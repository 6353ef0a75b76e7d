//! Angles and circles.

use super::{Call, Fault, Function, Group, Returns, number, text};
use crate::record::Value;

/// A row of a function of one double.
macro_rules! of_double {
    ($name:literal, $call:expr, $summary:literal, $examples:expr) => {
        Function::new(
            Group::Number,
            $name,
            &[number("number")],
            Returns::Double,
            |call| Ok(Value::Double($call(call.double(0)?))),
            $summary,
            $examples,
        )
    };
}

pub(super) const TABLE: &[Function] = &[
    of_double!(
        "sin",
        f64::sin,
        "The sine of radians.",
        &[("sin(0)", "0.0"), ("round(sin(pi() / 2), 9)", "1.0")]
    ),
    of_double!(
        "cos",
        f64::cos,
        "The cosine of radians.",
        &[("cos(0)", "1.0"), ("round(cos(pi()), 9)", "-1.0")]
    ),
    of_double!(
        "tan",
        f64::tan,
        "The tangent of radians.",
        &[("tan(0)", "0.0"), ("round(tan(pi() / 4), 9)", "1.0")]
    ),
    of_double!(
        "cot",
        |x: f64| 1.0 / x.tan(),
        "The cotangent of radians.",
        &[("cot(0)", "Infinity"), ("round(cot(pi() / 4), 9)", "1.0")]
    ),
    of_double!(
        "asin",
        f64::asin,
        "The arc sine, in radians; NaN beyond -1 to 1.",
        &[("asin(0)", "0.0"), ("asin(2)", "NaN")]
    ),
    of_double!(
        "acos",
        f64::acos,
        "The arc cosine, in radians; NaN beyond -1 to 1.",
        &[("acos(1)", "0.0"), ("acos(2)", "NaN")]
    ),
    of_double!(
        "atan",
        f64::atan,
        "The arc tangent, in radians.",
        &[("atan(0)", "0.0"), ("round(degrees(atan(1)), 9)", "45.0")]
    ),
    of_double!(
        "sinh",
        f64::sinh,
        "The hyperbolic sine.",
        &[("sinh(0)", "0.0"), ("round(sinh(1), 6)", "1.175201")]
    ),
    of_double!(
        "cosh",
        f64::cosh,
        "The hyperbolic cosine.",
        &[("cosh(0)", "1.0"), ("round(cosh(1), 6)", "1.543081")]
    ),
    of_double!(
        "tanh",
        f64::tanh,
        "The hyperbolic tangent.",
        &[("tanh(0)", "0.0"), ("round(tanh(1), 6)", "0.761594")]
    ),
    of_double!(
        "degrees",
        f64::to_degrees,
        "Radians in degrees.",
        &[("degrees(pi())", "180.0"), ("degrees(0)", "0.0")]
    ),
    of_double!(
        "radians",
        f64::to_radians,
        "Degrees in radians.",
        &[("radians(180)", "3.141592653589793"), ("radians(0)", "0.0")]
    ),
    Function::new(
        Group::Number,
        "atan2",
        &[number("y"), number("x")],
        Returns::Double,
        |call| Ok(Value::Double(call.double(0)?.atan2(call.double(1)?))),
        "The angle of the point (x, y), in radians.",
        &[("atan2(0, 1)", "0.0"), ("degrees(atan2(1, 0))", "90.0")],
    ),
    Function::new(
        Group::Number,
        "pi",
        &[],
        Returns::Double,
        |_| Ok(Value::Double(std::f64::consts::PI)),
        "The number pi.",
        &[("pi()", "3.141592653589793"), ("floor(pi())", "3.0")],
    ),
    Function::new(
        Group::Number,
        "geo_distance",
        &[number("lat1"), number("lon1"), number("lat2"), number("lon2"), text("unit")],
        Returns::Double,
        geo_distance,
        "The great-circle distance between two places in degrees, in kilometers (`'KM'`) or miles \
         (`'MI'`), on a sphere with a radius of 6371 km or 3959 miles.",
        &[
            ("round(geo_distance(48.11, 16.57, 47.46, 8.55), 1)", "603.3"),
            ("round(geo_distance(0, 0, 0, 180, 'miles'), 0)", "12438.0"),
        ],
    )
    .required(4),
];

fn geo_distance<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let radius = match call.arguments.len() > 4 {
        true => radius(call.text(4)?)?,
        false => 6371.0,
    };
    let (lat1, lon1, lat2, lon2) =
        (call.double(0)?, call.double(1)?, call.double(2)?, call.double(3)?);
    // Written so that NaN is refused too.
    if ![lat1, lat2].iter().all(|lat| lat.abs() <= 90.0) {
        return Err(Fault::from("a latitude beyond -90 to 90 degrees"));
    }
    if ![lon1, lon2].iter().all(|lon| lon.abs() <= 180.0) {
        return Err(Fault::from("a longitude beyond -180 to 180 degrees"));
    }
    // The haversine formula.
    let half = |difference: f64| (difference.to_radians() / 2.0).sin().powi(2);
    let across = half(lon2 - lon1) * lat1.to_radians().cos() * lat2.to_radians().cos();
    let angle = 2.0 * (half(lat2 - lat1) + across).min(1.0).sqrt().asin();
    Ok(Value::Double(angle * radius))
}

fn radius(unit: &str) -> Result<f64, Fault> {
    let unit = unit.trim();
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(unit));
    match () {
        () if is(&["", "km", "kilometer", "kilometers", "kilometre", "kilometres"]) => Ok(6371.0),
        () if is(&["mi", "mile", "miles"]) => Ok(3959.0),
        () => Err(format!("unknown unit '{}'; KM or MILES", super::call::short(unit)).into()),
    }
}
