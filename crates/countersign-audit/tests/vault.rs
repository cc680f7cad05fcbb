//! Private parts under vault keys: what opens them, and nothing else does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_audit::assertion::AssertionVerified;
use countersign_audit::key_wrap::{KeyWrapError, WrappedKey};
use countersign_audit::vault_store::{StoredVaultKey, UnclaimedQuery};
use countersign_audit::{
    Correlation, DataKey, KeyWrap, LocalKeyWrap, PrivatePart, SystemEntropy, Vault, VaultError,
    VaultStore, parse_record,
};
use countersign_core::{
    ConnectionId, CorrelationId, Entry, Private, StoreError, TenantId, Timestamp, UserId,
    VaultKeyId, VaultOwner,
};
use countersign_testkit::identity::vouched;
use pollster::block_on;

/// Keys in memory, for anybody to tamper with.
#[derive(Debug, Default)]
struct Keys(Mutex<BTreeMap<VaultKeyId, StoredVaultKey>>);

#[async_trait]
impl VaultStore for Keys {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        Ok(self.0.lock().unwrap().get(id).cloned())
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        let keys = self.0.lock().unwrap();
        Ok(keys
            .values()
            .filter(|key| key.owner == *owner)
            .cloned()
            .collect())
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        let mut keys = self.0.lock().unwrap();
        if keys.values().any(|stored| stored.owner == key.owner) {
            return Err(StoreError::conflict("put a key"));
        }
        keys.insert(key.id.clone(), key.clone());
        Ok(())
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        match self.0.lock().unwrap().get_mut(id) {
            Some(key) if key.wrapped.wrapped_by == wrapped_by => {
                key.wrapped = anew.clone();
                Ok(())
            }
            _ => Err(StoreError::conflict("rewrap a key")),
        }
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        _: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        let keys = self.0.lock().unwrap();
        let old = keys
            .values()
            .filter(|key| key.wrapped.wrapped_by != wrapped_by);
        Ok(old.cloned().collect())
    }

    async fn unclaimed_walks(&self, _: &UnclaimedQuery) -> Result<Vec<CorrelationId>, StoreError> {
        Ok(Vec::new())
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A service that holds the wrapping key and says no.
#[derive(Debug)]
struct Down;

#[async_trait]
impl KeyWrap for Down {
    fn key_name(&self) -> &str {
        "host-1"
    }

    async fn wrap(&self, _: &DataKey, _: &[u8]) -> Result<WrappedKey, KeyWrapError> {
        Err(KeyWrapError::unavailable("it is down"))
    }

    async fn unwrap(&self, _: &WrappedKey, _: &[u8]) -> Result<DataKey, KeyWrapError> {
        Err(KeyWrapError::unavailable("it is down"))
    }
}

fn owner(name: &str) -> VaultOwner {
    VaultOwner::Account(
        TenantId::new("acme").unwrap(),
        UserId::new(format!("user-{name}")).unwrap(),
    )
}

fn host_key() -> Arc<LocalKeyWrap> {
    Arc::new(LocalKeyWrap::new("host-1", [1; 32]))
}

/// The store and its vault, and a sealed record of a person whom it files.
struct Fixture {
    keys: Arc<Keys>,
    vault: Vault,
    entry: Entry,
}

impl Fixture {
    fn new() -> Self {
        let keys = Arc::new(Keys::default());
        let vault = Vault::new(keys.clone(), host_key());
        let entry = seal(&vault, "a");
        Self { keys, vault, entry }
    }

    /// The same with another wrapping key.
    fn wrapped_by(&self, wrap: impl KeyWrap + 'static) -> Vault {
        Vault::new(self.keys.clone(), Arc::new(wrap))
    }

    fn private(&self) -> Private {
        self.entry.private().unwrap().clone()
    }

    /// The entry with another private part.
    fn with(&self, private: Private) -> Entry {
        let (id, bytes) = (self.entry.id().clone(), self.entry.bytes().to_vec());
        Entry::from_parts(id, self.entry.leaf(), bytes, Some(private))
    }

    #[track_caller]
    fn is_not_decrypted(&self, private: Private) {
        let opened = block_on(self.vault.open(&self.with(private)));
        assert!(
            matches!(opened, Err(VaultError::NotDecrypted { .. })),
            "{opened:?}"
        );
    }
}

fn seal(vault: &Vault, name: &str) -> Entry {
    let entropy = SystemEntropy::new();
    let now = Timestamp::UNIX_EPOCH;
    let filing = block_on(vault.filing(owner(name), now, &entropy)).unwrap();
    let walk = CorrelationId::new(format!("walk-{name}")).unwrap();
    let mut walk = Correlation::begin(TenantId::new("acme").unwrap(), walk).filed(filing);
    let identity = vouched("https://idp.example", (name, "format"), []);
    let draft = AssertionVerified::draft(ConnectionId::new("acme-idp").unwrap(), &identity);
    walk.seal(draft, now, &entropy).unwrap().into_parts().0
}

#[test]
fn what_was_filed_is_opened_with_the_hosts_key() {
    let fixture = Fixture::new();
    let record = parse_record(fixture.entry.bytes()).unwrap();
    assert_eq!(record.key_id, fixture.private().key_id);
    let part = block_on(fixture.vault.open(&fixture.entry))
        .unwrap()
        .unwrap();
    for (field, opening) in part.openings().iter() {
        assert_eq!(opening.commit(field).unwrap(), record.commitments[field]);
    }
    assert!(PrivatePart::parse(&fixture.private().bytes).is_err());
}

/// nonce(12) ‖ ciphertext ‖ tag(16), and no nonce twice \[record.md §4.2\].
#[test]
fn every_private_part_has_a_nonce_of_its_own() {
    let fixture = Fixture::new();
    let part = block_on(fixture.vault.open(&fixture.entry))
        .unwrap()
        .unwrap();
    let content = part.to_bytes().unwrap();
    assert_eq!(fixture.private().bytes.len(), 12 + content.len() + 16);
    let again = seal(&fixture.vault, "a");
    assert_eq!(again.private().unwrap().key_id, fixture.private().key_id);
    assert_ne!(
        again.private().unwrap().bytes[..12],
        fixture.private().bytes[..12]
    );
}

#[test]
fn another_wrapping_key_opens_nothing() {
    let fixture = Fixture::new();
    let other = fixture.wrapped_by(LocalKeyWrap::new("host-1", [2; 32]));
    let error = block_on(other.open(&fixture.entry)).unwrap_err();
    assert_eq!(error.code(), "key_wrap.refused");
}

#[test]
fn an_unknown_wrapping_key_opens_nothing() {
    let fixture = Fixture::new();
    let other = fixture.wrapped_by(LocalKeyWrap::new("host-2", [1; 32]));
    let error = block_on(other.open(&fixture.entry)).unwrap_err();
    assert_eq!(error.code(), "key_wrap.unknown");
}

#[test]
fn a_wrapping_key_that_is_down_files_and_opens_nothing() {
    let fixture = Fixture::new();
    let down = fixture.wrapped_by(Down);
    let error = block_on(down.open(&fixture.entry)).unwrap_err();
    assert_eq!(error.code(), "key_wrap.unavailable");
    let now = Timestamp::UNIX_EPOCH;
    let filing = block_on(down.filing(owner("b"), now, &SystemEntropy::new()));
    assert_eq!(filing.unwrap_err().code(), "key_wrap.unavailable");
    assert_eq!(fixture.keys.0.lock().unwrap().len(), 1);
}

#[test]
fn a_private_part_that_was_moved_to_another_record_is_not_decrypted() {
    let fixture = Fixture::new();
    let other = seal(&fixture.vault, "a");
    fixture.is_not_decrypted(other.private().unwrap().clone());
}

#[test]
fn a_private_part_under_another_accounts_key_is_not_decrypted() {
    let fixture = Fixture::new();
    let other = seal(&fixture.vault, "b");
    fixture.is_not_decrypted(Private {
        key_id: other.private().unwrap().key_id.clone(),
        ..fixture.private()
    });
}

#[test]
fn a_wrapped_key_in_another_keys_place_is_refused() {
    let fixture = Fixture::new();
    let other = seal(&fixture.vault, "b")
        .private()
        .unwrap()
        .key_id
        .clone()
        .unwrap();
    let mine = fixture.private().key_id.unwrap();
    let mut keys = fixture.keys.0.lock().unwrap();
    let wrapped = keys[&other].wrapped.clone();
    keys.get_mut(&mine).unwrap().wrapped = wrapped;
    drop(keys);
    let error = block_on(fixture.vault.open(&fixture.entry)).unwrap_err();
    assert_eq!(error.code(), "key_wrap.refused");
}

#[test]
fn a_private_part_that_was_cut_off_is_not_decrypted() {
    let fixture = Fixture::new();
    let whole = fixture.private().bytes;
    for length in [0, 11, 12, 27, 28, whole.len() - 1] {
        fixture.is_not_decrypted(Private {
            bytes: whole[..length].to_vec(),
            ..fixture.private()
        });
    }
}

#[test]
fn a_private_part_with_one_bit_changed_is_not_decrypted() {
    let fixture = Fixture::new();
    let whole = fixture.private().bytes;
    for byte in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        fixture.is_not_decrypted(Private {
            bytes,
            ..fixture.private()
        });
    }
}

#[test]
fn a_wrapped_key_with_one_bit_changed_is_refused() {
    let fixture = Fixture::new();
    let id = fixture.private().key_id.unwrap();
    let whole = fixture.keys.0.lock().unwrap()[&id].wrapped.bytes.clone();
    for byte in 0..whole.len() {
        let mut keys = fixture.keys.0.lock().unwrap();
        let wrapped = &mut keys.get_mut(&id).unwrap().wrapped.bytes;
        wrapped.clone_from(&whole);
        wrapped[byte] ^= 1;
        drop(keys);
        let error = block_on(fixture.vault.open(&fixture.entry)).unwrap_err();
        assert_eq!(error.code(), "key_wrap.refused");
    }
}

/// Whoever says that it is in the clear says what every reader sees not to be true.
#[test]
fn a_private_part_that_is_called_clear_and_is_not_is_malformed() {
    let fixture = Fixture::new();
    let entry = fixture.with(Private {
        key_id: None,
        ..fixture.private()
    });
    let error = block_on(fixture.vault.open(&entry)).unwrap_err();
    assert_eq!(error.code(), "vault.malformed");
}

#[test]
fn what_has_no_key_any_more_is_erased() {
    let fixture = Fixture::new();
    fixture.keys.0.lock().unwrap().clear();
    assert_eq!(block_on(fixture.vault.open(&fixture.entry)).unwrap(), None);
}

#[test]
fn an_account_has_one_key_however_often_it_is_asked_for() {
    let fixture = Fixture::new();
    seal(&fixture.vault, "a");
    seal(&fixture.vault, "b");
    assert_eq!(fixture.keys.0.lock().unwrap().len(), 2);
}

#[test]
fn a_rotation_wraps_everything_anew_and_the_old_key_opens_nothing() {
    let fixture = Fixture::new();
    seal(&fixture.vault, "b");
    let both = LocalKeyWrap::new("host-2", [2; 32]).retired("host-1", [1; 32]);
    let rotating = fixture.wrapped_by(both);
    assert_eq!(block_on(rotating.rewrap(NonZeroU32::MAX)).unwrap().keys, 2);
    assert_eq!(block_on(rotating.rewrap(NonZeroU32::MAX)).unwrap().keys, 0);
    let new = fixture.wrapped_by(LocalKeyWrap::new("host-2", [2; 32]));
    assert!(block_on(new.open(&fixture.entry)).unwrap().is_some());
    let error = block_on(fixture.vault.open(&fixture.entry)).unwrap_err();
    assert_eq!(error.code(), "key_wrap.unknown");
}

#[test]
fn debug_shows_no_key() {
    let key = DataKey::from_bytes([0xAB; 32]);
    assert!(!format!("{key:?} {:?}", host_key()).contains("171"));
}
