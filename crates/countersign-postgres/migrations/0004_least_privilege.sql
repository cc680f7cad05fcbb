-- The role of the application: it adds entries and can not change or delete any. The host grants
-- it to the user that it connects as:
--
--     GRANT countersign_application TO my_user;
--
-- The tables belong to whoever applied the migrations, who can do everything; the application
-- should not connect as that user. Who may not create roles has an administrator create this one
-- first.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'countersign_application') THEN
        CREATE ROLE countersign_application NOLOGIN;
    END IF;
EXCEPTION
    -- Roles are the cluster's: another database of it may be migrated at this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA countersign TO countersign_application;

-- Read by everybody who may use the schema at all.
GRANT SELECT ON ALL TABLES IN SCHEMA countersign TO countersign_application;

-- Added to, and never changed. The number of an entry is drawn, and nobody chooses one.
GRANT INSERT (id, leaf, bytes) ON countersign.entries TO countersign_application;
GRANT USAGE ON SEQUENCE countersign.additions TO countersign_application;
GRANT INSERT ON countersign.leaves, countersign.nodes, countersign.anchors,
    countersign.anchor_tokens, countersign.spent TO countersign_application;

-- Moved on. What keeps each from going back is its trigger.
GRANT UPDATE (size, epoch) ON countersign.tree TO countersign_application;
GRANT INSERT, UPDATE ON countersign.checkpoint, countersign.rotation, countersign.ledger_key
    TO countersign_application;

-- Accounts are never deleted: an erased one stays as a tombstone.
GRANT INSERT, UPDATE ON countersign.users, countersign.sessions, countersign.connections,
    countersign.policies TO countersign_application;
GRANT INSERT, UPDATE, DELETE ON countersign.grants TO countersign_application;
GRANT INSERT, DELETE ON countersign.links, countersign.consents TO countersign_application;

-- Forgotten once it is past; a row is locked while it is (which takes the right to update it).
GRANT INSERT, DELETE, UPDATE (expires_at) ON countersign.replay TO countersign_application;

-- Erasable.
GRANT INSERT, DELETE, UPDATE (owner, owner_id) ON countersign.private TO countersign_application;
GRANT INSERT, DELETE, UPDATE (owner, owner_id, wrapped_by, wrapped) ON countersign.vault_keys
    TO countersign_application;
GRANT INSERT, DELETE ON countersign.to_scrub TO countersign_application;

-- From version 17 on the right to rewrite a table can be given away; before it, only its owner
-- removes what an erasure left in the file (`PostgresStore::scrub`).
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON countersign.users, countersign.links, countersign.sessions,
            countersign.private, countersign.vault_keys, countersign.to_scrub
            TO countersign_application';
    END IF;
END
$$;

-- Nobody else may.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA countersign FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA countersign TO countersign_application;

INSERT INTO countersign.migrations (number) VALUES (4);
