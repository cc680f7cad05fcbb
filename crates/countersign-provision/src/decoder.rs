//! From the forms in which providers pack several names into a text, to the names.
//!
//! A decoder is strict: what does not have the form gives no name, and says so. It never guesses,
//! because whoever can name a group would then choose what is guessed.

use crate::normalize;

mod distinguished_name;

use distinguished_name::DistinguishedName;

/// How the values of an attribute are packed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoder(Form);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Form {
    #[default]
    Values,
    Split(String),
    CommonName(Option<DistinguishedName>),
    Path(Option<String>),
    Json,
}

/// The names in some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The names, NFC.
    pub names: Vec<String>,
    /// Whether every value had the form.
    pub complete: bool,
}

impl Decoder {
    /// Each value is a name: the only form in which a name can be anything.
    #[must_use]
    pub fn values() -> Self {
        Self(Form::Values)
    }

    /// Arrays of texts in JSON \[RFC 8259\].
    #[must_use]
    pub fn json() -> Self {
        Self(Form::Json)
    }

    /// Names with `delimiter` between them; `None` if it is empty.
    ///
    /// # Security
    /// A name with the delimiter in it becomes two. So this is never good enough for a privileged
    /// role ([`Decoder::is_injective`]), and a provider that sends several values has not packed
    /// them: then a value with the delimiter in it gives no name.
    #[must_use]
    pub fn split(delimiter: &str) -> Option<Self> {
        let delimiter = normalize::text(delimiter);
        (!delimiter.is_empty()).then_some(Self(Form::Split(delimiter)))
    }

    /// The common names of distinguished names \[RFC 4514\], wherever they stand in the directory.
    ///
    /// # Security
    /// `CN=admins` of another branch is `admins` as well. So this is never good enough for a
    /// privileged role; [`Decoder::common_name_below`] is.
    #[must_use]
    pub fn common_name() -> Self {
        Self(Form::CommonName(None))
    }

    /// The common names of the entries directly below `base`, where no two have the same; `None`
    /// if that is no distinguished name. Entries elsewhere are left out.
    #[must_use]
    pub fn common_name_below(base: &str) -> Option<Self> {
        let base = DistinguishedName::parse(base)?;
        Some(Self(Form::CommonName(Some(base))))
    }

    /// Absolute paths, such as `/staff/nurses`, as they are.
    #[must_use]
    pub fn path() -> Self {
        Self(Form::Path(None))
    }

    /// Paths below `base`, without it; `None` if that is no path. Paths elsewhere are left out.
    #[must_use]
    pub fn path_below(base: &str) -> Option<Self> {
        let base = normalize::text(base);
        is_path(&base).then_some(Self(Form::Path(Some(base))))
    }

    /// Its name in the policy file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.0 {
            Form::Values => "values",
            Form::Split(_) => "split",
            Form::CommonName(_) => "dn_cn",
            Form::Path(_) => "path",
            Form::Json => "json",
        }
    }

    /// Whether different names at the provider are different here, whoever chose them. Where not,
    /// whoever can name a group can be in another one.
    #[must_use]
    pub fn is_injective(&self) -> bool {
        !matches!(self.0, Form::Split(_) | Form::CommonName(None))
    }

    /// The names in the values of one attribute. An empty value, or an empty name, is none.
    #[must_use]
    pub fn decode(&self, values: &[&str]) -> Decoded {
        let mut decoded = Decoded {
            names: Vec::new(),
            complete: true,
        };
        let is_packed = values.len() == 1;
        for value in values.iter().filter(|value| !value.is_empty()) {
            match self.names(&normalize::text(value), is_packed) {
                Some(names) => {
                    let names = names.into_iter().filter(|name| !name.is_empty());
                    decoded.names.extend(names);
                }
                None => decoded.complete = false,
            }
        }
        decoded
    }

    /// The names in one value; `None` if it does not have the form.
    fn names(&self, value: &str, is_packed: bool) -> Option<Vec<String>> {
        let names: Vec<String> = match &self.0 {
            // What the provider says is the name.
            Form::Values => return Some(vec![value.to_owned()]),
            Form::Split(delimiter) => {
                if !is_packed && value.contains(delimiter.as_str()) {
                    return None;
                }
                let names: Vec<String> =
                    value.split(delimiter.as_str()).map(str::to_owned).collect();
                // Taking the white space away would make another name of one that has it.
                let is_bare = |name: &String| name.trim() == name;
                names.iter().all(is_bare).then_some(names)?
            }
            Form::CommonName(base) => {
                let mut name = DistinguishedName::parse(value)?;
                let common_name = name.take_common_name()?;
                let is_meant = base.as_ref().is_none_or(|base| name.is_same(base));
                is_meant.then_some(common_name).into_iter().collect()
            }
            Form::Path(base) => {
                if !is_path(value) {
                    return None;
                }
                let below = match base {
                    None => Some(value),
                    Some(base) => value
                        .strip_prefix(base.as_str())
                        .and_then(|below| below.strip_prefix('/')),
                };
                below.map(str::to_owned).into_iter().collect()
            }
            Form::Json => serde_json::from_str(value).ok()?,
        };
        // Active Directory marks the loser of a naming conflict with a line feed and its GUID; no
        // group that a policy means has a character that nobody sees.
        let is_plain = |name: &String| !name.contains(char::is_control);
        let names: Vec<String> = names.iter().map(|name| normalize::text(name)).collect();
        names.iter().all(is_plain).then_some(names)
    }
}

/// `/a/b`: names that are not empty, each after a slash.
fn is_path(text: &str) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..");
    text.strip_prefix('/')
        .is_some_and(|names| names.split('/').all(is_name))
}

#[cfg(test)]
mod tests;
