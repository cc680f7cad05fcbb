//! Checks of the tree and its checkpoint.

use std::sync::Arc;

use countersign_audit::store::{
    EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{Entry, Sha256Digest, StoreError};

use super::at_once::at_once;
use super::check::{Outcome, conflicts, exactly, refuses, same};
use super::ledger_entries::pending;
use super::samples::entry;

/// Makes leaves of entries, with their level of nodes.
pub(super) async fn integrate<S: LedgerStore>(
    store: &S,
    expected_size: u64,
    entries: &[Entry],
) -> Result<(), StoreError> {
    store.integrate(&integration(expected_size, entries)).await
}

fn integration(expected_size: u64, entries: &[Entry]) -> Integration {
    let leaf = |(index, entry): (u64, &Entry)| {
        let hash = Sha256Digest::from_bytes(*entry.leaf().as_bytes());
        (node(0, index), hash)
    };
    Integration {
        expected_size,
        entries: entries.iter().map(|entry| entry.id().clone()).collect(),
        nodes: (expected_size..).zip(entries).map(leaf).collect(),
    }
}

fn node(level: u8, index: u64) -> NodeId {
    NodeId { level, index }
}

fn digest(byte: u8) -> Sha256Digest {
    Sha256Digest::from_bytes([byte; 32])
}

fn checkpoint(size: u64, note: &[u8]) -> StoredCheckpoint {
    StoredCheckpoint {
        size,
        note: note.to_vec(),
    }
}

fn stored(index: Option<u64>, number: usize) -> StoredEntry {
    let entry = entry(number);
    StoredEntry { index, entry }
}

/// A ledger with leaves 5, 3, 9 and entries 1, 7 in the outbox.
pub(super) async fn three_leaves<S: LedgerStore>(store: &S) -> Result<(), StoreError> {
    let entries = [entry(5), entry(3), entry(9), entry(1), entry(7)];
    store.enqueue(&entries).await?;
    integrate(store, 0, &[entry(5), entry(3)]).await?;
    integrate(store, 2, &[entry(9)]).await
}

pub(super) async fn entries_are_found_by_index_leaf_and_id<S: LedgerStore>(
    store: Arc<S>,
) -> Outcome {
    three_leaves(&*store).await?;
    same("the size", &store.size().await?, &3)?;
    let all = [
        (5, Some(0)),
        (3, Some(1)),
        (9, Some(2)),
        (1, None),
        (7, None),
    ];
    for (number, index) in all {
        let expected = Some(stored(index, number));
        let id = EntryQuery::Id(entry(number).id().clone());
        same("an entry by its id", &store.entry(&id).await?, &expected)?;
        let leaf = EntryQuery::Leaf(entry(number).leaf());
        same(
            "an entry by its leaf",
            &store.entry(&leaf).await?,
            &expected,
        )?;
        if let Some(index) = index {
            let index = EntryQuery::Index(index);
            same(
                "an entry by its index",
                &store.entry(&index).await?,
                &expected,
            )?;
        }
    }
    for index in [3, 4, 5, u64::MAX] {
        let found = store.entry(&EntryQuery::Index(index)).await?;
        same("an index past the tree", &found, &None)?;
    }
    Ok(())
}

/// Leaves, what waits in the outbox, what is not there, and one twice.
pub(super) async fn entries_come_back_in_the_order_asked<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    let asked = [4, 9, 1, 5, 9].map(|number| entry(number).leaf());
    let expected = vec![
        None,
        Some(stored(Some(2), 9)),
        Some(stored(None, 1)),
        Some(stored(Some(0), 5)),
        Some(stored(Some(2), 9)),
    ];
    same("entries", &store.leaves(&asked).await?, &expected)?;
    same("no entries", &store.leaves(&[]).await?, &Vec::new())
}

#[allow(
    clippy::reversed_empty_ranges,
    reason = "a range that ends before it starts is what is asked for"
)]
pub(super) async fn a_range_ends_with_the_tree<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    let leaves = [stored(Some(0), 5), stored(Some(1), 3), stored(Some(2), 9)];
    let ranges = [
        (0..3, &leaves[..]),
        (0..u64::MAX, &leaves[..]),
        (1..2, &leaves[1..2]),
        (2..9, &leaves[2..]),
        (3..9, &[]),
        (1..1, &[]),
        (2..1, &[]),
        (u64::MAX..u64::MAX, &[]),
    ];
    for (range, expected) in ranges {
        let what = format!("the entries {range:?}");
        same(&what, &store.entries(range).await?.as_slice(), &expected)?;
    }
    Ok(())
}

pub(super) async fn only_the_first_of_the_outbox_become_leaves<S: LedgerStore>(
    store: Arc<S>,
) -> Outcome {
    three_leaves(&*store).await?;
    let wrong = [
        ("the second entry of the outbox", vec![entry(7)]),
        ("entries in another order", vec![entry(7), entry(1)]),
        ("an entry twice", vec![entry(1), entry(1)]),
        ("a leaf", vec![entry(9)]),
        ("an unknown entry", vec![entry(100)]),
        ("more than there are", vec![entry(1), entry(7), entry(100)]),
    ];
    for (what, entries) in wrong {
        conflicts(what, integrate(&*store, 3, &entries).await)?;
        same("the size after it", &store.size().await?, &3)?;
        same("the outbox after it", &pending(&*store).await?, &vec![1, 7])?;
        let nodes = store.nodes(&[node(0, 3)]).await?;
        same("the nodes after it", &nodes, &vec![None])?;
    }
    integrate(&*store, 3, &[entry(1)]).await?;
    same("the outbox", &pending(&*store).await?, &vec![7])?;
    same("the size", &store.size().await?, &4)
}

pub(super) async fn integrating_compares_the_size<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    for size in [0, 2, 4, u64::MAX] {
        let mut integration = integration(3, &[entry(1)]);
        integration.expected_size = size;
        let what = format!("an integration that expects size {size} at size 3");
        conflicts(&what, store.integrate(&integration).await)?;
        same("the size after it", &store.size().await?, &3)?;
    }
    Ok(())
}

pub(super) async fn of_two_integrations_at_once_one_conflicts<S: LedgerStore + 'static>(
    store: Arc<S>,
) -> Outcome {
    let entries: Vec<Entry> = (0..8).map(entry).collect();
    store.enqueue(&entries).await?;
    let results = at_once(&store, 16, |store, _| async move {
        integrate(&*store, 0, &[entry(0), entry(1)]).await
    })
    .await?;
    exactly("the same integration from 16 callers", 1, results)?;
    same("the size", &store.size().await?, &2)
}

pub(super) async fn nodes_come_back_in_the_order_asked<S: LedgerStore>(store: Arc<S>) -> Outcome {
    store.enqueue(&[entry(0), entry(1)]).await?;
    let mut integration = integration(0, &[entry(0), entry(1)]);
    // Indexes and levels as a very large tree would have them.
    let far = node(3, u64::from(u32::MAX).saturating_mul(1000));
    let nodes = [
        (node(0, 0), digest(0)),
        (node(0, 1), digest(1)),
        (node(1, 0), digest(2)),
        (far, digest(3)),
        (node(63, 0), digest(4)),
    ];
    integration.nodes = nodes.to_vec();
    store.integrate(&integration).await?;
    let asked = [
        node(1, 0),
        node(0, 2),
        node(0, 1),
        node(0, 1),
        far,
        node(2, 0),
        node(63, 0),
        node(0, u64::MAX),
        node(255, 0),
        node(0, 0),
    ];
    let expected = vec![
        Some(digest(2)),
        None,
        Some(digest(1)),
        Some(digest(1)),
        Some(digest(3)),
        None,
        Some(digest(4)),
        None,
        None,
        Some(digest(0)),
    ];
    same("the nodes", &store.nodes(&asked).await?, &expected)
}

pub(super) async fn nodes_never_change<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    let before = store.nodes(&[node(0, 0), node(0, 3)]).await?;
    let mut integration = integration(3, &[entry(1)]);
    integration.nodes.push((node(0, 0), digest(9)));
    refuses(
        "an integration that writes a node again",
        store.integrate(&integration).await,
    )?;
    let after = store.nodes(&[node(0, 0), node(0, 3)]).await?;
    same("the nodes after it", &after, &before)?;
    same("the size after it", &store.size().await?, &3)
}

pub(super) async fn a_checkpoint_compares_and_sets<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    let every_byte: Vec<u8> = (0..=255).collect();
    let put = async |expected: Option<&StoredCheckpoint>, size, note: &[u8]| {
        let checkpoint = checkpoint(size, note);
        store.put_checkpoint(expected, &checkpoint).await
    };
    let empty = checkpoint(0, b"");
    conflicts(
        "one that expects another first",
        put(Some(&empty), 1, b"x").await,
    )?;
    conflicts("one past the tree", put(None, 4, b"x").await)?;
    same("the checkpoint", &store.checkpoint().await?, &None)?;
    put(None, 2, &every_byte).await?;
    let first = checkpoint(2, &every_byte);
    let stored = Some(first.clone());
    same("the checkpoint", &store.checkpoint().await?, &stored)?;
    let older = checkpoint(1, &every_byte);
    conflicts("one that expects none", put(None, 3, b"x").await)?;
    conflicts(
        "one that expects an older",
        put(Some(&older), 3, b"x").await,
    )?;
    conflicts("one that goes back", put(Some(&first), 1, b"x").await)?;
    conflicts("one past the tree", put(Some(&first), 4, b"x").await)?;
    same("the checkpoint", &store.checkpoint().await?, &stored)?;
    put(Some(&first), 2, b"signed again").await?;
    put(Some(&checkpoint(2, b"signed again")), 3, b"larger").await?;
    let stored = Some(checkpoint(3, b"larger"));
    same("the checkpoint", &store.checkpoint().await?, &stored)
}

pub(super) async fn a_note_compares_and_sets<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    let (plain, cosigned) = (checkpoint(2, b"plain"), checkpoint(2, b"cosigned"));
    store.put_checkpoint(None, &plain).await?;
    store.put_checkpoint(Some(&plain), &cosigned).await?;
    let another = checkpoint(2, b"cosigned by another");
    let result = store.put_checkpoint(Some(&plain), &another).await;
    conflicts("one that expects another note of the same size", result)?;
    let stored = Some(cosigned);
    same("the checkpoint", &store.checkpoint().await?, &stored)
}

pub(super) async fn of_two_checkpoints_at_once_one_conflicts<S: LedgerStore + 'static>(
    store: Arc<S>,
) -> Outcome {
    three_leaves(&*store).await?;
    store.put_checkpoint(None, &checkpoint(1, b"first")).await?;
    let results = at_once(&store, 16, |store, number| async move {
        let note = format!("note {number}");
        let checkpoint = checkpoint(3, note.as_bytes());
        let first = self::checkpoint(1, b"first");
        store.put_checkpoint(Some(&first), &checkpoint).await
    })
    .await?;
    exactly("a checkpoint from 16 callers", 1, results)
}
