//! Whether the records of a bundle belong together (`docs/spec/record.md` §6).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_audit::ceremony::{DocumentPresented, DocumentSigned};
use countersign_audit::consent::ConsentGiven;
use countersign_audit::links::{LinkError, check_links};
use countersign_audit::role::RoleGranted;
use countersign_audit::session::SessionOpened;
use countersign_audit::{Body, Kind, Record};
use countersign_core::{LeafHash, Timestamp};

use crate::report::{CONTAINER, Claim, Lines};

/// How far two clocks may be apart \[bundle.md §6, `time_order` and `trusted_time`\].
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// One record of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Its number in the bundle, from 1.
    pub(crate) number: usize,
    /// Its member.
    pub(crate) file: String,
    pub(crate) leaf: LeafHash,
    /// The position of its leaf, as its proof says.
    pub(crate) index: u64,
    pub(crate) record: Record,
}

/// The records of a bundle, in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Records {
    items: Vec<Item>,
    places: BTreeMap<LeafHash, usize>,
    by_number: BTreeMap<usize, usize>,
}

impl Records {
    pub(crate) fn of(items: Vec<Item>) -> Self {
        let mut places = BTreeMap::new();
        let mut by_number = BTreeMap::new();
        for (place, item) in items.iter().enumerate() {
            places.entry(item.leaf).or_insert(place);
            by_number.insert(item.number, place);
        }
        Self {
            items,
            places,
            by_number,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Item> {
        let items = self.items.iter();
        items.filter(move |item| item.record.kind() == kind)
    }

    pub(crate) fn find(&self, leaf: &LeafHash) -> Option<&Item> {
        self.items.get(*self.places.get(leaf)?)
    }

    /// The record whose member has this number.
    pub(crate) fn number(&self, number: usize) -> Option<&Item> {
        self.items.get(*self.by_number.get(&number)?)
    }

    /// What is wrong between a record and those that it rests on: the rules of record.md §6 have
    /// their home in `countersign_audit::links`. Where they stand in the log is asked elsewhere.
    fn wrong_links(&self, item: &Item) -> Vec<LinkError> {
        check_links(&item.record, |leaf| {
            self.find(leaf).map(|parent| &parent.record)
        })
    }

    /// The places of all records that these reach through parents, those included.
    fn reached_from<'i>(&self, roots: impl Iterator<Item = &'i Item>) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut to_visit: Vec<LeafHash> = roots.map(|item| item.leaf).collect();
        while let Some(leaf) = to_visit.pop() {
            let Some(place) = self.places.get(&leaf) else {
                continue;
            };
            if reached.insert(*place) {
                let item = self.items.get(*place);
                to_visit.extend(item.into_iter().flat_map(|item| &item.record.parents));
            }
        }
        reached
    }

    /// All records that this one reaches through parents, itself included, in the order of the log.
    pub(crate) fn reach(&self, root: &Item) -> Vec<&Item> {
        self.reach_of(std::iter::once(root))
    }

    /// The same of several.
    pub(crate) fn reach_of<'i>(&self, roots: impl Iterator<Item = &'i Item>) -> Vec<&Item> {
        let reached = self.reached_from(roots);
        let items = reached.iter().filter_map(|place| self.items.get(*place));
        items.collect()
    }
}

/// A record together with its typed body.
#[derive(Debug)]
pub(crate) struct Link<'a, K> {
    pub(crate) item: &'a Item,
    pub(crate) body: &'a K,
}

/// The records that one signature rests on.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    pub(crate) signed: Link<'a, DocumentSigned>,
    pub(crate) presented: Link<'a, DocumentPresented>,
    pub(crate) session: Link<'a, SessionOpened>,
    pub(crate) grant: Link<'a, RoleGranted>,
    pub(crate) consent: Option<Link<'a, ConsentGiven>>,
    /// What is wrong between the three steps of its ceremony and what they rest on.
    wrong: Vec<LinkError>,
    /// Every record that it reaches, itself included, in the order of the log.
    pub(crate) reached: Vec<&'a Item>,
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
    /// Follows the parents of one signature. Relies on nothing that [`check_linked`] does.
    pub(crate) fn resolve(records: &'a Records, signed: &'a Item) -> Option<Self> {
        let parent = |item: &Item, place: usize| {
            let leaf = item.record.parents.get(place)?;
            records.find(leaf)
        };
        let signed = link!(signed, DocumentSigned)?;
        let intent = link!(parent(signed.item, 0)?, IntentConfirmed)?;
        let presented = link!(parent(intent.item, 0)?, DocumentPresented)?;
        let session = link!(parent(signed.item, 1)?, SessionOpened)?;
        let grant = link!(parent(signed.item, 2)?, RoleGranted)?;
        let consent = match signed.item.record.parents.get(3) {
            Some(_) => Some(link!(parent(signed.item, 3)?, ConsentGiven)?),
            None => None,
        };
        let steps = [presented.item, intent.item, signed.item];
        Some(Self {
            wrong: steps.map(|item| records.wrong_links(item)).concat(),
            reached: records.reach(signed.item),
            signed,
            presented,
            session,
            grant,
            consent,
        })
    }

    fn breaks(&self, is_meant: impl Fn(&LinkError) -> bool) -> bool {
        self.wrong.iter().any(is_meant)
    }
}

/// Checks that each record reaches its causes, that they are those of its kind, and that no record
/// is there for nothing \[record.md §6, rules 1 and 2; bundle.md §5.1\].
pub(crate) fn check_linked(records: &Records, lines: &mut Lines) {
    let signatures: Vec<_> = records.of_kind(Kind::DocumentSigned).collect();
    if signatures.is_empty() {
        lines.failed(Claim::Linked, CONTAINER, "has no signature");
        return;
    }
    for (place, item) in records.iter().enumerate() {
        if records.places.get(&item.leaf) != Some(&place) {
            lines.failed(Claim::Linked, &item.file, "is the same record as another");
        }
        check_parents(item, records, lines);
    }
    let signed = records.reached_from(signatures.iter().copied());
    let accounts: BTreeSet<_> = signed
        .iter()
        .filter_map(|place| records.items.get(*place)?.record.subject_ref.as_ref())
        .collect();
    for erasure in records.of_kind(Kind::SubjectErased) {
        let account = erasure.record.subject_ref.as_ref();
        if account.is_none_or(|account| !accounts.contains(account)) {
            let why = "erases an account that no signature is about";
            lines.failed(Claim::Linked, &erasure.file, why);
        }
    }
    let erasures = records.reached_from(records.of_kind(Kind::SubjectErased));
    for (place, item) in records.iter().enumerate() {
        if !signed.contains(&place) && !erasures.contains(&place) {
            let why = "no signature leads to it";
            lines.failed(Claim::Linked, &item.file, why);
        }
    }
    if !lines.has_failed(Claim::Linked) {
        for signature in signatures {
            let count = records.reach(signature).len();
            lines.proved(
                Claim::Linked,
                &signature.file,
                format!("the signature leads to its {count} records, hash by hash"),
            );
        }
    }
}

fn check_parents(item: &Item, records: &Records, lines: &mut Lines) {
    let file_of = |leaf: &LeafHash| records.find(leaf).map_or("", |parent| &parent.file);
    let mut fail = |why: String| lines.failed(Claim::Linked, &item.file, why);
    for error in records.wrong_links(item) {
        match &error {
            LinkError::Missing { parent } => fail(format!("its cause {parent} is missing")),
            LinkError::Kind { parent, .. } => {
                let file = file_of(parent);
                fail(format!(
                    "its cause {file} is of a kind that can not be its cause"
                ));
            }
            LinkError::Tenant { parent } => {
                let file = file_of(parent);
                fail(format!("its cause {file} is of another tenant"));
            }
            // Other claims say so, of a signature and what it rests on.
            LinkError::Subject { .. }
            | LinkError::Time { .. }
            | LinkError::Disagrees { .. }
            | LinkError::NotInvited
            | LinkError::NotCovered { .. }
            | LinkError::GrantOver { .. }
            | LinkError::SessionOver { .. }
            | LinkError::NoConsent { .. } => {}
            // What no claim asks about refutes this one.
            _ => fail(error.to_string()),
        }
    }
    let parents = item.record.parents.iter();
    // [record.md §6, rule 2]
    for parent in parents.filter_map(|leaf| records.find(leaf)) {
        if parent.index >= item.index {
            let file = &parent.file;
            fail(format!(
                "its cause {file} does not come before it in the log"
            ));
        }
    }
}

/// Checks what the records of each signature must agree on \[record.md §6, rules 3 to 8\], and the
/// signatures with each other \[bundle.md §5.1\].
pub(crate) fn check_agreement(
    chains: &[Chain<'_>],
    records: &Records,
    now: Timestamp,
    lines: &mut Lines,
) {
    if chains.is_empty() || chains.len() != records.of_kind(Kind::DocumentSigned).count() {
        for claim in [
            Claim::SameDocument,
            Claim::SameAccount,
            Claim::GrantCoversDocument,
            Claim::GrantLiveAtSigning,
            Claim::SessionLiveAtSigning,
            Claim::TimeOrder,
            Claim::Consent,
        ] {
            lines.not_proved(claim, CONTAINER, "the records are not linked");
        }
    }
    for chain in chains {
        check_same_document(chain, chains, lines);
        check_same_account(chain, lines);
        check_grant(chain, lines);
        check_session(chain, lines);
        check_time_order(chain, lines);
        check_consent(chain, lines);
    }
    check_no_future(records, now, lines);
}

fn check_same_document(chain: &Chain<'_>, chains: &[Chain<'_>], lines: &mut Lines) {
    let signed = &chain.signed;
    let s = signed.body;
    // [bundle.md §5.1]
    if let Some(first) = chains.first()
        && first.signed.body.document_sha256 != s.document_sha256
    {
        lines.failed(
            Claim::SameDocument,
            &signed.item.file,
            format!("signs another document than {}", first.signed.item.file),
        );
        return;
    }
    // [record.md §6, rules 4 and 8]
    let same =
        !chain.breaks(|error| matches!(error, LinkError::Disagrees { .. } | LinkError::NotInvited));
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

fn check_same_account(chain: &Chain<'_>, lines: &mut Lines) {
    let account = chain.signed.item.record.subject_ref.as_ref();
    // [record.md §6, rules 3 and 7]
    let other = chain.reached.iter().find(|item| {
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
    let covers = !chain.breaks(|error| matches!(error, LinkError::NotCovered { .. }));
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
    let live = !chain.breaks(|error| matches!(error, LinkError::GrantOver { .. }));
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
        !chain.breaks(|error| matches!(error, LinkError::SessionOver { .. })),
        &session.item.file,
        format!("open until {until}, signed at {at}"),
        format!("open until {until}, but signed at {at}"),
    );
}

fn check_time_order(chain: &Chain<'_>, lines: &mut Lines) {
    let consent = chain.consent.as_ref().map(|consent| consent.item.leaf);
    // [record.md §6, rule 6]
    let ordered = !chain
        .breaks(|error| matches!(error, LinkError::Time { parent } if Some(*parent) != consent));
    lines.check(
        Claim::TimeOrder,
        ordered,
        &chain.signed.item.file,
        "no step is dated before what it rests on",
        "is dated before what it rests on",
    );
}

fn check_no_future(records: &Records, now: Timestamp, lines: &mut Lines) {
    let latest = now.saturating_add(CLOCK_SKEW);
    for item in records.iter().filter(|item| item.record.at > latest) {
        lines.failed(
            Claim::TimeOrder,
            &item.file,
            format!("is dated {}, after the time of this check", item.record.at),
        );
    }
}

fn check_consent(chain: &Chain<'_>, lines: &mut Lines) {
    let signed = &chain.signed;
    let Some(consent) = &chain.consent else {
        let why = "the signature names no consent to electronic records";
        lines.not_proved(Claim::Consent, &signed.item.file, why);
        return;
    };
    let at = consent.item.record.at;
    let leaf = consent.item.leaf;
    let covers = !chain.breaks(|error| match error {
        LinkError::NoConsent { .. } => true,
        LinkError::Time { parent } => *parent == leaf,
        _ => false,
    });
    // [15 USC 7001(c)(1)(B)(i)]: a consumer has to be told. Who is no consumer need not be, so that
    // nothing is refuted.
    if covers && !consent.body.paper_right {
        let why = "given after a disclosure that did not tell of the right to paper";
        lines.not_proved(Claim::Consent, &consent.item.file, why);
        return;
    }
    // [record.md §6, rule 9]; that it is the signer's is what `same_account` says.
    lines.check(
        Claim::Consent,
        covers,
        &consent.item.file,
        format!(
            "given {at} for `{}`, after disclosure `{}`",
            signed.body.document_type, consent.body.disclosure_version
        ),
        format!(
            "given {at}, is not for signing `{}` at {}",
            signed.body.document_type, signed.item.record.at
        ),
    );
}
