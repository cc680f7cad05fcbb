//! Start, kill, look; and again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chance::Chance;
use crate::check::{Found, Outside, check};
use crate::ground::{Ground, ServerKill};
use crate::place::Place;
use crate::{Failure, disk, points};

/// Rounds on one store, before the next begins with a new one: every check reads all of it.
const ROUNDS_PER_STORE: u64 = 25;
/// The longest that a process works before it is killed from outside, if no point killed it.
const LONGEST: Duration = Duration::from_millis(1_000);
/// The longest that it works in a round where time decides.
const LONGEST_BY_TIME_MILLIS: u64 = 100;
/// The last passage of a point that a process dies at; less for what happens seldom.
const PASSAGES: u64 = 40;
const SELDOM: [(&str, u64); 5] = [
    ("db-", 3),
    ("rotate", 2),
    ("vacuum", 3),
    ("checkpoint", 8),
    ("integrate", 8),
];

/// How long a node may take until it has a server again.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the others go on after the first is dead.
const AFTERWARDS: Duration = Duration::from_millis(40);

/// Defects that the process knows nothing of.
const OUTSIDE: [&str; 2] = ["lying-disk", "goes-back"];

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) store: String,
    /// How many processes work on one store.
    pub(crate) nodes: u64,
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
    /// It is the server that is killed, after some time.
    Server(ServerKill, Duration),
}

impl End {
    /// A loss of power takes what one process has not synced; of several at once nobody here knows
    /// what is whose.
    fn of_round(round: u64, options: &Options, chance: &mut Chance) -> Self {
        let time = Duration::from_millis(chance.below(LONGEST_BY_TIME_MILLIS));
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
        match (round % 4, options.store.as_str()) {
            (0, _) => Self::Point(passage(pick(&points::POINTS))),
            (1, "sqlite") => Self::Disk(passage(pick(&disk::POINTS))),
            (2, "sqlite") if options.nodes == 1 => Self::Power(passage(pick(&disk::POINTS))),
            (1, "postgres") if turn % 2 == 0 => Self::Server(ServerKill::Immediate, time),
            (1, "postgres") => Self::Server(ServerKill::Postmaster, time),
            _ => Self::Time(time),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Time(_) => "by time".to_owned(),
            Self::Point((point, _)) | Self::Disk((point, _)) => (*point).to_owned(),
            Self::Power((point, _)) => format!("power:{point}"),
            Self::Server(ServerKill::Immediate, _) => "server:immediate".to_owned(),
            Self::Server(ServerKill::Postmaster, _) => "server:postmaster".to_owned(),
        }
    }
}

/// What came of all rounds.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    acknowledged: u64,
    largest_tree: u64,
    ends: BTreeMap<String, u64>,
    found: Found,
}

pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let ground = Ground::new(&options.store)?;
    let library = match options.store.as_str() {
        "sqlite" => Some(disk::compile(ground.folder())?),
        _ => None,
    };
    let mut chance = Chance::new(options.seed);
    let mut tally = Tally::default();
    let mut outside = Outside::default();
    let mut stores = 0_u64..;
    let mut place = None;
    for round in 0..options.rounds {
        if round.is_multiple_of(ROUNDS_PER_STORE) {
            place = None;
        }
        let at = match place.take() {
            Some(place) => place,
            None => {
                outside = Outside::default();
                ground.place(stores.next().unwrap_or_default())?
            }
        };
        let end = match options.defect.as_deref() {
            // It shows by nothing else.
            Some("lying-disk") => End::Power(("wal-sync", chance.below(PASSAGES))),
            _ => End::of_round(round, options, &mut chance),
        };
        let nodes = Nodes {
            options,
            place: &at,
            round,
            seed: chance.number(),
            library: library.as_deref(),
            ground: &ground,
        };
        let before = outside.acknowledged.len();
        let end = nodes.run(&end, &mut outside)?;
        let heard = outside.acknowledged.len().saturating_sub(before);
        // After the first round that is a backup, and after the last it is restored.
        let is_outermost = round == 0 || round.saturating_add(1) == options.rounds;
        if options.defect.as_deref() == Some("goes-back") && is_outermost {
            ground.set_back(&at)?;
        }
        ground.settle(&at);
        let found = check(&at, &mut outside);
        tally.rounds = tally.rounds.saturating_add(1);
        tally.acknowledged = tally.acknowledged.saturating_add(u64::try_from(heard)?);
        if let Some(signed) = &outside.signed {
            tally.largest_tree = tally.largest_tree.max(signed.checkpoint().size());
        }
        let ends = tally.ends.entry(end.clone()).or_default();
        *ends = ends.saturating_add(1);
        if found.is_nothing() {
            place = Some(at);
        } else {
            // The next round, on another store, is not to find the same again.
            for words in &found.words {
                eprintln!("round {round}, {end}: {words}");
            }
            tally.found.add(found);
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

#[allow(
    clippy::disallowed_methods,
    reason = "how long a process may live has nothing to do with the time of what it does"
)]
fn now() -> Instant {
    Instant::now()
}

struct Nodes<'a> {
    options: &'a Options,
    place: &'a Place,
    round: u64,
    seed: u64,
    library: Option<&'a Path>,
    ground: &'a Ground,
}

impl Nodes<'_> {
    /// Runs processes to their end, and says how the first one came to its own. The others work
    /// beside it and some time longer, and are killed then.
    fn run(&self, end: &End, outside: &mut Outside) -> Result<String, Failure> {
        let patience = match end {
            End::Time(time) | End::Server(_, time) => *time,
            _ => LONGEST,
        };
        let (say, heard) = mpsc::channel();
        let mut nodes = Vec::new();
        for node in 0..self.options.nodes {
            let mut child = match node {
                0 => self.start(node, Some(end))?,
                _ => self.start(node, None)?,
            };
            let output = child.stdout.take().ok_or("no output")?;
            let say = say.clone();
            let reader = std::thread::spawn(move || {
                // What it had said when it was killed is still in the pipe, and counts.
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = say.send((node, Some(line)));
                }
                let _ = say.send((node, None));
            });
            nodes.push((child, reader));
        }
        drop(say);
        // Its time begins with its first word: how long it takes to start says nothing.
        let (mut deadline, mut by_itself) = (None, false);
        let mut gone = BTreeSet::new();
        loop {
            let next = match deadline {
                None => heard.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => {
                    let left: Duration = Instant::saturating_duration_since(&deadline, now());
                    heard.recv_timeout(left)
                }
            };
            match next {
                Ok((0, None)) => {
                    by_itself = true;
                    break;
                }
                Ok((node, None)) => drop(gone.insert(node)),
                Ok((node, Some(line))) => {
                    outside.hear(&line)?;
                    if node == 0 && deadline.is_none() {
                        deadline = now().checked_add(patience);
                    }
                }
                Err(_) => break,
            }
        }
        if let End::Server(how, _) = end {
            self.ground.kill_server(*how)?;
            self.hear_again(&heard, gone, outside)?;
        }
        // If the power is failing, it fails to its end.
        let power = File::create(self.power())?;
        power.lock()?;
        for (node, (child, _)) in nodes.iter_mut().enumerate() {
            if node == 0 {
                by_itself |= child.try_wait()?.is_some();
            } else if node == 1 {
                std::thread::sleep(AFTERWARDS);
            }
            let _ = child.kill();
            child.wait()?;
        }
        drop(power);
        for (_, reader) in nodes {
            reader.join().map_err(|_| "a reader panicked")?;
        }
        for (_, line) in heard.try_iter() {
            line.map_or(Ok(()), |line| outside.hear(&line))?;
        }
        match (by_itself, end) {
            (true, _) | (false, End::Server(..)) => Ok(end.name()),
            (false, _) => Ok("by time".to_owned()),
        }
    }

    /// After the server is up again, each node has to acknowledge something new.
    fn hear_again(
        &self,
        heard: &Receiver<(u64, Option<String>)>,
        mut gone: BTreeSet<u64>,
        outside: &mut Outside,
    ) -> Result<(), Failure> {
        // What was said before it died.
        for (node, line) in heard.try_iter() {
            match line {
                Some(line) => outside.hear(&line)?,
                None => drop(gone.insert(node)),
            }
        }
        let mut silent: BTreeSet<u64> = (0..self.options.nodes).collect();
        silent.retain(|node| !gone.contains(node));
        // That one node goes on does not excuse another.
        let deadline = now().checked_add(PATIENCE);
        while !silent.is_empty() {
            let left = deadline.map_or(PATIENCE, |deadline| {
                Instant::saturating_duration_since(&deadline, now())
            });
            match heard.recv_timeout(left) {
                Ok((node, Some(line))) => {
                    if line.starts_with("entry ") {
                        silent.remove(&node);
                    }
                    outside.hear(&line)?;
                }
                Ok((node, None)) => {
                    silent.remove(&node);
                }
                Err(_) => {
                    outside.hear("failed service did not resume")?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The file that is locked while the power fails.
    fn power(&self) -> PathBuf {
        self.ground.folder().join("power")
    }

    fn start(&self, node: u64, end: Option<&End>) -> Result<Child, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("work").arg(self.place.to_string());
        command.arg(self.seed.wrapping_add(node).to_string());
        command.arg(format!("{}-{node}", self.round));
        command.arg(self.ground.folder().join("marks"));
        let defect = self.options.defect.as_deref();
        let plan = match end {
            Some(End::Disk((point, passage))) => Some(format!("kill:{point}:{passage}")),
            Some(End::Power((point, passage))) => Some(format!("power:{point}:{passage}")),
            Some(End::Point((point, passage))) => {
                // One that is in the defect itself, if it is one of two steps.
                let two_steps = matches!(defect, Some("records-later" | "records-before"));
                let point = if two_steps { "between" } else { point };
                command.args(["--at", &format!("{point}:{passage}")]);
                None
            }
            _ => None,
        };
        if let (Some(plan), Some(library)) = (plan, self.library) {
            command.env("LD_PRELOAD", library);
            command.env("CRASH_DISK", plan);
            command.env("CRASH_SEED", (self.seed >> 1).to_string());
            command.env("CRASH_LOCK", self.power());
        }
        if defect == Some("lying-disk") {
            command.env("CRASH_LIES", "1");
        }
        if let Some(defect) = defect.filter(|name| !OUTSIDE.contains(name)) {
            command.args(["--defect", defect]);
        }
        // It ends with us: its input does.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(command.spawn()?)
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
                "nodes": options.nodes,
                "acknowledged": self.acknowledged,
                "lost": found.lost,
                "orphan_users": found.orphan_users,
                "orphan_records": found.orphan_records,
                "forks": found.forks,
                "damaged": found.damaged,
                "largest_tree": self.largest_tree,
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
