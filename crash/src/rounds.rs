//! Start, kill, look; and again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::chance::Chance;
use crate::check::{Found, Outside, check};
use crate::place::Place;
use crate::{Failure, disk, points};

/// Rounds on one file, before the next begins with a new one: every check reads all of it.
const ROUNDS_PER_FILE: u64 = 25;
/// The longest that a process works before it is killed from outside, if no point killed it.
const LONGEST: Duration = Duration::from_millis(600);
/// The longest that it works in a round where time decides.
const LONGEST_BY_TIME_MILLIS: u64 = 100;
/// The last passage of a point that a process dies at; less for what happens seldom.
const PASSAGES: u64 = 40;
const SELDOM: [(&str, u64); 4] = [
    ("rotate", 2),
    ("vacuum", 3),
    ("checkpoint", 8),
    ("integrate", 8),
];

/// Defects that the process knows nothing of.
const OUTSIDE: [&str; 2] = ["lying-disk", "goes-back"];

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) store: String,
    pub(crate) rounds: u64,
    pub(crate) seed: u64,
    /// A defect that has to be found.
    pub(crate) defect: Option<String>,
    pub(crate) json: bool,
}

/// How one process is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// From outside, at some time.
    Time(Duration),
    /// At a passage of a point at the ports.
    Point((&'static str, u64)),
    /// At a passage of a point at the disk.
    Disk((&'static str, u64)),
    /// The same, and what was not synced is lost.
    Power((&'static str, u64)),
}

impl End {
    fn of_round(round: u64, chance: &mut Chance) -> Self {
        let mut passage = |point: &'static str| {
            let seldom = SELDOM.iter().find(|(name, _)| point.starts_with(name));
            let most = seldom.map_or(PASSAGES, |(_, most)| *most);
            (point, chance.below(most).saturating_add(1))
        };
        let turn = usize::try_from(round / 4).unwrap_or(0);
        let pick = |points: &[&'static str]| {
            let at = turn.checked_rem(points.len());
            at.and_then(|at| points.get(at)).copied().unwrap_or("none")
        };
        match round % 4 {
            0 => Self::Point(passage(pick(&points::POINTS))),
            1 => Self::Disk(passage(pick(&disk::POINTS))),
            2 => Self::Power(passage(pick(&disk::POINTS))),
            _ => Self::Time(Duration::from_millis(chance.below(LONGEST_BY_TIME_MILLIS))),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Time(_) => "by time".to_owned(),
            Self::Point((point, _)) | Self::Disk((point, _)) => (*point).to_owned(),
            Self::Power((point, _)) => format!("power:{point}"),
        }
    }
}

/// What came of all rounds.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    acknowledged: u64,
    signed: u64,
    ends: BTreeMap<String, u64>,
    found: Found,
}

pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    if options.store != "sqlite" {
        return Err(format!("`{}` is no store to kill", options.store).into());
    }
    let folder = tempfile::Builder::new()
        .prefix("crash-")
        .tempdir_in(beside()?)?;
    let library = disk::compile(folder.path())?;
    let mut chance = Chance::new(options.seed);
    let mut tally = Tally::default();
    let mut outside = Outside::default();
    for round in 0..options.rounds {
        let file = folder
            .path()
            .join(format!("{}.db", round / ROUNDS_PER_FILE));
        if round.is_multiple_of(ROUNDS_PER_FILE) {
            outside = Outside::default();
        }
        let place = Place::Sqlite(file);
        let end = End::of_round(round, &mut chance);
        let process = Process {
            options,
            place: &place,
            round,
            seed: chance.number(),
            library: &library,
            folder: folder.path(),
        };
        let before = outside.acknowledged.len();
        let end = process.run(&end, &mut outside)?;
        let heard = outside.acknowledged.len().saturating_sub(before);
        // After the first round that is a backup, and after the last it is restored.
        let is_outermost = round == 0 || round.saturating_add(1) == options.rounds;
        if options.defect.as_deref() == Some("goes-back") && is_outermost {
            set_back(&place, folder.path())?;
        }
        let found = check(&place, &mut outside);
        tally.rounds = tally.rounds.saturating_add(1);
        tally.acknowledged = tally.acknowledged.saturating_add(u64::try_from(heard)?);
        if let Some(signed) = &outside.signed {
            tally.signed = tally.signed.max(signed.checkpoint().size());
        }
        let ends = tally.ends.entry(end.clone()).or_default();
        *ends = ends.saturating_add(1);
        if !found.is_nothing() {
            for words in &found.words {
                eprintln!("round {round}, {end}: {words}");
            }
            tally.found.add(found);
            // The next round is not to find the same again.
            outside = Outside::default();
            remove(&place);
        }
        if !options.json && (round % 10 == 9 || tally.rounds == options.rounds) {
            eprintln!(
                "{} of {} rounds, {} acknowledged, {} lost",
                tally.rounds, options.rounds, tally.acknowledged, tally.found.lost
            );
        }
    }
    tally.print(options);
    Ok(tally.found.is_nothing())
}

/// The files of a SQLite database.
const FILES: [&str; 3] = ["", "-wal", "-shm"];

fn remove(place: &Place) {
    let Place::Sqlite(file) = place;
    for suffix in FILES {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
}

/// Brings the store back to where it was the last time, and keeps how it is now: what a backup
/// does that somebody restores.
fn set_back(place: &Place, folder: &Path) -> Result<(), Failure> {
    let Place::Sqlite(file) = place;
    let kept = folder.join("kept");
    let is_first = !kept.exists();
    std::fs::create_dir_all(&kept)?;
    for suffix in FILES {
        let (now, before) = (
            format!("{}{suffix}", file.display()),
            kept.join(format!("f{suffix}")),
        );
        if is_first {
            drop(std::fs::copy(now, before));
        } else {
            let _ = std::fs::remove_file(&now);
            drop(std::fs::copy(before, now));
        }
    }
    Ok(())
}

/// On the disk that the program is on: a temporary folder may be in memory.
fn beside() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    Ok(program
        .parent()
        .ok_or("a program is in a folder")?
        .to_owned())
}

struct Process<'a> {
    options: &'a Options,
    place: &'a Place,
    round: u64,
    seed: u64,
    library: &'a Path,
    folder: &'a Path,
}

impl Process<'_> {
    /// Runs one process to its end, and says how it came.
    fn run(&self, end: &End, outside: &mut Outside) -> Result<String, Failure> {
        let mut child = self.start(end)?;
        let output = child.stdout.take().ok_or("no output")?;
        let over = Arc::new(AtomicBool::new(false));
        let patience = match end {
            End::Time(time) => *time,
            _ => LONGEST,
        };
        let mut lines = BufReader::new(output).lines();
        // Its time begins with the first word: how long it takes to start says nothing.
        let first = lines.next().transpose()?;
        let mut failed = None;
        let mut hear = |line: String| {
            if let Err(error) = outside.hear(&line) {
                failed.get_or_insert(error);
            }
        };
        let by_us = std::thread::scope(|scope| -> Result<bool, Failure> {
            let is_over = Arc::clone(&over);
            let killer = scope.spawn(move || {
                std::thread::park_timeout(patience);
                let by_us = !is_over.load(Ordering::SeqCst);
                if by_us {
                    let _ = child.kill();
                }
                (by_us, child.wait())
            });
            // What it had said when it was killed is still in the pipe, and counts.
            for line in first.into_iter().map(Ok).chain(lines) {
                hear(line?);
            }
            over.store(true, Ordering::SeqCst);
            killer.thread().unpark();
            let (by_us, status) = killer.join().map_err(|_| "the killer panicked")?;
            status?;
            Ok(by_us)
        })?;
        match failed {
            Some(error) => Err(error),
            None if by_us => Ok("by time".to_owned()),
            None => Ok(end.name()),
        }
    }

    fn start(&self, end: &End) -> Result<Child, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("work").arg(self.place.to_string());
        command
            .arg(self.seed.to_string())
            .arg(self.round.to_string());
        command.arg(self.folder.join("marks"));
        let (preload, lies) = match (end, self.options.defect.as_deref()) {
            (End::Disk((point, passage)), _) => (Some(format!("kill:{point}:{passage}")), false),
            (End::Power((point, passage)), Some("lying-disk")) => {
                (Some(format!("power:{point}:{passage}")), true)
            }
            (End::Power((point, passage)), _) => (Some(format!("power:{point}:{passage}")), false),
            _ => (None, false),
        };
        if let Some(plan) = preload {
            command
                .env("LD_PRELOAD", self.library)
                .env("CRASH_DISK", plan);
            command.env("CRASH_SEED", (self.seed >> 1).to_string());
        }
        if lies {
            command.env("CRASH_LIES", "1");
        }
        match (end, self.options.defect.as_deref()) {
            // A point that is in the defect itself.
            (End::Point((_, passage)), Some("records-later" | "records-before")) => {
                command.args(["--at", &format!("between:{passage}")]);
            }
            (End::Point((point, passage)), _) => {
                command.args(["--at", &format!("{point}:{passage}")]);
            }
            _ => {}
        }
        if let Some(defect) = self
            .options
            .defect
            .as_deref()
            .filter(|name| !OUTSIDE.contains(name))
        {
            command.args(["--defect", defect]);
        }
        Ok(command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?)
    }
}

impl Tally {
    fn print(&self, options: &Options) {
        let found = &self.found;
        if options.json {
            let report = json!({
                "task": "crash",
                "store": options.store,
                "seed": options.seed,
                "rounds": self.rounds,
                "acknowledged": self.acknowledged,
                "lost": found.lost,
                "orphan_users": found.orphan_users,
                "orphan_records": found.orphan_records,
                "forks": found.forks,
                "damaged": found.damaged,
                "largest_tree": self.signed,
                "ends": self.ends,
                "words": found.words,
            });
            println!("{report}");
            return;
        }
        println!("rounds          {}", self.rounds);
        println!("acknowledged    {}", self.acknowledged);
        println!("lost            {}", found.lost);
        println!("orphan users    {}", found.orphan_users);
        println!("orphan records  {}", found.orphan_records);
        println!("forks           {}", found.forks);
        println!("damaged         {}", found.damaged);
        for (end, count) in &self.ends {
            println!("  killed {count} times: {end}");
        }
    }
}
