//! Many who do the same at once, and what may come of it.
//!
//! Each round has a tenant of its own for each race, and threads that begin at the same moment.
//! Whatever order the store put them in, it is one of those that these invariants allow, beside the
//! rules of [`history`](crate::history), which are checked at every record:
//!
//! | race | what may come of it |
//! |---|---|
//! | `first`: 64 first sign-ins of one person | all are admitted, to one account with one subject and each role once; 64 sessions |
//! | `seats`: 64 new people, and one seat | one is admitted, 63 are refused as `provision.seats_taken`; as many accounts as seats |
//! | `deactivation`: 16 sign-ins of one person, whom an administrator suspends or deprovisions | each was admitted before, and its session is closed, or refused after; the account is out of use and has no session |

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::memory::MemoryStore;
use countersign::provision::store::{SessionQuery, SessionsOf};
use countersign::{SignIn, Timestamp};
use countersign_testkit::broken::{BrokenUserStore, UserDefect};
use serde_json::json;

use crate::acme::{Acme, NOON};
use crate::ground::Ground;
use crate::history::{Findings, History};
use crate::keyring::{Notary, key};
use crate::points::Watched;
use crate::{Failure, told};

const AT_ONCE: u64 = 64;
const SEATS: u64 = 3;
/// Enough for an engine's call.
const STACK_BYTES: usize = 1 << 20;

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) rounds: u64,
    pub(crate) store: String,
    /// A defect that has to be found.
    pub(crate) defect: Option<String>,
    pub(crate) json: bool,
}

/// How often something came of a race.
type Outcomes = BTreeMap<String, u64>;

pub(crate) fn run(options: &Options) -> Result<bool, Failure> {
    let ground;
    let store: Arc<dyn Store> = match options.store.as_str() {
        "memory" => Arc::new(MemoryStore::new()),
        other => {
            ground = Ground::new(other)?;
            ground.place(0)?.open()?
        }
    };
    let store = match &options.defect {
        Some(defect) => spoil(store, defect)?,
        None => store,
    };
    let mut races = Races {
        notary: Notary::open(Arc::new(Arc::clone(&store)))?,
        store,
        outcomes: Outcomes::new(),
        wrong: Vec::new(),
    };
    for round in 0..options.rounds {
        races.first_sign_ins(round)?;
        races.last_seat(round)?;
        races.deactivation(round)?;
        if !options.json && round % 100 == 99 {
            eprintln!(
                "{} rounds, {} wrong",
                round.saturating_add(1),
                races.wrong.len()
            );
        }
    }
    let report = json!({
        "task": "races",
        "store": options.store,
        "rounds": options.rounds,
        "wrong": races.wrong.len(),
        "outcomes": races.outcomes,
        "words": races.wrong.iter().take(20).collect::<Vec<_>>(),
    });
    if options.json {
        println!("{report}");
    } else {
        println!("{report:#}");
    }
    Ok(races.wrong.is_empty())
}

/// A store that looks first, lets others look, and then writes.
fn spoil(store: Arc<dyn Store>, defect: &str) -> Result<Arc<dyn Store>, Failure> {
    let defect = match defect {
        "looks-before-it-seats" => UserDefect::LooksBeforeItSeats,
        "looks-before-it-updates" => UserDefect::LooksBeforeItUpdates,
        other => return Err(format!("`{other}` is no defect of a race").into()),
    };
    Ok(Arc::new(Watched {
        users: Arc::new(BrokenUserStore::new(Arc::clone(&store), defect)),
        ledger: Arc::new(Arc::clone(&store)),
        inner: store,
        fuse: None,
        defect: None,
        marks: PathBuf::new(),
    }))
}

struct Races {
    store: Arc<dyn Store>,
    notary: Notary,
    outcomes: Outcomes,
    /// Histories that are not allowed.
    wrong: Vec<String>,
}

/// What a thread of a race came to.
enum Came {
    In(Box<countersign::Session>),
    Refused(&'static str),
    Failed(String),
}

/// Starts all of them at the same moment.
fn at_once(acts: Vec<Box<dyn FnOnce() -> Came + Send + '_>>) -> Result<Vec<Came>, Failure> {
    let start = &Barrier::new(acts.len());
    std::thread::scope(|scope| {
        let threads = acts.into_iter().map(|act| {
            let act = move || {
                start.wait();
                act()
            };
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            thread.spawn_scoped(scope, act)
        });
        let threads: Vec<_> = threads.collect::<Result<_, _>>()?;
        let came = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        came.map(|came| came.map_err(|_| "a thread panicked".into()))
            .collect()
    })
}

fn sign_in(acme: &Acme, posted: &str) -> Came {
    match acme.sign_in(posted) {
        Ok(SignIn::Admitted(session)) => Came::In(Box::new(session)),
        Ok(SignIn::Refused(refused)) => Came::Refused(refused.code()),
        Err(error) => Came::Failed(told(&error)),
    }
}

impl Races {
    fn acme(&self, tenant: &str, seats: Option<u64>) -> Result<Acme, Failure> {
        let now = Timestamp::from_unix_millis(NOON);
        Acme::new(Arc::clone(&self.store), key(0)?, tenant, seats, now)
    }

    /// Posts for everybody at once, and `besides` with them.
    fn post<'a>(
        &self,
        acme: &'a Acme,
        posts: Vec<String>,
        besides: Option<Box<dyn FnOnce() -> Came + Send + 'a>>,
    ) -> Result<Vec<Came>, Failure> {
        let post = |posted: String| -> Box<dyn FnOnce() -> Came + Send + 'a> {
            Box::new(move || sign_in(acme, &posted))
        };
        at_once(posts.into_iter().map(post).chain(besides).collect())
    }

    /// Reads what the race has written, and holds the rows against it.
    fn history(
        &mut self,
        acme: &Acme,
        race: &str,
        from: u64,
        seats: Option<u64>,
    ) -> Result<BTreeMap<&'static str, u64>, Failure> {
        wait(self.notary.ledger.advance())?;
        let history = History::read(&self.store, &acme.tenant, from, seats)?;
        let kinds = history.kinds(&acme.tenant);
        let Findings { words, .. } = history.compare(&self.store)?;
        for words in words {
            self.wrong(race, &words);
        }
        Ok(kinds)
    }

    fn wrong(&mut self, race: &str, words: &str) {
        self.wrong.push(format!("{race}: {words}"));
    }

    fn expect(&mut self, race: &str, what: &str, is: u64, expected: u64) {
        if is != expected {
            self.wrong(race, &format!("{is} × {what}, and not {expected}"));
        }
    }

    /// Counts who came in and who was refused as what; what failed is wrong.
    fn count(&mut self, race: &str, came: &[Came]) -> (u64, BTreeMap<&'static str, u64>) {
        let (mut inside, mut refused) = (0_u64, BTreeMap::<_, u64>::new());
        for came in came {
            match came {
                Came::In(_) => inside = inside.saturating_add(1),
                Came::Refused(code) => {
                    let count = refused.entry(*code).or_default();
                    *count = count.saturating_add(1);
                }
                Came::Failed(error) => self.wrong(race, error),
            }
        }
        let name = format!("{race}: {inside} in");
        let outcome = self.outcomes.entry(name).or_default();
        *outcome = outcome.saturating_add(1);
        (inside, refused)
    }

    fn first_sign_ins(&mut self, round: u64) -> Result<(), Failure> {
        let race = "first";
        let acme = self.acme(&format!("first-{round}"), None)?;
        let from = wait(self.store.size())?;
        let post = |number| acme.response("nurse", "staff", &format!("f-{round}-{number}"));
        let came = self.post(&acme, (0..AT_ONCE).map(post).collect(), None)?;
        let (inside, _) = self.count(race, &came);
        self.expect(race, "admitted", inside, AT_ONCE);
        let users = came.iter().filter_map(|came| match came {
            Came::In(session) => Some(session.user()),
            _ => None,
        });
        let users: std::collections::BTreeSet<_> = users.collect();
        self.expect(race, "account", u64::try_from(users.len())?, 1);
        let kinds = self.history(&acme, race, from, None)?;
        for (kind, expected) in [
            ("user.provisioned", 1),
            ("user.linked", 0),
            ("role.granted", 2),
            ("assertion.verified", AT_ONCE),
            ("session.opened", AT_ONCE),
        ] {
            let count = kinds.get(kind).copied().unwrap_or(0);
            self.expect(race, kind, count, expected);
        }
        Ok(())
    }

    fn last_seat(&mut self, round: u64) -> Result<(), Failure> {
        let race = "seats";
        let acme = self.acme(&format!("seats-{round}"), Some(SEATS))?;
        let from = wait(self.store.size())?;
        let post = |number| {
            let name = format!("nurse-{number}");
            acme.response(&name, "staff", &format!("s-{round}-{number}"))
        };
        let taken = SEATS.saturating_sub(1);
        for number in 0..taken {
            if !matches!(sign_in(&acme, &post(number)), Came::In(_)) {
                self.wrong(race, "a seat that was free was not given");
            }
        }
        let people = taken..taken.saturating_add(AT_ONCE);
        let came = self.post(&acme, people.map(post).collect(), None)?;
        let (inside, refused) = self.count(race, &came);
        self.expect(race, "admitted", inside, 1);
        let full = refused.get("provision.seats_taken").copied().unwrap_or(0);
        self.expect(race, "refused for a seat", full, AT_ONCE.saturating_sub(1));
        let kinds = self.history(&acme, race, from, Some(SEATS))?;
        let made = kinds.get("user.provisioned").copied().unwrap_or(0);
        self.expect(race, "account", made, SEATS);
        Ok(())
    }

    fn deactivation(&mut self, round: u64) -> Result<(), Failure> {
        let race = "deactivation";
        let acme = self.acme(&format!("deactivation-{round}"), None)?;
        let from = wait(self.store.size())?;
        let post = |number| acme.response("nurse", "staff", &format!("d-{round}-{number}"));
        let Came::In(session) = sign_in(&acme, &post(0)) else {
            self.wrong(race, "the first sign-in was refused");
            return Ok(());
        };
        let deactivate = || {
            let (engine, tenant) = (&acme.engine, &acme.tenant);
            let (user, by) = (session.user(), &acme.administrator);
            // Sooner in some rounds, later in others.
            std::thread::sleep(Duration::from_millis(round % 8));
            let done = match round % 2 {
                0 => wait(engine.suspend(tenant, user, by, None)),
                _ => wait(engine.deprovision(tenant, user, by, None)),
            };
            match done {
                Ok(_) => Came::Refused("deactivated"),
                Err(error) => Came::Failed(told(&error)),
            }
        };
        let sign_ins = AT_ONCE / 4;
        let posts = (1..=sign_ins).map(post).collect();
        let came = self.post(&acme, posts, Some(Box::new(deactivate)))?;
        let (inside, refused) = self.count(race, &came);
        let kinds = self.history(&acme, race, from, None)?;
        let count = |kind| kinds.get(kind).copied().unwrap_or(0);
        let outside = refused.values().copied().sum::<u64>().saturating_sub(1);
        self.expect(race, "sign-in", inside.saturating_add(outside), sign_ins);
        let (opened, closed) = (count("session.opened"), count("session.closed"));
        self.expect(race, "session opened", opened, inside.saturating_add(1));
        self.expect(race, "session closed", closed, opened);
        self.expect(race, "user.refused", count("user.refused"), outside);
        let left = SessionQuery {
            tenant: acme.tenant.clone(),
            connection: None,
            of: SessionsOf::User(session.user().clone()),
        };
        let left = wait(self.store.open_sessions(&left))?.len();
        self.expect(race, "session left", u64::try_from(left)?, 0);
        Ok(())
    }
}
