//! Accounts from their making to their erasure: who may move them on, and what goes with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::time::Duration;

use countersign::audit::record::Actor;
use countersign::audit::{Body, Kind};
use countersign::blocking::wait;
use countersign::provision::user::{User, UserState};
use countersign::{
    AccountError, EngineError, LeafHash, RoleByHand, RoleName, Session, Sweep, SweepReport, UserId,
};
use host::{Host, POLICY, nda, on_each_store, on_each_store_under, tenant};

const DAY: Duration = Duration::from_secs(86_400);

/// Staff are managers, of whom there has to be one, and accounts do not live for ever.
fn policy() -> String {
    let managers = r#"grant = [{ role = "signer" }, { role = "manager" }]"#;
    let policy = POLICY.replacen(r#"grant = [{ role = "signer" }]"#, managers, 1);
    format!(
        r#"{policy}
[role.manager]
allow = ["approve *"]
keep_last = true

[role.auditor]
allow = ["audit *"]

[separation_of_duty]
exclusive = [["manager", "auditor"]]

[lifecycle]
stale_after = "90d"
suspend_after = "180d"
deprovision_after = "365d"
retain = "2555d"
"#
    )
}

fn administrator() -> UserId {
    UserId::new("administrator-1").unwrap()
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn contract_nurse(host: &Host) -> Session {
    host.admit(&host.nurse(&["contract-nurses"]))
}

/// Somebody else of the staff, so that there are two managers.
fn second_manager(host: &Host) -> Session {
    host.admit(&host.response("matron").with_attribute("groups", ["staff"]))
}

fn sweep(host: &Host) -> SweepReport {
    wait(host.engine.sweep(&tenant(), &Sweep::new())).unwrap()
}

fn user(host: &Host, session: &Session) -> User {
    host.account(session).user
}

fn live_roles(host: &Host, session: &Session) -> Vec<String> {
    let grants = host.account(session).grants.into_iter();
    let live = grants.filter(|grant| grant.is_live(host.now()));
    let mut roles: Vec<String> = live.map(|grant| grant.role.to_string()).collect();
    roles.sort();
    roles
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, EngineError>) -> AccountError {
    match result {
        Err(EngineError::Account(error)) => error,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

macro_rules! by_administrator {
    ($host:expr, $act:ident, $session:expr) => {
        wait($host.engine.$act(
            &tenant(),
            $session.user(),
            &administrator(),
            Some("as the ward said"),
        ))
    };
}

#[test]
fn a_suspended_account_loses_its_sessions_and_keeps_its_roles_and_comes_back_by_hand_only() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        let suspended = by_administrator!(host, suspend, session).unwrap();
        assert_eq!(user(host, &session).state, UserState::Suspended);
        assert_eq!(user(host, &session).state_entry, Some(suspended));
        assert_eq!(user(host, &session).state_since, host.now());
        let record = host.record(suspended);
        assert_eq!(record.actor, Actor::User(administrator()));
        assert!(record.commitments.contains_key("note"));
        assert_eq!(record.parents, [user(host, &session).entry.unwrap()]);
        // The session would come back with the account otherwise.
        let refused_code = host.refuse(&host.nurse(&["contract-nurses"])).code();
        assert_eq!(refused_code, "provision.user_suspended");
        let error = refused(by_administrator!(host, suspend, session));
        assert_eq!(error.code(), "account.transition");

        let reactivated = by_administrator!(host, reactivate, session).unwrap();
        assert_eq!(host.record(reactivated).parents, [suspended]);
        assert_eq!(live_roles(host, &session), ["reader", "signer"]);
        let open = wait(host.engine.session(&tenant(), session.id())).unwrap();
        assert_eq!(open, None);
        contract_nurse(host);
    });
}

#[test]
fn a_deprovisioned_account_loses_its_access_with_records_and_its_subject_stays_taken() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        let deprovisioned = by_administrator!(host, deprovision, session).unwrap();
        assert!(host.account(&session).grants.is_empty());
        assert_eq!(host.account(&session).subjects.len(), 1);
        let records = host.records();
        let after = |kind: Kind| {
            let ended = records.iter().filter(|(_, record)| record.kind() == kind);
            let with = ended.filter(|(_, record)| record.parents.get(1) == Some(&deprovisioned));
            with.count()
        };
        assert_eq!(after(Kind::RoleRevoked), 2);
        assert_eq!(after(Kind::SessionClosed), 1);
        let code = host.refuse(&host.nurse(&["staff"])).code();
        assert_eq!(code, "provision.user_deprovisioned");
        assert_eq!(host.seats_taken(), 0);
    });
}

#[test]
fn a_reactivated_account_that_had_lost_its_roles_gets_them_at_the_next_sign_in() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        by_administrator!(host, deprovision, session).unwrap();
        by_administrator!(host, reactivate, session).unwrap();
        assert!(live_roles(host, &session).is_empty());
        let again = contract_nurse(host);
        assert_eq!(again.user(), session.user());
        assert_eq!(live_roles(host, &session), ["reader", "signer"]);
    });
}

#[test]
fn an_account_does_not_come_back_to_a_full_house() {
    let policy = policy().replace(
        "[connection.acme.create]",
        "[connection.acme.create]\nseats = 1",
    );
    on_each_store_under(&policy, |host| {
        let session = contract_nurse(host);
        by_administrator!(host, deprovision, session).unwrap();
        second_manager(host);
        let error = refused(by_administrator!(host, reactivate, session));
        assert_eq!(error, AccountError::SeatsTaken);
        assert_eq!(user(host, &session).state, UserState::Deprovisioned);
    });
}

#[test]
fn an_account_does_not_come_back_to_an_address_that_is_anothers_by_now() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        by_administrator!(host, deprovision, session).unwrap();
        host.make_account_for("nurse", UserState::Active);
        let error = refused(by_administrator!(host, reactivate, session));
        assert_eq!(error, AccountError::EmailTaken);
    });
}

#[test]
fn nobody_takes_the_own_account_back_into_use() {
    on_each_store(|host| {
        let session = contract_nurse(host);
        by_administrator!(host, suspend, session).unwrap();
        let oneself = session.user();
        let result = wait(host.engine.reactivate(&tenant(), oneself, oneself, None));
        assert!(matches!(result, Err(EngineError::Misuse { .. })));
        let reader = RoleByHand::new(role("reader"));
        let grant = wait(
            host.engine
                .grant(&tenant(), oneself, &reader, oneself, None),
        );
        assert!(matches!(grant, Err(EngineError::Misuse { .. })));
    });
}

#[test]
fn an_account_that_is_not_there_can_not_be_changed() {
    on_each_store(|host| {
        let nobody = UserId::new("nobody").unwrap();
        let result = wait(
            host.engine
                .suspend(&tenant(), &nobody, &administrator(), None),
        );
        assert_eq!(refused(result), AccountError::Unknown(nobody));
    });
}

#[test]
fn the_last_holder_of_a_role_is_not_taken_out_of_use() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let last = AccountError::LastHolder {
            role: role("manager"),
        };
        assert_eq!(refused(by_administrator!(host, suspend, session)), last);
        assert_eq!(refused(by_administrator!(host, deprovision, session)), last);
        let grant = host.grant(&session, "manager").id;
        let by = administrator();
        let revoke = wait(
            host.engine
                .revoke(&tenant(), session.user(), &grant, &by, None),
        );
        assert_eq!(refused(revoke), last);
        assert_eq!(user(host, &session).state, UserState::Active);
        assert_eq!(live_roles(host, &session), ["manager", "reader", "signer"]);

        let second = second_manager(host);
        by_administrator!(host, suspend, session).unwrap();
        // A suspended holder is none.
        assert_eq!(refused(by_administrator!(host, suspend, second)), last);
    });
}

#[test]
fn of_two_managers_who_are_suspended_at_once_one_stays() {
    on_each_store_under(&policy(), |host| {
        let first = host.admit(&host.nurse(&["staff"]));
        let second = second_manager(host);
        let (engine, other) = (host.engine.clone(), second.user().clone());
        host.during_the_sign_in(move || {
            let by = administrator();
            wait(engine.suspend(&tenant(), &other, &by, None)).unwrap();
        });
        let error = refused(by_administrator!(host, suspend, first));
        assert_eq!(error.code(), "account.last_holder");
        assert_eq!(user(host, &first).state, UserState::Active);
        assert_eq!(user(host, &second).state, UserState::Suspended);
    });
}

#[test]
fn a_sweep_takes_an_unused_account_from_stage_to_stage() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        assert!(sweep(host).moved.is_empty());
        host.clock.advance(DAY * 90);
        let report = sweep(host);
        assert_eq!(report.moved.len(), 1);
        assert_eq!(user(host, &session).state, UserState::Stale);
        assert!(sweep(host).moved.is_empty());
        host.clock.advance(DAY * 90);
        sweep(host);
        assert_eq!(user(host, &session).state, UserState::Suspended);
        host.clock.advance(DAY * 185);
        sweep(host);
        assert_eq!(user(host, &session).state, UserState::Deprovisioned);
        host.clock.advance(DAY * 2554);
        assert!(sweep(host).moved.is_empty());
        host.clock.advance(DAY);
        sweep(host);
        let erased = host.account(&session);
        assert_eq!(erased.user.state, UserState::Erased);
        assert_eq!(erased.user.email, None);
        assert_eq!(erased.user.given_name, None);
        assert!(erased.subjects.is_empty() && erased.grants.is_empty());
        assert_eq!(host.linked("nurse"), None);
        let report = sweep(host);
        assert_eq!((report.accounts, report.moved.len()), (0, 0));

        // Each step names the one before.
        let records = host.records();
        let mut leaf = erased.user.state_entry.unwrap();
        let mut life = Vec::new();
        while let Some((_, record)) = records.iter().find(|(found, _)| *found == leaf) {
            life.push(record.kind());
            let Some(parent) = record.parents.first() else {
                break;
            };
            leaf = *parent;
        }
        let expected = [
            Kind::SubjectErased,
            Kind::UserDeprovisioned,
            Kind::UserSuspended,
            Kind::UserStale,
            Kind::UserProvisioned,
            Kind::AssertionVerified,
        ];
        assert_eq!(life, expected);
        // Whoever comes now is somebody new.
        let again = contract_nurse(host);
        assert_ne!(again.user(), session.user());
    });
}

/// Who was suspended would only have to wait: a deprovisioned account may come back by itself here.
#[test]
fn a_suspended_account_does_not_come_back_by_way_of_a_sweep() {
    let reactivating =
        policy() + "[connection.acme.match]\non_inactive = \"reactivate_deprovisioned\"\n";
    on_each_store_under(&reactivating, |host| {
        let suspended = contract_nurse(host);
        second_manager(host);
        by_administrator!(host, suspend, suspended).unwrap();
        let unused = host.admit(&host.response("locum"));
        let by_host = host.admit(&host.response("porter"));
        host.edit_account(&by_host, |user| user.state = UserState::Suspended);
        host.clock.advance(DAY * 180);
        sweep(host);
        assert_eq!(user(host, &unused).state, UserState::Suspended);
        for _ in 0..2 {
            host.clock.advance(DAY * 365);
            sweep(host);
        }
        assert_eq!(user(host, &suspended).state, UserState::Suspended);
        assert_eq!(user(host, &by_host).state, UserState::Suspended);
        for name in ["nurse", "porter"] {
            let refused = host.refuse(&host.response(name));
            assert_eq!(refused.code(), "provision.user_suspended");
        }
        // Whom only time has suspended may.
        assert_eq!(user(host, &unused).state, UserState::Deprovisioned);
        let again = host.admit(&host.response("locum"));
        assert_eq!(again.user(), unused.user());
    });
}

#[test]
fn a_stale_account_is_active_again_once_somebody_signs_in() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        host.clock.advance(DAY * 90);
        sweep(host);
        let stale = user(host, &session).state_entry;
        contract_nurse(host);
        let back = user(host, &session);
        assert_eq!(back.state, UserState::Active);
        assert_eq!(back.state_since, host.now());
        assert_ne!(back.state_entry, stale);
        let record = host.record(back.state_entry.unwrap());
        assert_eq!(record.kind(), Kind::UserUpdated);
        host.clock.advance(DAY * 89);
        assert!(sweep(host).moved.is_empty());
    });
}

#[test]
fn an_account_that_nobody_swept_for_years_is_not_left_in_use() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        host.clock.advance(DAY * 2000);
        sweep(host);
        assert_eq!(user(host, &session).state, UserState::Deprovisioned);
    });
}

#[test]
fn a_sweep_leaves_the_last_holder_of_a_role_in_use_and_says_so() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        host.clock.advance(DAY * 400);
        let report = sweep(host);
        assert!(report.moved.is_empty());
        assert_eq!(report.kept.len(), 1);
        assert_eq!(report.kept[0].role, role("manager"));
        assert_eq!(user(host, &session).state, UserState::Active);
    });
}

#[test]
fn a_dry_run_says_what_a_sweep_would_do_and_writes_nothing() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        host.clock.advance(DAY * 400);
        let before = host.records().len();
        let dry = wait(host.engine.sweep(&tenant(), &Sweep::new().dry_run())).unwrap();
        assert_eq!(host.records().len(), before);
        assert_eq!(user(host, &session).state, UserState::Active);
        let wet = sweep(host);
        assert_eq!((dry.moved, dry.expired), (wet.moved, wet.expired));
    });
}

#[test]
fn a_sweep_goes_on_where_it_stopped() {
    on_each_store_under(&policy(), |host| {
        for number in 0..5 {
            let name = format!("nurse-{number}");
            host.admit(&host.response(&name));
        }
        host.clock.advance(DAY * 90);
        let mut next = None;
        let mut rounds = Vec::new();
        loop {
            let part = Sweep::new().at_most(2);
            let part = match next {
                Some(user) => part.after(user),
                None => part,
            };
            let report = wait(host.engine.sweep(&tenant(), &part)).unwrap();
            rounds.push(report.moved.len());
            next = report.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(rounds, [2, 2, 1]);
    });
}

#[test]
fn a_sweep_that_loses_a_race_leaves_the_account_to_the_next() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        wait(host.engine.record_policy(&tenant(), None, None)).unwrap();
        host.clock.advance(DAY * 90);
        let (engine, other) = (host.engine.clone(), session.user().clone());
        host.during_the_sign_in(move || {
            let by = administrator();
            wait(engine.place_hold(&tenant(), &other, &by, None)).unwrap();
        });
        let report = sweep(host);
        assert_eq!(report.skipped, [session.user().clone()]);
        assert!(report.moved.is_empty());
        assert_eq!(user(host, &session).state, UserState::Active);
        assert_eq!(sweep(host).moved.len(), 1);
    });
}

#[test]
fn a_legal_hold_keeps_an_account_from_being_erased() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        let error = refused(by_administrator!(host, release_hold, session));
        assert_eq!(error, AccountError::NotHeld);
        let placed = by_administrator!(host, place_hold, session).unwrap();
        assert_eq!(user(host, &session).hold, Some(placed));
        let error = refused(by_administrator!(host, place_hold, session));
        assert_eq!(error, AccountError::HeldAlready);
        by_administrator!(host, deprovision, session).unwrap();
        host.clock.advance(DAY * 3000);
        assert!(sweep(host).moved.is_empty());
        let error = refused(by_administrator!(host, erase_account, session));
        assert_eq!(error.code(), "account.on_hold");

        let released = by_administrator!(host, release_hold, session).unwrap();
        assert_eq!(host.record(released).parents, [placed]);
        by_administrator!(host, erase_account, session).unwrap();
        let error = refused(by_administrator!(host, place_hold, session));
        assert_eq!(error, AccountError::Erased);
    });
}

#[test]
fn nobody_takes_a_legal_hold_off_the_own_account_or_erases_it() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        by_administrator!(host, place_hold, session).unwrap();
        let own = session.user();
        let released = wait(host.engine.release_hold(&tenant(), own, own, None));
        assert!(matches!(released, Err(EngineError::Misuse { .. })));
        assert!(user(host, &session).hold.is_some());
        by_administrator!(host, release_hold, session).unwrap();
        by_administrator!(host, deprovision, session).unwrap();
        host.clock.advance(DAY * 3000);
        let erased = wait(host.engine.erase_account(&tenant(), own, own, None));
        assert!(matches!(erased, Err(EngineError::Misuse { .. })));
    });
}

#[test]
fn an_account_is_not_erased_before_its_time() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        let error = refused(by_administrator!(host, erase_account, session));
        assert_eq!(error.code(), "account.transition");
        by_administrator!(host, deprovision, session).unwrap();
        host.clock.advance(DAY * 2554);
        let error = refused(by_administrator!(host, erase_account, session));
        assert_eq!(error.code(), "account.retained");
        host.clock.advance(DAY);
        let erased = by_administrator!(host, erase_account, session).unwrap();
        match host.record(erased).body {
            Body::SubjectErased(body) => {
                let fields = ["email", "given_name", "family_name", "last_sign_in_at"];
                assert_eq!(body.erased, fields);
                assert_eq!(body.subjects, 1);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_role_that_ran_out_is_recorded_once_and_not_given_anew() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        host.clock.advance(Duration::from_secs(601));
        let report = sweep(host);
        assert_eq!(report.expired.len(), 1);
        assert_eq!(report.expired[0].role, role("signer"));
        assert!(sweep(host).expired.is_empty());
        let kinds = host.kinds();
        let expired = kinds.iter().filter(|kind| **kind == Kind::RoleExpired);
        assert_eq!(expired.count(), 1);
        // The temporary role stays spent.
        let again = contract_nurse(host);
        assert_eq!(live_roles(host, &session), ["reader"]);
        assert!(host.sign(&again, &nda()).is_err());
        assert!(sweep(host).expired.is_empty());
    });
}

#[test]
fn a_denial_that_comes_and_goes_does_not_begin_a_role_for_a_time_anew() {
    let denial = r#"
[[rule]]
id = "on-leave"
all = [{ attribute = "groups", eq = "on-leave" }]
deny = ["signer"]
"#;
    on_each_store_under(&format!("{}{denial}", policy()), |host| {
        let first = contract_nurse(host);
        let end = host.grant(&first, "signer").expires_at;
        host.clock.advance(Duration::from_secs(540));
        let denied = host.admit(&host.nurse(&["contract-nurses", "on-leave"]));
        assert_eq!(live_roles(host, &denied), ["reader"]);
        assert!(host.sign(&denied, &nda()).is_err());
        // It was taken, and did not run out.
        assert!(sweep(host).expired.is_empty());

        let back = contract_nurse(host);
        assert_eq!(live_roles(host, &back), ["reader", "signer"]);
        assert_eq!(host.grant(&back, "signer").expires_at, end);
        host.sign(&back, &nda()).unwrap();
        host.clock.advance(Duration::from_secs(61));
        let late = contract_nurse(host);
        assert_eq!(live_roles(host, &late), ["reader"]);
        assert_eq!(sweep(host).expired.len(), 1);
        let denied = host.admit(&host.nurse(&["contract-nurses", "on-leave"]));
        assert_eq!(live_roles(host, &denied), ["reader"]);
        contract_nurse(host);
        assert_eq!(live_roles(host, &late), ["reader"]);
    });
}

#[test]
fn a_denial_that_comes_and_goes_does_not_lift_the_cap_of_renewals() {
    let policy = policy().replace(
        "ttl = \"10m\"",
        "ttl = \"10m\", renew = true, cap = \"15m\"",
    );
    let denial = r#"
[[rule]]
id = "on-leave"
all = [{ attribute = "groups", eq = "on-leave" }]
deny = ["signer"]
"#;
    on_each_store_under(&format!("{policy}{denial}"), |host| {
        let first = contract_nurse(host);
        let cap = host.now().saturating_add(Duration::from_secs(900));
        host.clock.advance(Duration::from_secs(480));
        host.admit(&host.nurse(&["contract-nurses", "on-leave"]));
        let back = contract_nurse(host);
        let grant = host.grant(&back, "signer");
        assert_eq!(grant.expires_at, Some(cap));
        assert_eq!(grant.first_given_at, first.opened_at());
    });
}

#[test]
fn a_role_by_hand_lasts_until_its_end_for_the_documents_that_it_names() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&[]));
        let by = administrator();
        let end = host.now().saturating_add(DAY);
        let given = RoleByHand::new(role("signer"))
            .until(end)
            .only("nda/mutual".parse().unwrap());
        let give = || {
            wait(
                host.engine
                    .grant(&tenant(), session.user(), &given, &by, None),
            )
        };
        let grant = give().unwrap();
        assert_eq!(grant.expires_at, Some(end));
        let record = host.record(grant.entry);
        assert_eq!(record.actor, Actor::User(by.clone()));
        match record.body {
            Body::RoleGranted(body) => assert_eq!(body.permissions, ["sign nda/mutual"]),
            other => panic!("{other:?}"),
        }
        // Given again it goes on.
        host.clock.advance(Duration::from_secs(60));
        let again = give().unwrap();
        assert_eq!(
            (again.id, again.first_given_at),
            (grant.id, grant.first_given_at)
        );
        // A sign-in does not take it.
        let session = host.admit(&host.nurse(&[]));
        host.sign(&session, &nda()).unwrap();

        host.clock.advance(DAY);
        let report = sweep(host);
        assert_eq!(report.expired.len(), 1);
        assert_eq!(host.account(&session).grants.len(), 1);
        let late = give();
        assert_eq!(refused(late), AccountError::EndsBeforeItBegins);
    });
}

#[test]
fn roles_that_do_not_go_together_are_not_given_by_hand() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let give = |name: &str| {
            let given = RoleByHand::new(role(name));
            let by = administrator();
            wait(
                host.engine
                    .grant(&tenant(), session.user(), &given, &by, None),
            )
        };
        let (auditor, held) = (role("auditor"), role("manager"));
        let exclusive = AccountError::Exclusive {
            role: auditor,
            held,
        };
        assert_eq!(refused(give("auditor")), exclusive);
        let unknown = AccountError::UnknownRole(role("owner"));
        assert_eq!(refused(give("owner")), unknown);
    });
}

#[test]
fn an_account_out_of_use_is_given_no_role() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        by_administrator!(host, suspend, session).unwrap();
        let given = RoleByHand::new(role("signer"));
        let by = administrator();
        let result = wait(
            host.engine
                .grant(&tenant(), session.user(), &given, &by, None),
        );
        assert_eq!(refused(result), AccountError::OutOfUse);
    });
}

#[test]
fn an_account_without_a_record_is_given_no_role() {
    on_each_store_under(&policy(), |host| {
        let made = host.make_account_for("nurse", UserState::Invited);
        let given = RoleByHand::new(role("signer"));
        let by = administrator();
        let result = wait(host.engine.grant(&tenant(), &made, &given, &by, None));
        assert_eq!(refused(result), AccountError::NoRecord);
    });
}

#[test]
fn a_role_that_an_administrator_took_does_not_come_back_with_the_next_sign_in() {
    on_each_store_under(&policy(), |host| {
        let session = contract_nurse(host);
        let grant = host.grant(&session, "signer").id;
        let by = administrator();
        let revoke = || {
            wait(
                host.engine
                    .revoke(&tenant(), session.user(), &grant, &by, None),
            )
        };
        let revoked = revoke().unwrap();
        assert_eq!(host.record(revoked).kind(), Kind::RoleRevoked);
        assert_eq!(live_roles(host, &session), ["reader"]);
        assert_eq!(refused(revoke()), AccountError::UnknownGrant(grant.clone()));
        contract_nurse(host);
        assert_eq!(live_roles(host, &session), ["reader"]);
        // Not by another rule either.
        host.admit(&host.nurse(&["contract-nurses", "staff"]));
        assert_eq!(live_roles(host, &session), ["manager", "reader"]);
        // Until an administrator gives it.
        let given = RoleByHand::new(role("signer"));
        wait(
            host.engine
                .grant(&tenant(), session.user(), &given, &by, None),
        )
        .unwrap();
        assert_eq!(live_roles(host, &session), ["manager", "reader", "signer"]);
        contract_nurse(host);
        let rows = host.account(&session).grants;
        assert_eq!(
            rows.iter().filter(|row| row.role == role("signer")).count(),
            2
        );
    });
}

#[test]
fn another_policy_is_recorded_once_with_the_one_before() {
    on_each_store_under(&policy(), |host| {
        let first = wait(host.engine.record_policy(&tenant(), None, None)).unwrap();
        let first: LeafHash = first.unwrap();
        assert_eq!(sweep(host).policy, None);
        let engine = host.engine_under(&policy().replace("90d", "91d"));
        let by = administrator();
        let second = wait(engine.record_policy(&tenant(), Some(&by), Some("a day more"))).unwrap();
        let record = host.record(second.unwrap());
        assert_eq!(record.parents, [first]);
        match record.body {
            Body::PolicyChanged(body) => {
                assert_eq!(body.before, Some(host.engine.policy().hash()));
                assert_eq!(body.after, engine.policy().hash());
            }
            other => panic!("{other:?}"),
        }
        let report = wait(engine.sweep(&tenant(), &Sweep::new())).unwrap();
        assert_eq!(report.policy, None);
    });
}

#[test]
fn a_sweep_takes_what_an_edited_policy_does_not_give_any_more() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff", "contract-nurses"]));
        second_manager(host);
        let edited = policy()
            .replace("default_roles = [\"reader\"]", "default_roles = []")
            .replace(
                "{ role = \"manager\" }",
                "{ role = \"manager\", scope = [\"nda/*\"] }",
            );
        let engine = host.engine_under(&edited);
        let report = wait(engine.sweep(&tenant(), &Sweep::new())).unwrap();
        assert!(report.policy.is_some() && report.kept.is_empty());
        let mut changed: Vec<_> = report
            .changed
            .iter()
            .map(|c| (c.role.as_str(), c.reason))
            .collect();
        changed.sort_unstable();
        changed.dedup();
        let expected = [
            ("manager", "roles.rule_changed"),
            ("reader", "roles.not_default"),
        ];
        assert_eq!(changed, expected);
        let manager = host.grant(&session, "manager");
        assert_eq!(manager.scope, ["nda/*".parse().unwrap()]);
        assert_eq!(host.record(manager.entry).kind(), Kind::RoleGranted);
        let again = wait(engine.sweep(&tenant(), &Sweep::new())).unwrap();
        assert!(again.changed.is_empty());
    });
}

#[test]
fn a_sweep_under_an_edited_policy_leaves_a_role_its_last_holder() {
    on_each_store_under(&policy(), |host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let edited = policy().replace(", { role = \"manager\" }", "");
        let engine = host.engine_under(&edited);
        let report = wait(engine.sweep(&tenant(), &Sweep::new())).unwrap();
        assert_eq!(report.kept.len(), 1);
        assert_eq!(live_roles(host, &session), ["manager", "reader", "signer"]);
    });
}
