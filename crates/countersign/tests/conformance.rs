//! The memory store keeps the ports' contracts, but for durability.

use countersign::memory::MemoryStore;
use countersign_testkit::conformance;

#[test]
fn memory_is_a_user_store() {
    let report = conformance::user_store(|| async { MemoryStore::new() });
    pollster::block_on(report).assert_passed();
}

#[test]
fn memory_is_a_ledger_store() {
    let report = conformance::ledger_store(|| async { MemoryStore::new() });
    pollster::block_on(report).assert_passed();
}

#[test]
fn memory_is_a_replay_store() {
    let report = conformance::replay_store(|| async { MemoryStore::new() });
    pollster::block_on(report).assert_passed();
}

#[test]
fn memory_is_a_vault() {
    let report = conformance::vault(|| async { MemoryStore::new() });
    pollster::block_on(report).assert_passed();
}
