//! Trees and canonical forms, compared with libxml2's and roxmltree's.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign_dsig::c14n::{C14nError, Canonicalization, canonicalize};
use countersign_dsig::xml::{Document, Element, Limits, XmlError};
use fuzz_shared::choices::Choices;
use fuzz_shared::document::document;
use fuzz_shared::edit::edit_bytes;
use fuzz_shared::roxmltree;

use crate::libxml2::{Answer, Answers, Batch, Job, Libxml2, Mode};
use crate::report::Report;
use crate::{Failure, Options};

/// Documents that are sent at once.
const BATCH: u64 = 128;

/// Byte edits of a mutant, at most. Few, so that some mutants stay well-formed.
const MOST_EDITS: usize = 3;

/// Compares as many documents as are asked for, on every core.
pub(crate) fn compare(options: &Options) -> Result<Report, Failure> {
    let next = AtomicU64::new(0);
    let workers = std::thread::available_parallelism()?;
    let reports: Vec<Result<Report, Failure>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.get())
            .map(|_| scope.spawn(|| work(options, &next)))
            .collect();
        let reports = workers.into_iter().map(|worker| {
            let failed = |_| Err("a worker panicked".into());
            worker.join().unwrap_or_else(failed)
        });
        reports.collect()
    });
    let mut sum = Report::default();
    for report in reports {
        sum.merge(report?);
    }
    sum.write_findings(&options.findings)?;
    Ok(sum)
}

fn work(options: &Options, next: &AtomicU64) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut libxml2 = Libxml2::start(&options.libxml2)?;
    let mut sent: Vec<Case> = Vec::new();
    loop {
        // While the other works on one batch, we make the next.
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        let numbers = first..first.saturating_add(BATCH).min(options.documents);
        let mut cases = Vec::new();
        for number in numbers {
            examine(options.seed, number, &mut report, &mut cases)?;
        }
        if !sent.is_empty() {
            judge(&sent, libxml2.receive()?, &mut report)?;
        }
        if cases.is_empty() {
            break;
        }
        let mut batch = Batch::default();
        for case in &cases {
            batch.push(&case.xml, case.forms.iter().map(|form| &form.job))?;
        }
        libxml2.send(&batch)?;
        sent = cases;
    }
    libxml2.stop()?;
    Ok(report)
}

/// A document that we accept, and what we make of it.
#[derive(Debug)]
struct Case {
    name: String,
    xml: Vec<u8>,
    forms: Vec<Form>,
}

#[derive(Debug)]
struct Form {
    job: Job,
    ours: Result<Vec<u8>, C14nError>,
}

/// Makes the document of this number and a mutant of it; what we accept becomes a case.
fn examine(
    seed: u64,
    number: u64,
    report: &mut Report,
    cases: &mut Vec<Case>,
) -> Result<(), Failure> {
    report.documents = report.documents.saturating_add(1);
    let mut choices = Choices::from_seed(seed.wrapping_add(number));
    let generated = document(&mut choices);
    let jobs = jobs(&mut choices, generated.elements, &generated.prefix_list);
    let xml = generated.xml.into_bytes();
    let name = format!("{seed}-{number}");

    let mut mutant = xml.clone();
    for _ in 0..=choices.below(MOST_EDITS) {
        edit_bytes(&mut mutant, &mut choices);
    }
    match case(name.clone(), xml, jobs, report)? {
        Ok(case) => cases.push(case),
        Err(error) => report.refuse(error.code()),
    }

    report.mutants = report.mutants.saturating_add(1);
    // Inclusive and with comments, the form of the root says everything that the tree holds.
    let everything = Job {
        apex: 0,
        omit: None,
        mode: Mode::Inclusive1_0,
        comments: true,
        prefix_list: String::new(),
    };
    if let Ok(case) = case(format!("{name}-mutant"), mutant, vec![everything], report)? {
        report.accepted_mutants = report.accepted_mutants.saturating_add(1);
        cases.push(case);
    }
    Ok(())
}

fn case(
    name: String,
    xml: Vec<u8>,
    jobs: Vec<Job>,
    report: &mut Report,
) -> Result<Result<Case, XmlError>, Failure> {
    let document = match Document::parse(&xml, &Limits::default()) {
        Ok(document) => document,
        Err(error) => return Ok(Err(error)),
    };
    report.trees = report.trees.saturating_add(1);
    if let Err(disagreement) = roxmltree::compare(&document) {
        report.find(&name, &xml, disagreement.to_string());
    }
    let elements: Vec<Element<'_>> = std::iter::once(document.root())
        .chain(document.root().descendants())
        .collect();
    let mut forms = Vec::new();
    for job in jobs {
        let apex = elements.get(job.apex).ok_or("no such element")?;
        let omit = job.omit.and_then(|omit| elements.get(omit)).copied();
        let ours = canonicalize(*apex, &method(&job)?, omit);
        forms.push(Form { job, ours });
    }
    drop(document);
    Ok(Ok(Case { name, xml, forms }))
}

/// Every method, on one element and on another.
fn jobs(choices: &mut Choices<'_>, elements: usize, prefix_list: &str) -> Vec<Job> {
    let apex = choices.below(elements);
    let job = |choices: &mut Choices<'_>, apex, mode, prefix_list: &str| {
        let omit = choices.below(elements);
        Job {
            apex,
            // As the enveloped-signature transform does [XMLDSig §6.6.4].
            omit: (omit != apex && choices.once_in(3)).then_some(omit),
            mode,
            comments: choices.once_in(3),
            prefix_list: prefix_list.to_owned(),
        }
    };
    let other = choices.below(elements);
    vec![
        job(choices, apex, Mode::Exclusive, ""),
        job(choices, apex, Mode::Exclusive, prefix_list),
        job(choices, apex, Mode::Inclusive1_0, ""),
        job(choices, apex, Mode::Inclusive1_1, ""),
        job(choices, other, Mode::Exclusive, prefix_list),
        job(choices, other, Mode::Inclusive1_0, ""),
    ]
}

fn method(job: &Job) -> Result<Canonicalization, C14nError> {
    let method = match job.mode {
        Mode::Exclusive => Canonicalization::exclusive(),
        Mode::Inclusive1_0 => Canonicalization::inclusive_1_0(),
        Mode::Inclusive1_1 => Canonicalization::inclusive_1_1(),
    };
    let method = if job.comments {
        method.with_comments()
    } else {
        method
    };
    method.with_inclusive_prefixes(&job.prefix_list)
}

/// Compares what we made with what the other made.
fn judge(cases: &[Case], mut answers: Answers, report: &mut Report) -> Result<(), Failure> {
    for case in cases {
        if !answers.is_accepted()? {
            let what = "libxml2 refuses it, and we do not".to_owned();
            report.find(&case.name, &case.xml, what);
            continue;
        }
        for Form { job, ours } in &case.forms {
            match (ours, answers.form()?) {
                (Err(error), _) => report.refuse(error.code()),
                (Ok(_), Answer::Odd) => report.odd = report.odd.saturating_add(1),
                (Ok(ours), Answer::Form(theirs)) if *ours == theirs => {
                    report.forms = report.forms.saturating_add(1);
                }
                (Ok(ours), theirs) => {
                    let ours = String::from_utf8_lossy(ours);
                    let theirs = match &theirs {
                        Answer::Form(theirs) => &String::from_utf8_lossy(theirs),
                        _ => "(refused)",
                    };
                    let what = format!("{job:?}\n\nours:\n{ours}\n\nlibxml2's:\n{theirs}\n");
                    report.find(&case.name, &case.xml, what);
                }
            }
        }
    }
    Ok(())
}
