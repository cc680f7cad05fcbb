//! What holds of every decision, over generated policies, people and stores.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use countersign_core::{Facts, GrantOwner, Groups, SubjectKey};
use countersign_provision::store::{ConnectionState, Snapshot, UserWithGrants};
use countersign_provision::user::UserState;
use countersign_provision::{
    ConnectionPolicy, CreationMode, EmailLink, LinkPlan, OnEmailChange, OnInactive, Plan, Preset,
    UserPlan, decide,
};
use desk::*;
use proptest::prelude::*;

fn strategies() -> impl Strategy<Value = countersign_provision::Strategy> {
    use countersign_provision::Strategy as S;
    prop_oneof![
        Just(S::Jit),
        Just(S::PreProvisionedOnly),
        Just(S::SelfRegister)
    ]
}

fn connections() -> impl Strategy<Value = ConnectionPolicy> {
    let excluded = || prop_oneof![Just(None), Just(Some("sender"))];
    let docusign = any::<bool>();
    let on_inactive = prop_oneof![
        Just(OnInactive::Deny),
        Just(OnInactive::ReactivateDeprovisioned)
    ];
    let on_email_change = prop_oneof![
        Just(OnEmailChange::Keep),
        Just(OnEmailChange::UpdateIfOwnedDomain),
        Just(OnEmailChange::Deny),
    ];
    let modes = prop_oneof![
        2 => Just(CreationMode::Allow),
        1 => Just(CreationMode::Approve),
        1 => Just(CreationMode::Deny),
    ];
    let creation = (modes, prop::option::of(0_u64..3), any::<bool>());
    (
        strategies(),
        docusign,
        any::<bool>(),
        excluded(),
        on_inactive,
        on_email_change,
        creation,
    )
        .prop_map(
            |(strategy, docusign, links, excluded, on_inactive, change, creation)| {
                let preset = if docusign {
                    Preset::DOCUSIGN
                } else {
                    Preset::GENERIC
                };
                let mut connection = connection(preset, strategy);
                if !docusign {
                    connection.matching.on_inactive = on_inactive;
                    if links {
                        connection.matching.link = EmailLink::Verified {
                            exclude_roles: excluded.into_iter().map(role).collect(),
                        };
                    }
                }
                connection.matching.on_email_change = change;
                let (mode, seats, group) = creation;
                connection.create.mode = match (docusign, mode) {
                    // The load refuses it.
                    (true, CreationMode::Approve) => CreationMode::Allow,
                    (_, mode) => mode,
                };
                connection.create.seats = seats;
                connection.create.require_group = group.then(|| "legal".to_owned());
                connection.create.default_roles = vec![role("viewer")];
                connection
            },
        )
}

fn addresses() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just("nurse@acme.example"),
        2 => Just("old@acme.example"),
        1 => Just("nurse@other.example"),
        1 => Just("n\u{fc}rse@acme.example"),
    ]
}

fn people() -> impl Strategy<Value = Facts> {
    let groups = prop::collection::btree_set(prop_oneof![Just("legal"), Just("boss")], 0..3);
    let groups = groups.prop_map(|set| set.into_iter().map(str::to_owned).collect());
    let groups = prop_oneof![
        Just(Groups::Absent),
        groups.clone().prop_map(Groups::Partial),
        groups.prop_map(Groups::Complete),
    ];
    let names = prop::option::of(Just("Given".to_owned()));
    (
        prop::option::of(addresses()),
        any::<bool>(),
        groups,
        names,
        0_u8..8,
    )
        .prop_map(|(address, verified, groups, given_name, other)| {
            let mut facts = nurse();
            facts.email = address.map(email);
            if let Some(email) = &mut facts.email {
                email.verified_by_idp = verified;
            }
            facts.groups = groups;
            facts.given_name = given_name;
            if other == 0 {
                let issuer = "https://other.example";
                facts.subject = SubjectKey::from_stable_value(tenant(), issuer, "s").unwrap();
            }
            facts
        })
}

fn accounts() -> impl Strategy<Value = UserWithGrants> {
    let states = prop_oneof![
        4 => Just(UserState::Active),
        1 => Just(UserState::Invited),
        1 => Just(UserState::PendingApproval),
        1 => Just(UserState::Suspended),
        1 => Just(UserState::Deprovisioned),
        1 => Just(UserState::Stale),
        1 => Just(UserState::Erased),
    ];
    let roles = prop::option::of(prop_oneof![Just("viewer"), Just("sender"), Just("admin")]);
    let linked = prop::collection::vec(
        prop_oneof![Just(ISSUER), Just("https://else.example")],
        0..2,
    );
    (states, any::<bool>(), any::<bool>(), roles, linked).prop_map(
        |(state, used, verified, given, issuers)| {
            let mut account = in_state(account("u"), state);
            account.user.last_sign_in_at = used.then(now);
            account.user.email_verified_locally = verified;
            if let Some(name) = given {
                account = with_manual_role(account, name);
            }
            let subjects = issuers.into_iter();
            account.subjects = subjects
                .map(|issuer| SubjectKey::from_stable_value(tenant(), issuer, "else").unwrap())
                .collect();
            account
        },
    )
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    let link = prop::option::of((accounts(), addresses()));
    let others = prop::collection::vec(accounts(), 0..3);
    // A store that mixes up rows: 1 forgets the link, 2 the account, 3 and 4 name another.
    let confusion = prop_oneof![8 => Just(0_u8), 1 => 1_u8..5];
    (link, others, addresses(), 0_u64..4, 0_u8..8, confusion).prop_map(
        |(link, others, address, seats_taken, disabled, confusion)| {
            let mut snapshot = match link {
                Some((mut account, address)) => {
                    account.user.email = Some(email(address).address);
                    linked(account)
                }
                None => Snapshot::default(),
            };
            for (number, mut other) in others.into_iter().enumerate() {
                other.user.id = user_id(&format!("other-{number}"));
                other.user.email = Some(email(address).address);
                snapshot.by_email.push(other);
            }
            match (confusion, &mut snapshot.link, &mut snapshot.linked) {
                (1, link, _) => *link = None,
                (2, _, linked) => *linked = None,
                (3, Some(link), _) => link.user = user_id("another"),
                (4, Some(link), _) => link.subject = subject("another"),
                _ => {}
            }
            snapshot.seats_taken = seats_taken;
            snapshot.connection = ConnectionState {
                enabled: disabled != 0,
                epoch: 0,
            };
            snapshot
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_decision_is_sound(
        connection in connections(),
        facts in people(),
        snapshot in snapshots(),
    ) {
        let mut connection = connection;
        if connection.strategy == countersign_provision::Strategy::PreProvisionedOnly {
            connection.create.mode = CreationMode::Deny;
        }
        let policy = policy(connection.clone());
        let plan = decide(&policy, &acme(), &facts, &snapshot, now());

        // Total and deterministic; always with a reason.
        prop_assert_eq!(&plan, &decide(&policy, &acme(), &facts, &snapshot, now()));
        prop_assert!(!plan.reasons().is_empty());
        let admission = match &plan {
            Plan::Admit(admission) => admission,
            Plan::Queue(queued) => {
                // A new account, for somebody who is nobody here yet, and within the seats.
                prop_assert_eq!(connection.create.mode, CreationMode::Approve);
                prop_assert!(snapshot.connection.enabled && snapshot.linked.is_none());
                prop_assert!(queued.unique_email);
                prop_assert_eq!(queued.seat_cap, connection.create.seats);
                return Ok(());
            }
            Plan::Refuse(_) => return Ok(()),
        };

        prop_assert!(snapshot.connection.enabled);
        let consistent = match (&snapshot.link, &snapshot.linked) {
            (None, None) => true,
            (Some(link), Some(linked)) => {
                link.user == linked.user.id && link.subject == facts.subject
            }
            _ => false,
        };
        prop_assert!(consistent);
        prop_assert_eq!(facts.subject.issuer(), ISSUER);
        if let Some(email) = &facts.email {
            prop_assert!(connection.owns(&email.address, now()));
        }
        // A sign-in touches nothing that it does not own.
        for taken in &admission.grants.take {
            prop_assert_ne!(&taken.grant.owner, &GrantOwner::Manual);
        }
        let existing = match &admission.user {
            UserPlan::Create(user) => {
                prop_assert_eq!(connection.create.mode, CreationMode::Allow);
                prop_assert!(user.email.is_some());
                prop_assert_ne!(&admission.link, &LinkPlan::Existing);
                prop_assert!(connection.create.seats.is_none_or(|seats| snapshot.seats_taken < seats));
                return Ok(());
            }
            UserPlan::Keep(user) | UserPlan::Update { user, .. } => user,
        };
        prop_assert_eq!(existing.state, UserState::Active);
        let known = snapshot.linked.iter().chain(&snapshot.by_email);
        let before = known.clone().find(|account| account.user.id == existing.id).unwrap();
        prop_assert_ne!(before.user.state, UserState::Suspended);
        prop_assert_ne!(before.user.state, UserState::PendingApproval);
        prop_assert_ne!(before.user.state, UserState::Erased);
        prop_assert_eq!(existing.version, before.user.version);
        if admission.link == LinkPlan::Existing {
            prop_assert_eq!(&snapshot.linked.as_ref().unwrap().user.id, &existing.id);
            return Ok(());
        }
        // Whoever is matched by anything but the subject has exactly the sent address, and
        // nothing worth stealing.
        let sent = facts.email.as_ref().map(|email| &email.address);
        prop_assert!(sent.is_some());
        prop_assert_eq!(before.user.email.as_ref(), sent);
        prop_assert!(before.grants.iter().all(|grant| grant.role.as_str() != "admin"));
        if connection.preset != Preset::DOCUSIGN {
            prop_assert!(before.subjects.iter().all(|subject| subject.issuer() != ISSUER));
            let unused = before.user.state == UserState::Invited;
            let proved = facts.email.as_ref().is_some_and(|email| email.verified_by_idp)
                && before.user.email_verified_locally;
            prop_assert!(unused || proved);
        }
    }
}
