//! Whether a grant allows an act: who holds it, of what scope, and until when.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod account;

use countersign_core::{Grant, GrantOwner, Timestamp};
use countersign_roles::{Authorization, Denial, authorize};

use crate::account::{Account, DAY, HOUR, catalog, role, start};

fn granted(name: &str, expires_at: Option<Timestamp>) -> Grant {
    let mut account = Account::with(vec![], &[]);
    account.insert(GrantOwner::Manual, None, role(name), start(), expires_at);
    account.grants.remove(0)
}

fn denial(grants: &[Grant], action: &str, document: &str, now: Timestamp) -> Denial {
    match authorize(&catalog(), grants, action, document, now) {
        Authorization::Denied { reason } => reason,
        Authorization::Allowed { grant } => unreachable!("allowed by {grant:?}"),
    }
}

#[test]
fn an_expired_grant_allows_nothing_from_the_instant_it_ends() {
    let end = start().saturating_add(DAY);
    let grants = [granted("signer", Some(end))];
    let just_before = Timestamp::from_unix_millis(end.unix_millis() - 1);
    let allowed = authorize(&catalog(), &grants, "sign", "nda/mutual", just_before);
    assert_eq!(allowed.grant(), Some(&grants[0]));
    assert_eq!(denial(&grants, "sign", "nda/mutual", end), Denial::Expired);
}

#[test]
fn what_no_role_allows_is_denied() {
    let grants = [granted("signer", None)];
    assert_eq!(
        denial(&grants, "sign", "contract", start()),
        Denial::NotPermitted
    );
    assert_eq!(
        denial(&grants, "view", "nda/mutual", start()),
        Denial::NotPermitted
    );
    assert_eq!(
        denial(&[], "sign", "nda/mutual", start()),
        Denial::NoLiveGrant
    );
}

#[test]
fn a_role_that_left_the_catalog_allows_nothing() {
    let grants = [granted("ghost", None)];
    assert_eq!(
        denial(&grants, "sign", "nda/mutual", start()),
        Denial::NotPermitted
    );
}

#[test]
fn of_all_grants_that_allow_it_the_longest_is_named() {
    let short = granted("signer", Some(start().saturating_add(HOUR)));
    let long = granted("signer", None);
    for grants in [[short.clone(), long.clone()], [long.clone(), short]] {
        let allowed = authorize(&catalog(), &grants, "sign", "nda/mutual", start());
        assert_eq!(allowed.grant(), Some(&long));
    }
}

/// A grant of a role for some documents says nothing of the others that the role allows.
#[test]
fn a_scope_limits_what_a_grant_allows() {
    let scoped = |scope: &str| Grant {
        scope: vec![scope.parse().unwrap()],
        ..granted("viewer", None)
    };
    let [hr, nda] = ["hr/*", "nda/mutual"].map(scoped);
    let allows = |grants: &[Grant], document: &str| {
        let answer = authorize(&catalog(), grants, "view", document, start());
        answer.grant().is_some()
    };
    assert!(allows(std::slice::from_ref(&hr), "hr/contract"));
    for beside in ["hr", "nda/mutual", "hrx/contract"] {
        assert!(!allows(std::slice::from_ref(&hr), beside), "{beside}");
    }
    let both = [hr, nda];
    assert!(allows(&both, "hr/contract") && allows(&both, "nda/mutual"));
    assert!(!allows(&both, "nda/other"));
    assert_eq!(
        denial(&both, "view", "nda/other", start()),
        Denial::NotPermitted
    );
    assert_eq!(
        denial(&both, "sign", "hr/contract", start()),
        Denial::NotPermitted,
        "a scope is no permission"
    );
}
