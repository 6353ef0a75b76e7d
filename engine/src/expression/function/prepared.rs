//! Arguments made ready: once when they are constant, else kept by the thread.

use super::{Call, Fault};
use crate::expression::time::{Pattern, Zone};
use crate::record::Step;
use parking_lot::Mutex;
use regex::{CaptureLocations, Regex, RegexBuilder};
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::thread::LocalKey;

/// What constant arguments were made into at compile time.
#[derive(Debug, Default)]
pub struct Prepared {
    pub(super) matcher: Option<Matcher>,
    pub(super) pattern: Option<Pattern>,
    pub(super) zones: [Option<Zone>; 2],
    pub(super) path: Option<Vec<Step>>,
    pub(super) window: Option<i64>,
}

/// A compiled regular expression, with room for its groups.
#[derive(Debug)]
pub struct Matcher {
    pub(super) regex: Regex,
    /// Kept, so that reading groups allocates nothing.
    pub(super) groups: Mutex<CaptureLocations>,
}

/// Compiled programs of regular expressions may be that large.
const REGEX_MAX: usize = 1 << 20;

impl Matcher {
    pub(super) fn new(pattern: &str) -> Result<Matcher, String> {
        let built =
            RegexBuilder::new(pattern).size_limit(REGEX_MAX).dfa_size_limit(REGEX_MAX).build();
        let regex = built.map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!("bad regular expression: {}", reason.trim_start_matches("error: "))
        })?;
        let groups = Mutex::new(regex.capture_locations());
        Ok(Matcher { regex, groups })
    }
}

/// Something ready for use: prepared, or kept by the thread.
pub(super) enum Ready<'a, T> {
    Prepared(&'a T),
    Kept(Rc<T>),
}

impl<T> Deref for Ready<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Ready::Prepared(ready) => ready,
            Ready::Kept(ready) => ready,
        }
    }
}

/// How many arguments that differ by record are kept ready, a kind and thread.
const KEPT: usize = 64;

/// What was made of texts lately, the often used ones in front.
#[derive(Debug)]
pub(super) struct Kept<T>(Vec<(String, Rc<T>)>);

impl<T> Kept<T> {
    pub(super) const fn new() -> Kept<T> {
        Kept(Vec::new())
    }

    fn get(
        &mut self,
        text: &str,
        make: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Rc<T>, Fault> {
        if let Some(at) = self.0.iter().position(|(known, _)| known == text) {
            let towards = at.saturating_sub(1);
            self.0.swap(at, towards);
            return self.0.get(towards).map(|(_, ready)| ready.clone()).ok_or("lost".into());
        }
        let ready = Rc::new(make(text)?);
        if self.0.len() >= KEPT {
            self.0.pop();
        }
        self.0.push((text.to_owned(), ready.clone()));
        Ok(ready)
    }
}

thread_local! {
    static MATCHERS: RefCell<Kept<Matcher>> = const { RefCell::new(Kept::new()) };
    static PATTERNS: RefCell<Kept<Pattern>> = const { RefCell::new(Kept::new()) };
    static ZONES: RefCell<Kept<Zone>> = const { RefCell::new(Kept::new()) };
}

fn kept<'a, T>(
    cache: &'static LocalKey<RefCell<Kept<T>>>,
    text: &str,
    make: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Ready<'a, T>, Fault> {
    cache.with_borrow_mut(|cache| cache.get(text, make)).map(Ready::Kept)
}

impl<'a> Call<'_, 'a> {
    /// The regular expression of that argument.
    pub(super) fn matcher(&self, index: usize) -> Result<Ready<'a, Matcher>, Fault> {
        match self.prepared.and_then(|prepared| prepared.matcher.as_ref()) {
            Some(matcher) => Ok(Ready::Prepared(matcher)),
            None => kept(&MATCHERS, self.text(index)?, Matcher::new),
        }
    }

    /// The time pattern of that argument.
    pub(super) fn pattern(&self, index: usize) -> Result<Ready<'a, Pattern>, Fault> {
        match self.prepared.and_then(|prepared| prepared.pattern.as_ref()) {
            Some(pattern) => Ok(Ready::Prepared(pattern)),
            None => kept(&PATTERNS, self.text(index)?, Pattern::parse),
        }
    }

    /// The time zone of that argument, prepared as the `number`-th; none where it is left out.
    pub(super) fn zone(
        &self,
        index: usize,
        number: usize,
    ) -> Result<Option<Ready<'a, Zone>>, Fault> {
        if self.arguments.len() <= index {
            return Ok(None);
        }
        let prepared = self.prepared.and_then(|prepared| prepared.zones.get(number)?.as_ref());
        match prepared {
            Some(zone) => Ok(Some(Ready::Prepared(zone))),
            None => kept(&ZONES, self.text(index)?, Zone::parse).map(Some),
        }
    }
}
