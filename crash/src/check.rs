//! What is looked for after a kill, in the store that it left.

use std::sync::Arc;

use countersign::audit::{AuditError, SignedCheckpoint, leaf_hash};
use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::{LeafHash, TenantId};

use crate::acme::TENANT;
use crate::history::History;
use crate::keyring::Notary;
use crate::place::Place;
use crate::{Failure, told};

/// Leaves that are asked for at once.
const AT_ONCE: usize = 512;

/// What was heard of a store, and is kept where no crash reaches it.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) acknowledged: Vec<LeafHash>,
    /// The largest signed head.
    pub(crate) signed: Option<SignedCheckpoint>,
    /// What went wrong in the process, beside its being killed.
    failed: Vec<String>,
}

impl Outside {
    /// Takes one line of the process.
    pub(crate) fn hear(&mut self, line: &str) -> Result<(), Failure> {
        match line.split_once(' ') {
            Some(("entry", leaf)) => self.acknowledged.push(leaf.parse()?),
            Some(("signed", note)) => {
                let signed = SignedCheckpoint::parse(&unhex(note)?)?;
                let size = signed.checkpoint().size();
                let largest = self
                    .signed
                    .as_ref()
                    .map(|signed| signed.checkpoint().size());
                if largest.is_none_or(|largest| largest < size) {
                    self.signed = Some(signed);
                }
            }
            _ => self.failed.push(line.to_owned()),
        }
        Ok(())
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits = text.as_bytes().chunks(2);
    let bytes = digits.map(|two| Ok(u8::from_str_radix(std::str::from_utf8(two)?, 16)?));
    bytes.collect()
}

/// What a check found. All of it has to be zero.
#[derive(Debug, Default, Clone)]
pub(crate) struct Found {
    pub(crate) lost: u64,
    pub(crate) orphan_users: u64,
    pub(crate) orphan_records: u64,
    /// Trees that do not continue what was signed.
    pub(crate) forks: u64,
    /// Leaves, nodes or checkpoints that are not what they should be; rules that do not hold.
    pub(crate) damaged: u64,
    pub(crate) words: Vec<String>,
}

impl Found {
    pub(crate) fn is_nothing(&self) -> bool {
        [
            self.lost,
            self.orphan_users,
            self.orphan_records,
            self.forks,
            self.damaged,
        ] == [0; 5]
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.lost, other.lost),
            (&mut self.orphan_users, other.orphan_users),
            (&mut self.orphan_records, other.orphan_records),
            (&mut self.forks, other.forks),
            (&mut self.damaged, other.damaged),
        ] {
            *sum = sum.saturating_add(more);
        }
        let room = 20_usize.saturating_sub(self.words.len());
        self.words.extend(other.words.into_iter().take(room));
    }

    fn lose(&mut self, count: usize, what: &str) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.lost = self.lost.saturating_add(count);
        self.say(format!("{what} was acknowledged, and is lost"));
    }

    fn fork(&mut self, why: String) {
        self.forks = self.forks.saturating_add(1);
        self.say(why);
    }

    fn damage(&mut self, what: String) {
        self.damaged = self.damaged.saturating_add(1);
        self.say(what);
    }

    fn say(&mut self, words: String) {
        if self.words.len() < 20 {
            self.words.push(words);
        }
    }
}

/// Opens the store anew and holds it against what was heard.
pub(crate) fn check(place: &Place, outside: &mut Outside) -> Found {
    let mut found = Found::default();
    for failed in outside.failed.drain(..) {
        found.damage(failed);
    }
    match place.open() {
        Ok(store) => {
            found.look_for_acknowledged(&store, outside);
            for looked in [
                found.look_at_the_tree(&store, outside),
                found.look_at_the_rows(&store),
            ] {
                if let Err(error) = looked {
                    found.damage(told(&*error));
                }
            }
        }
        Err(error) => {
            found.lose(outside.acknowledged.len(), "everything");
            found.damage(told(&*error));
        }
    }
    found
}

impl Found {
    fn look_for_acknowledged(&mut self, store: &Arc<dyn Store>, outside: &Outside) {
        for leaves in outside.acknowledged.chunks(AT_ONCE) {
            match wait(store.leaves(leaves)) {
                Ok(stored) => {
                    for (leaf, stored) in leaves.iter().zip(stored) {
                        if stored.is_none_or(|stored| leaf_hash(stored.entry.bytes()) != *leaf) {
                            self.lose(1, &leaf.to_string());
                        }
                    }
                }
                // What can not be read is as good as lost.
                Err(error) => {
                    self.lose(leaves.len(), "all of a page");
                    self.damage(told(&error));
                }
            }
        }
    }

    fn look_at_the_tree(
        &mut self,
        store: &Arc<dyn Store>,
        outside: &Outside,
    ) -> Result<(), Failure> {
        let notary = match Notary::open(Arc::new(Arc::clone(store))) {
            Ok(notary) => notary,
            Err(error) => match error.downcast_ref::<AuditError>() {
                Some(AuditError::Damaged(damage)) => {
                    self.fork(damage.to_string());
                    return Ok(());
                }
                _ => return Err(error),
            },
        };
        if let Some(signed) = &outside.signed
            && let Err(error) = wait(notary.ledger.check_continues(signed))
        {
            self.fork(told(&error));
        }
        let reader = notary.ledger.reader();
        let keys = wait(reader.log_keys(notary.ledger.verifier_key()))?;
        let sound = wait(reader.verify_all(&keys, &mut |_| ()))?;
        for damage in &sound.damage {
            self.damage(damage.to_string());
        }
        let is_signed = sound.checkpoint_trusted || sound.size == 0;
        if sound.pending > 0 || sound.more_damage > 0 || !is_signed {
            self.damage("the tree was not signed to its end".to_owned());
        }
        Ok(())
    }

    fn look_at_the_rows(&mut self, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let compared = History::read(store, &TenantId::new(TENANT)?, 0, None)?.compare(store)?;
        self.orphan_users = self.orphan_users.saturating_add(compared.orphan_users);
        self.orphan_records = self.orphan_records.saturating_add(compared.orphan_records);
        self.damaged = self.damaged.saturating_add(compared.broken_rules);
        self.words.extend(compared.words);
        Ok(())
    }
}
