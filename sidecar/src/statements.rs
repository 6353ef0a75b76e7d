//! The file of statements: what it says, and what is wrong with it.

use redis_kafka_engine::command::{CommandError, Route, Statement, Subscribe, lines, parse};
use redis_kafka_engine::kafka::{Connection, ConnectionError, Profiles, RegistryName};
use redis_kafka_engine::nearest::nearest;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The most bytes of a file: some ten thousand statements.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// One command of the file: most declare a subscription or a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The number of its first line, counted from 1.
    pub line: usize,
    /// What it says.
    pub statement: Statement,
}

impl Declared {
    /// The name that it declares; empty where it declares nothing.
    pub fn name(&self) -> &str {
        match &self.statement {
            Statement::Subscribe(Subscribe { name, .. }) | Statement::Route(Route { name, .. }) => {
                name
            }
            _ => "",
        }
    }
}

/// What is wrong, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// One line, with the way out.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// The file's bytes.
///
/// # Errors
/// It cannot be read, or is larger than 4 MiB.
pub fn load(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        let problem = format!("larger than {FILE_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// What a file says, in its order, and every statement that cannot be understood.
pub fn read(file: &[u8]) -> (Vec<Declared>, Vec<Problem>) {
    let lines = match lines::read(file) {
        Ok(lines) => lines,
        Err(error) => {
            let problem = Problem { line: error.number, what: error.problem.to_string() };
            return (Vec::new(), vec![problem]);
        }
    };
    let (mut declared, mut problems) = (Vec::new(), Vec::new());
    for line in lines {
        let words: Vec<&[u8]> = line.words.iter().map(Vec::as_slice).collect();
        match parse(&words) {
            Ok(statement) => declared.push(Declared { line: line.number, statement }),
            Err(error) => problems.push(Problem { line: line.number, what: without_code(&error) }),
        }
    }
    (declared, problems)
}

/// What is wrong with the declarations as a whole: names that are taken or lead nowhere, routes
/// that do not suit their subscription.
pub fn check(declared: &[Declared], profiles: &Profiles) -> Vec<Problem> {
    let names = Names::of(declared);
    let mut problems = Vec::new();
    for one in declared.iter().filter(|one| !one.name().is_empty()) {
        let mut report = |what: String| problems.push(Problem { line: one.line, what });
        if let Some(first) = names.lines.get(one.name()).filter(|first| **first != one.line) {
            report(format!("the name '{}' is taken by line {first}", one.name()));
        }
        match &one.statement {
            Statement::Subscribe(subscribe) => {
                names.check_subscription(subscribe, profiles).into_iter().for_each(&mut report);
            }
            Statement::Route(route) => {
                names.check_route(route, profiles).into_iter().for_each(&mut report);
            }
            _ => {}
        }
    }
    problems
}

/// What the file's names stand for; of two equal ones the first counts.
struct Names<'a> {
    lines: BTreeMap<&'a str, usize>,
    subscriptions: BTreeMap<&'a str, &'a Subscribe>,
}

impl<'a> Names<'a> {
    fn of(declared: &'a [Declared]) -> Names<'a> {
        let mut names = Names { lines: BTreeMap::new(), subscriptions: BTreeMap::new() };
        for one in declared.iter().filter(|one| !one.name().is_empty()) {
            names.lines.entry(one.name()).or_insert(one.line);
            if let Statement::Subscribe(subscribe) = &one.statement {
                names.subscriptions.entry(one.name()).or_insert(subscribe);
            }
        }
        names
    }

    fn check_subscription(&self, subscribe: &Subscribe, profiles: &Profiles) -> Vec<String> {
        let mut problems = Vec::new();
        if let Connection::Profile(profile) = &subscribe.connection {
            problems.extend(lacks_brokers(profile, profiles));
        }
        problems.extend(subscribe.registry.as_ref().and_then(|name| lacks_schemas(name, profiles)));
        problems.extend(self.check_after(subscribe));
        problems
    }

    /// AFTER must lead to a subscription, and never back.
    fn check_after(&self, subscribe: &Subscribe) -> Option<String> {
        let mut after = subscribe.after.as_deref()?;
        if !self.subscriptions.contains_key(after) {
            return Some(format!("AFTER {after}: {}", self.unknown(after)));
        }
        for _ in 0..self.subscriptions.len() {
            if after == subscribe.name {
                return Some(format!("'{after}' waits for itself by way of AFTER"));
            }
            after = self.subscriptions.get(after).and_then(|next| next.after.as_deref())?;
        }
        None
    }

    fn check_route(&self, route: &Route, profiles: &Profiles) -> Vec<String> {
        let Some(subscribe) = self.subscriptions.get(route.from.as_str()) else {
            return vec![format!("FROM {}: {}", route.from, self.unknown(&route.from))];
        };
        let suits = route.check(None, subscribe.envelope);
        let sends = route.check_sends(subscribe);
        let registry = route.target.sends().and_then(|sends| sends.registry);
        let refused = [suits, sends].into_iter().filter_map(|result| result.err());
        let mut problems: Vec<_> = refused.map(|error| without_code(&error)).collect();
        problems.extend(registry.and_then(|name| lacks_schemas(name, profiles)));
        problems
    }

    fn unknown(&self, name: &str) -> String {
        match nearest(name, self.subscriptions.keys().copied()) {
            Some(near) => format!("the file has no such subscription; did you mean '{near}'?"),
            None => "the file has no such subscription; declare it in the same file".to_owned(),
        }
    }
}

/// In a file there is no reply that would need a code.
fn without_code(error: &CommandError) -> String {
    let text = error.to_string();
    text.strip_prefix("ERR ").map(str::to_owned).unwrap_or(text)
}

fn lacks_brokers(name: &str, profiles: &Profiles) -> Option<String> {
    match profiles.get(name) {
        Err(error) => Some(format!("CONNECTION: {error}")),
        Ok(profile) if profile.has("bootstrap.servers") => None,
        Ok(_) => Some(format!("CONNECTION: {}", ConnectionError::NoBrokers(name.to_owned()))),
    }
}

fn lacks_schemas(registry: &RegistryName, profiles: &Profiles) -> Option<String> {
    const SOURCES: [&str; 3] = ["schema.registry.url", "key.schema.file", "value.schema.file"];
    let RegistryName::Profile(name) = registry else { return None };
    match profiles.get(name) {
        Err(error) => Some(format!("REGISTRY: {error}")),
        Ok(profile) if SOURCES.iter().any(|source| profile.has(source)) => None,
        Ok(_) => Some(format!(
            "REGISTRY: connection profile '{name}' has no schema.registry.url and no schema file"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn problems(file: &str) -> Vec<String> {
        let mut profiles = tempfile::NamedTempFile::new().unwrap();
        let text = "[cloud]\nbootstrap.servers = \"h:1\"\n[registry]\nschema.registry.url = \"http://h\"\n";
        profiles.write_all(text.as_bytes()).unwrap();
        let profiles = Profiles::read(profiles.path()).unwrap();
        let (declared, mut problems) = read(file.as_bytes());
        problems.extend(check(&declared, &profiles));
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_right_file_has_no_problems_and_keeps_its_order() {
        let file = "# sensors\nKAFKA.SUBSCRIBE s TOPIC t CONNECTION cloud VALUE AVRO REGISTRY registry\n\
            KAFKA.ROUTE latest FROM s\n  TO HASH \"s:%{id}\"\nKAFKA.SUBSCRIBE b TOPIC t BROKERS h:1 AFTER s\n";
        assert_eq!(problems(file), Vec::<String>::new());
        let (declared, _) = read(file.as_bytes());
        let places: Vec<_> = declared.iter().map(|one| (one.line, one.name())).collect();
        assert_eq!(places, [(2, "s"), (3, "latest"), (5, "b")]);
    }

    #[test]
    fn each_problem_names_its_line_and_the_way_out() {
        let route = "KAFKA.ROUTE r FROM";
        for (file, words) in [
            ("\nKAFKA.SUBSCRIBE s TOPIC", ["2: KAFKA.SUBSCRIBE", "missing"]),
            ("KAFKA.PAUSE", ["1: KAFKA.PAUSE", "missing"]),
            ("KAFKA.SUBSCRIBE s TOPIC t CONNECTION clod", ["1: ", "did you mean 'cloud'"]),
            ("KAFKA.SUBSCRIBE s TOPIC t CONNECTION registry", ["1: ", "bootstrap.servers"]),
            (
                "KAFKA.SUBSCRIBE s TOPIC t CONNECTION cloud VALUE AVRO REGISTRY cloud",
                ["1: ", "schema.registry.url"],
            ),
            (
                "KAFKA.SUBSCRIBE s TOPIC t BROKERS h:1 AFTER x",
                ["1: AFTER x", "no such subscription"],
            ),
            (
                &format!("KAFKA.SUBSCRIBE rides TOPIC t BROKERS h:1\n{route} ride TO HASH \"a\""),
                ["2: FROM ride", "'rides'"],
            ),
            (
                &format!("KAFKA.SUBSCRIBE r TOPIC t BROKERS h:1\n{route} r TO HASH \"a\""),
                ["2: ", "taken by line 1"],
            ),
            (
                &format!("KAFKA.SUBSCRIBE s TOPIC t BROKERS h:1\n{route} s TO HASH \"%{{_op}}\""),
                ["2: ", "ENVELOPE DEBEZIUM"],
            ),
            (
                &format!("KAFKA.SUBSCRIBE s TOPIC t BROKERS h:1\n{route} s TO TOPIC t"),
                ["2: ", "round for ever"],
            ),
        ] {
            let found = problems(file);
            assert_eq!(found.len(), 1, "{file}: {found:?}");
            assert!(words.iter().all(|word| found[0].contains(word)), "{file}: {found:?}");
        }
    }

    #[test]
    fn a_circle_of_after_is_found_from_every_place_in_it() {
        let file = "KAFKA.SUBSCRIBE a TOPIC t BROKERS h:1 AFTER b\nKAFKA.SUBSCRIBE b TOPIC t BROKERS h:1 AFTER a\n\
            KAFKA.SUBSCRIBE c TOPIC t BROKERS h:1 AFTER a\n";
        let found = problems(file);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("1: 'a'") && found[1].starts_with("2: 'b'"), "{found:?}");
    }
}
