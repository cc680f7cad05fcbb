//! `[risk.NAME]`: how somebody has to have signed in to sign documents of some types, and whether
//! they have to have agreed to electronic records.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use countersign_core::{Assurance, DocumentPattern, Door, Timestamp};

/// What a sign-in has to be. The default is nothing in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The person has authenticated with several factors, and the provider says so.
    pub multi_factor: bool,
    /// An identity provider vouches for the person: the e-mail door never does.
    pub federated: bool,
    /// The person has authenticated no longer ago than this, and the provider says when.
    pub max_age: Option<Duration>,
    /// The person has agreed to electronic records of this type \[15 USC 7001(c)\]: nothing that
    /// a sign-in could show.
    pub consent: bool,
}

impl Needs {
    /// Whether it is nothing in particular.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// What meets both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let ages = [self.max_age, other.max_age];
        Self {
            multi_factor: self.multi_factor || other.multi_factor,
            federated: self.federated || other.federated,
            max_age: ages.into_iter().flatten().min(),
            consent: self.consent || other.consent,
        }
    }

    /// Whether a sign-in meets it `now`, as far as it is about sign-ins. What the provider did not
    /// tell is not met.
    #[must_use]
    pub fn are_met_by(&self, strength: &Strength, now: Timestamp) -> bool {
        let is_fresh = |max_age| {
            let since = strength.authn_instant;
            since.is_some_and(|since: Timestamp| now <= since.saturating_add(max_age))
        };
        (!self.multi_factor || strength.multi_factor)
            && (!self.federated || strength.door.assurance() >= Assurance::Federated)
            && self.max_age.is_none_or(is_fresh)
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self
            .max_age
            .map(|age| format!("a login in the last {} s", age.as_secs()));
        let needs = [
            self.multi_factor.then(|| "several factors".to_owned()),
            self.federated.then(|| "an identity provider".to_owned()),
            age,
            self.consent
                .then(|| "a consent to electronic records".to_owned()),
        ];
        let needs: Vec<_> = needs.into_iter().flatten().collect();
        f.write_str(&needs.join(", "))
    }
}

/// How strong a sign-in was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    /// The door that the person came in by.
    pub door: Door,
    /// Whether the provider says that there were several factors.
    pub multi_factor: bool,
    /// When the person authenticated, if the provider told.
    pub authn_instant: Option<Timestamp>,
}

/// One kind of risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The document types that it is about.
    pub documents: Vec<DocumentPattern>,
    /// What signing them needs.
    pub needs: Needs,
}

/// All kinds of risk, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Risks(BTreeMap<String, Risk>);

impl Risks {
    /// What signing a document of this type needs: all that the risks which name it say.
    #[must_use]
    pub fn needs(&self, document_type: &str) -> Needs {
        let covers = |risk: &&Risk| {
            let mut documents = risk.documents.iter();
            documents.any(|pattern| pattern.covers(document_type))
        };
        let named = self.0.values().filter(covers);
        named.fold(Needs::default(), |needs, risk| needs.and(risk.needs))
    }

    /// They, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Risk)> {
        self.0.iter().map(|(name, risk)| (name.as_str(), risk))
    }
}

impl Extend<(String, Risk)> for Risks {
    fn extend<T: IntoIterator<Item = (String, Risk)>>(&mut self, risks: T) {
        self.0.extend(risks);
    }
}

impl FromIterator<(String, Risk)> for Risks {
    fn from_iter<T: IntoIterator<Item = (String, Risk)>>(risks: T) -> Self {
        Self(risks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn mfa() -> Needs {
        Needs {
            multi_factor: true,
            ..Needs::default()
        }
    }

    fn fresh(max_age: Duration) -> Needs {
        Needs {
            max_age: Some(max_age),
            ..Needs::default()
        }
    }

    fn risk(documents: &[&str], needs: Needs) -> Risk {
        Risk {
            documents: documents.iter().map(|text| text.parse().unwrap()).collect(),
            needs,
        }
    }

    fn strength(door: Door, multi_factor: bool) -> Strength {
        Strength {
            door,
            multi_factor,
            authn_instant: Some(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn a_document_needs_all_that_its_risks_say() {
        let risks: Risks = [
            ("high".to_owned(), risk(&["loan/*"], mfa())),
            (
                "big".to_owned(),
                risk(&["loan/house", "will"], fresh(MINUTE)),
            ),
            ("old".to_owned(), risk(&["*"], fresh(MINUTE * 9))),
        ]
        .into_iter()
        .collect();
        assert_eq!(risks.needs("nda/mutual"), fresh(MINUTE * 9));
        assert_eq!(risks.needs("loan/car"), mfa().and(fresh(MINUTE * 9)));
        assert_eq!(risks.needs("loan/house"), mfa().and(fresh(MINUTE)));
        assert_eq!(Risks::default().needs("loan/house"), Needs::default());
        assert!(Needs::default().is_nothing());
    }

    #[test]
    fn an_age_is_met_up_to_its_end_and_never_without_an_instant() {
        let now = |millis| Timestamp::UNIX_EPOCH.saturating_add(Duration::from_millis(millis));
        let told = strength(Door::Saml, false);
        assert!(fresh(MINUTE).are_met_by(&told, now(60_000)));
        assert!(!fresh(MINUTE).are_met_by(&told, now(60_001)));
        let untold = Strength {
            authn_instant: None,
            ..told
        };
        assert!(!fresh(MINUTE).are_met_by(&untold, now(0)));
    }

    #[test]
    fn only_an_identity_provider_is_federated_and_only_several_factors_are_several() {
        let federated = Needs {
            federated: true,
            ..Needs::default()
        };
        let now = Timestamp::UNIX_EPOCH;
        assert!(federated.are_met_by(&strength(Door::Saml, false), now));
        assert!(!federated.are_met_by(&strength(Door::Email, true), now));
        assert!(mfa().are_met_by(&strength(Door::Saml, true), now));
        assert!(!mfa().are_met_by(&strength(Door::Saml, false), now));
    }
}
