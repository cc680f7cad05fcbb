//! How much a new policy may change.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use countersign_core::RoleName;
use thiserror::Error;

use super::Simulation;

/// A part of a whole, in hundredths of a per cent: `5%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

/// The text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a share from `0%` to `100%` with at most two decimals, such as `5%` or `0.25%`")]
pub struct ParseShareError;

impl Share {
    /// `0%`: nobody.
    pub const NONE: Self = Self(0);

    /// Whether `part` of `whole` is more than this.
    #[must_use]
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part).saturating_mul(10_000)
            > u128::from(whole).saturating_mul(u128::from(self.0))
    }
}

impl FromStr for Share {
    type Err = ParseShareError;

    fn from_str(text: &str) -> Result<Self, ParseShareError> {
        let number = text.strip_suffix('%').ok_or(ParseShareError)?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "00"));
        let digits = |text: &str, most: usize| {
            let fits = (1..=most).contains(&text.len());
            (fits && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
        };
        digits(whole, 3).ok_or(ParseShareError)?;
        digits(decimals, 2).ok_or(ParseShareError)?;
        // INVARIANT: at most five digits, which any u32 holds.
        let hundredths: u32 = format!("{whole}{decimals:0<2}")
            .parse()
            .map_err(|_| ParseShareError)?;
        match u16::try_from(hundredths) {
            Ok(hundredths @ 0..=10_000) => Ok(Self(hundredths)),
            _ => Err(ParseShareError),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 100, self.0 % 100);
        match (decimals, decimals % 10) {
            (0, _) => write!(f, "{whole}%"),
            (_, 0) => write!(f, "{whole}.{}%", decimals / 10),
            _ => write!(f, "{whole}.{decimals:02}%"),
        }
    }
}

/// How many people a new policy may touch. What is `None` or not named is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BlastRadius {
    /// Of all people: who loses a role, or access and with it every role.
    pub losing: Option<Share>,
    /// Of all people: who loses access.
    pub losing_access: Option<Share>,
    /// Of the people who have the role: who loses it. The same for each role.
    pub losing_any_role: Option<Share>,
    /// Of the people who have the role: who loses it.
    pub losing_role: BTreeMap<RoleName, Share>,
    /// Of all people: who gains the role.
    pub gaining_role: BTreeMap<RoleName, Share>,
    /// Of all people: who gains a privileged role. The same for each of them.
    pub gaining_privileged: Option<Share>,
}

/// More than [`BlastRadius`] allows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// There is nobody in the corpus, so nothing was found out.
    Nobody,
    /// A limit is for a role that neither policy has, so it would limit nothing.
    UnknownRole(RoleName),
    /// Too many lose a role or access.
    Losing(Overrun),
    /// Too many lose access.
    LosingAccess(Overrun),
    /// Too many of those who have the role lose it.
    LosingRole(RoleName, Overrun),
    /// Too many gain the role.
    GainingRole(RoleName, Overrun),
}

/// How many, of how many, where how many were allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrun {
    /// People it happens to.
    pub people: u64,
    /// People it could happen to.
    pub of: u64,
    /// What was allowed.
    pub most: Share,
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, of, most } = self;
        write!(f, "{people} of {of}, more than {most}")
    }
}

impl Excess {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nobody => "simulate.nobody",
            Self::UnknownRole(_) => "simulate.unknown_role",
            Self::Losing(_) => "simulate.losing",
            Self::LosingAccess(_) => "simulate.losing_access",
            Self::LosingRole(..) => "simulate.losing_role",
            Self::GainingRole(..) => "simulate.gaining_role",
        }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody signed in, so nothing was found out"),
            Self::UnknownRole(role) => {
                write!(
                    f,
                    "neither policy has the role `{role}` that a limit is for"
                )
            }
            Self::Losing(overrun) => write!(f, "too many people lose a role: {overrun}"),
            Self::LosingAccess(overrun) => write!(f, "too many people lose access: {overrun}"),
            Self::LosingRole(role, overrun) => {
                write!(f, "too many people lose the role `{role}`: {overrun}")
            }
            Self::GainingRole(role, overrun) => {
                write!(f, "too many people gain the role `{role}`: {overrun}")
            }
        }
    }
}

impl BlastRadius {
    /// Whether it limits anything.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        *self != Self::default()
    }

    pub(super) fn excesses(&self, simulation: &Simulation) -> Vec<Excess> {
        let mut excesses = Vec::new();
        if !self.is_limit() {
            return excesses;
        }
        if simulation.people == 0 {
            excesses.push(Excess::Nobody);
        }
        let named = self.losing_role.keys().chain(self.gaining_role.keys());
        for role in named.filter(|role| !simulation.roles.contains_key(*role)) {
            let unknown = Excess::UnknownRole(role.clone());
            if !excesses.contains(&unknown) {
                excesses.push(unknown);
            }
        }
        let over = |most: Option<Share>, people: u64, of: u64| {
            most.filter(|most| most.is_exceeded(people, of))
                .map(|most| Overrun { people, of, most })
        };
        let all = simulation.people;
        let access = over(self.losing_access, simulation.losing_access, all);
        excesses.extend(access.map(Excess::LosingAccess));
        // Whoever loses access loses the roles that they had; who had none still lost something.
        let losing = simulation.losing;
        excesses.extend(over(self.losing, losing, all).map(Excess::Losing));
        for (role, totals) in &simulation.roles {
            let most = self.losing_role.get(role).copied().or(self.losing_any_role);
            let lost = over(most, totals.lost, totals.before);
            excesses.extend(lost.map(|overrun| Excess::LosingRole(role.clone(), overrun)));
            let privileged = self.gaining_privileged.filter(|_| totals.privileged);
            let most = self.gaining_role.get(role).copied().or(privileged);
            let gained = over(most, totals.gained, all);
            excesses.extend(gained.map(|overrun| Excess::GainingRole(role.clone(), overrun)));
        }
        excesses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_written() {
        for text in ["0%", "5%", "0.25%", "0.05%", "12.5%", "100%"] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
        }
        for bad in [
            "", "%", "5", "5 %", "-1%", "+5%", "1.%", ".5%", "0.125%", "100.01%", "1e1%",
        ] {
            assert_eq!(bad.parse::<Share>(), Err(ParseShareError), "{bad}");
        }
    }

    #[test]
    fn a_share_is_exceeded_by_one_more_than_it_and_not_by_it() {
        let five: Share = "5%".parse().unwrap();
        assert!(!five.is_exceeded(5, 100) && five.is_exceeded(6, 100));
        assert!(Share::NONE.is_exceeded(1, u64::MAX) && !Share::NONE.is_exceeded(0, 0));
        let all: Share = "100%".parse().unwrap();
        assert!(!all.is_exceeded(u64::MAX, u64::MAX));
    }
}
