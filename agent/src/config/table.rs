//! Takes values out of a TOML table by name and collects every fault on the way, so that a person mends a file once.

use crate::fault::{Fault, line_of};
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table of the file, with the faults found so far.
pub(super) struct Table<'a> {
    file: &'a str,
    text: &'a str,
    name: &'static str,
    /// Where the table itself stands: faults about what is missing point here.
    at: usize,
    entries: DeTable<'a>,
    /// Where values stood that were taken: faults about what they mean point there.
    taken: Vec<(&'static str, usize)>,
    /// Keys and sections that were asked for, there or not: all that there are.
    asked: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl<'a> Table<'a> {
    /// The top level.
    pub(super) fn top(file: &'a str, text: &'a str, entries: DeTable<'a>) -> Self {
        Self { file, text, name: "", at: 0, entries, taken: Vec::new(), asked: Vec::new(), faults: Vec::new() }
    }

    /// All faults, unknown keys included, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        self.refuse_unknown();
        self.faults.sort_by_key(|fault| fault.line);
        self.faults
    }

    /// Reads the table `[name]`; a missing one is an empty one.
    pub(super) fn section<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Table<'a>) -> T) -> T {
        let (at, entries) = match self.entries.remove(name) {
            None => (0, DeTable::new()),
            Some(value) => match (value.span().start, value.into_inner()) {
                (at, DeValue::Table(entries)) => (at, entries),
                (at, _) => {
                    self.push(Some(at), format!("`{name}` is not a table"), format!("write it as a section: [{name}]"));
                    (at, DeTable::new())
                }
            },
        };
        self.asked.push(name);
        let mut table = Table { name, at, ..Table::top(self.file, self.text, entries) };
        let read = read(&mut table);
        table.refuse_unknown();
        self.faults.append(&mut table.faults);
        read
    }

    /// Reports a fault about the value of `key`.
    pub(super) fn fault(&mut self, key: &str, what: String, remedy: &str) {
        let at = self.taken.iter().find(|(name, _)| *name == key).map(|(_, at)| *at);
        let what = self.named(&what);
        self.push(at.or(Some(self.at)), what, remedy.to_owned());
    }

    /// A text; without it and without a default a fault.
    pub(super) fn text(&mut self, key: &'static str, default: Option<&str>) -> Option<String> {
        let Some((at, value)) = self.take(key) else {
            if default.is_none() {
                let what = self.named(&format!("`{key}` is missing"));
                self.push(Some(self.at), what, format!("write {key} = \"...\" under [{}]", self.name));
            }
            return default.map(str::to_owned);
        };
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(key, at, "a text", "put it in quotes");
        }
        text
    }

    /// A path.
    pub(super) fn path(&mut self, key: &'static str, default: Option<&str>) -> Option<PathBuf> {
        let text = self.text(key, default)?;
        if text.is_empty() {
            self.fault(key, format!("`{key}` is empty"), "name a path");
            return None;
        }
        Some(PathBuf::from(text))
    }

    /// One of a few words.
    pub(super) fn choice(&mut self, key: &'static str, default: &str, words: &[&str]) -> Option<String> {
        let text = self.text(key, Some(default))?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        self.fault(key, format!("`{key}` = \"{text}\" is not known"), &format!("use one of: {}", words.join(", ")));
        None
    }

    /// A whole number from `min` to `max`; the default stands in for a faulty one.
    pub(super) fn number(&mut self, key: &'static str, default: u64, min: u64, max: u64) -> u64 {
        self.optional_number(key, min, max).flatten().unwrap_or(default)
    }

    /// A whole number from `min` to `max`; `Some(None)` where it is left out, `None` together with a fault.
    pub(super) fn optional_number(&mut self, key: &'static str, min: u64, max: u64) -> Option<Option<u64>> {
        let Some((at, value)) = self.take(key) else { return Some(None) };
        let number = value.as_integer().and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        let Some(number) = number else {
            let is_fraction = value.as_float().is_some();
            let remedy =
                if is_fraction { "write a whole number" } else { "write the number alone, without quotes or a unit" };
            self.wrong_type(key, at, "a whole number", remedy);
            return None;
        };
        let good = u64::try_from(number).ok().filter(|n| (min..=max).contains(n));
        if good.is_none() {
            self.fault(key, format!("`{key}` = {number} is out of range"), &format!("use {min} to {max}"));
        }
        good.map(Some)
    }

    /// Whether the value of `key` is a text: some keys are a number or a word.
    pub(super) fn is_text(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| value.get_ref().as_str().is_some())
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let Some((at, value)) = self.take(key) else { return default };
        value.as_bool().unwrap_or_else(|| {
            self.wrong_type(key, at, "true or false", "write true or false, without quotes");
            default
        })
    }

    /// A list of texts; empty if it is not there.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let Some((at, value)) = self.take(key) else { return Some(Vec::new()) };
        let texts =
            value.as_array().and_then(|list| list.iter().map(|v| v.get_ref().as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.wrong_type(key, at, "a list of texts", "write it as [\"...\", \"...\"]");
        }
        texts
    }

    fn take(&mut self, key: &'static str) -> Option<(usize, DeValue<'a>)> {
        self.asked.push(key);
        let value = self.entries.remove(key)?;
        let at = value.span().start;
        self.taken.push((key, at));
        Some((at, value.into_inner()))
    }

    fn wrong_type(&mut self, key: &str, at: usize, wanted: &str, remedy: &str) {
        let what = self.named(&format!("`{key}` is not {wanted}"));
        self.push(Some(at), what, remedy.to_owned());
    }

    fn refuse_unknown(&mut self) {
        let unknown: Vec<(usize, String, &str)> = self
            .entries
            .iter()
            .map(|(key, value): (&Spanned<_>, _)| {
                let what = if value.get_ref().is_table() { "section" } else { "key" };
                (key.span().start, key.get_ref().to_string(), what)
            })
            .collect();
        let there_are = match self.name {
            "" => format!("there are {}", self.asked.join(", ")),
            name => format!("[{name}] has {}", self.asked.join(", ")),
        };
        for (at, key, what) in unknown {
            let what = self.named(&format!("`{key}` is not a {what} of this release"));
            self.push(Some(at), what, format!("remove it, or correct its spelling: {there_are}"));
        }
    }

    fn named(&self, what: &str) -> String {
        if self.name.is_empty() { what.to_owned() } else { format!("[{}] {what}", self.name) }
    }

    fn push(&mut self, at: Option<usize>, what: String, remedy: String) {
        let line = at.map(|at| line_of(self.text, at));
        self.faults.push(Fault { file: self.file.to_owned(), line, what, remedy });
    }
}
