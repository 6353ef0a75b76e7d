//! `options`: values that are listed, in the schema or in a file.

use super::annotation::{Annotations, SchemaError};
use super::avro_json;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::NamesRef;
use apache_avro::{Schema, types::Value};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::Value as Json;
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Most values an options file may hold.
const MAX_OPTIONS: usize = 1 << 20;

/// The listed values of one place in a schema.
#[derive(Debug)]
pub struct Options {
    values: RefCell<Vec<Value>>,
    order: Order,
}

#[derive(Debug, PartialEq, Eq)]
enum Order {
    /// Any, again and again.
    Random,
    /// Each once.
    Unique,
}

/// What options are checked against and where their files are looked for.
pub struct OptionsContext<'a> {
    /// The whole schema.
    pub root: &'a Schema,
    /// Its named types.
    pub names: &'a NamesRef<'a>,
    /// The directory of the schema's own file.
    pub directory: Option<&'a Path>,
}

impl Options {
    /// Takes `options` and `unique` for values of `schema`.
    ///
    /// # Errors
    /// A value does not fit the schema, the list is empty, or the file cannot be read.
    pub fn take(
        annotations: &mut Annotations,
        schema: &Schema,
        context: &OptionsContext,
    ) -> Result<Option<Options>, SchemaError> {
        let Some(options) = annotations.take("options") else {
            return Ok(None);
        };
        let order = if annotations.take_flag("unique")? { Order::Unique } else { Order::Random };
        let values = match options {
            Json::Array(list) => list
                .iter()
                .map(|option| fit(annotations, option, Notation::Bare, schema, context))
                .collect::<Result<Vec<_>, _>>()?,
            Json::Object(file) => {
                let member = |name: &str| file.get(name).and_then(Json::as_str);
                let (Some(path), Some(encoding)) = (member("file"), member("encoding")) else {
                    return Err(annotations
                        .error("options needs 'file' and 'encoding' when it is an object"));
                };
                read(annotations, path, encoding, schema, context)?
            }
            other => {
                return Err(annotations
                    .error(format!("options must be an array or an object, not {other}")));
            }
        };
        if values.is_empty() {
            return Err(annotations.error("options cannot be empty"));
        }
        Ok(Some(Options { values: RefCell::new(values), order }))
    }

    /// The next value.
    ///
    /// # Errors
    /// All unique ones were given out.
    pub fn draw(&self, rng: &mut StdRng) -> Result<Value, String> {
        let mut values = self.values.borrow_mut();
        if values.is_empty() {
            return Err(
                "all unique options are used up; ask for fewer records with --count".to_owned()
            );
        }
        let at = rng.random_range(0..values.len());
        match self.order {
            Order::Unique => Ok(values.swap_remove(at)),
            Order::Random => values.get(at).cloned().ok_or_else(|| "no option".to_owned()),
        }
    }
}

/// How an option stands in JSON.
#[derive(Clone, Copy)]
enum Notation {
    /// In the schema.
    Bare,
    /// In a file.
    AvroJson,
}

/// A JSON option as a value of `schema`.
fn fit(
    annotations: &Annotations,
    option: &Json,
    notation: Notation,
    schema: &Schema,
    context: &OptionsContext,
) -> Result<Value, SchemaError> {
    let value = match notation {
        Notation::Bare => avro_json::bare(option, schema, context.names),
        Notation::AvroJson => avro_json::decode(option, schema, context.names),
    };
    value.map_err(|error| annotations.error(format!("option {option} does not fit: {error}")))
}

fn read(
    annotations: &Annotations,
    path: &str,
    encoding: &str,
    schema: &Schema,
    context: &OptionsContext,
) -> Result<Vec<Value>, SchemaError> {
    let path = locate(path, context.directory);
    let wrong = |error: &dyn std::fmt::Display| {
        annotations.error(format!("options file {}: {error}", path.display()))
    };
    let file = std::fs::File::open(&path).map_err(|error| wrong(&error))?;
    let mut file = BufReader::new(file);
    let values: Vec<Value> = match encoding {
        "json" => json_values(&mut file, schema)
            .map_err(|error| wrong(&error))?
            .iter()
            .map(|option| fit(annotations, option, Notation::AvroJson, schema, context))
            .collect::<Result<_, _>>()?,
        "binary" => binary_values(&mut file, schema, context).map_err(|error| wrong(&error))?,
        other => {
            return Err(annotations
                .error(format!("options: encoding must be json or binary, not '{other}'")));
        }
    };
    match values.len() <= MAX_OPTIONS {
        true => Ok(values),
        false => Err(wrong(&format!("it holds more than {MAX_OPTIONS} options"))),
    }
}

/// A relative path is looked for beside the schema first, then (as the reference does) in the
/// working directory.
fn locate(path: &str, directory: Option<&Path>) -> PathBuf {
    match directory.map(|directory| directory.join(path)) {
        Some(beside) if beside.exists() => beside,
        _ => PathBuf::from(path),
    }
}

/// Values one after the other, or in one array (unless each is itself to be an array).
fn json_values(file: &mut impl Read, schema: &Schema) -> Result<Vec<Json>, serde_json::Error> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_reader(file).into_iter().take(MAX_OPTIONS + 1) {
        match value? {
            Json::Array(list) if !matches!(schema, Schema::Array(_)) => values.extend(list),
            value => values.push(value),
        }
    }
    Ok(values)
}

/// Avro's binary encoding, values one after the other.
fn binary_values(
    file: &mut impl BufRead,
    schema: &Schema,
    context: &OptionsContext,
) -> Result<Vec<Value>, apache_avro::Error> {
    let reader =
        GenericDatumReader::builder(schema).writer_schemata(vec![context.root])?.build()?;
    let mut values = Vec::new();
    while values.len() <= MAX_OPTIONS
        && !file.fill_buf().map_err(apache_avro::error::Details::ReadBytes)?.is_empty()
    {
        values.push(reader.read_value(file)?);
    }
    Ok(values)
}
