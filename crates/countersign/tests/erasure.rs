//! What is left of a person after an erasure: every proof, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod host;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::audit::store::{EntryQuery, LedgerStore as _};
use countersign::audit::vault_store::VaultStore as _;
use countersign::audit::{Body, Kind, Leaf, LocalKeyWrap, PrivatePart};
use countersign::blocking::wait;
use countersign::evidence::{Disclosure, Export, Status};
use countersign::provision::user::UserState;
use countersign::{AccountError, EngineError, LeafHash, Session, Sweep, UserId, VaultOwner};
use countersign_testkit::idp::ResponseSpec;
use host::{Host, POLICY, nda, on_each_store_under, tenant};

const SEVEN_YEARS: Duration = Duration::from_secs(2555 * 86_400);

fn policy() -> String {
    format!("{POLICY}\n[lifecycle]\nretain = \"2555d\"\n")
}

fn administrator() -> UserId {
    UserId::new("administrator-1").unwrap()
}

/// Somebody whose every value is like nobody else's.
fn somebody(host: &Host, number: usize) -> ResponseSpec {
    let mut response = host.response(&format!("nameid-{number:04}-n"));
    for (name, value) in [
        ("mail", format!("mail-{number:04}-m@acme.example")),
        ("givenName", format!("Given-{number:04}-g")),
        ("sn", format!("Family-{number:04}-f")),
        ("groups", "staff".to_owned()),
    ] {
        response
            .attributes
            .retain(|attribute| attribute.name != name);
        response = response.with_attribute(name, [value]);
    }
    let authentication = response.authentication.as_mut().unwrap();
    authentication.session_index = Some(format!("session-{number:04}-s"));
    response
}

/// What nobody may find of that person afterwards, as it is and in base64.
fn traces(number: usize) -> Vec<Vec<u8>> {
    let texts = [
        format!("nameid-{number:04}-n"),
        format!("mail-{number:04}-m"),
        format!("Given-{number:04}-g"),
        format!("Family-{number:04}-f"),
        format!("session-{number:04}-s"),
        format!("Printed {number:04} p"),
    ];
    let mut traces = Vec::new();
    for text in texts {
        for before in 0..3 {
            // Base64 of a text depends on how many bytes are before it, modulo 3.
            let padded = [vec![b' '; before], text.clone().into_bytes()].concat();
            let whole = padded.len() / 3 * 3;
            let encoded = STANDARD.encode(&padded[..whole]);
            traces.push(encoded.as_bytes()[4.min(before * 4)..].to_vec());
        }
        traces.push(text.into_bytes());
    }
    traces
}

/// How many of these persons left a trace in any file.
fn found(host: &Host, numbers: &[usize]) -> usize {
    // One character for each byte, so that the search is that of texts, which is fast.
    let text = |bytes: &[u8]| -> String { bytes.iter().copied().map(char::from).collect() };
    let files: Vec<String> = host.files().iter().map(|file| text(file)).collect();
    let is_in = |trace: &Vec<u8>| {
        let trace = text(trace);
        files.iter().any(|file| file.contains(&trace))
    };
    let left = |number: &&usize| traces(**number).iter().any(is_in);
    numbers.iter().filter(left).count()
}

fn deprovision(host: &Host, session: &Session) {
    let (user, by) = (session.user(), administrator());
    wait(host.engine.deprovision(&tenant(), user, &by, None)).unwrap();
}

fn erase(host: &Host, session: &Session) -> Result<LeafHash, EngineError> {
    let (user, by) = (session.user(), administrator());
    wait(host.engine.erase_account(&tenant(), user, &by, None))
}

/// Many people, so that their rows share pages and wander from one to another as others come.
fn nothing_is_left_in_any_file(vault: bool) {
    let host = Host::in_a_file(&policy(), vault);
    let mut people = Vec::new();
    for number in 0..48 {
        let session = host.admit(&somebody(&host, number));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let intent = countersign::Intent::approval();
        let confirmed = wait(host.engine.confirm(presented, &intent)).unwrap();
        let name = format!("Printed {number:04} p");
        let signed = wait(host.engine.sign(confirmed, &name)).unwrap();
        people.push((number, session, signed));
    }
    wait(host.engine.checkpoint()).unwrap();
    let gone: Vec<usize> = (0..48).filter(|number| number % 3 == 0).collect();
    let others: Vec<usize> = (0..48).filter(|number| number % 3 != 0).collect();
    assert_eq!(found(&host, &gone), gone.len(), "the search finds nothing");

    for (number, session, _) in &people {
        if gone.contains(number) {
            deprovision(&host, session);
        }
    }
    host.clock.advance(SEVEN_YEARS);
    for (number, session, _) in &people {
        if gone.contains(number) {
            erase(&host, session).unwrap();
        }
    }
    assert_eq!(found(&host, &gone), 0);
    assert_eq!(found(&host, &others), others.len());

    // Every proof still holds, of those who are gone as of those who are not.
    host.assert_records_are_sound();
    for (number, _, signed) in &people {
        let request = Export::of(signed.leaf()).disclose(Disclosure::Everything);
        let bundle = wait(host.engine.export(&request)).unwrap();
        assert!(host.verify(&bundle).accepted());
        let name = format!("Printed {number:04} p");
        let names_them = String::from_utf8_lossy(&bundle).contains(&name);
        assert_ne!(names_them, gone.contains(number));
    }
}

#[test]
fn nothing_of_an_erased_person_is_left_in_any_file_with_a_vault() {
    nothing_is_left_in_any_file(true);
}

#[test]
fn nothing_of_an_erased_person_is_left_in_any_file_without_a_vault() {
    nothing_is_left_in_any_file(false);
}

/// Only where a person has a row is a name in the clear: what records leave out is encrypted.
#[test]
fn a_vault_leaves_no_private_part_in_the_clear() {
    let host = Host::in_sqlite(&policy());
    let session = host.admit(&somebody(&host, 7));
    host.sign(&session, &nda()).unwrap();
    let mut refused = somebody(&host, 8);
    refused
        .attributes
        .retain(|attribute| attribute.name != "mail");
    let stranger = refused.with_attribute("mail", ["mail-0008-m@elsewhere.example"]);
    let _ = host.sign_in(&stranger);
    for (leaf, record) in host.records() {
        let stored = wait(host.store.entry(&EntryQuery::Leaf(leaf)))
            .unwrap()
            .unwrap();
        let Some(private) = stored.entry.private() else {
            assert_eq!(record.key_id, None);
            continue;
        };
        assert_eq!(record.key_id, private.key_id, "{}", record.kind());
        assert!(private.key_id.is_some(), "{}", record.kind());
        assert!(PrivatePart::parse(&private.bytes).is_err());
        let ledger = host.engine.ledger();
        let reader = ledger.reader();
        let part = wait(reader.private_part(&stored.entry)).unwrap().unwrap();
        assert_eq!(part.openings().iter().count(), record.commitments.len());
        assert!(
            record
                .blobs
                .iter()
                .all(|blob| part.blob(blob.sha256).is_some())
        );
    }
}

#[test]
fn one_account_has_one_key_and_an_erasure_names_it() {
    let host = Host::in_sqlite(&policy());
    let first = host.admit(&somebody(&host, 1));
    let again = host.admit(&somebody(&host, 1));
    assert_eq!(first.user(), again.user());
    host.sign(&again, &nda()).unwrap();
    let keys: BTreeSet<_> = host
        .records()
        .into_iter()
        .filter_map(|(_, r)| r.key_id)
        .collect();
    assert_eq!(keys.len(), 1);
    deprovision(&host, &first);
    host.clock.advance(SEVEN_YEARS);
    let erased = erase(&host, &first).unwrap();
    let Body::SubjectErased(body) = host.record(erased).body else {
        panic!("another record");
    };
    assert_eq!(body.keys.into_iter().collect::<BTreeSet<_>>(), keys);
    let owner = VaultOwner::Account(tenant(), first.user().clone());
    assert!(wait(host.store.vault_keys_of(&owner)).unwrap().is_empty());
}

#[test]
fn an_account_is_erased_once() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&somebody(host, 1));
        deprovision(host, &session);
        host.clock.advance(SEVEN_YEARS);
        let erased = erase(host, &session).unwrap();
        assert_eq!(erase(host, &session).unwrap(), erased);
        let kinds = host.kinds();
        let records = kinds.iter().filter(|kind| **kind == Kind::SubjectErased);
        assert_eq!(records.count(), 1);
    });
}

#[test]
fn a_legal_hold_keeps_keys_and_private_parts() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&somebody(host, 1));
        deprovision(host, &session);
        let (user, by) = (session.user(), administrator());
        wait(host.engine.place_hold(&tenant(), user, &by, Some("case 7"))).unwrap();
        host.clock.advance(SEVEN_YEARS * 2);
        match erase(host, &session) {
            Err(EngineError::Account(error @ AccountError::Erase(_))) => {
                assert_eq!(error.code(), "account.on_hold");
            }
            other => panic!("{other:?}"),
        }
        let report = wait(host.engine.sweep(&tenant(), &Sweep::new())).unwrap();
        assert!(report.moved.is_empty());
        let (leaf, _) = host.records().remove(0);
        let stored = wait(host.store.entry(&EntryQuery::Leaf(leaf)))
            .unwrap()
            .unwrap();
        let ledger = host.engine.ledger();
        let reader = ledger.reader();
        assert!(wait(reader.private_part(&stored.entry)).unwrap().is_some());
        wait(host.engine.release_hold(&tenant(), user, &by, None)).unwrap();
        erase(host, &session).unwrap();
    });
}

#[test]
fn what_sessions_keep_of_how_somebody_signed_in_is_erased() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&somebody(host, 1));
        let row = || {
            wait(host.store.session(&tenant(), session.id()))
                .unwrap()
                .unwrap()
        };
        assert!(row().session_index.is_some() && row().authn_context.is_some());
        deprovision(host, &session);
        host.clock.advance(SEVEN_YEARS);
        erase(host, &session).unwrap();
        let row = row();
        let kept = (row.session_index, row.authn_context, row.authn_instant);
        assert_eq!(kept, (None, None, None));
    });
}

/// A sign-in that began before the erasure ends after it: the account is gone, so somebody new is
/// made, and nothing is filed for the one that is erased.
#[test]
fn a_sign_in_that_races_with_an_erasure_leaves_nothing_behind() {
    on_each_store_under(&reactivating(), |host| {
        let first = host.admit(&somebody(host, 1));
        deprovision(host, &first);
        host.clock.advance(SEVEN_YEARS);
        let (engine, user) = (host.engine.clone(), first.user().clone());
        host.during_the_sign_in(move || {
            let by = administrator();
            wait(engine.erase_account(&tenant(), &user, &by, None)).unwrap();
        });
        let again = host.admit(&somebody(host, 1));
        assert_ne!(again.user(), first.user());
        assert_eq!(host.account(&first).user.state, UserState::Erased);
        let about_the_first: Vec<LeafHash> = host
            .records()
            .into_iter()
            .filter(|(_, record)| record.subject_ref.as_ref() == Some(first.user()))
            .map(|(leaf, _)| leaf)
            .collect();
        assert!(!about_the_first.is_empty());
        for leaf in about_the_first {
            let stored = wait(host.store.entry(&EntryQuery::Leaf(leaf)))
                .unwrap()
                .unwrap();
            assert_eq!(stored.entry.private(), None);
        }
        let owner = VaultOwner::Account(tenant(), first.user().clone());
        assert!(wait(host.store.vault_keys_of(&owner)).unwrap().is_empty());
    });
}

/// A deprovisioned account comes back by signing in.
fn reactivating() -> String {
    let on_inactive = "domains = [\"acme.example\"]\n[connection.acme.match]\non_inactive = \"reactivate_deprovisioned\"";
    policy().replacen("domains = [\"acme.example\"]", on_inactive, 1)
}

/// Who was refused has no account; what was said of the person is erased by its age.
#[test]
fn a_sweep_erases_what_belongs_to_no_account_at_its_age() {
    on_each_store_under(&policy(), |host| {
        let stranger = host
            .response("stranger")
            .with_attribute("groups", ["staff"]);
        let mut stranger = stranger;
        stranger
            .attributes
            .retain(|attribute| attribute.name != "mail");
        let stranger = stranger.with_attribute("mail", ["stranger@elsewhere.example"]);
        let refused = host.refuse(&stranger);
        let member = host.admit(&somebody(host, 1));
        let private = |leaf| {
            let stored = wait(host.store.entry(&EntryQuery::Leaf(leaf))).unwrap();
            stored.unwrap().entry.private().is_some()
        };
        assert!(private(refused.entry()));
        let sweep = Sweep::new();
        host.clock.advance(SEVEN_YEARS);
        let report = wait(host.engine.sweep(&tenant(), &sweep)).unwrap();
        assert_eq!(report.unclaimed, 0, "one instant too early");
        host.clock.advance(Duration::from_millis(1));
        let dry = wait(host.engine.sweep(&tenant(), &sweep.clone().dry_run())).unwrap();
        assert_eq!(dry.unclaimed, 1);
        assert!(private(refused.entry()));
        let report = wait(host.engine.sweep(&tenant(), &sweep)).unwrap();
        assert_eq!((report.unclaimed, report.erasure_pending), (1, false));
        assert!(!private(refused.entry()));
        let again = wait(host.engine.sweep(&tenant(), &sweep)).unwrap();
        assert_eq!(again.unclaimed, 0);
        // What is an account's is kept for as long as that.
        assert!(private(host.account(&member).user.entry.unwrap()));
    });
}

/// Another process that still sees the database as it was keeps its log from being emptied. The
/// account is erased all the same, and the next sweep finishes it: also one of a process that began
/// after this one had crashed.
#[test]
fn an_erasure_that_a_reader_holds_back_is_told_and_finished_later() {
    let host = Host::in_sqlite(&policy());
    let session = host.admit(&somebody(&host, 1));
    deprovision(&host, &session);
    host.clock.advance(SEVEN_YEARS);
    let reader = rusqlite::Connection::open(host.database()).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM users")
        .unwrap();
    let pending = match erase(&host, &session) {
        Err(error @ EngineError::ErasurePending { entry, .. }) => {
            assert_eq!(error.code(), "engine.erasure_pending");
            entry
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(host.account(&session).user.state, UserState::Erased);
    assert_eq!(found(&host, &[1]), 1);
    let report = wait(host.engine.sweep(&tenant(), &Sweep::new())).unwrap();
    assert!(report.erasure_pending);
    reader.execute_batch("COMMIT").unwrap();
    let restarted = host.engine_under(&policy());
    let report = wait(restarted.sweep(&tenant(), &Sweep::new())).unwrap();
    assert!(!report.erasure_pending);
    assert_eq!(found(&host, &[1]), 0);
    assert_eq!(erase(&host, &session).unwrap(), pending);
}

/// A sweep in parts: who was erased in one of them is gone from the files at the end of the last.
#[test]
fn a_sweep_that_stops_early_says_that_an_erasure_is_not_at_its_end() {
    let host = Host::in_sqlite(&policy());
    let people = [1, 2, 3].map(|number| host.admit(&somebody(&host, number)));
    people
        .iter()
        .for_each(|session| deprovision(&host, session));
    host.clock.advance(SEVEN_YEARS * 2);
    let mut sweep = Sweep::new().at_most(1);
    for part in 1..=3 {
        let report = wait(host.engine.sweep(&tenant(), &sweep)).unwrap();
        assert_eq!(report.moved.len(), 1);
        assert_eq!(report.erasure_pending, part < 3, "{report:?}");
        match report.next {
            Some(next) => sweep = sweep.after(next),
            None => assert_eq!(part, 3),
        }
    }
    assert_eq!(found(&host, &[1, 2, 3]), 0);
}

/// One of two signers is erased: the bundle of both says so by itself, and of nobody else.
#[test]
fn a_bundle_after_an_erasure_says_when_the_values_were_erased() {
    let without_a_vault = |policy: &str| Host::in_a_file(policy, false);
    let makes: [&dyn Fn(&str) -> Host; 4] = [
        &Host::in_memory,
        &Host::in_memory_with_a_vault,
        &Host::in_sqlite,
        &without_a_vault,
    ];
    for make in makes {
        let host = make(&policy());
        let (gone, stays) = (
            host.admit(&somebody(&host, 1)),
            host.admit(&somebody(&host, 2)),
        );
        let first = host.sign(&gone, &nda()).unwrap();
        let second = host.sign(&stays, &nda()).unwrap();
        let request = Export::of(first.leaf())
            .and(second.leaf())
            .disclose(Disclosure::Everything);
        let report = host.verify(&wait(host.engine.export(&request)).unwrap());
        assert!(report.accepted());
        assert!(report.lines().iter().all(|l| l.status != Status::Erased));

        deprovision(&host, &gone);
        host.clock.advance(SEVEN_YEARS);
        let erased = erase(&host, &gone).unwrap();
        let erased_at = host.record(erased).at;
        let bundle = wait(host.engine.export(&request)).unwrap();
        let report = host.verify(&bundle);
        assert!(report.accepted(), "{report}");
        let says = format!("erased on {erased_at}");
        let erased = report.lines().iter().filter(|l| l.status == Status::Erased);
        let erased: Vec<_> = erased.collect();
        // The sign-in, the account and the signature.
        assert_eq!(erased.len(), 3, "{report}");
        assert!(erased.iter().all(|line| line.by.starts_with(&says)));
        let by_signer: Vec<_> = report
            .trail()
            .unwrap()
            .signers
            .iter()
            .map(|s| s.erased_at)
            .collect();
        assert_eq!(by_signer, [Some(erased_at), None]);
        // Asked for by hand, it is there once all the same.
        let by_hand = request
            .clone()
            .erasure(Leaf::from_store(erased_leaf(&host)));
        assert_eq!(wait(host.engine.export(&by_hand)).unwrap(), bundle);
        // Who signed something else is not in it.
        let alone = Export::of(second.leaf());
        let report = host.verify(&wait(host.engine.export(&alone)).unwrap());
        assert!(report.lines().iter().all(|l| l.status != Status::Erased));
    }
}

fn erased_leaf(host: &Host) -> LeafHash {
    let records = host.records().into_iter();
    let mut erasures = records.filter(|(_, record)| record.kind() == Kind::SubjectErased);
    erasures.next().unwrap().0
}

/// The host's key is rotated: everything is wrapped anew, and the old key may be destroyed.
#[test]
fn after_a_rotation_the_old_wrapping_key_is_needed_no_more() {
    let host = Host::in_sqlite(&policy());
    let session = host.admit(&somebody(&host, 1));
    let signed = host.sign(&session, &nda()).unwrap();
    wait(host.engine.checkpoint()).unwrap();
    let both = LocalKeyWrap::new("host-key-2", [2; 32]).retired("host-key-1", [1; 32]);
    let rotating = host.engine_with(&policy(), &[], |builder| builder.vault(Arc::new(both)));
    let done = wait(rotating.rewrap_vault()).unwrap();
    assert_eq!((done.keys, done.skipped), (1, 0));
    assert_eq!(wait(rotating.rewrap_vault()).unwrap().keys, 0);
    let new = LocalKeyWrap::new("host-key-2", [2; 32]);
    let after = host.engine_with(&policy(), &[], |builder| builder.vault(Arc::new(new)));
    let request = Export::of(signed.leaf()).disclose(Disclosure::Everything);
    wait(after.export(&request)).unwrap();
    // The old key alone opens nothing now.
    let error = wait(host.engine.export(&request)).unwrap_err();
    assert_eq!(error.code(), "key_wrap.unknown");
    let one = NonZeroU32::MIN;
    let left = wait(host.store.vault_keys_not_wrapped_by("host-key-2", one)).unwrap();
    assert!(left.is_empty());
}

#[test]
fn a_sign_in_without_the_hosts_key_is_no_sign_in() {
    let host = Host::in_sqlite(&policy());
    host.admit(&somebody(&host, 1));
    let other = LocalKeyWrap::new("host-key-1", [9; 32]);
    let engine = host.engine_with(&policy(), &[], |builder| builder.vault(Arc::new(other)));
    let post = host.idp.post(&somebody(&host, 1));
    let error = host::sign_in(&engine, &post).unwrap_err();
    assert_eq!(error.code(), "key_wrap.refused");
}
