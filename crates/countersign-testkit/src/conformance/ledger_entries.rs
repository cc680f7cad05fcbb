//! Checks of the outbox.

use std::sync::Arc;

use countersign_audit::store::{EntryQuery, LedgerStore, NodeId};
use countersign_core::{Entry, Private};

use super::at_once::at_once;
use super::check::{Outcome, Violation, conflicts, ensure, same};
use super::ledger_tree::integrate;
use super::samples::{entry, entry_id, entry_of, number_of, private_of_walk};

/// The numbers of the entries in the outbox, in its order.
pub(super) async fn pending<S: LedgerStore>(store: &S) -> Result<Vec<usize>, Violation> {
    let pending = store.pending(usize::MAX).await?;
    Ok(pending.iter().map(|entry| number_of(entry.id())).collect())
}

pub(super) async fn an_empty_ledger_is_empty<S: LedgerStore>(store: Arc<S>) -> Outcome {
    same("the size", &store.size().await?, &0)?;
    same("the outbox", &pending(&*store).await?, &vec![])?;
    same("the checkpoint", &store.checkpoint().await?, &None)?;
    same("a range", &store.entries(0..10).await?, &vec![])?;
    let root = NodeId { level: 0, index: 0 };
    same("nodes", &store.nodes(&[root]).await?, &vec![None])?;
    same("no nodes", &store.nodes(&[]).await?, &vec![])?;
    let queries = [
        EntryQuery::Index(0),
        EntryQuery::Leaf(entry(0).leaf()),
        EntryQuery::Id(entry_id(0)),
    ];
    for query in queries {
        same("an entry", &store.entry(&query).await?, &None)?;
    }
    Ok(store.enqueue(&[]).await?)
}

/// Entries that a store might be tempted to read, to trim or to cut.
fn awkward_entries() -> Vec<Entry> {
    let with_private = |number, private: Private| {
        let entry = entry_of(number, format!("{{\"n\":{number}}}").into_bytes());
        let (id, leaf, bytes) = (entry.id().clone(), entry.leaf(), entry.bytes().to_vec());
        Entry::from_parts(id, leaf, bytes, Some(private))
    };
    let every_byte: Vec<u8> = (0..=255).collect();
    vec![
        entry_of(1, b" {\"b\" : 1,\"a\":2}\r\n\0".to_vec()),
        entry_of(2, every_byte.clone()),
        entry_of(3, vec![b'x'; Entry::MAX_BYTES]),
        with_private(4, private_of_walk(&every_byte)),
        with_private(5, private_of_walk(b"")),
        entry_of(6, "{\"n\":\"e\u{301}\"}".into()),
    ]
}

pub(super) async fn entries_come_back_byte_for_byte<S: LedgerStore>(store: Arc<S>) -> Outcome {
    let entries = awkward_entries();
    store.enqueue(&entries).await?;
    let pending = store.pending(usize::MAX).await?;
    same("the outbox's length", &pending.len(), &entries.len())?;
    for (pending, entry) in pending.iter().zip(&entries) {
        same("an id in the outbox", pending.id(), entry.id())?;
        same("a leaf hash in the outbox", &pending.leaf(), &entry.leaf())?;
        ensure!(
            pending.bytes() == entry.bytes(),
            "the bytes of entry {} changed in the outbox",
            entry.id()
        );
    }
    // Half of them become leaves, the others are still in the outbox.
    integrate(&*store, 0, entries.get(..3).unwrap_or_default()).await?;
    for (position, entry) in (0_u64..).zip(&entries) {
        let stored = store.entry(&EntryQuery::Id(entry.id().clone())).await?;
        let Some(stored) = stored else {
            return Err(Violation(format!("entry {} is gone", entry.id())));
        };
        let index = (position < 3).then_some(position);
        same("the index of an entry", &stored.index, &index)?;
        ensure!(
            stored.entry == *entry,
            "entry {} came back with other bytes or another private part",
            entry.id()
        );
    }
    Ok(())
}

pub(super) async fn the_outbox_keeps_its_order<S: LedgerStore>(store: Arc<S>) -> Outcome {
    // Neither the ids nor the hashes are in this order.
    store.enqueue(&[entry(5), entry(3)]).await?;
    store.enqueue(&[entry(9)]).await?;
    store.enqueue(&[entry(1), entry(7)]).await?;
    same("the outbox", &pending(&*store).await?, &vec![5, 3, 9, 1, 7])?;
    for limit in 0..=6 {
        let length = store.pending(limit).await?.len();
        same("the length of a limited read", &length, &limit.min(5))?;
    }
    integrate(&*store, 0, &[entry(5), entry(3)]).await?;
    same("what is left", &pending(&*store).await?, &vec![9, 1, 7])?;
    store.enqueue(&[entry(4)]).await?;
    same("the outbox", &pending(&*store).await?, &vec![9, 1, 7, 4])
}

pub(super) async fn an_entry_is_enqueued_once<S: LedgerStore>(store: Arc<S>) -> Outcome {
    store.enqueue(&[entry(1), entry(2)]).await?;
    integrate(&*store, 0, &[entry(1)]).await?;
    let leaf_of = |number, other: usize| {
        let other = entry(other);
        Entry::from_parts(entry_id(number), other.leaf(), other.bytes().to_vec(), None)
    };
    let id_of = |number, other: usize| entry_of(number, format!("other {other}").into_bytes());
    let twice = [
        (
            "the id of an entry in the outbox",
            vec![entry(8), id_of(2, 9)],
        ),
        ("the id of a leaf", vec![entry(8), id_of(1, 9)]),
        (
            "the hash of an entry in the outbox",
            vec![entry(8), leaf_of(9, 2)],
        ),
        ("the hash of a leaf", vec![entry(8), leaf_of(9, 1)]),
        ("the same entry", vec![entry(8), entry(2)]),
        ("one id twice", vec![entry(8), id_of(8, 9)]),
        ("one hash twice", vec![entry(8), leaf_of(9, 8)]),
    ];
    for (what, entries) in twice {
        conflicts(what, store.enqueue(&entries).await)?;
        same("the outbox after it", &pending(&*store).await?, &vec![2])?;
    }
    // The refused entry was not kept anywhere, so it may come again.
    store.enqueue(&[entry(8)]).await?;
    same("the outbox", &pending(&*store).await?, &vec![2, 8])
}

pub(super) async fn entries_at_once_are_all_kept<S: LedgerStore + 'static>(
    store: Arc<S>,
) -> Outcome {
    let results = at_once(&store, 32, |store, number| async move {
        // The higher number first: the order is the caller's, not the ids'.
        let number = number.saturating_mul(2);
        let entries = [entry(number.saturating_add(1)), entry(number)];
        store.enqueue(&entries).await
    })
    .await?;
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    let pending = pending(&*store).await?;
    for number in (0..64_usize).step_by(2) {
        let place = |number| pending.iter().position(|found| *found == number);
        let (first, second) = (place(number.saturating_add(1)), place(number));
        ensure!(
            first.is_some() && second.is_some(),
            "entries were acknowledged and are not in the outbox"
        );
        ensure!(first < second, "entries of one call are out of order");
    }
    same("the length of the outbox", &pending.len(), &64)
}
