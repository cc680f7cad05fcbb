-- Instants are milliseconds since the Unix epoch. Hashes are 32 bytes. Texts compare byte for
-- byte (BINARY, SQLite's default), because identifiers do.
--
-- No check has a list of more than two behind its IN: SQLite would fill a temporary table with it for
-- each row that it writes.

-- Accounts. -----------------------------------------------------------------------------------

CREATE TABLE users (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state = 'invited' OR state = 'active' OR state = 'stale'
            OR state = 'pending_approval' OR state = 'suspended' OR state = 'deprovisioned'
            OR state = 'erased'),
    state_since INTEGER NOT NULL,
    state_entry BLOB CHECK (length(state_entry) = 32),
    hold BLOB CHECK (length(hold) = 32),
    email TEXT,
    email_verified_locally INTEGER NOT NULL CHECK (email_verified_locally IN (0, 1)),
    given_name TEXT,
    family_name TEXT,
    display_name TEXT,
    account_id TEXT,
    permission_profile_id TEXT,
    created_at INTEGER NOT NULL,
    last_sign_in_at INTEGER,
    entry BLOB CHECK (length(entry) = 32),
    version INTEGER NOT NULL CHECK (version > 0),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_email ON users (tenant, email) WHERE email IS NOT NULL;

-- How many accounts of a tenant take a seat: counted as they change, because counting them at
-- each sign-in would cost more with every account.
CREATE TABLE seats (
    tenant TEXT NOT NULL PRIMARY KEY,
    taken INTEGER NOT NULL CHECK (taken >= 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER users_created AFTER INSERT ON users WHEN NEW.state NOT IN ('deprovisioned', 'erased')
BEGIN
    INSERT INTO seats (tenant, taken) VALUES (NEW.tenant, 1)
        ON CONFLICT (tenant) DO UPDATE SET taken = taken + 1;
END;

CREATE TRIGGER users_moved AFTER UPDATE OF state ON users
    WHEN (OLD.state IN ('deprovisioned', 'erased')) <> (NEW.state IN ('deprovisioned', 'erased'))
BEGIN
    INSERT INTO seats (tenant, taken) VALUES (NEW.tenant, NEW.state NOT IN ('deprovisioned', 'erased'))
        ON CONFLICT (tenant) DO UPDATE
        SET taken = taken + iif(NEW.state IN ('deprovisioned', 'erased'), -1, 1);
END;

CREATE TRIGGER users_removed AFTER DELETE ON users WHEN OLD.state NOT IN ('deprovisioned', 'erased')
BEGIN
    UPDATE seats SET taken = taken - 1 WHERE tenant = OLD.tenant;
END;

-- The primary key is the promise that one subject has one account.
CREATE TABLE links (
    tenant TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user TEXT NOT NULL,
    connection TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    entry BLOB NOT NULL CHECK (length(entry) = 32),
    PRIMARY KEY (tenant, issuer, subject),
    FOREIGN KEY (tenant, user) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX links_by_user ON links (tenant, user);

CREATE TABLE grants (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    owner TEXT NOT NULL
        CHECK (owner = 'jit' OR owner = 'default' OR owner = 'manual' OR owner = 'temporary'
            OR owner = 'scim' OR owner = 'barred'),
    owner_connection TEXT CHECK ((owner_connection IS NULL) = (owner NOT IN ('jit', 'default'))),
    rule TEXT,
    policy_hash BLOB NOT NULL CHECK (length(policy_hash) = 32),
    first_given_at INTEGER NOT NULL,
    granted_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- Patterns of document types, one a line; empty for all that the role allows.
    scope TEXT NOT NULL,
    entry BLOB NOT NULL CHECK (length(entry) = 32),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_by_user ON grants (tenant, user);

-- Whether a role has a holder left.
CREATE INDEX grants_by_role ON grants (tenant, role, user);

-- Consents to electronic records that were not withdrawn.
CREATE TABLE consents (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    user TEXT NOT NULL,
    -- Patterns of document types, one a line.
    scope TEXT NOT NULL,
    disclosure_sha256 BLOB NOT NULL CHECK (length(disclosure_sha256) = 32),
    disclosure_version TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    entry BLOB NOT NULL CHECK (length(entry) = 32),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_by_user ON consents (tenant, user);

CREATE TABLE sessions (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    user TEXT NOT NULL,
    connection TEXT NOT NULL,
    door TEXT NOT NULL CHECK (door IN ('saml', 'email')),
    authn_context TEXT,
    authn_instant INTEGER,
    opened_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    session_index TEXT,
    correlation TEXT NOT NULL,
    entry BLOB NOT NULL CHECK (length(entry) = 32),
    closed_at INTEGER,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user) REFERENCES users (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (tenant, user);

-- Only those that a logout can still end.
CREATE INDEX sessions_by_index ON sessions (tenant, session_index)
    WHERE closed_at IS NULL AND session_index IS NOT NULL;

-- A connection that is not here is enabled and has epoch 0.
CREATE TABLE connections (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

-- The latest `policy.changed` entry of a tenant.
CREATE TABLE policies (
    tenant TEXT NOT NULL PRIMARY KEY,
    entry BLOB NOT NULL CHECK (length(entry) = 32)
) STRICT, WITHOUT ROWID;

-- One-time entries that were used up: invitations, proofs of an address. A leaf hash is one
-- entry's, whichever tenant it belongs to.
CREATE TABLE spent (
    leaf BLOB NOT NULL PRIMARY KEY CHECK (length(leaf) = 32),
    tenant TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was accepted once. ---------------------------------------------------------------------

CREATE TABLE replay (
    issuer TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX replay_by_expiry ON replay (expires_at);

-- The ledger. ---------------------------------------------------------------------------------

-- Every entry, in the order of the commits and without a gap: a row is a run of entries that one
-- transaction added, so that many of them cost little more than one. The first `tree.size` entries
-- are the leaves of the tree, each at its position; the others are the outbox. No two have the same
-- leaf hash; the store sees to that, because an index that is written with each entry would cost
-- more than the entry.
CREATE TABLE runs (
    -- The position of the first.
    first INTEGER NOT NULL PRIMARY KEY CHECK (first >= 0),
    -- Their leaf hashes, one after the other.
    leaves BLOB NOT NULL CHECK (length(leaves) > 0 AND length(leaves) % 32 = 0),
    -- Their ids, a JSON array.
    ids TEXT NOT NULL CHECK (json_array_length(ids) * 32 = length(leaves)),
    -- Their bytes, one after the other, and where those of each end, a JSON array.
    ends TEXT NOT NULL CHECK (json_array_length(ends) * 32 = length(leaves)),
    bytes BLOB NOT NULL,
    CHECK (json_extract(ends, '$[#-1]') = length(bytes))
) STRICT;

-- `FAIL`, because SQLite prepares for an `ABORT` by copying the pages that are about to change.
CREATE TRIGGER runs_have_no_gap BEFORE INSERT ON runs
    WHEN NEW.first <> coalesce(
        (SELECT first + length(leaves) / 32 FROM runs ORDER BY first DESC LIMIT 1), 0)
BEGIN
    SELECT RAISE(FAIL, 'entries are added at the end');
END;

CREATE TRIGGER runs_never_change BEFORE UPDATE ON runs
BEGIN
    SELECT RAISE(ABORT, 'entries are never changed');
END;

CREATE TRIGGER runs_stay BEFORE DELETE ON runs
BEGIN
    SELECT RAISE(ABORT, 'entries are never deleted');
END;

-- Each entry for itself, for whoever looks into the file.
CREATE VIEW entries (position, id, leaf, bytes) AS
    SELECT runs.first + ids.key, ids.value, substr(leaves, ids.key * 32 + 1, 32),
        CAST(substr(bytes, 1 + iif(ids.key = 0, 0, json_extract(ends, '$[' || (ids.key - 1) || ']')),
            json_extract(ends, '$[' || ids.key || ']')
                - iif(ids.key = 0, 0, json_extract(ends, '$[' || (ids.key - 1) || ']'))) AS BLOB)
    FROM runs, json_each(runs.ids) AS ids;

-- Where the entry with an id is; no two have the same.
CREATE TABLE entry_ids (
    id TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where the entry of a leaf hash is, by the first eight bytes of the hash as a signed integer,
-- which need not be one entry's alone. Filled one slice at a time: all hashes that begin with one
-- byte.
CREATE TABLE leaf_index (
    key INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (key, position)
) STRICT, WITHOUT ROWID;

-- Up to which position the entries of a slice are in `leaf_index`: 0 for a slice that is not here.
CREATE TABLE leaf_slices (
    slice INTEGER NOT NULL PRIMARY KEY CHECK (slice BETWEEN 0 AND 255),
    indexed_to INTEGER NOT NULL
) STRICT;

-- What entries leave out: personal values and raw bytes, in the clear or encrypted with a vault
-- key. A table of its own, because they are erased while the entry stays for ever: those of one
-- owner together, an account or a walk that no account is known of. A row has the parts of entries
-- that follow each other, of one owner, filed at one time.
CREATE TABLE private (
    -- The position of the first entry.
    first INTEGER NOT NULL PRIMARY KEY CHECK (first >= 0),
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL CHECK (owner IN ('account', 'walk')),
    owner_id TEXT NOT NULL,
    filed_at INTEGER NOT NULL,
    key_id TEXT,
    -- The parts, one after the other, and where each ends, a JSON array.
    ends TEXT NOT NULL,
    bytes BLOB NOT NULL,
    CHECK (json_extract(ends, '$[#-1]') = length(bytes))
) STRICT;

CREATE INDEX private_by_owner ON private (tenant, owner, owner_id, filed_at);

-- What private parts are encrypted with, wrapped by the host's key.
CREATE TABLE vault_keys (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL CHECK (owner IN ('account', 'walk')),
    owner_id TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    wrapped_by TEXT NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX vault_keys_by_owner ON vault_keys (tenant, owner, owner_id, made_at);

CREATE INDEX vault_keys_by_wrapping_key ON vault_keys (wrapped_by);

-- Has a row from an erasure until nothing of what it erased is left in any file. Each erasure puts
-- its own mark in the place of the one before: whoever rewrote the file takes away the mark that was
-- there before, and leaves one that another process has made meanwhile.
CREATE TABLE to_scrub (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 0),
    mark BLOB NOT NULL
) STRICT;

CREATE TABLE tree (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size INTEGER NOT NULL CHECK (size >= 0)
) STRICT;

INSERT INTO tree (only_row, size) VALUES (0, 0);

CREATE TRIGGER tree_never_shrinks BEFORE UPDATE ON tree WHEN NEW.size < OLD.size
BEGIN
    SELECT RAISE(ABORT, 'the tree never shrinks');
END;

CREATE TRIGGER tree_stays BEFORE DELETE ON tree
BEGIN
    SELECT RAISE(ABORT, 'the tree is never deleted');
END;

-- Nodes of the tree: a row holds the hashes of some that follow each other in one tier, which is
-- eight levels, in the order in which they become complete.
CREATE TABLE nodes (
    tier INTEGER NOT NULL CHECK (tier BETWEEN 0 AND 7),
    first INTEGER NOT NULL CHECK (first >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) > 0 AND length(hashes) % 32 = 0),
    PRIMARY KEY (tier, first)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER nodes_are_written_once BEFORE INSERT ON nodes
    WHEN NEW.first < (SELECT first + length(hashes) / 32 FROM nodes
            WHERE tier = NEW.tier AND first <= NEW.first ORDER BY first DESC LIMIT 1)
        OR EXISTS (SELECT 1 FROM nodes WHERE tier = NEW.tier
            AND first > NEW.first AND first < NEW.first + length(NEW.hashes) / 32)
BEGIN
    SELECT RAISE(FAIL, 'nodes are written once');
END;

CREATE TRIGGER nodes_never_change BEFORE UPDATE ON nodes
BEGIN
    SELECT RAISE(ABORT, 'nodes are never changed');
END;

CREATE TRIGGER nodes_stay BEFORE DELETE ON nodes
BEGIN
    SELECT RAISE(ABORT, 'nodes are never deleted');
END;

CREATE TABLE checkpoint (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size INTEGER NOT NULL CHECK (size >= 0),
    note BLOB NOT NULL
) STRICT;

CREATE TRIGGER checkpoint_never_goes_back BEFORE UPDATE ON checkpoint WHEN NEW.size < OLD.size
BEGIN
    SELECT RAISE(ABORT, 'the checkpoint never goes back');
END;

CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint
BEGIN
    SELECT RAISE(ABORT, 'the checkpoint is never deleted');
END;

-- Checkpoints that a time-stamp was taken of: a note, and the tokens about it.
CREATE TABLE anchors (
    size INTEGER NOT NULL PRIMARY KEY CHECK (size >= 0),
    note BLOB NOT NULL
) STRICT;

CREATE TRIGGER anchors_never_change BEFORE UPDATE ON anchors
BEGIN
    SELECT RAISE(ABORT, 'anchors are never changed');
END;

CREATE TRIGGER anchors_stay BEFORE DELETE ON anchors
BEGIN
    SELECT RAISE(ABORT, 'anchors are never deleted');
END;

-- The oldest token of an anchor is number 0; each later one renews those before it.
CREATE TABLE anchor_tokens (
    size INTEGER NOT NULL REFERENCES anchors (size),
    number INTEGER NOT NULL CHECK (number >= 0),
    token BLOB NOT NULL,
    PRIMARY KEY (size, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER anchor_tokens_never_change BEFORE UPDATE ON anchor_tokens
BEGIN
    SELECT RAISE(ABORT, 'time-stamps are never changed');
END;

CREATE TRIGGER anchor_tokens_stay BEFORE DELETE ON anchor_tokens
BEGIN
    SELECT RAISE(ABORT, 'time-stamps are never deleted');
END;

-- The last entry by which the ledger's key was replaced.
CREATE TABLE rotation (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 0),
    position INTEGER NOT NULL CHECK (position >= 0)
) STRICT;

CREATE TRIGGER rotation_stays BEFORE DELETE ON rotation
BEGIN
    SELECT RAISE(ABORT, 'the rotation is never deleted');
END;

-- The key that the ledger's owner says it signs with, for people who inspect the file.
CREATE TABLE ledger_key (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 0),
    vkey TEXT NOT NULL
) STRICT;
