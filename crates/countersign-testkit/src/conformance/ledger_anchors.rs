//! Checks of what is kept beside the tree: time-stamped checkpoints and the last rotation.

use std::sync::Arc;

use countersign_audit::store::{Anchor, LedgerStore};

use super::at_once::at_once;
use super::check::{Outcome, conflicts, exactly, same};
use super::ledger_entries::pending;
use super::ledger_tree::three_leaves;
use super::samples::entry;

fn anchor(size: u64, tokens: &[&[u8]]) -> Anchor {
    Anchor {
        size,
        note: format!("note of {size}\n").into_bytes(),
        tokens: tokens.iter().map(|token| token.to_vec()).collect(),
    }
}

pub(super) async fn anchors_come_back_byte_for_byte<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    same("the first anchor", &store.anchor(0).await?, &None)?;
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut kept = anchor(2, &[&every_byte]);
    kept.note.extend_from_slice(&every_byte);
    store.put_anchor(&kept, 0).await?;
    same("the anchor", &store.anchor(1).await?, &Some(kept.clone()))?;
    kept.tokens.extend([b"second".to_vec(), b"".to_vec()]);
    store.put_anchor(&kept, 1).await?;
    same("the anchor", &store.anchor(1).await?, &Some(kept))
}

pub(super) async fn anchors_are_found_by_what_they_cover<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    same("the sizes", &store.anchors().await?, &Vec::new())?;
    for size in [3, 1] {
        store.put_anchor(&anchor(size, &[b"token"]), 0).await?;
    }
    same("the sizes", &store.anchors().await?, &vec![1, 3])?;
    let expected = [
        (0, Some(1)),
        (1, Some(3)),
        (2, Some(3)),
        (3, None),
        (u64::MAX, None),
    ];
    for (index, size) in expected {
        let what = format!("the anchor that covers the leaf at {index}");
        let found = store.anchor(index).await?.map(|anchor| anchor.size);
        same(&what, &found, &size)?;
    }
    Ok(())
}

pub(super) async fn an_anchor_compares_and_sets<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    let first = anchor(2, &[b"one"]);
    let put = async |anchor: Anchor, expected| store.put_anchor(&anchor, expected).await;
    conflicts("one past the tree", put(anchor(4, &[b"one"]), 0).await)?;
    conflicts("one that expects a token", put(first.clone(), 1).await)?;
    conflicts("one without a token", put(anchor(2, &[]), 0).await)?;
    same("the anchor", &store.anchor(1).await?, &None)?;
    put(first.clone(), 0).await?;
    let mut other_note = anchor(2, &[b"one", b"two"]);
    other_note.note.push(b'\n');
    let wrong = [
        ("one that expects none", anchor(2, &[b"one", b"two"]), 0),
        ("one that expects more", anchor(2, &[b"one", b"two"]), 2),
        ("one that adds nothing", anchor(2, &[b"one"]), 1),
        ("one that takes a token away", anchor(2, &[]), 1),
        ("one that changes a token", anchor(2, &[b"own", b"two"]), 1),
        ("one with another note", other_note, 1),
    ];
    for (what, anchor, expected) in wrong {
        conflicts(what, put(anchor, expected).await)?;
        same("the anchor", &store.anchor(1).await?, &Some(first.clone()))?;
    }
    put(anchor(2, &[b"one", b"two"]), 1).await?;
    let stored = Some(anchor(2, &[b"one", b"two"]));
    same("the anchor", &store.anchor(1).await?, &stored)
}

pub(super) async fn of_two_anchors_at_once_one_conflicts<S: LedgerStore + 'static>(
    store: Arc<S>,
) -> Outcome {
    three_leaves(&*store).await?;
    let results = at_once(&store, 16, |store, number| async move {
        let token = format!("token {number}");
        store.put_anchor(&anchor(3, &[token.as_bytes()]), 0).await
    })
    .await?;
    exactly("a first token from 16 callers", 1, results)
}

pub(super) async fn a_rotation_compares_and_sets<S: LedgerStore>(store: Arc<S>) -> Outcome {
    three_leaves(&*store).await?;
    same("the rotation", &store.rotation().await?, &None)?;
    let (first, second) = (entry(20), entry(21));
    let other = Some(entry(9).leaf());
    conflicts(
        "one that expects a rotation",
        store.rotate(other, &first).await,
    )?;
    store.rotate(None, &first).await?;
    same(
        "the rotation",
        &store.rotation().await?,
        &Some(first.leaf()),
    )?;
    conflicts("one that expects none", store.rotate(None, &second).await)?;
    conflicts(
        "one that expects another",
        store.rotate(other, &second).await,
    )?;
    let last = Some(first.leaf());
    conflicts(
        "an entry that is there",
        store.rotate(last, &entry(1)).await,
    )?;
    same("the rotation", &store.rotation().await?, &last)?;
    same("the outbox", &pending(&*store).await?, &vec![1, 7, 20])?;
    store.rotate(last, &second).await?;
    same(
        "the rotation",
        &store.rotation().await?,
        &Some(second.leaf()),
    )?;
    same("the outbox", &pending(&*store).await?, &vec![1, 7, 20, 21])
}
