//! `cargo xtask bench scale`: what a store takes as it grows, and the plots of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::bench::{FOLDER, machine, names, of, parse_rows, text};
use crate::lines;
use crate::workspace::{Failure, Workspace, output, say, shown};

/// The page, and the rows that it is made from.
const PAGE: &str = "scale.md";
const ROWS: &str = "scale.jsonl";

/// Top of the generated page.
const PREAMBLE: &str = "\
# Scale

Written by `cargo xtask bench scale`; the rows are in [scale.jsonl](scale.jsonl). What follows from
them is in [scaling.md](../scaling.md).

A store is filled through its port in three steps, each ten times the one before, with real records
of people who signed in once (five records each, with a few bytes where the signed assertion would
be) and of sign-ins that were refused. At each step people sign in who were never seen (*first*) or
were (*again*), one at a time and 64 at once, with a thread that makes leaves all the while; proofs
and lookups are of random leaves, sizes and people, one at a time. Times are medians, and the 99th of
a hundred.
";

/// The plots: what their lines are called, and how the subjects begin that they show.
const PLOTS: [(&str, &[&str]); 2] = [("sign_in", &["sign-in"]), ("proof", &["proof", "lookup"])];

/// What to measure, and how to tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Given to the benchmark as they are.
    arguments: Vec<String>,
    brief: bool,
    json: bool,
    /// Rows that were measured before: the benchmark prints each as soon as it has it.
    from: Option<PathBuf>,
}

impl Options {
    /// A store as small as it may be, only to see that it runs.
    pub(crate) fn brief(store: &str) -> Self {
        Self {
            arguments: ["--store", store, "--brief"].map(str::to_owned).to_vec(),
            brief: true,
            ..Self::default()
        }
    }

    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            match argument {
                "--json" => options.json = true,
                "--from" => {
                    let file = arguments.next();
                    let file = file.ok_or_else(|| Failure::usage("--from takes a file"))?;
                    options.from = Some(file.into());
                }
                other => {
                    options.brief |= other == "--brief";
                    options.arguments.push(other.to_owned());
                }
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let mut rows = match &options.from {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            parse_rows(&text.map_err(|error| Failure::file(file, error))?)?
        }
        None => measured(workspace, options)?,
    };
    if options.json {
        for row in &rows {
            println!("{row}");
        }
        return Ok(());
    }
    print!("{}", table(&rows));
    if options.brief {
        return Ok(());
    }
    let machine = machine(workspace);
    for row in &mut rows {
        if let Value::Object(row) = row {
            let machine = || json!(machine);
            row.entry("machine").or_insert_with(machine);
        }
    }
    keep(workspace, rows)
}

fn measured(workspace: &Workspace, options: &Options) -> Result<Vec<Value>, Failure> {
    let mut command = workspace.cargo(["run", "--release", "--quiet", "--locked", "--package"]);
    command.args(["countersign-benches", "--", "scale"]);
    command.args(&options.arguments);
    say(&shown(&command));
    parse_rows(&output(&mut command)?)
}

/// Puts the new rows in the place of the old ones of the same store, and draws all anew.
fn keep(workspace: &Workspace, rows: Vec<Value>) -> Result<(), Failure> {
    let folder = workspace.path(FOLDER);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, error))
    };
    let kept = folder.join(ROWS);
    let old = std::fs::read_to_string(&kept).unwrap_or_default();
    let measured = names(&rows, "store");
    let mut all = parse_rows(&old)?;
    all.retain(|row| !measured.contains(&text(row, "store")));
    all.extend(rows);
    all.sort_by_key(|row| text(row, "store"));
    let lines: String = all.iter().map(|row| format!("{row}\n")).collect();
    write(ROWS, &lines)?;

    let mut page = PREAMBLE.to_owned();
    for store in names(&all, "store") {
        let rows = of(&all, "store", &store);
        let _ = write!(page, "\n## {store}\n\n");
        for (plot, subjects) in PLOTS {
            let points = points(&rows, subjects);
            let title = format!("scale {store}");
            let file = format!("scale.{store}.{plot}.svg");
            write(&file, &lines::lines(&title, "entries", &points))?;
            let _ = write!(page, "![{title}, {plot}]({file})\n\n");
        }
        let machine = rows.first().map(|row| text(row, "machine"));
        let machine = machine.unwrap_or_default();
        let _ = write!(page, "{}\nMeasured on {machine}.\n", table(&rows));
    }
    write(PAGE, &page)?;
    say(&format!("{FOLDER}/{PAGE} is written"));
    Ok(())
}

/// The number of entries and the row of each time that was measured.
fn points(rows: &[Value], subjects: &[&str]) -> Vec<(f64, Value)> {
    let is_shown = |row: &&Value| {
        let subject = text(row, "subject");
        row.get("median_us").is_some() && subjects.iter().any(|it| subject.starts_with(it))
    };
    let rows = rows.iter().filter(is_shown);
    rows.filter_map(|row| Some((row.get("entries")?.as_f64()?, row.clone())))
        .collect()
}

/// A line a subject, a column a step.
fn table(rows: &[Value]) -> String {
    let steps = steps(rows);
    let mut table = "| |".to_owned();
    for (users, entries) in &steps {
        let _ = write!(table, " {users} users, {entries} entries |");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(steps.len()));
    for subject in names(rows, "subject") {
        let rows = of(rows, "subject", &subject);
        let _ = write!(table, "\n| {subject} |");
        for step in &steps {
            let row = rows.iter().find(|row| step_of(row) == Some(*step));
            let _ = write!(table, " {} |", row.map(shown_value).unwrap_or_default());
        }
    }
    table.push('\n');
    table
}

fn step_of(row: &Value) -> Option<(u64, u64)> {
    Some((row.get("users")?.as_u64()?, row.get("entries")?.as_u64()?))
}

fn steps(rows: &[Value]) -> Vec<(u64, u64)> {
    let mut steps: Vec<_> = rows.iter().filter_map(step_of).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// What was measured, with the unit that suits it.
fn shown_value(row: &Value) -> String {
    let number = |key: &str| row.get(key).and_then(Value::as_f64);
    let time = |micros: f64| match micros {
        micros if micros >= 10_000.0 => format!("{:.1} ms", micros / 1e3),
        micros if micros >= 100.0 => format!("{micros:.0} µs"),
        micros => format!("{micros:.1} µs"),
    };
    if let (Some(median), Some(p99)) = (number("median_us"), number("p99_us")) {
        return format!("{}, p99 {}", time(median), time(p99));
    }
    if let Some(rate) = number("per_second") {
        return format!("{rate:.0}/s");
    }
    match number("bytes") {
        Some(bytes) if bytes >= 1e9 => format!("{:.2} GB", bytes / 1e9),
        Some(bytes) if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        Some(bytes) => format!("{bytes:.0} B"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(users: u64, subject: &str, member: &str, value: f64) -> Value {
        json!({"bench": "scale", "store": "sqlite", "users": users, "entries": users.saturating_mul(10),
               "subject": subject, member: value, "p99_us": value})
    }

    #[test]
    fn a_table_has_a_column_a_step_and_gaps_where_nothing_was_measured() {
        let rows = [
            row(100, "proof: inclusion", "median_us", 55.55),
            row(1_000, "proof: inclusion", "median_us", 12_345.0),
            row(1_000, "disk", "bytes", 2_500_000.0),
        ];
        assert_eq!(
            table(&rows),
            "| | 100 users, 1000 entries | 1000 users, 10000 entries |\n|---|---|---|\n\
             | proof: inclusion | 55.5 µs, p99 55.5 µs | 12.3 ms, p99 12.3 ms |\n\
             | disk |  | 2.5 MB |\n"
        );
    }

    #[test]
    fn a_plot_has_the_times_of_its_subjects_only() {
        let rows = [
            row(100, "proof: inclusion", "median_us", 5.0),
            row(100, "sign-in: first, 1", "median_us", 5.0),
            row(100, "sign-in: first, 1: disk", "bytes", 5.0),
        ];
        let numbers = |subjects| {
            let points = points(&rows, subjects);
            points
                .iter()
                .map(|(number, row)| (*number, text(row, "subject")))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            numbers(&["sign-in"]),
            [(1_000.0, "sign-in: first, 1".to_owned())]
        );
        assert_eq!(
            numbers(&["proof", "lookup"]),
            [(1_000.0, "proof: inclusion".to_owned())]
        );
    }

    #[test]
    fn what_the_benchmark_is_told_is_passed_on() {
        let options = Options::parse(&["--store", "postgres", "--json", "--brief"]).unwrap();
        assert_eq!(options.arguments, ["--store", "postgres", "--brief"]);
        assert!(options.json && options.brief && options.from.is_none());
        let options = Options::parse(&["--from", "rows.jsonl"]).unwrap();
        assert_eq!(options.from, Some(PathBuf::from("rows.jsonl")));
        assert!(Options::parse(&["--from"]).is_err());
    }
}
