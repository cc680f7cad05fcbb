//! One question to one value.

/// One question to one value.
///
/// INVARIANT: the order of the variants: [`Pattern::Is`] is last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Pattern<'a> {
    /// Passed by every value.
    Present,
    /// The address's domain is this one.
    Domain(&'a str),
    /// It begins so. Not empty.
    Prefix(&'a str),
    /// It ends so. Not empty.
    Suffix(&'a str),
    /// It is one of these: ordered, each once, not exactly one.
    OneOf(Vec<&'a str>),
    /// It is this one.
    Is(&'a str),
}

impl<'a> Pattern<'a> {
    /// The test for one of these values.
    pub(crate) fn one_of(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values: Vec<&str> = values.into_iter().collect();
        values.sort_unstable();
        values.dedup();
        match values.as_slice() {
            [value] => Self::Is(value),
            _ => Self::OneOf(values),
        }
    }

    pub(crate) fn prefix(prefix: &'a str) -> Self {
        match prefix {
            "" => Self::Present,
            _ => Self::Prefix(prefix),
        }
    }

    pub(crate) fn suffix(suffix: &'a str) -> Self {
        match suffix {
            "" => Self::Present,
            _ => Self::Suffix(suffix),
        }
    }

    /// Whether `value` passes.
    pub(crate) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Domain(domain) => domain_of(value) == Some(domain),
            Self::Prefix(prefix) => value.starts_with(prefix),
            Self::Suffix(suffix) => value.ends_with(suffix),
            Self::OneOf(values) => values.binary_search(&value).is_ok(),
            Self::Is(expected) => *expected == value,
        }
    }

    /// The values that it names.
    pub(crate) fn values(&self) -> &[&'a str] {
        match self {
            Self::Is(value) => std::slice::from_ref(value),
            Self::OneOf(values) => values,
            _ => &[],
        }
    }

    /// Tests of which no value passes one exactly if none passes this one.
    pub(super) fn singles(&self) -> impl Iterator<Item = Self> {
        let whole = match self {
            Self::OneOf(_) => None,
            other => Some(other.clone()),
        };
        let values: &[&str] = match self {
            Self::OneOf(values) => values,
            _ => &[],
        };
        values.iter().map(|value| Self::Is(value)).chain(whole)
    }

    /// Whether it names its values one by one.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Is(_) | Self::OneOf(_))
    }
}

/// What stands after the `@` of an address.
pub(crate) fn domain_of(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain)
}
