//! The tree of a plain file: tables under `[one.name]`, lists of tables under `[[name]]`, each key
//! once and without dots, texts, whole numbers, `true` and `false`, lists and tables in one line.

use std::borrow::Cow;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{EventReceiver, ValidateWhitespace, parse_document};
use toml_parser::{ErrorSink, ParseError, Raw, Source, Span};

use crate::policy_file::tree::{Children, Place, Tree, Value};

/// More keys than this in one table are not plain: they are looked through one by one.
const MOST_KEYS: usize = 256;

/// Deeper values, and longer names of tables, are not plain: no policy has them, and how deep
/// they may be is for the library to say.
const MOST_DEPTH: usize = 16;

/// The tree of `text`; none if the file is not plain, or anything is wrong with it.
pub(super) fn parse(text: &str) -> Option<Tree<'_>> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut builder = Builder {
        text,
        tree: Tree::new(),
        here: 0,
        open: Vec::new(),
        key: None,
        header: None,
        by_header: Vec::new(),
        is_plain: true,
    };
    let mut error: Option<ParseError> = None;
    let mut receiver = ValidateWhitespace::new(&mut builder, source);
    parse_document(&tokens, &mut receiver, &mut error);
    (builder.is_plain && error.is_none()).then_some(builder.tree)
}

type Key<'i> = (Place, Cow<'i, str>);

/// Makes the tree of what the parser says. Every step gives `None` at what is not plain.
struct Builder<'i> {
    text: &'i str,
    tree: Tree<'i>,
    /// The table of the last header.
    here: u32,
    /// The lists and tables within it that are open.
    open: Vec<u32>,
    /// The key whose value comes next.
    key: Option<Key<'i>>,
    /// The header that is being read.
    header: Option<Header<'i>>,
    /// The tables and lists that headers made, sorted: further headers may add to them.
    by_header: Vec<u32>,
    is_plain: bool,
}

struct Header<'i> {
    start: usize,
    path: Vec<Key<'i>>,
}

impl<'i> Builder<'i> {
    fn stays(&mut self, step: Option<()>) {
        self.is_plain &= step.is_some();
    }

    /// What stands at `key` of a table.
    fn child(&self, table: u32, key: &str) -> Option<Option<u32>> {
        let Value::Table(children) = &self.tree.node(table)?.value else {
            return None;
        };
        if !self.is_plain {
            // Nobody wants to know any more.
            return None;
        }
        let mut number = children.first;
        for _ in 0..MOST_KEYS {
            if number == 0 {
                return Some(None);
            }
            let node = self.tree.node(number)?;
            if node.key == key {
                return Some(Some(number));
            }
            number = node.next;
        }
        None
    }

    /// Adds a value to what is open.
    fn add(&mut self, span: Span, value: Value<'i>) -> Option<u32> {
        let parent = self.open.last().copied().unwrap_or(self.here);
        let key = match &self.tree.node(parent)?.value {
            Value::Table(_) => {
                let key = self.key.take()?;
                if self.child(parent, &key.1)?.is_some() {
                    return None;
                }
                key
            }
            _ => (Place::NOWHERE, Cow::Borrowed("")),
        };
        let place = Place::of(span.start()..span.end())?;
        self.tree.push(parent, key, place, value)
    }

    fn open(&mut self, span: Span, value: Value<'i>) -> Option<()> {
        let number = self.add(span, value)?;
        self.open.push(number);
        (self.open.len() <= MOST_DEPTH).then_some(())
    }

    fn close(&mut self, span: Span) -> Option<()> {
        let number = self.open.pop()?;
        self.tree.node_mut(number)?.place.to = u32::try_from(span.end()).ok()?;
        Some(())
    }

    fn key(
        &mut self,
        span: Span,
        encoding: Option<Encoding>,
        error: &mut dyn ErrorSink,
    ) -> Option<()> {
        let raw = self.text.get(span.start()..span.end())?;
        let mut text = Cow::Borrowed("");
        Raw::new_unchecked(raw, encoding, span).decode_key(&mut text, error);
        let key = (Place::of(span.start()..span.end())?, text);
        match &mut self.header {
            Some(header) if header.path.len() >= MOST_DEPTH => return None,
            Some(header) => header.path.push(key),
            // A second one before a value: there was a dot between them.
            None if self.key.is_some() => return None,
            None => self.key = Some(key),
        }
        Some(())
    }

    fn scalar(
        &mut self,
        span: Span,
        encoding: Option<Encoding>,
        error: &mut dyn ErrorSink,
    ) -> Option<()> {
        let raw = self.text.get(span.start()..span.end())?;
        let mut text = Cow::Borrowed("");
        let value = match Raw::new_unchecked(raw, encoding, span).decode_scalar(&mut text, error) {
            ScalarKind::String => Value::Text(text),
            ScalarKind::Boolean(flag) => Value::Flag(flag),
            ScalarKind::Integer(radix) => {
                Value::Number(u64::from_str_radix(&text, radix.value()).ok())
            }
            ScalarKind::Float | ScalarKind::DateTime => return None,
        };
        self.add(span, value)?;
        Some(())
    }

    fn open_header(&mut self, span: Span) {
        let (start, path) = (span.start(), Vec::new());
        self.header = Some(Header { start, path });
        self.is_plain &= self.open.is_empty() && self.key.is_none();
    }

    fn close_header(&mut self, is_list: bool, span: Span) -> Option<()> {
        let mut header = self.header.take()?;
        let place = Place::of(header.start..span.end())?;
        let name = header.path.pop()?;
        if is_list {
            return self.open_item(header, name, place);
        }
        let mut table = 0;
        for key in header.path {
            table = match self.child(table, &key.1)? {
                Some(known) if self.by_header.binary_search(&known).is_ok() => known,
                Some(_) => return None,
                // A table that only its rooms speak of begins where its name first stands.
                None => self.add_by_header(table, key.clone(), key.0, Value::Table)?,
            };
        }
        if self.child(table, &name.1)?.is_some() {
            return None;
        }
        self.here = self.add_by_header(table, name, place, Value::Table)?;
        Some(())
    }

    /// Another table of a list that headers make.
    fn open_item(&mut self, header: Header<'i>, name: Key<'i>, place: Place) -> Option<()> {
        if !header.path.is_empty() {
            return None;
        }
        let list = match self.child(0, &name.1)? {
            Some(known) if self.by_header.binary_search(&known).is_ok() => known,
            Some(_) => return None,
            None => self.add_by_header(0, name, place, Value::List)?,
        };
        // INVARIANT: it is a list, or this is not its table: `push` goes by what it is.
        let Value::List(_) = &self.tree.node(list)?.value else {
            return None;
        };
        let no_key = (Place::NOWHERE, Cow::Borrowed(""));
        let nothing = Value::Table(Children::NONE);
        self.here = self.tree.push(list, no_key, place, nothing)?;
        Some(())
    }

    fn add_by_header(
        &mut self,
        parent: u32,
        key: Key<'i>,
        place: Place,
        value: fn(Children) -> Value<'i>,
    ) -> Option<u32> {
        let value = value(Children::NONE);
        let number = self.tree.push(parent, key, place, value)?;
        self.by_header.push(number);
        Some(number)
    }
}

impl EventReceiver for Builder<'_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span);
    }

    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        let step = self.close_header(false, span);
        self.stays(step);
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.open_header(span);
    }

    fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        let step = self.close_header(true, span);
        self.stays(step);
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        let step = self.open(span, Value::Table(Children::NONE));
        self.stays(step);
        self.is_plain
    }

    fn inline_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        let step = self.close(span);
        self.stays(step);
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        let step = self.open(span, Value::List(Children::NONE));
        self.stays(step);
        self.is_plain
    }

    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        let step = self.close(span);
        self.stays(step);
    }

    fn simple_key(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let step = self.key(span, encoding, error);
        self.stays(step);
    }

    fn scalar(&mut self, span: Span, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let step = self.scalar(span, encoding, error);
        self.stays(step);
    }

    fn error(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.is_plain = false;
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::policy_file::tree::Entry;

    /// What a file says, and where: keys sorted, as the library sorts them.
    fn written(entry: Entry<'_>) -> String {
        let mut children: Vec<Entry<'_>> = entry.children().collect();
        if matches!(entry.value(), Value::Table(_)) {
            children.sort_by(|one, other| match one.key().cmp(other.key()) {
                Ordering::Equal => panic!("one key twice"),
                order => order,
            });
        }
        let what = match entry.value() {
            Value::Table(_) => "table".to_owned(),
            Value::List(_) => "list".to_owned(),
            scalar => format!("{scalar:?}"),
        };
        let inside: Vec<String> = children.into_iter().map(written).collect();
        let (key, key_span, span) = (entry.key(), entry.key_span(), entry.span());
        format!(
            "{key:?}@{key_span:?}: {what}@{span:?} [{}]",
            inside.join(", ")
        )
    }

    /// Whether the file is plain; if it is, it says what the library says.
    fn is_plain(text: &str) -> bool {
        let Some(tree) = parse(text) else {
            return false;
        };
        let any = Tree::parse_any(text).expect("what is plain is TOML");
        let [plain, any] = [&tree, &any].map(|tree| written(tree.root()));
        assert_eq!(plain, any, "{text}");
        true
    }

    #[test]
    fn a_policy_is_plain() {
        for text in [
            "",
            "# nothing\r\n",
            "a = 1\nb = true\n\"c d\" = 'e'\n",
            "[a]\n[a.b]\nc = { d = [ { e = \"f\" }, \"\\u00e9\" ], }\n[g.h.i]\n[g.j]\n",
            "[[r]]\nid = \"1\"\n[[r]]\nid = \"2\" # two\n[s]\n",
            "a = [\n  \"b\", # one\n  \"c\",\n]\n",
            "a = 0x1F\nb = -1\nc = 99999999999999999999\n",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_library() {
        let many: String = (0..=MOST_KEYS).map(|key| format!("k{key} = 1\n")).collect();
        let deep = "[".repeat(MOST_DEPTH + 1) + &"]".repeat(MOST_DEPTH + 1);
        let deep = format!("a = {deep}\n");
        let long = format!("[{}b]\n", "a.".repeat(MOST_DEPTH));
        for text in [
            "a.b = 1\n",
            "a = { b.c = 1 }\n",
            "[[a.b]]\n",
            "[a.b]\n[a]\n",
            "[[a]]\n[a.b]\n",
            "a = 1.5\n",
            "a = 2027-06-30\n",
            &many,
            &deep,
            &long,
        ] {
            assert!(!is_plain(text), "{text}");
            assert!(Tree::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_not_plain() {
        let long = format!("[{}b]\n", "a.".repeat(100));
        for text in [
            &long,
            "a = 1\na = 2\n",
            "a = { b = 1, b = 2 }\n",
            "[a]\n[a]\n",
            "a = 1\n[a]\n",
            "a = {}\n[a.b]\n",
            "a = []\n[[a]]\n",
            "[a]\n[[a]]\n",
            "[[a]]\n[a]\n",
            "a\n",
            "a = \n",
            "= 1\n",
            "[a\n",
            "[]\n",
            "a = [1\n",
            "a = \"b\n",
            "a = b\n",
            "a = 1 # \u{1}\n",
            "a = 1\rb = 2\n",
            "a = \"\\q\"\n",
        ] {
            assert!(parse(text).is_none(), "{text}");
            assert!(Tree::parse(text).is_err(), "{text}");
        }
    }

    /// Lines that are right by themselves, and mostly together.
    fn lines() -> impl Strategy<Value = String> {
        let lines = [
            "a = 1\n",
            "b = [\"c\", 0x2]\n",
            "d = { a = 1, b = [] }\n",
            "e = [{ a = 'b' }, [{}]]\r\n",
            "\"f\" = \"\"\"g\n\"\"\"\n",
            "'h' = -1 # i\n",
            "\"\\u006a\" = \"\\n\u{e9}\"\n",
            "\t# k\n",
            "\n",
            "[a]\n",
            "[l]\n",
            "[ a . \"b\" ]\n",
            "[l.a.b]\n",
            "[l.m]\n",
            "[[n]]\n",
            "[[n]]\n",
            "[[o]]\n",
            "[n.p]\n",
        ];
        let line = proptest::sample::select(lines.to_vec());
        proptest::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
    }

    /// What lines are made of, which is mostly wrong together.
    fn parts() -> impl Strategy<Value = String> {
        let parts = [
            "a",
            "b",
            "\"c\"",
            "'d'",
            "a.b",
            " = ",
            "=",
            "1",
            "0x2",
            "1.5",
            "true",
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            ",",
            "\n",
            "\r",
            "\t",
            "#",
            "\"\"\"",
            "2027-06-30",
            "\u{e9}",
            "\0",
        ];
        let part = proptest::sample::select(parts.to_vec());
        proptest::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_plain_file_says_what_the_library_says(text in lines(), more in parts()) {
            is_plain(&text);
            is_plain(&(text + &more));
        }
    }
}
