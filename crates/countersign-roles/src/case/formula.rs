//! Claims joined by and and or, and the cases in which they hold.

use std::ops::ControlFlow;

use crate::case::{Case, Claim};

/// Claims joined by and and or. There is no not: the opposite of a claim is a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Formula<'a> {
    Claim(Claim<'a>),
    /// Each holds; of none: it holds.
    All(Vec<Self>),
    /// One holds; of none: it does not hold.
    Any(Vec<Self>),
}

impl<'a> From<Claim<'a>> for Formula<'a> {
    fn from(claim: Claim<'a>) -> Self {
        Self::Claim(claim)
    }
}

impl<'a> Formula<'a> {
    pub(crate) const TRUE: Self = Self::All(Vec::new());

    /// Where each of these claims is true.
    pub(crate) fn all(claims: impl IntoIterator<Item = Claim<'a>>) -> Self {
        Self::All(claims.into_iter().map(Self::Claim).collect())
    }

    /// Where it does not hold.
    pub(crate) fn opposite(&self) -> Self {
        match self {
            Self::Claim(claim) => Self::Claim(claim.opposite()),
            Self::All(parts) => Self::Any(parts.iter().map(Self::opposite).collect()),
            Self::Any(parts) => Self::All(parts.iter().map(Self::opposite).collect()),
        }
    }

    /// Whether it is seen at a glance to hold in `case`.
    fn holds_in(&self, case: &Case<'a>) -> bool {
        match self {
            Self::Claim(claim) => case.implies(claim),
            Self::All(parts) => parts.is_empty(),
            Self::Any(_) => false,
        }
    }

    /// Whether it is not seen at a glance that it can not hold in `case`.
    fn may_hold_in(&self, case: &Case<'a>) -> bool {
        match self {
            Self::Claim(claim) => case.allows(claim),
            Self::All(_) => true,
            Self::Any(ways) => !ways.is_empty(),
        }
    }
}

/// How much may be looked at, in claims. It bounds what an adversary's policy can cost.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

/// There was more to look at than the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(left: usize) -> Self {
        Self { left }
    }

    pub(crate) fn spend(&mut self, amount: usize) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(amount).ok_or(Exhausted)?;
        Ok(())
    }
}

/// Calls `found` with cases that together are all in which `formula` holds as well as `start`.
pub(crate) fn cases<'a>(
    start: &Case<'a>,
    formula: &Formula<'a>,
    budget: &mut Budget,
    mut found: impl FnMut(Case<'a>) -> ControlFlow<()>,
) -> Result<(), Exhausted> {
    let mut branches = vec![(start.clone(), vec![formula])];
    while let Some((mut case, mut parts)) = branches.pop() {
        let (mut claims, mut choices) = (Vec::new(), Vec::new());
        while let Some(part) = parts.pop() {
            budget.spend(1)?;
            match part {
                Formula::Claim(claim) => claims.push(claim.clone()),
                Formula::All(more) => parts.extend(more),
                Formula::Any(ways) => choices.push((part, ways)),
            }
        }
        if !case.add_all(claims) {
            continue;
        }
        // The choice with the fewest ways first: one without a way ends the branch.
        let mut fewest: Option<(usize, Vec<&Formula<'a>>)> = None;
        let mut open = Vec::new();
        for (choice, ways) in choices {
            budget.spend(ways.len())?;
            if ways.iter().any(|way| way.holds_in(&case)) {
                continue;
            }
            let ways: Vec<_> = ways.iter().filter(|way| way.may_hold_in(&case)).collect();
            if fewest
                .as_ref()
                .is_none_or(|(_, least)| ways.len() < least.len())
            {
                fewest = Some((open.len(), ways));
            }
            open.push(choice);
        }
        let Some((chosen, ways)) = fewest else {
            if found(case).is_break() {
                return Ok(());
            }
            continue;
        };
        open.swap_remove(chosen);
        for way in ways.into_iter().rev() {
            budget.spend(open.len())?;
            let mut parts = open.clone();
            parts.push(way);
            branches.push((case.clone(), parts));
        }
    }
    Ok(())
}

/// Whether `formula` holds in every case that fits `case`.
pub(crate) fn entails<'a>(
    case: &Case<'a>,
    formula: &Formula<'a>,
    budget: &mut Budget,
) -> Result<bool, Exhausted> {
    let mut exception = false;
    cases(case, &formula.opposite(), budget, |_| {
        exception = true;
        ControlFlow::Break(())
    })?;
    Ok(!exception)
}
