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

/// The findings of one status, one row a claim: the first, and how many more there are like it.
fn findings(report: &Report, status: Status) -> Table {
    let mut table = Table::new();
    for claim in Claim::ALL {
        let of_claim = || {
            let lines = report.lines().iter();
            lines.filter(|line| line.claim == *claim && line.status == status)
        };
        // What is wrong is never folded away.
        let shown = match status {
            Status::Failed => usize::MAX,
            _ => 1,
        };
        for finding in of_claim().take(shown) {
            let more = of_claim().count().saturating_sub(shown);
            table.row([plain(claim), sentence(finding, more)]);
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
