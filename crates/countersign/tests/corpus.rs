//! Sign-ins are kept by the host, and a new policy is tried on them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::corpus::{Corpus, to_line};
use countersign::provision::simulate;
use countersign::{PolicyFile, SignIn};

use host::{POLICY, minutes, on_each_store_under};

/// Only nurses get an account.
fn closed() -> String {
    let create = "[connection.acme.create]\n";
    POLICY.replace(
        create,
        &format!("{create}require_group = \"contract-nurses\"\n"),
    )
}

#[test]
fn a_new_policy_is_tried_on_the_sign_ins_that_a_host_has_kept() {
    on_each_store_under(&closed(), |host| {
        let mut file = String::new();
        let mut keep = |sign_in: &SignIn| {
            file.push_str(&to_line(&sign_in.past().unwrap()).unwrap());
            file.push('\n');
        };
        keep(&host.sign_in(&host.nurse(&["contract-nurses"])));
        // The ten minutes are over: the row is there, so that it is not given anew.
        host.clock.advance(minutes(11));
        let again = host.sign_in(&host.nurse(&["contract-nurses"]));
        keep(&again);
        let refused = host.sign_in(&host.response("visitor"));
        assert!(matches!(refused, SignIn::Refused(_)), "{refused:?}");
        keep(&refused);

        let corpus: Vec<_> = Corpus::new(file.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap();
        let kept = again.past().unwrap();
        assert_eq!(corpus[1], kept);
        let had: Vec<_> = kept
            .grants
            .iter()
            .flatten()
            .map(|grant| grant.role.as_str())
            .collect();
        assert_eq!(had, ["reader", "signer"]);
        assert_eq!(corpus[2].grants, None);

        let policy = |text: &str| PolicyFile::parse("policy.toml", text).unwrap();
        let old = policy(&closed());
        let same = simulate(&old, &old, corpus.clone());
        assert_eq!((same.people, same.affected.len()), (2, 0));
        assert_eq!(same.roles[&"signer".parse().unwrap()].before, 1);
        let new = policy(&closed().replace("eq = \"contract-nurses\"", "eq = \"agency\""));
        let simulation = simulate(&old, &new, corpus);
        assert_eq!((simulation.sign_ins, simulation.losing_access), (3, 0));
        assert_eq!(simulation.losing_a_role, 1);
    });
}

#[test]
fn what_is_kept_of_a_person_is_in_no_debug_output() {
    on_each_store_under(&closed(), |host| {
        let refused = host.sign_in(&host.response("visitor"));
        assert!(refused.past().is_some());
        assert!(!format!("{refused:?}").contains("visitor"), "{refused:?}");
        let nurse = host.sign_in(&host.nurse(&["contract-nurses"]));
        assert!(!format!("{nurse:?}").contains("nurse@"), "{nurse:?}");
    });
}
