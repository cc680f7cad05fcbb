//! Records: what can be sealed, what is read back, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use countersign_audit::account::{Person, UserLinked};
use countersign_audit::assertion::AssertionVerified;
use countersign_audit::ceremony::{DocumentSigned, Grounds, IntentConfirmed};
use countersign_audit::consent::{AccessDemonstrated, ConsentGiven};
use countersign_audit::email::EmailChallenged;
use countersign_audit::invitation::InvitationIssued;
use countersign_audit::kind::{ParentRule, RecordBody};
use countersign_audit::link::LinkProposed;
use countersign_audit::log::CheckpointAnchored;
use countersign_audit::record::{Actor, RecordError};
use countersign_audit::seal::{Draft, EntropyError, SealError, Sealed};
use countersign_audit::session::SessionOpened;
use countersign_audit::token::TokenTerms;
use countersign_audit::{
    AuditError, Correlation, Entropy, Kind, PrivatePart, Recorded, SystemEntropy, leaf_hash,
    parse_record,
};
use countersign_core::{
    ConnectionId, ConsentId, CorrelationId, DisclosedKey, DocumentId, Email, Entry, SignedEvidence,
    SubjectKey, TenantId, UserId, VerifiedIdentity,
};
use proptest::prelude::*;
use support::{CountingEntropy, Walk, WalkPlan, at};

fn walk() -> Walk {
    Walk::new(WalkPlan::default(), &CountingEntropy::default())
}

fn other_walk() -> Walk {
    let plan = WalkPlan {
        name: "doctor",
        ..WalkPlan::default()
    };
    Walk::new(plan, &SystemEntropy::new())
}

fn signed_bytes() -> String {
    String::from_utf8(walk().signed.entry().bytes().to_vec()).unwrap()
}

fn refused(plan: WalkPlan) -> SealError {
    match Walk::try_new(plan, &CountingEntropy::default()) {
        Err(AuditError::Seal(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("was sealed"),
    }
}

#[test]
fn every_sealed_record_is_read_back() {
    for entry in walk().entries() {
        let record = parse_record(entry.bytes()).unwrap();
        assert_eq!(record.id, *entry.id());
        assert_eq!(entry.leaf(), leaf_hash(entry.bytes()));
    }
}

#[test]
fn a_signature_cites_its_intent_its_session_and_its_grant() {
    let walk = walk();
    let record = parse_record(walk.signed.entry().bytes()).unwrap();
    assert_eq!(
        record.parents,
        [
            walk.intent.leaf().hash(),
            walk.session.leaf().hash(),
            walk.grant.leaf().hash()
        ]
    );
    assert_eq!(record.prev, Some(walk.intent.leaf().hash()));
}

#[test]
fn drafts_cite_parents_of_the_kinds_that_their_kind_asks_for() {
    let entries = walk().entries();
    for entry in &entries {
        let record = parse_record(entry.bytes()).unwrap();
        let rules: &[ParentRule] = record.kind().parents();
        for (parent, rule) in record.parents.iter().zip(rules) {
            let parent = entries
                .iter()
                .find(|entry| entry.leaf() == *parent)
                .unwrap();
            let kind = parse_record(parent.bytes()).unwrap().kind();
            assert!(rule.kinds.contains(&kind), "{kind} for {}", record.kind());
        }
    }
}

#[test]
fn no_personal_value_is_in_a_record() {
    for entry in walk().entries() {
        let text = String::from_utf8(entry.bytes().to_vec()).unwrap();
        for personal in [
            "@acme.example",
            "Given",
            "Family",
            "_session-1",
            "_assertion-1",
        ] {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
    }
}

/// The content of an entry's private part, which is in the clear.
fn opened(entry: &Entry) -> PrivatePart {
    let private = entry.private().map(|private| &private.bytes);
    private.map_or_else(PrivatePart::default, |bytes| {
        PrivatePart::parse(bytes).unwrap()
    })
}

/// So the writer has nothing to sort: it would, and the bytes would be the same, but not in no time.
#[test]
fn records_declare_their_members_in_the_order_in_which_they_are_written() {
    for entry in walk().entries() {
        let record = parse_record(entry.bytes()).unwrap();
        let as_declared = serde_json::to_vec(&record).unwrap();
        assert_eq!(
            String::from_utf8(as_declared).unwrap(),
            String::from_utf8(entry.bytes().to_vec()).unwrap()
        );
    }
}

#[test]
fn an_actor_has_an_id_unless_it_is_the_system() {
    for actor in [
        Actor::Connection(ConnectionId::new("acme-idp").unwrap()),
        Actor::User(UserId::new("user-1").unwrap()),
        Actor::System,
    ] {
        let json = serde_json::to_string(&actor).unwrap();
        assert_eq!(
            serde_json::from_str::<Actor>(&json).unwrap(),
            actor,
            "{json}"
        );
    }
    for bad in [
        r#"{}"#,
        r#"{"type":"connection"}"#,
        r#"{"type":"user"}"#,
        r#"{"id":"user-1"}"#,
        r#"{"id":"user-1","type":"system"}"#,
        r#"{"id":"","type":"user"}"#,
        r#"{"id":" ","type":"connection"}"#,
        r#"{"id":"user-1","type":"host"}"#,
        r#"{"id":"user-1","id":"user-1","type":"user"}"#,
    ] {
        assert!(serde_json::from_str::<Actor>(bad).is_err(), "{bad}");
    }
}

#[test]
fn openings_match_what_the_record_commits_to() {
    for entry in walk().entries() {
        let record = parse_record(entry.bytes()).unwrap();
        let openings = opened(&entry).into_openings();
        assert_eq!(openings.iter().count(), record.commitments.len());
        for (field, opening) in openings.iter() {
            assert_eq!(opening.commit(field).unwrap(), record.commitments[field]);
        }
    }
}

/// \[record.md §5\]: with them whoever has the signed bytes reads what stands in them encrypted.
/// They are personal, as what they open is: in an opening, never in the record.
#[test]
fn what_was_decrypted_is_committed_to_by_its_content_keys() {
    let identity = support::identity("nurse");
    let evidence = SignedEvidence {
        content_keys: vec![
            DisclosedKey::new(vec![0x01, 0xAB]),
            DisclosedKey::new(vec![0xFF]),
        ],
        ..identity.evidence().signed().unwrap().clone()
    };
    let identity =
        VerifiedIdentity::vouched_by_door(identity.door(), identity.claims().clone(), evidence);
    let mut walk = Correlation::begin(
        TenantId::new("acme").unwrap(),
        CorrelationId::new("walk-1").unwrap(),
    );
    let draft = AssertionVerified::draft(ConnectionId::new("acme-idp").unwrap(), &identity);
    let sealed = walk
        .seal(
            draft,
            at("2026-03-01T09:30:00Z"),
            &CountingEntropy::default(),
        )
        .unwrap();
    let (entry, _) = sealed.into_parts();
    let openings = opened(&entry).into_openings();
    let (_, opening) = openings
        .iter()
        .find(|(field, _)| *field == "content_keys")
        .unwrap();
    let record = parse_record(entry.bytes()).unwrap();
    assert_eq!(
        opening.commit("content_keys").unwrap(),
        record.commitments["content_keys"]
    );
    assert_eq!(opening.value(), "01ab ff");
    assert!(!String::from_utf8_lossy(entry.bytes()).contains("01ab"));
}

#[test]
fn the_id_is_a_uuid_of_version_7_of_the_records_time() {
    let record = parse_record(walk().signed.entry().bytes()).unwrap();
    let millis = u64::try_from(at("2026-03-01T09:33:00Z").unix_millis()).unwrap();
    let hex = record.id.as_str().replace('-', "");
    assert_eq!(u64::from_str_radix(&hex[..12], 16).unwrap(), millis);
    assert_eq!(&hex[12..13], "7");
}

// What a writer refuses [record.md §6].

#[test]
fn a_signature_after_the_grant_has_expired_is_not_sealed() {
    let expired = WalkPlan {
        grant_expires_at: Some(at("2026-03-01T09:33:00Z")),
        ..WalkPlan::default()
    };
    assert_eq!(refused(expired), SealError::Expired { what: "grant" });
}

#[test]
fn a_signature_after_the_session_has_expired_is_not_sealed() {
    let expired = WalkPlan {
        session_expires_at: at("2026-03-01T09:33:00Z"),
        ..WalkPlan::default()
    };
    assert_eq!(refused(expired), SealError::Expired { what: "session" });
}

#[test]
fn a_document_is_not_presented_after_the_session_has_expired() {
    let expired = WalkPlan {
        session_expires_at: at("2026-03-01T09:31:00Z"),
        ..WalkPlan::default()
    };
    assert_eq!(refused(expired), SealError::Expired { what: "session" });
}

#[test]
fn a_signature_that_the_grant_does_not_cover_is_not_drafted() {
    let uncovered = WalkPlan {
        permissions: vec!["sign hr/*".to_owned()],
        ..WalkPlan::default()
    };
    assert_eq!(refused(uncovered), SealError::NotCovered);
}

#[test]
fn a_signature_under_another_persons_grant_is_not_drafted() {
    let (mine, theirs) = (walk(), other_walk());
    let grounds = Grounds {
        presented: mine.presented.recorded(),
        intent: mine.intent.recorded(),
        session: mine.session.recorded(),
        grant: theirs.grant.recorded(),
        consent: None,
    };
    assert_eq!(
        DocumentSigned::draft(grounds, "x").err(),
        Some(SealError::OtherSubject)
    );
}

fn consent(walk: &mut Walk, scope: &str) -> Sealed<ConsentGiven> {
    let given = ConsentGiven {
        access_demonstrated: AccessDemonstrated {
            method: "opened_sample_pdf".to_owned(),
            sha256: None,
        },
        consent: ConsentId::new("consent-1").unwrap(),
        disclosure_sha256: support::sha256(b"disclosure"),
        disclosure_version: "2026-01".to_owned(),
        paper_right: true,
        scope: vec![scope.parse().unwrap()],
        withdrawal: "Write to records@host.example.".to_owned(),
    };
    let draft = given.draft(walk.session.recorded());
    walk.correlation
        .seal(draft, at("2026-03-01T09:34:00Z"), &SystemEntropy::new())
        .unwrap()
}

fn draft_under(
    walk: &Walk,
    consent: &Sealed<ConsentGiven>,
) -> Result<Draft<DocumentSigned>, SealError> {
    let grounds = Grounds {
        presented: walk.presented.recorded(),
        intent: walk.intent.recorded(),
        session: walk.session.recorded(),
        grant: walk.grant.recorded(),
        consent: Some(consent.recorded()),
    };
    DocumentSigned::draft(grounds, "Given Family")
}

#[test]
fn a_signature_cites_the_consent_that_covers_it_and_is_not_dated_before_it() {
    let mut walk = walk();
    let consent = consent(&mut walk, "nda/*");
    let draft = draft_under(&walk, &consent).unwrap();
    let signed = walk
        .correlation
        .seal(draft, at("2026-03-01T09:33:00Z"), &SystemEntropy::new())
        .unwrap();
    assert_eq!(
        signed.recorded().parents().last(),
        Some(&consent.leaf().hash())
    );
    assert_eq!(signed.recorded().at(), consent.recorded().at());
}

#[test]
fn a_signature_that_the_consent_does_not_cover_is_not_drafted() {
    let mut walk = walk();
    let consent = consent(&mut walk, "hr/*");
    assert_eq!(
        draft_under(&walk, &consent).err(),
        Some(SealError::NoConsent)
    );
}

#[test]
fn a_signature_under_another_persons_consent_is_not_drafted() {
    let consent = consent(&mut other_walk(), "nda/*");
    assert_eq!(
        draft_under(&walk(), &consent).err(),
        Some(SealError::OtherSubject)
    );
}

#[test]
fn a_size_that_is_no_safe_integer_is_not_sealed() {
    let anchored = |size| CheckpointAnchored {
        gen_time: at("2026-03-01T09:33:00Z"),
        note_sha256: support::sha256(b"note"),
        root: support::sha256(b"root"),
        size,
        token_sha256: support::sha256(b"token"),
        tokens: 1,
    };
    let mut walk = walk();
    let mut seal = |size| {
        let now = at("2026-03-01T09:33:00Z");
        let sealed = walk
            .correlation
            .seal(anchored(size).draft(), now, &SystemEntropy::new());
        sealed.map(|sealed| parse_record(sealed.entry().bytes()).unwrap())
    };
    assert!(seal((1 << 53) - 1).is_ok());
    assert!(matches!(
        seal(1 << 53),
        Err(AuditError::Seal(SealError::Format(RecordError::Malformed)))
    ));
}

#[test]
fn a_signature_with_another_ceremonys_intent_is_not_drafted() {
    let (mine, theirs) = (walk(), other_walk());
    let grounds = |presented, intent, session| Grounds {
        presented,
        intent,
        session,
        grant: mine.grant.recorded(),
        consent: None,
    };
    for grounds in [
        grounds(
            mine.presented.recorded(),
            theirs.intent.recorded(),
            mine.session.recorded(),
        ),
        grounds(
            theirs.presented.recorded(),
            mine.intent.recorded(),
            mine.session.recorded(),
        ),
        grounds(
            mine.presented.recorded(),
            mine.intent.recorded(),
            theirs.session.recorded(),
        ),
    ] {
        assert_eq!(
            DocumentSigned::draft(grounds, "x").err(),
            Some(SealError::OtherCeremony)
        );
    }
}

#[test]
fn a_step_is_not_sealed_into_another_walk() {
    let walk = walk();
    let tenant = walk.correlation.tenant().clone();
    let other_id = CorrelationId::new("another").unwrap();
    let other_tenant = TenantId::new("another").unwrap();
    for mut other in [
        Correlation::begin(tenant, other_id),
        Correlation::begin(other_tenant, walk.correlation.id().clone()),
    ] {
        let draft = IntentConfirmed::draft(walk.presented.recorded(), "approval", "Yes.", None);
        let sealed = other.seal(draft, at("2026-03-01T09:40:00Z"), &SystemEntropy::new());
        assert!(matches!(
            sealed,
            Err(AuditError::Seal(SealError::OtherCorrelation))
        ));
    }
}

#[test]
fn a_step_is_never_dated_before_the_step_it_follows() {
    let walk = walk();
    let mut correlation = Correlation::resume(walk.presented.recorded());
    let draft = IntentConfirmed::draft(walk.presented.recorded(), "approval", "Yes.", None);
    let sealed = correlation
        .seal(draft, at("2026-03-01T09:30:59.999Z"), &SystemEntropy::new())
        .unwrap();
    assert_eq!(sealed.recorded().at(), walk.presented.recorded().at());
}

#[test]
fn a_record_longer_than_an_entry_is_not_sealed() {
    let walk = walk();
    let mut correlation = walk.correlation.clone();
    let long = "x".repeat(Entry::MAX_BYTES);
    let draft = IntentConfirmed::draft(walk.presented.recorded(), "approval", long, None);
    let sealed = correlation.seal(draft, at("2026-03-01T09:40:00Z"), &SystemEntropy::new());
    assert!(matches!(
        sealed,
        Err(AuditError::Seal(SealError::Format(RecordError::TooLong)))
    ));
    assert_eq!(correlation, walk.correlation, "a refused draft is no step");
}

#[test]
fn a_personal_value_that_is_no_canonical_json_is_not_sealed() {
    let walk = walk();
    let draft = || IntentConfirmed::draft(walk.presented.recorded(), "approval", "Yes.", None);
    for (field, draft) in [
        ("weight", draft().personal("weight", &70.5)),
        ("E-mail", draft().personal("E-mail", &"x")),
    ] {
        let sealed =
            walk.correlation
                .clone()
                .seal(draft, at("2026-03-01T09:40:00Z"), &SystemEntropy::new());
        assert!(
            matches!(
                sealed,
                Err(AuditError::Seal(
                    SealError::Personal { .. } | SealError::Format(RecordError::FieldName)
                ))
            ),
            "{field}"
        );
    }
}

#[test]
fn nothing_is_sealed_without_random_bytes() {
    #[derive(Debug)]
    struct Nothing;
    impl Entropy for Nothing {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError)
        }
    }
    assert!(matches!(
        Walk::try_new(WalkPlan::default(), &Nothing),
        Err(AuditError::Entropy(_))
    ));
}

// What a reader refuses [record.md §1, §3, §5].

fn parse(text: &str) -> Result<Kind, RecordError> {
    parse_record(text.as_bytes()).map(|record| record.kind())
}

#[test]
fn bytes_that_are_no_json_are_refused() {
    for text in ["", "{", "[]", "{}", "null", "\u{feff}{}"] {
        assert_eq!(parse(text), Err(RecordError::Malformed), "{text}");
    }
    assert_eq!(
        parse(&"x".repeat(Entry::MAX_BYTES + 1)),
        Err(RecordError::TooLong)
    );
}

#[test]
fn another_way_to_write_the_same_record_is_refused() {
    let good = signed_bytes();
    assert_eq!(parse(&good), Ok(Kind::DocumentSigned));
    for (what, text) in [
        ("white space", good.replacen(':', ": ", 1)),
        ("a newline at the end", format!("{good}\n")),
        (
            "an escape",
            good.replacen("\"approval\"", "\"\\u0061pproval\"", 1),
        ),
        ("a float", good.replacen("\"v\":1}", "\"v\":1.0}", 1)),
        (
            "an unknown member",
            good.replacen("\"v\":1}", "\"v\":1,\"w\":1}", 1),
        ),
        (
            "another time form",
            good.replacen("09:33:00.000Z", "09:33:00Z", 1),
        ),
        ("an upper-case hash", {
            let hash = parse_record(good.as_bytes()).unwrap().parents[0].to_string();
            good.replacen(&hash, &hash.to_uppercase(), 1)
        }),
    ] {
        assert_ne!(text, good, "{what}");
        assert!(
            matches!(
                parse(&text),
                Err(RecordError::NotCanonical | RecordError::Malformed)
            ),
            "{what}"
        );
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let good = signed_bytes();
    let twice = good.replacen("\"v\":1}", "\"v\":1,\"v\":1}", 1);
    assert_ne!(twice, good);
    assert!(parse(&twice).is_err());
    let twice = good.replacen("\"body\":{", "\"body\":{\"meaning\":\"other\",", 1);
    assert!(parse(&twice).is_err());
}

#[test]
fn a_missing_member_is_refused() {
    let good = signed_bytes();
    let missing = good.replacen("\"key_id\":null,", "", 1);
    assert_ne!(missing, good);
    assert_eq!(parse(&missing), Err(RecordError::NotCanonical));
    let missing = good.replacen("\"tenant\":\"acme\",", "", 1);
    assert_eq!(parse(&missing), Err(RecordError::Malformed));
}

#[test]
fn an_unknown_kind_is_refused() {
    let unknown = signed_bytes().replacen("document.signed", "document.shredded", 1);
    assert_eq!(parse(&unknown), Err(RecordError::Malformed));
}

#[test]
fn another_version_is_refused() {
    let other = signed_bytes().replacen("\"v\":1}", "\"v\":2}", 1);
    assert_eq!(parse(&other), Err(RecordError::Version { version: 2 }));
}

#[test]
fn an_id_of_another_time_or_version_is_refused() {
    let good = signed_bytes();
    let other_time = good.replacen("09:33:00.000Z", "09:33:00.001Z", 1);
    assert_eq!(parse(&other_time), Err(RecordError::Id));
    let id = parse_record(good.as_bytes()).unwrap().id.to_string();
    let version_4 = format!("{}4{}", &id[..14], &id[15..]);
    let upper = id.to_uppercase();
    let bare = id.replace('-', "");
    for other in [version_4, upper, bare, "x".to_owned()] {
        assert_eq!(
            parse(&good.replacen(&id, &other, 1)),
            Err(RecordError::Id),
            "{other}"
        );
    }
}

#[test]
fn too_few_and_too_many_parents_are_refused() {
    let good = signed_bytes();
    let parents = parse_record(good.as_bytes()).unwrap().parents;
    let first = format!("\"{}\",", parents[0]);
    for (found, text) in [
        (2, good.replacen(&first, "", 1)),
        (5, good.replacen(&first, &first.repeat(3), 1)),
    ] {
        assert_eq!(
            parse(&text),
            Err(RecordError::Parents {
                kind: Kind::DocumentSigned,
                found
            })
        );
    }
}

#[test]
fn a_signature_about_no_account_is_refused() {
    let nobody =
        signed_bytes().replacen("\"subject_ref\":\"user-nurse\"", "\"subject_ref\":null", 1);
    assert_eq!(
        parse(&nobody),
        Err(RecordError::Subject {
            kind: Kind::DocumentSigned
        })
    );
}

#[test]
fn a_commitment_under_a_name_that_is_not_allowed_is_refused() {
    let other = signed_bytes().replacen("\"printed_name\"", "\"Printed-Name\"", 1);
    assert_eq!(parse(&other), Err(RecordError::FieldName));
}

/// One record of each kind that must commit to something \[record.md §5\].
fn committing() -> Vec<Entry> {
    let walk = walk();
    let (assertion, connection) = (
        walk.assertion.leaf(),
        ConnectionId::new("acme-idp").unwrap(),
    );
    let user = UserId::new("user-nurse").unwrap();
    let email = Email::from_canonical("nurse@acme.example").unwrap();
    let tenant = TenantId::new("acme").unwrap();
    let subject = SubjectKey::from_stable_value(tenant, "https://idp.example/saml", "n").unwrap();
    let person = Person {
        subject: Some(subject.clone()),
        ..Person::default()
    };
    let token = TokenTerms {
        browser_sha256: None,
        expires_at: at("2026-03-01T10:30:00Z"),
        secret_sha256: support::sha256(b"secret"),
    };
    let linked = UserLinked {
        connection: connection.clone(),
        strategy: "jit".to_owned(),
        matched_by: "subject".to_owned(),
        attributes: Vec::new(),
        reasons: Vec::new(),
    };
    let proposed = LinkProposed {
        connection: connection.clone(),
        token: token.clone(),
    };
    let challenged = EmailChallenged {
        connection,
        token: token.clone(),
    };
    let invited = InvitationIssued {
        document: DocumentId::new("contract-1").unwrap(),
        document_type: "nda/mutual".to_owned(),
        door: None,
        connection: None,
        multi_factor: false,
        token,
    };
    fn seal<K: RecordBody>(draft: Draft<K>) -> Entry {
        let tenant = TenantId::new("acme").unwrap();
        let mut walk = Correlation::begin(tenant, CorrelationId::new("walk-1").unwrap());
        let sealed = walk.seal(draft, at("2026-03-01T09:30:00Z"), &SystemEntropy::new());
        sealed.unwrap().into_parts().0
    }
    vec![
        walk.assertion.entry().clone(),
        walk.user.entry().clone(),
        walk.signed.entry().clone(),
        seal(linked.draft(user.clone(), &person, assertion, None)),
        seal(proposed.draft(user, &subject, &email, assertion)),
        seal(challenged.draft(&email)),
        seal(invited.draft(&email, None, None)),
    ]
}

#[test]
fn a_record_that_does_not_commit_to_what_its_kind_has_to_is_refused() {
    let mut kinds = std::collections::BTreeSet::new();
    for entry in committing() {
        let kind = parse_record(entry.bytes()).unwrap().kind();
        kinds.insert(kind.as_str());
        for field in kind.committed_fields() {
            let mut record: serde_json::Value = serde_json::from_slice(entry.bytes()).unwrap();
            let commitments = record["commitments"].as_object_mut().unwrap();
            commitments.remove(*field).unwrap();
            let missing = RecordError::Commitment { kind, field };
            assert_eq!(parse(&record.to_string()), Err(missing), "{kind} {field}");
        }
    }
    let committing = Kind::ALL
        .iter()
        .filter(|k| !k.committed_fields().is_empty());
    assert_eq!(kinds, committing.map(|kind| kind.as_str()).collect());
}

#[test]
fn what_a_kind_commits_to_is_what_the_specification_says() {
    let specification = include_str!("../../../docs/spec/record.md");
    let rows: Vec<Vec<&str>> = specification
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<&str>| cells.len() == 6)
        .collect();
    let cell = |kind: &str| {
        let quoted = format!("`{kind}`");
        let mut rows = rows.iter().filter(|row| row[1].contains(&quoted));
        rows.next().unwrap()[4]
    };
    for kind in Kind::ALL {
        let committed = match cell(kind.as_str()) {
            "as `user.provisioned`" => cell("user.provisioned"),
            committed => committed,
        };
        let fields = committed.split(", ").filter(|field| field.ends_with('`'));
        let fields: Vec<_> = fields.map(|field| field.trim_matches('`')).collect();
        assert_eq!(fields, kind.committed_fields(), "{kind}");
    }
}

/// A builder that was given nobody makes no record.
#[test]
fn an_account_of_nobody_is_not_sealed() {
    let walk = walk();
    let linked = UserLinked {
        connection: ConnectionId::new("acme-idp").unwrap(),
        strategy: "jit".to_owned(),
        matched_by: "subject".to_owned(),
        attributes: Vec::new(),
        reasons: Vec::new(),
    };
    let user = UserId::new("user-nurse").unwrap();
    let draft = linked.draft(user, &Person::default(), walk.assertion.leaf(), None);
    let mut walk = walk.correlation.clone();
    let sealed = walk.seal(draft, at("2026-03-01T09:40:00Z"), &SystemEntropy::new());
    let Err(AuditError::Seal(error)) = sealed else {
        panic!("was sealed");
    };
    assert_eq!(error.code(), "record.commitment");
}

#[test]
fn a_record_of_another_kind_is_not_taken_for_the_one_asked_for() {
    let walk = walk();
    assert!(Recorded::<SessionOpened>::parse(walk.session.entry().bytes()).is_ok());
    assert_eq!(
        Recorded::<SessionOpened>::parse(walk.grant.entry().bytes()).err(),
        Some(RecordError::OtherKind {
            expected: Kind::SessionOpened,
            found: Kind::RoleGranted
        })
    );
}

#[test]
fn a_record_that_was_read_back_serves_as_the_one_that_was_sealed() {
    let walk = walk();
    let read = Recorded::parse(walk.intent.entry().bytes()).unwrap();
    assert_eq!(read, *walk.intent.recorded());
}

#[test]
fn every_kind_has_its_own_name_and_optional_parents_come_last() {
    let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|k| k.as_str()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        let required: Vec<_> = kind.parents().iter().map(|rule| rule.required).collect();
        assert!(required.is_sorted_by(|a, b| a >= b), "{kind}");
        assert!(!kind.allows_parents(kind.parents().len() + 1));
    }
}

/// A signature and a mailed link in one record, or neither \[record.md §5.1\].
#[test]
fn an_assertion_that_mixes_doors_is_refused() {
    let text = String::from_utf8(walk().assertion.entry().bytes().to_vec()).unwrap();
    parse(&text).unwrap();
    let mailed = r#""door":"email""#;
    let by_mail = text.replace(r#""door":"saml""#, mailed);
    let unsigned = text.replace(
        r#""signed_element":"Assertion""#,
        r#""signed_element":null"#,
    );
    let challenge = format!(r#""parents":["{}"]"#, "0".repeat(64));
    let caused = text.replace(r#""parents":[]"#, &challenge);
    let nobody = text.replace("https://idp.example/saml", "urn:countersign:door:email");
    for mixed in [&by_mail, &unsigned, &caused, &nobody] {
        assert_ne!(*mixed, text);
        assert_eq!(parse(mixed).unwrap_err(), RecordError::Malformed);
    }
}

/// Where nobody signed, the issuer is the name that no identity provider has \[record.md §5.1\].
#[test]
fn a_mailed_link_from_an_identity_provider_is_refused() {
    let text = String::from_utf8(walk().assertion.entry().bytes().to_vec()).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["blobs"] = serde_json::json!([]);
    record["parents"] = serde_json::json!(["0".repeat(64)]);
    let body = record["body"].as_object_mut().unwrap();
    body.insert("door".to_owned(), "email".into());
    for signed in [
        "signed_element",
        "signed_sha256",
        "certificate_sha256",
        "signature_algorithm",
    ] {
        body.insert(signed.to_owned(), serde_json::Value::Null);
    }
    assert_eq!(
        parse(&record.to_string()).unwrap_err(),
        RecordError::Malformed
    );
    record["body"]["issuer"] = "urn:countersign:door:email".into();
    parse(&record.to_string()).unwrap();
}

/// What an identity provider's signature is verified by is named whole and in order, or the record
/// is none \[record.md §5.1\].
#[test]
fn an_assertion_without_what_verifies_it_is_refused() {
    let entry = &walk().entries()[0];
    let text = std::str::from_utf8(entry.bytes()).unwrap();
    let (_, rest) = text.split_once(r#""blobs":["#).unwrap();
    let (blobs, _) = rest.split_once("],").unwrap();
    let pieces: Vec<&str> = blobs.split_inclusive('}').collect();
    let pieces: Vec<&str> = pieces.iter().map(|p| p.trim_start_matches(',')).collect();
    let [signed, signed_info, signature, certificate] = pieces[..] else {
        panic!("not four blobs: {blobs}");
    };
    let with = |pieces: &[&str]| parse(&text.replace(blobs, &pieces.join(",")));
    assert_eq!(with(&pieces), Ok(Kind::AssertionVerified));
    let bare = certificate.replace("pkix-cert", "octet-stream");
    assert_eq!(
        with(&[signed, signed_info, signature, &bare]),
        Ok(Kind::AssertionVerified)
    );
    let other = "00".repeat(32);
    let other_of = |piece: &str| {
        let (before, _) = piece.split_once(r#""sha256":""#).unwrap();
        format!(r#"{before}"sha256":"{other}"}}"#)
    };
    for wrong in [
        vec![],
        vec![signed, signed_info, signature],
        vec![signed, signed_info, signature, certificate, certificate],
        vec![signed_info, signed, signature, certificate],
        vec![signed, signed_info, certificate, signature],
        vec![signature, signed_info, signed, certificate],
        vec![&other_of(signed), signed_info, signature, certificate],
        vec![signed, signed_info, signature, &other_of(certificate)],
    ] {
        assert_eq!(with(&wrong), Err(RecordError::Malformed), "{wrong:?}");
    }
}

/// Its bytes are in the private part, each under the hash that the record has of it.
#[test]
fn what_was_signed_is_kept_in_the_private_part() {
    let identity = support::identity("nurse");
    let evidence = identity.evidence().signed().unwrap();
    let entry = &walk().entries()[0];
    let record = parse_record(entry.bytes()).unwrap();
    let part = opened(entry);
    let kept: Vec<&[u8]> = record
        .blobs
        .iter()
        .map(|blob| part.blob(blob.sha256).unwrap())
        .collect();
    let left: [&[u8]; 4] = [
        &evidence.signed_bytes,
        &evidence.signed_info,
        &evidence.signature,
        &evidence.certificate,
    ];
    assert_eq!(kept, left);
}

/// The examples of the specification, each as its kind's record is sealed in the walk.
/// `COUNTERSIGN_WRITE_DOCS=1` writes them anew.
#[test]
fn the_examples_of_the_specification_are_records() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/record.md");
    let specification = std::fs::read_to_string(path).unwrap();
    let entries = walk().entries();
    let mut written = String::new();
    let mut examples = 0;
    // What stands before an example ends with the name of its leaf.
    let mut parts = specification.split("```json\n");
    let mut before = parts.next().unwrap().to_owned();
    for part in parts {
        let (example, after) = part.split_once("\n```").unwrap();
        parse(example).unwrap();
        let kind = parse_record(example.as_bytes()).unwrap().kind();
        let entry = entries
            .iter()
            .find(|entry| parse_record(entry.bytes()).unwrap().kind() == kind)
            .unwrap();
        let old_leaf = leaf_hash(example.as_bytes()).to_string();
        assert!(before.contains(&old_leaf), "{kind}");
        written += &before.replace(&old_leaf, &entry.leaf().to_string());
        written += &format!(
            "```json\n{}\n```",
            std::str::from_utf8(entry.bytes()).unwrap()
        );
        after.clone_into(&mut before);
        if let Some(private) = entry.private()
            && let Some((text, rest)) = after.split_once("```\n{")
        {
            let (_, rest) = rest.split_once("\n```").unwrap();
            let private = std::str::from_utf8(&private.bytes).unwrap();
            before = format!("{text}```\n{private}\n```{rest}");
        }
        examples += 1;
    }
    written += &before;
    assert_eq!(examples, 3);
    if std::env::var_os("COUNTERSIGN_WRITE_DOCS").is_some() {
        std::fs::write(path, written).unwrap();
    } else {
        assert!(
            written == specification,
            "the examples are not sealed like this any more"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_read_is_hashed_as_it_stands(flip in any::<prop::sample::Index>(), to in any::<u8>()) {
        let good = walk().signed.entry().bytes().to_vec();
        let mut changed = good.clone();
        changed[flip.index(good.len())] = to;
        if let Ok(record) = parse_record(&changed) {
            // Accepted bytes are the only bytes of that record.
            prop_assert_eq!(serde_json_canonicalizer::to_vec(&record).unwrap(), changed);
        }
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_record(&bytes);
    }
}
