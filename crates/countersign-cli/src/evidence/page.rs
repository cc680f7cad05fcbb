//! A report on one screen: the verdict, who signed what, and what of it is proved.

use countersign::evidence::report::Line as Finding;
use countersign::evidence::trail::{Signer, Trail};
use countersign::evidence::{Claim, Report, Status};

use crate::style::{Line, Page, Table, bad, dim, good, name, plain, warn};

/// The whole screen. The reason of a refusal stands above it.
pub(crate) fn of(report: &Report) -> Page {
    let mut page = Page::new();
    if report.accepted() {
        let at = format!(" for {}", report.verified_at());
        page.line(good("accepted").and(at));
    }
    if let Some(trail) = report.trail() {
        tell(trail, report.accepted(), &mut page);
    }
    page.section(bad("failed"), findings(report, Status::Failed));
    page.section("proved", findings(report, Status::Proved));
    page.section("erased", findings(report, Status::Erased));
    page.section("not proved", findings(report, Status::NotProved));
    page
}

/// Who, what, when, under which role, how authenticated.
fn tell(trail: &Trail, is_accepted: bool, page: &mut Page) {
    let document = &trail.document;
    page.heading(if is_accepted {
        plain("signed")
    } else {
        warn("signed, if one could believe it")
    });
    let mut table = Table::new();
    let kind = format!(" ({}, {})", document.document_type, document.media_type);
    table.row([dim("document"), name(&document.document).and(kind)]);
    table.row([dim("sha256"), plain(document.sha256)]);
    for signer in &trail.signers {
        table.row([dim("by"), person(signer)]);
        table.row([dim("at"), moment(signer)]);
        table.row([dim("role"), role(signer)]);
        table.row([dim("came in"), authentication(signer)]);
        if let Some(consent) = &signer.consent {
            let text = format!(
                "to electronic records at {}, disclosure {}",
                consent.at, consent.disclosure_version
            );
            table.row([dim("consent"), plain(text)]);
        }
    }
    if let Some(at) = trail.stamped_at {
        table.row([
            dim("stamped"),
            plain(format!("{at} by a trusted authority")),
        ]);
    }
    page.table(table);
}

fn person(signer: &Signer) -> Line {
    let who = match (&signer.printed_name, signer.erased_at) {
        (Some(printed), _) => name(printed),
        (None, Some(at)) => warn(format!("erased on {at}")),
        (None, None) => dim("name not disclosed"),
    };
    match &signer.account {
        Some(account) => who.and(format!(", account {account} of {}", signer.tenant)),
        None => who.and(format!(", of {}", signer.tenant)),
    }
}

fn moment(signer: &Signer) -> Line {
    plain(signer.signed_at).and(format!(", meaning {}", signer.meaning))
}

fn role(signer: &Signer) -> Line {
    let until = match signer.role_expires_at {
        Some(at) => format!(" until {at}"),
        None => " until revoked".to_owned(),
    };
    name(&signer.role).and(until)
}

fn authentication(signer: &Signer) -> Line {
    let Some(by) = &signer.authentication else {
        return dim("unknown");
    };
    let factors = match by.multi_factor {
        true => "several factors",
        false => "one factor",
    };
    let context = match &by.authn_context {
        Some(context) => format!(", {context}"),
        None => String::new(),
    };
    plain(format!(
        "at {} through {}: {}{context}, {factors}",
        by.at,
        by.door.name(),
        by.issuer
    ))
}

/// What is proved of the file itself is told in one row, its first claim's, so that a report stays
/// on one screen. What of it is not proved has rows of its own.
const OF_THE_FILE: (Claim, [Claim; 4]) = (
    Claim::Container,
    [
        Claim::Members,
        Claim::Manifest,
        Claim::Instructions,
        Claim::CertificatePage,
    ],
);

/// The findings of one status, one row a claim: the first, and how many more there are like it.
fn findings(report: &Report, status: Status) -> Table {
    let of = |claim: Claim| {
        let lines = report.lines().iter();
        lines.filter(move |line| line.claim == claim && line.status == status)
    };
    let (first, others) = OF_THE_FILE;
    let is_told = |claim: Claim| status == Status::Proved && of(claim).next().is_some();
    let mut table = Table::new();
    for claim in Claim::ALL.iter().copied() {
        if others.contains(&claim) && is_told(first) {
            continue;
        }
        // What is wrong is never folded away.
        let shown = match status {
            Status::Failed => usize::MAX,
            _ => 1,
        };
        for finding in of(claim).take(shown) {
            let more = of(claim).count().saturating_sub(shown);
            let mut line = sentence(finding, more);
            if claim == first && others.into_iter().any(is_told) {
                let others = others.into_iter().filter(|other| is_told(*other));
                line = line
                    .and("; proved too: ")
                    .and(Line::joined(others.map(plain), ", "));
            }
            table.row([plain(claim), line]);
        }
    }
    table
}

fn sentence(finding: &Finding, more: usize) -> Line {
    let mut line = match finding.subject.as_str() {
        countersign::evidence::report::CONTAINER => plain(&finding.by),
        subject => name(subject).and(format!(": {}", finding.by)),
    };
    if more > 0 {
        line = line.and(dim(format!(" (and {more} more like it)")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Look;
    use serde_json::{Value, json};

    /// What people have of a terminal without scrolling, at the least of what is usual.
    const SCREEN_ROWS: usize = 40;

    const NEVER_PROVED: [Claim; 4] = [
        Claim::Completeness,
        Claim::NotRevoked,
        Claim::SoleControl,
        Claim::QualifiedStatus,
    ];

    /// A report that says something of every claim, and of every record eight times; `failed` is
    /// refuted.
    fn report(failed: Option<Claim>) -> Report {
        let at = "2026-03-01T09:30:00.000Z";
        let sha256 = "ab".repeat(32);
        let status = |claim: &Claim| match claim {
            claim if Some(*claim) == failed => "failed",
            claim if NEVER_PROVED.contains(claim) => "not_proved",
            _ => "proved",
        };
        let many = |claim: &Claim| match claim {
            Claim::RecordForm | Claim::Inclusion | Claim::Opening => 8,
            _ => 1,
        };
        let lines = Claim::ALL.iter().flat_map(|claim| {
            let line = json!({
                "claim": claim, "status": status(claim), "subject": "container", "by": "so it is",
            });
            std::iter::repeat_n(line, many(claim))
        });
        let lines: Vec<Value> = lines.collect();
        let report = json!({
            "accepted": failed.is_none(), "verified_at": at, "missing": [], "lines": lines,
            "trail": {
                "document": {
                    "document": "nda-1", "document_type": "nda/mutual", "media_type": "text/plain",
                    "sha256": sha256, "file": "documents/nda.txt", "attachments": [],
                },
                "signers": [{
                    "file": "records/008-document.signed.json", "tenant": "acme",
                    "account": "u-1", "printed_name": "Given Family", "signed_at": at,
                    "meaning": "approval", "role": "signer", "role_expires_at": at,
                    "authentication": {
                        "door": "saml", "issuer": "https://idp.acme.example", "at": at,
                        "authn_context": null, "multi_factor": false,
                    },
                    "consent": {"at": at, "disclosure_version": "1", "disclosure_sha256": sha256},
                    "erased_at": null,
                }],
                "stamped_at": at,
                "steps": [],
            },
        });
        serde_json::from_value(report).unwrap()
    }

    fn shown(failed: Option<Claim>) -> String {
        of(&report(failed)).show(Look::plain(false))
    }

    #[test]
    fn a_report_of_one_signature_is_on_one_screen_and_leaves_no_claim_out() {
        let text = shown(None);
        let rows = text.lines().count();
        assert!(rows <= SCREEN_ROWS, "{rows} rows\n{text}");
        for claim in Claim::ALL {
            assert!(text.contains(claim.as_str()), "{claim}\n{text}");
        }
    }

    #[test]
    fn what_fails_of_the_file_has_a_row_of_its_own() {
        let text = shown(Some(Claim::Manifest));
        let is_row = |claim: &str| text.lines().any(|line| line.trim().starts_with(claim));
        assert!(is_row("manifest "), "{text}");
        assert!(text.contains("proved too: members, instructions, certificate_page"));
        // Where the first of them fails, nothing is told in its row.
        let text = shown(Some(Claim::Container));
        assert!(!text.contains("proved too"), "{text}");
        assert!(text.lines().any(|line| line.trim().starts_with("members ")));
    }
}
