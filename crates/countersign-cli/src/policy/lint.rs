//! `countersign policy lint`.

use clap::Args;
use countersign::PolicyFile;
use countersign::policy_file::Remark;
use countersign::roles::Severity;
use serde_json::{Value, json};

use super::{faulty, read_file};
use crate::input::{InputPath, Unreadable};
use crate::style::{Line, Page, Table, bad, counted, dim, good, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Linting {
    /// The policy file; `-` reads standard input.
    file: InputPath,
}

pub(super) fn run(linting: &Linting) -> Result<Verdict, Unreadable> {
    let bytes = read_file(&linting.file)?;
    let file = linting.file.display().to_string();
    Ok(match PolicyFile::lint_bytes(&file, &bytes) {
        Ok((policy, remarks)) => Verdict::Accepted {
            json: json!({
                "policy_hash": policy.hash(),
                "findings": remarks.iter().map(as_json).collect::<Vec<_>>(),
            }),
            text: page(&file, policy.rules().rules().len(), &remarks),
        },
        Err(error) => faulty(&error),
    })
}

fn as_json(remark: &Remark) -> Value {
    let finding = &remark.finding;
    json!({
        "severity": finding.severity.name(),
        "code": finding.code,
        "line": remark.line,
        "column": remark.column,
        "rule": finding.rule(),
        "message": finding.message,
        "fix": finding.fix,
    })
}

fn page(file: &str, rules: usize, remarks: &[Remark]) -> Page {
    let mut page = Page::new();
    let mut summary = good("no errors").and(format!(" in {}", counted(rules, "rule")));
    for (severity, noun) in [(Severity::Warning, "warning"), (Severity::Note, "note")] {
        let of_it = remarks
            .iter()
            .filter(|remark| remark.finding.severity == severity);
        let count = of_it.count();
        if count > 0 {
            summary = summary
                .and(", ")
                .and(toned(severity, &counted(count, noun)));
        }
    }
    page.line(summary);
    for (severity, heading) in [(Severity::Warning, "warnings"), (Severity::Note, "notes")] {
        let mut table = Table::new().folded();
        for remark in remarks
            .iter()
            .filter(|remark| remark.finding.severity == severity)
        {
            let place = format!("{file}:{}:{}", remark.line, remark.column);
            table.row([
                dim(place),
                plain(&remark.finding.message)
                    .and("; ")
                    .and(dim(&remark.finding.fix)),
            ]);
        }
        page.section(heading, table);
    }
    page
}

fn toned(severity: Severity, text: &str) -> Line {
    match severity {
        Severity::Error => bad(text),
        Severity::Warning => warn(text),
        Severity::Note => plain(text),
    }
}
