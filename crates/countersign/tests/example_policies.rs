//! The example policies, run: persons, as their providers describe them, and what becomes of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use countersign::provision::store::{Snapshot, UserWithGrants};
use countersign::provision::user::{User, UserState};
use countersign::provision::{Plan, Policy, decide, normalize};
use countersign::roles::Severity;
use countersign::{ConnectionId, Invited, LeafHash, PolicyFile, TenantId, Timestamp, UserId};
use countersign_testkit::identity::{attribute, vouched};

const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";
const ADDRESS: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const ENTRA_GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
const SID: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarysid";
const ADFS_GROUPS: &str = "http://schemas.xmlsoap.org/claims/Group";
const DEPARTMENT: &str = "http://schemas.hospital.example/claims/department";

const LEGAL: &str = "11111111-1111-1111-1111-111111111111";
const SALES: &str = "22222222-2222-2222-2222-222222222222";
const AUDIT: &str = "33333333-3333-3333-3333-333333333333";

/// A policy file, and the clock that it is tried at.
struct Desk {
    policy: Policy,
    now: Timestamp,
}

/// A person as a provider describes them.
struct Person<'a> {
    connection: &'a str,
    name_id: (&'a str, &'a str),
    attributes: Vec<(&'a str, Vec<&'a str>)>,
    invited: bool,
}

impl<'a> Person<'a> {
    fn with(mut self, name: &'a str, values: &[&'a str]) -> Self {
        self.attributes.push((name, values.to_vec()));
        self
    }

    /// Comes by an invitation to sign.
    fn invited(mut self) -> Self {
        self.invited = true;
        self
    }
}

fn person<'a>(connection: &'a str, name_id: &'a str, format: &'a str) -> Person<'a> {
    Person {
        connection,
        name_id: (name_id, format),
        attributes: Vec::new(),
        invited: false,
    }
}

impl Desk {
    fn open(file: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/policies");
        let policy = PolicyFile::load(format!("{folder}/{file}"));
        Self {
            policy: policy.unwrap_or_else(|error| panic!("{error}")),
            now: "2026-03-01T09:00:00Z".parse().unwrap(),
        }
    }

    fn plan(&self, person: &Person<'_>, snapshot: &Snapshot) -> Plan {
        let id = ConnectionId::new(person.connection).unwrap();
        let connection = self.policy.connection(&id).unwrap();
        let attributes = person.attributes.iter();
        let attributes = attributes.map(|(name, values)| attribute(*name, values.iter().copied()));
        let identity = vouched(&connection.issuer, person.name_id, attributes);
        let mut facts = connection.facts(&identity).unwrap();
        facts.invited = facts
            .email
            .as_ref()
            .filter(|_| person.invited)
            .map(|email| Invited {
                entry: LeafHash::from_bytes([1; 32]),
                email: email.address.clone(),
                door: None,
                connection: None,
                multi_factor: false,
                expires_at: self.now.saturating_add(Duration::from_secs(60)),
                is_spent: false,
            });
        decide(&self.policy, &id, &facts, snapshot, self.now)
    }

    /// Who comes for the first time gets an account with exactly these roles.
    #[track_caller]
    fn gives(&self, person: &Person<'_>, roles: &[&str]) {
        self.gives_to(person, &Snapshot::default(), roles);
    }

    #[track_caller]
    fn gives_to(&self, person: &Person<'_>, snapshot: &Snapshot, roles: &[&str]) {
        let plan = self.plan(person, snapshot);
        let Plan::Admit(admission) = &plan else {
            panic!("not admitted: {:?}", plan.reasons());
        };
        let given = admission.grants.give.iter();
        let given: BTreeSet<&str> = given.map(|grant| grant.role.as_str()).collect();
        assert_eq!(given, roles.iter().copied().collect());
    }

    /// Who comes for the first time is refused with this code.
    #[track_caller]
    fn refuses(&self, person: &Person<'_>, code: &str) {
        let plan = self.plan(person, &Snapshot::default());
        let Plan::Refuse(refusal) = &plan else {
            panic!("not refused: {:?}", plan.reasons());
        };
        assert_eq!(refusal.code(), code);
    }
}

fn contract_nurse<'a>(address: &'a str, roles: &[&'a str]) -> Person<'a> {
    let mut nurse = person("agency", address, EMAIL_FORMAT);
    for role in roles {
        nurse = nurse.with("Role", &[role]);
    }
    nurse
}

#[test]
fn contract_nurses_sign_tonight_for_one_day() {
    let hospital = Desk::open("hospital-contract-nurses.toml");
    let nurse = contract_nurse(
        "nurse@agency.example",
        &["contract-nurse", "offline_access"],
    );
    hospital.gives(&nurse, &["onboarding-signer"]);
    let plan = hospital.plan(&nurse, &Snapshot::default());
    let given = &plan.admission().unwrap().grants.give[0];
    assert_eq!(
        given.expires_at,
        Some("2026-03-02T09:00:00Z".parse().unwrap())
    );

    let other = contract_nurse("porter@agency.example", &["porter"]);
    hospital.refuses(&other, "provision.required_group_missing");
    let elsewhere = contract_nurse("nurse@evil.example", &["contract-nurse"]);
    hospital.refuses(&elsewhere, "provision.email_outside_domains");
    // The agency's groups mean nothing at the hospital.
    let posing = contract_nurse("nurse@agency.example", &["contract-nurse", "Ward Managers"]);
    hospital.gives(&posing, &["onboarding-signer"]);
}

#[test]
fn the_agencys_contract_ends() {
    let mut hospital = Desk::open("hospital-contract-nurses.toml");
    hospital.now = "2027-06-30T00:00:00Z".parse().unwrap();
    let nurse = contract_nurse("nurse@agency.example", &["contract-nurse"]);
    let plan = hospital.plan(&nurse, &Snapshot::default());
    assert!(plan.refusal().is_some(), "{:?}", plan.reasons());
}

/// The account that was made ahead for the nurse of the staff.
fn made_ahead(desk: &Desk) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.by_email.push(UserWithGrants {
        user: User {
            id: UserId::new("user-1").unwrap(),
            tenant: TenantId::new("hospital").unwrap(),
            state: UserState::Invited,
            state_since: desk.now,
            state_entry: None,
            hold: None,
            email: Some(normalize::email("nurse@hospital.example").unwrap()),
            email_verified_locally: false,
            given_name: None,
            family_name: None,
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            created_at: desk.now,
            last_sign_in_at: None,
            entry: None,
            version: 1,
        },
        grants: Vec::new(),
        subjects: Vec::new(),
    });
    snapshot
}

#[test]
fn staff_have_what_their_groups_say_and_what_excludes_each_other_excludes_itself() {
    let hospital = Desk::open("hospital-contract-nurses.toml");
    let ahead = made_ahead(&hospital);
    let ward = |groups: &[&'static str]| staff(groups).with(DEPARTMENT, &["ward-7"]);
    for (person, roles) in [
        (staff(&["Ward Managers"]), &["ward-manager"][..]),
        (ward(&["Nursing"]), &["shift-planner"]),
        (staff(&["Nursing"]), &[]),
        (staff(&["Payroll"]), &["payroll"]),
        (ward(&["Nursing", "Payroll"]), &[]),
        (
            ward(&["Nursing", "Payroll", "Trainees"]),
            &["shift-planner"],
        ),
        (staff(&["Ward Managers", "Trainees"]), &[]),
    ] {
        hospital.gives_to(&person, &ahead, roles);
    }
}

#[test]
fn staff_without_an_account_get_none() {
    let hospital = Desk::open("hospital-contract-nurses.toml");
    let manager = staff(&["Ward Managers"]);
    hospital.refuses(&manager, "provision.not_pre_provisioned");
}

fn staff<'a>(groups: &[&'a str]) -> Person<'a> {
    person("staff", "HOSPITAL\\nurse", UNSPECIFIED)
        .with(SID, &["S-1-5-21-1-2-3-1104"])
        .with(ADDRESS, &["nurse@hospital.example"])
        .with(ADFS_GROUPS, groups)
}

fn entra<'a>(groups: &[&'a str]) -> Person<'a> {
    person("acme", "nurse@tenant.example", EMAIL_FORMAT)
        .with(OBJECT_ID, &["8f2c"])
        .with(ADDRESS, &["nurse@acme.example"])
        .with(ENTRA_GROUPS, groups)
}

#[test]
fn an_enterprise_with_entra_groups_gives_what_the_groups_say() {
    let acme = Desk::open("enterprise-entra.toml");
    acme.gives(&entra(&[]), &["viewer"]);
    acme.gives(&entra(&[LEGAL]), &["viewer", "signer"]);
    acme.gives(&entra(&[SALES]), &["viewer", "signer", "sender"]);
    acme.gives(&entra(&[AUDIT]), &["viewer", "auditor"]);
    let manager = entra(&[LEGAL]).with("jobtitle", &["Manager"]);
    acme.gives(&manager, &["viewer", "signer", "approver"]);
    // Only this title, byte for byte.
    let other = entra(&[LEGAL]).with("jobtitle", &["manager"]);
    acme.gives(&other, &["viewer", "signer"]);
}

#[test]
fn whoever_would_both_send_and_audit_does_neither() {
    let acme = Desk::open("enterprise-entra.toml");
    acme.gives(&entra(&[SALES, AUDIT]), &["viewer", "signer"]);
}

#[test]
fn externals_sign_and_have_no_say() {
    let acme = Desk::open("enterprise-entra.toml");
    let manager = entra(&[LEGAL])
        .with("jobtitle", &["Manager"])
        .with("department", &["ext"]);
    acme.gives(&manager, &["viewer", "signer"]);
    acme.gives(&entra(&[AUDIT]).with("department", &["ext"]), &["viewer"]);
}

#[test]
fn adjuncts_sign_their_contract_and_the_highest_role_wins() {
    let university = Desk::open("university-adjuncts.toml");
    let member = |groups: &[&'static str]| {
        person("university", "adjunct@university.example", UNSPECIFIED)
            .with("groups", groups)
            .with("contractType", &["semester"])
    };
    let adjunct = member(&["faculty", "adjunct-faculty"]);
    university.gives(&adjunct, &["adjunct"]);
    let plan = university.plan(&adjunct, &Snapshot::default());
    let given = &plan.admission().unwrap().grants.give[0];
    assert_eq!(
        given.expires_at,
        Some("2026-03-31T09:00:00Z".parse().unwrap())
    );
    let scope: Vec<String> = given.scope.iter().map(ToString::to_string).collect();
    assert_eq!(scope, ["contract/adjunct"]);

    let lecturer = member(&["faculty", "adjunct-faculty", "senior-lecturers"]);
    university.gives(&lecturer, &["lecturer"]);
    let chair = member(&["faculty", "lecturers", "department-chairs"]);
    university.gives(&chair, &["lecturer", "chair"]);
    university.refuses(
        &member(&["adjunct-faculty"]),
        "provision.required_group_missing",
    );

    // Nothing is known of a contract that was not sent, so nothing is given for what it is not.
    let unknown = person("university", "adjunct@university.example", UNSPECIFIED)
        .with("groups", &["faculty", "adjunct-faculty"]);
    university.gives(&unknown, &[]);
    let suspended = person("university", "adjunct@university.example", UNSPECIFIED)
        .with("groups", &["faculty", "adjunct-faculty"])
        .with("contractType", &["suspended"]);
    university.gives(&suspended, &[]);
}

#[test]
fn docusigns_new_users_sign_on_the_default_account() {
    let docusign = Desk::open("docusign.toml");
    let signer = person("acme", "federated-7", PERSISTENT)
        .with("emailaddress", &["nurse@acme-labs.example"])
        .with("givenname", &["Given"])
        .with("surname", &["Family"]);
    docusign.gives(&signer, &["signer"]);
    let elsewhere =
        person("acme", "federated-8", PERSISTENT).with("emailaddress", &["nurse@other.example"]);
    docusign.refuses(&elsewhere, "provision.email_outside_domains");
}

#[test]
fn accounts_are_made_only_within_a_signing_by_invitation() {
    let service = Desk::open("signing-by-invitation.toml");
    let staff = || {
        person("staff", "00u1", UNSPECIFIED)
            .with("email", &["sales@acme.example"])
            .with("department", &["sales"])
            .with("groups", &["Everyone"])
    };
    service.refuses(&staff(), "provision.invitation_required");
    service.gives(&staff().invited(), &["signer"]);
    let plan = service.plan(&staff().invited(), &Snapshot::default());
    let admission = plan.admission().unwrap();
    let given = &admission.grants.give[0];
    assert_eq!(
        given.expires_at,
        Some("2026-03-02T09:00:00Z".parse().unwrap())
    );
    assert_eq!(given.scope.len(), 1);
    assert_eq!(
        admission.session_not_after,
        "2026-03-01T09:30:00Z".parse().unwrap()
    );

    let guest = || person("visitors", "guest@partner.example", EMAIL_FORMAT);
    service.refuses(&guest(), "provision.invitation_required");
    service.gives(&guest().invited(), &["guest-signer"]);
    // Who has an identity provider comes through it.
    let around = person("visitors", "sales@acme.example", EMAIL_FORMAT).invited();
    let plan = service.plan(&around, &Snapshot::default());
    assert!(plan.refusal().is_some(), "{:?}", plan.reasons());
}

/// Notes say what a policy means to say; a warning would be an example of what not to write.
#[test]
fn no_example_has_a_warning() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/policies");
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let findings = Desk::open(&file).policy.lint();
        let severe = findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note);
        assert_eq!(severe.count(), 0, "{file}: {findings:?}");
    }
}
