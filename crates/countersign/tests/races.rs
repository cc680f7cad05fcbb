//! Many threads at once, on each store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::{Intent, Session, SignIn};
use countersign_testkit::idp::ResponseSpec;
use host::*;

/// Runs `act` for each of the inputs, each on a thread of its own, all at once.
fn at_once<T: Send, R: Send>(inputs: Vec<T>, act: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (start, act) = (&Barrier::new(inputs.len()), &act);
    thread::scope(|scope| {
        let threads = inputs.into_iter().map(|input| {
            scope.spawn(move || {
                start.wait();
                act(input)
            })
        });
        let threads: Vec<_> = threads.collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.collect()
    })
}

/// Posts the responses, all at once.
fn sign_in_at_once(host: &Host, responses: Vec<ResponseSpec>) -> Vec<SignIn> {
    let posted = responses.iter().map(|response| host.idp.post(response));
    let engine = &host.engine;
    at_once(posted.collect(), |form_value| {
        sign_in(engine, &form_value).unwrap()
    })
}

fn count(host: &Host, kind: Kind) -> usize {
    host.kinds().into_iter().filter(|k| *k == kind).count()
}

#[test]
fn sixty_four_first_sign_ins_of_one_person_make_one_account() {
    on_each_store(|host| {
        let responses = (0..64).map(|_| host.nurse(&["staff"])).collect();
        let ended = sign_in_at_once(host, responses);
        let sessions: Vec<Session> = ended.into_iter().map(admitted).collect();

        let account = host.linked("nurse").unwrap();
        assert_eq!(host.seats_taken(), 1);
        assert_eq!(account.subjects.len(), 1);
        assert_eq!(account.grants.len(), 2);
        assert!(
            sessions
                .iter()
                .all(|session| *session.user() == account.user.id)
        );
        let ids: HashSet<_> = sessions.iter().map(Session::id).collect();
        assert_eq!(ids.len(), 64);
        for session in &sessions {
            assert!(
                wait(host.engine.session(&tenant(), session.id()))
                    .unwrap()
                    .is_some()
            );
        }

        assert_eq!(count(host, Kind::UserProvisioned), 1);
        assert_eq!(count(host, Kind::UserLinked), 0);
        assert_eq!(count(host, Kind::RoleGranted), 2);
        assert_eq!(count(host, Kind::AssertionVerified), 64);
        assert_eq!(count(host, Kind::SessionOpened), 64);
    });
}

#[test]
fn one_response_that_is_posted_many_times_at_once_opens_one_session() {
    on_each_store(|host| {
        let response = host.nurse(&["staff"]);
        let ended = sign_in_at_once(host, vec![response; 16]);
        let admitted = ended
            .iter()
            .filter(|ended| matches!(ended, SignIn::Admitted(_)));
        assert_eq!(admitted.count(), 1);
        assert_eq!(count(host, Kind::SessionOpened), 1);
        assert_eq!(count(host, Kind::AssertionRejected), 15);
    });
}

#[test]
fn a_response_that_somebody_posts_meanwhile_is_replayed() {
    on_each_store(|host| {
        let form_value = host.idp.post(&host.nurse(&["staff"]));
        let (engine, posted) = (host.engine.clone(), form_value.clone());
        host.during_the_sign_in(move || {
            admitted(sign_in(&engine, &posted).unwrap());
        });
        let late = refused(sign_in(&host.engine, &form_value).unwrap());
        assert_eq!(late.code(), "saml.replayed");
        let Body::AssertionRejected(rejected) = host.body(&late) else {
            panic!("recorded as something else");
        };
        assert_eq!(rejected.code, "saml.replayed");
        assert_eq!(count(host, Kind::SessionOpened), 1);
        assert_eq!(count(host, Kind::AssertionVerified), 1);
        assert_eq!(count(host, Kind::AssertionRejected), 1);
    });
}

#[test]
fn many_new_people_at_once_take_no_more_seats_than_there_are() {
    let policy = POLICY.replace("default_roles", "seats = 5\ndefault_roles");
    on_each_store_under(&policy, |host| {
        let people = (0..64).map(|number| host.response(&format!("nurse-{number}")));
        let ended = sign_in_at_once(host, people.collect());
        let (inside, outside): (Vec<_>, Vec<_>) = ended
            .into_iter()
            .partition(|ended| matches!(ended, SignIn::Admitted(_)));
        assert_eq!((inside.len(), host.seats_taken()), (5, 5));
        for ended in outside {
            assert_eq!(refused(ended).code(), "provision.seats_taken");
        }
        assert_eq!(count(host, Kind::UserProvisioned), 5);
        assert_eq!(count(host, Kind::UserRefused), 59);
    });
}

#[test]
fn many_new_people_with_one_address_make_one_account() {
    on_each_store(|host| {
        let people = (0..16).map(|number| {
            let mut response = host.nurse(&["staff"]);
            response.name_id.as_mut().unwrap().value = format!("subject-{number}");
            response
        });
        let ended = sign_in_at_once(host, people.collect());
        let admitted = ended
            .iter()
            .filter(|ended| matches!(ended, SignIn::Admitted(_)));
        assert_eq!((admitted.count(), host.seats_taken()), (1, 1));
    });
}

/// Half of the sign-ins bring the role, half take it: whoever is last decides, and the record
/// says of each grant what became of it.
#[test]
fn roles_that_change_at_once_leave_one_grant_or_none() {
    on_each_store(|host| {
        host.admit(&host.response("nurse"));
        let groups = (0..32).map(|number| if number % 2 == 0 { "staff" } else { "visitors" });
        let responses = groups.map(|group| host.nurse(&[group])).collect();
        sign_in_at_once(host, responses)
            .into_iter()
            .for_each(|ended| drop(admitted(ended)));

        let account = host.linked("nurse").unwrap();
        let mut signer = account
            .grants
            .iter()
            .filter(|g| g.role.as_str() == "signer");
        let left = usize::from(signer.next().is_some());
        assert!(signer.next().is_none(), "a role was given twice");
        // The role of a reader was given once, and never taken.
        let given = count(host, Kind::RoleGranted) - 1;
        assert_eq!(given - count(host, Kind::RoleRevoked), left);
    });
}

#[test]
fn one_confirmation_that_is_signed_many_times_at_once_makes_one_signature() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let presented = wait(host.engine.present(&session, &nda())).unwrap();
        let confirmed = wait(host.engine.confirm(presented, &Intent::approval())).unwrap();
        let engine = &host.engine;
        let signed = at_once(vec![confirmed; 16], |confirmed| {
            wait(engine.sign(confirmed, "Given Family"))
        });
        let (signed, refused): (Vec<_>, Vec<_>) = signed.into_iter().partition(Result::is_ok);
        assert_eq!(signed.len(), 1);
        assert!(
            refused
                .into_iter()
                .all(|again| code(again) == "engine.ceremony_over")
        );
        assert_eq!(count(host, Kind::DocumentSigned), 1);
    });
}
