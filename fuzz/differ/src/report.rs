//! What a run counted and found.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::Failure;

/// How many differing documents a worker keeps: one is mended at a time.
const MOST_FINDINGS: usize = 10;

/// Counts and findings of a run, or of a part of one.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) documents: u64,
    /// Canonical forms compared with libxml2's.
    pub(crate) forms: u64,
    /// Forms of mutants that libxml2 has none for, see `libxml2.c`.
    pub(crate) odd: u64,
    /// Trees compared with roxmltree's.
    pub(crate) trees: u64,
    /// Documents torn at random.
    pub(crate) mutants: u64,
    /// Those of them that we accept.
    pub(crate) accepted_mutants: u64,
    /// Elements that xmlsec1 signed and we verified.
    pub(crate) their_signatures: u64,
    /// Elements that we signed and xmlsec1 verified.
    pub(crate) our_signatures: u64,
    /// What we refuse, by code.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    findings: u64,
    kept: Vec<Finding>,
    pub(crate) elapsed: Duration,
}

/// A document about which we and others differ.
#[derive(Debug)]
struct Finding {
    name: String,
    document: Vec<u8>,
    what: String,
}

impl Report {
    pub(crate) fn refuse(&mut self, code: &'static str) {
        let count = self.refused.entry(code).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes up a difference; `name` names the document, and `what` is for a person.
    pub(crate) fn find(&mut self, name: &str, document: &[u8], what: String) {
        self.findings = self.findings.saturating_add(1);
        if self.kept.len() < MOST_FINDINGS {
            self.kept.push(Finding {
                name: name.to_owned(),
                document: document.to_vec(),
                what,
            });
        }
    }

    pub(crate) const fn differences(&self) -> u64 {
        self.findings
    }

    pub(crate) fn merge(&mut self, other: Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.documents, other.documents);
        add(&mut self.forms, other.forms);
        add(&mut self.odd, other.odd);
        add(&mut self.trees, other.trees);
        add(&mut self.mutants, other.mutants);
        add(&mut self.accepted_mutants, other.accepted_mutants);
        add(&mut self.their_signatures, other.their_signatures);
        add(&mut self.our_signatures, other.our_signatures);
        add(&mut self.findings, other.findings);
        for (code, count) in other.refused {
            add(self.refused.entry(code).or_default(), count);
        }
        self.kept.extend(other.kept);
        self.kept.truncate(MOST_FINDINGS);
    }

    /// Writes the kept findings: each document as it was, and beside it what is different.
    pub(crate) fn write_findings(&self, folder: &Path) -> Result<(), Failure> {
        for finding in &self.kept {
            std::fs::create_dir_all(folder)?;
            let path = folder.join(&finding.name);
            std::fs::write(path.with_extension("xml"), &finding.document)?;
            std::fs::write(path.with_extension("txt"), &finding.what)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "documents                        {:>9}", self.documents)?;
        writeln!(f, "canonical forms, with libxml2    {:>9}", self.forms)?;
        writeln!(f, "  of odd namespaces, not compared {:>8}", self.odd)?;
        writeln!(f, "trees, with roxmltree            {:>9}", self.trees)?;
        writeln!(f, "mutants                          {:>9}", self.mutants)?;
        writeln!(
            f,
            "  accepted, by the others too    {:>9}",
            self.accepted_mutants
        )?;
        writeln!(
            f,
            "signed by xmlsec1, verified here {:>9}",
            self.their_signatures
        )?;
        writeln!(
            f,
            "signed here, verified by xmlsec1 {:>9}",
            self.our_signatures
        )?;
        for (code, count) in &self.refused {
            writeln!(f, "refused here: {code:<18} {count:>9}")?;
        }
        writeln!(
            f,
            "seconds                          {:>9}",
            self.elapsed.as_secs()
        )?;
        write!(f, "differences                      {:>9}", self.findings)
    }
}
