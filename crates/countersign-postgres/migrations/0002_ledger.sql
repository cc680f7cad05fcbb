-- The ledger. ---------------------------------------------------------------------------------

-- Entries that were added by one statement have one number, drawn for it, which says nothing about
-- their places in the tree; there are gaps, where a transaction was rolled back. What an entry rests
-- on was committed before the entry was made, so it has a smaller number, or it comes before it in
-- the same statement.
CREATE SEQUENCE countersign.additions;

-- Every entry.
CREATE TABLE countersign.entries (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    leaf bytea NOT NULL UNIQUE CHECK (octet_length(leaf) = 32),
    number bigint NOT NULL DEFAULT currval('countersign.additions'),
    bytes bytea NOT NULL
);

-- Which of them are no leaves yet, in the order in which they were added: a row for each statement.
-- It comes and goes with triggers, and in no other way.
CREATE TABLE countersign.outbox (
    number bigint NOT NULL PRIMARY KEY,
    ids text[] COLLATE "C" NOT NULL CHECK (cardinality(ids) > 0)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000);

CREATE TRIGGER outbox_empties_itself BEFORE INSERT OR UPDATE OR DELETE ON countersign.outbox
    WHEN (pg_trigger_depth() < 1)
    EXECUTE FUNCTION countersign.refuse('the outbox is filled and emptied by triggers alone');

CREATE TRIGGER outbox_stays BEFORE TRUNCATE ON countersign.outbox
    EXECUTE FUNCTION countersign.refuse('the outbox is filled and emptied by triggers alone');

CREATE FUNCTION countersign.entries_are_numbered() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('countersign.additions');
    RETURN NULL;
END
$$;

CREATE TRIGGER entries_are_numbered BEFORE INSERT ON countersign.entries
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.entries_are_numbered();

CREATE FUNCTION countersign.entries_wait() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    drawn bigint := currval('countersign.additions');
    ids text[];
    are_numbered boolean;
BEGIN
    -- No grouping: they are to come in the order in which they were added.
    SELECT array_agg(id), bool_and(number = drawn) INTO ids, are_numbered FROM added;
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    IF NOT are_numbered THEN
        RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = 'entries have the number that was drawn for them';
    END IF;
    INSERT INTO countersign.outbox (number, ids) VALUES (drawn, ids);
    RETURN NULL;
END
$$;

CREATE TRIGGER entries_wait AFTER INSERT ON countersign.entries
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.entries_wait();

CREATE TRIGGER entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.entries
    EXECUTE FUNCTION countersign.refuse('entries are never changed or deleted');

-- The leaves of the tree: in a row those that were added by one statement, from a position on. Only
-- the integrator gives positions, from what is committed when it looks.
CREATE TABLE countersign.leaves (
    position bigint NOT NULL PRIMARY KEY CHECK (position >= 0),
    number bigint NOT NULL,
    -- Those of entries, each once, because they have to be taken from the outbox, where triggers put
    -- entries alone.
    ids text[] COLLATE "C" NOT NULL CHECK (cardinality(ids) > 0)
);

-- More than one row of a number only where an integration ended within it.
CREATE INDEX leaves_by_number ON countersign.leaves (number);

CREATE FUNCTION countersign.leaves_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    first bigint;
    follows boolean;
    count bigint;
    taken bigint;
    begun bigint;
BEGIN
    SELECT min(added.position), count(*) INTO first, count FROM added;
    IF count = 0 THEN
        RETURN NULL;
    END IF;
    SELECT bool_and(run.position = coalesce(run.before, (
            SELECT coalesce(max(leaves.position + cardinality(leaves.ids)), 0) FROM (
                SELECT position, ids FROM countersign.leaves WHERE leaves.position < first
                    ORDER BY leaves.position DESC LIMIT 1
            ) AS leaves
        ))) INTO follows
        FROM (
            SELECT added.position,
                lag(added.position + cardinality(added.ids)) OVER (ORDER BY added.position) AS before
            FROM added
        ) AS run;
    IF NOT follows OR EXISTS (
        SELECT FROM countersign.leaves WHERE leaves.position > first
            AND leaves.position NOT IN (SELECT added.position FROM added)
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = 'leaves are added at the end';
    END IF;
    DELETE FROM countersign.outbox USING added
        WHERE outbox.number = added.number AND outbox.ids = added.ids;
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken < count THEN
        UPDATE countersign.outbox SET ids = outbox.ids[cardinality(added.ids) + 1:] FROM added
            WHERE outbox.number = added.number
                AND cardinality(outbox.ids) > cardinality(added.ids)
                AND outbox.ids[:cardinality(added.ids)] = added.ids;
        GET DIAGNOSTICS begun = ROW_COUNT;
        PERFORM countersign.require(taken + begun = count,
            'the entries are not the first of the outbox');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER leaves_follow AFTER INSERT ON countersign.leaves
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.leaves_follow();

CREATE TRIGGER leaves_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.leaves
    EXECUTE FUNCTION countersign.refuse('leaves are never changed or deleted');

-- What entries leave out: personal values and raw bytes, in the clear or encrypted with a vault
-- key. A table of its own, because they are erased while the entry stays for ever: those of one
-- owner together, an account or a walk that no account is known of.
CREATE TABLE countersign.private (
    id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES countersign.entries (id),
    tenant text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (countersign.is_vault_owner(owner)),
    owner_id text COLLATE "C" NOT NULL,
    filed_at bigint NOT NULL,
    key_id text COLLATE "C",
    bytes bytea NOT NULL
)
-- A verified assertion, compressed, stays in its row: pieces elsewhere would be three rows more.
WITH (toast_tuple_target = 6000);

CREATE INDEX private_by_owner ON countersign.private (tenant, owner, owner_id, filed_at);

-- What private parts are encrypted with, wrapped by the host's key.
CREATE TABLE countersign.vault_keys (
    id text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    owner text NOT NULL CHECK (countersign.is_vault_owner(owner)),
    owner_id text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    wrapped_by text COLLATE "C" NOT NULL,
    wrapped bytea NOT NULL
);

CREATE INDEX vault_keys_by_owner ON countersign.vault_keys (tenant, owner, owner_id, made_at);

CREATE INDEX vault_keys_by_wrapping_key ON countersign.vault_keys (wrapped_by, id);

-- Has rows from an erasure until nothing of what it erased is left in any table's file: not before
-- everybody who may still read what was there, by an older snapshot, is done.
CREATE TABLE countersign.to_scrub (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erased_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- `ANALYZE` keeps samples of a column's values, which would outlive an erasure. Not of these:
-- whoever looks for one of them has an index.
ALTER TABLE countersign.users
    ALTER COLUMN email SET STATISTICS 0,
    ALTER COLUMN given_name SET STATISTICS 0,
    ALTER COLUMN family_name SET STATISTICS 0,
    ALTER COLUMN display_name SET STATISTICS 0,
    ALTER COLUMN account_id SET STATISTICS 0,
    ALTER COLUMN permission_profile_id SET STATISTICS 0,
    ALTER COLUMN last_sign_in_at SET STATISTICS 0;
ALTER TABLE countersign.links
    ALTER COLUMN subject SET STATISTICS 0;
ALTER TABLE countersign.sessions
    ALTER COLUMN authn_context SET STATISTICS 0,
    ALTER COLUMN authn_instant SET STATISTICS 0,
    ALTER COLUMN session_index SET STATISTICS 0;
ALTER TABLE countersign.private
    ALTER COLUMN bytes SET STATISTICS 0;
ALTER TABLE countersign.vault_keys
    ALTER COLUMN wrapped SET STATISTICS 0;

-- Assertions are compressed by the faster of the two methods, where the server was built with it.
DO $$
BEGIN
    ALTER TABLE countersign.private ALTER COLUMN bytes SET COMPRESSION lz4;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value THEN NULL;
END
$$;

-- The size of the tree, and the fencing epoch: whoever becomes the integrator takes the next one,
-- and who has an older one writes nothing more.
CREATE TABLE countersign.tree (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size bigint NOT NULL CHECK (size >= 0),
    epoch bigint NOT NULL CHECK (epoch >= 0)
) WITH (fillfactor = 50);

INSERT INTO countersign.tree (only_row, size, epoch) VALUES (0, 0, 0);

CREATE TRIGGER tree_never_shrinks BEFORE UPDATE ON countersign.tree
    FOR EACH ROW WHEN (NEW.size < OLD.size OR NEW.epoch < OLD.epoch)
    EXECUTE FUNCTION countersign.refuse('the tree never shrinks');

CREATE TRIGGER tree_stays BEFORE DELETE OR TRUNCATE ON countersign.tree
    EXECUTE FUNCTION countersign.refuse('the tree is never deleted');

-- Nodes of the tree: a row holds the hashes of some that follow each other in one tier, which is
-- eight levels, in the order in which they become complete.
CREATE TABLE countersign.nodes (
    tier smallint NOT NULL CHECK (tier BETWEEN 0 AND 7),
    first bigint NOT NULL CHECK (first >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) > 0 AND octet_length(hashes) % 32 = 0),
    PRIMARY KEY (tier, first)
);

CREATE FUNCTION countersign.nodes_are_written_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    -- One after the other: two that do not see each other's might overlap.
    PERFORM FROM countersign.tree FOR UPDATE;
    IF EXISTS (
        SELECT FROM added CROSS JOIN LATERAL (
            SELECT n.first + octet_length(n.hashes) / 32 AS beyond FROM countersign.nodes AS n
                WHERE n.tier = added.tier AND n.first < added.first
                ORDER BY n.first DESC LIMIT 1
        ) AS before WHERE before.beyond > added.first
    ) OR EXISTS (
        SELECT FROM added JOIN countersign.nodes AS n ON n.tier = added.tier
            AND n.first > added.first
            AND n.first < added.first + octet_length(added.hashes) / 32
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'CS002', MESSAGE = 'nodes are written once';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER nodes_are_written_once AFTER INSERT ON countersign.nodes
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION countersign.nodes_are_written_once();

CREATE TRIGGER nodes_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.nodes
    EXECUTE FUNCTION countersign.refuse('nodes are never changed or deleted');

CREATE TABLE countersign.checkpoint (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    size bigint NOT NULL CHECK (size >= 0),
    note bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER checkpoint_never_goes_back BEFORE UPDATE ON countersign.checkpoint
    FOR EACH ROW WHEN (NEW.size < OLD.size)
    EXECUTE FUNCTION countersign.refuse('the checkpoint never goes back');

CREATE TRIGGER checkpoint_stays BEFORE DELETE OR TRUNCATE ON countersign.checkpoint
    EXECUTE FUNCTION countersign.refuse('the checkpoint is never deleted');

-- Checkpoints that a time-stamp was taken of: a note, and the tokens about it.
CREATE TABLE countersign.anchors (
    size bigint NOT NULL PRIMARY KEY CHECK (size >= 0),
    note bytea NOT NULL
);

CREATE TRIGGER anchors_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.anchors
    EXECUTE FUNCTION countersign.refuse('anchors are never changed or deleted');

-- The oldest token of an anchor is number 0; each later one renews those before it.
CREATE TABLE countersign.anchor_tokens (
    size bigint NOT NULL REFERENCES countersign.anchors (size),
    number integer NOT NULL CHECK (number >= 0),
    token bytea NOT NULL,
    PRIMARY KEY (size, number)
);

CREATE TRIGGER anchor_tokens_never_change
    BEFORE UPDATE OR DELETE OR TRUNCATE ON countersign.anchor_tokens
    EXECUTE FUNCTION countersign.refuse('time-stamps are never changed or deleted');

-- The last entry by which the ledger's key was replaced.
CREATE TABLE countersign.rotation (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    leaf bytea NOT NULL REFERENCES countersign.entries (leaf)
);

CREATE TRIGGER rotation_stays BEFORE DELETE OR TRUNCATE ON countersign.rotation
    EXECUTE FUNCTION countersign.refuse('the rotation is never deleted');

-- The key that the ledger's owner says it signs with, for people who inspect the database.
CREATE TABLE countersign.ledger_key (
    only_row smallint NOT NULL PRIMARY KEY CHECK (only_row = 0),
    vkey text NOT NULL
);

INSERT INTO countersign.migrations (number) VALUES (2);
