//! The process that is to be killed: people sign in on some threads, administrators end accounts
//! and erase them, a notary integrates, signs and now and then replaces the key. What was
//! acknowledged it says afterwards, a line each:
//!
//! | line | what |
//! |---|---|
//! | `entry LEAF` | a record was acknowledged |
//! | `signed NOTE` | a checkpoint was, in hexadecimal |
//! | `failed …` | something went wrong that no crash explains |

use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use countersign::account::AccountError;
use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::provision::store::UserQuery;
use countersign::provision::user::UserState;
use countersign::{EngineError, LeafHash, Session, SignIn, Timestamp};

use crate::acme::{Acme, NOON, TENANT};
use crate::chance::Chance;
use crate::keyring::{Notary, key};
use crate::place::Place;
use crate::points::{Defect, Fuse, Watched};
use crate::{Failure, told};

/// Threads that sign people in.
const DOORS: u64 = 6;
/// Checkpoints between two rotations of the key.
const SIGNED_BY_A_KEY: u32 = 15;
/// How often a node tries to open a ledger whose key others replace.
const TRIES: u32 = 10;
const DAY_MILLIS: i64 = 86_400_000;

/// What the process is told.
#[derive(Debug)]
pub(crate) struct Orders {
    pub(crate) place: Place,
    pub(crate) seed: u64,
    /// No other process on this store has it; the people are named after it.
    pub(crate) name: String,
    pub(crate) fuse: Option<Fuse>,
    pub(crate) defect: Option<Defect>,
    pub(crate) marks: PathBuf,
}

/// Works until somebody kills it.
pub(crate) fn work(orders: Orders) -> ! {
    let failed = match start(orders) {
        Ok(()) => "it came to an end".to_owned(),
        Err(error) => told(&*error),
    };
    fail(&failed)
}

fn fail(why: &str) -> ! {
    say(&format!("failed {}", why.replace('\n', " ")));
    std::process::exit(3)
}

/// In one piece: a line that is cut off was never said.
fn say(line: &str) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        // Nobody is left to kill it.
        std::process::exit(1);
    }
}

fn acknowledged(leaf: LeafHash) {
    say(&format!("entry {leaf}"));
}

fn start(orders: Orders) -> Result<(), Failure> {
    let inner = orders.place.open()?;
    let store: Arc<dyn Store> = Arc::new(Watched {
        users: Arc::new(Arc::clone(&inner)),
        inner,
        fuse: orders.fuse,
        defect: orders.defect,
        marks: orders.marks,
    });
    let mut chance = Chance::new(orders.seed);
    // The clock of a machine may stand anywhere after a crash, before where it was, too.
    let days = i64::try_from(chance.below(30))?;
    let now = Timestamp::from_unix_millis(NOON.saturating_add(days.saturating_mul(DAY_MILLIS)));
    // Another node may replace the key between the two.
    let open = || {
        let notary = Notary::open(Arc::new(Arc::clone(&store)))?;
        let key = key(notary.key)?;
        Ok((
            Acme::new(Arc::clone(&store), key, TENANT, None, now)?,
            notary,
        ))
    };
    let mut attempts = (0..TRIES).map(|_| open());
    let (acme, notary) = attempts
        .find(|opened: &Result<_, Failure>| !opened.as_ref().is_err_and(Notary::is_behind))
        .ok_or("other nodes replace the key all the time")??;
    std::thread::scope(|scope| {
        for door in 0..DOORS {
            let (acme, name) = (&acme, format!("{}-{door}", orders.name));
            let chance = Chance::new(chance.number());
            scope.spawn(move || sign_in(acme, &name, chance).unwrap_or_else(|e| fail(&told(&*e))));
        }
        let (acme, users) = (&acme, Arc::clone(&store));
        scope.spawn(move || erase(acme, &users).unwrap_or_else(|e| fail(&told(&*e))));
        scope.spawn(move || notarize(notary, store).unwrap_or_else(|e| fail(&told(&*e))));
    });
    Ok(())
}

/// New people, people who come again with other groups, and what becomes of them.
fn sign_in(acme: &Acme, door: &str, mut chance: Chance) -> Result<(), Failure> {
    let mut people: Vec<(String, Session)> = Vec::new();
    for number in 0_u64.. {
        let response = format!("{door}-{number}");
        let known = chance.below(3) == 0;
        let known = usize::try_from(chance.below(people.len().try_into()?))
            .ok()
            .filter(|_| known && !people.is_empty());
        let name = known
            .and_then(|at| people.get(at))
            .map_or_else(|| format!("p-{response}"), |(name, _)| name.clone());
        let group = ["staff", "visitors"]
            .get(usize::try_from(chance.below(2))?)
            .copied();
        let posted = acme.response(&name, group.unwrap_or("staff"), &response);
        match acme.sign_in(&posted)? {
            SignIn::Admitted(session) => {
                acknowledged(session.entry());
                people.retain(|(other, _)| *other != name);
                people.push((name, session));
            }
            SignIn::Refused(refused) => return Err(format!("refused: {}", refused.code()).into()),
        }
        let Some((name, session)) = people.last() else {
            continue;
        };
        match chance.below(8) {
            0 => wait(acme.engine.close_session(session))?,
            1 => {
                let (tenant, user, by) = (&acme.tenant, session.user(), &acme.administrator);
                acknowledged(wait(acme.engine.suspend(tenant, user, by, None))?);
                let back = acme.engine.reactivate(tenant, user, by, Some("a note"));
                acknowledged(wait(back)?);
            }
            2 => {
                let (tenant, user, by) = (&acme.tenant, session.user(), &acme.administrator);
                acknowledged(wait(acme.engine.deprovision(tenant, user, by, None))?);
                // A deprovisioned subject does not come back.
                let name = name.clone();
                people.retain(|(other, _)| *other != name);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Erases accounts that were deprovisioned before a crash, each by a rewriting of the file.
fn erase(acme: &Acme, store: &Arc<dyn Store>) -> Result<(), Failure> {
    let mut query = UserQuery {
        tenant: acme.tenant.clone(),
        states: [UserState::Deprovisioned].into(),
        after: None,
        limit: NonZeroU32::MIN,
    };
    loop {
        let Some(found) = wait(store.users(&query))?.pop() else {
            query.after = None;
            std::thread::yield_now();
            std::thread::sleep(std::time::Duration::from_millis(5));
            continue;
        };
        let user = found.user.id;
        let erased = acme
            .engine
            .erase_account(&acme.tenant, &user, &acme.administrator, None);
        match wait(erased) {
            Ok(entry) | Err(EngineError::ErasurePending { entry, .. }) => acknowledged(entry),
            // It was deprovisioned at another time than the clock shows by now.
            Err(EngineError::Account(AccountError::Erase(_))) => {}
            Err(error) => return Err(error.into()),
        }
        query.after = Some(user);
    }
}

/// Integrates and signs; and replaces the key.
fn notarize(mut notary: Notary, store: Arc<dyn Store>) -> Result<(), Failure> {
    for number in 1_u32.. {
        let mut step = || -> Result<(), Failure> {
            let signed = wait(notary.ledger.advance())?;
            let note = signed.bytes().iter().map(|byte| format!("{byte:02x}"));
            say(&format!("signed {}", note.collect::<String>()));
            if number.is_multiple_of(SIGNED_BY_A_KEY)
                && let Some(leaf) = notary.rotate()?
            {
                acknowledged(leaf);
            }
            Ok(())
        };
        match step() {
            Err(error) if Notary::is_behind(&error) => {
                notary = Notary::open(Arc::new(Arc::clone(&store)))?;
            }
            other => other?,
        }
    }
    Ok(())
}
