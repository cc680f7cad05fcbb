//! Typed access to a parsed file that remembers where each value stands.

use std::ops::Range;
use std::time::Duration;

use countersign_core::Timestamp;
use countersign_roles::Finding;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::policy_file::problem::{Problem, quote, unknown};

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

/// One table of the file, as it was parsed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'d>(&'d DeTable<'d>);

impl<'d> Table<'d> {
    pub(super) fn new(table: &'d DeTable<'d>) -> Self {
        Self(table)
    }

    /// Whatever stands at `key`.
    pub(super) fn get(self, key: &str) -> Option<Entry<'d>> {
        self.0.get(key).map(Entry)
    }

    /// Where `key` stands, if it is there.
    pub(super) fn key_span(self, key: &str) -> Option<Span> {
        let found = self.0.get_key_value(key);
        found.map(|(key, _)| key.span())
    }

    /// The items of the list at `key`; none if there is no list.
    pub(super) fn items(self, key: &str) -> impl Iterator<Item = Entry<'d>> {
        let list = self.0.get(key).and_then(|list| list.get_ref().as_array());
        list.into_iter().flat_map(|list| list.iter().map(Entry))
    }
}

/// One table of the file. Whoever reads it asks for each key that may be there, and then
/// finishes it, which refuses all others.
#[derive(Debug)]
pub(super) struct Section<'d> {
    table: &'d DeTable<'d>,
    span: Span,
    asked: Vec<&'static str>,
    required: Vec<&'static str>,
}

impl<'d> Section<'d> {
    pub(super) fn new(table: Table<'d>, span: Span) -> Self {
        /// As many keys as most tables may have: the list does not grow.
        const MOST: usize = 10;
        Self {
            table: table.0,
            span,
            asked: Vec::with_capacity(MOST),
            required: Vec::new(),
        }
    }

    /// The table that is read.
    pub(super) fn table(&self) -> Table<'d> {
        Table(self.table)
    }

    /// Whether it holds other tables and nothing else, as one does whose own table has another
    /// name.
    pub(super) fn is_only_rooms(&self) -> bool {
        let mut values = self.table.values();
        values.all(|value| matches!(value.get_ref(), DeValue::Table(_)))
    }

    /// Where it begins.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Where a value stands, if it is there.
    pub(super) fn span_of(&self, key: &str) -> Option<Span> {
        self.table.get(key).map(Spanned::span)
    }

    fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
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
        let DeValue::Array(list) = value.get_ref() else {
            problems.add(&value.span(), no_list(key, value));
            return None;
        };
        let texts = list.iter().filter_map(|item| as_text(key, item, problems));
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
        let DeValue::Array(lists) = value.get_ref() else {
            problems.add(&value.span(), message());
            return None;
        };
        let mut read = Vec::new();
        for list in lists {
            if let DeValue::Array(items) = list.get_ref() {
                let texts = items.iter().filter_map(|item| as_text(key, item, problems));
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
        self.table().key_span(key)
    }

    /// Whether exactly this text is at `key`.
    pub(super) fn is_text(&mut self, key: &'static str, text: &str) -> bool {
        let value = self.value(key).map(|value| value.get_ref());
        matches!(value, Some(DeValue::String(found)) if found == text)
    }

    /// One text, or a list of them.
    pub(super) fn text_or_texts(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Text<'d>>> {
        match self.value(key)?.get_ref() {
            DeValue::Array(_) => self.texts(key, problems),
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
        let DeValue::Array(list) = value.get_ref() else {
            problems.add(&value.span(), no_list(key, value));
            return Vec::new();
        };
        let items = list.iter().filter_map(|item| match item.get_ref() {
            DeValue::Table(_) => as_section(key, item, problems).map(TextOrSection::Section),
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
        if let DeValue::Boolean(flag) = value.get_ref() {
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
        if let DeValue::Integer(number) = value.get_ref()
            && let Ok(count @ 1..) = u64::from_str_radix(number.as_str(), number.radix())
        {
            return Some(count);
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
        for (name, value) in section.table.iter() {
            let text = Text {
                value: name.get_ref(),
                span: name.span(),
            };
            if let Some(mut section) = as_section(text.value, value, problems) {
                section.span = name.span();
                sections.push((text, section));
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
        let DeValue::Array(list) = value.get_ref() else {
            let fix = match (key, value.get_ref()) {
                ("rule", DeValue::Table(_)) => "write `[[rule]]`, with two brackets".to_owned(),
                _ => format!("write `{key} = [{{ … }}]`"),
            };
            let message = format!("`{key}` must be a list of tables; {fix}");
            problems.add(&value.span(), message);
            return Vec::new();
        };
        let sections = list
            .iter()
            .filter_map(|item| as_section(key, item, problems));
        sections.collect()
    }

    /// Whatever stands at `key`.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<Entry<'d>> {
        self.value(key).map(Entry)
    }

    /// Everything in it, where the file chooses the keys.
    pub(super) fn entries(self) -> impl Iterator<Item = (Text<'d>, Entry<'d>)> {
        self.table.iter().map(|(key, value)| {
            let text = Text {
                value: key.get_ref(),
                span: key.span(),
            };
            (text, Entry(value))
        })
    }

    /// Refuses every key that was not asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        let mut missing = self.required;
        missing.retain(|key| !self.table.contains_key(*key));
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) {
                problems.add_unknown(&key.span(), "key", name, &self.asked);
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

/// A value that can have one of several forms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'d>(&'d Spanned<DeValue<'d>>);

impl<'d> Entry<'d> {
    /// The text, if it is one.
    pub(super) fn text(self) -> Option<Text<'d>> {
        let DeValue::String(text) = self.0.get_ref() else {
            return None;
        };
        Some(Text {
            value: text,
            span: self.0.span(),
        })
    }

    /// The table, if it is one.
    pub(super) fn table(self) -> Option<Table<'d>> {
        self.0.get_ref().as_table().map(Table)
    }

    /// Where it begins.
    pub(super) fn start(self) -> usize {
        self.0.span().start
    }

    /// The texts, if it is one or a list of nothing else.
    pub(super) fn texts(self) -> Option<Vec<Text<'d>>> {
        match self.0.get_ref() {
            DeValue::Array(list) => list.iter().map(|item| Entry(item).text()).collect(),
            _ => Some(vec![self.text()?]),
        }
    }

    /// The table, which it has to be.
    pub(super) fn section(self, key: &str, problems: &mut Problems) -> Option<Section<'d>> {
        as_section(key, self.0, problems)
    }
}

fn as_text<'d>(
    key: &str,
    value: &'d Spanned<DeValue<'d>>,
    problems: &mut Problems,
) -> Option<Text<'d>> {
    if let DeValue::String(text) = value.get_ref() {
        return Some(Text {
            value: text,
            span: value.span(),
        });
    }
    let message = format!(
        "{} must be a text in quotes, not {}",
        quote(key),
        kind_of(value)
    );
    problems.add(&value.span(), message);
    None
}

fn as_section<'d>(
    key: &str,
    value: &'d Spanned<DeValue<'d>>,
    problems: &mut Problems,
) -> Option<Section<'d>> {
    if let DeValue::Table(table) = value.get_ref() {
        return Some(Section::new(Table(table), value.span()));
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
fn kind_of(value: &Spanned<DeValue<'_>>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn no_list(key: &str, value: &Spanned<DeValue<'_>>) -> String {
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
