//! `cargo xtask bench`: the benchmarks, their table and their plots.
//!
//! The package `countersign-benches` measures and writes one JSON object a row; here the rows
//! are shown, kept in `docs/benchmarks/results.jsonl`, and drawn from there.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::crash::SERVER_NEEDS;
use crate::lines;
use crate::need::{self, Need};
use crate::plot;
use crate::test;
use crate::workspace::{Failure, Workspace, output, say, shown};

pub(crate) const FOLDER: &str = "docs/benchmarks";

/// The package that runs benchmarks with other implementations beside ours; each of them is a
/// feature of it.
const PEERS: &str = "benches/peers/Cargo.toml";

/// The benchmarks that other implementations run, too, and what building these takes.
const WITH_PEERS: [(&str, &[Need]); 2] = [
    ("policy_evaluate", &[]),
    (
        "saml_verify",
        // samael is over libxml2 and libxmlsec, and makes its bindings with clang.
        &[Need {
            name: "libxml2, libxmlsec, OpenSSL and libclang with their headers",
            packages: "gcc libc6-dev pkg-config libclang-dev libssl-dev libxml2-dev \
                       libxmlsec1-dev libxmlsec1-openssl",
            check: Some(
                "command -v cc && pkg-config --exists libxml-2.0 xmlsec1 xmlsec1-openssl openssl \
                 && ls /usr/lib/llvm-*/lib/libclang*.so*",
            ),
            is_provider: false,
        }],
    ),
];

/// What a reader of a benchmark's figures has to know beside them.
const NOTES: [(&str, &str); 3] = [
    (
        "policy_evaluate",
        "\
The floor looks up the person's groups in a hash map and sorts what it finds. `linear scan` asks
every rule for each of its conditions. `jmespath` has one compiled expression a rule and is asked
for each of them; the facts are JSON in the form that suits it best (an attribute is an object whose
members are its values, so that a group is looked up and not searched), converted once and not
measured. All have to find the same rules, which is asked before anything is measured. The person
of the cases that share 10 shares a value with ten rules, however many there are.
",
    ),
    (
        "saml_verify",
        "\
The floor is one RSA-2048 verification by ring and one SHA-256 of the document. `countersign` is
everything: parsing, the signature, every rule, every claim. `bergshamra` verifies the signature
only and knows nothing of SAML. `samael` and `saml` verify it, check issuer, times, audience,
recipient and confirmation each by its own rules, and read the claims; `samael` does so over
libxml2 and libxmlsec. Each accepts the document and refuses it with one letter changed, which is
asked before anything is measured.
",
    ),
    (
        "sign_in_durable",
        "\
Whole sign-ins, 64 at once, each of somebody who was never seen. The floor is a row of as many bytes
as the records of such a sign-in have, for each of the 64, by group commit: on SQLite by one thread
that writes all that is waiting, on PostgreSQL by the server, which 64 connections ask at once;
`countersign` has as many. `sqlite_chain` and `postgres_chain` verify the same responses and write
the same facts as a host would first write them: tables of its own and a log whose rows are chained
by their hashes, one transaction a sign-in.
",
    ),
];

/// The benchmarks, and the groups of them, that start a PostgreSQL server; so do all together.
const ON_A_SERVER: [&str; 2] = ["sign_in_durable", "stores"];

/// Cases of one benchmark that differ in a number alone, which their names begin with: they are
/// drawn as lines, too.
struct Scaling {
    bench: &'static str,
    /// What the names of the cases end with.
    cases: &'static str,
    /// What the number counts.
    counted: &'static str,
}

const SCALING: [Scaling; 1] = [Scaling {
    bench: "policy_evaluate",
    cases: "x300 sharing 10",
    counted: "rules",
}];

/// Top of the generated page.
const PREAMBLE: &str = "\
# Benchmarks

Written by `cargo xtask bench`; the rows are in [results.jsonl](results.jsonl).

Each case is measured beside its *floor*: the least work that any implementation has to do, in
the same run, turn by turn. What counts is the ratio, not the time: it is the median over all
rounds of one round's ratio. Times are medians; the range is that of the rounds. For times a
lower ratio is better, for rates a higher one.

What a store takes as it grows is on a page of its own: [scale.md](scale.md).
";

/// What to measure, and how to tell.
#[derive(Debug, Default)]
pub(crate) struct Options {
    name: Option<String>,
    brief: bool,
    json: bool,
    without_peers: bool,
}

impl Options {
    /// Every benchmark, only to see that it runs. Without peers: they are 320 packages more to
    /// build, longer than all of ours.
    pub(crate) fn brief() -> Self {
        Self {
            brief: true,
            without_peers: true,
            ..Self::default()
        }
    }

    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self::default();
        for &argument in arguments {
            match argument {
                "--brief" => options.brief = true,
                "--json" => options.json = true,
                "--without-peers" => options.without_peers = true,
                name if !name.starts_with('-') && options.name.is_none() => {
                    options.name = Some(name.to_owned());
                }
                other => return Err(Failure::usage(format!("bench does not take `{other}`"))),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let chosen = options.name.as_deref();
    let known: Vec<(&str, &[Need])> = WITH_PEERS
        .into_iter()
        .filter(|(bench, _)| chosen.is_none_or(|chosen| chosen == *bench))
        .collect();
    let beside: &[_] = if options.without_peers { &[] } else { &known };
    let mut rows = Vec::new();
    if !beside.is_empty() {
        rows.extend(measure(&mut with_peers(workspace, options, beside)?)?);
    }
    if chosen.is_none() || beside.is_empty() {
        if chosen.is_none_or(|chosen| ON_A_SERVER.contains(&chosen)) {
            test::provide_named("the benchmarks", &SERVER_NEEDS)?;
        }
        let measured = measure(&mut by_itself(workspace, options))?;
        // Rows with peers are not those of another run.
        let is_measured = |row: &Value| {
            let bench = text(row, "bench");
            beside.iter().any(|(name, _)| *name == bench)
        };
        rows.extend(measured.into_iter().filter(|row| !is_measured(row)));
    }
    if options.json {
        for row in &rows {
            println!("{row}");
        }
        return Ok(());
    }
    print!("{}", table(&rows));
    for (name, _) in known.iter().filter(|_| beside.is_empty()) {
        say(&format!("{name} was measured without peers"));
    }
    if options.brief {
        return Ok(());
    }
    keep(workspace, rows)
}

/// The benchmarks that need nothing else.
fn by_itself(workspace: &Workspace, options: &Options) -> Command {
    let mut command = workspace.cargo(["run", "--release", "--quiet", "--locked", "--package"]);
    command.args(["countersign-benches", "--"]);
    command.args(options.name.iter());
    if options.brief {
        command.arg("--brief");
    }
    command
}

/// Those that other implementations run beside ours. They have to be built: without them there
/// is no result, unless leaving them out was asked for.
fn with_peers(
    workspace: &Workspace,
    options: &Options,
    benches: &[(&str, &[Need])],
) -> Result<Command, Failure> {
    let mut names = Vec::new();
    for (name, needs) in benches {
        need::provide("the peers", needs)?;
        names.push(*name);
    }
    let mut command = workspace.cargo(["run", "--release", "--quiet", "--locked"]);
    command.args(["--manifest-path", PEERS, "--no-default-features"]);
    command.args(["--features", &names.join(","), "--"]);
    if options.brief {
        command.arg("--brief");
    }
    Ok(command)
}

fn measure(command: &mut Command) -> Result<Vec<Value>, Failure> {
    say(&shown(command));
    parse_rows(&output(command)?)
}

pub(crate) fn parse_rows(text: &str) -> Result<Vec<Value>, Failure> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| Failure::task(format!("`{line}` is no row: {error}")))
        })
        .collect()
}

/// Puts the new rows in the place of the old ones of the same benchmarks, and draws all anew.
fn keep(workspace: &Workspace, mut rows: Vec<Value>) -> Result<(), Failure> {
    let folder = workspace.path(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::file(&path, error))
    };

    let machine = machine(workspace);
    for row in &mut rows {
        if let Value::Object(row) = row {
            row.insert("machine".to_owned(), json!(machine));
        }
    }
    let kept = folder.join("results.jsonl");
    let old = if kept.exists() {
        let text = std::fs::read_to_string(&kept).map_err(|error| Failure::file(&kept, error))?;
        parse_rows(&text)?
    } else {
        Vec::new()
    };
    let rows = merged(old, rows);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    write("results.jsonl", &lines)?;

    let mut page = PREAMBLE.to_owned();
    for name in names(&rows, "bench") {
        let rows: Vec<Value> = of(&rows, "bench", &name);
        write(&format!("{name}.svg"), &plot::bars(&name, &rows))?;
        let machine = rows.first().map(|row| text(row, "machine"));
        let machine = machine.unwrap_or_default();
        let table = table(&rows);
        let note = NOTES.iter().find(|(bench, _)| *bench == name);
        let note = note.map_or_else(String::new, |(_, note)| format!("{note}\n"));
        let mut plots = format!("![{name}]({name}.svg)\n");
        for scaling in SCALING.iter().filter(|scaling| scaling.bench == name) {
            let points = scaling.points(&rows);
            if !points.is_empty() {
                let file = format!("{name}.{}.svg", scaling.counted);
                write(&file, &lines::lines(&name, scaling.counted, &points))?;
                let _ = write!(plots, "\n![{name} by {}]({file})\n", scaling.counted);
            }
        }
        let _ = write!(
            page,
            "\n## {name}\n\n{note}{plots}\n{table}\nMeasured on {machine}.\n"
        );
    }
    write("README.md", &page)?;
    say(&format!("{FOLDER} is written"));
    Ok(())
}

impl Scaling {
    /// The number of each case, and its row.
    fn points(&self, rows: &[Value]) -> Vec<(f64, Value)> {
        let number = |row: &Value| text(row, "case").strip_suffix(self.cases)?.parse().ok();
        let points = rows.iter();
        points
            .filter_map(|row| Some((number(row)?, row.clone())))
            .collect()
    }
}

/// The rows of every benchmark, in the order of their names; new ones replace the old.
fn merged(old: Vec<Value>, new: Vec<Value>) -> Vec<Value> {
    let measured = names(&new, "bench");
    let mut rows: Vec<Value> = old
        .into_iter()
        .filter(|row| !measured.contains(&text(row, "bench")))
        .chain(new)
        .collect();
    rows.sort_by_key(|row| text(row, "bench"));
    rows
}

/// The different values of `key`, in the order in which they come.
pub(crate) fn names(rows: &[Value], key: &str) -> Vec<String> {
    let mut names = Vec::new();
    for row in rows {
        let name = text(row, key);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The rows whose `key` is `name`.
pub(crate) fn of(rows: &[Value], key: &str, name: &str) -> Vec<Value> {
    rows.iter()
        .filter(|row| text(row, key) == name)
        .cloned()
        .collect()
}

/// A member that is a string, or nothing.
pub(crate) fn text(row: &Value, key: &str) -> String {
    let value = row.get(key).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

/// A measured value with its range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Whether it is a rate, of which more is better, and not a time in microseconds.
    pub(crate) is_rate: bool,
}

impl Measured {
    pub(crate) fn of(row: &Value) -> Self {
        let number = |key: &str| row.get(key).and_then(Value::as_f64);
        match number("per_second") {
            Some(median) => Self {
                median,
                min: number("min_per_second").unwrap_or(median),
                max: number("max_per_second").unwrap_or(median),
                is_rate: true,
            },
            None => Self {
                median: number("median_us").unwrap_or_default(),
                min: number("min_us").unwrap_or_default(),
                max: number("max_us").unwrap_or_default(),
                is_rate: false,
            },
        }
    }

    /// A value of this kind, with the unit that suits it.
    pub(crate) fn shown(self, value: f64) -> String {
        match (self.is_rate, value) {
            (true, value) if value >= 10_000.0 => format!("{:.1} k/s", value / 1_000.0),
            (true, value) => format!("{value:.0}/s"),
            (false, value) if value >= 10_000.0 => format!("{:.1} ms", value / 1_000.0),
            (false, value) if value >= 100.0 => format!("{value:.0} µs"),
            (false, value) => format!("{value:.1} µs"),
        }
    }
}

/// The rows as a Markdown table, which reads well in a terminal too.
fn table(rows: &[Value]) -> String {
    let mut cells = vec![
        [
            "bench",
            "case",
            "subject",
            "median",
            "range",
            "of the floor",
            "p99",
        ]
        .map(str::to_owned),
        [const { "---" }; 7].map(str::to_owned),
    ];
    for row in rows {
        let measured = Measured::of(row);
        let ratio = row.get("ratio_to_floor").and_then(Value::as_f64);
        let p99 = row.get("p99_ms").and_then(Value::as_f64);
        cells.push([
            text(row, "bench"),
            text(row, "case"),
            text(row, "subject"),
            measured.shown(measured.median),
            format!(
                "{} – {}",
                measured.shown(measured.min),
                measured.shown(measured.max)
            ),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2} ×")),
            p99.map_or_else(String::new, |p99| format!("{p99:.1} ms")),
        ]);
    }
    let width = |column: usize| {
        let widths = cells.iter().filter_map(|row| row.get(column));
        widths.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    let mut table = String::new();
    for row in &cells {
        for (cell, width) in row.iter().zip(&widths) {
            let fill = if cell == "---" { '-' } else { ' ' };
            let missing = width.saturating_sub(cell.chars().count());
            table.push_str("| ");
            table.push_str(cell);
            table.extend(std::iter::repeat_n(fill, missing));
            table.push(' ');
        }
        table.push_str("|\n");
    }
    table
}

/// The machine and the code that were measured, for the reader of a number.
pub(crate) fn machine(workspace: &Workspace) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|line| line.split_once(": "))
        .map_or("an unnamed processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let short = |command: &mut Command| {
        output(command)
            .ok()
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    let rustc = short(workspace.command("rustc").arg("--version"));
    let rustc = rustc.split(' ').nth(1).unwrap_or("?").to_owned();
    let commit = short(
        workspace
            .command("git")
            .args(["rev-parse", "--short", "HEAD"]),
    );
    let arch = std::env::consts::ARCH;
    format!("{cores} cores of {model} ({arch}), rustc {rustc}, at {commit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(bench: &str, case: &str, median: f64) -> Value {
        json!({"bench": bench, "case": case, "subject": "floor", "median_us": median,
               "min_us": median, "max_us": median, "ratio_to_floor": 1.0})
    }

    #[test]
    fn new_rows_replace_those_of_the_same_benchmark_only() {
        let old = vec![row("b", "1", 1.0), row("a", "1", 1.0), row("a", "2", 1.0)];
        let new = vec![row("a", "3", 2.0)];
        assert_eq!(merged(old, new), [row("a", "3", 2.0), row("b", "1", 1.0)]);
    }

    #[test]
    fn a_table_has_times_and_rates() {
        let rate = json!({"bench": "ledger_append", "case": "w64", "subject": "countersign",
                          "per_second": 12_345.6, "ratio_to_floor": 0.5, "p99_ms": 4.25});
        let table = table(&[row("saml_verify", "5k", 31.25), rate]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[2].contains("31.2 µs"), "{table}");
        assert!(
            lines[3].contains("12.3 k/s") && lines[3].contains("4.2 ms"),
            "{table}"
        );
        let length = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == length));
    }

    #[test]
    fn cases_that_differ_in_a_number_are_points_of_a_line() {
        let rows = [
            row("policy_evaluate", "5000x300", 9.0),
            row("policy_evaluate", "10x300 sharing 10", 2.0),
            row("policy_evaluate", "100000x300 sharing 10", 3.0),
        ];
        let points = SCALING[0].points(&rows);
        assert_eq!(
            points,
            [(10.0, rows[1].clone()), (100_000.0, rows[2].clone())]
        );
    }

    #[test]
    fn what_is_no_row_is_refused() {
        assert!(parse_rows("{}\n\nnot json\n").is_err());
    }

    #[test]
    fn arguments() {
        let options = Options::parse(&["saml_verify", "--json"]).unwrap();
        assert_eq!(options.name.as_deref(), Some("saml_verify"));
        assert!(options.json && !options.brief && !options.without_peers);
        assert!(Options::parse(&["a", "b"]).is_err());
        assert!(Options::parse(&["--fast"]).is_err());
    }
}
