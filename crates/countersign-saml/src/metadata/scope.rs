//! Whose domains an identity provider speaks for: `shibmd:Scope`.

use thiserror::Error;

/// A domain that an identity provider may assert scoped values for \[SHIBMD\].
///
/// A federation checks that it belongs to the organization behind the provider. Most are literal.
/// A regular expression is evaluated only if it has one of the forms `^.+\.acme\.example$`,
/// `^.*\.acme\.example$`, `^(.+\.)?acme\.example$`, with or without `^` and `$`: any domain below
/// one, with the domain itself in the last form. Of any other, nothing matches:
/// a pattern that strangers wrote for another engine is not worth a guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    value: String,
    is_regexp: bool,
}

impl Scope {
    /// A literal scope.
    #[must_use]
    pub fn literal(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            is_regexp: false,
        }
    }

    pub(super) fn new(value: String, is_regexp: bool) -> Self {
        Self { value, is_regexp }
    }

    /// The text, as it is written.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether the text is a regular expression.
    #[must_use]
    pub fn is_regexp(&self) -> bool {
        self.is_regexp
    }

    /// Whether it allows `scope`, byte for byte. An expression always has to match the whole.
    #[must_use]
    pub fn allows(&self, scope: &str) -> bool {
        if self.is_regexp {
            Suffix::read(&self.value).is_some_and(|suffix| suffix.matches(scope))
        } else {
            !scope.is_empty() && scope == self.value
        }
    }
}

/// The forms of regular expressions that are understood.
struct Suffix {
    domain: String,
    /// Whether the domain itself matches, too.
    with_apex: bool,
}

impl Suffix {
    fn read(expression: &str) -> Option<Self> {
        let inner = expression.strip_prefix('^').unwrap_or(expression);
        let inner = inner.strip_suffix('$').unwrap_or(inner);
        let (rest, with_apex) = if let Some(rest) = inner.strip_prefix(r"(.+\.)?") {
            (rest, true)
        } else {
            let below = inner
                .strip_prefix(r".+\.")
                .or_else(|| inner.strip_prefix(r".*\."))?;
            (below, false)
        };
        let labels: Vec<_> = rest.split(r"\.").collect();
        let is_label = |label: &&str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && label.bytes().all(is_plain)
        };
        // Everything below a top-level domain is nobody's domain.
        (labels.len() >= 2 && labels.iter().all(is_label)).then(|| Self {
            domain: labels.join("."),
            with_apex,
        })
    }

    fn matches(&self, scope: &str) -> bool {
        match scope.strip_suffix(&self.domain) {
            Some("") => self.with_apex,
            Some(front) => {
                front.len() > 1
                    && front.ends_with('.')
                    && front.bytes().all(|byte| byte.is_ascii_graphic())
            }
            None => false,
        }
    }
}

/// A value of an attribute with a scope, such as `eduPersonPrincipalName`, whose scope the
/// identity provider may assert. Only
/// [`IdentityProvider::check_scoped`](crate::IdentityProvider::check_scoped) makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scoped<'a> {
    value: &'a str,
    local: &'a str,
    scope: &'a str,
}

impl<'a> Scoped<'a> {
    /// Splits `value` and asks whether `scopes` allow its scope.
    pub(crate) fn check(value: &'a str, scopes: &[Scope]) -> Result<Self, ScopeError> {
        let (local, scope) = value.split_once('@').ok_or(ScopeError::NotScoped)?;
        // One reader takes the first `@`, another the last: with two, they would see two scopes.
        if local.is_empty() || scope.is_empty() || scope.contains('@') {
            return Err(ScopeError::NotScoped);
        }
        if scopes.iter().any(|allowed| allowed.allows(scope)) {
            Ok(Self {
                value,
                local,
                scope,
            })
        } else {
            Err(ScopeError::NotAllowed)
        }
    }

    /// All of it.
    #[must_use]
    pub fn value(&self) -> &'a str {
        self.value
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local(&self) -> &'a str {
        self.local
    }

    /// What stands after it.
    #[must_use]
    pub fn scope(&self) -> &'a str {
        self.scope
    }
}

/// A scoped value must not be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// It is not something, `@` and something, with one `@`.
    #[error("the value is not of the form local@scope")]
    NotScoped,
    /// The provider's metadata does not allow the scope.
    #[error("the identity provider may not speak for this scope")]
    NotAllowed,
}

impl ScopeError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotScoped => "scope.not_scoped",
            Self::NotAllowed => "scope.not_allowed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regexp(value: &str) -> Scope {
        Scope::new(value.to_owned(), true)
    }

    #[test]
    fn a_literal_scope_allows_itself_and_nothing_else() {
        let scope = Scope::literal("acme.example");
        assert!(scope.allows("acme.example"));
        for other in [
            "",
            "ACME.example",
            "acme.example ",
            "evil-acme.example",
            "a.acme.example",
            "acme.example.test",
        ] {
            assert!(!scope.allows(other), "{other}");
        }
        assert!(!Scope::literal("").allows(""));
        // A pattern that is not marked as one is text.
        assert!(!Scope::literal(r".*\.acme\.example").allows("a.acme.example"));
    }

    #[test]
    fn an_expression_for_the_domains_below_one_is_understood() {
        for below in [
            r"^.+\.acme\.example$",
            r".+\.acme\.example",
            r"^.*\.acme\.example$",
        ] {
            let scope = regexp(below);
            assert!(scope.allows("ward.acme.example"), "{below}");
            assert!(scope.allows("a.b.acme.example"), "{below}");
            for other in [
                "acme.example",
                ".acme.example",
                "evilacme.example",
                "ward.acmeXexample",
                "ward.acme.example.test",
                "ward.acme.example\n",
                "ward\n.acme.example",
            ] {
                assert!(!scope.allows(other), "{below} {other}");
            }
        }
        let with_apex = regexp(r"^(.+\.)?acme\.example$");
        assert!(with_apex.allows("acme.example"));
        assert!(with_apex.allows("ward.acme.example"));
        assert!(!with_apex.allows("evilacme.example"));
    }

    #[test]
    fn any_other_expression_allows_nothing() {
        for unknown in [
            "",
            ".*",
            "^.*$",
            r".+\.example",
            r"(.+\.)?example",
            r".+acme\.example",
            r".+\.acme.example",
            r"^.+\.(acme|other)\.example$",
            r"^(a+)+\.acme\.example$",
            "acme.example",
            r"^.+\.acme\.example\n$",
            r".+\.\.example",
        ] {
            for scope in ["acme.example", "a.acme.example", "example", "", ".*"] {
                assert!(!regexp(unknown).allows(scope), "{unknown} {scope}");
            }
        }
    }

    #[test]
    fn a_scoped_value_has_one_at_sign_and_an_allowed_scope() {
        let scopes = [Scope::literal("acme.example")];
        let scoped = Scoped::check("nurse@acme.example", &scopes).unwrap();
        assert_eq!(
            (scoped.local(), scoped.scope(), scoped.value()),
            ("nurse", "acme.example", "nurse@acme.example")
        );
        for (value, error) in [
            ("nurse", ScopeError::NotScoped),
            ("@acme.example", ScopeError::NotScoped),
            ("nurse@", ScopeError::NotScoped),
            ("nurse@acme.example@acme.example", ScopeError::NotScoped),
            ("nurse@other.example@acme.example", ScopeError::NotScoped),
            ("nurse@other.example", ScopeError::NotAllowed),
            ("nurse@Acme.example", ScopeError::NotAllowed),
        ] {
            assert_eq!(Scoped::check(value, &scopes), Err(error), "{value}");
        }
        assert_eq!(
            Scoped::check("nurse@acme.example", &[]),
            Err(ScopeError::NotAllowed)
        );
    }
}
