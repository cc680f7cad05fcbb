//! Whether the records of a bundle belong together (`docs/spec/record.md` §6).

use std::collections::HashSet;
use std::time::Duration;

use countersign_audit::ceremony::{DocumentPresented, DocumentSigned, IntentConfirmed};
use countersign_audit::role::RoleGranted;
use countersign_audit::session::SessionOpened;
use countersign_audit::{Body, Kind, Record};
use countersign_core::{LeafHash, Timestamp};

use crate::report::{CONTAINER, Claim, Lines};

/// How far the clock of whoever verifies may be behind \[bundle.md §5, `time_order`\].
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// One record of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Its member.
    pub(crate) file: String,
    pub(crate) leaf: LeafHash,
    /// The position of its leaf, as its proof says.
    pub(crate) index: u64,
    pub(crate) record: Record,
}

/// A record together with its typed body.
#[derive(Debug)]
pub(crate) struct Link<'a, K> {
    pub(crate) item: &'a Item,
    pub(crate) body: &'a K,
}

/// The records that a signature rests on directly.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    pub(crate) signed: Link<'a, DocumentSigned>,
    pub(crate) intent: Link<'a, IntentConfirmed>,
    pub(crate) presented: Link<'a, DocumentPresented>,
    pub(crate) session: Link<'a, SessionOpened>,
    pub(crate) grant: Link<'a, RoleGranted>,
}

macro_rules! link {
    ($item:expr, $kind:ident) => {{
        let item: &Item = $item;
        match &item.record.body {
            Body::$kind(body) => Some(Link { item, body }),
            _ => None,
        }
    }};
}

impl<'a> Chain<'a> {
    /// Follows the parents of the one signature. Relies on nothing that [`check_linked`] does.
    pub(crate) fn resolve(items: &'a [Item]) -> Option<Self> {
        let parent = |item: &Item, place: usize| {
            let leaf = item.record.parents.get(place)?;
            items.iter().find(|other| other.leaf == *leaf)
        };
        let signed = items.iter().find_map(|item| link!(item, DocumentSigned))?;
        let intent = link!(parent(signed.item, 0)?, IntentConfirmed)?;
        let presented = link!(parent(intent.item, 0)?, DocumentPresented)?;
        let session = link!(parent(signed.item, 1)?, SessionOpened)?;
        let grant = link!(parent(signed.item, 2)?, RoleGranted)?;
        Some(Self {
            signed,
            intent,
            presented,
            session,
            grant,
        })
    }
}

/// Checks that each record reaches its causes, and that they are those of its kind
/// \[record.md §6, rules 1 and 2; bundle.md §4.1\].
pub(crate) fn check_linked(items: &[Item], lines: &mut Lines) {
    let signatures: Vec<_> = items
        .iter()
        .filter(|item| item.record.kind() == Kind::DocumentSigned)
        .collect();
    let [signed] = signatures.as_slice() else {
        lines.failed(
            Claim::Linked,
            CONTAINER,
            format!("has {} signatures, not one", signatures.len()),
        );
        return;
    };
    let mut seen = HashSet::new();
    for item in items {
        if !seen.insert(item.leaf) {
            lines.failed(Claim::Linked, &item.file, "is the same record as another");
        }
        check_parents(item, items, lines);
    }
    let mut reached = HashSet::new();
    let mut to_visit = vec![signed.leaf];
    while let Some(leaf) = to_visit.pop() {
        if reached.insert(leaf) {
            let item = items.iter().find(|item| item.leaf == leaf);
            to_visit.extend(item.into_iter().flat_map(|item| &item.record.parents));
        }
    }
    for item in items.iter().filter(|item| !reached.contains(&item.leaf)) {
        lines.failed(
            Claim::Linked,
            &item.file,
            "the signature does not lead to it",
        );
    }
    if !lines.has_failed(Claim::Linked) {
        lines.proved(
            Claim::Linked,
            &signed.file,
            format!(
                "the signature leads to all {} records, hash by hash",
                items.len()
            ),
        );
    }
}

fn check_parents(item: &Item, items: &[Item], lines: &mut Lines) {
    // INVARIANT: `parse_record` has checked how many parents there are.
    for (leaf, rule) in item.record.parents.iter().zip(item.record.kind().parents()) {
        let Some(parent) = items.iter().find(|other| other.leaf == *leaf) else {
            lines.failed(
                Claim::Linked,
                &item.file,
                format!("its cause {leaf} is missing"),
            );
            continue;
        };
        let wrong = if !rule.kinds.contains(&parent.record.kind()) {
            "is of a kind that can not be its cause"
        } else if parent.record.tenant != item.record.tenant {
            "is of another tenant"
        } else if parent.index >= item.index {
            "does not come before it in the log"
        } else {
            continue;
        };
        lines.failed(
            Claim::Linked,
            &item.file,
            format!("its cause {} {wrong}", parent.file),
        );
    }
}

/// Checks what the records of a linked bundle must agree on \[record.md §6, rules 3 to 7\].
pub(crate) fn check_agreement(
    chain: Option<&Chain<'_>>,
    items: &[Item],
    now: Timestamp,
    lines: &mut Lines,
) {
    let Some(chain) = chain else {
        for claim in [
            Claim::SameDocument,
            Claim::SameAccount,
            Claim::GrantCoversDocument,
            Claim::GrantLiveAtSigning,
            Claim::SessionLiveAtSigning,
            Claim::TimeOrder,
        ] {
            lines.not_proved(claim, CONTAINER, "the records are not linked");
        }
        return;
    };
    check_same_document(chain, items, lines);
    check_same_account(chain, items, lines);
    check_grant(chain, lines);
    check_session(chain, lines);
    check_time_order(chain, items, now, lines);
}

fn check_same_document(chain: &Chain<'_>, items: &[Item], lines: &mut Lines) {
    let (signed, intent, presented) = (&chain.signed, &chain.intent, &chain.presented);
    let (s, i, p) = (signed.body, intent.body, presented.body);
    // [record.md §6, rule 4]
    let same = s.ceremony == i.ceremony
        && s.ceremony == p.ceremony
        && s.document_sha256 == i.document_sha256
        && s.document_sha256 == p.sha256
        && s.document == p.document
        && s.document_type == p.document_type
        && s.meaning == i.meaning
        && [signed.item, intent.item]
            .iter()
            .all(|item| item.record.correlation == presented.item.record.correlation)
        && presented.item.record.parents == [chain.session.item.leaf]
        && is_invited_document(chain, items);
    lines.check(
        Claim::SameDocument,
        same,
        &signed.item.file,
        format!(
            "shown, confirmed and signed in one ceremony: sha256 {}",
            s.document_sha256
        ),
        "what was shown, confirmed and signed differ",
    );
}

/// Whether what was shown is what the person was invited to sign, if the session began with an
/// invitation \[record.md §6, rule 8\].
fn is_invited_document(chain: &Chain<'_>, items: &[Item]) -> bool {
    // [record.md §5]: assertion, account, invitation.
    let [_, _, used] = chain.session.item.record.parents.as_slice() else {
        return true;
    };
    let find = |leaf: &LeafHash| items.iter().find(|item| item.leaf == *leaf);
    let issued = find(used).and_then(|used| find(used.record.parents.first()?));
    let presented = chain.presented.body;
    match issued.map(|issued| &issued.record.body) {
        Some(Body::InvitationIssued(invited)) => {
            invited.document == presented.document
                && invited.document_type == presented.document_type
        }
        _ => false,
    }
}

fn check_same_account(chain: &Chain<'_>, items: &[Item], lines: &mut Lines) {
    let account = chain.signed.item.record.subject_ref.as_ref();
    // [record.md §6, rules 3 and 7]
    let other = items.iter().find(|item| {
        item.record.subject_ref.is_some() && item.record.subject_ref.as_ref() != account
    });
    match (account, other) {
        (Some(account), None) => lines.proved(
            Claim::SameAccount,
            &chain.signed.item.file,
            format!("every record with an account is about `{account}`"),
        ),
        (_, Some(other)) => {
            lines.failed(Claim::SameAccount, &other.file, "is about another account");
        }
        (None, None) => lines.failed(
            Claim::SameAccount,
            &chain.signed.item.file,
            "is about no account",
        ),
    }
}

fn check_grant(chain: &Chain<'_>, lines: &mut Lines) {
    let (signed, grant) = (&chain.signed, &chain.grant);
    // [record.md §6, rule 5]
    let covers = signed.body.grant == grant.body.grant
        && signed.body.role == grant.body.role
        && grant.body.covers_signing(&signed.body.document_type);
    lines.check(
        Claim::GrantCoversDocument,
        covers,
        &grant.item.file,
        format!(
            "role `{}` allows to sign `{}`",
            grant.body.role, signed.body.document_type
        ),
        "does not allow to sign this document",
    );
    // [record.md §6, rules 5 and 6]
    let at = signed.item.record.at;
    let live = signed.body.grant_expires_at == grant.body.expires_at
        && grant.body.expires_at.is_none_or(|expires| at < expires);
    let until = grant
        .body
        .expires_at
        .map_or_else(|| "without end".to_owned(), |at| format!("until {at}"));
    lines.check(
        Claim::GrantLiveAtSigning,
        live,
        &grant.item.file,
        format!("granted {until}, signed at {at}"),
        format!("granted {until}, but signed at {at}"),
    );
}

fn check_session(chain: &Chain<'_>, lines: &mut Lines) {
    let (signed, session) = (&chain.signed, &chain.session);
    let (at, until) = (signed.item.record.at, session.body.expires_at);
    // [record.md §6, rules 5 and 6]
    lines.check(
        Claim::SessionLiveAtSigning,
        signed.body.session_expires_at == until && at < until,
        &session.item.file,
        format!("open until {until}, signed at {at}"),
        format!("open until {until}, but signed at {at}"),
    );
}

fn check_time_order(chain: &Chain<'_>, items: &[Item], now: Timestamp, lines: &mut Lines) {
    let at = |item: &Item| item.record.at;
    let signed_at = at(chain.signed.item);
    // [record.md §6, rule 6]
    let ordered = at(chain.session.item) <= at(chain.presented.item)
        && at(chain.presented.item) <= at(chain.intent.item)
        && at(chain.intent.item) <= signed_at
        && at(chain.grant.item) <= signed_at;
    if !ordered {
        lines.failed(
            Claim::TimeOrder,
            &chain.signed.item.file,
            "is dated before what it rests on",
        );
    }
    let latest = now.saturating_add(CLOCK_SKEW);
    for item in items.iter().filter(|item| at(item) > latest) {
        lines.failed(
            Claim::TimeOrder,
            &item.file,
            format!("is dated {}, after the time of this check", at(item)),
        );
    }
    if !lines.has_failed(Claim::TimeOrder) {
        lines.proved(
            Claim::TimeOrder,
            &chain.signed.item.file,
            "no step is dated before what it rests on, and none in the future",
        );
    }
}
