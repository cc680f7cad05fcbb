//! The conformance suites fail on every store that is broken on purpose, and every check of
//! them fails on one at least: a check that can not fail checks nothing.

use std::collections::BTreeSet;

use countersign::memory::MemoryStore;
use countersign_testkit::broken::{
    BrokenLedgerStore, BrokenReplayStore, BrokenUserStore, BrokenVault, LedgerDefect, ReplayDefect,
    UserDefect, VaultDefect,
};
use countersign_testkit::conformance::{self, Report};
use pollster::block_on;

/// Every check passes on the store that is right, and is the one that catches some defect.
fn assert_every_check_can_fail(right: &Report, caught_by: BTreeSet<&str>) {
    right.assert_passed();
    let checks: BTreeSet<&str> = right.passed().iter().copied().collect();
    assert_eq!(checks, caught_by);
}

#[test]
fn every_broken_user_store_is_caught() {
    for &defect in UserDefect::ALL {
        let make = || async { BrokenUserStore::new(MemoryStore::new(), defect) };
        let report = block_on(conformance::user_store(make));
        assert!(
            report.has_failed(defect.caught_by()),
            "{defect:?}: {report}"
        );
    }
}

#[test]
fn every_broken_ledger_store_is_caught() {
    for &defect in LedgerDefect::ALL {
        let make = || async { BrokenLedgerStore::new(MemoryStore::new(), defect) };
        let report = block_on(conformance::ledger_store(make));
        assert!(
            report.has_failed(defect.caught_by()),
            "{defect:?}: {report}"
        );
    }
}

#[test]
fn every_broken_replay_store_is_caught() {
    for &defect in ReplayDefect::ALL {
        let make = || async { BrokenReplayStore::new(MemoryStore::new(), defect) };
        let report = block_on(conformance::replay_store(make));
        assert!(
            report.has_failed(defect.caught_by()),
            "{defect:?}: {report}"
        );
    }
}

#[test]
fn every_broken_vault_is_caught() {
    for &defect in VaultDefect::ALL {
        let make = || async { BrokenVault::new(MemoryStore::new(), defect) };
        let report = block_on(conformance::vault(make));
        assert!(
            report.has_failed(defect.caught_by()),
            "{defect:?}: {report}"
        );
    }
}

#[test]
fn every_check_can_fail() {
    let make = || async { MemoryStore::new() };
    let users = block_on(conformance::user_store(make));
    let defects = UserDefect::ALL.iter();
    assert_every_check_can_fail(&users, defects.map(|d| d.caught_by()).collect());
    let ledger = block_on(conformance::ledger_store(make));
    let defects = LedgerDefect::ALL.iter();
    assert_every_check_can_fail(&ledger, defects.map(|d| d.caught_by()).collect());
    let replay = block_on(conformance::replay_store(make));
    let defects = ReplayDefect::ALL.iter();
    assert_every_check_can_fail(&replay, defects.map(|d| d.caught_by()).collect());
    let vault = block_on(conformance::vault(make));
    let defects = VaultDefect::ALL.iter();
    assert_every_check_can_fail(&vault, defects.map(|d| d.caught_by()).collect());
}
