//! Groups that a provider leaves out: when the host is asked for them, and what comes of its
//! answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use countersign::audit::{Body, Kind};

use countersign::provision::group_fetcher::{MOST_GROUP_BYTES, MOST_GROUPS};
use countersign::provision::{GroupFetchError, GroupFetcher, GroupRequest};
use countersign::{Engine, Groups, ManualClock, Session};
use host::*;

const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const ADDRESS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
const LINK: &str = "http://schemas.microsoft.com/claims/groups.link";
const GRAPH: &str = "https://graph.windows.net/acme/users/8f2c/getMemberObjects";

fn entra() -> String {
    POLICY.replace("generic", "entra-saml")
}

/// A directory that gives the answers that it was made with, and keeps what it was asked.
#[derive(Debug)]
struct Directory {
    answer: fn() -> Result<Groups, GroupFetchError>,
    asked: Mutex<Vec<GroupRequest>>,
}

#[async_trait::async_trait]
impl GroupFetcher for Directory {
    async fn groups(&self, request: &GroupRequest) -> Result<Groups, GroupFetchError> {
        self.asked.lock().unwrap().push(request.clone());
        (self.answer)()
    }
}

fn complete(groups: &[&str]) -> Result<Groups, GroupFetchError> {
    let groups = groups.iter().map(|group| (*group).to_owned());
    Ok(Groups::Complete(groups.collect()))
}

fn engine(
    host: &Host,
    policy: &str,
    answer: fn() -> Result<Groups, GroupFetchError>,
) -> (Engine, Arc<Directory>) {
    let directory = Arc::new(Directory {
        answer,
        asked: Mutex::default(),
    });
    let fetcher = directory.clone();
    let engine = host.engine_with(policy, &[], |builder| {
        builder.group_fetcher(acme(), fetcher)
    });
    (engine, directory)
}

/// What the nurse comes with, this about groups.
fn posted_with(host: &Host, attribute: &str, values: &[&str]) -> String {
    let response = host
        .response("nurse")
        .with_attribute(OBJECT_ID, ["8f2c"])
        .with_attribute(ADDRESS, ["nurse@acme.example"])
        .with_attribute(attribute, values.iter().copied());
    host.idp.post(&response)
}

/// The nurse comes with this about groups.
fn sign_in_with(host: &Host, engine: &Engine, attribute: &str, values: &[&str]) -> Session {
    admitted(sign_in(engine, &posted_with(host, attribute, values)).unwrap())
}

fn roles(host: &Host, session: &Session) -> BTreeSet<String> {
    let grants = host.account(session).grants.into_iter();
    grants.map(|grant| grant.role.to_string()).collect()
}

fn set(roles: &[&str]) -> BTreeSet<String> {
    roles.iter().map(|role| (*role).to_owned()).collect()
}

/// The reasons in the record of the nurse's account.
fn reasons(host: &Host) -> Vec<String> {
    let records = host.records().into_iter();
    let mut made = records.filter_map(|(_, record)| match record.body {
        Body::UserProvisioned(body) => Some(body.reasons),
        _ => None,
    });
    made.next().unwrap()
}

#[test]
fn groups_that_were_left_out_are_fetched_and_give_roles() {
    on_each_store_under(&entra(), |host| {
        let (engine, directory) = engine(host, &entra(), || complete(&["staff", "e\u{301}"]));
        let session = sign_in_with(host, &engine, LINK, &[GRAPH]);
        assert_eq!(roles(host, &session), set(&["reader", "signer"]));
        let reasons = reasons(host);
        assert!(reasons.contains(&"provision.groups_left_out".to_owned()));
        assert!(reasons.contains(&"provision.groups_fetched".to_owned()));
        let asked = directory.asked.lock().unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].subject.subject(), "8f2c");
        assert_eq!(asked[0].left_out, [GRAPH]);
        assert_eq!(asked[0].told, Groups::Partial(BTreeSet::new()));
    });
}

#[test]
fn a_replay_does_not_reach_the_directory() {
    on_each_store_under(&entra(), |host| {
        let (engine, directory) = engine(host, &entra(), || complete(&["staff"]));
        let posted = posted_with(host, LINK, &[GRAPH]);
        admitted(sign_in(&engine, &posted).unwrap());
        for _ in 0..3 {
            let again = refused(sign_in(&engine, &posted).unwrap());
            assert_eq!(again.code(), "saml.replayed");
        }
        assert_eq!(directory.asked.lock().unwrap().len(), 1);
    });
}

/// A directory that takes longer to answer than the response is good for.
#[derive(Debug)]
struct Slow(Arc<ManualClock>);

#[async_trait::async_trait]
impl GroupFetcher for Slow {
    async fn groups(&self, _: &GroupRequest) -> Result<Groups, GroupFetchError> {
        self.0.advance(minutes(60));
        complete(&["staff"])
    }
}

/// By then the store may have forgotten that somebody else came in with the same response.
#[test]
fn a_response_that_went_stale_while_the_directory_was_asked_is_refused() {
    on_each_store_under(&entra(), |host| {
        let slow = Arc::new(Slow(host.clock.clone()));
        let engine = host.engine_with(&entra(), &[], |builder| builder.group_fetcher(acme(), slow));
        let posted = posted_with(host, LINK, &[GRAPH]);
        let late = refused(sign_in(&engine, &posted).unwrap());
        assert_eq!(late.code(), "saml.expired");
        assert_eq!(host.kinds(), [Kind::AssertionRejected]);
    });
}

#[test]
fn a_complete_answer_takes_what_was_lost() {
    on_each_store_under(&entra(), |host| {
        let (gives, _) = engine(host, &entra(), || complete(&["staff"]));
        let session = sign_in_with(host, &gives, LINK, &[GRAPH]);
        assert_eq!(roles(host, &session), set(&["reader", "signer"]));
        let (takes, _) = engine(host, &entra(), || complete(&[]));
        let session = sign_in_with(host, &takes, LINK, &[GRAPH]);
        assert_eq!(roles(host, &session), set(&["reader"]));
    });
}

/// Whatever the directory does short of a complete answer: the person gets in, nothing is taken,
/// and nothing that only a guess would give is given.
#[test]
fn an_answer_that_is_none_takes_nothing_and_lets_the_person_in() {
    let answers: [fn() -> Result<Groups, GroupFetchError>; 5] = [
        || Err(GroupFetchError::new("the directory is down")),
        || Ok(Groups::Absent),
        || Ok(Groups::Partial(["contract-nurses".to_owned()].into())),
        || {
            Ok(Groups::Complete(
                (0..=MOST_GROUPS).map(|n| n.to_string()).collect(),
            ))
        },
        || Ok(Groups::Complete(["x".repeat(MOST_GROUP_BYTES + 1)].into())),
    ];
    for answer in answers {
        on_each_store_under(&entra(), |host| {
            let (gives, _) = engine(host, &entra(), || complete(&["staff"]));
            sign_in_with(host, &gives, LINK, &[GRAPH]);
            let (fails, directory) = engine(host, &entra(), answer);
            let session = sign_in_with(host, &fails, LINK, &[GRAPH]);
            assert_eq!(roles(host, &session), set(&["reader", "signer"]));
            assert_eq!(directory.asked.lock().unwrap().len(), 1);
        });
        on_each_store_under(&entra(), |host| {
            let (fails, _) = engine(host, &entra(), answer);
            let session = sign_in_with(host, &fails, LINK, &[GRAPH]);
            assert_eq!(roles(host, &session), set(&["reader"]));
            assert!(reasons(host).contains(&"provision.groups_fetch_failed".to_owned()));
        });
    }
}

/// Names are compared as they are, from wherever they come.
#[test]
fn an_answer_in_another_casing_is_another_group() {
    on_each_store_under(&entra(), |host| {
        let (engine, _) = engine(host, &entra(), || {
            complete(&["STAFF", "Staff", " staff", ""])
        });
        let session = sign_in_with(host, &engine, LINK, &[GRAPH]);
        assert_eq!(roles(host, &session), set(&["reader"]));
    });
}

#[test]
fn nobody_is_asked_where_all_groups_were_told() {
    on_each_store_under(&entra(), |host| {
        let (engine, directory) = engine(host, &entra(), || complete(&["staff"]));
        let session = sign_in_with(host, &engine, GROUPS, &["visitors"]);
        assert_eq!(roles(host, &session), set(&["reader"]));
        assert!(directory.asked.lock().unwrap().is_empty());
    });
}

#[test]
fn groups_of_which_nothing_was_said_are_fetched_only_where_the_policy_says_so() {
    let silent = "urn:oid:2.5.4.3";
    for (fetch, expected) in [("overage", 0), ("incomplete", 1), ("never", 0)] {
        let policy = format!("{}[connection.acme.groups]\nfetch = \"{fetch}\"\n", entra());
        on_each_store_under(&policy, |host| {
            let (engine, directory) = engine(host, &policy, || complete(&["staff"]));
            sign_in_with(host, &engine, silent, &["Given"]);
            assert_eq!(directory.asked.lock().unwrap().len(), expected, "{fetch}");
        });
    }
    let never = format!("{}[connection.acme.groups]\nfetch = \"never\"\n", entra());
    on_each_store_under(&never, |host| {
        let (engine, directory) = engine(host, &never, || complete(&["staff"]));
        sign_in_with(host, &engine, LINK, &[GRAPH]);
        assert!(directory.asked.lock().unwrap().is_empty());
    });
}

/// A list that is as long as the provider's lists get may have been cut.
#[test]
fn groups_that_may_have_been_cut_are_fetched() {
    let policy = format!("{}[connection.acme.groups]\nmost = 2\n", entra());
    on_each_store_under(&policy, |host| {
        let (engine, directory) = engine(host, &policy, || complete(&["a", "b", "staff"]));
        let session = sign_in_with(host, &engine, GROUPS, &["a", "b"]);
        assert_eq!(roles(host, &session), set(&["reader", "signer"]));
        assert_eq!(directory.asked.lock().unwrap().len(), 1);
    });
}

#[test]
fn a_fetcher_of_a_connection_that_the_policy_does_not_know_is_misuse() {
    let policy = countersign::PolicyFile::parse("policy.toml", &entra()).unwrap();
    let directory = Directory {
        answer: || complete(&[]),
        asked: Mutex::default(),
    };
    let other = countersign::ConnectionId::new("other").unwrap();
    let builder = Engine::builder(policy)
        .store(Arc::new(countersign::memory::MemoryStore::new()))
        .log(
            "sign.example/log",
            Arc::new(countersign::audit::Ed25519Signer::generate().unwrap().0),
        )
        .group_fetcher(other.clone(), Arc::new(directory));
    let error = countersign::blocking::wait(builder.build()).unwrap_err();
    assert!(matches!(error, countersign::BuildError::NotInPolicy(id) if id == other));
}
