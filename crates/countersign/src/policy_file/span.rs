//! Typed access to a parsed file that remembers where each value stands.

use std::ops::Range;
use std::time::Duration;

use crate::policy_file::problem::{Problem, quote, unknown};
pub(super) use crate::policy_file::tree::Entry;
use crate::policy_file::tree::Value;
use countersign_core::Timestamp;
use countersign_roles::Finding;

/// Where something stands in the file, in bytes.
pub(super) type Span = Range<usize>;

/// A text of the file.
#[derive(Debug, Clone)]
pub(super) struct Text<'d> {
    pub(super) value: &'d str,
    pub(super) span: Span,
}

/// An item of a list that may be short or long.
#[derive(Debug)]
pub(super) enum TextOrSection<'d> {
    /// A text.
    Text(Text<'d>),
    /// A table.
    Section(Section<'d>),
}

/// The problems that were found so far, by where they are.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<(usize, String)>,
    oddities: Vec<(usize, Finding)>,
}

impl Problems {
    /// More than a person wants to read at once; looking for the nearest right name of each of
    /// thousands would take long.
    const MOST: usize = 100;

    pub(super) fn add(&mut self, span: &Span, message: impl Into<String>) {
        self.add_at(span.start, message);
    }

    pub(super) fn add_at(&mut self, start: usize, message: impl Into<String>) {
        if self.found.len() < Self::MOST {
            self.found.push((start, message.into()));
        }
    }

    /// Adds what is odd, and no mistake.
    pub(super) fn add_oddity(&mut self, span: &Span, finding: Finding) {
        self.oddities.push((span.start, finding));
    }

    pub(super) fn into_oddities(self) -> Vec<(usize, Finding)> {
        self.oddities
    }

    /// Adds that `given` is no `kind`, of which there are `names`.
    pub(super) fn add_unknown(&mut self, span: &Span, kind: &str, given: &str, names: &[&str]) {
        if self.found.len() < Self::MOST {
            self.add(span, unknown(kind, given, names));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many there are, of those that are kept.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// In the order of `text`, which is the file, each once.
    pub(super) fn locate(self, text: &str) -> Vec<Problem> {
        Problem::locate(text, self.found)
    }
}

/// One table of the file. Whoever reads it asks for each key that may be there, and then
/// finishes it, which refuses all others.
#[derive(Debug)]
pub(super) struct Section<'d> {
    table: Entry<'d>,
    span: Span,
    asked: Vec<&'static str>,
    required: Vec<&'static str>,
}

impl<'d> Section<'d> {
    pub(super) fn new(table: Entry<'d>, span: Span) -> Self {
        /// As many keys as most tables may have: the list does not grow.
        const MOST: usize = 10;
        Self {
            table,
            span,
            asked: Vec::with_capacity(MOST),
            required: Vec::new(),
        }
    }

    /// The table that is read.
    pub(super) fn table(&self) -> Entry<'d> {
        self.table
    }

    /// Whether it holds other tables and nothing else, as one does whose own table has another
    /// name.
    pub(super) fn is_only_rooms(&self) -> bool {
        let mut values = self.table.children();
        values.all(|value| matches!(value.value(), Value::Table(_)))
    }

    /// Where it begins.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Where a value stands, if it is there.
    pub(super) fn span_of(&self, key: &str) -> Option<Span> {
        self.table.get(key).map(Entry::span)
    }

    fn value(&mut self, key: &'static str) -> Option<Entry<'d>> {
        // A key may be asked for twice: whether it is there, and what it says.
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }

    /// Says that `key` must be there; [`Section::finish`] adds the problem if it is not.
    pub(super) fn require(&mut self, key: &'static str) {
        self.required.push(key);
    }

    pub(super) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<Text<'d>> {
        as_text(key, self.value(key)?, problems)
    }

    /// The texts of a list; none if it is missing or no list of texts.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Text<'d>>> {
        let value = self.value(key)?;
        let Value::List(_) = value.value() else {
            problems.add(&value.span(), no_list(key, value));
            return None;
        };
        let items = value.children();
        let texts = items.filter_map(|item| as_text(key, item, problems));
        Some(texts.collect())
    }

    /// The lists of texts of a list, each with its place.
    pub(super) fn lists_of_texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<(Span, Vec<Text<'d>>)>> {
        let value = self.value(key)?;
        let message = || {
            format!("`{key}` must be a list of lists of texts; write `{key} = [[\"a\", \"b\"]]`")
        };
        let Value::List(_) = value.value() else {
            problems.add(&value.span(), message());
            return None;
        };
        let mut read = Vec::new();
        for list in value.children() {
            if let Value::List(_) = list.value() {
                let items = list.children();
                let texts = items.filter_map(|item| as_text(key, item, problems));
                read.push((list.span(), texts.collect()));
            } else {
                problems.add(&list.span(), message());
            }
        }
        Some(read)
    }

    /// Whether `key` is there.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Where `key` stands, if it is there.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.table.get(key).map(Entry::key_span)
    }

    /// Whether exactly this text is at `key`.
    pub(super) fn is_text(&mut self, key: &'static str, text: &str) -> bool {
        let value = self.value(key).map(Entry::value);
        matches!(value, Some(Value::Text(found)) if found == text)
    }

    /// One text, or a list of them.
    pub(super) fn text_or_texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Text<'d>>> {
        match self.value(key)?.value() {
            Value::List(_) => self.texts(key, problems),
            _ => Some(self.text(key, problems).into_iter().collect()),
        }
    }

    /// An instant as text, such as `2027-06-30T00:00:00Z`.
    pub(super) fn timestamp(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Timestamp> {
        let text = self.text(key, problems)?;
        let parsed = text.value.parse();
        parsed
            .map_err(|_| {
                let given = quote(text.value);
                let message = format!(
                    "`{key}` is {given}; write an instant, such as `\"2027-06-30T00:00:00Z\"`"
                );
                problems.add(&text.span, message);
            })
            .ok()
    }

    /// The items of a list of texts and tables.
    pub(super) fn texts_or_sections(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Vec<TextOrSection<'d>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Value::List(_) = value.value() else {
            problems.add(&value.span(), no_list(key, value));
            return Vec::new();
        };
        let items = value.children().filter_map(|item| match item.value() {
            Value::Table(_) => as_section(key, item, problems).map(TextOrSection::Section),
            _ => as_text(key, item, problems).map(TextOrSection::Text),
        });
        items.collect()
    }

    /// The value that the text at `key` names.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let text = self.text(key, problems)?;
        let chosen = choices.iter().find(|(name, _)| *name == text.value);
        if chosen.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            problems.add_unknown(&text.span, key, text.value, &names);
        }
        chosen.map(|(_, value)| *value)
    }

    pub(super) fn flag(&mut self, key: &'static str, problems: &mut Problems) -> Option<bool> {
        let value = self.value(key)?;
        if let Value::Flag(flag) = value.value() {
            return Some(*flag);
        }
        problems.add(
            &value.span(),
            format!(
                "`{key}` must be `true` or `false`, without quotes, not {}",
                kind_of(value)
            ),
        );
        None
    }

    /// A whole number of at least 1.
    pub(super) fn count(&mut self, key: &'static str, problems: &mut Problems) -> Option<u64> {
        let value = self.value(key)?;
        if let Value::Number(Some(count @ 1..)) = value.value() {
            return Some(*count);
        }
        problems.add(
            &value.span(),
            format!("`{key}` must be a whole number, at least 1; write `{key} = 10`"),
        );
        None
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Duration> {
        let text = self.text(key, problems)?;
        let duration = parse_duration(text.value);
        match duration {
            Some(duration) if !duration.is_zero() => return Some(duration),
            Some(_) => problems.add(
                &text.span,
                format!("`{key}` must be more than no time; write a time such as `24h`"),
            ),
            None => {
                let given = quote(text.value);
                let message = format!(
                    "`{key}` is {given}; write a whole number and one of `s`, `m`, `h`, `d`, such as `24h`"
                );
                problems.add(&text.span, message);
            }
        }
        None
    }

    /// The table at `key`.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Section<'d>> {
        as_section(key, self.value(key)?, problems)
    }

    /// The tables of the table at `key`, each with its name.
    pub(super) fn named_sections(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Vec<(Text<'d>, Section<'d>)> {
        let Some(section) = self.section(key, problems) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, value) in section.entries() {
            if let Some(mut section) = as_section(name.value, value, problems) {
                section.span = name.span.clone();
                sections.push((name, section));
            }
        }
        sections
    }

    /// The tables of the list at `key`.
    pub(super) fn listed_sections(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Vec<Section<'d>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Value::List(_) = value.value() else {
            let fix = match (key, value.value()) {
                ("rule", Value::Table(_)) => "write `[[rule]]`, with two brackets".to_owned(),
                _ => format!("write `{key} = [{{ … }}]`"),
            };
            let message = format!("`{key}` must be a list of tables; {fix}");
            problems.add(&value.span(), message);
            return Vec::new();
        };
        let items = value.children();
        let sections = items.filter_map(|item| as_section(key, item, problems));
        sections.collect()
    }

    /// Whatever stands at `key`.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<Entry<'d>> {
        self.value(key)
    }

    /// Everything in it, where the file chooses the keys, sorted by them.
    pub(super) fn entries(self) -> impl Iterator<Item = (Text<'d>, Entry<'d>)> {
        let mut entries: Vec<Entry<'d>> = self.table.children().collect();
        entries.sort_by_key(|entry| entry.key());
        entries.into_iter().map(|entry| {
            let (value, span) = (entry.key(), entry.key_span());
            (Text { value, span }, entry)
        })
    }

    /// Refuses every key that was not asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        let mut missing = self.required;
        missing.retain(|key| self.table.get(key).is_none());
        for entry in self.table.children() {
            let name = entry.key();
            if !self.asked.contains(&name) {
                problems.add_unknown(&entry.key_span(), "key", name, &self.asked);
                // A key that was only mistyped is not missing as well.
                if !missing.is_empty() {
                    let meant = countersign_roles::nearest(name, self.asked.iter().copied());
                    missing.retain(|key| Some(*key) != meant);
                }
            }
        }
        for key in missing {
            problems.add(&self.span, format!("the key `{key}` is missing; add it"));
        }
    }
}

impl<'d> Entry<'d> {
    /// The text, if it is one.
    pub(super) fn text(self) -> Option<Text<'d>> {
        let Value::Text(text) = self.value() else {
            return None;
        };
        Some(Text {
            value: text,
            span: self.span(),
        })
    }

    /// The texts, if it is one or a list of nothing else.
    pub(super) fn texts(self) -> Option<Vec<Text<'d>>> {
        match self.value() {
            Value::List(_) => self.children().map(Entry::text).collect(),
            _ => Some(vec![self.text()?]),
        }
    }

    /// The table, which it has to be.
    pub(super) fn section(self, key: &str, problems: &mut Problems) -> Option<Section<'d>> {
        as_section(key, self, problems)
    }
}

fn as_text<'d>(key: &str, value: Entry<'d>, problems: &mut Problems) -> Option<Text<'d>> {
    let text = value.text();
    if text.is_some() {
        return text;
    }
    let message = format!(
        "{} must be a text in quotes, not {}",
        quote(key),
        kind_of(value)
    );
    problems.add(&value.span(), message);
    None
}

fn as_section<'d>(key: &str, value: Entry<'d>, problems: &mut Problems) -> Option<Section<'d>> {
    if let Value::Table(_) = value.value() {
        return Some(Section::new(value, value.span()));
    }
    let message = format!(
        "{} must be a table `{{ … }}`, not {}",
        quote(key),
        kind_of(value)
    );
    problems.add(&value.span(), message);
    None
}

/// What a value is, in words.
fn kind_of(value: Entry<'_>) -> &'static str {
    match value.value() {
        Value::Text(_) => "a text",
        Value::Number(_) => "a number",
        Value::Flag(_) => "`true` or `false`",
        Value::Date => "a date",
        Value::List(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn no_list(key: &str, value: Entry<'_>) -> String {
    let kind = kind_of(value);
    format!("`{key}` must be a list of texts, not {kind}; write `{key} = [\"…\"]`")
}

/// `90s`, `30m`, `24h`, `7d`.
fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(parse_duration("30m"), Some(Duration::from_secs(1800)));
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(604_800)));
        for bad in [
            "",
            "h",
            "24",
            "-1h",
            "+1h",
            "1.5h",
            "24H",
            "1 h",
            "99999999999999999999d",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
