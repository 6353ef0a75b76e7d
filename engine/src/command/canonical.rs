//! The canonical form of a statement: the very command that makes it.

use super::look::source_options;
use super::{Offsets, Peek, Produce, Replace, Settle, Statement, letters, lines};
use crate::grammar::{CommandError, Match};

/// One option of a definition with its canonical words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    token: &'static str,
    words: Vec<String>,
    is_default: bool,
}

impl Setting {
    pub(super) fn new<W: Into<String>>(
        token: &'static str,
        words: impl IntoIterator<Item = W>,
    ) -> Setting {
        let words = words.into_iter().map(Into::into).collect();
        Setting { token, words, is_default: false }
    }

    pub(super) fn default_if(mut self, is_default: bool) -> Setting {
        self.is_default = is_default;
        self
    }

    fn shown(&self) -> String {
        if self.words.is_empty() { "set".to_owned() } else { lines::join(&self.words) }
    }
}

impl Replace {
    pub(super) fn parse(matched: &Match<'_>) -> Replace {
        if matched.has("REPLACE") { Replace::Yes } else { Replace::No }
    }
}

impl Statement {
    /// The words of the command that makes it, its name first: defaults and REPLACE
    /// left out, options in the table's order. Parses back to an equal statement.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = vec![self.entry().clause.name.to_owned()];
        words.extend(self.name().map(str::to_owned));
        match self {
            Statement::Unsubscribe { offsets: Offsets::Keep, .. } => {
                words.push("KEEPOFFSETS".to_owned());
            }
            Statement::Resume { settle: Some(settle), .. } => words.push(settle.word().to_owned()),
            Statement::Seek(seek) => words.extend(seek.words()),
            Statement::Wait { timeout, .. } => words.push(timeout.as_millis().to_string()),
            Statement::Peek(Peek { topic, .. }) | Statement::Produce(Produce { topic, .. }) => {
                words.push(topic.clone());
            }
            Statement::DeadLetters { count, .. } => words.extend(letters::shown_words(*count)),
            Statement::Replay { count, .. } => words.extend(letters::count_words(*count)),
            Statement::Help { statement: Some(entry) } => {
                words.push(entry.clause.short_name().to_owned());
            }
            _ => {}
        }
        for setting in self.settings().into_iter().filter(|setting| !setting.is_default) {
            words.push(setting.token.to_owned());
            words.extend(setting.words);
        }
        words
    }

    /// [`arguments`](Statement::arguments) as one line, quoted as redis-cli needs it.
    pub fn line(&self) -> String {
        lines::join(&self.arguments())
    }

    /// The subscription or route it is about.
    pub fn name(&self) -> Option<&str> {
        match self {
            Statement::Subscribe(subscribe) => Some(&subscribe.name),
            Statement::Route(route) => Some(&route.name),
            Statement::Seek(seek) => Some(&seek.name),
            Statement::Unroute { name }
            | Statement::Unsubscribe { name, .. }
            | Statement::Info { name }
            | Statement::Pause { name }
            | Statement::Resume { name, .. }
            | Statement::Wait { name, .. }
            | Statement::DeadLetters { name, .. }
            | Statement::Replay { name, .. } => Some(name),
            Statement::List
            | Statement::Topics { .. }
            | Statement::Peek(_)
            | Statement::Produce(_)
            | Statement::Preview(_)
            | Statement::Connections
            | Statement::Help { .. } => None,
        }
    }

    /// The same without REPLACE, which is about the command and not about what it makes.
    pub fn without_replace(mut self) -> Statement {
        match &mut self {
            Statement::Subscribe(subscribe) => subscribe.replace = Replace::No,
            Statement::Route(route) => route.replace = Replace::No,
            _ => {}
        }
        self
    }

    /// What is different in `stored`, which has the same name; none when they make
    /// the same. PAUSED, and a group that only the engine chose, are no difference.
    pub fn difference(&self, stored: &Statement) -> Option<String> {
        if self.entry() != stored.entry() {
            let (given, stored) = (self.kind(), stored.kind());
            return Some(format!("{given} given, {stored} stored"));
        }
        let given = self.settings();
        let before = stored.settings();
        let mut tokens: Vec<&'static str> = Vec::new();
        for setting in given.iter().chain(&before) {
            if !tokens.contains(&setting.token) {
                tokens.push(setting.token);
            }
        }
        let differences = tokens.into_iter().filter_map(|token| {
            let find = |all: &[Setting]| {
                all.iter().find(|setting| setting.token == token).map(Setting::shown)
            };
            let (given, stored) = (find(&given), find(&before));
            let ignored = token == "PAUSED" || (token == "GROUP" && given.is_none());
            let words = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
            (given != stored && !ignored)
                .then(|| format!("{token}: {} given, {} stored", words(given), words(stored)))
        });
        let differences: Vec<String> = differences.collect();
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    fn kind(&self) -> &'static str {
        match self {
            Statement::Subscribe(_) => "a subscription",
            Statement::Route(_) => "a route",
            _ => "a command",
        }
    }

    fn settings(&self) -> Vec<Setting> {
        match self {
            Statement::Subscribe(subscribe) => subscribe.options(),
            Statement::Route(route) => route.options(),
            Statement::Topics { source } => source_options(source.as_ref()),
            Statement::Peek(peek) => peek.options(),
            Statement::Produce(produce) => produce.options(),
            Statement::Preview(preview) => preview.options(),
            _ => Vec::new(),
        }
    }
}

/// The error for `given` under a name that `stored` has taken; none when they make
/// the same, or when REPLACE was said of a definition of the same kind.
pub fn conflict(given: &Statement, stored: &Statement) -> Option<CommandError> {
    let difference = given.difference(stored)?;
    let name = given.name().unwrap_or_default();
    let replaces = match given {
        Statement::Subscribe(subscribe) => subscribe.replace,
        Statement::Route(route) => route.replace,
        _ => Replace::No,
    };
    let command = given.entry().clause.name;
    if given.entry() != stored.entry() {
        let problem = format!("'{name}' is {} already", stored.kind());
        let error = CommandError::new(problem).at(1).of(command);
        return Some(error.hint("subscriptions and routes share their names: take another"));
    }
    if replaces == Replace::Yes {
        return None;
    }
    let problem = format!("'{name}' exists and differs: {difference}");
    Some(CommandError::new(problem).of(command).hint("add REPLACE to swap it, positions kept"))
}

impl Settle {
    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            Settle::Skip => "SKIP",
            Settle::DeadLetter => "DEADLETTER",
        }
    }
}
