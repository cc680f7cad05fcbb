//! Every single call to the store or to the wrapping key fails once: before it did its work, for a
//! good reason, or after it, when nobody hears of it. Whatever the step is, afterwards it was taken
//! as a whole or not at all, the records say the same as the rows, and the host can go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use countersign::audit::record::Actor;
use countersign::audit::store::{EntryQuery, LedgerStore as _};
use countersign::audit::vault_store::VaultStore as _;
use countersign::audit::{Body, Ed25519Signer, Kind, Signer, VerifierKey};
use countersign::blocking::wait;
use countersign::provision::store::{UserQuery, UserStore as _};
use countersign::provision::user::UserState;
use countersign::{
    EngineError, GrantId, LeafHash, Session, SessionId, SignIn, Sweep, UserId, VaultOwner,
};
use host::failing::{Failing, Fails};
use host::*;

/// No flow here makes more calls than this.
const MOST_CALLS: usize = 200;
const SEVEN_YEARS: Duration = Duration::from_secs(2555 * 86_400);

fn policy() -> String {
    format!("{POLICY}\n[lifecycle]\nretain = \"2555d\"\n")
}

fn administrator() -> UserId {
    UserId::new("administrator-1").unwrap()
}

/// How a step ended one of whose calls failed.
struct Ended<T> {
    outcome: Result<T, EngineError>,
    fails: Fails,
}

/// Takes the step again and again, each time in a new world: in each another call fails. `after`
/// sees what became of it, when everything goes well again.
fn whatever_fails<P, T>(
    prepare: impl Fn(&Host) -> P,
    step: impl Fn(&Host, &P) -> Result<T, EngineError>,
    after: impl Fn(&Host, &P, Ended<T>),
) {
    whatever_fails_in_the_log(prepare, step, |host, prepared, ended| {
        assert_rows_are_as_recorded(host);
        after(host, prepared, ended);
    });
}

/// The same for a step after which no checkpoint may be signed until it is finished.
fn whatever_fails_in_the_log<P, T>(
    prepare: impl Fn(&Host) -> P,
    step: impl Fn(&Host, &P) -> Result<T, EngineError>,
    after: impl Fn(&Host, &P, Ended<T>),
) {
    for fails in Fails::ALL {
        for calls_before in 0..MOST_CALLS {
            let failing = Arc::new(Failing::new());
            let host = Host::in_a_failing_store(&failing, &policy());
            let prepared = prepare(&host);
            failing.plan(calls_before, fails);
            let outcome = step(&host, &prepared);
            let failed = failing.heal();
            eprintln!(
                "{fails:?} call {calls_before}: {:?}",
                outcome.as_ref().err()
            );
            if !failed {
                assert!(outcome.is_ok(), "nothing failed");
                assert!(calls_before > 0, "nothing was called");
                break;
            }
            after(&host, &prepared, Ended { outcome, fails });
            assert_rows_are_as_recorded(&host);
            assert!(calls_before + 1 < MOST_CALLS, "the step never ends");
        }
    }
}

/// What the records say there is, and the leaf that says so.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    accounts: BTreeMap<UserId, (&'static str, LeafHash)>,
    grants: BTreeMap<GrantId, LeafHash>,
    open_sessions: BTreeMap<SessionId, LeafHash>,
}

/// No account without its record, no record without its account; the same for states, grants and
/// sessions. And the ledger is sound.
#[track_caller]
fn assert_rows_are_as_recorded(host: &Host) {
    let mut told = Told::default();
    let mut all_sessions = BTreeSet::new();
    for (leaf, record) in host.records() {
        let user = record.subject_ref.clone();
        match record.body {
            Body::UserProvisioned(_) => {
                let before = told.accounts.insert(user.unwrap(), ("active", leaf));
                assert_eq!(before, None, "an account was made twice");
            }
            Body::UserSuspended(_) => {
                told.accounts.get_mut(&user.unwrap()).unwrap().0 = "suspended"
            }
            Body::UserDeprovisioned(_) => {
                told.accounts.get_mut(&user.unwrap()).unwrap().0 = "deprovisioned";
            }
            Body::SubjectErased(_) => {
                let state = &mut told.accounts.get_mut(&user.unwrap()).unwrap().0;
                assert_ne!(*state, "erased", "an account was erased twice");
                *state = "erased";
            }
            Body::RoleGranted(body) => {
                assert_eq!(told.grants.insert(body.grant, leaf), None);
            }
            Body::RoleRevoked(body) => assert!(told.grants.remove(&body.grant).is_some()),
            Body::SessionOpened(body) => {
                all_sessions.insert(body.session.clone());
                assert_eq!(told.open_sessions.insert(body.session, leaf), None);
            }
            Body::SessionClosed(body) => {
                assert!(told.open_sessions.remove(&body.session).is_some());
            }
            _ => {}
        }
    }
    let mut there = Told::default();
    let query = UserQuery {
        tenant: tenant(),
        states: BTreeSet::new(),
        after: None,
        limit: NonZeroU32::new(100).unwrap(),
    };
    for row in wait(host.store.users(&query)).unwrap() {
        let user = row.user;
        let entry = user.entry.expect("an account without its record");
        there.accounts.insert(user.id, (user.state.name(), entry));
        let grants = row.grants.into_iter();
        there
            .grants
            .extend(grants.map(|grant| (grant.id, grant.entry)));
    }
    for session in all_sessions {
        let row = wait(host.store.session(&tenant(), &session)).unwrap();
        let row = row.expect("a record without its session");
        if row.closed_at.is_none() {
            there.open_sessions.insert(session, row.entry);
        }
    }
    assert_eq!(there, told);
    host.assert_records_are_sound();
}

fn count(host: &Host, kind: Kind) -> usize {
    host.kinds().into_iter().filter(|&of| of == kind).count()
}

fn comes(host: &Host, groups: &[&str]) -> Result<SignIn, EngineError> {
    sign_in(&host.engine, &host.idp.post(&host.nurse(groups)))
}

#[test]
fn a_first_sign_in_makes_one_account_whichever_call_fails() {
    whatever_fails(
        |host| host.idp.post(&host.nurse(&["staff"])),
        |host, post| sign_in(&host.engine, post).map(admitted),
        |host, post, ended| {
            let made = count(host, Kind::UserProvisioned);
            assert_eq!(made, count(host, Kind::SessionOpened));
            match ended.outcome {
                Ok(_) => assert_eq!(made, 1, "acknowledged, and not there"),
                Err(_) if ended.fails != Fails::After => assert_eq!(made, 0),
                Err(_) => {}
            }
            // The same response never makes a second session, and is good for the first one.
            let again = sign_in(&host.engine, post).unwrap();
            match made {
                0 => drop(admitted(again)),
                _ => {
                    assert_eq!(refused(again).code(), "saml.replayed");
                    admitted(comes(host, &["staff"]).unwrap());
                }
            }
            assert_eq!(count(host, Kind::UserProvisioned), 1);
            assert!(host.linked("nurse").is_some());
        },
    );
}

#[test]
fn a_later_sign_in_changes_all_roles_or_none_whichever_call_fails() {
    whatever_fails(
        |host| {
            let first = admitted(comes(host, &["staff"]).unwrap());
            assert_eq!(roles(&first), ["reader", "signer"]);
            first
        },
        |host, _| comes(host, &[]).map(admitted),
        |host, first, _| {
            let again = admitted(comes(host, &[]).unwrap());
            assert_eq!(again.user(), first.user());
            assert_eq!(roles(&again), ["reader"]);
            assert_eq!(count(host, Kind::RoleRevoked), 1);
            assert_eq!(count(host, Kind::RoleGranted), 2);
        },
    );
}

#[test]
fn a_ceremony_is_signed_at_most_once_whichever_call_fails() {
    whatever_fails(
        |host| {
            let session = admitted(comes(host, &["staff"]).unwrap());
            let presented = wait(host.engine.present(&session, &nda())).unwrap();
            let intent = countersign::Intent::approval();
            wait(host.engine.confirm(presented, &intent)).unwrap()
        },
        |host, confirmed| wait(host.engine.sign(confirmed.clone(), "Given Family")),
        |host, confirmed, ended| {
            let signed = count(host, Kind::DocumentSigned);
            match ended.outcome {
                Ok(_) => assert_eq!(signed, 1, "acknowledged, and not there"),
                Err(_) if ended.fails != Fails::After => assert_eq!(signed, 0),
                Err(_) => {}
            }
            match wait(host.engine.sign(confirmed.clone(), "Given Family")) {
                Ok(_) => assert_eq!(signed, 0, "one confirmation was signed twice"),
                Err(error) => assert_eq!(error.code(), "engine.ceremony_over"),
            }
            assert!(count(host, Kind::DocumentSigned) <= 1);
        },
    );
}

#[test]
fn a_whole_ceremony_is_begun_anew_whichever_call_fails() {
    whatever_fails(
        |host| admitted(comes(host, &["staff"]).unwrap()),
        |host, session| host.sign(session, &nda()),
        |host, session, ended| {
            let signed = count(host, Kind::DocumentSigned);
            assert!(ended.outcome.is_err() || signed == 1);
            host.sign(session, &nda()).unwrap();
            assert_eq!(count(host, Kind::DocumentSigned), signed + 1);
        },
    );
}

#[test]
fn a_suspension_ends_every_session_or_none_whichever_call_fails() {
    let suspend = |host: &Host, session: &Session| {
        let (user, by) = (session.user(), administrator());
        wait(host.engine.suspend(&tenant(), user, &by, Some("left")))
    };
    whatever_fails(
        |host| admitted(comes(host, &["staff"]).unwrap()),
        suspend,
        |host, session, ended| {
            let was_done = host.account(session).user.state == UserState::Suspended;
            assert!(ended.outcome.is_err() || was_done);
            assert!(ended.fails == Fails::After || ended.outcome.is_ok() == was_done);
            match suspend(host, session) {
                Ok(_) => assert!(!was_done),
                Err(error) => assert_eq!((error.code(), was_done), ("account.transition", true)),
            }
            assert_eq!(count(host, Kind::UserSuspended), 1);
            let session = wait(host.engine.session(&tenant(), session.id())).unwrap();
            assert_eq!(session, None);
        },
    );
}

fn erase(host: &Host, user: &UserId) -> Result<LeafHash, EngineError> {
    let by = administrator();
    wait(
        host.engine
            .erase_account(&tenant(), user, &by, Some("asked for")),
    )
}

/// Nothing is left of a person who was erased, nor of a half of it: before, everything is there.
fn assert_nothing_is_left(host: &Host, user: &UserId) {
    let row = wait(host.store.user(&tenant(), user)).unwrap().unwrap();
    let kept = (row.user.email, row.user.given_name, row.user.family_name);
    assert_eq!(kept, (None, None, None));
    assert!(row.subjects.is_empty() && row.grants.is_empty());
    assert!(host.linked("nurse").is_none());
    let owner = VaultOwner::Account(tenant(), user.clone());
    assert!(wait(host.store.vault_keys_of(&owner)).unwrap().is_empty());
    for (leaf, record) in host.records() {
        let stored = wait(host.store.entry(&EntryQuery::Leaf(leaf))).unwrap();
        let private = stored.unwrap().entry.private().cloned();
        let is_why = record.kind() == Kind::SubjectErased;
        assert!(
            private.is_none() || is_why,
            "{} kept something",
            record.kind()
        );
    }
}

#[test]
fn an_erasure_is_whole_or_not_begun_whichever_call_fails() {
    whatever_fails(
        |host| {
            let session = admitted(comes(host, &["staff"]).unwrap());
            host.sign(&session, &nda()).unwrap();
            let user = session.user().clone();
            wait(
                host.engine
                    .deprovision(&tenant(), &user, &administrator(), None),
            )
            .unwrap();
            host.clock.advance(SEVEN_YEARS);
            user
        },
        erase,
        |host, user, ended| {
            let erased = count(host, Kind::SubjectErased);
            match &ended.outcome {
                Ok(_) | Err(EngineError::ErasurePending { .. }) => assert_eq!(erased, 1),
                Err(_) if ended.fails != Fails::After => assert_eq!(erased, 0),
                Err(_) => {}
            }
            match erased {
                1 => assert_nothing_is_left(host, user),
                _ => assert!(host.linked("nurse").is_some()),
            }
            let entry = erase(host, user).unwrap();
            assert_nothing_is_left(host, user);
            assert_eq!(erase(host, user).unwrap(), entry);
            assert_eq!(count(host, Kind::SubjectErased), 1);
            if let Err(EngineError::ErasurePending { entry: then, .. }) | Ok(then) = ended.outcome {
                assert_eq!(then, entry);
            }
        },
    );
}

#[test]
fn a_sweep_is_finished_by_the_next_one_whichever_call_fails() {
    let sweep = |host: &Host| wait(host.engine.sweep(&tenant(), &Sweep::new()));
    whatever_fails(
        |host| {
            let user = admitted(comes(host, &["staff"]).unwrap()).user().clone();
            let mut stranger = host.response("stranger");
            stranger
                .attributes
                .retain(|attribute| attribute.name != "mail");
            host.refuse(&stranger.with_attribute("mail", ["stranger@elsewhere.example"]));
            let by = administrator();
            wait(host.engine.deprovision(&tenant(), &user, &by, None)).unwrap();
            host.clock.advance(SEVEN_YEARS * 2);
            user
        },
        |host, _| sweep(host),
        |host, user, ended| {
            let done = ended.outcome.is_ok_and(|report| !report.erasure_pending);
            let report = sweep(host).unwrap();
            assert!(!report.erasure_pending);
            if done {
                assert_eq!((report.moved.len(), report.unclaimed), (0, 0));
            }
            assert_nothing_is_left(host, user);
            assert_eq!(count(host, Kind::SubjectErased), 1);
            assert_eq!(count(host, Kind::PolicyChanged), 1);
        },
    );
}

#[test]
fn a_rotation_of_the_logs_key_is_finished_by_the_same_call_whichever_call_fails() {
    let rotate = |host: &Host, to: &Arc<Ed25519Signer>| {
        let to: Arc<dyn Signer> = to.clone();
        wait(
            host.engine
                .rotate_log_key(&tenant(), to, Actor::System, Some("yearly")),
        )
    };
    whatever_fails_in_the_log(
        |host| {
            admitted(comes(host, &["staff"]).unwrap());
            wait(host.engine.checkpoint()).unwrap();
            Arc::new(Ed25519Signer::generate().unwrap().0)
        },
        rotate,
        |host, to, ended| {
            let key = VerifierKey::of_signer("sign.example/log", &**to).unwrap();
            if ended.outcome.is_err() {
                let rotated = rotate(host, to).unwrap();
                rotated
                    .checkpoint
                    .verify(std::slice::from_ref(&key))
                    .unwrap();
                rotated
                    .checkpoint
                    .verify(&[rotated.retired.key().clone()])
                    .unwrap();
            }
            assert_eq!(*host.engine.ledger().verifier_key(), key);
            assert_eq!(count(host, Kind::KeyRotated), 1);
            admitted(comes(host, &["staff"]).unwrap());
        },
    );
}
