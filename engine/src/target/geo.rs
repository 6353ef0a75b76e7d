//! GEO: a record places a member on the map.

use super::keyed::{EXPIRY, KEY};
use super::members::{Deed, Deeds, MEMBER, MEMBER_DELETE_WHEN, MEMBER_TOMBSTONE, Members};
use super::operand::Operand;
use super::{Declared, Making, Place, Repeat, TargetRow, WriteError, Writer, expression};
use crate::expression::{Context, Expression, ExpressionError};
use crate::grammar::{Argument, Clause, CommandError, Kind, Match};
use crate::unit::{GroupKind, Keep};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// GEOADD's own limits (EPSG:900913).
const LONGITUDES: RangeInclusive<f64> = -180.0..=180.0;
/// The same, of latitudes.
const LATITUDES: RangeInclusive<f64> = -85.05112878..=85.05112878;

/// The table's row.
pub(super) const ROW: TargetRow = TargetRow::built(
    Clause {
        name: "GEO",
        summary: "a record places a member on the map",
        arguments: &[KEY],
        options: &[
            Argument::option("LON", "expression", Kind::Expression)
                .about("longitude, from -180 to 180 degrees"),
            Argument::option("LAT", "expression", Kind::Expression)
                .about("latitude, from -85.05112878 to 85.05112878 degrees"),
            MEMBER,
            EXPIRY,
            MEMBER_TOMBSTONE,
            MEMBER_DELETE_WHEN,
        ],
        trailing: None,
    },
    |matched| Ok(Arc::new(Geo::parse(matched)?)),
);

/// `GEO key LON expr LAT expr MEMBER expr`
#[derive(Debug)]
struct Geo {
    members: Members,
    longitude: Expression,
    latitude: Expression,
}

impl Geo {
    fn parse(matched: &Match<'_>) -> Result<Geo, CommandError> {
        Ok(Geo {
            members: Members::parse(matched)?,
            longitude: expression(matched.word_of("LON")?)?,
            latitude: expression(matched.word_of("LAT")?)?,
        })
    }
}

impl Declared for Geo {
    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["GEO".to_owned(), self.members.keyed.key.to_string()];
        words.extend(["LON".to_owned(), self.longitude.to_string()]);
        words.extend(["LAT".to_owned(), self.latitude.to_string()]);
        words.extend(self.members.words());
        words.extend(self.members.keyed.options());
        words
    }

    fn place(&self) -> Place<'_> {
        Place::Key(&self.members.keyed.key)
    }

    fn expressions(&self) -> Vec<(&'static str, &Expression)> {
        let mut all = vec![("LON", &self.longitude), ("LAT", &self.latitude)];
        all.extend(self.members.expressions());
        all
    }

    fn takes_selection(&self) -> bool {
        false
    }

    fn repeat(&self) -> Repeat {
        Repeat::Same
    }

    fn compile(&self, making: &mut Making<'_>) -> Result<Box<dyn Writer>, ExpressionError> {
        let longitude = Operand::new("LON", &self.longitude, making.layout)?;
        let latitude = Operand::new("LAT", &self.latitude, making.layout)?;
        self.members.compile(Placing { longitude, latitude }, Keep::All, making.layout)
    }
}

struct Placing {
    longitude: Operand,
    latitude: Operand,
}

impl Deeds for Placing {
    const KIND: GroupKind = GroupKind::Geo;

    fn deed(&self, context: &Context<'_>) -> Result<Deed, WriteError> {
        let longitude = self.longitude.number_in(context, &LONGITUDES)?;
        Ok(Deed::Place(longitude, self.latitude.number_in(context, &LATITUDES)?))
    }
}
