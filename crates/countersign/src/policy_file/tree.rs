//! The file as a tree: all of its nodes in one list, its texts borrowed from it.
//!
//! What TOML is, the `toml` library says. To put a large policy together as its tree of maps takes
//! as long as all that is done with it afterwards, so a file that is plain, as most are, is put
//! together here ([`plain`]), of what the library's parser says stands where. Any other file, and
//! whatever is wrong with one, is left to the library as a whole.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::policy_file::span::Span;

mod plain;

/// A file, as it was parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tree<'i> {
    /// The first is the table that is the file. Files are far smaller than 2³² bytes, and the
    /// number of a node, as all places, is half as large as a `usize`.
    nodes: Vec<Node<'i>>,
}

/// A value, and the key that it stands at.
#[derive(Debug, PartialEq, Eq)]
struct Node<'i> {
    /// Empty for an item of a list.
    key: Cow<'i, str>,
    key_place: Place,
    place: Place,
    value: Value<'i>,
    /// The next one in its table or list; 0 if it is the last.
    next: u32,
}

/// A table with nothing in it.
const NOTHING: Node<'static> = Node {
    key: Cow::Borrowed(""),
    key_place: Place::NOWHERE,
    place: Place::NOWHERE,
    value: Value::Table(Children::NONE),
    next: 0,
};

/// Where something stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    from: u32,
    to: u32,
}

impl Place {
    const NOWHERE: Self = Self { from: 0, to: 0 };

    /// Nothing, if it is beyond what a file may be.
    fn of(span: Span) -> Option<Self> {
        let from = u32::try_from(span.start).ok()?;
        let to = u32::try_from(span.end).ok()?;
        Some(Self { from, to })
    }

    fn span(self) -> Span {
        self.from as usize..self.to as usize
    }
}

/// What stands at a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'i> {
    /// A text.
    Text(Cow<'i, str>),
    /// A number; of the whole ones those that are not negative.
    Number(Option<u64>),
    /// `true` or `false`.
    Flag(bool),
    /// A date or a time.
    Date,
    /// A list.
    List(Children),
    /// A table.
    Table(Children),
}

/// The first and the last node in a table or list; 0 if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Children {
    first: u32,
    last: u32,
}

impl Children {
    const NONE: Self = Self { first: 0, last: 0 };
}

impl<'i> Tree<'i> {
    /// Parses `text`.
    ///
    /// # Errors
    /// What is wrong, in the library's words.
    pub(super) fn parse(text: &'i str) -> Result<Self, Vec<toml::de::Error>> {
        match plain::parse(text) {
            Some(tree) => Ok(tree),
            None => Self::parse_any(text),
        }
    }

    /// The same for a file that need not be plain.
    fn parse_any(text: &'i str) -> Result<Self, Vec<toml::de::Error>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut tree = Self::new();
        for (key, value) in document.into_inner() {
            // INVARIANT: the file has far fewer bytes than there are numbers.
            let _ = tree.take(0, key, value);
        }
        Ok(tree)
    }

    /// An empty file.
    fn new() -> Self {
        Self {
            nodes: vec![NOTHING],
        }
    }

    /// Adds what the library parsed to the table or list `parent`.
    fn take(
        &mut self,
        parent: u32,
        key: Spanned<Cow<'i, str>>,
        value: Spanned<DeValue<'i>>,
    ) -> Option<()> {
        let key = (Place::of(key.span())?, key.into_inner());
        let place = Place::of(value.span())?;
        let no_key = || Spanned::new(0..0, Cow::Borrowed(""));
        let (value, inside) = match value.into_inner() {
            DeValue::String(text) => (Value::Text(text), Vec::new()),
            DeValue::Integer(number) => {
                let number = u64::from_str_radix(number.as_str(), number.radix());
                (Value::Number(number.ok()), Vec::new())
            }
            DeValue::Float(_) => (Value::Number(None), Vec::new()),
            DeValue::Boolean(flag) => (Value::Flag(flag), Vec::new()),
            DeValue::Datetime(_) => (Value::Date, Vec::new()),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| (no_key(), item));
                (Value::List(Children::NONE), items.collect())
            }
            DeValue::Table(items) => (Value::Table(Children::NONE), items.into_iter().collect()),
        };
        let number = self.push(parent, key, place, value)?;
        let mut inside = inside.into_iter();
        inside.try_for_each(|(key, item)| self.take(number, key, item))
    }

    fn node(&self, number: u32) -> Option<&Node<'i>> {
        self.nodes.get(number as usize)
    }

    fn node_mut(&mut self, number: u32) -> Option<&mut Node<'i>> {
        self.nodes.get_mut(number as usize)
    }

    /// Adds a node to the table or list `parent`, and says its number.
    fn push(
        &mut self,
        parent: u32,
        (key_place, key): (Place, Cow<'i, str>),
        place: Place,
        value: Value<'i>,
    ) -> Option<u32> {
        let number = u32::try_from(self.nodes.len()).ok()?;
        self.nodes.push(Node {
            key,
            key_place,
            place,
            value,
            next: 0,
        });
        let (Value::Table(children) | Value::List(children)) = &mut self.node_mut(parent)?.value
        else {
            return None;
        };
        let before = std::mem::replace(&mut children.last, number);
        match before {
            0 => children.first = number,
            _ => self.node_mut(before)?.next = number,
        }
        Some(number)
    }

    /// The table that is the file.
    pub(super) fn root(&self) -> Entry<'_> {
        Entry {
            nodes: &self.nodes,
            // INVARIANT: the first node is there from the beginning.
            node: self.nodes.first().unwrap_or(&NOTHING),
        }
    }
}

/// A value of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'d> {
    nodes: &'d [Node<'d>],
    node: &'d Node<'d>,
}

impl<'d> Entry<'d> {
    /// What it is.
    pub(super) fn value(self) -> &'d Value<'d> {
        &self.node.value
    }

    /// Where it stands.
    pub(super) fn span(self) -> Span {
        self.node.place.span()
    }

    /// The key that it stands at; empty in a list.
    pub(super) fn key(self) -> &'d str {
        &self.node.key
    }

    /// Where its key stands.
    pub(super) fn key_span(self) -> Span {
        self.node.key_place.span()
    }

    /// What is in it, in the order of the file, if it is a table or a list.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let first = match &self.node.value {
            Value::Table(children) | Value::List(children) => children.first,
            _ => 0,
        };
        let nodes = self.nodes;
        let at = move |number: u32| match number {
            0 => None,
            _ => nodes.get(number as usize),
        };
        let children = std::iter::successors(at(first), move |node| at(node.next));
        children.map(move |node| Self { nodes, node })
    }

    /// What stands at `key`, if it is a table that has it.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let is_table = matches!(self.value(), Value::Table(_));
        let mut children = self.children().filter(|_| is_table);
        children.find(|child| child.key() == key)
    }

    /// What is in the list at `key`.
    pub(super) fn items(self, key: &str) -> impl Iterator<Item = Self> {
        self.get(key).into_iter().flat_map(Self::children)
    }

    /// Where it begins.
    pub(super) fn start(self) -> usize {
        self.node.place.from as usize
    }
}
