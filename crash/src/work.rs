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
use std::time::Duration;

use countersign::account::AccountError;
use countersign::audit::AuditError;
use countersign::audit::store::LedgerStore;
use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::provision::store::UserQuery;
use countersign::provision::user::UserState;
use countersign::{
    EngineError, LeafHash, Session, SignIn, StoreError, StoreErrorKind, Timestamp, UserId,
};

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
/// When a call is tried again that did not reach the store.
const LATER: Duration = Duration::from_millis(50);
/// How often a node that starts tries to reach a server: for 20 s.
const TRIES_TO_REACH: u32 = 400;
/// When there may be somebody to erase.
const NOBODY: Duration = Duration::from_millis(5);
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
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        // Whoever started it is gone.
        std::process::exit(1)
    });
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

/// Whether the store could not be reached. What became of the call is unknown, so nothing of it
/// is said. A file can always be reached.
fn is_unavailable(place: &Place, error: &Failure) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
    let mut found = false;
    while let Some(error) = cause {
        let store = error.downcast_ref::<StoreError>();
        let store = store.or_else(|| match error.downcast_ref::<AuditError>() {
            Some(AuditError::Store(store)) => Some(store),
            _ => None,
        });
        found |= store.is_some_and(|store| store.kind() == StoreErrorKind::Unavailable);
        cause = error.source();
    }
    found && matches!(place, Place::Postgres(_))
}

/// Does one step after the other, for ever; later, while the store can not be reached.
fn keep_on(place: &Place, mut step: impl FnMut() -> Result<(), Failure>) -> ! {
    loop {
        match step() {
            Err(error) if is_unavailable(place, &error) => std::thread::sleep(LATER),
            Err(error) => fail(&told(&*error)),
            Ok(()) => {}
        }
    }
}

/// Opens something; again, while the store can not be reached: its server may be killed while a
/// node starts.
fn open_patiently<T>(
    place: &Place,
    mut open: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    for _ in 0..TRIES_TO_REACH {
        match open() {
            Err(error) if is_unavailable(place, &error) => std::thread::sleep(LATER),
            opened => return opened,
        }
    }
    open()
}

fn start(orders: Orders) -> Result<(), Failure> {
    let inner = open_patiently(&orders.place, || orders.place.open())?;
    let fuse = orders.fuse.map(Arc::new);
    let watch = |ledger: Arc<dyn LedgerStore>| -> Arc<dyn Store> {
        Arc::new(Watched {
            users: Arc::new(Arc::clone(&inner)),
            inner: Arc::clone(&inner),
            ledger,
            fuse: fuse.clone(),
            defect: orders.defect,
            marks: orders.marks.clone(),
        })
    };
    let store = watch(Arc::new(Arc::clone(&inner)));
    let mut chance = Chance::new(orders.seed);
    // Every other node wants to be the integrator; without one they make leaves in turns.
    let may_integrate = chance.below(2) == 0;
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
    let mut attempts = (0..TRIES).map(|_| open_patiently(&orders.place, open));
    let (acme, notary) = attempts
        .find(|opened: &Result<_, Failure>| !opened.as_ref().is_err_and(Notary::is_behind))
        .ok_or("other nodes replace the key all the time")??;
    let (acme, place) = (&acme, &orders.place);
    std::thread::scope(|scope| {
        for door in 0..DOORS {
            let mut door = Door {
                acme,
                name: format!("{}-{door}", orders.name),
                chance: Chance::new(chance.number()),
                number: 0,
                people: Vec::new(),
            };
            scope.spawn(move || keep_on(place, || door.step()));
        }
        let (mut last, users) = (None, Arc::clone(&store));
        scope.spawn(move || keep_on(place, || erase(acme, &users, &mut last)));
        let mut log = Log {
            place,
            may_integrate,
            watch: &watch,
            store,
            notary: (!may_integrate).then_some(notary),
            signed: 0,
        };
        scope.spawn(move || keep_on(place, || log.step()));
    });
    Ok(())
}

/// New people, people who come again with other groups, and what becomes of them.
struct Door<'a> {
    acme: &'a Acme,
    name: String,
    chance: Chance,
    number: u64,
    people: Vec<(String, Session)>,
}

impl Door<'_> {
    fn step(&mut self) -> Result<(), Failure> {
        // Where a step fails, they are forgotten: nobody knows what they have become.
        let mut people = std::mem::take(&mut self.people);
        self.number = self.number.saturating_add(1);
        let response = format!("{}-{}", self.name, self.number);
        let known = self.chance.below(people.len().try_into()?);
        let known = people.get(usize::try_from(known)?);
        let name = match (self.chance.below(3), known) {
            (0, Some((name, _))) => name.clone(),
            _ => format!("p-{response}"),
        };
        let group = match self.chance.below(2) {
            0 => "staff",
            _ => "visitors",
        };
        let session = match self
            .acme
            .sign_in(&self.acme.response(&name, group, &response))?
        {
            SignIn::Admitted(session) => session,
            SignIn::Refused(refused) => return Err(format!("refused: {}", refused.code()).into()),
        };
        acknowledged(session.entry());
        people.retain(|(other, _)| *other != name);
        let engine = &self.acme.engine;
        let (tenant, user, by) = (&self.acme.tenant, session.user(), &self.acme.administrator);
        let deed = self.chance.below(8);
        match deed {
            0 => wait(engine.close_session(&session))?,
            1 => {
                acknowledged(wait(engine.suspend(tenant, user, by, None))?);
                acknowledged(wait(engine.reactivate(tenant, user, by, Some("a note")))?);
            }
            2 => acknowledged(wait(engine.deprovision(tenant, user, by, None))?),
            _ => {}
        }
        // A deprovisioned subject does not come back.
        if deed != 2 {
            people.push((name, session));
        }
        self.people = people;
        Ok(())
    }
}

/// Erases the next account that was deprovisioned before a crash, by a rewriting of the file.
fn erase(acme: &Acme, store: &Arc<dyn Store>, last: &mut Option<UserId>) -> Result<(), Failure> {
    let query = UserQuery {
        tenant: acme.tenant.clone(),
        states: [UserState::Deprovisioned].into(),
        after: last.clone(),
        limit: NonZeroU32::MIN,
    };
    *last = wait(store.users(&query))?.pop().map(|found| found.user.id);
    let Some(user) = last else {
        std::thread::sleep(NOBODY);
        return Ok(());
    };
    let (tenant, by) = (&acme.tenant, &acme.administrator);
    match wait(acme.engine.erase_account(tenant, user, by, None)) {
        Ok(entry) | Err(EngineError::ErasurePending { entry, .. }) => acknowledged(entry),
        // It was deprovisioned at another time than the clock shows by now.
        Err(EngineError::Account(AccountError::Erase(_))) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Integrates and signs; and replaces the key.
struct Log<'a> {
    place: &'a Place,
    may_integrate: bool,
    watch: &'a (dyn Fn(Arc<dyn LedgerStore>) -> Arc<dyn Store> + Sync),
    store: Arc<dyn Store>,
    notary: Option<Notary>,
    signed: u32,
}

impl Log<'_> {
    fn step(&mut self) -> Result<(), Failure> {
        match self.sign() {
            Err(error) if Notary::is_behind(&error) => Ok(()),
            other => other,
        }
    }

    /// That of the integrator, if this node wants to be it and no other is.
    fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        let integrator = match self.may_integrate {
            true => self.place.integrator()?,
            false => None,
        };
        Ok(integrator.map_or_else(|| Arc::clone(&self.store), self.watch))
    }

    fn sign(&mut self) -> Result<(), Failure> {
        // Where this fails, it is opened anew.
        let mut notary = match self.notary.take() {
            Some(notary) => notary,
            None => Notary::open(Arc::new(self.store()?))?,
        };
        let signed = wait(notary.ledger.advance())?;
        let note = signed.bytes().iter().map(|byte| format!("{byte:02x}"));
        say(&format!("signed {}", note.collect::<String>()));
        self.signed = self.signed.saturating_add(1);
        if self.signed.is_multiple_of(SIGNED_BY_A_KEY)
            && let Some(leaf) = notary.rotate()?
        {
            acknowledged(leaf);
        }
        self.notary = Some(notary);
        Ok(())
    }
}
