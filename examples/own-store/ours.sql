-- What countersign needs beside the host's tables, in the same database, so that one transaction
-- writes both. What is only read back is kept as JSON; what the database has to find or to keep
-- unique is a column.

-- An account: one row beside each row of `users`.
CREATE TABLE cs_accounts (
    user_no INTEGER PRIMARY KEY REFERENCES users (user_no),
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    -- When somebody else changed the host's row, in milliseconds, if `account` does not know yet.
    host_changed_at INTEGER,
    account TEXT,
    state TEXT AS (json_extract(account, '$.state')),
    email TEXT AS (json_extract(account, '$.email')),
    UNIQUE (tenant, id)
);
CREATE INDEX cs_accounts_by_email ON cs_accounts (tenant, email);
CREATE INDEX cs_accounts_by_state ON cs_accounts (tenant, state);
CREATE INDEX cs_accounts_behind ON cs_accounts (host_changed_at) WHERE host_changed_at IS NOT NULL;

-- Whoever else writes to `users` need not know of us: the triggers note it, and the store
-- catches up before it reads or writes anything. (`julianday` counts days; day 2440587.5 is the
-- Unix epoch.)
CREATE TRIGGER cs_user_added AFTER INSERT ON users BEGIN
    INSERT INTO cs_accounts (user_no, tenant, id, host_changed_at) VALUES (NEW.user_no, NEW.company,
        'host-' || NEW.user_no, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
CREATE TRIGGER cs_user_changed AFTER UPDATE ON users BEGIN
    UPDATE cs_accounts
        SET host_changed_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
        WHERE user_no = NEW.user_no;
END;
-- Records name accounts for ever, and an account is one company's.
CREATE TRIGGER cs_user_stays BEFORE DELETE ON users BEGIN
    SELECT RAISE(ABORT, 'set removed_on instead');
END;
CREATE TRIGGER cs_user_stays_there BEFORE UPDATE OF user_no, company ON users
    WHEN NEW.user_no <> OLD.user_no OR NEW.company <> OLD.company
BEGIN
    SELECT RAISE(ABORT, 'a user stays in one company');
END;

-- Who was there before us.
INSERT INTO cs_accounts (user_no, tenant, id, host_changed_at)
    SELECT user_no, company, 'host-' || user_no, 0 FROM users;

-- The primary key is the promise that one subject has one account.
CREATE TABLE cs_links (
    tenant TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL, user TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, issuer, subject),
    FOREIGN KEY (tenant, user) REFERENCES cs_accounts (tenant, id)
);
CREATE INDEX cs_links_by_user ON cs_links (tenant, user);

CREATE TABLE cs_grants (
    tenant TEXT NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL,
    body TEXT NOT NULL,
    role TEXT AS (json_extract(body, '$.role')),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user) REFERENCES cs_accounts (tenant, id)
);
CREATE INDEX cs_grants_by_user ON cs_grants (tenant, user);
CREATE INDEX cs_grants_by_role ON cs_grants (tenant, role, user);

CREATE TABLE cs_sessions (
    tenant TEXT NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL,
    body TEXT NOT NULL,
    session_index TEXT AS (json_extract(body, '$.session_index')),
    closed_at TEXT AS (json_extract(body, '$.closed_at')),
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user) REFERENCES cs_accounts (tenant, id)
);
CREATE INDEX cs_sessions_by_user ON cs_sessions (tenant, user);
CREATE INDEX cs_sessions_by_index ON cs_sessions (tenant, session_index) WHERE closed_at IS NULL;

CREATE TABLE cs_consents (
    tenant TEXT NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, user) REFERENCES cs_accounts (tenant, id)
);
CREATE INDEX cs_consents_by_user ON cs_consents (tenant, user);

CREATE TABLE cs_connections (
    tenant TEXT NOT NULL, id TEXT NOT NULL, enabled INTEGER NOT NULL, epoch INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE TABLE cs_policies (tenant TEXT PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE cs_spent (leaf BLOB PRIMARY KEY, tenant TEXT NOT NULL);
CREATE TABLE cs_replay (
    issuer TEXT NOT NULL, id TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, id)
);
CREATE INDEX cs_replay_by_expiry ON cs_replay (expires_at);

-- The ledger: entries in the order of their commits. The first `size` of them are leaves, the
-- others are the outbox.
CREATE TABLE cs_entries (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, leaf BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);
CREATE TRIGGER cs_entries_never_change BEFORE UPDATE ON cs_entries BEGIN
    SELECT RAISE(ABORT, 'entries are never changed');
END;
CREATE TRIGGER cs_entries_stay BEFORE DELETE ON cs_entries BEGIN
    SELECT RAISE(ABORT, 'entries are never deleted');
END;
CREATE TABLE cs_nodes (
    level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (level, place)
);
CREATE TABLE cs_tree (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
    size INTEGER NOT NULL,
    checkpoint_size INTEGER,
    checkpoint BLOB,
    rotation BLOB
);
INSERT INTO cs_tree (only_row, size) VALUES (0, 0);
CREATE TRIGGER cs_tree_never_shrinks BEFORE UPDATE ON cs_tree
    WHEN NEW.size < OLD.size OR NEW.checkpoint_size < OLD.checkpoint_size
BEGIN
    SELECT RAISE(ABORT, 'the tree never shrinks');
END;
CREATE TABLE cs_anchors (size INTEGER PRIMARY KEY, note BLOB NOT NULL);
CREATE TABLE cs_anchor_tokens (
    size INTEGER NOT NULL REFERENCES cs_anchors (size), number INTEGER NOT NULL, token BLOB NOT NULL,
    PRIMARY KEY (size, number)
);

-- What may be erased: private parts of entries, and the wrapped keys that they are encrypted with.
CREATE TABLE cs_private (
    position INTEGER PRIMARY KEY REFERENCES cs_entries (position),
    tenant TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL,
    at INTEGER NOT NULL, key_id TEXT, bytes BLOB NOT NULL
);
CREATE INDEX cs_private_by_owner ON cs_private (tenant, kind, owner);
CREATE TABLE cs_vault_keys (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL,
    at INTEGER NOT NULL, wrapped_by TEXT NOT NULL, wrapped BLOB NOT NULL
);
CREATE INDEX cs_vault_keys_by_owner ON cs_vault_keys (tenant, kind, owner);
-- Has a row from an erasure until no file has anything of it left.
CREATE TABLE cs_to_scrub (only_row INTEGER PRIMARY KEY CHECK (only_row = 0));
