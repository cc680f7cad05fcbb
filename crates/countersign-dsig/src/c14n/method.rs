//! Which canonical form to write.

use super::C14nError;
use crate::algorithm;
use crate::xml::is_ncname;

/// The most prefixes that a `PrefixList` may name. Real ones name up to five (`xs`, `xsi`, `saml`,
/// `ds` and the default); each is looked up in every start tag.
const MAX_INCLUSIVE_PREFIXES: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Exclusive,
    Inclusive1_0,
    Inclusive1_1,
}

/// A canonicalization algorithm with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonicalization {
    pub(super) form: Form,
    pub(super) comments: bool,
    /// The default namespace is the empty text.
    pub(super) inclusive_prefixes: Vec<String>,
}

impl Canonicalization {
    const fn new(form: Form) -> Self {
        Self {
            form,
            comments: false,
            inclusive_prefixes: Vec::new(),
        }
    }

    /// Exclusive canonical XML 1.0 \[EXC-C14N\].
    #[must_use]
    pub const fn exclusive() -> Self {
        Self::new(Form::Exclusive)
    }

    /// Inclusive canonical XML 1.0 \[C14N\].
    #[must_use]
    pub const fn inclusive_1_0() -> Self {
        Self::new(Form::Inclusive1_0)
    }

    /// Inclusive canonical XML 1.1 \[C14N11\], of elements that inherit no `xml:base`.
    #[must_use]
    pub const fn inclusive_1_1() -> Self {
        Self::new(Form::Inclusive1_1)
    }

    /// The same with comments kept.
    #[must_use]
    pub fn with_comments(self) -> Self {
        Self {
            comments: true,
            ..self
        }
    }

    /// The same with the prefixes of an `InclusiveNamespaces` element's `PrefixList`, treated as
    /// inclusive canonicalization treats all: names separated by white space, `#default` for the
    /// default namespace \[EXC-C14N §2\].
    ///
    /// # Errors
    /// [`C14nError::BadPrefixList`] for more than 16 names or for what is none.
    pub fn with_inclusive_prefixes(mut self, prefix_list: &str) -> Result<Self, C14nError> {
        for name in prefix_list.split([' ', '\t', '\n', '\r']) {
            let prefix = match name {
                "" => continue,
                "#default" => "",
                name if is_ncname(name) => name,
                _ => return Err(C14nError::BadPrefixList),
            };
            if self.inclusive_prefixes.len() >= MAX_INCLUSIVE_PREFIXES {
                return Err(C14nError::BadPrefixList);
            }
            self.inclusive_prefixes.push(prefix.to_owned());
        }
        Ok(self)
    }

    /// The algorithm with this identifier, without parameters; `None` if it is none of those here.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Some(match uri {
            algorithm::EXCLUSIVE_C14N => Self::exclusive(),
            algorithm::EXCLUSIVE_C14N_WITH_COMMENTS => Self::exclusive().with_comments(),
            algorithm::INCLUSIVE_C14N_1_0 => Self::inclusive_1_0(),
            algorithm::INCLUSIVE_C14N_1_0_WITH_COMMENTS => Self::inclusive_1_0().with_comments(),
            algorithm::INCLUSIVE_C14N_1_1 => Self::inclusive_1_1(),
            algorithm::INCLUSIVE_C14N_1_1_WITH_COMMENTS => Self::inclusive_1_1().with_comments(),
            _ => return None,
        })
    }
}
